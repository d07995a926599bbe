//! Rows of a query over an archive → ledger → ranked findings.

use super::World;
use super::outcome::Outcome;
use super::progress::{Progress, Step, Watcher};
use super::scan::{Options, Scan};
use crate::advice::Advice;
use crate::io::aws::Aws;
use crate::io::sources::query::{self, QueryError, Workplace};
use crate::io::stores::{Ledger, LedgerError};
use crate::record::Problem;
use serde_json::Value;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Amazon Athena.
    Athena(Workplace),
    /// CloudTrail Lake, in the Region of the event data store; the configured one when `None`.
    Lake(Option<String>),
}

/// What is asked of whom.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'q> {
    /// Who answers.
    pub engine: &'q Engine,
    /// A SELECT of denied records.
    pub sql: &'q str,
}

/// Has a SELECT of denied records answered, keeps their denials in the ledger, and advises on their findings, which
/// are handed over one by one: see [`super::scan_each`].
///
/// A query that fails is a problem of the outcome; what came before is kept.
///
/// ```standalone_crate
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/example.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # stand_in(|head, _| match () {
/// #     () if head.contains("StartQueryExecution") => r#"{"QueryExecutionId":"q1"}"#.to_owned(),
/// #     () if head.contains("GetQueryExecution") => r#"{"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}"#.to_owned(),
/// #     () => {
/// #         let row = |cells: [&str; 5]| serde_json::json!({"Data": cells.map(|cell| serde_json::json!({"VarCharValue": cell}))});
/// #         let names = row(["eventid", "eventtime", "eventsource", "eventname", "errorcode"]);
/// #         let cells = row(["1", "2026-11-10T10:00:00Z", "sqs.amazonaws.com", "ListQueues", "AccessDenied"]);
/// #         serde_json::json!({"ResultSet": {"Rows": [names, cells]}}).to_string()
/// #     }
/// # })?;
/// use denywatch::app::{World, query::{self, Engine, query}, scan::Options};
/// use denywatch::{diagnosis::InForce, io::aws::Aws, io::sources::query::Workplace, io::stores::MemoryLedger};
/// use denywatch::render::sql::{Asked, Table, athena};
/// let sql = athena(&Asked { since: Some("2026-11-01T00:00:00Z".parse()?), ..Asked::default() }, &Table::parse("cloudtrail", true)?)?;
/// let aws = Aws::load(&denywatch::io::aws::Options::default()).await;
/// let engine = Engine::Athena(Workplace { workgroup: Some("primary".into()), ..Workplace::default() });
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let asked = query::Asked { engine: &engine, sql: &sql };
/// let outcome = query(&aws, asked, &mut ledger, &world, Options::default(), &mut |_| {}, &mut |_advice| {}).await?;
/// assert_eq!((outcome.stats.denied, outcome.problems.len()), (1, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The ledger could not be read or written.
pub async fn query(
    aws: &Aws,
    asked: Asked<'_>,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    let Asked { engine, sql } = asked;
    let name = match engine {
        Engine::Athena(_) => "Athena",
        Engine::Lake(_) => "CloudTrail Lake",
    };
    let stop = options.stop;
    let mut scan = Scan::begin(ledger, world, options, &format!("{name}: {sql}"));
    let rows = |rows: Vec<Value>| {
        let text = Value::Array(rows).to_string();
        scan.stats.bytes += text.len() as u64;
        scan.read(text.as_bytes(), name);
        progress(&Progress { stats: &scan.stats, step: Step::Reading, under_way: 0 });
    };
    let done = ask(aws, engine, sql, stop, rows).await;
    if let Err(error) = done {
        scan.problems.push(Problem { input: name.to_owned(), error: error.to_string() });
    }
    // Pages, not files, were read.
    scan.stats.files = 0;
    scan.finish_each(each)
}

/// Runs a statement without rows, such as a table's.
///
/// # Errors
/// [`QueryError`].
pub async fn execute(aws: &Aws, engine: &Engine, sql: &str) -> Result<(), QueryError> {
    ask(aws, engine, sql, None, |_| {}).await
}

async fn ask(
    aws: &Aws,
    engine: &Engine,
    sql: &str,
    stop: query::Stop<'_>,
    rows: impl FnMut(Vec<Value>),
) -> Result<(), QueryError> {
    match engine {
        Engine::Athena(place) => query::athena(aws, place, sql, stop, rows).await,
        #[cfg(feature = "lookup")]
        Engine::Lake(region) => query::lake(aws, region.as_deref(), sql, stop, rows).await,
        #[cfg(not(feature = "lookup"))]
        Engine::Lake(_) => Err(QueryError::Missing("the feature `lookup` of this build")),
    }
}
