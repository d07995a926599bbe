//! `--version`: the program's, and how old its facts about AWS are.

use crate::catalog::Catalog;
use std::sync::OnceLock;

/// Version, the data's packages and their date.
pub(super) fn long() -> &'static str {
    static LONG: OnceLock<String> = OnceLock::new();
    LONG.get_or_init(|| {
        let facts = Catalog::embedded().provenance();
        let packages: Vec<String> = facts.packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!("{} (AWS facts of {}: {})", env!("CARGO_PKG_VERSION"), facts.date, packages.join(", "))
    })
}
