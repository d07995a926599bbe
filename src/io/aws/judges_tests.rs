use super::*;
use crate::io::aws::Aws;
use crate::io::aws::tests::config;
use crate::io::doubles::{Reply, Server};
use crate::policy::ContextValue;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

fn recorded() -> Request {
    Request {
        principal: ROLE.to_owned(),
        action: "sqs:SendMessage".to_owned(),
        resource: QUEUE.to_owned(),
        context: [("aws:SourceIp".to_owned(), ContextValue::from("192.0.2.1"))].into(),
        ..Request::default()
    }
}

async fn asked(server: &Server, kind: TargetKind, principal: Option<&str>) -> Vec<Asked> {
    let aws = Aws::from_config(config(&server.url()));
    let document = Document::new(vec![Statement::allow(["sqs:SendMessage"], [QUEUE])]);
    let held = Document::new(vec![Statement::allow(["s3:GetObject"], ["*"]).with_sid("Held")]);
    let (recorded, in_force) = ([recorded()], [&held]);
    let (document, exact) = (&document, &document);
    ask(aws.signed(), 0, Question { document, exact, in_force: &in_force, kind, principal, recorded: &recorded }).await
}

/// The three verdicts, or why one was not asked.
async fn words(server: &Server) -> [String; 3] {
    let all = asked(server, TargetKind::RolePolicy, Some(ROLE)).await;
    let word = |one: &Asked| one.verdict.clone().or(one.not_asked.clone()).unwrap_or_default();
    [word(&all[0]), word(&all[1]), word(&all[2])]
}

fn simulated(decision: &str) -> String {
    format!(
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member>\
         <EvalActionName>sqs:SendMessage</EvalActionName><EvalDecision>{decision}</EvalDecision></member></EvaluationResults>\
         </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
}

fn agreeing(target: &str) -> Reply {
    match target {
        "/policy/validation" => Reply::new(200, r#"{"findings":[]}"#),
        "/policy/check-no-new-access" => Reply::new(200, r#"{"result":"PASS","message":"no new access","reasons":[]}"#),
        _ => Reply::new(200, simulated("allowed")),
    }
}

#[tokio::test]
async fn the_three_are_asked_with_the_patch_and_what_is_in_force() {
    let server = Server::start(|request, _| agreeing(&request.target));
    assert_eq!(words(&server).await, ["no findings", "PASS", "allowed"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].body.contains(r#""policyType":"IDENTITY_POLICY""#), "{}", seen[0].body);
    assert!(seen[0].header("authorization").contains("/us-east-1/access-analyzer/aws4_request"));
    let both: Value = serde_json::from_str(&seen[1].body).unwrap();
    for side in ["existingPolicyDocument", "newPolicyDocument"] {
        let text = both[side].as_str().unwrap();
        assert!(text.contains("s3:GetObject") && text.contains("sqs:SendMessage") && !text.contains("Held"), "{text}");
    }
    assert_eq!(seen[2].field("Action").as_deref(), Some("SimulatePrincipalPolicy"));
    assert_eq!(seen[2].field("PolicySourceArn").as_deref(), Some(ROLE));
    assert_eq!(seen[2].field("ContextEntries.member.1.ContextKeyName").as_deref(), Some("aws:SourceIp"));
    assert_eq!(seen[2].field("ResourceArns.member.1").as_deref(), Some(QUEUE));
}

#[tokio::test]
async fn what_they_object_to_is_told() {
    let server = Server::start(|request, _| match request.target.as_str() {
        "/policy/validation" => Reply::new(
            200,
            r#"{"findings":[{"findingType":"ERROR","issueCode":"INVALID_ACTION","findingDetails":"no such action"}]}"#,
        ),
        "/policy/check-no-new-access" => {
            Reply::new(200, r#"{"result":"FAIL","message":"new access","reasons":[{"description":"in statement 0"}]}"#)
        }
        _ => Reply::new(200, simulated("explicitDeny")),
    });
    let all = asked(&server, TargetKind::RolePolicy, Some(ROLE)).await;
    assert_eq!(all[0].says, ["ERROR INVALID_ACTION: no such action"]);
    assert_eq!((all[1].verdict.as_deref(), all[1].says.len()), (Some("FAIL"), 2));
    assert_eq!(
        (all[2].verdict.as_deref(), all[2].says[0].as_str()),
        (Some("denied"), &*format!("explicitDeny: sqs:SendMessage on {QUEUE}"))
    );
}

#[tokio::test]
async fn who_refuses_or_mumbles_was_not_asked() {
    let refused = Server::start(|request, _| match request.target.as_str() {
        "/" => Reply::new(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        ),
        _ => Reply::new(403, r#"{"__type":"AccessDeniedException","message":"not yours"}"#),
    });
    let [one, two, three] = words(&refused).await;
    assert!(
        one.contains("AccessDenied") && two.contains("AccessDenied") && three.contains("AccessDenied"),
        "{one} {two} {three}"
    );
    for body in ["", "{}", "[]", "<x/>", r#"{"findings":7,"result":null}"#] {
        let garbled = Server::start(move |_, _| Reply::new(200, body));
        let all = asked(&garbled, TargetKind::RolePolicy, Some(ROLE)).await;
        assert!(all.iter().all(|one| one.verdict.is_none() && one.not_asked.is_some()), "{body}: {all:?}");
    }
}

#[tokio::test]
async fn busy_is_tried_again() {
    let server = Server::start(|request, before| match before {
        0 => Reply::new(429, r#"{"__type":"ThrottlingException","message":"slow down"}"#),
        _ => agreeing(&request.target),
    });
    assert_eq!(words(&server).await, ["no findings", "PASS", "allowed"]);
}

#[tokio::test]
async fn what_does_not_fit_is_not_asked() {
    let server = Server::start(|request, _| agreeing(&request.target));
    let bucket = asked(&server, TargetKind::BucketPolicy, Some(ROLE)).await;
    assert_eq!(bucket[2].not_asked.as_deref(), Some("it judges a principal's own policies only"));
    let nobody = asked(&server, TargetKind::RolePolicy, None).await;
    assert_eq!(nobody[2].not_asked.as_deref(), Some("the principal's whole ARN is not known"));
    let above = asked(&server, TargetKind::Rcp, None).await;
    assert!(above.iter().all(|one| one.not_asked.is_some()));
}
