use super::*;
use crate::io::aws::Aws;
use crate::io::doubles::{Reply, Server};

fn bucket(server: &Server, requester_pays: bool) -> Bucket {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    Bucket::new(aws.signed().clone(), "my.logs", requester_pays)
}

const EMPTY: &str = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

#[tokio::test]
async fn a_page_is_asked_by_the_path() {
    let server = Server::start(|_, _| Reply::new(200, EMPTY));
    let bucket = bucket(&server, true);
    let query = Query { prefix: "a b/".into(), start_after: "a b/c".into(), by_folder: true, token: Some("t=".into()) };
    assert_eq!(bucket.list(&query).await.unwrap(), Page::default());
    bucket.list(&Query::default()).await.unwrap();
    let seen = server.seen();
    let expect = "/my.logs?continuation-token=t%3D&delimiter=%2F&encoding-type=url&list-type=2&prefix=a%20b%2F&start-after=a%20b%2Fc";
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", expect));
    assert_eq!(seen[0].header("x-amz-request-payer"), "requester");
    assert!(seen[0].header("authorization").contains("x-amz-request-payer"), "the header is signed");
    assert_eq!(seen[1].target, "/my.logs?encoding-type=url&list-type=2&prefix=");
}

#[tokio::test]
async fn the_owner_pays_unless_asked() {
    let server = Server::start(|_, _| Reply::new(200, "{}").with("etag", "\"1\""));
    let bytes = bucket(&server, false).object("a b/c+d.json", 100).await.unwrap();
    assert_eq!((bytes.body.as_slice(), bytes.etag.as_deref()), (b"{}".as_slice(), Some("\"1\"")));
    let seen = &server.seen()[0];
    assert_eq!((seen.target.as_str(), seen.header("x-amz-request-payer")), ("/my.logs/a%20b/c%2Bd.json", ""));
}

#[tokio::test]
async fn a_bucket_elsewhere_is_asked_there_from_then_on() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(301, "<Error><Code>PermanentRedirect</Code></Error>").with("x-amz-bucket-region", "eu-west-1"),
        _ => Reply::new(200, EMPTY),
    });
    let bucket = bucket(&server, false);
    bucket.clone().list(&Query::default()).await.unwrap();
    bucket.list(&Query::default()).await.unwrap();
    let regions: Vec<String> =
        server.seen().iter().map(|r| r.header("authorization").split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(regions, ["us-east-1", "eu-west-1", "eu-west-1"]);
}

#[tokio::test]
async fn busy_is_tried_again_and_refused_is_not() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(503, "<Error><Code>SlowDown</Code></Error>"),
        1 => Reply::new(500, "<Error><Code>InternalError</Code></Error>"),
        2 => Reply::new(200, EMPTY),
        _ => Reply::new(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"),
    });
    let bucket = bucket(&server, false);
    bucket.list(&Query::default()).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    let error = bucket.object("a", 100).await.unwrap_err();
    assert_eq!(error.to_string(), "`GetObject`: AccessDenied: Access Denied");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn an_end_to_patience() {
    let server = Server::start(|_, _| Reply::new(503, "<Error><Code>SlowDown</Code></Error>"));
    let error = bucket(&server, false).list(&Query::default()).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(server.seen().len(), TRIES as usize);
}

#[tokio::test]
async fn an_object_too_large_is_an_error() {
    let server = Server::start(|_, _| Reply::new(200, "x".repeat(101)));
    let error = bucket(&server, false).object("a", 100).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer is longer than 100 bytes");
}
