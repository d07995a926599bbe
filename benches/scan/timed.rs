//! A ledger that is timed.

use denywatch::change::Change;
use denywatch::finding::{Finding, Observed, Repeated};
use denywatch::io::stores::*;
use jiff::Timestamp;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, LedgerError>;

pub struct Timed<L>(L, Cell<Duration>, Cell<Option<Instant>>);

impl<L> Timed<L> {
    pub fn new(ledger: L) -> Self {
        Self(ledger, Cell::default(), Cell::default())
    }

    /// When findings were first gone through, to be advised on.
    pub fn scanned_at(&self) -> Option<Instant> {
        self.2.get()
    }

    pub fn seconds(&self) -> f64 {
        self.1.get().as_secs_f64()
    }

    fn add(&self, start: Instant) {
        self.1.set(self.1.get() + start.elapsed());
    }
}

macro_rules! timed {
    ($($name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)* ; $($wname:ident(&mut self $(, $warg:ident: $wtype:ty)*) -> $wout:ty;)*) => {
        impl<L: Ledger> Ledger for Timed<L> {
            fn heads(&self, among: &Touched) -> Result<Vec<Head>> {
                self.2.set(self.2.get().or_else(|| Some(Instant::now())));
                let start = Instant::now();
                let done = self.0.heads(among);
                self.add(start);
                done
            }

            $(fn $name(&self $(, $arg: $type)*) -> $out {
                let start = Instant::now();
                let done = self.0.$name($($arg),*);
                self.add(start);
                done
            })*
            $(fn $wname(&mut self $(, $warg: $wtype)*) -> $wout {
                let start = Instant::now();
                let done = self.0.$wname($($warg),*);
                self.add(start);
                done
            })*
        }
    };
}

timed! {
    findings(&self, filter: &Filter) -> Result<Vec<Finding>>;
    some(&self, ids: &[&str]) -> Result<Vec<Finding>>;
    page(&self, after: Option<&str>, most: usize) -> Result<Vec<Finding>>;
    find(&self, id: &str) -> Result<Finding>;
    known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>>;
    noted_run(&self, input: &str) -> Result<Option<Run>>;
    coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage>;
    delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>>;
    open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>>;
    quarantined(&self) -> Result<Vec<Quarantined>>;
    changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>>;
    state(&self, task: &str) -> Result<Option<String>>;
    ;
    record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded>;
    record_repeated(&mut self, batch: Vec<Repeated>, now: Timestamp) -> Result<Recorded>;
    note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<()>;
    note_run(&mut self, run: &Run) -> Result<()>;
    put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool>;
    quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<()>;
    purge(&mut self, principal: &str) -> Result<Purged>;
    expire(&mut self, now: Timestamp) -> Result<Purged>;
    put_state(&mut self, task: &str, state: &str) -> Result<()>;
    note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<()>;
}
