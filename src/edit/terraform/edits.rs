//! A plan → the text that changes.

use super::layout::{Edit, behind};
use super::place::{add_actions, cut_element, members, put_blocks, slot};
use super::plan::{Add, Plan, Touch};
use super::policies::Policy;
use super::refs::{Names, names};
use super::site::{Form, List};
use super::style::{self, Style};
use super::tree::{Field, Kind, Statement, Tree};
use super::world::World;
use super::write::{block, elements, literal, object};
use std::ops::Range;

/// The edits of one policy, in no order.
pub(super) fn edits<'c>(world: &World<'c>, policy: &Policy<'c>, plan: &Plan, account: Option<&str>) -> Vec<Edit> {
    let mut all: Vec<Edit> = plan.touches.iter().flat_map(|touch| touched(world, policy, touch)).collect();
    let mut places: Vec<(usize, Option<Range<usize>>)> = Vec::new();
    for add in &plan.adds {
        let place = (add.list, place_of(policy, add));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for (list, after) in places {
        let here = plan.adds.iter().filter(|add| add.list == list && place_of(policy, add) == after);
        all.extend(added(world, policy, (list, after.as_ref()), &here.collect::<Vec<_>>(), account));
    }
    all
}

/// Behind the last statement is the end of the list.
fn place_of(policy: &Policy<'_>, add: &Add) -> Option<Range<usize>> {
    let last = policy.site.lists.get(add.list).and_then(|list| list.items.last());
    add.after.clone().filter(|after| Some(after) != last)
}

fn touched(world: &World<'_>, policy: &Policy<'_>, touch: &Touch) -> Vec<Edit> {
    let form = policy.site.form;
    let Some(statement) = policy.site.statements.get(touch.statement) else { return Vec::new() };
    let text = world.code.text(statement.file);
    if touch.frees_all {
        return match (form, statement.field("Condition")) {
            (_, None) => Vec::new(),
            (_, Some(field)) => cut_element(text, form, statement, field),
        };
    }
    let mut edits = Vec::new();
    if !touch.add.is_empty() {
        let new: Vec<String> = touch.add.iter().map(|action| literal(form, action)).collect();
        edits.extend(add_actions(text, form, statement, &new));
    }
    if let Some(field) = statement.field("Action").filter(|_| !touch.remove.is_empty()) {
        let is_gone = |value: &super::value::Val| {
            value.as_text().is_some_and(|text| touch.remove.iter().any(|gone| gone.eq_ignore_ascii_case(&text)))
        };
        let each = field.value.texts();
        let gone: Vec<usize> = each.iter().enumerate().filter(|(_, value)| is_gone(value)).map(|(at, _)| at).collect();
        edits.extend(members(text, form, statement.file, field).remove(&gone));
    }
    edits
}

fn added<'c>(
    world: &World<'c>,
    policy: &Policy<'c>,
    (at, after): (usize, Option<&Range<usize>>),
    adds: &[&Add],
    account: Option<&str>,
) -> Vec<Edit> {
    let (site, form) = (&policy.site, policy.site.form);
    let Some(list) = site.lists.get(at) else { return Vec::new() };
    let text = world.code.text(list.file);
    let here: Vec<&Statement> = site.statements.iter().filter(|one| one.list == at).collect();
    let all: Vec<&Statement> = site.statements.iter().filter(|one| one.list != usize::MAX).collect();
    // A list without statements takes the style of the policy's other ones.
    let pattern = if here.is_empty() { same_file(&all, list) } else { here };
    let style = style::of(text, form, list, &pattern);
    let names = names(world, site, Some(policy.holder), account, &all);
    let one = |add: &Add, base: &str| written(text, site.statements.as_slice(), add, &style, &names, base);
    if form == Form::Blocks {
        let blocks = |base: &str| adds.iter().map(|add| one(add, base)).collect::<Vec<_>>();
        return vec![put_blocks(text, list, after, &style.unit, &blocks)];
    }
    let slot = slot(text, form, list, after, &style.unit);
    let statements: Vec<String> = adds.iter().map(|add| one(add, &slot.base)).collect();
    slot.fill(list.file, &statements)
}

fn same_file<'s>(all: &[&'s Statement], list: &List) -> Vec<&'s Statement> {
    all.iter().copied().filter(|one| one.file == list.file).collect()
}

fn written(text: &str, all: &[Statement], add: &Add, style: &Style, names: &Names, base: &str) -> String {
    let refer = |text: &str| names.refer(text);
    let split = add.split_from.and_then(|at| all.get(at));
    let from = split.and_then(|statement| statement.field("Resource"));
    let raw = from.and_then(|field| text.get(field.value.span.clone())).map(str::to_owned);
    let fields = elements(&add.need, style, style.form, &refer, raw);
    let made = match style.form {
        Form::Blocks => block(&fields, style, base),
        Form::Object | Form::Heredoc | Form::Template | Form::File => object(&fields, style, base),
    };
    let moved: String = split
        .map(|statement| comments(text, style.form, statement, add))
        .unwrap_or_default()
        .iter()
        .map(|comment| format!("{base}{}{comment}{}", style.unit, style.eol))
        .collect();
    match made.split_once(style.eol) {
        Some((head, rest)) if !moved.is_empty() => format!("{head}{}{moved}{rest}", style.eol),
        _ => made,
    }
}

/// What is said behind the actions that move.
fn comments(text: &str, form: Form, statement: &Statement, add: &Add) -> Vec<String> {
    if !matches!(form, Form::Object | Form::Blocks) {
        return Vec::new();
    }
    let Some(Field { value: Tree { span, kind: Kind::List(items) }, .. }) = statement.field("Action") else {
        return Vec::new();
    };
    let moves = |item: &&Tree| {
        let action = item.value().as_text().unwrap_or_default();
        add.need.actions.iter().any(|moved| moved.eq_ignore_ascii_case(&action))
    };
    let said = |item: &Tree| {
        let found = behind(text, item.span.end, span.end.saturating_sub(1), true);
        let said = text.get(item.span.end..found.end)?.trim_matches([',', ' ', '\t']);
        said.starts_with(['#', '/']).then(|| said.to_owned())
    };
    items.iter().filter(moves).filter_map(said).collect()
}
