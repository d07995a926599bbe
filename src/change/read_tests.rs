use super::super::KINDS;
use super::*;
use serde_json::json;

fn event(source: &str, name: &str, params: Value) -> Value {
    json!({"eventID": "e1", "eventTime": "2026-11-10T09:00:00Z", "eventSource": format!("{source}.amazonaws.com"),
        "eventName": name, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana", "accountId": "111122223333",
            "userName": "ana"},
        "requestParameters": params})
}

fn read(event: &Value) -> Option<Change> {
    from_record(&Record::from_value(event).unwrap())
}

#[track_caller]
fn check(source: &str, name: &str, params: Value, what: &str, targets: &[&str]) {
    let change = read(&event(source, name, params)).unwrap();
    assert_eq!(change.what, what);
    assert_eq!(change.targets.iter().map(String::as_str).collect::<Vec<_>>(), targets);
    assert_eq!(change.by.arn.as_deref(), Some("arn:aws:iam::111122223333:user/ana"));
}

#[test]
fn what_a_change_touched() {
    let role = "iam:111122223333:role/app";
    check(
        "iam",
        "PutRolePolicy",
        json!({"roleName": "app", "policyName": "p", "policyDocument": "{}"}),
        "role app",
        &[role],
    );
    let attached = json!({"roleName": "app", "policyArn": "arn:aws:iam::111122223333:policy/p"});
    check("iam", "AttachRolePolicy", attached, "role app", &[role]);
    let joins = json!({"userName": "bo", "groupName": "dev"});
    let both = ["iam:111122223333:group/dev", "iam:111122223333:user/bo"];
    check("iam", "AddUserToGroup", joins, "user bo and group dev", &both);
    let version =
        json!({"policyArn": "arn:aws:iam::111122223333:policy/p", "setAsDefault": true, "policyDocument": "{}"});
    let policy = "policy:arn:aws:iam::111122223333:policy/p";
    check("iam", "CreatePolicyVersion", version, "policy arn:aws:iam::111122223333:policy/p", &[policy]);
    let at = json!({"policyId": "p-abcd1234", "targetId": "ou-ab12-cdef3456"});
    let ids = ["organization", "organization:ou-ab12-cdef3456", "organization:p-abcd1234"];
    check("organizations", "AttachPolicy", at, "organization, at ou-ab12-cdef3456", &ids);
    let update = json!({"policyId": "p-abcd1234", "content": "{}"});
    let ids = ["organization", "organization:p-abcd1234"];
    check("organizations", "UpdatePolicy", update, "organization, policy p-abcd1234", &ids);
    let bucket = json!({"bucketName": "shop", "bucketPolicy": {"Statement": []}});
    check("s3", "PutBucketPolicy", bucket, "arn:aws:s3:::shop", &["resource:arn:aws:s3:::shop"]);
    let queue =
        json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders", "attributes": {"Policy": "{}"}});
    let arn = "arn:aws:sqs:eu-west-1:111122223333:orders";
    check("sqs", "SetQueueAttributes", queue, arn, &["resource:arn:aws:sqs:eu-west-1:111122223333:orders"]);
    let function = json!({"functionName": "f", "statementId": "s"});
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    check(
        "lambda",
        "AddPermission20150331v2",
        function,
        arn,
        &["resource:arn:aws:lambda:eu-west-1:111122223333:function:f"],
    );
    let secret =
        json!({"secretId": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf", "resourcePolicy": "{}"});
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf";
    check(
        "secretsmanager",
        "PutResourcePolicy",
        secret,
        arn,
        &["resource:arn:aws:secretsmanager:eu-west-1:111122223333:secret:db"],
    );
    let stream = json!({"resourceARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/s", "policy": "{}"});
    let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/s";
    check("kinesis", "PutResourcePolicy", stream, arn, &["resource:arn:aws:kinesis:eu-west-1:111122223333:stream/s"]);
    let endpoint = json!({"ModifyVpcEndpointRequest": {"VpcEndpointId": "vpce-1", "PolicyDocument": "{}"}});
    check("ec2", "ModifyVpcEndpoint", endpoint, "vpce-1", &["endpoint:vpce-1"]);
}

#[test]
fn what_changes_nothing_is_no_change() {
    let mut failed = event("iam", "PutRolePolicy", json!({"roleName": "app"}));
    failed["errorCode"] = "AccessDenied".into();
    assert_eq!(read(&failed), None);
    let nothing = [
        event("iam", "GetRolePolicy", json!({"roleName": "app"})),
        event("iam", "CreatePolicyVersion", json!({"policyArn": "arn:aws:iam::111122223333:policy/p"})),
        event("sqs", "SetQueueAttributes", json!({"queueUrl": "https://x/1/q", "attributes": {"DelaySeconds": "5"}})),
        event(
            "sns",
            "SetTopicAttributes",
            json!({"topicArn": "arn:aws:sns:eu-west-1:1:t", "attributeName": "DisplayName"}),
        ),
        event("ec2", "ModifyVpcEndpoint", json!({"ModifyVpcEndpointRequest": {"VpcEndpointId": "vpce-1"}})),
        event("logs", "AddPermission", json!({})),
        event("iam", "PutRolePolicy", Value::Null),
    ];
    nothing.iter().for_each(|event| assert_eq!(read(event), None, "{event}"));
}

#[test]
fn documents_are_kept_while_they_are_small() {
    let put =
        |document: Value| read(&event("s3", "PutBucketPolicy", json!({"bucketName": "b", "bucketPolicy": document})));
    assert_eq!(
        put(json!({"Version": "2012-10-17"})).unwrap().document.as_deref(),
        Some("{\"Version\":\"2012-10-17\"}")
    );
    assert_eq!(put("x".repeat(LARGEST_DOCUMENT + 1).into()).unwrap().document, None);
    let topic = json!({"topicArn": "arn:aws:sns:eu-west-1:1:t", "attributeName": "Policy", "attributeValue": "{}"});
    assert_eq!(read(&event("sns", "SetTopicAttributes", topic)).unwrap().document.as_deref(), Some("{}"));
}

#[test]
fn the_list_names_each_pair_once() {
    let mut pairs: Vec<(&str, &str)> = KINDS.iter().map(|kind| (kind.source, kind.name)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), KINDS.len());
}
