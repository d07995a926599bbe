//! The policy types against each other, through `simulate_line`.
#![allow(clippy::unwrap_used)]

use denywatch::policy::simulate_line;
use proptest::prelude::*;
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::111122223333:user/ann";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/run";
const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/bob";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const FOREIGN: &str = "arn:aws:iam::444455556666:user/zed";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:jobs";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234";
const DEPLOY: &str = "arn:aws:iam::111122223333:role/deploy";

fn document(effect: &str, rest: Value) -> Value {
    let mut statement = json!({"Effect": effect, "Action": "*", "Resource": "*"});
    statement.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({"Version": "2012-10-17", "Statement": statement})
}

fn allow() -> Value {
    document("Allow", json!({}))
}

fn deny() -> Value {
    document("Deny", json!({}))
}

/// Allows something else.
fn other() -> Value {
    document("Allow", json!({"Action": "ec2:*"}))
}

fn to(principal: Value) -> Value {
    document("Allow", json!({"Principal": principal}))
}

fn trust(principal: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]})
}

fn ask(principal: &str, resource: &str, policies: Value) -> Value {
    let action = match resource.split(':').nth(2) {
        Some("iam") => "sts:AssumeRole",
        Some("kms") => "kms:Decrypt",
        _ => "sqs:SendMessage",
    };
    let request = json!({"principal": principal, "action": action, "resource": resource});
    simulate_line(&json!({"id": 1, "policies": policies, "request": request}).to_string())
}

/// `expect` is the kind and, after it, the policy types that decided.
#[track_caller]
fn check(principal: &str, resource: &str, policies: Value, expect: &str) {
    let answer = ask(principal, resource, policies.clone());
    let mut types: Vec<_> =
        answer["deciding"].as_array().unwrap().iter().map(|d| d["policy_type"].as_str().unwrap()).collect();
    types.dedup();
    let got = [&[answer["kind"].as_str().unwrap()], types.as_slice()].concat().join(" ");
    assert_eq!(got, expect, "{principal} {policies}");
    assert_eq!(answer["decision"] == "allowed", answer["kind"] == "allow");
}

#[test]
fn identity_policies() {
    check(USER, QUEUE, json!({}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [other(), allow()]}), "allow identity");
    check(USER, QUEUE, json!({"identity": [allow(), deny()]}), "explicit identity");
    check(SESSION, "*", json!({"identity": [allow()]}), "allow identity");
    check(ROOT, QUEUE, json!({}), "allow");
    check(ROOT, QUEUE, json!({"scp": [[deny()]]}), "explicit scp");
}

#[test]
fn boundary_and_session() {
    check(USER, QUEUE, json!({"identity": [allow()], "boundary": [other()]}), "implicit boundary");
    check(USER, QUEUE, json!({"identity": [other()], "boundary": [other()]}), "implicit identity boundary");
    check(USER, QUEUE, json!({"identity": [allow()], "boundary": [allow()]}), "allow identity");
    check(USER, QUEUE, json!({"identity": [], "boundary": [allow()]}), "implicit identity");
    check(SESSION, QUEUE, json!({"identity": [allow()], "session": other()}), "implicit session");
    check(SESSION, QUEUE, json!({"identity": [allow()], "session": allow()}), "allow identity");
    check(SESSION, QUEUE, json!({"identity": [allow()], "session": deny()}), "explicit session");
    check(FEDERATED, QUEUE, json!({"identity": [allow()]}), "implicit session");
    check(FEDERATED, QUEUE, json!({"identity": [allow()], "session": allow()}), "allow identity");
}

