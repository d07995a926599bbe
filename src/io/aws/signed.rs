//! One signed call at a time, for services whose whole SDK crate would cost minutes of build.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

use crate::io::http::{self, Answer, Bytes, Cost, HttpError, Sink};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// In the signature's scope.
    pub name: &'static str,
    /// Before the Region in the host's name.
    pub host: &'static str,
    /// In `AWS_ENDPOINT_URL_<ID>` and in a profile's `services` section.
    pub id: &'static str,
    /// How it names an operation.
    pub wire: Wire,
}

/// AWS's protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `x-amz-target: PREFIX.Operation` and a JSON body of this version.
    Json(&'static str, &'static str),
    /// A form with `Action` and this `Version`; the answer is XML.
    Query(&'static str),
    /// Method and path.
    Rest,
}

impl Service {
    /// A service of the JSON protocol, version 1.1, whose host bears its name.
    pub const fn json(name: &'static str, id: &'static str, target_prefix: &'static str) -> Self {
        Self { name, host: name, id, wire: Wire::Json(target_prefix, "1.1") }
    }

    /// A service of the Query protocol.
    pub const fn query(name: &'static str, id: &'static str, version: &'static str) -> Self {
        Self { name, host: name, id, wire: Wire::Query(version) }
    }

    /// A service with paths.
    pub const fn rest(name: &'static str, id: &'static str) -> Self {
        Self { name, host: name, id, wire: Wire::Rest }
    }
}

/// AWS Secrets Manager.
pub const SECRETS_MANAGER: Service = Service::json("secretsmanager", "Secrets Manager", "secretsmanager");
/// AWS Systems Manager.
pub const SSM: Service = Service::json("ssm", "SSM", "AmazonSSM");
/// Amazon DynamoDB.
pub const DYNAMODB: Service =
    Service { wire: Wire::Json("DynamoDB_20120810", "1.0"), ..Service::json("dynamodb", "DynamoDB", "") };

/// AWS CloudTrail.
pub const CLOUDTRAIL: Service = Service::json("cloudtrail", "CloudTrail", "CloudTrail_20131101");
/// AWS Security Token Service.
pub const STS: Service = Service::query("sts", "STS", "2011-06-15");

