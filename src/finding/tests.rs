use super::*;
use crate::denial::{Encoded, PolicyType, ReasonKind};
use crate::principal::PrincipalKind;
use proptest::prelude::*;

pub(super) fn denial(event: u8, second: i64, action: u8, resource: u8, session: u8) -> Denial {
    let arn = "arn:aws:iam::111122223333:role/app".to_owned();
    Denial {
        event_id: Some(format!("e{event}")),
        shared_event_id: None,
        event_time: Timestamp::from_second(1_762_900_000 + second * 40_000).ok(),
        account: Some("111122223333".into()),
        region: Some("eu-west-1".into()),
        principal: Principal {
            kind: PrincipalKind::Role,
            path_known: session.is_multiple_of(2),
            arn: Some(arn),
            account: Some("111122223333".into()),
            name: Some("app".into()),
            session: Some(format!("s{session}")),
        },
        operation: Some(format!("s3:Op{action}")),
        actions: vec![format!("s3:A{action}")],
        resources: vec![format!("arn:aws:s3:::b/{resource}")],
        permissions: vec![Permission {
            action: Some(format!("s3:A{action}")),
            resource: Some(format!("arn:aws:s3:::b/{resource}")),
        }],
        reason: Reason {
            kind: ReasonKind::Implicit,
            policy_type: Some(PolicyType::Identity),
            policy_arn: None,
            authorization_id: None,
            encoded: Encoded::Absent,
            special: None,
            cut: false,
        },
        how: How::Message,
        facts: Facts { source_ip: Some(format!("192.0.2.{session}")), ..Facts::default() },
    }
}

pub(super) fn diagnosed() -> Diagnosed {
    Diagnosed {
        diagnosis: Diagnosis {
            cause: Cause::IdentityAllowMissing,
            summary: String::new(),
            evidence: Vec::new(),
            unchecked: Vec::new(),
            doubts: Vec::new(),
        },
        target: Target {
            kind: TargetKind::RolePolicy,
            arn: None,
            name: Some("app".into()),
            account: Some("111122223333".into()),
        },
    }
}

prop_compose! {
    fn findings()(seeds in prop::collection::vec((0_i64..5, 0_u8..3, 0_u8..3, 0_u8..4), 1..12)) -> Vec<Finding> {
        let one = |(at, (second, action, resource, session)): (usize, (i64, u8, u8, u8))| {
            observe(denial(u8::try_from(at).unwrap(), second, action, resource, session), diagnosed()).finding
        };
        seeds.into_iter().enumerate().map(one).collect()
    }
}

pub(super) fn join(parts: impl IntoIterator<Item = Finding>) -> Finding {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap();
    parts.for_each(|part| whole.merge(part));
    whole
}

proptest! {
    #[test]
    fn order_and_grouping_never_show(parts in findings(), cut in 0_usize..12) {
        let forward = join(parts.clone());
        prop_assert_eq!(&forward, &join(parts.clone().into_iter().rev()));
        let cut = 1 + cut % parts.len();
        let (left, right) = parts.split_at(cut);
        let mut grouped = join(left.to_vec());
        if !right.is_empty() {
            grouped.merge(join(right.to_vec()));
        }
        prop_assert_eq!(&forward, &grouped);
        prop_assert_eq!(forward.count, parts.len() as u64);
        prop_assert_eq!(forward.days.values().sum::<u64>(), parts.len() as u64);
        prop_assert!(forward.items.values().all(|item| item.events.len() <= EVENTS_KEPT));
    }
}

proptest! {
    #[test]
    fn copies_and_allowed_calls_fold_in_any_order_any_number_of_times(
        parts in findings(), picks in prop::collection::vec((0_usize..12, 0_i64..40), 0..40), seed in any::<u64>()
    ) {
        let key = |finding: &Finding| finding.items.keys().next().unwrap().clone();
        let extra = |(at, second): &(usize, i64)| {
            let one = &parts[at % parts.len()];
            let when = Timestamp::from_second(1_762_900_000 + second).unwrap();
            let seen = match second % 5 {
                0 => return one.clone().uncounted(),
                1 => Sightings { used: BTreeMap::from([(format!("a:{at}"), when)]), ..Sightings::default() },
                2 => Sightings { looked: BTreeMap::from([(key(one), (Source::Log, when))]), ..Sightings::default() },
                3 => Sightings { more: BTreeSet::from([key(one)]), ..Sightings::default() },
                _ => {
                    let passes = BTreeSet::from([Pass::new(when, &format!("{at}"))]);
                    Sightings { allowed: BTreeMap::from([(key(one), passes)]), ..Sightings::default() }
                }
            };
            one.sighted(seen).unwrap().finding
        };
        let extras: Vec<Finding> = picks.iter().map(extra).collect();
        let once = join(parts.iter().chain(&extras).cloned());
        let mut shuffled: Vec<Finding> = parts.iter().chain(&extras).chain(&extras).cloned().collect();
        shuffled.sort_by_cached_key(|part| digest(&[&format!("{seed}{part:?}")]));
        let shuffled = join(shuffled);
        prop_assert_eq!(&once, &shuffled);
        prop_assert_eq!(once.count, parts.len() as u64);
        prop_assert!(once.items.values().all(|item| item.allowed.len() <= ALLOWED_KEPT));
    }
}

#[test]
fn the_id_is_the_principals_and_the_places_not_the_paths() {
    let one = observe(denial(1, 0, 0, 0, 0), diagnosed()).finding.id;
    let mut with_path = denial(2, 9, 1, 1, 1);
    with_path.principal.arn = Some("arn:aws:iam::111122223333:role/team/app".into());
    assert_eq!(one, observe(with_path, diagnosed()).finding.id);
    let mut elsewhere = diagnosed();
    elsewhere.target.kind = TargetKind::PermissionsBoundary;
    assert_ne!(one, observe(denial(1, 0, 0, 0, 0), elsewhere).finding.id);
    assert!(one.len() == 12 && one.starts_with("D-"), "{one}");
}

#[test]
fn a_copy_counts_once() {
    let seen = |event: u8, shared: Option<&str>| {
        let mut one = denial(event, 0, 0, 0, 0);
        one.shared_event_id = shared.map(str::to_owned);
        observe(one, diagnosed())
    };
    let folded = fold([seen(1, None), seen(1, None), seen(2, Some("s")), seen(3, Some("s")), seen(4, None)]);
    assert_eq!(folded.iter().map(|finding| finding.count).collect::<Vec<_>>(), [3]);
    let shared = || [seen(2, Some("s")), seen(3, Some("s"))];
    assert_eq!(fold(shared()), fold(shared().into_iter().rev()));
}

#[test]
fn the_ledger_gets_back_what_it_was_given() {
    let finding = observe(denial(1, 3, 0, 0, 0), diagnosed()).finding;
    let text = serde_json::to_string(&finding).unwrap();
    assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding);
}

#[test]
fn a_denial_of_which_nothing_is_known_is_still_one_item() {
    let mut bare = denial(1, 0, 0, 0, 0);
    bare.permissions.clear();
    let finding = observe(bare, diagnosed()).finding;
    assert_eq!(finding.items.len(), 1);
    assert!(finding.items.keys().all(|key| key.action.is_empty() && key.resource.is_empty()));
}
