use super::need::Need;
use super::task::Task;
use crate::diagnosis::{Target, TargetKind};
use crate::edit::{Change, Edited, Hints, SourceFile, Wanted, edit};
use crate::patch::{Applicability, Patch, Room};
use crate::policy::Document;
use crate::principal::from_arn;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:orders";

fn target(kind: TargetKind, arn: &str) -> Target {
    let name = arn.rsplit(['/', ':']).next().map(str::to_owned);
    Target { kind, arn: Some(arn.to_owned()), name, account: Some("111122223333".to_owned()) }
}

fn run_for(target: Target, files: &[(&str, &str)], statement: Value, state: Option<Value>) -> Edited {
    let document: Document =
        serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap();
    let patch = Patch {
        target,
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(document),
        merged: None,
        room: Room::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    };
    let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
    let files: Vec<SourceFile> = files.iter().map(file).collect();
    let wanted = Wanted { patch: &patch, principal: &from_arn(ROLE), name: "denywatch-1a2b3c4d" };
    let state = state.map(|state| SourceFile { path: "state".to_owned(), text: state.to_string() });
    edit(&wanted, &files, &Hints { state, ..Hints::default() }).0
}

fn run(text: &str, statement: Value) -> Edited {
    run_for(target(TargetKind::RolePolicy, ROLE), &[("main.tf", text)], statement, None)
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Sid": "D1", "Effect": "Allow", "Action": actions, "Resource": [resource]})
}

