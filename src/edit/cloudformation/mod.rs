//! CloudFormation and SAM templates, YAML and JSON: finds the policy and changes the lines that must change.
//!
//! The text is cut at places that a parser's marks give, and each change is read back: the tree of the new text must be
//! the tree of the old one with the change in it. What cannot be changed so is refused by name.

mod json;
mod kinds;
mod nested;
mod node;
mod out;
mod owner;
mod places;
mod plan;
mod refer;
mod statement;
mod style;
mod surgery;
mod template;
mod told;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use super::{Answer, Candidate, Change, Edited, Hints, SourceFile, Wanted};
use crate::arn::Arn;
use crate::diagnosis::TargetKind;
use crate::record::Problem;
use nested::Nested;
use node::Doc;
use owner::{Owner, Rank, owners};
use places::{Bearer, places};
use statement::Sought;
use template::Template;
use told::Told;
use value::Stage;

/// Folders of what is built from the source, or belongs to others.
const BUILT: [&str; 6] = [".aws-sam", ".git", ".serverless", ".terraform", "node_modules", "vendor"];
/// Ends of the names that templates have.
const ENDS: [&str; 6] = [".yaml", ".yml", ".json", ".template", ".cfn", ".cform"];

/// See [`super::edit`].
pub(super) fn edit(wanted: &Wanted<'_>, files: &[SourceFile], hints: &Hints) -> (Answer, Vec<Problem>) {
    let (docs, problems) = read(files);
    let Some(job) = Job::new(wanted) else { return (Answer::nowhere(), problems) };
    let told = Told::read(files.iter().chain(&hints.stack));
    (job.answer(docs, &told), problems)
}

/// A file's path and its tree.
struct Read {
    path: String,
    doc: Doc,
}

/// The templates among the files, and those that look like one and cannot be read.
fn read(files: &[SourceFile]) -> (Vec<Read>, Vec<Problem>) {
    let (mut docs, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let is_built = file.path.split('/').any(|part| BUILT.contains(&part));
        let is_named = ENDS.iter().any(|end| file.path.to_ascii_lowercase().ends_with(end));
        if is_built || !is_named || !template::looks_like_one(&file.text) {
            continue;
        }
        match Doc::parse(&file.text) {
            Ok(doc) => {
                if Template::new(&file.path, &doc).is_some() {
                    docs.push(Read { path: file.path.clone(), doc });
                }
            }
            Err(fault) => problems.push(Problem { input: file.path.clone(), error: fault.to_string() }),
        }
    }
    docs.sort_by(|a, b| a.path.cmp(&b.path));
    (docs, problems)
}

fn templates(docs: &[Read]) -> Vec<Template<'_>> {
    docs.iter().map(|read| Template { path: &read.path, doc: &read.doc }).collect()
}

/// What is wanted, made ready.
struct Job<'a> {
    kind: TargetKind,
    name: String,
    arn: Option<&'a str>,
    sought: Vec<Sought>,
    stage: Stage,
    /// See [`Wanted::name`].
    policy: &'a str,
    wanted: Wanted<'a>,
}

/// Where the policies are.
enum Whose {
    /// In the resource that bears the name.
    Owned(Owner),
    /// In policies that name a bearer who is not in the templates.
    Named,
    /// With how surely each of these may be it.
    Nobody(Vec<Candidate>, Option<Rank>),
}

impl<'a> Job<'a> {
    /// `None` where nothing in a template could help.
    fn new(wanted: &Wanted<'a>) -> Option<Self> {
        let target = &wanted.patch.target;
        let document = wanted.patch.document.as_ref()?;
        let arn: Option<Arn> = target.arn.as_deref().and_then(|arn| arn.parse().ok());
        let from_arn = || arn.as_ref().and_then(|arn| arn.resource.rsplit(['/', ':']).next().map(str::to_owned));
        let name = target.name.clone().or_else(from_arn)?;
        let sought: Vec<Sought> = document.statements.iter().map(Sought::new).collect::<Option<_>>()?;
        let mut stage = Stage::default();
        let account = target.account.clone().or_else(|| wanted.principal.account.clone());
        let known = |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        account.filter(known).and_then(|text| stage.known.insert("AWS::AccountId".to_owned(), text));
        let arns = [target.arn.as_deref(), wanted.principal.arn.as_deref()];
        let partition = arns.into_iter().flatten().find_map(|text| text.parse::<Arn>().ok());
        partition.and_then(|arn| stage.known.insert("AWS::Partition".to_owned(), arn.partition));
        // What the policy belongs to stands in the stack's own Region.
        let region = arn.as_ref().map(|arn| arn.region.clone()).filter(|region| !region.is_empty());
        region.and_then(|region| stage.known.insert("AWS::Region".to_owned(), region));
        let (kind, arn) = (target.kind, target.arn.as_deref());
        Some(Self { kind, name, arn, sought, stage, policy: wanted.name, wanted: *wanted })
    }

    fn answer(&self, docs: Vec<Read>, told: &Told) -> Answer {
        let whose = self.whose(&templates(&docs), told);
        let sure = match &whose {
            Whose::Nobody(_, rank) => rank.is_some_and(|rank| rank <= Rank::Named),
            Whose::Owned(owner) => owner.rank <= Rank::Named,
            Whose::Named => true,
        };
        Answer { edited: self.edited(docs, whose), sure }
    }

