use super::*;
use crate::catalog::Catalog;
use crate::change::from_record;
use crate::denial::{Given, from_record as denial_of};
use crate::diagnosis::diagnose;
use crate::finding::{fold, observe};
use crate::record::Record;
use proptest::prelude::*;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A role's call, refused for want of an Allow (or by a Deny) in its own policies.
fn denied(at: &str, kind: &str) -> Value {
    let because = match kind {
        "explicit" => "with an explicit deny in an identity-based policy",
        "scp" => "with an explicit deny in a service control policy",
        "boundary" => "because no permissions boundary allows the sqs:SendMessage action",
        _ => "because no identity-based policy allows the sqs:SendMessage action",
    };
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:eu-west-1:111122223333:orders {because}"
    );
    json!({"eventID": format!("d {at}"), "eventTime": at, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "errorCode": "AccessDenied", "errorMessage": message,
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "accountId": "111122223333", "userName": "app"}}}})
}

fn finding(events: &[Value]) -> Finding {
    let records = events.iter().filter_map(Record::from_value);
    let denials = records.filter_map(|record| denial_of(&record, &Given::default(), Catalog::embedded()));
    let mut all = fold(denials.map(|denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    }));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn change(id: &str, at: &str, source: &str, name: &str, params: Value) -> Change {
    let event = json!({"eventID": id, "eventTime": at, "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "requestParameters": params,
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/jane",
            "accountId": "111122223333", "sessionContext": {"sessionIssuer": {"type": "Role",
                "arn": "arn:aws:iam::111122223333:role/deploy", "accountId": "111122223333", "userName": "deploy"}}}});
    from_record(&Record::from_value(&event).unwrap()).unwrap()
}

fn put(id: &str, at: &str, actions: &str) -> Change {
    let document = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let params = json!({"roleName": "app", "policyName": "p", "policyDocument": document.to_string()});
    change(id, at, "iam", "PutRolePolicy", params)
}

fn role(id: &str, at: &str, name: &str) -> Change {
    let params = json!({"roleName": "app", "policyName": "p", "policyArn": "arn:aws:iam::111122223333:policy/p"});
    change(id, at, "iam", name, params)
}

const FIRST: &str = "2026-11-10T10:00:00Z";
const LAST: &str = "2026-11-11T10:00:00Z";
/// When an allowed call was seen.
const OVER: &str = "2026-11-13T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(kind: &str, changes: Vec<Change>, expect: (Option<&str>, Option<&str>)) -> Story {
    let finding = finding(&[denied(FIRST, kind), denied(LAST, kind)]);
    let told = story(&finding, None, &changes.into_iter().collect(), Some(at(OVER)));
    let id = |changed: &Option<Changed>| changed.as_ref().map(|changed| changed.event_id.clone());
    assert_eq!((id(&told.before).as_deref(), id(&told.after).as_deref()), expect);
    told
}

#[test]
fn the_last_before_and_the_first_after_with_their_author() {
    let all = vec![
        put("a", "2026-11-08T09:00:00Z", "s3:*"),
        put("b", "2026-11-10T09:00:00Z", "s3:*"),
        put("c", "2026-11-12T09:00:00Z", "sqs:SendMessage"),
        put("d", "2026-11-12T10:00:00Z", "sqs:SendMessage"),
    ];
    let story = check("implicit", all, (Some("b"), Some("c")));
    let before = story.before.unwrap();
    assert_eq!((before.change.as_str(), before.what.as_str()), ("iam:PutRolePolicy", "role app"));
    assert_eq!((before.by.name.as_deref(), before.by.session.as_deref()), (Some("deploy"), Some("jane")));
    assert_eq!((before.shows, story.after.unwrap().shows), (Some(Shows::AllowsNot), Some(Shows::Allows)));
}

/// The change before denials at these times, where the same call succeeded at those; all in November, in UTC.
#[track_caller]
fn check_worked(denials: &[&str], worked: &[&str], changes: &[&str], expect: Option<&str>) {
    let time = |text: &str| format!("2026-11-{text}:00Z");
    let events: Vec<Value> = denials.iter().map(|text| denied(&time(text), "implicit")).collect();
    let mut finding = finding(&events);
    let item = finding.items.values_mut().next().unwrap();
    item.before = worked.iter().map(|text| at(&time(text))).collect();
    let changes = changes.iter().map(|text| role(text, &time(text), "DetachRolePolicy")).collect();
    let told = story(&finding, None, &changes, None).before.map(|change| change.event_id);
    assert_eq!(told.as_deref(), expect);
}

