//! Patch → Applicability: replays the denials before and after, and only then calls a patch ready to apply.
//!
//! The evaluator is asked four things: was each recorded call denied without the patch, is it allowed with it, does every
//! part of the patch matter, and what else does it allow. What stands behind the answer is said in `basis`: the policies
//! in force where they were given, else AWS's own words about the one layer that refused.

mod bench;
mod beyond;
mod minimal;
pub mod observed;

use crate::catalog::Catalog;
use crate::diagnosis::{Held, Target, TargetKind};
use crate::finding::Finding;
use crate::patch::scope::{NO_REGION, Scoped};
use crate::patch::{
    Applicability, Around, Companion, Draft, Grounds, Judged, Look, Patch, Proof, Road, Room, exact, look, over_quota,
    roads,
};
use crate::policy::{Document, Principals, Request, Statement};
use bench::Bench;
pub use bench::in_place;
use serde::Serialize;

/// Replays, weighs and grades a draft; what does not pass the last look is explained without its document.
pub fn verify(draft: Draft<'_>, finding: &Finding, held: Option<&Held>, catalog: &Catalog) -> Patch {
    verify_keeping(draft, finding, held, catalog).1
}

/// The same, and what the draft is for.
pub(crate) fn verify_keeping<'a>(
    mut draft: Draft<'a>,
    finding: &Finding,
    held: Option<&Held>,
    catalog: &Catalog,
) -> (Vec<Judged<'a>>, Patch) {
    let Some(document) = &draft.document else { return explained(draft) };
    let checked = replayed(document, &draft, finding, held, catalog);
    draft.doubts.extend(checked.doubts.iter().cloned());
    if !checked.faults.is_empty() {
        draft.doubts.extend(checked.faults.into_iter().map(|fault| format!("no patch can be written: {fault}")));
        return explained(draft);
    }
    draft.companions.retain(|companion| is_known(companion, catalog));
    let (applicability, doubts) = graded(draft.doubts, &draft.target, &checked);
    let patch = Patch {
        target: draft.target,
        applicability,
        doubts,
        document: draft.document,
        merged: draft.merged,
        room: draft.room,
        widened: draft.widened,
        companions: draft.companions,
        proof: Some(checked.proof),
    };
    (draft.items, patch)
}

/// The grade of a valid document, and all that a person must settle; the draft's own doubts come first.
fn graded(mut doubts: Vec<String>, target: &Target, checked: &Check) -> (Applicability, Vec<String>) {
    doubts.extend(shortcomings(&checked.proof));
    doubts.extend(checked.over_quota.clone());
    // Each item's roads stand among the draft's doubts already; this one look is over all of them together.
    let told = |road: &&Road| !doubts.iter().any(|doubt| road.from.iter().all(|step| doubt.contains(&step.action)));
    let roads: Vec<String> = checked.roads.iter().filter(told).map(Road::words).collect();
    doubts.extend(roads);
    let sound = doubts.is_empty() && is_own(target);
    (if sound { Applicability::Apply } else { Applicability::Review }, doubts)
}

/// Anybody's document against the drafts of a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// The policy that the denials would be mended in.
    pub target: Target,
    /// What [`verify`] would grade it.
    pub applicability: Applicability,
    /// What a person must settle first.
    pub doubts: Vec<String>,
    /// Whether IAM would take it: actions, ARN forms and condition keys exist, and it fits.
    pub valid: bool,
    /// Whether every recorded call is denied without it and allowed with it.
    pub sufficient: bool,
    /// Whether every part of it matters.
    pub minimal: bool,
    /// Whether it allows nothing beyond the recorded calls and opens no road to more power.
    pub safe: bool,
    /// The details.
    #[serde(flatten)]
    pub check: Check,
}

/// What one of AWS's own checks says of one document. It stands beside our verdict and never changes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// The document's place among the checks, from 0.
    pub check: usize,
    /// Such as `accessanalyzer:ValidatePolicy`.
    pub operation: String,
    /// AWS's verdict in a word: `PASS`, `FAIL`, `allowed`, `denied`, `findings`; `None` where it was not asked.
    pub verdict: Option<String>,
    /// What it says, one line each.
    pub says: Vec<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<String>,
}

