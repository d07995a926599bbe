//! Laws of `denial::message` and `denial::text`: nothing is said that the text does not say.

use denywatch::denial::message::{Fact, Parsed, parse, parse_pasted};
use denywatch::denial::{ReasonKind, text};

/// Every fact stands in the message, and a cut loses facts but changes none.
pub fn message(message: &str) {
    for whole in [parse(message), parse_pasted(message)] {
        stands_in(&whole, message);
    }
    let whole = parse_pasted(message);
    if whole.action.is_none() || whole.leftover {
        // Not AWS's grammar: what is read before a cut may be lost behind it.
        return;
    }
    let ends: Vec<usize> = (0..message.len()).filter(|end| message.is_char_boundary(*end)).collect();
    let stride = ends.len() / 100 + 1;
    for end in ends.into_iter().step_by(stride) {
        cut(&whole, &message[..end]);
    }
}

/// A message cut behind `part`: marked by dots always, unmarked where no name is forged (nothing tells a cut behind a
/// forged cause from a whole message; CloudTrail's own cuts are told by the length).
fn cut(whole: &Parsed, part: &str) {
    let dotted = format!("{part}...");
    let marked = parse(&dotted);
    assert_eq!(marked.open, None, "{dotted:?}");
    agrees(&marked, whole, &dotted);
    let unmarked = parse_pasted(part);
    stands_in(&unmarked, part);
}

/// What is left of a cut message is what the whole one says, or missing.
pub fn agrees(part: &Parsed, whole: &Parsed, text: &str) {
    let same = |open: Fact, mine: &Option<String>, all: &Option<String>| {
        assert!(mine.is_none() || mine == all || part.open == Some(open), "{open:?} {mine:?} for {all:?}: {text:?}");
    };
    same(Fact::Action, &part.action, &whole.action);
    same(Fact::Resource, &part.resource, &whole.resource);
    same(Fact::PolicyArn, &part.reason.policy_arn, &whole.reason.policy_arn);
    same(Fact::EncodedMessage, &part.encoded_message, &whole.encoded_message);
    assert!(part.principal.is_none() || part.principal == whole.principal, "{text:?}");
    let kind = part.reason.kind;
    assert!(kind == ReasonKind::Unstated || kind == whole.reason.kind, "{kind:?}: {text:?}");
}

fn stands_in(said: &Parsed, message: &str) {
    let facts = [&said.principal, &said.action, &said.resource, &said.encoded_message, &said.service_tail];
    for fact in facts.into_iter().flatten() {
        assert!(message.contains(fact.as_str()) && !fact.is_empty(), "{fact:?} is not in {message:?}");
    }
    for fact in [&said.reason.policy_arn, &said.reason.authorization_id].into_iter().flatten() {
        assert!(message.contains(fact.as_str()) && !fact.is_empty(), "{fact:?} is not in {message:?}");
    }
}

/// The same denials twice, each once, and what each says stands in its message.
pub fn pasted(pasted: &str) {
    let found = text::find(pasted);
    assert_eq!(text::find(pasted), found);
    for excerpt in &found {
        // What an SDK hung behind a bare code stands beside the message.
        let around = excerpt.parsed.service_tail.clone().unwrap_or_default();
        stands_in(&excerpt.parsed, &format!("{} {around}", excerpt.message));
        assert!(!excerpt.message.contains('\n'), "{:?}", excerpt.message);
        assert!(!excerpt.message.is_empty() || excerpt.error_code.is_some(), "an excerpt of nothing: {pasted:?}");
    }
}
