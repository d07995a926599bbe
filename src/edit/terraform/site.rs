//! Where a policy's statements are written, whatever the notation, and where another one would go.

use super::eval::{Origin, Resource, Scope, eval, name, resolve};
use super::json;
use super::load::{Written, folder};
use super::resources::scope_of;
use super::tree::{Kind, Statement, Tree, has_dynamic, of_block, of_expr};
use super::value::Val;
use super::world::World;
use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall};
use hcl_edit::template::Element;
use std::ops::Range;

/// How statements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Objects of the language, inside `jsonencode`.
    Object,
    /// Blocks of `aws_iam_policy_document`.
    Blocks,
    /// JSON in a heredoc.
    Heredoc,
    /// JSON in a file that `templatefile` fills.
    Template,
    /// JSON in a file of its own.
    File,
}

/// A policy in the source.
pub(super) struct Site<'c> {
    pub form: Form,
    /// Where its expressions are evaluated.
    pub scope: Scope<'c>,
    pub statements: Vec<Statement>,
    pub lists: Vec<List>,
    /// Whether every statement is among those that could be read.
    pub whole: bool,
    /// Names that a template knows, with their values.
    pub names: Vec<(String, Val)>,
}

/// A list of statements that is written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    /// Place of its file in [`super::load::Code::files`].
    pub file: usize,
    /// From bracket to bracket, of the one object where there is no list, or of the block that holds `statement` blocks.
    pub span: Range<usize>,
    /// Its members, whatever they are.
    pub items: Vec<Range<usize>>,
    /// One object stands where a list could.
    pub is_bare: bool,
    /// What names it where it does not stand in the policy itself: `local.x`, `data.aws_iam_policy_document.x`.
    pub shared: Option<String>,
}

impl Site<'_> {
    /// A policy that is not there yet, in this instance of a module.
    pub(super) fn empty(at: usize) -> Self {
        Self {
            form: Form::Object,
            scope: Scope::new(at),
            statements: Vec::new(),
            lists: Vec::new(),
            whole: true,
            names: Vec::new(),
        }
    }
}

/// Reads the policy that an expression stands for; `Err` says why it cannot be edited.
pub(super) fn read<'c>(world: &World<'c>, written: Written<'c>, scope: &Scope<'c>) -> Result<Site<'c>, &'static str> {
    match resolve(world, written, scope) {
        Origin::Resource(resource) => of_resource(world, &resource),
        Origin::Val(_) => Err("its policy is given from outside"),
        Origin::Expr(written, scope) => match written.expr {
            Expression::FuncCall(call) => of_call(world, call, written.file, scope),
            Expression::HeredocTemplate(heredoc) => {
                let holes = |at: usize| hole(world, heredoc.template.iter(), at, &scope);
                let range = heredoc.template.span().unwrap_or_default();
                let tree = json::read(world.code.text(written.file), range, true, &holes);
                of_json(tree, Form::Heredoc, written.file, scope.clone())
            }
            _ => Err("its policy is made by an expression that is not edited"),
        },
    }
}

fn of_resource<'c>(world: &World<'c>, resource: &Resource<'c>) -> Result<Site<'c>, &'static str> {
    match (resource.kind(), resource.is_data, resource.attribute) {
        ("aws_iam_policy_document", true, "json" | "minified_json") => Ok(of_blocks(world, resource)),
        ("aws_iam_policy", false, "policy") => match resource.found.argument("policy") {
            Some(expr) => {
                let written = Written { file: resource.found.file, expr };
                read(world, written, &scope_of(world, resource))
            }
            None => Err("its policy is not written out"),
        },
        _ => Err("its policy is made elsewhere"),
    }
}

fn of_blocks<'c>(world: &World<'c>, resource: &Resource<'c>) -> Site<'c> {
    let (found, scope) = (resource.found, scope_of(world, resource));
    let blocks = found.block.body.get_blocks("statement");
    let mut statements: Vec<Statement> = blocks.map(|block| of_block(world, found.file, block, &scope)).collect();
    let items = statements.iter().map(|statement| statement.span.clone()).collect();
    let name = found.block.labels.get(1).map_or("", |label| label.as_str());
    let mut whole = !has_dynamic(&found);
    for argument in ["source_policy_documents", "override_policy_documents", "source_json", "override_json"] {
        let Some(expr) = found.argument(argument) else { continue };
        let read = included(world, Written { file: found.file, expr }, &scope);
        whole &= read.is_some() && argument.starts_with("source");
        // They belong to other documents: read, never written.
        statements.extend(read.into_iter().flatten().map(|one| Statement { list: usize::MAX, ..one }));
    }
    let span = found.block.span().unwrap_or_default();
    let shared = Some(format!("data.aws_iam_policy_document.{name}"));
    let list = List { file: found.file, span, items, is_bare: false, shared };
    Site { form: Form::Blocks, scope, statements, lists: vec![list], whole, names: Vec::new() }
}

