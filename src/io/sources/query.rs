//! Rows of a query over an archive: Amazon Athena through the signed client, CloudTrail Lake through its SDK.
//!
//! Each page of rows goes on as JSON that the record's reader takes: objects by the columns' names.
//! See <https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetQueryResults.html>.

use crate::io::aws::Aws;
use crate::io::aws::signed::{CallError, Service};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Amazon Athena.
const ATHENA: Service = Service::json("athena", "Athena", "AmazonAthena");
/// The first wait for a query's end; each further one is longer by half, `LONGEST` at most.
const FIRST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(5);
/// Between two looks at whether somebody stopped it.
const LOOK: Duration = Duration::from_millis(100);
/// A query is waited for so long; Athena and Lake end theirs sooner by default.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Why there are no more rows. What was handed on before stays good.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The query did.
    #[error("the query ended as {state}: {why}")]
    Ended {
        /// `FAILED`, `CANCELLED`, `TIMED_OUT`.
        state: String,
        /// The engine's words.
        why: String,
    },
    /// It did not end.
    #[error("the query `{0}` has not ended within an hour: it goes on without denywatch")]
    TooSlow(String),
    /// An answer without what it must have.
    #[error("`{0}` is missing in the engine's answer")]
    Missing(&'static str),
    /// A page came a second time: reading on would never end.
    #[error("the rows repeat themselves after page {0}")]
    Repeats(u64),
    /// Somebody stopped it.
    #[error("the query was stopped before it had ended; {0}")]
    Stopped(&'static str),
}

/// Becomes true when nobody waits for the rows any more; `None` waits.
pub type Stop<'s> = Option<&'s AtomicBool>;

fn is_stopped(stop: Stop<'_>) -> bool {
    stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
}

/// What became of a query that is not wanted any more.
fn stopped<T, E>(told: Result<T, E>) -> QueryError {
    let what = if told.is_ok() { "it costs nothing more" } else { "it goes on without denywatch" };
    QueryError::Stopped(what)
}

/// Where Athena works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workplace {
    /// The workgroup; Athena's own default when `None`.
    pub workgroup: Option<String>,
    /// The database of tables without one.
    pub database: Option<String>,
    /// `s3://…` for the results; the workgroup's when `None`.
    pub results: Option<String>,
}

impl Workplace {
    /// The request that starts a query.
    pub fn request(&self, sql: &str) -> Value {
        let mut request = json!({ "QueryString": sql });
        let mut put = |key: &str, value: Option<Value>| {
            if let (Some(object), Some(value)) = (request.as_object_mut(), value) {
                object.insert(key.to_owned(), value);
            }
        };
        put("WorkGroup", self.workgroup.as_ref().map(|name| json!(name)));
        put("QueryExecutionContext", self.database.as_ref().map(|name| json!({ "Database": name })));
        put("ResultConfiguration", self.results.as_ref().map(|uri| json!({ "OutputLocation": uri })));
        request
    }
}

/// Runs a statement in Athena and hands on its rows, a page at a time; a statement without rows hands on none. One that is
/// stopped while it runs is ended in Athena, too.
///
/// # Errors
/// [`QueryError`].
pub async fn athena(
    aws: &Aws,
    place: &Workplace,
    sql: &str,
    stop: Stop<'_>,
    mut each: impl FnMut(Vec<Value>),
) -> Result<(), QueryError> {
    let call = async |operation, input: Value| aws.signed().call(ATHENA, operation, None, &input).await;
    let started = call("StartQueryExecution", place.request(sql)).await?;
    let id = started.get("QueryExecutionId").and_then(Value::as_str).ok_or(QueryError::Missing("QueryExecutionId"))?;
    let mut wait = Wait::new(id);
    loop {
        let answer = call("GetQueryExecution", json!({ "QueryExecutionId": id })).await?;
        let text = |pointer| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match text("/QueryExecution/Status/State").as_str() {
            "SUCCEEDED" => break,
            state @ ("FAILED" | "CANCELLED") => {
                let why = text("/QueryExecution/Status/StateChangeReason");
                return Err(QueryError::Ended { state: state.to_owned(), why });
            }
            _ if is_stopped(stop) => {
                return Err(stopped(call("StopQueryExecution", json!({ "QueryExecutionId": id })).await));
            }
            _ => wait.a_while(stop).await?,
        }
    }
    let (mut columns, mut token, mut pages): (Vec<String>, Option<String>, u64) = (Vec::new(), None, 0);
    let mut tokens = BTreeSet::new();
    loop {
        if is_stopped(stop) {
            return Ok(());
        }
        let mut input = json!({ "QueryExecutionId": id, "MaxResults": 1000 });
        if let (Some(object), Some(token)) = (input.as_object_mut(), &token) {
            object.insert("NextToken".to_owned(), json!(token));
        }
        let answer = call("GetQueryResults", input).await?;
        let rows = answer.pointer("/ResultSet/Rows").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut rows: Vec<Vec<Value>> = rows.iter().map(cells).collect();
        if pages == 0 && !rows.is_empty() {
            // The first row of the first page names the columns.
            columns = rows.remove(0).iter().map(|cell| cell.as_str().unwrap_or_default().to_owned()).collect();
        }
        pages += 1;
        let whole = |row: Vec<Value>| Value::Object(columns.iter().cloned().zip(row).collect());
        each(rows.into_iter().map(whole).collect());
        let next = answer.get("NextToken").and_then(Value::as_str).filter(|next| !next.is_empty()).map(str::to_owned);
        match next {
            None => return Ok(()),
            Some(next) if !tokens.insert(next.clone()) => return Err(QueryError::Repeats(pages)),
            next => token = next,
        }
    }
}

