//! Finding → [`Advice`]: verdict, severity, diagnosis and graded patches: the contract's FINDING.

mod rank;

pub use rank::Rank;

use crate::catalog::Catalog;
use crate::change::{Changes, Story, story};
use crate::denial::{How, PolicyType, Reason};
use crate::diagnosis::{Cause, Diagnosis, Held, InForce, TargetKind};
use crate::finding::{Finding, Item, ItemKey, Since};
use crate::foretold::{Foretold, predictions, score};
use crate::linking::{Linked, link};
use crate::patch::{Applicability, Judged, Patch, draft};
use crate::policy::{Actions, Resources};
use crate::principal::{Principal, PrincipalKind};
use crate::triage::expected::{Expected, Muted, Usage};
use crate::triage::limits::{Companions, Limits};
use crate::triage::probing::{Caller, Look, Who, caller, sweeps, who};
use crate::triage::{Severity, Verdict, judge, severity};
pub use crate::verify::observed::Status;
use crate::verify::observed::is_data_event;
use crate::verify::verify_keeping;
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What advice rests on besides the findings themselves.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The facts about AWS services.
    pub catalog: &'a Catalog,
    /// The policies in force, as far as they were given.
    pub in_force: &'a InForce,
    /// The rules that keep denials out of the messages.
    pub expected: &'a Expected,
    /// Changes of policies that are known; none where nobody keeps any.
    pub changes: &'a Changes,
}

/// So long after its last denial somebody must have looked before an item counts as quiet.
pub const QUIET: SignedDuration = SignedDuration::from_hours(24);

/// Advises on findings that were seen together, the most pressing first.
///
/// Together matters: a caller that swept many services shows only over all its findings.
pub fn advise(findings: &[Finding], context: Context<'_>) -> Vec<Advice> {
    let mut advice = advise_part(findings, &context.expected.usage(findings), context);
    advice.sort_by_cached_key(Advice::rank);
    advice
}

/// The same for a part of what was seen together, where all of it is too much to hold at a time: all findings of some
/// callers, as nothing but `usage` reaches from one caller to another. In the order of the findings.
///
/// `usage` is that of all findings that were seen together: [`Expected::usage`], or [`Expected::count`] over every part.
///
/// ```
/// # use denywatch::advice::{Advice, Context, advise_part};
/// # use denywatch::{finding::Finding, triage::expected::Usage};
/// fn each(parts: &[Vec<Finding>], context: Context<'_>, told: &mut dyn FnMut(Advice)) {
///     let mut usage = Usage::default();
///     parts.iter().for_each(|part| context.expected.count(part, &mut usage));
///     parts.iter().flat_map(|part| advise_part(part, &usage, context)).for_each(told);
/// }
/// ```
pub fn advise_part(findings: &[Finding], usage: &Usage, context: Context<'_>) -> Vec<Advice> {
    let linked = link(findings, context.catalog);
    let mut callers: BTreeMap<Who<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in &linked.findings {
        callers.entry(who(&finding.principal)).or_default().push(finding);
    }
    let together = Together { sweeps: sweeps(findings), usage, callers };
    let mut advice: Vec<Advice> =
        linked.findings.iter().map(|finding| advise_one(finding, &together, context)).collect();
    settle(&mut advice, &linked);
    advice
}

/// What shows only over several findings.
struct Together<'f> {
    sweeps: BTreeMap<Caller, Look>,
    usage: &'f Usage,
    callers: BTreeMap<Who<'f>, Vec<&'f Finding>>,
}

impl Together<'_> {
    fn look(&self, principal: &Principal) -> Option<&Look> {
        // Most callers are ordinary ones.
        (!self.sweeps.is_empty()).then(|| self.sweeps.get(&caller(principal))).flatten()
    }
}

fn advise_one(finding: &Finding, together: &Together<'_>, context: Context<'_>) -> Advice {
    let endpoints = || finding.items.values().map(|item| item.facts.vpc_endpoint_id.clone()).collect();
    let held = context.in_force.of(&finding.principal).map(|held| held.through(&endpoints()));
    let look = together.look(&finding.principal);
    let judged = judged(finding, held.as_ref(), look, together.usage, context);
    let (verdict, mut diagnosis) = leading(&judged.items);
    if let Some(Look::Sweep(why)) = look {
        diagnosis.summary = format!("{}: {why}", finding.principal.words());
        diagnosis.doubts.clear();
    }
    let (first_seen, last_seen) = finding.seen();
    let foretold = match judged.patches.is_empty() {
        true => Vec::new(),
        false => {
            let mine = together.callers.get(&who(&finding.principal)).map_or(&[][..], Vec::as_slice);
            let now = judged.patches.iter().flat_map(|patch| &patch.companions);
            score(predictions(finding, &judged.judged, now, held.as_ref(), context.catalog), finding, mine)
        }
    };
    Advice {
        allowed_since: judged.items.iter().filter_map(|item| item.allowed_since).reduce(Since::and),
        changes: story(finding, held.as_ref(), context.changes, over(&judged.items, finding)),
        foretold,
        id: finding.id.clone(),
        principal: finding.principal.clone(),
        account: finding.account.clone(),
        count: finding.count,
        first_seen,
        last_seen,
        severity: severity(verdict, &finding.principal),
        verdict,
        diagnosis,
        denied: judged.items,
        patches: judged.patches,
        days: finding.days.clone(),
    }
}

