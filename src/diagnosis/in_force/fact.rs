//! What AWS itself says of the policies in force, one fact at a time. They are read elsewhere; nothing is asked here.

use super::{Held, InForce, Known, NamedDocument, Origin};
use crate::arn::Arn;
use crate::policy::Document;
use crate::principal::{Principal, PrincipalKind};
use crate::record::Problem;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One thing that AWS answered, or did not.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A principal with its policies, in the shape of `aws iam get-account-authorization-details`.
    Entity(Value),
    /// A principal that is no longer there, by the ARN that was asked for.
    Gone(String),
    /// A role's trust policy, by the role's ARN: text, URL-encoded or not.
    Trust(String, String),
    /// The policy that hangs on a resource, by the resource's ARN; an empty text means that it has none.
    Resource(String, String),
    /// A VPC endpoint's policy, by the endpoint's id.
    Endpoint(String, String),
    /// The service control policies above an account, one list a level, root first.
    Scp(String, Vec<Vec<Guardrail>>),
    /// The resource control policies above an account, likewise.
    Rcp(String, Vec<Vec<Guardrail>>),
    /// No service or resource control policy binds this account.
    NoOrganization(String),
    /// What bears on decisions about a resource besides its policy, by the resource's ARN.
    Note(String, String),
    /// What AWS did not give, in words that name the call.
    Unread(Owner, String),
}

/// A policy of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrail {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The document as text.
    pub text: String,
}

/// Whom it concerns that something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The identity-based policies or the boundary of this principal (its ARN) are not whole: what is missing.
    Policies(String, String),
    /// Whoever asks for this resource, by the ARN of what carries the policy, or by an endpoint's id.
    Resource(String),
    /// All principals of an account.
    Account(String),
}

/// Facts by whom they concern.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Live {
    gone: BTreeSet<String>,
    /// By principal ARN: what of its policies is missing, and the refused call.
    missing: BTreeMap<String, BTreeSet<(String, String)>>,
    /// By ARN.
    resources: BTreeMap<String, NamedDocument>,
    known: Arc<BTreeMap<String, Known>>,
    scp: Levels,
    rcp: Levels,
    unbound: BTreeSet<String>,
    /// By account.
    unread: BTreeMap<String, BTreeSet<String>>,
    endpoints: Arc<BTreeMap<String, NamedDocument>>,
}

/// By account: one list a level, root first.
type Levels = BTreeMap<String, Vec<Vec<NamedDocument>>>;

impl InForce {
    /// Adds a fact; gives back what in it could not be read.
    pub fn add(&mut self, fact: &Fact) -> Vec<Problem> {
        match self.try_add(fact) {
            Ok(problems) => problems,
            Err(problem) => vec![problem],
        }
    }

    fn try_add(&mut self, fact: &Fact) -> Result<Vec<Problem>, Problem> {
        let live = &mut self.live;
        match fact {
            Fact::Entity(details) => return Ok(self.add_authorization_details("AWS", details)),
            Fact::Gone(arn) => drop(live.gone.insert(arn.clone())),
            Fact::Trust(arn, text) => {
                let named = named(arn, "trust policy of ", text)?;
                Arc::make_mut(&mut self.trusts).insert(arn.clone(), named);
            }
            Fact::Resource(arn, text) => drop(live.resources.insert(arn.clone(), named(arn, "policy of ", text)?)),
            Fact::Endpoint(id, text) => {
                let named = named(id, "policy of ", text)?;
                Arc::make_mut(&mut live.endpoints).insert(id.clone(), named);
            }
            Fact::Scp(account, levels) => return Ok(add_levels(&mut live.scp, account, levels)),
            Fact::Rcp(account, levels) => return Ok(add_levels(&mut live.rcp, account, levels)),
            Fact::NoOrganization(account) => drop(live.unbound.insert(account.clone())),
            Fact::Note(arn, words) => drop(live.known(arn).notes.insert(words.clone())),
            Fact::Unread(owner, words) => live.not_read(owner, words.clone()),
        }
        Ok(Vec::new())
    }
}

impl Live {
    fn known(&mut self, arn: &str) -> &mut Known {
        Arc::make_mut(&mut self.known).entry(arn.to_owned()).or_default()
    }

    fn not_read(&mut self, owner: &Owner, words: String) {
        match owner {
            Owner::Policies(arn, what) => {
                self.missing.entry(arn.clone()).or_default().insert((what.clone(), words));
            }
            Owner::Resource(of) => drop(self.known(of).unread.insert(words)),
            Owner::Account(account) => drop(self.unread.entry(account.clone()).or_default().insert(words)),
        }
    }

