//! Findings, and whose they are: very many of them in little memory.

use super::texts::Texts;
use crate::finding::{Finding, Observed};
use crate::principal::PrincipalKind;
use crate::triage::probing::{Caller, Who, who};

/// Findings, and whose they are.
///
/// ```
/// use denywatch::io::stores::Touched;
/// let mut touched = Touched::default();
/// touched.ids.insert("D-7F");
/// assert!(touched.ids.contains("D-7F") && touched.callers.iter().next().is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Their ids.
    pub ids: Texts,
    /// Their callers.
    pub callers: Callers,
}

impl Touched {
    /// The findings that these events belong to.
    pub fn of<'a>(observed: impl IntoIterator<Item = &'a Observed>) -> Self {
        let mut touched = Self::default();
        observed.into_iter().for_each(|one| touched.add(one));
        touched
    }

    /// The finding with this id, whosever it is.
    pub fn of_id(id: &str) -> Self {
        Self { ids: [id].into_iter().collect(), ..Self::default() }
    }

    /// Adds the finding of one event.
    pub fn add(&mut self, one: &Observed) {
        self.add_finding(&one.finding);
    }

    /// Adds a finding.
    pub fn add_finding(&mut self, finding: &Finding) {
        self.ids.insert(&finding.id);
        self.callers.add(who(&finding.principal));
    }

    /// Which of a ledger's findings may be taken: those that bear an id of these, or an owner of one of these callers.
    pub(super) fn heads(&self) -> impl Fn(&str, &str) -> bool {
        move |id, owner| self.ids.contains(id) || self.callers.owns(owner)
    }

    /// Whether a finding is one of them, or one of their callers'. Merging may have made its caller known better.
    pub(crate) fn takes(&self, finding: &Finding) -> bool {
        self.ids.contains(&finding.id) || self.callers.has(who(&finding.principal))
    }
}

/// Callers, each once, in the order in which they came.
#[derive(Clone, Default)]
pub struct Callers {
    /// As they come.
    kinds: Vec<PrincipalKind>,
    accounts: Texts,
    names: Texts,
    /// Of each caller the number of its kind, and those of its account and name, or [`NONE`].
    all: Texts<[u8]>,
    /// Some have no name.
    are_some_nameless: bool,
}

/// No text has this number.
const NONE: u32 = u32::MAX;

impl Callers {
    /// Adds a caller.
    pub fn insert(&mut self, (account, kind, name): &Caller) {
        self.add((account.as_deref(), *kind, name.as_deref()));
    }

    fn add(&mut self, (account, kind, name): Who<'_>) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        let account = account.map_or(NONE, |account| self.accounts.insert(account));
        self.are_some_nameless |= name.is_none();
        let name = name.map_or(NONE, |name| self.names.insert(name));
        if let Some(entry) = self.entry(account, kind, name) {
            self.all.insert(&entry);
        }
    }

    /// Whether it is one of them.
    pub fn contains(&self, (account, kind, name): &Caller) -> bool {
        self.has((account.as_deref(), *kind, name.as_deref()))
    }

    fn has(&self, (account, kind, name): Who<'_>) -> bool {
        let number = |texts: &Texts, text: Option<&str>| text.map_or(Some(NONE), |text| texts.number(text));
        let numbers = number(&self.accounts, account).zip(number(&self.names, name));
        let entry = numbers.and_then(|(account, name)| self.entry(account, kind, name));
        entry.is_some_and(|entry| self.all.contains(&entry))
    }

    /// `None` where nobody is of this kind.
    fn entry(&self, account: u32, kind: PrincipalKind, name: u32) -> Option<[u8; 9]> {
        let kind = self.kinds.iter().position(|known| *known == kind).and_then(|kind| u8::try_from(kind).ok())?;
        let ([a, b, c, d], [e, f, g, h]) = (account.to_le_bytes(), name.to_le_bytes());
        Some([kind, a, b, c, d, e, f, g, h])
    }

    /// They, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Caller> {
        let text = |texts: &Texts, number: [u8; 4]| texts.get(u32::from_le_bytes(number)).map(str::to_owned);
        self.all.iter().filter_map(move |entry| {
            let [kind, a, b, c, d, e, f, g, h] = *entry.first_chunk()?;
            let kind = self.kinds.get(usize::from(kind))?;
            Some((text(&self.accounts, [a, b, c, d]), *kind, text(&self.names, [e, f, g, h])))
        })
    }

    /// Whether [`super::head::owner`] of one of them is this.
    fn owns(&self, owner: &str) -> bool {
        self.names.contains(owner) || owner.is_empty() && self.are_some_nameless
    }
}

impl FromIterator<Caller> for Callers {
    fn from_iter<I: IntoIterator<Item = Caller>>(all: I) -> Self {
        let mut callers = Self::default();
        all.into_iter().for_each(|one| callers.insert(&one));
        callers
    }
}

impl PartialEq for Callers {
    fn eq(&self, other: &Self) -> bool {
        self.all.len() == other.all.len() && self.iter().all(|one| other.contains(&one))
    }
}

impl Eq for Callers {}

impl std::fmt::Debug for Callers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_come_back_each_once() {
        let caller = |account: Option<&str>, kind, name: Option<&str>| {
            (account.map(str::to_owned), kind, name.map(str::to_owned))
        };
        let (role, user) = (PrincipalKind::Role, PrincipalKind::User);
        let all = [
            caller(Some("1"), role, Some("a")),
            caller(Some("2"), role, Some("a")),
            caller(Some("1"), user, Some("a")),
            caller(None, user, Some("1")),
            caller(Some(""), user, Some("")),
        ];
        let callers: Callers = all.iter().chain(&all).cloned().collect();
        assert_eq!(callers.iter().collect::<Vec<_>>(), all);
        assert!(all.iter().all(|one| callers.contains(one)));
        let others = [caller(None, role, Some("a")), caller(Some("1"), PrincipalKind::Root, Some("a"))];
        assert!(!others.iter().any(|one| callers.contains(one)));
        assert!(callers.owns("a") && callers.owns("") && !callers.owns("2"));
        assert_eq!(callers, all.iter().rev().cloned().collect());
        assert_ne!(callers, all[1..].iter().cloned().collect());
        let nameless: Callers = [caller(Some("1"), role, None)].into_iter().collect();
        assert!(nameless.owns("") && !nameless.contains(&caller(Some("1"), role, Some(""))));
    }
}
