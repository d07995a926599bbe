//! What came of a finding, in words that all receivers share: allowed calls since, the changes around it, what was
//! foretold. `mark` makes a stranger's name harmless in the way of the sink.

use super::words::{plural, who_with};
use crate::advice::Advice;
use crate::change::{Changed, Shows};
use crate::finding::Since;
use crate::foretold::{Foretold, Outcome};
use crate::verify::observed::Status;
use jiff::Timestamp;

fn minute(at: Timestamp) -> String {
    format!("{} UTC", at.strftime("%Y-%m-%d %H:%M"))
}

/// `37 allowed calls`, `at least 50 allowed calls`.
fn calls(since: Since) -> String {
    let bound = if since.at_least { "at least " } else { "" };
    format!("{bound}{}", plural(since.count, "allowed call"))
}

/// What is said of a finding that is over: `Resolved: 0 denials, 37 allowed calls since 2026-11-13 09:15 UTC.`
pub fn over(advice: &Advice) -> String {
    match advice.allowed_since {
        Some(since) => format!("Resolved: 0 denials, {} since {}.", calls(since), minute(since.first)),
        None => super::alert::OVER.to_owned(),
    }
}

/// How it stands, where somebody looked; `None` where nobody did.
pub fn standing(advice: &Advice) -> Option<String> {
    if let Some(since) = advice.allowed_since {
        let open = advice.denied.iter().filter(|item| matches!(item.status, Status::Open | Status::Quiet)).count();
        let rest = if open > 0 { format!("; of {} none was seen", plural(open as u64, "item")) } else { String::new() };
        return Some(format!("{} since the last denial, the latest {}{rest}", calls(since), minute(since.last)));
    }
    if let Some(why) = advice.denied.iter().find_map(|item| item.unseen.clone()) {
        return Some(why);
    }
    let quiet = advice.denied.iter().all(|item| matches!(item.status, Status::Quiet | Status::Muted));
    let until = advice.denied.iter().filter_map(|item| item.looked_until).min().filter(|_| quiet)?;
    Some(format!("quiet: neither a denial nor an allowed call was seen until {}", minute(until)))
}

/// `iam:PutRolePolicy` on role app (policy p) by role deploy, session jane, at …; its document …
fn changed(change: &Changed, mark: &dyn Fn(&str) -> String) -> String {
    let policy = change.policy.as_deref().map(|name| format!(" ({})", mark(name))).unwrap_or_default();
    let session = change.by.session.as_deref().map(|name| format!(", session {}", mark(name))).unwrap_or_default();
    let via = change.via.as_deref().map(|host| format!(" through {}", mark(host))).unwrap_or_default();
    let shows = match change.shows {
        Some(Shows::Allows) => "; its document allows the call",
        Some(Shows::AllowsNot) => "; its document does not allow the call",
        Some(Shows::Denies) => "; its document denies the call",
        None => "",
    };
    format!(
        "{} on {}{policy} by {}{session}{via}, {}{shows}",
        mark(&change.change),
        mark(&change.what),
        who_with(&change.by, mark),
        minute(change.at)
    )
}

/// When a call last succeeded before its last denial: of several permissions the latest, with its action.
pub fn worked(advice: &Advice, mark: &dyn Fn(&str) -> String) -> Option<String> {
    let (item, at) =
        advice.denied.iter().filter_map(|item| Some((item, item.allowed_before?))).max_by_key(|(_, at)| *at)?;
    let which = item.action.as_deref().filter(|_| advice.denied.len() > 1);
    let which = which.map(|action| format!("{} ", mark(action))).unwrap_or_default();
    let between = item.first_seen.is_some_and(|first| at >= first);
    Some(format!("{which}{}{}", minute(at), if between { ", between denials" } else { "" }))
}

/// The change that may have made it: the last before the first denial, or the first since the call last succeeded between
/// denials; no more is claimed.
pub fn before(advice: &Advice, mark: &dyn Fn(&str) -> String) -> Option<String> {
    advice.changes.before.as_ref().map(|change| changed(change, mark))
}

/// The first change after the last denial.
pub fn after(advice: &Advice, mark: &dyn Fn(&str) -> String) -> Option<String> {
    advice.changes.after.as_ref().map(|change| changed(change, mark))
}

/// What was foretold and is settled, one a line; what is still open stands among the companions.
pub fn foretold(advice: &Advice) -> Vec<String> {
    let settled = advice.foretold.iter().filter_map(|one| {
        let at = one.at.map(|at| format!(" ({})", minute(at))).unwrap_or_default();
        match one.outcome {
            Outcome::CameTrue => Some(format!("{}: foretold, and denied later{at}", one.action)),
            Outcome::Needless => Some(format!("{}: foretold, and allowed all along{at}", one.action)),
            Outcome::Open => None,
        }
    });
    settled.collect()
}

/// How many of these came true, were needless, are open.
pub fn tally<'f>(all: impl IntoIterator<Item = &'f Foretold>) -> (u64, u64, u64) {
    all.into_iter().fold((0, 0, 0), |(came, needless, open), one| match one.outcome {
        Outcome::CameTrue => (came + 1, needless, open),
        Outcome::Needless => (came, needless + 1, open),
        Outcome::Open => (came, needless, open + 1),
    })
}

#[cfg(test)]
#[path = "after_tests.rs"]
mod tests;
