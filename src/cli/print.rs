//! Data on standard output, talk on standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that prints

use super::{Color, Global};
use crate::record::Problem;
use crate::render::redact::Redactor;
use crate::render::text::Look;
use anstream::ColorChoice;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Decides on colours for the whole run.
pub(super) fn set_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Masks what is written from now on; `None` where nothing is.
static REDACTOR: Mutex<Option<Redactor>> = Mutex::new(None);

/// `--redact`.
pub(super) fn redact(wanted: bool) {
    with_redactor(|redactor| *redactor = wanted.then(Redactor::default));
}

fn with_redactor<T>(act: impl FnOnce(&mut Option<Redactor>) -> T) -> T {
    // A mask is made or not made; nothing is left half done by whoever panicked.
    act(&mut REDACTOR.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What is about to be told, so that its names are known wherever they stand.
pub(super) fn learn(value: &impl Serialize) {
    with_redactor(|redactor| redactor.iter_mut().for_each(|redactor| redactor.learn(value)));
}

/// Whether output is masked.
pub(super) fn is_redacting() -> bool {
    with_redactor(|redactor| redactor.is_some())
}

/// The value as it may be shown: what a table cuts short must be masked before.
pub(super) fn masked<T: Serialize + DeserializeOwned>(value: T) -> T {
    with_redactor(|redactor| match redactor {
        Some(redactor) => redactor.masked(value),
        None => value,
    })
}

/// As [`masked`], for what is written without a further mask.
pub(super) fn masked_or_fail<T: Serialize + DeserializeOwned + Clone>(value: &T) -> anyhow::Result<T> {
    match is_redacting() {
        false => Ok(value.clone()),
        true => Ok(serde_json::from_value(masked_json(serde_json::to_value(value)?))?),
    }
}

fn masked_json(value: serde_json::Value) -> serde_json::Value {
    with_redactor(|redactor| match redactor {
        Some(redactor) => redactor.json(value),
        None => value,
    })
}

/// Text as it may be shown.
pub(super) fn masked_text(text: &str) -> Cow<'_, str> {
    with_redactor(|redactor| match redactor {
        Some(redactor) => Cow::Owned(redactor.text(text)),
        None => Cow::Borrowed(text),
    })
}

/// Writes text to standard output; a reader that went away is no failure.
pub(super) fn out(text: &str) -> anyhow::Result<()> {
    write(&masked_text(text))
}

/// Writes text as it is.
pub(super) fn write(text: &str) -> anyhow::Result<()> {
    stream(|out| out.write_all(text.as_bytes()))
}

/// Has standard output written bit by bit, as it is.
pub(super) fn stream(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = std::io::BufWriter::with_capacity(64 << 10, anstream::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => Err(fault.into()),
        _ => Ok(()),
    }
}

/// One JSON value and a line end.
pub(super) fn json(value: &impl Serialize, pretty: bool) -> anyhow::Result<()> {
    let text = match is_redacting() {
        false if pretty => serde_json::to_string_pretty(value)?,
        false => serde_json::to_string(value)?,
        true => {
            let value = masked_json(serde_json::to_value(value)?);
            if pretty { serde_json::to_string_pretty(&value)? } else { value.to_string() }
        }
    };
    write(&(text + "\n"))
}

/// A remark on standard error.
pub(super) fn say(quiet: bool, text: &str) {
    if !quiet {
        anstream::eprintln!("{}", crate::render::escape::terminal(&masked_text(text)));
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
    anstream::eprintln!("denywatch: {}", crate::render::escape::terminal(&masked_text(&told_once(fault))));
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

/// Redraws the progress line, cut where the terminal ends: what runs over would stay.
pub(super) fn progress(text: &str) {
    let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    let cut: String = text.chars().take(width.unwrap_or(usize::MAX)).collect();
    eprint!("\r\x1b[2K{cut}");
}

/// How standard output is: a terminal's width and colours, a pipe's none.
pub(super) fn look(global: &Global) -> Look {
    let tty = std::io::stdout().is_terminal();
    let width = terminal_size::terminal_size().filter(|_| tty).map(|(width, _)| usize::from(width.0));
    // anstream takes colours out again where they are not wanted, NO_COLOR and pipes included.
    let colour = global.color != Color::Never;
    Look { colour, width: width.unwrap_or(Look::default().width) }
}
