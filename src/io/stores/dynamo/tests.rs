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

/// Every item of a ledger's space as text, bodies unpacked. The guard lets no scan of ours through, so it is asked bare.
fn all_items(ledger: &DynamoLedger) -> Vec<String> {
    let (endpoint, table) = place().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut found, mut request) = (Vec::new(), json!({ "TableName": table, "ConsistentRead": true }));
        loop {
            let answer = scan(&endpoint, &request).await;
            let items = answer["Items"].as_array().unwrap().iter().filter_map(Value::as_object);
            found.extend(items.filter(|item| read_text(item, "pk").unwrap().starts_with(&ledger.space)).map(plain));
            match answer.get("LastEvaluatedKey").filter(|key| !key.is_null()) {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return found,
            }
        }
    })
}

fn plain(item: &Item) -> String {
    let packed = read_bytes(item, "body").map(|bytes| body::unpack::<Value>(&bytes).unwrap().to_string());
    format!("{} {}", json!(item), packed.unwrap_or_default())
}

async fn scan(endpoint: &str, request: &Value) -> Value {
    let signed =
        "AWS4-HMAC-SHA256 Credential=test/20261101/us-east-2/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.Scan"),
        ("authorization", signed),
    ];
    let connector = crate::io::http::connector();
    let answer = crate::io::http::post(&connector, endpoint, &headers, request.to_string()).await.unwrap();
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn no_item_names_whom_the_ledger_forgot() {
    use super::super::tests::{check_left, name_everywhere};
    for named in ["arn:aws:iam::111122223333:user/nightingale", "nightingale"] {
        let Some(mut ledger) = fresh(&Keep::days(40_000, 40_000)) else { return };
        name_everywhere(&mut ledger);
        let naming = |ledger: &DynamoLedger| {
            all_items(ledger).into_iter().filter(|item| item.contains("nightingale")).collect::<Vec<_>>()
        };
        assert!(naming(&ledger).len() >= 8, "{:#?}", naming(&ledger));
        ledger.purge(named).unwrap();
        assert_eq!(naming(&ledger), [""; 0]);
        check_left(&ledger);
    }
}

/// What a sweep sees costs a write where it is new, and none where it is not.
#[test]
fn what_was_seen_before_is_not_written_again() {
    use crate::finding::{Pass, Sightings};
    let Some(mut ledger) = fresh(&Keep::days(40_000, 40_000)) else { return };
    let now: Timestamp = "2026-11-14T10:00:00Z".parse().unwrap();
    ledger.record(vec![super::super::tests::event("1", None, "A", "x:Y", "2026-11-10T10:00:00Z")], now).unwrap();
    let finding = ledger.find("D-A").unwrap();
    let key = finding.items.keys().next().unwrap().clone();
    let allowed = BTreeMap::from([(key, BTreeSet::from([Pass::new(now, "2")]))]);
    let seen = finding.sighted(Sightings { allowed, ..Sightings::default() }).unwrap();
    let before = all_items(&ledger);
    ledger.record(vec![seen.clone()], now).unwrap();
    let after = all_items(&ledger);
    assert_eq!((before.len(), before == after), (after.len(), false), "one item is replaced, none is added");
    ledger.record(vec![seen], now).unwrap();
    assert_eq!(all_items(&ledger), after, "the version of each item is what it was");
}

/// An organization's archive: five hundred accounts in all Regions. No item comes near to what DynamoDB takes, and the run is
/// what it was.
#[test]
fn a_run_over_an_organization_lies_in_small_items() {
    use super::super::{Held, Ledger, Object, ObjectRead, Place};
    let Some(mut ledger) = fresh(&Keep::days(40_000, 40_000)) else { return };
    let at: Timestamp = "2026-11-14T10:00:00Z".parse().unwrap();
    let place = |account: usize, region: usize| Place {
        account: Some(format!("{account:012}")),
        region: Some(format!("ap-southeast-{region}")),
        first: Some(at),
        last: Some(at),
        records: 10,
    };
    let places: Vec<Place> = (0..500).flat_map(|account| (0..17).map(move |region| place(account, region))).collect();
    let run = Run { files: 9, bytes: 8, records: 7, denied: 6, unreadable: 5, places, ..Run::begin("all", at) };
    ledger.note_run(&run).unwrap();
    assert_eq!(ledger.noted_run("all").unwrap(), Some(run.clone()));
    let largest = |ledger: &DynamoLedger| all_items(ledger).iter().map(String::len).max().unwrap();
    assert!(largest(&ledger) < 40_000, "{}", largest(&ledger));
    let few = Run { places: run.places[..3].to_vec(), ..run.clone() };
    ledger.note_run(&few).unwrap();
    assert_eq!(ledger.noted_run("all").unwrap(), Some(few), "a later run takes the place of the first");
    let object = |account: usize| ObjectRead {
        object: Object { key: format!("s3://logs/{account}"), mark: "1".into() },
        held: Held { records: 10, ..Held::default() },
        places: vec![place(account, 1)],
    };
    let objects: Vec<ObjectRead> = (0..120).map(object).collect();
    for _ in 0..2 {
        ledger.note_objects("told", &objects, at).unwrap();
    }
    let told = ledger.noted_run("told").unwrap().unwrap();
    assert_eq!((told.files, told.records, told.places.len()), (120, 1_200, 120));
    assert_eq!(ledger.coverage(None, None).unwrap().runs, 2);
    assert!(largest(&ledger) < 40_000, "{}", largest(&ledger));
}
