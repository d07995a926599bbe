//! However large a file is, it never stands in memory: the shipped program, watched while it reads.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may stop at the first surprise")]

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Megabytes of text, and what a process may have at most beside the pages of its own program, which of a debug build with all
/// features are forty.
const TEXT: usize = 80;
const MOST: u64 = 48;

fn event(id: usize, is_denied: bool) -> String {
    let arn = "arn:aws:iam::111122223333:user/ana";
    let mut event = json!({
        "eventVersion": "1.08", "userIdentity": {"type": "IAMUser", "arn": arn, "userName": "ana"}, "eventID": id.to_string(),
        "eventTime": "2026-11-10T10:00:00Z", "eventSource": "sqs.amazonaws.com", "eventName": "ListQueues",
        "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "responseElements": {"x": "y".repeat(32 << 10)},
    });
    if is_denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] = format!("User: {arn} is not authorized to perform: sqs:ListQueues").into();
    }
    event.to_string()
}

/// A list of records, or lines of them; the last is denied.
fn write(mut out: impl Write, as_list: bool) {
    let (before, between, after) = if as_list { ("{\"Records\":[", ",", "]}") } else { ("", "\n", "\n") };
    out.write_all(before.as_bytes()).unwrap();
    let count = TEXT * 32;
    let allowed = event(0, false);
    for id in 1..count {
        write!(out, "{}{between}", allowed.replacen("\"0\"", &format!("\"{id}\""), 1)).unwrap();
    }
    write!(out, "{}{after}", event(count, true)).unwrap();
}

/// The most memory that a process ever had, its program's pages aside, in megabytes, and what it printed.
fn watched(mut child: Child) -> (u64, Value) {
    let mut peak = 0;
    let status = format!("/proc/{}/status", child.id());
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        peak = kilobytes("VmHWM:").zip(kilobytes("RssFile:")).map_or(peak, |(most, file)| most.saturating_sub(file));
        std::thread::sleep(Duration::from_millis(5));
    }
    let out = child.wait_with_output().unwrap();
    assert!(peak > 0 && out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    (peak / 1024, serde_json::from_slice(&out.stdout).unwrap())
}

fn scan(home: &Path, source: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denywatch"));
    let store = format!("sqlite:{}", home.join("ledger.db").display());
    command.args(["scan", source, "--output", "json", "--store", &store]).env("HOME", home);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn check(child: Child) {
    let (peak, told) = watched(child);
    assert_eq!((&told["stats"]["records"], &told["stats"]["denied"]), (&json!(TEXT * 32), &json!(1)));
    assert_eq!((&told["problems"], &told["findings"][0]["count"]), (&json!([]), &json!(1)));
    assert!(peak < MOST, "{peak} MB");
}

#[test]
fn packed_lines_are_read_in_bounded_memory() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("lines.jsonl.gz");
    let mut out = GzEncoder::new(File::create(&log).unwrap(), Compression::fast());
    write(&mut out, false);
    out.finish().unwrap();
    check(scan(home.path(), log.to_str().unwrap()).spawn().unwrap());
}

#[test]
fn so_is_a_plain_list_that_comes_by_a_pipe() {
    let home = tempfile::tempdir().unwrap();
    let mut child = scan(home.path(), "-").stdin(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || write(std::io::BufWriter::new(input), true));
    check(child);
    writer.join().unwrap();
}
