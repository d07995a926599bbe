//! One file after another → its plain bytes, in buffers that are used again. Files that are asked for in a row are read and
//! unpacked some at a time, see [`super::pair`].

use super::files::Limits;
use super::gzip;
use super::huge::WHOLE;
use super::likely::{Likely, told};
use super::many::room::{Place, Room};
use super::many::share;
use super::pair::{Member, Pair};
use super::raw::{KEPT, Raw, shed};
use super::salvage::{salvage, used};
use super::state::State;
use super::unpack::Unpacker;
use super::walk::{STDIN, problem};
use crate::record::Problem;
use std::fs::{File, Metadata};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Files that are read at a time at most, by each of one or two threads.
const FILES: usize = 8;
/// Bytes of such a file, as it lies there, of one or two threads.
const LARGE: u64 = 1 << 20;
/// Bytes up to which a third file and further ones are added: of all of them, as they lie there.
const SOME: u64 = 128 << 10;
/// The same of what they unpack to.
const PLAIN: usize = 2 << 20;

/// Bytes that a file may take with what it unpacks to, where others read what is larger.
pub(super) const TOGETHER: u64 = WHOLE + (4 << 20);

/// Reads and unpacks.
pub(crate) struct Reader {
    limit: u64,
    /// What is larger is not salvaged: others read it in parts.
    leaves_huge: bool,
    unpacker: Unpacker,
    /// `None` where it is not worth it to read ahead.
    pair: Option<Pair>,
    /// There is one at least, for what was not read ahead.
    slots: Vec<Slot>,
    /// Those that were read ahead and not asked for yet.
    ahead: Range<usize>,
    /// Files that are read at a time, and bytes that they unpack to if they are more than two.
    files: usize,
    most: usize,
    /// See [`LARGE`].
    large: u64,
    /// Bytes of a buffer that is not given back.
    kept: usize,
    /// What it may hold, where others read, too.
    place: Option<Place>,
    /// What these unpack to, one behind the other; what else stands there is of no meaning.
    sheet: Vec<u8>,
    /// What others unpack to.
    plain: Vec<u8>,
}

/// Room for a file.
#[derive(Default)]
struct Slot {
    raw: Raw,
    /// Of one that was read ahead: which it is, in which state it was found, and how reading it ended.
    path: PathBuf,
    found: Option<State>,
    end: Option<Result<Ended, Problem>>,
    /// Where what it unpacks to stands in the sheet, and how long it is; `None` where that was not done, or could not be.
    place: usize,
    made: Option<usize>,
}

/// How reading a file ended.
struct Ended {
    /// Why that was not its end.
    end: Result<(), String>,
    /// Another one than was found was read.
    is_changed: bool,
}

/// A file that could be opened and read, in whole or in part.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    /// Plain bytes; of a file that ends early the whole records.
    pub(crate) bytes: &'a [u8],
    /// Bytes as they lay there.
    pub(crate) bytes_read: u64,
    /// Bytes after unpacking, those of half records included.
    pub(crate) unpacked: u64,
    /// Why it was not read to its end, or is not to be relied on.
    pub(crate) fault: Option<Problem>,
    /// It is too large to stand in memory; nothing of it is here.
    pub(crate) is_huge: bool,
}

impl Loaded<'_> {
    fn huge() -> Self {
        Self { bytes: b"", bytes_read: 0, unpacked: 0, fault: None, is_huge: true }
    }
}

