//! Scripts against an `aws` that keeps one policy, applied and undone.

use super::patches::{ACCOUNT, document, kinds, patch, sound, target};
use crate::readers::{run, tool, write};
use denywatch::diagnosis::TargetKind;
use denywatch::patch::{Patch, merge};
use denywatch::policy::Document;
use denywatch::render::{self, Format, PatchContext};
use serde_json::{Value, json};
use std::process::Command;

/// A stand-in for `aws` that keeps one policy, as the services do: `store` holds it, absent when there is none.
const STATEFUL: &str = r#"
aws() {
  local word file= version= last
  for word in "$@"; do
    case "$word" in *file://*) file=${word#*file://} ;; --version-id=*) version=${word#*=} ;; esac
  done
  printf '%s\n' "$1 $2" >> "$RECORD"
  case "$1 $2" in
    "sts get-caller-identity") case "$*" in *Account*) echo 111122223333 ;; *) echo arn:aws:iam::111122223333:user/me ;; esac ;;
    "s3api get-bucket-policy") if [ -e store ]; then cat store; else echo "(NoSuchBucketPolicy)" >&2; return 254; fi ;;
    "ecr get-repository-policy") if [ -e store ]; then cat store; else echo RepositoryPolicyNotFoundException >&2; return 254; fi ;;
    "sqs get-queue-url") echo https://sqs/queue ;;
    "sqs get-queue-attributes") if [ -e store ]; then jq -Rs '{Attributes: {Policy: .}}' store; fi ;;
    "sqs set-queue-attributes") if [ "$(jq -r .Policy "$file")" ]; then jq -r .Policy "$file" > store; else rm store; fi ;;
    "secretsmanager get-resource-policy") if [ -e store ]; then jq -Rs '{ResourcePolicy: .}' store; else echo '{}'; fi ;;
    "sso-admin list-instances") echo arn:aws:sso:::instance/ssoins-1 ;;
    "sso-admin list-permission-sets") printf 'ps-1\tps-2\n' ;;
    "sso-admin describe-permission-set") case "$*" in *ps-2*) echo Admin ;; *) echo Other ;; esac ;;
    "sso-admin get-inline-policy-for-permission-set")
      if [ -e store ]; then jq -Rs '{InlinePolicy: .}' store; else echo '{"InlinePolicy":""}'; fi ;;
    "sso-admin provision-permission-set") echo request ;;
    "sso-admin list-accounts-for-provisioned-permission-set") printf '111122223333\t444455556666\n' ;;
    "sso-admin attach-customer-managed-policy-reference-to-permission-set") touch reference ;;
    "sso-admin detach-customer-managed-policy-reference-from-permission-set") rm reference ;;
    "sso-admin describe-permission-set-provisioning-status") echo SUCCEEDED ;;
    "iam get-role" | "iam get-user")
      case "$*" in *PermissionsBoundary*) echo arn:aws:iam::111122223333:policy/Edge ;; *) cat store ;; esac ;;
    "iam list-role-policies" | "iam list-user-policies" | "iam list-group-policies") if [ -e Old ]; then echo Old; fi ;;
    "iam get-role-policy" | "iam get-user-policy" | "iam get-group-policy")
      case "$*" in *--policy-name=Old*) cat Old ;; *) if [ -e store ]; then cat store; else echo NoSuchEntity >&2; return 254; fi ;; esac ;;
    "iam get-policy") if [ -e default ]; then cat default; elif [ ! -e managed ]; then echo NoSuchEntity >&2; return 254; fi ;;
    "iam list-policy-versions") case "$*" in *sort_by*) ls v? | grep -v "$(cat default)" | head -1 ;; *) ls v? | wc -l ;; esac ;;
    "iam get-policy-version") cat "$version" ;;
    "iam create-policy-version")
      last=$(ls v? | tail -1); last=v$((${last#v} + 1)); cp "$file" "$last"; echo "$last"
      case "$*" in *--set-as-default*) echo "$last" > default ;; esac ;;
    "iam set-default-policy-version") echo "$version" > default ;;
    "iam delete-policy-version") rm "$version" ;;
    "iam create-policy") cp "$file" managed; echo arn:aws:iam::111122223333:policy/p ;;
    "iam delete-policy") rm managed ;;
    "lambda get-policy")
      if [ -e store ]; then jq '{Policy: ({Statement: [{Sid: .StatementId}]} | tojson), RevisionId: "r1"}' store
      else echo ResourceNotFoundException >&2; return 254; fi ;;
    "lambda add-permission") cat "$file" >> store ;;
    "dynamodb get-resource-policy")
      if [ -e store ]; then jq -Rs '{Policy: ., RevisionId: "r1"}' store
      else echo PolicyNotFoundException >&2; return 254; fi ;;
    "dynamodb put-resource-policy" | "dynamodb delete-resource-policy")
      case "$* $([ -e store ] && echo there)" in
        *--expected-revision-id=r1*there | *--expected-revision-id=NO_POLICY*) ;;
        *) echo PolicyNotFoundException >&2; return 254 ;;
      esac
      if [ "$file" ]; then cp "$file" store; else rm store; fi ;;
    "lambda remove-permission") rm store ;;
    *" get-"*) cat store ;;
    *" delete-"*) rm -f store ;;
    *" put-"* | *" set-"* | *" update-"*) cp "$file" store ;;
  esac
}
export -f aws
"#;

