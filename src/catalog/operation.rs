//! An API operation, as CloudTrail names it, to the IAM actions that it needs.

use super::{Catalog, members};
use serde_json::Value;
use std::borrow::Cow;

/// How the actions of an operation were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The operation's name is the action's, under the event source's own prefix.
    Exact,
    /// The same name under another prefix: the event source is no IAM prefix.
    Alias,
    /// A line of the overlay: operation and action differ.
    Exception,
    /// Nothing is known, or the request does not tell which of several it was.
    Unknown,
}

/// The IAM actions of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// `prefix:Name` in canonical case, the likeliest first; every one of them is needed. Empty when unknown.
    pub actions: Vec<String>,
    /// How they were found.
    pub how: How,
    /// The operation needs no IAM permission at all, as `sso:GetRoleCredentials`; `actions` is empty then.
    pub free: bool,
}

impl Resolution {
    fn unknown() -> Self {
        Self { actions: Vec::new(), how: How::Unknown, free: false }
    }
}

impl Catalog {
    /// The actions behind an event source (`s3.amazonaws.com`) and an operation (`UploadPart`).
    ///
    /// Request parameters decide a few (`versionId`, PartiQL verbs, the items of a transaction); without them the
    /// common case is taken, or nothing where there is none. An API date in the name (`ListFunctions20150331`) is
    /// cut only if the whole name is unknown. No action is ever made up.
    pub fn resolve(&self, event_source: &str, event_name: &str, params: Option<&Value>) -> Resolution {
        let host = host(event_source);
        for name in [Some(event_name), without_date(event_name)].into_iter().flatten() {
            for label in labels(&host) {
                let found = self.exception(label, name, params).or_else(|| self.plain(label, name));
                if let Some(found) = found {
                    return found;
                }
            }
        }
        Resolution::unknown()
    }

    /// The IAM prefixes behind an event source, the likeliest first; empty when it is unknown.
    pub fn prefixes(&self, event_source: &str) -> Vec<&str> {
        let host = host(event_source);
        let mut found = labels(&host).map(|label| self.prefixes_of(label).collect::<Vec<_>>());
        found.find(|prefixes| !prefixes.is_empty()).unwrap_or_default()
    }

    /// The first of [`Catalog::prefixes`].
    pub(crate) fn prefix(&self, event_source: &str) -> Option<&'static str> {
        labels(&host(event_source)).find_map(|label| self.prefixes_of(label).next())
    }

    fn prefixes_of(&self, label: &str) -> impl Iterator<Item = &'static str> {
        let listed = self.data.hosts.get(label).unwrap_or("");
        let own = self.data.service(label).map(|at| self.data.services[at].prefix);
        let own = own.filter(|prefix| !listed.split(',').any(|known| known == *prefix));
        own.into_iter().chain(listed.split(',').filter(|prefix| !prefix.is_empty()))
    }

    fn exception(&self, label: &str, name: &str, params: Option<&Value>) -> Option<Resolution> {
        let lines = &self.data.operations;
        let by_label = || lines.joined(["@", label, ":", name]).or_else(|| lines.joined(["@", label, ":*"]));
        let by_prefix = |prefix| lines.joined([prefix, ":", name]);
        let (key, line) = by_label().or_else(|| self.prefixes_of(label).find_map(by_prefix))?;
        if line == "-" {
            return Some(Resolution { actions: Vec::new(), how: How::Unknown, free: true });
        }
        let actions = needed(line, params);
        let how = match actions.as_slice() {
            [] => How::Unknown,
            [first, ..] if *first != key => How::Exception,
            _ if key.split(':').next() == Some(label) => How::Exact,
            _ => How::Alias,
        };
        Some(Resolution { actions, how, free: false })
    }

    fn plain(&self, label: &str, name: &str) -> Option<Resolution> {
        let found = |prefix: &str| {
            let action = self.action_in(self.data.service(prefix)?, name)?;
            let how = if prefix == label { How::Exact } else { How::Alias };
            Some(Resolution { actions: vec![action.canonical()], how, free: false })
        };
        self.prefixes_of(label).find_map(found)
    }
}

