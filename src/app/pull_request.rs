//! A change → a pull request that is open: one a policy file, updated and not repeated; a closed one stays closed.

use crate::edit::{CODEOWNERS, Change, owners};
use crate::io::github::{Closed, File, GitHubError, Open, Repository};
use crate::render::pull_request::{PullRequest, is_about, joined};
use std::collections::BTreeMap;

/// How many names of branches are tried when earlier requests of the same finding were merged.
const NAMES_MAX: usize = 50;

/// Does the change again on other texts of its files, by path; `None` where it cannot be done there.
pub type Redo<'a> = &'a dyn Fn(&BTreeMap<String, String>) -> Option<Vec<Change>>;

/// What is to be opened.
pub struct Asked<'a> {
    /// What the request says.
    pub request: &'a PullRequest,
    /// The change of the files as they lie here; paths are the repository's.
    pub changes: &'a [Change],
    /// The same on what an open request made of them.
    pub redo: Redo<'a>,
    /// The branch to go into; the repository's own when `None`.
    pub base: Option<&'a str>,
    /// Opens another request where a person closed one.
    pub again: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A new request.
    Opened(Open),
    /// The one that was open for these files.
    Updated(Open),
    /// A person closed the request of this finding: nothing was done.
    Closed(u64),
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum PullRequestError {
    /// GitHub.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// The branch does not exist.
    #[error("there is no branch `{0}` on GitHub")]
    NoBase(String),
    /// The file here is not the one there.
    #[error("`{path}` here differs from `{base}` on GitHub: pull or push first")]
    Stale {
        /// The file.
        path: String,
        /// The branch.
        base: String,
    },
    /// The open request has made something of the file that the change does not fit.
    #[error(
        "#{0} is open for the same file, and the change does not fit what it makes of them: merge or close it first"
    )]
    DoesNotFit(u64),
    /// The change touches the files of more than one request.
    #[error("#{0} and #{1} are open for the files of this change: merge or close one of them first")]
    Several(u64, u64),
    /// Every name for a branch has been used.
    #[error("too many requests of this finding were merged: is it the same one?")]
    NoName,
}

/// Opens or updates; the remarks tell what was left undone, such as a review that could not be asked for.
///
/// # Errors
/// [`PullRequestError`]; what was sent before stays, and a second run goes on from there.
pub async fn pull_request(
    repository: &Repository<'_>,
    asked: &Asked<'_>,
) -> Result<(Done, Vec<String>), PullRequestError> {
    let base = match asked.base {
        Some(base) => base.to_owned(),
        None => repository.default_branch().await?,
    };
    let open = repository.open_requests(&base).await?;
    let paths: Vec<String> = asked.changes.iter().map(|change| change.path.clone()).collect();
    let about: Vec<&Open> = open.iter().filter(|one| is_about(&one.body, &paths)).collect();
    match about.as_slice() {
        [] => {}
        [found] => return update(repository, asked, &base, found).await,
        [first, second, ..] => return Err(PullRequestError::Several(first.number, second.number)),
    }
    let branch = match free_branch(repository, asked, &open).await? {
        Branch::Free(branch) => branch,
        Branch::Open(found) => return update(repository, asked, &base, &found).await,
        Branch::Closed(number) => return Ok((Done::Closed(number), Vec::new())),
    };
    let head = repository.head(&base).await?.ok_or_else(|| PullRequestError::NoBase(base.clone()))?;
    for change in asked.changes {
        let there = repository.file(&change.path, &head).await?.unwrap_or_default();
        if there != change.before {
            return Err(PullRequestError::Stale { path: change.path.clone(), base });
        }
    }
    let commit = repository.commit(&head, &message(asked.request), &files(asked.changes)).await?;
    repository.put_branch(&branch, &commit).await?;
    let PullRequest { title, body, labels, .. } = asked.request;
    let opened = match repository.open(title, body, &branch, &base).await {
        Ok(opened) => opened,
        // An answer that got lost: the request was opened all the same.
        Err(fault) if fault.is_conflict() => {
            let all = repository.open_requests(&base).await?;
            all.into_iter().find(|one| one.branch == branch).ok_or(fault)?
        }
        Err(fault) => return Err(fault.into()),
    };
    let mut remarks = Vec::new();
    told(&mut remarks, repository.label(opened.number, labels).await, "not labelled");
    let reviewers = reviewers(repository, &base, &paths).await?;
    if !reviewers.is_empty() {
        told(&mut remarks, repository.ask_reviewers(opened.number, &reviewers).await, "no review asked for");
    }
    Ok((Done::Opened(opened), remarks))
}