/// By when the last of the items had ended; `None` where one has not.
fn over(items: &[DeniedItem], finding: &Finding) -> Option<Timestamp> {
    let tried = || finding.items.values().filter_map(|item| item.tried_until()).max();
    let open = items.iter().filter(|item| item.status != Status::Muted);
    let ends = open.map(|item| match item.status {
        Status::Resolved => item.allowed_since.map(|since| since.first),
        Status::Quiet => item.looked_until.filter(|until| Some(*until) > item.last_seen).or_else(tried),
        Status::Open | Status::Muted => None,
    });
    ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().max()
}

/// Verdict and diagnosis of the most serious item.
fn leading(items: &[DeniedItem]) -> (Verdict, Diagnosis) {
    let leading = items.iter().min_by_key(|item| (item.verdict, u64::MAX - item.count));
    leading.map_or_else(|| (Verdict::Unclear, nothing_known()), |item| (item.verdict, item.diagnosis.clone()))
}

/// An item that is another's act, seen from elsewhere, has that one's verdict, and is muted with it.
fn settle(advice: &mut [Advice], linked: &Linked<'_>) {
    if linked.behind.is_empty() {
        return;
    }
    let place = |id: &str, item: &DeniedItem| {
        (id.to_owned(), item.action.clone().unwrap_or_default(), item.resource.clone().unwrap_or_default())
    };
    let act = |one: &Advice, item: &DeniedItem| (place(&one.id, item), (item.verdict, item.muted_by.clone()));
    let acts: BTreeMap<_, (Verdict, Option<String>)> =
        advice.iter().flat_map(|one| one.denied.iter().map(|item| act(one, item))).collect();
    for one in advice.iter_mut() {
        let id = one.id.clone();
        let own = |item: &&mut DeniedItem| item.diagnosis.cause == Cause::KmsBehind && item.verdict == Verdict::Unclear;
        let mut changed = false;
        for item in one.denied.iter_mut().filter(own) {
            let Some((other, key)) = linked.behind.get(&place(&id, item)) else { continue };
            if let Some((verdict, muted_by)) =
                acts.get(&((*other).to_owned(), key.action.clone(), key.resource.clone()))
            {
                (item.verdict, item.muted_by) = (*verdict, muted_by.clone());
                item.status = if muted_by.is_some() { Status::Muted } else { item.status };
            }
            changed = true;
        }
        if changed {
            one.denied.sort_by(DeniedItem::order);
            (one.verdict, one.diagnosis) = leading(&one.denied);
            one.severity = severity(one.verdict, &one.principal);
        }
    }
}

struct Both<'a> {
    items: Vec<DeniedItem>,
    patches: Vec<Patch>,
    judged: Vec<Judged<'a>>,
}

/// Drafts, grades, and reads each item's verdict off the patch that it is part of.
fn judged<'a>(
    finding: &'a Finding,
    held: Option<&Held>,
    look: Option<&Look>,
    usage: &Usage,
    context: Context<'_>,
) -> Both<'a> {
    let swept = matches!(look, Some(Look::Sweep(_)));
    // Most findings have few items and one patch, which are kept long.
    let (items, patches) = (Vec::with_capacity(finding.items.len()), Vec::with_capacity(1));
    let mut both = Both { items, patches, judged: Vec::with_capacity(finding.items.len()) };
    let mut expected = BTreeSet::new();
    let around = Around { held, look, context };
    for (items, patch) in graded(finding, around) {
        let sound = patch.document.as_ref().map(|_| patch.applicability == Applicability::Apply);
        for item in &items {
            let verdict = judge(item.diagnosis.cause, swept, sound);
            let muted = context.expected.mutes(finding, item.key, item.item, verdict, usage);
            let denied = denied_item(finding, item, verdict, muted);
            if denied.verdict == Verdict::Expected {
                expected.insert(item.key.clone());
            }
            both.items.push(denied);
        }
        if !points_nowhere(&patch, finding, &items) {
            both.patches.push(patch);
        }
        both.judged.extend(items);
    }
    if !expected.is_empty() {
        // What is expected to be refused is to stay so: the patches are those of all else.
        both.patches = without(finding, &expected, |rest| {
            let drafted = graded(rest, around);
            drafted.filter(|(items, patch)| !points_nowhere(patch, rest, items)).map(|(_, patch)| patch).collect()
        });
    }
    let incident = both.items.iter().any(|item| item.verdict == Verdict::Probing);
    if incident {
        // Whoever looks around is handed nothing, not even for its older denials.
        both.patches.clear();
    }
    both.items.sort_by(DeniedItem::order);
    both
}

