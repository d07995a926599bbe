//! A document that is too long for one policy → several that say the same.

use super::statement::sid;
use crate::policy::size::{Holder, size};
use crate::policy::{Document, Effect, OneOrMany, Resources, Statement};

/// The document in parts of which each fits, in order; `None` where a single statement is too long and cannot be
/// parted. An Allow is parted by its resources, which leaves its meaning: what any of the parts allows is allowed.
///
/// ```
/// use denywatch::patch::parts;
/// use denywatch::policy::{Document, Statement, size::Holder};
/// let long = |at: usize| format!("arn:aws:s3:::bucket/{at}{}", "x".repeat(900));
/// let document = Document::new(vec![Statement::allow(["s3:GetObject"], (0..10).map(long))]);
/// assert_eq!(parts(&document, Holder::Managed).map(|all| all.len()), Some(2));
/// ```
pub fn parts(document: &Document, holder: Holder) -> Option<Vec<Document>> {
    let fits = |statements: &[Statement]| fits(document, statements, holder);
    let mut small = Vec::new();
    for statement in &document.statements {
        halve(statement, &fits, &mut small)?;
    }
    let mut all: Vec<Vec<Statement>> = Vec::new();
    for statement in small {
        let last = all.last_mut().filter(|last| {
            let more: Vec<Statement> = last.iter().chain([&statement]).cloned().collect();
            fits(&more)
        });
        match last {
            Some(last) => last.push(statement),
            None => all.push(vec![statement]),
        }
    }
    Some(all.iter().map(|statements| with(document, statements)).collect())
}

/// Whether there are such parts; cheaper than making them.
pub(super) fn can_be_parted(document: &Document, holder: Holder) -> bool {
    let fits = |statements: &[Statement]| fits(document, statements, holder);
    document.statements.iter().all(|statement| halve(statement, &fits, &mut Vec::new()).is_some())
}

fn fits(document: &Document, statements: &[Statement], holder: Holder) -> bool {
    size(&with(document, statements), holder.quota().unit) <= holder.quota().limit
}

fn with(document: &Document, statements: &[Statement]) -> Document {
    let Document { version, id, statements: _, bare_statement, extra } = document;
    let (id, extra) = (id.clone(), extra.clone());
    Document { version: *version, id, statements: statements.to_vec(), bare_statement: *bare_statement, extra }
}

/// The statement, or halves of it until each fits by itself.
fn halve(statement: &Statement, fits: &impl Fn(&[Statement]) -> bool, into: &mut Vec<Statement>) -> Option<()> {
    if fits(std::slice::from_ref(statement)) {
        into.push(statement.clone());
        return Some(());
    }
    let Resources::Resource(resources) = &statement.resources else { return None };
    let (resources, half) = (resources.as_slice(), resources.as_slice().len() / 2);
    if half == 0 || statement.effect != Effect::Allow {
        return None;
    }
    for some in [&resources[..half], &resources[half..]] {
        let mut part = statement.clone();
        part.resources = Resources::Resource(OneOrMany::Many(some.to_vec()));
        part.sid = Some(sid(&part));
        halve(&part, fits, into)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(resources: usize, length: usize) -> Statement {
        let one = |at: usize| format!("{at:04}{}", "x".repeat(length));
        let statement = Statement::allow(["s:A"], (0..resources).map(one));
        let sid = sid(&statement);
        statement.with_sid(sid)
    }

    /// The number of parts; each fits, no resource is lost or moved, no Sid stands twice.
    #[track_caller]
    fn check(statements: Vec<Statement>, expect: Option<usize>) {
        let document = Document::new(statements);
        let got = parts(&document, Holder::Managed);
        assert_eq!(can_be_parted(&document, Holder::Managed), got.is_some());
        assert_eq!(got.as_ref().map(Vec::len), expect);
        let names = |document: &Document| -> Vec<String> {
            let of = |statement: &Statement| match &statement.resources {
                Resources::Resource(all) => all.as_slice().to_vec(),
                Resources::Absent | Resources::NotResource(_) => vec![],
            };
            document.statements.iter().flat_map(of).collect()
        };
        let Some(got) = got else { return };
        assert_eq!(got.iter().flat_map(names).collect::<Vec<_>>(), names(&document));
        let quota = Holder::Managed.quota();
        assert!(got.iter().all(|part| size(part, quota.unit) <= quota.limit));
        let mut sids: Vec<_> = got.iter().flat_map(|part| &part.statements).map(|one| one.sid.clone()).collect();
        let count = sids.len();
        sids.sort();
        sids.dedup();
        assert_eq!(sids.len(), count);
    }

    #[test]
    fn each_part_fits() {
        check(vec![statement(1, 10)], Some(1));
        check(vec![statement(5, 1_000)], Some(1));
        check(vec![statement(6, 1_000)], Some(2));
        check(vec![statement(3, 1_000), statement(3, 1_001)], Some(2));
        check(vec![statement(40, 1_000), statement(1, 10)], Some(8));
        check(vec![statement(1, 7_000)], None);
        check(vec![statement(7, 1_000).without_resource()], Some(1));
        let deny = Statement { effect: Effect::Deny, ..statement(7, 1_000) };
        check(vec![deny], None);
    }
}
