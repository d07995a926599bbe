//! How the neighbours of a statement are written.

use super::layout::{eol, indent};
use super::site::{Form, List};
use super::tree::{Field, Kind, Statement};

/// The style of the statements around the place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Style {
    pub form: Form,
    pub eol: &'static str,
    /// One step of indentation.
    pub unit: String,
    pub quoted_keys: bool,
    /// Between a key and its value where the values do not stand under each other: ` = `, ` : `, `: `.
    pub assign: String,
    pub aligned: bool,
    /// A comma behind each element of a statement.
    pub field_commas: bool,
    /// A statement takes several lines.
    pub multi_line: bool,
    /// Elements in the order of the neighbours.
    pub order: Vec<String>,
    pub sid: bool,
    pub effect: bool,
    /// A single value of an element stands in a list.
    pub listed: Vec<(String, bool)>,
    /// Lists of several values take several lines.
    pub long_lists: bool,
    /// A comma behind the last member of a list of several lines.
    pub last_comma: bool,
    /// An object with one short value stands in its line, with this behind and before its braces; `None` where it does
    /// not.
    pub flat: Option<&'static str>,
}

/// IAM's own order.
pub(super) const ORDER: [&str; 5] = ["Sid", "Effect", "Principal", "Action", "Resource"];

/// The style of a list's statements, the last of which is the pattern.
pub(super) fn of(text: &str, form: Form, list: &List, statements: &[&Statement]) -> Style {
    let is_json = matches!(form, Form::Heredoc | Form::Template | Form::File);
    let last = statements.last();
    let fields: Vec<&Field> =
        statements.iter().flat_map(|one| &one.fields).filter(|field| !field.span.is_empty()).collect();
    let pattern: Vec<&Field> = last.iter().flat_map(|one| &one.fields).filter(|field| !field.span.is_empty()).collect();
    let multi_line = last.is_none_or(|one| text[one.span.clone()].contains('\n'));
    let assigns: Vec<&str> = pattern.iter().filter_map(|field| assign(text, field)).collect();
    let plain = if is_json { "\": " } else { " = " };
    let assign = assigns.iter().min_by_key(|sign| sign.len()).copied().unwrap_or(plain);
    let has = |key: &str| fields.iter().any(|field| field.key == key);
    Style {
        form,
        eol: eol(text, list.span.start),
        unit: unit(text, last, list),
        quoted_keys: is_json || pattern.iter().any(|field| text[field.span.start..].starts_with('"')),
        assign: assign.trim_start_matches('"').to_owned(),
        aligned: !is_json && !assign.contains(':') && !is_ragged(text, &pattern),
        field_commas: is_json || has_commas(text, &pattern),
        multi_line,
        order: pattern.iter().map(|field| field.key.clone()).collect(),
        sid: statements.is_empty() || has("Sid"),
        effect: form != Form::Blocks || statements.is_empty() || has("Effect"),
        listed: ["Action", "Resource"].iter().map(|key| ((*key).to_owned(), is_listed(&fields, key))).collect(),
        long_lists: fields.iter().any(|field| is_long(text, field)),
        last_comma: fields.iter().any(|field| has_last_comma(text, field)),
        flat: fields.iter().find_map(|field| flat(text, field)),
    }
}

/// What stands between key and value, with the closing quotation mark of the key.
fn assign<'t>(text: &'t str, field: &Field) -> Option<&'t str> {
    let whole = text.get(field.span.start..field.value.span.start)?;
    let at = match whole.strip_prefix('"') {
        Some(rest) => rest.find('"')? + 1,
        None => whole.find([' ', '\t', '=', ':'])?,
    };
    whole.get(at..)
}

/// Whether two neighbours of one line have keys of different lengths and their values not under each other.
fn is_ragged(text: &str, pattern: &[&Field]) -> bool {
    let is_short = |field: &Field| !text[field.span.clone()].contains('\n');
    let column = |field: &Field| field.value.span.start - super::layout::line_start(text, field.value.span.start);
    let apart = |pair: &&[&Field]| {
        is_short(pair[0]) && is_short(pair[1]) && text[pair[0].span.end..pair[1].span.start].matches('\n').count() == 1
    };
    pattern.windows(2).filter(apart).any(|pair| column(pair[0]) != column(pair[1]))
}

fn has_commas(text: &str, pattern: &[&Field]) -> bool {
    pattern.first().is_some_and(|field| text[field.span.end..].trim_start_matches([' ', '\t']).starts_with(','))
}

fn is_listed(fields: &[&Field], key: &str) -> bool {
    let mut of_key = fields.iter().filter(|field| field.key == key);
    let single = |field: &&&Field| !matches!(&field.value.kind, Kind::List(items) if items.len() > 1);
    let singles: Vec<_> = of_key.clone().filter(single).collect();
    match singles.as_slice() {
        [] => of_key.next().is_none_or(|field| matches!(field.value.kind, Kind::List(_))),
        singles => singles.iter().any(|field| matches!(field.value.kind, Kind::List(_))),
    }
}

fn is_long(text: &str, field: &Field) -> bool {
    matches!(&field.value.kind, Kind::List(items) if items.len() > 1) && text[field.value.span.clone()].contains('\n')
}

fn has_last_comma(text: &str, field: &Field) -> bool {
    let Kind::List(items) = &field.value.kind else { return false };
    let Some(last) = items.last() else { return false };
    is_long(text, field) && super::layout::behind(text, last.span.end, field.value.span.end - 1, true).comma.is_some()
}

/// What stands inside the braces of an object of one line; `None` where the value is none.
fn flat(text: &str, field: &Field) -> Option<&'static str> {
    let source = text.get(field.value.span.clone()).filter(|source| !source.contains('\n'))?;
    let inner = source.strip_prefix('{').filter(|_| matches!(field.value.kind, Kind::Object(_)))?;
    Some(if inner.starts_with(' ') { " " } else { "" })
}

/// One step of indentation: that of the neighbour, else that of the file.
fn unit(text: &str, last: Option<&&Statement>, list: &List) -> String {
    let own = last.and_then(|one| {
        let field = one.fields.iter().find(|field| !field.span.is_empty())?;
        let (outer, inner) = (indent(text, one.span.start), indent(text, field.span.start));
        inner.strip_prefix(outer).filter(|step| !step.is_empty())
    });
    let of_list = || {
        let body = &text[..list.span.start];
        let step = body.lines().map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        step.filter(|blank| !blank.is_empty()).min_by_key(|blank| blank.len())
    };
    own.or_else(of_list).unwrap_or("  ").to_owned()
}

impl Style {
    /// Whether one value of this element stands in a list.
    pub(super) fn is_listed(&self, key: &str) -> bool {
        self.listed.iter().find(|(name, _)| name == key).is_none_or(|(_, listed)| *listed)
    }
}
