//! What stands against a grant that could be written: roads to more power, and text that means more than was refused.

use super::draft::{Ground, Judged, MADE, is_all_itself};
use super::roads::{Around, Road, is_near_a_road, roads};
use super::scope::{NO_REGION, OUTSIDE_LATIN, Scoped};
use crate::policy::Statement;

/// What the grant itself, whatever its cause, asks a person to settle.
pub(super) fn stands_against(judged: &Judged<'_>, scoped: &Scoped, ground: Ground<'_>) -> Vec<String> {
    let action = &judged.key.action;
    let mut doubts = open_roads(action, scoped, ground);
    if is_all_itself(ground.target) && (scoped.widened.is_some() || scoped.pattern != "*") {
        // The policy calls its own resource `*`, whatever its name.
    } else if scoped.widened.as_ref().is_some_and(|widened| widened.rule == NO_REGION) {
        doubts.push(
            "AWS has no Region of the record's form, so it was masked or altered: `*` stands for every Region; write the real one"
                .to_owned(),
        );
    } else if scoped.widened.as_ref().is_some_and(|widened| widened.rule == MADE) {
        doubts.push(format!("`{}` stands for what the call makes, or picks without naming it", scoped.pattern));
    } else if scoped.widened.as_ref().is_some_and(|widened| widened.rule == OUTSIDE_LATIN) {
        doubts.push(format!(
            "no policy can hold all letters of this name: `?` stands for each of the others, so that `{}` allows other names too",
            scoped.pattern
        ));
    } else if scoped.widened.is_some() {
        doubts.push(format!("`{}` stands for a one-off name and allows its siblings too", scoped.pattern));
    } else if scoped.pattern == "*" && ground.catalog.action(action).is_some_and(|found| found.has_resource_level()) {
        doubts.push(format!("`{action}` can be limited to resources, but AWS names none here"));
    } else if scoped.pattern != "*" && has_wildcard(&scoped.pattern) {
        doubts.push(format!("`{}` is a wildcard: AWS names no single resource", scoped.pattern));
    }
    doubts
}

/// The roads to more power that the grant opens, alone or with what the principal already has.
fn open_roads(action: &str, scoped: &Scoped, ground: Ground<'_>) -> Vec<String> {
    if !is_near_a_road(action, ground.catalog) && ground.catalog.risk(action).is_none() {
        return Vec::new();
    }
    let beside = |other: &str| ground.denied.contains(other);
    let around =
        Around { held: ground.held.filter(|held| held.tells_identity()), beside: &beside, catalog: ground.catalog };
    roads(&[Statement::allow([action], [scoped.pattern.as_str()])], around).iter().map(Road::words).collect()
}

/// A wildcard outside `${…}`.
pub(super) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?']) && pattern.replace("${*}", "").replace("${?}", "").contains(['*', '?'])
}
