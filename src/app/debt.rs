//! A second look that is owed: kept in the ledger before the first object is noted as read, until the look is done.

use crate::io::sources::archive::Selection;
use crate::io::stores::{Ledger, LedgerError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a scan owes, and what earlier ones left to it.
#[derive(Debug)]
pub(super) struct Debt {
    input: String,
    /// The part of the sources that earlier scans left without a second look; `None` where they owe none.
    pub(super) inherited: Option<Selection>,
    /// The part that is owed once an object of this scan is noted.
    part: Selection,
    /// What the ledger says is owed, as far as this scan has read or written it.
    stands: Option<Selection>,
}

/// Where the ledger keeps whether a second look at these sources is owed.
pub(super) fn task(input: &str) -> String {
    format!("{}{input}", crate::io::stores::states::DEBT)
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
        let stands = inherited.clone();
        Ok(Self { input: input.to_owned(), inherited, part: part.clone(), stands })
    }

    /// Notes it, before objects of this scan are; with what earlier ones left. Another scan of the same sources may have
    /// paid meanwhile, so that what stands is looked at each time.
    pub(super) fn note(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        let own = self.inherited.as_ref().map_or_else(|| self.part.clone(), |owed| owed.and(&self.part));
        let there = owed(ledger, &self.input)?;
        let all = there.as_ref().map_or_else(|| own.clone(), |there| there.and(&own));
        if there.as_ref() != Some(&all) {
            self.write(ledger, all.clone())?;
        }
        self.stands = Some(all);
        Ok(())
    }

    fn write(&self, ledger: &mut dyn Ledger, all: Selection) -> Result<(), LedgerError> {
        let Selection { since, until, accounts, regions } = all;
        let written = Written { since, until, accounts, regions };
        ledger.put_state(&task(&self.input), &serde_json::to_string(&written).unwrap_or_else(|_| "{}".to_owned()))
    }

    /// All of it was looked at, but for something in this part. What another scan has added meanwhile stays as it is.
    pub(super) fn narrow(&mut self, ledger: &mut dyn Ledger, left: Selection) -> Result<(), LedgerError> {
        if self.stands.is_some() && owed(ledger, &self.input)? == self.stands {
            self.write(ledger, left.clone())?;
        }
        (self.stands, self.inherited) = (Some(left.clone()), Some(left));
        Ok(())
    }

    /// It is paid. What another scan has added meanwhile is not.
    pub(super) fn pay(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        if self.stands.is_some() && owed(ledger, &self.input)? == self.stands {
            ledger.put_state(&task(&self.input), "")?;
        }
        (self.stands, self.inherited) = (None, None);
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
    fn a_scan_that_pays_does_not_pay_for_another_that_still_reads() {
        let mut ledger = MemoryLedger::default();
        let (early, late) = (part(MON, TUE, &[]), part(TUE, WED, &[]));
        let mut first = Debt::read(&ledger, "logs", &early).unwrap();
        let mut second = Debt::read(&ledger, "logs", &early).unwrap();
        first.note(&mut ledger).unwrap();
        second.note(&mut ledger).unwrap();
        second.pay(&mut ledger).unwrap();
        first.note(&mut ledger).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(early), "with its next objects");
        let mut third = Debt::read(&ledger, "logs", &late).unwrap();
        third.note(&mut ledger).unwrap();
        first.pay(&mut ledger).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(part(MON, WED, &[])), "more than the first looked at");
        third.pay(&mut ledger).unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), None);
    }

    #[test]
    fn the_word_of_an_earlier_release_stands_for_all() {
        let mut ledger = MemoryLedger::default();
        ledger.put_state("second look at logs", "owed").unwrap();
        assert_eq!(owed(&ledger, "logs").unwrap(), Some(Selection::default()));
    }
}
