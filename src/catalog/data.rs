//! The committed file, unpacked once and borrowed ever after; `generate/generate.py` writes it.

use flate2::{Decompress, FlushDecompress};
use std::cmp::Ordering;

/// One service: where its actions and resource types stand in the flat tables.
#[derive(Debug)]
pub(super) struct Service {
    pub prefix: &'static str,
    pub rcp: bool,
    pub first_action: usize,
    pub actions: usize,
    pub first_type: usize,
    pub types: usize,
}

/// A resource type of a service, by its data name and ARN pattern (`${Name}` variables).
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub name: &'static str,
    pub arn: &'static str,
}

/// Lines of `key` TAB `cells`, sorted by key; a key may stand in several lines.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<(&'static str, &'static str)>);

/// Numbered lists of small numbers.
#[derive(Debug, Default)]
pub(super) struct Lists {
    bytes: &'static [u8],
    starts: Vec<u32>,
}

/// All tables; empty ones if the file could not be read, which a test excludes.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub meta: &'static str,
    pub services: Vec<Service>,
    pub names: &'static str,
    pub starts: Vec<u32>,
    pub levels: &'static [u8],
    pub types_of: &'static [u8],
    pub keys_of: &'static [u8],
    pub kinds: Vec<Kind>,
    pub kind_keys: &'static [u8],
    pub type_lists: Lists,
    pub key_lists: Lists,
    pub keys: Vec<&'static str>,
    /// The keys that hold a variable, such as `aws:RequestTag/${TagKey}`.
    pub open_keys: Vec<&'static str>,
    pub hosts: Table,
    pub operations: Table,
    pub forms: Table,
    pub dependents: Table,
    pub passrole: Table,
    pub companions: Table,
    pub risks: Table,
    pub global_keys: Table,
    pub gateway: Table,
    pub together: Table,
}

impl Table {
    fn new(text: &'static str) -> Self {
        Self(text.lines().map(|line| line.split_once('\t').unwrap_or((line, ""))).collect())
    }

    /// The cells of the first line with this key.
    pub fn get(&self, key: &str) -> Option<&'static str> {
        self.all(key).next()
    }

    /// The first line whose key is these parts put together; saves the putting together.
    pub fn joined<const N: usize>(&self, parts: [&str; N]) -> Option<(&'static str, &'static str)> {
        self.all_joined(parts).next()
    }

    /// Every line whose key is these parts put together.
    pub fn all_joined<'t, const N: usize>(
        &'t self,
        parts: [&'t str; N],
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        let from = self.0.partition_point(|(key, _)| order(key, &parts).is_lt());
        self.0[from..].iter().copied().take_while(move |(key, _)| order(key, &parts).is_eq())
    }

    /// The cells of every line with this key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &'static str> {
        let from = self.0.partition_point(|(k, _)| *k < key);
        self.0[from..].iter().take_while(move |(k, _)| *k == key).map(|(_, cells)| *cells)
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(key, _)| *key)
    }
}

/// How a text compares with these parts put together.
fn order(text: &str, parts: &[&str]) -> Ordering {
    let mut rest = text.as_bytes();
    for part in parts.iter().map(|part| part.as_bytes()) {
        let (head, tail) = rest.split_at(part.len().min(rest.len()));
        match head.cmp(part) {
            Ordering::Equal => rest = tail,
            other => return other,
        }
    }
    if rest.is_empty() { Ordering::Equal } else { Ordering::Greater }
}

impl Lists {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        let count = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        let (mut starts, mut at) = (Vec::new(), 4);
        for _ in 0..count {
            starts.push(at as u32);
            at += 2 + 2 * u16_at(bytes, at)? as usize;
        }
        Some(Self { bytes, starts })
    }

    /// The numbers of one list; none if there is no such list.
    pub fn get(&self, number: usize) -> impl Iterator<Item = usize> {
        let bytes = self.bytes;
        let at = self.starts.get(number).map(|at| *at as usize);
        let count = at.and_then(|at| u16_at(bytes, at)).unwrap_or(0) as usize;
        let from = at.unwrap_or(0) + 2;
        (0..count).filter_map(move |i| u16_at(bytes, from + 2 * i)).map(usize::from)
    }
}

/// The little-endian number at a byte.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The n-th number of a flat table.
pub(super) fn nth(bytes: &[u8], n: usize) -> usize {
    u16_at(bytes, 2 * n).unwrap_or(0).into()
}

impl Data {
    /// The file that is compiled in.
    pub fn embedded() -> Self {
        Self::read(include_bytes!("data/catalog.bin")).unwrap_or_default()
    }

