//! Condition operators: comparison × negation × `IfExists` × set qualifier × absent key × many values, in Allow and Deny.
#![allow(clippy::unwrap_used)]

use denywatch::policy::{ContextValue, Document, Effect, Policies, Request, Scalar, Statement, evaluate};

/// Whether a statement with this one condition applies to a request whose key `aws:k` holds `given`.
fn applies(effect: Effect, operator: &str, wanted: &[&str], given: Option<ContextValue>) -> bool {
    let mut conditional = Statement::allow(["a:b"], ["*"]).with_condition(operator, "AWS:K", wanted.to_vec());
    conditional.effect = effect;
    let statements = match effect {
        Effect::Allow => vec![conditional],
        Effect::Deny => vec![Statement::allow(["*"], ["*"]), conditional],
    };
    let policies = Policies { identity: vec![Document::new(statements)], ..Policies::default() };
    let request = Request {
        principal: "arn:aws:iam::111122223333:user/ann".to_owned(),
        action: "a:b".to_owned(),
        resource: "*".to_owned(),
        resource_account: None,
        context: given.map(|value| ("aws:k".to_owned(), value)).into_iter().collect(),
    };
    evaluate(&policies, &request).allowed == (effect == Effect::Allow)
}

#[track_caller]
fn check(operator: &str, wanted: &[&str], given: &[&str], expect: bool) {
    let value = || match given {
        [] => None,
        [one] => Some(ContextValue::from(*one)),
        many => Some(ContextValue::Many(many.iter().map(|text| (*text).to_owned()).collect())),
    };
    for effect in [Effect::Allow, Effect::Deny] {
        assert_eq!(applies(effect, operator, wanted, value()), expect, "{effect:?} {operator} {wanted:?} on {given:?}");
    }
}

/// Positive operator, its negation if there is one, the policy's value, a request value that matches, one that does not.
const FAMILIES: &[(&str, Option<&str>, &str, &str, &str)] = &[
    ("StringEquals", Some("StringNotEquals"), "a", "a", "A"),
    ("StringEqualsIgnoreCase", Some("StringNotEqualsIgnoreCase"), "a", "A", "b"),
    ("StringLike", Some("StringNotLike"), "a*", "ab", "ba"),
    ("NumericEquals", Some("NumericNotEquals"), "10", "10.0", "11"),
    ("NumericLessThan", None, "10", "9", "10"),
    ("NumericLessThanEquals", None, "10", "10", "11"),
    ("NumericGreaterThan", None, "10", "11", "10"),
    ("NumericGreaterThanEquals", None, "10", "10", "9"),
    ("DateEquals", Some("DateNotEquals"), "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-02"),
    ("DateLessThan", None, "2026-01-01T00:00:00Z", "2025-12-31", "2026-01-01"),
    ("DateLessThanEquals", None, "2026-01-01", "2026-01-01", "2026-01-02"),
    ("DateGreaterThan", None, "1767225600", "2026-01-02", "2026-01-01"),
    ("DateGreaterThanEquals", None, "1767225600", "2026-01-01", "2025-12-31"),
    ("Bool", None, "true", "true", "false"),
    ("BinaryEquals", None, "QQ==", "QQ==", "Qg=="),
    ("IpAddress", Some("NotIpAddress"), "203.0.113.0/24", "203.0.113.9", "198.51.100.7"),
    ("ArnEquals", Some("ArnNotEquals"), "arn:aws:sns:*:1:t", "arn:aws:sns:r:1:t", "arn:aws:sns:r:2:t"),
    ("ArnLike", Some("ArnNotLike"), "arn:aws:sns:*:1:t*", "arn:aws:sns:r:1:tt", "arn:aws:sns:r:1:x"),
];

#[test]
fn one_value() {
    for &(positive, negative, wanted, hit, miss) in FAMILIES {
        let signed = [(Some(positive), true), (negative, false)];
        for (operator, matched) in signed.iter().filter_map(|(name, sign)| name.map(|name| (name, *sign))) {
            for name in [operator.to_owned(), format!("{operator}IfExists")] {
                check(&name, &[wanted], &[hit], matched);
                check(&name, &[wanted], &[miss], !matched);
            }
            check(operator, &[wanted], &[], !matched);
            check(&format!("{operator}IfExists"), &[wanted], &[], true);
        }
    }
}

#[test]
fn of_many_policy_values_one_is_enough_or_none_may_match() {
    check("StringEquals", &["b", "a"], &["a"], true);
    check("StringEquals", &[], &["a"], false);
    check("StringNotEquals", &["b", "a"], &["a"], false);
    check("StringNotEquals", &["b", "c"], &["a"], true);
    check("StringNotEquals", &[], &["a"], true);
    check("NotIpAddress", &["203.0.113.0/24", "198.51.100.0/24"], &["198.51.100.7"], false);
    check("NotIpAddress", &["203.0.113.0/24"], &["2001:db8::1"], true);
}

