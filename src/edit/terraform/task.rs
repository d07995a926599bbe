//! One patch and one folder: from the block that is meant to the change.

use super::check::{self, Pair, is_sound, shifted};
use super::edits::edits;
use super::fresh;
use super::known;
use super::layout::{Edit, applied, line, realigned};
use super::load::{self, Found};
use super::need::Need;
use super::owner::{Carrier, Far, LETTERS, Owner, elsewhere, is_one, meant, owners};
use super::plan::{Plan, Planned, plan};
use super::policies::{Bearer, Policies, Policy, policies};
use super::refs::{Names, names};
use super::site::{Site, folder_of};
use super::tree::Statement;
use super::value::Fit;
use super::world::{World, worlds};
use super::{Answer, Candidate, Edited, Hints, SourceFile, Wanted};
use crate::edit::{Change, Length, full};
use crate::policy::size::{Unit, measure};
use hcl_edit::Span;
use std::collections::BTreeSet;

/// What is to be done.
pub(super) struct Task<'t> {
    pub wanted: &'t Wanted<'t>,
    pub hints: &'t Hints,
    pub files: &'t [SourceFile],
    pub carrier: Carrier,
    /// The carrier's name in the deployment.
    pub name: String,
    pub account: Option<&'t str>,
    pub needs: Vec<Need>,
}

