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

/// A table that bears this mark, and answers nothing else.
fn marked(schema: &str) -> Result<Vec<crate::finding::Finding>, LedgerError> {
    let answer = serde_json::json!({ "Item": { "pk": {"S": "META"}, "sk": {"S": "schema"}, "value": {"S": schema} } });
    let server = crate::io::doubles::Server::start(move |_, _| crate::io::doubles::Reply::new(200, answer.to_string()));
    let url = server.url();
    let ledger = DynamoLedger::open_at("findings", &Keep::default(), async move { aws(&url) }, String::new())?;
    super::super::Ledger::findings(&ledger, &super::super::Filter::default())
}

#[test]
fn a_table_that_a_newer_program_wrote_is_refused() {
    let error = marked(&(SCHEMA + 1).to_string()).unwrap_err();
    assert!(
        matches!(error, LedgerError::Newer { found, known, .. } if (found, known) == (SCHEMA + 1, SCHEMA)),
        "{error}"
    );
    assert!(error.to_string().contains("dynamodb:findings") && error.to_string().contains("use a newer denywatch"));
    // A mark that is no number is nobody's of ours.
    assert!(matches!(marked("x"), Err(LedgerError::Newer { found: 0, .. })));
    assert_eq!(marked(&SCHEMA.to_string()).unwrap(), []);
}