/// The statements of documents that another one takes over; `None` where one of them cannot be read.
fn included<'c>(world: &World<'c>, written: Written<'c>, scope: &Scope<'c>) -> Option<Vec<Statement>> {
    let each: Vec<&Expression> = match written.expr {
        Expression::Array(items) => items.iter().collect(),
        expr => vec![expr],
    };
    let mut all = Vec::new();
    for expr in each {
        let site = read(world, Written { expr, ..written }, scope).ok().filter(|site| site.whole)?;
        all.extend(site.statements);
    }
    Some(all)
}

fn of_call<'c>(world: &World<'c>, call: &'c FuncCall, file: usize, scope: Scope<'c>) -> Result<Site<'c>, &'static str> {
    match (call.name.name.as_str(), call.args.get(0)) {
        ("jsonencode", Some(expr)) => {
            let mut site = Site { scope: scope.clone(), ..Site::empty(scope.at) };
            document(world, &mut site, Written { file, expr }, &scope, None);
            if site.lists.is_empty() { Err("its statements are not written out") } else { Ok(site) }
        }
        ("file" | "templatefile", Some(path)) => of_file(world, call, path, scope),
        _ => Err("its policy is made by a function that is not edited"),
    }
}

fn of_file<'c>(
    world: &World<'c>,
    call: &'c FuncCall,
    path: &'c Expression,
    scope: Scope<'c>,
) -> Result<Site<'c>, &'static str> {
    let path = eval(world, path, &scope).as_text().ok_or("its policy stands in a file whose name is not known")?;
    // Terraform reads from where it is run, which is the root's folder.
    let from = if path.starts_with('/') { "" } else { world.instances.first().map_or("", |root| root.dir) };
    let path = super::load::resolve(from, &path);
    let file = path.and_then(|path| world.code.at(&path)).ok_or("its policy stands in a file that is not here")?;
    let text = world.code.text(file);
    let is_template = call.name.name.as_str() == "templatefile";
    let names = match call.args.get(1).map(|expr| eval(world, expr, &scope)) {
        Some(Val::Map(fields)) if is_template => fields,
        _ => Vec::new(),
    };
    let holes = |at: usize| named_hole(text, at, &names);
    let tree = json::read(text, 0..text.len(), is_template, &holes);
    let form = if is_template { Form::Template } else { Form::File };
    of_json(tree, form, file, scope).map(|site| Site { names, ..site })
}

/// The interpolation of a heredoc that starts at a place.
fn hole<'c>(
    world: &World<'c>,
    elements: impl Iterator<Item = &'c Element>,
    at: usize,
    scope: &Scope<'c>,
) -> Option<(usize, Val)> {
    let starts = |element: &&Element| element.span().is_some_and(|span| span.start == at);
    match elements.into_iter().find(starts)? {
        element @ Element::Interpolation(inner) => Some((element.span()?.end, eval(world, &inner.expr, scope))),
        Element::Literal(_) | Element::Directive(_) => None,
    }
}

/// `${name}` of a template's file.
fn named_hole(text: &str, at: usize, names: &[(String, Val)]) -> Option<(usize, Val)> {
    let inner = text.get(at..)?.strip_prefix("${")?;
    let (word, _) = inner.split_once('}')?;
    // Braces inside it, as of another template, end elsewhere.
    let known = names.iter().find(|(name, _)| name == word.trim()).map(|(_, value)| value.clone());
    (!word.contains(['{', '"', '\n'])).then(|| (at + word.len() + 3, known.unwrap_or(Val::Unknown)))
}

fn of_json(tree: Option<Tree>, form: Form, file: usize, scope: Scope<'_>) -> Result<Site<'_>, &'static str> {
    let Some(Tree { kind: Kind::Object(fields), .. }) = tree else { return Err("its JSON cannot be read") };
    let found = fields.into_iter().find(|field| field.key == "Statement").map(|field| field.value);
    let mut site = Site { form, scope, statements: Vec::new(), lists: Vec::new(), whole: true, names: Vec::new() };
    let is_bare = |tree: &Tree| matches!(tree.kind, Kind::Object(_));
    let tree = found.ok_or("its JSON has no statements")?;
    let mut list = List { file, span: tree.span.clone(), items: Vec::new(), is_bare: is_bare(&tree), shared: None };
    let trees = match tree.kind {
        Kind::List(items) => items,
        Kind::Object(_) => vec![tree],
        Kind::Scalar(_) => return Err("its statements are not written out"),
    };
    list.items = trees.iter().map(|tree| tree.span.clone()).collect();
    site.lists.push(list);
    for tree in trees {
        match tree.kind {
            Kind::Object(fields) => {
                site.statements.push(Statement { file, span: tree.span, fields, whole: true, list: 0 });
            }
            Kind::List(_) | Kind::Scalar(_) => site.whole = false,
        }
    }
    Ok(site)
}

