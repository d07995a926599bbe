//! `denywatch simulate`: JSON lines in, JSON lines out.

use super::{DONE, UNREAD, print};
use crate::catalog::Catalog;
use crate::io::sources::paste;
use crate::policy::simulate_line;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::BufRead;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Requests, one JSON object a line; `-` or nothing reads standard input.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<u8> {
    let (mut out, mut code) = (String::new(), DONE);
    for line in paste::lines(args.file.as_deref())?.lines() {
        let line = line?;
        if !line.trim().is_empty() {
            let answer = answer(&line);
            if answer.get("error").is_some() {
                code = UNREAD;
            }
            out.push_str(&answer.to_string());
            out.push('\n');
        }
        if out.len() > 1 << 16 {
            print::out(&out)?;
            out.clear();
        }
    }
    print::out(&out)?;
    Ok(code)
}

/// The simulator's answer; a request for an action that does not exist is told so, and not merely denied.
fn answer(line: &str) -> Value {
    let answer = simulate_line(line);
    match unknown_action(line) {
        Some(action) if answer.get("error").is_none() => {
            json!({"id": answer["id"], "error": format!("no IAM action `{action}` is known")})
        }
        _ => answer,
    }
}

#[derive(Deserialize)]
struct Line {
    request: Asked,
}

#[derive(Deserialize)]
struct Asked {
    action: String,
}

/// The action asked for, if the catalogue has none of that name; patterns are not looked up.
fn unknown_action(line: &str) -> Option<String> {
    let action = serde_json::from_str::<Line>(line).ok()?.request.action;
    let is_one = !action.contains(['*', '?']);
    (is_one && Catalog::embedded().action(&action).is_none()).then_some(action)
}
