//! A new statement in the style of its neighbours.

use super::json::quoted;
use super::need::Need;
use super::site::Form;
use super::style::{ORDER, Style};
use crate::policy::{OneOrMany, Scalar};
use crate::render::escape::hcl_string;
use std::collections::BTreeMap;

/// A value as it will be written: every text is source already.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Out {
    One(String),
    /// Copied from the source, as it stands there.
    Raw(String),
    List(Vec<String>),
    Object(Vec<(String, Out)>),
}

/// How a text of the patch is written: as a reference where one is known.
pub(super) type Refer<'r> = dyn Fn(&str) -> Option<String> + 'r;

/// A text as source of this form.
pub(super) fn literal(form: Form, text: &str) -> String {
    match form {
        Form::Object | Form::Blocks => hcl_string(text),
        Form::Heredoc | Form::Template => quoted(text, true),
        Form::File => quoted(text, false),
    }
}

/// The elements of a statement, in the neighbours' order; `resources` are copied where they are given.
pub(super) fn elements(
    need: &Need,
    style: &Style,
    form: Form,
    refer: &Refer<'_>,
    resources: Option<String>,
) -> Vec<(String, Out)> {
    let text = |text: &str| refer(text).unwrap_or_else(|| literal(form, text));
    let list = |key: &str, texts: Vec<String>| match texts.as_slice() {
        [one] if !style.is_listed(key) && form != Form::Blocks => Out::One(one.clone()),
        _ => Out::List(texts),
    };
    let mut all: BTreeMap<&str, Out> = BTreeMap::new();
    if let Some(sid) = need.sid.as_ref().filter(|_| style.sid) {
        all.insert("Sid", Out::One(literal(form, sid)));
    }
    if style.effect {
        all.insert("Effect", Out::One(literal(form, "Allow")));
    }
    all.insert("Action", list("Action", need.actions.iter().map(|action| literal(form, action)).collect()));
    let own = need.resources.as_ref().map(|own| list("Resource", own.iter().map(|one| text(one)).collect()));
    all.extend(resources.map(Out::Raw).or(own).map(|out| ("Resource", out)));
    all.extend(principals(need, form, &text).map(|out| ("Principal", out)));
    all.extend(conditions(need, form, &text).map(|out| ("Condition", out)));
    ordered(all, style)
}

/// One value stands bare but in blocks, which take lists.
fn one_or_list(form: Form, texts: Vec<String>) -> Out {
    match texts.as_slice() {
        [one] if form != Form::Blocks => Out::One(one.clone()),
        _ => Out::List(texts),
    }
}

fn principals(need: &Need, form: Form, text: &dyn Fn(&str) -> String) -> Option<Out> {
    if need.principals.keys().eq(["*"]) && form != Form::Blocks {
        return Some(Out::One(literal(form, "*")));
    }
    let sorts = need.principals.iter().map(|(sort, names)| {
        let names = names.iter().map(|name| text(name)).collect();
        (sort.clone(), one_or_list(form, names))
    });
    (!need.principals.is_empty()).then(|| Out::Object(sorts.collect()))
}

fn conditions(need: &Need, form: Form, text: &dyn Fn(&str) -> String) -> Option<Out> {
    let values = |given: &OneOrMany<Scalar>| one_or_list(form, given.iter().map(|value| text(&value.text())).collect());
    let operators = need.conditions.iter().map(|(operator, keys)| {
        let keys = keys.iter().map(|(key, given)| (key.clone(), values(given)));
        (operator.clone(), Out::Object(keys.collect()))
    });
    (!need.conditions.is_empty()).then(|| Out::Object(operators.collect()))
}

fn ordered(mut all: BTreeMap<&str, Out>, style: &Style) -> Vec<(String, Out)> {
    let known = |key: &str| style.order.iter().any(|other| other == key);
    // What the neighbour lacks goes where IAM's own order has it.
    let mut order: Vec<&str> = Vec::new();
    for key in ORDER {
        if !known(key) {
            order.push(key);
        }
        if key == "Effect" {
            order.extend(style.order.iter().map(String::as_str).filter(|key| all.contains_key(key)));
        }
    }
    order.push("Condition");
    let mut out: Vec<(String, Out)> = Vec::new();
    for key in order {
        if let Some((key, value)) = all.remove_entry(key) {
            out.push((key.to_owned(), value));
        }
    }
    out
}

