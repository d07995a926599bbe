//! `sqlite:PATH` → a place of the ledger.

use std::path::PathBuf;
use std::str::FromStr;

/// Where the ledger lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUri {
    /// A file of SQLite.
    Sqlite(PathBuf),
}

/// A store that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown store `{0}`: write `sqlite:PATH`")]
pub struct UnknownStore(String);

impl FromStr for StoreUri {
    type Err = UnknownStore;

    /// ```
    /// use denywatch::io::stores::StoreUri;
    /// assert_eq!("sqlite:/var/lib/d.db".parse(), Ok(StoreUri::Sqlite("/var/lib/d.db".into())));
    /// assert_eq!("d.db".parse::<StoreUri>().unwrap_err().to_string(), "unknown store `d.db`: write `sqlite:PATH`");
    /// ```
    fn from_str(text: &str) -> Result<Self, UnknownStore> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(UnknownStore(text.to_owned())),
        }
    }
}
