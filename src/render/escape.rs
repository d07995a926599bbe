//! Text that strangers wrote, made harmless for the place it goes to: one function a sink.
//!
//! Session names, object keys, tags and names in messages are chosen by whoever made the call. Each function here
//! returns text that its sink shows or passes on as data and never runs, renders or hides. Two kinds exist:
//! *faithful* ones ([`shell_quote`], [`hcl_string`], [`yaml_string`]) whose reader gets the same characters back,
//! and *showing* ones (the rest) that write unseen characters visibly, as `\u{202e}`.

use std::fmt::Write as _;

/// Whether a character is not seen, or changes how its neighbours are seen: C0 and C1 controls, line and paragraph
/// separators, bidirectional marks, zero-width and other format characters, noncharacters.
///
/// The sets are Unicode's Cc, Cf, Zl, Zp and noncharacters: <https://www.unicode.org/reports/tr36/>.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// One line for a terminal: line breaks and tabs as `\n`, `\r`, `\t`, every other unseen character as `\u{1b}`.
///
/// ```
/// use denywatch::render::escape::terminal;
/// assert_eq!(terminal("a\x1b[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\\nd");
/// ```
pub fn terminal(text: &str) -> String {
    shown(text, |_| false)
}

/// Text of several lines for a terminal: as [`terminal`], but line feeds and tabs stay.
pub fn terminal_lines(text: &str) -> String {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// Slack `mrkdwn` or the text of a webhook: `&`, `<`, `>` become entities, which disarms `<!channel>`, `<@U…>` and
/// `<url|text>`; line feeds stay. See <https://docs.slack.dev/messaging/formatting-message-text/>.
///
/// Marks such as `*` stay marks: use [`slack_code`] for a value, and `verbatim` on the block.
pub fn slack(text: &str) -> String {
    terminal_lines(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A value in Slack as a code span, on one line; back-ticks, which would end the span, are shown as `\u{60}`.
pub fn slack_code(text: &str) -> String {
    let inner = slack(&terminal(text)).replace('`', "\\u{60}");
    if inner.is_empty() { "` `".to_owned() } else { format!("`{inner}`") }
}

/// HTML text or a quoted attribute value: the five special characters as entities.
///
/// A URL in `href` needs its scheme checked besides; this function does not do that.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal_lines(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A Markdown code span on one line: the fence is longer than any run of back-ticks inside; nothing inside is a link
/// or a mention. See <https://spec.commonmark.org/0.31.2/#code-spans>. Inside a table use [`markdown_cell`].
pub fn markdown_code(text: &str) -> String {
    let inner = terminal(text);
    let fence = "`".repeat(longest_run(&inner, '`') + 1);
    // A reader takes one space off each end when both are there, so a span that has its own gets another pair.
    let pad = inner.is_empty() || inner.starts_with(['`', ' ']) || inner.ends_with(['`', ' ']);
    let pad = if pad { " " } else { "" };
    format!("{fence}{pad}{inner}{pad}{fence}")
}

/// A Markdown code span for a table's cell: `|`, which would end the cell even inside the span, is written `\|`.
/// See <https://github.github.com/gfm/#example-200>.
pub fn markdown_cell(text: &str) -> String {
    // A backslash before the bar would pair with ours in some readers; shown as an escape it cannot.
    markdown_code(&text.replace("\\|", "\\u{5c}|")).replace('|', "\\|")
}

/// A fenced Markdown block that its content cannot close. `language` is our own word, such as `hcl`.
pub fn markdown_block(language: &str, text: &str) -> String {
    let inner = terminal_lines(text);
    let fence = "`".repeat(longest_run(&inner, '`').max(2) + 1);
    let end = if inner.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{inner}{end}{fence}\n")
}

/// Plain words inside Markdown, on one line: all ASCII punctuation that can be markup is escaped by a backslash, `<`
/// and `&` by an entity, `@` by an entity so that nobody is mentioned. What is markup only where a line begins is left
/// as it is further on, so that a date reads as a date.
pub fn markdown_text(text: &str) -> String {
    let inner = terminal(text);
    let mut out = String::with_capacity(inner.len());
    for (at, c) in inner.char_indices() {
        let before = inner[..at].trim_start();
        match c {
            '-' | '+' | '>' | '=' if before.is_empty() => {
                out.push('\\');
                out.push(c);
            }
            // `1.` and `1)` begin a list.
            '.' | ')' if !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            // GitHub links `www.` without a scheme too.
            '.' if before.len() >= 3
                && before.is_char_boundary(before.len() - 3)
                && before[before.len() - 3..].eq_ignore_ascii_case("www") =>
            {
                out.push_str("&#46;");
            }
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            // Bare addresses become links in GitHub's reading; the entity leaves them as words.
            ':' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// One CSV cell (RFC 4180), quoted where needed; a cell that a spreadsheet would take for a formula gets a leading
/// `'`. See <https://owasp.org/www-community/attacks/CSV_Injection>. For text only: write numbers yourself.
pub fn csv_cell(text: &str) -> String {
    let mut cell = shown(text, |c| matches!(c, '\n' | '\r' | '\t'));
    if is_formula(text) {
        cell.insert(0, '\'');
    }
    if cell.contains(['"', ',', ';', '\n', '\r', '\t', '\'']) || cell.trim() != cell {
        cell = format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

/// One word for bash that expands to exactly `text`: bare when plainly harmless, else in single quotes; text with
/// unseen characters in `$'…'`, so that what is read on the screen is what runs.
///
/// No shell word can hold NUL; it is written as the four characters `\x00`, so refuse such text before. A leading `-` is
/// still an option to the command: put `--` before it or use `--name=value`.
pub fn shell_quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if text.chars().any(is_unseen) {
        return ansi_c_quote(text);
    }
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { single_quote(text) }
}

/// One word for bash, always in quotes; otherwise as [`shell_quote`].
pub fn single_quote(text: &str) -> String {
    if text.chars().any(is_unseen) { ansi_c_quote(text) } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A quoted string of HCL (Terraform) that evaluates to exactly `text`: `${` and `%{` are doubled, so IAM's own
/// `${aws:username}` stays text too. See <https://developer.hashicorp.com/terraform/language/expressions/strings>.
///
/// ```
/// use denywatch::render::escape::hcl_string;
/// assert_eq!(hcl_string("a/${file(\"x\")}\n"), "\"a/$${file(\\\"x\\\")}\\n\"");
/// ```
pub fn hcl_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // A mark before a mark is numbered, so that the reader never has to count a run of them.
            '$' | '%' if rest.peek() == Some(&c) => push_code(&mut out, c),
            '$' | '%' if rest.peek() == Some(&'{') => out.extend([c, c]),
            c if is_unseen(c) => push_code(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A double-quoted YAML scalar that reads back as exactly `text`, in YAML 1.1 and 1.2; never a number, a date, `no`,
/// an alias, a tag or a document's end. It is also a JSON string unless the text holds unseen characters above U+FFFF.
/// See <https://yaml.org/spec/1.2.2/#731-double-quoted-style>.
pub fn yaml_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => push_code(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes `\u202e`, or `\U000e0001` above U+FFFF: HCL and YAML agree on these forms.
fn push_code(out: &mut String, c: char) {
    let code = c as u32;
    let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
}

fn shown(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if keep(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// Bash's `$'…'`; unseen characters as their UTF-8 bytes, which no locale changes.
fn ansi_c_quote(text: &str) -> String {
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\\\\x00"),
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // Octal takes at most three digits, so a digit that follows stays a digit.
            c if is_unseen(c) => c.to_string().bytes().for_each(|byte| {
                let _ = write!(out, "\\{byte:03o}");
            }),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

/// Spreadsheets drop leading blanks, and some read the full-width signs too.
fn is_formula(text: &str) -> bool {
    let signs = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    text.starts_with(['\t', '\r', '\n'])
        || text.trim_start_matches(|c: char| c.is_whitespace() || is_unseen(c)).starts_with(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escape: fn(&str) -> String, text: &str, expect: &str) {
        assert_eq!(escape(text), expect);
    }

    #[test]
    fn a_terminal_sees_no_commands() {
        check(terminal, "plain – ü 你", "plain – ü 你");
        check(terminal, "\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}");
        check(terminal, "\u{9b}31m", "\\u{9b}31m");
        check(terminal, "a\u{202e}b\u{2066}c\u{200b}\u{feff}", "a\\u{202e}b\\u{2066}c\\u{200b}\\u{feff}");
        check(terminal, "a\r\n\tb\x7f\0", "a\\r\\n\\tb\\u{7f}\\u{0}");
        check(terminal, "\u{e0041}\u{1fffe}", "\\u{e0041}\\u{1fffe}");
        check(terminal_lines, "a\n\tb\rc", "a\n\tb\\rc");
    }

    #[test]
    fn slack_mentions_nobody() {
        check(slack, "<!channel> & <@U1> <http://x|y>", "&lt;!channel&gt; &amp; &lt;@U1&gt; &lt;http://x|y&gt;");
        check(slack, "a\nb\u{202e}", "a\nb\\u{202e}");
        check(slack_code, "a`b\n<", "`a\\u{60}b\\n&lt;`");
        check(slack_code, "", "` `");
    }

    #[test]
    fn html_has_no_tags() {
        check(html, "<img src=x onerror='a'>&\"", "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;");
        check(html, "a\u{202e}\0", "a\\u{202e}\\u{0}");
    }

    #[test]
    fn markdown_stays_words() {
        check(markdown_code, "a", "`a`");
        check(markdown_code, "", "`  `");
        check(markdown_code, "a``b`", "``` a``b` ```");
        check(markdown_code, "a\n# b", "`a\\n# b`");
        check(markdown_code, " a ", "`  a  `");
        check(markdown_cell, "a|b", "`a\\|b`");
        check(markdown_cell, "a\\|b", "`a\\u{5c}\\|b`");
        check(|t| markdown_block("json", t), "a", "```json\na\n```\n");
        check(|t| markdown_block("", t), "```\nx\n", "````\n```\nx\n````\n");
        check(markdown_text, "[x](http://y) @z <b> *c*", "\\[x\\](http&#58;//y) &#64;z &lt;b> \\*c\\*");
        check(markdown_text, "on 2026-11-10 (in part)", "on 2026-11-10 (in part)");
        check(markdown_text, "- a", "\\- a");
        check(markdown_text, " > a -> b", " \\> a -> b");
        check(markdown_text, "===", "\\===");
        check(markdown_text, "12. a 3.", "12\\. a 3.");
        check(markdown_text, "1) a", "1\\) a");
        check(markdown_text, "see www.evil.example", "see www&#46;evil.example");
    }

    #[test]
    fn csv_holds_no_formula() {
        check(csv_cell, "plain", "plain");
        check(csv_cell, "=1+1", "\"'=1+1\"");
        check(csv_cell, "  -2", "\"'  -2\"");
        check(csv_cell, "@a", "\"'@a\"");
        check(csv_cell, "\u{200b}=a", "\"'\\u{200b}=a\"");
        check(csv_cell, "\u{ff1d}a", "\"'\u{ff1d}a\"");
        check(csv_cell, "\t=a", "\"'\t=a\"");
        check(csv_cell, "a,\"b\"\n", "\"a,\"\"b\"\"\n\"");
        check(csv_cell, "", "");
    }

    #[test]
    fn a_shell_gets_one_word() {
        check(shell_quote, "my-role_1", "my-role_1");
        check(shell_quote, "", "''");
        check(shell_quote, "a b", "'a b'");
        check(shell_quote, "$(id)`id`", "'$(id)`id`'");
        check(shell_quote, "it's", "'it'\\''s'");
        check(shell_quote, "a=b", "'a=b'");
        check(shell_quote, "~!*?[]{}", "'~!*?[]{}'");
        check(shell_quote, "a\nb'\\", "$'a\\nb\\'\\\\'");
        check(shell_quote, "\x1b1\u{202e}", "$'\\0331\\342\\200\\256'");
        check(single_quote, "a", "'a'");
    }

    #[test]
    fn hcl_evaluates_nothing() {
        check(hcl_string, "a", "\"a\"");
        check(hcl_string, "${aws:username} %{if}", "\"$${aws:username} %%{if}\"");
        check(hcl_string, "$${x}", "\"\\u0024$${x}\"");
        check(hcl_string, "$$$", "\"\\u0024\\u0024$\"");
        check(hcl_string, "$%{", "\"$%%{\"");
        check(hcl_string, "50% $5", "\"50% $5\"");
        check(hcl_string, "\"\\\n\u{202e}\u{e0001}", "\"\\\"\\\\\\n\\u202e\\U000e0001\"");
    }

    #[test]
    fn yaml_is_a_string() {
        check(yaml_string, "no", "\"no\"");
        check(yaml_string, "a: &b *c !d # e", "\"a: &b *c !d # e\"");
        check(yaml_string, "--- \"\\\n\u{85}\u{2028}", "\"--- \\\"\\\\\\n\\u0085\\u2028\"");
    }
}
