use super::*;
use crate::denial::{Given, from_record};
use crate::diagnosis::diagnose;
use crate::finding::observe;
use crate::record;
use std::path::Path;

fn key() -> HashKey {
    HashKey(Some([7; 32]))
}

#[test]
fn a_key_reads_back_and_prints_nowhere() {
    let key = HashKey::random().unwrap();
    assert_eq!(HashKey::from_hex(&key.to_hex()).unwrap().0, key.0);
    assert_ne!(HashKey::random().unwrap().0, key.0);
    assert_eq!(format!("{key:?}"), "***");
    for broken in ["", "00", &"g".repeat(64), &"0".repeat(66), "é"] {
        assert!(HashKey::from_hex(broken).is_none(), "{broken}");
    }
}

#[test]
fn one_text_has_one_hash_under_one_key() {
    let hash = |key: &HashKey, kind: &str| key.hash(kind, "jane").unwrap();
    assert_eq!(hash(&key(), "session"), hash(&key(), "session"));
    assert_ne!(hash(&key(), "session"), hash(&HashKey(Some([8; 32])), "session"));
    assert_ne!(hash(&key(), "session")[8..], hash(&key(), "address")[8..]);
    // HMAC-SHA256 by another program: `printf 'session\0jane' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07`.
    assert_eq!(hash(&key(), "session"), "session-e7fbabfa9840");
}

#[test]
fn a_session_is_masked_in_its_arn_alone() {
    let check = |text: &str, expect: &str| assert_eq!(mask_arns(text, "app", "X"), expect, "{text}");
    check("User: arn:aws:sts::1:assumed-role/app/app is not", "User: arn:aws:sts::1:assumed-role/app/X is not");
    check("arn:aws:sts::1:federated-user/app", "arn:aws:sts::1:federated-user/X");
    check("\"arn:aws:sts::1:assumed-role/r/app\", and app", "\"arn:aws:sts::1:assumed-role/r/X\", and app");
    check("arn:aws:iam::1:role/app on app", "arn:aws:iam::1:role/app on app");
    check("assumed-role/r/other assumed-role/r/app", "assumed-role/r/other assumed-role/r/X");
    check("assumed-role/r", "assumed-role/r");
}

#[test]
fn an_address_is_a_word() {
    let check = |text: &str, expect: &str| assert_eq!(replace_word(text, "10.0.0.1", "X"), expect, "{text}");
    check("from 10.0.0.1.", "from X.");
    check("10.0.0.1 10.0.0.11 110.0.0.1", "X 10.0.0.11 110.0.0.1");
    check("(10.0.0.1)", "(X)");
}

/// Over the events of a whole trail: neither is found any more, and what a patch rests on is untouched.
#[test]
fn no_session_or_address_is_left_of_a_trail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trail");
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session, Hashed::SourceIp]), ..Keep::default() };
    let (mut sessions, mut addresses) = (0, 0);
    crate::io::sources::files::each(&[folder], Default::default(), |name, bytes| {
        for record in record::read(bytes, name).0 {
            let Some(denial) = from_record(&record, &Given::default(), crate::catalog::Catalog::embedded()) else {
                continue;
            };
            let diagnosed = diagnose(&denial);
            let before = observe(denial, diagnosed);
            let mut after = before.clone();
            keep.mask(&mut after, &key());
            assert_eq!(before.finding.items.keys().collect::<Vec<_>>(), after.finding.items.keys().collect::<Vec<_>>());
            let mut told = serde_json::to_value(&after.finding).unwrap();
            // A resource may be anybody's name; it is what the patch is about.
            told["items"].as_array_mut().unwrap().iter_mut().for_each(|item| item[0] = "".into());
            let told = told.to_string();
            let who = &before.finding.principal;
            if let Some(session) = who.session.clone().filter(|text| text.len() > 8 && Some(text) != who.name.as_ref())
            {
                assert!(
                    !told.contains(&format!("/{session} is")) && !told.contains(&format!(":{session}\"")),
                    "{told}"
                );
                sessions += 1;
            }
            for address in before.finding.items.values().filter_map(|item| item.facts.source_ip.clone()) {
                if address.parse::<IpAddr>().is_ok() {
                    assert!(!told.contains(&address), "{address}: {told}");
                    addresses += 1;
                }
            }
        }
    });
    assert!(sessions > 50 && addresses > 50, "{sessions} {addresses}");
}
