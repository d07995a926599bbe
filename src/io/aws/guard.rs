//! The transport that every AWS call passes: it reads service and operation from the request itself and refuses, before
//! a byte leaves, all that [`ALLOWED`] does not list. So nothing in this program can write IAM, whatever calls it.
//!
//! The request is read as strictly as can be: one way to name the operation for each protocol, and any second way in
//! the same request is a refusal, since a service might read that one instead.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use super::allow::{ALLOWED, Allowed, Shape};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// A request that is not on the list; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused to call AWS: {0}; nothing was sent")]
pub struct Refused(pub String);

/// An HTTP client for the SDK that lets only listed calls through.
#[derive(Debug, Clone)]
pub struct GuardedClient(SharedHttpClient);

impl GuardedClient {
    /// Puts the guard in front of `inner`.
    pub fn new(inner: SharedHttpClient) -> Self {
        Self(inner)
    }
}

// `validate_base_client_config` is left at its default: the inner one reads the system's certificates once more for
// every client, only to throw them away.
impl HttpClient for GuardedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(GuardedConnector::new(self.0.http_connector(settings, parts)))
    }

    fn validate_final_config(&self, parts: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(parts, bag)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

/// A connector that lets only listed calls through.
#[derive(Debug, Clone)]
pub struct GuardedConnector(SharedHttpConnector);

impl GuardedConnector {
    /// Puts the guard in front of `inner`.
    pub fn new(inner: SharedHttpConnector) -> Self {
        Self(inner)
    }
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match check(&request) {
            Ok(_) => self.0.call(request),
            // A user error is one that the SDK does not try again.
            Err(refused) => HttpConnectorFuture::ready(Err(ConnectorError::user(refused.into()))),
        }
    }
}

/// The line of the list that `request` falls under.
///
/// # Errors
/// [`Refused`] when there is none, or when the request names its operation in more than one way.
pub fn check(request: &HttpRequest) -> Result<&'static Allowed, Refused> {
    let seen = Seen::read(request)?;
    let found = match &seen.signed_for {
        Some(service) => ALLOWED.iter().find(|entry| entry.service == service && seen.is(entry.shape)),
        None => ALLOWED.iter().find(|entry| seen.is(entry.shape)),
    };
    found.ok_or_else(|| Refused(format!("`{}` is not on the list of calls that denywatch makes", seen.name())))
}

/// What a request says about itself.
struct Seen {
    method: String,
    path: String,
    /// Keys of the query, in their order.
    query: Vec<String>,
    empty: bool,
    /// The body is JSON and says so.
    json: bool,
    /// Service in the credential scope; `None` for an unsigned request.
    signed_for: Option<String>,
    /// `x-amz-target`.
    target: Option<String>,
    /// `Action` in the body's form.
    action: Option<String>,
    /// Names of AWS's headers that are not the signature's.
    further: Vec<String>,
}

impl Seen {
    fn read(request: &HttpRequest) -> Result<Self, Refused> {
        let uri: http::Uri = request.uri().parse().map_err(|_| Refused("unreadable address".into()))?;
        refuse_other_ways(request, uri.query().unwrap_or_default())?;
        let signed_for = signed_for(request)?;
        let target = single_header(request, "x-amz-target")?;
        let action = single_action(&body_form(request, target.is_some())?)?;
        let query = form(uri.query().unwrap_or_default())?.into_iter().map(|(key, _)| key).collect();
        let empty = request.body().bytes().is_some_and(<[u8]>::is_empty);
        let json = is_json(&single_header(request, "content-type")?.unwrap_or_default());
        let (method, path) = (request.method().to_owned(), uri.path().to_owned());
        let further = further(request);
        Ok(Self { method, path, query, empty, json, signed_for, target, action, further })
    }