/// Holds a document against the recorded denials that it is meant for: those of the draft that it is, else all of the
/// first policy that drafts are for (of `kind`, where that is said). `None` where no Allow is drafted there.
pub fn verify_document(
    document: &Document,
    kind: Option<TargetKind>,
    drafts: Vec<Draft<'_>>,
    finding: &Finding,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Option<Verified> {
    let draft = meant(document, kind, drafts)?;
    let check = check(document, &draft, finding, held, catalog);
    let doubts = draft.doubts.iter().chain(&check.doubts).cloned().collect();
    let (mut applicability, mut doubts) = graded(doubts, &draft.target, &check);
    if !check.faults.is_empty() {
        applicability = Applicability::Explain;
        doubts.extend(check.faults.iter().map(|fault| format!("it is not valid: {fault}")));
    }
    Some(Verified {
        target: draft.target,
        applicability,
        doubts,
        valid: check.faults.is_empty() && check.over_quota.is_none(),
        sufficient: check.proof.before == "denied" && check.proof.after == "allowed",
        minimal: check.proof.minimal,
        safe: check.proof.beyond.is_empty() && check.roads.is_empty(),
        check,
    })
}

/// The draft whose document it is, else all drafts for one policy as one.
fn meant<'a>(document: &Document, kind: Option<TargetKind>, drafts: Vec<Draft<'a>>) -> Option<Draft<'a>> {
    // Without a kind: a document that names principals goes on the resource's side, and the other way round.
    let of_side = |own: &Document| names_anybody(own) == names_anybody(document);
    let fits = |draft: &Draft<'a>| match kind {
        Some(kind) => draft.document.is_some() && draft.target.kind == kind,
        None => draft.document.as_ref().is_some_and(of_side),
    };
    let mut drafts: Vec<Draft<'a>> = drafts.into_iter().filter(fits).collect();
    let same = |draft: &Draft<'a>| draft.document.as_ref().is_some_and(|own| nameless(own) == nameless(document));
    if let Some(at) = drafts.iter().position(same) {
        return Some(drafts.swap_remove(at));
    }
    let mut drafts = drafts.into_iter();
    let mut whole = drafts.next()?;
    for more in drafts.filter(|draft| draft.target == whole.target).collect::<Vec<_>>() {
        whole.items.extend(more.items);
        whole.doubts.extend(more.doubts);
    }
    Some(whole)
}

fn names_anybody(document: &Document) -> bool {
    document.statements.iter().any(|statement| statement.principals != Principals::Absent)
}

/// The statements without their names.
fn nameless(document: &Document) -> Vec<Statement> {
    document.statements.iter().map(|statement| Statement { sid: None, ..statement.clone() }).collect()
}

/// What a document is worth against the recorded denials of a draft's items, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Why the document is not valid: unknown actions, ARN forms, condition keys, wildcards.
    pub faults: Vec<String>,
    /// Well-formed, but to be looked at; [`Verified::doubts`] holds them too.
    #[serde(skip)]
    pub doubts: Vec<String>,
    /// Recorded calls that are denied with it.
    pub still_denied: Vec<String>,
    /// Parts without which every recorded call goes through all the same.
    pub superfluous: Vec<String>,
    /// Roads to more power that it opens, alone or with what the principal already has.
    pub roads: Vec<Road>,
    /// More than fits, in words; `None` where it fits.
    pub over_quota: Option<String>,
    /// The replay.
    pub proof: Proof,
    /// The recorded calls that were replayed.
    #[serde(skip)]
    pub recorded: Vec<Request>,
    /// Exactly the recorded calls as statements, nothing widened.
    #[serde(skip)]
    pub exact: Document,
}

impl Check {
    /// Whether it is valid, fits, mends the denials, has nothing to spare, allows nothing beyond, opens no road.
    pub fn is_clean(&self) -> bool {
        let proven = self.proof.before == "denied" && self.proof.after == "allowed" && self.proof.minimal;
        let complaints = [&self.faults, &self.doubts, &self.still_denied, &self.superfluous, &self.proof.beyond];
        proven && complaints.iter().all(|list| list.is_empty()) && self.roads.is_empty() && self.over_quota.is_none()
    }
}

