//! [`File`] → [`Settings`]: values read, combinations judged. No value is repeated in an error: it may be a secret.

use super::file::{
    AboutTable, AlertTable, ExpectedTable, File, GroupTable, MatchTable, OneOrMany, OwnerTable, PatchTable, PrTable,
    QuietHoursTable, RouteTable, RuleTable, SourceTable, StoreTable,
};
use super::receivers::{PagerDutyTable, SlackTable, WebhookTable};
use super::timetable::{clock, digest, report, zone};
use super::{CodeownersFile, PagerDuty, Settings, SettingsError, Slack, SlackMode, Webhook, explain, notes};
use crate::delivery::{
    Account, Asks, CodePlace, Codeowners, Destination, Floor, NoDestination, Owners, Pacing, Policy, Quiet, Rate,
    Receiver, Route, Routes, Source,
};
use crate::denial::code::Codes;
use crate::io::secret::SecretRef;
use crate::io::stores::{Hashed, Keep};
use crate::render::Format;
use crate::triage::Severity;
use crate::triage::expected::{About, BUILTIN, Expected, Rule};
use crate::triage::limits::{Companions, Limits, Wildcards};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// In `source.error_codes`.
const BUILTIN_CODES: &str = "builtin";

pub(super) type Checked<T> = Result<T, SettingsError>;

pub(super) fn settings(file: File) -> Checked<Settings> {
    if file.version != 1 {
        return Err(invalid(format!("`version` is {}, this program reads 1", file.version)));
    }
    let notes = notes::of(&file);
    without_effect(&file)?;
    let slack = file.slack.map(slack).transpose()?;
    let codeowners = file.owner.codeowners.as_ref().map(|table| CodeownersFile(table.file.clone()));
    let routes =
        Routes { routes: routes(&file.route)?, owners: owners(file.owner, file.account)?, floor: floor(&file.alert)? };
    let settings = Settings {
        keep: keep(&file.store)?,
        store: file.store.uri,
        live: file.policies.live,
        slack,
        pagerduty: file.pagerduty.into_iter().map(pagerduty).collect::<Checked<_>>()?,
        teams: secrets("teams", file.teams.into_iter().map(|(name, table)| (name, table.secret)))?,
        webhooks: webhooks(file.webhook)?,
        routes,
        policy: Policy {
            pacing: pacing(&file.group)?,
            rate: file
                .alert
                .rate_limit
                .as_ref()
                .map(|table| rate(&table.per_channel, table.overflow.as_deref()))
                .transpose()?,
            quiet: file.alert.quiet_hours.as_ref().map(quiet).transpose()?,
        },
        digest: digest(&file.alert.digest)?,
        paused: file.alert.paused,
        expected: Expected { limits: limits(&file.patch)?, ..expected(file.expected)? },
        codes: codes(&file.source)?,
        formats: formats(&file.patch)?,
        report: report(&file.report)?,
        base_url: file.report.base_url.map(|url| https("report.base_url", url)).transpose()?,
        codeowners,
        notes,
    };
    reachable(&settings)?;
    Ok(settings)
}

/// Values of keys that change nothing in this version, so that a file that fits today fits tomorrow.
fn without_effect(file: &File) -> Checked<()> {
    if let Some(watch) = file.patch.verify.as_ref().and_then(|verify| verify.watch.as_deref()) {
        duration("patch.verify.watch", watch)?;
    }
    Ok(())
}

