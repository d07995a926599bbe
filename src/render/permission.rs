//! A function's policy, which Lambda takes permission by permission and never as a document.
//! See <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>.

use super::check;
use super::job::statements;
use serde_json::{Map, Value};

/// One call of `AddPermission`: the names are that call's, `FunctionName` left out.
pub(super) type Permission = Map<String, Value>;

/// The permissions that say what the statements say, one an action and principal; `None` where they cannot.
pub(super) fn permissions(document: &Value) -> Option<Vec<Permission>> {
    let lists = statements(document).ok()?.into_iter().map(of_statement).collect::<Option<Vec<_>>>()?;
    Some(lists.into_iter().flatten().collect())
}

fn of_statement(statement: &Value) -> Option<Vec<Permission>> {
    const KNOWN: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let fields = statement.as_object().filter(|fields| fields.keys().all(|key| KNOWN.contains(&key.as_str())))?;
    if fields.get("Effect")? != "Allow" {
        return None;
    }
    let sid = check::name("statement id", fields.get("Sid")?.as_str()?, 90, "_-").ok()?;
    let shared = fields.get("Condition").map_or_else(|| Some(Map::new()), conditions)?;
    let principals = principals(fields.get("Principal")?)?;
    let mut all = Vec::new();
    for action in texts(fields.get("Action")?)? {
        for principal in &principals {
            let id = if all.is_empty() { sid.clone() } else { format!("{sid}-{}", all.len()) };
            let mut one = Map::new();
            one.insert("StatementId".into(), id.into());
            one.insert("Action".into(), action.into());
            one.insert("Principal".into(), (*principal).into());
            one.extend(shared.clone());
            all.push(one);
        }
    }
    Some(all)
}

/// One sort of principal that is an ARN, an account or a service; never everybody.
fn principals(value: &Value) -> Option<Vec<&str>> {
    let mut sorts = value.as_object()?.iter();
    match (sorts.next()?, sorts.next()) {
        ((sort, ids), None) if sort == "AWS" || sort == "Service" => texts(ids).filter(|ids| !ids.contains(&"*")),
        _ => None,
    }
}

fn conditions(value: &Value) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    for (test, keys) in value.as_object()? {
        for (key, value) in keys.as_object()? {
            let parameter = match (test.as_str(), key.as_str()) {
                ("ArnLike", "aws:SourceArn") => "SourceArn",
                ("StringEquals", "aws:SourceAccount") => "SourceAccount",
                ("StringEquals", "aws:PrincipalOrgID") => "PrincipalOrgID",
                _ => return None,
            };
            match texts(value)?.as_slice() {
                [one] => out.insert(parameter.into(), (*one).into()),
                _ => return None,
            };
        }
    }
    Some(out)
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    let all = match value {
        Value::String(one) => vec![one.as_str()],
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(change: Value, expect: Option<Value>) {
        let mut statement = json!({"Sid": "A", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/r"},
            "Action": "lambda:InvokeFunction", "Resource": "*"});
        for (key, value) in change.as_object().unwrap() {
            statement[key] = value.clone();
        }
        assert_eq!(permissions(&json!({"Statement": statement})).map(|all| json!(all)), expect, "{statement}");
    }

    #[test]
    fn permissions_say_neither_more_nor_less() {
        let one = |id: &str, action: &str, principal: &str| json!({"StatementId": id, "Action": action, "Principal": principal});
        let (invoke, role) = ("lambda:InvokeFunction", "arn:aws:iam::111122223333:role/r");
        check(json!({}), Some(json!([one("A", invoke, role)])));
        check(json!({"Action": [invoke, "b"]}), Some(json!([one("A", invoke, role), one("A-1", "b", role)])));
        check(
            json!({"Principal": {"Service": ["s", "t"]}}),
            Some(json!([one("A", invoke, "s"), one("A-1", invoke, "t")])),
        );
        let mut scoped = one("A", invoke, role);
        scoped["SourceArn"] = "x".into();
        scoped["SourceAccount"] = "1".into();
        let condition = json!({"ArnLike": {"aws:SourceArn": ["x"]}, "StringEquals": {"aws:SourceAccount": "1"}});
        check(json!({"Condition": condition}), Some(json!([scoped])));
        for other in [
            json!({"Condition": {"ArnLike": {"aws:SourceArn": ["x", "y"]}}}),
            json!({"Condition": {"StringLike": {"aws:SourceArn": "x"}}}),
            json!({"Condition": {"StringEquals": {"aws:PrincipalTag/a": "x"}}}),
            json!({"Effect": "Deny"}),
            json!({"Sid": null}),
            json!({"Sid": "a b"}),
            json!({"Principal": "*"}),
            json!({"Principal": {"AWS": "*"}}),
            json!({"Principal": {"Federated": "x"}}),
            json!({"Principal": {"AWS": "x", "Service": "y"}}),
            json!({"NotAction": "x"}),
            json!({"Action": []}),
        ] {
            check(other, None);
        }
    }
}
