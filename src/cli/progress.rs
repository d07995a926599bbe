//! The line that a scan redraws on standard error: how far, how fast, how long still.

use super::print;
use crate::app::{Covered, Fetched, Looked, Progress, Stats, Step};
use crate::io::clock::Stopwatch;
use crate::io::sources::archive::Selection;
use crate::io::sources::many::{self, Size};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

/// Seconds between two drawings.
const EVERY: f64 = 0.1;
/// Regions that are told by name: the slowest.
const REGIONS: usize = 3;

/// The line.
pub(super) struct Line {
    watch: Stopwatch,
    drawn: f64,
    /// When the second look began.
    second: Option<f64>,
    looks_twice: bool,
    /// What there is to read in all comes when it is known.
    coming: Receiver<Size>,
    all: Option<Size>,
}

impl Line {
    /// Over these sources, whose sizes are summed up meanwhile; none where nobody knows beforehand what there is.
    pub(super) fn over(sources: &[PathBuf], selection: &Selection, looks_twice: bool) -> Self {
        let (tell, coming) = channel();
        let (sources, selection) = (sources.to_vec(), selection.clone());
        std::thread::spawn(move || {
            // Nobody may listen any more.
            let _ = tell.send(many::size(&sources, &selection));
        });
        Self { watch: Stopwatch::start(), drawn: 0.0, second: None, looks_twice, coming, all: None }
    }

    /// Draws it, if it was not drawn just now.
    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        let seconds = self.watch.seconds();
        if matches!(progress.step, Step::SecondLook(_)) && self.second.is_none() {
            // What the first look has written last stands no longer.
            (self.second, self.drawn) = (Some(seconds), 0.0);
        }
        if seconds - self.drawn >= EVERY {
            self.drawn = seconds;
            self.all = self.all.or_else(|| self.coming.try_recv().ok()).filter(|all| all.bytes > 0);
            let seconds = seconds - self.second.unwrap_or(0.0);
            let text = text(progress, self.all, seconds);
            let look = match (self.looks_twice, self.second) {
                (false, _) => "",
                (true, None) => "first look: ",
                (true, Some(_)) => "second look: ",
            };
            print::progress(&format!("{look}{text}"));
        }
    }
}

/// Of a look that has taken so many seconds.
fn text(progress: &Progress<'_>, all: Option<Size>, seconds: f64) -> String {
    let (stats, under_way) = (progress.stats, progress.under_way);
    match progress.step {
        Step::Reading => reading(stats, all, under_way, seconds),
        Step::Fetching(fetched) => fetching(stats, fetched, seconds),
        Step::History(regions) => history(stats, regions, seconds),
        Step::SecondLook(looked) => second_look(looked, all, under_way, seconds),
    }
}

fn records(stats: &Stats) -> String {
    format!("{} records, {} denied", stats.records, stats.denied)
}

fn reading(stats: &Stats, all: Option<Size>, under_way: u64, seconds: f64) -> String {
    let done = stats.bytes_read + under_way;
    // Files that were known took no time.
    let rate = rate(done.saturating_sub(stats.bytes_known), seconds);
    let told = records(stats);
    match all {
        Some(all) => {
            let (part, left) = (part(done, all.bytes), left(all.bytes, done, rate));
            format!("{part} ({} of {} files), {told}{}{left}", stats.files, all.files, speed(rate))
        }
        None => format!("{} files, {:.1} MB, {told}{}", stats.files, megabytes(done), speed(rate)),
    }
}

fn fetching(stats: &Stats, Fetched { done, listed, is_all }: Fetched, seconds: f64) -> String {
    let (rate, told) = (rate(done.bytes, seconds), records(stats));
    match is_all {
        true => {
            let (part, left) = (part(done.bytes, listed.bytes), left(listed.bytes, done.bytes, rate));
            format!("{part} ({} of {} objects), {told}{}{left}", done.files, listed.files, speed(rate))
        }
        false => {
            let listed = format!("{} objects, {:.1} MB, listed so far", listed.files, megabytes(listed.bytes));
            format!("{} of {listed}, {told}{}", done.files, speed(rate))
        }
    }
}

