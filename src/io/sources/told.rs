//! What AWS keeps of a refusal and tells on asking: the message that EC2 encodes, and the authorization details behind an
//! id. Both sharpen a denial; what could not be had is noted in it by the call's name, and the denial stays as it is.
//!
//! Ids expire within a day or so, therefore this is asked while events come in.

use crate::catalog::Catalog;
use crate::denial::{Decoded, Denial, Given, from_decoded, message};
use crate::io::aws::Aws;
use crate::io::aws::ask::STS;
use crate::io::aws::signed::CallError;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

#[cfg(feature = "toolbox")]
mod toolbox;

/// Denials of one batch about which AWS is asked; a burst tells the same again and again.
const MOST: usize = 25;

/// Asks AWS about denials.
#[derive(Debug, Clone)]
pub struct Told {
    aws: Aws,
    /// Waits before the tries after the first, where AWS has not written the details down yet.
    #[cfg_attr(not(feature = "toolbox"), allow(dead_code))]
    waits: Vec<Duration>,
}

impl Told {
    /// Nothing is asked yet.
    pub fn new(aws: Aws) -> Self {
        Self { aws, waits: [500, 1_000, 2_000, 4_000].map(Duration::from_millis).to_vec() }
    }

    /// Sharpens the denials that bear an encoded message or an authorization id, within this time. Never fails.
    pub async fn sharpen(&self, denials: &mut [Denial], catalog: &Catalog, within: Duration) {
        let until = Instant::now() + within;
        for (at, denial) in denials.iter_mut().filter(|denial| is_asked(denial)).enumerate() {
            if at >= MOST {
                denial.not_learnt(&format!(
                    "what AWS keeps of it: no more than {MOST} denials of a batch are asked about"
                ));
            } else if timeout_at(until, Box::pin(self.ask(denial, catalog))).await.is_err() {
                denial.not_learnt("what AWS keeps of it: no time was left to ask");
            }
        }
    }

    async fn ask(&self, denial: &mut Denial, catalog: &Catalog) {
        if let Some(blob) = encoded(denial) {
            self.decode(denial, &blob, catalog).await;
        }
        if let Some(id) = denial.reason.authorization_id.clone() {
            self.details(denial, &id, catalog).await;
        }
    }

    /// See <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>.
    async fn decode(&self, denial: &mut Denial, blob: &str, catalog: &Catalog) {
        let input = [("EncodedMessage", blob)];
        let region = denial.region.clone();
        let answer = self.aws.signed().query(STS, "DecodeAuthorizationMessage", region.as_deref(), &input).await;
        let inner = answer
            .map(|answer| answer.get("DecodedMessage").and_then(Value::as_str).map(serde_json::from_str::<Value>));
        match inner {
            Ok(Some(Ok(json))) => match from_decoded(&json, &Given::default(), catalog) {
                Decoded::Denied(decoded) => denial.add_decoded(*decoded),
                Decoded::Allowed => denial.not_learnt("the decoded message says that the call was allowed"),
                Decoded::Other => denial.not_learnt("the decoded message is of an unknown sort"),
            },
            Ok(_) => denial.not_learnt("`sts:DecodeAuthorizationMessage` gave no message"),
            Err(error) => denial.not_learnt(&failed("sts:DecodeAuthorizationMessage", &error)),
        }
    }

    #[cfg(not(feature = "toolbox"))]
    async fn details(&self, denial: &mut Denial, _: &str, _: &Catalog) {
        denial.not_learnt("the authorization details: this build cannot ask for them (feature `toolbox`)");
    }
}

fn is_asked(denial: &Denial) -> bool {
    denial.reason.authorization_id.is_some() || encoded(denial).is_some()
}

/// The encoded message of a denial, where it is whole.
fn encoded(denial: &Denial) -> Option<String> {
    message::parse(denial.facts.message.as_deref()?).encoded_message
}

fn failed(action: &str, error: &CallError) -> String {
    match super::live::is_refusal(error) {
        true => format!("`{action}` was refused"),
        false => format!("`{action}` failed: {error}"),
    }
}

#[cfg(test)]
mod tests;