fn cells(row: &Value) -> Vec<Value> {
    let data = row.get("Data").and_then(Value::as_array).into_iter().flatten();
    data.map(|cell| cell.get("VarCharValue").cloned().unwrap_or(Value::Null)).collect()
}

/// Waits that grow, to an end.
struct Wait<'q> {
    id: &'q str,
    next: Duration,
    waited: Duration,
}

impl<'q> Wait<'q> {
    fn new(id: &'q str) -> Self {
        Self { id, next: FIRST, waited: Duration::ZERO }
    }

    /// Ends early when it is stopped.
    async fn a_while(&mut self, stop: Stop<'_>) -> Result<(), QueryError> {
        if self.waited >= PATIENCE {
            return Err(QueryError::TooSlow(self.id.to_owned()));
        }
        let mut rest = self.next;
        while !rest.is_zero() && !is_stopped(stop) {
            let step = rest.min(LOOK);
            tokio::time::sleep(step).await;
            rest -= step;
        }
        self.waited += self.next;
        self.next = (self.next * 3 / 2).min(LONGEST);
        Ok(())
    }
}

/// Runs a statement in CloudTrail Lake and hands on its rows, a page at a time. One that is stopped while it runs is ended in
/// Lake, too.
///
/// # Errors
/// [`QueryError`].
#[cfg(feature = "lookup")]
pub async fn lake(
    aws: &Aws,
    region: Option<&str>,
    sql: &str,
    stop: Stop<'_>,
    mut each: impl FnMut(Vec<Value>),
) -> Result<(), QueryError> {
    use aws_sdk_cloudtrail::types::QueryStatus;
    let config = region.map_or_else(|| aws.config().clone(), |region| aws.in_region(region));
    let client = aws_sdk_cloudtrail::Client::new(&config);
    let started =
        client.start_query().query_statement(sql).send().await.map_err(|error| refused("StartQuery", &error))?;
    let id = started.query_id().ok_or(QueryError::Missing("QueryId"))?.to_owned();
    let (mut wait, mut token, mut pages): (Wait<'_>, Option<String>, u64) = (Wait::new(&id), None, 0);
    let mut tokens = BTreeSet::new();
    loop {
        if pages > 0 && is_stopped(stop) {
            return Ok(());
        }
        let request = client.get_query_results().query_id(&id).max_query_results(1_000).set_next_token(token.clone());
        let answer = request.send().await.map_err(|error| refused("GetQueryResults", &error))?;
        match answer.query_status() {
            Some(QueryStatus::Queued | QueryStatus::Running) if is_stopped(stop) => {
                return Err(stopped(client.cancel_query().query_id(&id).send().await));
            }
            Some(QueryStatus::Queued | QueryStatus::Running) => {
                wait.a_while(stop).await?;
                continue;
            }
            Some(QueryStatus::Finished) => {}
            other => {
                let state = other.map_or("unknown", QueryStatus::as_str).to_owned();
                return Err(QueryError::Ended {
                    state,
                    why: answer.error_message().unwrap_or("no message").to_owned(),
                });
            }
        }
        pages += 1;
        // A row is a list of objects with one member each.
        let rows = answer.query_result_rows().iter().map(|row| {
            let cells = row.iter().flatten().map(|(key, value)| (key.clone(), json!(value)));
            Value::Object(cells.collect())
        });
        each(rows.collect());
        match answer.next_token().filter(|next| !next.is_empty()) {
            None => return Ok(()),
            Some(next) if !tokens.insert(next.to_owned()) => return Err(QueryError::Repeats(pages)),
            Some(next) => token = Some(next.to_owned()),
        }
    }
}

#[cfg(feature = "lookup")]
fn refused<E: aws_sdk_cloudtrail::error::ProvideErrorMetadata + std::error::Error + 'static>(
    operation: &str,
    error: &aws_sdk_cloudtrail::error::SdkError<E>,
) -> CallError {
    use crate::io::aws::failure;
    use aws_sdk_cloudtrail::error::ProvideErrorMetadata;
    match error.code() {
        Some(code) => CallError::Service {
            operation: operation.to_owned(),
            code: code.to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
            retryable: false,
        },
        None => CallError::Request(failure::words(error)),
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