    /// Whether anything is known, so that even a principal without policies of its own is looked at.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what is known of the principal and its account, and of all resources.
    pub(super) fn add_to(&self, mut held: Held, principal: &Principal) -> Held {
        let account = principal.account.as_deref().unwrap_or_default();
        if let Some(arn) = principal.arn.as_deref() {
            held.gone = self.gone.contains(arn);
            for (what, words) in self.missing.get(arn).into_iter().flatten() {
                held.missing.push(what.clone());
                held.unread.insert(words.clone());
            }
        }
        // See https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
        if principal.kind != PrincipalKind::ServiceLinkedRole {
            held.scp.extend(self.scp.get(account).cloned().unwrap_or_default());
        }
        if let Some(levels) = self.rcp.get(account) {
            held.rcp.extend(levels.iter().cloned());
            held.rcp_account = Some(account.to_owned());
        }
        held.unbound = self.unbound.contains(account);
        held.unread.extend(self.unread.get(account).cloned().unwrap_or_default());
        held.resources.extend(self.resources.values().cloned());
        held.known = Arc::clone(&self.known);
        held.endpoints = Arc::clone(&self.endpoints);
        held
    }
}

/// A document and what carries it; `arn` may be another id.
fn named(arn: &str, what: &str, text: &str) -> Result<NamedDocument, Problem> {
    let parsed = match text.trim() {
        "" => Ok(Document::new(Vec::new())),
        encoded if encoded.starts_with('%') => serde_json::from_str(&super::url_decode(encoded)),
        plain => serde_json::from_str(plain),
    };
    let document = parsed.map_err(|fault| Problem { input: format!("AWS:{arn}"), error: fault.to_string() })?;
    let own = arn.parse::<Arn>().map_or_else(|_| arn.to_owned(), |arn| arn.resource);
    Ok(NamedDocument { name: format!("{what}{own}"), arn: Some(arn.to_owned()), origin: Origin::Resource, document })
}

fn add_levels(into: &mut Levels, account: &str, levels: &[Vec<Guardrail>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut read = |one: &Guardrail| match named(&one.arn, "", &one.text) {
        Ok(named) => Some(NamedDocument { name: one.name.clone(), ..named }),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let levels = levels.iter().map(|level| level.iter().filter_map(&mut read).collect()).collect();
    into.insert(account.to_owned(), levels);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::from_arn;

    const ROLE: &str = "arn:aws:iam::111122223333:role/app";
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";
    const ALLOW: &str = r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;

    fn held(facts: &[Fact]) -> Held {
        let mut in_force = InForce::default();
        facts.iter().for_each(|fact| assert_eq!(in_force.add(fact), []));
        in_force.of(&from_arn(ROLE)).unwrap()
    }

    #[test]
    fn a_policy_is_its_resources_and_no_others() {
        let held = held(&[Fact::Resource(KEY.to_owned(), ALLOW.to_owned())]);
        let name = |resource| held.resource_policy("kms:Decrypt", resource).map(|named| named.name.as_str());
        assert_eq!(name(KEY), Some("policy of key/k"));
        assert_eq!(name("arn:aws:kms:eu-west-1:111122223333:key/other"), None);
    }

    #[test]
    fn a_resource_without_a_policy_is_known_to_have_none() {
        let held = held(&[Fact::Resource("arn:aws:s3:::b".to_owned(), String::new())]);
        let found = held.resource_policy("s3:GetObject", "arn:aws:s3:::b/k").unwrap();
        assert_eq!(found.document.statements.len(), 0);
    }

    #[test]
    fn what_was_refused_is_told_to_whom_it_concerns() {
        let words = "`iam:GetRolePolicy` was refused".to_owned();
        let fact = Fact::Unread(Owner::Policies(ROLE.to_owned(), "policy x".to_owned()), words.clone());
        let mut in_force = InForce::default();
        in_force.add(&fact);
        let held = in_force.of(&from_arn(ROLE)).unwrap();
        assert_eq!((held.missing.as_slice(), held.unread), (&["policy x".to_owned()][..], BTreeSet::from([words])));
        let other = in_force.of(&from_arn("arn:aws:iam::111122223333:role/other")).unwrap();
        assert!(other.missing.is_empty() && other.unread.is_empty());
    }

    #[test]
    fn resource_control_policies_bind_resources_of_their_account() {
        let rail = Guardrail { arn: "arn:p".into(), name: "fence".into(), text: ALLOW.into() };
        let held = held(&[Fact::Rcp("111122223333".to_owned(), vec![vec![rail]])]);
        assert_eq!(held.policies("kms:Decrypt", KEY).rcp.len(), 1);
        assert_eq!(held.policies("kms:Decrypt", &KEY.replace("1111", "4444")).rcp.len(), 0);
        assert_eq!(held.policies("s3:GetObject", "arn:aws:s3:::b/k").rcp.len(), 1);
    }

    #[test]
    fn a_broken_document_is_a_problem_of_its_own() {
        let mut in_force = InForce::default();
        let problems = in_force.add(&Fact::Trust(ROLE.to_owned(), "{".to_owned()));
        assert_eq!(problems[0].input, format!("AWS:{ROLE}"));
        let encoded = Fact::Trust(ROLE.to_owned(), "%7B%22Statement%22%3A%5B%5D%7D".to_owned());
        assert_eq!(in_force.add(&encoded), []);
    }
}