    /// Whether the request has this shape, and no other.
    fn is(&self, shape: Shape) -> bool {
        let signed = self.signed_for.is_some();
        let (target, action) = (self.target.as_deref(), self.action.as_deref());
        // Unsigned calls may carry a query; the others have theirs named.
        let post = self.method == "POST" && self.path == "/" && (!signed || self.query.is_empty());
        match shape {
            Shape::Json(name) => signed && post && target == Some(name) && action.is_none(),
            Shape::Query(name) => signed && post && action == Some(name) && target.is_none(),
            Shape::UnsignedQuery(name) => !signed && post && action == Some(name) && target.is_none(),
            Shape::Unsigned(method, path) => self.is_bare() && self.method == method && self.path == path,
            Shape::UnsignedBelow(method, start) => {
                self.is_bare() && self.method == method && self.path.starts_with(start)
            }
            Shape::Rest(path, keys) => {
                let bare = target.is_none() && action.is_none() && self.empty;
                signed && bare && self.method == "GET" && fits(path, &self.path) && self.query == keys
            }
            Shape::RestSome(path, keys, more) => {
                let bare = target.is_none() && action.is_none() && self.empty;
                let is_once = |key: &&str| self.query.iter().filter(|own| own == key).count() == 1;
                let is_known = |own: &String| keys.iter().chain(more).any(|key| key == own);
                let fitting = self.query.iter().all(|own| is_known(own) && is_once(&own.as_str()));
                let whole = fitting && keys.iter().all(is_once);
                signed && bare && self.method == "GET" && fits(path, &self.path) && whole
            }
            Shape::RestPut(path) => {
                let bare = target.is_none() && action.is_none() && self.query.is_empty() && self.further.is_empty();
                signed && bare && self.method == "PUT" && fits(path, &self.path)
            }
            Shape::RestJson(path) => {
                let bare = target.is_none() && action.is_none() && self.query.is_empty();
                signed && bare && self.json && self.method == "POST" && self.path == path
            }
        }
    }

    /// Unsigned, and naming no operation.
    fn is_bare(&self) -> bool {
        self.signed_for.is_none() && self.target.is_none() && self.action.is_none()
    }

    /// `service:Operation`, or method and path, for the error.
    fn name(&self) -> String {
        let service = self.signed_for.as_deref().unwrap_or("unsigned");
        match (&self.action, &self.target) {
            (Some(action), _) => format!("{service}:{action}"),
            (None, Some(target)) => format!("{service}:{}", target.rsplit('.').next().unwrap_or(target)),
            (None, None) => format!("{service} {} {}", self.method, self.path),
        }
    }
}

/// Whether the path has the pattern's parts; `{}` is any one part that cannot be taken for another path, `{..}` at the
/// end any number of them, `{//..}` any number of which all but the last may be empty: a server that passes over empty
/// parts still finds a name behind the head.
fn fits(pattern: &str, path: &str) -> bool {
    // A dot may be written as its code.
    let is_dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    let is_plain = |part: &str| !part.is_empty() && !is_dots(part) && !part.contains('\\');
    let (head, may_be_empty) = match (pattern.strip_suffix("{..}"), pattern.strip_suffix("{//..}")) {
        (None, head) => (head, true),
        (head, _) => (head, false),
    };
    if let Some((head, rest)) = head.and_then(|head| Some((head, split_at_part(path, head)?))) {
        let is_inside = |part: &str| is_plain(part) || may_be_empty && part.is_empty();
        return fits(head.trim_end_matches('/'), path[..path.len() - rest.len()].trim_end_matches('/'))
            && rest.split('/').all(is_inside)
            && rest.rsplit('/').next().is_some_and(is_plain);
    }
    let (mut wanted, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some("{}"), Some(part)) if is_plain(part) => {}
            (Some(word), Some(part)) if word == part => {}
            _ => return false,
        }
    }
}

/// The part of a path that stands where a pattern of as many parts as `head` ends.
fn split_at_part<'p>(path: &'p str, head: &str) -> Option<&'p str> {
    let parts = head.matches('/').count();
    let (at, _) = path.match_indices('/').nth(parts.checked_sub(1)?)?;
    path.get(at + 1..)
}

/// Refuses what none of our calls has: a signature or an operation in the query, or another method by header.
fn refuse_other_ways(request: &HttpRequest, query: &str) -> Result<(), Refused> {
    const NEVER: [&str; 6] =
        ["action", "x-amz-signature", "x-amz-credential", "awsaccesskeyid", "signature", "x-amz-target"];
    for (key, _) in form(query)? {
        if NEVER.contains(&key.to_ascii_lowercase().as_str()) {
            return Err(Refused(format!("`{key}` stands in the query")));
        }
    }
    let overrides = ["x-http-method-override", "x-http-method", "x-method-override"];
    match overrides.iter().find(|name| request.headers().contains_key(**name)) {
        Some(name) => Err(Refused(format!("header `{name}`"))),
        None => Ok(()),
    }
}