/// Holds a document against the denials of a draft's items, as [`verify`] does with the draft's own.
pub fn check(
    document: &Document,
    draft: &Draft<'_>,
    finding: &Finding,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Check {
    Check { exact: exact(draft), ..replayed(document, draft, finding, held, catalog) }
}

/// The same without [`Check::exact`].
fn replayed(
    document: &Document,
    draft: &Draft<'_>,
    finding: &Finding,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Check {
    let Look { faults, doubts } = looked_at(draft, document, catalog);
    let mut bench = Bench::new(draft, finding, held);
    let after = bench.decisions(document.clone());
    let superfluous = minimal::superfluous(document, &mut bench);
    let known = held.filter(|_| bench.basis == "policies");
    let old = known.map(|held| bench::in_place(held, draft.target.kind)).unwrap_or_default();
    let still_denied = bench.requests.iter().zip(&after).filter(|(_, allowed)| !**allowed);
    let around = Around { held: known.filter(|held| held.tells_identity()), beside: &|_| false, catalog };
    // The whole policy in force counts where it is this very document that was merged into it.
    let merged = draft.merged.as_ref().filter(|_| draft.document.as_ref() == Some(document));
    let word = |allowed: bool| if allowed { "allowed" } else { "denied" }.to_owned();
    Check {
        faults,
        doubts,
        still_denied: still_denied.map(|(request, _)| call_words(request)).collect(),
        roads: roads(&document.statements, around),
        over_quota: over_quota(draft.target.kind, document, merged),
        proof: Proof {
            basis: bench.basis.to_owned(),
            before: word(bench.before().contains(&true)),
            after: word(!after.is_empty() && !after.contains(&false)),
            minimal: superfluous.is_empty(),
            beyond: beyond::beyond(document, draft, &old),
        },
        superfluous,
        exact: Document::new(Vec::new()),
        recorded: bench.requests,
    }
}

fn call_words(request: &Request) -> String {
    format!("{} on {}", request.action, request.resource)
}

/// The last look, which lets through what a policy in force holds, and a Region that a told rule left open.
fn looked_at(draft: &Draft<'_>, document: &Document, catalog: &Catalog) -> Look {
    let of_splits = draft.items.iter().filter_map(|judged| judged.split.as_ref()).flat_map(|split| &split.resources);
    let held: Vec<String> = of_splits.cloned().collect();
    let grants = draft.items.iter().flat_map(|judged| &judged.grants).map(|(_, grant)| &grant.scoped);
    let is_open = |scoped: &&Scoped| scoped.widened.as_ref().is_some_and(|widened| widened.rule == NO_REGION);
    let open: Vec<String> = grants.filter(is_open).map(|scoped| scoped.pattern.clone()).collect();
    look(document, Grounds { catalog, kind: draft.target.kind, held: &held, open: &open })
}

/// A companion may be merged in on demand, so it has to stand the same look.
pub(crate) fn is_known(companion: &Companion, catalog: &Catalog) -> bool {
    let mut statement = Statement::allow(companion.actions.clone(), companion.resources.clone());
    for (operator, keys) in &companion.conditions {
        for (key, values) in keys {
            statement = statement.with_condition(operator, key, values.clone());
        }
    }
    let document = Document::new(vec![statement]);
    look(&document, Grounds { catalog, kind: TargetKind::RolePolicy, held: &[], open: &[] }).faults.is_empty()
}

fn explained(draft: Draft<'_>) -> (Vec<Judged<'_>>, Patch) {
    let patch = Patch {
        target: draft.target,
        applicability: Applicability::Explain,
        doubts: draft.doubts,
        document: None,
        merged: None,
        room: Room::default(),
        widened: Vec::new(),
        companions: Vec::new(),
        proof: None,
    };
    (draft.items, patch)
}

/// Whether the policy is the caller's own, so that nobody else has to be asked.
fn is_own(target: &Target) -> bool {
    matches!(target.kind, TargetKind::RolePolicy | TargetKind::UserPolicy)
}

fn shortcomings(proof: &Proof) -> Vec<String> {
    let faults = [
        (proof.before != "denied", "replaying the denial without the patch gives `allowed`: its cause lies elsewhere"),
        (
            proof.after != "allowed",
            "replaying the denial with the patch still gives `denied`: another layer refuses too",
        ),
        (!proof.minimal, "a part of the patch could be dropped without a recorded call being denied"),
    ];
    let mut doubts: Vec<String> =
        faults.into_iter().filter(|(fault, _)| *fault).map(|(_, words)| words.to_owned()).collect();
    if !proof.beyond.is_empty() {
        doubts.push(format!("it allows more than was denied: {}", proof.beyond.join("; ")));
    }
    doubts
}
