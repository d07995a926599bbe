//! Why, as AWS words it at a message's end: `because no … policy allows …`, `with an explicit deny in …`.

use super::super::{PolicyType, ReasonKind, Special};

/// A cause and where it begins in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause<'a> {
    pub start: usize,
    pub kind: ReasonKind,
    pub policy_type: Option<PolicyType>,
    pub policy_arn: Option<&'a str>,
    pub special: Option<Special>,
    /// The refusal reached a VPC endpoint policy through an SCP.
    pub via_scp: bool,
}

/// AWS's words for a layer; longer ones before those that they end in.
const LAYERS: &[(&str, PolicyType)] = &[
    ("identity-based policy", PolicyType::Identity),
    ("resource-based policy", PolicyType::Resource),
    ("role trust policy", PolicyType::Trust),
    ("permissions boundary", PolicyType::Boundary),
    ("permission boundary", PolicyType::Boundary),
    ("session policy", PolicyType::Session),
    ("sessions policy", PolicyType::Session),
    ("service control policy", PolicyType::Scp),
    ("resource control policy", PolicyType::Rcp),
    ("VPC endpoint policy", PolicyType::VpcEndpoint),
];

const DENY: &str = " with an explicit deny";
const THROUGH_SCP: &str = " transitively through a service control policy";

/// The cause that `text` ends in; `action` is the refused action, whose service the cause must share.
pub(super) fn at_end<'a>(text: &'a str, action: Option<&str>) -> Option<Cause<'a>> {
    let text = text.trim_end();
    let dotless = text.strip_suffix('.').unwrap_or(text);
    implicit(dotless, action).or_else(|| explicit(text)).or_else(|| explicit(dotless)).or_else(|| setting(text))
}

fn implicit<'a>(text: &'a str, action: Option<&str>) -> Option<Cause<'a>> {
    const ALLOWS: &str = " allows the ";
    let head = text.strip_suffix(" action")?;
    let at = head.rfind(ALLOWS)?;
    let named = &head[at + ALLOWS.len()..];
    let (policy_type, head) = strip_layer(&head[..at])?;
    let head = head.strip_suffix(" because no ")?;
    same_service(named, action).then_some(Cause {
        start: head.len(),
        kind: ReasonKind::Implicit,
        policy_type: Some(policy_type),
        policy_arn: None,
        special: None,
        via_scp: false,
    })
}

/// AWS sometimes misspells the second action, never its service.
fn same_service(named: &str, action: Option<&str>) -> bool {
    let one_word = !named.is_empty() && !named.contains(char::is_whitespace);
    let same = |action: &str| match (action.split_once(':'), named.split_once(':')) {
        (Some((one, _)), Some((other, _))) => one.eq_ignore_ascii_case(other),
        (one, other) => one.is_none() && other.is_none(),
    };
    one_word && action.is_none_or(same)
}

fn explicit(text: &str) -> Option<Cause<'_>> {
    let (text, via_scp) = cut(text, THROUGH_SCP);
    let (text, policy_arn) = strip_policy_arn(text);
    let (text, via_scp) = if via_scp { (text, true) } else { cut(text, THROUGH_SCP) };
    let found = |start, policy_type| Cause {
        start,
        kind: ReasonKind::Explicit,
        policy_type,
        policy_arn,
        special: None,
        via_scp,
    };
    if policy_arn.is_none() && !via_scp && text.ends_with(DENY) {
        return Some(found(text.len() - DENY.len(), None));
    }
    let (policy_type, head) = strip_layer(text)?;
    let head = [" in a ", " in an ", " in the "].iter().find_map(|article| head.strip_suffix(article))?;
    Some(found(head.strip_suffix(DENY)?.len(), Some(policy_type)))
}

fn cut<'a>(text: &'a str, end: &str) -> (&'a str, bool) {
    text.strip_suffix(end).map_or((text, false), |head| (head, true))
}

/// `: arn:…` at the end, one word.
fn strip_policy_arn(text: &str) -> (&str, Option<&str>) {
    match text.rfind(": arn:") {
        Some(at) if !text[at + 2..].contains(|c: char| c.is_whitespace() || c == '"') => {
            (&text[..at], Some(&text[at + 2..]))
        }
        _ => (text, None),
    }
}

fn strip_layer(text: &str) -> Option<(PolicyType, &str)> {
    LAYERS.iter().find_map(|(words, layer)| text.strip_suffix(words).map(|head| (*layer, head)))
}

/// Causes that are a setting, or several possibilities at once.
fn setting(text: &str) -> Option<Cause<'_>> {
    let start = text.rfind(" because ")?;
    let why = &text[start + " because ".len()..];
    let dotless = why.strip_suffix('.').unwrap_or(why);
    let public = why.starts_with("public ") && dotless.ends_with("Block Public Access");
    let special = if public || why.starts_with("this bucket has blocked upload requests that specify") {
        Special::ResourceSetting
    } else if why.starts_with("the resource does not exist in this Region") {
        Special::CrossAccountOpaque
    } else {
        return None;
    };
    let whole = !why.contains('"');
    let kind = ReasonKind::Unstated;
    whole.then_some(Cause { start, kind, policy_type: None, policy_arn: None, special: Some(special), via_scp: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(usize, ReasonKind, Option<PolicyType>)>) {
        let found = at_end(text, Some("s3:GetObject")).map(|c| (c.start, c.kind, c.policy_type));
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn a_cause_stands_at_the_end() {
        for (words, layer) in LAYERS {
            check(
                &format!("x because no {words} allows the s3:GetObject action"),
                Some((1, ReasonKind::Implicit, Some(*layer))),
            );
            check(&format!("x with an explicit deny in a {words}"), Some((1, ReasonKind::Explicit, Some(*layer))));
            check(
                &format!("x with an explicit deny in the {words}: arn:aws:iam::1:policy/p"),
                Some((1, ReasonKind::Explicit, Some(*layer))),
            );
            check(&format!("x because no {words} allows the s3:GetObject action y"), None);
            check(&format!("x because no {words} allows the sqs:SendMessage action"), None);
        }
        check("x with an explicit deny", Some((1, ReasonKind::Explicit, None)));
        check("x with an explicit deny.", Some((1, ReasonKind::Explicit, None)));
        check("x with an explicit deny in a", None);
        check("x with an explicit deny: arn:aws:iam::1:policy/p", None);
        check("x because of rain", None);
    }
}
