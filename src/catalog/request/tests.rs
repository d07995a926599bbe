use super::*;
use serde_json::json;

const ARN: &str = "arn:aws";

fn call(params: &Value) -> Call<'_> {
    Call { operation: "", params: Some(params), partition: "aws", region: "eu-west-1", account: "111122223333" }
}

#[track_caller]
fn check(action: &str, params: Value, expect: &[&str]) {
    let found = Catalog::embedded().resources_from_request(action, &call(&params));
    let expect: Vec<String> =
        expect.iter().map(|e| if *e == "*" { (*e).to_owned() } else { format!("{ARN}:{e}") }).collect();
    assert_eq!(found, expect, "{action}");
}

#[test]
fn s3() {
    check("s3:PutObject", json!({"bucketName": "b", "key": "a/k"}), &["s3:::b/a/k"]);
    check("s3:ListBucket", json!({"bucketName": "b", "prefix": "x"}), &["s3:::b"]);
    check("s3:PutBucketPolicy", json!({"bucketName": "b", "host": ["b.s3"]}), &["s3:::b"]);
    check("s3:PutObject", json!({"bucketName": "b"}), &[]);
    let copy = json!({"bucketName": "b", "key": "k", "x-amz-copy-source": "/from/a/k?versionId=1"});
    check("s3:GetObject", copy.clone(), &["s3:::from/a/k"]);
    check("s3:PutObject", copy, &["s3:::b/k"]);
    check("s3:ListAllMyBuckets", json!({}), &["*"]);
}

#[test]
fn a_hostile_value_is_refused_or_returned_raw() {
    check("s3:GetObject", json!({"bucketName": "b", "key": "*"}), &["s3:::b/*"]);
    check("s3:GetObject", json!({"bucketName": "b", "key": "a\u{0}b"}), &[]);
    check("s3:GetObject", json!({"bucketName": "b", "key": {"x": 1}}), &[]);
    check("sqs:SendMessage", json!({"queueUrl": ""}), &[]);
    check("s3:GetObject", json!("null"), &[]);
}

#[test]
fn databases() {
    let place = "eu-west-1:111122223333";
    check("rds:FailoverDBCluster", json!({"dBClusterIdentifier": "c"}), &[&format!("rds:{place}:cluster:c")]);
    let role = json!({"dBInstanceIdentifier": "d", "roleArn": "arn:aws:iam::1:role/r"});
    check("rds:AddRoleToDBInstance", role, &[&format!("rds:{place}:db:d")]);
    let stream = json!({"resourceArn": "arn:aws:rds:eu-west-1:111122223333:cluster:c"});
    check("rds:StopActivityStream", stream, &[&format!("rds:{place}:cluster:c")]);
    check("dynamodb:GetItem", json!({"tableName": "T"}), &[&format!("dynamodb:{place}:table/T")]);
    let index = json!({"tableName": "T", "indexName": "I"});
    check("dynamodb:Query", index, &[&format!("dynamodb:{place}:table/T/index/I")]);
    check("dynamodb:Query", json!({"tableName": "T"}), &[&format!("dynamodb:{place}:table/T")]);
    let batch = json!({"requestItems": {"A": {}, "B": {}}});
    check(
        "dynamodb:BatchGetItem",
        batch,
        &[&format!("dynamodb:{place}:table/A"), &format!("dynamodb:{place}:table/B")],
    );
    let whole = json!({"tableName": "arn:aws:dynamodb:eu-west-1:111122223333:table/T", "indexName": "I"});
    check("dynamodb:Query", whole, &[&format!("dynamodb:{place}:table/T/index/I")]);
}

