//! The IAM policy language, lossless: documents, matching, evaluation, quotas. Knows no service and no event.

/// Placeholder until the policy branch lands.
pub type Document = serde_json::Value;
