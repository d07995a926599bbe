//! The changed source, read again: everything but the statement must be what it was.

use super::layout::Edit;
use super::plan::{Plan, Touch};
use super::policies::Policy;
use super::site::{Form, List};
use super::tree::Statement;
use super::value::Val;
use super::world::World;
use hcl_edit::Span;

/// A policy before and after, in its own world each.
pub(super) struct Pair<'p, 'a, 'b> {
    pub before: (&'p World<'a>, &'p Policy<'a>),
    pub after: (&'p World<'b>, &'p Policy<'b>),
}

/// Where a place of the old text stands in the new one.
pub(super) fn shifted(edits: &[Edit], file: usize, at: usize) -> usize {
    let before = edits.iter().filter(|edit| edit.file == file && edit.at.end <= at && edit.at.start < at);
    let (gone, come) = before.fold((0, 0), |(gone, come), edit| (gone + edit.at.len(), come + edit.text.len()));
    (at + come).saturating_sub(gone)
}

/// A file's text without the statements of policies and without the blocks of new ones.
pub(super) fn masked(text: &str, file: usize, policies: &[&Policy<'_>], fresh: &[&Policy<'_>]) -> String {
    let lists = policies.iter().flat_map(|policy| &policy.site.lists).filter(|list| list.file == file);
    let blocks =
        fresh.iter().filter(|policy| policy.holder.file == file).filter_map(|policy| policy.holder.block.span());
    let mut spans: Vec<std::ops::Range<usize>> = lists.map(|list| list.span.clone()).chain(blocks).collect();
    spans.sort_by_key(|span| span.start);
    let mut out = String::new();
    let mut at = 0;
    for span in spans {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        at = at.max(span.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Whether a new policy says exactly what is needed.
pub(super) fn is_fresh(policy: &Policy<'_>, needs: &[super::need::Need]) -> bool {
    let statements = &policy.site.statements;
    policy.site.whole
        && statements.len() == needs.len()
        && needs.iter().zip(statements).all(|(need, one)| same(need, one))
}

/// Whether the plan, and nothing but the plan, was carried out in this policy.
pub(super) fn is_sound(pair: &Pair<'_, '_, '_>, plan: &Plan) -> Result<(), &'static str> {
    let (before, after) = (&pair.before.1.site, &pair.after.1.site);
    if before.form != after.form || before.lists.len() != after.lists.len() || before.whole != after.whole {
        return Err("the policy is another one");
    }
    for (at, (old, new)) in before.lists.iter().zip(&after.lists).enumerate() {
        let texts = (pair.before.0.code.text(old.file), pair.after.0.code.text(new.file));
        around(before.form, texts, (old, new))?;
        inside(pair, plan, at, texts)?;
    }
    Ok(())
}

/// What stands around the statements is letter by letter what it was; of a data source also what stands between them.
fn around(form: Form, texts: (&str, &str), (old, new): (&List, &List)) -> Result<(), &'static str> {
    let rest = |text: &str, list: &List| match form {
        Form::Blocks => {
            let mut at = list.span.start;
            let mut out = String::new();
            for item in &list.items {
                out.push_str(text.get(at..item.start).unwrap_or_default());
                at = item.end;
            }
            out.push_str(text.get(at..list.span.end).unwrap_or_default());
            out.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    (rest(texts.0, old) == rest(texts.1, new)).then_some(()).ok_or("something around the statements changed")
}

/// Each member of the list is what it was, one that the plan changes, or one that it adds.
fn inside(pair: &Pair<'_, '_, '_>, plan: &Plan, list: usize, texts: (&str, &str)) -> Result<(), &'static str> {
    let (before, after) = (&pair.before.1.site, &pair.after.1.site);
    let (Some(old), Some(new)) = (before.lists.get(list), after.lists.get(list)) else {
        return Err("a list is missing");
    };
    let at = |all: &[Statement], span: &std::ops::Range<usize>| {
        all.iter().position(|one| one.list == list && one.span == *span)
    };
    let mut olds = old.items.iter();
    let mut ahead = olds.next();
    let mut added = 0;
    for span in &new.items {
        let text = &texts.1[span.clone()];
        let place = at(&after.statements, span);
        let fits = ahead.is_some_and(|item| {
            let touch = at(&before.statements, item).and_then(|at| touch(plan, at).map(|touch| (at, touch)));
            match (touch, place) {
                (Some((at, touch)), Some(place)) => {
                    is_touched(&before.statements[at], &after.statements[place], touch, texts)
                }
                _ => texts.0[item.clone()] == *text,
            }
        });
        if fits {
            ahead = olds.next();
            continue;
        }
        let statement = place.and_then(|at| after.statements.get(at)).ok_or("a member of the list changed")?;
        is_added(pair, plan, list, statement, texts.1)?;
        added += 1;
    }
    let wanted = plan.adds.iter().filter(|add| add.list == list).count();
    if ahead.is_some() || added != wanted {
        return Err("a statement is missing");
    }
    Ok(())
}

fn touch(plan: &Plan, statement: usize) -> Option<&Touch> {
    plan.touches.iter().find(|touch| touch.statement == statement)
}

/// The actions changed as planned, and nothing else did.
fn is_touched(old: &Statement, new: &Statement, touch: &Touch, texts: (&str, &str)) -> bool {
    let changes = |key: &str| if touch.frees_all { key == "Condition" } else { key == "Action" };
    let rest = |statement: &Statement, text: &str| {
        let kept = statement.fields.iter().filter(|field| !changes(&field.key));
        kept.map(|field| (field.key.clone(), text.get(field.value.span.clone()).unwrap_or_default().to_owned()))
            .collect::<Vec<_>>()
    };
    let mut wanted: Vec<Val> = old.texts("Action").unwrap_or_default();
    let gone = |value: &Val| {
        value.as_text().is_some_and(|text| touch.remove.iter().any(|gone| gone.eq_ignore_ascii_case(&text)))
    };
    if !touch.frees_all {
        wanted.retain(|value| !gone(value));
        wanted.extend(touch.add.iter().map(|action| Val::text(action)));
    }
    let mut found = new.texts("Action").unwrap_or_default();
    wanted.sort();
    found.sort();
    rest(old, texts.0) == rest(new, texts.1)
        && wanted == found
        && (!touch.frees_all || new.field("Condition").is_none())
}

/// The new statement says what one of the plan's does, and no more.
fn is_added(
    pair: &Pair<'_, '_, '_>,
    plan: &Plan,
    list: usize,
    statement: &Statement,
    text: &str,
) -> Result<(), &'static str> {
    const KNOWN: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let known = statement.fields.iter().all(|field| KNOWN.contains(&field.key.as_str()));
    let before = &pair.before.1.site.statements;
    let says = |add: &super::plan::Add| {
        let mut need = add.need.clone();
        let source = |statement: &Statement, text: &str| {
            statement.field("Resource").map(|field| text[field.value.span.clone()].to_owned())
        };
        if let Some(from) = add.split_from.and_then(|at| before.get(at)) {
            let old = pair.before.0.code.text(from.file);
            if source(from, old) != source(statement, text) {
                return false;
            }
            // Its resources are the old statement's, letter by letter; the rest is compared as any other.
            need.resources = None;
            let bare: Vec<_> = statement.fields.iter().filter(|field| field.key != "Resource").cloned().collect();
            return same(&need, &Statement { fields: bare, ..statement.clone() });
        }
        same(&need, statement)
    };
    let found = known && statement.whole && plan.adds.iter().filter(|add| add.list == list).any(says);
    found.then_some(()).ok_or("the new statement says something else")
}

fn same(need: &super::need::Need, statement: &Statement) -> bool {
    let mut wanted: Vec<Val> = need.actions.iter().map(|action| Val::text(action)).collect();
    let mut found = statement.texts("Action").unwrap_or_default();
    wanted.sort();
    found.sort();
    need.joins(statement) && wanted == found
}
