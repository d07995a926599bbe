use super::*;
use crate::io::doubles::{Reply, Request, Server};
use serde_json::json;

const ACCOUNT: &str = "111122223333";

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}")
}

/// An account in which all is well, but for what a test changes: the answer of an operation.
#[derive(Clone, Default)]
struct Account(std::collections::BTreeMap<&'static str, Result<Value, &'static str>>);

impl Account {
    fn with(mut self, operation: &'static str, answer: Value) -> Self {
        self.0.insert(operation, Ok(answer));
        self
    }

    fn refusing(mut self, operation: &'static str, code: &'static str) -> Self {
        self.0.insert(operation, Err(code));
        self
    }

    fn server(self) -> Server {
        Server::start(move |request, _| {
            let operation = operation(request);
            match self.0.get(operation.as_str()) {
                Some(Err(code)) => {
                    Reply::new(403, json!({"__type": code, "message": "no"}).to_string()).with("x-amzn-errortype", code)
                }
                Some(Ok(answer)) => Reply::new(200, answer.to_string()),
                None => healthy(&operation),
            }
        })
    }
}

fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    match request.field("Action") {
        Some(action) => action,
        None if !target.is_empty() => target,
        None if request.target.contains("/configuration") => "GetFunctionConfiguration".into(),
        None => "ListEventSourceMappings".into(),
    }
}

const CONFIG: &str = "version = 1\n[slack]\nsecret = 'ssm:/denywatch/slack'\n[store]\nuri = 'sqlite:LEDGER'\n\
    [[route]]\nto = ['slack', 'sns:arn:aws:sns:us-east-1:111122223333:denials']";

fn healthy(operation: &str) -> Reply {
    let queue = arn("sqs", "denials");
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": queue}]});
    let role = format!("arn:aws:iam::{ACCOUNT}:role/denywatch");
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": queue},
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn("logs", "log-group:/aws/lambda/denywatch:*")},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": arn("sns", "denials")},
        {"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"},
        {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": arn("ssm", "parameter/denywatch/slack")}]});
    let xml = |body: &str| {
        format!("<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>")
    };
    let encoded = document.to_string().replace('"', "&quot;");
    Reply::new(200, match operation {
        "DescribeTrails" => json!({"trailList": [{"TrailARN": arn("cloudtrail", "trail/org"), "HomeRegion": "us-east-1", "IsMultiRegionTrail": true}]}).to_string(),
        "GetTrailStatus" => json!({"IsLogging": true}).to_string(),
        "GetEventSelectors" => json!({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["NetworkActivity"]}]}]}).to_string(),
        "GetFunctionConfiguration" => json!({"FunctionArn": arn("lambda", "function:denywatch"), "Role": role, "LoggingConfig": {"LogGroup": "/aws/lambda/denywatch"}, "Timeout": 100, "State": "Active",
            "Environment": {"Variables": {"DENYWATCH_CONFIG": CONFIG}}}).to_string(),
        "ListEventSourceMappings" => json!({"EventSourceMappings": [{"EventSourceArn": queue, "State": "Enabled",
            "FunctionResponseTypes": ["ReportBatchItemFailures"]}]}).to_string(),
        "GetQueueAttributes" => json!({"Attributes": {"ApproximateNumberOfMessages": "0", "VisibilityTimeout": "660", "Policy": policy.to_string(),
            "RedrivePolicy": json!({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 10}).to_string()}}).to_string(),
        "ListEventBuses" => json!({"EventBuses": [{"Name": "default", "Arn": arn("events", "event-bus/default")}]}).to_string(),
        "ListRuleNamesByTarget" => json!({"RuleNames": ["denials"]}).to_string(),
        "DescribeRule" => json!({"State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "EventPattern": "{\"errorCode\":1}"}).to_string(),
        "DescribeRegions" => regions(&["us-east-1"]),
        "GetParameter" => json!({"Parameter": {"Value": "https://hooks.slack.com/services/hush"}}).to_string(),
        "ListSubscriptionsByTopic" => xml("<Subscriptions><member><SubscriptionArn>arn:x</SubscriptionArn></member></Subscriptions>"),
        "GetCallerIdentity" => xml(&format!("<Account>{ACCOUNT}</Account>")),
        "GetRole" => xml(&format!("<Role><RoleName>denywatch</RoleName><Arn>{role}</Arn></Role>")),
        "ListRolePolicies" => xml("<PolicyNames><member>denywatch</member></PolicyNames><IsTruncated>false</IsTruncated>"),
        "GetRolePolicy" => xml(&format!("<PolicyName>denywatch</PolicyName><PolicyDocument>{encoded}</PolicyDocument>")),
        "ListAttachedRolePolicies" => xml("<AttachedPolicies/><IsTruncated>false</IsTruncated>"),
        _ => return Reply::new(400, json!({"__type": "AccessDeniedException", "message": operation}).to_string()),
    })
}

