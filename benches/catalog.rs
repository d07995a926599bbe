//! Time to unpack the catalogue, once a process, and to look a fact up: `cargo bench --no-default-features --bench catalog`.
//!
//! The catalogue is unpacked at first use and kept, so each unpacking is measured in a process of its own. The least of
//! many runs is what the machine can do when nobody else is at it; the median shows how busy it was.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use denywatch::catalog::Catalog;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

const LOADS: usize = 200;
const ROUNDS: usize = 2_000;
const ACTIONS: [&str; 8] = [
    "s3:getobject",
    "kms:Decrypt",
    "ec2:RunInstances",
    "iam:PassRole",
    "zzz:nothing",
    "SNS:Publish",
    "lambda:InvokeFunction",
    "a4b:ApproveSkill",
];
const OPERATIONS: [(&str, &str); 6] = [
    ("s3.amazonaws.com", "CreateMultipartUpload"),
    ("ec2.amazonaws.com", "RunInstances"),
    ("lambda.amazonaws.com", "Invoke20150331"),
    ("monitoring.amazonaws.com", "PutMetricData"),
    ("sqs.amazonaws.com", "SendMessageBatch"),
    ("nobody.amazonaws.com", "Nothing"),
];

fn main() {
    if std::env::args().any(|argument| argument == "--load") {
        let start = Instant::now();
        black_box(Catalog::embedded());
        println!("{}", start.elapsed().as_nanos());
        return;
    }
    let mut loads: Vec<u64> = (0..LOADS).map(|_| load()).collect();
    loads.sort_unstable();
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    println!("unpacked in {:.2} ms (median {:.2})", milliseconds(loads[0]), milliseconds(loads[LOADS / 2]));
    let catalog = Catalog::embedded();
    let action = least(ACTIONS.len(), || {
        for name in ACTIONS {
            black_box(catalog.action(black_box(name)));
        }
    });
    println!("an action looked up in {action} ns");
    let operation = least(OPERATIONS.len(), || {
        for (source, name) in OPERATIONS {
            black_box(catalog.resolve(black_box(source), black_box(name), None));
        }
    });
    println!("an operation resolved in {operation} ns");
}

/// Nanoseconds that another process took.
fn load() -> u64 {
    let output = Command::new(std::env::current_exe().unwrap()).arg("--load").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// The least nanoseconds of one of `count` things that `work` does.
fn least(count: usize, work: impl Fn()) -> u128 {
    let one = || {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| work());
        start.elapsed().as_nanos()
    };
    (0..20).map(|_| one()).min().unwrap_or_default() / (ROUNDS * count) as u128
}
