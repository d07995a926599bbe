//! Which operations a small log file names, in few bits: by them most small files of an archive need no second look.

use crate::change;
use crate::io::stores::Object;
use crate::record;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Bytes of a small file. Larger ones name so many operations that it tells nothing.
const SMALL: usize = 64 << 10;
/// Files remembered; of more nothing is known.
const FILES: usize = 1 << 18;
/// The bit of the changes of policies, which are sought in any case.
const CHANGES: u128 = 1 << 127;

/// Operations, each a bit that others may share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations(u128);

impl Operations {
    /// Adds one, without its service.
    pub fn add(&mut self, name: &[u8]) {
        self.0 |= if change::KINDS.iter().any(|kind| kind.name.as_bytes() == name) {
            CHANGES
        } else {
            1 << (FixedState::default().hash_one(name) % 127)
        };
    }

    /// Whether both may name the same one.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those that a small file names; `None` where that is not certain.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let named = std::cell::Cell::new(Self::default());
        let unclear = record::sift_calls(Some(bytes).filter(|bytes| bytes.len() <= SMALL)?, |one| {
            let mut all = named.get();
            all.add(one.operation);
            named.set(all);
            false
        })?;
        unclear.is_empty().then(|| named.get())
    }
}

/// The operations that files name, by a hash of the file's key.
#[derive(Debug, Default)]
pub(super) struct Named {
    files: Vec<(u64, [u64; 2])>,
    is_sorted: bool,
}

impl Named {
    pub(super) fn add(&mut self, object: &Object, operations: Option<Operations>) {
        if let Some(Operations(bits)) = operations.filter(|_| self.files.len() < FILES) {
            #[expect(clippy::cast_possible_truncation, reason = "its two halves")]
            self.files.push((hash_of(object), [bits as u64, (bits >> 64) as u64]));
            self.is_sorted = false;
        }
    }

    /// Makes ready for [`Named::may_name`].
    pub(super) fn sort(&mut self) {
        self.files.sort_unstable();
        // Of two files under one hash each may be meant.
        self.files.dedup_by(|(hash, bits), (kept, all)| {
            let is_same = hash == kept;
            if is_same {
                *all = [all[0] | bits[0], all[1] | bits[1]];
            }
            is_same
        });
        self.is_sorted = true;
    }

    /// Whether a file may name one of these operations.
    pub(super) fn may_name(&self, object: &Object, operations: Operations) -> bool {
        let found =
            self.files.binary_search_by_key(&hash_of(object), |(hash, _)| *hash).ok().filter(|_| self.is_sorted);
        found.is_none_or(|at| {
            let (_, [low, high]) = self.files[at];
            Operations(u128::from(low) | u128::from(high) << 64).meets(operations)
        })
    }
}

fn hash_of(object: &Object) -> u64 {
    FixedState::default().hash_one(&object.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(names: &[&str]) -> String {
        let event = |name: &&str| format!(r#"{{"eventVersion":"1.08","userIdentity":{{}},"eventName":"{name}"}}"#);
        format!(r#"{{"Records":[{}]}}"#, names.iter().map(event).collect::<Vec<_>>().join(","))
    }

    fn of(names: &[&str]) -> Operations {
        let mut all = Operations::default();
        names.iter().for_each(|name| all.add(name.as_bytes()));
        all
    }

    #[test]
    fn a_small_file_is_known_by_its_operations() {
        let file = Operations::of(log(&["GetObject", "PutRolePolicy"]).as_bytes()).unwrap();
        assert!(
            file.meets(of(&["GetObject"])) && file.meets(of(&["DeleteRolePolicy"])) && !file.meets(of(&["Decrypt"]))
        );
        assert_eq!(Operations::of(log(&["\\u0047etObject"]).as_bytes()), None);
        assert_eq!(Operations::of(b"{\"eventName\":\"GetObject\"}"), None);
        assert_eq!(Operations::of(log(&["GetObject"; 2_000]).as_bytes()), None, "too large");
    }

    #[test]
    fn of_what_is_not_known_anything_may_be_named() {
        let object = |key: &str| Object { key: key.to_owned(), mark: String::new() };
        let mut named = Named::default();
        named.add(&object("a"), Some(of(&["GetObject"])));
        named.add(&object("b"), None);
        named.add(&object("a"), Some(of(&["Decrypt"])));
        named.sort();
        let names = |key: &str, name: &str| named.may_name(&object(key), of(&[name]));
        assert!(names("a", "GetObject") && names("a", "Decrypt") && !names("a", "PutObject"));
        assert!(names("b", "PutObject") && names("c", "PutObject"));
    }
}