fn regions(names: &[&str]) -> String {
    let items: String = names.iter().map(|name| format!("<item><regionName>{name}</regionName></item>")).collect();
    format!("<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>")
}

async fn health(account: Account) -> Health {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger.db");
    drop(crate::io::stores::SqliteLedger::open(&ledger).unwrap());
    let server = account.server();
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let store = Some(format!("sqlite:{}", ledger.display()));
    let health = examine(&aws, &Asked { function: "denywatch".into(), store, ..Asked::default() }).await;
    assert!(!serde_json::to_string(&health).unwrap().contains("hush"), "no secret is told");
    health
}

/// What is not well, as `area state: says`.
fn ills(health: &Health) -> Vec<String> {
    let ill = health.points.iter().filter(|point| point.state != State::Ok);
    ill.map(|point| format!("{} {:?}: {}", point.area, point.state, point.says)).collect()
}

#[track_caller]
fn check(health: &Health, expect: &[&str]) {
    let ills = ills(health);
    assert_eq!(ills.len(), expect.len(), "{ills:#?}");
    for (ill, expect) in ills.iter().zip(expect) {
        assert!(ill.starts_with(expect), "{ill}\n{expect}");
    }
    let bare = health.points.iter().find(|point| point.state == State::Fault && point.remedy.is_none());
    assert_eq!(bare, None, "each fault has its remedy");
}

#[tokio::test]
async fn where_all_is_well_nothing_is_said() {
    let health = health(Account::default()).await;
    check(&health, &[]);
    let areas: BTreeSet<&str> = health.points.iter().map(|point| point.area).collect();
    assert_eq!(
        areas,
        BTreeSet::from(["trail", "function", "configuration", "queue", "rule", "role", "ledger", "receiver"])
    );
}

