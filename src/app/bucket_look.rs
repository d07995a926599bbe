//! The second look at buckets: at what was fetched and kept, and, where an earlier scan was ended before its own, at what
//! that one had read: such an object is fetched once more if it can tell.

use super::around::{Around, Seeker};
use super::bucket::{Asked, LOW};
use super::kept::Kept;
use super::looking::{Looking, ReadNow};
use super::outcome::Stats;
use super::progress::{Looked, Progress, Step, Watcher};
use super::scan::Scan;
use super::second::Parts;
use crate::catalog::Catalog;
use crate::io::aws::Aws;
use crate::io::aws::listing::Listed;
use crate::io::aws::signed::CallError;
use crate::io::sources::archive::Selection;
use crate::io::sources::files::Limits;
use crate::io::sources::many::{self, Came, Desk as _, Size, Sort};
use crate::io::sources::reader::Reader;
use crate::io::sources::s3::{self, Archive};
use crate::io::stores::{LedgerError, Object};
use crate::record::Problem;
use std::cell::RefCell;

/// Looks a second time at what this scan fetched, and at what an earlier one left without a second look.
pub(super) async fn look(
    scan: &mut Scan<'_>,
    aws: &Aws,
    asked: &Asked,
    watcher: Watcher<'_>,
) -> Result<(), LedgerError> {
    if scan.is_over() || !scan.looks_twice {
        return Ok(());
    }
    let mut parts = Parts::default();
    let Some(mut around) = scan.around(&mut parts)? else { return Ok(()) };
    let (kept, mut read_now) = (std::mem::take(&mut scan.kept), std::mem::take(&mut scan.read_now));
    read_now.sort();
    let (owed, input) = (scan.debt.as_ref().and_then(|debt| debt.inherited.clone()), scan.input.clone());
    let (stats, catalog) = (scan.stats, scan.world.catalog);
    loop {
        let mut looking = scan.looking(&around, &mut parts);
        let mut look = Look::new(&around, &mut looking, catalog, stats, &mut *watcher);
        look.looked.all = owed.is_none().then(|| kept.size());
        look.kept(&kept, &input);
        if let Some(owed) = &owed {
            look.owed(aws, asked, owed, &read_now, kept.size()).await?;
        }
        let told = looking.end();
        scan.note_looked(told, &around, &mut parts)?;
        match scan.around(&mut parts)? {
            Some(next) => around = next,
            None => return Ok(()),
        }
    }
}

/// The look, and who watches it.
struct Look<'l, 's, 'w> {
    looking: &'l mut Looking<'s>,
    seeker: Seeker<'l>,
    reader: Reader,
    stats: Stats,
    looked: Looked,
    watcher: Watcher<'w>,
    is_over: bool,
}

impl<'l, 's, 'w> Look<'l, 's, 'w> {
    fn new(
        around: &'l Around,
        looking: &'l mut Looking<'s>,
        catalog: &'static Catalog,
        stats: Stats,
        watcher: Watcher<'w>,
    ) -> Self {
        let (seeker, reader) = (Seeker::new(around, catalog), Reader::whole(Limits::default()));
        Self { looking, seeker, reader, stats, looked: Looked::default(), watcher, is_over: false }
    }

    fn pass(&mut self, passed: Size) {
        self.looked.passed.files += passed.files;
        self.looked.passed.bytes += passed.bytes;
        (self.watcher)(&Progress { stats: &self.stats, step: Step::SecondLook(self.looked), under_way: 0 });
    }

    /// Looks into an object; false when the look is over.
    fn seek(&mut self, key: &str, came: Came<'_>) -> bool {
        let (seeker, looking) = (&mut self.seeker, &mut *self.looking);
        let (make, limits) = (&mut |name: &str, text: &[u8], _: Sort| seeker.seek(name, text), Limits::default());
        let ahead = &mut |seen| looking.take_ahead(seen);
        // What could not be read was told at the first look.
        let read = many::came(&mut self.reader, limits, (key, came, Sort::File), make, ahead);
        let seen = read.ok().and_then(|(_, seen)| seen).unwrap_or_default();
        let bytes = came.length();
        self.looked.bytes_read += bytes;
        self.pass(Size { files: 1, bytes });
        self.is_over = !self.looking.found(seen);
        !self.is_over
    }