#[test]
fn set_qualifiers() {
    for &(positive, negative, wanted, hit, miss) in FAMILIES {
        let signed = [(Some(positive), true), (negative, false)];
        for (operator, matched) in signed.iter().filter_map(|(name, sign)| name.map(|name| (name, *sign))) {
            for end in ["", "IfExists"] {
                let (all, any) = (format!("ForAllValues:{operator}{end}"), format!("ForAnyValue:{operator}{end}"));
                for given in [vec![hit], vec![hit, hit]] {
                    check(&all, &[wanted], &given, matched);
                    check(&any, &[wanted], &given, matched);
                }
                for given in [vec![miss], vec![miss, miss]] {
                    check(&all, &[wanted], &given, !matched);
                    check(&any, &[wanted], &given, !matched);
                }
                check(&all, &[wanted], &[hit, miss], false);
                check(&any, &[wanted], &[hit, miss], true);
                for nothing in [vec![], vec![""], vec!["", ""]] {
                    check(&all, &[wanted], &nothing, true);
                    check(&any, &[wanted], &nothing, false);
                }
            }
        }
    }
}

#[test]
fn null() {
    for name in ["Null", "ForAllValues:Null", "ForAnyValue:Null"] {
        check(name, &["true"], &[], true);
        check(name, &["true"], &["x"], false);
        check(name, &["false"], &[], false);
        check(name, &["False"], &["x", "y"], true);
    }
    let none = Some(ContextValue::Many(Vec::new()));
    assert!(applies(Effect::Allow, "Null", &["true"], none));
}

#[test]
fn keys_and_operators_must_all_hold() {
    let statement = |second: &str| {
        Statement::allow(["a:b"], ["*"])
            .with_condition("StringEquals", "aws:PrincipalAccount", ["111122223333"])
            .with_condition("StringEquals", "aws:username", [second])
            .with_condition("Null", "aws:k", ["true"])
    };
    for (name, expect) in [("ann", true), ("bob", false)] {
        let policies = Policies { identity: vec![Document::new(vec![statement(name)])], ..Policies::default() };
        let request = Request {
            principal: "arn:aws:iam::111122223333:user/team/ann".to_owned(),
            action: "A:B".to_owned(),
            resource: "*".to_owned(),
            ..Request::default()
        };
        assert_eq!(evaluate(&policies, &request).allowed, expect, "{name}");
    }
}

/// Where AWS gives no answer: an Allow does not grant, a Deny refuses.
#[test]
fn in_doubt_refuse() {
    let doubtful: &[(&str, &str, &[&str])] = &[
        ("StringEqual", "a", &["a"]),
        ("NumericNotEquals", "10", &["ten"]),
        ("NumericLessThan", "10", &["ten"]),
        ("NotIpAddress", "203.0.113.0/24", &["s3.amazonaws.com"]),
        ("ArnNotLike", "*", &["arn:aws:sns:r:1:t"]),
        ("DateLessThan", "2026", &["2025-01-01"]),
        ("Bool", "yes", &["true"]),
        ("NumericEquals", "${aws:k}", &["10"]),
        ("StringEquals", "a", &["a", "b"]),
        ("StringNotEquals", "c", &["a", "b"]),
    ];
    for (operator, wanted, given) in doubtful {
        let value = ContextValue::Many(given.iter().map(|text| (*text).to_owned()).collect());
        assert!(!applies(Effect::Allow, operator, &[wanted], Some(value.clone())), "{operator}");
        assert!(applies(Effect::Deny, operator, &[wanted], Some(value)), "{operator}");
    }
}

#[test]
fn variables() {
    check("StringEquals", &["${aws:username}"], &["ann"], true);
    check("StringLike", &["${aws:username}-*"], &["ann-1"], true);
    check("StringEquals", &["${aws:userid, 'x'}"], &["x"], true);
    check("StringEquals", &["${aws:userid}", "x"], &["x"], true);
    check("StringEquals", &["${aws:userid}"], &["x"], false);
    check("StringNotEquals", &["${aws:userid}"], &["x"], false);
    check("StringNotEquals", &["${aws:userid}"], &[], true);
    check("ArnLike", &["arn:aws:iam::${aws:PrincipalAccount}:*"], &["arn:aws:iam::111122223333:role/x"], true);
}

#[test]
fn values_of_other_json_types() {
    let mut statement = Statement::allow(["a:b"], ["*"]).with_condition("Bool", "aws:k", ["x"]);
    let value = statement.conditions.get_mut("Bool").and_then(|keys| keys.get_mut("aws:k")).unwrap();
    *value = denywatch::policy::OneOrMany::One(Scalar::Bool(true));
    let policies = Policies { identity: vec![Document::new(vec![statement])], ..Policies::default() };
    let request = Request {
        principal: "arn:aws:iam::111122223333:user/ann".to_owned(),
        action: "a:b".to_owned(),
        resource: "*".to_owned(),
        resource_account: None,
        context: [("aws:k".to_owned(), ContextValue::from("true"))].into(),
    };
    assert!(evaluate(&policies, &request).allowed);
}