/// Applies, looks, undoes and looks again; `before` is the policy in force.
#[track_caller]
fn apply_and_undo(patch: &Patch, before: Option<&Value>, expect: &Value) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
    let store = if matches!(patch.target.kind, TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary) {
        write(folder.path(), "default", "v1\n");
        ("v1", "v2")
    } else {
        ("store", "store")
    };
    if let Some(before) = before {
        write(folder.path(), store.0, &before.to_string());
    }
    let step = |way: &str| {
        let script = format!("set -eu\n{STATEFUL}\nexport RECORD=record\nbash fix.sh {way} > said\n");
        run(Command::new("bash").current_dir(folder.path()), &script);
    };
    let read = |name: &str| -> Option<Value> {
        let text = std::fs::read_to_string(folder.path().join(name)).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    };
    step("apply");
    assert_eq!(read(store.1).as_ref(), Some(expect), "{:?}", patch.target.kind);
    step("undo");
    assert_eq!(read(store.0).as_ref(), before, "{:?}", patch.target.kind);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".state")), "{left:?}");
}

#[test]
fn scripts_append_and_put_back() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    use TargetKind::*;
    let old = json!({"Version": "2012-10-17", "Id": "x", "Statement": {"Sid": "Old", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}});
    for patch in kinds() {
        let new = serde_json::to_value(patch.document.clone().unwrap()).unwrap();
        let mut both = old.clone();
        both["Statement"] = json!([old["Statement"], new["Statement"][0]]);
        match patch.target.kind {
            RolePolicy | UserPolicy | GroupPolicy => apply_and_undo(&patch, None, &new),
            TrustPolicy | KeyPolicy | TopicPolicy | ManagedPolicy | PermissionsBoundary => {
                apply_and_undo(&patch, Some(&old), &both)
            }
            PermissionSet | BucketPolicy | QueuePolicy | SecretPolicy | RepositoryPolicy => {
                apply_and_undo(&patch, Some(&old), &both);
                apply_and_undo(&patch, None, &new);
            }
            FunctionPolicy => apply_and_undo(
                &patch,
                None,
                &json!({"FunctionName": "f", "StatementId": "DenywatchA", "Action": "lambda:InvokeFunction",
                    "Principal": format!("arn:aws:iam::{ACCOUNT}:role/app")}),
            ),
            ResourcePolicy if patch.target.arn.is_some() => {
                apply_and_undo(&patch, Some(&old), &both);
                apply_and_undo(&patch, None, &new);
            }
            ResourcePolicy | SessionPolicy | VpcEndpointPolicy | Scp | Rcp => {
                let text = render::patch(&patch, &PatchContext::default(), Format::Cli).unwrap();
                assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
            }
        }
    }
}

