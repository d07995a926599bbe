//! Why a call through the SDK failed, in words for people: the SDK's own are a dump of its types.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use std::error::Error;

/// What happened to a call for which AWS gives no word of its own.
pub fn words<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    let (what, why) = match error {
        SdkError::TimeoutError(_) => ("no answer in time", causes(error, 1)),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ("no answer in time", causes(error, 2)),
        // The SDK knows what broke where it has a kind for it; without credentials it has none.
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.as_other().is_some() => {
            ("the connection failed", causes(error, 2))
        }
        SdkError::DispatchFailure(_) => return causes(error, 2),
        SdkError::ServiceError(service) => return format!("HTTP {}", service.raw().status()),
        SdkError::ResponseError(_) => ("the answer cannot be read", causes(error, 1)),
        _ => return causes(error, 1),
    };
    if why.is_empty() { what.to_owned() } else { format!("{what} ({why})") }
}

/// What an error says of its causes, without the outermost and without words that say nothing.
fn causes(error: &(dyn Error + 'static), skip: usize) -> String {
    let (mut next, mut chain) = (Some(error), Vec::new());
    while let Some(cause) = next {
        chain.push(cause);
        next = cause.source();
    }
    let mut all: Vec<String> = Vec::new();
    for cause in chain.into_iter().skip(skip) {
        let text = cause.to_string();
        let is_bare = text.starts_with("client error (") || text == "timed out";
        if !is_bare && !all.last().is_some_and(|last| last.contains(&text)) {
            all.push(text);
        }
    }
    all.join(": ")
}