/// Each receiver of a route must have what it needs, and what is set up must be used.
fn reachable(settings: &Settings) -> Checked<()> {
    let used = settings.routes.destinations();
    for destination in &used {
        let missing = match destination {
            Destination::SlackWebhook => match settings.slack.as_ref().map(|slack| slack.mode) {
                Some(SlackMode::Webhook) => None,
                Some(SlackMode::App) => {
                    Some("a route sends to `slack`: with `slack.mode = \"app\"` name the channel, as `slack:C0IAM`")
                }
                None => Some("a route sends to `slack`, but there is no `[slack]` with its `secret`"),
            },
            Destination::SlackChannel(_) => match settings.slack.as_ref().map(|slack| slack.mode) {
                Some(SlackMode::App) => None,
                Some(SlackMode::Webhook) => Some(
                    "a route names a channel of Slack: a webhook has its own, so write `slack`, or set `slack.mode = \"app\"`",
                ),
                None => Some("a route names a channel of Slack, but there is no `[slack]` with its `secret`"),
            },
            Destination::PagerDuty(name) if !settings.pagerduty.contains_key(name) => {
                Some("a route sends to a `pagerduty:NAME` of which there is no `[pagerduty.NAME]` with its `secret`")
            }
            Destination::Teams(name) if !settings.teams.contains_key(name) => {
                Some("a route sends to a `teams:NAME` of which there is no `[teams.NAME]` with its `secret`")
            }
            Destination::Webhook(name) if !settings.webhooks.contains_key(name) => Some(
                "a route sends to a `webhook:NAME` of which there is no `[webhook.NAME]` with its `url` and `secret`",
            ),
            Destination::Sns(_) | Destination::Q(_) | Destination::Stdout => None,
            Destination::PagerDuty(_) | Destination::Teams(_) | Destination::Webhook(_) => None,
        };
        if let Some(why) = missing {
            return Err(invalid(why));
        }
    }
    let topic_of_q =
        |to: &Destination| matches!(to, Destination::Q(arn) if used.contains(&Destination::Sns(arn.clone())));
    if used.iter().any(topic_of_q) {
        return Err(invalid(
            "one topic stands as `sns:` and as `q:`: Amazon Q drops all but its own messages, and people would get them as mail; give it a topic of its own",
        ));
    }
    let is_slack = |to: &Destination| matches!(to, Destination::SlackWebhook | Destination::SlackChannel(_));
    if settings.slack.is_some() && !used.iter().any(is_slack) {
        return Err(invalid("there is a `[slack]`, but no `[[route]]` has `slack` in its `to`"));
    }
    Ok(())
}

fn limits(table: &PatchTable) -> Checked<Limits> {
    let is_pattern = |text: &String| {
        text == "*"
            || text.split_once(':').is_some_and(|(service, name)| {
                let plain = |part: &str| {
                    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "*?-".contains(c))
                };
                plain(service) && plain(name)
            })
    };
    if !table.never_grant.iter().all(is_pattern) {
        return Err(invalid("`patch.never_grant` takes permissions such as `iam:*` or `kms:ScheduleKeyDeletion`"));
    }
    let wildcards = match table.max_wildcard.as_deref() {
        Some("none") => Wildcards::None,
        Some("suffix") => Wildcards::Suffix,
        None | Some("any") => Wildcards::Any,
        Some(_) => return Err(invalid("`patch.max_wildcard` takes none, suffix, any")),
    };
    let companions = match table.companions.as_deref() {
        Some("off") => Companions::Off,
        None | Some("suggest") => Companions::Suggest,
        Some("include") => Companions::Include,
        Some(_) => return Err(invalid("`patch.companions` takes off, suggest, include")),
    };
    Ok(Limits { never_grant: table.never_grant.clone(), wildcards, companions })
}

fn keep(table: &StoreTable) -> Checked<Keep> {
    let time = |key: &str, text: &Option<String>| text.as_deref().map(|text| duration(key, text)).transpose();
    let field = |name: &String| match name.as_str() {
        "session" => Ok(Hashed::Session),
        "source_ip" => Ok(Hashed::SourceIp),
        _ => Err(invalid("`store.hash` takes `session` and `source_ip`")),
    };
    let (counts, samples) = (time("store.retention", &table.retention)?, time("store.samples", &table.samples)?);
    if counts.zip(samples).is_some_and(|(counts, samples)| samples > counts) {
        return Err(invalid("`store.samples` is longer than `store.retention`: a sample goes with its finding"));
    }
    Ok(Keep { counts, samples, hashed: table.hash.iter().map(field).collect::<Result<_, _>>()? })
}

/// `builtin` is always among them: a code that is left out would be a denial that nobody hears of. What is expected has rules.
fn codes(table: &SourceTable) -> Checked<Codes> {
    let Some(list) = &table.error_codes else { return Ok(Codes::default()) };
    let (builtin, own): (Vec<&str>, Vec<&str>) =
        list.list().iter().map(String::as_str).partition(|code| *code == BUILTIN_CODES);
    if builtin.is_empty() {
        return Err(invalid(
            "`source.error_codes` adds to the built-in codes and takes none away: write `[\"builtin\", \"CODE\"]`; `[[expected.rule]]` keeps denials out of the messages",
        ));
    }
    Codes::new(own).ok_or_else(|| {
        invalid("`source.error_codes` takes `builtin` and error codes as CloudTrail has them, such as `LimitExceededByTeam`")
    })
}

