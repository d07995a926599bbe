//! Calls of the Query and REST protocols on the signed client: XML and JSON answers as one sort of value.

use super::signed::{CallError, Service, Signed, Unsigned, Wire, read_answer, refusal};
use super::xml;
use crate::io::http::Answer;
use serde_json::Value;
use std::fmt::Write as _;

/// AWS Identity and Access Management.
pub const IAM: Service = Service::query("iam", "IAM", "2010-05-08");
pub use super::signed::STS;
/// Amazon EC2.
pub const EC2: Service = Service::query("ec2", "EC2", "2016-11-15");
/// Amazon SNS.
pub const SNS: Service = Service::query("sns", "SNS", "2010-03-31");
/// AWS Organizations.
pub const ORGANIZATIONS: Service = Service::json("organizations", "Organizations", "AWSOrganizationsV20161128");
/// AWS KMS.
pub const KMS: Service = Service::json("kms", "KMS", "TrentService");

impl Signed {
    /// Calls `operation` of a Query service; the value is what stands inside `…Result`, for EC2 inside `…Response`.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn query(
        &self,
        service: Service,
        operation: &str,
        region: Option<&str>,
        input: &[(&str, &str)],
    ) -> Result<Value, CallError> {
        let Wire::Query(version) = service.wire else {
            return Err(CallError::Request(format!("`{}` does not speak Query", service.name)));
        };
        let mut body = format!("Action={operation}&Version={version}");
        for (key, value) in input {
            // Writing to a String cannot fail.
            let _ = write!(body, "&{key}={}", encode(value));
        }
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = vec![("content-type".to_owned(), form.to_owned())];
        let request = Unsigned { service, operation, region, method: "POST", target: String::new(), headers, body };
        self.send(&request, read_xml).await
    }

    /// Calls a REST service by `GET`; `target` is path and query without the first `/`, encoded (see [`encode`]). The value
    /// is a JSON answer, whatever says so.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn get(
        &self,
        service: Service,
        operation: &str,
        region: Option<&str>,
        target: &str,
    ) -> Result<Value, CallError> {
        let (target, headers, body) = (target.to_owned(), Vec::new(), String::new());
        let request = Unsigned { service, operation, region, method: "GET", target, headers, body };
        self.send(&request, read_rest).await
    }
}

impl Signed {
    /// Calls a REST service by `POST` of JSON on this path, which stands without its first `/`.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn post(
        &self,
        service: Service,
        operation: &str,
        region: Option<&str>,
        path: &str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let (target, body) = (path.to_owned(), input.to_string());
        let request = Unsigned { service, operation, region, method: "POST", target, headers, body };
        self.send(&request, read_rest).await
    }
}

/// Percent-encodes all but the characters that RFC 3986 leaves alone.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

fn read_xml(operation: &str, answer: &Answer) -> Result<Value, CallError> {
    let read = xml::read(&answer.body);
    if answer.status != 200 {
        return Err(xml_refusal(operation, answer, read.ok().map(|(_, value)| value).unwrap_or_default()));
    }
    let (_, mut value) =
        read.map_err(|fault| refusal(operation, 200, Some("unreadable".into()), &fault.to_string()))?;
    let result = format!("{operation}Result");
    Ok(value.get_mut(&result).map(Value::take).unwrap_or(value))
}

/// `<ErrorResponse><Error>`, EC2's `<Response><Errors><Error>`, S3's bare `<Error>`.
pub(super) fn xml_refusal(operation: &str, answer: &Answer, body: Value) -> CallError {
    let text = |key: &str| {
        let places = [format!("/Error/{key}"), format!("/Errors/Error/{key}"), format!("/{key}")];
        places.iter().find_map(|place| body.pointer(place)?.as_str()).map(str::to_owned)
    };
    let word = match (&answer.bucket_region, answer.status) {
        // S3 names the bucket's Region: the caller asks there.
        (Some(region), 301 | 400) => Some(format!("{ELSEWHERE}{region}")),
        _ => text("Code"),
    };
    refusal(operation, answer.status, word, &text("Message").unwrap_or_default())
}

