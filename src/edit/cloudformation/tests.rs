//! Rules of the edit, each as a template, what is wanted, and the lines that come and go.

use super::*;
use crate::arn::Arn;
use crate::diagnosis::Target;
use crate::patch::{Applicability, Patch};
use crate::policy::Document;
use crate::principal::Principal;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";

fn patch(kind: TargetKind, name: &str, statement: &Value) -> Patch {
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let (name, arn) = match name.parse::<Arn>() {
        Ok(arn) => (arn.resource.rsplit(['/', ':']).next().unwrap().to_owned(), Some(name.to_owned())),
        Err(_) => (name.to_owned(), None),
    };
    Patch {
        target: Target { kind, arn, name: Some(name), account: Some(ACCOUNT.to_owned()) },
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(Document::from_value(document).unwrap()),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    }
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

fn run(files: &[SourceFile], kind: TargetKind, name: &str, statement: &Value) -> (Edited, Vec<Problem>) {
    let patch = patch(kind, name, statement);
    let mut principal = Principal::unknown();
    principal.arn = Some(format!("arn:aws:iam::{ACCOUNT}:role/app"));
    let (answer, problems) =
        edit(&Wanted { patch: &patch, principal: &principal, name: "fix" }, files, &Hints::default());
    (answer.edited, problems)
}

/// The lines that a change takes out and brings, and its notes; else what was said instead.
fn told(edited: &Edited) -> String {
    let place = |one: &Candidate| format!("{}:{} {}: {}\n", one.path, one.line, one.what, one.why);
    match edited {
        Edited::Changed { changes, notes } => {
            let diff = crate::edit::unified(changes);
            let lines = diff.lines().filter(|line| !line.starts_with("---") && !line.starts_with("+++"));
            let lines = lines.filter(|line| line.starts_with(['+', '-'])).map(|line| format!("{line}\n"));
            notes.iter().map(|note| format!("# {note}\n")).chain(lines).collect()
        }
        Edited::Already(one) => format!("already {}", place(one)),
        Edited::Undecided(all) => std::iter::once("undecided\n".to_owned()).chain(all.iter().map(place)).collect(),
        Edited::Full(all) => std::iter::once("full\n".to_owned()).chain(all.iter().map(place)).collect(),
    }
}

#[track_caller]
fn check(template: &str, kind: TargetKind, name: &str, statement: Value, expect: &str) {
    let files = [file("t.yaml", template)];
    let (edited, problems) = run(&files, kind, name, &statement);
    assert_eq!((told(&edited).trim_end(), problems), (expect.trim_end(), vec![]));
    // A second run adds nothing.
    if let Edited::Changed { changes, .. } = edited {
        let again = run(&[file("t.yaml", &changes[0].after)], kind, name, &statement).0;
        assert!(matches!(again, Edited::Already(_)), "{}", told(&again));
    }
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Sid": "S", "Effect": "Allow", "Action": [action], "Resource": [resource]})
}

fn named(principal: &str, action: &str, resource: &str) -> Value {
    json!({"Sid": "S", "Effect": "Allow", "Principal": {"AWS": [principal]}, "Action": [action], "Resource": [resource]})
}

/// A role `app` with these statements.
fn role(statements: &str) -> String {
    format!(
        "Resources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: app\n      Policies:\n        - \
         PolicyName: p\n          PolicyDocument:\n            Version: \"2012-10-17\"\n            Statement:\n{statements}"
    )
}

use TargetKind::{BucketPolicy, GroupPolicy, KeyPolicy, ManagedPolicy, QueuePolicy, RepositoryPolicy, RolePolicy};
use TargetKind::{SecretPolicy, TopicPolicy, TrustPolicy, UserPolicy};

#[test]
fn an_action_joins_the_statement_of_the_same_resources() {
    let wanted = || allow("s3:PutObject", "arn:aws:s3:::b/*");
    let statement = |action: &str| {
        role(&format!(
            "              - Effect: Allow\n                Action: {action}\n                Resource: arn:aws:s3:::b/*\n"
        ))
    };
    let block = "-                Action: s3:GetObject # why\n+                Action:\n+                  - s3:GetObject \
                 # why\n+                  - s3:PutObject";
    check(&statement("s3:GetObject # why"), RolePolicy, "app", wanted(), block);
    let flow = "-                Action: [s3:GetObject,]\n+                Action: [s3:GetObject, s3:PutObject,]";
    check(&statement("[s3:GetObject,]"), RolePolicy, "app", wanted(), flow);
    check(
        &statement("\n                  - 's3:GetObject'\n                  # last"),
        RolePolicy,
        "app",
        wanted(),
        "+                  - 's3:PutObject'",
    );
    let plain = statement("\n                  - s3:GetObject");
    check(&plain, RolePolicy, "app", wanted(), "+                  - s3:PutObject");
    let already = "already t.yaml:11 Resources.App (AWS::IAM::Role): it allows this already: it is not deployed yet, or \
                   another copy is";
    check(&statement("s3:Put*"), RolePolicy, "app", wanted(), already);
    check(&statement("'*'"), RolePolicy, "app", wanted(), already);
}

#[test]
fn other_conditions_and_resources_are_not_joined() {
    let apart = "+              - Effect: Allow\n+                Action: s3:PutObject\n+                Resource: \
                 arn:aws:s3:::b/k";
    for rest in [
        "Resource: arn:aws:s3:::b/k\n                Condition: {Bool: {aws:SecureTransport: true}}",
        "Resource: [arn:aws:s3:::b/k, arn:aws:s3:::c]",
        "Resource: !Ref Unheard",
        "NotResource: arn:aws:s3:::b/k",
        "Resource: arn:aws:s3:::b/k\n                Sorts: of things",
    ] {
        let text = role(&format!(
            "              - Effect: Allow\n                Action: s3:GetObject\n                {rest}\n"
        ));
        check(&text, RolePolicy, "app", allow("s3:PutObject", "arn:aws:s3:::b/k"), apart);
    }
    let denies = role(
        "              - Effect: Deny\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::b/k\n",
    );
    check(&denies, RolePolicy, "app", allow("s3:PutObject", "arn:aws:s3:::b/k"), apart);
}

#[test]
fn the_same_condition_is_joined() {
    let text = role(
        "              - Effect: Allow\n                Action: [kms:Decrypt]\n                Resource: '*'\n                \
         Condition:\n                  StringEquals:\n                    kms:ViaService: s3.eu-west-1.amazonaws.com\n",
    );
    let wanted = json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": ["s3.eu-west-1.amazonaws.com"]}}});
    let expect = "-                Action: [kms:Decrypt]\n+                Action: [kms:Decrypt, kms:GenerateDataKey]";
    check(&text, RolePolicy, "app", wanted, expect);
    let other = json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": ["sqs.eu-west-1.amazonaws.com"]}}});
    let expect = "+              - Effect: Allow\n+                Action: [kms:GenerateDataKey]\n+                \
                  Resource: '*'\n+                Condition:\n+                  StringEquals:\n+                    \
                  kms:ViaService: sqs.eu-west-1.amazonaws.com";
    check(&text, RolePolicy, "app", other, expect);
}

#[test]
fn a_starved_action_alone_loses_the_condition() {
    let text = role(
        "              - Effect: Allow\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::b/*\n\
         \x20               Condition:\n                  StringEquals:\n                    \
         s3:x-amz-server-side-encryption: aws:kms\n                  Bool:\n                    aws:SecureTransport: \
         'true'\n",
    );
    let wanted = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}}});
    let expect = "# a statement of `App` is split: its condition on `s3:x-amz-server-side-encryption` can never be met by \
                  s3:GetObject\n-                  StringEquals:\n-                    s3:x-amz-server-side-encryption: \
                  aws:kms";
    check(&text, RolePolicy, "app", wanted, expect);
}