#[test]
fn organisation_policies() {
    let narrow = || document("Allow", json!({"Action": "sqs:*"}));
    check(USER, QUEUE, json!({"identity": [allow()], "scp": [[allow()], [other(), narrow()]]}), "allow identity");
    check(USER, QUEUE, json!({"identity": [allow()], "scp": [[allow()], [other()], [narrow()]]}), "implicit scp");
    check(USER, QUEUE, json!({"identity": [allow()], "scp": [[allow()], [allow(), deny()]]}), "explicit scp");
    check(USER, QUEUE, json!({"identity": [allow()], "scp": [allow(), other()]}), "allow identity");
    check(USER, QUEUE, json!({"scp": [[allow()]]}), "implicit identity");
    let rcp = |action: &str| json!([[document("Deny", json!({"Principal": "*", "Action": action}))]]);
    check(USER, QUEUE, json!({"identity": [allow()], "rcp": rcp("sqs:*")}), "explicit rcp");
    check(USER, QUEUE, json!({"identity": [allow()], "rcp": rcp("s3:*")}), "allow identity");
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";
    check(linked, QUEUE, json!({"identity": [allow()], "scp": [[deny()]], "rcp": rcp("*")}), "allow identity");
}

/// Which implicit denials still limit a grant of the resource's policy in one account.
#[test]
fn principal_forms_in_one_account() {
    let role = json!({"AWS": ROLE});
    for (principal, named, bare, boundary, session) in [
        (USER, json!({"AWS": USER}), "allow resource", "allow resource", "implicit session"),
        (SESSION, json!({"AWS": SESSION}), "allow resource", "allow resource", "allow resource"),
        (SESSION, role.clone(), "allow resource", "implicit boundary", "implicit session"),
        (ROLE, role.clone(), "allow resource", "implicit boundary", "implicit session"),
        (
            SESSION,
            json!({"AWS": "arn:aws:iam::111122223333:role/team/app"}),
            "allow resource",
            "implicit boundary",
            "implicit session",
        ),
        (SESSION, json!("*"), "allow resource", "allow resource", "implicit session"),
        (SESSION, json!({"AWS": [FOREIGN, "*"]}), "allow resource", "allow resource", "implicit session"),
        (FEDERATED, json!({"AWS": FEDERATED}), "allow resource", "allow resource", "allow resource"),
        (USER, json!({"AWS": ROOT}), "implicit identity", "implicit identity boundary", "implicit identity session"),
        (
            USER,
            json!({"AWS": "111122223333"}),
            "implicit identity",
            "implicit identity boundary",
            "implicit identity session",
        ),
        (USER, json!({"AWS": FOREIGN}), "implicit identity", "implicit identity boundary", "implicit identity session"),
        (
            USER,
            json!({"AWS": "arn:aws:iam::111122223333:user/*"}),
            "implicit identity",
            "implicit identity boundary",
            "implicit identity session",
        ),
        (
            USER,
            json!({"Service": USER}),
            "implicit identity",
            "implicit identity boundary",
            "implicit identity session",
        ),
    ] {
        check(principal, QUEUE, json!({"resource": to(named.clone())}), bare);
        check(principal, QUEUE, json!({"resource": to(named.clone()), "boundary": [other()]}), boundary);
        check(principal, QUEUE, json!({"resource": to(named), "session": other()}), session);
    }
}

#[test]
fn a_star_with_principal_arn_is_not_limited() {
    let condition = json!({"Principal": "*", "Condition": {"ArnEquals": {"aws:PrincipalArn": ROLE}}});
    let resource = document("Allow", condition);
    check(SESSION, QUEUE, json!({"resource": resource, "session": other(), "boundary": [other()]}), "allow resource");
    check(USER, QUEUE, json!({"resource": resource}), "implicit identity");
}

#[test]
fn an_account_delegates() {
    check(USER, KEY, json!({"identity": [allow()], "resource": to(json!({"AWS": ROOT}))}), "allow identity resource");
    check(USER, KEY, json!({"resource": to(json!({"AWS": ROOT}))}), "implicit identity");
}

