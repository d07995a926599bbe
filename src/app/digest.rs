//! Findings → the daily digest of each receiver: what is for the digest, and what was not told when it happened.

use super::audience::Audience;
use super::pause::Pause;
use crate::advice::{Advice, Status};
use crate::delivery::{Destination, Tags};
use crate::io::settings::Digest;
use crate::render::alert::times;
use crate::render::note::Note;
use crate::render::words;
use crate::report::resolved_at;
use crate::triage::Verdict;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// What the digest rests on.
pub struct Sources<'a> {
    /// Who hears what.
    pub audience: &'a Audience,
    /// The digest's own settings.
    pub plan: &'a Digest,
    /// The tags of a finding's principal, where they are known.
    pub tags: &'a dyn Fn(&Advice) -> Tags,
    /// Whether a receiver was told all of a finding.
    pub is_told: &'a dyn Fn(&Advice, &Destination) -> bool,
    /// The last time in which sending was paused.
    pub pause: Option<Pause>,
}

/// The digest of each receiver, as of `now`; none on a day without digest, nor where there is nothing to say and the
/// settings ask for silence.
pub fn digests(findings: &[Advice], sources: &Sources<'_>, now: Timestamp) -> Vec<(Destination, Note)> {
    let today = now.to_zoned(sources.plan.tz.clone()).date();
    if !sources.plan.days.contains(&today.weekday()) {
        return Vec::new();
    }
    let usual = since(&sources.plan.days, today, now);
    let pause = sources.pause.filter(|pause| pause.reaches(usual));
    // No digest was sent in it: this one goes back to the one before it.
    let since = pause.map_or(usual, |pause| before(sources.plan, pause.from, usual));
    let fresh: Vec<&Advice> = findings.iter().filter(|one| one.last_seen.is_some_and(|at| at >= since)).collect();
    let all: BTreeSet<Destination> = sources.audience.destinations().into_iter().collect();
    let one = |to: Destination| {
        let rows: Vec<&Advice> = fresh.iter().copied().filter(|advice| is_for(advice, &to, sources)).collect();
        let listens = !rows.is_empty() || sources.audience.of_all().contains(&to);
        let silent = rows.is_empty() && pause.is_none() && sources.plan.skip_if_empty;
        let told = || note(&rows, &fresh, findings, Span { since, today, pause });
        (listens && !silent).then(|| (to, told()))
    };
    all.into_iter().filter_map(one).collect()
}

/// The digest before this one.
fn since(days: &[Weekday], today: Date, now: Timestamp) -> Timestamp {
    let back = (1_i64..=7).find(|back| days.contains(&today.saturating_sub(back.days()).weekday())).unwrap_or(7);
    now.checked_sub(SignedDuration::from_hours(24 * back)).unwrap_or(Timestamp::MIN)
}

/// The last digest before a time, counted back in days from one of them.
fn before(plan: &Digest, at: Timestamp, mut digest: Timestamp) -> Timestamp {
    // Ten years: no ledger is older.
    for _ in 0..3_660 {
        if digest <= at {
            break;
        }
        digest = since(&plan.days, digest.to_zoned(plan.tz.clone()).date(), digest);
    }
    digest
}

/// What a digest is about.
#[derive(Clone, Copy)]
struct Span {
    since: Timestamp,
    today: Date,
    pause: Option<Pause>,
}

fn is_for(advice: &Advice, to: &Destination, sources: &Sources<'_>) -> bool {
    let routed = sources.audience.route(advice, &(sources.tags)(advice));
    routed.digest.contains(to) || (routed.now.contains(to) && !(sources.is_told)(advice, to))
}

