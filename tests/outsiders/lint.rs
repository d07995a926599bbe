//! Shellcheck and cfn-lint.

use super::patches::put_all;
use crate::readers::{run, tool};
use denywatch::render::Format;
use std::process::Command;

#[test]
fn shellcheck_finds_nothing() {
    let Some(program) = tool("shellcheck", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = put_all(folder.path(), Format::Cli, "sh");
    let quoted = ["--enable", "quote-safe-variables"];
    run(Command::new(program).current_dir(folder.path()).args(quoted).args(names), "");
}

#[test]
fn cfn_lint_finds_nothing() {
    let Some(program) = tool("cfn-lint", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = |name: &String| std::fs::read_to_string(folder.path().join(name)).unwrap().contains("Resources");
    let names = [put_all(folder.path(), Format::Cfn, "yaml"), put_all(folder.path(), Format::CfnJson, "json")].concat();
    let names: Vec<_> = names.into_iter().filter(whole).collect();
    assert!(names.len() >= 18, "{names:?}");
    run(Command::new(program).current_dir(folder.path()).arg("--").args(names), "");
}
