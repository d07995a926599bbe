use super::*;
use serde_json::json;

#[track_caller]
fn check(text: &str, expect: &str) {
    let mut redactor = Redactor::default();
    let masked = redactor.text(text);
    assert_eq!(masked, expect);
    assert_eq!(redactor.text(&masked), masked, "a mask is not masked again");
}

#[test]
fn accounts_names_and_addresses() {
    check(
        "User: arn:aws:sts::111122223333:assumed-role/app/run-1 on arn:aws:sqs:eu-west-1:111122223333:orders because",
        "User: arn:aws:sts::000000000001:assumed-role/name-1/name-2 on arn:aws:sqs:eu-west-1:000000000001:name-3 because",
    );
    check("account 111122223333, account 444455556666.", "account 000000000001, account 000000000002.");
    check("from 192.0.2.17, 2001:db8::1 and 192.0.2.17.", "from address-1, address-2 and address-1.");
    check("mail jo@corp.example.", "mail mail-1@example.com.");
    check("AKIAIOSFODNN7EXAMPLE AROAEXAMPLEEXAMPLE:run", "KEY1 KEY2:run");
    check("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess");
    check("arn:aws:s3:::media/2026/a.mp3, arn:aws:s3:::media", "arn:aws:s3:::name-1/2026/name-2, arn:aws:s3:::name-1");
    check(
        "arn:aws:ecs:us-east-2:111122223333:task-definition/shop-api:*",
        "arn:aws:ecs:us-east-2:000000000001:task-definition/name-1:*",
    );
    check("arn:aws:iam::111122223333:role/build-*", "arn:aws:iam::000000000001:role/name-1*");
    check("account=111122223333 role=x", "account=000000000001 role=x");
    check("bucket logs-111122223333 in 2026-11-28T10:00:00Z", "bucket logs-000000000001 in 2026-11-28T10:00:00Z");
}

#[test]
fn what_is_nobodys_stays() {
    for text in [
        "kms:GenerateDataKey in us-east-2 at 2026-11-28T10:00:00Z, v1.2.3, 10:05:00, 14 times",
        "event 6ba7b810-9dad-11d1-80b4-111122223333",
        "D-7F3AQ2ZK4M: lambda.amazonaws.com, cafe::x, `*`, arn: no more",
        "1111222233334444 11112222333 a111122223333",
    ] {
        check(text, text);
    }
}

#[test]
fn a_learned_name_is_masked_wherever_it_stands_also_cut_short() {
    let mut redactor = Redactor::default();
    redactor.learn(&json!({"principal": {"kind": "role", "arn": "arn:aws:iam::111122223333:role/shop-codebuild-dev", "name": "shop-codebuild-dev"}}));
    let masked =
        redactor.text("role shop-codebuild-dev (shop-c…ld-dev) of shop-codebuild-dev-2, ecs:Registe…Definition");
    assert_eq!(masked, "role name-1 (name-1) of shop-codebuild-dev-2, ecs:Registe…Definition");
}

#[test]
fn json_keeps_the_words_of_its_format() {
    let mut redactor = Redactor::default();
    let value = json!({
        "principal": {"kind": "role", "name": "patch", "arn": "arn:aws:iam::111122223333:role/patch"},
        "verdict": "patch", "summary": "role shop-api lacks it", "other": {"name": "shop-api"},
        "document": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}]},
    });
    let expect = json!({
        "principal": {"kind": "role", "name": "name-1", "arn": "arn:aws:iam::000000000001:role/name-1"},
        "verdict": "patch", "summary": "role name-2 lacks it", "other": {"name": "name-2"},
        "document": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::name-3/*"]}]},
    });
    let masked = redactor.json(value);
    assert_eq!(masked, expect);
    assert_eq!(redactor.json(masked), expect);
}

proptest::proptest! {
    /// Whatever stands around them, no account and no address comes through; and no text breaks it.
    #[test]
    fn nothing_comes_through(before in "[ \"':,(a-z…é/]{0,6}[ \"'(]", after in "[ \"'),]\\PC{0,20}") {
        let text = format!("{before}111122223333{after} {before}192.0.2.17 arn:aws:iam::444455556666:user/jane{after}");
        let masked = Redactor::default().text(&text);
        for secret in ["111122223333", "192.0.2.17", "444455556666", "user/jane"] {
            proptest::prop_assert!(!masked.contains(secret), "{masked}");
        }
    }

    #[test]
    fn any_text_is_taken(text in "\\PC*") {
        let mut redactor = Redactor::default();
        redactor.learn(&text);
        redactor.text(&text);
    }

    /// Found in their order, it is the one that is found by holding each against the text.
    #[test]
    fn the_longest_name_is_found(names in proptest::collection::btree_set("[aéè-]{1,5}", 0..12), text in "[aéè -]{0,8}") {
        let ends = |name: &&String| {
            text.strip_prefix(name.as_str()).is_some_and(|after| !after.starts_with(['a', 'é', 'è', '-']))
        };
        let each = names.iter().filter(ends).max_by_key(|name| name.len());
        proptest::prop_assert_eq!(scan::longest(&names, &text), each.map(String::as_str));
    }

    #[test]
    fn the_first_that_begins_and_ends_so_is_found(
        names in proptest::collection::btree_set("[aéè-]{1,5}", 0..12), head in "[aéè-]{1,2}", tail in "[aéè-]{0,2}",
    ) {
        let each = names.iter().find(|name| name.starts_with(&head) && name.ends_with(&tail));
        proptest::prop_assert_eq!(scan::ending(&names, &head, &tail), each.map(String::as_str));
    }
}
