use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn table() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, first BLOB NOT NULL UNIQUE, body BLOB NOT NULL)")
        .unwrap();
    connection
}

const TABLE: Table = table!("t");

fn push(batch: &mut Batch, (key, value): &(Vec<u8>, Vec<u8>)) {
    batch.push(key, |out| out.extend_from_slice(value));
}

/// All that is in it, as it is gone through.
fn all(packed: &Packed<'_>) -> Map {
    let mut all = Map::new();
    packed
        .remove(|key, value| {
            assert!(all.last_key_value().is_none_or(|(last, _)| last.as_slice() < key), "out of order: {key:?}");
            all.insert(key.to_vec(), value.to_vec());
            Ok(false)
        })
        .unwrap();
    all
}

/// Bytes of each row, by key.
fn rows(connection: &Connection) -> Vec<i64> {
    let mut query = connection.prepare("SELECT length(first) + length(body) FROM t ORDER BY first").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    /// A value replaces one that is less.
    Put(Vec<(Vec<u8>, Vec<u8>)>),
    Get(Vec<Vec<u8>>),
    /// Takes away the entries whose value begins so.
    Remove(u8),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let folder = prop::sample::select(vec!["", "a/", "a-b/", "logs/2026/11/10/", "logs/2026/11/1"]);
    let long = (0_usize..3000, any::<bool>()).prop_map(|(long, is_long)| if is_long && long > 2900 { long } else { 0 });
    let name = prop::collection::vec(prop::sample::select(vec![0, b'a', b'b', b'/', 0xff]), 0..6);
    (folder, long, name).prop_map(|(folder, long, name)| [folder.as_bytes(), &b"x".repeat(long), &name].concat())
}

