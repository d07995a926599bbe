//! Roads to more power: permissions that are dangerous together.
//!
//! One table, one line a road, each with its source; a single action that is dangerous by itself is a
//! [`Risk`](super::Risk).

use super::Catalog;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The table. Its generator refuses a line that names an action which does not exist.
const ROADS: &str = include_str!("overlay/roads.tsv");

/// Permissions that together lead to more than each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Road {
    /// The line's name, such as `lambda-function-run`.
    pub name: &'static str,
    /// What must come together; of each leg one action is enough.
    pub legs: Vec<Vec<&'static str>>,
    /// What the holder can then do, as a verb phrase.
    pub to: &'static str,
    /// Where it is described.
    pub source: &'static str,
}

impl Catalog {
    /// Every road that is listed, by name; what is not listed is not thereby harmless.
    pub fn roads(&self) -> &'static [Road] {
        static READ: OnceLock<Vec<Road>> = OnceLock::new();
        READ.get_or_init(|| ROADS.lines().filter(|line| !line.starts_with('#')).filter_map(road).collect())
    }

    /// Whether any road has this action, in whatever letter case, as a leg.
    pub fn is_on_a_road(&self, action: &str) -> bool {
        static LEGS: OnceLock<BTreeSet<String>> = OnceLock::new();
        let all = || self.roads().iter().flat_map(|road| road.legs.iter().flatten());
        LEGS.get_or_init(|| all().map(|leg| leg.to_ascii_lowercase()).collect()).contains(&action.to_ascii_lowercase())
    }

    /// Actions that are dangerous by themselves, canonical; see [`Catalog::risk`].
    pub fn risky_actions(&self) -> impl Iterator<Item = &'static str> {
        self.data.risks.keys()
    }
}

fn road(line: &'static str) -> Option<Road> {
    let mut cells = line.split('\t');
    let (name, legs, to, source) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    Some(Road { name, legs: legs.split(" + ").map(|leg| leg.split('|').collect()).collect(), to, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_whole_and_names_what_exists() {
        let catalog = Catalog::embedded();
        let lines = ROADS.lines().filter(|line| !line.starts_with('#')).count();
        let roads = catalog.roads();
        assert!(roads.len() == lines && lines > 30, "{lines} lines, {} roads", roads.len());
        for road in roads {
            assert!(road.legs.len() > 1 && !road.to.is_empty() && !road.source.is_empty(), "{}", road.name);
            for action in road.legs.iter().flatten() {
                let known = catalog.action(action).map(|known| known.canonical());
                assert_eq!(known.as_deref(), Some(*action), "{}", road.name);
            }
        }
    }

    #[test]
    fn what_needs_a_passed_role_has_its_road() {
        let catalog = Catalog::embedded();
        let with_pass_role =
            |action: &&str| catalog.risk(action).is_some_and(|risk| risk.kind == super::super::RiskKind::WithPassRole);
        for action in catalog.risky_actions().filter(with_pass_role) {
            let together = |road: &Road| {
                road.legs.len() == 2 && road.legs[0] == ["iam:PassRole"] && road.legs[1].contains(&action)
            };
            assert!(catalog.roads().iter().any(together), "{action}");
        }
    }
}