impl Task<'_> {
    pub(super) fn run<'c>(&self, worlds: &[World<'c>]) -> Answer {
        let all = owners(worlds, &self.carrier, self.wanted, &self.name);
        let found = meant(all);
        let told = |owner: &Owner<'_>| owner.fit == Fit::Certain || owner.named.known_letters() >= LETTERS;
        // A module that is not here and is given this very name makes it, whatever else may.
        let far = elsewhere(worlds, &self.name).into_iter().any(|far| far.fit == Fit::Certain);
        let certain = far || found.iter().any(|owner| owner.fit == Fit::Certain);
        match found.first() {
            Some(owner) if is_one(&found) && told(owner) && !(far && owner.fit != Fit::Certain) => {
                Answer { edited: self.at(worlds, owner), sure: certain }
            }
            Some(_) => {
                let mut places = self.several(worlds, &found);
                places.extend(self.far(worlds));
                Answer { edited: Edited::Undecided(places), sure: certain }
            }
            None => {
                let edited = self.without_owner(worlds);
                let named = !matches!(edited, Edited::Undecided(_));
                Answer { edited, sure: certain || named }
            }
        }
    }

    pub(super) fn bearer<'o, 'c>(&'o self, owner: Option<&'o Owner<'c>>) -> Bearer<'o, 'c> {
        let kind = self.wanted.patch.target.kind;
        Bearer { owner, carrier: &self.carrier, kind, name: &self.name, account: self.account }
    }

    /// Policies that name their role in letters need no block of the role itself.
    fn without_owner(&self, worlds: &[World<'_>]) -> Edited {
        for world in worlds {
            let found = policies(world, &self.bearer(None));
            if !found.readable.is_empty() {
                return self.change(world, None, (&found, Siblings::default()), Vec::new());
            }
        }
        Edited::Undecided(self.far(worlds))
    }

    /// Modules that may make it and are not in this folder.
    fn far(&self, worlds: &[World<'_>]) -> Vec<Candidate> {
        let Some(world) = worlds.first() else { return Vec::new() };
        let place = |far: Far<'_>| {
            let why = format!("the module `{}` makes it, and its source is not in this folder", far.source);
            candidate(world, far.call, why)
        };
        elsewhere(worlds, &self.name).into_iter().map(place).collect()
    }

    fn several(&self, worlds: &[World<'_>], found: &[Owner<'_>]) -> Vec<Candidate> {
        let mut places: Vec<Candidate> = Vec::new();
        let many = !is_one(found);
        for owner in found {
            let why = match (owner.fit, many) {
                (Fit::Certain, _) => format!("more than one block makes `{}`", self.name),
                (_, true) => {
                    format!("its name `{}` may come to be `{}`, and so may others", owner.named.shown(), self.name)
                }
                (_, false) => "its name is known only when it is deployed: give --state or --plan".to_owned(),
            };
            places.push(candidate(&worlds[owner.world], owner.resource.found, why));
        }
        places.sort();
        places.dedup_by(|a, b| (&a.path, a.line) == (&b.path, b.line));
        places
    }

    fn at<'c>(&self, worlds: &[World<'c>], owner: &Owner<'c>) -> Edited {
        let world = &worlds[owner.world];
        let found = policies(world, &self.bearer(Some(owner)));
        let mut notes = Vec::new();
        if owner.fit == Fit::Possible {
            let words = owner.resource.found.words();
            notes.push(format!("`{words}` is taken for `{}`: its name is `{}`", self.name, owner.named.shown()));
        }
        let others = siblings(worlds, owner);
        self.change(world, Some(owner), (&found, others), notes)
    }

    fn change<'c>(
        &self,
        world: &World<'c>,
        owner: Option<&Owner<'c>>,
        (found, mut others): (&Policies<'c>, Siblings),
        mut notes: Vec<String>,
    ) -> Edited {
        let planned = plan(world, found, &self.needs, self.spares(world, owner));
        if planned.plans.is_empty() && planned.rest.is_empty() {
            return Edited::Already(self.already(world, found, &planned));
        }
        let mut all: Vec<Edit> = planned
            .plans
            .iter()
            .filter_map(|plan| found.readable.get(plan.policy).map(|policy| edits(world, policy, plan, self.account)))
            .flatten()
            .collect();
        if !planned.rest.is_empty() {
            match self.fresh(world, owner, found, &planned.rest) {
                Ok((edit, more)) => {
                    all.push(edit);
                    notes.extend(more);
                }
                Err(places) => return Edited::Undecided(places),
            }
        }
        if !planned.plans.is_empty() {
            // A policy of its own is of one key only, but of every instance.
            others.instances.extend(std::mem::take(&mut others.keys));
        }
        if !others.instances.is_empty() {
            let names = others.instances.join("`, `");
            notes.push(format!("the same block also makes `{names}`: what changes, changes there too"));
        }
        notes.extend(planned.notes.iter().cloned());
        notes.extend(self.hints(world, owner, found, &planned));
        notes.extend(
            planned
                .plans
                .iter()
                .filter_map(|plan| found.readable.get(plan.policy))
                .filter_map(|policy| shared(world, policy)),
        );
        match self.carried_out(world, found, &planned, &all) {
            Ok(changes) => match self.full(world, found, &planned, &changes) {
                Some(place) => Edited::Full(vec![place]),
                None => Edited::Changed { changes, notes },
            },
            Err(why) => Edited::Undecided(self.refused(world, found, why)),
        }
    }

    /// The policy that would be longer than its place takes.
    fn full(
        &self,
        world: &World<'_>,
        found: &Policies<'_>,
        planned: &Planned,
        changes: &[Change],
    ) -> Option<Candidate> {
        let is_managed = |policy: &Policy<'_>| {
            self.carrier.kind.starts_with("aws_iam_")
                && policy.holder.block.labels.first().is_some_and(|label| label.as_str() == "aws_iam_policy")
        };
        let grown = changes.iter().map(|change| visible(&change.after).saturating_sub(visible(&change.before))).sum();
        let length = |before: usize| Length { before, after: before.saturating_add(grown) };
        let touched: Vec<&Policy<'_>> =
            planned.plans.iter().filter_map(|plan| found.readable.get(plan.policy)).collect();
        let inline =
            found.readable.iter().filter(|policy| !is_managed(policy)).map(|policy| weight(world, policy)).sum();
        let of_one = |policy: &&Policy<'_>| {
            let before = if is_managed(policy) { weight(world, policy) } else { inline };
            Some(candidate(world, policy.holder, full(self.wanted, is_managed(policy), length(before))?))
        };
        let beside = || {
            let why = full(self.wanted, false, length(inline)).filter(|_| !planned.rest.is_empty())?;
            Some(candidate(world, found.readable.first()?.holder, why))
        };
        touched.iter().find_map(of_one).or_else(beside)
    }

    /// What a person should know of ARNs that stay literals: resources that may be meant.
    fn hints<'c>(
        &self,
        world: &World<'c>,
        owner: Option<&Owner<'c>>,
        found: &Policies<'c>,
        planned: &Planned,
    ) -> Vec<String> {
        let of_need = |names: &Names, need: &Need| {
            need.resources.iter().flatten().filter_map(|text| names.hint(text)).collect::<Vec<_>>()
        };
        let mut all = Vec::new();
        for plan in &planned.plans {
            let Some(policy) = found.readable.get(plan.policy) else { continue };
            let names = names(world, &policy.site, Some(policy.holder), self.account, &[]);
            all.extend(
                plan.adds.iter().filter(|add| add.split_from.is_none()).flat_map(|add| of_need(&names, &add.need)),
            );
        }
        if let Some(owner) = owner.filter(|_| !planned.rest.is_empty()) {
            let names = names(world, &Site::empty(owner.resource.at), None, self.account, &[]);
            all.extend(planned.rest.iter().flat_map(|need| of_need(&names, need)));
        }
        all
    }

    /// A new statement for one of several roles that one block makes goes into a policy of that role alone.
    fn spares(&self, world: &World<'_>, owner: Option<&Owner<'_>>) -> bool {
        let Some(owner) = owner.filter(|_| self.carrier.kind.starts_with("aws_iam_")) else { return false };
        let each = super::eval::each_of(world, owner.resource.found, &super::eval::Scope::new(owner.resource.at));
        each.len() > 1 && owner.resource.key.is_some()
    }

    fn fresh<'c>(
        &self,
        world: &World<'c>,
        owner: Option<&Owner<'c>>,
        found: &Policies<'c>,
        needs: &[Need],
    ) -> Result<(Edit, Vec<String>), Vec<Candidate>> {
        let is_exclusive = |owner: &Owner<'_>| {
            let block = owner.resource.found.block;
            block.body.get_blocks("inline_policy").next().is_some()
        };
        let others = || found.other.iter().map(|(block, why)| candidate(world, *block, (*why).to_owned()));
        let shared = found.readable.iter().filter(|policy| !policy.others.is_empty());
        let mut notes: Vec<String> =
            others().map(|place| format!("{} is left as it is: {}", place.what, place.why)).collect();
        notes.extend(shared.map(|policy| {
            format!("{} is left as it is: {} has it too", policy.holder.words(), policy.others.join(", "))
        }));
        let made = owner
            .filter(|owner| !is_exclusive(owner))
            .and_then(|owner| fresh::beside(world, (owner, &self.carrier), self.wanted.name, needs, self.account));
        made.map(|edit| (edit, notes)).ok_or_else(|| {
            let mut places: Vec<Candidate> = others().collect();
            if let Some(owner) = owner.filter(|_| places.is_empty()) {
                let why = "no policy of it that can be edited stands in the code".to_owned();
                places.push(candidate(world, owner.resource.found, why));
            }
            places
        })
    }

    fn already(&self, world: &World<'_>, found: &Policies<'_>, planned: &Planned) -> Candidate {
        let by = planned.allowed_by.and_then(|(policy, statement)| {
            let policy = found.readable.get(policy)?;
            Some((policy.holder, policy.site.statements.get(statement)?))
        });
        let (path, at, what) = match by {
            Some((holder, statement)) => {
                (world.code.path(statement.file), (statement.file, statement.span.start), holder.words())
            }
            None => ("", (0, 0), String::new()),
        };
        Candidate {
            path: path.to_owned(),
            line: line(world.code.text(at.0), at.1),
            what,
            why: "it allows this already: it is not deployed yet, or another copy is".to_owned(),
        }
    }

    fn refused(&self, world: &World<'_>, found: &Policies<'_>, why: &str) -> Vec<Candidate> {
        let why = format!("the change could not be made for sure: {why}");
        found.readable.iter().map(|policy| candidate(world, policy.holder, why.clone())).collect()
    }

    /// Makes the changes and reads them again.
    fn carried_out(
        &self,
        world: &World<'_>,
        found: &Policies<'_>,
        planned: &Planned,
        all: &[Edit],
    ) -> Result<Vec<Change>, &'static str> {
        let files: BTreeSet<usize> = all.iter().map(|edit| edit.file).collect();
        let mut after: Vec<SourceFile> = self.files.to_vec();
        let mut changes = Vec::new();
        for file in files {
            let own: Vec<&Edit> = all.iter().filter(|edit| edit.file == file).collect();
            let before = world.code.text(file);
            let text = applied(before, &own).ok_or("two changes meet in one place")?;
            after[file].text.clone_from(&text);
            let text = if world.code.path(file).ends_with(".json") { text } else { realigned(before, &text) };
            changes.push(Change { path: self.files[file].path.clone(), before: before.to_owned(), after: text });
        }
        self.read_again(world, found, planned, all, &after)?;
        let aligned = after.iter().map(|file| {
            let changed = changes.iter().find(|change| change.path == file.path);
            SourceFile { path: file.path.clone(), text: changed.map_or(&file.text, |change| &change.after).clone() }
        });
        // Only blanks before comments may differ from what was compared.
        let aligned: Vec<SourceFile> = aligned.collect();
        let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let same = aligned.iter().zip(&after).all(|(one, other)| bare(&one.text) == bare(&other.text));
        let (code, problems) = load::load(&aligned);
        let unread = problems.iter().any(|problem| changes.iter().any(|change| change.path == problem.input));
        (same && !unread && !code.modules().is_empty()).then_some(changes).ok_or("its lines could not be put in order")
    }

    pub(super) fn read_again(
        &self,
        world: &World<'_>,
        found: &Policies<'_>,
        planned: &Planned,
        all: &[Edit],
        after: &[SourceFile],
    ) -> Result<(), &'static str> {
        let (code, problems) = load::load(after);
        let touched = |path: &str| all.iter().any(|edit| self.files[edit.file].path == path);
        if problems.iter().any(|problem| touched(&problem.input)) {
            return Err("the result is no Terraform");
        }
        let (known, _) = known::read(self.hints, self.wanted.patch.target.arn.as_deref());
        let modules = code.modules();
        let new_worlds = worlds(&code, &modules, &known);
        let owners = meant(owners(&new_worlds, &self.carrier, self.wanted, &self.name));
        let bearers = owners.iter().map(|owner| (&new_worlds[owner.world], Some(owner)));
        let bearers = bearers.chain(new_worlds.iter().filter(|_| owners.is_empty()).map(|world| (world, None)));
        for (new_world, owner) in bearers {
            let again = policies(new_world, &self.bearer(owner));
            let done = plan(new_world, &again, &self.needs, false);
            if !done.plans.is_empty() || !done.rest.is_empty() {
                continue;
            }
            outside((world, found), (new_world, &again), planned, all)?;
            return planned.plans.iter().try_for_each(|plan| same_but(world, (found, plan), new_world, &again, all));
        }
        Err("read again, it does not allow what it should")
    }
}

