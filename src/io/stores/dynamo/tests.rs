use super::*;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use std::sync::atomic::{AtomicU64, Ordering};

/// Each ledger of a run has a space of its own in the one table.
static SPACES: AtomicU64 = AtomicU64::new(0);

/// `ENDPOINT TABLE` of a stand-in; `None` where there is none.
fn place() -> Option<(String, String)> {
    #[allow(clippy::disallowed_methods)] // the run says where its stand-in is
    let place = std::env::var("DENYWATCH_TEST_DYNAMODB").ok()?;
    let (endpoint, table) = place.split_once(' ').unwrap();
    Some((endpoint.to_owned(), table.to_owned()))
}

fn aws(endpoint: &str) -> Aws {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-2"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    Aws::from_config(config.build())
}

fn space() -> String {
    format!("{}-{}/", std::process::id(), SPACES.fetch_add(1, Ordering::Relaxed))
}

/// A fresh ledger; `None` where no stand-in of DynamoDB is given.
pub(in super::super) fn fresh(keep: &Keep) -> Option<DynamoLedger> {
    open(keep, space())
}

fn open(keep: &Keep, space: String) -> Option<DynamoLedger> {
    let Some((endpoint, table)) = place() else {
        eprintln!("SKIPPED on DynamoDB: DENYWATCH_TEST_DYNAMODB names no stand-in");
        return None;
    };
    Some(DynamoLedger::open_at(&table, keep, async move { aws(&endpoint) }, space).unwrap())
}