impl Reader {
    pub(crate) fn new(limits: Limits) -> Self {
        let (unpacker, slots) = (Unpacker::new(), vec![Slot::default()]);
        let (leaves_huge, pair, files, most, large) = (false, Pair::new(), FILES, PLAIN, LARGE);
        Self {
            limit: limits.file,
            leaves_huge,
            unpacker,
            pair,
            slots,
            ahead: 0..0,
            files,
            most,
            large,
            kept: KEPT,
            place: None,
            sheet: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// Reads what may stand in memory as a whole, and tells of what may not.
    pub(crate) fn whole(limits: Limits) -> Self {
        let file = limits.file.min(WHOLE);
        Self { leaves_huge: limits.file > WHOLE, ..Self::new(Limits { file }) }
    }

    /// Is one of those that share a room: more than two read no more ahead than two.
    pub(super) fn among(self, room: &Room) -> Self {
        let threads = room.threads();
        let (files, most) = (share(FILES as u64, threads).max(2) as usize, share(PLAIN as u64, threads) as usize);
        Self { files, most, large: share(LARGE, threads), kept: room.own() as usize / 2, ..self }
    }

    /// Begins with a job, which holds no more than it may.
    pub(super) fn begin(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Ends the job; returns what the thread keeps of what it held.
    pub(super) fn end(&mut self) -> u64 {
        self.ahead = 0..0;
        let (place, has) = (self.place.take(), self.has());
        let shed = || {
            self.shed();
            self.has()
        };
        place.map_or(0, |place| place.end(has, shed))
    }

    /// Bytes of its buffers.
    fn has(&self) -> u64 {
        let raw = self.slots.iter().map(|slot| slot.raw.capacity()).sum::<usize>();
        (self.sheet.capacity() + self.plain.capacity() + raw) as u64
    }

    /// Waits until it may hold so many bytes.
    pub(super) fn hold(&self, bytes: u64) {
        if let Some(place) = &self.place {
            place.hold(bytes);
        }
    }

    /// Gives back the memory of large files: what follows needs it otherwise.
    pub(super) fn shed(&mut self) {
        self.shed_but(None);
    }

    /// The same, but for that of one slot.
    fn shed_but(&mut self, is_used: Option<usize>) {
        shed(&mut self.plain, self.kept);
        if self.ahead.is_empty() {
            shed(&mut self.sheet, self.kept);
        }
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if !self.ahead.contains(&at) && is_used != Some(at) {
                slot.raw.shed(self.kept);
            }
        }
    }

    /// Unpacks bytes that came from elsewhere, as if they were a file's.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Loaded<'_>, Problem> {
        self.stream(name, bytes, bytes.len() as u64)
    }

    /// Reads what can be read but once, as far as it may stand in memory: of what is larger [`Self::begun`] is there, and the
    /// rest still to be read.
    pub(super) fn once(&mut self, name: &str, from: impl Read) -> Result<Loaded<'_>, Problem> {
        self.stream(name, from, 0)
    }

    /// What was read of that, as it came.
    pub(super) fn begun(&self) -> &[u8] {
        self.slots[0].raw.bytes()
    }