/// A denial names whom the boundary limits, and not the policy.
fn boundary_of(principal: &str) -> Patch {
    let name = principal.rsplit('/').next().unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:{principal}");
    patch(target(TargetKind::PermissionsBoundary, Some(&arn), name), sound("key"))
}

#[test]
fn a_boundary_is_looked_up() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let old = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    for principal in ["role/p/app", "user/bob"] {
        let patch = boundary_of(principal);
        let mut both = old.clone();
        let new = serde_json::to_value(patch.document.clone().unwrap()).unwrap();
        both["Statement"] = json!([old["Statement"][0], new["Statement"][0]]);
        apply_and_undo(&patch, Some(&old), &both);
    }
    let other = |principal: &str| render::patch(&boundary_of(principal), &PatchContext::default(), Format::Cli);
    assert!(other("group/devs").is_err());
    assert!(other("role/a b").is_err());
}

/// What a script says that runs against the double with one passage changed, called several times in a row.
#[track_caller]
fn said(patch: &Patch, from: &str, to: &str, ways: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
    write(folder.path(), "default", "v1\n");
    write(folder.path(), "v1", r#"{"Version": "2012-10-17", "Statement": []}"#);
    assert!(STATEFUL.contains(from));
    let runs: String = ways.iter().map(|way| format!("bash fix.sh {way} 2>&1 || echo FAILED\n")).collect();
    let script = format!("{}\nexport RECORD=record\n{runs}", STATEFUL.replace(from, to));
    String::from_utf8(run(Command::new("bash").current_dir(folder.path()), &script).stdout).unwrap()
}

#[test]
fn a_boundary_that_cannot_change_is_left() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let check = |boundary: &str, expect: &str| {
        let told = said(&boundary_of("role/app"), "arn:aws:iam::111122223333:policy/Edge", boundary, &["apply"]);
        assert!(told.contains(expect) && told.ends_with("FAILED\n"), "{told}");
    };
    check("None", "refused: role app has no permissions boundary");
    check("arn:aws:iam::aws:policy/PowerUserAccess", "is AWS's own");
}

#[test]
fn a_failed_apply_can_be_undone_and_tried_again() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    // The first call that writes fails, the next ones do not.
    let once = r#"[ -e failed ] || { touch failed; echo Throttling >&2; return 254; }; cp "$file" "$last";"#;
    let ways = ["apply", "apply", "undo", "apply", "undo", "undo"];
    let told = said(&boundary_of("role/app"), r#"cp "$file" "$last";"#, once, &ways);
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with("the boundary is ")).collect();
    let expect = [
        "Throttling",
        "FAILED",
        "refused: ",
        "FAILED",
        "nothing to undo: apply had failed",
        "applied; ",
        "nothing to undo: ",
        "FAILED",
    ];
    assert_eq!(lines.len(), expect.len(), "{told}");
    assert!(lines.iter().zip(expect).all(|(line, start)| line.starts_with(start)), "{told}");
}

#[test]
fn scripts_refuse_what_would_harm() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let check = |patch: &Patch, account: &str, store: Option<Value>, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
        if let Some(store) = store {
            write(folder.path(), "store", &store.to_string());
        }
        let stub = STATEFUL.replace("echo 111122223333", &format!("echo {account}"));
        let script = format!("{stub}\nexport RECORD=record\nbash fix.sh 2>&1 && echo DONE; cat record >&2");
        let output = run(Command::new("bash").current_dir(folder.path()), &script);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(expect) && !said.contains("DONE"), "{said}");
        let calls = String::from_utf8(output.stderr).unwrap();
        assert!(!calls.contains(" put-") && !calls.contains(" set-"), "{calls}");
    };
    let find = |kind| kinds().into_iter().find(|patch| patch.target.kind == kind).unwrap();
    check(
        &find(TargetKind::RolePolicy),
        "999999999999",
        None,
        "refused: these credentials belong to account 999999999999",
    );
    let bucket = find(TargetKind::BucketPolicy);
    let mut with_variable = bucket.clone();
    with_variable.document = Some(serde_json::from_value(document("${*}")).unwrap());
    let old = json!({"Version": "2008-10-17", "Statement": []});
    check(&with_variable, ACCOUNT, Some(old), "the policy is of an older version");
}

