//! Whose a finding is: by tags, by the account's tags, by CODEOWNERS, by a map of patterns. The first that tells wins.

use super::codeowners::Codeowners;
use crate::advice::Advice;
use crate::policy::pattern::matches;
use std::collections::BTreeMap;

/// Where an owner may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `tag:KEY`: a tag of the role or user, as far as its tags are known.
    Tag(String),
    /// `account-tag:KEY`: a tag of the account that the denials were recorded in, from `[account]`.
    AccountTag(String),
    /// `codeowners`: the owner of the path of the source, from `owner.codeowners`.
    Codeowners,
    /// `map`: `owner.map`.
    Map,
}

impl Source {
    /// Reads `tag:KEY`, `account-tag:KEY`, `codeowners` or `map`; `None` for all else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("tag", key)) if !key.is_empty() => Some(Self::Tag(key.to_owned())),
            Some(("account-tag", key)) if !key.is_empty() => Some(Self::AccountTag(key.to_owned())),
            None if text == "codeowners" => Some(Self::Codeowners),
            None if text == "map" => Some(Self::Map),
            Some(_) | None => None,
        }
    }
}

/// What is said of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The name that people use.
    pub name: Option<String>,
    /// Such as `dev`; routes can ask for it.
    pub env: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// All that tells owners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    /// Where to look, in this order.
    pub from: Vec<Source>,
    /// Account id, or a pattern of a principal's ARN → owner. A longer pattern goes before a shorter one.
    pub map: BTreeMap<String, String>,
    /// By account id.
    pub accounts: BTreeMap<String, Account>,
    /// The rules of the source's repository.
    pub codeowners: Codeowners,
    /// Pattern of a principal's ARN → where its policy stands in that repository.
    pub paths: BTreeMap<String, String>,
}

/// An owner, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Team or person, in the words of whoever wrote the tag: untrusted.
    pub name: String,
    /// Such as `tag team=delivery`.
    pub because: String,
}

/// The tags of a principal, where they are known.
pub type Tags = BTreeMap<String, String>;

impl Owners {
    /// The owner of a finding; `None` when nobody is named.
    pub fn of(&self, advice: &Advice, tags: &Tags) -> Option<Found> {
        self.from.iter().find_map(|source| self.told_by(source, advice, tags))
    }

    /// The environment of a finding: the account's, else the principal's tag `env` or `Environment`.
    pub fn env(&self, advice: &Advice, tags: &Tags) -> Option<String> {
        let of_account = self.account(advice).and_then(|account| account.env.clone());
        of_account
            .or_else(|| ["env", "Env", "environment", "Environment"].iter().find_map(|key| tags.get(*key).cloned()))
    }

    /// What is said of the finding's account.
    pub fn account(&self, advice: &Advice) -> Option<&Account> {
        self.accounts.get(advice.account.as_ref()?)
    }

    fn told_by(&self, source: &Source, advice: &Advice, tags: &Tags) -> Option<Found> {
        match source {
            Source::Tag(key) => found(tags.get(key)?, format!("tag {key}={}", tags.get(key)?)),
            Source::AccountTag(key) => {
                let value = self.account(advice)?.tags.get(key)?;
                found(value, format!("the account's tag {key}={value}"))
            }
            Source::Codeowners => {
                let (_, path) = best(&self.paths, advice)?;
                found(self.codeowners.of(path).first()?, format!("CODEOWNERS of {path}"))
            }
            Source::Map => {
                let (pattern, owner) = best(&self.map, advice)?;
                found(owner, format!("owner.map {pattern}"))
            }
        }
    }
}

fn found(name: &str, because: String) -> Option<Found> {
    (!name.is_empty()).then(|| Found { name: name.to_owned(), because })
}

/// The longest pattern that fits the principal's ARN or name; an account id fits all of the account.
fn best<'a>(map: &'a BTreeMap<String, String>, advice: &Advice) -> Option<(&'a String, &'a String)> {
    let who = &advice.principal;
    let names = [who.arn.as_ref(), who.name.as_ref(), advice.account.as_ref(), who.account.as_ref()];
    let fits = |pattern: &str| names.iter().flatten().any(|name| matches(pattern, name));
    map.iter().filter(|(pattern, _)| fits(pattern)).max_by_key(|(pattern, _)| (!is_account(pattern), pattern.len()))
}

fn is_account(pattern: &str) -> bool {
    pattern.len() == 12 && pattern.bytes().all(|b| b.is_ascii_digit())
}