    /// Reads some of the files that are asked for next, in this order, where that is worth it.
    pub(super) fn read_ahead<'f>(&mut self, files: impl IntoIterator<Item = (&'f Path, State)>) {
        let mut files = files.into_iter().take_while(|(_, found)| found.size <= self.large).peekable();
        let is_next = |slot: &Slot| slot.is_of(files.peek());
        if self.pair.is_none() || self.slots[self.ahead.clone()].first().is_some_and(is_next) {
            return;
        }
        let (mut read, mut bytes) = (0, 0);
        for (path, found) in files {
            bytes += found.size;
            if read == self.files || read >= 2 && bytes > SOME {
                break;
            }
            if self.slots.len() == read {
                self.slots.push(Slot::default());
            }
            if let Some(place) = &self.place {
                self.slots[read].fit(found.size, (place.own(), self.kept));
            }
            self.slots[read].read_ahead(path, found, (self.limit, self.large));
            read += 1;
        }
        self.ahead = 0..read;
        if read > 1 {
            self.unpack_ahead();
        }
    }

    /// Unpacks what was read ahead, where there is room for it.
    fn unpack_ahead(&mut self) {
        let (slots, mut rooms, mut end) = (&mut self.slots[self.ahead.clone()], [None; FILES], 0);
        for (at, (slot, room)) in slots.iter_mut().zip(&mut rooms).enumerate() {
            *room = slot.room(self.limit).filter(|room| at < 2 || end + room <= self.most);
            slot.place = end;
            end += room.unwrap_or(0);
        }
        if end == 0 || !self.may_unpack_ahead(end) {
            return;
        }
        let slots = &mut self.slots[self.ahead.clone()];
        if self.sheet.len() < end {
            self.sheet.reserve_exact(end - self.sheet.len());
            self.sheet.resize(end, 0);
        }
        let mut rest = self.sheet.as_mut_slice();
        let members = slots.iter_mut().zip(rooms).filter_map(|(slot, room)| {
            let (plain, behind) = std::mem::take(&mut rest).split_at_mut(room.unwrap_or(0));
            rest = behind;
            room.map(|_| Member { raw: slot.raw.bytes_and_more(), plain, made: &mut slot.made })
        });
        if let Some(pair) = &mut self.pair {
            pair.unpack(members);
        }
    }

    /// Whether it may hold so many bytes that files unpack to, beside what it has.
    fn may_unpack_ahead(&mut self, bytes: usize) -> bool {
        let more = |reader: &Self| reader.has() + bytes.saturating_sub(reader.sheet.capacity()) as u64;
        let all = more(self);
        let Some(place) = &self.place else { return true };
        if place.is_fair(all) {
            return place.may_hold(all);
        }
        self.shed();
        let all = more(self);
        self.place.as_ref().is_none_or(|place| place.may_hold(all))
    }

    /// Waits until it may hold a file in a slot, beside what it has. What is of no use now is given back if that is much.
    fn ask(&mut self, slot: usize, file: Likely) {
        let more = |reader: &Self| {
            let raw = file.raw.saturating_sub(reader.slots[slot].raw.capacity() as u64);
            let plain = file.plain.saturating_sub(reader.plain.capacity() as u64);
            reader.has().saturating_add(raw).saturating_add(plain)
        };
        let all = more(self);
        let Some(place) = &self.place else { return };
        if place.is_fair(all) {
            return place.hold(all);
        }
        self.shed_but(Some(slot));
        let all = more(self);
        self.hold(all);
    }

    /// Reads a file, or stdin for `-`. `found` is the state in which it was found.
    pub(super) fn load(&mut self, path: &Path, found: Option<State>) -> Result<Loaded<'_>, Problem> {
        let name = path.to_string_lossy();
        if path == Path::new(STDIN) {
            return self.stream(&name, std::io::stdin().lock(), 0);
        }
        if let Some(at) = self.ahead.next()
            && self.slots[at].is_of(found.map(|found| (path, found)).as_ref())
            && let Some(ended) = self.slots[at].end.take()
        {
            return self.unpack(&name, at, ended?);
        }
        self.ahead = 0..0;
        let mut file = opened(path)?;
        if let (Some(place), Some(found)) = (&self.place, found) {
            let own = place.own();
            self.slots[0].fit(found.size, (own, self.kept));
            if found.size > own {
                // Before it is read: else all who wait would hold what they have read.
                self.ask(0, Likely::of(&mut file, found.size, self.limit));
            }
        }
        let ended = self.slots[0].read(file, (path, found), self.limit)?;
        self.unpack(&name, 0, ended)
    }

    fn stream(&mut self, name: &str, from: impl Read, size: u64) -> Result<Loaded<'_>, Problem> {
        self.ahead = 0..0;
        let end = self.slots[0].fill(Path::new(name), from, size, self.limit)?;
        self.unpack(name, 0, Ended { end, is_changed: false })
    }

    /// What a slot's file unpacks to, if that was not done yet.
    fn unpack(&mut self, name: &str, at: usize, ended: Ended) -> Result<Loaded<'_>, Problem> {
        let slot = &mut self.slots[at];
        let (mut end, read) = (ended.end, slot.raw.bytes().len());
        let changed = ended.is_changed.then(|| changed(name));
        if let Some(made) = slot.made.take() {
            let (bytes_read, unpacked) = (read as u64, made as u64);
            return Ok(Loaded {
                bytes: &self.sheet[slot.place..][..made],
                bytes_read,
                unpacked,
                fault: changed,
                is_huge: false,
            });
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let raw = &slot.raw.bytes()[..read.min(limit)];
        self.plain.clear();
        let plain = if gzip::is_gzip(raw) { told(raw) } else { 0 };
        let is_huge = read > limit || plain > self.limit || read as u64 + plain > TOGETHER;
        if self.leaves_huge && is_huge {
            return Ok(Loaded::huge());
        }
        let (bytes_read, is_packed) = (read as u64, Unpacker::is_packed(name, raw));
        if !is_packed && end.is_ok() && read <= limit {
            let bytes = self.slots[at].raw.bytes();
            return Ok(Loaded { bytes, bytes_read, unpacked: bytes_read, fault: changed, is_huge: false });
        }
        if is_packed {
            // What could be read is unpacked in either case.
            end = end.and(self.unpack_one(name, at, read.min(limit)));
            if self.leaves_huge && end.is_err() && self.plain.len() >= limit {
                return Ok(Loaded::huge());
            }
        } else {
            let more = Likely { raw: bytes_read, plain: bytes_read };
            self.ask(at, more);
            self.plain.extend_from_slice(&self.slots[at].raw.bytes()[..read.min(limit)]);
        }
        if self.place.is_some() {
            // Others wait for it, perhaps.
            self.slots[at].raw.shed(self.kept);
        }
        // Named first: a file that is not read to its end seems cut, too.
        if read > limit {
            end = Err(format!("it is larger than {limit} bytes"));
        }
        let unpacked = self.plain.len() as u64;
        let Err(error) = end else {
            return Ok(Loaded { bytes: &self.plain, bytes_read, unpacked, fault: changed, is_huge: false });
        };
        salvage(&mut self.plain);
        let used = used(!self.plain.is_empty());
        let fault = Some(Problem { input: name.to_owned(), error: format!("{error}; {used}") });
        Ok(Loaded { bytes: &self.plain, bytes_read, unpacked, fault, is_huge: false })
    }

    /// Unpacks so many bytes of a slot as far as there is a place for it: what is packed otherwise than it seemed is known
    /// once it was tried.
    fn unpack_one(&mut self, name: &str, at: usize, read: usize) -> Result<(), String> {
        if let Some(place) = &self.place {
            let likely = Likely::of_bytes(&self.slots[at].raw.bytes()[..read], self.limit);
            let limit = likely.plain.max(place.own()).min(self.limit);
            self.ask(at, likely);
            let packed = &self.slots[at].raw.bytes()[..read];
            let unpacked = self.unpacker.unpack((name, packed), limit, &mut self.plain);
            if unpacked.is_ok() || limit == self.limit || (self.plain.len() as u64) < limit {
                return unpacked;
            }
            self.plain.clear();
            self.ask(at, Likely { plain: self.limit, ..likely });
        }
        let packed = &self.slots[at].raw.bytes()[..read];
        self.unpacker.unpack((name, packed), self.limit, &mut self.plain)
    }
}