fn slack(table: SlackTable) -> Checked<Slack> {
    let mode = match table.mode.as_deref() {
        None | Some("webhook") => SlackMode::Webhook,
        Some("app") => SlackMode::App,
        Some(_) => return Err(invalid("`slack.mode` must be `webhook` or `app`")),
    };
    let api = table.api.map(|url| https("slack.api", url)).transpose()?;
    Ok(Slack { mode, secret: SecretRef::parse("slack.secret", &table.secret)?, api })
}

fn pagerduty((name, table): (String, PagerDutyTable)) -> Checked<(String, PagerDuty)> {
    let api = table.api.map(|url| https("pagerduty.NAME.api", url)).transpose()?;
    Ok((name, PagerDuty { secret: SecretRef::parse("pagerduty.NAME.secret", &table.secret)?, api }))
}

fn secrets(what: &str, all: impl Iterator<Item = (String, String)>) -> Checked<BTreeMap<String, SecretRef>> {
    all.map(|(name, secret)| Ok((name, SecretRef::parse(&format!("{what}.NAME.secret"), &secret)?))).collect()
}

fn webhooks(all: BTreeMap<String, WebhookTable>) -> Checked<BTreeMap<String, Webhook>> {
    let one = |table: WebhookTable| -> Checked<Webhook> {
        let url = https("webhook.NAME.url", table.url)?;
        Ok(Webhook { url, secret: SecretRef::parse("webhook.NAME.secret", &table.secret)? })
    };
    all.into_iter().map(|(name, table)| Ok((name, one(table)?))).collect()
}

/// https, or http to this machine (a relay).
fn https(key: &str, url: String) -> Checked<String> {
    let is_plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"<>|\"`\\".contains(&b));
    let is_local =
        url.strip_prefix("http://127.0.0.1").is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    if is_plain && (url.starts_with("https://") || is_local) {
        return Ok(url);
    }
    Err(invalid(format!("`{key}` must begin with `https://`")))
}

fn routes(tables: &[RouteTable]) -> Checked<Vec<Route>> {
    let all = tables.iter().map(route).collect::<Checked<Vec<Route>>>()?;
    if all.iter().all(|route| route.to.is_empty()) {
        return Err(invalid(
            "alerts have nowhere to go: add `[[route]]` with `to = [\"slack\"]` or `to = [\"sns:ARN\"]`",
        ));
    }
    let catch_all = |route: &Route| route.asks.is_empty() && !route.to.is_empty();
    match all.iter().position(catch_all) {
        Some(at) if at + 1 == all.len() => Ok(all),
        Some(at) if all[at].stop => Err(invalid(format!(
            "`[[route]]` {} has no `match`, so those after it are never reached: put it last",
            at + 1
        ))),
        _ if all.last().is_some_and(catch_all) => Ok(all),
        _ => Err(invalid("what fits no route would be lost: let the last `[[route]]` have no `match`, and a receiver")),
    }
}

fn route(table: &RouteTable) -> Checked<Route> {
    let to = table.to.list().iter().map(|text| receiver(text)).collect::<Checked<Vec<Receiver>>>()?;
    let mention = table.mention.as_deref().map(mention).transpose()?;
    Ok(Route {
        asks: asks(&table.asks)?,
        to,
        stop: table.stop.unwrap_or(true),
        mention,
        code: table.pr.as_ref().map(code).transpose()?,
    })
}

fn code(table: &PrTable) -> Checked<CodePlace> {
    let wrong = || invalid("`route.pr` takes `repo = \"github:OWNER/NAME\"` and a `path` inside it");
    let repository = table.repo.strip_prefix("github:").ok_or_else(wrong)?;
    let is_plain = |part: &str| !part.is_empty() && part != ".." && !part.contains(['\\', ' ']);
    let names: Vec<&str> = repository.split('/').collect();
    if names.len() != 2 || !names.iter().all(|name| is_plain(name)) {
        return Err(wrong());
    }
    let folder = table.path.as_deref().map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
    if folder.is_some_and(|path| !path.split('/').all(is_plain)) {
        return Err(wrong());
    }
    Ok(CodePlace { repository: repository.to_owned(), folder: folder.map(str::to_owned) })
}

fn receiver(text: &str) -> Checked<Receiver> {
    let (digest, text) = text.strip_prefix("digest:").map_or((false, text), |rest| (true, rest));
    let destination = text.parse().map_err(|error: NoDestination| invalid(error.to_string()))?;
    Ok(Receiver { destination, digest })
}

