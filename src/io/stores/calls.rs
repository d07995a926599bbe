//! Allowed calls of Event history as a ledger keeps them, caller by caller, and how they are forgotten.

use super::keep::before;
use super::states::{CALLERS, CALLS, FORGOTTEN};
use super::{Keep, Ledger, LedgerError};
use crate::finding::Pass;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// They are kept so long at most: of all that Event history may still hold (90 days), and before that as long as a call
/// before a denial is looked for.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(104 * 24);

/// Calls of one operation that needed the same; or something that was denied, with the latest calls for it in a Region; or
/// which calls of the operation were let go. Each names its caller, so that forgetting one finds it, and no parameters.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) of: Option<String>,
    /// Empty where there were more calls than are kept.
    pub(crate) operation: String,
    pub(crate) region: String,
    /// The actions, each with the resources that it had of them.
    pub(crate) needs: Vec<(String, BTreeSet<String>)>,
    pub(crate) calls: BTreeSet<Pass>,
    /// When it was last denied; `None` of calls alone. A release before takes the calls for such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) denied: Option<Timestamp>,
    /// Between which times calls were let go; of something that was denied, before they were known to be for it or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone: Option<(Timestamp, Timestamp)>,
}

impl Entry {
    /// The oldest time in it; `None` where it tells of none.
    fn oldest(&self) -> Option<Timestamp> {
        self.calls.iter().map(|pass| pass.at).chain(self.denied).min()
    }

    /// Forgets calls of before then; whether anything is left.
    fn forget(&mut self, before: Timestamp) -> bool {
        self.calls.retain(|pass| pass.at >= before);
        match self.denied {
            Some(denied) => denied >= before,
            // That there were more calls than are kept stays true of those that are.
            None => !self.calls.is_empty() || self.operation.is_empty() || self.gone.is_some(),
        }
    }
}

/// The day of the oldest call, by the caller's hash.
pub(crate) type Days = BTreeMap<String, Date>;

/// The callers that stand in a part of the index.
pub(crate) fn read_days(index: &str, ledger: &dyn Ledger) -> Result<Days, LedgerError> {
    let text = ledger.state(index)?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Replaces them; where there is none, nothing is left of the part.
pub(crate) fn write_days(index: &str, days: &Days, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
    let text = (!days.is_empty()).then(|| serde_json::to_string(days).unwrap_or_default());
    ledger.put_state(index, &text.unwrap_or_default())
}

/// Where the calls of one caller stand.
pub(crate) fn kept_at(account: &str, hash: &str) -> String {
    format!("{CALLS}{account}: {hash}")
}

/// In UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The account of a part of the index.
fn account(index: &str) -> &str {
    index.strip_prefix(CALLERS).and_then(|rest| rest.rsplit_once(": ")).map_or("", |(account, _)| account)
}

/// What is left of a part of the index where calls of these tasks are.
pub(super) fn index_of(index: &str, state: &str, tasks: &BTreeSet<String>) -> Option<String> {
    let mut days: Days = serde_json::from_str(state).unwrap_or_default();
    days.retain(|who, _| tasks.contains(&kept_at(account(index), who)));
    (!days.is_empty()).then(|| serde_json::to_string(&days).unwrap_or_default())
}

/// Forgets calls of before then, of the callers in a part of the index; whether there were any.
pub(crate) fn forget(index: &str, before: Timestamp, ledger: &mut dyn Ledger) -> Result<bool, LedgerError> {
    let noted = read_days(index, ledger)?;
    let (mut days, mut forgot) = (noted.clone(), false);
    for (who, _) in noted.iter().filter(|(_, oldest)| **oldest <= day(before)) {
        let (left, some) = forget_of(&kept_at(account(index), who), before, ledger)?;
        forgot |= some;
        match left {
            Some(oldest) => days.insert(who.clone(), day(oldest)),
            None => days.remove(who),
        };
    }
    if days != noted {
        write_days(index, &days, ledger)?;
    }
    Ok(forgot)
}

/// Forgets old calls and denials of one caller: the oldest time that stays, and whether any went.
fn forget_of(task: &str, before: Timestamp, ledger: &mut dyn Ledger) -> Result<(Option<Timestamp>, bool), LedgerError> {
    let text = ledger.state(task)?.unwrap_or_default();
    let mut entries: Vec<Entry> = serde_json::from_str(&text).unwrap_or_default();
    let count = |entries: &[Entry]| entries.len() + entries.iter().map(|entry| entry.calls.len()).sum::<usize>();
    let had = count(&entries);
    entries.retain_mut(|entry| entry.forget(before));
    // Where nothing is left of an operation, what was let go of it came before that.
    let left: BTreeSet<String> =
        entries.iter().filter(|entry| entry.oldest().is_some()).map(|entry| entry.operation.clone()).collect();
    entries.retain(|entry| entry.operation.is_empty() || left.contains(&entry.operation));
    let oldest = entries.iter().filter_map(Entry::oldest).min();
    let forgot = count(&entries) < had;
    if forgot || oldest.is_none() {
        let left = oldest.and_then(|_| serde_json::to_string(&entries).ok()).unwrap_or_default();
        ledger.put_state(task, &left)?;
    }
    Ok((oldest, forgot))
}

/// Forgets what is older than calls are kept at all, and than the ledger keeps anything of its kind, whatever is read of
/// Event history later. Calls that somebody may still ask for leave it known that they are gone: see [`forgotten`].
pub(super) fn expire(
    indexes: &[String],
    keep: &Keep,
    now: Timestamp,
    ledger: &mut dyn Ledger,
) -> Result<(), LedgerError> {
    let kept = [keep.counts, keep.samples].into_iter().flatten().fold(KEPT, SignedDuration::min);
    let Some(since) = before(now, Some(kept)) else { return Ok(()) };
    for index in indexes {
        let account = account(index);
        // Before they go: who reads in between claims too little, not too much.
        let is_early = kept < KEPT && read_days(index, ledger)?.values().any(|oldest| *oldest <= day(since));
        if is_early && forgotten(account, ledger)?.is_none_or(|there| there < since) {
            ledger.put_state(&format!("{FORGOTTEN}{account}"), &since.to_string())?;
        }
        forget(index, since, ledger)?;
    }
    Ok(())
}

/// Calls of before then were forgotten though Event history may hold them and denials that they tell of: whoever finds
/// none there must not say that there was none. `None` where none were.
///
/// # Errors
/// The ledger could not be read.
pub(crate) fn forgotten(account: &str, ledger: &dyn Ledger) -> Result<Option<Timestamp>, LedgerError> {
    Ok(ledger.state(&format!("{FORGOTTEN}{account}"))?.and_then(|text| text.parse().ok()))
}
