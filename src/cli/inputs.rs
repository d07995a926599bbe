//! What several commands read: the policies in force, the ledger, periods of time.

use super::Global;
use crate::app::World;
use crate::io::sources::policies;
use crate::io::stores::{self, Ledger};
use crate::record::Problem;

/// The facts and the policies given; what in them could not be read is told, the rest is used.
pub(super) fn world(global: &Global) -> anyhow::Result<(World, Vec<Problem>)> {
    let (in_force, problems) = policies::read(&global.policies)?;
    Ok((World::new(in_force), problems))
}

/// Opens the ledger that was named, or the user's own.
pub(super) fn ledger(global: &Global) -> anyhow::Result<Box<dyn Ledger>> {
    Ok(stores::open(global.store.as_deref())?)
}
