//! Folders → the log files in them, always in the same order.

use super::archive::{Place, Selection};
use super::state::State;
use crate::record::Problem;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// Folders beside `CloudTrail/` that hold no events: digests of log files, insights, five-minute sums.
/// `CloudTrail-NetworkActivity` does hold events. See
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html>.
pub(super) const NO_EVENTS: [&str; 3] = ["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated"];

/// Endings of log files; whether one is compressed is told by its first bytes.
pub(crate) const ENDINGS: [&str; 6] = [".json", ".jsonl", ".ndjson", ".gz", ".bz2", ".zst"];

/// The path that stands for stdin; a file of that name is `./-`.
pub(super) const STDIN: &str = "-";

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Bytes as they lie there; 0 where that is not told.
    pub(super) size: u64,
    /// `None` for what is no regular file.
    pub(super) state: Option<State>,
}

/// Goes through paths depth first, by name. A path that was named is taken whatever its ending, unless [`passed_over`] tells
/// of it; inside folders only regular files with a log's ending are.
pub(super) struct Walk<'a> {
    selection: &'a Selection,
    /// What is still to be seen, the next one last.
    ahead: Vec<Ahead>,
    /// Folders seen, by their real path: a symbolic link back up ends here.
    seen: BTreeSet<PathBuf>,
}

/// A path that is still to be seen.
enum Ahead {
    Named(PathBuf),
    /// A member of a folder; it asks its folder for what it is, which is quicker than going all the path.
    Member(DirEntry),
}

impl<'a> Walk<'a> {
    pub(super) fn new(paths: &[PathBuf], selection: &'a Selection) -> Self {
        let ahead = paths.iter().rev().map(|path| Ahead::Named(path.clone())).collect();
        Self { selection, ahead, seen: BTreeSet::new() }
    }

    /// Opens a folder: its members stand next.
    fn enter(&mut self, folder: &Path) -> std::io::Result<()> {
        if !self.seen.insert(fs::canonicalize(folder)?) {
            return Ok(());
        }
        let members = fs::read_dir(folder)?.map(|entry| entry.map(|entry| (entry.file_name(), entry)));
        let mut members = members.collect::<std::io::Result<Vec<(OsString, DirEntry)>>>()?;
        members.retain(|(name, _)| !NO_EVENTS.iter().any(|other| name == other));
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self.ahead.extend(members.into_iter().rev().map(|(_, entry)| Ahead::Member(entry)));
        Ok(())
    }

    /// Whether the layout leaves it open that something at or below the path is wanted.
    fn may_hold(&self, path: &Path) -> bool {
        let (text, is_folder) = (text(path), !has_log_ending(path) && path.is_dir());
        self.selection.may_hold(&if is_folder { format!("{text}/").into() } else { text })
    }

    /// The next file, `None` when the path is a folder or nothing to read.
    fn step(&mut self, ahead: Ahead) -> Result<Option<Found>, Problem> {
        let (path, member) = match ahead {
            Ahead::Named(path) => (path, None),
            Ahead::Member(entry) => (entry.path(), Some(entry)),
        };
        let named = member.is_none();
        if named && path == Path::new(STDIN) {
            return Ok(Some(Found { path, size: 0, state: None }));
        }
        let wanted = named || has_log_ending(&path);
        if holds_no_events(&path) {
            return Ok(None);
        }
        let problem = |error: std::io::Error| problem(&path, &error);
        if !named && !self.selection.is_all() && !self.may_hold(&path) {
            return Ok(None);
        }
        let own = member.and_then(|member| member.metadata().ok()).filter(|own| !own.is_symlink());
        let kind = match own.map_or_else(|| fs::metadata(&path), Ok) {
            Ok(kind) => kind,
            // A broken link to something that is no log is nobody's loss.
            Err(_) if !wanted && path.is_symlink() => return Ok(None),
            Err(error) => return Err(problem(error)),
        };
        if kind.is_dir() && is_foreign(&path) {
            return Ok(None);
        }
        if kind.is_dir() {
            return self.enter(&path).map(|()| None).map_err(problem);
        }
        // A pipe inside a folder would block for ever; one that was named is meant, as in `scan <(zcat …)`.
        let (size, state) = (kind.len(), State::of(&kind));
        Ok((named || wanted && kind.is_file()).then_some(Found { path, size, state }))
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Found, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let ahead = self.ahead.pop()?;
            if let Some(found) = self.step(ahead).transpose() {
                return Some(found);
            }
        }
    }
}

/// A path as the layout of an archive writes it.
fn text(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/").into() }
}

/// Whether a file is by its name what the folders of [`NO_EVENTS`] hold, wherever it lies.
fn holds_no_events(path: &Path) -> bool {
    path.file_name().is_some_and(|name| Place::of(&name.to_string_lossy()).holds_no_events())
}

/// Whether a folder is another service's, as flow logs in the bucket of a trail: what lies there is no log of CloudTrail.
fn is_foreign(folder: &Path) -> bool {
    Place::of(&format!("{}/", text(folder).trim_end_matches('/'))).is_foreign()
}

/// Which of the paths that were named are passed over, and why.
pub(super) fn passed_over(paths: &[PathBuf]) -> Vec<String> {
    let told = |are: &[&PathBuf], why: &str| {
        let [first, rest @ ..] = are else { return None };
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        Some(format!("{}{more}: passed over, {why}", first.display()))
    };
    let without: Vec<&PathBuf> = paths.iter().filter(|path| holds_no_events(path)).collect();
    let foreign = paths.iter().filter(|path| !holds_no_events(path) && is_foreign(path) && path.is_dir());
    let foreign: Vec<&PathBuf> = foreign.collect();
    let without = told(&without, "being by name a digest, an Insight or a sum of CloudTrail's, which hold no events");
    let foreign = told(&foreign, "being a folder of `AWSLogs` that holds other logs than those of CloudTrail's events");
    without.into_iter().chain(foreign).collect()
}

pub(super) fn has_log_ending(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let ends = |ending: &str| {
        let from = name.len().checked_sub(ending.len());
        from.is_some_and(|from| name[from..].eq_ignore_ascii_case(ending.as_bytes()))
    };
    ENDINGS.iter().any(|ending| ends(ending))
}

/// An error of the file system, about a path.
pub(super) fn problem(path: &Path, error: &std::io::Error) -> Problem {
    let told = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "the permission to read it is missing".into(),
        _ => format!("it cannot be read: {error}"),
    };
    Problem { input: path.to_string_lossy().into_owned(), error: told }
}