fn mention(text: &str) -> Checked<String> {
    let id = match text.split_once(':') {
        Some(("subteam", id)) if id.starts_with('S') => id,
        Some(("user", id)) if id.starts_with(['U', 'W']) => id,
        _ => "",
    };
    match id.len() > 1 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => Ok(id.to_owned()),
        false => Err(invalid("`route.mention` must be `subteam:S…` or `user:U…` with an id of Slack's")),
    }
}

fn asks(table: &MatchTable) -> Checked<Asks> {
    let own = |list: &OneOrMany| list.list().to_vec();
    Ok(Asks {
        severity: words("route.match.severity", table.severity.list(), SEVERITIES)?,
        verdict: words("route.match.verdict", table.verdict.list(), VERDICTS)?,
        owner: own(&table.owner),
        env: own(&table.env),
        account: own(&table.account),
        principal: own(&table.principal),
        permission: own(&table.permission),
    })
}

const SEVERITIES: &str = "`critical`, `high`, `medium` or `low`";
const VERDICTS: &str = "`probing`, `owner`, `review`, `patch`, `unclear` or `upheld`";

/// Words that a type knows.
fn words<T: DeserializeOwned>(key: &str, texts: &[String], known: &str) -> Checked<Vec<T>> {
    let read = |text: &String| serde_json::from_value(serde_json::Value::String(text.clone())).ok();
    texts.iter().map(|text| read(text).ok_or_else(|| invalid(format!("`{key}` takes {known}")))).collect()
}

fn word<T: DeserializeOwned>(key: &str, text: &str, known: &str) -> Checked<T> {
    let all = words(key, &[text.to_owned()], known)?;
    all.into_iter().next().ok_or_else(|| invalid(format!("`{key}` takes {known}")))
}

fn owners(table: OwnerTable, accounts: BTreeMap<String, super::file::AccountTable>) -> Checked<Owners> {
    let source = |text: &String| {
        Source::parse(text)
            .ok_or_else(|| invalid("`owner.from` takes `tag:KEY`, `account-tag:KEY`, `codeowners` and `map`"))
    };
    if accounts.keys().any(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
        return Err(invalid("`[account.ID]` takes the 12 digits of an account"));
    }
    Ok(Owners {
        from: table.from.iter().map(source).collect::<Checked<_>>()?,
        map: table.map,
        accounts: accounts
            .into_iter()
            .map(|(id, table)| (id, Account { name: table.name, env: table.env, tags: table.tags }))
            .collect(),
        codeowners: Codeowners::default(),
        paths: table.codeowners.map(|table| table.paths).unwrap_or_default(),
    })
}

fn floor(table: &AlertTable) -> Checked<Floor> {
    let severity = table.min_severity.as_deref().map(|text| word::<Severity>("alert.min_severity", text, SEVERITIES));
    let floor = Floor::default();
    Ok(Floor {
        severity: severity.transpose()?.unwrap_or(floor.severity),
        human: table.min_count.human.unwrap_or(floor.human),
        workload: table.min_count.workload.unwrap_or(floor.workload),
    })
}

fn pacing(table: &GroupTable) -> Checked<Pacing> {
    // The queue's batching window has collected the burst; a longer wait needs the outbox's schedule.
    let usual = Pacing { wait: SignedDuration::ZERO, ..Pacing::default() };
    let read = |key: &str, text: &Option<String>, usual| match text {
        Some(text) => duration(&format!("group.{key}"), text),
        None => Ok(usual),
    };
    Ok(Pacing {
        wait: read("wait", &table.wait, usual.wait)?,
        update_every: read("update_every", &table.update_every, usual.update_every)?,
        reopen_after: read("reopen_after", &table.reopen_after, usual.reopen_after)?,
        remind_after: read("remind_after", &table.remind_after, usual.remind_after)?,
        edits: usual.edits,
    })
}