/// Headers such as `x-amz-copy-source` or `x-amz-acl`, which make another operation of the same request.
fn further(request: &HttpRequest) -> Vec<String> {
    const SIGNED: [&str; 3] = ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
    let names = request.headers().iter().map(|(name, _)| name.to_ascii_lowercase());
    names.filter(|name| name.starts_with("x-amz-") && !SIGNED.contains(&name.as_str())).collect()
}

/// The service in the signature's credential scope; `None` when the request is not signed.
fn signed_for(request: &HttpRequest) -> Result<Option<String>, Refused> {
    let Some(value) = single_header(request, "authorization")? else { return Ok(None) };
    let Some(parameters) = value.strip_prefix("AWS4-HMAC-SHA256 ") else {
        // A container's token stands here too. All that looks like one of AWS's signatures is refused.
        let lower = value.to_ascii_lowercase();
        let looks_signed = lower.starts_with("aws4-")
            || lower.starts_with("aws ")
            || lower.contains("credential=")
            || lower.contains("signature=");
        return if looks_signed { Err(Refused("unknown kind of signature".into())) } else { Ok(None) };
    };
    let mut credentials = parameters.split(',').filter_map(|part| part.trim().strip_prefix("Credential="));
    let (Some(credential), None) = (credentials.next(), credentials.next()) else {
        return Err(Refused("unreadable signature".into()));
    };
    match credential.split('/').collect::<Vec<_>>()[..] {
        [_key, _date, _region, service, "aws4_request"] => Ok(Some(service.to_owned())),
        _ => Err(Refused("unreadable credential scope".into())),
    }
}

/// The header's only value.
fn single_header(request: &HttpRequest, name: &str) -> Result<Option<String>, Refused> {
    let mut values = request.headers().get_all_bytes(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(Refused(format!("header `{name}` stands twice")));
    }
    match first.map(std::str::from_utf8) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.to_owned())),
        Some(Err(_)) => Err(Refused(format!("unreadable header `{name}`"))),
    }
}

/// The body read as a form; empty when it is JSON and says so. A request with `x-amz-target` must say so: else its body
/// could name a second operation.
fn body_form(request: &HttpRequest, has_target: bool) -> Result<Vec<(String, String)>, Refused> {
    let content_type = single_header(request, "content-type")?.unwrap_or_default();
    let is_json = is_json(&content_type);
    if has_target && !is_json {
        return Err(Refused("`x-amz-target` without a JSON body".into()));
    }
    let body = request.body().bytes().ok_or_else(|| Refused("the body is a stream".into()))?;
    // No protocol of AWS's names an operation in the body of a `PUT`: there it is an object.
    if is_json || request.method() == "PUT" {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(body).map_err(|_| Refused("unreadable body".into()))?;
    form(text)
}

fn is_json(content_type: &str) -> bool {
    content_type == "application/json" || content_type.starts_with("application/x-amz-json-1.")
}

/// The form's only `Action`, whatever its letter case.
fn single_action(form: &[(String, String)]) -> Result<Option<String>, Refused> {
    let mut actions = form.iter().filter(|(key, _)| key.trim().eq_ignore_ascii_case("action"));
    match (actions.next(), actions.next()) {
        (None, _) => Ok(None),
        (Some((key, value)), None) if key == "Action" => Ok(Some(value.clone())),
        (Some((key, _)), None) => Err(Refused(format!("`{key}` in place of `Action`"))),
        (Some(_), Some(_)) => Err(Refused("`Action` stands twice".into())),
    }
}

/// Reads `a=b&c=d`, percent-encoded. A bare `;` is refused: some servers split there too.
fn form(text: &str) -> Result<Vec<(String, String)>, Refused> {
    if text.contains(';') {
        return Err(Refused("a form with `;`".into()));
    }
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, Refused> {
    let unreadable = || Refused("unreadable percent-encoding".into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().ok_or_else(unreadable)?, rest.next().ok_or_else(unreadable)?];
                let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
                let value = high.zip(low).map(|(high, low)| high * 16 + low).ok_or_else(unreadable)?;
                u8::try_from(value).map_err(|_| unreadable())?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| unreadable())
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