/// Runs a script against the double in a folder with these files; what it says, and its exit code as a last line.
fn in_folder(patch: &Patch, files: &[(&str, &str)], ways: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
    files.iter().for_each(|(name, text)| write(folder.path(), name, text));
    let runs: String = ways.iter().map(|way| format!("bash fix.sh {way} 2>&1 || echo FAILED\n")).collect();
    let script = format!("{STATEFUL}\nexport RECORD=record\n{runs}");
    let output = run(Command::new("bash").current_dir(folder.path()), &script);
    (folder, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_second_run_adds_nothing() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    for patch in kinds() {
        let there = serde_json::to_string(&patch.document).unwrap();
        let files = match patch.target.kind {
            TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => {
                [("v1", there.as_str()), ("default", "v1\n")]
            }
            TargetKind::TrustPolicy
            | TargetKind::KeyPolicy
            | TargetKind::TopicPolicy
            | TargetKind::PermissionSet
            | TargetKind::BucketPolicy
            | TargetKind::QueuePolicy
            | TargetKind::SecretPolicy
            | TargetKind::RepositoryPolicy => [("store", there.as_str()), ("unused", "")],
            _ => continue,
        };
        let (folder, told) = in_folder(&patch, &files, &["apply"]);
        assert_eq!(told, "nothing to do: the policy in force says it already\n", "{:?}", patch.target.kind);
        let calls = std::fs::read_to_string(folder.path().join("record")).unwrap();
        assert!(![" put-", " set-", " create-", " update-"].iter().any(|word| calls.contains(word)), "{calls}");
    }
}

#[test]
fn a_full_inline_quota_is_seen_when_it_runs() {
    if tool("bash", &["--version"]).is_none() {
        return;
    }
    let user = patch(target(TargetKind::UserPolicy, None, "bob"), sound("key"));
    let length = |count: usize| serde_json::to_string(&json!({"Statement": "x".repeat(count)})).unwrap();
    let (folder, told) = in_folder(&user, &[("Old", &length(1_000))], &["apply"]);
    assert!(told.starts_with("applied; ") && folder.path().join("store").exists(), "{told}");
    let (folder, told) = in_folder(&user, &[("Old", &length(1_900))], &["apply"]);
    assert!(told.contains("and 2048 fit: it becomes a managed policy"), "{told}");
    assert!(folder.path().join("managed").exists() && !folder.path().join("store").exists());
    let (folder, told) = in_folder(&user, &[("Old", &length(1_900))], &["apply", "undo"]);
    assert!(!folder.path().join("managed").exists(), "{told}");
    let role = patch(target(TargetKind::RolePolicy, None, "app"), sound(&"k".repeat(6_500)));
    let (folder, told) = in_folder(&role, &[("Old", &length(9_000))], &["apply"]);
    assert!(told.contains("a managed policy takes 6144") && told.ends_with("FAILED\n"), "{told}");
    assert!(!folder.path().join("managed").exists() && !folder.path().join("store").exists());
}

/// A permission set whose inline policy has no room left: both ways to name the set.
#[test]
fn a_full_permission_set_refers_to_a_managed_policy() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let long = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x".repeat(10_100)}]});
    let store = [("store", long.to_string())];
    let files = [(store[0].0, store[0].1.as_str())];
    let sets = kinds().into_iter().filter(|patch| patch.target.kind == TargetKind::PermissionSet);
    let mut asked = 0;
    for set in sets {
        let there = |folder: &tempfile::TempDir, name: &str| folder.path().join(name).exists();
        // Without the policy in every account nothing is done, and the way is told.
        let (folder, told) = in_folder(&set, &files, &["apply"]);
        assert!(told.contains("characters, and 10240 fit") && told.contains("fix.sh policy'"), "{told}");
        assert!(told.contains("111122223333\t444455556666") && told.ends_with("FAILED\n"), "{told}");
        assert!(!there(&folder, "reference") && !there(&folder, "managed"));
        let ways = ["policy", "policy", "apply; export MANAGED=yes; bash fix.sh apply"];
        let (folder, told) = in_folder(&set, &files, &ways);
        assert!(told.contains("applied as managed policy denywatch-"), "{told}");
        assert!(there(&folder, "reference") && there(&folder, "managed"));
        assert_eq!(std::fs::read_to_string(folder.path().join("store")).unwrap(), store[0].1);
        let ways = ["policy", "apply; export MANAGED=yes; bash fix.sh apply", "undo", "unpolicy"];
        let (folder, told) = in_folder(&set, &files, &ways);
        assert!(told.contains("no longer refers to") && !there(&folder, "reference"), "{told}");
        assert!(!there(&folder, "managed"), "{told}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".state")), "{left:?}");
        // What cannot be provisioned is taken back.
        let from = "describe-permission-set-provisioning-status\") echo SUCCEEDED";
        let to = "describe-permission-set-provisioning-status\") [ -e reference ] && echo FAILED || echo SUCCEEDED";
        assert!(STATEFUL.contains(from));
        let stub = STATEFUL.replace(from, to);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "fix.sh", &render::patch(&set, &PatchContext::default(), Format::Cli).unwrap());
        write(folder.path(), "store", &store[0].1);
        let script = format!("{stub}\nexport RECORD=record MANAGED=yes\nbash fix.sh 2>&1 || echo REFUSED");
        let told = String::from_utf8(run(Command::new("bash").current_dir(folder.path()), &script).stdout).unwrap();
        assert!(told.contains("could not be provisioned") && told.ends_with("REFUSED\n"), "{told}");
        assert!(!there(&folder, "reference"), "{told}");
        // The formats that write the whole policy refuse it by name.
        let mut whole = set.clone();
        let base: Document = serde_json::from_value(long.clone()).unwrap();
        whole.merged = Some(merge(&base, set.document.as_ref().unwrap()).unwrap());
        for format in Format::ALL {
            let answer = render::patch(&whole, &PatchContext::default(), format);
            match format {
                Format::Cli => assert!(answer.is_ok()),
                _ => assert!(answer.unwrap_err().to_string().contains("`--format cli` makes it"), "{format}"),
            }
        }
        asked += 1;
    }
    assert_eq!(asked, 2);
}