    /// At what was kept.
    fn kept(&mut self, kept: &Kept, input: &str) {
        let look = RefCell::new(&mut *self);
        let wants = |key: &str, bytes: u64| {
            let mut look = look.borrow_mut();
            let is_wanted = look.looking.wants(&Object { key: key.to_owned(), mark: String::new() });
            if !is_wanted {
                look.pass(Size { files: 1, bytes });
            }
            is_wanted
        };
        let looked = kept.each(wants, |key, came| look.borrow_mut().seek(key, came));
        if let Err(fault) = looked {
            self.fail(input.to_owned(), format!("the second look broke off: {fault}"), true);
        }
    }

    /// What may be there another time leaves the look owed.
    fn fail(&mut self, input: String, error: String, is_partial: bool) {
        self.looking.fail(Problem { input, error }, is_partial);
    }

    /// At what earlier scans read and left without a second look; what was read now is none of it.
    async fn owed(
        &mut self,
        aws: &Aws,
        asked: &Asked,
        part: &Selection,
        read_now: &ReadNow,
        kept: Size,
    ) -> Result<(), LedgerError> {
        let mut listed = kept;
        for (at, place) in asked.places.iter().enumerate() {
            let mut archive = Archive::new(aws.signed(), &asked.source(place, part), s3::Limits::default());
            let mut is_listed = false;
            while !self.is_over {
                while !is_listed && !self.is_ended() && archive.waiting() < LOW {
                    is_listed = !self.list(&mut archive, &place.0, read_now, &mut listed).await?;
                }
                if is_listed && at + 1 == asked.places.len() {
                    self.looked.all = Some(listed);
                }
                if self.is_ended() {
                    return Ok(());
                }
                let Some(object) = archive.next().await else { break };
                self.fetched(&place.0, object);
            }
        }
        Ok(())
    }

    /// Whether it was ended, by [`crate::app::scan::Options::stop`] too.
    fn is_ended(&mut self) -> bool {
        self.is_over |= self.looking.is_broken_off();
        self.is_over
    }

    /// Takes in one more part of the list; false when there is none.
    async fn list(
        &mut self,
        archive: &mut Archive,
        bucket: &str,
        read_now: &ReadNow,
        listed: &mut Size,
    ) -> Result<bool, LedgerError> {
        let objects = match archive.listed().await {
            None => return Ok(false),
            Some(Ok(objects)) => objects,
            Some(Err(error)) => {
                self.fail(format!("s3://{}/{}", error.bucket, error.prefix), error.source.to_string(), true);
                return Ok(true);
            }
        };
        let names: Vec<Object> = objects.iter().map(|listed| named(bucket, listed)).collect();
        // What nobody has read yet is left to the next scan's first look.
        let known = self.looking.ledger.known_objects(&names)?;
        let (mut wanted, mut passed) = (Vec::new(), Size::default());
        for ((object, name), known) in objects.into_iter().zip(&names).zip(known) {
            if known.is_none() || read_now.has(name) {
                continue;
            }
            listed.files += 1;
            listed.bytes += object.size;
            if self.looking.wants(name) {
                wanted.push(object);
            } else {
                passed.files += 1;
                passed.bytes += object.size;
            }
        }
        archive.want(wanted);
        self.pass(passed);
        Ok(true)
    }

    fn fetched(&mut self, bucket: &str, object: s3::Object) {
        let key = named(bucket, &object.listed).key;
        match object.content {
            Ok(content) => drop(self.seek(&key, content.came())),
            Err(error) => {
                self.pass(Size { files: 1, bytes: object.listed.size });
                let problem = Problem { input: key, error: error.to_string() };
                match is_gone(&error) {
                    true => self.looking.fail(problem, false),
                    false => self.looking.refused(problem),
                }
            }
        }
    }
}

/// What an object is known by.
pub(super) fn named(bucket: &str, listed: &Listed) -> Object {
    Object { key: format!("s3://{bucket}/{}", listed.key), mark: listed.etag.clone() }
}

/// What is not there is not there later. What is only in an archive (`InvalidObjectState`) may be restored.
fn is_gone(error: &CallError) -> bool {
    let gone = ["NoSuchKey", "NoSuchBucket"];
    matches!(error, CallError::Service { code, .. } if gone.contains(&code.as_str()))
}
