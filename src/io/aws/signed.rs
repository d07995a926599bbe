//! One signed JSON call at a time, for services whose whole SDK crate would cost minutes of build.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

use crate::io::http::{self, Answer, HttpError};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A service that speaks AWS's JSON protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// In the signature's scope and the host name.
    pub name: &'static str,
    /// In `AWS_ENDPOINT_URL_<ID>` and in a profile's `services` section.
    pub id: &'static str,
    /// Before the operation in `x-amz-target`.
    pub target_prefix: &'static str,
    /// Version of the JSON protocol.
    pub json: &'static str,
}

/// AWS Secrets Manager.
pub const SECRETS_MANAGER: Service =
    Service { name: "secretsmanager", id: "Secrets Manager", target_prefix: "secretsmanager", json: "1.1" };
/// AWS Systems Manager.
pub const SSM: Service = Service { name: "ssm", id: "SSM", target_prefix: "AmazonSSM", json: "1.1" };
/// Amazon DynamoDB.
pub const DYNAMODB: Service =
    Service { name: "dynamodb", id: "DynamoDB", target_prefix: "DynamoDB_20120810", json: "1.0" };

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No Region in environment, profile or arguments.
    #[error("no AWS Region is set: use `--region` or `AWS_REGION`")]
    NoRegion,
    /// No credentials, or they could not be fetched.
    #[error("no AWS credentials: {why}")]
    NoCredentials {
        /// The provider's words.
        why: String,
        /// The provider was busy or did not answer.
        retryable: bool,
    },
    /// The request could not be built, or the guard refused it.
    #[error("{0}")]
    Request(String),
    /// No answer, after all tries.
    #[error(transparent)]
    NoAnswer(HttpError),
    /// AWS refused.
    #[error("`{operation}`: {code}: {message}")]
    Service {
        /// The operation.
        operation: String,
        /// AWS's word for the error; the HTTP status when there is none.
        code: String,
        /// AWS's sentence; it may be empty.
        message: String,
        /// AWS was busy or broken.
        retryable: bool,
    },
}

impl CallError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoRegion | Self::Request(_) => false,
            Self::NoAnswer(_) => true,
            Self::NoCredentials { retryable, .. } | Self::Service { retryable, .. } => *retryable,
        }
    }
}

/// Makes signed JSON calls.
#[derive(Debug, Clone)]
pub struct Signed {
    config: SdkConfig,
    connector: SharedHttpConnector,
}

impl Signed {
    /// Waits between the tries of one call.
    const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

    pub(super) fn new(config: SdkConfig, connector: SharedHttpConnector) -> Self {
        Self { config, connector }
    }

    /// Calls `operation` with `input`; `region` `None` means the configured one. Tries three times when AWS is busy.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn call(
        &self,
        service: Service,
        operation: &str,
        region: Option<&str>,
        input: &Value,
    ) -> Result<Value, CallError> {
        for wait in Self::WAITS {
            match self.call_once(service, operation, region, input).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(wait).await,
                done => return done,
            }
        }
        self.call_once(service, operation, region, input).await
    }

    /// Calls once; the caller tries again as it likes.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn call_once(
        &self,
        service: Service,
        operation: &str,
        region: Option<&str>,
        input: &Value,
    ) -> Result<Value, CallError> {
        let configured = self.config.region().map(AsRef::as_ref);
        let region: &str = region.or(configured).ok_or(CallError::NoRegion)?;
        let url = self.endpoint(service, region);
        let target = format!("{}.{operation}", service.target_prefix);
        let mut headers = vec![
            ("content-type".to_owned(), format!("application/x-amz-json-{}", service.json)),
            ("x-amz-target".to_owned(), target),
        ];
        let body = input.to_string();
        let signature = signature(&self.credentials().await?, service, region, &url, &headers, &body)?;
        headers.extend(signature);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http::post(&self.connector, &url, &headers, body).await.map_err(|error| match error {
            HttpError::Request(why) => CallError::Request(why),
            other => CallError::NoAnswer(other),
        })?;
        read_answer(operation, &answer)
    }

    async fn credentials(&self) -> Result<Credentials, CallError> {
        let missing = || CallError::NoCredentials { why: "none is configured".into(), retryable: false };
        let provider = self.config.credentials_provider().ok_or_else(missing)?;
        provider.provide_credentials().await.map_err(|error| CallError::NoCredentials {
            why: error.to_string(),
            retryable: matches!(error, CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)),
        })
    }

    /// `AWS_ENDPOINT_URL_<ID>`, else `AWS_ENDPOINT_URL`, else AWS's own address.
    fn endpoint(&self, service: Service, region: &str) -> String {
        let key = ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| self.config.service_config()?.load_config(key));
        let set = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        let url = set.unwrap_or_else(|| {
            let fips = if self.config.use_fips() == Some(true) { "-fips" } else { "" };
            format!("https://{}{fips}.{region}.{}", service.name, dns_suffix(region))
        });
        format!("{}/", url.trim_end_matches('/'))
    }
}

/// The partition's domain: <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>.
fn dns_suffix(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        Some("us") if region.starts_with("us-iso-") => "c2s.ic.gov",
        Some("us") if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    }
}

/// The headers that sign the request.
fn signature(
    credentials: &Credentials,
    service: Service,
    region: &str,
    url: &str,
    headers: &[(String, String)],
    body: &str,
) -> Result<Vec<(String, String)>, CallError> {
    let broken = |_| CallError::Request("the request cannot be signed".into());
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder().identity(&identity).region(region).name(service.name);
    let parameters = parameters.time(now()).settings(SigningSettings::default()).build();
    let parameters = parameters.map_err(|_| CallError::Request("the request cannot be signed".into()))?.into();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).map_err(broken)?;
    let (instructions, _) = sign(request, &parameters).map_err(broken)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the time of the call")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// Errors carry `__type` (sometimes `namespace#Code`) and `message`.
fn read_answer(operation: &str, answer: &Answer) -> Result<Value, CallError> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    if answer.status == 200 && body.is_object() {
        return Ok(body);
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let code = text("__type").and_then(|word| word.rsplit('#').next()).map(str::to_owned);
    let code = code.unwrap_or_else(|| format!("HTTP {}", answer.status));
    let busy = [
        "Throttl",
        "ThroughputExceeded",
        "TooManyRequests",
        "RequestLimitExceeded",
        "InternalServ",
        "ServiceUnavailable",
    ];
    let retryable = answer.status >= 500 || answer.status == 429 || busy.iter().any(|word| code.contains(word));
    let message = text("message").or_else(|| text("Message")).unwrap_or_default().to_owned();
    Err(CallError::Service { operation: operation.to_owned(), code, message, retryable })
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
