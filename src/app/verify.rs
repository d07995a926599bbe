//! Is a patch valid, sufficient, minimal, safe; and has it worked.

use super::{World, ingest};
use crate::advice::{Advice, Context};
use crate::diagnosis::TargetKind;
use crate::finding::{self, Finding};
use crate::io::sources::files::{self, Limits};
use crate::patch::{Patch, draft};
use crate::policy::Document;
use crate::record::{self, Problem, Record};
use crate::verify::observed::{Observed, Watcher};
use crate::verify::{Asked, Verified, verify_document};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// A document to be verified, and what kind of policy it is for, where that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The statements to add.
    pub document: Document,
    /// From a PATCH object's target.
    pub kind: Option<TargetKind>,
}

/// What a file to be verified holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidates {
    /// One a document.
    pub documents: Vec<Candidate>,
    /// The finding's id, where the file is a finding or an answer with one.
    pub finding: Option<String>,
}

/// Text that holds no policy document.
#[derive(Debug, thiserror::Error)]
pub enum NoDocument {
    /// No JSON, or a document at fault.
    #[error("`{0}` is no policy document: {1}")]
    Fault(String, String),
    /// JSON of another kind.
    #[error(
        "`{0}` holds no policy document: expected a document with `Statement`, a patch, or `explain --output json`"
    )]
    None(String),
    /// Several findings in one answer.
    #[error("`{0}` holds {1} findings: verify one of them")]
    Many(String, usize),
}

/// The answer of `verify`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Of this format.
    pub version: u32,
    /// The finding's id.
    pub finding: String,
    /// One a document.
    pub checks: Vec<Verified>,
    /// What a log shows; absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// What AWS's own checks say; absent unless asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Vec<Asked>>,
    /// Inputs that could not be read; the rest went through.
    pub problems: Vec<Problem>,
}

impl Answer {
    /// Whether every document is valid, sufficient, minimal and safe.
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|one| one.valid && one.sufficient && one.minimal && one.safe)
    }
}

/// Reads a policy document, a PATCH object, a finding, or an answer of `explain` or `scan`.
///
/// # Errors
/// [`NoDocument`]: other text.
pub fn candidates(bytes: &[u8], name: &str) -> Result<Candidates, NoDocument> {
    let fault = |error: String| NoDocument::Fault(name.to_owned(), error);
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let json: Value = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    let one = |document: &Value, kind: Option<TargetKind>| {
        let document: Document = serde_json::from_value(document.clone()).map_err(|error| fault(error.to_string()))?;
        Ok(Candidate { document, kind })
    };
    let of_patch = |patch: &Value| {
        let kind = serde_json::from_value(patch["target"]["kind"].clone()).ok();
        one(&patch["document"], kind)
    };
    if json.get("Statement").is_some() {
        // The text itself, so that a key that stands twice is seen.
        let document: Document = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        return Ok(Candidates { documents: vec![Candidate { document, kind: None }], finding: None });
    }
    let finding = match json.get("findings").and_then(Value::as_array).map(Vec::as_slice) {
        Some([finding]) => finding,
        Some([]) => return Err(NoDocument::None(name.to_owned())),
        Some(all) => return Err(NoDocument::Many(name.to_owned(), all.len())),
        None => &json,
    };
    let patches = finding.get("patches").and_then(Value::as_array);
    let with_document = patches.into_iter().flatten().chain([finding]).filter(|patch| patch["document"].is_object());
    let documents = with_document.map(of_patch).collect::<Result<Vec<_>, _>>()?;
    let id = finding["id"].as_str().filter(|id| id.starts_with("D-")).map(str::to_owned);
    if documents.is_empty() {
        return Err(NoDocument::None(name.to_owned()));
    }
    Ok(Candidates { documents, finding: id })
}

/// A finding's own patches, as they are advised now, each with its check. None for a caller that looked around: it is
/// handed nothing.
pub fn own(advice: &Advice, finding: &Finding, context: Context<'_>) -> Vec<(Candidate, Verified)> {
    let one = |patch: &Patch| {
        let candidate = Candidate { document: patch.document.clone()?, kind: Some(patch.target.kind) };
        let checked = verify(&candidate, finding, context)?;
        // Advice sees all findings together, and may have graded lower.
        let applicability = patch.applicability.max(checked.applicability);
        Some((candidate, Verified { applicability, doubts: patch.doubts.clone(), ..checked }))
    };
    advice.patches.iter().filter_map(one).collect()
}

