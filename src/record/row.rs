//! Athena's text for `userIdentity`: `{type=IAMUser, sessioncontext={…}}` → JSON, where it can mean one thing only.
//!
//! The form quotes nothing, so that a name which holds `, key=` or a bracket looks like members of its own. Names in an
//! identity hold no blank (IAM's names and paths, session names, ids), but for what an identity provider says of its
//! user: that stands in it twice, alike. So a text is taken only if it is whole, bears no bracket inside a value and no
//! key twice. No other struct is read from text: a resource may be an object's key, which holds anything.
//! See <https://docs.aws.amazon.com/athena/latest/ug/rows-and-structs.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.

use serde_json::{Map, Value};

/// Nesting beyond any identity's; deeper text is refused.
const DEEPEST: usize = 16;
/// What stands between two members.
const BETWEEN: &str = ", ";

/// Types of identities of which no name holds a blank.
const PLAIN: [&str; 8] =
    ["Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "AWSAccount", "AWSService", "IdentityCenterUser"];
/// Types whose `userName` an identity provider chose; it ends `principalId`, too.
const PROVIDED: [&str; 2] = ["WebIdentityUser", "SAMLUser"];

/// Whether a text is a struct or a list of structs in this form, so that something is lost where it is not read.
pub(super) fn is_struct(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Reads an identity; `None` when the text is none, or may be another than it seems.
pub(super) fn identity(text: &str) -> Option<Value> {
    let text = text.trim();
    // What AWS writes itself comes first, so that no name before it can pose as it.
    let kind = text.strip_prefix("{type=").map(|rest| &rest[..rest.find([',', '}']).unwrap_or(rest.len())])?;
    let (members, rest) = members(text.strip_prefix('{')?, 0)?;
    let word = |name: &str| members.get(name).and_then(Value::as_str);
    let is_plain = PLAIN.contains(&kind);
    let is_said_twice = || {
        let subject = word("username").filter(|name| !name.is_empty());
        let ends = |(id, subject): (&str, &str)| id.strip_suffix(subject).is_some_and(|rest| rest.ends_with(':'));
        PROVIDED.contains(&kind) && word("principalid").zip(subject).is_some_and(ends)
    };
    (rest.is_empty() && (is_plain || is_said_twice())).then_some(Value::Object(members))
}

/// The members up to the closing brace, and what follows it.
fn members(mut text: &str, depth: usize) -> Option<(Map<String, Value>, &str)> {
    let mut object = Map::new();
    loop {
        let (key, rest) = text.split_once('=')?;
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (inner, rest) = if plain { value(rest, depth + 1)? } else { return None };
        if object.insert(key.to_owned(), inner).is_some() {
            return None;
        }
        match rest.strip_prefix(BETWEEN) {
            Some(next) => text = next,
            None => return Some((object, rest.strip_prefix('}')?)),
        }
    }
}

fn value(text: &str, depth: usize) -> Option<(Value, &str)> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(rest) = text.strip_prefix("{}") {
        return Some((Value::Object(Map::new()), rest));
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (object, rest) = members(rest, depth)?;
        return Some((Value::Object(object), rest));
    }
    let end = text.find(['{', '}', '[', ']'])?;
    let end = text[..end].find(BETWEEN).unwrap_or(end);
    let word = &text[..end];
    let value = if word == "null" { Value::Null } else { Value::String(word.to_owned()) };
    Some((value, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expect: Option<Value>) {
        assert_eq!(identity(text), expect, "{text}");
    }

    #[test]
    fn identities() {
        check(
            "{type=IAMUser, arn=arn:aws:iam::1:user/a,b=c, sessioncontext={attributes={mfa=true}, x=null, y={}}}",
            Some(json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/a,b=c",
                "sessioncontext": {"attributes": {"mfa": "true"}, "x": null, "y": {}}})),
        );
        check(
            "{type=WebIdentityUser, principalid=p:aud:repo:o/r, arn=null, username=repo:o/r}",
            Some(
                json!({"type": "WebIdentityUser", "principalid": "p:aud:repo:o/r", "arn": null, "username": "repo:o/r"}),
            ),
        );
        for text in ["", "word", "{", "{type", "{type=Root", "{type=Root} x", "[{type=Root}]", "{type=Root, c d=e}"] {
            check(text, None);
        }
        check(&"{type=".repeat(100), None);
    }

    #[test]
    fn what_may_be_another_than_it_seems_is_refused() {
        for text in [
            "{type=IAMUser, arn=a, arn=forged}",
            "{principalid=x, type=IAMUser, arn=a}",
            "{type=IAMUser, arn=arn:aws:iam::1:user/x}y/name, accountid=1}",
            "{type=IAMUser, arn=arn:aws:iam::1:user/}}x={y={z=/name, accountid=1}}}",
            "{type=IAMUser, arn=a[b]}",
            "{type=Unknown, username=a, b=c}",
            // The subject `x, arn=arn:aws:iam::1:role/victim`.
            "{type=WebIdentityUser, principalid=p:aud:x, arn=arn:aws:iam::1:role/victim, arn=null, username=x, \
             arn=arn:aws:iam::1:role/victim}",
            "{type=WebIdentityUser, principalid=p:aud:x, username=y}",
            "{type=WebIdentityUser, principalid=p:aud:x}",
            "{type=WebIdentityUser, principalid=p:aud:x}y, username=x}y}",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[{}\\[\\]=, a]{0,60}") {
            identity(&text);
            identity(&format!("{{type=Root, {text}"));
        }

        /// Whatever an outsider calls himself: the text is read as what he is, or not at all.
        #[test]
        fn no_subject_becomes_structure(subject in prop::collection::vec(prop::sample::select(vec![
            "x", ", ", "=", "{", "}", "[", "]", "type=Root", "username=", "arn=", "principalid=p:a:", ":", "null", "sessioncontext=",
        ]), 0..12)) {
            let subject = subject.concat();
            let text = format!("{{type=WebIdentityUser, principalid=p:a:{subject}, arn=null, accountid=null, \
                username={subject}, sessioncontext=null}}");
            let read = identity(&text);
            let expect = json!({"type": "WebIdentityUser", "principalid": format!("p:a:{subject}"), "arn": null,
                "accountid": null, "username": subject, "sessioncontext": null});
            prop_assert!(read.is_none() || subject == "null" || read == Some(expect), "{text}");
        }

        /// IAM's paths hold any visible character, but no blank.
        #[test]
        fn no_path_becomes_structure(path in "[!-~]{0,12}", inner in "[{}=,x]{0,12}") {
            let arn = format!("arn:aws:iam::1:role/{path}{inner}/app");
            let text = format!("{{type=AssumedRole, principalid=A:s, arn=arn:aws:sts::1:assumed-role/app/s, \
                sessioncontext={{sessionissuer={{type=Role, arn={arn}, username=app}}, attributes=null}}}}");
            let expect = json!({"type": "AssumedRole", "principalid": "A:s", "arn": "arn:aws:sts::1:assumed-role/app/s",
                "sessioncontext": {"sessionissuer": {"type": "Role", "arn": arn, "username": "app"}, "attributes": null}});
            let read = identity(&text);
            prop_assert!(read.is_none() || read == Some(expect), "{text}");
        }
    }
}
