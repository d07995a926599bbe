//! Objects that the function puts into the bucket of its reports: `s3:PutObject`; and presigned links to them.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>.

use super::ask::{ELSEWHERE, encode, xml_refusal};
use super::object::S3;
use super::signed::{CallError, Signed, Unsigned, now, settings};
use super::xml;
use crate::io::http::Cost;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, sign};
use aws_sigv4::sign::v4;
use std::time::{Duration, SystemTime};

/// The time for one object.
const PUT: Cost = Cost { time: Duration::from_secs(30), bytes: 1 << 20 };
/// Waits between the tries.
const WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(1_200)];

/// An object to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<'o> {
    /// The bucket.
    pub bucket: &'o str,
    /// The key.
    pub key: &'o str,
    /// `Content-Type`.
    pub content_type: &'o str,
    /// UTF-8.
    pub text: String,
}

impl Signed {
    /// Puts an object, in the place of one with the same key. Where S3 says that the bucket is in another Region, it is put
    /// there, and that Region is given back.
    ///
    /// # Errors
    /// [`CallError`], after three tries where AWS is busy.
    pub async fn put(&self, object: &Object<'_>) -> Result<Option<String>, CallError> {
        let mut region: Option<String> = None;
        let mut last = Err(CallError::Request("not sent".into()));
        for wait in WAITS {
            tokio::time::sleep(wait).await;
            last = self.put_in(region.as_deref(), object).await;
            match &last {
                Err(CallError::Service { code, .. }) if code.starts_with(ELSEWHERE) && region.is_none() => {
                    region = Some(code[ELSEWHERE.len()..].to_owned());
                }
                Err(error) if error.is_retryable() => {}
                _ => return last.map(|()| region),
            }
        }
        last.map(|()| region)
    }

    async fn put_in(&self, region: Option<&str>, object: &Object<'_>) -> Result<(), CallError> {
        // A page of last week may be replaced: nobody keeps it unasked.
        let headers = [("content-type", object.content_type), ("cache-control", "no-cache")];
        let request = Unsigned {
            service: S3,
            operation: "PutObject",
            region,
            method: "PUT",
            target: path(object.bucket, object.key),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: object.text.clone(),
        };
        let answer = self.fetch(&request, PUT).await?.text();
        match answer.status {
            200 => Ok(()),
            _ => {
                let body = xml::read(&answer.body).map(|(_, value)| value).unwrap_or_default();
                Err(xml_refusal("PutObject", &answer, body))
            }
        }
    }

    /// A link that lets its bearer read an object for so long, and no longer than the session that signs it lives. Nothing
    /// is sent. Beside it the end of that session, where the credentials tell it.
    ///
    /// # Errors
    /// [`CallError`]: no Region, no credentials.
    pub async fn presigned(
        &self,
        region: Option<&str>,
        (bucket, key): (&str, &str),
        within: Duration,
    ) -> Result<Presigned, CallError> {
        let region = region.or(self.region()).ok_or(CallError::NoRegion)?;
        let credentials = self.credentials().await?;
        let url = format!("{}{}", self.endpoint(S3, region), path(bucket, key));
        let broken = || CallError::Request("the link cannot be signed".into());
        let mut settings = settings(S3);
        settings.signature_location = SignatureLocation::QueryParams;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.expires_in = Some(within);
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder().identity(&identity).region(region).name(S3.name).time(now());
        let parameters = parameters.settings(settings).build().map_err(|_| broken())?.into();
        let signable = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::UnsignedPayload);
        let (instructions, _) = sign(signable.map_err(|_| broken())?, &parameters).map_err(|_| broken())?.into_parts();
        let query: Vec<String> =
            instructions.params().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        Ok(Presigned {
            url: format!("{url}?{}", query.join("&")),
            session_ends: credentials.expiry(),
            of_session: credentials.session_token().is_some(),
        })
    }
}

/// A presigned link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presigned {
    /// With its signature.
    pub url: String,
    /// When the session that signed it ends; `None` where the credentials do not tell.
    pub session_ends: Option<SystemTime>,
    /// The credentials are a session's: the link dies with it.
    pub of_session: bool,
}

fn path(bucket: &str, key: &str) -> String {
    let parts: Vec<String> = key.split('/').map(encode).collect();
    format!("{bucket}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::aws::Aws;
    use crate::io::doubles::{Reply, Server};

    fn aws(server: &Server) -> Aws {
        Aws::from_config(crate::io::aws::tests::config(&server.url()))
    }

    fn object() -> Object<'static> {
        let text = "<p>Action=PutRolePolicy; a & b</p>".to_owned();
        Object { bucket: "acme-reports", key: "weekly/2026-W46.html", content_type: "text/html; charset=utf-8", text }
    }

    #[tokio::test]
    async fn an_object_is_put_whole_and_signed() {
        let server = Server::start(|_, _| Reply::new(200, ""));
        aws(&server).signed().put(&object()).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/acme-reports/weekly/2026-W46.html"));
        assert_eq!(
            (seen.body.as_str(), seen.header("content-type")),
            (object().text.as_str(), "text/html; charset=utf-8")
        );
        assert!(seen.header("authorization").contains("/us-east-1/s3/aws4_request"));
    }

    #[tokio::test]
    async fn busy_is_tried_again_elsewhere_is_gone_to_and_refused_is_told() {
        let server = Server::start(|_, before| match before {
            0 => Reply::new(503, "<Error><Code>SlowDown</Code></Error>"),
            1 => Reply::new(301, "<Error><Code>PermanentRedirect</Code></Error>")
                .with("x-amz-bucket-region", "eu-west-1"),
            2 => Reply::new(200, ""),
            _ => Reply::new(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
        });
        let signed = aws(&server).signed().clone();
        assert_eq!(signed.put(&object()).await.unwrap().as_deref(), Some("eu-west-1"));
        assert!(server.seen()[2].header("authorization").contains("/eu-west-1/s3/"));
        assert_eq!(signed.put(&object()).await.unwrap_err().to_string(), "`PutObject`: AccessDenied: no");
        assert_eq!(server.seen().len(), 4);
    }

    #[tokio::test]
    async fn a_link_is_signed_and_nothing_is_sent() {
        let server = Server::start(|_, _| Reply::new(500, ""));
        let link = aws(&server)
            .signed()
            .presigned(None, ("acme-reports", "a b.html"), Duration::from_secs(600))
            .await
            .unwrap();
        let start = format!("{}/acme-reports/a%20b.html?", server.url());
        assert!(link.url.starts_with(&start), "{}", link.url);
        for part in
            ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Expires=600", "X-Amz-Signature=", "X-Amz-SignedHeaders=host"]
        {
            assert!(link.url.contains(part), "{part} in {}", link.url);
        }
        assert_eq!(server.seen().len(), 0);
    }
}
