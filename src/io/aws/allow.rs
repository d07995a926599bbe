//! Every AWS call that denywatch may make, one line each, and why. What is not here never leaves the machine.
//!
//! Nothing here changes IAM, Organizations, or any policy, and nothing may be added that does.

/// One permitted call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Service name in the signature's credential scope; for an unsigned call, a word for people.
    pub service: &'static str,
    /// How the call looks on the wire.
    pub shape: Shape,
    /// What denywatch needs it for.
    pub why: &'static str,
}

/// How a call names its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Signed; `POST /` of JSON whose `x-amz-target` header is exactly this.
    Json(&'static str),
    /// Signed; `POST /` of a form whose one `Action` is exactly this.
    Query(&'static str),
    /// Unsigned; `POST /` of a form whose one `Action` is exactly this.
    UnsignedQuery(&'static str),
    /// Unsigned; this method on exactly this path.
    Unsigned(&'static str, &'static str),
    /// Unsigned; this method on a path that begins so.
    UnsignedBelow(&'static str, &'static str),
    /// Signed; `GET` of a path whose parts are these (`{}` is any one part, `{//..}` any number, some of them empty) with
    /// exactly these keys in its query, and no body.
    Rest(&'static str, &'static [&'static str]),
    /// Signed; `GET` of a path whose parts are these, with each of the first keys once in its query, none of the second
    /// more than once, no others, and no body.
    RestSome(&'static str, &'static [&'static str], &'static [&'static str]),
    /// Signed; `PUT` of a path whose parts are these, without a query and without a header of AWS's that is not the
    /// signature's: so it makes no bucket, copies nothing, sets no access.
    RestPut(&'static str),
    /// Signed; `POST` of JSON on exactly this path, without a query.
    RestJson(&'static str),
}

/// The list.
pub const ALLOWED: &[Allowed] = &[
    // Reads.
    allowed(
        "cloudtrail",
        Shape::Json("CloudTrail_20131101.LookupEvents"),
        "`scan --lookup` and the sweep read Event history",
    ),
    allowed("secretsmanager", Shape::Json("secretsmanager.GetSecretValue"), "the Slack webhook's URL"),
    allowed("ssm", Shape::Json("AmazonSSM.GetParameter"), "the Slack webhook's URL, the configuration"),
    // `--live`: the policies in force of a principal.
    allowed("iam", Shape::Query("GetRole"), "a role's path, boundary, tags and trust policy"),
    allowed("iam", Shape::Query("ListRolePolicies"), "names of a role's inline policies"),
    allowed("iam", Shape::Query("GetRolePolicy"), "a role's inline policy"),
    allowed("iam", Shape::Query("ListAttachedRolePolicies"), "a role's managed policies"),
    allowed("iam", Shape::Query("GetUser"), "a user's path, boundary and tags"),
    allowed("iam", Shape::Query("ListUserPolicies"), "names of a user's inline policies"),
    allowed("iam", Shape::Query("GetUserPolicy"), "a user's inline policy"),
    allowed("iam", Shape::Query("ListAttachedUserPolicies"), "a user's managed policies"),
    allowed("iam", Shape::Query("ListGroupsForUser"), "a user's groups"),
    allowed("iam", Shape::Query("ListGroupPolicies"), "names of a group's inline policies"),
    allowed("iam", Shape::Query("GetGroupPolicy"), "a group's inline policy"),
    allowed("iam", Shape::Query("ListAttachedGroupPolicies"), "a group's managed policies"),
    allowed("iam", Shape::Query("GetPolicy"), "which version of a managed policy holds"),
    allowed("iam", Shape::Query("GetPolicyVersion"), "the text of that version"),
    allowed("sts", Shape::Query("GetCallerIdentity"), "whose account, and so whose Event history, can be read"),
    // `--live`: the policies above an account.
    allowed("organizations", Shape::Json("AWSOrganizationsV20161128.DescribeOrganization"), "whether SCPs apply"),
    allowed("organizations", Shape::Json("AWSOrganizationsV20161128.ListParents"), "the levels above an account"),
    allowed(
        "organizations",
        Shape::Json("AWSOrganizationsV20161128.ListPoliciesForTarget"),
        "SCPs and RCPs of a level",
    ),
    allowed("organizations", Shape::Json("AWSOrganizationsV20161128.DescribePolicy"), "the text of an SCP or RCP"),
    // `--live`: the policies of a resource and of an endpoint.
    allowed("acm-pca", Shape::Json("ACMPrivateCA.GetPolicy"), "a certificate authority's policy"),
    allowed("backup", Shape::Rest("/backup-vaults/{}/access-policy", &[]), "a vault's policy"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.GetResourcePolicy"), "an event data store's policy"),
    allowed(
        "codeartifact",
        Shape::Rest("/v1/domain/permissions/policy", &["domain", "domain-owner"]),
        "a domain's policy",
    ),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.GetResourcePolicy"), "a table's or stream's policy"),
    allowed("ec2", Shape::Query("DescribeVpcEndpoints"), "the policy of the endpoint that a call came through"),
    allowed(
        "ecr",
        Shape::Json("AmazonEC2ContainerRegistry_V20150921.GetRepositoryPolicy"),
        "a container repository's policy",
    ),
    allowed("elasticfilesystem", Shape::Rest("/2015-02-01/file-systems/{}/policy", &[]), "a file system's policy"),
    allowed("events", Shape::Json("AWSEvents.DescribeEventBus"), "an event bus's policy"),
    allowed("glue", Shape::Json("AWSGlue.GetResourcePolicy"), "the policy of a data catalog"),
    allowed("kinesis", Shape::Json("Kinesis_20131202.GetResourcePolicy"), "a stream's policy"),
    allowed("kms", Shape::Json("TrentService.GetKeyPolicy"), "a key's policy"),
    allowed("kms", Shape::Json("TrentService.ListGrants"), "a key's grants to the caller"),
    allowed("lambda", Shape::Rest("/2015-03-31/functions/{}/policy", &[]), "a function's policy"),
    allowed("s3", Shape::Rest("/{}", &["policy"]), "a bucket's policy"),
    allowed("secretsmanager", Shape::Json("secretsmanager.GetResourcePolicy"), "a secret's policy"),
    allowed("sns", Shape::Query("GetTopicAttributes"), "a topic's policy"),
    allowed(
        "sqs",
        Shape::Json("AmazonSQS.GetQueueAttributes"),
        "a queue's policy; `watch`, `doctor`: its other attributes",
    ),
    // `verify --live`: AWS's own checks of a policy text; they keep nothing.
    allowed("access-analyzer", Shape::RestJson("/policy/validation"), "ValidatePolicy: whether a patch is valid"),
    allowed(
        "access-analyzer",
        Shape::RestJson("/policy/check-no-new-access"),
        "CheckNoNewAccess: whether it allows more",
    ),
    allowed("iam", Shape::Query("SimulatePrincipalPolicy"), "whether the recorded calls go through with a patch"),
    // What AWS keeps of a refusal.
    allowed("sts", Shape::Query("DecodeAuthorizationMessage"), "an encoded refusal of EC2"),
    allowed("iam", Shape::Rest("/authorization-details/{}", &[]), "how AWS decided, by an authorization id"),
    allowed("iam", Shape::Rest("/authorization-details/{}", &["nextToken"]), "the next page of that"),
    allowed("s3", Shape::Rest("/{}/{//..}", &[]), "log files, the configuration and its CODEOWNERS in a bucket"),
    // `scan s3://…`, and the function's scans from a queue.
    allowed(
        "s3",
        Shape::RestSome(
            "/{}",
            &["list-type"],
            &["continuation-token", "delimiter", "encoding-type", "max-keys", "prefix", "start-after"],
        ),
        "ListObjectsV2: the log files of an archive",
    ),
    // `scan --lookup` reads each Region's Event history.
    allowed("ec2", Shape::Query("DescribeRegions"), "which Regions the account has switched on"),
    // `query --run`: a SELECT over the logs; where its result goes is the workgroup's business.
    allowed("athena", Shape::Json("AmazonAthena.StartQueryExecution"), "`query athena --run` asks for denied records"),
    allowed("athena", Shape::Json("AmazonAthena.GetQueryExecution"), "whether that query is done"),
    allowed("athena", Shape::Json("AmazonAthena.GetQueryResults"), "its rows"),
    allowed("athena", Shape::Json("AmazonAthena.StopQueryExecution"), "Ctrl-C ends that query"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.StartQuery"), "`query lake --run` asks for denied records"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.GetQueryResults"), "its rows"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.CancelQuery"), "Ctrl-C ends that query"),
    // `doctor`: what stands between CloudTrail and the receivers.
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.DescribeTrails"), "`doctor`: the account's trails"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.GetTrailStatus"), "`doctor`: whether a trail logs"),
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.GetEventSelectors"), "`doctor`: which events it logs"),
    allowed("events", Shape::Json("AWSEvents.ListEventBuses"), "`doctor`: where the queue's rule may stand"),
    allowed("events", Shape::Json("AWSEvents.ListRuleNamesByTarget"), "`doctor`: the rules that feed the queue"),
    allowed("events", Shape::Json("AWSEvents.DescribeRule"), "`doctor`: whether a rule lets reads through"),
    allowed("lambda", Shape::Rest("/2015-03-31/functions/{}/configuration", &[]), "`doctor`: the function's settings"),
    allowed(
        "lambda",
        Shape::Rest("/2015-03-31/event-source-mappings/", &["FunctionName"]),
        "`doctor`: the queues that feed the function",
    ),
    allowed("sns", Shape::Query("ListSubscriptionsByTopic"), "`doctor`: whether somebody hears"),
    // `watch`: messages of the queue that its user names.
    allowed("sqs", Shape::Json("AmazonSQS.ReceiveMessage"), "`watch` looks at a queue's messages"),
    allowed("sqs", Shape::Json("AmazonSQS.ChangeMessageVisibilityBatch"), "`watch` releases what it looked at"),
    allowed("sqs", Shape::Json("AmazonSQS.DeleteMessageBatch"), "`watch --delete` takes off what it told"),
    // Sends.
    allowed("sns", Shape::Query("Publish"), "alerts and reports"),
    allowed("s3", Shape::RestPut("/{}/{..}"), "PutObject: the weekly report in the bucket of `report.bucket`"),
    allowed("sqs", Shape::Json("AmazonSQS.SendMessage"), "parts of a scan, put on the queue that it came from"),
    // The ledger: its own table's items, never the table itself.
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.GetItem"), "the ledger's schema version and deliveries"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.BatchGetItem"), "the ledger's findings and counted events"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.Query"), "the ledger's lists"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.PutItem"), "the ledger's runs, quarantine and schema version"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.DeleteItem"), "what the ledger forgets"),
    allowed(
        "dynamodb",
        Shape::Json("DynamoDB_20120810.TransactWriteItems"),
        "events counted once, deliveries taken once",
    ),
    // Credentials: who we are. None of these lets anything be written.
    allowed("sts", Shape::Query("AssumeRole"), "a profile with `role_arn`"),
    allowed("sts", Shape::UnsignedQuery("AssumeRoleWithWebIdentity"), "a pod's or a workflow's role"),
    allowed("sso", Shape::Unsigned("GET", "/federation/credentials"), "a profile of IAM Identity Center"),
    allowed("sso-oidc", Shape::Unsigned("POST", "/token"), "renews the sign-in of that profile"),
    allowed("imds", Shape::Unsigned("PUT", "/latest/api/token"), "the session with an instance's metadata"),
    allowed("imds", Shape::UnsignedBelow("GET", "/latest/meta-data/"), "an instance's role and Region"),
    // Comes last: the container's address and path are the platform's choice.
    allowed("container", Shape::UnsignedBelow("GET", "/"), "a task's role (ECS, EKS, CloudShell)"),
];

const fn allowed(service: &'static str, shape: Shape, why: &'static str) -> Allowed {
    Allowed { service, shape, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_the_list_writes_policy() {
        for entry in ALLOWED {
            let name = match entry.shape {
                Shape::Json(target) => target.rsplit('.').next().unwrap(),
                Shape::Query(action) | Shape::UnsignedQuery(action) => action,
                // A `GET`.
                Shape::Unsigned(..) | Shape::UnsignedBelow(..) | Shape::Rest(..) | Shape::RestSome(..) => continue,
                // An object, nothing of its bucket's: guard's tests.
                Shape::RestPut(path) => {
                    assert!(entry.service == "s3" && path == "/{}/{..}", "{path}");
                    continue;
                }
                // Checks of a text.
                Shape::RestJson(path) => {
                    assert!(entry.service == "access-analyzer" && path.starts_with("/policy/"), "{path}");
                    continue;
                }
            };
            let reads = ["Get", "List", "Describe", "Lookup", "Simulate"].iter().any(|start| name.starts_with(start));
            let of_access = matches!(entry.service, "iam" | "organizations");
            let other = !of_access && ["Publish", "AssumeRole", "Decode"].iter().any(|start| name.starts_with(start));
            let items = entry.service == "dynamodb" && (name.contains("Item") || name == "Query");
            let looks = entry.service == "sqs"
                && ["ReceiveMessage", "ChangeMessageVisibilityBatch", "DeleteMessageBatch"].contains(&name);
            // A SELECT of ours, and a message to the function itself.
            let own = matches!(
                (entry.service, name),
                ("athena", "StartQueryExecution" | "StopQueryExecution")
                    | ("cloudtrail", "StartQuery" | "CancelQuery")
                    | ("sqs", "SendMessage")
            );
            let known = reads || other || items || looks || own;
            assert!(known, "{}:{name} is no read, no send, no ledger, no credential", entry.service);
        }
    }

    #[test]
    fn every_line_says_why() {
        assert!(ALLOWED.iter().all(|entry| !entry.why.is_empty()));
    }
}