#[test]
fn key_and_trust_policies_must_allow() {
    check(USER, KEY, json!({"identity": [allow()]}), "implicit resource");
    check(ROOT, KEY, json!({}), "implicit resource");
    check(ROOT, KEY, json!({"resource": to(json!({"AWS": ROOT}))}), "allow resource");
    check(USER, KEY, json!({"identity": [allow()], "resource": to(json!({"AWS": FOREIGN}))}), "implicit resource");
    check(USER, KEY, json!({"resource": to(json!({"AWS": USER}))}), "allow resource");
    check(USER, "arn:aws:kms:us-east-1:111122223333:alias/x", json!({"identity": [allow()]}), "allow identity");
    check(USER, DEPLOY, json!({"identity": [allow()]}), "implicit resource");
    check(
        USER,
        DEPLOY,
        json!({"identity": [allow()], "resource": trust(json!({"AWS": ROOT}))}),
        "allow identity resource",
    );
    check(USER, DEPLOY, json!({"resource": trust(json!({"AWS": ROOT}))}), "implicit identity");
    check(SESSION, DEPLOY, json!({"resource": trust(json!({"AWS": ROLE}))}), "allow resource");
    check(
        "ecs-tasks.amazonaws.com",
        DEPLOY,
        json!({"resource": trust(json!({"Service": "ecs-tasks.amazonaws.com"}))}),
        "allow resource",
    );
    check(
        "ecs.amazonaws.com",
        DEPLOY,
        json!({"resource": trust(json!({"Service": "ecs-tasks.amazonaws.com"}))}),
        "implicit resource",
    );
    let provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    check(provider, DEPLOY, json!({"resource": trust(json!({"Federated": provider}))}), "allow resource");
    check(
        "cognito-identity.amazonaws.com",
        DEPLOY,
        json!({"resource": trust(json!({"Federated": "cognito-identity.amazonaws.com"}))}),
        "allow resource",
    );
    check(
        USER,
        DEPLOY,
        json!({"identity": [allow()], "resource": trust(json!({"Federated": provider}))}),
        "implicit resource",
    );
}

#[test]
fn two_accounts_need_both_sides() {
    let here = || to(json!({"AWS": "arn:aws:iam::444455556666:root"}));
    check(FOREIGN, QUEUE, json!({"identity": [allow()]}), "implicit resource");
    check(FOREIGN, QUEUE, json!({"resource": here()}), "implicit identity");
    check(FOREIGN, QUEUE, json!({"resource": to(json!({"AWS": FOREIGN}))}), "implicit identity");
    check(FOREIGN, QUEUE, json!({"identity": [allow()], "resource": here()}), "allow identity resource");
    check(
        FOREIGN,
        QUEUE,
        json!({"identity": [allow()], "resource": here(), "boundary": [other()]}),
        "implicit boundary",
    );
    check(FOREIGN, QUEUE, json!({"identity": [allow()], "resource": here(), "scp": [[other()]]}), "implicit scp");
    check(FOREIGN, QUEUE, json!({}), "implicit resource identity");
    check("*", QUEUE, json!({"resource": to(json!("*"))}), "allow resource");
    check("*", QUEUE, json!({"resource": here()}), "implicit resource");
    check("*", QUEUE, json!({"resource": to(json!("*")), "scp": [[deny()]]}), "allow resource");
    let service = "sns.amazonaws.com";
    check(service, QUEUE, json!({"resource": to(json!({"Service": service})), "scp": [[deny()]]}), "allow resource");
}

#[test]
fn an_account_that_nobody_names_is_the_callers() {
    for resource in ["arn:aws:s3:::b/k", "arn:aws:iam::aws:policy/ReadOnlyAccess", "*"] {
        check(USER, resource, json!({"identity": [allow()]}), "allow identity");
    }
    let request = json!({"principal": USER, "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resourceAccount": "444455556666"});
    let answer = simulate_line(&json!({"policies": {"identity": [allow()]}, "request": request}).to_string());
    assert_eq!(answer["deciding"][0]["policy_type"], "resource", "{answer}");
}

