//! Keys that are read and checked but change nothing in this version, or not alone: said, not passed over.

use super::file::File;

/// One sentence a key that is set.
pub(super) fn of(file: &File) -> Vec<String> {
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
        (
            file.report.base_url.is_some() && file.report.bucket.is_none(),
            "report.base_url",
            "without `report.bucket` nothing is put there, so that nothing links to it",
        ),
        (file.alert.digest.at.is_some(), "alert.digest.at", "the template's schedule says when the digest is made"),
        (
            file.source.read_events.is_some(),
            "source.read_events",
            "the template's `IncludeReadEvents` says what the rule lets through",
        ),
        (judged, "patch.verify", "`denywatch verify` decides on it"),
        (owner, "owner.from", "`codeowners` needs `[owner.codeowners]` with its `file` and `paths`"),
    ];
    let without = all.iter().filter(|(set, ..)| *set);
    let without = without.map(|(_, key, why)| format!("`{key}` has no effect in this version: {why}"));
    let codes = file.source.error_codes.as_ref().is_some_and(|codes| codes.list().iter().any(|code| code != "builtin"));
    let rule = "`source.error_codes`: the template's rule lets the built-in codes through; add yours to its pattern, or the \
                function never sees them";
    without.chain(codes.then(|| rule.to_owned())).collect()
}
