//! Rules in the configuration file: written so that everything else in it stays as it is, and read back before it is kept.

use super::{Global, inputs};
use crate::io::settings::Settings;
use crate::io::sinks::file;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// A rule as the file holds it.
#[derive(Debug, Clone, Default)]
pub(super) struct NewRule {
    pub id: String,
    /// Key and pattern.
    pub about: Vec<(&'static str, String)>,
    pub reason: String,
    pub owner: String,
    /// A day or a time; `None`: permanent.
    pub expires: Option<String>,
    pub limit: Option<String>,
    pub snooze: bool,
}

/// A configuration that says nothing but where findings are told: on standard output.
const FRESH: &str =
    "# Made by denywatch. `denywatch config schema` tells every key.\nversion = 1\n\n[[route]]\nto = \"stdout\"\n";

/// The file to change and its text; a new one in this folder where there is none.
fn file_of(global: &Global) -> anyhow::Result<(PathBuf, String)> {
    match inputs::config_path(global) {
        Some(path) if path.exists() => {
            let text = inputs::read_config(&path)?;
            Ok((path, text))
        }
        Some(path) => Ok((path, FRESH.to_owned())),
        None => Ok((PathBuf::from("denywatch.toml"), FRESH.to_owned())),
    }
}

/// Adds a rule; the text of the rule, and where it stands now. With `dry` nothing is written.
pub(super) fn add(rule: &NewRule, dry: bool, global: &Global) -> anyhow::Result<(PathBuf, String)> {
    let (path, text) = file_of(global)?;
    let shown = toml_of(rule);
    let changed = match text.trim_start().starts_with('{') {
        true => with_json(&text, rule)?,
        false => format!("{}\n\n{shown}", text.trim_end()),
    };
    keep(&path, &changed, dry)?;
    Ok((path, shown))
}

/// Takes rules out; the ids that were there. With `dry` nothing is written.
pub(super) fn remove(ids: &[String], dry: bool, global: &Global) -> anyhow::Result<PathBuf> {
    let (path, text) = file_of(global)?;
    let changed =
        if text.trim_start().starts_with('{') { without_json(&text, ids)? } else { without_toml(&text, ids)? };
    keep(&path, &changed, dry)?;
    Ok(path)
}

/// Writes what fits, and nothing else.
fn keep(path: &std::path::Path, text: &str, dry: bool) -> anyhow::Result<()> {
    Settings::parse(text)
        .with_context(|| format!("`{}` would not fit any more, so it stays as it is", path.display()))?;
    if !dry {
        file::write(path, text)?;
    }
    Ok(())
}

fn toml_of(rule: &NewRule) -> String {
    let mut about = InlineTable::new();
    for (key, pattern) in &rule.about {
        about.insert(*key, pattern.as_str().into());
    }
    let mut table = Table::new();
    table.insert("id", value(rule.id.as_str()));
    table.insert("match", value(about));
    table.insert("reason", value(rule.reason.as_str()));
    table.insert("owner", value(rule.owner.as_str()));
    match &rule.expires {
        Some(when) => table.insert("expires", value(when.as_str())),
        None => table.insert("permanent", value(true)),
    };
    if let Some(limit) = &rule.limit {
        table.insert("limit", value(limit.as_str()));
    }
    if rule.snooze {
        table.insert("snooze", value(true));
    }
    let mut rules = ArrayOfTables::new();
    rules.push(table);
    let mut expected = Table::new();
    expected.set_implicit(true);
    expected.insert("rule", Item::ArrayOfTables(rules));
    let mut document = DocumentMut::new();
    document.insert("expected", Item::Table(expected));
    document.to_string()
}

fn without_toml(text: &str, ids: &[String]) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let rules = document.get_mut("expected").and_then(|expected| expected.get_mut("rule"));
    let Some(rules) = rules.and_then(Item::as_array_of_tables_mut) else {
        bail!("the rules are not written as `[[expected.rule]]`: take them out by hand");
    };
    rules.retain(|table| table.get("id").and_then(Item::as_str).is_none_or(|id| ids.iter().all(|one| one != id)));
    Ok(document.to_string())
}

fn with_json(text: &str, rule: &NewRule) -> anyhow::Result<String> {
    let mut root: Map<String, Value> = serde_json::from_str(text)?;
    let about: Map<String, Value> =
        rule.about.iter().map(|(key, pattern)| ((*key).to_owned(), json!(pattern))).collect();
    let mut one = json!({"id": rule.id, "match": about, "reason": rule.reason, "owner": rule.owner});
    match &rule.expires {
        Some(when) => one["expires"] = json!(when),
        None => one["permanent"] = json!(true),
    }
    if let Some(limit) = &rule.limit {
        one["limit"] = json!(limit);
    }
    if rule.snooze {
        one["snooze"] = json!(true);
    }
    let expected = root.entry("expected").or_insert_with(|| json!({}));
    match expected.as_object_mut().map(|expected| expected.entry("rule").or_insert_with(|| json!([]))) {
        Some(Value::Array(rules)) => rules.push(one),
        _ => bail!("`expected.rule` is no list"),
    }
    Ok(serde_json::to_string_pretty(&root)? + "\n")
}

fn without_json(text: &str, ids: &[String]) -> anyhow::Result<String> {
    let mut root: Map<String, Value> = serde_json::from_str(text)?;
    let rules = root.get_mut("expected").and_then(|expected| expected.get_mut("rule")).and_then(Value::as_array_mut);
    if let Some(rules) = rules {
        rules.retain(|rule| ids.iter().all(|id| rule["id"] != json!(id)));
    }
    Ok(serde_json::to_string_pretty(&root)? + "\n")
}