fn note(rows: &[&Advice], fresh: &[&Advice], all: &[Advice], span: Span) -> Note {
    let Span { since, today, pause } = span;
    let mut lines: Vec<String> = rows.iter().map(|advice| line(advice, since)).collect();
    let resolved = all.iter().filter(|advice| is_over(advice, since)).count() as u64;
    if resolved > 0 {
        lines.push(format!("{} resolved", words::plural(resolved, "finding")));
    }
    lines.extend(muted(fresh));
    lines.extend(pause.map(paused));
    let title = format!("Denied actions, {} {}: {}", today.strftime("%a %d %b"), today.year(), opened(rows, since));
    let body = lines.iter().map(|line| format!("- {line}\n")).collect::<String>();
    Note { id: format!("digest {today}"), title: title.clone(), body: format!("{title}\n\n{body}"), lines }
}

fn opened(rows: &[&Advice], since: Timestamp) -> String {
    let new = rows.iter().filter(|advice| is_new(advice, since)).count();
    if rows.is_empty() { "nothing new".to_owned() } else { format!("{} open, {new} new", rows.len()) }
}

/// `` `D-…` new: role app, `s3:GetObject` denied 12 times: patch ready ``.
fn line(advice: &Advice, since: Timestamp) -> String {
    let new = if is_new(advice, since) { "new: " } else { "" };
    let what = words::lead(advice).and_then(|item| item.action.as_deref()).unwrap_or("a call of unknown permission");
    let code = |text: &str| format!("`{}`", text.replace('`', "'"));
    let more = match advice.denied.len() {
        0 | 1 => String::new(),
        n => format!(" and {}", words::plural(n as u64 - 1, "more item")),
    };
    format!(
        "{} {new}{}, {}{more} denied {}: {}",
        code(&advice.id),
        words::who(&advice.principal),
        code(&words::middle(what, 80)),
        times(advice.count),
        words::verdict(advice.verdict)
    )
}

/// `sending was paused from 2026-11-27 10:00 to 2026-11-28 15:00 UTC`.
fn paused(pause: Pause) -> String {
    let time = |at: Timestamp, form: &str| at.to_zoned(TimeZone::UTC).strftime(form).to_string();
    let from = time(pause.from, "%Y-%m-%d %H:%M");
    match pause.until {
        Some(until) => format!("sending was paused from {from} to {} UTC", time(until, "%Y-%m-%d %H:%M")),
        None => format!("sending is paused since {from} UTC"),
    }
}

/// What was kept out of the messages, by which rules.
fn muted(fresh: &[&Advice]) -> Option<String> {
    let items: Vec<_> =
        fresh.iter().flat_map(|advice| &advice.denied).filter(|item| item.status == Status::Muted).collect();
    let rules: BTreeSet<&str> = items.iter().filter_map(|item| item.muted_by.as_deref()).collect();
    let count: u64 = items.iter().map(|item| item.count).sum();
    let rules: Vec<String> = rules.into_iter().map(|rule| format!("`{rule}`")).collect();
    (count > 0).then(|| format!("{} muted by {}", words::plural(count, "denial"), rules.join(", ")))
}

fn is_new(advice: &Advice, since: Timestamp) -> bool {
    advice.first_seen.is_some_and(|at| at >= since)
}

