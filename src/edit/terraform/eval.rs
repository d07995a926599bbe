//! Expressions → values, and where a value comes from.

use super::functions;
use super::load::{Found, Written};
use super::resources;
use super::value::{Hole, Piece, Val, joined};
use super::world::World;
use hcl_edit::expr::{BinaryOperator, Expression, ObjectKey, TraversalOperator};
use hcl_edit::template::Element;

/// Expressions lie in each other, and point to each other, no deeper than this here.
const DEPTH: usize = 160;
/// More instances of one block than this are not told apart.
const EACH: usize = 200;

/// Where an expression is evaluated.
#[derive(Clone)]
pub(super) struct Scope<'c> {
    /// Place in [`World::instances`].
    pub at: usize,
    /// The instance of the block around it.
    pub each: Each<'c>,
    depth: usize,
}

/// One instance of a block with `for_each` or `count`.
#[derive(Clone, Default)]
pub(super) struct Each<'c> {
    /// `each.key`, or `count.index`.
    pub key: Option<Val>,
    value: Option<Box<Given<'c>>>,
    /// Whether the block has `for_each` or `count`.
    pub many: bool,
}

/// What is given for a name.
#[derive(Clone)]
pub(super) enum Given<'c> {
    /// An expression, the place of its file, and its scope.
    Expr(usize, &'c Expression, Box<Scope<'c>>),
    Val(Val),
}

/// Where a value comes from, as far as it can be followed.
pub(super) enum Origin<'c> {
    /// An attribute of a resource or data source of the code.
    Resource(Resource<'c>),
    /// This expression, in this scope.
    Expr(Written<'c>, Scope<'c>),
    /// No expression of the code.
    Val(Val),
}

/// A reference to an attribute.
#[derive(Clone)]
pub(super) struct Resource<'c> {
    /// The instance of the module that it is in.
    pub at: usize,
    pub is_data: bool,
    pub found: Found<'c>,
    /// The index, where one is written.
    pub key: Option<Val>,
    pub attribute: &'c str,
}

impl<'c> Scope<'c> {
    pub(super) fn new(at: usize) -> Self {
        Self { at, each: Each::default(), depth: 0 }
    }

    pub(super) fn with(at: usize, each: Each<'c>) -> Self {
        Self { at, each, depth: 0 }
    }

    fn deeper(&self, world: &World<'_>) -> Option<Self> {
        let left = world.fuel.get().checked_sub(1)?;
        world.fuel.set(left);
        (self.depth < DEPTH).then(|| Self { depth: self.depth + 1, ..self.clone() })
    }
}

impl Each<'_> {
    /// The instance that an index names; nothing more is known of it.
    pub(super) fn keyed(key: Option<Val>) -> Self {
        Self { key, value: None, many: true }
    }

    /// As an address shows it: `["a"]`, `[0]`, or nothing.
    pub(super) fn index(&self) -> String {
        match &self.key {
            Some(Val::Number(number)) => format!("[{number}]"),
            Some(key) => key.as_text().map(|key| format!("[{}]", serde_json::Value::from(key))).unwrap_or_default(),
            None => String::new(),
        }
    }
}

/// A value that needs nothing but itself.
pub(super) fn literal(expr: &Expression) -> Val {
    match expr {
        Expression::Null(_) => Val::Null,
        Expression::Bool(yes) => Val::Bool(*yes.value()),
        Expression::Number(number) => Val::Number(number.value().to_string()),
        Expression::String(text) => Val::text(text.value()),
        Expression::Array(items) => Val::List(items.iter().map(literal).collect()),
        Expression::Object(fields) => {
            let pair =
                |(key, value): (&ObjectKey, &hcl_edit::expr::ObjectValue)| Some((name(key)?, literal(value.expr())));
            Val::Map(fields.iter().filter_map(pair).collect())
        }
        Expression::Parenthesis(inner) => literal(inner.inner()),
        _ => Val::Unknown,
    }
}

