//! Data on standard output, talk on standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that prints

use super::{Color, Global};
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

/// A failure with its reasons.
pub(super) fn error(fault: &anyhow::Error) {
    anstream::eprintln!("denywatch: {}", crate::render::escape::terminal(&format!("{fault:#}")));
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