const QUEUE: &str = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: q\n";

#[test]
fn policies_of_resources() {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let queue = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:q");
    let wanted = || named(&role, "sqs:SendMessage", &queue);
    // The queue that the policy belongs to tells the Region.
    let made = format!(
        "+  QPolicy:\n+    Type: AWS::SQS::QueuePolicy\n+    Properties:\n+      Queues:\n+        - !Ref Q\n+      \
         PolicyDocument:\n+        Version: \"2012-10-17\"\n+        Statement:\n+          - Sid: S\n+            Effect: \
         Allow\n+            Principal:\n+              AWS: {role}\n+            Action: sqs:SendMessage\n+            \
         Resource: !GetAtt Q.Arn"
    );
    check(QUEUE, QueuePolicy, &queue, wanted(), &made);
    let theirs = format!(
        "{QUEUE}  P:\n    Type: AWS::SQS::QueuePolicy\n    Properties:\n      Queues: [!Ref Q]\n      PolicyDocument: \
         {{Version: 2012-10-17, Statement: [{{Effect: Allow, Principal: {{AWS: \"{role}\"}}, Action: \
         [sqs:ReceiveMessage], Resource: \"{queue}\"}}]}}\n"
    );
    let (edited, _) = run(&[file("t.yaml", &theirs)], QueuePolicy, &queue, &wanted());
    assert!(told(&edited).contains("Action: [sqs:ReceiveMessage, sqs:SendMessage], Resource"), "{}", told(&edited));
    let opaque = format!(
        "{QUEUE}  P:\n    Type: AWS::SQS::QueuePolicy\n    Properties:\n      Queues: [!Ref Q]\n      PolicyDocument: \
         !Transform {{Name: AWS::Include}}\n"
    );
    let left = "undecided\nt.yaml:6 Resources.P (AWS::SQS::QueuePolicy): the policy of `P` is not written out in the \
                template";
    check(&opaque, QueuePolicy, &queue, wanted(), left);
}