/// The name that a key writes out.
pub(super) fn name(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(word) => Some(word.value().to_string()),
        ObjectKey::Expression(Expression::String(text)) => Some(text.value().to_string()),
        ObjectKey::Expression(_) => None,
    }
}

/// What an expression is worth.
pub(super) fn eval<'c>(world: &World<'c>, expr: &'c Expression, scope: &Scope<'c>) -> Val {
    let Some(scope) = &scope.deeper(world) else { return Val::Unknown };
    match expr {
        Expression::Null(_) | Expression::Bool(_) | Expression::Number(_) | Expression::String(_) => literal(expr),
        Expression::Array(items) => Val::List(items.iter().map(|item| eval(world, item, scope)).collect()),
        Expression::Object(fields) => {
            let named = |key: &'c ObjectKey| match key {
                ObjectKey::Expression(Expression::Parenthesis(inner)) => eval(world, inner.inner(), scope).as_text(),
                ObjectKey::Expression(expr) => eval(world, expr, scope).as_text(),
                ObjectKey::Ident(_) => name(key),
            };
            Val::Map(
                fields
                    .iter()
                    .filter_map(|(key, value)| Some((named(key)?, eval(world, value.expr(), scope))))
                    .collect(),
            )
        }
        Expression::StringTemplate(template) => text(world, template.iter(), scope),
        Expression::HeredocTemplate(heredoc) => text(world, heredoc.template.iter(), scope),
        Expression::Parenthesis(inner) => eval(world, inner.inner(), scope),
        Expression::Conditional(choice) => match eval(world, &choice.cond_expr, scope) {
            Val::Bool(true) => eval(world, &choice.true_expr, scope),
            Val::Bool(false) => eval(world, &choice.false_expr, scope),
            _ => Val::Unknown,
        },
        Expression::FuncCall(call) if !call.name.is_namespaced() => {
            let args: Vec<Val> = call.args.iter().map(|arg| eval(world, arg, scope)).collect();
            functions::call(call.name.name.as_str(), &args)
        }
        Expression::Variable(_) | Expression::Traversal(_) => {
            let written = Written { file: 0, expr };
            value_of(world, resolve(world, written, scope))
        }
        Expression::BinaryOp(op) => {
            let (left, right) = (eval(world, &op.lhs_expr, scope), eval(world, &op.rhs_expr, scope));
            let known = left.as_text().zip(right.as_text());
            match (op.operator.value(), known) {
                (BinaryOperator::Eq, Some((left, right))) => Val::Bool(left == right),
                (BinaryOperator::NotEq, Some((left, right))) => Val::Bool(left != right),
                _ => Val::Unknown,
            }
        }
        Expression::FuncCall(_) | Expression::UnaryOp(_) | Expression::ForExpr(_) => Val::Unknown,
    }
}

fn text<'c>(world: &World<'c>, elements: impl Iterator<Item = &'c Element>, scope: &Scope<'c>) -> Val {
    joined(elements.flat_map(|element| match element {
        Element::Literal(text) => vec![Piece::Lit(text.as_str().to_owned())],
        Element::Interpolation(inner) => eval(world, &inner.expr, scope).into_pieces(),
        Element::Directive(_) => vec![Piece::Hole(Hole::Any)],
    }))
}

/// What stands at the end of the way.
pub(super) fn value_of<'c>(world: &World<'c>, origin: Origin<'c>) -> Val {
    match origin {
        Origin::Val(value) => value,
        Origin::Resource(resource) => resources::attribute(world, &resource),
        Origin::Expr(written, scope) => match written.expr {
            // It could not be followed: a second try would not end.
            Expression::Variable(_) | Expression::Traversal(_) => Val::Unknown,
            expr => eval(world, expr, &scope),
        },
    }
}

