//! A patch into the document in force: nothing there is taken out, moved or written anew.
//!
//! An action joins the statement that differs from the patch's in actions alone; any other statement is put behind the
//! last one. What is there already is not added again, so that merging twice is merging once.

use crate::policy::pattern::matches_action;
use crate::policy::principals::is_unique_id;
use crate::policy::{Actions, Conditions, Document, Effect, OneOrMany, PrincipalSet, Principals, Resources, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// Why a document cannot take a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmergeable {
    /// Without `"Version": "2012-10-17"` AWS reads `${…}` as plain text; a new version would change the old statements.
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>.
    #[error("the policy in force is of version 2008-10-17, in which `${{…}}` has no meaning: give it 2012-10-17 first")]
    OldVersion,
    /// AWS keeps the id of a principal that was deleted, and refuses to store it again.
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
    #[error(
        "the policy in force names a deleted principal by its unique id, which AWS refuses to store again: take it out"
    )]
    Gone,
}

/// The document with the patch in it.
///
/// # Errors
/// [`Unmergeable`] where the patch would mean something else in this document.
///
/// ```
/// use denywatch::patch::merge;
/// use denywatch::policy::{Document, Statement};
/// let of = |actions: &[&str]| Document::new(vec![Statement::allow(actions.to_vec(), ["arn:aws:s3:::b/*"])]);
/// let (base, patch) = (of(&["s3:GetObject"]), of(&["s3:PutObject"]));
/// let merged = merge(&base, &patch)?;
/// assert_eq!(merged, of(&["s3:GetObject", "s3:PutObject"]));
/// assert_eq!(merge(&merged, &patch)?, merged);
/// # Ok::<(), denywatch::patch::Unmergeable>(())
/// ```
pub fn merge(base: &Document, patch: &Document) -> Result<Document, Unmergeable> {
    let has_variables = serde_json::to_string(patch).is_ok_and(|text| text.contains("${"));
    if has_variables && !base.has_variables() {
        return Err(Unmergeable::OldVersion);
    }
    if base.statements.iter().any(names_the_gone) {
        return Err(Unmergeable::Gone);
    }
    let mut merged = base.clone();
    for statement in &patch.statements {
        add(&mut merged, statement);
    }
    Ok(merged)
}

/// Where the patch's actions can join what is there: the first statement that differs in actions alone.
pub(super) fn joins(base: &Document, patch: &Document) -> bool {
    patch.statements.iter().any(|added| base.statements.iter().any(|there| differ_in_actions_alone(there, added)))
}

fn add(document: &mut Document, added: &Statement) {
    if let Some(there) = document.statements.iter_mut().find(|there| differ_in_actions_alone(there, added)) {
        return join(there, added);
    }
    if !document.statements.iter().any(|there| is_same(there, added)) {
        let sid = added.sid.as_deref().map(|sid| free(sid, document));
        document.statements.push(Statement { sid, ..added.clone() });
        document.bare_statement = false;
    }
}

fn join(there: &mut Statement, added: &Statement) {
    let (Actions::Action(held), Actions::Action(more)) = (&mut there.actions, &added.actions) else { return };
    for action in more {
        if !held.iter().any(|pattern| matches_action(pattern, action)) {
            held.push(action.clone());
        }
    }
}

/// Whether two statements say the same, whatever they are called.
fn is_same(a: &Statement, b: &Statement) -> bool {
    Statement { sid: None, ..a.clone() } == Statement { sid: None, ..b.clone() }
}

fn names_the_gone(statement: &Statement) -> bool {
    match &statement.principals {
        Principals::Principal(PrincipalSet::Named(kinds)) | Principals::NotPrincipal(PrincipalSet::Named(kinds)) => {
            kinds.get("AWS").is_some_and(|names| names.iter().any(|name| is_unique_id(name)))
        }
        Principals::Principal(PrincipalSet::Everyone(_))
        | Principals::NotPrincipal(PrincipalSet::Everyone(_))
        | Principals::Absent => false,
    }
}

/// A name that no statement of the document has: Sids are unique within one.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>.
fn free(sid: &str, document: &Document) -> String {
    let taken: BTreeSet<&str> = document.statements.iter().filter_map(|held| held.sid.as_deref()).collect();
    let numbered = (2..).map(|number: u32| format!("{sid}n{number}"));
    let mut names = std::iter::once(sid.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name.as_str())).unwrap_or_else(|| sid.to_owned())
}

/// Whether two Allows name the same resources, principals and conditions, in whatever order and letter case of keys.
fn differ_in_actions_alone(a: &Statement, b: &Statement) -> bool {
    let plain = |statement: &Statement| {
        statement.effect == Effect::Allow
            && matches!(statement.actions, Actions::Action(_))
            && !matches!(statement.resources, Resources::NotResource(_))
            && !matches!(statement.principals, Principals::NotPrincipal(_))
            && statement.extra.is_empty()
    };
    plain(a)
        && plain(b)
        && resources(a) == resources(b)
        && principals(a) == principals(b)
        && tests(&a.conditions) == tests(&b.conditions)
}

