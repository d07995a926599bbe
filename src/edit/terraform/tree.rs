//! A policy as it is written in the source: every part with its place, whatever the notation.

use super::eval::{Scope, eval, name};
use super::load::Found;
use super::value::{Piece, Val, joined};
use super::world::World;
use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Structure};
use std::ops::Range;

/// A part of a policy and where it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub span: Range<usize>,
    pub kind: Kind,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// One value: a text, or an expression and what it is worth, which may be a list.
    Scalar(Val),
    /// A list that is written out.
    List(Vec<Tree>),
    /// An object that is written out.
    Object(Vec<Field>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// In IAM's words: `Action`, also where `actions` is written.
    pub key: String,
    /// From the key's first letter to the value's last.
    pub span: Range<usize>,
    pub value: Tree,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    /// Place of its file in [`super::load::Code::files`].
    pub file: usize,
    pub span: Range<usize>,
    pub fields: Vec<Field>,
    /// Whether all of it is written out here.
    pub whole: bool,
    /// Place in the site's lists.
    pub list: usize,
}

impl Statement {
    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The texts of an element: one or a list; `None` where it is absent.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Val>> {
        self.field(key).map(|field| field.value.texts())
    }
}

impl Tree {
    /// The values of a text or a list.
    pub(super) fn texts(&self) -> Vec<Val> {
        match &self.kind {
            Kind::Scalar(Val::List(items)) => items.clone(),
            Kind::Scalar(value) => vec![value.clone()],
            Kind::List(items) => items.iter().flat_map(Tree::texts).collect(),
            Kind::Object(_) => vec![Val::Unknown],
        }
    }

    /// As a value.
    pub(super) fn value(&self) -> Val {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Val::List(items.iter().map(Tree::value).collect()),
            Kind::Object(fields) => {
                Val::Map(fields.iter().map(|field| (field.key.clone(), field.value.value())).collect())
            }
        }
    }
}

/// An expression as a tree.
pub(super) fn of_expr<'c>(world: &World<'c>, expr: &'c Expression, scope: &Scope<'c>) -> Tree {
    let span = expr.span().unwrap_or_default();
    let kind = match expr {
        Expression::Array(items) => Kind::List(items.iter().map(|item| of_expr(world, item, scope)).collect()),
        Expression::Object(fields) => Kind::Object(
            fields
                .iter()
                .map(|(key, value)| {
                    let start = key.span().unwrap_or_default().start;
                    let tree = of_expr(world, value.expr(), scope);
                    Field { key: name(key).unwrap_or_default(), span: start..tree.span.end, value: tree }
                })
                .collect(),
        ),
        expr => Kind::Scalar(eval(world, expr, scope)),
    };
    Tree { span, kind }
}

/// The arguments of a `statement` block and the elements that they write.
const ARGUMENTS: [(&str, &str); 6] = [
    ("sid", "Sid"),
    ("effect", "Effect"),
    ("actions", "Action"),
    ("not_actions", "NotAction"),
    ("resources", "Resource"),
    ("not_resources", "NotResource"),
];

/// A `statement` block of `aws_iam_policy_document`.
/// See <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document>.
pub(super) fn of_block<'c>(world: &World<'c>, file: usize, block: &'c Block, scope: &Scope<'c>) -> Statement {
    let mut statement =
        Statement { file, span: block.span().unwrap_or_default(), fields: Vec::new(), whole: true, list: 0 };
    for structure in block.body.iter() {
        let added = match structure {
            Structure::Attribute(attribute) => {
                let known = ARGUMENTS.iter().find(|(argument, _)| *argument == attribute.key.as_str());
                let tree = || unmarked(of_expr(world, &attribute.value, scope));
                let span = attribute.span().unwrap_or_default();
                known.map(|(_, key)| statement.fields.push(Field { key: (*key).into(), span, value: tree() }))
            }
            Structure::Block(inner) => nested(world, inner, scope).map(|field| join(&mut statement.fields, field)),
        };
        statement.whole &= added.is_some();
    }
    if statement.field("Effect").is_none() {
        let value = Tree { span: 0..0, kind: Kind::Scalar(Val::text("Allow")) };
        statement.fields.push(Field { key: "Effect".into(), span: 0..0, value });
    }
    statement
}

/// The data source writes `${` where `&{` stands.
fn unmarked(tree: Tree) -> Tree {
    let plain = |text: String| text.replace("&{", "${");
    fn change(value: Val, plain: &impl Fn(String) -> String) -> Val {
        match value {
            Val::Text(pieces) => joined(pieces.into_iter().map(|piece| match piece {
                Piece::Lit(text) => Piece::Lit(plain(text)),
                hole @ Piece::Hole(_) => hole,
            })),
            Val::List(items) => Val::List(items.into_iter().map(|item| change(item, plain)).collect()),
            other => other,
        }
    }
    let kind = match tree.kind {
        Kind::Scalar(value) => Kind::Scalar(change(value, &plain)),
        Kind::List(items) => Kind::List(items.into_iter().map(unmarked).collect()),
        other @ Kind::Object(_) => other,
    };
    Tree { kind, ..tree }
}

/// `principals`, `not_principals` and `condition`.
fn nested<'c>(world: &World<'c>, block: &'c Block, scope: &Scope<'c>) -> Option<Field> {
    let span = block.span().unwrap_or_default();
    let argument = |name: &str| block.body.get_attribute(name).map(|attribute| &attribute.value);
    let word = |name: &str| eval(world, argument(name)?, scope).as_text();
    let values = |name: &str| Some(unmarked(of_expr(world, argument(name)?, scope)));
    let object = |key: &str, value: Tree| Tree {
        span: span.clone(),
        kind: Kind::Object(vec![Field { key: key.to_owned(), span: span.clone(), value }]),
    };
    let (key, value) = match block.ident.as_str() {
        "principals" => ("Principal", object(&word("type")?, values("identifiers")?)),
        "not_principals" => ("NotPrincipal", object(&word("type")?, values("identifiers")?)),
        "condition" => {
            let inner = object(&word("variable")?, values("values")?);
            ("Condition", object(&word("test")?, inner))
        }
        _ => return None,
    };
    Some(Field { key: key.to_owned(), span, value })
}

/// Several blocks of one sort make one element.
fn join(fields: &mut Vec<Field>, new: Field) {
    match fields.iter_mut().find(|field| field.key == new.key) {
        Some(field) => {
            field.span = field.span.start.min(new.span.start)..field.span.end.max(new.span.end);
            if let (Kind::Object(old), Kind::Object(more)) = (&mut field.value.kind, new.value.kind) {
                more.into_iter().for_each(|one| join(old, one));
            }
        }
        None => fields.push(new),
    }
}

/// Whether a block holds statements that are made elsewhere.
pub(super) fn has_dynamic(found: &Found<'_>) -> bool {
    found.block.body.blocks().any(|block| block.ident.as_str() == "dynamic")
}
