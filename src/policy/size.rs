//! How much policy fits where: AWS's default quotas.
//!
//! IAM and STS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>. The other sources stand at
//! [`Quota::source`]. IAM does not count white space.

use super::document::Document;

/// What a policy is attached to, as far as quotas differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// All inline policies of a user together.
    UserInline,
    /// All inline policies of a role together.
    RoleInline,
    /// All inline policies of a group together.
    GroupInline,
    /// One customer managed policy; a permissions boundary is one too.
    Managed,
    /// A role's trust policy.
    Trust,
    /// The inline session policy of `AssumeRole` and its kin.
    Session,
    /// The inline policy of an IAM Identity Center permission set.
    PermissionSetInline,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
    /// An S3 bucket policy.
    Bucket,
    /// A KMS key policy.
    Key,
    /// An SQS queue policy.
    Queue,
    /// An SNS topic policy.
    Topic,
    /// A Lambda function's policy.
    Function,
    /// A Secrets Manager secret's policy.
    Secret,
    /// An ECR repository policy.
    Repository,
    /// A VPC endpoint policy.
    VpcEndpoint,
}

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many characters fit.
    pub characters: usize,
    /// Whether white space outside of strings counts.
    pub counts_white_space: bool,
    /// The AWS page.
    pub source: &'static str,
}

const IAM: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
const ORGANIZATIONS: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html";
const ENDPOINTS: &str = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html";
const IDENTITY_CENTER: &str = "https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html";
const BUCKETS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html";
const KEYS: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html";
const QUEUES: &str = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html";
const TOPICS: &str = "https://docs.aws.amazon.com/general/latest/gr/sns.html";
const FUNCTIONS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
const SECRETS: &str = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html";
const REPOSITORIES: &str = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html";

impl Holder {
    /// The default quota; an account may have been given more.
    pub fn quota(self) -> Quota {
        let (characters, counts_white_space, source) = match self {
            Self::UserInline => (2_048, false, IAM),
            Self::RoleInline => (10_240, false, IAM),
            Self::GroupInline => (5_120, false, IAM),
            Self::Managed => (6_144, false, IAM),
            Self::Trust => (2_048, false, IAM),
            Self::Session => (2_048, true, IAM),
            Self::PermissionSetInline => (10_240, false, IDENTITY_CENTER),
            Self::Scp | Self::Rcp => (5_120, true, ORGANIZATIONS),
            Self::Bucket => (20_480, true, BUCKETS),
            Self::Key => (32_768, true, KEYS),
            Self::Queue => (20_480, true, QUEUES),
            Self::Topic => (30_720, true, TOPICS),
            Self::Function => (20_480, true, FUNCTIONS),
            Self::Secret => (20_480, true, SECRETS),
            Self::Repository => (10_240, true, REPOSITORIES),
            Self::VpcEndpoint => (20_480, true, ENDPOINTS),
        };
        Quota { characters, counts_white_space, source }
    }
}

/// A document's size in characters, written without white space between its parts.
pub fn size(document: &Document) -> usize {
    serde_json::to_string(document).map_or(usize::MAX, |text| characters(&text, false))
}

/// Whether documents that share one quota fit, written without white space.
///
/// ```
/// use denywatch::policy::{Document, Statement, size::{Holder, fits}};
/// let small = Document::new(vec![Statement::allow(["s3:GetObject"], ["arn:aws:s3:::b/*"])]);
/// assert!(fits(Holder::UserInline, [&small]));
/// ```
pub fn fits<'a>(holder: Holder, documents: impl IntoIterator<Item = &'a Document>) -> bool {
    let total = documents.into_iter().fold(0, |sum: usize, document| sum.saturating_add(size(document)));
    total <= holder.quota().characters
}

/// The characters of a text; white space inside strings is counted even where a quota leaves other white space out,
/// so that the answer is never too small.
pub fn characters(text: &str, counts_white_space: bool) -> usize {
    let (mut quoted, mut escaped, mut count) = (false, false, 0);
    for letter in text.chars() {
        if quoted || counts_white_space || !letter.is_whitespace() {
            count += 1;
        }
        (quoted, escaped) = match (quoted, escaped, letter) {
            (true, true, _) => (true, false),
            (true, false, '\\') => (true, true),
            (_, _, '"') => (!quoted, false),
            (inside, _, _) => (inside, false),
        };
    }
    count
}
