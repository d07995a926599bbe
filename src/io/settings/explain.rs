//! Parser errors → [`SettingsError`]: the nearest known key, and no value, since a value may be a secret.

use super::SettingsError;

/// From TOML.
pub(super) fn toml(text: &str, error: &toml::de::Error) -> SettingsError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    SettingsError::Syntax { line, why: explain(error.message()) }
}

/// From JSON.
pub(super) fn json(error: &serde_json::Error) -> SettingsError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    SettingsError::Syntax { line: error.line(), why: explain(text.strip_suffix(&place).unwrap_or(&text)) }
}

fn explain(message: &str) -> String {
    let message = hide_quoted(message.lines().next().unwrap_or_default());
    match unknown_key(&message) {
        Some((key, Some(near))) => format!("unknown key `{key}`, did you mean `{near}`?"),
        Some((key, None)) => format!("unknown key `{key}`"),
        None => message,
    }
}

/// Values stand in double quotes.
fn hide_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(start), Some(end)) if start < end => format!("{}\"…\"{}", &message[..start], &message[end + 1..]),
        _ => message.to_owned(),
    }
}

/// The key of ``unknown field `key`, expected one of `a`, `b` ``, and the nearest of those expected.
fn unknown_key(message: &str) -> Option<(String, Option<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let near = nearest(key, rest.split('`').skip(1).step_by(2));
    Some((shown(key), near.map(str::to_owned)))
}

/// The known name that is nearest, unless all are far.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|name| (distance(key, name), name)).min();
    near.filter(|(far, name)| *far <= name.len().max(3) / 2).map(|(_, name)| name)
}

/// A key long enough to be a secret is not repeated.
pub(super) fn shown(key: &str) -> String {
    if key.chars().count() > 40 { "…".to_owned() } else { key.to_owned() }
}

/// Levenshtein distance.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, a) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, b) in to.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(corner + 1);
        }
    }
    row[to.len()]
}
