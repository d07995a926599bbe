//! The findings of one account, and of one owner.

use super::build::{Facts, denied};
use super::model::Section;
use super::{Period, tally};
use crate::advice::Advice;
use std::cmp::Reverse;
use std::collections::BTreeMap;

pub(super) fn accounts(known: &[&Advice], facts: &Facts<'_>, period: Period) -> Vec<Section> {
    let name = |id: &String| facts.account_names.get(id).cloned();
    split(known, period, |advice| advice.account.clone(), name)
}

pub(super) fn owners(known: &[&Advice], facts: &Facts<'_>, period: Period) -> Vec<Section> {
    split(known, period, |advice| facts.owner(advice).cloned(), |_| None)
}

fn split(
    known: &[&Advice],
    period: Period,
    of: impl Fn(&Advice) -> Option<String>,
    name: impl Fn(&String) -> Option<String>,
) -> Vec<Section> {
    let mut all: BTreeMap<Option<String>, Vec<&Advice>> = BTreeMap::new();
    for advice in known {
        all.entry(of(advice)).or_default().push(advice);
    }
    let one = |(of, mine): (Option<String>, Vec<&Advice>)| Section {
        name: of.as_ref().and_then(&name),
        of,
        numbers: tally::numbers(&mine, period),
        first: tally::first(&mine, period).into_iter().next(),
        findings: mine.iter().filter(|advice| denied(advice, period) > 0).map(|advice| advice.id.clone()).collect(),
    };
    let mut sections: Vec<Section> = all.into_iter().map(one).collect();
    sections.sort_by_key(|section| Reverse(section.numbers.denied));
    sections
}