#[test]
fn what_came_before_the_call_last_succeeded_did_not_end_that() {
    let (once, again) = ("01T10:00", ["10T10:00", "11T10:00"]);
    let denials = [once, again[0], again[1]];
    check_worked(&denials, &[], &["01T09:00", "09T12:00"], Some("01T09:00"));
    check_worked(&denials, &["01T09:30"], &["01T09:00"], None);
    // It was denied once, mended, and broken again: the last change before the day on which it was, or the first on it.
    check_worked(&denials, &["01T08:00", "09T08:00"], &["01T09:00", "09T12:00"], Some("09T12:00"));
    check_worked(&denials, &["09T08:00"], &["09T12:00", "09T13:00", "10T09:00"], Some("09T13:00"));
    check_worked(&denials, &["09T08:00"], &["08T12:00", "10T09:00", "10T11:00"], Some("10T09:00"));
    check_worked(&denials, &["09T08:00"], &["08T12:00", "11T11:00"], None);
    // Of the day on which it succeeded nobody knows whether it was denied before or after that.
    check_worked(&denials, &["10T09:00"], &["10T09:30", "11T09:00"], Some("10T09:30"));
    // Whoever changes a policy sees old answers for a little while.
    check_worked(&again, &["10T09:00"], &["10T08:59"], Some("10T08:59"));
}

#[test]
fn an_old_denial_of_another_call_hides_no_change() {
    let mut other = denied("2026-11-01T08:00:00Z", "implicit");
    let text =
        other.to_string().replace("sqs:SendMessage", "sqs:DeleteMessage").replace("SendMessage", "DeleteMessage");
    other = serde_json::from_str(&text).unwrap();
    let mut finding = finding(&[other, denied(FIRST, "implicit")]);
    let old = role("old", "2026-11-01T07:00:00Z", "DetachRolePolicy");
    let new = role("new", "2026-11-09T12:00:00Z", "DetachRolePolicy");
    let told = |finding: &Finding, changes: &[&Change]| {
        let changes = changes.iter().copied().cloned().collect();
        story(finding, None, &changes, None).before.map(|change| change.event_id)
    };
    assert_eq!(told(&finding, &[&new]).as_deref(), Some("new"));
    assert_eq!(told(&finding, &[&old]).as_deref(), Some("old"));
    assert_eq!(told(&finding, &[&old, &new]).as_deref(), Some("new"));
    // What is known to have worked before counts more than what is only later.
    let first = finding.items.values_mut().find(|item| item.last_seen < Some(at(FIRST))).unwrap();
    first.before = [at("2026-11-01T06:00:00Z")].into();
    assert_eq!(told(&finding, &[&old, &new]).as_deref(), Some("old"));
}

#[test]
fn what_its_own_document_refutes_is_not_named() {
    check("implicit", vec![put("a", "2026-11-10T09:00:00Z", "sqs:*")], (None, None));
    check("implicit", vec![put("a", "2026-11-12T09:00:00Z", "s3:*")], (None, None));
    check("explicit", vec![put("a", "2026-11-10T09:00:00Z", "s3:*")], (None, None));
}

#[test]
fn an_allow_goes_by_taking_away_and_a_deny_comes_by_giving() {
    let (before, after) = ("2026-11-10T09:00:00Z", "2026-11-12T09:00:00Z");
    let both = |early: &str, late: &str| vec![role("a", before, early), role("b", after, late)];
    check("implicit", both("DetachRolePolicy", "AttachRolePolicy"), (Some("a"), Some("b")));
    check("implicit", both("AttachRolePolicy", "DetachRolePolicy"), (None, None));
    check("explicit", both("AttachRolePolicy", "DetachRolePolicy"), (Some("a"), Some("b")));
    check("explicit", both("DetachRolePolicy", "AttachRolePolicy"), (None, None));
    check("boundary", both("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"), (Some("a"), Some("b")));
    check("boundary", both("DeleteRolePermissionsBoundary", "DeleteRolePermissionsBoundary"), (None, Some("b")));
}

