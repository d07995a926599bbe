//! The real readers of what is printed, as tests call them. One that is not installed is named and skipped, or fails the
//! test when `CI=true`. They are looked for in `DENYWATCH_TOOLS` (a folder), then on `PATH`.

#![allow(dead_code, reason = "each user takes a part")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program; `None` (and a word on stderr) when it is not installed, a failure in CI.
pub fn tool(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let folder = std::env::var_os("DENYWATCH_TOOLS").map(|folder| PathBuf::from(folder).join(name));
    let candidates = folder.into_iter().chain([PathBuf::from(name)]);
    let works = |program: &PathBuf| {
        let run = Command::new(program).args(probe).stdin(Stdio::null()).output();
        run.is_ok_and(|output| output.status.success())
    };
    let found = candidates.into_iter().find(works);
    if found.is_none() {
        skip(&format!("{name} {}", probe.join(" ")));
    }
    found
}

/// Says what cannot be asked here; in CI nothing may be skipped.
fn skip(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "`{what}` does not run, and CI must not skip it");
    eprintln!("skipped: `{what}` does not run here");
}

/// Runs a program with input, and its output when it succeeded.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{}{told}", String::from_utf8_lossy(&output.stdout));
    output
}

pub fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Terraform, with the settings it is run with.
pub struct Terraform {
    program: PathBuf,
    settings: PathBuf,
}

impl Terraform {
    /// Without any provider: formats and evaluates.
    pub fn bare(folder: &Path) -> Option<Self> {
        let program = tool("terraform", &["version"])?;
        write(folder, "empty.tfrc", "");
        Some(Self { program, settings: folder.join("empty.tfrc") })
    }

    /// With the stand-in for the AWS provider (`tests/tools/terraform_stub`): validates, plans, applies, without init.
    /// Python of 3.11 or later fetches it from PyPI once, into `target/`.
    pub fn with_stub() -> Option<Self> {
        let program = tool("terraform", &["version"])?;
        let python = tool("python3", &["-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"])?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let mut setup = Command::new(python);
        setup.arg(root.join("tests/tools/terraform_stub/setup.py")).arg(target.join("terraform-stub"));
        let made = setup.output().unwrap();
        if !made.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&made.stderr));
            skip("tests/tools/terraform_stub/setup.py");
            return None;
        }
        let settings = String::from_utf8(made.stdout).unwrap().trim().into();
        Some(Self { program, settings })
    }

    /// Runs a command in a folder; its output when it succeeded.
    #[track_caller]
    pub fn run(&self, folder: &Path, arguments: &[&str], input: &str) -> Output {
        run(&mut self.command(folder, arguments), input)
    }

    /// The command, not yet run. Variables of Terraform's in the environment do not reach it.
    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("TF_"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        command.current_dir(folder).args(arguments).env("TF_CLI_CONFIG_FILE", &self.settings);
        command.env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1").env("NO_COLOR", "1");
        command
    }
}