    fn edited(&self, docs: Vec<Read>, whose: Whose) -> Edited {
        let before: Vec<String> = docs.iter().map(|read| read.doc.text.clone()).collect();
        let (owner, mut stages) = match whose {
            Whose::Nobody(candidates, _) => return Edited::Undecided(candidates),
            Whose::Named => (None, vec![self.stage.clone(); docs.len()]),
            Whose::Owned(owner) => {
                let mut stages = vec![self.stage.clone(); docs.len()];
                stages[owner.at] = owner.stage.clone();
                (Some(owner), stages)
            }
        };
        if let Some(generated) = owner.as_ref().and_then(|owner| self.generated(&templates(&docs)[owner.at], owner)) {
            return Edited::Undecided(vec![generated]);
        }
        if self.sought.iter().any(Sought::is_resolved) {
            let why = || "CloudFormation resolves `{{resolve:` wherever it stands".to_owned();
            let place = owner.iter().map(|owner| candidate(&templates(&docs)[owner.at], &owner.id, why()));
            return Edited::Undecided(place.collect());
        }
        let mut notes = Vec::new();
        if let Some(owner) = &owner {
            let texts: Vec<String> = self.sought.iter().flat_map(|sought| sought.resources.clone()).collect();
            notes = refer::learn(&templates(&docs)[owner.at], &mut stages[owner.at], &texts);
        }
        let work = plan::Work { job: self, owner: owner.as_ref(), stages: &stages };
        self.written(docs, &before, &work, notes)
    }

    /// Adds what is missing, statement by statement.
    fn written(&self, mut docs: Vec<Read>, before: &[String], work: &plan::Work<'_>, mut notes: Vec<String>) -> Edited {
        let mut covering = None;
        let mut changed = false;
        let long = work.lengths(&templates(&docs));
        for sought in &self.sought {
            let missing = match work.missing(&templates(&docs), sought) {
                Ok(missing) => missing,
                Err(place) => {
                    covering = covering.or(Some(place));
                    continue;
                }
            };
            match work.write(&mut docs, &missing) {
                Ok(more) => notes.extend(more),
                Err(candidates) => return Edited::Undecided(candidates),
            }
            changed = true;
        }
        match covering {
            Some(place) if !changed => Edited::Already(place),
            _ if let Some(place) = work.full(&templates(&docs), &long) => Edited::Full(vec![place]),
            _ => Edited::Changed { changes: changes(docs, before), notes: each_once(notes) },
        }
    }

    fn whose(&self, templates: &[Template<'_>], told: &Told) -> Whose {
        let nested = Nested::new(templates, &self.stage);
        let of = |name: &str| owners(templates, self.kind, name, &self.stage, told, &nested);
        let bare = || self.bare_name().map(of).unwrap_or_default();
        let found = Some(of(&self.name)).filter(|found| !found.is_empty()).unwrap_or_else(bare);
        let best = found.first().map(|owner| owner.rank);
        let ties: Vec<&Owner> = found.iter().filter(|owner| Some(owner.rank) == best).collect();
        if let ([one], Some(Rank::Told | Rank::Named | Rank::Shaped)) = (ties.as_slice(), best) {
            return Whose::Owned((*one).clone());
        }
        let stages = vec![self.stage.clone(); templates.len()];
        let bearer = Bearer { kind: self.kind, owner: None, name: &self.name, arn: self.arn };
        if matches!(best, None | Some(Rank::Open)) && !places(templates, &stages, &bearer).is_empty() {
            return Whose::Named;
        }
        let why = match best {
            Some(Rank::Open) => "its name is known only when it is deployed".to_owned(),
            _ => format!("{} resources fit the name `{}`", ties.len(), self.name),
        };
        let places = ties.iter().map(|owner| candidate(&templates[owner.at], &owner.id, why.clone()));
        Whose::Nobody(places.collect(), best)
    }

    /// A secret's name without the six characters that Secrets Manager adds in its ARN; a word is none of its.
    /// See <https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html>.
    fn bare_name(&self) -> Option<&str> {
        let (name, added) = self.name.rsplit_once('-').filter(|_| self.kind == TargetKind::SecretPolicy)?;
        let is_added = added.len() == 6 && added.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_word = added.bytes().all(|byte| byte.is_ascii_lowercase());
        (is_added && !is_word).then_some(name)
    }

    /// The owner as a candidate, where its template is written by a program.
    fn generated(&self, template: &Template<'_>, owner: &Owner) -> Option<Candidate> {
        let path = template.cdk_path(&owner.id)?;
        let why = format!(
            "the CDK generates this template: change `{path}` in the CDK's code, for instance with addToPolicy"
        );
        Some(candidate(template, &owner.id, why))
    }
}

fn candidate(template: &Template<'_>, id: &str, why: String) -> Candidate {
    let sort = template.sort(id).unwrap_or("no type");
    Candidate {
        path: template.path.to_owned(),
        line: template.line_of(id),
        what: format!("Resources.{id} ({sort})"),
        why,
    }
}

fn each_once(notes: Vec<String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for note in notes {
        if !seen.contains(&note) {
            seen.push(note);
        }
    }
    seen
}

fn changes(docs: Vec<Read>, before: &[String]) -> Vec<Change> {
    let pairs = docs.into_iter().zip(before).filter(|(read, before)| read.doc.text != **before);
    pairs.map(|(read, before)| Change { path: read.path, before: before.clone(), after: read.doc.text }).collect()
}