#[test]
fn only_what_touches_it_and_within_the_time() {
    let other = |id: &str, params: Value| change(id, "2026-11-10T09:00:00Z", "iam", "DeleteRolePolicy", params);
    check("implicit", vec![other("a", json!({"roleName": "apple", "policyName": "p"}))], (None, None));
    check("implicit", vec![role("a", "2026-10-20T09:00:00Z", "DeleteRolePolicy")], (None, None));
    let queue = |url: &str| {
        let params = json!({"queueUrl": url, "attributes": {"Policy": "{}"}});
        let mut change = change("q", "2026-11-10T09:00:00Z", "sqs", "SetQueueAttributes", params);
        // Queues are regional.
        change.targets = change.targets.iter().map(|target| target.replace("us-east-1", "eu-west-1")).collect();
        change
    };
    check("implicit", vec![queue("https://sqs.eu-west-1.amazonaws.com/111122223333/orders")], (Some("q"), None));
    check("implicit", vec![queue("https://sqs.eu-west-1.amazonaws.com/111122223333/bills")], (None, None));
    // A denial may come a little after the change that ended it.
    check("implicit", vec![put("a", "2026-11-11T09:59:30Z", "sqs:*")], (None, Some("a")));
}

#[test]
fn a_policy_is_found_through_its_attachment() {
    let document = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let params =
        json!({"policyArn": "arn:aws:iam::111122223333:policy/p", "setAsDefault": true, "policyDocument": document});
    let version = change("v", "2026-11-10T09:00:00Z", "iam", "CreatePolicyVersion", params);
    check("implicit", vec![version.clone()], (None, None));
    check("implicit", vec![role("a", "2026-01-10T09:00:00Z", "AttachRolePolicy"), version], (Some("v"), None));
}

#[test]
fn a_policy_in_force_is_the_findings_too() {
    let mut in_force = crate::diagnosis::InForce::default();
    let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let details = json!({"RoleDetailList": [{"RoleName": "app", "Arn": ROLE, "AttachedManagedPolicies":
            [{"PolicyName": "p", "PolicyArn": "arn:aws:iam::111122223333:policy/p"}], "RolePolicyList": []}],
        "Policies": [{"PolicyName": "p", "Arn": "arn:aws:iam::111122223333:policy/p", "DefaultVersionId": "v1",
            "PolicyVersionList": [{"VersionId": "v1", "IsDefaultVersion": true,
                "Document": {"Version": "2012-10-17", "Statement": [statement]}}]}]});
    assert_eq!(in_force.add_authorization_details("details", &details), []);
    let params = json!({"policyArn": "arn:aws:iam::111122223333:policy/p", "versionId": "v1"});
    let changes = Changes::from([change("v", "2026-11-10T09:00:00Z", "iam", "SetDefaultPolicyVersion", params)]);
    let finding = finding(&[denied(FIRST, "implicit")]);
    let held = in_force.of(&finding.principal).unwrap();
    let told = |held: Option<&Held>| story(&finding, held, &changes, None).before.map(|change| change.event_id);
    assert_eq!((told(Some(&held)).as_deref(), told(None)), (Some("v"), None));
}

#[test]
fn what_hangs_above_another_account_is_not_above_this_one() {
    let attach = |target: &str| {
        let params = json!({"policyId": "p-abcd1234", "targetId": target});
        vec![change("o", "2026-11-10T09:00:00Z", "organizations", "AttachPolicy", params)]
    };
    check("scp", attach("111122223333"), (Some("o"), None));
    check("scp", attach("ou-ab12-cdef3456"), (Some("o"), None));
    check("scp", attach("444455556666"), (None, None));
    check("implicit", attach("111122223333"), (None, None));
}

#[test]
fn nothing_has_ended_what_is_open() {
    let finding = finding(&[denied(FIRST, "implicit")]);
    let changes = Changes::from([put("c", "2026-11-12T09:00:00Z", "sqs:*")]);
    assert_eq!(story(&finding, None, &changes, None), Story::default());
}

proptest! {
    /// Whatever the order in which changes and denials came, the answer is the same.
    #[test]
    fn the_order_never_shows(hours in prop::collection::vec((0_i64..200, any::<bool>()), 1..12), seed in any::<u64>()) {
        let when = |hour: i64| (at("2026-11-06T00:00:00Z") + SignedDuration::from_hours(hour)).to_string();
        let make = |n: usize, (hour, allows): &(i64, bool)| put(&n.to_string(), &when(*hour), if *allows { "sqs:*" } else { "s3:*" });
        let all: Vec<Change> = hours.iter().enumerate().map(|(n, one)| make(n, one)).collect();
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|change| change.event_id.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        let finding = finding(&[denied(LAST, "implicit"), denied(FIRST, "implicit")]);
        let told = |changes: Vec<Change>| {
            let kept = changes.into_iter().fold(Changes::new(), |kept, change| crate::change::latest(kept, [change]));
            story(&finding, None, &kept, Some(at(OVER)))
        };
        prop_assert_eq!(told(all), told(shuffled));
    }
}
