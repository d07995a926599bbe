//! Data on standard output, talk on standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that prints

use super::{Color, Global};
use crate::record::Problem;
use crate::render::text::Look;
use anstream::ColorChoice;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Decides on colours for the whole run.
pub(super) fn set_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Writes text to standard output; a reader that went away is no failure.
pub(super) fn out(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => Err(fault.into()),
        _ => Ok(()),
    }
}

/// One JSON value and a line end.
pub(super) fn json(value: &impl Serialize, pretty: bool) -> anyhow::Result<()> {
    let text = if pretty { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? };
    out(&(text + "\n"))
}

/// A remark on standard error.
pub(super) fn say(quiet: bool, text: &str) {
    if !quiet {
        anstream::eprintln!("{}", crate::render::escape::terminal(text));
    }
}

/// What could not be read, whatever else is quiet.
pub(super) fn problems(all: &[Problem]) {
    for problem in all {
        say(false, &format!("not read: {}: {}", problem.input, problem.error));
    }
}

/// A failure with its reasons.
pub(super) fn error(fault: &anyhow::Error) {
    anstream::eprintln!("denywatch: {}", crate::render::escape::terminal(&told_once(fault)));
}

/// A failure and what is behind it; some failures tell their cause themselves.
fn told_once(fault: &anyhow::Error) -> String {
    let add = |mut told: String, cause: String| {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
        told
    };
    fault.chain().skip(1).map(ToString::to_string).fold(fault.to_string(), add)
}

/// Whether a progress line can be redrawn.
pub(super) fn is_progress_wanted(quiet: bool, no_progress: bool) -> bool {
    !quiet && !no_progress && std::io::stderr().is_terminal()
}

/// Redraws the progress line.
pub(super) fn progress(text: &str) {
    eprint!("\r\x1b[2K{text}");
}

/// How standard output is: a terminal's width and colours, a pipe's none.
pub(super) fn look(global: &Global) -> Look {
    let tty = std::io::stdout().is_terminal();
    let width = terminal_size::terminal_size().filter(|_| tty).map(|(width, _)| usize::from(width.0));
    // anstream takes colours out again where they are not wanted, NO_COLOR and pipes included.
    let colour = global.color != Color::Never;
    Look { colour, width: width.unwrap_or(Look::default().width) }
}
