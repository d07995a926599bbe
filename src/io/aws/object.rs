//! One object of S3, as text: `s3:GetObject`.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.

use super::ask::{ELSEWHERE, encode, xml_refusal};
use super::signed::{CallError, Service, Signed, Unsigned};
use super::xml;
use crate::io::http::Answer;

/// Amazon S3.
pub(super) const S3: Service = Service::rest("s3", "S3");

/// `s3://BUCKET/KEY`.
///
/// ```
/// use denywatch::io::aws::object::place;
/// assert_eq!(place("s3://acme/denywatch/config.toml"), Some(("acme", "denywatch/config.toml")));
/// assert_eq!(place("s3://acme"), None);
/// ```
pub fn place(uri: &str) -> Option<(&str, &str)> {
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    (bucket.len() >= 3 && bucket.chars().all(known) && !key.is_empty()).then_some((bucket, key))
}

/// The path of an object without its first `/`, encoded.
///
/// # Errors
/// The key has a part that stands for another place: proxies and servers may follow it, and then another object, or a
/// bucket, would be read. S3 itself takes `a//b` and `a/b` for two objects, and nobody between us and it makes one of them.
pub(super) fn path(bucket: &str, key: &str) -> Result<String, CallError> {
    if let Some(part) = key.split('/').find(|part| matches!(*part, "." | "..")) {
        return Err(CallError::Request(format!(
            "its key has the part `{part}`, so that it may be taken for another object on its way: copy it to a key without \
             such parts"
        )));
    }
    let parts: Vec<String> = key.split('/').map(encode).collect();
    Ok(format!("{bucket}/{}", parts.join("/")))
}

impl Signed {
    /// The text of an object. Where S3 says that the bucket is in another Region, it is asked for there.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn object(&self, bucket: &str, key: &str) -> Result<String, CallError> {
        match self.object_in(None, bucket, key).await {
            Err(CallError::Service { code, .. }) if code.starts_with(ELSEWHERE) => {
                self.object_in(Some(&code[ELSEWHERE.len()..]), bucket, key).await
            }
            done => done,
        }
    }

    async fn object_in(&self, region: Option<&str>, bucket: &str, key: &str) -> Result<String, CallError> {
        let target = path(bucket, key)?;
        let (operation, headers, body) = ("GetObject", Vec::new(), String::new());
        let request = Unsigned { service: S3, operation, region, method: "GET", target, headers, body };
        self.send(&request, read).await
    }
}

fn read(operation: &str, answer: &Answer) -> Result<String, CallError> {
    match answer.status {
        200 => Ok(answer.body.clone()),
        _ => {
            let body = xml::read(&answer.body).map(|(_, value)| value).unwrap_or_default();
            Err(xml_refusal(operation, answer, body))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::aws::Aws;
    use crate::io::doubles::{Reply, Server};

    fn aws(server: &Server) -> Aws {
        Aws::from_config(crate::io::aws::tests::config(&server.url()))
    }

    #[tokio::test]
    async fn an_object_comes_as_text_by_a_signed_get() {
        let server = Server::start(|_, _| Reply::new(200, "version = 1"));
        let text = aws(&server).signed().object("acme", "a b/c.toml").await.unwrap();
        assert_eq!(text, "version = 1");
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/acme/a%20b/c.toml"));
        assert!(seen.header("authorization").contains("/us-east-1/s3/aws4_request"));
        assert_eq!(seen.header("x-amz-content-sha256").len(), 64);
    }

    #[tokio::test]
    async fn a_bucket_elsewhere_is_asked_there() {
        let server = Server::start(|_, before| match before {
            0 => Reply::new(301, "<Error><Code>PermanentRedirect</Code></Error>")
                .with("x-amz-bucket-region", "eu-west-1"),
            _ => Reply::new(200, "version = 1"),
        });
        aws(&server).signed().object("acme", "c.toml").await.unwrap();
        assert!(server.seen()[1].header("authorization").contains("/eu-west-1/s3/aws4_request"));
    }

    #[tokio::test]
    async fn a_refusal_says_why() {
        let server =
            Server::start(|_, _| Reply::new(404, "<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>"));
        let error = aws(&server).signed().object("acme", "c.toml").await.unwrap_err();
        assert_eq!(error.to_string(), "`GetObject`: NoSuchKey: not here");
    }

    #[test]
    fn places() {
        for bad in ["s3://", "s3://a", "s3://acme/", "s3:///key", "s3://Acme/key", "s3://a/key", "acme/key"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