#[test]
fn a_reference_stands_for_what_the_template_makes() {
    let check = |kind, name: &str, made: &str, expect: &[&str]| {
        let files = [file("t.yaml", &format!("Resources:\n  X:\n{made}"))];
        let statement = named(&format!("arn:aws:iam::{ACCOUNT}:role/app"), "a:B", name);
        let said = told(&run(&files, kind, name, &statement).0);
        assert!(expect.iter().all(|line| said.contains(line)), "{said}");
    };
    let bucket = "    Type: AWS::S3::Bucket\n    Properties: {BucketName: b}\n";
    check(BucketPolicy, "arn:aws:s3:::b", bucket, &["+      Bucket: !Ref X", "Resource: !GetAtt X.Arn"]);
    let topic = "    Type: AWS::SNS::Topic\n    Properties: {TopicName: t}\n";
    check(TopicPolicy, "arn:aws:sns:eu-west-1:111122223333:t", topic, &["+      Topics:\n+        - !Ref X\n"]);
    let secret = "    Type: AWS::SecretsManager::Secret\n    Properties: {Name: s}\n";
    check(SecretPolicy, "s-backup", secret, &["undecided\n"]);
    check(SecretPolicy, "s-a1B2c3", secret, &["+      SecretId: !Ref X\n"]);
    check(SecretPolicy, "s", secret, &["+      SecretId: !Ref X\n", "+      ResourcePolicy:\n"]);
    let repository = "    Type: AWS::ECR::Repository\n    Properties:\n      RepositoryName: r\n";
    check(RepositoryPolicy, "r", repository, &["+      RepositoryPolicyText:\n+        Version"]);
    let key = "    Type: AWS::KMS::Key\n    Properties: {Enabled: true}\n";
    check(KeyPolicy, "1a2b", key, &["undecided\nt.yaml:2 Resources.X (AWS::KMS::Key): its name is known only when"]);
}

#[test]
fn users_groups_and_managed_policies() {
    let wanted = || allow("s3:GetObject", "arn:aws:s3:::b/k");
    let statement = "Statement: [{Effect: Allow, Action: 's3:ListBucket', Resource: '*'}]";
    let user = "Resources:\n  U:\n    Type: AWS::IAM::User\n    Properties:\n      UserName: ann\n";
    let made = "+      Policies:\n+        - PolicyName: fix\n+          PolicyDocument:\n+            Version: \
                \"2012-10-17\"\n+            Statement:\n+              - Sid: S\n+                Effect: Allow\n+                \
                Action: s3:GetObject\n+                Resource: arn:aws:s3:::b/k";
    check(user, UserPolicy, "ann", wanted(), made);
    let group = user.replace("User", "Group").replace("ann", "devs");
    check(&group, GroupPolicy, "devs", wanted(), made);
    let managed = format!(
        "Resources:\n  M:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      ManagedPolicyName: m\n      \
         PolicyDocument:\n        Version: '2012-10-17'\n        {statement}\n"
    );
    let joined = "-        Statement: [{Effect: Allow, Action: 's3:ListBucket', Resource: '*'}]\n+        Statement: \
                  [{Effect: Allow, Action: 's3:ListBucket', Resource: '*'}, {Effect: Allow, Action: 's3:GetObject', \
                  Resource: 'arn:aws:s3:::b/k'}]";
    check(&managed, ManagedPolicy, &format!("arn:aws:iam::{ACCOUNT}:policy/m"), wanted(), joined);
}

