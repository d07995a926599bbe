//! What `verify` answers, for a terminal: four questions a document, then what a log and AWS's own checks say.

use super::escape::terminal;
use super::sheet::Sheet;
use super::text::Look;
use super::words;
use crate::advice::Status;
use crate::finding::Finding;
use crate::verify::observed::Observed;
use crate::verify::{Asked, Verified};

/// Lines of a list that are shown.
const SHOWN: usize = 20;

/// The whole answer.
pub fn verified(
    finding: &Finding,
    checks: &[Verified],
    observed: Option<&Observed>,
    asked: Option<&[Asked]>,
    look: Look,
) -> String {
    let mut sheet = look.sheet();
    sheet.line(&terminal(&format!("{}  {}", finding.id, finding.principal.words())));
    for (at, check) in checks.iter().enumerate() {
        sheet.blank();
        sheet.field(&format!("PATCH {}", at + 1), &words::place(&check.target, &finding.principal));
        document(&mut sheet, check);
        for one in asked.into_iter().flatten().filter(|one| one.check == at) {
            sheet.field("AWS SAYS", &asked_words(one));
            sheet.items(&one.says, SHOWN);
        }
    }
    if let Some(observed) = observed {
        sheet.blank();
        log(&mut sheet, observed);
    }
    sheet.finish()
}

fn document(sheet: &mut Sheet, verified: &Verified) {
    let check = &verified.check;
    answer(sheet, "VALID", verified.valid, "yes", "no");
    sheet.items(&check.faults, SHOWN);
    sheet.items(&check.over_quota.iter().cloned().collect::<Vec<_>>(), SHOWN);
    let replayed =
        format!("{} without it, {} with it; {}", check.proof.before, check.proof.after, basis(&check.proof.basis));
    answer(sheet, "SUFFICIENT", verified.sufficient, &format!("yes: {replayed}"), &format!("no: {replayed}"));
    let denied: Vec<String> = check.still_denied.iter().map(|call| format!("still denied: {call}")).collect();
    sheet.items(&denied, SHOWN);
    answer(
        sheet,
        "MINIMAL",
        verified.minimal,
        "yes: without any part a recorded call is denied, or another let in",
        "no",
    );
    let spare: Vec<String> = check.superfluous.iter().map(|part| format!("could be dropped: {part}")).collect();
    sheet.items(&spare, SHOWN);
    answer(sheet, "SAFE", verified.safe, "yes: it allows nothing else and opens no road to more power", "no");
    let beyond: Vec<String> = check.proof.beyond.iter().map(|more| format!("also allows: {more}")).collect();
    sheet.items(&beyond, SHOWN);
    let roads: Vec<String> = check.roads.iter().map(|road| format!("{} ({})", road.words(), road.source)).collect();
    sheet.items(&roads, SHOWN);
    sheet.field("GRADE", words::grade(verified.applicability));
    sheet.items(&verified.doubts, SHOWN);
}

fn answer(sheet: &mut Sheet, label: &str, holds: bool, yes: &str, no: &str) {
    sheet.field(label, if holds { yes } else { no });
}

fn basis(basis: &str) -> &'static str {
    match basis {
        "policies" => "held against the policies in force",
        _ => "held against AWS's words about the layer that refused",
    }
}

fn asked_words(asked: &Asked) -> String {
    match (&asked.verdict, &asked.not_asked) {
        (_, Some(why)) => format!("{}: not asked: {why}", asked.operation),
        (Some(verdict), None) => format!("{}: {verdict}", asked.operation),
        (None, None) => format!("{}: no verdict", asked.operation),
    }
}

fn log(sheet: &mut Sheet, observed: &Observed) {
    let words = match observed.status {
        Status::Resolved => {
            format!("resolved: {} after the last denial", words::plural(observed.allowed, "allowed call"))
        }
        Status::Open => "still open: it was denied again".to_owned(),
        Status::Quiet | Status::Muted => "quiet: not every denied call was seen to succeed since".to_owned(),
    };
    sheet.field("OBSERVED", &words);
    let items = observed.items.iter().map(|item| {
        let what = format!("{} on {}", item.action.as_deref().unwrap_or("?"), item.resource.as_deref().unwrap_or("?"));
        let unsure = match item.unsure {
            0 => String::new(),
            some => format!(", {} whose resource is not told", words::plural(some, "call")),
        };
        let status = match item.status {
            Status::Resolved => "resolved",
            Status::Open => "open",
            Status::Quiet | Status::Muted => "quiet",
        };
        format!("{status}: {what}: {}{unsure}", words::plural(item.allowed, "allowed call"))
    });
    sheet.items(&items.collect::<Vec<_>>(), SHOWN);
    let until = observed.until.map_or_else(String::new, |until| format!(", the newest of {until}"));
    sheet.field("LOOKED AT", &format!("{}{until}", words::plural(observed.records, "record")));
    sheet.items(&observed.notes, SHOWN);
}
