//! The line that a scan redraws on standard error: how far, how fast, how long still.

use super::print;
use crate::app::Stats;
use crate::io::clock::Stopwatch;
use crate::io::sources::archive::Selection;
use crate::io::sources::many;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

/// Seconds between two drawings.
const EVERY: f64 = 0.1;

/// The line.
pub(super) struct Line {
    watch: Stopwatch,
    drawn: f64,
    /// What there is to read in all comes when it is known.
    coming: Receiver<many::Size>,
    all: Option<many::Size>,
}

impl Line {
    /// Over these sources, whose sizes are summed up meanwhile.
    pub(super) fn over(sources: &[PathBuf], selection: &Selection) -> Self {
        let (tell, coming) = channel();
        let (sources, selection) = (sources.to_vec(), selection.clone());
        std::thread::spawn(move || {
            // Nobody may listen any more.
            let _ = tell.send(many::size(&sources, &selection));
        });
        Self { watch: Stopwatch::start(), drawn: 0.0, coming, all: None }
    }

    /// Draws it, if it was not drawn just now.
    pub(super) fn show(&mut self, stats: &Stats) {
        let seconds = self.watch.seconds();
        if seconds - self.drawn >= EVERY {
            self.drawn = seconds;
            self.all = self.all.or_else(|| self.coming.try_recv().ok());
            print::progress(&text(stats, self.all, seconds));
        }
    }
}

fn text(stats: &Stats, all: Option<many::Size>, seconds: f64) -> String {
    let told = format!("{} records, {} denied", stats.records, stats.denied);
    let rate = stats.bytes_read as f64 / seconds.max(0.001);
    let speed = format!("{:.1} MB/s", rate / 1e6);
    match all {
        Some(all) if all.bytes > 0 => {
            let left = all.bytes.saturating_sub(stats.bytes_read) as f64 / rate.max(1.0);
            let part = (stats.bytes_read as f64 / all.bytes as f64 * 100.0).min(100.0);
            format!("{part:3.0} % ({} of {} files), {told}, {speed}, {} left", stats.files, all.files, span(left))
        }
        _ => format!("{} files, {told}, {speed}", stats.files),
    }
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

    #[test]
    fn how_far_how_fast_how_long() {
        let stats = Stats { files: 5, records: 20, denied: 2, bytes_read: 25_000_000, ..Stats::default() };
        let all = many::Size { files: 20, bytes: 100_000_000 };
        assert_eq!(text(&stats, None, 10.0), "5 files, 20 records, 2 denied, 2.5 MB/s");
        assert_eq!(text(&stats, Some(all), 10.0), " 25 % (5 of 20 files), 20 records, 2 denied, 2.5 MB/s, 30 s left");
        assert_eq!([0.2, 99.5, 600.0, 7_200.0].map(span), ["1 s", "2 min", "10 min", "2 h"]);
    }
}
