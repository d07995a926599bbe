//! Where a message ends.

use super::Excerpt;
use super::anchor::excerpt;
use super::clean::{BREAK, ESCAPED_QUOTE, Line, SPACE};
use super::join::{broke_at_width, join, join_screen, may_follow};
use super::wrapping;
use crate::denial::message::{Parsed, parse_pasted};
use crate::denial::{Encoded, ReasonKind};

/// Lines that one message may take; EC2's encoded text is the longest.
pub(super) const MOST_LINES: usize = 40;
/// Lines within which a message without such a text must end.
const CORE_LINES: usize = 14;

/// Quotation marks that are tried as a message's end, the last ones first.
const MOST_ENDS: usize = 24;

/// A message taken from its lines.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub message: String,
    pub parsed: Parsed,
    /// How many lines it took.
    pub lines: usize,
    /// Its bytes, when it took one line.
    pub length: usize,
    /// Bytes of the last line that stand behind it.
    pub over: usize,
    /// Its end is where the grammar's words end, with other words behind; no quotation mark or line ended it.
    pub guessed: bool,
    /// The message with its marks.
    marked: String,
}

impl Taken {
    /// What the resource begins with, how often that was escaped again, and what stands behind it.
    fn opening(&self) -> (char, usize, &str) {
        let behind = self.marked.split_once(" on resource: ").map_or("", |(_, behind)| behind);
        let opening = behind.trim_start_matches(BREAK);
        let depth = (behind.len() - opening.len()) / BREAK.len_utf8();
        opening.chars().next().map_or((' ', depth, ""), |c| (c, depth, &opening[c.len_utf8()..]))
    }

    /// Whether the quoted resource may reach into `behind`, what stands on the line behind this message: a quotation mark
    /// there may be the one that ends the name, and all that was read behind an earlier one, the cause too, the name's own
    /// text. `cut` tells that the line was not read to its end, `xml` that a tag ends the message.
    pub(super) fn may_reach_into(&self, behind: &str, cut: bool, xml: bool) -> bool {
        match self.opening() {
            ('"', ..) => (cut || self.guessed) && behind.contains(['"', ESCAPED_QUOTE]),
            (ESCAPED_QUOTE, depth, _) => closes_again(behind, depth, xml),
            _ => false,
        }
    }
}

/// Whether a quotation mark escaped as often as the opening one stands in the same string: one escaped less often ends
/// that string, which no name can do.
fn closes_again(behind: &str, depth: usize, xml: bool) -> bool {
    let mut breaks = 0;
    for c in behind.chars() {
        match c {
            BREAK => {
                breaks += 1;
                continue;
            }
            ESCAPED_QUOTE => return breaks >= depth,
            '"' => return false,
            '<' if xml && breaks == 0 => return false,
            _ => breaks = 0,
        }
    }
    false
}

/// The message that `lines` begin with; `quote` is the mark that it stands in.
pub(super) fn message(lines: &[Line], quote: Option<char>, core: bool) -> Option<Taken> {
    let taken = if core { with_core(lines, quote) } else { without_core(lines, quote) };
    taken.map(|taken| lengthen(taken, lines, quote)).map(|taken| doubt_breaks(taken, lines)).map(doubt_escapes)
}

/// A message on one line whose quoted resource reaches over everything that looks like another message.
pub(super) fn quoted_whole(lines: &[Line], quote: Option<char>) -> Option<Taken> {
    let text = join(&lines[..1]);
    let quoted = text.replace(BREAK, "").replace(ESCAPED_QUOTE, "\"").contains(" on resource: \"");
    quoted.then_some(())?;
    natural_ends(&text, quote)
        .into_iter()
        .filter_map(|end| take(&text, end, 1))
        .find(|taken| is_whole(&taken.parsed))
        .map(doubt_escapes)
}

fn with_core(lines: &[Line], quote: Option<char>) -> Option<Taken> {
    let most = lines.len().min(CORE_LINES);
    let mut plain: Option<Taken> = None;
    for n in 1..=most {
        let best = best_end(&lines[..n], quote);
        if best.as_ref().is_some_and(|taken| is_complete(&taken.parsed)) {
            return best;
        }
        plain = plain.or(best);
        let closed =
            plain.as_ref().is_some_and(|taken| quote == Some('"') && taken.length < join(&lines[..taken.lines]).len());
        let goes_on = lines.get(n).is_some_and(|next| may_follow(&join(&lines[..n]), &next.text));
        if plain.is_some() && (closed || !goes_on && join_screen(&lines[..lines.len().min(n + 1)]).is_none()) {
            break;
        }
    }
    if let Some(plain) = plain {
        return Some(doubt_next_line(plain, lines));
    }
    let told = (1..=most).find_map(|n| joined(&lines[..n]).iter().find_map(|text| phrase_end(text, n)));
    told.or_else(|| token_end(lines))
}

