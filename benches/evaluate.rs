//! Decisions a second on one core, 20 statements in play: `cargo bench --no-default-features --bench evaluate`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use denywatch::policy::{ContextValue, Document, Policies, PrincipalSet, Request, Statement, evaluate};
use std::hint::black_box;
use std::time::Instant;

const ACCOUNT: &str = "111122223333";
const RUNS: usize = 20;

fn statement(number: usize) -> Statement {
    let bucket = format!("arn:aws:s3:::bucket-{number}/*");
    let own = "arn:aws:s3:::data/${aws:PrincipalTag/team}/*".to_owned();
    let plain = Statement::allow(["s3:GetObject*", "s3:PutObject"], [bucket, own]);
    match number % 4 {
        0 => plain.with_condition("StringLike", "aws:PrincipalTag/team", ["red", "bl*"]),
        1 => plain.with_condition("IpAddress", "aws:SourceIp", ["203.0.113.0/24"]),
        2 => plain.with_condition("DateLessThan", "aws:CurrentTime", ["2026-12-31T00:00:00Z"]),
        _ => plain,
    }
}

fn policies() -> Policies {
    let identity = (0..3).map(|policy| Document::new((policy * 5..policy * 5 + 5).map(statement).collect()));
    let everything = || Document::new(vec![Statement::allow(["*"], ["*"])]);
    let bucket = Statement::allow(["s3:*"], ["arn:aws:s3:::data/*"])
        .with_principal(PrincipalSet::aws([format!("arn:aws:iam::{ACCOUNT}:role/other")]));
    Policies {
        identity: identity.collect(),
        boundary: vec![everything()],
        scp: vec![vec![everything()], vec![everything()], vec![everything()]],
        resource: Some(Document::new(vec![bucket])),
        ..Policies::default()
    }
}

fn requests() -> Vec<Request> {
    let context = [
        ("aws:PrincipalTag/team", "red"),
        ("aws:SourceIp", "203.0.113.9"),
        ("aws:CurrentTime", "2026-11-22T00:00:00Z"),
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "eu-west-1"),
    ];
    let request = |number: usize| Request {
        principal: format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/session"),
        action: ["s3:GetObject", "s3:DeleteObject"][number % 2].to_owned(),
        resource: format!("arn:aws:s3:::data/{}/key-{number}", ["red", "green", "blue"][number % 3]),
        resource_account: Some(ACCOUNT.to_owned()),
        context: context.map(|(key, value)| (key.to_owned(), ContextValue::from(value))).into(),
    };
    (0..1000).map(request).collect()
}

fn main() {
    let (policies, requests) = (policies(), requests());
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let (mut wall, mut busy) = (f64::INFINITY, None::<f64>);
    for _ in 0..RUNS {
        let (start, before) = (Instant::now(), busy_seconds());
        for request in requests.iter().cycle().take(count) {
            black_box(evaluate(black_box(&policies), black_box(request)));
        }
        wall = wall.min(start.elapsed().as_secs_f64());
        let took = busy_seconds().zip(before).map(|(after, before)| after - before);
        busy = took.map(|took| busy.map_or(took, |least| least.min(took)));
    }
    let a_second = |seconds: f64| format!("{:.0} decisions/s", count as f64 / seconds);
    let of_cpu = busy.map_or("not told by this system".to_owned(), a_second);
    println!("20 statements, the best of {RUNS} runs: wall clock {}; CPU time {of_cpu}", a_second(wall));
}

/// Seconds for which this thread has had a processor: what others on the machine take is not in them.
///
/// Linux alone tells it without `unsafe`: <https://docs.kernel.org/scheduler/sched-stats.html>.
fn busy_seconds() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}
