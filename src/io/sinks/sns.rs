//! Amazon SNS: e-mail and whatever else subscribes to the topic.
//! See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use super::{Message, Receipt, Sending, Sink, SinkError};
use crate::io::aws::{Aws, failure};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use sha2::{Digest, Sha256};

/// Bytes of a message, subject not counted.
const LIMIT: usize = 256 * 1024;
/// Characters of a subject: fewer than 100.
const SUBJECT: usize = 99;

/// Publishes to one topic.
#[derive(Debug, Clone)]
pub struct SnsSink {
    client: Client,
    topic: String,
    name: String,
    /// Amazon Q Developer reads the topic: the message is its JSON, without a subject.
    q: bool,
}

impl SnsSink {
    /// To the topic with this ARN, in the topic's own Region, for people.
    pub fn new(aws: &Aws, topic: &str) -> Self {
        Self::of(aws, topic, false)
    }

    /// To a topic that Amazon Q Developer in chat applications reads.
    pub fn q(aws: &Aws, topic: &str) -> Self {
        Self::of(aws, topic, true)
    }

    fn of(aws: &Aws, topic: &str, q: bool) -> Self {
        let client = match topic.split(':').nth(3).filter(|region| !region.is_empty()) {
            Some(region) => Client::new(&aws.in_region(region)),
            None => Client::new(aws.config()),
        };
        let name = format!("{}:{topic}", if q { "q" } else { "sns" });
        Self { client, topic: topic.to_owned(), name, q }
    }

    async fn publish(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let body = if self.q { message.json.to_string() } else { message.body.clone() };
        if body.len() > LIMIT {
            let size = body.len();
            return Err(SinkError::Permanent(format!("the message has {size} bytes, SNS takes {LIMIT}")));
        }
        let mut request = self.client.publish().topic_arn(&self.topic).message(&body);
        if !self.q {
            request = request.set_subject(subject(&message.subject));
        }
        if self.topic.ends_with(".fifo") {
            let digest = Sha256::digest(&body);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            request = request.message_group_id(&message.id).message_deduplication_id(digest);
        }
        request.send().await.map(|_| None).map_err(|error| sink_error(&error))
    }
}

impl Sink for SnsSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.publish(message))
    }
}

/// ASCII without control characters, fewer than 100, not beginning with a space; `None` when nothing is left.
fn subject(text: &str) -> Option<String> {
    let printable = text.chars().map(|c| match c {
        ' '..='~' => c,
        '\n' | '\r' | '\t' => ' ',
        '·' | '–' | '—' => '-',
        '’' => '\'',
        _ => '?',
    });
    let subject: String = printable.collect::<String>().trim_start().chars().take(SUBJECT).collect();
    let subject = subject.trim_end();
    (!subject.is_empty()).then(|| subject.to_owned())
}

fn sink_error(error: &SdkError<PublishError>) -> SinkError {
    let code = error.code().unwrap_or_default();
    let busy = ["Throttled", "Throttling", "ThrottlingException", "InternalError", "KMSThrottling"];
    let retryable = match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(fault) => !fault.is_user(),
        SdkError::ServiceError(service) => busy.contains(&code) || service.raw().status().as_u16() >= 500,
        _ => false,
    };
    let why = match error.code() {
        Some(code) => format!("SNS: {code}: {}", error.message().unwrap_or("no message")),
        None => format!("SNS: {}", failure::words(error)),
    };
    if retryable { SinkError::Retryable { why, after: None } } else { SinkError::Permanent(why) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::doubles::{self, Reply, Server};

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:iam-denials";

    fn sink(server: &Server, topic: &str) -> SnsSink {
        let config = crate::io::aws::tests::config(&server.url());
        let once = aws_config::retry::RetryConfig::disabled();
        SnsSink::new(&Aws::from_config(config.into_builder().retry_config(once).build()), topic)
    }

    fn message(body: String) -> Message {
        Message { id: "D-1".into(), subject: "kms:GenerateDataKey · denied".into(), body, ..Message::default() }
    }

    #[tokio::test]
    async fn publishes_where_the_topic_is() {
        let server = doubles::sns();
        sink(&server, TOPIC).send(&message("body & more".into())).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!(seen.field("Action").as_deref(), Some("Publish"));
        assert_eq!(seen.field("TopicArn").as_deref(), Some(TOPIC));
        assert_eq!(seen.field("Subject").as_deref(), Some("kms:GenerateDataKey - denied"));
        assert_eq!(seen.field("Message").as_deref(), Some("body & more"));
        assert_eq!(seen.field("MessageGroupId"), None);
        assert!(seen.header("authorization").contains("/eu-west-1/sns/aws4_request"));
    }

    #[tokio::test]
    async fn a_fifo_topic_gets_its_group() {
        let server = doubles::sns();
        sink(&server, &format!("{TOPIC}.fifo")).send(&message("b".into())).await.unwrap();
        assert_eq!(server.seen()[0].field("MessageGroupId").as_deref(), Some("D-1"));
        assert_eq!(server.seen()[0].field("MessageDeduplicationId").unwrap().len(), 64);
    }

    #[tokio::test]
    async fn amazon_q_gets_its_json_and_no_subject() {
        let server = doubles::sns();
        let config = crate::io::aws::tests::config(&server.url());
        let sink = SnsSink::q(&Aws::from_config(config), TOPIC);
        assert_eq!(sink.name(), format!("q:{TOPIC}"));
        let json = serde_json::json!({"version": "1.0"});
        sink.send(&Message { json, ..message("body".into()) }).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!((seen.field("Message").as_deref(), seen.field("Subject")), (Some(r#"{"version":"1.0"}"#), None));
    }

    #[tokio::test]
    async fn too_long_is_not_sent() {
        let server = doubles::sns();
        let error = sink(&server, TOPIC).send(&message("x".repeat(LIMIT + 1))).await.unwrap_err();
        assert_eq!(error, SinkError::Permanent("the message has 262145 bytes, SNS takes 262144".into()));
        assert_eq!(server.seen().len(), 0);
        sink(&server, TOPIC).send(&message("x".repeat(LIMIT))).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_retry_cures() {
        for (status, code, retryable) in [
            (400, "Throttled", true),
            (500, "InternalError", true),
            (503, "", true),
            (403, "AuthorizationError", false),
            (404, "NotFound", false),
            (400, "InvalidParameter", false),
        ] {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
            let server = Server::start(move |_, _| Reply::new(status, body.clone()));
            let error = sink(&server, TOPIC).send(&message("b".into())).await.unwrap_err();
            assert_eq!(matches!(error, SinkError::Retryable { .. }), retryable, "{code}: {error}");
        }
    }

    #[test]
    fn subjects() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(subject(text).as_deref(), expect);
        check("plain", Some("plain"));
        check(" a\nb\u{7}", Some("a b?"));
        check("naïve → x", Some("na?ve ? x"));
        check(" \n", None);
        assert_eq!(subject(&"x".repeat(300)).unwrap().len(), 99);
    }
}