/// Whether it was resolved since then.
fn is_over(advice: &Advice, since: Timestamp) -> bool {
    advice.verdict != Verdict::Expected && resolved_at(advice).is_some_and(|at| at >= since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Since;
    use crate::io::settings::Settings;
    use crate::report::sample;

    const CONFIG: &str = "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n\
        [alert]\ndigest = { tz = 'UTC', days = 'mon-fri' }\n\
        [[route]]\nmatch = { principal = 'package-*' }\nto = 'digest:slack:C0TEAM'\n[[route]]\nto = 'slack:C0ALL'";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Ten o'clock on the day of the samples' denials, a Wednesday.
    const NOW: &str = "2026-11-11T11:00:00Z";

    fn digests_of(findings: &[Advice], config: &str, told: bool, now: &str) -> Vec<(String, Note)> {
        let settings = Settings::parse(config).unwrap();
        let sources = Sources {
            audience: &Audience::new(&settings),
            plan: &settings.digest,
            tags: &|_| Tags::new(),
            is_told: &|_, _| told,
            pause: None,
        };
        digests(findings, &sources, at(now)).into_iter().map(|(to, note)| (to.to_string(), note)).collect()
    }

    fn upload() -> Advice {
        let mut advice = sample::upload();
        (advice.first_seen, advice.last_seen) = (Some(at("2026-11-04T08:00:00Z")), Some(at("2026-11-11T10:00:00Z")));
        advice
    }

    #[test]
    fn what_is_for_the_digest_and_nothing_that_was_told() {
        let digests = digests_of(&[upload(), sample::pipeline(), sample::upheld()], CONFIG, true, NOW);
        assert_eq!(digests.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["slack:C0ALL", "slack:C0TEAM"]);
        assert_eq!(digests[0].1.title, "Denied actions, Wed 11 Nov 2026: 1 open, 1 new");
        assert_eq!(digests[0].1.id, "digest 2026-11-11");
        assert_eq!(
            digests[0].1.lines,
            ["`D-2C05AAAAAA` new: permission set DeveloperAccess, `ec2:RunInstances` denied 4 times: denied by design"]
        );
        assert_eq!(
            digests[1].1.lines,
            ["`D-19C2B7XQ4T` role package-svc, `s3:PutObject` and 1 more item denied 200 times: patch ready"]
        );
        assert!(digests[1].1.body.ends_with("patch ready\n"));
    }

    #[test]
    fn what_the_channel_had_no_room_for_is_told_now() {
        let digests = digests_of(&[sample::pipeline()], CONFIG, false, NOW);
        assert_eq!(digests.len(), 1);
        assert!(digests[0].1.lines[0].contains("kms:GenerateDataKey"));
    }

    #[test]
    fn nothing_to_say_is_not_said_unless_asked_for() {
        assert_eq!(digests_of(&[sample::pipeline()], CONFIG, true, NOW), []);
        let loud = CONFIG.replace("'mon-fri'", "'mon-fri', skip_if_empty = false");
        let digests = digests_of(&[], &loud, true, NOW);
        assert_eq!((digests[0].0.as_str(), digests[0].1.lines.len()), ("slack:C0ALL", 0));
        assert!(digests[0].1.title.ends_with("nothing new"));
    }

    #[test]
    fn only_on_its_days_and_since_the_last_one() {
        assert_eq!(digests_of(&[sample::upheld()], CONFIG, true, "2026-11-14T11:00:00Z"), [], "a Saturday");
        // On Monday the digest tells of the time since Friday's.
        let mut friday = sample::upheld();
        friday.last_seen = Some(at("2026-11-13T12:00:00Z"));
        assert_eq!(digests_of(&[friday.clone()], CONFIG, true, "2026-11-16T11:00:00Z").len(), 1);
        assert_eq!(digests_of(&[friday], CONFIG, true, "2026-11-17T11:00:00Z"), []);
    }

    #[test]
    fn what_was_resolved_is_counted_in_one_digest() {
        let mut over = upload();
        for item in &mut over.denied {
            let first = at("2026-11-11T10:30:00Z");
            item.status = Status::Resolved;
            item.allowed_since = Some(Since { count: 1, at_least: false, first, last: first });
        }
        let lines = |now: &str| digests_of(&[over.clone(), sample::upheld()], CONFIG, true, now).remove(0).1.lines;
        assert_eq!(lines(NOW).last().unwrap(), "1 finding resolved");
        let mut fresh = sample::upheld();
        fresh.last_seen = Some(at("2026-11-12T10:00:00Z"));
        let next = digests_of(&[over.clone(), fresh], CONFIG, true, "2026-11-12T11:00:00Z").remove(0).1.lines;
        assert_eq!(next.len(), 1, "{next:?}");
    }

    #[test]
    fn what_was_muted_is_counted() {
        let mut muted = upload();
        muted.verdict = Verdict::Expected;
        for item in &mut muted.denied {
            (item.status, item.muted_by) = (Status::Muted, Some("scanner".into()));
        }
        let digests = digests_of(&[muted, sample::upheld()], CONFIG, true, NOW);
        assert_eq!(digests[0].1.lines.last().unwrap(), "200 denials muted by `scanner`");
    }
}
