//! One pasted input: a file, standard input, or the text itself.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// No paste is larger; logs go through `scan`.
const LIMIT: u64 = 256 << 20;

/// Why an input could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{input}`")]
pub struct PasteError {
    input: String,
    source: std::io::Error,
}

/// Name and bytes of a file, of standard input (`-`), or of the text itself where no such file exists.
///
/// # Errors
/// The file exists but cannot be read.
pub fn read(source: &str) -> Result<(String, Vec<u8>), PasteError> {
    let fault = |source_error| PasteError { input: source.to_owned(), source: source_error };
    if source == "-" {
        return Ok(("stdin".to_owned(), take(std::io::stdin().lock()).map_err(fault)?));
    }
    // A pasted error is longer than any file name and holds blanks; a name does neither as a rule.
    if source.contains(['\n', '{']) || !Path::new(source).exists() && source.contains(' ') {
        return Ok(("argument".to_owned(), source.as_bytes().to_vec()));
    }
    #[allow(clippy::disallowed_methods)] // this is a source
    let file = std::fs::File::open(source).map_err(fault)?;
    let bytes = take(file).map_err(fault)?;
    Ok((source.to_owned(), inflated(bytes)))
}

/// The lines of a file, or of standard input for `-` and nothing.
///
/// # Errors
/// The file cannot be opened.
pub fn lines(path: Option<&Path>) -> Result<Box<dyn BufRead>, PasteError> {
    match path {
        Some(path) if path != Path::new("-") => {
            #[allow(clippy::disallowed_methods)] // this is a source
            let file = std::fs::File::open(path);
            let fault = |source| PasteError { input: path.display().to_string(), source };
            Ok(Box::new(BufReader::new(file.map_err(fault)?)))
        }
        _ => Ok(Box::new(BufReader::new(std::io::stdin()))),
    }
}

fn take(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A gzipped paste is read as what it holds; one that is broken stays as it is and is reported by its reader.
fn inflated(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut plain = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(LIMIT).read_to_end(&mut plain);
    if read.is_ok() { plain } else { bytes }
}