/// The event source in lower case, without `.amazonaws.com` and without EventBridge's `aws.`.
fn host(event_source: &str) -> Cow<'_, str> {
    let text = event_source.trim();
    let end = text.match_indices('.').map(|(at, _)| at).find(|at| text[*at..].starts_with(".amazonaws."));
    let text = &text[..end.unwrap_or(text.len())];
    let text = text.strip_prefix("aws.").unwrap_or(text);
    match text.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

/// What a host may be listed under: `api.ecr` is `api.ecr`, `ecr` or `api`.
fn labels(host: &str) -> impl Iterator<Item = &str> {
    let ends = host.split_once('.').zip(host.rsplit('.').next());
    [Some(host), ends.map(|(_, last)| last), ends.map(|((first, _), _)| first)].into_iter().flatten()
}

/// The name without the API date that some services put behind it, such as `20150331v2` or `2020_05_31`.
pub(super) fn without_date(name: &str) -> Option<&str> {
    let bare = match name.rsplit_once('v') {
        Some((head, version)) if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) => head,
        _ => name,
    };
    let shapes = ["dddddddd", "dddd_dd_dd"];
    let cut = |shape: &str| {
        let at = bare.len().checked_sub(shape.len())?;
        let tail = bare.get(at..)?;
        let fits = |(b, s): (u8, u8)| if s == b'd' { b.is_ascii_digit() } else { b == s };
        (at > 0 && tail.bytes().zip(shape.bytes()).all(fits)).then(|| &bare[..at])
    };
    shapes.into_iter().find_map(cut)
}

/// The actions of an overlay line that this request needs.
fn needed(line: &str, params: Option<&Value>) -> Vec<String> {
    match line {
        "=partiql" => return partiql(params),
        "=transact" => return transact(params),
        // The text of the query decides, and no record holds it.
        "=query" => return Vec::new(),
        _ => {}
    }
    let given = |names: &str| names.split('|').any(|name| members::given(params, name));
    let wanted = |item: &str| match item.split_once(['?', '!']) {
        None => Some(item.to_owned()),
        Some((action, names)) => (given(names) == item.contains('?')).then(|| action.to_owned()),
    };
    line.split(',').filter_map(wanted).collect()
}

/// DynamoDB PartiQL: the verbs of the statements.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html>
fn partiql(params: Option<&Value>) -> Vec<String> {
    let paths = ["statement", "statements[].statement", "transactStatements[].statement"];
    let texts = paths.iter().flat_map(|path| members::strings(params, path));
    let action = |text: String| match text.split_whitespace().next()?.to_ascii_uppercase().as_str() {
        "SELECT" => Some("dynamodb:PartiQLSelect"),
        "INSERT" => Some("dynamodb:PartiQLInsert"),
        "UPDATE" => Some("dynamodb:PartiQLUpdate"),
        "DELETE" => Some("dynamodb:PartiQLDelete"),
        _ => None,
    };
    unique(texts.filter_map(action))
}

/// DynamoDB transactions: one action for each kind of item.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn transact(params: Option<&Value>) -> Vec<String> {
    let kinds = [
        ("conditionCheck", "dynamodb:ConditionCheckItem"),
        ("delete", "dynamodb:DeleteItem"),
        ("put", "dynamodb:PutItem"),
        ("update", "dynamodb:UpdateItem"),
    ];
    let used = |member: &str| !members::find(params, &format!("transactItems[].{member}")).is_empty();
    unique(kinds.into_iter().filter(|(member, _)| used(member)).map(|(_, action)| action))
}