/// What a finding's patches are graded by.
#[derive(Clone, Copy)]
struct Around<'a> {
    held: Option<&'a Held>,
    look: Option<&'a Look>,
    context: Context<'a>,
}

/// The patch within the team's limits: what goes beyond waits for a person.
fn within(mut patch: Patch, limits: &Limits) -> Patch {
    if limits.companions == Companions::Off {
        patch.companions.clear();
    }
    let statements = patch.document.iter().flat_map(|document| &document.statements);
    let beyond: BTreeSet<String> = statements
        .flat_map(|statement| {
            let actions = match &statement.actions {
                Actions::Action(all) | Actions::NotAction(all) => all.as_slice(),
            };
            let resources = match &statement.resources {
                Resources::Resource(all) | Resources::NotResource(all) => all.as_slice(),
                Resources::Absent => &[],
            };
            limits.doubts(actions, resources)
        })
        .collect();
    if !beyond.is_empty() && patch.applicability == Applicability::Apply {
        patch.applicability = Applicability::Review;
    }
    patch.doubts.extend(beyond);
    patch
}

/// Each draft's patch with the items that are counted with it: those of the first policy, not again those of the one on
/// the other side.
fn graded<'a>(finding: &'a Finding, around: Around<'_>) -> impl Iterator<Item = (Vec<Judged<'a>>, Patch)> {
    let Around { held, look, context } = around;
    let catalog = context.catalog;
    draft(finding, held, catalog).into_iter().map(move |mut draft| {
        if let Some(Look::Near(why)) = look {
            draft.doubts.push(why.clone());
        }
        let is_counted = !draft.other_side;
        let (items, patch) = verify_keeping(draft, finding, held, catalog);
        (if is_counted { items } else { Vec::new() }, within(patch, &context.expected.limits))
    })
}

/// The patches of a finding as if these items had not been denied; none where nothing is left.
fn without(finding: &Finding, items: &BTreeSet<ItemKey>, patches: impl Fn(&Finding) -> Vec<Patch>) -> Vec<Patch> {
    let mut rest = finding.clone();
    rest.items.retain(|key, _| !items.contains(key));
    if rest.items.is_empty() { Vec::new() } else { patches(&rest) }
}

