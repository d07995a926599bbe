//! Realistic denials with the answers that AWS's documents give: right in action, resource, principal and place for at
//! least 95 of 100, and no wrong patch at all.
//!
//! `tests/fixtures/denials/make.py` writes the lines and tells what a label holds.

#![allow(clippy::unwrap_used)] // helpers of a test may fail like one

use denywatch::advice::{Context, advise};
use denywatch::catalog::Catalog;
use denywatch::denial::{Denial, Given, from_excerpt, from_record, text};
use denywatch::diagnosis::{InForce, diagnose};
use denywatch::finding::{fold, observe};
use denywatch::record;
use denywatch::triage::expected::Expected;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LINES: &str = include_str!("fixtures/denials/denials.jsonl");
/// Targets whose statements name no resource, or `*` for the one that they are attached to.
const ATTACHED: [&str; 4] = ["key_policy", "secret_policy", "repository_policy", "trust_policy"];

/// What the program says of one line, as its JSON.
struct Answer {
    denials: Vec<Value>,
    patches: Vec<Value>,
}

fn given(line: &Value) -> Given {
    let args: Vec<&str> = line["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let after = |flag: &str| {
        args.iter().position(|arg| *arg == flag).and_then(|at| args.get(at + 1)).map(|value| (*value).to_owned())
    };
    Given { principal: after("--principal"), resource: after("--resource"), ..Given::default() }
}

fn answer(line: &Value) -> Answer {
    let (given, catalog) = (given(line), Catalog::embedded());
    let denials: Vec<Denial> = match line["text"].as_str() {
        Some(pasted) => text::find(pasted).iter().map(|excerpt| from_excerpt(excerpt, &given, catalog)).collect(),
        None => {
            let bytes = line["file"].as_str().map_or_else(|| line["record"].to_string(), str::to_owned);
            let (records, _) = record::read(bytes.as_bytes(), "line");
            records.iter().filter_map(|record| from_record(record, &given, catalog)).collect()
        }
    };
    let in_force = InForce::default();
    let findings = fold(denials.iter().map(|denial| observe(denial.clone(), diagnose(denial))));
    let patches = advise(
        &findings,
        Context { catalog, in_force: &in_force, expected: &Expected::default(), changes: &Default::default() },
    )
    .iter()
    .flat_map(|advice| advice.patches.iter().map(|patch| serde_json::to_value(patch).unwrap_or_default()))
    .collect();
    Answer { denials: denials.iter().map(|denial| serde_json::to_value(denial).unwrap_or_default()).collect(), patches }
}