/// The owners of the files by the base's CODEOWNERS.
///
/// # Errors
/// [`GitHubError`].
pub async fn reviewers(repository: &Repository<'_>, base: &str, paths: &[String]) -> Result<Vec<String>, GitHubError> {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for place in CODEOWNERS {
        if let Some(text) = repository.file(place, base).await? {
            return Ok(owners(&text, &paths));
        }
    }
    Ok(Vec::new())
}

enum Branch {
    Free(String),
    Open(Open),
    Closed(u64),
}

/// The first name whose requests, if any, were merged.
async fn free_branch(
    repository: &Repository<'_>,
    asked: &Asked<'_>,
    open: &[Open],
) -> Result<Branch, PullRequestError> {
    for number in 1..=NAMES_MAX {
        let first = &asked.request.branch;
        let branch = if number == 1 { first.clone() } else { format!("{first}-{number}") };
        if let Some(found) = open.iter().find(|one| one.branch == branch) {
            return Ok(Branch::Open(found.clone()));
        }
        let closed: Vec<Closed> = repository.closed_requests(&branch).await?;
        match closed.iter().find(|one| !one.merged) {
            Some(declined) if !asked.again => return Ok(Branch::Closed(declined.number)),
            None if closed.is_empty() => return Ok(Branch::Free(branch)),
            Some(_) | None => {}
        }
    }
    Err(PullRequestError::NoName)
}

/// Brings the change into a request that is open, as far as it is not there yet.
async fn update(
    repository: &Repository<'_>,
    asked: &Asked<'_>,
    base: &str,
    open: &Open,
) -> Result<(Done, Vec<String>), PullRequestError> {
    let head = repository.head(&open.branch).await?.ok_or_else(|| PullRequestError::NoBase(open.branch.clone()))?;
    let mut there = BTreeMap::new();
    for change in asked.changes {
        let text = repository.file(&change.path, &head).await?.unwrap_or_default();
        there.insert(change.path.clone(), text);
    }
    let missing = missing(asked, &there).ok_or(PullRequestError::DoesNotFit(open.number))?;
    if !missing.is_empty() {
        let commit = repository.commit(&head, &message(asked.request), &files(&missing)).await?;
        repository.move_branch(&open.branch, &commit, false).await?;
    }
    let request = joined(&open.body, asked.request);
    repository.update(open.number, &request.title, &request.body).await?;
    let mut remarks = Vec::new();
    told(&mut remarks, repository.label(open.number, &request.labels).await, "not labelled");
    let is_new = |path: &String| !is_about(&open.body, std::slice::from_ref(path));
    let new: Vec<String> = asked.changes.iter().map(|change| change.path.clone()).filter(is_new).collect();
    let reviewers = if new.is_empty() { Vec::new() } else { reviewers(repository, base, &new).await? };
    if !reviewers.is_empty() {
        told(&mut remarks, repository.ask_reviewers(open.number, &reviewers).await, "no review asked for");
    }
    Ok((Done::Updated(open.clone()), remarks))
}

/// What is still to be changed on the texts of the open request; `None` where that cannot be told.
fn missing(asked: &Asked<'_>, there: &BTreeMap<String, String>) -> Option<Vec<Change>> {
    let text = |change: &Change| there.get(&change.path);
    if asked.changes.iter().all(|change| text(change) == Some(&change.after)) {
        return Some(Vec::new());
    }
    if asked.changes.iter().all(|change| text(change) == Some(&change.before)) {
        return Some(asked.changes.to_vec());
    }
    (asked.redo)(there)
}

fn files(changes: &[Change]) -> Vec<File> {
    let changed = changes.iter().filter(|change| change.before != change.after);
    changed.map(|change| File { path: change.path.clone(), text: change.after.clone() }).collect()
}

/// The commit's message is the title: what a body quotes of events is not history.
fn message(request: &PullRequest) -> String {
    format!("{}\n", request.title)
}

fn told(remarks: &mut Vec<String>, done: Result<(), GitHubError>, what: &str) {
    if let Err(fault) = done {
        remarks.push(format!("{what}: {fault}"));
    }
}