fn history(stats: &Stats, regions: &[Covered], seconds: f64) -> String {
    let sum = |of: fn(&Covered) -> i64| regions.iter().map(of).sum::<i64>().unsigned_abs();
    let (asked, covered) = (sum(|one| one.asked), sum(|one| one.covered));
    let mut open: Vec<&Covered> = regions.iter().filter(|one| !one.is_over).collect();
    open.sort_by_key(|one| (one.covered.saturating_mul(1_000) / one.asked.max(1), one.region.as_str()));
    let named = open.iter().take(REGIONS).map(|one| {
        let part = part(one.covered.unsigned_abs(), one.asked.unsigned_abs());
        format!("{} {}", one.region, part.trim_start())
    });
    let mut named: Vec<String> = named.collect();
    if open.len() > REGIONS {
        named.push(format!("{} more", open.len() - REGIONS));
    }
    let slowest = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    let done = regions.len() - open.len();
    // Regions are read at the same time: the slowest tells the end.
    let needs = |one: &&Covered| {
        let rate = rate(one.covered.unsigned_abs(), seconds)?;
        Some(span(one.asked.saturating_sub(one.covered).max(0) as f64 / rate))
    };
    let left = open.first().and_then(needs).map(|left| format!(", {left} left")).unwrap_or_default();
    let part = part(covered, asked);
    format!("{part} of the time, {done} of {} Regions done{slowest}; {}{left}", regions.len(), records(stats))
}

fn second_look(looked: Looked, all: Option<Size>, under_way: u64, seconds: f64) -> String {
    let Looked { passed, all: own, bytes_read, is_wider } = looked;
    let (rate_of_reading, done) = (rate(bytes_read + under_way, seconds), passed.bytes + under_way);
    match own.or(all.filter(|_| !is_wider)) {
        Some(all) => {
            // What cannot tell is passed over at once, and is part of the pace.
            let left = left(all.bytes, done, rate(done, seconds));
            let part = part(done, all.bytes);
            format!("{part} ({} of {} files){}{left}", passed.files, all.files, speed(rate_of_reading))
        }
        None => format!("{} files{}", passed.files, speed(rate_of_reading)),
    }
}

/// So many a second; `None` where nothing was done yet.
fn rate(done: u64, seconds: f64) -> Option<f64> {
    (done > 0).then(|| done as f64 / seconds.max(0.001))
}

fn speed(rate: Option<f64>) -> String {
    rate.map(|rate| format!(", {:.1} MB/s", rate / 1e6)).unwrap_or_default()
}

fn left(all: u64, done: u64, rate: Option<f64>) -> String {
    rate.map(|rate| format!(", {} left", span(all.saturating_sub(done) as f64 / rate))).unwrap_or_default()
}