fn visible(text: &str) -> usize {
    measure(text, Unit::VisibleCharacters)
}

/// How long the statements of a policy are in the source.
fn weight(world: &World<'_>, policy: &Policy<'_>) -> usize {
    let text = |one: &Statement| world.code.text(one.file).get(one.span.clone()).map_or(0, visible);
    policy.site.statements.iter().map(text).sum()
}

/// What lies outside the policies that are planned for is letter by letter what it was; a new policy says what it should.
fn outside(
    (world, found): (&World<'_>, &Policies<'_>),
    (new_world, again): (&World<'_>, &Policies<'_>),
    planned: &Planned,
    all: &[Edit],
) -> Result<(), &'static str> {
    let old: Vec<&Policy<'_>> = planned.plans.iter().filter_map(|plan| found.readable.get(plan.policy)).collect();
    let new: Vec<&Policy<'_>> = old.iter().filter_map(|old| moved(old, again, all)).collect();
    if new.len() != old.len() {
        return Err("the policy is gone");
    }
    let fresh = again.readable.iter().filter(|policy| {
        !found.readable.iter().any(|old| moved(old, again, all).is_some_and(|other| std::ptr::eq(other, *policy)))
    });
    let fresh: Vec<&Policy<'_>> = fresh.collect();
    if fresh.len() != usize::from(!planned.rest.is_empty())
        || !fresh.iter().all(|policy| check::is_fresh(policy, &planned.rest))
    {
        return Err("the new policy says something else");
    }
    for file in all.iter().map(|edit| edit.file).collect::<BTreeSet<_>>() {
        let before = check::masked(world.code.text(file), file, &old, &[]);
        let after = check::masked(new_world.code.text(file), file, &new, &fresh);
        let same = before.split_whitespace().eq(after.split_whitespace());
        if !same || fresh.is_empty() && before != after {
            return Err("something outside the policy changed");
        }
    }
    Ok(())
}

