//! Changes of policies.

use super::*;
use crate::change::{Change, KEPT};

pub(super) fn change(id: &str, when: &str, target: &str) -> Change {
    let by = Principal {
        kind: PrincipalKind::Role,
        arn: Some("arn:aws:iam::111122223333:role/deploy".into()),
        account: Some("111122223333".into()),
        name: Some("deploy".into()),
        session: Some("jane".into()),
        ..Principal::unknown()
    };
    Change {
        at: at(when),
        event_id: id.into(),
        source: "iam.amazonaws.com".into(),
        name: "PutRolePolicy".into(),
        account: Some("111122223333".into()),
        by,
        via: None,
        what: "role app".into(),
        policy: Some("p".into()),
        targets: BTreeSet::from([target.to_owned()]),
        document: Some("{}".into()),
    }
}

pub(super) fn ids(ledger: &dyn Ledger, targets: &[&str]) -> Vec<String> {
    let targets = targets.iter().map(|&target| target.to_owned()).collect();
    ledger.changes(&targets).unwrap().into_iter().map(|change| change.event_id).collect()
}

pub(super) const APP: &str = "iam:111122223333:role/app";

#[test]
fn changes_are_kept_by_what_they_touched_each_once() {
    on_each(|ledger| {
        let mut both = change("2", WED, APP);
        both.targets.insert("resource:arn:aws:s3:::b".into());
        let batch = [change("1", TUE, APP), both, change("3", FRI, "iam:111122223333:role/other")];
        ledger.note_changes(&batch, at(NOW)).unwrap();
        ledger.note_changes(&batch, at(NOW)).unwrap();
        assert_eq!(ids(ledger, &[APP, "resource:arn:aws:s3:::b"]), ["1", "2"]);
        assert_eq!(ids(ledger, &["resource:arn:aws:s3:::b"]), ["2"]);
        assert_eq!(ids(ledger, &["iam:111122223333:role/nobody"]), [""; 0]);
        assert_eq!(ledger.changes(&BTreeSet::from([APP.to_owned()])).unwrap().first(), Some(&batch[0]));
    });
}

#[test]
fn of_a_target_the_latest_changes_stay_whatever_their_order() {
    let second = |n: i64| Timestamp::from_second(at(TUE).as_second() + n).unwrap().to_string();
    let many: Vec<Change> = (0..KEPT as i64 + 5).map(|n| change(&n.to_string(), &second(n), APP)).collect();
    on_each(|ledger| {
        let (late, early) = many.split_at(20);
        ledger.note_changes(early, at(NOW)).unwrap();
        ledger.note_changes(late, at(NOW)).unwrap();
        let kept: Vec<String> = many[5..].iter().map(|change| change.event_id.clone()).collect();
        assert_eq!(ids(ledger, &[APP]), kept);
    });
}

#[test]
fn changes_are_forgotten_with_their_time_and_with_their_principal() {
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session]), ..Keep::days(30, 30) };
    let later = at(NOW) + jiff::SignedDuration::from_hours(24 * 28);
    on_each_keeping(&keep, |ledger| {
        let old = change("0", "2026-10-01T10:00:00Z", APP);
        ledger.note_changes(&[old, change("1", TUE, APP), change("2", FRI, APP)], at(NOW)).unwrap();
        assert_eq!(ids(ledger, &[APP]), ["1", "2"], "older ones are left out");
        let kept = ledger.changes(&BTreeSet::from([APP.to_owned()])).unwrap();
        assert!(kept.iter().all(|change| change.by.session.as_deref().is_some_and(|one| one.starts_with("session-"))));
        assert_eq!(ledger.expire(later).unwrap().changes, 1);
        assert_eq!(ids(ledger, &[APP]), ["2"]);
        // Whoever was changed is forgotten, and whoever changed it.
        assert_eq!(ledger.purge("arn:aws:iam::111122223333:role/path/app").unwrap().changes, 1);
        assert_eq!(ids(ledger, &[APP]), [""; 0]);
        ledger.note_changes(&[change("3", FRI, APP)], at(NOW)).unwrap();
        assert_eq!(ledger.purge("arn:aws:iam::444455556666:role/app").unwrap().changes, 0);
        assert_eq!(ledger.purge("deploy").unwrap().changes, 1);
    });
}