impl Slot {
    /// Reads a file, and sees whether it is the one that was found.
    fn read(&mut self, mut file: File, (path, found): (&Path, Option<State>), limit: u64) -> Result<Ended, Problem> {
        let failed = |error: std::io::Error| problem(path, &error);
        let size =
            found.map_or_else(|| file.metadata().map(|now| now.len()), |found| Ok(found.size)).map_err(failed)?;
        let end = self.fill(path, &mut file, size, limit)?;
        let is_same = |now: Metadata| match (found, State::of(&now)) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        Ok(Ended { end, is_changed: !file.metadata().map(is_same).unwrap_or(true) })
    }

    /// Reads what comes: an error where that is nothing.
    fn fill(&mut self, path: &Path, from: impl Read, size: u64, limit: u64) -> Result<Result<(), String>, Problem> {
        self.made = None;
        match self.raw.fill(from, size, limit) {
            Err(error) if self.raw.bytes().is_empty() => Err(problem(path, &error)),
            end => Ok(end.map_err(|error| format!("it cannot be read to its end: {error}"))),
        }
    }

    fn read_ahead(&mut self, path: &Path, found: State, (limit, large): (u64, u64)) {
        self.path.clear();
        self.path.push(path);
        self.found = Some(found);
        let read = opened(path).and_then(|file| self.read(file, (path, Some(found)), limit.min(large)));
        // One that has grown is read again when it is its turn.
        let is_left = self.raw.bytes().len() as u64 > large;
        self.end = (!is_left).then_some(read);
    }

    /// Gives back a buffer that is much larger than the file that comes next.
    fn fit(&mut self, size: u64, (own, kept): (u64, usize)) {
        if self.raw.capacity() as u64 > size.saturating_add(own) {
            self.raw.shed(kept);
        }
    }

    /// Whether it is this file, in this state, that was read ahead.
    fn is_of(&self, file: Option<&(&Path, State)>) -> bool {
        file.is_some_and(|(path, found)| self.path == *path && self.found == Some(*found))
    }

    /// Bytes that it takes to unpack it with others: `None` where it was not read to its end, or it, or what it tells of itself,
    /// is too large.
    fn room(&self, limit: u64) -> Option<usize> {
        let is_read = self.end.as_ref()?.as_ref().is_ok_and(|ended| ended.end.is_ok());
        let raw = self.raw.bytes();
        (is_read && told(raw).max(raw.len() as u64) <= limit).then(|| Pair::room(self.raw.bytes_and_more()))?
    }
}

fn opened(path: &Path) -> Result<File, Problem> {
    #[allow(clippy::disallowed_methods)] // this is the source that reads files
    File::open(path).map_err(|error| problem(path, &error))
}

/// A file that is another one after it was read.
pub(super) fn changed(name: &str) -> Problem {
    let error = "it changed while it was read: scan it again when nobody writes it".to_owned();
    Problem { input: name.to_owned(), error }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
