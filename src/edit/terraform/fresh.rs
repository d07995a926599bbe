//! A new policy beside the role, where none of its own can take the statement.

use super::eval::Each;
use super::layout::{Edit, eol, line_end};
use super::need::Need;
use super::owner::{Carrier, Owner};
use super::refs::names;
use super::site::{Form, Site};
use super::style::{ORDER, Style};
use super::world::World;
use super::write::{elements, object};
use crate::render::escape::hcl_string;
use hcl_edit::Span;

/// The resource, behind the carrier's block; `None` for carriers that take no policy beside others.
pub(super) fn beside<'c>(
    world: &World<'c>,
    (owner, carrier): (&Owner<'c>, &Carrier),
    name: &str,
    needs: &[Need],
    account: Option<&str>,
) -> Option<Edit> {
    let (kind, link, argument) = carrier.beside.first().filter(|_| carrier.kind.starts_with("aws_iam_"))?;
    let (file, span) = (owner.resource.found.file, owner.resource.found.block.span()?);
    let text = world.code.text(file);
    let style = style(text, span.start);
    let labels: Vec<&str> = owner.resource.found.block.labels.iter().map(|label| label.as_str()).collect();
    let data = if owner.resource.is_data { "data." } else { "" };
    let key = Each::keyed(owner.resource.key.clone()).index();
    // An unknown key cannot be written.
    if key.is_empty()
        && (owner.resource.found.argument("for_each").or(owner.resource.found.argument("count"))).is_some()
    {
        return None;
    }
    let unit = &style.unit;
    let outer = format!("{unit}{unit}");
    let inner = format!("{outer}{unit}");
    let site = Site::empty(owner.resource.at);
    let names = names(world, &site, None, account, &[]);
    let refer = |text: &str| names.refer(text);
    let one = |need: &Need| object(&elements(need, &style, Form::Object, &refer, None), &style, &inner);
    let statements: Vec<String> = needs.iter().map(|need| format!("{inner}{}", one(need))).collect();
    let lines = [
        String::new(),
        String::new(),
        format!("resource \"{kind}\" {} {{", hcl_string(&name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))),
        aligned(unit, "name", &hcl_string(name), link),
        aligned(unit, link, &format!("{data}{}{key}.name", labels.join(".")), "name"),
        format!("{unit}{argument} = jsonencode({{"),
        format!("{outer}Version = \"2012-10-17\""),
        format!("{outer}Statement = ["),
        statements.join(&format!(",{}", style.eol)),
        format!("{outer}]"),
        format!("{unit}}})"),
        "}".to_owned(),
    ];
    Some(Edit::insert(file, line_end(text, span.end), lines.join(style.eol)))
}

fn aligned(unit: &str, key: &str, value: &str, other: &str) -> String {
    let width = key.len().max(other.len());
    format!("{unit}{key:width$} = {value}")
}

fn style(text: &str, at: usize) -> Style {
    let step = text.lines().map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
    let unit = step.filter(|blank| !blank.is_empty()).min_by_key(|blank| blank.len()).unwrap_or("  ");
    Style {
        form: Form::Object,
        eol: eol(text, at),
        unit: unit.to_owned(),
        quoted_keys: false,
        assign: " = ".to_owned(),
        aligned: true,
        field_commas: false,
        multi_line: true,
        order: ORDER.iter().map(|key| (*key).to_owned()).collect(),
        sid: true,
        effect: true,
        listed: Vec::new(),
        long_lists: false,
        last_comma: true,
        flat: None,
    }
}