/// A policy in the changed code.
fn moved<'p, 'c>(old: &Policy<'_>, again: &'p Policies<'c>, all: &[Edit]) -> Option<&'p Policy<'c>> {
    let place = |policy: &Policy<'_>| policy.site.lists.first().map(|list| (list.file, list.span.start));
    let moved = place(old).map(|(file, at)| (file, shifted(all, file, at)));
    again.readable.iter().find(|policy| place(policy) == moved)
}

/// Everything but the planned change is what it was.
fn same_but(
    world: &World<'_>,
    (found, plan): (&Policies<'_>, &Plan),
    new_world: &World<'_>,
    again: &Policies<'_>,
    all: &[Edit],
) -> Result<(), &'static str> {
    let old = found.readable.get(plan.policy).ok_or("the policy is gone")?;
    let new = moved(old, again, all).ok_or("the policy is gone")?;
    is_sound(&Pair { before: (world, old), after: (new_world, new) }, plan)
}

/// A document that more than one place uses.
fn shared(world: &World<'_>, policy: &Policy<'_>) -> Option<String> {
    let list = policy.site.lists.iter().find(|list| list.shared.is_some())?;
    let token = list.shared.as_deref()?;
    let dir = folder_of(world, list);
    let here = world.code.files.iter().filter(|file| load::folder(&file.path) == dir && !file.path.ends_with(".json"));
    let ends = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
    let uses: usize = here
        .map(|file| file.text.match_indices(token).filter(|(at, _)| ends(&file.text[at + token.len()..])).count())
        .sum();
    (uses > 1).then(|| format!("`{token}` is used in {uses} places: what changes, changes in each"))
}

