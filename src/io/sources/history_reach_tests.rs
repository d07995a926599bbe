use super::*;
use crate::io::doubles::{Reply, Server};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn known(spans: &[(i64, i64)]) -> Known {
    let mut known = Known::of(None, "111122223333", "eu-west-1", at(0));
    for (from, to) in spans {
        known.add(("111122223333", "eu-west-1"), (at(*from), at(*to)), 1, 0, at(1));
    }
    known
}

#[track_caller]
fn gaps(spans: &[(i64, i64)], of: (i64, i64), expect: &[(i64, i64)]) {
    let found = known(spans).gaps((at(of.0), at(of.1)));
    let expect: Vec<Span> = expect.iter().map(|(from, to)| (at(*from), at(*to))).collect();
    assert_eq!(found, expect, "{spans:?}");
}

#[test]
fn what_was_read_is_not_read_again() {
    gaps(&[], (0, 100), &[(0, 100)]);
    gaps(&[(0, 100)], (0, 100), &[]);
    gaps(&[(40, 60)], (0, 100), &[(60, 100), (0, 40)]);
    gaps(&[(10, 20), (30, 40)], (0, 35), &[(20, 30), (0, 10)]);
    gaps(&[(10, 20), (20, 30)], (0, 100), &[(30, 100), (0, 10)]);
    gaps(&[(200, 300)], (0, 100), &[(0, 100)]);
    gaps(&[(0, 10)], (50, 100), &[(50, 100)]);
    gaps(&[(0, 60)], (50, 100), &[(60, 100)]);
    gaps(&[(90, 200)], (50, 100), &[(50, 90)]);
    gaps(&[], (5, 5), &[]);
}

#[test]
fn periods_that_touch_become_one_and_add_up() {
    let known = known(&[(10, 20), (30, 40), (20, 30), (50, 60)]);
    let places = &known.run().places;
    assert_eq!(places.len(), 2);
    assert_eq!((places[0].first, places[0].last, places[0].records), (Some(at(10)), Some(at(40)), 3));
    assert_eq!((known.run().records, known.run().input.as_str()), (4, "Event history of 111122223333 in eu-west-1"));
}

proptest! {
    /// Whatever is read in whatever order: each second of the period is in a gap or was read, and never both.
    #[test]
    fn gaps_and_what_was_read_are_the_whole(
        spans in proptest::collection::vec((0_i64..60, 0_i64..60), 0..6), since in 0_i64..60, length in 0_i64..60,
    ) {
        let spans: Vec<(i64, i64)> = spans.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
        let found = known(&spans).gaps((at(since), at(since + length)));
        let seconds = |(from, to): (i64, i64)| from..to;
        let read: BTreeSet<i64> = spans.iter().flat_map(|span| seconds(*span)).collect();
        let mut open = Vec::new();
        for (from, to) in &found {
            open.extend(seconds((from.as_second(), to.as_second())));
        }
        let expect: BTreeSet<i64> = seconds((since, since + length)).filter(|second| !read.contains(second)).collect();
        prop_assert_eq!(open.len(), expect.len());
        prop_assert_eq!(open.into_iter().collect::<BTreeSet<i64>>(), expect);
        prop_assert!(found.windows(2).all(|two| two[0].0 >= two[1].1), "latest first");
    }
}

#[test]
fn aws_keeps_ninety_days() {
    let now = at(DAYS * 86_400 + 1_000);
    assert_eq!(within_reach(None, None, now), ((at(1_000), now), false));
    assert_eq!(within_reach(Some(at(-3_000)), Some(at(500)), now), ((at(1_000), at(1_000)), true));
    // `--since 90d` was reckoned a little before.
    assert_eq!(within_reach(Some(at(0)), None, now), ((at(1_000), now), false));
    assert_eq!(within_reach(Some(at(2_000)), Some(at(i64::from(u32::MAX))), now), ((at(2_000), now), false));
}

#[tokio::test]
async fn whose_history_it_is() {
    let server = Server::start(|_, _| {
        Reply::new(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>",
        )
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    assert_eq!(account(&aws).await.as_deref(), Some("111122223333"));
    let server = Server::start(|_, _| Reply::new(403, "no"));
    assert_eq!(account(&Aws::from_config(crate::io::aws::tests::config(&server.url()))).await, None);
}
