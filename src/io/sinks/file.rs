//! A file that is whole or not there at all.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`: {source}")]
pub struct FileError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes through a temporary neighbour, so that a reader never meets half a file.
///
/// # Errors
/// The folder is missing or not writable.
pub fn write(path: &Path, text: &str) -> Result<(), FileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    #[allow(clippy::disallowed_methods)] // this is a sink
    let written = std::fs::File::create(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|source| FileError { path: path.to_owned(), source })
}
