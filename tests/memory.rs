//! However large a file is, it never stands in memory, nor do all findings, however many there are: the shipped program,
//! watched while it runs.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may stop at the first surprise")]

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
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
    write_some(&mut out, TEXT * 32, as_list);
}

/// So many, of some 32 KiB each.
fn write_some(mut out: impl Write, count: usize, as_list: bool) {
    let (before, between, after) = if as_list { ("{\"Records\":[", ",", "]}") } else { ("", "\n", "\n") };
    out.write_all(before.as_bytes()).unwrap();
    let allowed = event(0, false);
    for id in 1..count {
        write!(out, "{}{between}", allowed.replacen("\"0\"", &format!("\"{id}\""), 1)).unwrap();
    }
    write!(out, "{}{after}", event(count, true)).unwrap();
}

/// The most memory that a process ever had, its program's pages aside, in megabytes, and what it printed; where it prints
/// much, that goes to a file.
fn watched(mut child: Child) -> (u64, Value) {
    // More than a pipe holds is written only if somebody reads it.
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut told = Vec::new();
        pipe.read_to_end(&mut told).unwrap();
        told
    });
    let (_, peak) = peak(&mut child);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    (peak / 1024, serde_json::from_slice(&reader.join().unwrap()).unwrap())
}

/// The most that it ever had, and that without its program's pages, in kilobytes, until it ends.
fn peak(child: &mut Child) -> (u64, u64) {
    let mut peak = (0, 0);
    let status = format!("/proc/{}/status", child.id());
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        let now = kilobytes("VmHWM:").zip(kilobytes("RssFile:"));
        peak = now.map_or(peak, |(most, file)| (most, most.saturating_sub(file)));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(peak.1 > 0);
    peak
}

fn scan(home: &Path, source: &str) -> Command {
    scan_as("json", home, source)
}

fn scan_as(output: &str, home: &Path, source: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denywatch"));
    let store = format!("sqlite:{}", home.join("ledger.db").display());
    command.args(["scan", source, "--output", output, "--store", &store]).env("HOME", home);
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

/// So many files of nearly 16 MiB, the most that is read as a whole, packed well.
fn large(count: usize, folder: &Path) {
    let mut text = Vec::new();
    write_some(&mut text, 15 * 32, true);
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(&text).unwrap();
    let packed = out.finish().unwrap();
    for file in 0..count {
        std::fs::write(folder.join(format!("{file:03}.json.gz")), &packed).unwrap();
    }
}

/// The same, every second of them not packed: what reads one has no use for the room of the other.
fn mixed(count: usize, folder: &Path) {
    large(count, folder);
    let mut text = Vec::new();
    write_some(&mut text, 15 * 32, true);
    for file in (0..count).step_by(2) {
        std::fs::write(folder.join(format!("{file:03}.json")), &text).unwrap();
    }
}

/// Where a folder has this beside it, it comes by standard input.
const STDIN: &str = "stdin";

/// The same as [`large`], and one of them, not packed, by a pipe: nobody knows how long it is before it was read.
fn piped(count: usize, folder: &Path) {
    large(count, folder);
    write_some(File::create(folder.with_file_name(STDIN)).unwrap(), 15 * 32, true);
}

/// A file that ends with a record which is never closed.
const ENDLESS: &str = "a.json";

/// The same as [`large`], and two of [`ENDLESS`], which are looked at in parts.
fn endless(count: usize, folder: &Path) {
    large(count, folder);
    for file in [ENDLESS, "b.json"] {
        let mut out = std::io::BufWriter::new(File::create(folder.join(file)).unwrap());
        write_some(&mut out, 15 * 32, true);
        out.write_all(b"{\"Records\":[{\"a\":[").unwrap();
        for _ in 0..TEXT {
            out.write_all(&b"{},".repeat((1 << 20) / 3)).unwrap();
        }
    }
}

/// However many threads have one each: without a bound these took 16 MiB more for each thread.
#[test]
fn nor_do_the_files_of_many_threads() {
    for (make, count, files, threads) in
        [(large as fn(usize, &Path), 40, 40, "8"), (mixed, 20, 30, "2"), (mixed, 20, 30, "32"), (piped, 20, 21, "2")]
    {
        let ((_, peak), answer) = scanned_of(make, count, "json", &["--threads", threads, "--one-look"]);
        let told: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&told["stats"]["files"], &told["stats"]["records"]), (&json!(files), &json!(files * 15 * 32)));
        assert!(peak / 1024 < MOST, "{peak} KB of {threads} threads");
    }
}

/// Findings of two archives, and by how many kilobytes the larger one may need more for each that it has more: a rank, a
/// name, a row, and what a second look seeks. Below two thousand what is bounded still fills, by some five kilobytes a finding.
const FEW: usize = 2_000;
const MANY: usize = 4_000;
const EACH: u64 = 2;