/// The likeliest end within some lines that leaves nothing over; one with a cause before one without.
fn best_end(lines: &[Line], quote: Option<char>) -> Option<Taken> {
    let mut plain = None;
    for text in joined(lines) {
        let mut ends = natural_ends(&text, quote).into_iter().filter_map(|end| take(&text, end, lines.len()));
        let Some(best) = ends.find(|taken| is_whole(&taken.parsed)) else { continue };
        if is_complete(&best.parsed) {
            return Some(best);
        }
        plain = plain.or(Some(best));
    }
    plain
}

/// The ways in which lines may belong together, the likeliest first.
fn joined(lines: &[Line]) -> Vec<String> {
    let by_words = join(lines);
    let Some(by_width) = join_screen(lines) else { return vec![by_words] };
    if broke_at_width(lines) { vec![by_width, by_words] } else { vec![by_words, by_width] }
}

/// Without an action only the first line counts; an encoded text is whole where what an SDK hangs behind it is.
fn without_core(lines: &[Line], quote: Option<char>) -> Option<Taken> {
    let text = join(lines.get(..1)?);
    let ends = natural_ends(&text, quote);
    let encoded = |taken: &Taken| taken.parsed.reason.encoded == Encoded::Present;
    let whole = ends.iter().filter_map(|end| take(&text, *end, 1)).find(encoded);
    whole.or_else(|| take(&text, ends.last().copied().unwrap_or(text.len()), 1))
}

/// Ends that lines and quotation marks suggest, the likeliest first.
fn natural_ends(text: &str, quote: Option<char>) -> Vec<usize> {
    let quoted_name = text.contains(" on resource: \"");
    let mark = quote.filter(|c| matches!(*c, '"' | '\'' | '`' | ESCAPED_QUOTE));
    if let Some(mark) = mark {
        let doubtful = mark == ESCAPED_QUOTE || mark == '"' && quoted_name || mark == '\'';
        let closes = |at: &usize| {
            let after = text[at + mark.len_utf8()..].trim_start();
            !doubtful || after.is_empty() || after.starts_with([',', '}', ']', ')', '(', ';', ESCAPED_QUOTE, '"'])
        };
        let mut ends: Vec<usize> = text.match_indices(mark).map(|(at, _)| at).filter(closes).collect();
        if !doubtful {
            ends.truncate(1);
            return if ends.is_empty() { vec![text.len()] } else { ends };
        }
        ends.reverse();
        ends.truncate(MOST_ENDS);
        ends.push(text.len());
        return ends;
    }
    let mut ends = vec![text.len()];
    let mut rest = text;
    for _ in 0..4 {
        let Some(shorter) = rest.strip_suffix(['"', '\'', ',', ')', ']', '}', ';', '`', '*', ESCAPED_QUOTE]) else {
            break;
        };
        rest = shorter;
        ends.push(rest.len());
    }
    if !quoted_name {
        ends.extend(text.find(['<', '`', '"', ESCAPED_QUOTE]));
    }
    ends
}

/// The longest beginning that ends in a cause or an SDK's bracket, for messages with other text behind them.
fn phrase_end(text: &str, lines: usize) -> Option<Taken> {
    const ENDS: &[&str] = &[" action", " policy", " boundary", " explicit deny", ")", "S3 Block Public Access"];
    let mut ends: Vec<usize> =
        ENDS.iter().flat_map(|end| text.match_indices(end).map(|(at, end)| at + end.len())).collect();
    ends.sort_unstable();
    ends.truncate(40);
    let whole_word =
        |end: &usize| !text[*end..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '"' | ':'));
    let ends = ends.into_iter().rev().filter(whole_word);
    let mut told = ends.filter_map(|end| take(text, end, lines));
    let told = told.find(|taken| is_whole(&taken.parsed) && is_complete(&taken.parsed));
    told.map(|taken| Taken { guessed: true, ..taken })
}

