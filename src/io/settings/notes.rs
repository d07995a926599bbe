//! Keys that are read and checked but change nothing in this version: said, not passed over.

use super::file::File;

/// One sentence a key that is set.
pub(super) fn of(file: &File) -> Vec<String> {
    let codes = file.source.error_codes.as_ref().is_some_and(|codes| codes.list() != ["builtin"]);
    let verify = file.patch.verify.as_ref();
    let judged =
        verify.is_some_and(|table| table.access_analyzer.or(table.simulate).is_some() || table.watch.is_some());
    let owner = file.owner.from.iter().any(|from| from == "codeowners") && file.owner.codeowners.is_none();
    let all = [
        (
            file.report.at.as_ref().is_some_and(|at| at.day.is_some() || at.time.is_some()),
            "report.at.day and report.at.time",
            "the template's schedule says when the report is made (`report.at.tz` has: it decides which week is over)",
        ),
        (file.alert.digest.at.is_some(), "alert.digest.at", "the template's schedule says when the digest is made"),
        (codes, "source.error_codes", "the built-in codes are the ones that count"),
        (
            file.source.read_events.is_some(),
            "source.read_events",
            "the template's `IncludeReadEvents` says what the rule lets through",
        ),
        (file.patch.companions.is_some(), "patch.companions", "companions are always shown as a suggestion"),
        (
            file.patch.max_wildcard.is_some(),
            "patch.max_wildcard",
            "a patch that is wider than the denials always waits for a person",
        ),
        (!file.patch.never_grant.is_empty(), "patch.never_grant", "the built-in list of dangerous permissions holds"),
        (judged, "patch.verify", "`denywatch verify` decides on it"),
        (owner, "owner.from", "`codeowners` needs `[owner.codeowners]` with its `file` and `paths`"),
        (
            file.route.iter().any(|route| route.pr.is_some()),
            "route.pr",
            "`denywatch pr` takes its repository from its arguments",
        ),
    ];
    all.iter()
        .filter(|(set, ..)| *set)
        .map(|(_, key, why)| format!("`{key}` has no effect in this version: {why}"))
        .collect()
}
