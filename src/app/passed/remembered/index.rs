//! Of which callers calls are kept, and since which day, so that old ones are forgotten. Only hashes of callers stand in it.

use crate::io::stores::calls::{self, Days, day, read_days, write_days};
use crate::io::stores::states::CALLERS;
use crate::io::stores::{Ledger, LedgerError};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What hashes begin with: each letter has a part of its own, so that none grows beyond what an item of DynamoDB holds.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn task(account: &str, letter: char) -> String {
    format!("{CALLERS}{account}: {letter}")
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
        let before = read_days(&task(account, letter), ledger)?;
        let mut days = before.clone();
        for (who, at) in new {
            let oldest = days.entry(who).or_insert(at);
            *oldest = (*oldest).min(at);
        }
        if days != before {
            write_days(&task(account, letter), &days, ledger)?;
        }
    }
    Ok(())
}

/// Forgets calls of before then.
pub(super) fn forget(account: &str, before: Timestamp, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
    for letter in LETTERS.chars() {
        calls::forget(&task(account, letter), before, ledger)?;
    }
    Ok(())
}
