//! The command line as its users meet it: what goes to which stream, exit codes, bad input, and snapshots of the text.
//!
//! After a change on purpose: `INSTA_UPDATE=always cargo test --test cli`, then read the difference in `tests/snapshots`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test runs programs and writes files

use serde_json::Value;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/app/run-1 is not authorized to perform: sqs:SendMessage \
     on resource: arn:aws:sqs:eu-west-1:111122223333:orders because no identity-based policy allows the sqs:SendMessage \
     action";

/// Runs the program in a folder of its own, so that nothing of the user's is touched.
struct Desk {
    folder: TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let trail = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trail");
        let arguments = arguments.iter().map(|word| word.replace("TRAIL", trail.to_str().unwrap()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_denywatch"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("XDG_DATA_HOME", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes the pipe early.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn explain_answers_at_once() {
    let ran = Desk::new().run(&["explain", DENIED], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("explain", ran.out);
    let piped = Desk::new().run(&["explain"], DENIED);
    assert_eq!(piped.out, ran.out);
}

#[test]
fn a_scan_ranks_and_patches_and_counts_once() {
    let desk = Desk::new();
    let first = desk.run(&["scan", "TRAIL"], "");
    assert_eq!(first.code, 0);
    insta::assert_snapshot!("scan", first.out);
    insta::assert_snapshot!("scan-talk", first.err);
    let again = json(&desk.run(&["scan", "TRAIL", "--output", "json"], ""));
    assert_eq!(again["stats"]["duplicates"], again["stats"]["denied"]);
    let held = desk.run(&["findings"], "");
    insta::assert_snapshot!("findings", held.out);
    assert_eq!(desk.run(&["scan", "TRAIL", "--exit-code", "-q"], "").code, 3);
}

#[test]
fn a_patch_in_every_format() {
    let desk = Desk::new();
    let ids = json(&desk.run(&["scan", "TRAIL", "--output", "json"], ""));
    let of = |name: &str| -> String {
        let mut all = ids["findings"].as_array().unwrap().iter();
        let found = all.find(|one| one["principal"]["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    for (format, snapshot) in [("json", "patch-json"), ("hcl", "patch-hcl"), ("cfn", "patch-cfn"), ("cli", "patch-cli")]
    {
        let ran = desk.run(&["patch", &of("media-uploader"), "--format", format], "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        insta::assert_snapshot!(snapshot, ran.out);
    }
    let more = desk.run(&["patch", &of("shop-codepipeline-dev")[..5], "--companions"], "");
    assert!(more.out.contains("kms:Decrypt"), "{}", more.out);
    let upheld = desk.run(&["patch", &of("platform-deploy")], "");
    assert_eq!((upheld.code, upheld.out.as_str()), (4, ""));
    assert!(upheld.err.contains("service control policy"), "{}", upheld.err);
    let pasted = desk.run(&["patch", "-", "--format", "json"], DENIED);
    assert!(pasted.out.contains("sqs:SendMessage"), "{}", pasted.out);
    let probing = desk.run(&["patch", &of("report-export")], "");
    assert_eq!((probing.code, probing.out.as_str()), (4, ""));
}

#[test]
fn what_a_pasted_error_leaves_out_can_be_told() {
    #[track_caller]
    fn check(pasted: &str, told: &[&str], expect: &str) {
        let ran = Desk::new().run(&[&["patch", "-", "--format", "cli"], told].concat(), pasted);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(expect), "{}", ran.out);
    }
    let no_resource = DENIED.replace(" on resource: arn:aws:sqs:eu-west-1:111122223333:orders", "");
    let refunds = "arn:aws:sqs:eu-west-1:111122223333:refunds";
    check(&no_resource, &["--resource", refunds], refunds);
    let no_caller = "User is not authorized to perform: sqs:SendMessage on resource: \
         arn:aws:sqs:eu-west-1:111122223333:orders \
         because no identity-based policy allows the sqs:SendMessage action";
    check(no_caller, &["--principal", "arn:aws:iam::111122223333:user/ann"], "user=ann\n");
    // A bucket's ARN does not tell whose it is, and the caller's account need not be the owner's.
    let of_owner = DENIED.replace("identity-based", "resource-based").replace("sqs:SendMessage", "s3:GetObject");
    let of_owner = of_owner.replace("arn:aws:sqs:eu-west-1:111122223333:orders", "arn:aws:s3:::orders/one");
    check(&of_owner, &[], "account=${ACCOUNT:?");
    // What AWS said stands.
    check(DENIED, &["--resource", refunds], "arn:aws:sqs:eu-west-1:111122223333:orders");
}

#[test]
fn the_week_as_markdown() {
    let desk = Desk::new();
    desk.run(&["scan", "TRAIL"], "");
    let ran = desk.run(&["report", "--format", "md", "--since", "2026-11-09"], "");
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!("report", ran.out);
    let filed = desk.run(&["report", "--since", "2026-11-09", "-o", "week.md"], "");
    assert_eq!((filed.code, filed.out.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(desk.folder.path().join("week.md")).unwrap(), ran.out);
    let empty = desk.run(&["report", "--since", "2020-01-06"], "");
    assert!(empty.out.contains("No denied call was recorded"), "{}", empty.out);
}

#[test]
fn the_report_in_each_form_for_one_team() {
    let desk = scanned();
    let report = |more: &[&str]| desk.run(&[&["report", "--since", "2026-11-09"], more].concat(), "");
    let page = report(&["--format", "html"]);
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    assert!(page.out.starts_with("<!doctype html>") && page.out.contains("<dd class=\"big\">413</dd>"));
    assert_eq!(report(&["--format", "html"]).out, page.out, "the same bytes");
    assert_eq!(report(&["--format", "csv"]).out.matches("\r\n").count(), 14);
    let whole = json(&report(&["--format", "json"]));
    assert_eq!((&whole["numbers"]["denied"], whole["findings"].as_array().unwrap().len()), (&413.into(), 13));
    // In a folder it bears the name of its week.
    std::fs::create_dir(desk.folder.path().join("weekly")).unwrap();
    assert_eq!(report(&["--format", "html", "-o", "weekly"]).code, 0);
    assert_eq!(std::fs::read_to_string(desk.folder.path().join("weekly/2026-W46.html")).unwrap(), page.out);
    let account = json(&report(&["--format", "json", "--only-account", "444455556666"]));
    assert_eq!((&account["numbers"]["denied"], &account["scope"]["accounts"][0]), (&12.into(), &"444455556666".into()));
    desk.write(
        "denywatch.toml",
        b"version = 1\n[owner]\nfrom = ['map']\nmap = { '444455556666' = 'media' }\n[[route]]\nto = 'stdout'\n",
    );
    let team = json(&report(&["--format", "json", "--owner", "Media"]));
    assert_eq!((&team["numbers"]["denied"], &team["findings"][0]["owner"]), (&12.into(), &"media".into()));
    let schema = json(&desk.run(&["report", "--schema"], ""));
    let known = schema["properties"].as_object().unwrap();
    assert!(whole.as_object().unwrap().keys().all(|key| known.contains_key(key)));
}

#[test]
fn exit_codes_are_the_contract() {
    #[track_caller]
    fn check(arguments: &[&str], input: &str, code: i32) {
        let ran = Desk::new().run(arguments, input);
        assert_eq!(ran.code, code, "{arguments:?}\n{}\n{}", ran.out, ran.err);
    }
    check(&["explain"], DENIED, 0);
    check(&["explain", "--offline"], DENIED, 0);
    check(&["scan", "--lookup", "--offline"], "", 2);
    check(
        &["explain"],
        &DENIED.replace(
            "because no identity-based policy allows the sqs:SendMessage action",
            "with an explicit deny in a service control policy",
        ),
        4,
    );
    check(&["scan", "s3://my-logs", "--offline"], "", 2);
    check(&["scan", "tests", "--estimate"], "", 6);
    check(&["query", "athena"], "", 0);
    check(&["query", "athena", "--table", "a;b"], "", 2);
    check(&["query", "lake", "my-store"], "", 2);
    check(&["query", "athena", "--run", "--offline"], "", 2);
    check(&["explain"], "the weather is fine", 5);
    check(&["explain"], "User is not authorized to perform: rds:DownloadDBLogFilePortion", 5);
    check(&["explain", "no-such-file.json"], "", 1);
    check(&["scan", "no-such-folder"], "", 6);
    check(&["scan"], "", 2);
    check(&["frobnicate"], "", 2);
    check(&["patch", "D-NOSUCH"], "", 1);
    check(&["patch", "D-NOSUCH", "--resource", "arn:aws:sqs:eu-west-1:111122223333:orders"], "", 2);
    check(&["findings", "--store", "postgres:x"], "", 2);
    check(&["--version"], "", 0);
    check(&["help"], "", 0);
    check(&["simulate"], "", 0);
    check(&["simulate"], "{}", 6);
}

#[test]
fn bad_input_is_named_and_the_rest_goes_through() {
    let desk = Desk::new();
    let good = |id: &str| {
        format!(
            r#"{{"eventID":"{id}","eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"SendMessage","awsRegion":"eu-west-1","errorCode":"AccessDenied","errorMessage":"{DENIED}","recipientAccountId":"111122223333","unknownField":{{"a":[1]}},"userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app/run-1","accountId":"111122223333"}}}}"#
        )
    };
    let long = good("long").replacen('{', &format!(r#"{{"padding":"{}","#, "x".repeat(100 << 20)), 1);
    desk.write("logs/1-lines.jsonl", format!("{}\nnot json\n{long}\n{}\n", good("a"), good("b")).as_bytes());
    desk.write("logs/2-shape.json", format!(r#"{{"Records":[{},7,{{"eventID":[]}}]}}"#, good("c")).as_bytes());
    let whole = gzip(format!(r#"{{"Records":[{},{}]}}"#, good("d"), good("e")).as_bytes());
    desk.write("logs/3-cut.json.gz", &whole[..whole.len() - 12]);
    desk.write("logs/4-no.json.gz", b"\x1f\x8bnot gzip at all");
    desk.write("logs/5-good.json", good("f").as_bytes());
    let ran = desk.run(&["scan", "logs", "--output", "json"], "");
    assert_eq!(ran.code, 6, "{}", ran.err);
    let answer = json(&ran);
    let inputs: Vec<&str> =
        answer["problems"].as_array().unwrap().iter().map(|problem| problem["input"].as_str().unwrap()).collect();
    // A file of this size is read in parts: what is wrong with one is told by the part's place.
    for part in ["1-lines.jsonl:byte 584", "2-shape.json:record 2", "3-cut.json.gz", "4-no.json.gz"] {
        assert!(inputs.iter().any(|input| input.contains(part)), "{part} is not among {inputs:?}");
    }
    let told = answer["problems"].to_string();
    assert!(told.contains("the record at byte 594 is left out, being larger than 16 MiB"), "{told}");
    let large = desk.run(&["explain", "-", "--output", "json"], &long);
    assert_eq!(large.code, 6, "{}", large.err);
    assert!(large.err.contains("stdin:line 1") && large.err.contains("4 MiB"), "{}", large.err);
    // a, b, c and f for sure; d and e as far as the cut file yields whole records.
    assert!(answer["findings"][0]["count"].as_u64().unwrap() >= 4, "{answer}");
    assert!(ran.err.contains("4-no.json.gz"), "{}", ran.err);
}

/// However much of a log that is JSON was pasted, and none of it an event.
#[test]
fn an_error_in_megabytes_of_other_lines_is_found() {
    let desk = Desk::new();
    let line = format!(r#"{{"level":"info","msg":"{}"}}"#, "all well ".repeat(10));
    let error = format!(r#"{{"level":"error","msg":"AccessDenied: {DENIED}"}}"#);
    let log = format!("{}{error}\n", format!("{line}\n").repeat(50_000));
    assert!(log.len() > 5 << 20);
    let ran = desk.run(&["explain", "-", "--output", "json"], &log);
    assert_eq!((ran.code, json(&ran)["findings"].as_array().unwrap().len()), (0, 1), "{}", ran.err);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn simulate_answers_every_line() {
    let line = |id: u8, action: &str| {
        let request = r#"{"principal":"arn:aws:iam::111122223333:user/ann","resource":"*","action""#;
        format!(r#"{{"id":{id},"request":{request}:"{action}"}}}}"#)
    };
    let asked = [line(1, "s3:ListAllMyBuckets"), line(2, "s3:UploadPartCopy"), line(3, "s3:Get*"), "{".to_owned()];
    let ran = Desk::new().run(&["simulate"], &asked.join("\n"));
    let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.code, answers.len()), (6, 4), "{}", ran.out);
    assert_eq!((&answers[0]["decision"], &answers[2]["decision"]), (&"denied".into(), &"denied".into()));
    assert_eq!(answers[1], serde_json::json!({"id": 2, "error": "no IAM action `s3:UploadPartCopy` is known"}));
    assert!(answers[3]["error"].is_string(), "{}", answers[3]);
    assert_eq!(Desk::new().run(&["simulate"], &asked[0]).code, 0);
}

#[test]
fn a_malformed_statement_is_an_error_of_its_line_alone() {
    let line = |id: u8, action: &str| {
        let request = r#"{"principal":"arn:aws:iam::111122223333:user/ann","action":"s3:GetObject","resource":"*"}"#;
        let statement = format!(r#"{{"Effect":"Allow","{action}":"s3:*","Resource":"*"}}"#);
        let policies = format!(r#"{{"identity":[{{"Statement":[]}},{{"Statement":[{statement}]}}]}}"#);
        format!(r#"{{"id":{id},"policies":{policies},"request":{request}}}"#)
    };
    let asked = [line(1, "Action"), line(2, "Actoin"), line(3, "Action")].join("\n");
    let ran = Desk::new().run(&["simulate"], &asked);
    let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.code, &answers[0]["decision"], &answers[2]["decision"]), (6, &"allowed".into(), &"allowed".into()));
    assert_eq!(
        answers[1],
        serde_json::json!({"id": 2, "error": "identity policy 1: statement 0: `Action` is missing"})
    );
}

#[test]
fn pipes_get_no_colours_and_data_only() {
    let desk = Desk::new();
    let ran = desk.run(&["scan", "TRAIL"], "");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'));
    assert_eq!(desk.run(&["scan", "TRAIL", "-q"], "").err, "");
    let painted = desk.run(&["explain", "--color", "always", DENIED], "");
    assert!(painted.out.contains('\u{1b}'));
    let lines = desk.run(&["findings", "--output", "jsonl"], "").out;
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn hostile_text_cannot_steer_a_terminal() {
    let hostile = DENIED.replace("orders", "or\u{1b}[2Jders\u{202e}");
    let ran = Desk::new().run(&["explain"], &hostile);
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{202e}'), "{:?}", ran.out);
}

#[test]
fn the_policies_given_are_the_basis_of_the_proof() {
    let desk = Desk::new();
    let details = r#"{"RoleDetailList":[{"RoleName":"app","Arn":"arn:aws:iam::111122223333:role/team/app","RolePolicyList":[],
        "AttachedManagedPolicies":[{"PolicyName":"gone","PolicyArn":"arn:aws:iam::111122223333:policy/gone"}]}]}"#;
    desk.write("account.json", details.as_bytes());
    let answer = json(&desk.run(&["explain", "--policies", "account.json", "--output", "json"], DENIED));
    assert_eq!(answer["findings"][0]["patches"][0]["proof"]["basis"], "policies");
    let unchecked = answer["findings"][0]["diagnosis"]["unchecked"].to_string();
    assert!(unchecked.contains("policy/gone") && !unchecked.contains("--policies"), "{unchecked}");
    desk.write("broken.json", b"{");
    assert_eq!(desk.run(&["explain", "--policies", "broken.json"], DENIED).code, 6);
    let patch = desk.run(&["patch", "-", "--policies", "broken.json"], DENIED);
    assert_eq!(patch.code, 6);
    assert!(patch.err.contains("broken.json"), "{}", patch.err);
    desk.run(&["scan", "TRAIL", "-q"], "");
    for command in ["findings", "report"] {
        let ran = desk.run(&[command, "--policies", "broken.json"], "");
        assert!(ran.code == 6 && ran.err.contains("broken.json: no JSON"), "{}", ran.err);
    }
    for command in [["explain", "-"], ["scan", "TRAIL"], ["findings", "ls"], ["report", "-q"]] {
        let ran = desk.run(&[command.as_slice(), &["--policies", "nowhere"]].concat(), DENIED);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{command:?}");
        assert!(ran.err.contains("`nowhere`"), "{}", ran.err);
    }
}

#[test]
fn wrong_use_is_told_in_one_sentence() {
    #[track_caller]
    fn check(arguments: &[&str], code: i32, expect: &str) {
        let ran = Desk::new().run(arguments, DENIED);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
        assert!(ran.err.contains(expect), "{}", ran.err);
        assert_eq!(ran.err.matches(expect).count(), 1, "{}", ran.err);
    }
    let no_time = "denywatch: `foo` is no time: try `7d`, `36h`, `monday` or `2026-11-09`\n";
    check(&["report", "--since", "foo"], 2, no_time);
    check(&["scan", "--lookup", "--since", "foo"], 2, no_time);
    let backwards = "denywatch: `--since 2026-11-09` is later than `--until 2026-11-02`\n";
    check(&["report", "--since", "2026-11-09", "--until", "2026-11-02"], 2, backwards);
    check(&["explain", "--principal", "ann"], 2, "invalid value 'ann' for '--principal <ARN>': expected the ARN of");
    check(&["explain", "--principal", "arn:aws:s3:::b"], 2, "expected the ARN of a role, a user or a session");
    check(&["explain", "--resource", "bucket"], 2, "invalid value 'bucket' for '--resource <ARN>': expected an ARN");
    check(&["explain", "gone.json"], 1, "denywatch: cannot read `gone.json`: No such file or directory (os error 2)\n");
    check(&["simulate", "gone.json"], 1, "No such file");
    check(&["explain", "D-WLDQ2A"], 1, "`denywatch findings show D-WLDQ2A`");
}

#[test]
fn reading_makes_no_ledger() {
    let desk = Desk::new();
    for arguments in [vec!["findings"], vec!["findings", "show", "D-A"], vec!["patch", "D-A"], vec!["report"]] {
        let ran = desk.run(&[arguments, vec!["--store", "sqlite:new/l.db"]].concat(), "");
        let told = "denywatch: no ledger at `new/l.db` yet: `denywatch scan …` makes one\n";
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", told));
        assert!(!desk.folder.path().join("new").exists());
    }
    desk.write("none.json", br#"{"Records":[]}"#);
    assert_eq!(desk.run(&["scan", "none.json", "-q"], "").code, 0);
    let ran = desk.run(&["findings"], "");
    assert_eq!((ran.code, ran.out.as_str()), (0, "No findings: the ledger holds no denied call yet.\n"));
    assert_eq!(desk.run(&["findings", "--output", "json"], "").out, "[]\n");
}

#[test]
fn one_patch_is_printed_and_the_others_are_told() {
    let desk = Desk::new();
    let answer = json(&desk.run(&["scan", "TRAIL", "--output", "json"], ""));
    let of = |name: &str| -> Value {
        let mut all = answer["findings"].as_array().unwrap().iter();
        all.find(|one| one["principal"]["name"] == name).unwrap().clone()
    };
    let finding = of("report-builder");
    let id = finding["id"].as_str().unwrap();
    let first = desk.run(&["patch", id], "");
    assert_eq!(json(&first)["Statement"].as_array().unwrap().len(), 1);
    assert!(first.err.contains("--target 2: policy of role report-builder (review): "), "{}", first.err);
    let second = desk.run(&["patch", id, "--target", "2"], "");
    assert_eq!(json(&second)["Statement"], finding["patches"][1]["document"]["Statement"]);
    assert!(second.err.contains("--target 1: bucket policy"), "{}", second.err);
    for none in ["0", "3"] {
        let ran = desk.run(&["patch", id, "--target", none], "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    }
    let hollow = desk.run(&["patch", of("media-uploader")["id"].as_str().unwrap(), "--companions"], "");
    assert!(!hollow.out.contains("kms:") && hollow.err.contains("not added: kms:Decrypt: "), "{}", hollow.err);
    let boundary = of("feature-developer");
    assert_eq!(
        (&boundary["patches"][0]["target"]["arn"], &boundary["patches"][0]["target"]["name"]),
        (&Value::Null, &Value::Null)
    );
    for (format, part) in
        [("cli", "role=feature-developer\n"), ("hcl", "boundary of role"), ("cfn", "codebuild:StartBuild")]
    {
        let ran = desk.run(&["patch", boundary["id"].as_str().unwrap(), "--format", format], "");
        assert!(ran.code == 0 && ran.out.contains(part), "{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_split_statement_gives_the_whole_policy() {
    let desk = Desk::new();
    let details = r#"{"RoleDetailList":[{"RoleName":"app","Arn":"arn:aws:iam::111122223333:role/app","AttachedManagedPolicies":[],
        "RolePolicyList":[{"PolicyName":"store","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Sid":"Store",
        "Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*",
        "Condition":{"StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}]}}]}]}"#;
    desk.write("account.json", details.as_bytes());
    let denied = "User: arn:aws:sts::111122223333:assumed-role/app/run-1 is not authorized to perform: s3:GetObject on \
        resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action";
    let whole = desk.run(&["patch", "-", "--policies", "account.json"], denied);
    assert!(whole.out.contains("s3:PutObject"), "{}{}", whole.out, whole.err);
    for format in ["hcl", "cfn", "cli"] {
        let ran = desk.run(&["patch", "-", "--policies", "account.json", "--format", format], denied);
        assert!(ran.code != 0 && ran.out.is_empty() && ran.err.contains("--format json"), "{}{}", ran.out, ran.err);
    }
    let words = desk.run(&["explain", "--policies", "account.json"], denied).out;
    assert!(
        words.contains("in place of the one in force") && words.contains("(`Store`) of inline policy `store`"),
        "{words}"
    );
    assert!(words.contains("s3:PutObject"), "{words}");
}

/// A desk with a ledger of the fixture's trail.
fn scanned() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run(&["scan", "TRAIL", "-q"], "").code, 0);
    desk
}

fn config_of(desk: &Desk) -> String {
    std::fs::read_to_string(desk.folder.path().join("denywatch.toml")).unwrap()
}

#[test]
fn an_unfit_configuration_is_wrong_use_of_every_command_that_reads_it() {
    let desk = Desk::new();
    desk.write("denywatch.toml", b"version = 1\n[alert]\nmin_severty = 'low'\n[[route]]\nto = 'stdout'\n");
    for arguments in [&["config", "check"][..], &["findings"], &["explain", DENIED], &["ignore", "ls"]] {
        let ran = desk.run(arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains("line 3: unknown key `min_severty`, did you mean `min_severity`?"), "{}", ran.err);
    }
    let elsewhere = desk.run(&["config", "check", "--config", "none.toml"], "");
    assert_eq!(elsewhere.code, 2);
    assert!(elsewhere.err.contains("cannot read the configuration `none.toml`"), "{}", elsewhere.err);
}

#[test]
fn config_check_shows_what_routes_and_rules_would_have_done() {
    let desk = scanned();
    let text = "version = 1\n\
        [owner]\nfrom = ['map']\nmap = { '*:user/media-uploader' = 'media' }\n\
        [[route]]\nmatch = { verdict = 'probing' }\nto = 'webhook:siem'\n\
        [[route]]\nmatch = { owner = 'media' }\nto = 'stdout'\n\
        [[route]]\nto = 'digest:stdout'\n\
        [webhook.siem]\nurl = 'https://siem.example.com/in'\nsecret = 'ssm:/key'\n\
        [[expected.rule]]\nid = 'gone'\nmatch = { principal = 'nobody' }\nreason = 'r'\nowner = 'o'\nexpires = 2020-01-01\n\
        [[expected.rule]]\nid = 'idle'\nmatch = { principal = 'nobody' }\nreason = 'r'\nowner = 'o'\npermanent = true\n\
        [[expected.rule]]\nid = 'deploys'\nmatch = { principal = '*:role/platform-deploy' }\nreason = 'r'\nowner = 'o'\npermanent = true\n";
    desk.write("denywatch.toml", text.as_bytes());
    let ran = desk.run(&["config", "check", "--since", "2026-11-01", "--output", "json"], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rehearsal = json(&ran);
    assert_eq!(rehearsal["findings"], 13);
    let ids = |route: usize, list: &str| rehearsal["routes"][route][list].as_array().unwrap().len();
    assert_eq!((ids(0, "now"), rehearsal["routes"][0]["now"][0].as_str()), (1, Some("D-EJQTUUK2XC")));
    assert_eq!((ids(1, "now"), rehearsal["routes"][1]["now"][0].as_str()), (1, Some("D-KUKJKJWWHU")));
    assert_eq!((ids(2, "now"), ids(2, "digest")), (0, 9), "two of the rest are muted");
    let states: Vec<(&str, &str)> = rehearsal["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rule"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("gone", "expired"), ("idle", "stale"), ("deploys", "used"), ("config-headbucket", "used")]);
    assert_eq!(rehearsal["rules"][3]["denials"], 320);
    assert_eq!(rehearsal["unowned"].as_array().unwrap().len(), 12);
    let text = desk.run(&["config", "check", "--since", "2026-11-01"], "").out;
    assert!(text.contains("gone: expired, muted nothing") && text.contains("idle: stale, muted nothing"), "{text}");
    let later = desk.run(&["config", "check", "--since", "2026-11-30", "--output", "json"], "");
    assert_eq!(json(&later)["findings"], 0, "only what was denied in that time");
}

#[test]
fn the_schema_and_what_holds() {
    let desk = Desk::new();
    let schema = json(&desk.run(&["config", "schema"], ""));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    let ran = desk.run(&["config", "--output", "json"], "");
    assert_eq!(
        (json(&ran)["from"].as_str(), json(&ran)["values"]["group.wait"].as_str()),
        (Some("no file: defaults"), Some("0s"))
    );
    desk.write(
        "denywatch.toml",
        b"version = 1\n[group]\nwait = '5s'\n[source]\nerror_codes = ['builtin', 'Custom']\n[[route]]\nto = 'stdout'\n",
    );
    let ran = desk.run(&["config", "--output", "json"], "");
    assert_eq!(
        (json(&ran)["from"].as_str(), json(&ran)["values"]["group.wait"].as_str()),
        (Some("denywatch.toml"), Some("5s"))
    );
    assert!(
        ran.err.contains("`source.error_codes`: the template's rule lets the built-in codes through"),
        "{}",
        ran.err
    );
}

/// A code of `source.error_codes` is a denial for every command, whichever way a log is read.
#[test]
fn a_teams_error_codes_count() {
    let event = |id: &str| {
        serde_json::json!({"eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-18T10:00:00Z", "awsRegion": "eu-west-1",
            "eventSource": "sqs.amazonaws.com", "eventName": "PurgeQueue", "recipientAccountId": "111122223333",
            "errorCode": "Client.LimitedByTeamException", "errorMessage": "not for you", "eventCategory": "Management",
            "requestParameters": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"},
            "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s", "accountId": "111122223333",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/app",
                    "accountId": "111122223333", "userName": "app"}}}})
    };
    let log = serde_json::json!({"Records": [event("a"), event("b")]}).to_string();
    let name = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/18/111122223333_CloudTrail_eu-west-1_20261118T1005Z_a1b2c3d4e5f6g7h8.json";
    for (codes, denied) in [("", 0), ("[source]\nerror_codes = ['builtin', 'LimitedByTeam']\n", 2)] {
        let desk = Desk::new();
        desk.write("denywatch.toml", format!("version = 1\n{codes}[[route]]\nto = 'stdout'\n").as_bytes());
        desk.write(name, log.as_bytes());
        desk.write("other.json", log.as_bytes());
        for command in [
            &["scan", "AWSLogs", "--output", "json", "--again"][..],
            &["scan", "AWSLogs", "--output", "json", "--again", "--one-look"],
            &["scan", "other.json", "--output", "json", "--again"],
            &["explain", "other.json", "--output", "json"],
        ] {
            let told = json(&desk.run(command, ""));
            assert_eq!(told["stats"]["denied"], denied, "{command:?}");
        }
        let sql = desk.run(&["query", "athena", "--since", "7d"], "").out;
        assert_eq!(sql.contains("limitedbyteam"), denied > 0, "{sql}");
    }
}

#[test]
fn a_rule_is_added_shown_tried_and_pruned() {
    let desk = scanned();
    let list = |arguments: &[&str]| desk.run(&[&["ignore"], arguments].concat(), "");
    let told = list(&["test", "D-WLDQ"]);
    assert!(told.out.contains("kms:GenerateDataKey") && told.out.trim_end().ends_with(": told"), "{}", told.out);
    let add = ["add", "D-WLDQ", "--reason", "moved next month", "--owner", "ci", "--expires", "2099-12-24"];
    let dry = list(&[&add[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(!desk.folder.path().join("denywatch.toml").exists(), "nothing is written");
    assert_eq!(list(&add).out, dry.out);
    assert!(config_of(&desk).contains("permission = \"kms:GenerateDataKey\""));
    assert!(
        list(&["test", "D-WLDQ"]).out.contains("muted by `shop-codepipeline-dev-kms-generatedatakey-111122223333`")
    );
    let muted = desk.run(&["findings", "ls"], "");
    assert!(!muted.out.contains("D-WLDQ5HGX7M") && muted.err.contains("2 findings are muted"), "{}", muted.err);
    assert!(desk.run(&["findings", "ls", "--all"], "").out.contains("D-WLDQ5HGX7M  expected"));
    let every = json(&desk.run(&["findings", "ls", "--output", "json"], ""));
    assert_eq!(every.as_array().unwrap().len(), 13, "programs get all of them");
    let twice = list(&add);
    assert_eq!(twice.code, 1);
    assert!(twice.err.contains("there is another rule of this `id`"), "{}", twice.err);
    let before = config_of(&desk).replace("# Made", "# Ours. Made");
    desk.write("denywatch.toml", before.replace("2099-12-24", "2020-12-24").as_bytes());
    assert!(list(&["ls"]).out.contains("EXPIRED"));
    assert!(list(&["test", "D-WLDQ"]).out.trim_end().ends_with(": told"), "an expired rule alerts again");
    assert_eq!(list(&["prune", "--dry-run"]).out, list(&["prune"]).out);
    assert!(config_of(&desk).starts_with("# Ours.") && !config_of(&desk).contains("expected"), "{}", config_of(&desk));
    assert!(list(&["prune"]).err.contains("no rule has expired"));
}

#[test]
fn a_rule_in_json_and_what_is_refused() {
    let desk = scanned();
    desk.write("c.json", br#"{"version":1,"route":[{"to":["stdout"]}]}"#);
    let run = |arguments: &[&str]| desk.run(&[&["--config", "c.json"], arguments].concat(), "");
    let about = ["--principal", "*:role/shop-*", "--permission", "kms:*"];
    let add = [&["ignore", "add"], &about[..], &["--reason", "r", "--owner", "o", "--permanent"]].concat();
    assert_eq!(run(&add).code, 0);
    assert!(run(&["ignore", "test", "D-WLDQ"]).out.contains("muted by `shop-kms`"));
    let held = std::fs::read_to_string(desk.folder.path().join("c.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&held).unwrap()["expected"]["rule"][0]["permanent"], true);
    for (arguments, code, why) in [
        (&["ignore", "add", "--reason", "r", "--owner", "o", "--permanent"][..], 2, "say what the rule is about"),
        (&["ignore", "add", "--principal", "x", "--reason", "r", "--permanent"], 2, "--owner"),
        (&["ignore", "add", "--principal", "x", "--reason", "r", "--owner", "o"], 2, "--expires"),
        (&["ignore", "add", "--principal", "x", "--reason", "r", "--owner", "o", "--expires", "soon"], 2, "is no end"),
        (
            &["ignore", "add", "--principal", "x", "--reason", " ", "--owner", "o", "--permanent"],
            1,
            "must say something",
        ),
        (&["ignore", "add", "D-KUKJ", "--reason", "r", "--owner", "o", "--permanent"], 1, "--permission"),
        (&["ignore", "add", "D-ZZZZ", "--reason", "r", "--owner", "o", "--permanent"], 1, "no finding `D-ZZZZ`"),
        (&["snooze", "D-WLDQ", "never", "--owner", "o"], 2, "is no end"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, code, "{arguments:?} {}", ran.err);
        assert!(ran.err.contains(why), "{arguments:?} {}", ran.err);
    }
    let after = std::fs::read_to_string(desk.folder.path().join("c.json")).unwrap();
    assert_eq!(after, held, "what is refused changes nothing");
}

#[test]
fn a_snoozed_finding_keeps_its_verdict_and_is_not_listed() {
    let desk = scanned();
    assert_eq!(desk.run(&["snooze", "D-WLDQ", "24h", "--owner", "me"], "").code, 0);
    let ran = desk.run(&["findings", "show", "D-WLDQ", "--output", "json"], "");
    let finding = json(&ran);
    assert_eq!((finding["verdict"].as_str(), finding["denied"][0]["status"].as_str()), (Some("patch"), Some("muted")));
    assert!(!desk.run(&["findings"], "").out.contains("D-WLDQ5HGX7M"));
}

#[test]
fn a_trial_message_is_labelled_and_dry() {
    let desk = Desk::new();
    desk.write(
        "denywatch.toml",
        b"version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:/x'\n[[route]]\nto = ['slack:#iam', 'sns:arn:aws:sns:us-east-2:111122223333:t']\n",
    );
    let ran = desk.run(&["notify", "test", "--dry-run", "--output", "jsonl"], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let messages: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        messages.iter().map(|one| one["to"].as_str().unwrap()).collect::<Vec<_>>(),
        ["slack:#iam", "sns:arn:aws:sns:us-east-2:111122223333:t"]
    );
    assert!(messages[0]["message"]["json"]["text"].as_str().unwrap().starts_with("TEST"), "{}", messages[0]);
    assert!(messages[1]["message"]["subject"].as_str().unwrap().contains("TEST"));
    let one = desk.run(&["notify", "test", "--dry-run", "--to", "slack:#iam"], "");
    assert!(one.out.contains("=== slack:#iam") && !one.out.contains("=== sns"), "{}", one.out);
    assert!(
        desk.run(&["notify", "test", "--dry-run", "--to", "slack:#ima"], "").err.contains("no route has `slack:#ima`")
    );
    assert_eq!(desk.run(&["--offline", "notify", "test"], "").code, 2);
}

/// The patch of [`DENIED`], as `patch -` prints it.
fn own_patch(desk: &Desk) -> String {
    desk.run(&["patch", "-"], DENIED).out
}

#[track_caller]
fn verified(desk: &Desk, document: &str, expect: [bool; 4], grade: &str, code: i32) {
    desk.write("denied.txt", DENIED.as_bytes());
    let ran = desk.run(&["verify", "-", "--against", "denied.txt", "--exit-code", "--output", "json"], document);
    assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    let check = &json(&ran)["checks"][0];
    let found = ["valid", "sufficient", "minimal", "safe"].map(|question| check[question].as_bool().unwrap());
    assert_eq!((found, check["applicability"].as_str().unwrap()), (expect, grade), "{}", ran.out);
}

#[test]
fn verify_answers_four_questions_of_any_document() {
    let desk = Desk::new();
    let own = own_patch(&desk);
    verified(&desk, &own, [true; 4], "apply", 0);
    verified(&desk, &own.replace("orders", "*"), [true, true, true, false], "review", 3);
    verified(&desk, &own.replace("orders", "others"), [true, false, false, false], "review", 3);
    verified(&desk, &own.replace("sqs:SendMessage", "sqs:SendCoffee"), [false, false, false, false], "explain", 3);
    let two = own.replace("\"sqs:SendMessage\"", "\"sqs:SendMessage\", \"lambda:UpdateFunctionCode\"");
    verified(&desk, &two, [false, true, false, false], "explain", 3);
}

#[test]
fn verify_takes_a_finding_and_what_explain_printed() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["scan", "TRAIL", "-q"], "").code, 0);
    let ran = desk.run(&["verify", "D-WLDQ", "--exit-code"], "");
    assert!(ran.code == 0 && ran.out.contains("GRADE           proven"), "{}{}", ran.out, ran.err);
    let ran = desk.run(&["verify", "d-4ro6", "--exit-code"], "");
    assert!(ran.code == 3 && ran.out.contains("opens a road to more power"), "{}{}", ran.out, ran.err);
    // Whoever looked around is handed nothing.
    assert_eq!(desk.run(&["verify", "D-EJQT"], "").code, 4);
    let shown = desk.run(&["findings", "show", "D-WLDQ", "--output", "json"], "").out;
    desk.write("finding.json", shown.as_bytes());
    let ran = desk.run(&["verify", "finding.json", "--exit-code", "--output", "jsonl"], "");
    assert_eq!((ran.code, json(&ran)["finding"].as_str()), (0, Some("D-WLDQ5HGX7M")), "{}", ran.err);
}

#[test]
fn verify_says_what_it_lacks() {
    let desk = Desk::new();
    desk.write("p.json", own_patch(&desk).as_bytes());
    for (arguments, code, words) in [
        (&["verify", "p.json"][..], 2, "name them with `--against`"),
        (&["verify", "no-such"][..], 2, "no file and no finding's id"),
        (&["verify", "p.json", "--against", "p.json"][..], 1, "no denial in `p.json`"),
        (&["verify", "-", "--against", "-"][..], 1, "no policy document"),
        (&["verify", "p.json", "--against", "p.json", "--observed"][..], 2, "`--observed` needs a log"),
        (&["verify", "D-AAAA", "--principal", "arn:aws:iam::111122223333:role/app"][..], 2, "go with a pasted error"),
    ] {
        let ran = desk.run(arguments, "x");
        assert!(ran.code == code && ran.err.contains(words), "{arguments:?}: {} {}", ran.code, ran.err);
    }
}

#[test]
fn observed_resolves_on_an_allowed_call_and_never_on_silence() {
    let event = |id: &str, second: u8, code: &str| {
        format!(
            r#"{{"eventVersion":"1.10","eventID":"{id}","eventTime":"2026-11-11T15:30:{second:02}Z","eventSource":"sqs.amazonaws.com",
            "eventName":"PurgeQueue","awsRegion":"eu-west-1","recipientAccountId":"111122223333","sourceIPAddress":"192.0.2.1",
            "requestParameters":{{"queueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q"}}{code},
            "userIdentity":{{"type":"IAMUser","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/ann","userName":"ann"}}}}"#
        )
    };
    let denied = event("e1", 10, r#","errorCode":"AccessDenied""#);
    let desk = Desk::new();
    desk.write("denied.json", denied.as_bytes());
    let patch = desk.run(&["patch", "-"], &denied).out;
    desk.write("p.json", patch.as_bytes());
    let look = |log: &[String]| {
        desk.write("log/a.json", format!(r#"{{"Records":[{}]}}"#, log.join(",")).as_bytes());
        let arguments = ["verify", "p.json", "--against", "denied.json", "--observed", "log", "--output", "json"];
        let ran = desk.run(&arguments, "");
        assert_eq!(ran.code, 0, "{}", ran.err);
        let observed = &json(&ran)["observed"];
        (observed["status"].as_str().unwrap().to_owned(), observed["allowed"].as_u64().unwrap())
    };
    assert_eq!(look(std::slice::from_ref(&denied)), ("quiet".to_owned(), 0));
    assert_eq!(look(&[event("e2", 20, ""), event("e3", 21, ""), denied.clone()]), ("resolved".to_owned(), 2));
    assert_eq!(look(&[event("e4", 5, "")]), ("quiet".to_owned(), 0));
    let again = event("e5", 30, r#","errorCode":"AccessDenied""#);
    assert_eq!(look(&[event("e2", 20, ""), again]), ("open".to_owned(), 0));
}

/// A repository whose Terraform owns role `app`.
fn checkout(desk: &Desk) {
    desk.write("repo/.git/config", b"[remote \"origin\"]\n\turl = git@github.com:acme/infra.git\n");
    desk.write("repo/.github/CODEOWNERS", b"* @acme/all\n/infra/ @acme/platform @ana\n");
    desk.write(
        "repo/infra/app.tf",
        br#"resource "aws_iam_role" "app" {
  name               = "app"
  assume_role_policy = "{}"
}

resource "aws_iam_role_policy" "app" {
  name = "app"
  role = aws_iam_role.app.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage"]
        Resource = "arn:aws:sqs:eu-west-1:111122223333:orders"
      },
    ]
  })
}
"#,
    );
}

#[test]
fn a_pull_request_is_shown_before_it_is_sent() {
    let desk = Desk::new();
    checkout(&desk);
    desk.write("denied.txt", DENIED.as_bytes());
    let record = serde_json::json!({"Records": [{
        "eventVersion": "1.11", "eventID": "7f3e8bd1-566a-46a6-a469-7f47d331a43c", "eventTime": "2026-11-11T15:30:09Z",
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "awsRegion": "eu-west-1",
        "errorCode": "AccessDenied", "errorMessage": DENIED, "recipientAccountId": "111122223333",
        "eventType": "AwsApiCall", "eventCategory": "Management",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
            "accountId": "111122223333", "principalId": "AROAEXAMPLE538ED72830:run-1",
            "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "app", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:role/app", "principalId": "AROAEXAMPLE538ED72830"}}},
    }]});
    desk.write("log.json", record.to_string().as_bytes());
    let found = json(&desk.run(&["scan", "log.json", "--output", "json"], ""));
    let id = found["findings"][0]["id"].as_str().unwrap();
    let shown = desk.run(&["pr", id, "--dry-run", "--into", "repo/infra"], "");
    assert_eq!(shown.code, 0, "{}", shown.err);
    insta::assert_snapshot!("pr-dry-run", shown.out);
    let value = json(&desk.run(&["pr", id, "--dry-run", "--into", "repo/infra", "--output", "json"], ""));
    assert_eq!(value["files"], serde_json::json!(["infra/app.tf"]));
    assert_eq!(value["reviewers"], serde_json::json!(["acme/platform", "ana"]));
    // What is shown is what git takes.
    desk.write("change.diff", value["diff"].as_str().unwrap().as_bytes());
    let applied = Command::new("git")
        .args(["apply", "--check", "../change.diff"])
        .current_dir(desk.folder.path().join("repo"))
        .output();
    assert!(applied.unwrap().status.success());

    let check = |arguments: &[&str], code: i32, told: &str| {
        let ran = desk.run(&[&["pr", id][..], arguments].concat(), "");
        assert!(ran.code == code && ran.err.contains(told), "{arguments:?}: {} {}", ran.code, ran.err);
    };
    check(&["--offline", "--into", "repo/infra"], 2, "`pr` talks to GitHub");
    desk.write("empty/notes.md", b"");
    check(&["--dry-run", "--into", "empty"], 5, "no single place is certain");
    if cfg!(feature = "github") {
        check(&["--into", "repo/infra"], 2, "no token");
        check(&["--into", "repo/infra", "--api", "http://github.example"], 2, "`--api`");
        check(&["--into", "repo/infra", "--repo", "acme"], 2, "`acme` is no repository");
    } else {
        check(&["--into", "repo/infra"], 1, "--features github");
    }
}

/// Of one invented denial: whatever is asked for, nothing of the account comes through.
#[test]
fn redacted_output_names_nobody() {
    let desk = scanned();
    let names = [
        "111122223333",
        "444455556666",
        "shop-codebuild",
        "shop-c",
        "media-uploads",
        "report-export",
        "192.0.2.",
        "198.51.100.",
    ];
    let commands: [&[&str]; 10] = [
        &["findings", "ls", "--all"],
        &["findings", "--output", "json"],
        &["findings", "show", "D-WLDQ"],
        &["patch", "D-WLDQ", "--format", "hcl"],
        &["patch", "D-WLDQ", "--format", "cli"],
        &["report", "--since", "2026-11-09", "--until", "2026-11-16"],
        &["report", "--since", "2026-11-09", "--until", "2026-11-16", "--format", "html"],
        &["verify", "D-WLDQ"],
        &["replay", "D-WLDQ"],
        &["scan", "TRAIL", "--denials", "--output", "json"],
    ];
    for command in commands {
        let ran = desk.run(&[command, &["--redact"]].concat(), "");
        let (plain, all) = (desk.run(command, ""), format!("{}{}", ran.out, ran.err));
        assert_eq!((ran.code, ran.out.is_empty()), (plain.code, plain.out.is_empty()), "{command:?} {}", ran.err);
        for name in names {
            assert!(!all.contains(name), "{command:?}: {name}\n{all}");
        }
        if command.contains(&"json") {
            serde_json::from_str::<Value>(&ran.out).unwrap();
        }
        // A replay is of this second.
        let again = desk.run(&[command, &["--redact"]].concat(), "");
        assert!(
            command[0] == "replay" || mask_seconds(&again.out) == mask_seconds(&ran.out),
            "the same masks each time"
        );
    }
    let denied = desk.run(&["explain", DENIED, "--redact"], "");
    assert!(
        !denied.out.contains("orders") && denied.out.contains("sqs:SendMessage") && denied.out.contains("name-"),
        "{}",
        denied.out
    );
}

/// A role may be called like a word of the page's style or script, of which the policy of the page holds the hashes.
#[test]
fn a_redacted_page_keeps_its_style_and_its_script() {
    let desk = Desk::new();
    let denied = |name: &str| {
        let message = DENIED.replace("role/app", &format!("role/{name}"));
        serde_json::json!({
            "eventVersion": "1.11", "eventID": format!("e-{name}"), "eventTime": "2026-11-11T10:00:00Z",
            "awsRegion": "eu-west-1", "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage",
            "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
            "errorMessage": message,
            "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/{name}/run-1"),
                "accountId": "111122223333", "principalId": "AROAEXAMPLE:run-1",
                "sessionContext": {"sessionIssuer": {"type": "Role", "userName": name, "accountId": "111122223333",
                    "arn": format!("arn:aws:iam::111122223333:role/{name}")}}},
        })
    };
    let all = ["card", "main", "table", "new", "review"].map(denied);
    desk.write("denied.json", serde_json::json!({ "Records": all }).to_string().as_bytes());
    desk.run(&["scan", "denied.json", "-q"], "");
    let page = |more: &[&str]| desk.run(&[&["report", "--format", "html", "--since", "2026-11-09"], more].concat(), "");
    let (plain, masked) = (page(&[]).out, page(&["--redact"]).out);
    assert!(plain.contains("role card") && !masked.contains("role card"), "{plain}");
    let own =
        |page: &str, tag: &str| page.split(tag).nth(1).and_then(|text| text.split("</").next()).map(str::to_owned);
    for tag in ["<style>", "<script>", "Content-Security-Policy\" content="] {
        assert_eq!(own(&masked, tag), own(&plain, tag), "{tag}");
    }
}

/// How long a scan took is not the same each time.
fn mask_seconds(text: &str) -> String {
    text.lines().filter(|line| !line.contains("\"seconds\"")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn it_says_what_it_reads_when_asked() {
    let desk = scanned();
    let ran = desk.run(&["findings", "-v"], "");
    assert!(ran.err.contains("ledger: sqlite:") && ran.err.contains("exit code 0"), "{}", ran.err);
    desk.write("denywatch.toml", b"version = 1\n[[route]]\nto = 'stdout'\n");
    assert!(desk.run(&["findings", "--verbose"], "").err.contains("configuration: denywatch.toml"));
    assert_eq!(desk.run(&["findings", "-v", "-q"], "").code, 2);
}

#[test]
fn the_manual_and_the_completions_are_of_this_program() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = desk.run(&["completions", shell], "");
        assert!(ran.code == 0 && ran.out.contains("denywatch") && ran.out.contains("snooze"), "{shell} {}", ran.err);
    }
    assert_eq!(desk.run(&["completions", "csh"], "").code, 2);
    let page = desk.run(&["man"], "");
    assert!(page.code == 0 && page.out.starts_with(".ie") && page.out.contains(".TH denywatch 1"), "{}", page.out);
    let page = desk.run(&["man", "scan"], "");
    assert!(page.out.contains("CloudTrail") && page.out.contains("denywatch\\-scan"), "{}", page.out);
    assert_eq!(desk.run(&["man", "scann"], "").code, 1);
}

/// What CONTRACT.md fixes of the commands and the options of all of them.
#[test]
fn the_commands_and_options_of_the_contract_are_there() {
    let help = Desk::new().run(&["--help"], "").out;
    for command in [
        "explain",
        "scan",
        "findings",
        "patch",
        "simulate",
        "verify",
        "report",
        "pr",
        "watch",
        "ignore",
        "snooze",
        "notify",
        "replay",
        "doctor",
        "config",
        "completions",
        "man",
    ] {
        assert!(help.lines().any(|line| line.trim_start().split(' ').next() == Some(command)), "{command}");
    }
    for option in [
        "--output",
        "--config",
        "--store",
        "--policies",
        "--offline",
        "--redact",
        "-q",
        "-v",
        "--color",
        "--no-progress",
        "--profile",
        "--region",
        "--live",
    ] {
        assert!(help.contains(option), "{option}");
    }
}

#[test]
fn what_talks_to_aws_says_so_where_it_may_not() {
    let desk = Desk::new();
    for command in [&["doctor"][..], &["watch", "arn:aws:sqs:eu-west-1:111122223333:q"]] {
        let ran = desk.run(&[command, &["--offline"]].concat(), "");
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("talks to AWS and `--offline` forbids it"), "{}", ran.err);
    }
    let queue = "arn:aws:sqs:eu-west-1:111122223333:q";
    assert_eq!(desk.run(&["watch", queue, "--for", "soon"], "").code, 2);
}

const ROUTES: &[u8] = b"version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[group]\nwait = '60s'\n\
    [[route]]\nmatch = { permission = 'sqs:*' }\nto = ['slack:C0Q', 'stdout']\n[[route]]\nto = 'digest:slack:C0ALL'\n";

#[test]
fn a_replay_shows_each_message_and_sends_none() {
    let desk = Desk::new();
    desk.write("denywatch.toml", ROUTES);
    let ran = desk.run(&["replay", DENIED], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let heads: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("=== ")).collect();
    assert_eq!(heads.len(), 2, "{}", ran.out);
    assert!(heads[0].starts_with("=== slack:C0Q at ") && heads[0].ends_with(": new"), "{}", heads[0]);
    assert!(ran.out.contains("\"blocks\"") && ran.out.contains("--- in its thread"), "{}", ran.out);
    assert!(ran.err.contains("nothing was sent"), "{}", ran.err);
    let lines = desk.run(&["replay", DENIED, "--to", "stdout", "--output", "jsonl"], "").out;
    let one: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!((one["to"].as_str(), one["stage"].as_str()), (Some("stdout"), Some("new")));
    let other = desk.run(&["replay", DENIED, "--to", "stdot"], "");
    assert!(other.code == 1 && other.err.contains("they have `slack:C0ALL`"), "{}", other.err);
    let digest = desk.run(&["replay", &DENIED.replace("sqs:", "sns:")], "");
    assert!(digest.out.is_empty() && digest.err.contains("for the digest of `slack:C0ALL`"), "{}", digest.err);
    assert!(desk.run(&["replay", "-"], "no denial").err.contains("no denial here"));
    // The ledger's: a finding that nobody was told of.
    let desk = scanned();
    let told = desk.run(&["replay", "D-WLDQ"], "");
    assert!(told.out.starts_with("=== stdout at ") && told.out.contains("kms:GenerateDataKey"), "{}", told.out);
    let paused = b"version = 1\n[alert]\npaused = true\n[[route]]\nto = 'stdout'\n";
    desk.write("denywatch.toml", paused);
    assert!(desk.run(&["replay", "D-WLDQ"], "").err.contains("sending is paused"));
}

#[test]
fn a_purge_forgets_a_principal_and_nobody_else() {
    let desk = scanned();
    let before = json(&desk.run(&["findings", "--output", "json"], "")).as_array().unwrap().len();
    let name = "media-uploader";
    assert!(desk.run(&["findings"], "").out.contains(name));
    let ran = desk.run(&["purge", "--principal", name], "");
    assert!(ran.code == 0 && ran.out.starts_with("forgotten: 1 findings"), "{}{}", ran.out, ran.err);
    let after = desk.run(&["findings", "--all"], "");
    assert!(!after.out.contains(name));
    assert_eq!(json(&desk.run(&["findings", "--output", "json"], "")).as_array().unwrap().len(), before - 1);
    assert_eq!(json(&desk.run(&["purge", "--principal", name, "--output", "json"], ""))["findings"], 0);
    let old = json(&desk.run(&["purge", "--expired", "--output", "json"], ""));
    assert!(old["findings"].is_u64(), "{old}");
    assert_eq!(desk.run(&["purge"], "").code, 2);
}

/// What the configuration lets nobody grant in one step waits for a person, with the reason.
#[test]
fn the_limits_of_patches_hold() {
    let desk = scanned();
    let verdict = |limits: &str| {
        desk.write("denywatch.toml", format!("version = 1\n[patch]\n{limits}\n[[route]]\nto = 'stdout'\n").as_bytes());
        let all = json(&desk.run(&["findings", "--output", "json"], ""));
        let one = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"].as_str().unwrap().starts_with("D-WLDQ"))
            .unwrap()
            .clone();
        (one["verdict"].as_str().unwrap().to_owned(), one["patches"][0].clone())
    };
    let (plain, patch) = verdict("");
    assert_eq!((plain.as_str(), patch["applicability"].as_str()), ("patch", Some("apply")));
    assert_ne!(patch["companions"], serde_json::json!([]));
    let (held, patch) = verdict("never_grant = ['KMS:generate*']\ncompanions = 'off'");
    assert_eq!((held.as_str(), patch["applicability"].as_str()), ("review", Some("review")));
    assert!(patch["doubts"].to_string().contains("`patch.never_grant`: `KMS:generate*`"), "{patch}");
    assert_eq!((&patch["companions"], patch["document"].is_object()), (&serde_json::json!([]), true));
    assert_eq!(verdict("never_grant = ['iam:*']").0, "patch");
    verdict("companions = 'include'");
    let with = desk.run(&["patch", "D-WLDQ"], "").out;
    verdict("");
    assert_ne!(with, desk.run(&["patch", "D-WLDQ"], "").out);
    assert_eq!(with, desk.run(&["patch", "D-WLDQ", "--companions"], "").out);
    desk.write("denywatch.toml", b"version = 1\n[patch]\nnever_grant = ['iam']\n[[route]]\nto = 'stdout'\n");
    assert_eq!(desk.run(&["findings"], "").code, 2);
}

#[test]
fn a_query_is_printed_as_it_would_be_asked() {
    let desk = Desk::new();
    let period = [
        "--since",
        "2026-11-01",
        "--until",
        "2026-11-08",
        "--only-account",
        "111122223333,444455556666",
        "--only-region",
        "eu-west-1",
    ];
    let ran = |arguments: &[&str]| {
        let ran = desk.run(&[arguments, &period].concat(), "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    };
    insta::assert_snapshot!("query-athena", ran(&["query", "athena"]));
    insta::assert_snapshot!(
        "query-athena-create",
        ran(&["query", "athena", "--create", "s3://my-logs/audit/AWSLogs/o-a1b2c3d4e5/"])
    );
    insta::assert_snapshot!("query-lake", ran(&["query", "lake", "0233062b-51c6-4d18-8dec-a8c90da840d9"]));
}

#[test]
fn a_folder_is_narrowed_and_estimated_without_reading() {
    let desk = Desk::new();
    let event = |id: &str, day: &str| {
        format!(
            r#"{{"eventID":"{id}","eventTime":"{day}T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"SendMessage","awsRegion":"eu-west-1","errorCode":"AccessDenied","errorMessage":"{DENIED}","recipientAccountId":"111122223333","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app/run-1","accountId":"111122223333"}}}}"#
        )
    };
    let folder = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11";
    for day in ["01", "02", "05"] {
        desk.write(
            &format!("{folder}/{day}/a.json"),
            format!(r#"{{"Records":[{}]}}"#, event(day, &format!("2026-11-{day}"))).as_bytes(),
        );
    }
    // What cannot be wanted is not even looked at; the last minutes of the day before may be in its folder.
    desk.write(&format!("{folder}/09/broken.json"), b"{");
    let period = ["--since", "2026-11-02", "--until", "2026-11-03"];
    let ran = desk.run(&[&["scan", "AWSLogs", "--output", "json"], period.as_slice()].concat(), "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let told = json(&ran);
    assert_eq!(
        (&told["stats"]["files"], &told["stats"]["denied"]),
        (&serde_json::json!(2), &serde_json::json!(1)),
        "{told}"
    );
    let estimate =
        json(&desk.run(&[&["scan", "AWSLogs", "--estimate", "--output", "json"], period.as_slice()].concat(), ""));
    assert_eq!(
        (&estimate["objects"], &estimate["cost"]["dollars"]),
        (&serde_json::json!(2), &serde_json::json!(0.0)),
        "{estimate}"
    );
    let other = desk.run(&["scan", "AWSLogs", "--only-account", "444455556666", "--output", "json"], "");
    assert_eq!(json(&other)["stats"]["files"], 0, "{}", other.err);
}

/// Whoever names it would take a scan of nothing for a log without denials.
#[test]
fn a_digest_that_is_named_is_passed_over_with_a_word() {
    let (desk, name) = (Desk::new(), "111122223333_CloudTrail-Digest_eu-west-1_t_us-east-1_20261110T100000Z.json.gz");
    desk.write(name, b"{}");
    desk.write("AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/11/10/f.log.gz", b"version account-id");
    let ran = desk.run(&["scan", name, "--output", "json"], "");
    let told = format!(
        "{name}: passed over, being by name a digest, an Insight or a sum of CloudTrail's, which hold no events"
    );
    assert_eq!((ran.code, &json(&ran)["not_seen"][0]), (0, &serde_json::json!(told)));
    assert!(ran.err.contains(&format!("not seen: {told}")), "{}", ran.err);
    let ran = desk.run(&["scan", "AWSLogs", "--output", "json"], "");
    assert_eq!((ran.code, &json(&ran)["stats"]["files"]), (0, &serde_json::json!(0)), "{}", ran.err);
    let ran = desk.run(&["scan", "AWSLogs/111122223333/vpcflowlogs", "--output", "json"], "");
    assert!(
        ran.code == 0 && json(&ran)["not_seen"][0].as_str().unwrap().contains("vpcflowlogs: passed over"),
        "{}",
        ran.out
    );
}

/// A log file of these events, one a queue.
fn log_of(ids: std::ops::Range<usize>) -> String {
    let one = |id: usize| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app/run-1","accountId":"111122223333"}},"eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"SendMessage","awsRegion":"eu-west-1","errorCode":"AccessDenied","errorMessage":"{DENIED}","eventID":"id-{id}","recipientAccountId":"111122223333"}}"#
        )
    };
    format!(r#"{{"Records":[{}]}}"#, ids.map(one).collect::<Vec<_>>().join(","))
}

#[test]
fn a_scan_reads_only_what_is_new() {
    let desk = Desk::new();
    desk.write("logs/1.json", log_of(0..3).as_bytes());
    desk.write("logs/2.json.gz", &gzip(log_of(3..5).as_bytes()));
    let scan = |more: &[&str]| json(&desk.run(&[&["scan", "logs", "--output", "json"], more].concat(), ""));
    let told = |answer: &Value| {
        let stats = &answer["stats"];
        let number = |name: &str| stats[name].as_u64().unwrap_or_default();
        (
            number("files"),
            number("known"),
            number("records"),
            number("duplicates"),
            answer["findings"][0]["count"].as_u64(),
        )
    };
    assert_eq!(told(&scan(&[])), (2, 0, 5, 0, Some(5)));
    assert_eq!(told(&scan(&[])), (2, 2, 5, 5, Some(5)));
    // A new file, and one that grew.
    desk.write("logs/3.json", log_of(5..6).as_bytes());
    desk.write("logs/1.json", log_of(0..4).as_bytes());
    assert_eq!(told(&scan(&[])), (3, 1, 7, 6, Some(6)));
    assert_eq!(told(&scan(&["--again"])), (3, 0, 7, 7, Some(6)));
    assert_eq!(scan(&["--denials"])["denials"].as_array().unwrap().len(), 7);
    let report = desk.run(&["report", "--since", "2026-11-01", "--until", "2026-12-01", "--format", "json"], "");
    assert_eq!(report.code, 0, "{}", report.err);
    // The file that grew was read twice, and is covered in both its states.
    assert_eq!(json(&report)["coverage"]["records"], 10, "{}", report.out);
}

#[test]
fn a_file_that_is_cut_is_told_each_time_and_read_whole_when_it_is() {
    let desk = Desk::new();
    let whole = gzip(log_of(0..50).as_bytes());
    desk.write("logs/1.json.gz", &whole[..whole.len() - 9]);
    for _ in 0..2 {
        let ran = desk.run(&["scan", "logs"], "");
        assert_eq!(ran.code, 6, "{}", ran.err);
        assert!(ran.err.contains("cut short"), "{}", ran.err);
    }
    desk.write("logs/1.json.gz", &whole);
    let answer = json(&desk.run(&["scan", "logs", "--output", "json"], ""));
    assert_eq!((&answer["findings"][0]["count"], &answer["problems"]), (&50.into(), &Value::Array(vec![])));
}

/// Threads, formats and ways of packing make no difference to the answer.
#[test]
fn however_it_is_packed_and_read_it_is_the_same() {
    let told = |name: &str, bytes: &[u8], threads: &str| {
        let desk = Desk::new();
        desk.write(&format!("logs/{name}"), bytes);
        desk.write("logs/other.json", log_of(20..25).as_bytes());
        let ran = desk.run(&["scan", "logs", "--output", "json", "--threads", threads], "");
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        let answer = json(&ran);
        (answer["findings"].clone(), answer["stats"]["records"].clone())
    };
    let log = log_of(0..9);
    let expect = told("a.json", log.as_bytes(), "1");
    assert_eq!(expect.1, 14);
    let events: Vec<Value> = serde_json::from_str::<Value>(&log).unwrap()["Records"].as_array().unwrap().clone();
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let pretty = serde_json::to_string_pretty(&serde_json::json!({"Records": events})).unwrap();
    let lookup: Vec<Value> = lines.iter().map(|line| serde_json::json!({"CloudTrailEvent": line})).collect();
    let lookup = serde_json::json!({"Events": lookup}).to_string();
    let exported: Vec<Value> = lines.iter().map(|line| serde_json::json!({"id": "1", "message": line})).collect();
    let exported = serde_json::json!({"messageType": "DATA_MESSAGE", "logEvents": exported}).to_string();
    let two = [gzip(log_of(0..4).as_bytes()), gzip(log_of(4..9).as_bytes())].concat();
    let bzip2 = {
        let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        out.write_all(log.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    let zstd = ruzstd::encoding::compress_to_vec(log.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for threads in ["1", "2", "4"] {
        for (name, bytes) in [
            ("a.json", log.as_bytes()),
            ("a.json.gz", &gzip(log.as_bytes())),
            ("two-members.gz", &two),
            ("a.json.bz2", &bzip2),
            ("a.json.zst", &zstd),
            ("a.jsonl", lines.join("\n").as_bytes()),
            ("pretty.json", pretty.as_bytes()),
            ("lookup.json", lookup.as_bytes()),
            ("exported.json.gz", &gzip(exported.as_bytes())),
        ] {
            assert_eq!(told(name, bytes, threads), expect, "{name} {threads}");
        }
    }
}

/// Ctrl-C while a scan waits for standard input: what was read stays, and the next scan goes on from there.
#[cfg(unix)]
#[test]
fn an_interrupted_scan_goes_on_where_it_stopped() {
    let desk = Desk::new();
    for n in 0..200 {
        desk.write(&format!("a/{n:03}.json"), log_of(n * 5..n * 5 + 5).as_bytes());
        desk.write(&format!("b/{n:03}.json"), log_of(5_000 + n * 5..5_000 + n * 5 + 5).as_bytes());
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_denywatch"))
        .args(["scan", "a", "-", "b"])
        .current_dir(desk.folder.path())
        .env_clear()
        .env("XDG_DATA_HOME", desk.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ledger = desk.folder.path().join("denywatch/ledger.db");
    while !ledger.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    // It waits for the pipe, and says so.
    assert!(lines.by_ref().any(|line| line.unwrap().contains("Ctrl-C again ends it at once")));
    drop(child.stdin.take());
    let told: String = lines.map(|line| line.unwrap() + "\n").collect();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(told.contains("interrupted: what was read is in the ledger"), "{told}");
    let answer = json(&desk.run(&["scan", "a", "-", "b", "--output", "json"], ""));
    let known = answer["stats"]["known"].as_u64().unwrap();
    assert!((1..400).contains(&known), "{}", answer["stats"]);
    assert_eq!((&answer["stats"]["records"], &answer["findings"][0]["count"]), (&2_000.into(), &2_000.into()));
}
