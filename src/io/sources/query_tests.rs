use super::*;
use crate::io::doubles::{Reply, Server};

fn row(cells: &[Option<&str>]) -> Value {
    let cell = |cell: &Option<&str>| cell.map_or(json!({}), |text| json!({ "VarCharValue": text }));
    json!({"Data": cells.iter().map(cell).collect::<Vec<_>>()})
}

async fn ask(server: &Server, place: &Workplace) -> (Vec<Value>, Result<(), QueryError>) {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let mut all = Vec::new();
    let done = athena(&aws, place, "SELECT 1", None, |rows| all.extend(rows)).await;
    (all, done)
}

#[tokio::test]
async fn athena_is_waited_for_and_read_page_by_page() {
    let server = Server::start(|request, before| match request.header("x-amz-target") {
        "AmazonAthena.StartQueryExecution" => Reply::new(200, r#"{"QueryExecutionId":"q1"}"#),
        "AmazonAthena.GetQueryExecution" => {
            let state = if before < 2 { "RUNNING" } else { "SUCCEEDED" };
            Reply::new(200, json!({"QueryExecution": {"Status": {"State": state}}}).to_string())
        }
        _ if request.body.contains("NextToken") => {
            Reply::new(200, json!({"ResultSet": {"Rows": [row(&[Some("c"), None])]}}).to_string())
        }
        _ => {
            let rows = [row(&[Some("eventname"), Some("errorcode")]), row(&[Some("a"), Some("AccessDenied")])];
            Reply::new(200, json!({"ResultSet": {"Rows": rows}, "NextToken": "t"}).to_string())
        }
    });
    let place = Workplace { workgroup: Some("w".into()), database: Some("d".into()), results: Some("s3://r/".into()) };
    let (rows, done) = ask(&server, &place).await;
    done.unwrap();
    let expect = [json!({"eventname": "a", "errorcode": "AccessDenied"}), json!({"eventname": "c", "errorcode": null})];
    assert_eq!(rows, expect);
    let seen = server.seen();
    let started: Value = serde_json::from_str(&seen[0].body).unwrap();
    let expect = json!({
        "QueryString": "SELECT 1", "WorkGroup": "w", "QueryExecutionContext": {"Database": "d"},
        "ResultConfiguration": {"OutputLocation": "s3://r/"},
    });
    assert_eq!((started, seen.len()), (expect, 5));
}

#[tokio::test]
async fn athena_that_fails_repeats_or_refuses_is_told() {
    let failed =
        json!({"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": "no such table"}}}).to_string();
    let server = Server::start(move |request, _| match request.header("x-amz-target") {
        "AmazonAthena.StartQueryExecution" => Reply::new(200, r#"{"QueryExecutionId":"q1"}"#),
        _ => Reply::new(200, failed.clone()),
    });
    let told = ask(&server, &Workplace::default()).await.1.unwrap_err().to_string();
    assert_eq!(told, "the query ended as FAILED: no such table");

    let server = Server::start(|request, _| match request.header("x-amz-target") {
        "AmazonAthena.StartQueryExecution" => Reply::new(200, r#"{"QueryExecutionId":"q1"}"#),
        "AmazonAthena.GetQueryExecution" => Reply::new(200, r#"{"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}"#),
        _ => Reply::new(200, r#"{"ResultSet":{"Rows":[]},"NextToken":"t"}"#),
    });
    assert_eq!(
        ask(&server, &Workplace::default()).await.1.unwrap_err().to_string(),
        "the rows repeat themselves after page 2"
    );

    let server = Server::start(|_, _| Reply::new(400, r#"{"__type":"InvalidRequestException","Message":"no"}"#));
    assert!(
        ask(&server, &Workplace::default()).await.1.unwrap_err().to_string().contains("InvalidRequestException: no")
    );
}

#[tokio::test]
async fn a_circle_of_pages_ends() {
    let server = Server::start(|request, before| match request.header("x-amz-target") {
        "AmazonAthena.StartQueryExecution" => Reply::new(200, r#"{"QueryExecutionId":"q1"}"#),
        "AmazonAthena.GetQueryExecution" => Reply::new(200, r#"{"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}"#),
        _ => Reply::new(
            200,
            json!({"ResultSet": {"Rows": []}, "NextToken": if before % 2 == 0 { "a" } else { "b" }}).to_string(),
        ),
    });
    let told = ask(&server, &Workplace::default()).await.1.unwrap_err().to_string();
    assert_eq!(told, "the rows repeat themselves after page 3");
}

/// Stopped while it runs: it is ended where it runs, and not waited for.
#[tokio::test]
async fn a_query_that_is_stopped_is_ended() {
    let server = Server::start(|request, _| match request.header("x-amz-target") {
        "AmazonAthena.StartQueryExecution" => Reply::new(200, r#"{"QueryExecutionId":"q1"}"#),
        "AmazonAthena.GetQueryExecution" => Reply::new(200, r#"{"QueryExecution":{"Status":{"State":"RUNNING"}}}"#),
        _ => Reply::new(200, "{}"),
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let stop = AtomicBool::new(true);
    let told = athena(&aws, &Workplace::default(), "SELECT 1", Some(&stop), |_| {}).await.unwrap_err().to_string();
    assert_eq!(told, "the query was stopped before it had ended; it costs nothing more");
    let asked = server.seen().iter().map(|request| request.header("x-amz-target").to_owned()).collect::<Vec<_>>();
    assert_eq!(asked.last().unwrap(), "AmazonAthena.StopQueryExecution");
    #[cfg(feature = "lookup")]
    {
        let server = Server::start(|request, _| {
            let body = match request.header("x-amz-target").rsplit('.').next() {
                Some("StartQuery") => json!({"QueryId": "q1"}),
                Some("CancelQuery") => json!({"QueryId": "q1", "QueryStatus": "CANCELLED"}),
                _ => json!({"QueryStatus": "RUNNING"}),
            };
            Reply::new(200, body.to_string()).with("content-type", "application/x-amz-json-1.1")
        });
        let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
        let told = lake(&aws, None, "SELECT 1", Some(&stop), |_| {}).await.unwrap_err().to_string();
        assert_eq!(told, "the query was stopped before it had ended; it costs nothing more");
        assert!(server.seen().last().unwrap().header("x-amz-target").ends_with("CancelQuery"));
    }
}

#[cfg(feature = "lookup")]
#[tokio::test]
async fn lake_is_waited_for_and_read_page_by_page() {
    let server = Server::start(|request, before| {
        let body = match request.header("x-amz-target").rsplit('.').next() {
            Some("StartQuery") => json!({"QueryId": "q1"}),
            _ if before < 2 => json!({"QueryStatus": "RUNNING"}),
            _ if request.body.contains("NextToken") => {
                json!({"QueryStatus": "FINISHED", "QueryResultRows": [[{"eventName": "b"}]]})
            }
            _ => {
                json!({"QueryStatus": "FINISHED", "NextToken": "t", "QueryResultRows": [[{"eventName": "a"}, {"errorCode": "x"}]]})
            }
        };
        Reply::new(200, body.to_string()).with("content-type", "application/x-amz-json-1.1")
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let mut rows = Vec::new();
    lake(&aws, None, "SELECT 1", None, |page| rows.extend(page)).await.unwrap();
    assert_eq!(rows, [json!({"eventName": "a", "errorCode": "x"}), json!({"eventName": "b"})]);
    let ended = Server::start(|request, _| {
        let body = match request.header("x-amz-target").rsplit('.').next() {
            Some("StartQuery") => json!({"QueryId": "q1"}),
            _ => json!({"QueryStatus": "TIMED_OUT", "ErrorMessage": "too much"}),
        };
        Reply::new(200, body.to_string()).with("content-type", "application/x-amz-json-1.1")
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&ended.url()));
    let told = lake(&aws, None, "SELECT 1", None, |_| {}).await.unwrap_err().to_string();
    assert_eq!(told, "the query ended as TIMED_OUT: too much");
}
