//! How much policy fits where: AWS's default quotas.
//!
//! IAM and STS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>. The other sources stand at
//! [`Quota::source`]. IAM does not count white space; where AWS does not say what it counts, bytes are taken.

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
    /// How much fits.
    pub limit: usize,
    /// What is counted.
    pub unit: Unit,
    /// The AWS page.
    pub source: &'static str,
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Characters, white space outside of strings left out.
    VisibleCharacters,
    /// All characters.
    Characters,
    /// All bytes, as UTF-8.
    Bytes,
}

const IAM: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
const ORGANIZATIONS: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html";
const ENDPOINTS: &str = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html";
const IDENTITY_CENTER: &str = "https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html";
const BUCKETS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html";
const KEYS: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html";
const QUEUES: &str = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html";
const TOPICS: &str = "https://docs.aws.amazon.com/general/latest/gr/sns.html";
const FUNCTIONS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
const SECRETS: &str = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html";
const REPOSITORIES: &str = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html";

impl Holder {
    /// The default quota; an account may have been given more.
    pub fn quota(self) -> Quota {
        let (limit, unit, source) = match self {
            Self::UserInline => (2_048, Unit::VisibleCharacters, IAM),
            Self::RoleInline => (10_240, Unit::VisibleCharacters, IAM),
            Self::GroupInline => (5_120, Unit::VisibleCharacters, IAM),
            Self::Managed => (6_144, Unit::VisibleCharacters, IAM),
            Self::Trust => (2_048, Unit::VisibleCharacters, IAM),
            Self::Session => (2_048, Unit::Characters, IAM),
            Self::PermissionSetInline => (10_240, Unit::VisibleCharacters, IDENTITY_CENTER),
            Self::Scp | Self::Rcp => (5_120, Unit::Characters, ORGANIZATIONS),
            Self::Bucket => (20_480, Unit::Bytes, BUCKETS),
            Self::Key => (32_768, Unit::Bytes, KEYS),
            Self::Queue => (8_192, Unit::Bytes, QUEUES),
            Self::Topic => (30_720, Unit::Bytes, TOPICS),
            Self::Function => (20_480, Unit::Bytes, FUNCTIONS),
            Self::Secret => (20_480, Unit::Characters, SECRETS),
            Self::Repository => (10_240, Unit::Characters, REPOSITORIES),
            Self::VpcEndpoint => (20_480, Unit::Characters, ENDPOINTS),
        };
        Quota { limit, unit, source }
    }
}

/// Whether documents that share one quota fit, written without white space between their parts.
///
/// ```
/// use denywatch::policy::{Document, Statement, size::{Holder, fits}};
/// let small = Document::new(vec![Statement::allow(["s3:GetObject"], ["arn:aws:s3:::b/*"])]);
/// assert!(fits(Holder::UserInline, [&small]));
/// ```
pub fn fits<'a>(holder: Holder, documents: impl IntoIterator<Item = &'a Document>) -> bool {
    let Quota { limit, unit, .. } = holder.quota();
    documents.into_iter().fold(0, |sum: usize, document| sum.saturating_add(size(document, unit))) <= limit
}

/// A document's size, written without white space between its parts.
pub fn size(document: &Document, unit: Unit) -> usize {
    serde_json::to_string(document).map_or(usize::MAX, |text| measure(&text, unit))
}

/// The size of a policy's text as it stands. White space inside strings always counts, so that the answer is never
/// too small.
pub fn measure(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Bytes => text.len(),
        Unit::Characters => text.chars().count(),
        Unit::VisibleCharacters => visible(text),
    }
}

fn visible(text: &str) -> usize {
    let (mut quoted, mut escaped, mut count) = (false, false, 0);
    for letter in text.chars() {
        count += usize::from(quoted || !letter.is_whitespace());
        (quoted, escaped) = match (quoted, escaped, letter) {
            (true, true, _) => (true, false),
            (true, false, '\\') => (true, true),
            (_, _, '"') => (!quoted, false),
            (inside, _, _) => (inside, false),
        };
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::document::Statement;
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: (usize, usize, usize)) {
        let all = [Unit::VisibleCharacters, Unit::Characters, Unit::Bytes].map(|unit| measure(text, unit));
        assert_eq!(all, [expect.0, expect.1, expect.2], "{text}");
    }

    #[test]
    fn units() {
        check("", (0, 0, 0));
        check("{ \"a b\" :\n\t1 }", (9, 14, 14));
        check(r#"{"a \" b": "\\", "c": 1}"#, (21, 24, 24));
        check("\"é\"", (3, 3, 4));
    }

    #[test]
    fn a_policy_fits_until_its_quota_is_full() {
        let sized = |sid: usize| Document::new(vec![Statement::allow(["a:b"], ["*"]).with_sid("x".repeat(sid))]);
        let free = Holder::Managed.quota().limit - size(&sized(0), Unit::VisibleCharacters);
        assert!(fits(Holder::Managed, [&sized(free)]) && !fits(Holder::Managed, [&sized(free + 1)]));
        assert!(!fits(Holder::Managed, [&sized(free), &sized(0)]));
        assert!(fits(Holder::UserInline, []));
    }

    #[test]
    fn every_quota_names_its_page() {
        for holder in [Holder::Trust, Holder::Session, Holder::Scp, Holder::Key, Holder::Queue, Holder::Repository] {
            assert!(holder.quota().source.starts_with("https://docs.aws.amazon.com/"), "{holder:?}");
        }
        assert_eq!((Holder::Queue.quota().limit, Holder::Queue.quota().unit), (8_192, Unit::Bytes));
    }
}