/// An explanation at the resource, though AWS does not blame its policy and nobody knows who called.
fn points_nowhere(patch: &Patch, finding: &Finding, items: &[Judged<'_>]) -> bool {
    let blamed = |judged: &Judged<'_>| judged.item.reason.policy_type == Some(PolicyType::Resource);
    let unknown = finding.principal.kind == PrincipalKind::Unknown && patch.document.is_none();
    unknown && patch.target.kind == TargetKind::ResourcePolicy && !items.iter().any(blamed)
}

fn denied_item(finding: &Finding, judged: &Judged<'_>, verdict: Verdict, muted: Option<Muted>) -> DeniedItem {
    let (key, item) = (judged.key, judged.item);
    let mut diagnosis = judged.diagnosis.clone();
    diagnosis.evidence.extend(muted.iter().map(|muted| format!("rule `{}`: {}", muted.rule, muted.reason)));
    let before = item.allowed_before();
    let place = |at: Timestamp| if item.first_seen.is_some_and(|first| at >= first) { "last" } else { "first" };
    let worked = before.map(|at| format!("the same call last succeeded at {at}, before the {} denial", place(at)));
    diagnosis.evidence.extend(worked);
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    DeniedItem {
        action: known(&key.action),
        resource: known(&key.resource),
        count: item.count,
        first_seen: item.first_seen,
        last_seen: item.last_seen,
        verdict: if muted.as_ref().is_some_and(|muted| !muted.snooze) { Verdict::Expected } else { verdict },
        status: match muted {
            Some(_) => Status::Muted,
            None => standing(item),
        },
        allowed_since: item.allowed_since(),
        looked_until: item.looked_until(),
        allowed_before: before,
        unseen: unseen(item, finding.account.as_deref()),
        muted_by: muted.map(|muted| muted.rule),
        how: item.how,
        events: item.events.iter().map(|(_, id)| id.clone()).collect(),
        operations: item.operations.iter().cloned().collect(),
        regions: item.regions.iter().cloned().collect(),
        reason: item.reason.clone(),
        diagnosis,
    }
}

/// Only an allowed call that was seen resolves. Silence is quiet, once somebody has looked long enough after it.
fn standing(item: &Item) -> Status {
    let quiet =
        || item.last_seen.zip(item.tried_until()).is_some_and(|(last, until)| until.duration_since(last) >= QUIET);
    match item.allowed_since() {
        Some(_) => Status::Resolved,
        None if quiet() => Status::Quiet,
        None => Status::Open,
    }
}

/// Why nobody can see whether the calls are allowed by now; `None` where somebody could, or saw it, or nobody looked.
fn unseen(item: &Item, account: Option<&str>) -> Option<String> {
    if !item.is_unseen() || item.allowed_since().is_some() {
        return None;
    }
    let is_data = |name: &&String| name.split_once(':').is_some_and(|(service, name)| is_data_event(service, name));
    let why = match item.operations.iter().find(is_data) {
        Some(name) => format!("Event history holds no data events, and `{name}` is one"),
        None if item.operations.is_empty() || item.regions.is_empty() => {
            "no event tells which operation it was, and in which Region".to_owned()
        }
        None => {
            format!("Event history of account {} cannot be read from here", account.unwrap_or("that it happened in"))
        }
    };
    Some(format!("whether it is allowed by now cannot be seen: {why}, and no archive was read"))
}

/// A finding without items cannot be made; the ledger of another program could hold one.
fn nothing_known() -> Diagnosis {
    Diagnosis {
        cause: Cause::ActionUnknown,
        summary: "nothing is known of this finding".to_owned(),
        evidence: Vec::new(),
        unchecked: Vec::new(),
        doubts: Vec::new(),
    }
}

/// A finding as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// See [`crate::finding::Finding::id`].
    pub id: String,
    /// Who was refused.
    pub principal: Principal,
    /// The account the denials were recorded in.
    pub account: Option<String>,
    /// Denied events, each counted once.
    pub count: u64,
    /// Earliest denial; `None` for pasted text.
    pub first_seen: Option<Timestamp>,
    /// Latest denial.
    pub last_seen: Option<Timestamp>,
    /// One entry a permission and resource scope.
    pub denied: Vec<DeniedItem>,
    /// The most serious verdict of its items.
    pub verdict: Verdict,
    /// How pressing it is.
    pub severity: Severity,
    /// What we conclude of the most serious item.
    pub diagnosis: Diagnosis,
    /// One a target and applicability.
    pub patches: Vec<Patch>,
    /// Denied events a day (UTC).
    pub days: BTreeMap<Date, u64>,
    /// Allowed calls since the last denial, of all items together; `None` where none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_since: Option<Since>,
    /// The last change of a policy before it, and the first one after it.
    #[serde(default, skip_serializing_if = "Story::is_empty")]
    pub changes: Story,
    /// What was foretold, and whether it came true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foretold: Vec<Foretold>,
}

/// One permission and resource scope inside a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeniedItem {
    /// Canonical IAM action; `None` when unknown.
    pub action: Option<String>,
    /// Exact resource; `None` when unknown.
    pub resource: Option<String>,
    /// Denied events.
    pub count: u64,
    /// Earliest.
    pub first_seen: Option<Timestamp>,
    /// Latest.
    pub last_seen: Option<Timestamp>,
    /// What is to be done about it.
    pub verdict: Verdict,
    /// `open`, `quiet`, `resolved`, `muted`.
    pub status: Status,
    /// The rule that mutes it: see [`crate::triage::expected`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_by: Option<String>,
    /// Allowed calls since its last denial; `None` where none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_since: Option<Since>,
    /// When the same call last succeeded before it was last denied; `None` where that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_before: Option<Timestamp>,
    /// Until when somebody looked for such calls where they could show; `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_until: Option<Timestamp>,
    /// Why nobody can see whether it is allowed by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// How the action was found.
    pub how: How,
    /// At most five event ids.
    pub events: Vec<String>,
    /// Operations that met it.
    pub operations: Vec<String>,
    /// Regions of the calls.
    pub regions: Vec<String>,
    /// AWS's reason.
    pub reason: Reason,
    /// What we concluded.
    pub diagnosis: Diagnosis,
}

impl DeniedItem {
    /// The most serious first, then the most frequent.
    fn order(a: &Self, b: &Self) -> std::cmp::Ordering {
        (a.verdict, b.count, &a.action, &a.resource).cmp(&(b.verdict, a.count, &b.action, &b.resource))
    }
}