#[test]
fn ec2() {
    let place = "eu-west-1:111122223333";
    check(
        "ec2:AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1"}),
        &[&format!("ec2:{place}:security-group/sg-1")],
    );
    check("ec2:ModifyImageAttribute", json!({"imageId": "ami-1"}), &["ec2:eu-west-1::image/ami-1"]);
    check("ec2:GetPasswordData", json!({"instanceId": "i-1"}), &[&format!("ec2:{place}:instance/*")]);
    let two = json!({"instancesSet": {"items": [{"instanceId": "i-2"}, {"instanceId": "i-1"}]}});
    let expect = [format!("ec2:{place}:instance/i-1"), format!("ec2:{place}:instance/i-2")];
    check("ec2:TerminateInstances", two, &[&expect[0], &expect[1]]);
    check("ec2:DescribeInstances", json!({}), &["*"]);
    let wrapped = json!({"DeleteNatGatewayRequest": {"NatGatewayId": "nat-1"}});
    check("ec2:DeleteNatGateway", wrapped, &[&format!("ec2:{place}:natgateway/nat-1")]);
    let tags = |id: &str| json!({"resourcesSet": {"items": [{"resourceId": id}]}, "tagSet": {}});
    check("ec2:CreateTags", tags("vol-0a1"), &[&format!("ec2:{place}:volume/vol-0a1")]);
    check("ec2:DeleteTags", tags("vpce-0a1"), &[&format!("ec2:{place}:vpc-endpoint/vpce-0a1")]);
    check("ec2:CreateTags", tags("vpce-svc-0a1"), &[&format!("ec2:{place}:vpc-endpoint-service/vpce-svc-0a1")]);
    check("ec2:CreateTags", tags("what-0a1"), &[]);
    let table = [format!("ec2:{place}:route-table/*"), format!("ec2:{place}:vpc/vpc-1")];
    check("ec2:CreateRouteTable", json!({"vpcId": "vpc-1"}), &[&table[0], &table[1]]);
    check("rds:DescribeDBInstances", json!({}), &[&format!("rds:{place}:db:*")]);
    check("ssm:ListTagsForResource", json!({"resourceType": "Parameter", "resourceId": "/a"}), &[]);
    let run = json!({"instancesSet": {"items": [{"imageId": "ami-1"}]}, "subnetId": "subnet-1"});
    let needed = Catalog::embedded().companion_resources("ec2:RunInstances", &call(&run));
    let needed: Vec<_> =
        needed.iter().map(|n| (n.kind.as_str(), n.arns[0].rsplit(':').next().unwrap(), n.exact)).collect();
    let expect = [
        ("image", "image/ami-1", true),
        ("instance", "instance/*", false),
        ("network-interface", "network-interface/*", false),
        ("security-group", "security-group/*", false),
        ("subnet", "subnet/subnet-1", true),
        ("volume", "volume/*", false),
    ];
    assert_eq!(needed, expect);
    assert_eq!(Catalog::embedded().required_together("ec2:RunInstances"), Some(true));
}

#[test]
fn containers() {
    let place = "ecs:eu-west-1:111122223333";
    let exec = json!({"cluster": "c", "task": "0123"});
    check("ecs:ExecuteCommand", exec, &[&format!("{place}:cluster/c"), &format!("{place}:task/c/0123")]);
    let whole = json!({"cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/c", "task": "0123"});
    check("ecs:ExecuteCommand", whole, &[&format!("{place}:cluster/c"), &format!("{place}:task/c/0123")]);
    check("ecs:RunTask", json!({"taskDefinition": "f:3"}), &[&format!("{place}:task-definition/f:3")]);
    check("ecs:RunTask", json!({"taskDefinition": "f"}), &[&format!("{place}:task-definition/f:*")]);
    check("ecs:RegisterTaskDefinition", json!({"family": "f"}), &[&format!("{place}:task-definition/f:*")]);
    check("ecs:UpdateService", json!({"cluster": "c", "service": "s"}), &[&format!("{place}:service/c/s")]);
    check("ecr:GetAuthorizationToken", json!({}), &["*"]);
    check("ecr:PutImage", json!({"repositoryName": "r"}), &["ecr:eu-west-1:111122223333:repository/r"]);
}

#[test]
fn identity() {
    let iam = "iam::111122223333";
    check("iam:CreateRole", json!({"path": "/t/", "roleName": "r"}), &[&format!("{iam}:role/t/r")]);
    check("iam:PassRole", json!({"roleName": "r"}), &[&format!("{iam}:role/r")]);
    check(
        "sts:AssumeRole",
        json!({"roleArn": "arn:aws:iam::1:role/p/r", "roleSessionName": "s"}),
        &["iam::1:role/p/r"],
    );
    let linked = json!({"aWSServiceName": "ecs.amazonaws.com"});
    check("iam:CreateServiceLinkedRole", linked, &[&format!("{iam}:role/aws-service-role/ecs.amazonaws.com/*")]);
    let known = |action: &str, params: Value| Catalog::embedded().request_resources(action, &call(&params)).path_known;
    assert!(!known("iam:GetRole", json!({"roleName": "r"})));
    assert!(known("iam:CreateRole", json!({"roleName": "r"})));
    assert!(known("sts:AssumeRole", json!({"roleArn": "arn:aws:iam::1:role/p/r"})));
}