/// One request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsigned<'u> {
    pub service: Service,
    pub operation: &'u str,
    /// `None` means the configured one.
    pub region: Option<&'u str>,
    pub method: &'static str,
    /// Path without its first `/`, and query, both encoded.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

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

    /// Calls `operation` of a JSON service with `input`; `region` `None` means the configured one. Tries three times when
    /// AWS is busy.
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
        self.send(&json_request(service, operation, region, input)?, read_answer).await
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
        self.send_once(&json_request(service, operation, region, input)?, read_answer).await
    }

    /// Calls an operation of a Query service that takes no input; the answer as AWS wrote it.
    ///
    /// # Errors
    /// [`CallError`], see there.
    pub async fn form(&self, service: Service, operation: &str) -> Result<String, CallError> {
        let Wire::Query(version) = service.wire else {
            return Err(CallError::Request(format!("`{}` does not speak Query", service.name)));
        };
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let body = format!("Action={operation}&Version={version}");
        let target = String::new();
        let request = Unsigned { service, operation, region: None, method: "POST", target, headers, body };
        self.send(&request, |operation, answer| match answer.status {
            200 => Ok(answer.body.clone()),
            status => {
                let part = |name: &str| {
                    let (_, rest) = answer.body.split_once(&format!("<{name}>"))?;
                    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned())
                };
                Err(refusal(operation, status, part("Code"), &part("Message").unwrap_or_default()))
            }
        })
        .await
    }

    /// Sends a request, three times when AWS is busy, and reads the answer.
    pub(super) async fn send<T>(
        &self,
        request: &Unsigned<'_>,
        read: impl Fn(&str, &Answer) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        for wait in Self::WAITS {
            match self.send_once(request, &read).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(wait).await,
                done => return done,
            }
        }
        self.send_once(request, &read).await
    }

    async fn send_once<T>(
        &self,
        request: &Unsigned<'_>,
        read: impl Fn(&str, &Answer) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        read(request.operation, &self.fetch(request, Cost::default()).await?.text())
    }

    /// Sends a request once, whose answer may be any bytes and cost so much.
    pub(super) async fn fetch(&self, request: &Unsigned<'_>, cost: Cost) -> Result<Bytes, CallError> {
        self.fetch_into(request, cost, None).await
    }

    /// The same, which gives the body of an answer of status 200 away piece by piece.
    pub(super) async fn fetch_into(
        &self,
        request: &Unsigned<'_>,
        cost: Cost,
        into: Option<Sink<'_>>,
    ) -> Result<Bytes, CallError> {
        let configured = self.config.region().map(AsRef::as_ref);
        let region: &str = request.region.or(configured).ok_or(CallError::NoRegion)?;
        let url = format!("{}{}", self.endpoint(request.service, region), request.target);
        let mut headers = request.headers.clone();
        headers.extend(signature(&self.credentials().await?, request, region, &url)?);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer =
            http::fetch(&self.connector, request.method, &url, &headers, request.body.clone(), cost, into).await;
        answer.map_err(|error| match error {
            HttpError::Request(why) => CallError::Request(why),
            other => CallError::NoAnswer(other),
        })
    }

    /// The configured Region.
    pub(super) fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    pub(super) async fn credentials(&self) -> Result<Credentials, CallError> {
        let missing = || CallError::NoCredentials { why: "none is configured".into(), retryable: false };
        let provider = self.config.credentials_provider().ok_or_else(missing)?;
        provider.provide_credentials().await.map_err(|error| CallError::NoCredentials {
            why: error.to_string(),
            retryable: matches!(error, CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)),
        })
    }

    /// `AWS_ENDPOINT_URL_<ID>`, else `AWS_ENDPOINT_URL`, else AWS's own address.
    pub(super) fn endpoint(&self, service: Service, region: &str) -> String {
        let key = ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| self.config.service_config()?.load_config(key));
        let set = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        let url = set.unwrap_or_else(|| {
            let fips = if self.config.use_fips() == Some(true) { "-fips" } else { "" };
            match (service.name, region) {
                // IAM is global: https://docs.aws.amazon.com/general/latest/gr/iam-service.html
                ("iam", "us-east-1") if service.host == "iam" => format!("https://iam{fips}.amazonaws.com"),
                ("iam", "us-gov-west-1") if service.host == "iam" => "https://iam.us-gov.amazonaws.com".to_owned(),
                _ => format!("https://{}{fips}.{region}.{}", service.host, dns_suffix(region)),
            }
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

/// A call of a JSON service.
fn json_request<'r>(
    service: Service,
    operation: &'r str,
    region: Option<&'r str>,
    input: &Value,
) -> Result<Unsigned<'r>, CallError> {
    let Wire::Json(prefix, version) = service.wire else {
        return Err(CallError::Request(format!("`{}` does not speak JSON", service.name)));
    };
    let headers = vec![
        ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
        ("x-amz-target".to_owned(), format!("{prefix}.{operation}")),
    ];
    let (target, body) = (String::new(), input.to_string());
    Ok(Unsigned { service, operation, region, method: "POST", target, headers, body })
}

/// The headers that sign the request.
fn signature(
    credentials: &Credentials,
    request: &Unsigned<'_>,
    region: &str,
    url: &str,
) -> Result<Vec<(String, String)>, CallError> {
    let broken = |_| CallError::Request("the request cannot be signed".into());
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder().identity(&identity).region(region).name(request.service.name);
    let parameters = parameters.time(now()).settings(settings(request.service)).build();
    let parameters = parameters.map_err(|_| CallError::Request("the request cannot be signed".into()))?.into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(request.body.as_bytes());
    let signable = SignableRequest::new(request.method, url, headers, body).map_err(broken)?;
    let (instructions, _) = sign(signable, &parameters).map_err(broken)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// S3 takes paths as they are and wants the body's hash as a header.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
pub(super) fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service.name == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the time of the call")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// The answer's object. Errors carry `__type` (sometimes `namespace#Code`) or a header, and `message`.
pub(super) fn read_answer(operation: &str, answer: &Answer) -> Result<Value, CallError> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    if answer.status == 200 && body.is_object() {
        return Ok(body);
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let code = text("__type").or(answer.error_type.as_deref()).or_else(|| text("code"));
    // `com.amazonaws.kms#NotFoundException`, `ResourceNotFoundException:http://internal.amazon.com/…`
    let code = code.map(|word| word.rsplit('#').next().unwrap_or(word).split(':').next().unwrap_or(word).to_owned());
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    Err(refusal(operation, answer.status, code, message))
}

/// An answer with an error; without AWS's word for it the HTTP status stands there.
pub(super) fn refusal(operation: &str, status: u16, code: Option<String>, message: &str) -> CallError {
    let code = code.unwrap_or_else(|| format!("HTTP {status}"));
    let busy = [
        "Throttl",
        "ThroughputExceeded",
        "TooManyRequests",
        "RequestLimitExceeded",
        "InternalServ",
        "ServiceUnavailable",
        "SlowDown",
    ];
    let retryable = status >= 500 || status == 429 || busy.iter().any(|word| code.contains(word));
    CallError::Service { operation: operation.to_owned(), code, message: message.to_owned(), retryable }
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