/// Up to the last fact that is sure, for a message that breaks off into other words.
fn token_end(lines: &[Line]) -> Option<Taken> {
    let text = join(lines.get(..1)?);
    let whole = take(&text, text.len(), 1)?;
    let facts = whole.parsed.principal.is_some() || whole.parsed.action.is_some();
    let Some(at) = text.find(" on resource: arn:").map(|at| at + " on resource: ".len()) else {
        return facts.then_some(whole);
    };
    let end = text[at..].find(char::is_whitespace).map_or(text.len(), |n| at + n);
    let name = &text[at..end];
    // Names that may hold spaces are not known to end at one; AWS's own causes would have been read.
    let spaceless = !name.contains(":s3:::") && !name.contains("log-") && !text[end..].contains(" because ");
    let bare = text[..end].trim_end_matches([',', ';', ')', ']', '\'']).len();
    let short = spaceless.then(|| take(&text, bare, 1)).flatten();
    short.or_else(|| facts.then_some(whole))
}

/// Policy ARNs, authorization ids and encoded texts on the lines behind.
fn lengthen(mut taken: Taken, lines: &[Line], quote: Option<char>) -> Taken {
    if quote == Some('"') && taken.lines == 1 && taken.length < lines[0].text.len() {
        return taken;
    }
    for n in taken.lines + 1..=lines.len().min(MOST_LINES) {
        let longer = |text: &String| {
            let ends = natural_ends(text, None).into_iter().filter_map(|end| take(text, end, n)).collect::<Vec<_>>();
            ends.into_iter().find(|longer| is_clean(&longer.parsed) && adds(&taken.parsed, &longer.parsed))
        };
        let Some(longer) = joined(&lines[..n]).iter().find_map(longer) else {
            if n > taken.lines + 3 || !may_follow(&join(&lines[..n - 1]), &lines[n - 1].text) {
                break;
            }
            continue;
        };
        if taken.parsed.reason.encoded == Encoded::Present && !looks_encoded(&lines[n - 1].text) {
            break;
        }
        taken = longer;
    }
    taken
}

fn adds(short: &Parsed, long: &Parsed) -> bool {
    let same = short.action == long.action && short.principal == long.principal && short.resource == long.resource;
    let length = |parsed: &Parsed| parsed.encoded_message.as_ref().map_or(0, String::len);
    let more = short.reason.policy_arn.is_none() && long.reason.policy_arn.is_some()
        || short.reason.policy_type.is_none() && long.reason.policy_type.is_some()
        || short.reason.authorization_id.is_none() && long.reason.authorization_id.is_some()
        || short.reason.encoded == Encoded::Absent && long.reason.encoded != Encoded::Absent
        || short.service_tail.is_none() && long.service_tail.is_some()
        || length(long) > length(short)
        || !short.via_scp && long.via_scp;
    same && more
}

/// A line of base64 rather than a word.
fn looks_encoded(line: &str) -> bool {
    let plain = line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='));
    plain && (line.len() >= 20 || line.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'=')))
}

/// A name that may go on in the next line is not known.
fn doubt_next_line(mut taken: Taken, lines: &[Line]) -> Taken {
    let Some(next) = lines.get(taken.lines) else { return taken };
    let ends_line = taken.length >= lines.first().map_or(0, |line| line.text.trim_end().len());
    let one_word = !next.text.contains(char::is_whitespace) && next.text.len() > 1;
    // Where AWS quotes a resource it gives a cause too, so that a bare one ends within its name.
    let quoted = taken.message.contains(" on resource: \"");
    if (quoted || ends_line && one_word)
        && taken.parsed.open.is_some()
        && taken.parsed.reason.kind == ReasonKind::Unstated
    {
        taken.parsed.resource = None;
        taken.parsed.leftover = true;
    }
    taken
}

/// A quoted name may hold spaces and line breaks, so that a break inside it is only known where the screen's edge made it.
fn doubt_breaks(mut taken: Taken, lines: &[Line]) -> Taken {
    let used = &lines[..taken.lines.min(lines.len())];
    let Some(name) = taken.parsed.resource.as_deref().filter(|_| taken.lines > 1) else { return taken };
    let quoted = format!("\"{name}\"");
    let unbroken = used.iter().any(|line| line.text.replace(BREAK, "").replace(ESCAPED_QUOTE, "\"").contains(&quoted));
    if taken.message.contains(&quoted) && !unbroken && !broke_at_width(used) {
        taken.parsed.resource = None;
        taken.parsed.leftover = true;
    }
    taken
}

