//! Modules as they are called: which instance of which folder gets which inputs.
//!
//! Nobody says which `.tfvars` belong to a deployment, so each choice is a world of its own; the one in which the
//! principal bears its real name is the one that is meant.

use super::eval::{self, Each, Given, Scope};
use super::known::Known;
use super::load::{Code, Found, Module, folder, resolve};
use super::value::Val;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// More instances of modules than this are not looked at.
const INSTANCES: usize = 2_000;
/// More files of values than this are not tried.
const CHOICES: usize = 100;
/// Modules call modules no deeper than this here; a circle is none to Terraform either.
const DEPTH: usize = 12;

/// One root folder under one choice of values.
pub(super) struct World<'c> {
    pub code: &'c Code<'c>,
    pub modules: &'c BTreeMap<&'c str, Module<'c>>,
    pub known: &'c Known,
    pub values: BTreeMap<String, Val>,
    /// The first is the root.
    pub instances: Vec<Instance<'c>>,
    /// Steps of evaluation that are left: configuration may be made to take forever.
    pub fuel: Cell<usize>,
}

/// A module as one `module` block calls it.
pub(super) struct Instance<'c> {
    /// Key of [`World::modules`].
    pub dir: &'c str,
    /// `module.a.module.b["x"].`, empty for the root.
    pub address: String,
    /// Who calls it, in which scope.
    pub call: Option<(Found<'c>, Scope<'c>)>,
}

/// Every root folder under every choice of values.
pub(super) fn worlds<'c>(
    code: &'c Code<'c>,
    modules: &'c BTreeMap<&'c str, Module<'c>>,
    known: &'c Known,
) -> Vec<World<'c>> {
    let called = called(modules);
    let roots = modules.keys().filter(|dir| !called.contains(**dir));
    roots.flat_map(|root| of_root(code, modules, known, root)).collect()
}

/// Folders that a module block points to.
fn called(modules: &BTreeMap<&str, Module<'_>>) -> BTreeSet<String> {
    let calls = modules.iter().flat_map(|(dir, module)| module.calls.values().map(move |call| (*dir, call)));
    calls.filter_map(|(dir, call)| local_source(dir, call)).collect()
}

/// The folder that a call names; `None` for one that is not on this disk.
pub(super) fn local_source(dir: &str, call: &Found<'_>) -> Option<String> {
    let source = eval::literal(call.argument("source")?).as_text()?;
    (source.starts_with("./") || source.starts_with("../")).then(|| resolve(dir, &source)).flatten()
}

fn of_root<'c>(
    code: &'c Code<'c>,
    modules: &'c BTreeMap<&'c str, Module<'c>>,
    known: &'c Known,
    root: &'c str,
) -> Vec<World<'c>> {
    let mut files = code.values_in(root);
    // Values that lie beside other configuration are that one's.
    files.retain(|(path, _, _)| folder(path) == root || !modules.contains_key(folder(path)));
    let mut base: BTreeMap<String, Val> = BTreeMap::new();
    for (_, _, values) in files.iter().filter(|(_, loaded, _)| *loaded) {
        base.extend(values.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    let mut choices = vec![base.clone()];
    for (_, _, values) in files.iter().filter(|(_, loaded, _)| !*loaded).take(CHOICES) {
        let mut choice = base.clone();
        choice.extend(values.iter().map(|(name, value)| (name.clone(), value.clone())));
        choices.push(choice);
    }
    if !known.variables.is_empty() {
        let mut choice = base;
        choice.extend(known.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        choices = vec![choice];
    }
    choices.dedup();
    choices.into_iter().map(|values| World::new(code, modules, known, root, values)).collect()
}

impl<'c> World<'c> {
    fn new(
        code: &'c Code<'c>,
        modules: &'c BTreeMap<&'c str, Module<'c>>,
        known: &'c Known,
        root: &'c str,
        values: BTreeMap<String, Val>,
    ) -> Self {
        let instances = vec![Instance { dir: root, address: String::new(), call: None }];
        let mut world = Self { code, modules, known, values, instances, fuel: Cell::new(3_000_000) };
        let (mut at, mut level_end, mut depth) = (0, 1, 0);
        while at < world.instances.len() && depth < DEPTH {
            let more = world.calls_of(at);
            let room = INSTANCES.saturating_sub(world.instances.len());
            world.instances.extend(more.into_iter().take(room));
            at += 1;
            if at == level_end {
                (level_end, depth) = (world.instances.len(), depth + 1);
            }
        }
        world
    }

    fn calls_of(&self, at: usize) -> Vec<Instance<'c>> {
        let Some(module) = self.module(at) else { return Vec::new() };
        let mut found = Vec::new();
        for (name, call) in &module.calls {
            let source = local_source(self.instances[at].dir, call);
            let Some((&dir, _)) = source.and_then(|source| self.modules.get_key_value(source.as_str())) else {
                continue;
            };
            for each in eval::each_of(self, *call, &Scope::new(at)) {
                let address = format!("{}module.{name}{}.", self.instances[at].address, each.index());
                let call = Some((*call, Scope::with(at, each)));
                found.push(Instance { dir, address, call });
            }
        }
        found
    }

    /// What the folder of an instance defines.
    pub(super) fn module(&self, at: usize) -> Option<&'c Module<'c>> {
        self.modules.get(self.instances.get(at)?.dir)
    }

    /// The instances that a call makes, with their scopes.
    pub(super) fn children(&self, parent: usize, call: &Found<'_>) -> impl Iterator<Item = (usize, &Each<'c>)> {
        let start = std::ptr::from_ref(call.block);
        let of_call = move |found: &Found<'_>, scope: &Scope<'_>| {
            scope.at == parent && std::ptr::eq(std::ptr::from_ref(found.block), start)
        };
        self.instances.iter().enumerate().filter_map(move |(at, instance)| {
            let (found, scope) = instance.call.as_ref()?;
            of_call(found, scope).then_some((at, &scope.each))
        })
    }

    /// The input of an instance: what its caller gives, else the values of the root, else the default.
    pub(super) fn input(&self, at: usize, name: &str) -> Option<Given<'c>> {
        let instance = self.instances.get(at)?;
        match &instance.call {
            Some((call, scope)) => {
                if let Some(expr) = call.argument(name) {
                    return Some(Given::Expr(call.file, expr, Box::new(scope.clone())));
                }
            }
            None => {
                if let Some(value) = self.values.get(name) {
                    return Some(Given::Val(value.clone()));
                }
            }
        }
        let variable = self.module(at)?.variables.get(name)?;
        let default = variable.argument("default")?;
        Some(Given::Expr(variable.file, default, Box::new(Scope::new(at))))
    }

    /// Whether a caller hands other providers down to an instance.
    pub(super) fn is_elsewhere(&self, at: usize) -> bool {
        let mut next = self.instances.get(at).and_then(|instance| instance.call.as_ref());
        while let Some((call, scope)) = next {
            if call.argument("providers").is_some() {
                return true;
            }
            next = self.instances.get(scope.at).and_then(|instance| instance.call.as_ref());
        }
        false
    }

    /// The Region of the default provider; `None` where nobody says.
    pub(super) fn region(&self) -> Option<String> {
        self.written_region().or_else(|| self.known.region.clone())
    }

    fn written_region(&self) -> Option<String> {
        let provider = self.module(0)?.providers.iter().find(|found| found.argument("alias").is_none())?;
        eval::eval(self, provider.argument("region")?, &Scope::new(0)).as_text()
    }
}