/// Holds a document against a finding's denials; `None` where the finding asks for no Allow in a policy of its kind.
pub fn verify(candidate: &Candidate, finding: &Finding, context: Context<'_>) -> Option<Verified> {
    let held = context.in_force.of(&finding.principal);
    let drafts = draft(finding, held.as_ref(), context.catalog);
    verify_document(&candidate.document, candidate.kind, drafts, finding, held.as_ref(), context.catalog)
}

/// What a look through logs came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// For people.
    pub observed: Observed,
    /// The same for the ledger: allowed calls, and denials of the finding that it may not know yet.
    pub seen: Vec<finding::Observed>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Looks through logs for allowed calls after the last denial.
pub fn observed(finding: &Finding, sources: &[PathBuf], world: &World) -> Looked {
    let mut looking = Looking::new(finding, world, false);
    let (_, unread) = files::each(sources, Limits::default(), |name, bytes| looking.read(bytes, name));
    looking.problems.extend(unread);
    looking.finish()
}

/// Looks through Event history for allowed calls after the last denial.
#[cfg(feature = "lookup")]
pub fn observed_in_history(finding: &Finding, regions: &[String], profile: Option<String>, world: &World) -> Looked {
    use crate::io::aws::Options;
    use crate::io::sources::lookup::{Period, read_regions};
    let mut looking = Looking::new(finding, world, true);
    let options = Options { profile, region: regions.first().cloned() };
    let period = Period { since: finding.seen().1, until: None };
    let read = read_regions(&options, regions, period, |region, event| {
        looking.read(event.as_bytes(), &format!("Event history of {region}"));
    });
    if let Err(fault) = read {
        looking.problems.push(Problem { input: "Event history".to_owned(), error: fault.to_string() });
    }
    looking.finish()
}

struct Looking<'f> {
    finding: &'f Finding,
    world: &'f World,
    watcher: Watcher<'f>,
    denied: Vec<finding::Observed>,
    problems: Vec<Problem>,
}

impl<'f> Looking<'f> {
    fn new(finding: &'f Finding, world: &'f World, history: bool) -> Self {
        let watcher = Watcher::new(finding, world.catalog, history).given(world.given());
        Self { finding, world, watcher, denied: Vec::new(), problems: Vec::new() }
    }

    fn read(&mut self, bytes: &[u8], name: &str) {
        let Self { finding, world, watcher, denied, problems } = self;
        let each = |record: Record| {
            watcher.see(&record);
            if record.error_code.is_some() {
                let of_it = ingest::observed(ingest::denials([&record], world)).into_iter();
                denied.extend(of_it.filter(|one| one.finding.id == finding.id));
            }
        };
        record::for_each(bytes, name, each, |problem| problems.push(problem));
    }

    fn finish(self) -> Looked {
        let mut seen = self.denied;
        seen.extend(self.finding.sighted(self.watcher.sightings(|_| None)));
        Looked { observed: self.watcher.finish(), seen, problems: self.problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, documents: usize, id: Option<&str>) {
        let read = candidates(text.as_bytes(), "x.json").unwrap();
        assert_eq!((read.documents.len(), read.finding.as_deref()), (documents, id), "{text}");
    }

    #[test]
    fn a_document_a_patch_a_finding_and_an_answer() {
        let document =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
        let patch = format!(r#"{{"target":{{"kind":"bucket_policy"}},"document":{document}}}"#);
        let finding = format!(r#"{{"id":"D-ABCDEFGHIJ","patches":[{patch},{{"document":null}}]}}"#);
        check(document, 1, None);
        check(&patch, 1, None);
        check(&finding, 1, Some("D-ABCDEFGHIJ"));
        check(&format!(r#"{{"version":1,"findings":[{finding}]}}"#), 1, Some("D-ABCDEFGHIJ"));
        assert_eq!(candidates(patch.as_bytes(), "x").unwrap().documents[0].kind, Some(TargetKind::BucketPolicy));
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"findings":[]}"#,
            r#"{"Statement":[{"Effect":"Maybe"}]}"#,
            r#"{"findings":[{},{}]}"#,
        ] {
            assert!(candidates(bad.as_bytes(), "x").is_err(), "{bad}");
        }
        let twice = r#"{"Statement":[],"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        assert!(candidates(twice.as_bytes(), "x").is_err(), "a key that stands twice");
    }
}
