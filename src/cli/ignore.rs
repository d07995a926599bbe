//! `denywatch ignore` and `snooze`: rules that keep denials out of the messages. They stand in the configuration file, where
//! a change to them is reviewed like any other.

use super::rules::{self, NewRule};
use super::{DONE, Global, Output, inputs, print};
use crate::advice::{Advice, advise};
use crate::app;
use crate::denial::Given;
use crate::io::sources::paste;
use crate::io::stores::Filter;
use crate::io::{clock, config};
use crate::policy::pattern::escape_literal;
use crate::render::escape::terminal;
use crate::triage::expected::Rule;
use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct IgnoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Adds a rule to the configuration.
    Add(Box<AddArgs>),
    /// The team's rules, and with `--builtin` those that everybody has.
    #[command(alias = "list")]
    Ls {
        /// Also the built-in ones, each with its reason and source.
        #[arg(long)]
        builtin: bool,
    },
    /// Which rule, if any, keeps a denial out of the messages.
    Test {
        /// A finding's id, a file, `-` for standard input, or the error itself.
        #[arg(value_name = "SOURCE", default_value = "-")]
        source: String,
    },
    /// Takes expired rules out of the configuration.
    Prune {
        /// Say what would go, and leave it.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// A finding's id: the rule is about its principal and its permission.
    #[arg(value_name = "ID")]
    finding: Option<String>,
    /// ARN or name, with `*` and `?`.
    #[arg(long, value_name = "PATTERN")]
    principal: Option<String>,
    /// Such as `s3:Get*`.
    #[arg(long, value_name = "PATTERN")]
    permission: Option<String>,
    /// ARN, with `*` and `?`.
    #[arg(long, value_name = "PATTERN")]
    resource: Option<String>,
    /// The account in which the denials were recorded.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Why the denial is expected.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for the rule [default: the user].
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// When it ends: `90d`, or a date. From then on the denial is told again.
    #[arg(long, value_name = "TIME", required_unless_present = "permanent")]
    expires: Option<String>,
    /// It has no end.
    #[arg(long, conflicts_with = "expires")]
    permanent: bool,
    /// On a day with more denials than that it mutes nothing, such as `200/d`.
    #[arg(long, value_name = "N/d")]
    limit: Option<String>,
    /// The rule's name [default: made of what it is about].
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Print the rule, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct SnoozeArgs {
    /// A finding's id, or the beginning of it.
    #[arg(value_name = "ID")]
    finding: String,
    /// For how long: `24h`, `7d`; or until when: a date.
    #[arg(value_name = "TIME")]
    time: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "snoozed")]
    reason: String,
    /// Who [default: the user].
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Print the rule, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &IgnoreArgs, global: &Global) -> anyhow::Result<u8> {
    match &args.what {
        What::Add(args) => add(args, global)?,
        What::Ls { builtin } => list(*builtin, global)?,
        What::Test { source } => test(source, global)?,
        What::Prune { dry_run } => prune(*dry_run, global)?,
    }
    Ok(DONE)
}