#[test]
fn a_full_resource_policy_is_left() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let queue = kinds().into_iter().find(|patch| patch.target.kind == TargetKind::QueuePolicy).unwrap();
    let long = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "x".repeat(8_000)}]});
    let (folder, told) = in_folder(&queue, &[("store", &long.to_string())], &["apply"]);
    assert!(told.contains("characters, and 8192 fit") && told.ends_with("FAILED\n"), "{told}");
    assert_eq!(std::fs::read_to_string(folder.path().join("store")).unwrap(), long.to_string());
}

#[test]
fn the_oldest_of_five_versions_gives_way_and_comes_back() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let own = kinds().into_iter().find(|patch| patch.target.kind == TargetKind::ManagedPolicy).unwrap();
    let text = |name: &str| format!("{{\"Version\": \"2012-10-17\", \"Id\": \"{name}\", \"Statement\": []}}");
    let texts: Vec<_> = ["v1", "v2", "v3", "v4", "v5"].map(|name| (name, text(name))).into();
    let mut files: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    files.push(("default", "v1\n"));
    let there = |folder: &tempfile::TempDir| -> Vec<String> {
        let mut found: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| name.len() == 2 && name.starts_with('v'))
            .collect();
        found.sort();
        found
    };
    let (folder, told) = in_folder(&own, &files, &["apply"]);
    assert!(told.starts_with("deleted version v2, the oldest of five"), "{told}");
    assert_eq!(there(&folder), ["v1", "v3", "v4", "v5", "v6"]);
    let (folder, told) = in_folder(&own, &files, &["apply", "undo"]);
    assert_eq!(there(&folder), ["v1", "v3", "v4", "v5", "v6"], "{told}");
    let default = std::fs::read_to_string(folder.path().join("default")).unwrap();
    let back = std::fs::read_to_string(folder.path().join("v6")).unwrap();
    assert_eq!((default.as_str(), back), ("v1\n", text("v2")));
}