#[tokio::test]
async fn trails() {
    let of = |trail: Value| Account::default().with("DescribeTrails", json!({ "trailList": [trail] }));
    check(
        &health(Account::default().with("DescribeTrails", json!({"trailList": []}))).await,
        &["trail Fault: there is no trail"],
    );
    let narrow = of(json!({"TrailARN": "t", "HomeRegion": "eu-west-1"}));
    check(&health(narrow).await, &["trail Fault: it logs eu-west-1 alone"]);
    let asleep = Account::default().with("GetTrailStatus", json!({"IsLogging": false}));
    check(&health(asleep).await, &["trail Note: it does not log", "trail Fault: no trail is known to log"]);
    let writes = json!({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"], "DataResources": []}]});
    let expect = [
        "trail Fault: read-only calls are not logged",
        "trail Note: calls of `kms.amazonaws.com` are left out",
        "trail Note: none are logged: denied reads and writes of S3 objects",
        "trail Note: not logged: what a VPC endpoint",
    ];
    check(&health(Account::default().with("GetEventSelectors", writes)).await, &expect);
}

#[tokio::test]
async fn rules_on_each_hop() {
    let rule =
        |state: &str| Account::default().with("DescribeRule", json!({"State": state, "EventPattern": "errorCode"}));
    check(&health(rule("ENABLED")).await, &["rule Fault: read-only events do not pass"]);
    check(&health(rule("DISABLED")).await, &["rule Fault: it is `DISABLED`"]);
    let changes = Account::default()
        .with("DescribeRule", json!({"State": "ENABLED", "EventPattern": "{\"eventName\":[\"PutRolePolicy\"]}"}));
    check(&health(changes).await, &[]);
    let none = Account::default().with("ListRuleNamesByTarget", json!({"RuleNames": []}));
    check(&health(none).await, &["rule Fault: no rule of this account sends to it"]);
    // Central: the queue's rule stands on a bus of its own, and the forwarder's on the default one.
    let central = Account::default()
        .with("ListEventBuses", json!({"EventBuses": [{"Name": "central", "Arn": "b"}]}))
        .with("DescribeEventBus", json!({"Name": "central"}));
    check(&health(central).await, &["rule Fault: its policy lets no other account put events"]);
}

/// Every Region that the account has switched on is looked at, and those that forward nothing are named.
#[tokio::test]
async fn rules_in_each_region_of_the_account() {
    let of_region =
        |request: &Request| request.header("authorization").split('/').nth(2).unwrap_or_default().to_owned();
    let server = Server::start(move |request, _| match (operation(request).as_str(), of_region(request).as_str()) {
        ("DescribeRegions", _) => Reply::new(200, regions(&["us-east-1", "eu-north-1", "eu-west-1"])),
        ("ListRuleNamesByTarget", "eu-west-1" | "eu-north-1") => Reply::new(200, json!({"RuleNames": []}).to_string()),
        (other, _) => healthy(other),
    });
    let dir = tempfile::tempdir().unwrap();
    let store = Some(format!("sqlite:{}", dir.path().join("ledger.db").display()));
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = |regions: &[&str]| Asked {
        function: "denywatch".into(),
        store: store.clone(),
        regions: regions.iter().map(|one| (*one).to_owned()).collect(),
        ..Asked::default()
    };
    let silent = async |regions: &[&str]| {
        let health = examine(&aws, &asked(regions)).await;
        let notes = health.points.into_iter().filter(|point| point.area == "rule" && point.state == State::Note);
        notes.map(|point| point.what).collect::<Vec<_>>()
    };
    let own = aws.config().region().unwrap().to_string();
    let expect: Vec<&str> = ["eu-north-1", "eu-west-1"].into_iter().filter(|one| *one != own).collect();
    assert_eq!(silent(&[]).await, [format!("{} of the account's Regions: {}", expect.len(), expect.join(", "))]);
    assert_eq!(silent(&["us-east-1"]).await, [""; 0], "only those that were named");
}

#[test]
fn who_may_put_events_on_a_bus() {
    let judged = |statement: Value| {
        let mut health = Health::default();
        rule::judge_policy("b", Some(&json!({ "Statement": statement }).to_string()), &mut health);
        (health.points[0].state, health.points[0].says.clone())
    };
    let puts = |condition: Value| json!({"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Condition": condition});
    assert_eq!(judged(puts(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}))).0, State::Ok);
    assert!(judged(json!([puts(json!({}))])).1.contains("anybody can forge"));
    assert!(judged(json!([])).1.contains("no other account"));
}

