//! The grammar of AWS's denial messages, read from both ends.
//!
//! `[prefix] ["User: "] PRINCIPAL is not authorized to perform: ACTION [on resource: RESOURCE] [cause] [tails]`: the
//! principal and action are taken from the left, where nobody but AWS writes; tails and cause from the right end, because
//! a resource may bear any name, the very phrases of this grammar included. What is left between is the resource.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>.

mod cause;
mod special;
mod tail;

use super::{Encoded, Reason, ReasonKind};
use cause::Cause;
use tail::Tails;

/// What one message says, as printed; `None` where it says nothing, or nothing sure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// An ARN, `[ServiceName]` or `anonymous`; `None` where the text says only `User`.
    pub principal: Option<String>,
    /// `prefix:Action` in the message's letter case; not checked to exist.
    pub action: Option<String>,
    /// Without quotation marks: an ARN, `*`, `role NAME`, or a bare name. Untrusted: others choose names.
    pub resource: Option<String>,
    /// The message says `on this resource` and hides which.
    pub on_this_resource: bool,
    /// The cause and its companions.
    pub reason: Reason,
    /// A service control policy denied by way of a VPC endpoint policy.
    pub via_scp: bool,
    /// EC2's encoded message, for `sts:DecodeAuthorizationMessage`; `None` when absent or cut.
    pub encoded_message: Option<String>,
    /// `Service: S3, Status Code: 403, …`: what an SDK hung behind, without brackets.
    pub service_tail: Option<String>,
    /// The fact that stands last with no mark of its end behind it: an unmarked cut would have shortened it.
    pub open: Option<Fact>,
    /// The resource's name holds phrases of AWS's own grammar: no honest name does, so patch nothing on its word.
    pub suspect: bool,
    /// The resource stood between quotation marks: it cannot reach the end of the message, where the cause stands.
    pub quoted: bool,
    /// Text was left over that the grammar does not know; facts behind it are missing here.
    pub leftover: bool,
}

/// A fact that a message's end can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// [`Parsed::action`].
    Action,
    /// [`Parsed::resource`].
    Resource,
    /// `policy_arn` of [`Parsed::reason`].
    PolicyArn,
    /// [`Parsed::encoded_message`].
    EncodedMessage,
}

/// CloudTrail keeps 1 KB of a message; some cuts are marked by dots inside that, so the limit is a little lower.
const CLOUDTRAIL_LIMIT: usize = 1020;
/// Text from elsewhere that ends within a few bytes of the limit came through CloudTrail.
const LIMIT_REACH: usize = 1030;

const PERFORM: &str = " is not authorized to perform";

/// Reads `errorMessage` of a CloudTrail record. A message that CloudTrail cut keeps only what the cut cannot have
/// changed. Never fails: an unknown text gives an empty answer.
///
/// ```
/// use denywatch::denial::message::parse;
/// let said = parse(
///     "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: s3:GetObject on resource: \
///      \"arn:aws:s3:::example/a b\" because no identity-based policy allows the s3:GetObject action",
/// );
/// assert_eq!(said.action.as_deref(), Some("s3:GetObject"));
/// assert_eq!(said.resource.as_deref(), Some("arn:aws:s3:::example/a b"));
/// ```
pub fn parse(message: &str) -> Parsed {
    read(message, message.len() >= CLOUDTRAIL_LIMIT || message.chars().count() >= CLOUDTRAIL_LIMIT)
}

/// Reads a message that did not come from CloudTrail and may be longer than 1 KB.
pub fn parse_pasted(message: &str) -> Parsed {
    let near = |length: usize| (CLOUDTRAIL_LIMIT..=LIMIT_REACH).contains(&length);
    let (_, tails) = tail::strip(message);
    // What an SDK hung behind EC2's encoded text shows that the text came to its end.
    let ended = tails.encoded.is_some() && tails.service.is_some();
    read(message, !ended && (near(message.len()) || near(message.chars().count())))
}

fn read(message: &str, at_limit: bool) -> Parsed {
    let trimmed = message.trim();
    let (body, dots) = strip_dots(trimmed);
    let cut = at_limit || dots;
    let (text, tails) = tail::strip(body);
    let mut said = match split_core(text) {
        Some((head, rest)) => core(head, rest, &tails),
        None => without_core(text, cut),
    };
    add_tails(&mut said, &tails, text.len() < body.len());
    if cut {
        distrust(&mut said, &tails);
    }
    said
}

/// `...` or `…` at the end mark a cut.
fn strip_dots(text: &str) -> (&str, bool) {
    match text.strip_suffix('…') {
        Some(head) => (head, true),
        None if text.ends_with("...") => (text.trim_end_matches('.'), true),
        None => (text, false),
    }
}

