//! What services and SDKs hang behind a denial message; taken off from the end, one piece at a time.
//!
//! A name in the resource may hold any of these texts, so a piece counts only where it reaches the message's end and
//! holds no quotation mark (a quoted resource would end in one).

/// The pieces found behind a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tails<'a> {
    /// EC2's encoded message, as far as it is there.
    pub encoded: Option<&'a str>,
    /// The authorization id, only when surely whole.
    pub authorization_id: Option<&'a str>,
    /// `(Service: …)`, `status code: …` and their like, the outermost first.
    pub service: Option<&'a str>,
    /// Any piece was found.
    pub any: bool,
}

const ENCODED: &str = ". Encoded authorization failure message:";
const GO_TO: &str = ". Go to https://";
const DETAILS: &str = "/authorization-details/";
/// More pieces than AWS ever adds; keeps the work linear.
const MOST: usize = 8;

/// Takes all known pieces off the end; what is left has no space at its end.
pub(super) fn strip(message: &str) -> (&str, Tails<'_>) {
    let mut tails = Tails::default();
    let mut rest = message.trim_end();
    for _ in 0..MOST {
        let Some(shorter) = strip_one(rest, &mut tails) else { break };
        rest = shorter.trim_end();
        tails.any = true;
    }
    (rest, tails)
}

fn strip_one<'a>(text: &'a str, tails: &mut Tails<'a>) -> Option<&'a str> {
    if let Some((head, piece)) = bracket(text).or_else(|| status_code(text)) {
        tails.service = tails.service.or(Some(piece));
        return Some(head);
    }
    if let Some((head, blob)) = encoded(text) {
        tails.encoded = Some(blob);
        return Some(head);
    }
    let (head, id) = authorization(text)?;
    tails.authorization_id = id;
    Some(head)
}

/// Where a piece begins last. A search from the end is slow and mostly finds nothing, so it is asked first whether there is any.
fn last(text: &str, piece: &str) -> Option<usize> {
    // So long a text is found by vectors.
    let start = &piece[..piece.len().min(32)];
    text.contains(start).then(|| text.rfind(piece)).flatten()
}

/// `(Service: …)`, `(SDK Attempt Count: 1)`, CloudFormation's `" (RequestToken: …)`.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inner_end = text.strip_suffix(')')?;
    let open = inner_end.rfind(" (")?;
    let inner = &inner_end[open + 2..];
    let known = ["Service: ", "SDK Attempt Count: ", "RequestToken: "];
    if inner.contains(['"', ')', '\n']) || !known.iter().any(|start| inner.starts_with(start)) {
        return None;
    }
    let head = &text[..open];
    let head = if inner.starts_with("RequestToken: ") { head.strip_suffix('"').unwrap_or(head) } else { head };
    Some((head, inner))
}

/// The Go SDK's `status code: 403, request id: …`, behind a line break or a space.
fn status_code(text: &str) -> Option<(&str, &str)> {
    let at = last(text, "status code: ")?;
    let (head, piece) = text.split_at(at);
    let digits = piece.strip_prefix("status code: ")?;
    let known = digits.len() < 400 && digits.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let behind_space = head.ends_with(char::is_whitespace);
    (known && behind_space && piece.contains("request id: ") && !piece.contains('"')).then_some((head, piece))
}

fn encoded(text: &str) -> Option<(&str, &str)> {
    let at = last(text, ENCODED)?;
    let blob = text[at + ENCODED.len()..].trim_start();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=' | b'+' | b'/');
    blob.bytes().all(plain).then_some((&text[..at], blob))
}

/// The Access Troubleshooter's sentence, whole or cut; the id counts only when something stands behind it.
fn authorization(text: &str) -> Option<(&str, Option<&str>)> {
    let at = last(text, GO_TO)?;
    let tail = &text[at..];
    let id = &tail[tail.find(DETAILS)? + DETAILS.len()..];
    let (id, behind) = id.split_once(' ')?;
    let sound = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let known =
        "for complete details, or call the GetRequestAuthorizationDetails API with the following authorization id: ";
    let fits = known.starts_with(behind) || behind.strip_prefix(known).is_some_and(|again| id_again(id, again));
    (sound && fits && !tail.contains('"')).then_some((&text[..at], Some(id)))
}

/// The id stands twice; the second may be cut or end in a dot.
fn id_again(id: &str, again: &str) -> bool {
    id.starts_with(again.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, head: &str, service: bool, encoded: Option<&str>, id: Option<&str>) {
        let (rest, tails) = strip(text);
        assert_eq!(
            (rest, tails.service.is_some(), tails.encoded, tails.authorization_id),
            (head, service, encoded, id)
        );
    }

    #[test]
    fn pieces_come_off_the_end_only() {
        check(
            "Access Denied (Service: S3, Status Code: 403, Request ID: A) (SDK Attempt Count: 1)",
            "Access Denied",
            true,
            None,
            None,
        );
        check(
            "m (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: A; Proxy: null)",
            "m",
            true,
            None,
            None,
        );
        check("m\n\tstatus code: 403, request id: 1-2", "m", true, None, None);
        check("m. Encoded authorization failure message: a-B_9", "m", false, Some("a-B_9"), None);
        check("m. Encoded authorization failure message:", "m", false, Some(""), None);
        check(
            "m (Service: Iam, Status Code: 403)\" (RequestToken: 1, HandlerErrorCode: AccessDenied)",
            "m",
            true,
            None,
            None,
        );
        check("\"k (Service: S3)\"", "\"k (Service: S3)\"", false, None, None);
        check("k (Service: S3) x", "k (Service: S3) x", false, None, None);
        check("k (Service: \"S3)", "k (Service: \"S3)", false, None, None);
        check("m (other)", "m (other)", false, None, None);
    }

    #[test]
    fn an_authorization_id_counts_when_whole() {
        let whole = "m. Go to https://x/iam/home?region=r#/authorization-details/AB12 for complete details, or call the \
                     GetRequestAuthorizationDetails API with the following authorization id: AB12";
        check(whole, "m", false, None, Some("AB12"));
        check(&whole[..whole.len() - 2], "m", false, None, Some("AB12"));
        check(&whole[..70], "m", false, None, Some("AB12"));
        let inside = &whole[..whole.find("AB12").unwrap() + 3];
        check(inside, inside, false, None, None);
    }
}
