//! Files → modules: what each folder defines.

use super::super::SourceFile;
use super::value::Val;
use crate::record::Problem;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};
use std::collections::BTreeMap;

/// Configuration, parsed, and the files that it may point to.
pub(super) struct Code<'a> {
    /// Every file that was handed over.
    pub files: &'a [SourceFile],
    /// Configuration by its place in `files`.
    bodies: BTreeMap<usize, Body>,
    /// Values of variables by their place in `files`.
    values: BTreeMap<usize, BTreeMap<String, Val>>,
}

/// A block and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Found<'c> {
    /// Place in [`Code::files`].
    pub file: usize,
    pub block: &'c Block,
}

/// An expression and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Written<'c> {
    /// Place in [`Code::files`].
    pub file: usize,
    pub expr: &'c Expression,
}

/// What one folder defines.
#[derive(Default)]
pub(super) struct Module<'c> {
    pub variables: BTreeMap<&'c str, Found<'c>>,
    pub locals: BTreeMap<&'c str, Written<'c>>,
    pub outputs: BTreeMap<&'c str, Found<'c>>,
    /// By type and name.
    pub resources: BTreeMap<(&'c str, &'c str), Found<'c>>,
    pub data: BTreeMap<(&'c str, &'c str), Found<'c>>,
    pub calls: BTreeMap<&'c str, Found<'c>>,
    pub providers: Vec<Found<'c>>,
}

/// Parses every Terraform file; one that is broken is named, and the others are used.
pub(super) fn load(files: &[SourceFile]) -> (Code<'_>, Vec<Problem>) {
    let mut code = Code { files, bodies: BTreeMap::new(), values: BTreeMap::new() };
    let mut problems = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let read = if is_configuration(&file.path) {
            body(&file.text).map(|body| drop(code.bodies.insert(at, body)))
        } else if file.path.ends_with(".tf.json") && file.text.contains("\"aws_") {
            Err("Terraform in JSON is not edited: it is made by a program, whose source is to be changed".to_owned())
        } else if file.path.ends_with(".tfvars") {
            body(&file.text).map(|body| drop(code.values.insert(at, literals(&body))))
        } else if file.path.ends_with(".tfvars.json") {
            json(&file.text).map(|values| drop(code.values.insert(at, values)))
        } else {
            Ok(())
        };
        problems.extend(read.err().map(|error| Problem { input: file.path.clone(), error }));
    }
    (code, problems)
}

fn is_configuration(path: &str) -> bool {
    path.ends_with(".tf") || path.ends_with(".tofu")
}

/// Parses a configuration; `Err` says where it breaks.
pub(super) fn body(text: &str) -> Result<Body, String> {
    text.parse::<Body>().map_err(|fault| {
        let at = fault.location();
        format!("it is no Terraform: line {}, column {}: {}", at.line(), at.column(), fault.message())
    })
}

fn literals(body: &Body) -> BTreeMap<String, Val> {
    let value = |expr| super::eval::literal(expr);
    body.attributes().map(|attribute| (attribute.key.as_str().to_owned(), value(&attribute.value))).collect()
}

fn json(text: &str) -> Result<BTreeMap<String, Val>, String> {
    let values: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|fault| format!("it is no JSON: {fault}"))?;
    Ok(values.iter().map(|(name, value)| (name.clone(), Val::from_json(value))).collect())
}

impl<'a> Code<'a> {
    /// The text of a file.
    pub(super) fn text(&self, file: usize) -> &'a str {
        self.files.get(file).map_or("", |file| &file.text)
    }

    /// The path of a file.
    pub(super) fn path(&self, file: usize) -> &'a str {
        self.files.get(file).map_or("", |file| &file.path)
    }

    /// The file with this path.
    pub(super) fn at(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|file| file.path == path)
    }

    /// Every folder that holds configuration, by its path (`""` is the folder that was named).
    pub(super) fn modules(&self) -> BTreeMap<&'a str, Module<'_>> {
        let mut modules: BTreeMap<&str, Module<'_>> = BTreeMap::new();
        for (&file, body) in &self.bodies {
            let module = modules.entry(folder(self.path(file))).or_default();
            body.blocks().for_each(|block| module.add(Found { file, block }));
        }
        modules
    }

    /// The files with values in a folder: name, whether Terraform loads it by itself, and the values.
    pub(super) fn values_in(&self, dir: &str) -> Vec<(&'a str, bool, &BTreeMap<String, Val>)> {
        let below = |path: &str| folder(path) == dir || is_below(folder(path), dir);
        let own = self.values.iter().filter(|(file, _)| below(self.path(**file)));
        let mut found: Vec<_> = own
            .map(|(&file, values)| {
                let path = self.path(file);
                (path, folder(path) == dir && is_loaded(path), values)
            })
            .collect();
        // Terraform's own order: `terraform.tfvars` first, then `*.auto.tfvars` by name.
        found.sort_by_key(|(path, _, _)| (path.contains(".auto.tfvars"), *path));
        found
    }
}

fn is_below(path: &str, dir: &str) -> bool {
    dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// See <https://developer.hashicorp.com/terraform/language/values/variables#variable-definitions-tfvars-files>.
fn is_loaded(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "terraform.tfvars" | "terraform.tfvars.json")
        || name.ends_with(".auto.tfvars")
        || name.ends_with(".auto.tfvars.json")
}

/// The folder of a path: `""` for a file on top.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path seen from a folder, with `.` and `..` resolved; `None` where it leaves the folder that was named.
pub(super) fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl<'c> Module<'c> {
    fn add(&mut self, found: Found<'c>) {
        let label = |at: usize| found.block.labels.get(at).map(|label| label.as_str());
        match (found.block.ident.as_str(), label(0), label(1)) {
            ("variable", Some(name), None) => drop(self.variables.insert(name, found)),
            ("output", Some(name), None) => drop(self.outputs.insert(name, found)),
            ("module", Some(name), None) => drop(self.calls.insert(name, found)),
            ("resource", Some(kind), Some(name)) => drop(self.resources.insert((kind, name), found)),
            ("data", Some(kind), Some(name)) => drop(self.data.insert((kind, name), found)),
            ("provider", Some("aws"), None) => self.providers.push(found),
            ("locals", None, None) => {
                let each = found.block.body.attributes();
                let written = |expr| Written { file: found.file, expr };
                self.locals.extend(each.map(|one| (one.key.as_str(), written(&one.value))));
            }
            _ => {}
        }
    }
}

impl<'c> Found<'c> {
    /// An argument of the block.
    pub(super) fn argument(&self, name: &str) -> Option<&'c Expression> {
        self.block.body.get_attribute(name).map(|attribute| &attribute.value)
    }

    /// `resource "aws_iam_role" "app"`.
    pub(super) fn words(&self) -> String {
        let labels = self.block.labels.iter().map(|label| format!(" \"{}\"", label.as_str()));
        format!("{}{}", self.block.ident.as_str(), labels.collect::<String>())
    }
}