/// Before the Region, where S3 says that a bucket is in another one.
pub const ELSEWHERE: &str = "in Region ";

fn read_rest(operation: &str, answer: &Answer) -> Result<Value, CallError> {
    match answer.body.trim_start().starts_with('<') {
        true => {
            Err(xml_refusal(operation, answer, xml::read(&answer.body).map(|(_, value)| value).unwrap_or_default()))
        }
        false => read_answer(operation, answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::aws::Aws;
    use crate::io::doubles::{Reply, Server};
    use serde_json::json;

    fn aws(server: &Server) -> Aws {
        Aws::from_config(crate::io::aws::tests::config(&server.url()))
    }

    #[tokio::test]
    async fn a_form_goes_out_and_xml_comes_back() {
        let server = Server::start(|_, _| {
            Reply::new(
                200,
                "<GetRoleResponse><GetRoleResult><Role><RoleName>a</RoleName></Role></GetRoleResult></GetRoleResponse>",
            )
        });
        let role = aws(&server).signed().query(IAM, "GetRole", None, &[("RoleName", "a;b&Action=x")]).await.unwrap();
        assert_eq!(role, json!({"Role": {"RoleName": "a"}}));
        let seen = server.seen();
        assert_eq!(seen[0].body, "Action=GetRole&Version=2010-05-08&RoleName=a%3Bb%26Action%3Dx");
        assert!(seen[0].header("authorization").contains("/us-east-1/iam/aws4_request"));
    }

    #[track_caller]
    fn code(error: CallError, expect: &str, retryable: bool) {
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(matches!(&error, CallError::Service { code, .. } if code == expect), "{error}");
    }

    #[test]
    fn errors_of_all_protocols_are_read() {
        let answer = |status, body: &str| Answer {
            status,
            retry_after: None,
            error_type: None,
            bucket_region: None,
            body: body.to_owned(),
        };
        let iam =
            answer(404, "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>m</Message></Error></ErrorResponse>");
        code(read_xml("GetRole", &iam).unwrap_err(), "NoSuchEntity", false);
        let busy = answer(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>");
        code(read_xml("GetRole", &busy).unwrap_err(), "Throttling", true);
        let ec2 =
            answer(403, "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>");
        code(read_xml("DescribeVpcEndpoints", &ec2).unwrap_err(), "UnauthorizedOperation", false);
        code(read_xml("GetRole", &answer(200, "{}")).unwrap_err(), "unreadable", false);
        code(read_xml("GetRole", &answer(502, "<html>")).unwrap_err(), "HTTP 502", true);
        let s3 = answer(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>");
        code(read_rest("GetBucketPolicy", &s3).unwrap_err(), "NoSuchBucketPolicy", false);
        let moved = Answer {
            bucket_region: Some("eu-west-1".into()),
            ..answer(301, "<Error><Code>PermanentRedirect</Code></Error>")
        };
        code(read_rest("GetBucketPolicy", &moved).unwrap_err(), "in Region eu-west-1", false);
        let named = Answer { error_type: Some("ResourceNotFoundException:http://x/".into()), ..answer(404, "{}") };
        code(read_rest("GetPolicy", &named).unwrap_err(), "ResourceNotFoundException", false);
    }

    #[tokio::test]
    async fn a_bucket_is_asked_by_its_path() {
        let server = Server::start(|_, _| Reply::new(200, r#"{"Statement":[]}"#));
        let s3 = Service::rest("s3", "S3");
        let policy = aws(&server).signed().get(s3, "GetBucketPolicy", Some("eu-west-1"), "my.bucket?policy").await;
        assert_eq!(policy.unwrap(), json!({"Statement": []}));
        let seen = server.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", "/my.bucket?policy"));
        assert!(seen[0].header("authorization").contains("/eu-west-1/s3/aws4_request"));
        assert!(!seen[0].header("x-amz-content-sha256").is_empty());
    }
}