    fn read(file: &[u8]) -> Option<Self> {
        let size = u32::from_le_bytes(file.get(..4)?.try_into().ok()?) as usize;
        let mut raw = Vec::with_capacity(size);
        Decompress::new(true).decompress_vec(&file[4..], &mut raw, FlushDecompress::Finish).ok()?;
        let mut sections = Sections::new(raw.leak())?;
        let meta = sections.text()?;
        let (service_lines, counts) = (sections.text()?, sections.bytes()?);
        let (lens, names, levels) = (sections.bytes()?, sections.text()?, sections.bytes()?);
        let mut data = Self {
            meta,
            services: services(service_lines, counts),
            names,
            starts: starts(lens),
            levels,
            types_of: sections.bytes()?,
            keys_of: sections.bytes()?,
            kinds: kinds(sections.text()?),
            kind_keys: sections.bytes()?,
            type_lists: Lists::new(sections.bytes()?)?,
            key_lists: Lists::new(sections.bytes()?)?,
            open_keys: Vec::new(),
            keys: sections.text()?.lines().collect(),
            hosts: sections.table()?,
            operations: sections.table()?,
            forms: sections.table()?,
            dependents: sections.table()?,
            passrole: sections.table()?,
            companions: sections.table()?,
            risks: sections.table()?,
            global_keys: sections.table()?,
            gateway: sections.table()?,
            together: sections.table()?,
        };
        data.open_keys = data.keys.iter().copied().filter(|key| key.contains(['$', '<'])).collect();
        Some(data)
    }

    /// The place of a service by its exact prefix.
    pub fn service(&self, prefix: &str) -> Option<usize> {
        self.services.binary_search_by(|s| s.prefix.cmp(prefix)).ok()
    }

    /// An action's name by its place in the flat table.
    pub fn name(&self, at: usize) -> &'static str {
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(from), Some(to)) => self.names.get(*from as usize..*to as usize).unwrap_or(""),
            _ => "",
        }
    }
}

fn services(lines: &'static str, counts: &[u8]) -> Vec<Service> {
    let (mut first_action, mut first_type) = (0, 0);
    let line = |(at, line): (usize, &'static str)| {
        let (prefix, flags) = line.split_once('\t').unwrap_or((line, ""));
        let (actions, types) = (nth(counts, 2 * at), nth(counts, 2 * at + 1));
        let service = Service { prefix, rcp: flags == "rcp", first_action, actions, first_type, types };
        first_action += actions;
        first_type += types;
        service
    };
    lines.lines().enumerate().map(line).collect()
}

fn starts(lens: &[u8]) -> Vec<u32> {
    let mut at = 0;
    let mut out = Vec::with_capacity(lens.len() + 1);
    out.push(0);
    for len in lens {
        at += u32::from(*len);
        out.push(at);
    }
    out
}

fn kinds(lines: &'static str) -> Vec<Kind> {
    lines.lines().filter_map(|line| line.split_once('\t')).map(|(name, arn)| Kind { name, arn }).collect()
}

/// The parts of the unpacked file, in order.
struct Sections {
    lens: &'static [u8],
    rest: &'static [u8],
}

impl Sections {
    fn new(raw: &'static [u8]) -> Option<Self> {
        let count = u32::from_le_bytes(raw.get(..4)?.try_into().ok()?) as usize;
        let (lens, rest) = raw.get(4..)?.split_at_checked(4 * count)?;
        Some(Self { lens, rest })
    }

    fn bytes(&mut self) -> Option<&'static [u8]> {
        let (len, lens) = self.lens.split_at_checked(4)?;
        let (part, rest) = self.rest.split_at_checked(u32::from_le_bytes(len.try_into().ok()?) as usize)?;
        (self.lens, self.rest) = (lens, rest);
        Some(part)
    }

    fn text(&mut self) -> Option<&'static str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn table(&mut self) -> Option<Table> {
        self.text().map(Table::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_sorted_and_small() {
        let data = Data::embedded();
        for table in [&data.hosts, &data.operations, &data.forms, &data.risks, &data.companions, &data.gateway] {
            assert!(table.0.len() > 50 && table.0.is_sorted_by_key(|(key, _)| *key));
        }
        assert!(include_bytes!("data/catalog.bin").len() <= 300 * 1024);
    }

    #[test]
    fn parts_compare_as_the_text_that_they_make() {
        let texts = ["", "a", "a:", "a:b", "a:bc", "ab", "b:"];
        for text in texts {
            for whole in texts {
                for at in 0..=whole.len() {
                    let (one, two) = whole.split_at(at);
                    assert_eq!(order(text, &[one, "", two]), text.cmp(whole), "{text} {one} {two}");
                }
            }
        }
    }

    #[test]
    fn a_cut_or_changed_file_is_refused() {
        let file = include_bytes!("data/catalog.bin");
        assert!(Data::read(&file[..3]).is_none());
        assert!(Data::read(&file[..file.len() / 2]).is_none());
    }
}