enum Step<'c> {
    Attr(&'c str),
    Index(&'c Expression),
    Number(u64),
    Splat,
}

fn path(expr: &Expression) -> Option<(&str, Vec<Step<'_>>)> {
    match expr {
        Expression::Variable(name) => Some((name.as_str(), Vec::new())),
        Expression::Traversal(traversal) => {
            let Expression::Variable(root) = &traversal.expr else { return None };
            let steps = traversal.operators.iter().map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => Step::Attr(name.as_str()),
                TraversalOperator::Index(index) => Step::Index(index),
                TraversalOperator::LegacyIndex(index) => Step::Number(*index.value()),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
            });
            Some((root.as_str(), steps.collect()))
        }
        _ => None,
    }
}

/// Follows an expression through inputs, local values and outputs to where its value is made.
pub(super) fn resolve<'c>(world: &World<'c>, written: Written<'c>, scope: &Scope<'c>) -> Origin<'c> {
    let Some(scope) = scope.deeper(world) else { return Origin::Val(Val::Unknown) };
    let inner = |expr: &'c Expression| resolve(world, Written { expr, ..written }, &scope);
    match written.expr {
        Expression::Parenthesis(within) => inner(within.inner()),
        Expression::StringTemplate(template) => match template.as_single_element() {
            Some(Element::Interpolation(one)) => inner(&one.expr),
            _ => Origin::Expr(written, scope),
        },
        Expression::FuncCall(call) => match (call.name.name.as_str(), call.args.get(0), call.args.get(1)) {
            // `join("", x.*.name)` and `one(x[*].name)` take the one that may be there.
            ("join", Some(_), Some(second)) if is_splat(second) => inner(second),
            ("one" | "try" | "coalesce" | "element" | "tostring" | "sensitive" | "nonsensitive", Some(first), _) => {
                inner(first)
            }
            _ => Origin::Expr(written, scope),
        },
        Expression::Variable(_) | Expression::Traversal(_) => match path(written.expr) {
            Some((root, steps)) => follow(world, written, (root, &steps), scope),
            None => Origin::Expr(written, scope),
        },
        _ => Origin::Expr(written, scope),
    }
}

fn is_splat(expr: &Expression) -> bool {
    path(expr).is_some_and(|(_, steps)| steps.iter().any(|step| matches!(step, Step::Splat)))
}

fn follow<'c>(
    world: &World<'c>,
    written: Written<'c>,
    (root, steps): (&'c str, &[Step<'c>]),
    scope: Scope<'c>,
) -> Origin<'c> {
    let module = world.module(scope.at);
    match (root, steps) {
        ("var", [Step::Attr(name), rest @ ..]) => given(world, world.input(scope.at, name), rest, &scope),
        ("local", [Step::Attr(name), rest @ ..]) => {
            let found = module.and_then(|module| module.locals.get(name));
            let given_ = found.map(|local| Given::Expr(local.file, local.expr, Box::new(unbound(&scope))));
            given(world, given_, rest, &scope)
        }
        ("each", [Step::Attr("key")]) | ("count", [Step::Attr("index")]) => {
            Origin::Val(scope.each.key.clone().unwrap_or(Val::Unknown))
        }
        ("each", [Step::Attr("value"), rest @ ..]) => {
            let value = scope.each.value.as_deref().cloned();
            given(world, value, rest, &scope)
        }
        ("path", [Step::Attr(what)]) => {
            let dir = if *what == "module" { world.instances.get(scope.at) } else { world.instances.first() };
            Origin::Val(dir.map_or(Val::Unknown, |instance| Val::text(&format!("/{}", instance.dir))))
        }
        ("module", [Step::Attr(name), rest @ ..]) => output(world, name, rest, &scope),
        ("data", [Step::Attr(kind), Step::Attr(name), rest @ ..]) => {
            let found = module.and_then(|module| module.data.get(&(*kind, *name)));
            found.map_or(Origin::Val(Val::Unknown), |found| reference(world, true, *found, rest, &scope))
        }
        (kind, [Step::Attr(name), rest @ ..]) => {
            let found = module.and_then(|module| module.resources.get(&(kind, *name)));
            match found {
                Some(found) => reference(world, false, *found, rest, &scope),
                None => Origin::Expr(written, scope),
            }
        }
        _ => Origin::Expr(written, scope),
    }
}

