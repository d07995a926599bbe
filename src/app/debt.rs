//! A second look that is owed: kept in the ledger before the first object is noted as read, until the look is done.

use crate::io::sources::archive::Selection;
use crate::io::stores::{Ledger, LedgerError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a scan owes, and what earlier ones left to it.
#[derive(Debug)]
pub(super) struct Debt {
    task: String,
    /// The part of the sources that earlier scans left without a second look; `None` where they owe none.
    pub(super) inherited: Option<Selection>,
    /// The part that is owed once an object of this scan is noted.
    part: Selection,
    is_noted: bool,
}

/// Where the ledger keeps whether a second look at these sources is owed.
pub(super) fn task(input: &str) -> String {
    format!("second look at {input}")
}

/// As the ledger keeps it.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    accounts: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    regions: BTreeSet<String>,
}

/// The part that the ledger says is owed; nothing where it says nothing. Earlier releases wrote a word: then it is all.
pub(super) fn owed(ledger: &dyn Ledger, input: &str) -> Result<Option<Selection>, LedgerError> {
    let text = ledger.state(&task(input))?.filter(|text| !text.is_empty());
    Ok(text.map(|text| {
        let Written { since, until, accounts, regions } = serde_json::from_str(&text).unwrap_or_default();
        Selection { since, until, accounts, regions }
    }))
}

impl Debt {
    pub(super) fn read(ledger: &dyn Ledger, input: &str, part: &Selection) -> Result<Self, LedgerError> {
        let inherited = owed(ledger, input)?;
        Ok(Self { task: task(input), inherited, part: part.clone(), is_noted: false })
    }

    /// Notes it, before the first object of this scan is; with what earlier ones left.
    pub(super) fn note(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        let all = self.inherited.as_ref().map_or_else(|| self.part.clone(), |owed| owed.and(&self.part));
        if !self.is_noted && self.inherited.as_ref() != Some(&all) {
            self.write(ledger, all)?;
        }
        self.is_noted = true;
        Ok(())
    }

    fn write(&self, ledger: &mut dyn Ledger, all: Selection) -> Result<(), LedgerError> {
        let Selection { since, until, accounts, regions } = all;
        let written = Written { since, until, accounts, regions };
        ledger.put_state(&self.task, &serde_json::to_string(&written).unwrap_or_else(|_| "{}".to_owned()))
    }

    /// All of it was looked at, but for something in this part.
    pub(super) fn narrow(&mut self, ledger: &mut dyn Ledger, left: Selection) -> Result<(), LedgerError> {
        self.write(ledger, left.clone())?;
        (self.is_noted, self.inherited) = (true, Some(left));
        Ok(())
    }

    /// It is paid.
    pub(super) fn pay(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        if self.is_noted || self.inherited.is_some() {
            ledger.put_state(&self.task, "")?;
        }
        (self.is_noted, self.inherited) = (false, None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stores::MemoryLedger;

    fn part(since: Option<&str>, until: Option<&str>, regions: &[&str]) -> Selection {
        let at = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        Selection { since: at(since), until: at(until), accounts: BTreeSet::new(), regions }
    }

    const MON: Option<&str> = Some("2026-11-02T00:00:00Z");
    const TUE: Option<&str> = Some("2026-11-03T00:00:00Z");
    const WED: Option<&str> = Some("2026-11-04T00:00:00Z");

    #[test]
    fn what_scans_owe_adds_up_until_it_is_paid() {
        let mut ledger = MemoryLedger::default();
        let mut first = Debt::read(&ledger, "logs", &part(MON, TUE, &["eu-west-1"])).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), None, "nothing is owed while nothing was read");
        first.note(&mut ledger).unwrap();
        let mut second = Debt::read(&ledger, "logs", &part(TUE, WED, &["us-east-1"])).unwrap();
        assert_eq!(second.inherited, Some(part(MON, TUE, &["eu-west-1"])));
        second.note(&mut ledger).unwrap();
        let both = part(MON, WED, &["eu-west-1", "us-east-1"]);
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(both));
        let mut third = Debt::read(&ledger, "logs", &part(None, TUE, &[])).unwrap();
        third.note(&mut ledger).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(part(None, WED, &[])));
        third.narrow(&mut ledger, part(MON, TUE, &["us-east-1"])).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(part(MON, TUE, &["us-east-1"])));
        third.pay(&mut ledger).unwrap();
        assert_eq!((owed(&ledger, "logs").unwrap(), third.inherited), (None, None));
    }

    #[test]
    fn the_word_of_an_earlier_release_stands_for_all() {
        let mut ledger = MemoryLedger::default();
        ledger.put_state("second look at logs", "owed").unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(Selection::default()));
    }
}