#[test]
fn not_principal() {
    let except = |names: &[&str]| document("Deny", json!({"NotPrincipal": {"AWS": names}}));
    let ask = |principal: &str, names: &[&str], expect: &str| {
        check(principal, QUEUE, json!({"identity": [allow()], "resource": except(names)}), expect);
    };
    ask(USER, &[USER, ROOT], "allow identity");
    ask(USER, &[USER], "explicit resource");
    ask(USER, &[ROOT], "explicit resource");
    ask(SESSION, &[SESSION, ROLE, "111122223333"], "allow identity");
    ask(SESSION, &[ROLE, ROOT], "explicit resource");
    ask(ROOT, &[ROOT], "allow identity");
    let bound = json!({"identity": [allow()], "boundary": [allow()], "resource": except(&[USER, ROOT])});
    check(USER, QUEUE, bound, "explicit resource");
    let all_but = document("Allow", json!({"NotPrincipal": {"AWS": USER}}));
    check(USER, QUEUE, json!({"resource": all_but}), "implicit identity");
    check(SESSION, QUEUE, json!({"resource": all_but}), "allow resource");
}

#[test]
fn endpoint() {
    let open = || document("Allow", json!({"Principal": "*"}));
    let mine = || document("Allow", json!({"Principal": {"AWS": ROOT}}));
    let identity = || json!([allow()]);
    check(USER, QUEUE, json!({"identity": identity(), "vpc_endpoint": open()}), "allow identity");
    check(USER, QUEUE, json!({"identity": identity(), "vpc_endpoint": mine()}), "allow identity");
    check(
        FOREIGN,
        QUEUE,
        json!({"resource": to(json!("*")), "identity": identity(), "vpc_endpoint": mine()}),
        "implicit vpc_endpoint",
    );
    check(
        USER,
        QUEUE,
        json!({"identity": identity(), "vpc_endpoint": document("Allow", json!({"Principal": "*", "Action": "s3:*"}))}),
        "implicit vpc_endpoint",
    );
    check(USER, QUEUE, json!({"vpc_endpoint": open()}), "implicit identity");
    check(
        USER,
        QUEUE,
        json!({"identity": identity(), "vpc_endpoint": document("Deny", json!({"Principal": "*"}))}),
        "explicit vpc_endpoint",
    );
}

#[test]
fn elements() {
    let on = |rest: Value, expect: &str| check(USER, QUEUE, json!({"identity": [document("Allow", rest)]}), expect);
    on(json!({"Action": "SQS:send*"}), "allow identity");
    on(json!({"Resource": "arn:aws:sqs:*:111122223333:j?bs"}), "allow identity");
    on(json!({"Resource": "arn:aws:sqs:us-east-1:*"}), "allow identity");
    on(json!({"Resource": "arn:aws:*:us-east-1:111122223333:jobs"}), "implicit identity");
    on(json!({"Resource": "jobs"}), "implicit identity");
    on(json!({"Resource": "arn:aws:sqs:*:*:${aws:username}"}), "implicit identity");
    on(json!({"Resource": ["arn:aws:sqs:*:*:${aws:username, 'jobs'}", QUEUE]}), "allow identity");
    let not = |effect: &str, action: &str, resource: &str| json!({"Version": "2012-10-17", "Statement": {"Effect": effect, "NotAction": action, "NotResource": resource}});
    check(USER, QUEUE, json!({"identity": [not("Allow", "s3:*", "arn:aws:s3:::b")]}), "allow identity");
    check(USER, QUEUE, json!({"identity": [not("Allow", "sqs:*", "arn:aws:s3:::b")]}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [not("Allow", "s3:*", "arn:aws:sqs")]}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [allow(), not("Deny", "s3:*", "arn:aws:*:*:*:jobs")]}), "explicit identity");
    check(USER, QUEUE, json!({"identity": [not("Allow", "s3:*", "arn:aws:*:*:*:jobs")]}), "implicit identity");
    check(
        USER,
        QUEUE,
        json!({"identity": [not("Allow", "s3:*", "arn:aws:sqs:*:*:x${aws:userid}")]}),
        "implicit identity",
    );
    let short = |effect: &str| document(effect, json!({"Principal": "*", "Resource": "arn:aws:sqs"}));
    check(USER, QUEUE, json!({"resource": short("Allow")}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [allow()], "resource": short("Deny")}), "explicit resource");
    let short = document("Allow", json!({"Resource": "arn:aws:sqs"}));
    check(USER, QUEUE, json!({"identity": [short], "boundary": [short]}), "allow identity");
    check(SESSION, QUEUE, json!({"identity": [short], "session": short, "scp": [[short]]}), "implicit scp session");
    let open = not("Deny", "s3:*", "arn:aws:sqs:*:*:x${aws:userid}");
    check(USER, QUEUE, json!({"identity": [allow(), open]}), "explicit identity");
    on(json!({"Resource": "arn:aws:sqs:*:*:${aws:username, 'x'}"}), "implicit identity");
    on(json!({"Resource": "arn:aws:sqs:*:*:${aws:userid, 'jobs'}"}), "allow identity");
    let misplaced = not("Allow", "s3:*", "arn:aws:sns:*:${aws:PrincipalAccount}:x");
    check(USER, QUEUE, json!({"identity": [misplaced]}), "implicit identity");
    let old =
        json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:sqs:*:*:${aws:username, 'jobs'}"}});
    check(USER, QUEUE, json!({"identity": [old]}), "implicit identity");
}

