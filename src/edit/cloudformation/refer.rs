//! A literal → the expression by which the template already names the thing, where that is certain.

use super::kinds::{Given, kind_of};
use super::node::Node;
use super::out::{Out, within_sub};
use super::template::{Template, names};
use super::value::{Part, Stage, call, fits, read, sure};

/// Names of resources that the texts tell: those that CloudFormation made for this very stack.
///
/// Says in a sentence what was taken for what.
pub(super) fn learn(template: &Template<'_>, stage: &mut Stage, texts: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if !stage.known.contains_key("AWS::StackName") {
        return notes;
    }
    for (id, _) in template.resources() {
        for text in texts {
            let Some(found) = name_in(template, stage, id, text) else { continue };
            if let Some(name) = found.physical.get(id).filter(|_| !stage.physical.contains_key(id)) {
                notes.push(format!(
                    "`{name}` is `{id}` of the template: its name is made of the stack's and of that id"
                ));
                stage.physical.insert(id.to_owned(), name.clone());
                let region = found.known.get("AWS::Region").cloned();
                region.and_then(|region| stage.known.insert("AWS::Region".to_owned(), region));
            }
        }
    }
    notes
}

/// The stage where an ARN is of this resource, or of what is in it.
fn name_in(template: &Template<'_>, stage: &Stage, id: &str, text: &str) -> Option<Stage> {
    let [parts] = <[_; 1]>::try_from(read(template, &arn_of(template, id)?.1)).ok()?;
    if !parts.iter().any(|part| matches!(part, Part::Generated(..))) {
        return None;
    }
    let start = text.match_indices(':').nth(4)?.0 + 1;
    let cuts = text[start..].match_indices(['/', ':']).map(|(at, _)| start + at).chain([text.len()]);
    let mut found = cuts.flat_map(|cut| fits(&parts, &text[..cut], stage));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// How the template gives a resource's ARN: the expression and its node.
fn arn_of(template: &Template<'_>, id: &str) -> Option<(Out, Node)> {
    let kind = kind_of(template.sort(id)?)?;
    let out = match kind.reference {
        Given::Arn => Out::Call("Ref", id.to_owned()),
        Given::Name | Given::Other if !kind.arn.is_empty() => Out::Call("GetAtt", format!("{id}.{}", kind.arn)),
        Given::Name | Given::Other => return None,
    };
    let node = out.node();
    Some((out, node))
}

/// Where an expression is to stand.
pub(super) struct Place<'t, 'd> {
    pub template: &'t Template<'d>,
    pub stage: &'t Stage,
    /// The resource that will hold it.
    pub holder: &'t str,
}

impl Place<'_, '_> {
    /// The text as an expression of the template, else as itself.
    pub(super) fn expression(&self, text: &str) -> Out {
        if !text.contains(':') {
            return Out::text(text);
        }
        let found = self.same(text).or_else(|| self.parameter(text)).or_else(|| self.resource(text));
        found.or_else(|| self.pseudo(text)).unwrap_or_else(|| Out::text(text))
    }

    /// What a person should know of a text that stayed one: a resource that may be meant.
    pub(super) fn hint(&self, text: &str) -> Option<String> {
        let region = text.split(':').nth(3).filter(|region| !region.is_empty())?;
        if self.stage.known.contains_key("AWS::Region") {
            return None;
        }
        let mut stage = self.stage.clone();
        stage.known.insert("AWS::Region".to_owned(), region.to_owned());
        let there = Place { template: self.template, stage: &stage, holder: "" };
        let Some(Out::Call(_, id)) = there.resource(text) else { return None };
        let id = id.trim_start_matches("${").split(['.', '}']).next().unwrap_or_default().to_owned();
        Some(format!(
            "`{text}` may be `{id}` of the template, if the stack is deployed in {region}: what `aws cloudformation \
             describe-stack-resources` prints would tell"
        ))
    }

    fn is_safe(&self, id: &str) -> bool {
        self.template.resource(id).is_none() || !self.template.would_ring(self.holder, id)
    }

    /// As another statement has it.
    fn same(&self, text: &str) -> Option<Out> {
        let mut found = None;
        self.template.doc.root.walk(&mut |node| {
            let Some(value) = node.get("Resource").filter(|_| node.get("Effect").is_some() && found.is_none()) else {
                return;
            };
            for one in std::iter::once(value).chain(value.items()) {
                let written = self.template.doc.slice(one.start, one.end);
                let is_copied = call(one).is_some()
                    && !written.contains(['\n', '#', '&', '*'])
                    && one.anchor == 0
                    && sure(self.template, self.stage, one).as_deref() == Some(text)
                    && names(one).iter().all(|name| self.is_safe(name));
                // A long form in block style would need its own line.
                if is_copied && (one.tag.is_some() || one.flow) {
                    found = Some(Out::Same(written.to_owned(), Box::new(one.clone())));
                    return;
                }
            }
        });
        found
    }

    /// The one parameter whose default it is.
    fn parameter(&self, text: &str) -> Option<Out> {
        let all = self.template.doc.resolve(self.template.doc.root.get("Parameters")?);
        let is_it = |name: &&str| match self.template.parameter(name) {
            Some(Part::Default(name, default)) => self.stage.known.get(&name).unwrap_or(&default) == text,
            Some(Part::Hole(name)) => self.stage.known.get(&name).is_some_and(|known| known == text),
            _ => false,
        };
        let mut found = all.pairs().iter().filter_map(|(name, _)| name.text()).filter(is_it);
        let name = found.next()?;
        found.next().is_none().then(|| Out::Call("Ref", name.to_owned()))
    }

    /// The one resource whose ARN it is, or begins with.
    fn resource(&self, text: &str) -> Option<Out> {
        let with = |(id, _): (&str, _)| {
            let (out, node) = arn_of(self.template, id)?;
            let arn = sure(self.template, self.stage, &node)?;
            let rest = text.strip_prefix(arn.as_str())?;
            (rest.is_empty() || rest.starts_with(['/', ':'])).then(|| (arn.len(), id.to_owned(), out, rest.to_owned()))
        };
        let mut all: Vec<_> = self.template.resources().filter_map(with).collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.0));
        let longest = all.first()?.0;
        let mut found = all.into_iter().filter(|one| one.0 == longest);
        let (_, id, out, rest) = found.next()?;
        if found.next().is_some() || !self.is_safe(&id) {
            return None;
        }
        if rest.is_empty() {
            return Some(out);
        }
        let (Out::Call(_, inner), rest) = (out, within_sub(&rest)?) else { return None };
        Some(Out::Call("Sub", format!("${{{inner}}}{rest}")))
    }

    /// With the pseudo parameters that the template uses in its ARNs, where their values are known.
    fn pseudo(&self, text: &str) -> Option<Out> {
        let mut parts: Vec<String> = text.splitn(6, ':').map(str::to_owned).collect();
        if parts.len() != 6 {
            return None;
        }
        let used = self.used();
        let mut changed = false;
        for (at, name) in [(1, "AWS::Partition"), (3, "AWS::Region"), (4, "AWS::AccountId")] {
            if used.iter().any(|other| other == name) && self.stage.known.get(name) == Some(&parts[at]) {
                parts[at] = format!("${{{name}}}");
                changed = true;
            }
        }
        parts[5] = within_sub(&parts[5]).filter(|_| changed)?;
        Some(Out::Call("Sub", parts.join(":")))
    }

    /// The names that the resources of the template's statements refer to.
    fn used(&self) -> Vec<String> {
        let mut used = Vec::new();
        self.template.doc.root.walk(&mut |node| {
            if let Some(value) = node.get("Resource").filter(|_| node.get("Effect").is_some()) {
                used.extend(names(value).into_iter().filter(|name| name.starts_with("AWS::")));
            }
        });
        used
    }
}