/// A role writes to a queue of its own.
fn call(role: usize, hour: usize, is_denied: bool) -> Value {
    let arn = format!("arn:aws:sts::111122223333:assumed-role/service-{role}/i-{role}");
    let queue = format!("queue-{role}");
    let issuer = format!("arn:aws:iam::111122223333:role/service-{role}");
    let mut event = json!({
        "eventVersion": "1.09", "eventID": format!("{role}-{hour}"), "eventTime": format!("2026-11-10T{hour:02}:00:00Z"),
        "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": "111122223333", "sessionContext": {"sessionIssuer":
            {"type": "Role", "arn": issuer, "accountId": "111122223333", "userName": format!("service-{role}")}}},
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "awsRegion": "eu-west-1",
        "userAgent": "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.209 md/arch#x86_64 lang/python#3.11.8",
        "requestParameters": {"queueUrl": format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{queue}")},
        "recipientAccountId": "111122223333", "eventCategory": "Data", "eventType": "AwsApiCall",
    });
    if is_denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] = format!(
            "User: {arn} is not authorized to perform: sqs:sendmessage on resource: \
             arn:aws:sqs:eu-west-1:111122223333:{queue} because no identity-based policy allows the sqs:sendmessage action"
        )
        .into();
    }
    event
}

/// Roles that are each refused a queue of their own, were allowed to write to it before, and again after.
fn roles(count: usize, folder: &Path) {
    for first in (0..count).step_by(50) {
        let records = (first..first + 50)
            .flat_map(|role| [(8, false), (10, true), (12, false)].map(|(hour, is)| call(role, hour, is)));
        let log = json!({"Records": Vec::from_iter(records)}).to_string();
        std::fs::write(folder.join(format!("{first:06}.json")), log).unwrap();
    }
}

/// So many roles that are each refused a queue of their own, in one packed file, one behind the other.
fn one_file(count: usize, folder: &Path) {
    let mut out = GzEncoder::new(File::create(folder.join("log.json.gz")).unwrap(), Compression::fast());
    out.write_all(b"{\"Records\":[").unwrap();
    for role in 0..count {
        write!(out, "{}{}", if role == 0 { "" } else { "," }, call(role, 10, true)).unwrap();
    }
    out.write_all(b"]}").unwrap();
    out.finish().unwrap();
}

/// So many accounts, each with an event that is allowed, in files of some thousands.
fn accounts(count: usize, folder: &Path) {
    for first in (0..count).step_by(2_000) {
        let mut log = String::new();
        for account in first..first + 2_000 {
            let mut event = call(1, 10, false);
            event["recipientAccountId"] = format!("{account:012}").into();
            log += &format!("{event}\n");
        }
        std::fs::write(folder.join(format!("{first:06}.jsonl")), log).unwrap();
    }
}

/// An organization's archive: a file of each Region of so many accounts, in a folder of its own.
fn organization(count: usize, folder: &Path) {
    for (account, region) in (0..count).flat_map(|account| (0..17).map(move |region| (account, region))) {
        let (account, region) = (format!("{account:012}"), format!("eu-west-{region}"));
        let day = folder.join(format!("AWSLogs/o-abc/{account}/CloudTrail/{region}/2026/11/10"));
        std::fs::create_dir_all(&day).unwrap();
        let mut event = call(1, 10, false);
        event["recipientAccountId"] = account.as_str().into();
        event["awsRegion"] = region.as_str().into();
        let log = json!({"Records": [event]}).to_string();
        std::fs::write(day.join(format!("{account}_CloudTrail_{region}_20261110T1015Z_x.json")), log).unwrap();
    }
}

/// The most memory of a scan of so many [`roles`], without its program's pages, in kilobytes, and its answer.
fn scanned(count: usize, output: &str, more: &[&str]) -> (u64, String) {
    let ((_, peak), answer) = scanned_of(roles, count, output, more);
    (peak, answer)
}

