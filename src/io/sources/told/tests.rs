use super::*;
use crate::denial::{ReasonKind, from_excerpt, text};
use crate::io::aws::tests::config;
use crate::io::doubles::{Reply, Server};
use serde_json::json;

const ID: &str = "0f9j3k2l1m0n9b8v7c6x5z4";
const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/app/s";
const TARGET: &str = "arn:aws:iam::111122223333:role/other";

fn told(server: &Server) -> Told {
    let mut told = Told::new(Aws::from_config(config(&server.url())));
    told.waits = vec![Duration::from_millis(1); 3];
    told
}

fn with_id() -> Denial {
    let said = format!(
        "User: {ROLE} is not authorized to perform: iam:GetRole on resource: {TARGET} because no identity-based policy \
         allows the iam:GetRole action. Go to https://us-east-1.console.aws.amazon.com/iam-toolbox/authorization-details/{ID} \
         for complete details, or call the GetRequestAuthorizationDetails API with the following authorization id: {ID}"
    );
    let mut denial = from_excerpt(&text::find(&said)[0], &Given::default(), Catalog::embedded());
    assert_eq!(denial.reason.authorization_id.as_deref(), Some(ID));
    denial.region = Some("us-east-2".to_owned());
    denial
}

fn encoded_denial() -> Denial {
    let said = "An error occurred (UnauthorizedOperation) when calling the RunInstances operation: You are not authorized to \
                perform this operation. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm";
    from_excerpt(&text::find(said)[0], &Given::default(), Catalog::embedded())
}

async fn sharpen(server: &Server, mut denial: Denial) -> Denial {
    told(server).sharpen(std::slice::from_mut(&mut denial), Catalog::embedded(), Duration::from_secs(20)).await;
    denial
}

#[cfg(feature = "toolbox")]
mod details {
    use super::*;

    fn answer() -> String {
        let scp = "arn:aws:organizations::999999999999:policy/o-1/service_control_policy/p-1";
        json!({
            "requestContext": {"aws:SourceIp": "192.0.2.1", "aws:MultiFactorAuthPresent": false, "x": {"y": 1}},
            "evaluations": [{
                "action": "iam:GetRole", "resource": TARGET, "evaluatedEffect": "EXPLICIT_DENY",
                "context": {"aws:PrincipalTag/team": ["shop"], "n": 3},
                "matchedPolicies": [{"uri": scp, "matchedStatements": [
                    {"sid": "Fence", "evaluatedEffect": "DENY"}, {"sid": "Else", "evaluatedEffect": "ALLOW"}]}]
            }],
            "policies": [
                {"type": "SERVICE_CONTROL_POLICY", "inline": false, "uri": scp, "attachedTo": [{"arn": "arn:aws:x"}]},
                {"type": "OF_TOMORROW", "inline": true, "uri": "u"}
            ]
        })
        .to_string()
    }

