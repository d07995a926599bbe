use super::*;
use crate::io::doubles::{Reply, Server};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};

/// A clock that moves only when somebody sleeps; each request takes 100 ms of it.
#[derive(Default)]
struct FakePace {
    now: Cell<Duration>,
    slept: RefCell<Vec<u128>>,
}

impl Pace for FakePace {
    fn now(&self) -> Duration {
        self.now.set(self.now.get() + Duration::from_millis(50));
        self.now.get()
    }

    async fn sleep(&self, time: Duration) {
        self.slept.borrow_mut().push(time.as_millis());
        self.now.set(self.now.get() + time);
    }
}

fn page(ids: &[&str], next: Option<&str>) -> Reply {
    let events: Vec<Value> = ids
        .iter()
        .map(|id| match *id {
            "" => json!({"EventId": "none"}),
            id => {
                json!({"EventId": id, "EventTime": 1763793600, "CloudTrailEvent": format!("{{\"eventID\":\"{id}\"}}")})
            }
        })
        .collect();
    let mut body = json!({ "Events": events });
    if let Some(next) = next {
        body["NextToken"] = next.into();
    }
    Reply::new(200, body.to_string()).with("content-type", "application/x-amz-json-1.1")
}

fn throttled() -> Reply {
    Reply::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
}

async fn read(server: &Server, period: Period, pace: &FakePace) -> (Vec<String>, Result<Stats, LookupError>) {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let mut all = Vec::new();
    let done = lookup_events(&aws, "eu-west-1", period, pace, |record| all.push(record.to_owned())).await;
    (all, done)
}

#[tokio::test]
async fn all_pages_at_two_a_second() {
    let server = Server::start(|_, before| match before {
        0 => page(&["a", "b"], Some("t1")),
        1 => page(&["", "c"], Some("t2")),
        _ => page(&["d"], None),
    });
    let pace = FakePace::default();
    let period = Period { since: "2026-11-01T00:00:00Z".parse().ok(), until: "2026-11-22T11:00:00Z".parse().ok() };
    let (all, done) = read(&server, period, &pace).await;
    let id = |id: &str| format!("{{\"eventID\":\"{id}\"}}");
    assert_eq!(all, ["a", "b", "c", "d"].map(id));
    assert_eq!(done.unwrap(), Stats { pages: 3, events: 4, without_record: 1, retries: 0 });
    assert_eq!(*pace.slept.borrow(), [450, 450]);
    let bodies: Vec<Value> = server.seen().iter().map(|r| serde_json::from_str(&r.body).unwrap()).collect();
    let first = json!({"StartTime": 1793491200, "EndTime": 1795345200, "MaxResults": 50});
    assert_eq!(bodies[0], first);
    // A token holds only with the parameters it came from.
    assert_eq!((&bodies[1]["NextToken"], &bodies[1]["StartTime"]), (&json!("t1"), &first["StartTime"]));
    assert_eq!((&bodies[2]["NextToken"], &bodies[2]["EndTime"]), (&json!("t2"), &first["EndTime"]));
    assert!(server.seen().iter().all(|r| r.header("authorization").contains("/eu-west-1/cloudtrail/aws4_request")));
}

/// AWS counts requests of a Region, not of a period: nor does the pace.
#[tokio::test]
async fn one_period_after_another_keeps_the_pace() {
    let server = Server::start(|_, _| page(&["a"], None));
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let (pace, mut last) = (FakePace::default(), None);
    for _ in 0..3 {
        let each = |_| std::future::ready(true);
        lookup_pages(&aws, "eu-west-1", Period::default(), &pace, &mut last, each).await.unwrap();
    }
    assert_eq!(*pace.slept.borrow(), [450, 450]);
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let server = Server::start(|_, before| match before {
        0 | 1 => throttled(),
        2 => Reply::new(503, ""),
        _ => page(&["a"], None),
    });
    let pace = FakePace::default();
    let (all, done) = read(&server, Period::default(), &pace).await;
    assert_eq!(all.len(), 1);
    assert_eq!(done.unwrap().retries, 3);
    assert_eq!(*pace.slept.borrow(), [1_000, 2_000, 4_000]);
}