/// The texts of a list, or the one text.
fn list(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn documented(answer: &Answer) -> impl Iterator<Item = &Value> {
    answer.patches.iter().filter(|patch| !patch["document"].is_null())
}

fn actions_right(label: &Value, denial: &Value) -> bool {
    let found = list(&denial["actions"]);
    label["any_action"] == true
        || found == list(&label["actions"])
        || (!found.is_empty() && found.is_subset(&list(&label["actions_also"])))
}

fn resources_right(label: &Value, denial: &Value) -> bool {
    let (found, beside) = (list(&denial["resources"]), list(&label["resources_may_include"]));
    let also = label["resources_also_accepted"].as_array().into_iter().flatten();
    label["any_resource"] == true
        || std::iter::once(&label["resources"]).chain(also).map(list).any(|needed| {
            let extra = found.difference(&needed).all(|one| beside.contains("*any") || beside.contains(one));
            needed.is_subset(&found) && extra
        })
}

fn principal_right(label: &Value, denial: &Value) -> bool {
    let (wanted, found) = (&label["principal"], &denial["principal"]);
    let same = |key: &str| wanted[key].is_null() || wanted[key] == found[key];
    let kind = found["kind"].as_str().unwrap_or("");
    (wanted["kind"] == kind || list(&wanted["kinds_also"]).contains(kind)) && same("arn") && same("name")
}

fn places(label: &Value) -> BTreeSet<&str> {
    list(&label["places_also"]).into_iter().chain(label["place"].as_str()).collect()
}

/// The right place, and the right role, user or permission set there.
fn place_right(label: &Value, answer: &Answer) -> bool {
    let Some(target) = answer.patches.first().map(|patch| &patch["target"]) else { return patch_is(label, "none") };
    let kind = target["kind"].as_str().unwrap_or("");
    if label["place"] == "none" {
        return documented(answer).next().is_none();
    }
    let bearer = ["role_policy", "user_policy", "permission_set"].contains(&kind);
    places(label).contains(kind) && (!bearer || at_principal(label, target))
}

fn at_principal(label: &Value, target: &Value) -> bool {
    let name = &label["principal"]["name"];
    name.is_null() || target["name"] == *name
}

fn reason_right(label: &Value, denial: &Value) -> bool {
    label["reason_kind"] == "any"
        || (label["reason_kind"] == denial["reason"]["kind"] && label["policy_type"] == denial["reason"]["policy_type"])
}

fn patch_is(label: &Value, what: &str) -> bool {
    label["patch"] == what || list(&label["patch_also"]).contains(what)
}

fn patch_right(label: &Value, answer: &Answer) -> bool {
    patch_is(label, "none") || documented(answer).next().is_some()
}

/// Why a document must not have been given; empty when it is right.
fn wrong(label: &Value, patch: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let kind = patch["target"]["kind"].as_str().unwrap_or("");
    if label["patch"] == "none" && label["patch_also"].as_array().is_none_or(Vec::is_empty) {
        faults.push("a document, though none helps".to_owned());
    }
    if patch["applicability"] == "apply" && !patch_is(label, "allow") {
        faults.push("apply, though in doubt".to_owned());
    }
    if !places(label).contains(kind) {
        faults.push(format!("at {kind}"));
    }
    if ["role_policy", "user_policy", "permission_set"].contains(&kind) && !at_principal(label, &patch["target"]) {
        faults.push(format!("at {}", patch["target"]["name"]));
    }
    let statements = patch["document"]["Statement"].as_array().into_iter().flatten();
    faults.extend(statements.flat_map(|statement| statement_faults(label, kind, statement)));
    faults
}

fn statement_faults(label: &Value, kind: &str, statement: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if statement["Effect"] != "Allow" {
        faults.push("no Allow".to_owned());
    }
    let actions: BTreeSet<&str> = list(&label["actions"]).union(&list(&label["actions_also"])).copied().collect();
    let extra = |found: &Value| list(found).iter().any(|one| !actions.contains(one)) || list(found).is_empty();
    if extra(&statement["Action"]) {
        faults.push(format!("grants {}", statement["Action"]));
    }
    let itself = list(&statement["Resource"]).into_iter().all(|one| one == "*");
    let attached = ATTACHED.contains(&kind) && itself;
    let unfit: Vec<&str> =
        list(&statement["Resource"]).into_iter().filter(|one| !attached && !may_stand(label, one)).collect();
    if !unfit.is_empty() || (statement["Resource"].is_null() && !attached) {
        faults.push(format!("on {}", statement["Resource"]));
    }
    faults.extend(condition_faults(label, &statement["Condition"]));
    if !statement["Principal"].is_null() {
        let named = label["principal"]["arn"].as_str().or(label["principal"]["name"].as_str());
        let text = statement["Principal"].to_string();
        let account = label["principal"]["kind"] == "account" && !text.contains('*');
        let provider = label["principal"]["kind"] == "federated" && !text.contains('*');
        // A gateway endpoint's policy takes no principal but `*`; a condition says who.
        // https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
        let arn = &statement["Condition"]["ArnEquals"]["aws:PrincipalArn"][0];
        let gateway = label["place"] == "vpc_endpoint_policy" && arn.as_str() == named;
        if !named.is_some_and(|name| text.contains(name)) && !account && !provider && !gateway {
            faults.push(format!("to {text}"));
        }
    }
    faults
}

/// A condition that does not hold on the denied call makes the patch useless; one left out makes it too wide.
fn condition_faults(label: &Value, condition: &Value) -> Vec<String> {
    let shown: Vec<(&String, &Value)> =
        condition.as_object().into_iter().flatten().filter_map(|(_, keys)| keys.as_object()).flatten().collect();
    let wanted = label["conditions"].as_object();
    let left_out = wanted.into_iter().flatten().filter(|(key, _)| !shown.iter().any(|(shown, _)| shown == key));
    let mut faults: Vec<String> = left_out.map(|(key, _)| format!("without {key}")).collect();
    // What narrows a service's, a web identity's or a gateway endpoint's statement is in few of the labels.
    let gateway = label["place"] == "vpc_endpoint_policy";
    let narrows = |key: &str| {
        key.starts_with("aws:Source")
            || key.ends_with(":sub")
            || key.ends_with(":aud")
            || gateway && key == "aws:PrincipalArn"
    };
    let is_told = |key: &str| wanted.is_some_and(|wanted| wanted.contains_key(key));
    for (key, value) in shown.into_iter().filter(|(key, _)| is_told(key) || !narrows(key)) {
        if wanted.and_then(|wanted| wanted.get(key)).map(list) != Some(list(value)) {
            faults.push(format!("where {key} is {value}"));
        }
    }
    faults
}

fn may_stand(label: &Value, resource: &str) -> bool {
    if label["document_resources"].is_array() {
        return list(&label["document_resources"]).contains(resource);
    }
    let also = label["resources_also_accepted"].as_array().into_iter().flatten();
    let lists = [&label["resources"], &label["resources_may_include"], &label["durable"]];
    let beside = list(&label["resources_may_include"]).contains("*any");
    lists.into_iter().chain(also).any(|one| list(one).contains(resource))
        || (beside && resource.starts_with("arn:aws:ec2:"))
}

#[test]
fn realistic_denials_are_answered_right() {
    let lines: Vec<Value> = LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut right = [("action", 0), ("resource", 0), ("principal", 0), ("place", 0), ("reason", 0), ("patch", 0)];
    let (mut faults, mut wrong_patches) = (Vec::new(), Vec::new());
    for line in &lines {
        let (label, answer) = (&line["label"], answer(line));
        let unseen = json!({"actions": [], "resources": []});
        let denial = answer.denials.first().unwrap_or(&unseen);
        let as_expected = (label["not_denied"] == true) == answer.denials.is_empty();
        let marks = [
            as_expected && actions_right(label, denial),
            as_expected && resources_right(label, denial),
            label["not_denied"] == true && as_expected || principal_right(label, denial),
            as_expected && place_right(label, &answer),
            label["not_denied"] == true && as_expected || reason_right(label, denial),
            as_expected && patch_right(label, &answer),
        ];
        for (mark, (field, count)) in marks.into_iter().zip(right.iter_mut()) {
            *count += usize::from(mark);
            if !mark {
                faults.push(format!("{}: {field}: {}", line["name"], told(field, label, denial, &answer)));
            }
        }
        wrong_patches.extend(
            documented(&answer)
                .flat_map(|patch| wrong(label, patch).into_iter().map(|fault| format!("{}: {fault}", line["name"]))),
        );
    }
    println!("{}", table(lines.len(), &right, &wrong_patches));
    println!("{}", faults.join("\n"));
    assert!(wrong_patches.is_empty(), "wrong patches:\n{}", wrong_patches.join("\n"));
    for (field, count) in right {
        assert!(count * 100 >= lines.len() * 95, "{field}: {count} of {} right\n{}", lines.len(), faults.join("\n"));
    }
}

/// CloudTrail leaves `requestParameters` out of many denials: what is then not told is missing, never made up.
#[test]
fn a_record_without_its_request_gives_no_wrong_patch_either() {
    let lines = LINES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut wrong_patches = Vec::new();
    let mut count = 0;
    // Which `*` is the caller's, only the request tells.
    for mut line in lines.filter(|line| line["record"]["requestParameters"].is_object() && !is_pattern(line)) {
        count += 1;
        line["record"]["requestParameters"] = Value::Null;
        let answer = answer(&line);
        for patch in documented(&answer) {
            let faults = wrong(&line["label"], patch).into_iter().filter(|fault| !fault.starts_with("without "));
            wrong_patches.extend(faults.map(|fault| format!("{}: {fault}", line["name"])));
        }
    }
    assert!(count > 500, "{count}");
    assert!(wrong_patches.is_empty(), "wrong patches:\n{}", wrong_patches.join("\n"));
}

/// Some services say two words, or nothing: what the request tells is a candidate then, and a person decides.
#[test]
fn a_record_without_its_message_is_never_ready_to_apply() {
    let lines = LINES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = ["role_policy", "user_policy", "permission_set"];
    let (mut wrong_patches, mut count) = (Vec::new(), 0);
    for mut line in lines.filter(|line| line["record"]["errorMessage"].is_string() && line["label"]["patch"] != "none")
    {
        line["record"]["errorMessage"] = Value::Null;
        line["label"]["patch"] = json!("maybe");
        line["label"]["patch_also"] = json!(["none"]);
        let (label, answer) = (&line["label"], answer(&line));
        let same = answer.denials.first().is_some_and(|denial| actions_right(label, denial));
        if !same || !own.iter().any(|place| label["place"] == *place) {
            continue;
        }
        count += 1;
        for patch in documented(&answer) {
            let faults = wrong(label, patch).into_iter().filter(|fault| !fault.starts_with("without "));
            wrong_patches.extend(faults.map(|fault| format!("{}: {fault}", line["name"])));
        }
    }
    assert!(count > 400, "{count}");
    assert!(wrong_patches.is_empty(), "wrong patches:\n{}", wrong_patches.join("\n"));
}

fn is_pattern(line: &Value) -> bool {
    line["name"].as_str().is_some_and(|name| name.contains("hostile-") && name.ends_with("-star"))
}

/// The same denial as an EventBridge event and as an entry of Event history gives the same answer.
#[test]
fn the_envelope_changes_nothing() {
    let lines = LINES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for line in lines.filter(|line| line["record"]["eventName"].is_string()) {
        let (record, plain) = (&line["record"], answer(&line));
        let event = json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.x",
            "account": "111122223333", "resources": [], "detail": record});
        let entry = json!({"Events": [{"EventId": record["eventID"], "CloudTrailEvent": record.to_string()}]});
        for wrapped in [event, entry, json!({"Records": [record]})] {
            let found = answer(&json!({"record": wrapped, "args": line["args"]}));
            assert_eq!((&found.denials, &found.patches), (&plain.denials, &plain.patches), "{}", line["name"]);
        }
    }
}