/// Statements that are alike in some of their parts, so that many of them join.
fn statements() -> Vec<Value> {
    let mut all = Vec::new();
    for (at, resource) in [json!("a"), json!(["a"]), json!(["b", "a"]), json!(["a", "b"])].into_iter().enumerate() {
        for action in [json!("s:Get"), json!(["s:Put", "S:get"]), json!("s:G*"), json!(["s:?et"])] {
            for condition in
                [json!(null), json!({"StringEquals": {"aws:X": "1"}}), json!({"StringEquals": {"AWS:x": ["1"]}})]
            {
                let mut one = json!({"Effect": "Allow", "Action": action, "Resource": resource});
                if !condition.is_null() {
                    one["Condition"] = condition;
                }
                match (at + all.len()) % 5 {
                    0 => one["Sid"] = json!("S"),
                    1 => one["Principal"] = json!({"AWS": ["p", "q"]}),
                    2 => one["Principal"] = json!("*"),
                    3 => one["Effect"] = json!("Deny"),
                    _ => {}
                }
                all.push(one);
            }
        }
    }
    all
}

#[test]
fn jq_merges_as_we_do() {
    let Some(jq) = tool("jq", &["--version"]) else { return };
    let bucket = kinds().into_iter().find(|patch| patch.target.kind == TargetKind::BucketPolicy).unwrap();
    let script = render::patch(&bucket, &PatchContext::default(), Format::Cli).unwrap();
    let program = script.split_once("<<'JQ'\n").unwrap().1.split_once("\nJQ\n").unwrap().0;
    let pairs: Vec<(Value, Value)> = (0..statements().len())
        .flat_map(|at| [1, 3, 7].map(|step| (at, step)))
        .map(|(at, step)| {
            let pick = |at: usize| statements()[at % statements().len()].clone();
            let base = if at % 4 == 0 { pick(at) } else { json!([pick(at), pick(at * 5 + step)]) };
            let document = |list: Value| json!({"Version": "2012-10-17", "Statement": list});
            (document(base), document(json!([pick(at + step), pick(at * 3 + step)])))
        })
        .collect();
    // One process for all: the program asks for the patch of the pair at hand.
    let each = format!("def merged($patch): {program};\n.[] | .[1] as $patch | .[0] | merged([$patch])");
    let got = run(Command::new(jq).args(["--compact-output", &each]), &json!(pairs).to_string());
    let got: Vec<Value> =
        String::from_utf8(got.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(got.len(), pairs.len());
    let mut changed = 0;
    for ((base, patch), got) in pairs.iter().zip(got) {
        let read = |value: &Value| serde_json::from_value::<Document>(value.clone()).unwrap();
        let ours = serde_json::to_value(merge(&read(base), &read(patch)).unwrap()).unwrap();
        assert_eq!(got, ours, "{base} {patch}");
        changed += usize::from(ours != *base);
    }
    assert!(changed > pairs.len() / 3, "{changed} of {}", pairs.len());
}
