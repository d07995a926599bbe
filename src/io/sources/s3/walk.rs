//! A prefix → its wanted log files in the order of their keys.
//!
//! Above the Regions it goes folder by folder, so that unwanted accounts, services and Regions are never entered. A
//! Region's folder is listed flat: its keys are in the order of days, so that the list begins at the first wanted day and
//! is left at the last.

use super::super::archive::{Place, Selection};
use super::super::walk::has_log_ending;
use super::{Asked, ListError, Listing};
use crate::io::aws::bucket::{Bucket, Query};
use crate::io::aws::listing::{Listed, Page};
use crate::io::aws::signed::CallError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tokio::task::JoinHandle;

/// Pages that are asked for ahead of their turn.
const AHEAD: usize = 16;

/// One list that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct List {
    query: Query,
    /// Keys from here on are not wanted; `None` takes all.
    before: Option<String>,
    /// Tokens of the pages so far.
    tokens: BTreeSet<String>,
}

/// What is still to be done.
#[derive(Debug)]
enum Step {
    List(List),
    Object(Listed),
}

/// A page on its way.
#[derive(Debug)]
struct Coming(JoinHandle<Result<Page, CallError>>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
pub(super) struct Walk {
    bucket: Bucket,
    /// What was asked for.
    prefix: String,
    selection: Selection,
    after: String,
    /// The next one last.
    steps: Vec<Step>,
    /// First pages, by prefix.
    ahead: BTreeMap<String, Coming>,
    pub(super) listing: Listing,
    /// Regions' folders are put here, and not listed.
    pub(super) regions: Option<Vec<String>>,
}

impl Walk {
    pub(super) fn new(bucket: Bucket, asked: &Asked) -> Self {
        let (prefix, selection, after) = (asked.prefix.clone(), asked.selection.clone(), asked.after.clone());
        let (ahead, listing) = (BTreeMap::new(), Listing::default());
        let mut walk = Self { bucket, prefix, selection, after, steps: Vec::new(), ahead, listing, regions: None };
        let first = walk.list(&asked.prefix).map(Step::List);
        walk.steps.extend(first);
        walk
    }

    /// How to list what begins so; `None` when nothing of it is wanted.
    fn list(&self, prefix: &str) -> Option<List> {
        let place = Place::of(prefix);
        let is_done = !prefix.is_empty() && self.after.as_str() >= prefix && !self.after.starts_with(prefix);
        if is_done || place.is_foreign() || !self.selection.may_hold(prefix) {
            return None;
        }
        let by_folder = place.is_above_region();
        let (first, before) = match self.region_of(prefix) {
            Some(region) if !by_folder => {
                let (first, before) = self.selection.days();
                let behind = |day: String| format!("{region}{day}");
                (first.map(behind).unwrap_or_default(), before.map(behind))
            }
            _ => (String::new(), None),
        };
        let inside = if self.after.starts_with(prefix) { self.after.as_str() } else { "" };
        let start_after = if inside > first.as_str() { inside.to_owned() } else { first };
        // A list that begins before its prefix begins with it.
        let start_after = if start_after.as_str() <= prefix { String::new() } else { start_after };
        let query = Query { prefix: prefix.to_owned(), start_after, by_folder, token: None };
        Some(List { query, before, tokens: BTreeSet::new() })
    }

    /// The Region's folder that a prefix is, or lies in.
    fn region_of<'p>(&self, prefix: &'p str) -> Option<&'p str> {
        let ends = prefix.match_indices('/').map(|(end, _)| &prefix[..=end]);
        ends.into_iter().find(|folder| Place::of(folder).region.is_some())
    }

    /// The next log files.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<Listed>, ListError>> {
        loop {
            let mut objects = Vec::new();
            while let Some(Step::Object(_)) = self.steps.last() {
                if let Some(Step::Object(object)) = self.steps.pop() {
                    objects.push(object);
                }
            }
            if !objects.is_empty() {
                return Some(Ok(objects));
            }
            self.look_ahead();
            let Some(Step::List(list)) = self.steps.pop() else { return None };
            if let Some(regions) = self.regions.as_mut().filter(|_| !list.query.by_folder) {
                regions.push(list.query.prefix);
                continue;
            }
            let prefix = list.query.prefix.clone();
            let expanded = self.page(&list.query).await.and_then(|page| self.expand(list, page));
            if let Err(source) = expanded {
                return Some(Err(ListError { bucket: self.bucket.name().to_owned(), prefix, source }));
            }
        }
    }

    /// Asks for the first pages of the next lists.
    fn look_ahead(&mut self) {
        for step in self.steps.iter().rev().take(AHEAD) {
            let Step::List(List { query, .. }) = step else { continue };
            let is_kept = self.regions.is_some() && !query.by_folder;
            if query.token.is_none() && !is_kept && !self.ahead.contains_key(&query.prefix) {
                let (bucket, query) = (self.bucket.clone(), query.clone());
                let name = query.prefix.clone();
                self.ahead.insert(name, Coming(tokio::spawn(async move { bucket.list(&query).await })));
            }
        }
    }

    async fn page(&mut self, query: &Query) -> Result<Page, CallError> {
        let ahead = if query.token.is_none() { self.ahead.remove(&query.prefix) } else { None };
        let page = match ahead {
            Some(mut coming) => (&mut coming.0)
                .await
                .unwrap_or_else(|fault| Err(CallError::Request(format!("listing it broke off: {fault}")))),
            None => self.bucket.list(query).await,
        };
        self.listing.requests += u64::from(page.is_ok());
        page
    }

    /// Puts what a page holds in its place, in the order of the keys, and the next page behind it.
    ///
    /// # Errors
    /// The next page was there before: reading on would never end. What this page holds is taken all the same.
    fn expand(&mut self, mut list: List, page: Page) -> Result<(), CallError> {
        let Query { start_after, token, .. } = &list.query;
        let is_bare = page.objects.is_empty() && page.folders.is_empty() && page.next.is_none();
        self.listing.holds_nothing |=
            is_bare && start_after.is_empty() && token.is_none() && list.query.prefix == self.prefix;
        let is_over = |key: &str| list.before.as_deref().is_some_and(|before| key >= before);
        let mut over = false;
        let mut found: Vec<(String, Step)> = Vec::new();
        for object in page.objects {
            over |= is_over(&object.key);
            if !over && self.takes(&object) {
                found.push((object.key.clone(), Step::Object(object)));
            } else {
                self.listing.passed_over += 1;
                self.listing.otherwise_named += u64::from(!over && self.is_otherwise_named(&object));
            }
        }
        for folder in page.folders {
            // A list that gives its own prefix back would never end.
            let deeper = folder.len() > list.query.prefix.len() && folder.starts_with(&list.query.prefix);
            let list = if deeper { self.list(&folder) } else { None };
            found.extend(list.map(|list| (folder, Step::List(list))));
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut repeats = false;
        if let Some(token) = page.next.filter(|_| !over) {
            repeats = !list.tokens.insert(token.clone());
            let query = Query { token: Some(token), ..list.query };
            self.steps.extend((!repeats).then_some(Step::List(List { query, ..list })));
        }
        self.steps.extend(found.into_iter().rev().map(|(_, step)| step));
        let why = "the list repeats itself, so that the rest of it is not known";
        if repeats { Err(CallError::Request(why.to_owned())) } else { Ok(()) }
    }

    /// Whether an object may be a log file but for its name's ending.
    fn is_otherwise_named(&self, object: &Listed) -> bool {
        let is_folder = object.key.ends_with('/');
        let named = Listed { key: format!("{}.json", object.key), ..object.clone() };
        !is_folder && !has_log_ending(Path::new(&object.key)) && self.takes(&named)
    }

    /// Whether an object is a log file that may be wanted.
    fn takes(&self, object: &Listed) -> bool {
        let place = Place::of(&object.key);
        object.size > 0
            && object.key > self.after
            && has_log_ending(Path::new(&object.key))
            && !place.is_foreign()
            && self.selection.may_hold(&object.key)
    }
}