fn add(args: &AddArgs, global: &Global) -> anyhow::Result<()> {
    let given = [
        ("principal", args.principal.clone()),
        ("permission", args.permission.clone()),
        ("resource", args.resource.clone()),
        ("account", args.account.clone()),
    ];
    let mut about: Vec<(&'static str, String)> =
        given.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
    if let Some(id) = &args.finding {
        of_finding(&finding(id, global)?, &mut about)?;
    }
    if about.is_empty() {
        return Err(inputs::Misuse::NothingNamed.into());
    }
    let rule = NewRule {
        id: args.id.clone().unwrap_or_else(|| name(&about)),
        about,
        reason: args.reason.clone(),
        owner: owner(args.owner.as_deref())?,
        expires: args.expires.as_deref().map(end).transpose()?,
        limit: args.limit.clone(),
        snooze: false,
    };
    told(&rule, args.dry_run, global)
}

/// Snoozing is a rule too, with an end that is near; the finding's verdict stays what it is.
pub(super) fn snooze(args: &SnoozeArgs, global: &Global) -> anyhow::Result<u8> {
    let finding = finding(&args.finding, global)?;
    let until = end(&args.time)?;
    let rule = NewRule {
        id: format!(
            "snooze-{}-{}",
            finding.id.to_ascii_lowercase(),
            until.replace([':', '.'], "-").to_ascii_lowercase()
        ),
        about: vec![("finding", finding.id.clone())],
        reason: args.reason.clone(),
        owner: owner(args.owner.as_deref())?,
        expires: Some(until),
        limit: None,
        snooze: true,
    };
    told(&rule, args.dry_run, global)?;
    Ok(DONE)
}

fn told(rule: &NewRule, dry: bool, global: &Global) -> anyhow::Result<()> {
    let (path, text) = rules::add(rule, dry, global)?;
    print::out(&text)?;
    let where_to = path.display();
    let said = match dry {
        true => format!("nothing was written; without --dry-run this goes to `{where_to}`"),
        false => format!("written to `{where_to}`; the function takes it with its next configuration"),
    };
    print::say(global.quiet, &said);
    Ok(())
}

fn finding(id: &str, global: &Global) -> anyhow::Result<Advice> {
    let (world, problems) = inputs::world(global)?;
    print::problems(&problems);
    let all = advise(&inputs::ledger(global)?.findings(&Filter::default())?, world.context());
    inputs::pick(&all, id).cloned()
}

/// The finding's principal and permission, literally; never more than one permission, so that a rule stays small.
fn of_finding(finding: &Advice, about: &mut Vec<(&'static str, String)>) -> anyhow::Result<()> {
    let has = |about: &[(&str, String)], key: &str| about.iter().any(|(given, _)| *given == key);
    let who = finding.principal.arn.as_ref().or(finding.principal.name.as_ref());
    if let Some(who) = who.filter(|_| !has(about, "principal")) {
        about.insert(0, ("principal", escape_literal(who)));
    }
    if !has(about, "permission") {
        let mut actions: Vec<&str> = finding.denied.iter().filter_map(|item| item.action.as_deref()).collect();
        actions.sort_unstable();
        actions.dedup();
        match actions.as_slice() {
            [one] => about.push(("permission", (*one).to_owned())),
            [] => bail!(
                "`{}` names no permission: say with --permission or --resource what the rule is about",
                finding.id
            ),
            many => bail!(
                "`{}` is about {} permissions: say with --permission which one is expected ({})",
                finding.id,
                many.len(),
                many.iter().take(5).copied().collect::<Vec<_>>().join(", ")
            ),
        }
    }
    if let Some(account) = finding.account.clone().filter(|_| !has(about, "account")) {
        about.push(("account", account));
    }
    Ok(())
}

fn owner(given: Option<&str>) -> anyhow::Result<String> {
    match given.map(str::to_owned).or_else(config::user).filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => Err(inputs::Misuse::NoOwner.into()),
    }
}

/// Letters, digits and hyphens of what the rule is about.
fn name(about: &[(&'static str, String)]) -> String {
    let text =
        about.iter().map(|(_, pattern)| pattern.rsplit('/').next().unwrap_or(pattern)).collect::<Vec<_>>().join("-");
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(60).collect()
}

/// `90d` from now, or a date.
fn end(text: &str) -> Result<String, inputs::Misuse> {
    let wrong = || inputs::Misuse::NoEnd(text.to_owned());
    let count = |unit: char| text.strip_suffix(unit).and_then(|count| count.parse::<i64>().ok());
    let hours = count('h').or_else(|| Some(count('d')? * 24)).or_else(|| Some(count('w')? * 168));
    if let Some(hours) = hours {
        let hours = Some(hours).filter(|hours| (1..=24 * 3_660).contains(hours)).ok_or_else(wrong)?;
        let end = clock::now().checked_add(SignedDuration::from_hours(hours)).map_err(|_| wrong())?;
        return Ok(Timestamp::from_second(end.as_second()).unwrap_or(end).to_string());
    }
    let is_time = text.parse::<jiff::civil::Date>().is_ok() || text.parse::<Timestamp>().is_ok();
    if is_time { Ok(text.to_owned()) } else { Err(wrong()) }
}

fn list(builtin: bool, global: &Global) -> anyhow::Result<()> {
    let expected = inputs::settings(global)?.expected;
    let now = clock::now();
    if global.output != Output::Text {
        let own = expected.rules.iter().map(|rule| {
            json!({"id": rule.id, "about": about(rule), "reason": rule.reason, "owner": rule.owner, "snooze": rule.snooze,
                "expires": rule.expires.map(|at| at.to_string()), "expired": is_over(rule, now), "limit": rule.limit})
        });
        let all = expected.builtin().map(|rule| {
            json!({"id": rule.id, "permissions": rule.permissions, "reason": rule.reason, "source": rule.source, "builtin": true})
        });
        let rules: Vec<_> = own.chain(all.filter(|_| builtin)).collect();
        return print::json(&rules, global.output == Output::Json);
    }
    let mut out = String::new();
    for rule in &expected.rules {
        let end = rule.expires.map_or_else(|| "permanent".to_owned(), |end| format!("until {end}"));
        let end = if is_over(rule, now) { format!("EXPIRED, {end}") } else { end };
        out.push_str(&format!(
            "{}: {}\n    {} ({}; {})\n",
            terminal(&rule.id),
            terminal(&about(rule)),
            terminal(&rule.reason),
            terminal(&rule.owner),
            end
        ));
    }
    if builtin {
        for rule in expected.builtin() {
            out.push_str(&format!(
                "{}: {}\n    {}\n    {}\n",
                rule.id,
                rule.permissions.join(", "),
                rule.reason,
                rule.source
            ));
        }
    } else {
        let count = expected.builtin().count();
        print::say(global.quiet, &format!("{count} built-in rules hold: `denywatch ignore ls --builtin` tells them"));
    }
    print::out(&out)
}

fn is_over(rule: &Rule, now: Timestamp) -> bool {
    rule.expires.is_some_and(|end| end <= now)
}

fn about(rule: &Rule) -> String {
    let about = &rule.about;
    let parts = [
        ("finding", &about.finding),
        ("principal", &about.principal),
        ("permission", &about.permission),
        ("resource", &about.resource),
        ("account", &about.account),
    ];
    let parts = parts.iter().filter_map(|(key, text)| Some(format!("{key} {}", text.as_ref()?)));
    parts.collect::<Vec<_>>().join(", ")
}

fn test(source: &str, global: &Global) -> anyhow::Result<()> {
    let (world, problems) = inputs::world(global)?;
    print::problems(&problems);
    let is_id = source.starts_with("D-") || source.starts_with("d-");
    let findings = if is_id {
        vec![finding(source, global)?]
    } else {
        let (name, bytes) = paste::read(source)?;
        app::explain(&bytes, &name, &Given::default(), &world).findings
    };
    if findings.is_empty() {
        bail!("no denial found: paste the whole error, or a CloudTrail event as JSON");
    }
    let items = findings.iter().flat_map(|finding| finding.denied.iter().map(move |item| (finding, item)));
    let rows: Vec<_> = items
        .map(|(finding, item)| {
            json!({"finding": finding.id, "permission": item.action, "resource": item.resource, "muted_by": item.muted_by})
        })
        .collect();
    if global.output != Output::Text {
        return print::json(&rows, global.output == Output::Json);
    }
    let text = |value: &serde_json::Value| terminal(value.as_str().unwrap_or("unknown"));
    let line = |row: &serde_json::Value| {
        let by =
            row["muted_by"].as_str().map_or_else(|| "told".to_owned(), |rule| format!("muted by `{}`", terminal(rule)));
        format!("{} {} on {}: {by}\n", text(&row["finding"]), text(&row["permission"]), text(&row["resource"]))
    };
    print::out(&rows.iter().map(line).collect::<String>())
}

fn prune(dry: bool, global: &Global) -> anyhow::Result<()> {
    let now = clock::now();
    let expired: Vec<String> = inputs::settings(global)?
        .expected
        .rules
        .into_iter()
        .filter(|rule| is_over(rule, now))
        .map(|rule| rule.id)
        .collect();
    if expired.is_empty() {
        print::say(global.quiet, "no rule has expired");
        return Ok(());
    }
    let path = rules::remove(&expired, dry, global)?;
    print::out(&expired.iter().map(|id| format!("{}\n", terminal(id))).collect::<String>())?;
    let said = if dry { "would be taken out of" } else { "taken out of" };
    print::say(
        global.quiet,
        &format!("{} {said} `{}`", if expired.len() == 1 { "1 rule" } else { "rules" }, path.display()),
    );
    Ok(())
}
