//! An Allow exists, but it tests the caller's network, which a call that a service makes on the caller's behalf lacks.
//!
//! Such a call comes from AWS's own network, so `aws:SourceIp`, `aws:SourceVpc` and `aws:SourceVpce` cannot be met by it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>.

use super::unmet::{Failed, failed};
use super::view::{Allow, View};
use super::{Cause, Diagnosis};

pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let via = view.needed.via()?;
    let covering = allows.iter().filter(|allow| allow.action && allow.resource);
    let mut starved = covering.map(|allow| (allow, failed(view, allow)));
    let (allow, failed) =
        starved.find(|(_, failed)| !failed.is_empty() && failed.iter().all(Failed::is_absent_network_key))?;
    let keys: Vec<&str> = failed.iter().map(|test| test.key.as_str()).collect();
    let mut found = Diagnosis { cause: Cause::KeyAbsentViaService, ..diagnosis.clone() };
    found.summary = format!(
        "{} allows `{}` only under `{}`, but {via} made the call on the caller's behalf and from its own network: the \
         condition cannot be met",
        allow.policy(),
        view.needed.action,
        keys.join("`, `")
    );
    found.evidence.push(allow.words());
    found.doubts.push(format!(
        "the policy's author bound the action to a network: the Allow beside it should hold for calls through {via} only \
         (`aws:ViaAWSService`, or the service's own key)"
    ));
    Some(found)
}
