//! Laws of `arn`, `policy` and `patch::scope`: what is written is read back, and a literal matches itself alone.

use denywatch::arn::Arn;
use denywatch::catalog::{Call, Catalog};
use denywatch::patch::scope::scope;
use denywatch::policy::pattern::{is_writable, matches_action, matches_arn};
use denywatch::policy::{Actions, Document, Policies, Request, Resources, covers, evaluate, simulate_line, size};
use denywatch::principal;
use serde_json::Value;

/// An ARN prints as it was read; no text makes the catalogue or the principal stumble.
pub fn arn(text: &str) {
    if let Ok(arn) = text.parse::<Arn>() {
        assert_eq!(arn.to_string(), text);
        assert_eq!(serde_json::to_value(&arn).ok(), Some(Value::from(text)));
        let (kind, id) = arn.resource_type_and_id();
        assert!(arn.resource.starts_with(kind) && arn.resource.ends_with(id));
    }
    principal::from_arn(text);
    let call =
        Call { operation: "GetObject", params: None, partition: "aws", region: "eu-west-1", account: "111122223333" };
    for action in ["s3:GetObject", "s3:ListBucket", "iam:PassRole", "logs:PutLogEvents", "ec2:RunInstances", text] {
        for resource in Catalog::embedded().fit(action, text, &call).resources {
            let _ = scope(&resource);
        }
    }
}

/// A document is written as it was read, and judges any request without stumbling; a line for the simulator is answered.
pub fn policy(text: &str) {
    let _ = simulate_line(text);
    let Ok(document) = Document::parse(text) else { return };
    let written = serde_json::to_string(&document).unwrap();
    let (before, after): (Value, Value) =
        (serde_json::from_str(text).unwrap(), serde_json::from_str(&written).unwrap());
    assert_eq!(before, after, "the document is not what was read");
    assert_eq!(Document::parse(&written).as_ref(), Ok(&document));
    for unit in [size::Unit::VisibleCharacters, size::Unit::Characters, size::Unit::Bytes] {
        size::size(&document, unit);
    }
    for request in requests() {
        for policies in places(&document) {
            let decision = evaluate(&policies, &request);
            assert_eq!(decision, evaluate(&policies, &request));
        }
        // An Allow alone in its place refuses nobody who had another Allow, a Deny allows nobody.
        let alone = Policies { identity: vec![document.clone()], ..Policies::default() };
        let twice = Policies { identity: vec![document.clone(), document.clone()], ..Policies::default() };
        assert_eq!(evaluate(&alone, &request).allowed, evaluate(&twice, &request).allowed);
    }
    covering(&document);
}

/// `covers` promises that what the narrower pattern matches, the wider one does.
fn covering(document: &Document) {
    let patterns = patterns(document);
    for (one, two) in patterns.iter().take(8).flat_map(|one| patterns.iter().take(8).map(move |two| (one, two))) {
        for request in requests() {
            if covers::covers_action(one, two) && matches_action(two, &request.action) {
                assert!(matches_action(one, &request.action), "{one} does not cover {two}: {}", request.action);
            }
            if covers::covers_arn(one, two) && matches_arn(two, &request.resource) {
                assert!(matches_arn(one, &request.resource), "{one} does not cover {two}: {}", request.resource);
            }
        }
    }
}

fn patterns(document: &Document) -> Vec<String> {
    let mut all = Vec::new();
    for statement in &document.statements {
        match &statement.actions {
            Actions::Action(list) | Actions::NotAction(list) => all.extend(list.iter().cloned()),
        }
        match &statement.resources {
            Resources::Resource(list) | Resources::NotResource(list) => all.extend(list.iter().cloned()),
            Resources::Absent => {}
        }
    }
    all
}

fn requests() -> Vec<Request> {
    let principals = [
        "arn:aws:iam::111122223333:user/ann",
        "arn:aws:sts::111122223333:assumed-role/app/run",
        "arn:aws:iam::111122223333:root",
        "events.amazonaws.com",
        "*",
    ];
    let calls = [
        ("s3:GetObject", "arn:aws:s3:::b/k"),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:444455556666:key/1"),
        ("ec2:DescribeInstances", "*"),
    ];
    let request = |(principal, (action, resource)): (&str, (&str, &str))| Request {
        principal: principal.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: [
            ("aws:SourceIp".to_owned(), "192.0.2.1".into()),
            ("aws:MultiFactorAuthPresent".to_owned(), "true".into()),
        ]
        .into(),
        ..Request::default()
    };
    principals.into_iter().flat_map(|who| calls.map(|call| (who, call))).map(request).collect()
}

/// The document in every place where one can stand.
fn places(document: &Document) -> [Policies; 7] {
    let own = || vec![document.clone()];
    let base = || Policies { identity: own(), ..Policies::default() };
    [
        base(),
        Policies { boundary: own(), ..base() },
        Policies { session: own(), ..base() },
        Policies { scp: vec![own(), Vec::new()], ..base() },
        Policies { rcp: vec![own()], ..base() },
        Policies { resource: Some(document.clone()), ..Policies::default() },
        Policies { vpc_endpoint: Some(document.clone()), ..base() },
    ]
}

/// What is written for `resource` can stand in a policy, matches it, and matches `other` only where that is told.
pub fn scoped(resource: &str, other: &str) {
    let Ok(scoped) = scope(resource) else { return };
    let pattern = scoped.pattern.as_str();
    assert!(is_writable(pattern) && !pattern.chars().any(char::is_control), "{pattern:?} cannot be written");
    assert!(matches_arn(pattern, resource), "{pattern:?} does not match {resource:?}");
    if let Some(widened) = &scoped.widened {
        assert_eq!((widened.from.as_str(), widened.to.as_str()), (resource, pattern));
        return;
    }
    // AWS's own wildcards (`*` for no resource, `instance/*`) stay, and the grade tells them; see `scope::printed_wildcard`.
    if pattern == resource && resource.ends_with('*') {
        return;
    }
    for near in neighbours(resource).into_iter().chain([other.to_owned()]) {
        assert!(near == resource || !matches_arn(pattern, &near), "{pattern:?} matches {near:?} beside {resource:?}");
    }
}

/// The same ARN with one character of its resource part changed, added or gone.
fn neighbours(resource: &str) -> Vec<String> {
    let start = resource.match_indices(':').nth(4).map_or(0, |(at, _)| at + 1);
    let mut near = vec![format!("{resource}x"), format!("{resource}/x"), format!("{resource}*")];
    for (at, letter) in resource.char_indices().filter(|(at, _)| *at >= start) {
        let (before, after) = (&resource[..at], &resource[at + letter.len_utf8()..]);
        let changed = if letter == 'x' { 'y' } else { 'x' };
        near.extend([format!("{before}{changed}{after}"), format!("{before}x{letter}{after}")]);
        if at + letter.len_utf8() > start + 1 {
            near.push(format!("{before}{after}"));
        }
    }
    near
}
