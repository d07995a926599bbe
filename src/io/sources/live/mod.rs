//! The policies in force, from AWS, read-only: of the principals, of the resources, of the organization above them.
//!
//! What AWS refuses or does not know is a fact too ([`Fact::Unread`]): it is told by the name of the call. Answers are kept
//! for a while, so that a run asks once, and the function once for many events.
//!
//! Permissions: [`allow`](crate::io::aws::allow) lists the calls.

mod iam;
mod organization;
mod resource;
mod wanted;

use crate::arn::Arn;
use crate::diagnosis::{Fact, InForce, Owner};
use crate::finding::Finding;
use crate::io::aws::Aws;
use crate::io::aws::ask::STS;
use crate::io::aws::signed::{CallError, Signed};
use crate::record::Problem;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use wanted::{Key, MOST, wanted};

/// Answers kept; the oldest go first.
const KEPT: usize = 2_000;

/// Reads policies in force, and keeps what it read.
#[derive(Debug)]
pub struct Live {
    signed: Signed,
    /// An answer is asked for anew when it is older.
    keep_for: Duration,
    kept: BTreeMap<Key, (Timestamp, Vec<Fact>)>,
    /// Texts of managed policies, by ARN.
    managed: BTreeMap<String, (Timestamp, Value)>,
    /// The account of the credentials.
    account: Option<String>,
}

/// When a reading happens and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The present.
    pub now: Timestamp,
    /// Time for all calls together.
    pub within: Duration,
}

impl Live {
    /// Nothing is read yet.
    pub fn new(aws: &Aws, keep_for: Duration) -> Self {
        let (kept, managed) = (BTreeMap::new(), BTreeMap::new());
        Self { signed: aws.signed().clone(), keep_for, kept, managed, account: None }
    }

    /// Adds to the policies given what AWS says of those that bind the findings' calls.
    ///
    /// Never fails: what could not be read stands in the answer by name. A problem is told where nothing at all could be
    /// read, or a document is none.
    pub async fn read(&mut self, findings: &[Finding], given: &InForce, moment: Moment) -> (InForce, Vec<Problem>) {
        let (mut in_force, mut problems) = (given.clone(), Vec::new());
        self.forget(moment.now);
        let keys = wanted(findings);
        if keys.is_empty() {
            return (in_force, problems);
        }
        let until = Instant::now() + moment.within;
        if let Err(why) = self.who_asks(until).await {
            problems.push(Problem { input: "the policies in force in AWS".to_owned(), error: why.clone() });
            keys.iter().for_each(|key| drop(in_force.add(&unread(key, &why))));
            return (in_force, problems);
        }
        for (at, key) in keys.iter().enumerate() {
            let facts = match at < MOST {
                true => self.facts(key, moment.now, until).await,
                false => vec![unread(key, &format!("not read from AWS: one run reads no more than {MOST} things"))],
            };
            facts.iter().for_each(|fact| problems.extend(in_force.add(fact)));
        }
        (in_force, problems)
    }

    /// Whose credentials these are; asked once.
    async fn who_asks(&mut self, until: Instant) -> Result<(), String> {
        if self.account.is_none() {
            let asked = timeout_at(until, self.signed.query(STS, "GetCallerIdentity", None, &[])).await;
            let answer = asked.map_err(|_| NO_TIME.to_owned())?.map_err(|error| error.to_string())?;
            self.account = answer.get("Account").and_then(Value::as_str).map(str::to_owned);
        }
        Ok(())
    }

    async fn facts(&mut self, key: &Key, now: Timestamp, until: Instant) -> Vec<Fact> {
        if let Some((_, facts)) = self.kept.get(key) {
            return facts.clone();
        }
        // On the heap: it holds the state of every sort of call.
        let Ok(answer) = timeout_at(until, Box::pin(self.ask(key, now))).await else {
            return vec![unread(key, NO_TIME)];
        };
        if answer.lasting {
            self.kept.insert(key.clone(), (now, answer.facts.clone()));
        }
        answer.facts
    }

