//! What AWS keeps of one authorization (`GetRequestAuthorizationDetails`) → a sharper [`Denial`].
//!
//! Every action and resource that the request was judged on, the effect, the statements that matched, the condition keys. An
//! explicit deny names its statement; a missing Allow has none to name, so the layer stays what the message says.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>.

use super::{Denial, Encoded, Permission, PolicyType, Reason, ReasonKind};
use crate::arn::Arn;
use crate::catalog::Catalog;
use crate::principal;
use std::collections::BTreeMap;

/// How one request was judged; as much of it as is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorization {
    /// Condition keys of the whole request.
    pub context: BTreeMap<String, Vec<String>>,
    /// One entry an action and resource.
    pub evaluations: Vec<Evaluation>,
    /// How many policies of each sort were looked at.
    pub policies: BTreeMap<PolicyType, usize>,
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// IAM action as AWS writes it.
    pub action: String,
    /// An ARN, one with wildcards, or empty.
    pub resource: String,
    /// How it fell.
    pub effect: Effect,
    /// Condition keys of this evaluation, over those of the request.
    pub context: BTreeMap<String, Vec<String>>,
    /// Statements that matched; empty for a missing Allow.
    pub matched: Vec<Matched>,
}

/// How an evaluation fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Allowed.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement allows it.
    ImplicitDeny,
    /// A word that this program does not know.
    Unknown,
}

/// A statement that matched, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// `None` for a sort that this program does not know.
    pub policy_type: Option<PolicyType>,
    /// ARN of a managed policy; of an inline one an id that says nothing.
    pub uri: String,
    /// It is embedded in what carries it.
    pub inline: bool,
    /// What carries it, by ARN.
    pub attached_to: Vec<String>,
    /// The statement's id, AWS's own where it has none.
    pub sid: Option<String>,
    /// It denies.
    pub denies: bool,
}

/// Condition keys kept a denial.
const KEYS: usize = 64;
/// Values kept a key; a key with more is left out, since half a list would be a wrong one.
const VALUES: usize = 20;
/// Characters kept a value; longer ones leave their key out.
const LONGEST: usize = 512;
/// Sentences kept of one sort.
pub(super) const SENTENCES: usize = 5;
/// Characters kept a sentence.
const SENTENCE: usize = 400;

impl Denial {
    /// Takes in how AWS judged the request. Only the evaluation of what was refused counts; where there is none, that is
    /// told and nothing changes.
    pub fn add_authorization(&mut self, told: &Authorization, catalog: &Catalog) {
        if self.is_anothers(told) {
            return self.not_learnt("the authorization details are about another caller");
        }
        let Some(evaluation) = self.own_evaluation(told) else {
            return self.not_learnt("the authorization details do not speak of what was refused");
        };
        let explicit = evaluation.effect == Effect::ExplicitDeny;
        let denying: Vec<&Matched> = evaluation.matched.iter().filter(|matched| explicit && matched.denies).collect();
        let kind = if explicit { ReasonKind::Explicit } else { ReasonKind::Implicit };
        if kind != self.reason.kind && self.reason.kind != ReasonKind::Unstated {
            self.learn("AWS's authorization details and its message tell of different effects; the details are taken");
        }
        if kind != self.reason.kind {
            // The layer that the message names is that of its own reason.
            self.reason.policy_type = None;
        }
        self.reason = Reason { kind, special: None, ..self.reason.clone() };
        if let Some(first) = denying.first() {
            self.reason.policy_type = first.policy_type.map(|sort| self.layer(sort)).or(self.reason.policy_type);
            let named = Some(first.uri.clone()).filter(|uri| !first.inline && uri.parse::<Arn>().is_ok());
            self.reason.policy_arn = named.or(self.reason.policy_arn.take());
        }
        self.facts.denied_by.extend(denying.iter().map(|matched| shortened(&matched.words())));
        self.facts.denied_by.truncate(SENTENCES);
        self.take_permission(evaluation, catalog);
        self.add_context(told.context.iter().chain(&evaluation.context));
        if let Some(looked_at) = looked_at(&told.policies) {
            self.learn(&looked_at);
        }
    }

