//! One SQS queue, as a person looks into it: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>.

use super::signed::{CallError, Service, Signed, Wire};
use serde_json::{Value, json};

/// Amazon SQS.
pub const SQS: Service = Service { wire: Wire::Json("AmazonSQS", "1.0"), ..Service::json("sqs", "SQS", "") };
/// What one call takes at most.
const BATCH: usize = 10;
/// Seconds that an empty queue is waited for; less than an answer may take.
const WAIT: u32 = 5;

/// A text that names no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no queue: write its URL, or `arn:aws:sqs:REGION:ACCOUNT:NAME`")]
pub struct NoQueue(pub String);

/// Where a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As SQS takes it.
    pub url: String,
    /// `None` where neither an ARN nor AWS's own host names it.
    pub region: Option<String>,
}

impl Place {
    /// A queue's URL or ARN.
    ///
    /// ```
    /// use denywatch::io::aws::queue::Place;
    /// let place = Place::parse("arn:aws:sqs:eu-west-1:111122223333:denials")?;
    /// assert_eq!(place.url, "https://sqs.eu-west-1.amazonaws.com/111122223333/denials");
    /// assert_eq!(Place::parse(&place.url)?, place);
    /// assert!(Place::parse("denials").is_err());
    /// # Ok::<(), denywatch::io::aws::queue::NoQueue>(())
    /// ```
    ///
    /// # Errors
    /// [`NoQueue`].
    pub fn parse(text: &str) -> Result<Self, NoQueue> {
        if text.starts_with("https://") || text.starts_with("http://") {
            let host = text.split('/').nth(2).unwrap_or_default();
            let region = host.strip_prefix("sqs.").and_then(|rest| rest.split('.').next());
            return Ok(Self { url: text.to_owned(), region: region.map(str::to_owned) });
        }
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sqs", region, account, name] = parts[..] else { return Err(NoQueue(text.to_owned())) };
        if region.is_empty() || name.is_empty() || account.len() != 12 {
            return Err(NoQueue(text.to_owned()));
        }
        let china = if partition == "aws-cn" { ".cn" } else { "" };
        let url = format!("https://sqs.{region}.amazonaws.com{china}/{account}/{name}");
        Ok(Self { url, region: Some(region.to_owned()) })
    }
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `MessageId`.
    pub id: String,
    /// `ReceiptHandle`, by which it is released or deleted.
    pub receipt: String,
    /// As it came.
    pub body: String,
}

/// A queue and the credentials to look into it.
#[derive(Debug, Clone)]
pub struct Queue {
    signed: Signed,
    place: Place,
}

impl Queue {
    /// Nothing is asked yet.
    pub fn new(signed: Signed, place: Place) -> Self {
        Self { signed, place }
    }

    /// All its attributes.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn attributes(&self) -> Result<Value, CallError> {
        let answer = self.call("GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await?;
        Ok(answer.get("Attributes").cloned().unwrap_or_default())
    }

    /// At most ten messages; none when none came for a few seconds.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn receive(&self) -> Result<Vec<Received>, CallError> {
        let asked = json!({ "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": WAIT });
        let answer = self.call("ReceiveMessage", asked).await?;
        let all = answer.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
        let one = |message: &Value| {
            let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
            Some(Received { id: text("MessageId")?, receipt: text("ReceiptHandle")?, body: text("Body")? })
        };
        Ok(all.iter().filter_map(one).collect())
    }

    /// Takes messages off the queue.
    ///
    /// # Errors
    /// [`CallError`]; some may be gone all the same.
    pub async fn delete(&self, receipts: &[String]) -> Result<(), CallError> {
        self.each("DeleteMessageBatch", receipts, &json!({})).await
    }

    /// Lets others see messages at once.
    ///
    /// # Errors
    /// [`CallError`]; some may be visible all the same.
    pub async fn release(&self, receipts: &[String]) -> Result<(), CallError> {
        self.each("ChangeMessageVisibilityBatch", receipts, &json!({ "VisibilityTimeout": 0 })).await
    }

    async fn each(&self, operation: &str, receipts: &[String], with: &Value) -> Result<(), CallError> {
        for batch in receipts.chunks(BATCH) {
            let entry = |(at, receipt): (usize, &String)| {
                let mut entry = with.clone();
                entry["Id"] = json!(at.to_string());
                entry["ReceiptHandle"] = json!(receipt);
                entry
            };
            let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
            self.call(operation, json!({ "Entries": entries })).await?;
        }
        Ok(())
    }

    async fn call(&self, operation: &str, mut input: Value) -> Result<Value, CallError> {
        input["QueueUrl"] = json!(self.place.url);
        match self.signed.call(SQS, operation, self.place.region.as_deref(), &input).await {
            // Some answers have no body.
            Err(CallError::Service { code, .. }) if code == "HTTP 200" => Ok(Value::Null),
            answer => answer,
        }
    }
}