#[test]
fn a_policy_that_serves_others_too_is_left_alone() {
    let text = "Resources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: app\n      \
                ManagedPolicyArns: [!Ref M]\n  Other:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: other\n\
                \x20     ManagedPolicyArns: [!Ref M]\n  M:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      \
                PolicyDocument:\n        Version: \"2012-10-17\"\n        Statement:\n          - Effect: Allow\n            \
                Action: [s3:ListBucket]\n            Resource: \"*\"\n";
    let expect = "# left alone: `Other` uses `M`\n+      Policies:\n+        - PolicyName: fix\n+          PolicyDocument:\n+            \
                  Version: \"2012-10-17\"\n+            Statement:\n+              - Effect: Allow\n+                Action: \
                  [s3:GetBucketAcl]\n+                Resource: \"*\"";
    check(text, RolePolicy, "app", allow("s3:GetBucketAcl", "*"), expect);
}

#[test]
fn trust_policies() {
    let text = "Resources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: app\n      \
                AssumeRolePolicyDocument:\n        Statement:\n        - Action: sts:AssumeRole\n          Effect: Allow\n\
                \x20         Principal:\n            Service: ec2.amazonaws.com\n";
    let wanted =
        json!({"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"});
    let expect = "+        - Action: sts:AssumeRole\n+          Effect: Allow\n+          Principal:\n+            Service: \
                  lambda.amazonaws.com";
    check(text, TrustPolicy, "app", wanted, expect);
}

#[test]
fn a_ring_is_not_closed() {
    let text = |notified: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
             Properties:\n      Policies: []\n      Events:\n        E: {{Type: S3, Properties: {{Bucket: !Ref \
             {notified}}}}}\n  In:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: in}}\n  Out:\n    Type: \
             AWS::S3::Bucket\n    Properties: {{BucketName: out}}\n"
        )
    };
    let wanted = || allow("s3:GetObject", "arn:aws:s3:::in/*");
    let told = |notified| {
        let files = [file("t.yaml", &text(notified))];
        told(&run(&files, RolePolicy, "stack-FRole-1A2B3C4D5E6F7", &wanted()).0)
    };
    assert!(
        told("In").contains("Resource: arn:aws:s3:::in/*") || told("In").contains("Resource: \"arn:aws:s3:::in/*\""),
        "{}",
        told("In")
    );
    assert!(told("Out").contains("${In.Arn}/*"), "{}", told("Out"));
}

#[test]
fn text_from_an_event_stays_text() {
    let bare = role(
        "              - Effect: Allow\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::a\n",
    );
    let plain = bare.replace("arn:aws:s3:::a", "*x");
    assert!(Doc::parse(&plain).is_err());
    for key in [
        "x: y",
        "x #y",
        "&a",
        "*",
        "!Ref x",
        "no",
        "- a",
        "it's",
        "\"q\"",
        "\\",
        "${aws:username}",
        "${!x}",
        "&{x}",
        "a\tb",
        "|",
        ">-",
        "%x",
        "@x",
        "`x`",
        "{a}",
        "[a]",
        "a,b",
        "---",
        "<<",
        "é",
        "ends:",
        "{{x}}",
    ] {
        let resource = format!("arn:aws:s3:::a/{key}");
        let (edited, problems) = run(&[file("t.yaml", &bare)], RolePolicy, "app", &allow("s3:PutObject", &resource));
        let Edited::Changed { changes, .. } = edited else { panic!("{key}: {}", told(&edited)) };
        assert_eq!(problems, vec![]);
        let doc = Doc::parse(&changes[0].after).unwrap();
        assert!(doc.root.says(&resource), "{key}: {}", changes[0].after);
    }
}

#[test]
fn what_cloudformation_would_run_is_refused() {
    let bare = role(
        "              - Effect: Allow\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::a\n",
    );
    let wanted = allow("s3:PutObject", "arn:aws:s3:::a/{{resolve:ssm:secret}}");
    let expect =
        "undecided\nt.yaml:2 Resources.App (AWS::IAM::Role): CloudFormation resolves `{{resolve:` wherever it stands";
    check(&bare, RolePolicy, "app", wanted, expect);
}

