//! Of which callers calls are kept, and since which day, so that old ones are forgotten. Only hashes of callers stand in it.

use super::{Entry, kept_at};
use crate::io::stores::states::CALLERS;
use crate::io::stores::{Ledger, LedgerError};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use std::collections::BTreeMap;

/// What hashes begin with: each letter has a part of its own, so that none grows beyond what an item of DynamoDB holds.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The day of the oldest call, by the caller's hash.
type Days = BTreeMap<String, Date>;

fn task(account: &str, letter: char) -> String {
    format!("{CALLERS}{account}: {letter}")
}

fn read(account: &str, letter: char, ledger: &dyn Ledger) -> Result<Days, LedgerError> {
    let text = ledger.state(&task(account, letter))?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn write(account: &str, letter: char, days: &Days, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
    ledger.put_state(&task(account, letter), &serde_json::to_string(days).unwrap_or_default())
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Notes callers with the oldest call that comes, before it is kept.
pub(super) fn note(
    account: &str,
    met: impl IntoIterator<Item = (String, Timestamp)>,
    ledger: &mut dyn Ledger,
) -> Result<(), LedgerError> {
    let mut parts: BTreeMap<char, Days> = BTreeMap::new();
    for (who, at) in met {
        let part = parts.entry(who.chars().next().unwrap_or('A')).or_default();
        let oldest = part.entry(who).or_insert(day(at));
        *oldest = (*oldest).min(day(at));
    }
    for (letter, new) in parts {
        let before = read(account, letter, ledger)?;
        let mut days = before.clone();
        for (who, at) in new {
            let oldest = days.entry(who).or_insert(at);
            *oldest = (*oldest).min(at);
        }
        if days != before {
            write(account, letter, &days, ledger)?;
        }
    }
    Ok(())
}

/// Forgets calls of before then.
pub(super) fn forget(account: &str, before: Timestamp, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
    for letter in LETTERS.chars() {
        let noted = read(account, letter, ledger)?;
        let mut days = noted.clone();
        for (who, _) in noted.iter().filter(|(_, oldest)| **oldest < day(before)) {
            match forget_of(&kept_at(account, who), before, ledger)? {
                Some(oldest) => days.insert(who.clone(), day(oldest)),
                None => days.remove(who),
            };
        }
        if days != noted {
            write(account, letter, &days, ledger)?;
        }
    }
    Ok(())
}

/// Forgets old calls of one caller; the oldest that stays.
fn forget_of(task: &str, before: Timestamp, ledger: &mut dyn Ledger) -> Result<Option<Timestamp>, LedgerError> {
    let text = ledger.state(task)?.unwrap_or_default();
    let mut entries: Vec<Entry> = serde_json::from_str(&text).unwrap_or_default();
    entries.iter_mut().for_each(|entry| entry.calls.retain(|pass| pass.at >= before));
    // That there were more calls than are kept stays true of those that are.
    entries.retain(|entry| !entry.calls.is_empty() || entry.operation.is_empty());
    let oldest = entries.iter().filter_map(|entry| entry.calls.first()).map(|pass| pass.at).min();
    let left = oldest.and_then(|_| serde_json::to_string(&entries).ok()).unwrap_or_default();
    ledger.put_state(task, &left)?;
    Ok(oldest)
}
