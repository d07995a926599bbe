//! Changes of policies in SQLite: one row a target, with its latest as JSON.

use super::at_once::at_once;
use super::{SqliteLedger, entry};
use crate::change::{Change, latest};
use crate::io::stores::LedgerError;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};

impl SqliteLedger {
    /// See [`crate::io::stores::Ledger::note_changes`].
    pub(super) fn keep_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<(), LedgerError> {
        let kept: Vec<Change> =
            changes.iter().filter_map(|change| self.keep.change(change.clone(), self.key.as_ref(), now)).collect();
        let mut by_target: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
        for change in &kept {
            change.targets.iter().for_each(|target| by_target.entry(target).or_default().push(change.clone()));
        }
        if by_target.is_empty() {
            return Ok(());
        }
        let failed = self.failed();
        let write = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        for (target, fresh) in by_target {
            let stored: Option<String> = write
                .query_row("SELECT body FROM change WHERE target = ?1", [target], |row| row.get(0))
                .optional()
                .map_err(&failed)?;
            let there = stored.map_or_else(|| Ok(BTreeSet::new()), |body| read(target, &body))?;
            let body = serde_json::to_string(&latest(there, fresh)).map_err(entry(target))?;
            write.execute("INSERT OR REPLACE INTO change VALUES (?1, ?2)", params![target, body]).map_err(&failed)?;
        }
        write.commit().map_err(&failed)
    }

    /// See [`crate::io::stores::Ledger::changes`].
    pub(super) fn changes_of(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>, LedgerError> {
        let of =
            |target| self.texts("SELECT body FROM change WHERE target = ?1", [target]).map(|found| (target, found));
        let all = || targets.iter().map(of).collect::<Result<Vec<_>, _>>();
        let mut known = BTreeSet::new();
        for (target, bodies) in at_once(&self.connection, self.failed(), all)? {
            for body in bodies {
                known.append(&mut read(target, &body)?);
            }
        }
        Ok(known)
    }

    /// Keeps of each change what `keep` makes of it, wherever it stands; how many went.
    pub(super) fn remake_changes(&mut self, keep: impl Fn(&Change) -> Option<Change>) -> Result<u64, LedgerError> {
        let mut removed = BTreeSet::new();
        for target in self.texts("SELECT target FROM change ORDER BY target", [])? {
            let there = self.changes_of(&BTreeSet::from([target.clone()]))?;
            let gone = there.iter().filter(|change| keep(change).is_none());
            removed.extend(gone.map(|change| change.event_id.clone()));
            let kept: BTreeSet<Change> = there.iter().filter_map(&keep).collect();
            if kept.is_empty() {
                self.run_sql("DELETE FROM change WHERE target = ?1", [&target])?;
            } else if kept != there {
                let body = serde_json::to_string(&kept).map_err(entry(&target))?;
                self.run_sql("UPDATE change SET body = ?2 WHERE target = ?1", [&target, &body])?;
            }
        }
        Ok(removed.len() as u64)
    }
}

fn read(target: &str, body: &str) -> Result<BTreeSet<Change>, LedgerError> {
    serde_json::from_str(body).map_err(entry(target))
}