/// The text before and behind the first `is not authorized to perform`, which only AWS writes.
fn split_core(text: &str) -> Option<(&str, &str)> {
    let (head, rest) = text.split_once(PERFORM)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    rest.starts_with(' ').then(|| (head.trim_end(), rest.trim_start()))
}

fn core(head: &str, rest: &str, tails: &Tails<'_>) -> Parsed {
    let mut said = empty();
    said.principal = principal(head);
    let (word, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    said.action = is_action(word).then(|| word.to_owned());
    let rest = one_space(rest);
    let cause = cause::at_end(rest, said.action.as_deref());
    if let Some(place) = after_marker(rest) {
        let cause = cause.filter(|cause| cause.start >= rest.len() - place.len());
        let end = cause.as_ref().map_or(rest.len(), |cause| cause.start);
        let place = &rest[rest.len() - place.len()..end];
        read_resource(&mut said, place, cause, tails);
    } else {
        said.on_this_resource = rest.starts_with(" on this resource");
        let between = cause.as_ref().map_or(rest, |cause| &rest[..cause.start]);
        let clear = between.is_empty() || between == " on this resource";
        said.leftover = !clear;
        said.reason.cut = !clear && broken_off(rest);
        apply_cause(&mut said, cause.filter(|_| clear));
    }
    if rest.is_empty() && !tails.any {
        said.open = Some(Fact::Action);
    }
    said.suspect |= said.principal.is_none() && !names_nobody(head);
    said
}

/// AWS leaves the caller out by the bare word `User` only; another word before the phrase is the end of some name that
/// holds the phrase.
fn names_nobody(head: &str) -> bool {
    let word = head.rsplit(char::is_whitespace).next().unwrap_or_default();
    let plain = word.trim_matches(['"', '\'', '`', '(']);
    plain.is_empty() && word == head || plain.trim_end_matches(':').eq_ignore_ascii_case("user")
}

/// Without more than one space before the first word.
fn one_space(text: &str) -> &str {
    let at = text.len() - text.trim_start().len();
    let single = at > 0 && text[..at].ends_with(' ');
    if single { &text[at - 1..] } else { text }
}

/// What stands behind `on resource: `, or behind the bare ` on ` that some services write before an ARN.
fn after_marker(rest: &str) -> Option<&str> {
    rest.strip_prefix(" on resource: ").or_else(|| rest.strip_prefix(" on ").filter(|text| text.starts_with("arn:")))
}

/// Sorts out the text between marker and cause; a forged or broken piece gives no resource and no cause.
fn read_resource(said: &mut Parsed, place: &str, cause: Option<Cause<'_>>, tails: &Tails<'_>) {
    let place = place.trim();
    let quoted = place.starts_with('"');
    let inner = place.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|text| !text.is_empty());
    if quoted && inner.is_none() {
        said.suspect = cause.is_some() || holds_grammar(place);
        said.reason.cut = true;
        said.leftover = true;
        return;
    }
    let name = inner.unwrap_or(place);
    said.suspect = holds_grammar(name);
    said.quoted = quoted;
    let bare_tail = tails.any && cause.is_none() && name.contains(":s3:::") && name.contains('/');
    let sure = quoted || (one_name(name) || cause.is_some() && name.starts_with("arn:")) && !bare_tail;
    if sure && !name.is_empty() && name != "null" {
        said.resource = Some(name.to_owned());
    }
    said.leftover = !sure && name != "null";
    if cause.is_none() && !sure {
        said.reason.cut = broken_off(name);
    }
    if cause.is_none() && !tails.any && said.resource.is_some() {
        said.open = Some(Fact::Resource);
    }
    apply_cause(said, cause);
}

/// One word, or one of IAM's `role NAME` forms.
fn one_name(name: &str) -> bool {
    const KINDS: &[&str] = &["role ", "user ", "group ", "policy ", "instance profile ", "server certificate "];
    let rest = KINDS.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name);
    !rest.is_empty() && !rest.contains(char::is_whitespace)
}

/// Phrases that honest names do not hold.
fn holds_grammar(name: &str) -> bool {
    const PHRASES: &[&str] = &[
        " because ",
        " with an explicit deny",
        " allows the ",
        " is not authorized to perform",
        " on resource: ",
        ". Encoded authorization failure message:",
        "GetRequestAuthorizationDetails API",
        " (Service: ",
    ];
    // All others have a space; most names have none.
    name.contains("/authorization-details/") || name.contains(' ') && PHRASES.iter().any(|phrase| name.contains(phrase))
}

