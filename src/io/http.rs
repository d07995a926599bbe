//! HTTP over rustls (ring), the one connector under AWS calls and webhooks; http:// works too, for doubles on loopback.

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::timeout::TimeoutConfig;
use std::sync::OnceLock;
use std::time::Duration;

/// Time to open a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Time from the request to the end of the answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The same for the SDK's calls: until the answer begins, and until it ends. A page of Event history may be megabytes.
const SDK_ANSWER: Duration = Duration::from_secs(20);
const SDK_WHOLE: Duration = Duration::from_secs(60);

/// The most bytes of an answer that are read; nothing we ask for is near it.
pub const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// Why no answer came; another try may help.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The request could not be made at all; another try will not help.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// No connection, or it broke.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer did not end in time; the request may have been carried out.
    #[error("no answer within {} s", .0.as_secs())]
    TooSlow(Duration),
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds, where it is a number.
    pub retry_after: Option<Duration>,
    /// AWS's word for the error, from `x-amzn-errortype`; `None` where the answer has none.
    pub error_type: Option<String>,
    /// `x-amz-bucket-region`: where an S3 bucket is.
    pub bucket_region: Option<String>,
    /// The body, as text; what is not UTF-8 is replaced.
    pub body: String,
}

/// The client for the SDK, without a guard: only [`crate::io::aws`] may use it.
pub(crate) fn client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// How long the SDK waits at each try.
pub(crate) fn patience() -> TimeoutConfig {
    let patience = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(SDK_ANSWER);
    patience.operation_attempt_timeout(SDK_WHOLE).build()
}

/// A connector for our own requests, without a guard: for webhooks, never for AWS. The system's certificates are read
/// with its first request, not before: a function that sends nothing starts without them.
pub fn connector() -> SharedHttpConnector {
    SharedHttpConnector::new(Lazy::default())
}

#[derive(Debug, Default)]
struct Lazy(OnceLock<Connector>);

impl HttpConnector for Lazy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.get_or_init(build).call(request)
    }
}

fn build() -> Connector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
    let builder = Connector::builder().connector_settings(settings).sleep_impl(TokioSleep::new());
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
}

/// Sends one POST and reads the whole answer. Follows no redirect. No error names the address.
///
/// # Errors
/// [`HttpError`] when there is no whole answer; an answer with an error status is an [`Answer`].
pub async fn post(
    connector: &SharedHttpConnector,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<SdkBody>,
) -> Result<Answer, HttpError> {
    send(connector, "POST", url, headers, body).await
}

/// What an answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// From the request to the end of the answer.
    pub time: Duration,
    /// Of its body.
    pub bytes: usize,
}

impl Default for Cost {
    /// Ten seconds, [`ANSWER_MAX`] bytes.
    fn default() -> Self {
        Self { time: ANSWER, bytes: ANSWER_MAX }
    }
}

/// Takes the body of an answer piece by piece.
pub type Sink<'s> = &'s mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send);

/// An answer whose body is bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    /// All but the body, which is empty here.
    pub answer: Answer,
    /// `ETag`, as it stands there.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Bytes {
    /// With the body as text; what is not UTF-8 is replaced.
    pub fn text(self) -> Answer {
        Answer { body: String::from_utf8_lossy(&self.body).into_owned(), ..self.answer }
    }
}

/// Sends one request of any method; the rest is as [`post`] does it.
///
/// # Errors
/// As [`post`]; also for an answer of more than [`ANSWER_MAX`] bytes.
pub async fn send(
    connector: &SharedHttpConnector,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<SdkBody>,
) -> Result<Answer, HttpError> {
    fetch(connector, method, url, headers, body, Cost::default(), None).await.map(Bytes::text)
}

/// Sends one request and reads an answer of any bytes, at this cost. `into` takes the body where the status is 200; then none
/// is returned.
///
/// # Errors
/// As [`send`].
pub async fn fetch(
    connector: &SharedHttpConnector,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<SdkBody>,
    cost: Cost,
    into: Option<Sink<'_>>,
) -> Result<Bytes, HttpError> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).map_err(|_| HttpError::Request("bad address or header".into()))?;
    let request = HttpRequest::try_from(request).map_err(|_| HttpError::Request("bad header".into()))?;
    match tokio::time::timeout(cost.time, exchange(connector, request, cost.bytes, into)).await {
        Ok(answer) => answer,
        Err(_) => Err(HttpError::TooSlow(cost.time)),
    }
}

async fn exchange(
    connector: &SharedHttpConnector,
    request: HttpRequest,
    most: usize,
    into: Option<Sink<'_>>,
) -> Result<Bytes, HttpError> {
    let mut response = connector.call(request).await.map_err(no_answer)?;
    let into = into.filter(|_| response.status().as_u16() == 200);
    let body = whole(ByteStream::new(response.take_body()), most, into).await?;
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let answer = Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(&response),
        error_type: header("x-amzn-errortype"),
        bucket_region: header("x-amz-bucket-region"),
        body: String::new(),
    };
    Ok(Bytes { answer, etag: header("etag"), body })
}

/// Reads to the end, and no more than `most` bytes.
async fn whole(mut body: ByteStream, most: usize, mut into: Option<Sink<'_>>) -> Result<Vec<u8>, HttpError> {
    let (mut all, mut length) = (Vec::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| HttpError::NoAnswer("the answer broke off".into()))?;
        length += piece.len();
        if length > most {
            return Err(HttpError::Request(format!("the answer is longer than {most} bytes")));
        }
        match &mut into {
            Some(into) => {
                let kept = into(&piece);
                kept.map_err(|fault| HttpError::Request(format!("it cannot be put into a temporary file: {fault}")))?;
            }
            None => all.extend_from_slice(&piece),
        }
    }
    Ok(all)
}

fn no_answer(error: aws_smithy_runtime_api::client::result::ConnectorError) -> HttpError {
    if error.is_user() {
        return HttpError::Request(error.into_source().to_string());
    }
    if error.is_timeout() {
        return HttpError::TooSlow(ANSWER);
    }
    // The source may hold the address; its kind is enough.
    HttpError::NoAnswer(if error.is_io() { "connection failed" } else { "transport failed" }.into())
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}
