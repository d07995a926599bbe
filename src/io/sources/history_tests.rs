use super::*;
use crate::io::aws::Aws;
use crate::io::doubles::{Reply, Server};
use std::cell::{Cell, RefCell};

/// A clock that moves only when somebody sleeps.
#[derive(Default)]
pub(crate) struct FakePace {
    now: Cell<Duration>,
    pub(crate) slept: RefCell<Vec<u128>>,
}

impl Pace for FakePace {
    fn now(&self) -> Duration {
        self.now.get()
    }

    async fn sleep(&self, time: Duration) {
        self.slept.borrow_mut().push(time.as_millis());
        self.now.set(self.now.get() + time);
    }
}

const BUSY: &str = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;

fn one(next: Option<&str>) -> Reply {
    let mut body =
        json!({"Events": [{"EventTime": 1_794_411_009.5, "CloudTrailEvent": "{}"}, {"EventTime": 1_794_411_005}]});
    if let Some(next) = next {
        body["NextToken"] = next.into();
    }
    Reply::new(200, body.to_string())
}

fn aws(server: &Server) -> Aws {
    Aws::from_config(crate::io::aws::tests::config(&server.url()))
}

fn name() -> Attribute {
    Attribute::EventName("CreateQueue".into())
}

fn query(attribute: &Attribute) -> Query<'_> {
    let at = |text: &str| text.parse().unwrap();
    Query { region: "eu-west-1", attribute, since: at("2026-11-11T00:00:00Z"), until: at("2026-11-12T00:00:00Z") }
}

#[tokio::test]
async fn pages_come_at_two_a_second_and_throttling_is_waited_out() {
    let server = Server::start(|_, before| match before {
        0 => one(Some("t")),
        1 | 2 => Reply::new(400, BUSY),
        _ => one(None),
    });
    let (pace, aws, name) = (FakePace::default(), aws(&server), name());
    let mut history = History::new(aws.signed(), &pace, Duration::from_secs(60));
    let first = history.page(&query(&name), None).await.unwrap();
    assert_eq!((first.records.len(), first.oldest), (1, Timestamp::from_second(1_794_411_005).ok()));
    let second = history.page(&query(&name), first.next.as_deref()).await.unwrap();
    assert_eq!((second.next, history.pages, history.retries), (None, 2, 2));
    assert_eq!(*pace.slept.borrow(), [500, 1_000, 2_000], "a longer wait holds the pace too");
    let bodies: Vec<Value> = server.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
    assert_eq!(bodies[0]["LookupAttributes"][0], json!({"AttributeKey": "EventName", "AttributeValue": "CreateQueue"}));
    assert_eq!((&bodies[0]["StartTime"], &bodies[0]["EndTime"]), (&json!(1_794_355_200), &json!(1_794_441_600)));
    assert_eq!((bodies[0].get("NextToken"), &bodies[3]["NextToken"]), (None, &json!("t")));
    let seen = server.seen();
    assert_eq!(seen[0].header("x-amz-target"), "CloudTrail_20131101.LookupEvents");
    assert!(seen[0].header("authorization").contains("/eu-west-1/cloudtrail/aws4_request"));
}

#[tokio::test]
async fn no_wait_goes_past_the_deadline_and_a_refusal_is_told() {
    let busy = Server::start(|_, _| Reply::new(400, BUSY));
    let (pace, signed, name) = (FakePace::default(), aws(&busy), name());
    let mut history = History::new(signed.signed(), &pace, Duration::from_secs(4));
    assert!(matches!(history.page(&query(&name), None).await, Err(HistoryError::Late)));
    assert!(pace.now() < Duration::from_secs(4));
    let never = Server::start(|_, _| Reply::new(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#));
    let signed = aws(&never);
    let mut history = History::new(signed.signed(), &pace, Duration::from_secs(60));
    let told = history.page(&query(&name), None).await.unwrap_err().to_string();
    assert_eq!(told, "cannot read Event history in `eu-west-1`: `LookupEvents`: AccessDeniedException: no");
    assert_eq!(never.seen().len(), 1);
}

#[tokio::test]
async fn whose_history_it_is() {
    let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let server = Server::start(move |_, _| Reply::new(200, body));
    assert_eq!(own_account(aws(&server).signed()).await.unwrap(), "111122223333");
    assert_eq!(server.seen()[0].body, "Action=GetCallerIdentity&Version=2011-06-15");
    let none = Server::start(|_, _| Reply::new(200, "<html></html>"));
    assert!(own_account(aws(&none).signed()).await.unwrap_err().to_string().contains("names no account"));
    let refused =
        Server::start(|_, _| Reply::new(403, "<Error><Code>ExpiredToken</Code><Message>old</Message></Error>"));
    let told = own_account(aws(&refused).signed()).await.unwrap_err().to_string();
    assert_eq!(told, "`GetCallerIdentity`: ExpiredToken: old");
}
