//! `denywatch completions` and `man`: made of the command line's own description.

use super::{Cli, DONE, print};
use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// A command, such as `scan`; without it the program.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "denywatch", &mut text);
    print::out(&String::from_utf8(text)?)?;
    Ok(DONE)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<u8> {
    let mut whole = Cli::command();
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => {
            let found =
                whole.find_subcommand(name).with_context(|| format!("no command `{name}`: see `denywatch --help`"));
            found?.clone()
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print::out(&String::from_utf8(page)?)?;
    Ok(DONE)
}
