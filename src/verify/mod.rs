//! Patch → Applicability: replays the denials before and after, and only then calls a patch ready to apply.
//!
//! The evaluator is asked four things: was each recorded call denied without the patch, is it allowed with it, does every
//! part of the patch matter, and what else does it allow. What stands behind the answer is said in `basis`: the policies
//! in force where they were given, else AWS's own words about the one layer that refused.

mod bench;
mod beyond;
mod minimal;
mod quota;

use crate::catalog::Catalog;
use crate::diagnosis::{Held, Target, TargetKind};
use crate::finding::Finding;
use crate::patch::scope::{NO_REGION, Scoped};
use crate::patch::{
    Applicability, Around, Companion, Draft, Grounds, Look, Patch, Proof, Road, look, roads,
};
use crate::policy::{Document, Request, Statement};
use bench::Bench;
use serde::Serialize;

/// Replays, weighs and grades a draft; what does not pass the last look is explained without its document.
pub fn verify(mut draft: Draft<'_>, finding: &Finding, held: Option<&Held>, catalog: &Catalog) -> Patch {
    let Some(document) = draft.document.clone() else { return explained(draft) };
    let checked = check(&document, &draft, finding, held, catalog);
    draft.doubts.extend(checked.doubts.iter().cloned());
    if !checked.faults.is_empty() {
        draft.doubts.extend(checked.faults.into_iter().map(|fault| format!("no patch can be written: {fault}")));
        return explained(draft);
    }
    draft.companions.retain(|companion| is_known(companion, catalog));
    let mut doubts = draft.doubts.clone();
    doubts.extend(shortcomings(&checked.proof));
    doubts.extend(checked.over_quota);
    // Each item's roads stand among the draft's doubts already; this one look is over all of them together.
    let told = |road: &&Road| !doubts.iter().any(|doubt| road.from.iter().all(|step| doubt.contains(&step.action)));
    let roads: Vec<String> = checked.roads.iter().filter(told).map(Road::words).collect();
    doubts.extend(roads);
    let sound = doubts.is_empty() && is_own(&draft.target);
    let applicability = if sound { Applicability::Apply } else { Applicability::Review };
    Patch {
        target: draft.target,
        applicability,
        doubts,
        document: Some(document),
        merged: draft.merged,
        widened: draft.widened,
        companions: draft.companions,
        proof: Some(checked.proof),
    }
}

/// What a document is worth against the recorded denials of a draft's items, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Why the document is not valid: unknown actions, ARN forms, condition keys, wildcards.
    pub faults: Vec<String>,
    /// Well-formed, but to be looked at.
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
    let Look { faults, doubts } = looked_at(draft, document, catalog);
    let mut bench = Bench::new(draft, finding, held);
    let before = bench.decisions(None);
    let after = bench.decisions(Some(document));
    let superfluous = minimal::superfluous(document, &mut bench);
    let known = held.filter(|_| bench.basis == "policies");
    let old = known.map(|held| bench::in_place(held, draft.target.kind)).unwrap_or_default();
    let still_denied = bench.requests.iter().zip(&after).filter(|(_, allowed)| !**allowed);
    let around = Around { held: known.filter(|held| held.tells_identity()), beside: &|_| false, catalog };
    let word = |allowed: bool| if allowed { "allowed" } else { "denied" }.to_owned();
    Check {
        faults,
        doubts,
        still_denied: still_denied.map(|(request, _)| call_words(request)).collect(),
        roads: roads(&document.statements, around),
        over_quota: quota::over(draft.target.kind, document, held),
        proof: Proof {
            basis: bench.basis.to_owned(),
            before: word(before.contains(&true)),
            after: word(!after.is_empty() && !after.contains(&false)),
            minimal: superfluous.is_empty(),
            beyond: beyond::beyond(document, draft, &old),
        },
        superfluous,
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

fn explained(draft: Draft<'_>) -> Patch {
    Patch {
        target: draft.target,
        applicability: Applicability::Explain,
        doubts: draft.doubts,
        document: None,
        merged: None,
        widened: Vec::new(),
        companions: Vec::new(),
        proof: None,
    }
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