    async fn ask(&mut self, key: &Key, now: Timestamp) -> Answer {
        match key {
            Key::Principal(arn) => self.principal(arn, now).await,
            Key::Trust(arn) => self.trust(arn).await,
            Key::Resource { arn, region } => resource::read(&self.signed, arn, region).await,
            Key::Grants(arn, grantee) => resource::grants(&self.signed, arn, grantee).await,
            Key::Endpoint(region, id) => resource::endpoint(&self.signed, region, id).await,
            Key::Organization(account, partition) => organization::read(&self.signed, account, partition).await,
        }
    }

    /// Drops what is too old, and the oldest where too much is kept.
    fn forget(&mut self, now: Timestamp) {
        let oldest = SignedDuration::try_from(self.keep_for).ok().and_then(|age| now.checked_sub(age).ok());
        let oldest = oldest.unwrap_or(Timestamp::MIN);
        self.kept.retain(|_, (read, _)| *read >= oldest);
        self.managed.retain(|_, (read, _)| *read >= oldest);
        while self.kept.len() > KEPT {
            let first = self.kept.iter().min_by_key(|(_, (read, _))| *read).map(|(key, _)| key.clone());
            first.and_then(|key| self.kept.remove(&key));
        }
        if self.managed.len() > KEPT {
            self.managed.clear();
        }
    }
}

const NO_TIME: &str = "not read from AWS: no time was left";

/// What one question brought.
#[derive(Debug, Default)]
struct Answer {
    facts: Vec<Fact>,
    /// Asking again would bring the same for a while; false where AWS was busy.
    lasting: bool,
}

impl Answer {
    fn of(facts: Vec<Fact>) -> Self {
        Self { facts, lasting: true }
    }

    /// That a call brought nothing.
    fn failed(owner: Owner, action: &str, of: &str, error: &CallError) -> Self {
        Self { facts: vec![Fact::Unread(owner, words(action, of, error))], lasting: !error.is_retryable() }
    }
}

/// That nothing is known of a key, and why.
fn unread(key: &Key, why: &str) -> Fact {
    let owner = match key {
        Key::Principal(arn) => Owner::Policies(arn.clone(), format!("the policies of {}", short(arn))),
        Key::Trust(arn) | Key::Resource { arn, .. } | Key::Grants(arn, _) => Owner::Resource(arn.clone()),
        Key::Endpoint(_, id) => Owner::Resource(id.clone()),
        Key::Organization(account, _) => Owner::Account(account.clone()),
    };
    let what = match key {
        Key::Principal(arn) => format!("the policies of {}", short(arn)),
        Key::Trust(arn) => format!("the trust policy of {}", short(arn)),
        Key::Resource { arn, .. } => format!("the policy of {}", short(arn)),
        Key::Grants(arn, _) => format!("the grants on {}", short(arn)),
        Key::Endpoint(_, id) => format!("the policy of endpoint {id}"),
        Key::Organization(account, _) => format!("the policies of the organization above account {account}"),
    };
    Fact::Unread(owner, format!("{what}: {why}"))
}

/// The resource part of an ARN.
fn short(arn: &str) -> String {
    arn.parse::<Arn>().map_or_else(|_| arn.to_owned(), |arn| arn.resource)
}

/// A call that brought nothing, by its IAM action.
fn words(action: &str, of: &str, error: &CallError) -> String {
    match is_refusal(error) {
        true => format!("`{action}` was refused for {of}"),
        false => format!("`{action}` failed for {of}: {error}"),
    }
}

/// AWS's codes for "you may not".
pub(super) fn is_refusal(error: &CallError) -> bool {
    let words = ["AccessDenied", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "Forbidden"];
    code(error).is_some_and(|code| words.iter().any(|word| code.contains(word)) || code == "HTTP 403")
}

/// AWS's word for the error.
fn code(error: &CallError) -> Option<&str> {
    match error {
        CallError::Service { code, .. } => Some(code),
        CallError::NoRegion | CallError::NoCredentials { .. } | CallError::Request(_) | CallError::NoAnswer(_) => None,
    }
}

#[cfg(test)]
mod tests;