    /// An id may stand in a text of somebody's making.
    fn is_anothers(&self, told: &Authorization) -> bool {
        let named = told.context.get("aws:PrincipalArn").and_then(|values| values.first());
        named.map(|arn| principal::from_arn(arn)).is_some_and(|named| {
            self.principal.name.is_some()
                && (named.name, named.account) != (self.principal.name.clone(), self.principal.account.clone())
        })
    }

    /// The refused evaluation of the denied action, on the denied resource where AWS named one.
    fn own_evaluation<'t>(&self, told: &'t Authorization) -> Option<&'t Evaluation> {
        let refused =
            told.evaluations.iter().filter(|one| matches!(one.effect, Effect::ExplicitDeny | Effect::ImplicitDeny));
        let own = |one: &&Evaluation| {
            self.actions.is_empty() || self.actions.iter().any(|action| action.eq_ignore_ascii_case(&one.action))
        };
        let all: Vec<&Evaluation> = refused.filter(own).collect();
        let exact = all.iter().find(|one| self.resources.contains(&one.resource));
        // AWS may write the resource in another form; of several nobody can tell which was meant.
        exact.or(all.first().filter(|_| all.len() == 1)).copied()
    }

    /// A role's resource-based policy is its trust policy.
    fn layer(&self, sort: PolicyType) -> PolicyType {
        let assumes = self.actions.iter().any(|action| action.starts_with("sts:"));
        if sort == PolicyType::Resource && assumes { PolicyType::Trust } else { sort }
    }

    /// The action and the resource, where the message left one out.
    fn take_permission(&mut self, evaluation: &Evaluation, catalog: &Catalog) {
        let Some(action) = catalog.action(&evaluation.action).map(|action| action.canonical()) else { return };
        if self.actions.is_empty() {
            self.actions = vec![action.clone()];
            self.how = super::How::Message;
        }
        let exact = evaluation.resource.parse::<Arn>().is_ok() && !evaluation.resource.contains(['*', '?']);
        if self.resources.is_empty() && exact {
            self.resources = vec![evaluation.resource.clone()];
        }
        if self.permissions.iter().all(|one| one.action.is_none() || one.resource.is_none()) {
            let resource = self.resources.first().cloned();
            self.permissions = vec![Permission { action: Some(action), resource }];
        }
    }

    /// Condition keys of the request, as far as they are kept; what the event shows goes before.
    fn add_context<'c>(&mut self, keys: impl Iterator<Item = (&'c String, &'c Vec<String>)>) {
        for (key, values) in keys {
            let fits = !values.is_empty()
                && values.len() <= VALUES
                && values.iter().chain([key]).all(|text| text.chars().count() <= LONGEST);
            if fits && self.facts.context.len() < KEYS {
                self.facts.context.entry(key.clone()).or_insert_with(|| values.clone());
            }
        }
    }

    /// Takes in what the decoded message of this very denial tells: principal, action, resource, condition keys, and the
    /// statement that denied it. A message about another caller or of another sort changes nothing, and is told.
    pub fn add_decoded(&mut self, decoded: Denial) {
        let (own, told) = (&self.principal, &decoded.principal);
        let account = own.account == told.account || own.account.is_none();
        let same = account && (own.name == told.name || own.name.is_none());
        if decoded.permissions.is_empty() || !same {
            return self.not_learnt("the decoded message is not about this call");
        }
        if own.name.is_none() {
            self.principal = decoded.principal;
        }
        (self.actions, self.resources, self.permissions) = (decoded.actions, decoded.resources, decoded.permissions);
        self.how = decoded.how;
        self.reason = Reason { encoded: Encoded::Absent, ..decoded.reason };
        self.facts.denied_by = decoded.facts.denied_by;
        let keys = decoded.facts.context;
        self.add_context(keys.iter());
        self.learn("AWS's encoded message was decoded");
    }

    /// Notes what AWS told on asking, in words.
    pub fn learn(&mut self, words: &str) {
        add(&mut self.facts.learnt, words);
    }

    /// Notes what AWS did not tell on asking, in words that name the call.
    pub fn not_learnt(&mut self, words: &str) {
        add(&mut self.facts.unlearnt, words);
    }
}

