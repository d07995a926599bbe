//! Condition keys that a record shows of the caller's session and of the request's parameters.
//!
//! A key with an empty list is one that the request certainly did not have. See
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::record::Record;
use serde_json::Value;
use std::collections::BTreeMap;

/// The keys, by name.
pub(super) fn keys(record: &Record) -> BTreeMap<String, Vec<String>> {
    let mut keys = of_identity(&record.user_identity);
    keys.extend(of_request(record));
    // S3 names the cipher of the connection only where there was one.
    if record.additional_event_data.get("CipherSuite").is_some_and(Value::is_string) {
        keys.insert("aws:SecureTransport".to_owned(), vec!["true".to_owned()]);
    }
    keys
}

fn of_identity(identity: &Value) -> BTreeMap<String, Vec<String>> {
    let session = identity.get("sessionContext");
    let attributes = session.and_then(|session| session.get("attributes"));
    let text = |from: Option<&Value>, name: &str| from?.get(name)?.as_str().map(str::to_owned);
    let of_iam = matches!(identity.get("type").and_then(Value::as_str), Some("IAMUser" | "AssumedRole"));
    let id = text(Some(identity), "principalId").filter(|_| of_iam);
    let shown = [
        ("aws:userid", id),
        ("aws:SourceIdentity", text(session, "sourceIdentity")),
        ("aws:TokenIssueTime", text(attributes, "creationDate")),
    ];
    let mut keys: BTreeMap<_, _> =
        shown.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?]))).collect();
    let mfa = mfa(text(Some(identity), "accessKeyId").as_deref(), text(attributes, "mfaAuthenticated"));
    keys.extend(mfa.map(|values| ("aws:MultiFactorAuthPresent".to_owned(), values)));
    keys
}

/// Long-term keys never bear it, temporary ones do.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent>.
fn mfa(key_id: Option<&str>, authenticated: Option<String>) -> Option<Vec<String>> {
    match key_id?.get(..4)? {
        "AKIA" => Some(Vec::new()),
        "ASIA" => authenticated.map(|value| vec![value]),
        _ => None,
    }
}

/// What a listing of a bucket asks for.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>.
fn of_request(record: &Record) -> BTreeMap<String, Vec<String>> {
    let is_list = record.event_name.as_deref().is_some_and(|name| name.starts_with("ListObject"));
    if record.event_source.as_deref() != Some("s3.amazonaws.com") || !is_list {
        return BTreeMap::new();
    }
    let shown = |name: &&str| record.request_parameters.get(*name)?.as_str().map(str::to_owned);
    let named = ["prefix", "delimiter", "max-keys"].into_iter();
    named.filter_map(|name| Some((format!("s3:{name}"), vec![shown(&name)?]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &Value, expect: &[(&str, &[&str])]) {
        let mut whole = serde_json::json!({"eventVersion": "1.11", "eventSource": "s3.amazonaws.com"});
        whole.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        let found = keys(&Record::from_value(&whole).unwrap());
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|(key, values)| (key.as_str(), values.iter().map(String::as_str).collect())).collect();
        let expect: Vec<(&str, Vec<&str>)> = expect.iter().map(|(key, values)| (*key, values.to_vec())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn the_session_tells_its_age_and_mfa() {
        let session = serde_json::json!({"userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:run", "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"attributes": {"creationDate": "2026-11-11T15:27:09Z", "mfaAuthenticated": "false"}}
        }});
        check(
            &session,
            &[
                ("aws:MultiFactorAuthPresent", &["false"]),
                ("aws:TokenIssueTime", &["2026-11-11T15:27:09Z"]),
                ("aws:userid", &["AROAEXAMPLE:run"]),
            ],
        );
        let user = serde_json::json!({"userIdentity": {"type": "IAMUser", "accessKeyId": "AKIAEXAMPLE"}});
        check(&user, &[("aws:MultiFactorAuthPresent", &[])]);
        check(&serde_json::json!({"userIdentity": {"type": "AWSService", "principalId": "x"}}), &[]);
    }

    #[test]
    fn a_listing_tells_its_prefix() {
        let list =
            serde_json::json!({"eventName": "ListObjectsV2", "requestParameters": {"prefix": "in/", "key": "k"}});
        check(&list, &[("s3:prefix", &["in/"])]);
        check(&serde_json::json!({"eventName": "GetObject", "requestParameters": {"prefix": "in/"}}), &[]);
        let tls = serde_json::json!({"eventName": "GetObject", "additionalEventData": {"CipherSuite": "TLS_AES"}});
        check(&tls, &[("aws:SecureTransport", &["true"])]);
    }
}