#[test]
fn what_cannot_be_read_is_named_and_others_go_on() {
    let good = role(
        "              - Effect: Allow\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::a\n",
    );
    let huge = format!("Resources: AWS::X\n{}", "#\n".repeat(1_100_000));
    let deep = format!("Resources: [AWS::X, {}]{}", "[".repeat(200), "]".repeat(200));
    let files = [
        file("a.yaml", &good),
        file("b.yaml", &huge),
        file("c.json", "{\"Resources\": \"AWS::\", "),
        file("d.yaml", &deep),
        file("e.yaml", "Resources: AWS::X\n---\nResources: {}\n"),
        file("f.yaml", "Resources: AWS::X\nResources: {}\n"),
        file("g.md", "Resources: AWS::X\n---\n"),
        file(".aws-sam/build/template.yaml", &good),
    ];
    let (edited, problems) = run(&files, RolePolicy, "app", &allow("s3:PutObject", "arn:aws:s3:::a/k"));
    assert!(matches!(edited, Edited::Changed { .. }), "{}", told(&edited));
    let named: Vec<&str> = problems.iter().map(|problem| problem.input.as_str()).collect();
    assert_eq!(named, ["b.yaml", "c.json", "d.yaml", "e.yaml", "f.yaml"], "{problems:?}");
}

#[test]
fn what_stands_around_a_statement_stays() {
    let wanted = || allow("s3:GetBucketAcl", "*");
    let text = |statements: &str| {
        format!(
            "Resources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: app\n      Policies:\n      - \
             PolicyName: p\n        PolicyDocument:\n          Version: '2012-10-17'\n          Statement:\n{statements}"
        )
    };
    let said = "+          - Effect: Allow\n+            Action: s3:GetBucketAcl\n+            Resource: '*'";
    let named = "+          - Sid: S\n+            Effect: Allow\n+            Action: s3:GetBucketAcl\n+            Resource: '*'";
    for (statements, expect) in [
        (
            "          - # first\n            Effect: Allow\n            Action: s3:ListBucket\n            Resource: x\n",
            said,
        ),
        (
            "          -\n            Effect: Allow\n            Action: s3:ListBucket\n            Resource: x # y\n",
            said,
        ),
        ("          - !If [a, b, c]\n          # - Effect: Deny\n", named),
        (
            "          - Effect: Allow\n            Action: s3:ListBucket\n            Resource: >-\n              a\n              b\n\n\n",
            said,
        ),
    ] {
        check(&text(statements), RolePolicy, "app", wanted(), expect);
    }
    // No line end at the end, a byte order mark, a document's end.
    let bare = "          - Effect: Allow\n            Action: s3:ListBucket\n            Resource: x";
    for whole in [text(bare), format!("\u{feff}{}\n", text(bare)), format!("---\n{}\n...\n", text(bare))] {
        let (edited, _) = run(&[file("t.yaml", &whole)], RolePolicy, "app", &wanted());
        let Edited::Changed { changes, .. } = edited else { panic!("{whole}: {}", told(&edited)) };
        let at = whole.find("Resource: x").unwrap() + "Resource: x".len();
        assert!(changes[0].after.starts_with(&whole[..at]) && changes[0].after.ends_with(&whole[at..]));
    }
}

#[test]
fn a_second_policy_never_takes_the_place_of_the_first() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: b}\n  P:\n    Type: \
                AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref B\n      PolicyDocument:\n        Version: \
                '2008-10-17'\n        Statement: []\n";
    let wanted = named(&format!("arn:aws:iam::{ACCOUNT}:role/app"), "s3:GetObject", "arn:aws:s3:::b/${aws:username}/*");
    let expect = "undecided\nt.yaml:5 Resources.P (AWS::S3::BucketPolicy): its policy is of an older version, which knows \
                  no variables";
    check(text, BucketPolicy, "arn:aws:s3:::b", wanted, expect);
}

