//! The house rules that a compiler does not check: direction of the modules, purity of the core, size of a file.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may read the sources and stop at the first surprise"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules and files that may touch the outside world.
const OUTSIDE: [&str; 5] = ["io", "app", "cli", "main.rs", "bin"];
/// Names of the outside world; the core may not know them.
const FOREIGN: [&str; 10] = [
    "tokio",
    "aws_",
    "lambda_runtime",
    "rusqlite",
    "std::fs",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process",
];
/// Lines of a file, its tests and tables aside.
const MAX_LINES: usize = 500;

/// One source file: its path below `src/` and its code without tests and comments.
struct Source {
    path: String,
    code: Vec<(usize, String)>,
    raw: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Whether a file holds nothing but tests: `tests.rs`, `*_tests.rs` or anything below `tests/`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.split('/').any(|part| part == "tests")
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    rust_files(&src, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let raw = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        Source { code: code_lines(&raw), path, raw }
    };
    paths.iter().map(read).filter(|s| !is_test_file(&s.path)).collect()
}

/// Numbered lines up to the file's test module, comments taken off. The house puts tests last in a file.
fn code_lines(raw: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = raw.lines().collect();
    let is_tests = |(at, line): &(usize, &&str)| {
        line.trim() == "#[cfg(test)]" && lines.get(at + 1).is_some_and(|next| next.trim().starts_with("mod "))
    };
    let end = lines.iter().enumerate().find(is_tests).map_or(lines.len(), |(at, _)| at);
    let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    lines[..end].iter().enumerate().map(|(at, line)| (at + 1, without_comment(line))).collect()
}

/// The modules in the order of `lib.rs`.
fn order() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    lib.lines().filter_map(name).collect()
}

/// `denial/message.rs` → `denial`; `main.rs`, `lib.rs` → themselves.
fn top(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    if first == path && !matches!(first, "main.rs" | "lib.rs") { first.trim_end_matches(".rs") } else { first }
}

/// The top modules named after `crate::` in a piece of code, braces included: `crate::{arn, policy::Effect}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(group_heads(list)),
            None => used.extend(identifier(rest)),
        }
    }
    used
}

/// The first names of a `use` group, up to its closing brace.
fn group_heads(list: &str) -> Vec<String> {
    let (mut heads, mut depth, mut fresh) = (Vec::new(), 0_usize, true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (c.is_alphabetic() || c == '_') => {
                heads.extend(identifier(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let order = order();
    assert!(order.len() >= 14, "lib.rs is not read as it should be: {order:?}");
    let place = |name: &str| order.iter().position(|m| m == name);
    let mut faults = Vec::new();
    for source in sources() {
        let Some(own) = place(top(&source.path)) else { continue };
        let code: String = source.code.iter().map(|(_, line)| format!("{line}\n")).collect();
        for used in used_modules(&code) {
            if place(&used).is_some_and(|at| at > own) {
                faults.push(format!("src/{}: `{}` uses `{used}`, which stands below it", source.path, order[own]));
            }
        }
    }
    report(&faults);
}

#[test]
fn each_module_of_the_tree_is_in_the_order() {
    let order = order();
    let known = |name: &str| matches!(name, "lib.rs" | "main.rs" | "bin") || order.iter().any(|m| m == name);
    let strays = sources().into_iter().filter(|s| !known(top(&s.path)));
    report(&strays.map(|s| format!("src/{} belongs to no module of lib.rs", s.path)).collect::<Vec<_>>());
}

#[test]
fn the_core_knows_nothing_of_the_outside() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|s| !OUTSIDE.contains(&top(&s.path))) {
        for (number, line) in &source.code {
            faults.extend(
                FOREIGN
                    .iter()
                    .filter(|name| names(line, name))
                    .map(|name| format!("src/{}:{number}: `{name}` in the core", source.path)),
            );
        }
    }
    report(&faults);
}

/// Whether a path in the line begins with `name`; inside a string literal it is only a word.
fn names(line: &str, name: &str) -> bool {
    let outside_strings: String = line.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    outside_strings.match_indices(name).any(|(at, _)| {
        let before = outside_strings[..at].chars().next_back();
        let after = &outside_strings[at + name.len()..];
        let ends = name.ends_with('_') || !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_path = !name.ends_with('_') || after.contains("::");
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && ends && is_path
    })
}

#[test]
fn a_file_can_be_read_at_one_sitting() {
    let long = sources().into_iter().filter(|s| s.code.len() > MAX_LINES);
    let told = long.map(|s| format!("src/{}: {} lines, {MAX_LINES} at most", s.path, s.code.len()));
    report(&told.collect::<Vec<_>>());
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    // Put together here, so that this file does not name them itself.
    let places = ["work/", "root/", "home/", "Users/"].map(|p| format!("\"/{p}"));
    let mut faults = Vec::new();
    for source in sources() {
        for (at, line) in source.raw.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                faults.push(format!("src/{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_reader_of_use_lines_reads_them_all() {
    #[track_caller]
    fn check(code: &str, expect: &[&str]) {
        let expect: BTreeSet<String> = expect.iter().map(ToString::to_string).collect();
        assert_eq!(used_modules(code), expect, "{code}");
    }
    check("use crate::arn::Arn;", &["arn"]);
    check("use crate::{arn::Arn, policy::{Effect, Sid},\n record};", &["arn", "policy", "record"]);
    check("fn f(x: &crate::render::Format) -> crate::arn::Arn", &["arn", "render"]);
    check("pub(crate) use super::x; use other_crate::y;", &[]);
}

#[test]
fn the_reader_of_foreign_names_reads_paths_only() {
    #[track_caller]
    fn check(line: &str, name: &str, expect: bool) {
        assert_eq!(names(line, name), expect, "{line}");
    }
    check("use tokio::time;", "tokio", true);
    check("use aws_sdk_sns::Client;", "aws_", true);
    check("let x = std::fs::read(p);", "std::fs", true);
    check("let x = \"std::fs\";", "std::fs", false);
    check("fn aws_managed(name: &str) -> bool", "aws_", false);
    check("let tokio_like = 1;", "tokio", false);
}