/// The scope of the module itself: local values know no `each`.
fn unbound<'c>(scope: &Scope<'c>) -> Scope<'c> {
    Scope { each: Each::default(), ..scope.clone() }
}

fn given<'c>(world: &World<'c>, found: Option<Given<'c>>, rest: &[Step<'c>], scope: &Scope<'c>) -> Origin<'c> {
    match found {
        None => Origin::Val(Val::Unknown),
        Some(Given::Val(value)) => Origin::Val(part(world, value, rest, scope)),
        Some(Given::Expr(file, expr, inner)) => {
            let inner = Scope { depth: scope.depth, ..*inner };
            let written = Written { file, expr };
            match (rest, expr) {
                ([], _) => resolve(world, written, &inner),
                ([step, rest @ ..], Expression::Object(fields)) => {
                    let Some(key) = key_of(world, step, scope) else { return Origin::Val(Val::Unknown) };
                    let one = fields.iter().find(|(field, _)| name(field).is_some_and(|name| name == key));
                    let one = one.map(|(_, value)| Given::Expr(file, value.expr(), Box::new(inner)));
                    given(world, one, rest, scope)
                }
                (rest, expr) => {
                    let value = match resolve(world, written, &inner) {
                        Origin::Expr(found, scope) if !std::ptr::eq(found.expr, expr) => {
                            let next = Given::Expr(found.file, found.expr, Box::new(scope.clone()));
                            let Some(deeper) = scope.deeper(world) else { return Origin::Val(Val::Unknown) };
                            return given(world, Some(next), rest, &deeper);
                        }
                        origin => value_of(world, origin),
                    };
                    Origin::Val(part(world, value, rest, scope))
                }
            }
        }
    }
}

fn key_of<'c>(world: &World<'c>, step: &Step<'c>, scope: &Scope<'c>) -> Option<String> {
    match step {
        Step::Attr(name) => Some((*name).to_owned()),
        Step::Index(expr) => eval(world, expr, scope).as_text(),
        Step::Number(number) => Some(number.to_string()),
        Step::Splat => None,
    }
}

fn part<'c>(world: &World<'c>, value: Val, steps: &[Step<'c>], scope: &Scope<'c>) -> Val {
    steps.iter().fold(value, |value, step| {
        let Some(key) = key_of(world, step, scope) else { return Val::Unknown };
        match &value {
            Val::Map(_) => value.get(&key).cloned().unwrap_or(Val::Unknown),
            Val::List(items) => key.parse().ok().and_then(|at: usize| items.get(at)).cloned().unwrap_or(Val::Unknown),
            _ => Val::Unknown,
        }
    })
}

fn output<'c>(world: &World<'c>, name: &str, steps: &[Step<'c>], scope: &Scope<'c>) -> Origin<'c> {
    let unknown = Origin::Val(Val::Unknown);
    let (key, rest) = indexed(world, steps, scope);
    let ([Step::Attr(output), rest @ ..], Some(call)) = (rest, world.module(scope.at).and_then(|m| m.calls.get(name)))
    else {
        return unknown;
    };
    let fits = |each: &Each<'_>| key.is_none() || each.key.is_none() || each.key == key;
    let mut children = world.children(scope.at, call).filter(|(_, each)| fits(each)).map(|(at, _)| at);
    let (Some(child), None) = (children.next(), children.next()) else { return unknown };
    let Some(found) = world.module(child).and_then(|module| module.outputs.get(output)) else { return unknown };
    let inner = Scope { at: child, each: Each::default(), depth: scope.depth };
    let value = found.argument("value").map(|expr| Given::Expr(found.file, expr, Box::new(inner)));
    given(world, value, rest, scope)
}