fn step() -> impl Strategy<Value = Step> {
    let value = (0_u8..4, 0_usize..300).prop_map(|(first, long)| [vec![first], vec![b'v'; long]].concat());
    prop_oneof![
        4 => prop::collection::vec((key(), value), 0..80).prop_map(Step::Put),
        2 => prop::collection::vec(key(), 0..40).prop_map(Step::Get),
        1 => (0_u8..4).prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn it_answers_as_a_map_does(steps in prop::collection::vec(step(), 1..25)) {
        let (connection, mut map) = (table(), Map::new());
        let packed = Packed::of(&connection, &TABLE);
        for step in steps {
            match step {
                Step::Put(mut entries) => {
                    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                    let told = packed.put(&entries, push, |old, new| old < new).unwrap();
                    let mut put = |(key, value): &(Vec<u8>, Vec<u8>)| {
                        let is_new = map.get(key).is_none_or(|old| old < value);
                        if is_new {
                            map.insert(key.clone(), value.clone());
                        }
                        is_new
                    };
                    prop_assert_eq!(told, entries.iter().map(&mut put).collect::<Vec<_>>());
                }
                Step::Get(mut keys) => {
                    keys.sort();
                    let mut found = vec![None; keys.len()];
                    packed.get(keys.iter().map(Vec::as_slice), |place, value| {
                        found[place] = Some(value.to_vec());
                        Ok(())
                    }).unwrap();
                    prop_assert_eq!(found, keys.iter().map(|key| map.get(key).cloned()).collect::<Vec<_>>());
                }
                Step::Remove(first) => {
                    packed.remove(|_, value| Ok(value.first() == Some(&first))).unwrap();
                    map.retain(|_, value| value.first() != Some(&first));
                }
            }
            prop_assert_eq!(packed.is_empty().unwrap(), map.is_empty());
        }
        prop_assert_eq!(all(&packed), map);
    }
}

/// So many names as an archive has them.
fn names(count: u32) -> Vec<Vec<u8>> {
    let name = |n: u32| {
        let mixed = n.wrapping_mul(2_654_435_761);
        format!("/archive/AWSLogs/{}/CloudTrail/{n:07}_{mixed:010}.json.gz", n / 300).into_bytes()
    };
    (0..count).map(name).collect()
}

fn put(packed: &Packed<'_>, names: &[Vec<u8>]) {
    let push = |batch: &mut Batch, name: &Vec<u8>| batch.push(name, |out| out.extend_from_slice(&[7; 40]));
    let told = packed.put(names, push, |_, _| false).unwrap();
    assert!(told.iter().all(|is_new| *is_new));
}

/// However entries come in, rows are of a page at most and half of one on the whole: neither do many small ones gather, nor does
/// an entry more cost more as the table grows.
#[test]
fn rows_are_pages_however_entries_come() {
    #[track_caller]
    fn check(how: &str, at_once: usize, filled: i64, order: impl Fn(&mut Vec<Vec<u8>>)) {
        let connection = table();
        let mut names = names(6_000);
        order(&mut names);
        for some in names.chunks(at_once) {
            let mut some = some.to_vec();
            some.sort();
            put(&Packed::of(&connection, &TABLE), &some);
        }
        let rows = rows(&connection);
        let all: i64 = rows.iter().sum();
        assert!(rows.iter().all(|bytes| *bytes <= 4_040), "{how}: {rows:?}");
        assert!(all > rows.len() as i64 * 4_040 * filled / 100, "{how}: {all} bytes in {} rows", rows.len());
    }
    check("as a scan finds them", 4_000, 90, |names| names.sort());
    check("in order, a few at a time", 3, 48, |names| names.sort());
    check("against the order, one at a time", 1, 48, |names| names.reverse());
    check("all over the place", 1, 60, |names| {
        names.sort_by_key(|name| name.iter().rev().copied().collect::<Vec<u8>>())
    });
    check("all over the place, many at a time", 500, 60, |names| {
        names.sort_by_key(|name| name.iter().rev().copied().collect::<Vec<u8>>());
    });
}

#[test]
fn a_broken_row_is_told() {
    let connection = table();
    put(&Packed::of(&connection, &TABLE), &names(10));
    connection.execute_batch("UPDATE t SET body = x'05'").unwrap();
    let packed = Packed::of(&connection, &TABLE);
    let told = packed.get([&b"/archive"[..]], |_, _| Ok(())).unwrap_err().to_string();
    assert!(told.contains("a row of what was read is broken"), "{told}");
    assert!(packed.put(&[(b"/b".to_vec(), Vec::new())], push, |_, _| false).is_err());
    // Whoever takes something away goes on without it.
    put_one(&connection, b"/z");
    packed.remove(|key, _| Ok(key == b"/b")).unwrap();
    assert_eq!(all(&packed).into_keys().collect::<Vec<_>>(), [b"/z"]);
}

/// A row of one entry.
fn put_one(connection: &Connection, key: &[u8]) {
    let mut body = Body::of(key, 0);
    body.push(key, b"v");
    connection.execute("INSERT INTO t (first, body) VALUES (?1, ?2)", params![key, body.bytes]).unwrap();
}

/// A row begins with an entry of its own, but for the one before all others: no key that was taken away stands there.
#[test]
fn no_row_begins_with_what_is_gone() {
    let connection = table();
    let packed = Packed::of(&connection, &TABLE);
    let is_third = |key: &[u8]| key[key.len() - 9].is_multiple_of(3);
    let mut names = names(6_000);
    names.sort();
    put(&packed, &names);
    for step in 0..3 {
        let mut query = connection.prepare("SELECT first, body FROM t WHERE first > x''").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (first, body) in rows.map(Result::<(Vec<u8>, Vec<u8>), _>::unwrap) {
            let mut entries = Entries::of(&first, &body);
            entries.next().unwrap();
            assert_eq!(entries.key, first, "{step}");
            assert!(step == 0 || !is_third(&first), "{step}");
        }
        packed.remove(|key, _| Ok(is_third(key))).unwrap();
    }
}