/// See [`peak`].
fn scanned_of(make: fn(usize, &Path), count: usize, output: &str, more: &[&str]) -> ((u64, u64), String) {
    let home = tempfile::tempdir().unwrap();
    let logs = home.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    make(count, &logs);
    let mut command = scan_as(output, home.path(), logs.to_str().unwrap());
    if let Ok(stdin) = File::open(logs.with_file_name(STDIN)) {
        command.arg("-").stdin(stdin);
    }
    let answer = home.path().join("answer");
    command.args(more).stdout(File::create(&answer).unwrap()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let peak = peak(&mut child);
    // Some input is broken, and the rest was read.
    let code = if logs.join(ENDLESS).exists() { 6 } else { 0 };
    assert_eq!(child.wait().unwrap().code(), Some(code));
    (peak, std::fs::read_to_string(answer).unwrap())
}

#[test]
fn findings_do_not_add_up_in_memory() {
    let few = std::thread::spawn(|| scanned(FEW, "json", &["--threads", "1"]));
    let (most, answer) = scanned(MANY, "json", &["--threads", "1"]);
    let (least, _) = few.join().unwrap();
    let told: Value = serde_json::from_str(&answer).unwrap();
    let findings = told["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &told["outcome"]), (MANY, &json!("patch")));
    assert!(findings.iter().all(|one| one["denied"][0]["allowed_since"].is_object()), "the second look saw nothing");
    let each = most.saturating_sub(least) / (MANY - FEW) as u64;
    assert!(most / 1024 < MOST && each < EACH, "{least} and {most} KB: {each} KB each");
}

/// Be it read as a whole: the smaller a denial is, the more of them do.
#[test]
fn nor_do_the_denials_of_one_packed_file() {
    let ((_, peak), answer) = scanned_of(one_file, 5_000, "jsonl", &["--threads", "2", "--one-look"]);
    let told: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((told["findings"].as_array().unwrap().len(), &told["problems"]), (5_000, &json!([])));
    assert!(peak / 1024 < MOST, "{peak} KB");
}

/// Where events happened is kept of each account and Region, in little.
#[test]
fn nor_do_accounts() {
    let ((_, peak), answer) = scanned_of(accounts, 80_000, "json", &["--threads", "1"]);
    let told: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&told["stats"]["records"], &told["problems"]), (&json!(80_000), &json!([])));
    assert!(peak / 1024 < MOST, "{peak} KB");
}

/// The bar itself, with the program's own pages: for a release build (`cargo test --release --test memory -- --ignored`).
#[test]
#[ignore = "for a release build, whose own pages are few: tests/long.sh runs it"]
fn a_hundred_thousand_findings_take_less_than_64_megabytes() {
    // What is written, how much of it, the findings that are told, the records that are read, and how.
    type Case = (fn(usize, &Path), usize, usize, u64, &'static str, &'static [&'static str]);
    let cases: [Case; 25] = [
        (roles, 10_000, 10_000, 30_000, "json", &[]),
        (roles, 10_000, 10_000, 30_000, "json", &["--one-look"]),
        (roles, 10_000, 10_000, 30_000, "text", &[]),
        (roles, 100_000, 100_000, 300_000, "json", &["--threads", "2", "--one-look"]),
        (roles, 100_000, 100_000, 300_000, "json", &["--threads", "2"]),
        (roles, 100_000, 100_000, 300_000, "json", &["--threads", "8"]),
        (one_file, 100_000, 100_000, 100_000, "json", &["--threads", "1", "--one-look"]),
        (one_file, 100_000, 100_000, 100_000, "json", &["--threads", "2", "--one-look"]),
        (one_file, 15_000, 15_000, 15_000, "json", &["--threads", "2"]),
        (large, 60, 1, 28_800, "json", &["--threads", "2"]),
        (large, 60, 1, 28_800, "json", &["--threads", "4"]),
        (large, 60, 1, 28_800, "json", &["--threads", "8"]),
        (large, 60, 1, 28_800, "json", &["--threads", "32"]),
        (mixed, 40, 1, 28_800, "json", &["--threads", "2"]),
        (mixed, 40, 1, 28_800, "json", &["--threads", "4"]),
        (mixed, 40, 1, 28_800, "json", &["--threads", "8"]),
        (piped, 40, 1, 19_680, "json", &["--threads", "2"]),
        (piped, 40, 1, 19_680, "json", &["--threads", "8"]),
        (endless, 40, 1, 20_160, "json", &["--threads", "1", "--one-look"]),
        (endless, 40, 1, 20_160, "json", &["--threads", "2", "--one-look"]),
        (endless, 40, 1, 20_160, "json", &["--threads", "8", "--one-look"]),
        (accounts, 200_000, 0, 200_000, "json", &["--threads", "1"]),
        (accounts, 200_000, 0, 200_000, "text", &["--threads", "2"]),
        (organization, 3_000, 0, 51_000, "json", &["--threads", "1"]),
        (organization, 3_000, 0, 51_000, "json", &["--threads", "2"]),
    ];
    for (make, count, findings, records, output, more) in cases {
        let ((whole, peak), answer) = scanned_of(make, count, output, more);
        println!("{count}, {output} {more:?}: {} MiB, {} without the program's pages", whole / 1024, peak / 1024);
        assert!(whole / 1024 < 64, "{} MiB with {count}, {output} {more:?}", whole / 1024);
        match serde_json::from_str::<Value>(&answer) {
            Ok(told) => {
                let found = told["findings"].as_array().map_or(0, Vec::len);
                assert_eq!((found, &told["stats"]["records"]), (findings, &json!(records)), "{count} {more:?}");
            }
            Err(_) => assert!(output == "text" && answer.matches("D-").count() >= findings, "not all was told"),
        }
    }
}