#[test]
fn messages_and_functions() {
    let place = "eu-west-1:111122223333";
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/q";
    check("sqs:SendMessage", json!({"queueUrl": url}), &[&format!("sqs:{place}:q")]);
    check("sns:Publish", json!({"topicArn": "arn:aws:sns:eu-west-1:1:t"}), &["sns:eu-west-1:1:t"]);
    check("lambda:InvokeFunction", json!({"functionName": "f"}), &[&format!("lambda:{place}:function:f")]);
    let whole = json!({"functionName": "arn:aws:lambda:eu-west-1:1:function:f"});
    check("lambda:InvokeFunction", whole, &["lambda:eu-west-1:1:function:f"]);
    check("events:PutRule", json!({"name": "n"}), &[&format!("events:{place}:rule/n")]);
    check("events:PutRule", json!({"name": "n", "eventBusName": "default"}), &[&format!("events:{place}:rule/n")]);
    check("events:PutRule", json!({"name": "n", "eventBusName": "b"}), &[&format!("events:{place}:rule/b/n")]);
    check("logs:CreateLogGroup", json!({"logGroupName": "/x"}), &[&format!("logs:{place}:log-group:/x:*")]);
    let stream = json!({"logGroupName": "/x", "logStreamName": "s"});
    check("logs:PutLogEvents", stream, &[&format!("logs:{place}:log-group:/x:log-stream:s")]);
}

#[test]
fn secrets_parameters_and_keys() {
    let place = "eu-west-1:111122223333";
    let whole = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf";
    check("secretsmanager:GetSecretValue", json!({"secretId": whole}), &[&whole[8..]]);
    check(
        "secretsmanager:GetSecretValue",
        json!({"secretId": "db"}),
        &[&format!("secretsmanager:{place}:secret:db-??????")],
    );
    check("ssm:GetParameter", json!({"name": "/a/b"}), &[&format!("ssm:{place}:parameter/a/b")]);
    check("kms:Decrypt", json!({"keyId": "1-2-3"}), &[&format!("kms:{place}:key/1-2-3")]);
    check("kms:Decrypt", json!({"keyId": "alias/x"}), &[]);
    check("kms:Decrypt", json!({}), &[]);
    let alias = json!({"aliasName": "alias/x", "targetKeyId": "1-2-3"});
    check("kms:CreateAlias", alias, &[&format!("kms:{place}:alias/x"), &format!("kms:{place}:key/1-2-3")]);
}

#[test]
fn a_name_that_means_something_else_is_not_taken() {
    let machine = "arn:aws:states:eu-west-1:1:stateMachine:m";
    check("states:StartExecution", json!({"stateMachineArn": machine, "name": "run"}), &[&machine[8..]]);
    check("states:StartExecution", json!({"name": "run"}), &[]);
    check("appconfig:GetExtension", json!({"extensionIdentifier": "e"}), &[]);
    let from = json!({"sourceTableArn": "arn:aws:dynamodb:eu-west-1:1:table/T"});
    check("dynamodb:RestoreTableToPointInTime", from, &[]);
    check("route53resolver:GetResolverConfig", json!({"resourceId": "vpc-1"}), &[]);
    let organization = "workmail:eu-west-1:111122223333:organization/o";
    check("workmail:UpdateResource", json!({"organizationId": "o", "resourceId": "r"}), &[organization]);
    let set = json!({"scope": "REGIONAL", "name": "n", "id": "i"});
    check("wafv2:GetIPSet", set, &["wafv2:eu-west-1:111122223333:regional/ipset/n/i"]);
}

#[test]
fn two_snapshots_are_copied_from_and_to() {
    let from = "arn:aws:rds:us-east-1:1:snapshot:a";
    let copy = json!({"sourceDBSnapshotIdentifier": from, "targetDBSnapshotIdentifier": "b"});
    let to = "rds:eu-west-1:111122223333:snapshot:b";
    check("rds:CopyDBSnapshot", copy, &[to, &from[8..]]);
}

#[test]
fn api_gateway_paths() {
    #[track_caller]
    fn check(action: &str, operation: &str, params: Value, expect: &[&str]) {
        let call = Call { operation, ..call(&params) };
        assert_eq!(Catalog::embedded().resources_from_request(action, &call), expect);
    }
    let base = "arn:aws:apigateway:eu-west-1::";
    check("apigateway:POST", "CreateRestApi", json!({}), &[&format!("{base}/restapis")]);
    let stage = json!({"restApiId": "a", "stageName": "s"});
    check("apigateway:DELETE", "DeleteStage", stage, &[&format!("{base}/restapis/a/stages/s")]);
    check("apigateway:GET", "GetApi", json!({"apiId": "a"}), &[&format!("{base}/apis/a")]);
    check(
        "apigateway:DELETE",
        "DeleteStage",
        json!({"apiId": "a", "stageName": "s"}),
        &[&format!("{base}/apis/a/stages/s")],
    );
    check("apigateway:DELETE", "DeleteStage", json!({}), &[]);
}

#[test]
fn the_name_rule() {
    let place = "eu-west-1:111122223333";
    check("backup:DeleteBackupVault", json!({"backupVaultName": "v"}), &[&format!("backup:{place}:backup-vault:v")]);
    check("eks:DeleteCluster", json!({"name": "c"}), &[&format!("eks:{place}:cluster/c")]);
    check("kinesis:PutRecord", json!({"streamName": "s"}), &[&format!("kinesis:{place}:stream/s")]);
    check("lambda:NoSuchAction", json!({"functionName": "f"}), &[]);
}

