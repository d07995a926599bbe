//! `denywatch config`: what holds, whether it fits, what it would have done.

use super::{DONE, Global, Output, inputs, print};
use crate::app::audience::Audience;
use crate::app::rehearsal::{Rehearsal, RuleState, RuleUse, rehearse};
use crate::io::clock;
use crate::io::settings::{self, Settings};
use crate::io::stores::{Filter, LedgerError};
use crate::render::words::plural;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What holds: the file's values and the defaults of all others.
    Show,
    /// Whether the file fits, and what each route and rule would have done to the findings of the last days.
    Check {
        /// From when: `7d`, `36h`, a date or a time.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        since: String,
    },
    /// The JSON Schema of the file.
    Schema,
}

pub(super) fn run(args: &ConfigArgs, global: &Global) -> anyhow::Result<u8> {
    match &args.what {
        Some(What::Schema) => print::out(&settings::schema())?,
        None | Some(What::Show) => show(global)?,
        Some(What::Check { since }) => check(since, global)?,
    }
    Ok(DONE)
}

fn show(global: &Global) -> anyhow::Result<()> {
    let settings = inputs::settings(global)?;
    let from =
        inputs::config_path(global).map_or_else(|| "no file: defaults".to_owned(), |path| path.display().to_string());
    let effective = effective(&settings);
    match global.output {
        Output::Text => {
            let lines: String = effective.iter().map(|(key, value)| format!("{key:<24} {value}\n")).collect();
            print::out(&format!("# {from}\n{lines}"))?;
        }
        Output::Json | Output::Jsonl => {
            let values: serde_json::Map<String, serde_json::Value> =
                effective.into_iter().map(|(key, value)| (key, value.into())).collect();
            print::json(
                &json!({"version": 1, "from": from, "values": values, "notes": settings.notes}),
                global.output == Output::Json,
            )?;
        }
    }
    notes(&settings, global);
    Ok(())
}

fn notes(settings: &Settings, global: &Global) {
    settings.notes.iter().for_each(|note| print::say(global.quiet, note));
}

/// Key and value, one a line; secrets stand in it by name only, as in the file.
fn effective(settings: &Settings) -> Vec<(String, String)> {
    let pacing = &settings.policy.pacing;
    let mut all = vec![
        ("store.uri", settings.store.clone().unwrap_or_else(|| "the user's own ledger".to_owned())),
        ("policies.live", settings.live.to_string()),
        ("group.wait", format!("{:#}", pacing.wait)),
        ("group.update_every", format!("{:#}", pacing.update_every)),
        ("group.reopen_after", format!("{:#}", pacing.reopen_after)),
        ("group.remind_after", format!("{:#}", pacing.remind_after)),
        ("alert.min_severity", settings.routes.floor.severity.to_string()),
        (
            "alert.min_count",
            format!("human {}, workload {}", settings.routes.floor.human, settings.routes.floor.workload),
        ),
        (
            "alert.rate_limit",
            settings
                .policy
                .rate
                .map_or_else(|| "none".to_owned(), |rate| format!("{} in {:#}", rate.messages, rate.per)),
        ),
        (
            "alert.quiet_hours",
            settings
                .policy
                .quiet
                .as_ref()
                .map_or_else(|| "none".to_owned(), |quiet| format!("{} to {}", quiet.from, quiet.to)),
        ),
        ("expected.builtin", format!("{} rules", settings.expected.builtin().count())),
        ("expected.rule", format!("{} rules", settings.expected.rules.len())),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect::<Vec<_>>();
    let routes = Audience::new(settings).receivers().into_iter().enumerate();
    all.extend(routes.map(|(at, to)| (format!("route {}", at + 1), to.join(", "))));
    all
}

fn check(since: &str, global: &Global) -> anyhow::Result<()> {
    let settings = inputs::settings(global)?;
    let now = clock::now();
    let (from, _) = inputs::period(Some(since), None, now)?;
    let (world, problems) = inputs::world(global)?;
    print::problems(&problems);
    match inputs::config_path(global) {
        Some(path) => print::say(global.quiet, &format!("`{}` fits", path.display())),
        None => print::say(global.quiet, "no configuration: the defaults hold"),
    }
    notes(&settings, global);
    let ledger = match inputs::ledger(global) {
        Err(fault) if matches!(fault.downcast_ref(), Some(LedgerError::Missing(_))) => {
            print::say(
                global.quiet,
                "there is no ledger yet, so nothing shows what the routes and rules would have done",
            );
            return Ok(());
        }
        ledger => ledger?,
    };
    let findings = ledger.findings(&Filter::default())?;
    let rehearsal = rehearse(&findings, &world, &Audience::new(&settings), from.unwrap_or(now), now);
    match global.output {
        Output::Text => print::out(&text(&rehearsal, since)),
        Output::Json => print::json(&rehearsal, true),
        Output::Jsonl => print::json(&rehearsal, false),
    }
}

fn text(rehearsal: &Rehearsal, since: &str) -> String {
    let mut out = format!("{} with denials since {since}\n\nROUTES\n", plural(rehearsal.findings, "finding"));
    for route in &rehearsal.routes {
        out.push_str(&format!(
            "{:>3}  {} at once, {} with the digest  ({})\n",
            route.route,
            route.now.len(),
            route.digest.len(),
            route.to.join(", ")
        ));
        out.push_str(&listed(&route.now));
    }
    out.push_str("\nRULES\n");
    if rehearsal.rules.is_empty() {
        out.push_str("     no rule muted anything\n");
    }
    for rule in &rehearsal.rules {
        out.push_str(&format!("     {}: {}\n", rule.rule, said(rule)));
        out.push_str(&listed(&rule.findings));
    }
    if !rehearsal.unowned.is_empty() {
        out.push_str(&format!(
            "\n{} without an owner\n{}",
            plural(rehearsal.unowned.len() as u64, "finding"),
            listed(&rehearsal.unowned)
        ));
    }
    out
}

fn said(rule: &RuleUse) -> String {
    let muted = match rule.findings.len() {
        0 => "muted nothing".to_owned(),
        n => format!("muted {} of {}", plural(rule.denials, "denial"), plural(n as u64, "finding")),
    };
    match rule.state {
        RuleState::Used => muted,
        RuleState::Stale => format!("stale, {muted}"),
        RuleState::Expired => format!("expired, {muted}: `denywatch ignore prune` removes it"),
    }
}

/// At most eight ids on a line.
fn listed(ids: &[String]) -> String {
    let shown: Vec<&str> = ids.iter().take(8).map(String::as_str).collect();
    let more = if ids.len() > shown.len() { format!(" and {} more", ids.len() - shown.len()) } else { String::new() };
    if shown.is_empty() { String::new() } else { format!("       {}{more}\n", shown.join(" ")) }
}
