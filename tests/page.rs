//! The report's pages, for `tests/page/browse.mjs` to open in a real browser: weeks made of the fixture trail, none, one
//! finding, ten thousand, and one in which every text is hostile. They lie in `target/pages`, each beside its JSON.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads and writes files

#[path = "outsiders/payloads.rs"]
#[allow(dead_code)]
mod payloads;

use denywatch::advice::{Advice, Context, Status, advise};
use denywatch::app::World;
use denywatch::app::report::{Ask, report};
use denywatch::app::scan::{Options, Scan};
use denywatch::catalog::Catalog;
use denywatch::change::{Changed, Changes, Story};
use denywatch::diagnosis::InForce;
use denywatch::finding::Since;
use denywatch::foretold::{Foretold, Outcome};
use denywatch::io::settings::Settings;
use denywatch::io::sources::files::{self, Limits};
use denywatch::io::stores::{Filter, Ledger, MemoryLedger};
use denywatch::render::report_files::ReportFormat;
use denywatch::report::{Coverage, Facts, Period, Report, Scope};
use denywatch::triage::expected::Expected;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const CONFIG: &str = r#"
version = 1
[account.111122223333]
name = "shop-dev"
[account.123456789012]
name = "org-audit"
[account.444455556666]
name = "media-prod"
[account.555566667777]
name = "sandbox"
[owner]
from = ["map"]
[owner.map]
"111122223333" = "shop-platform"
"444455556666" = "media"
"*:role/package-*" = "registry"
[[route]]
to = "stdout"
[[expected.rule]]
id = "exporter-of-old"
match = { principal = "*:user/report-export-old" }
reason = "the old exporter asks for what it lost in August"
owner = "finance-data"
expires = 2026-11-24
[[expected.rule]]
id = "feature-branch-deletes"
match = { principal = "feature-developer", permission = "codebuild:DeleteProject" }
reason = "developers try the button; the boundary is meant"
owner = "cloud-core"
permanent = true
[[expected.rule]]
id = "jenkins-agent"
match = { principal = "*:role/jenkins-*" }
reason = "the agents are switched off"
owner = "ci"
permanent = true
[[expected.rule]]
id = "migration-of-the-wiki"
match = { principal = "*:role/wiki-*" }
reason = "until the wiki has moved"
owner = "ci"
expires = 2026-11-01
"#;

fn week() -> Period {
    Period::week_of(jiff::civil::date(2026, 11, 11))
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = target.join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Keeps a report as a page and as JSON.
fn keep(name: &str, report: &Report) -> String {
    let page = ReportFormat::Html.render(report).unwrap();
    assert!(page.len() <= 1_000_000, "{name}: {} bytes", page.len());
    std::fs::write(folder().join(format!("{name}.html")), &page).unwrap();
    std::fs::write(folder().join(format!("{name}.json")), ReportFormat::Json.render(report).unwrap()).unwrap();
    page
}

fn made(ledger: &dyn Ledger, period: Period, scope: Scope) -> Report {
    let settings = Settings::parse(CONFIG).unwrap();
    let ask = Ask {
        period,
        scope,
        owners: &settings.routes.owners,
        time_zone: "UTC",
        now: "2026-11-16T07:00:00Z".parse().unwrap(),
    };
    let world = World::new(InForce::default()).expecting(settings.expected);
    report(ledger, &ask, &world).unwrap().0
}

/// The records of the fixture trail.
fn trail() -> Vec<Value> {
    let mut all = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trail");
    files::each(&[source], Limits::default(), |_, bytes| {
        let file: Value = serde_json::from_slice(bytes).unwrap();
        all.extend(file["Records"].as_array().unwrap().iter().cloned());
    });
    all
}

fn scan(records: Vec<Value>) -> MemoryLedger {
    let mut ledger = MemoryLedger::default();
    let world = World::new(InForce::default()).expecting(Settings::parse(CONFIG).unwrap().expected);
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "trail");
    scan.read(json!({"Records": records}).to_string().as_bytes(), "trail");
    scan.finish().unwrap();
    ledger
}