/// Whether a text ends inside a cause that never came to its end.
fn broken_off(text: &str) -> bool {
    const STARTS: &[&str] = &[" because no ", " with an explicit deny ", " on resource: ", " on this resource "];
    let ends_within = |start: &str| (2..start.len()).any(|n| start.get(..n).is_some_and(|part| text.ends_with(part)));
    STARTS.iter().any(|start| text.contains(start) || ends_within(start))
}

fn apply_cause(said: &mut Parsed, cause: Option<Cause<'_>>) {
    let Some(cause) = cause else { return };
    said.reason.kind = cause.kind;
    said.reason.policy_type = cause.policy_type;
    said.reason.policy_arn = cause.policy_arn.map(str::to_owned);
    said.reason.special = cause.special;
    said.via_scp = cause.via_scp;
    if cause.policy_arn.is_some() {
        said.open = Some(Fact::PolicyArn);
    }
}

/// Behind a cut the phrase may have come, which an action stands behind; then the word here was none.
fn without_core(text: &str, cut: bool) -> Parsed {
    let mut said = empty();
    let text = text.rsplit_once(" operation: ").map_or(text, |(_, own)| own).trim();
    (said.reason.special, said.reason.policy_type) = special::read(text);
    let named = text.strip_prefix("Not authorized to perform").map(|rest| rest.trim_start_matches([':', ' ']));
    let word = named.and_then(|rest| rest.split_whitespace().next()).map(|word| word.trim_end_matches('.'));
    said.action = word.filter(|word| !cut && is_action(word)).map(str::to_owned);
    if said.action.is_some() {
        said.open = Some(Fact::Action);
    }
    said
}

fn add_tails(said: &mut Parsed, tails: &Tails<'_>, closed: bool) {
    said.service_tail = tails.service.map(str::to_owned);
    said.reason.authorization_id = tails.authorization_id.map(str::to_owned);
    if closed {
        said.open = None;
    }
    if let Some(blob) = tails.encoded {
        let present = !blob.is_empty();
        said.reason.encoded = if present { Encoded::Present } else { Encoded::Truncated };
        said.encoded_message = present.then(|| blob.to_owned());
        said.open = Some(Fact::EncodedMessage);
    }
}

/// A cut can end a forged cause just at the limit, so only EC2's own order of things is believed then: EC2's names are too
/// short to reach from the resource to the encoded message's end.
fn distrust(said: &mut Parsed, tails: &Tails<'_>) {
    said.reason.cut = true;
    if tails.encoded.is_some() {
        said.reason.encoded = Encoded::Truncated;
        said.encoded_message = None;
        let ec2 = said.action.as_deref().is_some_and(|action| action.to_ascii_lowercase().starts_with("ec2:"));
        // Without a cause the text may end inside a name that holds AWS's own words.
        let told = said.reason.kind != ReasonKind::Unstated || said.resource.is_none();
        if ec2 && !said.suspect && told {
            said.open = None;
            return;
        }
    }
    if said.open == Some(Fact::Action) {
        said.action = None;
    }
    let (special, encoded) = (said.reason.special.filter(|_| said.resource.is_none()), said.reason.encoded);
    said.resource = None;
    said.via_scp = false;
    said.open = None;
    said.reason = Reason { special, encoded, cut: true, ..unstated() };
}

/// The last word before the phrase; `None` for the bare word `User`.
fn principal(head: &str) -> Option<String> {
    let word = head.rsplit(char::is_whitespace).next()?;
    let word = word.strip_prefix("User:").unwrap_or(word);
    let named = head.contains("User: ") || word.starts_with("arn:") || word.starts_with('[') || word == "anonymous";
    let plain = word.trim_matches(['"', '\'', '`']);
    (named && !plain.is_empty() && plain != "User").then(|| plain.to_owned())
}

/// `prefix:Name`; wildcards are let through for the caller to refuse.
fn is_action(word: &str) -> bool {
    let plain = |text: &str, more: &[char]| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    word.split_once(':')
        .is_some_and(|(service, name)| plain(service, &['-', '*', '?']) && plain(name, &['*', '?', '-', '_']))
}

fn unstated() -> Reason {
    Reason {
        kind: ReasonKind::Unstated,
        policy_type: None,
        policy_arn: None,
        authorization_id: None,
        encoded: Encoded::Absent,
        special: None,
        cut: false,
    }
}

fn empty() -> Parsed {
    Parsed {
        principal: None,
        action: None,
        resource: None,
        on_this_resource: false,
        reason: unstated(),
        via_scp: false,
        encoded_message: None,
        service_tail: None,
        open: None,
        suspect: false,
        quoted: false,
        leftover: false,
    }
}

#[cfg(test)]
mod tests;