/// An object, from brace to brace, whose line is indented by `base`.
pub(super) fn object(fields: &[(String, Out)], style: &Style, base: &str) -> String {
    if !style.multi_line {
        let one = |(key, value): &(String, Out)| {
            format!("{}{}{}", written_key(key, style), style.assign, value.in_line(style))
        };
        return format!("{{ {} }}", fields.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    let inner = format!("{base}{}", style.unit);
    let values: Vec<String> = fields.iter().map(|(_, value)| value.written(style, &inner)).collect();
    let keys: Vec<String> = fields.iter().map(|(key, _)| written_key(key, style)).collect();
    let widths = widths(&keys, &values);
    let mut out = format!("{{{}", style.eol);
    for (at, (key, value)) in keys.iter().zip(&values).enumerate() {
        let fill = " ".repeat(if style.aligned { widths[at] - key.chars().count() } else { 0 });
        let is_last = at + 1 == keys.len();
        let comma = if style.field_commas && !(is_last && style.quoted_keys) { "," } else { "" };
        out.push_str(&format!("{inner}{key}{fill}{}{value}{comma}{}", style.assign, style.eol));
    }
    out.push_str(base);
    out.push('}');
    out
}

impl Out {
    fn in_line(&self, style: &Style) -> String {
        match self {
            Self::One(text) | Self::Raw(text) => text.clone(),
            Self::List(items) => format!("[{}]", items.join(", ")),
            Self::Object(fields) => object(fields, &Style { multi_line: false, ..style.clone() }, ""),
        }
    }

    fn written(&self, style: &Style, base: &str) -> String {
        match self {
            Self::List(items) if items.len() > 1 && (style.long_lists || self.is_wide(base)) => {
                let inner = format!("{base}{}", style.unit);
                let lines = items.join(&format!(",{}{inner}", style.eol));
                let comma = if style.last_comma { "," } else { "" };
                format!("[{0}{inner}{lines}{comma}{0}{base}]", style.eol)
            }
            Self::Object(fields) => match (style.flat, fields.as_slice()) {
                (Some(blank), [(key, Self::One(value))]) if base.len() + key.len() + value.len() < 90 => {
                    format!("{{{blank}{}{}{value}{blank}}}", written_key(key, style), style.assign)
                }
                _ => object(fields, style, base),
            },
            other => other.in_line(style),
        }
    }

    fn is_wide(&self, base: &str) -> bool {
        matches!(self, Self::List(items) if base.len() + items.iter().map(String::len).sum::<usize>() > 90)
    }
}

/// Bare where it is a capitalised word and the neighbours' are bare.
fn written_key(key: &str, style: &Style) -> String {
    let bare = key.starts_with(|letter: char| letter.is_ascii_uppercase())
        && key.chars().all(|letter| letter.is_ascii_alphanumeric());
    if bare && !style.quoted_keys { key.to_owned() } else { literal(style.form, key) }
}

/// For each key the width of its column: the longest key in its run of neighbours of one line.
fn widths(keys: &[String], values: &[String]) -> Vec<usize> {
    let mut widths: Vec<usize> = keys.iter().map(|key| key.chars().count()).collect();
    let mut start = 0;
    while start < keys.len() {
        let run = values[start..].iter().take_while(|value| !value.contains('\n')).count();
        let longest = widths[start..start + run].iter().max().copied().unwrap_or(0);
        widths[start..start + run].fill(longest);
        start += run.max(1);
    }
    widths
}

/// The names that a `statement` block has for IAM's elements.
const ARGUMENTS: [(&str, &str); 4] =
    [("Sid", "sid"), ("Effect", "effect"), ("Action", "actions"), ("Resource", "resources")];

/// A `statement` block, without the indentation of its first line.
pub(super) fn block(fields: &[(String, Out)], style: &Style, base: &str) -> String {
    let inner = format!("{base}{}", style.unit);
    let named =
        |key: &str| ARGUMENTS.iter().find(|(element, _)| *element == key).map(|(_, argument)| (*argument).to_owned());
    let plain: Vec<(String, String)> =
        fields.iter().filter_map(|(key, value)| Some((named(key)?, value.written(style, &inner)))).collect();
    let (keys, values): (Vec<String>, Vec<String>) = plain.into_iter().unzip();
    let mut parts = vec![arguments(&keys, &values, style, &inner)];
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("Principal", Out::Object(sorts)) => parts.extend(sorts.iter().map(|(sort, names)| {
                nested(
                    "principals",
                    &[("type", Out::One(hcl_string(sort))), ("identifiers", names.clone())],
                    style,
                    &inner,
                )
            })),
            ("Condition", Out::Object(operators)) => {
                for (operator, keys) in operators {
                    let Out::Object(keys) = keys else { continue };
                    parts.extend(keys.iter().map(|(key, values)| {
                        let test = ("test", Out::One(hcl_string(operator)));
                        let variable = ("variable", Out::One(hcl_string(key)));
                        nested("condition", &[test, variable, ("values", values.clone())], style, &inner)
                    }));
                }
            }
            _ => {}
        }
    }
    format!("statement {{{0}{1}{base}}}", style.eol, parts.join(style.eol))
}

fn nested(name: &str, fields: &[(&str, Out)], style: &Style, base: &str) -> String {
    let inner = format!("{base}{}", style.unit);
    let keys: Vec<String> = fields.iter().map(|(key, _)| (*key).to_owned()).collect();
    let values: Vec<String> = fields.iter().map(|(_, value)| value.written(style, &inner)).collect();
    format!("{base}{name} {{{0}{1}{base}}}{0}", style.eol, arguments(&keys, &values, style, &inner))
}

fn arguments(keys: &[String], values: &[String], style: &Style, base: &str) -> String {
    let widths = widths(keys, values);
    let line = |at: usize| {
        let fill = " ".repeat(widths[at] - keys[at].chars().count());
        format!("{base}{}{fill} = {}{}", keys[at], values[at], style.eol)
    };
    (0..keys.len()).map(line).collect()
}