    fn not_there() -> Reply {
        Reply::new(404, r#"{"message":"no"}"#).with("x-amzn-errortype", "ResourceNotFoundException")
    }

    #[tokio::test]
    async fn the_details_name_layer_policy_statement_and_keys() {
        let server = Server::start(|_, before| match before {
            0 | 1 => not_there(),
            _ => Reply::new(200, answer()).with("content-type", "application/json"),
        });
        let denial = sharpen(&server, with_id()).await;
        assert_eq!(
            (denial.reason.kind, denial.reason.policy_type),
            (ReasonKind::Explicit, Some(crate::denial::PolicyType::Scp))
        );
        assert!(denial.facts.denied_by[0].starts_with("statement `Fence` of arn:aws:organizations"));
        assert_eq!(denial.facts.denied_by.len(), 1);
        let key = |key: &str| denial.facts.context.get(key).cloned().unwrap_or_default();
        assert_eq!(
            (key("aws:MultiFactorAuthPresent"), key("aws:PrincipalTag/team"), key("n"), key("x")),
            (vec!["false".to_owned()], vec!["shop".to_owned()], vec!["3".to_owned()], vec![])
        );
        let seen = server.seen();
        assert_eq!((seen.len(), seen[2].target.clone()), (3, format!("/authorization-details/{ID}")));
        assert!(seen[2].header("authorization").contains("/us-east-2/iam/aws4_request"), "the denial's own Region");
    }

    #[tokio::test]
    async fn pages_are_read_to_their_end() {
        let server = Server::start(|request, _| {
            let first = !request.target.contains("nextToken");
            let mut body = serde_json::from_str::<Value>(&answer()).unwrap();
            if first {
                body["evaluations"] = json!([]);
                body["nextToken"] = "t".into();
            }
            Reply::new(200, body.to_string())
        });
        let denial = sharpen(&server, with_id()).await;
        assert_eq!(denial.facts.denied_by.len(), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_told_and_the_denial_stays() {
        let check = async |reply: fn() -> Reply, expect: &str| {
            let server = Server::start(move |_, _| reply());
            let denial = sharpen(&server, with_id()).await;
            let told = &denial.facts.unlearnt;
            assert!(told.len() == 1 && told[0].contains(expect), "{told:?}");
            assert_eq!((denial.reason.clone(), denial.permissions.clone()), (with_id().reason, with_id().permissions));
        };
        check(not_there, "knows nothing of this id").await;
        let refused = || Reply::new(403, "{}").with("x-amzn-errortype", "AccessDeniedException");
        check(refused, "`iam:GetRequestAuthorizationDetails` was refused").await;
        check(|| Reply::new(200, "<html>"), "failed").await;
        check(|| Reply::new(200, r#"{"evaluations":"x"}"#), "failed").await;
        check(|| Reply::new(200, "{}"), "do not speak of what was refused").await;
        check(|| Reply::new(200, "[".repeat(100_000)), "failed").await;
    }

    #[tokio::test]
    async fn a_forged_id_reaches_no_path() {
        let server = Server::start(|_, _| Reply::new(200, "{}"));
        let mut denial = with_id();
        denial.reason.authorization_id = Some("../../2015-03-31/functions".to_owned());
        let denial = sharpen(&server, denial).await;
        assert!(denial.facts.unlearnt[0].contains("none that AWS gives out"));
        assert_eq!(server.seen().len(), 0);
    }
}

#[tokio::test]
async fn an_encoded_message_is_decoded() {
    let server = Server::start(|request, _| {
        assert_eq!(request.field("EncodedMessage").as_deref(), Some("4GIOHlTkIaWHQD0Q0m6XSnuUMCm"));
        let inner = json!({"allowed": false, "explicitDeny": false, "matchedStatements": {"items": []}, "context": {
            "principal": {"arn": ROLE}, "action": "ec2:RunInstances",
            "resource": "arn:aws:ec2:eu-west-1:111122223333:instance/*",
            "conditions": {"items": [{"key": "ec2:InstanceType", "values": {"items": [{"value": "t3.micro"}]}}]}}});
        let inner = inner.to_string().replace('"', "&quot;");
        Reply::new(
            200,
            format!(
                "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult><DecodedMessage>{inner}</DecodedMessage></DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
            ),
        )
    });
    let denial = sharpen(&server, encoded_denial()).await;
    assert_eq!((denial.actions[0].as_str(), denial.principal.name.as_deref()), ("ec2:RunInstances", Some("app")));
    assert_eq!(denial.facts.context["ec2:InstanceType"], ["t3.micro"]);
    assert_eq!(denial.reason.kind, ReasonKind::Implicit);
    assert_eq!(denial.facts.learnt, ["AWS's encoded message was decoded"]);
}

#[tokio::test]
async fn a_message_that_nobody_decodes_stays() {
    let check = async |status, body: &'static str, expect: &str| {
        let server = Server::start(move |_, _| Reply::new(status, body));
        let denial = sharpen(&server, encoded_denial()).await;
        assert!(denial.facts.unlearnt[0].contains(expect), "{:?}", denial.facts.unlearnt);
        assert_eq!(denial.reason, encoded_denial().reason);
    };
    check(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
        "`sts:DecodeAuthorizationMessage` was refused",
    )
    .await;
    check(
        400,
        "<ErrorResponse><Error><Code>InvalidAuthorizationMessageException</Code></Error></ErrorResponse>",
        "failed",
    )
    .await;
    check(200, "<R><DecodeAuthorizationMessageResult><DecodedMessage>{</DecodedMessage></DecodeAuthorizationMessageResult></R>", "gave no message").await;
    check(200, "<R><DecodeAuthorizationMessageResult><DecodedMessage>{}</DecodedMessage></DecodeAuthorizationMessageResult></R>", "of an unknown sort").await;
}

#[tokio::test]
async fn time_and_number_are_bounded() {
    let server = Server::start(|_, _| Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"));
    let mut many = vec![encoded_denial(); MOST + 2];
    told(&server).sharpen(&mut many, Catalog::embedded(), Duration::from_secs(60)).await;
    assert_eq!(server.seen().len(), MOST);
    assert!(many[MOST].facts.unlearnt[0].contains("no more than"));
    told(&server).sharpen(&mut many[..1], Catalog::embedded(), Duration::ZERO).await;
    assert!(many[0].facts.unlearnt.iter().any(|what| what.contains("no time was left")));
}
