//! What a scan could not read: so much of it as memory should hold, and how much more there was.

use crate::record::Problem;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

/// Problems of a scan that are told one by one: some megabytes.
const MOST: usize = 10_000;
/// Inputs beyond those that are known to be told: 2 MiB of hashes.
const MARKS: usize = 1 << 18;

/// Problems in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    /// Further ones.
    more: u64,
    /// Inputs of those, but for records.
    marks: Vec<u64>,
}

impl Problems {
    /// Adds that an input could not be read, or not to its end.
    pub(super) fn push(&mut self, problem: Problem) {
        if self.kept.len() >= MOST && self.marks.len() < MARKS {
            self.marks.push(hash(&*problem.input));
        }
        self.add(problem);
    }

    /// Adds what could not be read inside of an input.
    pub(super) fn inside(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    fn add(&mut self, problem: Problem) {
        match self.kept.len() < MOST {
            true => self.kept.push(problem),
            false => self.more += 1,
        }
    }

    /// Adds those of a second look.
    pub(super) fn merge(&mut self, later: Self) {
        self.inside(later.kept);
        self.more += later.more;
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.kept.len() as u64 + self.more
    }

    /// The inputs that could not be read so far.
    pub(super) fn inputs(&self) -> Met {
        Met(self.kept.iter().map(|problem| hash(&*problem.input)).chain(self.marks.iter().copied()).collect())
    }

    /// Those that are told one by one, those of the advice behind them, and at the end how many more there were.
    pub(super) fn told(self, advice: Self) -> Vec<Problem> {
        let Self { kept: mut all, mut more, .. } = self;
        all.extend(advice.kept);
        more += advice.more;
        all.extend((more > 0).then(|| {
            let error = format!(
                "{more} more problems are not told one by one: mend what these tell of, or give some of the sources at a time"
            );
            Problem { input: "others".to_owned(), error }
        }));
        all
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

/// What was met before, by its hash; of more than so much the rest is taken for new.
#[derive(Debug, Default)]
pub(super) struct Met(BTreeSet<u64>);

impl Met {
    /// Whether this input was.
    pub(super) fn has(&self, input: &str) -> bool {
        self.0.contains(&hash(input))
    }

    /// Whether a problem is new; it is not from now on.
    pub(super) fn is_new(&mut self, problem: &Problem) -> bool {
        let mark = hash((&*problem.input, &*problem.error));
        let is_new = !self.0.contains(&mark);
        if is_new && self.0.len() < MARKS {
            self.0.insert(mark);
        }
        is_new
    }
}

fn hash(what: impl std::hash::Hash) -> u64 {
    foldhash::fast::FixedState::default().hash_one(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(number: usize) -> Problem {
        Problem { input: number.to_string(), error: "x".to_owned() }
    }

    #[test]
    fn the_first_ones_are_told_and_the_rest_is_counted() {
        let mut problems = Problems::default();
        assert_eq!(problems.count(), 0);
        problems.inside((0..MOST - 1).map(problem));
        problems.push(problem(MOST - 1));
        let advice = || Problems { kept: vec![problem(7)], ..Problems::default() };
        let all = Problems { kept: problems.kept.clone(), ..Problems::default() }.told(advice());
        assert_eq!((all.len(), all.last().unwrap().input.as_str()), (MOST + 1, "7"), "none is left out");
        problems.extend([problem(MOST), problem(MOST + 1)]);
        problems.inside([problem(MOST + 2)]);
        let mut second = Problems::default();
        second.push(problem(MOST + 3));
        problems.merge(second);
        assert_eq!(problems.count(), MOST as u64 + 4);
        let inputs = problems.inputs();
        let has = |number: usize| inputs.has(&number.to_string());
        assert_eq!([0, MOST - 1, MOST, MOST + 1, MOST + 2, MOST + 9].map(has), [true, true, true, true, false, false]);
        let told = problems.told(advice());
        assert_eq!((told.len(), &told[MOST - 1], &told[MOST]), (MOST + 2, &problem(MOST - 1), &problem(7)));
        let error =
            "4 more problems are not told one by one: mend what these tell of, or give some of the sources at a time";
        assert_eq!(told[MOST + 1], Problem { input: "others".to_owned(), error: error.to_owned() });
    }

    #[test]
    fn what_was_met_is_not_new() {
        let (mut met, other) = (Met::default(), Problem { error: "y".to_owned(), ..problem(1) });
        assert_eq!(
            [&problem(1), &problem(1), &other, &problem(1)].map(|one| met.is_new(one)),
            [true, false, true, false]
        );
    }
}