/// A whole number and `s`, `m`, `h` or `d`.
pub(super) fn duration(key: &str, text: &str) -> Checked<SignedDuration> {
    let wrong = || invalid(format!("`{key}` must be a number and `s`, `m`, `h` or `d`, such as `24h`"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(SignedDuration::from_secs(i64::from(count) * seconds))
}

fn rate(text: &str, overflow: Option<&str>) -> Checked<Rate> {
    if overflow.is_some_and(|word| word != "digest") {
        return Err(invalid("`alert.rate_limit.overflow` must be `digest`"));
    }
    let wrong = || invalid("`alert.rate_limit.per_channel` must be a number and `/m`, `/h` or `/d`, such as `20/h`");
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let per = match unit {
        "m" => SignedDuration::from_mins(1),
        "h" => SignedDuration::from_hours(1),
        "d" => SignedDuration::from_hours(24),
        _ => return Err(wrong()),
    };
    let messages: u32 = count.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or_else(wrong)?;
    Ok(Rate { messages, per })
}

fn quiet(table: &QuietHoursTable) -> Checked<Quiet> {
    let except = match &table.except {
        Some(list) => words("alert.quiet_hours.except", list.list(), SEVERITIES)?,
        None => vec![Severity::Critical],
    };
    Ok(Quiet {
        from: clock("alert.quiet_hours.from", &table.from)?,
        to: clock("alert.quiet_hours.to", &table.to)?,
        tz: zone("alert.quiet_hours.tz", table.tz.as_deref())?,
        except,
    })
}

fn formats(table: &PatchTable) -> Checked<Vec<Format>> {
    match &table.formats {
        None => Ok(vec![Format::Hcl, Format::Json, Format::Cfn, Format::Cli]),
        Some(list) => words("patch.formats", list, "`hcl`, `hcl_data`, `json`, `cfn`, `cfn_json` and `cli`"),
    }
}

fn expected(table: ExpectedTable) -> Checked<Expected> {
    if let Some(unknown) = table.disable.iter().find(|id| BUILTIN.iter().all(|rule| rule.id != id.as_str())) {
        let near = explain::nearest(unknown, BUILTIN.iter().map(|rule| rule.id));
        let near = near.map(|id| format!(", did you mean `{id}`?")).unwrap_or_default();
        return Err(invalid(format!(
            "`expected.disable` names no built-in rule{near}: `denywatch ignore ls --builtin` lists them"
        )));
    }
    let rules = table.rule.into_iter().map(rule).collect::<Checked<Vec<Rule>>>()?;
    let mut ids: BTreeSet<&str> = BUILTIN.iter().map(|rule| rule.id).collect();
    if let Some(twice) = rules.iter().find(|rule| !ids.insert(&rule.id)) {
        return Err(invalid(format!(
            "`[[expected.rule]]` {}: there is another rule of this `id`",
            explain::shown(&twice.id)
        )));
    }
    let (without_builtin, disabled) = (table.builtin == Some(false), table.disable.into_iter().collect());
    Ok(Expected { without_builtin, disabled, rules, limits: Limits::default() })
}

fn rule(table: RuleTable) -> Checked<Rule> {
    let wrong = |why: &str| invalid(format!("`[[expected.rule]]` {}: {why}", explain::shown(&table.id)));
    let about = about(&table.about);
    if table.id.trim().is_empty() || table.reason.trim().is_empty() || table.owner.trim().is_empty() {
        return Err(wrong("`id`, `reason` and `owner` must say something"));
    }
    if about.is_empty() {
        return Err(wrong("`match` asks nothing, so the rule would silence everything"));
    }
    let expires = match (&table.expires, table.permanent) {
        (Some(when), false) => Some(end(&when.0).ok_or_else(|| wrong("`expires` must be a day such as 2027-02-01"))?),
        (None, true) => None,
        (Some(_), true) => return Err(wrong("`expires` and `permanent` contradict each other")),
        (None, false) => return Err(wrong("it needs `expires`, or `permanent = true`")),
    };
    let limit = table.limit.as_deref().map(|text| text.strip_suffix("/d").and_then(|count| count.parse().ok()));
    let limit = limit
        .map(|read| read.ok_or_else(|| wrong("`limit` must be a number and `/d`, such as `200/d`")))
        .transpose()?;
    Ok(Rule { about, expires, limit, id: table.id, reason: table.reason, owner: table.owner, snooze: table.snooze })
}

fn about(table: &AboutTable) -> About {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    About {
        finding: given(&table.finding),
        principal: given(&table.principal),
        permission: given(&table.permission),
        resource: given(&table.resource),
        account: given(&table.account),
    }
}

/// The beginning of a day (UTC), or a time.
fn end(text: &str) -> Option<Timestamp> {
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse::<Timestamp>().ok().or_else(day)
}

pub(super) fn invalid(why: impl Into<String>) -> SettingsError {
    SettingsError::Invalid(why.into())
}
