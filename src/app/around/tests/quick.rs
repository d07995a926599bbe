//! The quick way through a file, held against reading every record of it.

use super::*;

/// An event of role 1 that may be a call of its, and what of it is written otherwise than CloudTrail writes it.
fn hostile(id: usize, minute: i64, what: u64, turn: usize) -> String {
    let event = event(id, (minute, 1, what, 3)).to_string();
    let (from, to) = TURNS[turn];
    assert!(from.is_empty() || event.contains(from), "{from} {event}");
    event.replacen(from, to, 1)
}

const TURNS: [(&str, &str); 26] = [
    ("", ""),
    (r#""eventName""#, r#""event\u004eame""#),
    (r#""eventName""#, r#""event_name""#),
    (r#""SendMessage""#, r#""Send\u004dessage""#),
    (r#""SendMessage""#, r#""GetQueueUrl""#),
    (r#""eventName":"SendMessage""#, r#""eventName":"GetQueueUrl","eventName":"SendMessage""#),
    (r#""eventName":"SendMessage""#, r#""eventName":"SendMessage","event_name":"GetQueueUrl""#),
    (r#""requestParameters":{"#, r#""requestParameters":{"x":{"eventName":"SendMessage","errorCode":"AccessDenied"},"#),
    (r#""eventName":"SendMessage""#, r#""eventName":"GetQueueUrl","requestParameters":{"eventName":"SendMessage"}"#),
    (r#""eventName""#, r#""errorCode":"AccessDenied","eventName""#),
    (r#""eventName""#, r#""errorCode":null,"eventName""#),
    (r#""eventName""#, r#""error_code":"Throttling","eventName""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role/team/role-1""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role/role-2""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role\/role-1""#),
    (r#""sessionIssuer""#, r#""SessionIssuer""#),
    (r#""sessionIssuer":{"#, r#""sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/role-2","#),
    (r#""type":"AssumedRole""#, r#""type":"assumedrole""#),
    (r#""eventTime""#, r#""userIdentity":{"type":"Root"},"eventTime""#),
    (r#"111122223333/q"#, r#"111122223333\/q"#),
    (r#"111122223333/q"#, r#"111122223333/\u0071"#),
    (
        r#""requestParameters":{"queueUrl""#,
        r#""resources":[{"ARN":"arn:aws:sqs:eu-west-1:111122223333:queue-1"}],"requestParameters":{"a""#,
    ),
    (r#""eu-west-1""#, r#""eu-west-2""#),
    (r#""eventTime":""#, r#""eventTime":" "#),
    (
        r#"{"eventVersion":"1.08""#,
        r#"{"cloudTrailEvent":"{\"eventName\":\"SendMessage\",\"eventSource\":\"sqs.amazonaws.com\"}","eventVersion":"1.08""#,
    ),
    (r#""recipientAccountId":"111122223333""#, r#""recipientAccountId":111122223333"#),
];

/// What a file shows that is sifted, and one that is read.
#[track_caller]
fn check_quick(around: &Around, records: &[String]) -> String {
    let sifted = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let read = format!("[{}]", records.join(","));
    assert!(
        record::sift_calls(sifted.as_bytes(), |_| true).is_some()
            && record::sift_calls(read.as_bytes(), |_| true).is_none()
    );
    let told = |text: &str| {
        // Of the two one may come to a file with something worked out before.
        let mut seeker = Seeker::new(around, Catalog::embedded());
        let mut seek = || {
            let mut seen = seeker.seek("x", text.as_bytes());
            seen.changes.sort();
            format!("{seen:?}")
        };
        let first = seek();
        assert_eq!(seek(), first);
        first
    };
    let quick = told(&sifted);
    assert_eq!(quick, told(&read), "{sifted}");
    quick
}

/// Around a denial of role 1, at minute 100, of queue 1.
fn around_one() -> Around {
    around_items(1)
}

#[test]
fn what_is_sought_of_an_item_is_small() {
    let (few, many) = (around_items(50).bytes(), around_items(150).bytes());
    assert!((many - few) / 100 < 250, "{} bytes an item", (many - few) / 100);
}

#[test]
fn each_turn_is_told_as_reading_tells_it() {
    let nothing = format!("{:?}", Seen::default());
    let mut shown = Vec::new();
    for turn in 0..TURNS.len() {
        let calls = [(1, 50), (2, 150)].map(|(id, minute)| hostile(id, minute, 1, turn));
        if check_quick(&around_one(), &calls) != nothing {
            shown.push(turn);
        }
        check_quick(&around_one(), &[hostile(1, 150, 2, turn)]);
    }
    let none = [4, 8, 9, 11, 13, 18, 22, 24];
    assert_eq!(shown, (0..TURNS.len()).filter(|turn| !none.contains(turn)).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn the_quick_way_is_reading_every_record(
        picks in prop::collection::vec((0_i64..200, 1_u64..3, 0..TURNS.len(), 0_u64..8), 1..12)
    ) {
        let one = |(id, (minute, what, turn, kind)): (usize, &(i64, u64, usize, u64))| match kind {
            0 => event(id, (*minute, *what, 1, 1)).to_string(),
            1 => event(id, (*minute, 1, 1, 0)).to_string(),
            _ => hostile(id, *minute, *what, *turn),
        };
        check_quick(&around_one(), &picks.iter().enumerate().map(one).collect::<Vec<_>>());
    }
}