#[test]
fn glue_checks_the_catalog_and_the_database_too() {
    let place = "glue:eu-west-1:111122223333";
    let table = json!({"databaseName": "d", "name": "t"});
    let expect = [format!("{place}:catalog"), format!("{place}:database/d"), format!("{place}:table/d/t")];
    check("glue:GetTable", table, &[&expect[0], &expect[1], &expect[2]]);
}

#[test]
fn a_request_names_the_account_of_its_resource() {
    let theirs = "eu-west-1:444455556666";
    let url = json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/444455556666/q"});
    check("sqs:SendMessage", url, &[&format!("sqs:{theirs}:q")]);
    let registry = json!({"repositoryName": "r", "registryId": "444455556666"});
    check("ecr:BatchGetImage", registry, &[&format!("ecr:{theirs}:repository/r")]);
    let function = json!({"functionName": "444455556666:function:f"});
    check("lambda:InvokeFunction", function, &[&format!("lambda:{theirs}:function:f")]);
    let domain = json!({"domain": "d", "domainOwner": "444455556666"});
    check("codeartifact:GetAuthorizationToken", domain, &[&format!("codeartifact:{theirs}:domain/d")]);
    let odd = json!({"repositoryName": "r", "registryId": "*"});
    check("ecr:BatchGetImage", odd, &["ecr:eu-west-1:111122223333:repository/r"]);
}

#[test]
fn a_pattern_is_no_name_but_for_object_keys() {
    check("dynamodb:GetItem", json!({"tableName": "*"}), &[]);
    check("dynamodb:GetItem", json!({"tableName": "${aws:username}"}), &[]);
    check("sns:Publish", json!({"topicArn": "arn:aws:sns:eu-west-1:111122223333:*"}), &[]);
    check("lambda:InvokeFunction", json!({"functionName": "f?"}), &[]);
    let group = "arn:aws:logs:eu-west-1:111122223333:log-group:/a:*";
    check("logs:StartQuery", json!({"logGroupIdentifiers": [group]}), &[&group[8..]]);
}

#[test]
fn calls_about_tags_name_one_resource_whole() {
    let service = "arn:aws:ecs:eu-west-1:111122223333:service/c/s";
    check("ecs:TagResource", json!({"resourceArn": service, "tags": []}), &[&service[8..]]);
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/T";
    check("dynamodb:TagResource", json!({"resourceArn": table}), &[&table[8..]]);
}

#[test]
fn a_subscription_is_no_topic() {
    let subscription = "arn:aws:sns:eu-west-1:111122223333:t:11111111-2222-3333-4444-555555555555";
    check("sns:Unsubscribe", json!({"subscriptionArn": subscription}), &[]);
}

#[test]
fn a_model_is_named_by_its_id_or_whole() {
    let model = "bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0";
    check("bedrock:InvokeModel", json!({"modelId": "amazon.nova-lite-v1:0"}), &[model]);
    check("bedrock:InvokeModel", json!({"modelId": format!("arn:aws:{model}")}), &[model]);
}

#[test]
fn a_request_that_is_not_told_names_no_default() {
    for action in ["ecs:UpdateService", "athena:StartQueryExecution", "events:PutRule", "bedrock:InvokeModel"] {
        check(action, Value::Null, &[]);
    }
    check("athena:StartQueryExecution", json!({}), &["athena:eu-west-1:111122223333:workgroup/primary"]);
}

#[test]
fn a_key_that_reads_like_an_arn_is_a_key() {
    let key = json!({"bucketName": "b", "key": "arn:aws:s3:::other/secret"});
    check("s3:PutObject", key, &["s3:::b/arn:aws:s3:::other/secret"]);
    check("s3:PutObject", json!({"key": "arn:aws:s3:::other/secret"}), &[]);
    let point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports";
    check("s3:GetObject", json!({"bucketName": point, "key": "k"}), &[]);
}

#[test]
fn documents_of_aws_stand_in_no_account() {
    check("ssm:GetDocument", json!({"name": "AWS-RunShellScript"}), &["ssm:eu-west-1::document/AWS-RunShellScript"]);
    check("ssm:GetDocument", json!({"name": "Deploy"}), &["ssm:eu-west-1:111122223333:document/Deploy"]);
}

#[test]
fn names_are_those_of_the_required_type() {
    let set = json!({"scope": "REGIONAL", "name": "n", "id": "i"});
    check("wafv2:UpdateWebACL", set, &["wafv2:eu-west-1:111122223333:regional/webacl/n/i"]);
    check("ecs:DescribeClusters", json!({"clusters": ["prod"]}), &["ecs:eu-west-1:111122223333:cluster/prod"]);
}