fn unique<'a>(actions: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for action in actions {
        if !out.iter().any(|known| known == action) {
            out.push(action.to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn with(source: &str, name: &str, params: Value, expect: &[&str], how: How) {
        let found = Catalog::embedded().resolve(source, name, Some(&params));
        assert_eq!((found.actions.iter().map(String::as_str).collect::<Vec<_>>(), found.how), (expect.to_vec(), how));
    }

    #[track_caller]
    fn check(source: &str, name: &str, expect: &str, how: How) {
        let expect: Vec<&str> = expect.split_whitespace().collect();
        with(&format!("{source}.amazonaws.com"), name, Value::Null, &expect, how);
    }

    #[test]
    fn plain_names() {
        check("ec2", "RunInstances", "ec2:RunInstances", How::Exact);
        check("lambda", "ListFunctions20150331", "lambda:ListFunctions", How::Exact);
        check("lambda", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode", How::Exact);
        check("cloudfront", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution", How::Exact);
        check("ec2", "NoSuchThing", "", How::Unknown);
        check("nothing", "GetObject", "", How::Unknown);
        check("ec2", "20150331", "", How::Unknown);
    }

    #[test]
    fn s3_names_differ() {
        for name in ["CreateMultipartUpload", "CompleteMultipartUpload", "UploadPart"] {
            check("s3", name, "s3:PutObject", How::Exception);
        }
        for name in ["CopyObject", "UploadPartCopy"] {
            check("s3", name, "s3:PutObject s3:GetObject", How::Exception);
        }
        for name in ["ListObjects", "ListObjectsV2", "HeadBucket"] {
            check("s3", name, "s3:ListBucket", How::Exception);
        }
        check("s3", "HeadObject", "s3:GetObject", How::Exception);
        check("s3", "ListBuckets", "s3:ListAllMyBuckets", How::Exception);
        check("s3", "ListParts", "s3:ListMultipartUploadParts", How::Exception);
        check("s3", "ListObjectVersions", "s3:ListBucketVersions", How::Exception);
        check("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration", How::Exception);
        check("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration", How::Exception);
        check("s3", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration", How::Exception);
        check("s3", "DeleteBucketLifecycle", "s3:PutLifecycleConfiguration", How::Exception);
        check("s3", "DeleteBucketReplication", "s3:PutReplicationConfiguration", How::Exception);
        check("s3", "DeleteBucketCors", "s3:PutBucketCORS", How::Exception);
        check("s3", "DeleteBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration", How::Exception);
        check("s3", "DeleteBucketInventoryConfiguration", "s3:PutInventoryConfiguration", How::Exception);
        check("s3", "DeleteBucketMetricsConfiguration", "s3:PutMetricsConfiguration", How::Exception);
        check("s3", "DeleteBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock", How::Exception);
        check("s3-control", "PutPublicAccessBlock", "s3:PutAccountPublicAccessBlock", How::Exception);
    }

    #[test]
    fn s3_requests_decide() {
        let s3 = "s3.amazonaws.com";
        with(s3, "GetObject", json!({"versionId": "v"}), &["s3:GetObjectVersion"], How::Exception);
        with(s3, "GetObject", json!({"key": "k"}), &["s3:GetObject"], How::Exact);
        with(s3, "PutObject", json!({"key": "k"}), &["s3:PutObject"], How::Exact);
        with(s3, "PutObject", json!({"X-Amz-Acl": ["private"]}), &["s3:PutObject", "s3:PutObjectAcl"], How::Exact);
        with(s3, "PutObject", json!({"x-amz-tagging": "a=b"}), &["s3:PutObject", "s3:PutObjectTagging"], How::Exact);
        with(s3, "DeleteObject", json!({"versionId": "v"}), &["s3:DeleteObjectVersion"], How::Exception);
    }

    #[test]
    fn dynamodb_statements_and_transactions() {
        let dynamodb = "dynamodb.amazonaws.com";
        let run = |verb: &str| json!({"statement": format!(" {verb} * from T")});
        with(dynamodb, "ExecuteStatement", run("select"), &["dynamodb:PartiQLSelect"], How::Exception);
        with(dynamodb, "ExecuteStatement", run("DELETE"), &["dynamodb:PartiQLDelete"], How::Exception);
        with(dynamodb, "ExecuteStatement", run("exists"), &[], How::Unknown);
        with(dynamodb, "ExecuteStatement", Value::Null, &[], How::Unknown);
        let batch = json!({"statements": [{"statement": "INSERT into T"}, {"statement": "UPDATE T"}]});
        let both = ["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"];
        with(dynamodb, "BatchExecuteStatement", batch, &both, How::Exception);
        let items = json!({"transactItems": [{"put": {}}, {"conditionCheck": {}}, {"put": {}}]});
        let both = ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"];
        with(dynamodb, "TransactWriteItems", items, &both, How::Exception);
        check("dynamodb", "TransactGetItems", "dynamodb:GetItem", How::Exception);
    }

    #[test]
    fn other_exceptions() {
        check("apigateway", "CreateRestApi", "apigateway:POST", How::Exception);
        check("apigateway", "GetApis", "apigateway:GET", How::Exception);
        check("apigateway", "UpdateRestApi", "apigateway:PATCH", How::Exception);
        check("apigateway", "DeleteStage", "apigateway:DELETE", How::Exception);
        check("apigateway", "PutIntegration", "apigateway:PUT", How::Exception);
        check("kms", "ReEncrypt", "kms:ReEncryptFrom kms:ReEncryptTo", How::Exception);
        check("sqs", "SendMessageBatch", "sqs:SendMessage", How::Exception);
        check("sqs", "DeleteMessageBatch", "sqs:DeleteMessage", How::Exception);
        check("sqs", "ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility", How::Exception);
        check("sns", "PublishBatch", "sns:Publish", How::Exception);
        check("bedrock", "Converse", "bedrock:InvokeModel", How::Exception);
        check("bedrock-runtime", "ConverseStream", "bedrock:InvokeModelWithResponseStream", How::Exception);
        check("lambda", "Invoke", "lambda:InvokeFunction", How::Exception);
        check("securityhub", "GetFindingsV2", "securityhub:GetFindings", How::Exception);
        check("batch", "CancelJobs", "batch:CancelJob", How::Exception);
        check("budgets", "DescribeBudgets", "budgets:ViewBudget", How::Exception);
    }

    #[test]
    fn hosts_that_are_no_prefix() {
        check("monitoring", "PutMetricData", "cloudwatch:PutMetricData", How::Alias);
        check("email", "SendEmail", "ses:SendEmail", How::Alias);
        check("tagging", "GetResources", "tag:GetResources", How::Alias);
        check("amazonmq", "CreateBroker", "mq:CreateBroker", How::Alias);
        check("opensearchservice", "CreateDomain", "es:CreateDomain", How::Alias);
        check("streams.dynamodb", "GetRecords", "dynamodb:GetRecords", How::Alias);
        check("rdsdata", "ExecuteStatement", "rds-data:ExecuteStatement", How::Alias);
        check("servicecatalog-appregistry", "CreateApplication", "servicecatalog:CreateApplication", How::Alias);
        check("cloudcontrolapi", "CreateResource", "cloudformation:CreateResource", How::Alias);
        check("application-insights", "CreateApplication", "applicationinsights:CreateApplication", How::Alias);
        check("pinpoint", "CreateApp", "mobiletargeting:CreateApp", How::Alias);
        check("qconnect", "CreateAssistant", "wisdom:CreateAssistant", How::Alias);
        check("transcribestreaming", "StartStreamTranscription", "transcribe:StartStreamTranscription", How::Alias);
        check("metering.marketplace", "MeterUsage", "aws-marketplace:MeterUsage", How::Alias);
        check("chime-sdk-meetings", "CreateMeeting", "chime:CreateMeeting", How::Alias);
        check("migrationhub", "ImportMigrationTask", "mgh:ImportMigrationTask", How::Alias);
        check("taxsettings", "PutTaxRegistration", "tax:PutTaxRegistration", How::Alias);
        check("api.pricing", "GetProducts", "pricing:GetProducts", How::Alias);
        check("pricelist", "GetProducts", "pricing:GetProducts", How::Alias);
        check("S3", "UploadPart", "s3:PutObject", How::Exception);
        with("aws.ec2", "RunInstances", Value::Null, &["ec2:RunInstances"], How::Exact);
        check("api.ecr", "BatchGetImage", "ecr:BatchGetImage", How::Alias);
        check("api.sagemaker", "CreateModel", "sagemaker:CreateModel", How::Alias);
        check("osm", "CreateMemory", "", How::Unknown);
        check("neptune-db", "ExecuteGremlinQuery", "", How::Unknown);
        check("iam-toolbox", "GetRequestAuthorizationDetails", "", How::Unknown);
    }

    #[test]
    fn some_need_no_permission() {
        let found = Catalog::embedded().resolve("sso.amazonaws.com", "GetRoleCredentials", None);
        assert!(found.free && found.actions.is_empty() && found.how == How::Unknown);
    }

    #[test]
    fn every_overlay_action_exists() {
        let catalog = Catalog::embedded();
        for key in catalog.data.operations.keys() {
            let line = catalog.data.operations.get(key).unwrap();
            for item in line.split(',').filter(|item| !item.starts_with(['-', '='])) {
                let action = item.split(['?', '!']).next().unwrap();
                assert_eq!(catalog.action(action).map(|a| a.canonical()).as_deref(), Some(action));
            }
        }
    }
}