#[tokio::test]
async fn an_end_to_patience() {
    let server = Server::start(|_, before| if before == 0 { page(&["a"], Some("t")) } else { throttled() });
    let (all, done) = read(&server, Period::default(), &FakePace::default()).await;
    assert_eq!(all.len(), 1);
    let expect = "cannot read Event history in `eu-west-1` after page 1: ThrottlingException: Rate exceeded";
    assert_eq!(done.unwrap_err().to_string(), expect);
    assert_eq!(server.seen().len(), 2 + BACKOFF.len());
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let server = Server::start(|_, _| {
        Reply::new(
            400,
            r#"{"__type":"AccessDeniedException","Message":"not authorized to perform: cloudtrail:LookupEvents"}"#,
        )
    });
    let (_, done) = read(&server, Period::default(), &FakePace::default()).await;
    let error = done.unwrap_err().to_string();
    assert!(error.ends_with("AccessDeniedException: not authorized to perform: cloudtrail:LookupEvents"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_circle_of_tokens_ends() {
    let server = Server::start(|_, before| page(&["a"], Some(if before % 2 == 0 { "x" } else { "y" })));
    let (all, done) = read(&server, Period::default(), &FakePace::default()).await;
    assert_eq!(done.unwrap_err().to_string(), "Event history in `eu-west-1` repeats itself after page 3");
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn regions_one_after_another() {
    let server = Server::start(|request, _| {
        let region = request.header("authorization").split('/').nth(2).unwrap().to_owned();
        page(&[&region], None)
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let mut all = Vec::new();
    let mut each = |region: &str, record: &str| all.push(format!("{region} {record}"));
    let regions = ["eu-west-1".to_owned(), "us-east-2".to_owned()];
    let stats = in_regions(&aws, &regions, Period::default(), &FakePace::default(), &mut each).await.unwrap();
    assert_eq!((stats.pages, stats.events), (2, 2));
    in_regions(&aws, &[], Period::default(), &FakePace::default(), &mut each).await.unwrap();
    let record = |region: &str| format!("{region} {{\"eventID\":\"{region}\"}}");
    assert_eq!(all, ["eu-west-1", "us-east-2", "us-east-1"].map(record));
}

/// Reads with this little patience.
async fn read_impatiently(url: &str) -> Result<Stats, LookupError> {
    use aws_config::timeout::TimeoutConfig;
    let patience = TimeoutConfig::builder().read_timeout(Duration::from_millis(200)).build();
    let config = crate::io::aws::tests::config(url).into_builder().timeout_config(patience).build();
    lookup_events(&Aws::from_config(config), "eu-west-1", Period::default(), &FakePace::default(), |_| ()).await
}

#[tokio::test]
async fn silence_is_tried_again_and_told_in_the_end() {
    let silent = |first: usize| {
        Server::start(move |_, before| {
            if before < first {
                std::thread::sleep(Duration::from_secs(3));
            }
            page(&["a"], None)
        })
    };
    let done = read_impatiently(&silent(2).url()).await.unwrap();
    assert_eq!((done.pages, done.retries), (1, 2));
    let error = read_impatiently(&silent(usize::MAX).url()).await.unwrap_err().to_string();
    let expect = "cannot read Event history in `eu-west-1` after page 0: no answer in time (HTTP read timeout occurred after 200ms)";
    assert_eq!(error, expect);
}

/// A server that closes its first connections once it has been asked.
fn closing(first: usize) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (at, mut stream) in listener.incoming().map_while(Result::ok).enumerate() {
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            // All of it, so that the connection ends and is not reset.
            let mut request = Vec::new();
            drop(stream.read_to_end(&mut request));
            if at >= first {
                let body = page(&["a"], None).body;
                let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        }
    });
    url
}

#[tokio::test]
async fn a_connection_that_ends_early_is_tried_again_and_told_in_the_end() {
    let read = async |first| {
        let aws = Aws::from_config(crate::io::aws::tests::config(&closing(first)));
        lookup_events(&aws, "eu-west-1", Period::default(), &FakePace::default(), |_| ()).await
    };
    let done = read(3).await.unwrap();
    assert_eq!((done.pages, done.retries), (1, 3));
    let error = read(usize::MAX).await.unwrap_err().to_string();
    let start = "cannot read Event history in `eu-west-1` after page 0: the connection failed (";
    assert!(error.starts_with(start) && !error.contains('{'), "{error}");
}

#[tokio::test]
async fn no_credentials_are_told_at_once() {
    use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError, future};
    #[derive(Debug)]
    struct Nobody;
    impl aws_credential_types::provider::ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is here")))
        }
    }
    let server = Server::start(|_, _| page(&["a"], None));
    let config = crate::io::aws::tests::config(&server.url()).into_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(Nobody)).build();
    let pace = FakePace::default();
    let done = lookup_events(&Aws::from_config(config), "eu-west-1", Period::default(), &pace, |_| ()).await;
    let error = done.unwrap_err().to_string();
    assert!(error.contains("nobody is here") && !error.contains('{'), "{error}");
    assert_eq!((pace.slept.borrow().len(), server.seen().len()), (0, 0));
}