/// Splits a leading index off.
fn indexed<'s, 'c>(world: &World<'c>, steps: &'s [Step<'c>], scope: &Scope<'c>) -> (Option<Val>, &'s [Step<'c>]) {
    match steps {
        [Step::Index(expr), rest @ ..] => (Some(eval(world, expr, scope)), rest),
        [Step::Number(number), rest @ ..] => (Some(Val::Number(number.to_string())), rest),
        [Step::Splat, rest @ ..] => (None, rest),
        steps => (None, steps),
    }
}

fn reference<'c>(
    world: &World<'c>,
    is_data: bool,
    found: Found<'c>,
    steps: &[Step<'c>],
    scope: &Scope<'c>,
) -> Origin<'c> {
    let (key, rest) = indexed(world, steps, scope);
    match rest {
        [Step::Attr(attribute)] => Origin::Resource(Resource { at: scope.at, is_data, found, key, attribute }),
        // `aws_s3_bucket.x.website[0].domain` and the like: nothing that a policy names.
        _ => Origin::Val(Val::Unknown),
    }
}

/// The instances of a block: one without `for_each` and `count`; one of which nothing is known where they are not.
pub(super) fn each_of<'c>(world: &World<'c>, found: Found<'c>, scope: &Scope<'c>) -> Vec<Each<'c>> {
    if let Some(count) = found.argument("count") {
        return match eval(world, count, scope).as_text().and_then(|text| text.parse::<usize>().ok()) {
            Some(count) => (0..count.min(EACH)).map(|at| bound(Val::Number(at.to_string()), None)).collect(),
            None => vec![Each { many: true, ..Each::default() }],
        };
    }
    let Some(for_each) = found.argument("for_each") else { return vec![Each::default()] };
    let origin = resolve(world, Written { file: found.file, expr: for_each }, scope);
    let all = members(world, origin);
    if all.is_empty() { vec![Each { many: true, ..Each::default() }] } else { all }
}

fn bound<'c>(key: Val, value: Option<Given<'c>>) -> Each<'c> {
    Each { key: Some(key), value: value.map(Box::new), many: true }
}

fn members<'c>(world: &World<'c>, origin: Origin<'c>) -> Vec<Each<'c>> {
    let (written, scope) = match origin {
        Origin::Expr(written, scope) => (written, scope),
        other => return of_value(&value_of(world, other)),
    };
    let given = |expr: &'c Expression| Given::Expr(written.file, expr, Box::new(scope.clone()));
    match written.expr {
        Expression::Object(fields) => {
            let one = |(key, value): (&'c ObjectKey, &'c hcl_edit::expr::ObjectValue)| {
                let key = name(key).map_or(Val::Unknown, |name| Val::text(&name));
                bound(key, Some(given(value.expr())))
            };
            fields.iter().take(EACH).map(one).collect()
        }
        Expression::Array(items) => {
            items.iter().take(EACH).map(|item| bound(eval(world, item, &scope), Some(given(item)))).collect()
        }
        Expression::FuncCall(call) if matches!(call.name.name.as_str(), "toset" | "tomap" | "tolist") => {
            let inner = call.args.get(0).map(|expr| resolve(world, Written { expr, ..written }, &scope));
            inner.map(|origin| members(world, origin)).unwrap_or_default()
        }
        expr => of_value(&eval(world, expr, &scope)),
    }
}

fn of_value<'c>(value: &Val) -> Vec<Each<'c>> {
    match value {
        Val::Map(fields) => {
            let one = |(key, value): &(String, Val)| bound(Val::text(key), Some(Given::Val(value.clone())));
            fields.iter().take(EACH).map(one).collect()
        }
        Val::List(items) => {
            items.iter().take(EACH).map(|item| bound(item.clone(), Some(Given::Val(item.clone())))).collect()
        }
        _ => Vec::new(),
    }
}