/// What was found beside what was expected.
fn told(field: &str, label: &Value, denial: &Value, answer: &Answer) -> String {
    let kinds: Vec<&Value> = answer.patches.iter().map(|patch| &patch["target"]["kind"]).collect();
    match field {
        "action" => format!("{} expected {}", denial["actions"], label["actions"]),
        "resource" => format!("{} expected {}", denial["resources"], label["resources"]),
        "principal" => format!("{} expected {}", denial["principal"], label["principal"]),
        "reason" => format!("{} expected {} {}", denial["reason"], label["reason_kind"], label["policy_type"]),
        "place" => format!("{kinds:?} expected {}", label["place"]),
        _ => format!("{} documents expected {}", documented(answer).count(), label["patch"]),
    }
}

fn table(all: usize, right: &[(&str, usize)], wrong_patches: &[String]) -> String {
    let mut text = format!("{all} denials\n");
    for (field, count) in right {
        let tenths = count * 1000 / all.max(1);
        text.push_str(&format!("{field:<10} {count:>4} right  {}.{} %\n", tenths / 10, tenths % 10));
    }
    text.push_str(&format!("wrong patches: {}\n{}", wrong_patches.len(), wrong_patches.join("\n")));
    text
}

#[test]
fn the_script_makes_the_lines() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/denials/make.py");
    match std::process::Command::new("python3").arg("-B").arg(&script).arg("--check").output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) if std::env::var_os("CI").is_none() => eprintln!("skipped: python3 is not there"),
        Err(error) => panic!("python3: {error}"),
    }
}