#[tokio::test]
async fn function_and_queue() {
    check(
        &health(Account::default().refusing("GetFunctionConfiguration", "ResourceNotFoundException")).await,
        &["function Fault: there is no such function", "configuration Unknown: could not be checked"],
    );
    let whole = Account::default().with(
        "ListEventSourceMappings",
        json!({"EventSourceMappings": [{"EventSourceArn": arn("sqs", "denials"), "State": "Enabled"}]}),
    );
    check(&health(whole).await, &["function Fault: it feeds the function, but one failure"]);
    let off = Account::default().with(
        "ListEventSourceMappings",
        json!({"EventSourceMappings": [{"EventSourceArn": arn("sqs", "denials"), "State": "Disabled"}]}),
    );
    check(&health(off).await, &["function Fault: its mapping to the function is `Disabled`"]);
    let bare = Account::default().with(
        "GetQueueAttributes",
        json!({"Attributes": {"ApproximateNumberOfMessages": "2", "VisibilityTimeout": "660"}}),
    );
    check(
        &health(bare).await,
        &["queue Fault: its policy does not let EventBridge", "queue Fault: it has no dead-letter queue"],
    );
    let env = json!({"Variables": {"DENYWATCH_CONFIG": "version = 2", "DENYWATCH_PAUSED": "1"}});
    let odd = Account::default().with("GetFunctionConfiguration", json!({"Timeout": 100, "Environment": env}));
    check(
        &health(odd).await,
        &["configuration Fault: configuration: `version` is 2", "configuration Unknown: could not be checked"],
    );
}

#[tokio::test]
async fn receivers_and_role() {
    let pending = |arns: &str| {
        format!(
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>{arns}</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
        )
    };
    // Its answer is XML, so it stands here as text.
    let server = |body: String| {
        Server::start(move |request, _| match operation(request).as_str() {
            "ListSubscriptionsByTopic" => Reply::new(200, body.clone()),
            other => healthy(other),
        })
    };
    let settings = Settings::parse(CONFIG).unwrap();
    for (arns, expect) in [
        (
            "<member><SubscriptionArn>PendingConfirmation</SubscriptionArn></member><member><SubscriptionArn>a</SubscriptionArn></member>",
            "1 of 2 subscriptions are not confirmed",
        ),
        ("", "nobody is subscribed"),
    ] {
        let server = server(pending(arns));
        let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
        let mut health = Health::default();
        receivers::look(&aws, &settings, true, &mut health).await;
        let says = ills(&health);
        assert!(says[0].contains("sending is paused") && says[1].contains(expect), "{says:?}");
    }
    let lacking = health(Account::default().with("GetFunctionConfiguration", json!({"FunctionArn": arn("lambda", "function:denywatch"),
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/denywatch"), "Timeout": 100,
        "Environment": {"Variables": {"DENYWATCH_CONFIG": CONFIG.replace("topic", "t").replace(":denials'", ":other'")}}}))).await;
    check(&lacking, &["role Fault: it lacks sns:Publish on arn:aws:sns:us-east-1:111122223333:other"]);
}

#[test]
fn the_sweep_and_the_reports_are_among_the_needs() {
    let function =
        function::Function { arn: Some(arn("lambda", "function:denywatch")), ..function::Function::default() };
    let needs = |config: &str| {
        let all = rights::needs(&function, Some(&Settings::parse(config).unwrap()), None);
        all.into_iter().map(|need| format!("{} {}", need.action, need.resource)).collect::<BTreeSet<_>>()
    };
    let bare = "version = 1\n[[route]]\nto = 'stdout'\n";
    assert!(needs(bare).contains("cloudtrail:LookupEvents *"));
    assert!(!needs(bare).iter().any(|need| need.starts_with("s3:")));
    let shelf = needs(&format!("{bare}[report]\nbucket = 's3://shelf/weeks/'"));
    for action in ["s3:PutObject", "s3:GetObject"] {
        assert!(shelf.contains(&format!("{action} arn:aws:s3:::shelf/weeks/x")), "{shelf:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_told_and_is_no_fault() {
    let refused = [
        "DescribeRegions",
        "DescribeTrails",
        "GetTrailStatus",
        "ListEventBuses",
        "GetQueueAttributes",
        "GetParameter",
        "ListEventSourceMappings",
    ];
    for operation in refused {
        let health = health(Account::default().refusing(operation, "AccessDeniedException")).await;
        let unknown: Vec<&Point> = health.points.iter().filter(|point| point.state == State::Unknown).collect();
        assert!(!unknown.is_empty() && unknown[0].says.starts_with("could not be checked"), "{operation}: {unknown:?}");
    }
}
