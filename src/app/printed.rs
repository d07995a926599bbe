//! Our own JSON, as `explain` and `scan` print it, read back so that it can be piped into `patch -`.

use crate::advice::Advice;
use crate::catalog::Catalog;
use crate::patch::scope::NO_REGION;
use crate::patch::{Applicability, Grounds, Patch, look};
use crate::policy::{Document, Resources};
use crate::triage::Verdict;
use crate::verify::is_known;
use serde::Deserialize;

/// JSON that looks like ours, and is not.
#[derive(Debug, thiserror::Error)]
#[error("this looks like denywatch's own JSON, but cannot be read; pipe the error or event itself")]
pub struct PrintedError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Printed {
    findings: Vec<Advice>,
}

/// The findings of an answer that was printed; `None` for any other input.
///
/// Whoever wrote the JSON, its documents stand the last look again, and none is ready to apply: nothing proves here that
/// they are what was printed.
///
/// # Errors
/// It has the answer's `version`, `outcome` and `findings`, but not its shape.
pub fn printed(input: &[u8], catalog: &Catalog) -> Option<Result<Vec<Advice>, PrintedError>> {
    let json: serde_json::Value = serde_json::from_slice(input).ok()?;
    let ours = json["version"] == 1 && json["outcome"].is_string() && json["findings"].is_array();
    let read = ours.then(|| serde_json::from_value::<Printed>(json))?;
    Some(
        read.map_err(PrintedError)
            .map(|printed| printed.findings.into_iter().map(|advice| looked_at_again(advice, catalog)).collect()),
    )
}

fn looked_at_again(mut advice: Advice, catalog: &Catalog) -> Advice {
    if matches!(advice.verdict, Verdict::Probing | Verdict::Upheld) {
        advice.patches.clear();
    }
    advice.patches = advice.patches.into_iter().map(|patch| lowered(patch, catalog)).collect();
    advice
}

/// A patch without its proof, and without what does not stand the last look.
fn lowered(mut patch: Patch, catalog: &Catalog) -> Patch {
    let Some(document) = patch.document.take() else { return patch };
    let held: Vec<String> = patch.merged.as_ref().map(resources).unwrap_or_default();
    let no_region = patch.widened.iter().filter(|widened| widened.rule == NO_REGION);
    let open: Vec<String> = no_region.map(|widened| widened.to.clone()).collect();
    let found = look(&document, Grounds { catalog, kind: patch.target.kind, held: &held, open: &open });
    patch.proof = None;
    patch.companions.retain(|companion| is_known(companion, catalog));
    patch.doubts.extend(found.doubts);
    if !found.faults.is_empty() {
        patch.doubts.extend(found.faults.into_iter().map(|fault| format!("no patch can be written: {fault}")));
        return Patch { applicability: Applicability::Explain, merged: None, companions: Vec::new(), ..patch };
    }
    patch
        .doubts
        .push("it was read back from JSON and is not proven: pipe the error or event itself for that".to_owned());
    Patch { applicability: Applicability::Review, document: Some(document), ..patch }
}

fn resources(document: &Document) -> Vec<String> {
    let each = document.statements.iter().filter_map(|statement| match &statement.resources {
        Resources::Resource(patterns) => Some(patterns.iter().cloned()),
        Resources::Absent | Resources::NotResource(_) => None,
    });
    each.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{World, explain};
    use crate::denial::Given;
    use crate::diagnosis::InForce;
    use serde_json::{Value, json};

    const TEXT: &str = "User: arn:aws:sts::111122223333:assumed-role/app/run-1 is not authorized to perform: sqs:SendMessage on \
        resource: arn:aws:sqs:eu-west-1:111122223333:q because no identity-based policy allows the sqs:SendMessage action";

    fn answer() -> Value {
        let world = World::new(InForce::default());
        serde_json::to_value(explain(TEXT.as_bytes(), "text", &Given::default(), &world)).unwrap()
    }

    fn read(json: &Value) -> Option<Result<Vec<Advice>, PrintedError>> {
        printed(json.to_string().as_bytes(), Catalog::embedded())
    }

    #[test]
    fn what_we_print_is_read_back_and_never_ready_to_apply() {
        let json = answer();
        assert_eq!(json["findings"][0]["patches"][0]["applicability"], "apply");
        let back = read(&json).unwrap().unwrap();
        let patch = &back[0].patches[0];
        assert_eq!(patch.applicability, Applicability::Review);
        assert!(patch.proof.is_none() && !patch.doubts.is_empty());
        let document = serde_json::to_value(&patch.document).unwrap();
        assert_eq!(document, json["findings"][0]["patches"][0]["document"]);
    }

    #[test]
    fn what_somebody_wrote_into_it_does_not_stand() {
        let altered = |member: &str, value: Value| {
            let mut json = answer();
            json["findings"][0]["patches"][0]["document"]["Statement"][0][member] = value;
            read(&json).unwrap().unwrap().remove(0).patches.remove(0)
        };
        for (member, value) in [
            ("Action", json!("*")),
            ("Action", json!(["sqs:*"])),
            ("Action", json!(["sqs:MakeCoffee"])),
            ("Resource", json!(["arn:aws:sqs:*:111122223333:q"])),
            ("Resource", json!(["arn:aws:s3:::b/k"])),
            ("Effect", json!("Deny")),
        ] {
            let patch = altered(member, value);
            assert_eq!((patch.applicability, patch.document), (Applicability::Explain, None), "{member}");
        }
    }

    #[test]
    fn an_attackers_finding_has_no_patch_and_other_json_is_not_ours() {
        let mut json = answer();
        json["findings"][0]["verdict"] = json!("probing");
        assert!(read(&json).unwrap().unwrap()[0].patches.is_empty());
        json["findings"][0]["verdict"] = json!("splendid");
        assert!(read(&json).unwrap().is_err());
        assert!(read(&json!({"Records": []})).is_none());
        assert!(printed(TEXT.as_bytes(), Catalog::embedded()).is_none());
    }
}
