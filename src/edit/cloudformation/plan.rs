//! Where a wanted statement goes: into one that is there, out of one that starves it, beside others, or into a new policy.

use super::node::{Doc, Kind, Node, Path};
use super::out::Out;
use super::owner::{Owner, logical};
use super::places::{Bearer, Place, own_property, places};
use super::statement::{Found, Sought};
use super::style::Style;
use super::surgery::{self, Change, below};
use super::template::{Template, names};
use super::value::{Part, Stage, call};
use super::{Job, Read, candidate, refer, templates};
use crate::diagnosis::TargetKind;
use crate::edit::{Candidate, Length, full};
use crate::policy::size::{Unit, measure};
use crate::policy::{Conditions, PrincipalSet, Principals};
use std::collections::BTreeMap;

/// A policy with a quota of its own.
const MANAGED: &str = "AWS::IAM::ManagedPolicy";

/// What one answer needs throughout.
pub(super) struct Work<'a> {
    pub job: &'a Job<'a>,
    pub owner: Option<&'a Owner>,
    /// One a template.
    pub stages: &'a [Stage],
}

/// One change of one template.
struct Step {
    path: Path,
    key: String,
    change: Change,
    style: Style,
}

/// Changes of one template that belong together, and what a person should know of them.
struct Plan {
    at: usize,
    holder: String,
    steps: Vec<Step>,
    notes: Vec<String>,
}