fn set(values: &OneOrMany<String>) -> BTreeSet<&str> {
    values.iter().map(String::as_str).collect()
}

/// `None` where the statement has no `Resource`.
fn resources(statement: &Statement) -> Option<BTreeSet<&str>> {
    match &statement.resources {
        Resources::Resource(patterns) => Some(set(patterns)),
        Resources::Absent | Resources::NotResource(_) => None,
    }
}

/// `None` where the statement names nobody; everybody is the kind `*`.
fn principals(statement: &Statement) -> Option<BTreeMap<&str, BTreeSet<&str>>> {
    match &statement.principals {
        Principals::Principal(PrincipalSet::Everyone(_)) => Some(BTreeMap::from([("*", BTreeSet::from(["*"]))])),
        Principals::Principal(PrincipalSet::Named(kinds)) => {
            Some(kinds.iter().map(|(kind, names)| (kind.as_str(), set(names))).collect())
        }
        Principals::Absent | Principals::NotPrincipal(_) => None,
    }
}

/// Operators are compared as written, keys without regard to letter case, values as sets of text.
fn tests(conditions: &Conditions) -> BTreeSet<(&str, String, BTreeSet<String>)> {
    let keys =
        conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)));
    let one =
        |values: &OneOrMany<_>| values.iter().map(|value: &crate::policy::Scalar| value.text().into_owned()).collect();
    keys.map(|(operator, key, values)| (operator.as_str(), key.to_ascii_lowercase(), one(values))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ContextValue, Policies, Request, evaluate};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn document(statements: Value) -> Document {
        serde_json::from_value(json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
    }

    /// Merges one statement into others, and once more, which must change nothing.
    #[track_caller]
    fn check(base: Value, added: Value, expect: Value) {
        let (base, patch) = (document(base), document(json!([added])));
        let merged = merge(&base, &patch).unwrap();
        assert_eq!(merged, document(expect));
        assert_eq!(merge(&merged, &patch).unwrap(), merged);
    }

    #[test]
    fn an_action_joins_a_statement_that_differs_in_actions_alone() {
        let there = |action: Value| json!({"Sid": "Own", "Effect": "Allow", "Action": action, "Resource": ["b", "a"]});
        let new = |action: &str| json!({"Sid": "D1", "Effect": "Allow", "Action": [action], "Resource": ["a", "b"]});
        check(json!([there(json!("s:A"))]), new("s:B"), json!([there(json!(["s:A", "s:B"]))]));
        check(json!([there(json!(["s:C", "s:A"]))]), new("s:B"), json!([there(json!(["s:C", "s:A", "s:B"]))]));
        check(json!([there(json!(["S:b"]))]), new("s:B"), json!([there(json!(["S:b"]))]));
        check(json!([there(json!("s:*"))]), new("s:B"), json!([there(json!("s:*"))]));
        check(there(json!("s:A")), new("s:B"), there(json!(["s:A", "s:B"])));
    }

    #[test]
    fn anything_else_is_put_behind_the_last() {
        let new = json!({"Sid": "D1", "Effect": "Allow", "Action": ["s:B"], "Resource": ["a"],
            "Condition": {"StringEquals": {"aws:X": ["1"]}}});
        for there in [
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "a"}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "b", "Condition": {"StringEquals": {"aws:X": "1"}}}),
            json!({"Effect": "Deny", "Action": "s:A", "Resource": "a", "Condition": {"StringEquals": {"aws:X": "1"}}}),
            json!({"Effect": "Allow", "NotAction": "s:A", "Resource": "a", "Condition": {"StringEquals": {"aws:X": "1"}}}),
            json!({"Effect": "Allow", "Action": "s:A", "NotResource": "a", "Condition": {"StringEquals": {"aws:X": "1"}}}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "a", "Condition": {"StringLike": {"aws:X": "1"}}}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "a", "Condition": {"StringEquals": {"aws:X": ["1", "2"]}}}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "a", "Principal": "*",
                "Condition": {"StringEquals": {"aws:X": "1"}}}),
        ] {
            check(json!([there]), new.clone(), json!([there, new]));
        }
        let there = json!({"Sid": "D1", "Effect": "Allow", "Action": "s:A", "Resource": "b"});
        let mut renamed = new.clone();
        renamed["Sid"] = json!("D1n2");
        check(json!([there]), new.clone(), json!([there, renamed]));
        let same =
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "a", "Condition": {"StringEquals": {"AWS:x": "1"}}});
        let mut joined = same.clone();
        joined["Action"] = json!(["s:A", "s:B"]);
        check(json!([same]), new, json!([joined]));
    }

    #[test]
    fn principals_are_compared_as_sets() {
        let of = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let one = |names: Value| json!({"AWS": names});
        check(
            json!([of(one(json!(["x", "y"])), json!("s:A"))]),
            of(one(json!(["y", "x"])), json!(["s:B"])),
            json!([of(one(json!(["x", "y"])), json!(["s:A", "s:B"]))]),
        );
        for other in [json!({"AWS": "y"}), json!({"Service": "x"}), json!("*")] {
            let (there, new) = (of(one(json!("x")), json!("s:A")), of(other, json!(["s:B"])));
            check(json!([there]), new.clone(), json!([there, new]));
        }
    }

    #[test]
    fn a_deleted_principal_is_not_stored_again() {
        let of = |name: &str| json!([{"Effect": "Allow", "Principal": {"AWS": ["x", name]}, "Action": "s:A"}]);
        let new = document(json!([{"Effect": "Allow", "Action": "s:B"}]));
        assert_eq!(merge(&document(of("AROAEXAMPLEGONE00001")), &new), Err(Unmergeable::Gone));
        assert!(merge(&document(of("arn:aws:iam::111122223333:role/AROA")), &new).is_ok());
    }

    #[test]
    fn a_variable_does_not_go_into_an_old_document() {
        let new = |resource: &str| document(json!([{"Effect": "Allow", "Action": "s:B", "Resource": resource}]));
        for version in [json!({"Version": "2008-10-17", "Statement": []}), json!({"Statement": []})] {
            let old: Document = serde_json::from_value(version).unwrap();
            assert_eq!(merge(&old, &new("a/${*}")), Err(Unmergeable::OldVersion));
            assert_eq!(merge(&old, &new("a")).unwrap().statements.len(), 1);
        }
    }

    /// Statements over few actions, resources and conditions, so that many are alike.
    fn statement() -> impl Strategy<Value = Value> {
        let action = prop::sample::subsequence(vec!["s:Get", "s:Put", "S:get", "s:*", "s:G?t"], 1..3);
        let resource = prop::sample::subsequence(vec!["arn:aws:s3:::a", "arn:aws:s3:::b", "*"], 1..3).prop_shuffle();
        let test = prop::sample::select(vec![
            json!(null),
            json!({"Bool": {"aws:X": "true"}}),
            json!({"Bool": {"AWS:x": ["true"]}}),
        ]);
        let effect = prop::sample::select(vec!["Allow", "Allow", "Allow", "Deny"]);
        (action, resource, test, effect, "[AB]?").prop_map(|(action, resource, test, effect, sid)| {
            let mut made = json!({"Effect": effect, "Action": action, "Resource": resource});
            if !test.is_null() {
                made["Condition"] = test;
            }
            if !sid.is_empty() {
                made["Sid"] = sid.into();
            }
            made
        })
    }

    fn decides(documents: &[&Document], action: &str, resource: &str, shown: bool) -> bool {
        let identity = documents.iter().map(|document| (*document).clone()).collect();
        let principal = "arn:aws:iam::111122223333:role/r".to_owned();
        let mut request = Request { principal, action: action.into(), resource: resource.into(), ..Request::default() };
        if shown {
            request.context.insert("aws:X".into(), ContextValue::Many(vec!["true".into()]));
        }
        evaluate(&Policies { identity, ..Policies::default() }, &request).allowed
    }

    #[test]
    fn the_law_below_asks_what_can_be_allowed() {
        let one = |test: Value| {
            document(json!([{"Effect": "Allow", "Action": "s:Get", "Resource": "arn:aws:s3:::a", "Condition": test}]))
        };
        let open = one(json!({}));
        let tested = one(json!({"Bool": {"aws:X": "true"}}));
        assert!(decides(&[&open], "s:Get", "arn:aws:s3:::a", false));
        assert!(
            !decides(&[&open], "s:Put", "arn:aws:s3:::a", false) && !decides(&[&open], "s:Get", "arn:aws:s3:::b", true)
        );
        assert!(
            decides(&[&tested], "s:Get", "arn:aws:s3:::a", true)
                && !decides(&[&tested], "s:Get", "arn:aws:s3:::a", false)
        );
    }

    proptest! {
        /// The merged document decides as both side by side, whatever is asked; what was there stands where it stood.
        #[test]
        fn merged_says_what_both_say(base in prop::collection::vec(statement(), 0..4), patch in prop::collection::vec(statement(), 1..3)) {
            let (base, patch) = (document(base.into()), document(patch.into()));
            let merged = merge(&base, &patch).unwrap();
            for action in ["s:Get", "s:Put", "s:Other"] {
                for resource in ["arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::c"] {
                    for shown in [false, true] {
                        let both = decides(&[&base, &patch], action, resource, shown);
                        prop_assert_eq!(decides(&[&merged], action, resource, shown), both);
                    }
                }
            }
            for (old, new) in base.statements.iter().zip(&merged.statements) {
                prop_assert_eq!(&Statement { actions: old.actions.clone(), ..new.clone() }, old);
                let (Actions::Action(old), Actions::Action(new)) = (&old.actions, &new.actions) else { unreachable!() };
                prop_assert_eq!(&new.as_slice()[..old.as_slice().len()], old.as_slice());
            }
            prop_assert_eq!(merge(&merged, &patch).unwrap(), merged);
        }
    }
}
