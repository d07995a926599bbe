//! What a run came to, as programs read it: the contract's one object, and the exit code.

use crate::advice::Advice;
use crate::denial::Denial;
use crate::io::stores::Held;
use crate::record::Problem;
use crate::report::Coverage;
use crate::triage::Verdict;
use serde::{Serialize, Serializer};

/// The answer of `explain` and `scan`.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Of this format.
    pub version: u32,
    /// The most useful answer among the findings'.
    pub outcome: OutcomeKind,
    /// What AWS said, one entry a refused call; `scan` leaves it out unless asked.
    pub denials: Option<Vec<Denial>>,
    /// The most pressing first; none where they were handed over one by one.
    pub findings: Vec<Advice>,
    /// Inputs that could not be read; the rest went through.
    pub problems: Vec<Problem>,
    /// What was read.
    pub stats: Stats,
    /// What the source cannot hold, whatever happened.
    pub not_seen: Vec<String>,
    /// Accounts, Regions and records of this run, for people.
    pub coverage: Coverage,
    /// It was stopped before the sources ended; what was read is kept.
    pub interrupted: bool,
}

/// What programs read of an outcome: the contract's object, with the findings from wherever they are.
#[derive(Serialize)]
struct Told<'o, F> {
    version: u32,
    outcome: OutcomeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    denials: Option<&'o [Denial]>,
    findings: F,
    problems: &'o [Problem],
    stats: &'o Stats,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_seen: &'o [String],
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with(&self.findings).serialize(serializer)
    }
}

/// In one word, what there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// A proven patch is at hand.
    Patch,
    /// A person must decide.
    Review,
    /// Denied by design or passing: nothing to patch.
    Explain,
    /// Too little is known.
    Unclear,
    /// The input holds no denial.
    NotDenied,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Files opened, or known.
    pub files: u64,
    /// Files and objects that an earlier scan read, that are as they were, and that were not read again. Those on this
    /// machine are among the files, and their figures of then among these.
    #[serde(skip_serializing_if = "is_none")]
    pub known: u64,
    /// Bytes as they lie on disk.
    pub bytes_read: u64,
    /// Of these, bytes of the known files: nothing was read of them now.
    #[serde(skip)]
    pub bytes_known: u64,
    /// Bytes after decompression.
    pub bytes: u64,
    /// Events.
    pub records: u64,
    /// Denied events, copies of one event included.
    pub denied: u64,
    /// Of these, events that the ledger had already counted.
    pub duplicates: u64,
    /// Of these, events that the ledger refused, being older than it keeps counts.
    pub stale: u64,
    /// Events that were not asked for, by time, account or Region.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: u64,
    /// Files or records that could not be read.
    pub unreadable: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// An absent count is none.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Stats {
    /// Adds what a file held.
    pub fn add(&mut self, held: &Held) {
        self.files += 1;
        self.bytes_read += held.bytes_read;
        self.bytes += held.bytes;
        self.records += held.records;
        self.denied += held.denied;
    }

    /// Adds what a file held when it was read, which is not read again.
    pub fn add_known(&mut self, held: &Held) {
        self.add(held);
        self.known += 1;
        self.bytes_known += held.bytes_read;
        self.duplicates += held.denied;
    }
}

impl Outcome {
    /// Sums the findings up.
    pub fn new(denials: Option<Vec<Denial>>, findings: Vec<Advice>, problems: Vec<Problem>, stats: Stats) -> Self {
        let best = findings.iter().map(OutcomeKind::of).min();
        let nothing = if stats.records > 0 { OutcomeKind::NotDenied } else { OutcomeKind::Unclear };
        Self {
            version: 1,
            outcome: best.unwrap_or(nothing),
            denials,
            findings,
            problems,
            stats,
            not_seen: Vec::new(),
            coverage: Coverage::default(),
            interrupted: false,
        }
    }

    /// The same with findings that were handed over one by one, in any order.
    #[must_use]
    pub fn holding(self, mut findings: Vec<Advice>) -> Self {
        findings.sort_by_cached_key(Advice::rank);
        Self { findings, ..self }
    }

    /// What programs read, with these as its findings: what serializes as a list of [`Advice`] does, the most pressing
    /// first.
    ///
    /// ```
    /// use denywatch::app::{Outcome, Stats};
    /// let outcome = Outcome::new(None, Vec::new(), Vec::new(), Stats::default());
    /// assert_eq!(serde_json::to_value(outcome.with([(); 0])).unwrap(), serde_json::to_value(&outcome).unwrap());
    /// ```
    pub fn with<'o>(&'o self, findings: impl Serialize + 'o) -> impl Serialize + 'o {
        let Self { version, outcome, denials, problems, stats, not_seen, .. } = self;
        let denials = denials.as_deref();
        Told { version: *version, outcome: *outcome, denials, findings, problems, stats, not_seen }
    }

    /// The contract's exit code of `explain`: the highest-ranking of unread input, too little known, denied by design.
    pub fn exit_code(&self) -> u8 {
        match (self.problems.is_empty(), self.outcome) {
            (false, _) => 6,
            (true, OutcomeKind::Unclear) => 5,
            (true, OutcomeKind::Explain) => 4,
            (true, OutcomeKind::Patch | OutcomeKind::Review | OutcomeKind::NotDenied) => 0,
        }
    }
}

impl OutcomeKind {
    /// What there is to do about one finding.
    pub(super) fn of(advice: &Advice) -> Self {
        match advice.verdict {
            Verdict::Patch => Self::Patch,
            Verdict::Review | Verdict::Owner | Verdict::Probing => Self::Review,
            Verdict::Upheld | Verdict::Expected | Verdict::Transient => Self::Explain,
            Verdict::Unclear => Self::Unclear,
        }
    }
}