#[test]
fn names_that_fit_half_the_roles_are_not_taken() {
    let text = |name: &str| {
        format!(
            "Parameters:\n  Env: {{Type: String}}\nResources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: {name}\n"
        )
    };
    let told = |name: &str, of: &str| {
        told(&run(&[file("t.yaml", &text(name))], RolePolicy, of, &allow("s3:GetObject", "*")).0)
    };
    assert!(told("!Sub '${Env}-role'", "shop-role").starts_with("undecided\nt.yaml:4"));
    assert!(told("!Ref Env", "shop-role").starts_with("undecided\nt.yaml:4"));
    assert!(told("!Sub '${AWS::StackName}-orders-role'", "shop-orders-role").contains("PolicyName: fix"));
    assert!(told("!Sub '${AWS::StackName}-orders-role'", "shop-role") == "undecided\n");
    assert!(told("!If [A, !Ref Env, !Ref AWS::NoValue]", "shop-App-1A2B3C4D5E6F7").contains("PolicyName: fix"));
    assert!(told("!Join ['-', [orders, !Ref Env]]", "orders-live").contains("PolicyName: fix"));
}

#[test]
fn stacks_inside_stacks_tell_which_is_meant() {
    let parent = "Resources:\n  Build:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: \
                  !Sub 'https://${Bucket}.s3.amazonaws.com/build.yaml'}\n  Jobs:\n    Type: AWS::CloudFormation::Stack\n    \
                  Properties: {TemplateURL: nested/jobs.yaml}\n";
    let child = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties: {Path: /}\n";
    let files = [file("main.yaml", parent), file("nested/build.yaml", child), file("nested/jobs.yaml", child)];
    let changed = |name: &str| match run(&files, RolePolicy, name, &allow("s3:GetObject", "*")).0 {
        Edited::Changed { changes, .. } => changes.into_iter().map(|change| change.path).collect::<Vec<_>>(),
        other => vec![told(&other)],
    };
    assert_eq!(changed("shop-Build-1A2B3C4D5E6F7-Role-aB3dE5fG7hI9"), ["nested/build.yaml"]);
    assert_eq!(changed("shop-Jobs-1A2B3C4D5E6F7-Role-aB3dE5fG7hI9"), ["nested/jobs.yaml"]);
    assert!(changed("shop-Role-aB3dE5fG7hI9")[0].starts_with("undecided\nnested/build.yaml:2"));
}

#[test]
fn a_policy_may_name_a_role_of_elsewhere() {
    let text = "Resources:\n  P:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyName: p\n      Roles: [app]\n      \
                PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n        - {Effect: Allow, Action: \
                [s3:ListBucket], Resource: '*'}\n";
    let expect = "-        - {Effect: Allow, Action: [s3:ListBucket], Resource: '*'}\n+        - {Effect: Allow, Action: \
                  [s3:ListBucket, s3:GetBucketAcl], Resource: '*'}";
    check(text, RolePolicy, "app", allow("s3:GetBucketAcl", "*"), expect);
    check(
        &text.replace("[app]", "[app, other]"),
        RolePolicy,
        "app",
        allow("s3:GetBucketAcl", "*"),
        "undecided\nt.yaml:2 Resources.P (AWS::IAM::Policy): `P` is attached to 2 of them",
    );
}

#[test]
fn what_would_change_more_than_is_meant_is_not_done() {
    // The line ends behind the last statement are its text: a statement behind it would take them away.
    let kept = role(
        "              - Effect: Allow\n                Action: s3:ListBucket\n                Resource: |+\n                  x\n\n\n",
    );
    let text = format!("{kept}  Other:\n    Type: AWS::S3::Bucket\n");
    let (edited, _) = run(&[file("t.yaml", &text)], RolePolicy, "app", &allow("sqs:SendMessage", "*"));
    let said = told(&edited);
    assert!(said.contains("+  AppPolicy:\n+    Type: AWS::IAM::RolePolicy\n") && !said.contains("\n-"), "{said}");
}

#[test]
fn a_policy_that_would_be_too_long_is_left() {
    let of = |count: usize| {
        role(&format!(
            "              - Effect: Allow\n                Action: s3:GetObject\n                Resource: arn:aws:s3:::{}\n",
            "b".repeat(count)
        ))
    };
    let try_one = |count: usize| {
        run(&[file("t.yaml", &of(count))], TargetKind::RolePolicy, "app", &allow("s3:PutObject", "arn:aws:s3:::c/k")).0
    };
    assert!(matches!(try_one(9_000), Edited::Changed { .. }), "{}", told(&try_one(9_000)));
    let left = told(&try_one(10_150));
    assert!(left.starts_with("full\n") && left.contains("characters, and 10240 fit"), "{left}");
}