/// The record as it was so many weeks ago.
fn earlier(record: &Value, weeks: i64) -> Value {
    let mut record = record.clone();
    let at: Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
    record["eventTime"] = (at - SignedDuration::from_hours(24 * 7 * weeks)).to_string().into();
    for key in ["eventID", "sharedEventID"] {
        if let Some(id) = record[key].as_str().map(|id| format!("{id}-{weeks}")) {
            record[key] = id.into();
        }
    }
    record
}

fn who(record: &Value) -> String {
    record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"]
        .as_str()
        .or(record["userIdentity"]["userName"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// Eight weeks made of one: each principal has its own weeks, and the week before has what is over by now.
fn eight_weeks() -> Vec<Value> {
    let weeks_of = |name: &str| -> &[i64] {
        match name {
            "media-uploader" => &[0, 1, 2, 3, 4],
            "shop-codebuild" => &[0, 1, 3],
            "package-api-lambda" => &[0, 2, 3, 4, 5, 6, 7],
            "shop-ecs-task" => &[1, 2, 3, 5, 6],
            "deploy-ci" => &[1, 4],
            "DataAnalyst" | "" => &[0, 2, 5, 7],
            "AWSServiceRoleForConfig" => &[0, 1, 2, 3, 4, 5, 6, 7],
            "platform-deploy" => &[0, 6, 7],
            _ => &[0],
        }
    };
    let mut all = Vec::new();
    for (n, record) in trail().iter().enumerate() {
        let name = who(record);
        // The storm is thinned out, so that the rest is seen beside it.
        let storm = name == "AWSServiceRoleForConfig" && !n.is_multiple_of(6);
        for weeks in weeks_of(&name).iter().filter(|_| !storm) {
            all.push(earlier(record, *weeks));
        }
        if record["errorCode"].is_string() && name == "shop-ecs-task" {
            let mut allowed = earlier(record, 0);
            for key in ["errorCode", "errorMessage"] {
                allowed.as_object_mut().unwrap().remove(key);
            }
            allowed["eventID"] = format!("allowed-{n}").into();
            all.push(allowed);
        }
    }
    // Somebody gave the task's role its permissions, and the calls went through.
    all.push(json!({
        "eventVersion": "1.11", "eventID": "change-1", "eventTime": "2026-11-10T09:12:00Z", "awsRegion": "us-east-1",
        "eventSource": "iam.amazonaws.com", "eventName": "PutRolePolicy", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333", "readOnly": false,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ops-lena", "accountId": "111122223333",
            "userName": "ops-lena"},
        "requestParameters": {"roleName": "shop-ecs-task", "policyName": "exec",
            "policyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ssmmessages:*\",\"Resource\":\"*\"}]}"},
        "responseElements": null,
    }));
    all
}

#[test]
fn eight_weeks_of_the_trail() {
    let ledger = scan(eight_weeks());
    let whole = made(&ledger, week(), Scope::default());
    assert_eq!(whole.weeks.len(), 8);
    assert!(whole.numbers.recurring > 0 && whole.numbers.resolved > 0 && whole.numbers.quiet > 0);
    assert!(whole.before.is_some() && whole.rules.len() >= 4 && whole.owners.len() >= 3);
    let page = keep("weeks", &whole);
    for words in [
        "ends soon",
        "has ended",
        "muted nothing in 30 days",
        "media-prod",
        "1 statement ends",
        "iam:PutRolePolicy",
        "ops-lena",
        "▼",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let team = made(&ledger, week(), Scope { owner: Some("media".into()), accounts: Vec::new() });
    assert!(team.findings.iter().all(|row| row.owner.as_deref() == Some("media")) && !team.findings.is_empty());
    keep("team", &team);
    let account = Scope { owner: None, accounts: vec!["444455556666".into()] };
    assert_eq!(made(&ledger, week(), account).accounts.len(), 1);
}

#[test]
fn no_finding_and_one() {
    let none = made(&MemoryLedger::default(), week(), Scope::default());
    assert!(keep("none", &none).contains("No denied call was recorded in this period."));
    let records: Vec<Value> = trail().into_iter().filter(|record| who(record) == "shop-codepipeline-dev").collect();
    let one = made(&scan(records), week(), Scope::default());
    assert_eq!(one.findings.len(), 1);
    keep("one", &one);
}

/// One finding of the trail, to be changed.
fn any() -> Vec<Advice> {
    let findings = scan(trail()).findings(&Filter::default()).unwrap();
    let in_force = InForce::default();
    advise(
        &findings,
        Context {
            catalog: Catalog::embedded(),
            in_force: &in_force,
            expected: &Expected::default(),
            changes: &Changes::new(),
        },
    )
}

#[test]
fn ten_thousand_findings_of_five_thousand_principals() {
    let base = any();
    let many: Vec<Advice> = (0..10_000)
        .map(|n: u64| {
            let mut advice = base[n as usize % base.len()].clone();
            advice.id = format!("D-{n:010}");
            advice.principal.name = Some(format!("{}-{}", advice.principal.name.unwrap_or_default(), n % 5_000));
            advice.account = Some(format!("{:012}", 111_100_000_000 + n % 500));
            advice.days.values_mut().for_each(|count| *count += n % 97);
            advice.days.insert(jiff::civil::date(2026, 10, 5 + (n % 20) as i8), 1 + n % 5);
            advice.count = advice.days.values().sum();
            advice
        })
        .collect();
    let facts = Facts {
        owners: many.iter().map(|one| (one.id.clone(), format!("team-{}", &one.id[9..]))).collect(),
        ..Facts::of(&many)
    };
    let page = keep("many", &Report::build(&facts, week(), &Scope::default()));
    assert!(page.contains("Showing 200 of 10,000 findings"));
}

/// What a browser may take for more than text.
const WEB: [&str; 24] = [
    "<script>window.pwned=1;fetch('https://evil.example/a')</script>",
    "\"><img src=x onerror=\"window.pwned=1\">",
    "'><svg/onload=window.pwned=1>",
    "</title><script>window.pwned=1</script>",
    "</style><style>@import url(https://evil.example/b.css);*{display:none}</style>",
    "</script><script>window.pwned=1</script>",
    "--><script>window.pwned=1</script><!--",
    "]]><script>window.pwned=1</script>",
    "javascript:window.pwned=1",
    "<iframe srcdoc=\"<script>parent.pwned=1</script>\">",
    "<a href=javascript:window.pwned=1 autofocus onfocus=window.pwned=1>x</a>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content=\"0;url=https://evil.example/c\">",
    "<link rel=stylesheet href=https://evil.example/d.css>",
    "<details open ontoggle=window.pwned=1>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=window.pwned=1&gt;\">",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&#60;img src=x onerror=window.pwned=1&#62;",
    "{{constructor.constructor('window.pwned=1')()}}",
    "\" style=\"position:fixed;inset:0;background:url(https://evil.example/e)\"",
    "x\" onmouseover=\"window.pwned=1",
    "</pre></code></td></tr></table><h1>pwned</h1>",
    "\u{202e}\u{2066}gpj.exe\u{200b}\0\u{7}",
    "<!channel> @everyone [a](javascript:window.pwned=1) =HYPERLINK(\"https://evil.example\")",
];

/// A finding in which every text is this.
fn hostile(base: &Advice, n: usize, text: &str) -> Advice {
    let own = || text.to_owned();
    let mut advice = base.clone();
    advice.id = format!("D-{n}{text}");
    (advice.principal.name, advice.principal.arn, advice.principal.session) = (Some(own()), Some(own()), Some(own()));
    (advice.principal.account, advice.account) = (Some(own()), Some(own()));
    advice.diagnosis.summary = own();
    (advice.diagnosis.evidence, advice.diagnosis.unchecked) = (vec![own(); 3], vec![own(); 3]);
    for item in &mut advice.denied {
        (item.action, item.resource, item.muted_by) = (Some(own()), Some(own()), Some(own()));
        (item.operations, item.regions, item.events) = (vec![own()], vec![own()], vec![own()]);
    }
    let changed = Changed {
        at: "2026-11-12T10:00:00Z".parse().unwrap(),
        event_id: own(),
        change: own(),
        what: own(),
        policy: Some(own()),
        by: advice.principal.clone(),
        via: Some(own()),
        shows: None,
    };
    advice.changes = Story { before: Some(changed.clone()), after: Some(changed) };
    if n.is_multiple_of(3) {
        let at = "2026-11-13T10:00:00Z".parse().unwrap();
        advice.allowed_since = Some(Since { count: 9, at_least: true, first: at, last: at });
        for item in &mut advice.denied {
            (item.status, item.allowed_since) = (Status::Resolved, advice.allowed_since);
        }
    }
    advice.foretold =
        vec![Foretold { action: own(), resources: vec![own()], since: None, outcome: Outcome::Open, at: None }];
    for patch in &mut advice.patches {
        (patch.target.name, patch.target.arn, patch.doubts) = (Some(own()), None, vec![own(); 2]);
        let statement = json!({"Sid": text, "Effect": "Allow", "Action": text, "Resource": [text]});
        patch.document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).ok();
        for companion in &mut patch.companions {
            (companion.why, companion.actions) = (own(), vec![own()]);
        }
        if let Some(proof) = patch.proof.as_mut() {
            proof.beyond = vec![own()];
        }
    }
    advice
}

#[test]
fn every_text_is_hostile() {
    let base = any();
    let long = ["W".repeat(3_000), "<b>".repeat(700), "\u{5d0}".repeat(900), "🦀\u{200d}".repeat(400)];
    let texts = WEB.iter().map(|text| (*text).to_owned()).chain(payloads::PIECES.iter().map(|text| (*text).to_owned()));
    let all: Vec<Advice> =
        texts.chain(long).enumerate().map(|(n, text)| hostile(&base[n % base.len()], n, &text)).collect();
    let settings = Settings::parse(CONFIG).unwrap();
    let mut expected = settings.expected;
    for (rule, text) in expected.rules.iter_mut().zip(WEB) {
        (rule.id, rule.reason, rule.owner) = (text.to_owned(), text.to_owned(), text.to_owned());
        rule.about.principal = Some(text.to_owned());
    }
    let names = |one: &Advice| (one.id.clone(), one.account.clone().unwrap());
    let words: Vec<String> = WEB.iter().map(|text| (*text).to_owned()).collect();
    let facts = Facts {
        owners: all.iter().map(names).collect(),
        account_names: words.iter().map(|text| (text.clone(), text.clone())).collect(),
        coverage: Coverage {
            accounts: words.clone(),
            missing: words.clone(),
            regions: words.clone(),
            unseen: words.clone(),
            ..Coverage::default()
        },
        expected,
        time_zone: WEB[0].to_owned(),
        ..Facts::of(&all)
    };
    let scope = Scope { owner: None, accounts: all.iter().filter_map(|one| one.account.clone()).collect() };
    let report = Report::build(&facts, week(), &scope);
    assert!(report.findings.len() > 100);
    let page = keep("hostile", &report);
    assert!(!page.contains("<img") && !page.contains("<b>W") && page.matches("<script").count() == 1);
}

/// What Slack's app is sent, to be looked at.
#[cfg(feature = "picture")]
#[test]
fn the_chart_is_a_picture_too() {
    let png = denywatch::render::picture::png(&made(&scan(eight_weeks()), week(), Scope::default())).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() < 200_000, "{} bytes", png.len());
    std::fs::write(folder().join("chart.png"), png).unwrap();
}