/// Whether a backslash is an escape or a name's own, nobody can tell from a pasted text; in a JSON string, whose quotation
/// marks are escaped too, one can, but for backslashes and quotation marks themselves.
fn doubt_escapes(mut taken: Taken) -> Taken {
    let Some(name) = taken.parsed.resource.as_deref() else { return taken };
    let (quote, depth, inner) = taken.opening();
    let mut left = name.chars().count();
    let (mut doubt, mut breaks) = (name.contains('\\'), 0);
    for c in inner.chars() {
        if c == BREAK {
            breaks += 1;
            continue;
        }
        if left == 0 {
            doubt |= c != quote || breaks != depth;
            break;
        }
        doubt |= c == ESCAPED_QUOTE || quote == '"' && (c == SPACE || breaks > 0);
        (left, breaks) = (left - 1, 0);
    }
    if doubt && matches!(quote, '"' | ESCAPED_QUOTE) {
        taken.parsed.resource = None;
        taken.parsed.leftover = true;
    }
    taken
}

/// `text` up to `end` as a message.
fn take(text: &str, end: usize, lines: usize) -> Option<Taken> {
    let (marked, over) = (text[..end].to_owned(), text.len() - end);
    let message = marked.replace(BREAK, "").replace(SPACE, " ").replace(ESCAPED_QUOTE, "\"").trim().to_owned();
    let parsed = parse_pasted(&message);
    (!message.is_empty()).then_some(Taken { message, parsed, lines, length: end, over, guessed: false, marked })
}

/// Where AWS quotes a resource it gives a cause too: a quoted one without may have been ended by a quotation mark of its
/// own name.
pub(super) fn doubt_bare_quotes(excerpt: &mut Excerpt) {
    let quoted = excerpt.message.contains(" on resource: \"");
    if quoted && !is_complete(&excerpt.parsed) && excerpt.parsed.resource.take().is_some() {
        excerpt.parsed.leftover = true;
    }
}

/// Whether a message ends inside its quoted resource: what follows may be that name's text and not AWS's.
pub(super) fn leaves_quote_open(excerpt: &Excerpt) -> bool {
    let quoted = excerpt.message.contains(" on resource: \"");
    quoted && excerpt.parsed.leftover && excerpt.parsed.resource.is_none()
}

/// A full message, read to its end.
fn is_whole(parsed: &Parsed) -> bool {
    !parsed.leftover && parsed.action.is_some()
}

fn is_clean(parsed: &Parsed) -> bool {
    !parsed.leftover && (parsed.action.is_some() || parsed.reason.special.is_some())
}

fn is_complete(parsed: &Parsed) -> bool {
    parsed.reason.kind != ReasonKind::Unstated || parsed.reason.special.is_some()
}

/// An error on one line that names a code but no action: `CODE: Access Denied`, `(… Error Code: CODE; …)`.
pub(super) fn code_alone(line: &str, before: &str) -> Option<Excerpt> {
    let Some(code) = wrapping::codes(line).next() else { return java_alone(line) };
    let at = line.find(code)?;
    let behind = &line[at + code.len()..];
    let marked =
        behind.starts_with([':', ')', '<', '\'', '"', ';', ',', ESCAPED_QUOTE]) || behind.starts_with(" (client)");
    if !marked || line[..at].ends_with('`') {
        return None;
    }
    let plain = line.replace(ESCAPED_QUOTE, "\"");
    let head = plain.find(" (Service: ").map(|end| &plain[..end]).and_then(|head| head.rsplit(": ").next());
    let told = behind.split_once(": ").map(|(_, text)| text).filter(|_| head.is_none());
    let denied = plain.contains("Access Denied").then_some("Access Denied");
    let text = denied.or(head).or(told).unwrap_or_default();
    let text = text.split(['"', '<', '\'']).next().unwrap_or_default().trim_matches([',', '}', ' ', ESCAPED_QUOTE]);
    let mut found = excerpt(text);
    let tail = plain.find("(Service: ").and_then(|from| plain[from + 1..].split(')').next());
    found.parsed.service_tail = tail.map(str::to_owned);
    wrapping::name(&mut found, &format!("{before}{plain}"), "");
    found.error_code = Some(code.to_owned());
    Some(found)
}

/// Java's and .NET's exceptions, and JSON's messages, that name no code.
fn java_alone(line: &str) -> Option<Excerpt> {
    let named = line.find("Exception: Access Denied").map(|at| at + "Exception: ".len());
    let value = line.find(['"', '\'']).filter(|_| line.contains("essage")).and_then(|_| {
        let quoted = ["\"Access Denied\"", "'Access Denied'"].iter().find_map(|value| line.find(value));
        quoted.map(|at| at + 1)
    });
    let at = line.find("Access Denied (Service: ").or(named).or(value)?;
    let plain = at + "Access Denied".len();
    let end = line[at..].find(')').filter(|_| line[plain..].starts_with(" (")).map_or(plain, |n| at + n + 1);
    let mut found = excerpt(&line[at..end]);
    wrapping::name(&mut found, "", "");
    Some(found)
}