fn part(done: u64, all: u64) -> String {
    format!("{:3.0} %", (done as f64 / all.max(1) as f64 * 100.0).min(100.0))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    match seconds.ceil().clamp(0.0, 1e9) {
        few if few < 100.0 => format!("{few:.0} s"),
        some if some < 6_000.0 => format!("{:.0} min", some / 60.0),
        many => format!("{:.0} h", many / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(step: Step<'_>, stats: Stats, all: Option<Size>, expect: &str) {
        check_within(step, stats, 0, all, expect);
    }

    /// With bytes of a large file that is being read.
    #[track_caller]
    fn check_within(step: Step<'_>, stats: Stats, under_way: u64, all: Option<Size>, expect: &str) {
        assert_eq!(text(&Progress { stats: &stats, step, under_way }, all, 10.0), expect);
    }

    const ALL: Option<Size> = Some(Size { files: 20, bytes: 100_000_000 });

    fn stats() -> Stats {
        Stats { files: 5, records: 20, denied: 2, bytes_read: 25_000_000, ..Stats::default() }
    }

    #[test]
    fn how_far_how_fast_how_long() {
        check(Step::Reading, stats(), None, "5 files, 25.0 MB, 20 records, 2 denied, 2.5 MB/s");
        let told = " 25 % (5 of 20 files), 20 records, 2 denied, 2.5 MB/s, 30 s left";
        check(Step::Reading, stats(), ALL, told);
        assert_eq!([0.2, 99.5, 600.0, 7_200.0].map(span), ["1 s", "2 min", "10 min", "2 h"]);
    }

    #[test]
    fn a_large_file_counts_as_far_as_it_was_read() {
        let told = " 75 % (5 of 20 files), 20 records, 2 denied, 7.5 MB/s, 4 s left";
        check_within(Step::Reading, stats(), 50_000_000, ALL, told);
        check_within(Step::Reading, stats(), 50_000_000, None, "5 files, 75.0 MB, 20 records, 2 denied, 7.5 MB/s");
        let passed = Size { files: 10, bytes: 25_000_000 };
        let looked = Looked { passed, bytes_read: 5_000_000, ..Looked::default() };
        check_within(Step::SecondLook(looked), stats(), 25_000_000, ALL, " 50 % (10 of 20 files), 3.0 MB/s, 10 s left");
    }

    #[test]
    fn what_was_known_is_done_and_makes_no_pace() {
        let some = Stats { bytes_known: 20_000_000, known: 4, ..stats() };
        check(Step::Reading, some, ALL, " 25 % (5 of 20 files), 20 records, 2 denied, 0.5 MB/s, 2 min left");
        let all = Stats { bytes_known: 25_000_000, known: 5, ..stats() };
        check(Step::Reading, all, ALL, " 25 % (5 of 20 files), 20 records, 2 denied");
    }

    #[test]
    fn the_second_look_has_its_own() {
        let passed = Size { files: 10, bytes: 50_000_000 };
        let looked = Looked { passed, bytes_read: 5_000_000, ..Looked::default() };
        check(Step::SecondLook(looked), stats(), ALL, " 50 % (10 of 20 files), 0.5 MB/s, 10 s left");
        check(Step::SecondLook(looked), stats(), None, "10 files, 0.5 MB/s");
        let wider = Looked { is_wider: true, ..looked };
        check(Step::SecondLook(wider), stats(), ALL, "10 files, 0.5 MB/s");
        let kept = Looked { all: Some(Size { files: 40, bytes: 200_000_000 }), ..looked };
        check(Step::SecondLook(kept), stats(), None, " 25 % (10 of 40 files), 0.5 MB/s, 30 s left");
    }

    #[test]
    fn of_a_bucket_what_was_listed_is_known() {
        let done = Size { files: 5, bytes: 25_000_000 };
        let fetched = Fetched { done, listed: Size { files: 20, bytes: 100_000_000 }, is_all: false };
        let told = "5 of 20 objects, 100.0 MB, listed so far, 20 records, 2 denied, 2.5 MB/s";
        check(Step::Fetching(fetched), stats(), None, told);
        let told = " 25 % (5 of 20 objects), 20 records, 2 denied, 2.5 MB/s, 30 s left";
        check(Step::Fetching(Fetched { is_all: true, ..fetched }), stats(), None, told);
    }

    #[test]
    fn of_event_history_each_region_has_its_time() {
        let one = |region: &str, covered| {
            let (asked, is_over) = (1_000, covered == 1_000);
            Covered { region: region.to_owned(), asked, covered, is_over }
        };
        let some = [one("eu-west-1", 1_000), one("us-east-1", 100)];
        let told = " 55 % of the time, 1 of 2 Regions done: us-east-1 10 %; 20 records, 2 denied, 90 s left";
        check(Step::History(&some), stats(), None, told);
        let begun = [one("a", 0), one("b", 500), one("c", 400), one("d", 300), one("e", 500)];
        let told = " 34 % of the time, 0 of 5 Regions done: a 0 %, d 30 %, c 40 %, 2 more; 20 records, 2 denied";
        check(Step::History(&begun), stats(), None, told);
        let told = "100 % of the time, 1 of 1 Regions done; 20 records, 2 denied";
        check(Step::History(&some[..1]), stats(), None, told);
    }
}
