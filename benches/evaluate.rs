//! Decisions a second on one core, 20 statements in play: `cargo bench --no-default-features --bench evaluate`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use denywatch::policy::{ContextValue, Document, Policies, PrincipalSet, Request, Statement, evaluate};
use std::hint::black_box;
use std::time::Instant;

const ACCOUNT: &str = "111122223333";

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
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for request in requests.iter().cycle().take(count) {
            black_box(evaluate(black_box(&policies), black_box(request)));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{:.0} decisions/s with 20 statements", count as f64 / best);
}
