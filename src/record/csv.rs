//! CSV as Athena and Lake write it: a header of CloudTrail's column names, quoted cells, one event a row. Or as CloudWatch Logs
//! gives it away: an event's JSON in the column `message`.

use super::Head;
use super::field;
use super::json::Reader;
use serde_json::Value;

/// A table whose header names CloudTrail columns.
pub(super) struct Table<'a> {
    header: Vec<String>,
    delimiter: char,
    rest: &'a str,
    /// The column that has an event's JSON.
    message: Option<usize>,
}

/// Of its log events the console writes the times, too; of a query's results `@message` stands for itself. See
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html>.
const MESSAGES: [&[&str]; 2] = [&["@message"], &["message", "timestamp"]];

/// Two of these make a header.
const COLUMNS: &[&str] =
    &["eventName", "eventSource", "eventTime", "errorCode", "errorMessage", "userIdentity", "eventID", "awsRegion"];

impl<'a> Table<'a> {
    /// `None` when the text's first row is no such header.
    pub(super) fn open(text: &'a str) -> Option<Self> {
        [',', '\t', ';'].into_iter().find_map(|delimiter| {
            let (header, rest) = row(text, delimiter)?;
            let known = |cell: &String| COLUMNS.iter().any(|name| field::same_key(cell.trim(), name));
            let place = |name: &&str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
            let is_whole = |names: &&&[&str]| names.iter().all(|name| place(name).is_some());
            let is_own = header.iter().filter(|cell| known(cell)).count() >= 2;
            // A column of an event may be given whatever name.
            let is_whole = |names: &&&[&str]| is_whole(names) && (!is_own || names.len() == 1);
            let message = MESSAGES.iter().find(is_whole).and_then(|names| place(&names[0]));
            (is_own || message.is_some()).then_some(Self { header, delimiter, rest, message })
        })
    }

    /// Between two cells: a comma, a tab, or a semicolon.
    pub(super) fn delimiter(&self) -> u8 {
        u8::try_from(self.delimiter).unwrap_or(b',')
    }

    /// Hands each row to the reader; a row of another width is a problem.
    pub(super) fn rows(self, reader: &mut Reader<'_>) {
        let (mut text, mut line) = (self.rest, 2);
        while !text.is_empty() {
            let here = format!("line {line}");
            let Some((cells, rest)) = row(text, self.delimiter) else {
                let error = "a quotation mark is never closed, or text stands behind a closing one: nothing from here on is read";
                return reader.problem(Some(&here), error.to_owned());
            };
            let size = text.len() - rest.len();
            line += text[..size].matches('\n').count();
            text = rest;
            if cells.iter().all(String::is_empty) {
                continue;
            }
            if cells.len() != self.header.len() {
                let error = format!("{} cells where the header has {}", cells.len(), self.header.len());
                reader.problem(Some(&here), error);
                continue;
            }
            match self.message.and_then(|column| cells.get(column)) {
                Some(message) => reader.value(message.trim(), &here),
                None if reader.is_in_size(size, &here) => self.event(&cells, &here, reader),
                None => {}
            }
        }
    }

    fn event(&self, cells: &[String], place: &str, reader: &mut Reader<'_>) {
        let get = |name: &str| {
            let column = self.header.iter().position(|cell| field::same_key(cell.trim(), name))?;
            cells.get(column).map(String::as_str)
        };
        let whole = || Some(field::build(|name| get(name).map(|cell| Value::String(cell.to_owned()))));
        reader.event(&Head::from_members(get), place, whole);
    }
}

/// One row and the text behind it; `None` when a quotation mark stays open, or is closed before a cell's end. A doubled mark
/// inside quotes is one. So a chosen text that begins with a mark, where nothing is quoted, does not swallow what follows it.
fn row(text: &str, delimiter: char) -> Option<(Vec<String>, &str)> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            '"' if quoted && next == Some('"') => cell.extend(chars.next().map(|(_, mark)| mark)),
            '"' if quoted => {
                quoted = false;
                let is_end = |next: char| next == delimiter || matches!(next, '\r' | '\n');
                next.is_none_or(is_end).then_some(())?;
            }
            '"' if cell.is_empty() => quoted = true,
            _ if quoted => cell.push(c),
            '\r' if next == Some('\n') => {}
            '\n' => {
                cells.push(cell);
                return Some((cells, &text[at + 1..]));
            }
            _ if c == delimiter => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(c),
        }
    }
    cells.push(cell);
    (!quoted).then_some((cells, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&[&str], &str)>) {
        let found = row(text, ',');
        let found = found.as_ref().map(|(cells, rest)| (cells.iter().map(String::as_str).collect::<Vec<_>>(), *rest));
        assert_eq!(found, expect.map(|(cells, rest)| (cells.to_vec(), rest)), "{text}");
    }

    /// A user agent of `x⇥AccessDenied⇥User: …⇥"` in a table of bare cells: the mark would hide the true ones.
    #[test]
    fn no_quotation_mark_hides_the_cells_behind_it() {
        let text = "eventname\tuseragent\terrorcode\trequestparameters\n\
            GetObject\tx\tAccessDenied\t\"\tNoSuchKey\t{\"key\": \"a\"}\n";
        let (records, problems) = crate::record::read(text.as_bytes(), "in");
        assert_eq!((records.len(), problems.len()), (0, 1), "{records:?} {problems:?}");
    }

    #[test]
    fn cells_quotes_and_ends() {
        check("a,b\nc", Some((&["a", "b"], "c")));
        check("\"a,\"\"b\"\"\",\r\nc", Some((&["a,\"b\"", ""], "c")));
        check("\"a\nb\",c", Some((&["a\nb", "c"], "")));
        check("a\"b,,", Some((&["a\"b", "", ""], "")));
        check("\"a", None);
        check("\"a\"b,c", None);
        check("\"a\r\",b", Some((&["a\r", "b"], "")));
    }
}
