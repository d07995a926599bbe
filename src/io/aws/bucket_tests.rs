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

/// The signature as AWS works it out, from what arrived and nothing else.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
fn signature_of(request: &crate::io::doubles::Request) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let field = |name: &str| {
        let (_, rest) = request.header("authorization").split_once(&format!("{name}=")).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let signed = field("SignedHeaders");
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let hash = request.header("x-amz-content-sha256");
    let canonical = format!("{}\n{}\n\n{headers}\n{signed}\n{hash}", request.method, request.target);
    let credential = field("Credential");
    let (_, scope) = credential.split_once('/').unwrap();
    let text =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", request.header("x-amz-date"), hex(&Sha256::digest(&canonical)));
    let first = b"AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec();
    hex(&mac(&scope.split('/').fold(first, |key, part| mac(&key, part)), &text))
}

/// A prefix that was configured with a `/` at its end makes such keys, and to S3 they are other keys than those without it.
#[tokio::test]
async fn a_key_with_empty_parts_is_asked_for_and_signed_as_it_stands() {
    let server = Server::start(|_, _| Reply::new(200, "{}"));
    let bucket = bucket(&server, false);
    for (at, (key, target)) in [
        ("logs//AWSLogs/a b.json", "/my.logs/logs//AWSLogs/a%20b.json"),
        ("//a.json", "/my.logs///a.json"),
        ("a///b.json", "/my.logs/a///b.json"),
        ("a/.b/..c/...", "/my.logs/a/.b/..c/..."),
        ("a\\..\\b%2F.json", "/my.logs/a%5C..%5Cb%252F.json"),
    ]
    .into_iter()
    .enumerate()
    {
        bucket.object(key, 100).await.unwrap();
        let seen = &server.seen()[at];
        assert_eq!(seen.target, target);
        let signed = format!("Signature={}", signature_of(seen));
        assert!(seen.header("authorization").ends_with(&signed), "{key}: {}", seen.header("authorization"));
    }
}

#[tokio::test]
async fn a_key_that_can_be_taken_for_another_is_not_asked_for() {
    let server = Server::start(|_, _| Reply::new(200, "{}"));
    let bucket = bucket(&server, false);
    for (key, part) in [("a/./b.json", "."), ("a/../b.json", ".."), ("../other/b.json", ".."), ("a/..", "..")] {
        let error = bucket.object(key, 100).await.unwrap_err();
        let expect = format!(
            "its key has the part `{part}`, so that it may be taken for another object on its way: copy it to a key without \
             such parts"
        );
        assert_eq!((error.to_string(), error.is_retryable()), (expect, false));
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn each_try_begins_anew_and_what_cannot_be_kept_is_told() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(503, ""),
        _ => Reply::new(200, "0123456789"),
    });
    let bucket = bucket(&server, false);
    let put = |kept: &mut Vec<u8>, piece: &[u8]| {
        kept.extend_from_slice(piece);
        Ok(())
    };
    assert_eq!(bucket.object_into("a.json", 10, || Ok(Vec::new()), put).await.unwrap(), b"0123456789");
    let error = bucket.object_into("a.json", 9, || Ok(Vec::new()), put).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer is longer than 9 bytes");
    let full = |_: &mut Vec<u8>, _: &[u8]| Err(io::ErrorKind::StorageFull.into());
    let error = bucket.object_into("a.json", 10, || Ok(Vec::new()), full).await.unwrap_err();
    assert_eq!(error.to_string(), "it cannot be put into a temporary file: no storage space");
}
