//! A folder of logs → ledger → ranked findings.

use super::ingest::advise_on;
use super::outcome::{Outcome, Stats};
use super::World;
use crate::denial::{self, Denial};
use crate::diagnosis::diagnose;
use crate::finding::{Observed, observe};
use crate::io::sources::files;
use crate::io::stores::{Ledger, LedgerError};
use crate::record::{self, Problem, Record};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Denials that go into the ledger in one transaction.
const BATCH: usize = 2_000;

/// What a scan gathers on its way.
struct Scan<'a> {
    ledger: &'a mut dyn Ledger,
    world: &'a World,
    batch: Vec<Observed>,
    touched: BTreeSet<String>,
    denials: Option<Vec<Denial>>,
    stats: Stats,
    failed: Option<LedgerError>,
}