/// Finds `Statement` in an object, or in what makes one.
fn document<'c>(world: &World<'c>, site: &mut Site<'c>, written: Written<'c>, scope: &Scope<'c>, local: Option<&str>) {
    let (written, scope, local) = match resolve(world, written, scope) {
        Origin::Expr(found, scope) => (found, scope, local_of(written.expr).or(local.map(str::to_owned))),
        Origin::Resource(_) | Origin::Val(_) => {
            site.whole = false;
            return;
        }
    };
    match written.expr {
        Expression::Object(fields) => {
            let statements = fields.iter().find(|(key, _)| name(key).as_deref() == Some("Statement"));
            match statements {
                Some((_, value)) => {
                    list(world, site, Written { expr: value.expr(), ..written }, &scope, local.as_deref());
                }
                None => site.whole = false,
            }
        }
        Expression::FuncCall(call) if call.name.name.as_str() == "merge" => {
            for expr in call.args.iter().filter(|expr| has_statement(world, expr, &scope)) {
                document(world, site, Written { expr, ..written }, &scope, local.as_deref());
            }
        }
        _ => site.whole = false,
    }
}

fn has_statement<'c>(world: &World<'c>, expr: &'c Expression, scope: &Scope<'c>) -> bool {
    matches!(eval(world, expr, scope), Val::Map(fields) if fields.iter().any(|(name, _)| name == "Statement"))
}

/// `local.x` names the local value that is shared.
fn local_of(expr: &Expression) -> Option<String> {
    let text = expr.to_string();
    let word = text.trim();
    (word.starts_with("local.") || word.starts_with("var.")).then(|| word.to_owned())
}

fn list<'c>(world: &World<'c>, site: &mut Site<'c>, written: Written<'c>, scope: &Scope<'c>, local: Option<&str>) {
    let (found, scope, local) = match resolve(world, written, scope) {
        Origin::Expr(found, scope) => (found, scope, local_of(written.expr).or(local.map(str::to_owned))),
        Origin::Resource(_) | Origin::Val(_) => {
            site.whole = false;
            return;
        }
    };
    let span = found.expr.span().unwrap_or_default();
    let mut add = |items: Vec<Range<usize>>, is_bare: bool| {
        site.lists.push(List { file: found.file, span: span.clone(), items, is_bare, shared: local.clone() });
        site.lists.len() - 1
    };
    match found.expr {
        Expression::Array(items) => {
            let at = add(items.iter().filter_map(Span::span).collect(), false);
            items.iter().for_each(|item| one(world, site, Written { expr: item, ..found }, &scope, at));
        }
        Expression::Object(_) => {
            let at = add(vec![span.clone()], true);
            one(world, site, found, &scope, at);
        }
        Expression::FuncCall(call) if matches!(call.name.name.as_str(), "concat" | "compact" | "tolist") => {
            for expr in call.args.iter() {
                list(world, site, Written { expr, ..found }, &scope, local.as_deref());
            }
        }
        _ => site.whole = false,
    }
}

/// One member of a list of statements.
fn one<'c>(world: &World<'c>, site: &mut Site<'c>, written: Written<'c>, scope: &Scope<'c>, list: usize) {
    let tree = of_expr(world, written.expr, scope);
    match (tree.kind, written.expr) {
        (Kind::Object(fields), _) => {
            site.statements.push(Statement { file: written.file, span: tree.span, fields, whole: true, list });
        }
        (Kind::Scalar(Val::Map(_)), expr) => {
            let Origin::Expr(found, scope) = resolve(world, Written { expr, ..written }, scope) else {
                site.whole = false;
                return;
            };
            match of_expr(world, found.expr, &scope) {
                // It is written elsewhere: read, never written.
                Tree { kind: Kind::Object(fields), span } => {
                    let statement = Statement { file: found.file, span, fields, whole: true, list: usize::MAX };
                    site.statements.push(statement);
                }
                _ => site.whole = false,
            }
        }
        _ => site.whole = false,
    }
}

/// The folder of the module that a site's list stands in.
pub(super) fn folder_of<'c>(world: &World<'c>, list: &List) -> &'c str {
    folder(world.code.path(list.file))
}