#[test]
fn an_element_that_the_type_lacks_never_grants() {
    check(USER, QUEUE, json!({"identity": [to(json!("*"))]}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [{"Statement": {"Effect": "Allow", "Action": "*"}}]}), "implicit identity");
    check(
        USER,
        QUEUE,
        json!({"identity": [allow(), {"Statement": {"Effect": "Deny", "Action": "*"}}]}),
        "explicit identity",
    );
    check(USER, QUEUE, json!({"resource": allow()}), "implicit identity");
    check(USER, QUEUE, json!({"identity": [allow()], "resource": deny()}), "explicit resource");
}

#[test]
fn places_count_from_nought() {
    let second = json!({"Version": "2012-10-17", "Statement": [other()["Statement"], allow()["Statement"]]});
    let answer = ask(USER, QUEUE, json!({"identity": [other(), second]}));
    assert_eq!(answer["deciding"], json!([{"policy_type": "identity", "policy": 1, "statement": 1}]));
    let answer = ask(USER, QUEUE, json!({"identity": [allow()], "scp": [[allow()], [allow(), deny()]]}));
    assert_eq!(answer["deciding"], json!([{"policy_type": "scp", "level": 1, "policy": 1, "statement": 0}]));
    let answer = ask(USER, QUEUE, json!({}));
    assert_eq!(answer["deciding"], json!([{"policy_type": "identity", "policy": null, "statement": null}]));
}

#[test]
fn absent_null_and_empty_are_the_same() {
    let request = json!({"principal": USER, "action": "sqs:SendMessage", "resource": QUEUE});
    let ask = |value: &Value| {
        let mut line = json!({"id": "x", "policies": {"identity": [allow()]}, "request": request});
        for name in ["boundary", "session", "scp", "rcp", "resource", "vpc_endpoint"] {
            line["policies"][name] = value.clone();
        }
        line["request"]["resourceAccount"] = value.clone();
        line["request"]["context"] = value.clone();
        simulate_line(&line.to_string())
    };
    let plain = simulate_line(&json!({"id": "x", "policies": {"identity": [allow()]}, "request": request}).to_string());
    assert_eq!(plain["decision"], "allowed");
    assert_eq!((ask(&Value::Null), ask(&json!([]))), (plain.clone(), plain));
    for nothing in [Value::Null, json!([]), json!({})] {
        let answer = simulate_line(&json!({"id": "x", "policies": nothing, "request": request}).to_string());
        assert_eq!(answer["kind"], "implicit", "{answer}");
    }
}