#[track_caller]
fn only(edited: Edited) -> Change {
    match edited {
        Edited::Changed { mut changes, .. } if changes.len() == 1 => changes.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The lines that come and go.
#[track_caller]
fn lines(edited: Edited) -> String {
    let change = only(edited);
    let diff = crate::edit::unified(&[change]);
    let changed = diff.lines().skip(3).filter(|line| line.starts_with(['+', '-']));
    changed.map(|line| format!("{line}\n")).collect()
}

fn role_policy(policy: &str) -> String {
    format!("resource \"aws_iam_role_policy\" \"app\" {{\n  role = \"app\"\n  policy = {policy}\n}}\n")
}

fn encoded(statements: &str) -> String {
    role_policy(&format!("jsonencode({{\n    Statement = {statements}\n  }})"))
}

#[track_caller]
fn joins(actions: &str, expect: &str) {
    let statement =
        format!("[{{\n      Effect = \"Allow\"\n      Action = {actions}\n      Resource = \"{QUEUE}\"\n    }}]");
    let change = only(run(&encoded(&statement), allow(&["sqs:SendMessage"], QUEUE)));
    let start = change.after.find("Action = ").unwrap() + "Action = ".len();
    let end = change.after.find("\n      Resource").unwrap();
    assert_eq!(&change.after[start..end], expect);
}

#[test]
fn an_action_joins_its_list_as_the_others_stand() {
    joins("\"sqs:ReceiveMessage\"", "[\"sqs:ReceiveMessage\", \"sqs:SendMessage\"]");
    joins("[\"sqs:ReceiveMessage\"]", "[\"sqs:ReceiveMessage\", \"sqs:SendMessage\"]");
    joins("[\"sqs:ReceiveMessage\", ]", "[\"sqs:ReceiveMessage\", \"sqs:SendMessage\", ]");
    joins("[]", "[\"sqs:SendMessage\"]");
    joins("[\n  \"sqs:A\",\n  \"sqs:B\"\n ]", "[\n  \"sqs:A\",\n  \"sqs:B\",\n  \"sqs:SendMessage\"\n ]");
    joins("[\n  \"sqs:A\",\n  \"sqs:B\",\n ]", "[\n  \"sqs:A\",\n  \"sqs:B\",\n  \"sqs:SendMessage\",\n ]");
    joins("[\n  \"sqs:A\" # a\n ]", "[\n  \"sqs:A\", # a\n  \"sqs:SendMessage\"\n ]");
    joins("[\n  \"sqs:A\", # a\n  # end\n ]", "[\n  \"sqs:A\", # a\n  \"sqs:SendMessage\",\n  # end\n ]");
    joins(
        "[\n  \"sqs:A\", \"sqs:B\",\n  \"sqs:C\"\n ]",
        "[\n  \"sqs:A\", \"sqs:B\",\n  \"sqs:C\", \"sqs:SendMessage\"\n ]",
    );
    // In order where there is one.
    joins("[\"sqs:A\", \"sqs:B\", \"sqs:Z\"]", "[\"sqs:A\", \"sqs:B\", \"sqs:SendMessage\", \"sqs:Z\"]");
    joins(
        "[\n  \"sqs:A\",\n  \"sqs:B\",\n  \"sqs:Z\"\n ]",
        "[\n  \"sqs:A\",\n  \"sqs:B\",\n  \"sqs:SendMessage\",\n  \"sqs:Z\"\n ]",
    );
    // What is made elsewhere is left alone.
    joins("concat([\"sqs:A\"], [])", "concat([\"sqs:A\"], [])");
}

#[test]
fn another_statement_is_not_joined() {
    let other = |fields: &str| {
        let text = encoded(&format!("[{{ Effect = \"Allow\", Action = [\"sqs:A\"], {fields} }}]"));
        lines(run(&text, allow(&["sqs:SendMessage"], QUEUE)))
    };
    for fields in [
        "Resource = \"*\"".replace('*', "arn:aws:sqs:eu-west-1:111122223333:other"),
        format!("Resource = [\"{QUEUE}\", \"{QUEUE}-dlq\"]"),
        format!("Resource = \"{QUEUE}\", Condition = {{ Bool = {{ \"aws:SecureTransport\" = \"true\" }} }}"),
        format!("NotResource = \"{QUEUE}\""),
        "Resource = var.unknown".to_owned(),
    ] {
        let lines = other(&fields);
        assert_eq!(lines.lines().count(), 2, "{fields}: {lines}");
        assert!(
            lines.contains("Action = [\"sqs:A\"], ") && lines.contains("Action = [\"sqs:SendMessage\"]"),
            "{lines}"
        );
    }
    let text = encoded(&format!("[{{ Effect = \"Deny\", Action = \"sqs:A\", Resource = \"{QUEUE}\" }}]"));
    assert!(lines(run(&text, allow(&["sqs:SendMessage"], QUEUE))).contains("\"Deny\", Action = \"sqs:A\""));
}

#[test]
fn what_is_there_stays_unsaid() {
    let text = encoded(&format!("[{{ Effect = \"Allow\", Action = \"sqs:*\", Resource = \"{QUEUE}\" }}]"));
    let Edited::Already(place) = run(&text, allow(&["sqs:SendMessage"], QUEUE)) else { panic!() };
    assert_eq!((place.path.as_str(), place.line), ("main.tf", 4));
    // One of two actions is there.
    let change =
        only(run(&text.replace("sqs:*", "sqs:SendMessage"), allow(&["sqs:SendMessage", "sqs:PurgeQueue"], QUEUE)));
    assert!(change.after.contains("Action = [\"sqs:SendMessage\", \"sqs:PurgeQueue\"]"), "{}", change.after);
}

#[test]
fn conditions_are_written_in_each_notation() {
    let statement = json!({"Sid": "D1", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["*"], "Condition": {
        "StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}, "Bool": {"aws:SecureTransport": ["true"]},
    }});
    let object = encoded("[\n    ]");
    let block = format!(
        "{}data \"aws_iam_policy_document\" \"d\" {{\n}}\n",
        role_policy("data.aws_iam_policy_document.d.json")
    );
    let json = role_policy("<<E\n{\"Statement\": []}\nE");
    for text in [&object, &block, &json] {
        let change = only(run(text, statement.clone()));
        assert!(change.after.contains("kms:ViaService"), "{}", change.after);
        assert!(matches!(run(&change.after, statement.clone()), Edited::Already(_)), "{}", change.after);
    }
    let text = only(run(&block, statement)).after;
    assert!(
        text.contains("    condition {\n      test     = \"Bool\"\n      variable = \"aws:SecureTransport\""),
        "{text}"
    );
}

#[test]
fn line_ends_stay() {
    let block = format!(
        "{}data \"aws_iam_policy_document\" \"d\" {{\n\tstatement {{\n\t\tactions = [\"a:B\"]\n\t\tresources = [\"*\"]\n\t}}\n}}",
        role_policy("data.aws_iam_policy_document.d.json")
    );
    for text in
        [encoded("[\n      { Effect = \"Allow\", Action = \"a:B\", Resource = \"*\" },\n    ]"), encoded("[]"), block]
    {
        let text = text.replace('\n', "\r\n");
        let after = only(run(&text, allow(&["sqs:SendMessage"], QUEUE))).after;
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
        assert!(after.ends_with('}') == text.ends_with('}'));
    }
}

/// Texts that some reader takes for more than text.
const HOSTILE: [&str; 14] = [
    "a/${aws:username}",
    "a/${file(\"/etc/passwd\")}",
    "$${x}",
    "$$$${x}",
    "%{if true}x%{endif}",
    "%%{x}",
    "$%{x}",
    "%${x}",
    "\"}]})",
    "a\\",
    "&{aws:username}",
    "\nEOT\n",
    "${*}${?}${$}",
    "x # y // z /* w",
];

#[test]
fn hostile_text_is_text_or_refused() {
    for hostile in HOSTILE {
        let resource = format!("arn:aws:s3:::bucket/{hostile}");
        let statement = json!({"Sid": "D1", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [resource],
            "Condition": {"StringEquals": {format!("aws:RequestTag/{hostile}"): [hostile, "b"]}}});
        let data = "data \"aws_iam_policy_document\" \"d\" {\n}\n";
        let forms = [
            encoded("[]"),
            role_policy("<<EOT\n{\"Statement\": []}\nEOT"),
            format!("{}{data}", role_policy("data.aws_iam_policy_document.d.json")),
        ];
        for (at, text) in forms.iter().enumerate() {
            match run(text, statement.clone()) {
                Edited::Changed { changes, .. } => {
                    assert!(
                        matches!(run(&changes[0].after, statement.clone()), Edited::Already(_)),
                        "{}",
                        changes[0].after
                    );
                }
                // The data source knows no way to write `&{`.
                Edited::Undecided(places) => assert!(at == 2 && hostile.contains("&{"), "{hostile:?} {places:?}"),
                other @ (Edited::Already(_) | Edited::Full(_)) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn an_empty_list_keeps_its_comments() {
    let policy = |inside: &str| {
        format!(
            "resource \"aws_iam_role_policy\" \"p\" {{\n  name = \"p\"\n  role = \"app\"\n  policy = \
             jsonencode({{\n    Statement = [{inside}]\n  }})\n}}\n"
        )
    };
    for (inside, expect) in [
        ("# none\n    ", "Statement = [# none\n      {\n"),
        ("\n      // none\n      /* yet */\n    ", "[\n      // none\n      /* yet */\n      {\n"),
        (" /* none */ ", "[ /* none */\n      {\n"),
        ("\n    ", "Statement = [\n      {\n"),
    ] {
        let after = only(run(&policy(inside), allow(&["sqs:SendMessage"], QUEUE))).after;
        assert!(after.contains(expect) && after.contains("\n      }\n    ]\n"), "{after}");
    }
    let actions = |inside: &str| {
        policy(&format!("{{ Sid = \"Q\", Effect = \"Allow\", Action = [{inside}], Resource = [\"{QUEUE}\"] }}"))
    };
    for (inside, expect) in
        [("# none\n    ", "[# none\n      \"sqs:SendMessage\"\n    ]"), (" ", "[\"sqs:SendMessage\"]")]
    {
        let after = only(run(&actions(inside), allow(&["sqs:SendMessage"], QUEUE))).after;
        assert!(after.contains(expect), "{after}");
    }
}

const CIRCLE: &str = "resource \"aws_kms_key\" \"k\" {\n  policy = jsonencode({ Statement = [{ Effect = \"Allow\", \
    Principal = { AWS = aws_iam_role.app.arn }, Action = \"kms:*\", Resource = \"*\" }] })\n}\n\
    resource \"aws_iam_role\" \"app\" {\n  name = \"app\"\n  inline_policy {\n    policy = jsonencode({ Statement = [] })\n  }\n}\n";

#[test]
fn no_reference_makes_a_circle() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d";
    let attributes = json!({"arn": key});
    let state = json!({"resources": [{"mode": "managed", "type": "aws_kms_key", "name": "k", "instances": [{"attributes": attributes}]}]});
    let change = |text: &str| {
        let edited = run_for(
            target(TargetKind::RolePolicy, ROLE),
            &[("main.tf", text)],
            allow(&["kms:Decrypt"], key),
            Some(state.clone()),
        );
        only(edited).after
    };
    assert!(change(CIRCLE).contains(key), "{}", change(CIRCLE));
    let free = CIRCLE.replace("aws_iam_role.app.arn", "\"*\"");
    assert!(change(&free).contains("aws_kms_key.k.arn"), "{}", change(&free));
}

#[track_caller]
fn refers(more: &str, expect: &str) {
    let text = format!("{}{more}", encoded("[\n    ]"));
    let after = only(run(&text, allow(&["sqs:SendMessage"], QUEUE))).after;
    assert!(after.contains(&format!("Resource = [{expect}]")), "{after}");
}

#[test]
fn a_reference_is_taken_only_where_it_is_certain() {
    let literal = format!("\"{QUEUE}\"");
    let here = |text: &str| format!("{text}provider \"aws\" {{\n  region = \"eu-west-1\"\n}}\n");
    let queue = "resource \"aws_sqs_queue\" \"q\" {\n  name = \"orders\"\n}\n";
    refers(&here(queue), "aws_sqs_queue.q.arn");
    // Nobody says in which Region it is.
    refers(queue, &literal);
    let text = format!("{}{queue}", encoded("[\n    ]"));
    let Edited::Changed { notes, .. } = run(&text, allow(&["sqs:SendMessage"], QUEUE)) else { panic!() };
    assert!(notes.iter().any(|note| note.contains("may be `aws_sqs_queue.q.arn`, if")), "{notes:?}");
    refers(
        &here("resource \"aws_sqs_queue\" \"q\" {\n  for_each = toset([\"orders\", \"x\"])\n  name = each.key\n}\n"),
        "aws_sqs_queue.q[\"orders\"].arn",
    );
    refers(&format!("locals {{\n  q = \"{QUEUE}\"\n}}\n"), "local.q");
    refers(&format!("variable \"q\" {{\n  default = \"{QUEUE}\"\n}}\n"), "var.q");
    refers("resource \"aws_sqs_queue\" \"q\" {\n  name = \"other\"\n}\n", &literal);
    refers("resource \"aws_sqs_queue\" \"q\" {\n  name = \"${var.x}ders\"\n}\n", &literal);
    refers("resource \"aws_sqs_queue\" \"q\" {\n  name = \"orders\"\n  provider = aws.us\n}\n", &literal);
    refers(
        "resource \"aws_sqs_queue\" \"q\" {\n  name = \"orders\"\n}\nprovider \"aws\" {\n  region = \"us-east-1\"\n}\n",
        &literal,
    );
}

#[test]
fn a_group_is_a_carrier_too() {
    let group = "arn:aws:iam::111122223333:group/devs";
    let text = "resource \"aws_iam_group\" \"g\" {\n  name = \"devs\"\n}\n\nresource \"aws_iam_group_policy\" \"g\" {\n  \
        group = aws_iam_group.g.name\n  policy = jsonencode({\n    Statement = [\n      { Effect = \"Allow\", Action = \
        \"sqs:GetQueueUrl\", Resource = \"*\" },\n    ]\n  })\n}\n";
    let run = |text: &str| {
        run_for(target(TargetKind::GroupPolicy, group), &[("g.tf", text)], allow(&["sqs:SendMessage"], QUEUE), None)
    };
    let expect = format!("+      {{ Effect = \"Allow\", Action = \"sqs:SendMessage\", Resource = \"{QUEUE}\" }},\n");
    assert_eq!(lines(run(text)), expect);
    // Without a policy of its own it gets one beside it.
    let bare = &text[..text.find("resource \"aws_iam_group_policy").unwrap()];
    let after = only(run(bare)).after;
    assert!(after.contains("resource \"aws_iam_group_policy\" \"denywatch_1a2b3c4d\""), "{after}");
    assert!(after.contains("= aws_iam_group.g.name"), "{after}");
}

/// Whether a role's policy of that length takes a further statement.
#[track_caller]
fn room(policy: &str, in_use: Option<usize>, expect: bool) {
    let document: Document =
        serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [allow(&["sqs:SendMessage"], QUEUE)]}))
            .unwrap();
    let patch = Patch {
        target: target(TargetKind::RolePolicy, ROLE),
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(document),
        merged: None,
        room: Room { inline_in_use: in_use, ..Room::default() },
        widened: vec![],
        companions: vec![],
        proof: None,
    };
    let wanted = Wanted { patch: &patch, principal: &from_arn(ROLE), name: "denywatch-1a2b3c4d" };
    let files = [SourceFile { path: "main.tf".to_owned(), text: policy.to_owned() }];
    match edit(&wanted, &files, &Hints::default()).0 {
        Edited::Changed { .. } => assert!(expect, "it is taken"),
        Edited::Full(places) => {
            assert!(!expect && places[0].why.contains(" characters, and "), "{places:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_policy_that_would_be_too_long_is_left() {
    let of = |count: usize| {
        format!(
            "[\n      {{ Effect = \"Allow\", Action = \"s3:GetObject\", Resource = \"arn:aws:s3:::{}\" }},\n    ]",
            "b".repeat(count)
        )
    };
    room(&encoded(&of(9_000)), None, true);
    room(&encoded(&of(10_150)), None, false);
    room(&encoded(&of(100)), Some(10_000), true);
    room(&encoded(&of(100)), Some(10_200), false);
    let managed = |count: usize| {
        format!(
            "resource \"aws_iam_policy\" \"p\" {{\n  name   = \"p\"\n  policy = jsonencode({{ Statement = {} }})\n}}\n\
             resource \"aws_iam_role_policy_attachment\" \"p\" {{\n  role       = \"app\"\n  policy_arn = aws_iam_policy.p.arn\n}}\n",
            of(count)
        )
    };
    room(&managed(5_000), Some(10_200), true);
    room(&managed(6_100), None, false);
}

#[test]
fn a_starved_action_leaves_its_condition_in_every_notation() {
    let wanted = allow(&["s3:GetObject"], "arn:aws:s3:::b/k");
    let object = encoded(
        "[{\n      Effect = \"Allow\"\n      Action = [\"s3:GetObject\", \"s3:PutObject\"]\n      Resource = \"arn:aws:s3:::b/*\"\n      \
         Condition = { StringEquals = { \"s3:x-amz-server-side-encryption\" = \"aws:kms\" } }\n    }]",
    );
    let json = role_policy(
        "<<E\n{\"Statement\": {\"Effect\": \"Allow\", \"Action\": [\"s3:PutObject\", \"s3:GetObject\"], \"Resource\": \"arn:aws:s3:::b/*\", \
         \"Condition\": {\"StringEquals\": {\"s3:x-amz-server-side-encryption\": \"aws:kms\"}}}}\nE",
    );
    let block = format!(
        "{}data \"aws_iam_policy_document\" \"d\" {{\n  statement {{\n    actions   = [\"s3:PutObject\", \"s3:GetObject\"]\n    \
         resources = [\"arn:aws:s3:::b/*\"]\n\n    condition {{\n      test     = \"StringEquals\"\n      variable = \
         \"s3:x-amz-server-side-encryption\"\n      values   = [\"aws:kms\"]\n    }}\n  }}\n}}\n",
        role_policy("data.aws_iam_policy_document.d.json")
    );
    for text in [object, json, block.clone(), block.replace("\"s3:PutObject\", ", "")] {
        let after = only(run(&text, wanted.clone())).after;
        assert_eq!(after.matches("s3:GetObject").count(), 1, "{after}");
        assert!(matches!(run(&after, wanted.clone()), Edited::Already(_)), "{after}");
        assert_eq!(after.contains("aws:kms"), text.contains("s3:PutObject"), "{after}");
    }
}

#[test]
fn policies_of_resources_are_found_by_what_carries_them() {
    let statement = json!({"Sid": "D1", "Effect": "Allow", "Principal": {"AWS": [ROLE]}, "Action": ["sqs:SendMessage"], "Resource": [QUEUE]});
    let text = "resource \"aws_sqs_queue\" \"q\" {\n  name = \"orders\"\n}\nresource \"aws_iam_role\" \"app\" {\n  name = \"app\"\n}\n\
        resource \"aws_sqs_queue_policy\" \"q\" {\n  queue_url = aws_sqs_queue.q.url\n  policy = jsonencode({ Statement = [] })\n}\n";
    let after = only(run_for(target(TargetKind::QueuePolicy, QUEUE), &[("q.tf", text)], statement, None)).after;
    assert!(after.contains("AWS = aws_iam_role.app.arn"), "{after}");
    assert!(after.contains("Resource = [aws_sqs_queue.q.arn]"), "{after}");

    let trust = json!({"Sid": "D1", "Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": ["sts:AssumeRole"]});
    let text = "resource \"aws_iam_role\" \"app\" {\n  name = \"app\"\n  assume_role_policy = jsonencode({ Statement = [\n    \
        { Effect = \"Allow\", Principal = { Service = \"lambda.amazonaws.com\" }, Action = \"sts:TagSession\" },\n  ] })\n}\n";
    let after = only(run_for(target(TargetKind::TrustPolicy, ROLE), &[("r.tf", text)], trust, None)).after;
    assert!(after.contains("Action = [\"sts:TagSession\", \"sts:AssumeRole\"]"), "{after}");
}

#[test]
fn a_policy_that_is_given_in_pieces_is_followed() {
    let files = [
        (
            "main.tf",
            "module \"role\" {\n  source = \"./role\"\n  name   = \"app\"\n  policy = data.aws_iam_policy_document.d.json\n}\n\
            data \"aws_iam_policy_document\" \"d\" {\n  statement {\n    actions   = [\"sqs:A\"]\n    resources = [\"*\"]\n  }\n}\n",
        ),
        (
            "role/main.tf",
            "variable \"name\" {}\nvariable \"policy\" {}\nresource \"aws_iam_role\" \"r\" {\n  name = var.name\n}\n\
            resource \"aws_iam_role_policy\" \"p\" {\n  role   = aws_iam_role.r.name\n  policy = var.policy\n}\n",
        ),
    ];
    let change = only(run_for(target(TargetKind::RolePolicy, ROLE), &files, allow(&["sqs:B"], QUEUE), None));
    assert_eq!(change.path, "main.tf");
    let registry = [("main.tf", "module \"m\" {\n  source = \"acme/role/aws\"\n  name   = \"app\"\n}\n")];
    let edited = run_for(target(TargetKind::RolePolicy, ROLE), &registry, allow(&["sqs:B"], QUEUE), None);
    let Edited::Undecided(places) = edited else { panic!("{edited:?}") };
    assert_eq!((places.len(), places[0].line), (1, 1));
}

#[test]
fn configuration_that_points_to_itself_ends() {
    let text = format!(
        "locals {{\n  a = local.b\n  b = local.a\n  c = \"${{local.c}}${{local.c}}\"\n}}\nmodule \"m\" {{\n  source = \"./m\"\n}}\n{}",
        role_policy("local.a")
    );
    let files = [
        ("main.tf", text.as_str()),
        (
            "m/main.tf",
            "module \"n\" {\n  source = \"../m\"\n  x = var.x\n}\nvariable \"x\" {}\nresource \"aws_iam_role\" \"r\" {\n  name = var.x\n}\n",
        ),
    ];
    let edited = run_for(target(TargetKind::RolePolicy, ROLE), &files, allow(&["sqs:B"], QUEUE), None);
    assert!(matches!(edited, Edited::Undecided(_)), "{edited:?}");
}

#[track_caller]
fn undecided(text: &str, arn: &str, count: usize) {
    let edited = run_for(target(TargetKind::RolePolicy, arn), &[("main.tf", text)], allow(&["sqs:B"], QUEUE), None);
    let Edited::Undecided(places) = edited else { panic!("{edited:?}") };
    assert_eq!(places.len(), count, "{places:?}");
}

#[test]
fn a_name_that_tells_little_is_only_a_candidate() {
    let role = |name: &str| format!("resource \"aws_iam_role\" \"r\" {{\n  name = \"{name}\"\n}}\n");
    let arn = "arn:aws:iam::111122223333:role/shop-ingest-role";
    undecided(&role("${var.project}-role"), arn, 1);
    undecided(&role("${var.name}"), arn, 1);
    undecided(&role("${var.project}-egress-role"), arn, 0);
    let taken = run_for(
        target(TargetKind::RolePolicy, arn),
        &[("main.tf", &role("${var.project}-ingest-role"))],
        allow(&["sqs:B"], QUEUE),
        None,
    );
    assert!(only(taken).after.contains("role = aws_iam_role.r.name"));
    // A module that is not here bears the whole name: a pattern does not stand against it.
    let far = format!(
        "{}module \"m\" {{\n  source = \"acme/role/aws\"\n  role_name = \"shop-ingest-role\"\n}}\n",
        role("${var.project}-ingest-role")
    );
    undecided(&far, arn, 2);
}

const WATCHED: &str = "resource \"aws_iam_role\" \"app\" {\n  name = \"app\"\n}\nresource \"aws_iam_role_policy\" \"app\" {\n  \
    role = aws_iam_role.app.name\n  policy = jsonencode({\n    Version = \"2012-10-17\"\n    Statement = [\n      \
    { Effect = \"Allow\", Action = [\"sqs:A\"], Resource = \"arn:aws:sqs:eu-west-1:111122223333:orders\" },\n      \
    { Effect = \"Allow\", Action = [\"sqs:C\"], Resource = \"*\", Condition = { Bool = { \"aws:SecureTransport\" = \"true\" } } },\n    \
    ]\n  })\n}\n";

/// Whether the reading back takes the change with one passage of it changed.
fn passes(resource: &str, from: &str, to: &str) -> bool {
    let document = json!({"Version": "2012-10-17", "Statement": [allow(&["sqs:B"], resource)]});
    let patch: Patch = Patch {
        target: target(TargetKind::RolePolicy, ROLE),
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(serde_json::from_value(document).unwrap()),
        merged: None,
        room: Room::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    };
    let files = [SourceFile { path: "main.tf".to_owned(), text: WATCHED.to_owned() }];
    let statements = &patch.document.as_ref().unwrap().statements;
    let needs: Vec<Need> = statements.iter().filter_map(|one| Need::of(one, Some("111122223333"))).collect();
    let principal = from_arn(ROLE);
    let wanted = Wanted { patch: &patch, principal: &principal, name: "x" };
    let carrier = super::owner::carrier(TargetKind::RolePolicy).unwrap();
    let hints = Hints::default();
    let task =
        Task { wanted: &wanted, hints: &hints, files: &files, carrier, name: "app".into(), account: None, needs };
    let (code, _) = super::load::load(&files);
    let (known, modules) = (super::known::Known::default(), code.modules());
    let worlds = super::world::worlds(&code, &modules, &known);
    let owners = super::owner::owners(&worlds, &task.carrier, &wanted, "app");
    let found = super::policies::policies(&worlds[0], &task.bearer(owners.first()));
    let planned = super::plan::plan(&worlds[0], &found, &task.needs, false);
    let edits = super::edits::edits(&worlds[0], &found.readable[0], &planned.plans[0], None);
    let text = super::layout::applied(WATCHED, &edits.iter().collect::<Vec<_>>()).unwrap();
    assert!(text.contains(from), "{text}");
    let after = [SourceFile { path: "main.tf".to_owned(), text: text.replacen(from, to, 1) }];
    task.read_again(&worlds[0], &found, &planned, &edits, &after).is_ok()
}

#[test]
fn a_change_that_does_more_is_refused() {
    for resource in [QUEUE, "arn:aws:sqs:eu-west-1:111122223333:other"] {
        let check =
            |from: &str, to: &str, expect: bool| assert_eq!(passes(resource, from, to), expect, "{from} → {to}");
        check("\"app\" {\n  role", "\"app\" {\n  role", true);
        check("\"sqs:C\"", "\"sqs:*\"", false);
        check("\"sqs:A\"", "\"sqs:A\", \"sqs:Z\"", false);
        check("\"sqs:B\"", "\"sqs:B\", \"sqs:Z\"", false);
        check("\"true\"", "\"false\"", false);
        check("\"2012-10-17\"", "\"2008-10-17\"", false);
        check("    ]\n", "      { Effect = \"Allow\", Action = \"*\", Resource = \"*\" }\n    ]\n", false);
        check("\n  })\n}\n", "\n  })\n}\nresource \"aws_iam_user\" \"u\" {}\n", false);
        check("name = \"app\"", "name = \"app\"\n  path = \"/x/\"", false);
        check("{ Effect = \"Allow\", Action = [\"sqs:C\"]", "{ Effect = \"Deny\", Action = [\"sqs:C\"]", false);
        check("\n}\nresource", "\n\nresource", false);
    }
}