fn add(sentences: &mut Vec<String>, words: &str) {
    let words = shortened(words);
    if sentences.len() < SENTENCES && !sentences.contains(&words) {
        sentences.push(words);
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SENTENCE).collect()
}

impl Matched {
    /// The statement and where it stands; untrusted like any name.
    fn words(&self) -> String {
        let statement =
            self.sid.as_deref().map_or_else(|| "a statement".to_owned(), |sid| format!("statement `{sid}`"));
        let of = match (self.inline, self.attached_to.first()) {
            (true, Some(bearer)) => format!("an inline policy of {bearer}"),
            (true, None) => "an inline policy".to_owned(),
            (false, _) => self.uri.clone(),
        };
        format!("{statement} of {of}")
    }
}

fn looked_at(policies: &BTreeMap<PolicyType, usize>) -> Option<String> {
    let each = policies.iter().map(|(sort, count)| match count {
        1 => format!("1 {}", sort_words(*sort)),
        _ => format!("{count} of the sort {}", sort_words(*sort)),
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| format!("AWS looked at these policies: {}", each.join(", ")))
}

fn sort_words(sort: PolicyType) -> &'static str {
    match sort {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Resource => "resource-based policy",
        PolicyType::Trust => "role trust policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Session => "session policy",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
        PolicyType::VpcEndpoint => "VPC endpoint policy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{Given, from_excerpt, text};

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

    fn denial(rest: &str) -> Denial {
        let said = format!("User: arn:aws:iam::111122223333:user/ana is not authorized to perform: {rest}");
        from_excerpt(&text::find(&said)[0], &Given::default(), Catalog::embedded())
    }

    fn evaluation(action: &str, resource: &str, effect: Effect, matched: Vec<Matched>) -> Evaluation {
        let context = BTreeMap::from([("kms:ViaService".to_owned(), vec!["s3.eu-west-1.amazonaws.com".to_owned()])]);
        Evaluation { action: action.to_owned(), resource: resource.to_owned(), effect, context, matched }
    }

    fn deny(policy_type: PolicyType, uri: &str, sid: Option<&str>) -> Matched {
        let (uri, sid) = (uri.to_owned(), sid.map(str::to_owned));
        let inline = !uri.starts_with("arn:");
        Matched { policy_type: Some(policy_type), uri, inline, attached_to: vec![KEY.to_owned()], sid, denies: true }
    }

    fn told(evaluations: Vec<Evaluation>) -> Authorization {
        let policies = BTreeMap::from([(PolicyType::Identity, 2), (PolicyType::Boundary, 1)]);
        Authorization { context: BTreeMap::new(), evaluations, policies }
    }

    #[test]
    fn an_explicit_deny_is_named_by_layer_policy_and_statement() {
        let mut denial = denial(&format!("kms:Decrypt on resource: {KEY}"));
        let arn = "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-1";
        let own = evaluation("kms:Decrypt", KEY, Effect::ExplicitDeny, vec![deny(PolicyType::Scp, arn, Some("Fence"))]);
        let other = evaluation("kms:GenerateDataKey", KEY, Effect::ExplicitDeny, vec![]);
        denial.add_authorization(&told(vec![other, own]), Catalog::embedded());
        assert_eq!((denial.reason.kind, denial.reason.policy_type), (ReasonKind::Explicit, Some(PolicyType::Scp)));
        assert_eq!(denial.reason.policy_arn.as_deref(), Some(arn));
        assert_eq!(denial.facts.denied_by, [format!("statement `Fence` of {arn}")]);
        assert_eq!(denial.facts.context["kms:ViaService"], ["s3.eu-west-1.amazonaws.com"]);
        assert_eq!(
            denial.facts.learnt,
            ["AWS looked at these policies: 2 of the sort identity-based policy, 1 permissions boundary"]
        );
    }

    #[test]
    fn a_missing_allow_keeps_the_layer_of_the_message() {
        let mut denial = denial(&format!(
            "kms:Decrypt on resource: {KEY} because no permissions boundary allows the kms:Decrypt action"
        ));
        denial.add_authorization(
            &told(vec![evaluation("KMS:decrypt", KEY, Effect::ImplicitDeny, vec![])]),
            Catalog::embedded(),
        );
        assert_eq!((denial.reason.kind, denial.reason.policy_type), (ReasonKind::Implicit, Some(PolicyType::Boundary)));
    }

    #[test]
    fn details_of_another_effect_take_the_layer_away() {
        let mut denial = denial(&format!(
            "kms:Decrypt on resource: {KEY} because no permissions boundary allows the kms:Decrypt action"
        ));
        let own = evaluation("kms:Decrypt", KEY, Effect::ExplicitDeny, vec![deny(PolicyType::Resource, "x", None)]);
        denial.add_authorization(&told(vec![own]), Catalog::embedded());
        assert_eq!((denial.reason.kind, denial.reason.policy_type), (ReasonKind::Explicit, Some(PolicyType::Resource)));
        assert_eq!(denial.facts.denied_by, [format!("a statement of an inline policy of {KEY}")]);
        assert_eq!(denial.facts.learnt.len(), 2);
    }

    #[test]
    fn what_the_message_left_out_is_filled_in() {
        let mut denial = denial("kms:Decrypt");
        assert!(denial.resources.is_empty());
        denial.add_authorization(
            &told(vec![evaluation("kms:Decrypt", KEY, Effect::ImplicitDeny, vec![])]),
            Catalog::embedded(),
        );
        assert_eq!(
            (denial.resources.as_slice(), denial.permissions[0].resource.as_deref()),
            (&[KEY.to_owned()][..], Some(KEY))
        );
    }

    #[test]
    fn hostile_details_neither_change_nor_swell_a_denial() {
        let mut one = denial(&format!("kms:Decrypt on resource: {KEY}"));
        let before = (one.reason.clone(), one.permissions.clone());
        let allowed = evaluation("kms:Decrypt", KEY, Effect::Allow, vec![]);
        let strange = evaluation("kms:Decrypt", KEY, Effect::Unknown, vec![]);
        let another = evaluation("iam:CreateUser", "*", Effect::ImplicitDeny, vec![]);
        one.add_authorization(&told(vec![allowed, strange, another]), Catalog::embedded());
        assert_eq!((one.reason.clone(), one.permissions.clone()), before);
        assert_eq!(one.facts.unlearnt, ["the authorization details do not speak of what was refused"]);

        let mut theirs = told(vec![evaluation("kms:Decrypt", KEY, Effect::ImplicitDeny, vec![])]);
        theirs.context.insert("aws:PrincipalArn".to_owned(), vec!["arn:aws:iam::111122223333:user/eve".to_owned()]);
        one.add_authorization(&theirs, Catalog::embedded());
        assert_eq!(one.facts.unlearnt[1], "the authorization details are about another caller");

        let mut many = evaluation(
            "kms:Decrypt",
            KEY,
            Effect::ExplicitDeny,
            vec![deny(PolicyType::Scp, &"x".repeat(9_000), None); 900],
        );
        many.context = (0..9_000).map(|at| (format!("k{at}"), vec!["v".to_owned()])).collect();
        many.context.insert("long".to_owned(), vec!["v".repeat(9_000)]);
        many.context.insert("a-many".to_owned(), vec![String::new(); 9_000]);
        one.add_authorization(&told(vec![many]), Catalog::embedded());
        assert!(serde_json::to_string(&one.facts).unwrap().len() < 8_000);
        assert!(!one.facts.context.contains_key("long") && !one.facts.context.contains_key("a-many"));
    }

    #[test]
    fn a_decoded_message_of_another_caller_is_not_taken() {
        let mut one = denial("ec2:StopInstances");
        let mut two = denial("ec2:StartInstances on resource: arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc");
        two.principal.name = Some("eve".to_owned());
        one.add_decoded(two.clone());
        assert_eq!((one.actions[0].as_str(), one.facts.unlearnt.len()), ("ec2:StopInstances", 1));
        two.principal.name = Some("ana".to_owned());
        one.add_decoded(two);
        assert_eq!((one.actions[0].as_str(), one.resources.len()), ("ec2:StartInstances", 1));
    }
}
