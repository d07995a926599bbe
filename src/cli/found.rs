//! The findings of a scan: each is made into what is printed of it while it is at hand, kept aside, and printed when all are
//! known, the most pressing first. So they are never held together, however many there are.
//!
//! But for `--redact`: what is masked in one finding may stand in another, so that all are held.

use super::{Global, Output, print};
use crate::advice::{Advice, Rank};
use crate::app::Outcome;
use crate::io::sources::spool::Pile;
use crate::render::text::{self, Listing, Row};
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Spaces before what is in a list of an object.
const INDENT: &str = "    ";

/// See the module.
pub(super) struct Found {
    how: How,
    pile: Pile,
    places: Places,
    failed: Option<serde_json::Error>,
}

/// What is made of a finding.
enum How {
    Json {
        is_pretty: bool,
    },
    Text(Box<Listing>),
    /// Nothing yet.
    Whole(Vec<Advice>),
}

/// Where it is: for a person a row of the table and behind it what to do, for a program one text.
struct Place {
    rank: Rank,
    start: u64,
    row: u32,
    part: u32,
}

/// Places in lists of so many: one that grows takes twice what it needs while it does, and leaves holes as large as itself.
const SOME: usize = 4_096;

/// Places in the order in which they came, and their numbers in order of rank.
#[derive(Default)]
struct Places {
    lists: Vec<Vec<Place>>,
    ranked: Vec<u32>,
}

impl Places {
    fn push(&mut self, place: Place) {
        match self.lists.last_mut().filter(|list| list.len() < SOME) {
            Some(list) => list.push(place),
            None => self.lists.push(vec![place]),
        }
    }

    fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    fn sort(&mut self) {
        let mut ranked: Vec<u32> = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        ranked.sort_unstable_by(|a, b| self.at(*a).rank.cmp(&self.at(*b).rank));
        self.ranked = ranked;
    }

    fn at(&self, number: u32) -> &Place {
        &self.lists[number as usize / SOME][number as usize % SOME]
    }

    fn iter(&self) -> impl Iterator<Item = &Place> {
        self.ranked.iter().map(|number| self.at(*number))
    }
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(global: &Global) -> Self {
        let how = match global.output {
            _ if print::is_redacting() => How::Whole(Vec::new()),
            Output::Json => How::Json { is_pretty: true },
            Output::Jsonl => How::Json { is_pretty: false },
            Output::Text => How::Text(Box::new(Listing::new(print::look(global)))),
        };
        Self { how, pile: Pile::default(), places: Places::default(), failed: None }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match &self.how {
            How::Whole(all) => all.len(),
            How::Json { .. } | How::Text(_) => self.places.len(),
        }
    }

    /// Takes a finding. That it cannot be written as JSON is told by [`Found::print`].
    pub(super) fn take(&mut self, advice: Advice) {
        let made = match &mut self.how {
            How::Whole(all) => return all.push(advice),
            How::Json { is_pretty } => json(&advice, *is_pretty).map(|text| (text, Vec::new())),
            How::Text(listing) => {
                let told = listing.add(&advice);
                serde_json::to_vec(&told.row).map(|row| (row, told.part.into_bytes()))
            }
        };
        let kept = made.map(|(mut text, part)| {
            let [row, part_length] = [text.len(), part.len()].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
            text.extend(part);
            let start = self.pile.put(&text);
            self.places.push(Place { rank: advice.rank(), start, row, part: part_length });
        });
        self.failed = self.failed.take().or(kept.err());
    }

    /// Prints what was found.
    ///
    /// # Errors
    /// It could not be made, read again or written.
    pub(super) fn print(&mut self, outcome: &Outcome, global: &Global) -> anyhow::Result<()> {
        if let Some(fault) = self.failed.take() {
            return Err(fault.into());
        }
        self.places.sort();
        let listing = match &mut self.how {
            How::Whole(all) => return print_whole(std::mem::take(all), outcome, global),
            How::Json { is_pretty } => {
                let (is_pretty, told) = (*is_pretty, outcome.with(Sorted(self)));
                return print::stream(|out| {
                    match is_pretty {
                        true => serde_json::to_writer_pretty(&mut *out, &told)?,
                        false => serde_json::to_writer(&mut *out, &told)?,
                    }
                    out.write_all(b"\n")
                });
            }
            How::Text(listing) => listing,
        };
        let table = listing.table();
        print::stream(|out| {
            let head = if self.places.len() == 0 { text::NONE.to_owned() } else { table.head() };
            out.write_all(head.as_bytes())?;
            for place in self.places.iter() {
                let row: Row = serde_json::from_slice(&self.pile.get(place.start, place.row as usize)?)?;
                out.write_all(table.line(&row).as_bytes())?;
            }
            for place in self.places.iter().filter(|place| place.part > 0) {
                out.write_all(&self.pile.get(place.start + u64::from(place.row), place.part as usize)?)?;
            }
            out.write_all(listing.end(&outcome.coverage).as_bytes())
        })
    }
}

fn print_whole(all: Vec<Advice>, outcome: &Outcome, global: &Global) -> anyhow::Result<()> {
    let mut told = outcome.clone().holding(all);
    print::learn(&told);
    told.findings = print::masked(told.findings);
    match global.output {
        Output::Json => print::json(&told, true),
        Output::Jsonl => print::json(&told, false),
        Output::Text => print::out(&text::scan(&told.findings, &told.coverage, print::look(global))),
    }
}

/// As it stands inside of the list of findings.
fn json(advice: &Advice, is_pretty: bool) -> serde_json::Result<Vec<u8>> {
    if !is_pretty {
        return serde_json::to_vec(advice);
    }
    // Inside of its texts line ends are escaped.
    Ok(serde_json::to_string_pretty(advice)?.replace('\n', &format!("\n{INDENT}")).into_bytes())
}

/// The list of findings.
struct Sorted<'f>(&'f Found);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Found { pile, places, .. } = self.0;
        let mut list = serializer.serialize_seq(Some(places.len()))?;
        for place in places.iter() {
            let text = pile.get(place.start, place.row as usize).map_err(S::Error::custom)?;
            let text = String::from_utf8(text).map_err(S::Error::custom)?;
            list.serialize_element(&RawValue::from_string(text).map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}