/// What the same block makes besides: under other keys of the same instance, and in other instances of the module.
#[derive(Default)]
struct Siblings {
    keys: Vec<String>,
    instances: Vec<String>,
}

fn siblings(worlds: &[World<'_>], owner: &Owner<'_>) -> Siblings {
    let mut found = Siblings::default();
    let (block, own) = (owner.resource.found.block, &worlds[owner.world]);
    let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
    for world in worlds {
        for (at, instance) in world.instances.iter().enumerate() {
            let module = world.module(at).into_iter().flat_map(|module| module.resources.values());
            for made in module.filter(|made| std::ptr::eq(made.block, block)) {
                let root = world.instances[0].dir;
                let is_here =
                    root == own.instances[0].dir && instance.address == own.instances[owner.resource.at].address;
                for each in super::eval::each_of(world, *made, &super::eval::Scope::new(at)) {
                    let root = if root.is_empty() { String::new() } else { format!("{root}: ") };
                    let name = format!("{root}{}{}{}", instance.address, labels.join("."), each.index());
                    match is_here {
                        true if each.key != owner.resource.key => found.keys.push(name),
                        true => {}
                        false => found.instances.push(name),
                    }
                }
            }
        }
    }
    for names in [&mut found.keys, &mut found.instances] {
        names.sort();
        names.dedup();
    }
    found
}

fn candidate(world: &World<'_>, found: Found<'_>, why: String) -> Candidate {
    let at = found.block.span().unwrap_or_default().start;
    Candidate {
        path: world.code.path(found.file).to_owned(),
        line: line(world.code.text(found.file), at),
        what: found.words(),
        why,
    }
}