impl Work<'_> {
    fn places(&self, templates: &[Template<'_>]) -> Vec<Place> {
        let owner = self.owner.map(|owner| (owner.at, owner.id.as_str()));
        let bearer = Bearer { kind: self.job.kind, owner, name: &self.job.name, arn: self.job.arn };
        places(templates, self.stages, &bearer)
    }

    fn found<'t, 'd>(&'t self, templates: &'t [Template<'d>], place: &Place) -> Vec<Found<'t, 'd>> {
        let template = &templates[place.at];
        let node = place.path.as_ref().and_then(|path| template.doc.at(path));
        let nodes = node.map(|node| statements(node)).unwrap_or_default();
        nodes.into_iter().map(|node| Found { template, stage: &self.stages[place.at], node }).collect()
    }

    /// How long the policies are, by what shares a quota: a managed policy by its logical id, the others together.
    pub(super) fn lengths(&self, templates: &[Template<'_>]) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for place in self.places(templates) {
            let template = &templates[place.at];
            let node = place.path.as_ref().and_then(|path| template.doc.at(path));
            let text = node.map_or("", |node| template.doc.slice(node.start, node.end));
            let is_managed = template.sort(&place.holder) == Some(MANAGED);
            let holder = if is_managed { place.holder } else { String::new() };
            *all.entry(holder).or_default() += measure(text, Unit::VisibleCharacters);
        }
        all
    }

    /// The policy that has become longer than its place takes.
    pub(super) fn full(&self, templates: &[Template<'_>], before: &BTreeMap<String, usize>) -> Option<Candidate> {
        let after = self.lengths(templates);
        let find = |(holder, after): (&String, &usize)| {
            let length = Length { before: before.get(holder).copied().unwrap_or(0), after: *after };
            Some((holder.clone(), full(&self.job.wanted, !holder.is_empty(), length)?))
        };
        let (holder, why) = after.iter().find_map(find)?;
        let own = self.places(templates).into_iter().find(|place| holder.is_empty() || place.holder == holder)?;
        Some(candidate(&templates[own.at], &own.holder, why))
    }

    /// What of it no statement allows yet; else the statement that does.
    pub(super) fn missing(&self, templates: &[Template<'_>], sought: &Sought) -> Result<Sought, Candidate> {
        let places = self.places(templates);
        let resources: Vec<Option<&str>> = match sought.resources.as_slice() {
            [] => vec![None],
            some => some.iter().map(|resource| Some(resource.as_str())).collect(),
        };
        let mut covering = None;
        let mut is_missing = |action: &String| {
            resources.iter().any(|resource| {
                let by = places.iter().find_map(|place| {
                    let all = self.found(templates, place);
                    let one = all.iter().find(|found| found.covers(sought, action, *resource))?;
                    Some((place.at, place.holder.clone(), one.node.start))
                });
                covering = covering.take().or(by.clone());
                by.is_none()
            })
        };
        let actions: Vec<String> = sought.actions.iter().filter(|action| is_missing(action)).cloned().collect();
        match covering {
            Some((at, holder, start)) if actions.is_empty() => {
                let template = &templates[at];
                let why = "it allows this already: it is not deployed yet, or another copy is".to_owned();
                Err(Candidate { line: template.doc.line(start), ..candidate(template, &holder, why) })
            }
            _ => Ok(Sought { actions, ..sought.clone() }),
        }
    }

    /// Writes it; the places that stood in the way where none takes it.
    pub(super) fn write(&self, docs: &mut [Read], sought: &Sought) -> Result<Vec<String>, Vec<Candidate>> {
        let mut refused: Vec<Candidate> = Vec::new();
        for plan in self.plans(&templates(docs), sought)? {
            let mut doc = docs[plan.at].doc.clone();
            let mut steps = plan.steps.iter();
            let done = steps.try_for_each(|step| {
                doc = surgery::apply(&doc, &step.path, &step.key, &step.change, &step.style)?;
                Ok(())
            });
            match done {
                Ok(()) => {
                    docs[plan.at].doc = doc;
                    return Ok(plan.notes);
                }
                Err(fault) => {
                    let fault: surgery::Refused = fault;
                    let all = templates(docs);
                    refused.push(candidate(&all[plan.at], &plan.holder, fault.to_string()));
                }
            }
        }
        Err(refused)
    }

    /// The ways to write it, the best first.
    fn plans(&self, templates: &[Template<'_>], sought: &Sought) -> Result<Vec<Plan>, Vec<Candidate>> {
        let all = self.places(templates);
        let has_variable = sought.has_variable();
        let fits = |place: &&Place| place.left.is_none() && (!has_variable || is_current(&templates[place.at], place));
        let mut open: Vec<&Place> = all.iter().filter(fits).collect();
        let mut plans: Vec<Plan> = Vec::new();
        plans.extend(open.iter().find_map(|place| self.split(templates, place, sought)));
        plans.extend(open.iter().find_map(|place| self.join(templates, place, sought)));
        let kinship =
            |place: &Place| self.found(templates, place).iter().map(|found| found.kinship(sought)).sum::<usize>();
        open.sort_by_key(|place| std::cmp::Reverse(kinship(place)));
        plans.extend(open.iter().filter_map(|place| self.beside(templates, place, sought)));
        let left: Vec<&Place> = all.iter().filter(|place| place.left.is_some()).collect();
        // Where only one policy can be, a second one would take the place of the first.
        let may_add = !is_only_one(self.job.kind) || all.is_empty();
        let anew = |owner: &Owner| self.anew(&templates[owner.at], owner, sought);
        plans.extend(self.owner.filter(|_| may_add).map(anew).into_iter().flatten());
        if plans.is_empty() {
            let older = || "its policy is of an older version, which knows no variables".to_owned();
            let why = |place: &Place| {
                candidate(&templates[place.at], &place.holder, place.left.clone().unwrap_or_else(older))
            };
            return Err(all.iter().map(why).collect());
        }
        for plan in &mut plans {
            let template = &templates[plan.at];
            let written: Vec<Node> = plan.steps.iter().map(|step| step.change.node()).collect();
            plan.notes.extend(written.iter().flat_map(|node| self.defaults(template, plan.at, node)));
            let place = refer::Place { template, stage: &self.stages[plan.at], holder: &plan.holder };
            let literals = sought.resources.iter().filter(|text| written.iter().any(|node| node.says(text)));
            plan.notes.extend(literals.filter_map(|text| place.hint(text)));
            plan.notes
                .extend(left.iter().filter_map(|place| place.left.clone()).map(|why| format!("left alone: {why}")));
        }
        Ok(plans)
    }

    /// The parameters that a node takes at their defaults, each a sentence.
    fn defaults(&self, template: &Template<'_>, at: usize, node: &Node) -> Vec<String> {
        let mut all = names(node);
        all.sort();
        all.dedup();
        let by_default = |name: &String| match template.parameter(name) {
            Some(Part::Default(name, _)) => !self.stages[at].known.contains_key(&name),
            _ => false,
        };
        let told = |name: String| format!("the parameter `{name}` is taken to have its default");
        all.into_iter().filter(by_default).map(told).collect()
    }

    /// Into a statement with the same resources, conditions and principals.
    fn join(&self, templates: &[Template<'_>], place: &Place, sought: &Sought) -> Option<Plan> {
        let all = self.found(templates, place);
        let at = all.iter().position(|found| found.takes(sought))?;
        let template = &templates[place.at];
        let path = below(template.doc, &step_into(template, place, at)?, "Action")?;
        let style = self.style(template, all.get(at)?.node, &nodes(&all));
        let actions: Vec<Out> = sought.actions.iter().map(|action| Out::text(action)).collect();
        let list = template.doc.at(&path)?;
        let is_list = matches!(list.kind, Kind::Seq(_)) && list.tag.is_none();
        let changes = if is_list {
            actions.into_iter().map(|action| Change::Push(None, action)).collect()
        } else {
            vec![Change::Widen(actions)]
        };
        let step = |change| Step { path: path.clone(), key: "Action".to_owned(), change, style: style.clone() };
        let steps = changes.into_iter().map(step).collect();
        let notes = self.defaults(template, place.at, all.get(at)?.node);
        Some(Plan { at: place.at, holder: place.holder.clone(), steps, notes })
    }

    /// Out of a statement whose condition starves the actions, into one of their own behind it.
    fn split(&self, templates: &[Template<'_>], place: &Place, sought: &Sought) -> Option<Plan> {
        let all = self.found(templates, place);
        let (at, (keys, kept)) = all.iter().enumerate().find_map(|(at, found)| Some((at, found.starves(sought)?)))?;
        let template = &templates[place.at];
        let statement = step_into(template, place, at)?;
        let style = self.style(template, all[at].node, &nodes(&all));
        let named = all[at].values("Action");
        let is_starved = |node: &&Node| {
            node.text().is_some_and(|text| sought.actions.iter().any(|action| action.eq_ignore_ascii_case(text)))
        };
        let told = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let notes = vec![format!(
            "a statement of `{}` is split: its condition on {told} can never be met by {}",
            place.holder,
            sought.actions.join(", ")
        )];
        let step = |path: Path, key: &str, change| Step { path, key: key.to_owned(), change, style: style.clone() };
        let mut steps = Vec::new();
        if named.iter().all(is_starved) {
            for (path, at) in freed(template.doc, &statement, &kept)? {
                steps.push(step(path, "Condition", Change::Drop(at)));
            }
        } else {
            let actions = below(template.doc, &statement, "Action")?;
            for (at, _) in named.iter().enumerate().filter(|(_, node)| is_starved(node)).rev() {
                steps.push(step(actions.clone(), "Action", Change::Drop(at)));
            }
            let list = place.path.clone()?;
            let made = Out::Map(self.statement(template, place.at, &place.holder, sought, &style));
            let is_list = matches!(template.doc.at(&list)?.kind, Kind::Seq(_));
            let change = if is_list { Change::Push(Some(at), made) } else { Change::Widen(vec![made]) };
            steps.push(step(list, "Statement", change));
        }
        Some(Plan { at: place.at, holder: place.holder.clone(), steps, notes })
    }

    /// A statement of its own, behind the last one.
    fn beside(&self, templates: &[Template<'_>], place: &Place, sought: &Sought) -> Option<Plan> {
        let template = &templates[place.at];
        let path = place.path.clone()?;
        let list = template.doc.at(&path)?;
        let all = self.found(templates, place);
        let near = nodes(&all).last().copied().unwrap_or(list);
        let style = self.style(template, near, &nodes(&all));
        let made = Out::Map(self.statement(template, place.at, &place.holder, sought, &style));
        let change =
            if matches!(list.kind, Kind::Seq(_)) { Change::Push(None, made) } else { Change::Widen(vec![made]) };
        let steps = vec![Step { path, key: "Statement".to_owned(), change, style }];
        Some(Plan { at: place.at, holder: place.holder.clone(), steps, notes: vec![] })
    }

    /// A policy that is not there yet: in the owner's resource, else in one of its own.
    fn anew(&self, template: &Template<'_>, owner: &Owner, sought: &Sought) -> Vec<Plan> {
        let with = |step: Step| Plan { at: owner.at, holder: owner.id.clone(), steps: vec![step], notes: vec![] };
        let inside = match self.job.kind {
            TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy => {
                self.inline(template, owner, sought)
            }
            kind => own_property(kind).and_then(|property| self.own(template, owner, property, sought)),
        };
        let apart = || self.apart(template, owner, sought);
        inside.into_iter().chain(apart()).map(with).collect()
    }

    fn inline(&self, template: &Template<'_>, owner: &Owner, sought: &Sought) -> Option<Step> {
        let properties = template.way(&owner.id, &["Properties"])?;
        let is_sam = template.sort(&owner.id)?.starts_with("AWS::Serverless::");
        let node = template.doc.at(&properties)?;
        let policies = below(template.doc, &properties, "Policies");
        let held = policies.as_ref().and_then(|path| template.doc.at(path));
        let style = self.style(template, held.and_then(|held| held.items().last()).or(held).unwrap_or(node), &[]);
        let document = self.document(template, owner.at, &owner.id, sought, &style);
        let item = if is_sam { document } else { self.wrapped(document) };
        let step = |path, key: &str, change| Some(Step { path, key: key.to_owned(), change, style: style.clone() });
        match (policies, held) {
            (Some(path), Some(held)) if matches!(held.kind, Kind::Seq(_)) && held.tag.is_none() => {
                step(path, "Policies", Change::Push(None, item))
            }
            (Some(path), Some(held)) if is_sam && call(held).is_none() => {
                step(path, "Policies", Change::Widen(vec![item]))
            }
            (None, None) => step(properties, "Properties", Change::Put("Policies".to_owned(), Out::List(vec![item]))),
            _ => None,
        }
    }

    fn wrapped(&self, document: Out) -> Out {
        Out::Map(vec![("PolicyName".to_owned(), Out::text(self.job.policy)), ("PolicyDocument".to_owned(), document)])
    }

    /// A property of the owner that is not there.
    fn own(&self, template: &Template<'_>, owner: &Owner, property: &str, sought: &Sought) -> Option<Step> {
        let path = template.way(&owner.id, &["Properties"])?;
        let node = template.doc.at(&path).filter(|node| node.find(property).is_none())?;
        let style = self.style(template, node, &[]);
        let document = self.document(template, owner.at, &owner.id, sought, &style);
        let change = Change::Put(property.to_owned(), document);
        Some(Step { path, key: "Properties".to_owned(), change, style })
    }

    /// A resource of its own.
    fn apart(&self, template: &Template<'_>, owner: &Owner, sought: &Sought) -> Option<Step> {
        let reference = Out::Call("Ref", logical(template, &owner.id)?);
        let (sort, of, document) = match self.job.kind {
            TargetKind::RolePolicy => ("AWS::IAM::RolePolicy", ("RoleName", reference), "PolicyDocument"),
            TargetKind::UserPolicy => ("AWS::IAM::UserPolicy", ("UserName", reference), "PolicyDocument"),
            TargetKind::GroupPolicy => ("AWS::IAM::GroupPolicy", ("GroupName", reference), "PolicyDocument"),
            TargetKind::BucketPolicy => ("AWS::S3::BucketPolicy", ("Bucket", reference), "PolicyDocument"),
            TargetKind::QueuePolicy => {
                ("AWS::SQS::QueuePolicy", ("Queues", Out::List(vec![reference])), "PolicyDocument")
            }
            TargetKind::TopicPolicy => {
                ("AWS::SNS::TopicPolicy", ("Topics", Out::List(vec![reference])), "PolicyDocument")
            }
            TargetKind::SecretPolicy => {
                ("AWS::SecretsManager::ResourcePolicy", ("SecretId", reference), "ResourcePolicy")
            }
            _ => return None,
        };
        let path = vec![template.doc.root.find("Resources")?];
        let node = template.doc.at(&path)?;
        let style = self.style(template, node, &[]);
        let id = free_id(template, &format!("{}Policy", owner.id));
        let mut properties = vec![(of.0.to_owned(), of.1)];
        if sort.starts_with("AWS::IAM::") {
            properties.push(("PolicyName".to_owned(), Out::text(self.job.policy)));
        }
        properties.push((document.to_owned(), self.document(template, owner.at, &id, sought, &style)));
        let mut resource = vec![("Type".to_owned(), Out::text(sort))];
        let condition = template.resource(&owner.id)?.get("Condition").and_then(Node::plain_text);
        resource.extend(condition.map(|text| ("Condition".to_owned(), Out::text(text))));
        resource.push(("Properties".to_owned(), Out::Map(properties)));
        Some(Step { path, key: "Resources".to_owned(), change: Change::Put(id, Out::Map(resource)), style })
    }

    fn document(&self, template: &Template<'_>, at: usize, holder: &str, sought: &Sought, style: &Style) -> Out {
        let statement = Out::Map(self.statement(template, at, holder, sought, style));
        let version = ("Version".to_owned(), Out::text("2012-10-17"));
        Out::Map(vec![version, ("Statement".to_owned(), Out::List(vec![statement]))])
    }

    fn statement(
        &self,
        template: &Template<'_>,
        at: usize,
        holder: &str,
        sought: &Sought,
        style: &Style,
    ) -> Vec<(String, Out)> {
        let place = refer::Place { template, stage: &self.stages[at], holder };
        let mut pairs: Vec<(String, Out)> = Vec::new();
        pairs.extend(sought.sid.as_deref().map(|sid| ("Sid".to_owned(), Out::text(sid))));
        pairs.push(("Effect".to_owned(), Out::text("Allow")));
        match &sought.principals {
            Principals::Principal(PrincipalSet::Everyone(_)) => pairs.push(("Principal".to_owned(), Out::text("*"))),
            Principals::Principal(PrincipalSet::Named(kinds)) => {
                let names = |kind: &String, names: Vec<Out>| (kind.clone(), style.list(kind, names));
                let kinds = kinds
                    .iter()
                    .map(|(kind, all)| names(kind, all.iter().map(|name| place.expression(name)).collect()));
                pairs.push(("Principal".to_owned(), Out::Map(kinds.collect())));
            }
            Principals::Absent | Principals::NotPrincipal(_) => {}
        }
        let actions = sought.actions.iter().map(|action| Out::text(action)).collect();
        pairs.push(("Action".to_owned(), style.list("Action", actions)));
        if !sought.resources.is_empty() {
            let resources = sought.resources.iter().map(|resource| place.expression(resource)).collect();
            pairs.push(("Resource".to_owned(), style.list("Resource", resources)));
        }
        pairs.extend(sought.condition().map(|condition| ("Condition".to_owned(), condition)));
        style.ordered(pairs)
    }

    /// The habits of the statements beside; else of all statements of the template.
    fn style(&self, template: &Template<'_>, near: &Node, beside: &[&Node]) -> Style {
        let mut all: Vec<&Node> = Vec::new();
        if beside.is_empty() {
            template.doc.root.walk(&mut |node| {
                if node.find("Effect").is_some() && node.find("Principal").is_none() {
                    all.push(node);
                }
            });
        }
        let beside: Vec<&Node> = beside.iter().rev().copied().chain(all).collect();
        Style::of(template.doc, Some(near), &beside, template.is_long())
    }
}

/// The statements of a list, or the one that stands alone.
fn statements(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Seq(items) => items.iter().collect(),
        Kind::Map(_) if call(node).is_none() => vec![node],
        Kind::Map(_) | Kind::Scalar { .. } | Kind::Alias(_) => Vec::new(),
    }
}

fn nodes<'d>(found: &[Found<'_, 'd>]) -> Vec<&'d Node> {
    found.iter().map(|found| found.node).filter(|node| node.find("Effect").is_some()).collect()
}

/// The way to a statement.
fn step_into(template: &Template<'_>, place: &Place, at: usize) -> Option<Path> {
    let path = place.path.clone()?;
    let is_list = matches!(template.doc.at(&path)?.kind, Kind::Seq(_));
    Some(if is_list { [path, vec![at]].concat() } else { path })
}

/// Whether a document is of the version that knows variables.
fn is_current(template: &Template<'_>, place: &Place) -> bool {
    let parent = place.path.as_ref().and_then(|path| path.split_last()).and_then(|(_, parent)| template.doc.at(parent));
    parent.and_then(|node| node.get("Version")).and_then(Node::text) == Some("2012-10-17")
}

/// What takes one policy only: a second one would replace the first.
fn is_only_one(kind: TargetKind) -> bool {
    !matches!(kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy)
}

/// What to take out of a statement's conditions, in that order, so that these stay.
fn freed(doc: &Doc, statement: &[usize], kept: &Conditions) -> Option<Vec<(Path, usize)>> {
    let path = below(doc, statement, "Condition")?;
    let operators = doc.at(&path)?;
    if kept.is_empty() {
        let (step, parent) = path.split_last()?;
        return Some(vec![(parent.to_vec(), *step)]);
    }
    let mut drops = Vec::new();
    for (at, (operator, held)) in operators.pairs().iter().enumerate().rev() {
        let Some(stays) = kept.get(operator.text()?) else {
            drops.push((path.clone(), at));
            continue;
        };
        let is_gone = |key: &Node| key.text().is_none_or(|key| !stays.contains_key(key));
        let gone = held.pairs().iter().enumerate().filter(|(_, (key, _))| is_gone(key));
        let mut inner: Vec<(Path, usize)> = gone.map(|(key, _)| ([path.as_slice(), &[at]].concat(), key)).collect();
        inner.reverse();
        drops.extend(inner);
    }
    Some(drops)
}

/// A logical id that is not taken.
fn free_id(template: &Template<'_>, wish: &str) -> String {
    let numbered = (2..).map(|number| format!("{wish}{number}"));
    std::iter::once(wish.to_owned()).chain(numbered).find(|id| template.resource(id).is_none()).unwrap_or_default()
}
