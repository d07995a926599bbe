//! `denywatch simulate`: JSON lines in, JSON lines out.

use super::{DONE, print};
use crate::io::sources::paste;
use crate::policy::simulate_line;
use clap::Args;
use std::io::BufRead;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Requests, one JSON object a line; `-` or nothing reads standard input.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<u8> {
    let mut out = String::new();
    for line in paste::lines(args.file.as_deref())?.lines() {
        let line = line?;
        if !line.trim().is_empty() {
            out.push_str(&simulate_line(&line).to_string());
            out.push('\n');
        }
        if out.len() > 1 << 16 {
            print::out(&out)?;
            out.clear();
        }
    }
    print::out(&out)?;
    Ok(DONE)
}
