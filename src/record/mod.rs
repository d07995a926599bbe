//! Bytes → [`Record`]: one CloudTrail event, read tolerantly. Knows JSON, not IAM.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.

use jiff::Timestamp;
use serde_json::Value;

/// One CloudTrail event; a field is `None` when the event lacks it, holds null, or holds another type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// `eventID`: the key for counting once.
    pub event_id: Option<String>,
    /// `sharedEventID`: the same act, delivered to two accounts.
    pub shared_event_id: Option<String>,
    /// `eventTime`, UTC, whole seconds.
    pub event_time: Option<Timestamp>,
    /// Such as `kms.amazonaws.com`.
    pub event_source: Option<String>,
    /// The API operation, sometimes with an API date behind it.
    pub event_name: Option<String>,
    /// `AwsApiCall`, `AwsVpceEvent`, ….
    pub event_type: Option<String>,
    /// `awsRegion`.
    pub region: Option<String>,
    /// `recipientAccountId`: the account whose trail this is.
    pub recipient_account: Option<String>,
    /// Absent on success.
    pub error_code: Option<String>,
    /// Cut at 1 KB by CloudTrail.
    pub error_message: Option<String>,
    /// `userIdentity` as it stands (an object), else null. Read it through [`crate::principal`].
    pub user_identity: Value,
    /// An address, a service's DNS name, or `AWS Internal`.
    pub source_ip: Option<String>,
    /// Chosen by the caller: untrusted.
    pub user_agent: Option<String>,
    /// `requestParameters`, often null on denials. Chosen by the caller: untrusted.
    pub request_parameters: Value,
    /// `additionalEventData`.
    pub additional_event_data: Value,
    /// `resources[].ARN`.
    pub resource_arns: Vec<String>,
    /// Whether the call only reads; wider than List/Get/Describe.
    pub read_only: Option<bool>,
    /// `Management`, `Data`, `NetworkActivity`, ….
    pub event_category: Option<String>,
    /// Set when the call came through a VPC endpoint.
    pub vpc_endpoint_id: Option<String>,
}

/// An input, or a part of one, that could not be read; the rest went through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Which input: a file, and the record in it where that is known.
    pub input: String,
    /// What is wrong and what helps.
    pub error: String,
}
