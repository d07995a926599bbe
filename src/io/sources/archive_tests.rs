use super::*;
use proptest::prelude::*;

const DAY: &str = "logs/AWSLogs/o-a1b2/111122223333/CloudTrail/eu-west-1/2026/11/28/";
const NAME: &str = "111122223333_CloudTrail_eu-west-1_20261128T1015Z_Xy.json.gz";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_path_tells_place_and_time() {
    let key = format!("{DAY}{NAME}");
    let log = Place::of(&key);
    assert_eq!((log.account, log.service, log.region), (Some("111122223333"), Some("CloudTrail"), Some("eu-west-1")));
    assert_eq!(log.delivered, Some((at("2026-11-28T10:15:00Z"), at("2026-11-28T10:15:00Z"))));
    assert!(log.is_log() && !log.is_foreign());
    assert_eq!(Place::of(DAY).delivered, Some((at("2026-11-28T00:00:00Z"), at("2026-11-28T23:59:59Z"))));
    let month = DAY.trim_end_matches("28/");
    assert_eq!(Place::of(month).delivered, Some((at("2026-11-01T00:00:00Z"), at("2026-11-30T23:59:59Z"))));
    let year = month.trim_end_matches("11/");
    assert_eq!(Place::of(year).delivered, Some((at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:59Z"))));
    // A name alone, as in a folder that somebody flattened.
    assert!(Place::of(NAME).is_log());
    // A folder above that is called the same.
    assert_eq!(Place::of(&format!("AWSLogs/x/{DAY}")).account, Some("111122223333"));
}

#[test]
fn half_a_name_tells_nothing() {
    for path in
        ["", "/", "AWSLogs", "AWSLogs/1111", "AWSLogs/1111/", "a/111122223333/CloudTrail/eu-west-1/", "AWSLogs/o-a/"]
    {
        let place = Place::of(path);
        assert_eq!((place.account, place.region, place.delivered), (None, None, None), "{path}");
    }
    assert_eq!(Place::of("AWSLogs/111122223333/CloudTrail/eu-west").region, None);
    assert_eq!(Place::of("AWSLogs/111122223333/CloudTrail/eu-west-1/2026").delivered, None);
    assert_eq!(Place::of("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/13/").delivered, None);
}

#[track_caller]
fn log(name: &str, expect: bool) {
    assert_eq!(Place::of(name).is_log(), expect, "{name}");
}

#[test]
fn logs_and_what_lies_beside_them() {
    let folder = "AWSLogs/111122223333/";
    log(&format!("{folder}CloudTrail/eu-west-1/2026/11/28/{NAME}"), true);
    let network = "111122223333_CloudTrail-NetworkActivity_eu-west-1_20261128T1015Z_Xy.json.gz";
    log(&format!("{folder}CloudTrail-NetworkActivity/eu-west-1/2026/11/28/{network}"), true);
    let digest = "111122223333_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20261128T101512Z.json.gz";
    log(&format!("{folder}CloudTrail-Digest/eu-west-1/2026/11/28/{digest}"), false);
    log(&format!("{folder}CloudTrail/eu-west-1/2026/11/28/"), false);
    log(&format!("{folder}CloudTrail/eu-west-1/2026/11/28/other.json.gz"), false);
    log(&format!("{folder}elasticloadbalancing/eu-west-1/2026/11/28/x.log.gz"), false);
    assert!(Place::of(&format!("{folder}vpcflowlogs/")).is_foreign());
    assert!(!Place::of("somebody/vpcflowlogs/").is_foreign());
}

#[test]
fn only_what_cannot_be_wanted_is_left_out() {
    let selection = Selection {
        since: Some(at("2026-11-20T00:05:00Z")),
        until: Some(at("2026-11-21T12:00:00Z")),
        accounts: ["111122223333".to_owned()].into(),
        regions: ["eu-west-1".to_owned()].into(),
    };
    let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
    for (path, expect) in [
        ("", true),
        ("AWSLogs/", true),
        ("AWSLogs/o-a/", true),
        ("AWSLogs/444455556666/", false),
        ("AWSLogs/111122223333/CloudTrail-Digest/", false),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/", false),
        (region, true),
        (&format!("{region}2025/"), false),
        (&format!("{region}2026/"), true),
        (&format!("{region}2026/10/"), false),
        (&format!("{region}2026/11/"), true),
        // Its last ten minutes may hold an event of the first second.
        (&format!("{region}2026/11/19/"), true),
        (&format!("{region}2026/11/18/"), false),
        // What was delivered late.
        (&format!("{region}2026/11/22/"), true),
        (&format!("{region}2026/11/23/"), false),
        ("111122223333_CloudTrail_eu-west-1_20261119T2350Z_a.json.gz", false),
        ("111122223333_CloudTrail_eu-west-1_20261119T2355Z_a.json.gz", true),
        ("111122223333_CloudTrail_eu-west-1_20261122T1155Z_a.json.gz", true),
        ("111122223333_CloudTrail_eu-west-1_20261122T1200Z_a.json.gz", false),
        ("exported.json", true),
    ] {
        assert_eq!(selection.may_hold(path), expect, "{path}");
    }
    assert_eq!(selection.days(), (Some("2026/11/19".into()), Some("2026/11/23".into())));
}

#[test]
fn events_are_taken_one_by_one() {
    let selection = Selection {
        since: Some(at("2026-11-20T00:00:00Z")),
        until: Some(at("2026-11-21T00:00:00Z")),
        accounts: ["111122223333".to_owned()].into(),
        regions: ["eu-west-1".to_owned()].into(),
    };
    let good = Record {
        event_time: Some(at("2026-11-20T00:00:00Z")),
        recipient_account: Some("111122223333".into()),
        region: Some("eu-west-1".into()),
        ..Record::default()
    };
    assert!(selection.takes(&good) && Selection::default().takes(&Record::default()));
    let late = Some(at("2026-11-21T00:00:00Z"));
    for other in [
        Record { event_time: late, ..good.clone() },
        Record { event_time: None, ..good.clone() },
        Record { recipient_account: Some("444455556666".into()), ..good.clone() },
        Record { recipient_account: None, ..good.clone() },
        Record { region: None, ..good.clone() },
    ] {
        assert!(!selection.takes(&other), "{other:?}");
    }
}

proptest! {
    /// A file's folders are never left out while the file is wanted.
    #[test]
    fn what_is_wanted_is_reached(day in 0_i64..800, minute in 0_i64..1_440, from in 0_i64..800, length in 0_i64..40) {
        let start = at("2025-01-01T00:00:00Z");
        let plus = |days: i64, minutes: i64| start.checked_add((days * 24).hours().minutes(minutes)).unwrap();
        let when = plus(day, minute).to_zoned(TimeZone::UTC);
        let selection = Selection { since: Some(plus(from, 0)), until: Some(plus(from + length, 1)), ..Selection::default() };
        let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
        let key = format!("{region}{}111122223333_CloudTrail_eu-west-1_{}_a.json.gz",
            when.strftime("%Y/%m/%d/"), when.strftime("%Y%m%dT%H%MZ"));
        let folders = key.match_indices('/').map(|(end, _)| &key[..=end]);
        if selection.may_hold(&key) {
            prop_assert!(folders.into_iter().all(|folder| selection.may_hold(folder)), "{}", key);
            let (after, before) = selection.days();
            prop_assert!(key > format!("{region}{}", after.unwrap()) && key < format!("{region}{}", before.unwrap()), "{}", key);
        }
    }

    #[test]
    fn any_path_is_survived(path in "[AWSLogs/0-9CloudTrail_euTZ.-]{0,80}") {
        prop_assert!(!Place::of(&path).is_log() || Selection::default().may_hold(&path));
    }
}