#[track_caller]
fn check_error(line: &str, id: Value, expect: &str) {
    let answer = simulate_line(line);
    assert_eq!(answer["id"], id);
    assert!(answer["error"].as_str().is_some_and(|error| error.contains(expect)), "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 2);
}

#[test]
fn bad_input() {
    let with = |policies: Value, action: &str| {
        let request = json!({"principal": USER, "action": action, "resource": "*"});
        json!({"id": "i", "policies": policies, "request": request}).to_string()
    };
    check_error("", Value::Null, "no valid JSON");
    check_error("[]", Value::Null, "invalid");
    check_error(r#"{"id":3}"#, json!(3), "request");
    check_error(r#"{"id":3,"request":{"principal":"x","action":"a:b"}}"#, json!(3), "resource");
    check_error(&with(json!({}), "GetObject"), json!("i"), "`GetObject` is no action");
    check_error(
        &with(json!({"identity": [allow(), {"Statement": [{"Action": "*"}]}]}), "a:b"),
        json!("i"),
        "identity policy 1: statement 0: `Effect` is missing",
    );
    check_error(&with(json!({"scp": [[7]]}), "a:b"), json!("i"), "scp policy 0");
    let odd = document("Allow", json!({"Condition": {"StringEqual": {"a": "b"}}}));
    check_error(&with(json!({"boundary": [odd]}), "a:b"), json!("i"), "no operator `StringEqual`");
    check_error(r#"{"id":1,"id":2,"request":{}}"#, Value::Null, "stands twice");
}

fn arbitrary_document() -> impl Strategy<Value = Value> {
    let text = "[a:*?${}',x/ ]{0,12}";
    let list = prop::collection::vec(text, 0..3);
    (
        any::<(bool, bool, bool)>(),
        list.clone(),
        list.clone(),
        list,
        "(ForAllValues:|ForAnyValue:)?(String|Numeric|Date|Arn)(Not)?(Equals|Like)(IfExists)?",
        any::<bool>(),
    )
        .prop_map(|(flags, actions, resources, values, operator, version)| {
            let statement = json!({
                "Effect": if flags.0 { "Allow" } else { "Deny" },
                (if flags.1 { "Action" } else { "NotAction" }): actions,
                (if flags.2 { "Resource" } else { "NotResource" }): resources,
                "Principal": {"AWS": values},
                "Condition": {operator: {"aws:PrincipalArn": values, "k": values}},
            });
            let mut document = json!({"Statement": [statement]});
            if version {
                document["Version"] = "2012-10-17".into();
            }
            document
        })
}

proptest! {
    #[test]
    fn never_panics(
        documents in prop::collection::vec(arbitrary_document(), 7),
        principal in "(arn:aws:(iam|sts)::1?:)?[a-z/:*é]{0,12}",
        action in "[a-z:*é]{0,6}",
        resource in "(arn:)?[a-z:*/é]{0,12}",
        value in "\\PC{0,6}",
    ) {
        let [identity, boundary, session, scp, rcp, resource_policy, endpoint] = documents.try_into().unwrap();
        let line = json!({
            "policies": {"identity": [identity], "boundary": [boundary], "session": session, "scp": [[scp]], "rcp": [[rcp]],
                         "resource": resource_policy, "vpc_endpoint": endpoint},
            "request": {"principal": principal, "action": action, "resource": resource, "context": {"k": [value, value], "a": value}},
        });
        let answer = simulate_line(&line.to_string());
        prop_assert!(answer.get("decision").is_some() || answer.get("error").is_some());
    }

    #[test]
    fn any_line_gets_an_answer(line in "\\PC{0,80}") {
        prop_assert!(simulate_line(&line).get("error").is_some());
    }

    /// More Deny never allows, more Allow in the identity policy never refuses.
    #[test]
    fn monotonic(document in arbitrary_document(), more in arbitrary_document()) {
        let allowed = |policies: Vec<&Value>| {
            ask(USER, QUEUE, json!({"identity": policies}))["decision"] == "allowed"
        };
        let effect = more["Statement"][0]["Effect"].as_str().unwrap().to_owned();
        match effect.as_str() {
            "Allow" => prop_assert!(!allowed(vec![&document]) || allowed(vec![&document, &more])),
            _ => prop_assert!(allowed(vec![&document]) || !allowed(vec![&document, &more])),
        }
    }
}
