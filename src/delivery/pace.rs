//! What holds a message back besides its own pacing: a channel's rate, quiet hours.

use super::group::{Action, Decision, Pacing, Told, decide};
use super::seen::Seen;
use crate::triage::Severity;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// So many messages in a time, to one channel: `alert.rate_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub messages: u32,
    /// More than nothing.
    pub per: SignedDuration,
}

/// A channel's token bucket, as the one time at which it is full again; the ledger keeps it. The default is full.
///
/// This is the generic cell rate algorithm: the time alone says how many tokens are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// `None`: it was never touched.
    pub full_at: Option<Timestamp>,
}

impl Bucket {
    /// Takes a token; `None` when there is none.
    ///
    /// ```
    /// use denywatch::delivery::{Bucket, Rate};
    /// let rate = Rate { messages: 2, per: jiff::SignedDuration::from_hours(1) };
    /// let now: jiff::Timestamp = "2026-11-12T10:00:00Z".parse()?;
    /// let one = Bucket::default().take(now, rate).and_then(|left| left.take(now, rate));
    /// assert!(one.is_some_and(|empty| empty.take(now, rate).is_none()));
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn take(self, now: Timestamp, rate: Rate) -> Option<Self> {
        let each = rate.per.checked_div(i32::try_from(rate.messages).unwrap_or(i32::MAX)).unwrap_or(rate.per);
        let full_at = self.full_at.map_or(now, |at| at.max(now)).checked_add(each).ok()?;
        (full_at.duration_since(now) <= rate.per).then_some(Self { full_at: Some(full_at) })
    }
}

/// Hours in which nothing is sent but what cannot wait: `alert.quiet_hours`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// They begin.
    pub from: Time,
    /// They end; before `from` it is the next day's.
    pub to: Time,
    /// Where the clock hangs.
    pub tz: TimeZone,
    /// Findings of these severities are told all the same.
    pub except: Vec<Severity>,
}

impl Quiet {
    /// When the quiet ends in which `now` lies; `None` when it lies in none.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let here = now.to_zoned(self.tz.clone());
        let time = here.time();
        let over_midnight = self.to <= self.from;
        let (inside, tomorrow) = match over_midnight {
            true => (time >= self.from || time < self.to, time >= self.from),
            false => (time >= self.from && time < self.to, false),
        };
        let day = if tomorrow { here.date().tomorrow().ok()? } else { here.date() };
        let end: Zoned = day.to_datetime(self.to).to_zoned(self.tz.clone()).ok()?;
        // A clock that is set back can put the end behind us; then there is none.
        Some(end.timestamp()).filter(|end| inside && *end > now)
    }
}

/// Pacing, rate and quiet hours of all messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// How soon and how often.
    pub pacing: Pacing,
    /// `None`: no limit.
    pub rate: Option<Rate>,
    /// `None`: no quiet hours.
    pub quiet: Option<Quiet>,
}

impl Policy {
    /// As [`decide`], for a receiver that can edit or cannot, within its bucket and outside quiet hours.
    ///
    /// What the bucket has no token for rests; the digest tells it, and so does the next denial that finds a token.
    /// Critical findings pass the bucket.
    pub fn decide(&self, told: &Told, seen: &Seen, bucket: Bucket, edits: bool, now: Timestamp) -> (Decision, Bucket) {
        let decision = decide(told, seen, now, &Pacing { edits, ..self.pacing });
        let is_new_message = match decision.action {
            Action::Rest | Action::Wait { .. } => return (decision, bucket),
            Action::Post { .. } => true,
            Action::Edit { .. } => !edits,
        };
        let hold = |action: Action| {
            // The receiver knows no more than before; the burst stays open, so that it is told as soon as it may.
            let opened = told.opened.or(Some(now)).filter(|_| told.posted.is_none());
            let last_denial = decision.told.last_denial.filter(|_| told.posted.is_none()).or(told.last_denial);
            (Decision { action, told: Told { opened, last_denial, ..told.clone() } }, bucket)
        };
        let quiet = self.quiet.as_ref().filter(|quiet| !quiet.except.contains(&seen.severity));
        if let Some(until) = quiet.and_then(|quiet| quiet.until(now)) {
            return hold(Action::Wait { until });
        }
        match self.rate.filter(|_| is_new_message && seen.severity != Severity::Critical) {
            None => (decision, bucket),
            Some(rate) => match bucket.take(now, rate) {
                Some(left) => (decision, left),
                None => hold(Action::Rest),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Stage;
    use super::super::seen::Standing;
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOON: &str = "2026-11-12T12:00:00Z";

    fn seen(severity: Severity) -> Seen {
        Seen { fingerprint: "f".into(), severity, count: 1, last_denial: Some(at(NOON)), standing: Standing::Open }
    }

    proptest! {
        /// Whatever the times, no span of the rate's length holds more than twice its messages (a full bucket, and
        /// what flows in), and a channel that was quiet so long takes the whole number at once.
        #[test]
        fn a_bucket_never_leaks(steps in prop::collection::vec(0_i64..4_000, 1..200), messages in 1_u32..40) {
            let rate = Rate { messages, per: SignedDuration::from_hours(1) };
            let (mut bucket, mut now, mut sent) = (Bucket::default(), at(NOON), Vec::new());
            for step in steps {
                now += SignedDuration::from_secs(step);
                if let Some(left) = bucket.take(now, rate) {
                    bucket = left;
                    sent.push(now);
                }
                let recent = sent.iter().filter(|then| now.duration_since(**then) < rate.per).count();
                prop_assert!(recent <= 2 * messages as usize);
            }
            let rested = now + rate.per;
            let mut burst = Some(bucket);
            for _ in 0..messages {
                burst = burst.and_then(|bucket| bucket.take(rested, rate));
                prop_assert!(burst.is_some());
            }
            prop_assert!(burst.unwrap().take(rested, rate).is_none());
        }
    }

    #[track_caller]
    fn check(quiet: &Quiet, now: &str, expect: Option<&str>) {
        assert_eq!(quiet.until(at(now)), expect.map(at), "{now}");
    }

    #[test]
    fn quiet_hours_end_in_their_own_time_zone() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let night = Quiet {
            from: time("19:00"),
            to: time("08:00"),
            tz: TimeZone::get("Europe/London").unwrap(),
            except: vec![Severity::Critical],
        };
        check(&night, "2026-11-12T18:59:59Z", None);
        check(&night, "2026-11-12T19:00:00Z", Some("2026-11-13T08:00:00Z"));
        check(&night, "2026-11-13T03:00:00Z", Some("2026-11-13T08:00:00Z"));
        check(&night, "2026-11-13T08:00:00Z", None);
        check(&night, "2026-07-12T18:30:00Z", Some("2026-07-13T07:00:00Z"));
        let lunch = Quiet { from: time("12:00"), to: time("13:00"), tz: TimeZone::UTC, ..night };
        check(&lunch, "2026-11-12T12:30:00Z", Some("2026-11-12T13:00:00Z"));
        check(&lunch, "2026-11-12T13:00:00Z", None);
    }

    #[test]
    fn what_may_not_go_now_goes_later() {
        let night = Quiet {
            from: "12:00".parse().unwrap(),
            to: "13:00".parse().unwrap(),
            tz: TimeZone::UTC,
            except: vec![Severity::Critical],
        };
        let pacing = Pacing { wait: SignedDuration::ZERO, ..Pacing::default() };
        let policy = Policy { pacing, quiet: Some(night), rate: None };
        let go =
            |told: &Told, severity, now: &str| policy.decide(told, &seen(severity), Bucket::default(), true, at(now)).0;
        let held = go(&Told::default(), Severity::High, NOON);
        assert_eq!(held.action, Action::Wait { until: at("2026-11-12T13:00:00Z") });
        assert_eq!(go(&held.told, Severity::High, "2026-11-12T13:00:00Z").action, Action::Post { stage: Stage::New });
        assert_eq!(go(&Told::default(), Severity::Critical, NOON).action, Action::Post { stage: Stage::New });
    }

    #[test]
    fn a_full_channel_hears_the_rest_from_the_digest() {
        let pacing = Pacing { wait: SignedDuration::ZERO, ..Pacing::default() };
        let rate = Some(Rate { messages: 1, per: SignedDuration::from_hours(1) });
        let policy = Policy { pacing, quiet: None, rate };
        let decide = |severity, bucket| policy.decide(&Told::default(), &seen(severity), bucket, true, at(NOON));
        let (first, empty) = decide(Severity::High, Bucket::default());
        assert_eq!(first.action, Action::Post { stage: Stage::New });
        let (second, still) = decide(Severity::High, empty);
        assert_eq!((second.action, second.told.posted, still), (Action::Rest, None, empty));
        assert_eq!(decide(Severity::Critical, empty).0.action, Action::Post { stage: Stage::New });
        let later = at(NOON) + SignedDuration::from_hours(1);
        let told = policy.decide(&second.told, &seen(Severity::High), empty, true, later).0;
        assert_eq!(told.action, Action::Post { stage: Stage::New }, "nothing was lost");
    }

    /// A reopening that quiet hours hold back is still a reopening when they end.
    #[test]
    fn quiet_hours_forget_nothing() {
        let quiet =
            Quiet { from: "12:00".parse().unwrap(), to: "13:00".parse().unwrap(), tz: TimeZone::UTC, except: vec![] };
        let policy = Policy { quiet: Some(quiet), ..Policy::default() };
        let told = Told {
            posted: Some(at("2026-11-01T09:00:00Z")),
            sent: Some(at("2026-11-01T09:00:00Z")),
            fingerprint: "f".into(),
            severity: Some(Severity::High),
            last_denial: Some(at("2026-11-01T09:00:00Z")),
            ..Told::default()
        };
        let held = policy.decide(&told, &seen(Severity::High), Bucket::default(), true, at("2026-11-12T12:30:00Z")).0;
        let after =
            policy.decide(&held.told, &seen(Severity::High), Bucket::default(), true, at("2026-11-12T13:00:00Z")).0;
        assert_eq!(after.action, Action::Post { stage: Stage::Reopened });
    }
}
