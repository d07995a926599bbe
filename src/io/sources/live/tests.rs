use super::*;
use crate::denial::{Given, from_excerpt, text};
use crate::diagnosis::{Held, diagnose};
use crate::finding::{fold, observe};
use crate::io::aws::tests::config;
use crate::io::doubles::{Reply, Request, Server};
use crate::principal::from_arn;
use serde_json::json;
use std::collections::BTreeSet;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const USER: &str = "arn:aws:iam::111122223333:user/ana";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
const ALLOW: &str = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";

/// What a call is: the Query action, the JSON target's operation, or the path.
fn call(request: &Request) -> String {
    let target = request.header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    request.field("Action").or(Some(target).filter(|name| !name.is_empty())).unwrap_or_else(|| request.target.clone())
}

fn xml(operation: &str, body: &str) -> Reply {
    Reply::new(200, format!("<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"))
}

fn refused() -> Reply {
    Reply::new(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
}

fn gone() -> Reply {
    Reply::new(404, "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>")
}

fn json_error(code: &str) -> Reply {
    Reply::new(400, json!({"__type": code, "message": "m"}).to_string())
}

/// An account with one role and one user; what `other` answers goes before.
fn account(other: impl Fn(&str, &Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |request, before| {
        let name = call(request);
        if let Some(reply) = other(&name, request, before) {
            return reply;
        }
        let entity = |noun: &str, arn: &str, trust: &str| {
            let name = arn.rsplit('/').next().unwrap();
            xml(
                &name_of(noun),
                &format!(
                    "<{noun}><{noun}Name>{name}</{noun}Name><Arn>{arn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>{trust}\
                 <Tags><member><Key>team</Key><Value>shop</Value></member></Tags></{noun}>"
                ),
            )
        };
        match name.as_str() {
            "GetCallerIdentity" => xml(&name, "<Account>111122223333</Account>"),
            "GetRole" => entity("Role", ROLE, &format!("<AssumeRolePolicyDocument>{ALLOW}</AssumeRolePolicyDocument>")),
            "GetUser" => entity("User", USER, ""),
            "ListRolePolicies" => match request.field("Marker") {
                None => xml(
                    &name,
                    "<PolicyNames><member>one</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker>",
                ),
                Some(_) => {
                    xml(&name, "<PolicyNames><member>two</member></PolicyNames><IsTruncated>false</IsTruncated>")
                }
            },
            "GetRolePolicy" => {
                let policy = request.field("PolicyName").unwrap();
                xml(&name, &format!("<PolicyName>{policy}</PolicyName><PolicyDocument>{ALLOW}</PolicyDocument>"))
            }
            "ListAttachedRolePolicies" | "ListAttachedGroupPolicies" => xml(
                &name,
                "<AttachedPolicies><member><PolicyName>m</PolicyName><PolicyArn>arn:aws:iam::111122223333:policy/m\
                 </PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>",
            ),
            "GetPolicy" => {
                xml(&name, "<Policy><PolicyName>m</PolicyName><DefaultVersionId>v3</DefaultVersionId></Policy>")
            }
            "GetPolicyVersion" => {
                assert_eq!(request.field("VersionId").as_deref(), Some("v3"));
                xml(&name, &format!("<PolicyVersion><Document>{ALLOW}</Document></PolicyVersion>"))
            }
            "ListUserPolicies" | "ListGroupPolicies" => xml(&name, "<PolicyNames/><IsTruncated>false</IsTruncated>"),
            "ListAttachedUserPolicies" => xml(&name, "<AttachedPolicies/>"),
            "ListGroupsForUser" => xml(&name, "<Groups><member><GroupName>devs</GroupName></member></Groups>"),
            "DescribeOrganization" => json_error("AWSOrganizationsNotInUseException"),
            "GetKeyPolicy" => Reply::new(200, json!({"Policy": r#"{"Statement":[]}"#}).to_string()),
            "ListGrants" => Reply::new(200, json!({"Grants": [{"Operations": ["Decrypt"]}]}).to_string()),
            _ => Reply::new(404, "{}"),
        }
    })
}

fn name_of(noun: &str) -> String {
    format!("Get{noun}")
}

fn findings(caller: &str, action: &str, resource: &str) -> Vec<Finding> {
    let said = format!(
        "User: {caller} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
         allows the {action} action"
    );
    let excerpts = text::find(&said);
    let catalog = crate::catalog::Catalog::embedded();
    let denials = excerpts.iter().map(|excerpt| from_excerpt(excerpt, &Given::default(), catalog));
    fold(denials.map(|denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    }))
}

fn moment(second: i64) -> Moment {
    Moment { now: Timestamp::from_second(1_790_000_000 + second).unwrap(), within: Duration::from_secs(30) }
}

fn live(server: &Server) -> Live {
    Live::new(&Aws::from_config(config(&server.url())), Duration::from_secs(300))
}

async fn held(server: &Server, caller: &str, action: &str, resource: &str) -> Held {
    let (in_force, problems) =
        live(server).read(&findings(caller, action, resource), &InForce::default(), moment(0)).await;
    assert_eq!(problems, []);
    in_force.of(&from_arn(caller)).unwrap()
}

fn names(held: &Held) -> Vec<&str> {
    held.identity.iter().map(|named| named.name.as_str()).collect()
}

#[tokio::test]
async fn a_role_comes_whole() {
    let server = account(|_, _, _| None);
    let held = held(&server, "arn:aws:sts::111122223333:assumed-role/app/run", "kms:Decrypt", KEY).await;
    assert_eq!((held.arn.as_deref(), names(&held)), (Some(ROLE), vec!["one", "two", "m"]));
    assert_eq!(held.tags["team"], "shop");
    assert!(held.unbound && held.missing.is_empty() && held.unread.is_empty());
    assert!(held.resource_policy("kms:Decrypt", KEY).is_some());
}

#[tokio::test]
async fn a_user_comes_with_its_groups_and_its_grants() {
    let server = account(|_, _, _| None);
    let held = held(&server, USER, "kms:Decrypt", KEY).await;
    assert_eq!(names(&held), ["m"]);
    assert_eq!(held.identity[0].origin, crate::diagnosis::Origin::Group);
    let notes = &held.known_of(KEY).unwrap().notes;
    assert_eq!(notes, &BTreeSet::from(["a grant lets user/ana use the key for Decrypt".to_owned()]));
}

#[tokio::test]
async fn what_is_refused_is_told_by_its_name_and_asked_once() {
    let server = account(|name, _, _| match name {
        "GetRolePolicy" => Some(refused()),
        "GetKeyPolicy" | "DescribeOrganization" => Some(json_error("AccessDeniedException")),
        _ => None,
    });
    let mut live = live(&server);
    let asked = findings(ROLE, "kms:Decrypt", KEY);
    let (in_force, _) = live.read(&asked, &InForce::default(), moment(0)).await;
    let held = in_force.of(&from_arn(ROLE)).unwrap();
    let told: Vec<&str> = held.unread.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "`iam:GetRolePolicy` was refused for inline policy `one` of role `app`",
            "`iam:GetRolePolicy` was refused for inline policy `two` of role `app`",
            "`organizations:DescribeOrganization` was refused for account 111122223333",
        ]
    );
    assert_eq!(held.missing, ["inline policy `one` of role `app`", "inline policy `two` of role `app`"]);
    let key: Vec<&str> = held.known_of(KEY).unwrap().unread.iter().map(String::as_str).collect();
    assert_eq!(key, [format!("`kms:GetKeyPolicy` was refused for `{KEY}`")]);

    let before = server.seen().len();
    live.read(&asked, &InForce::default(), moment(200)).await;
    assert_eq!(server.seen().len(), before, "answers are kept");
    live.read(&asked, &InForce::default(), moment(400)).await;
    assert!(server.seen().len() > before, "and grow old");
}

#[tokio::test]
async fn a_principal_without_any_access_to_iam_leaves_the_message_alone() {
    let server = account(|name, _, _| (name == "GetRole").then(refused));
    let held = held(&server, ROLE, "kms:Decrypt", KEY).await;
    assert!(!held.tells_identity());
    assert_eq!(held.missing, ["the policies of role `app`"]);
    assert!(held.unread.contains("`iam:GetRole` was refused for the policies of role `app`"));
}

#[tokio::test]
async fn a_role_that_is_gone_is_told() {
    let server = account(|name, _, _| (name == "GetRole").then(gone));
    let held = held(&server, ROLE, "kms:Decrypt", KEY).await;
    assert_eq!(held.outlived(&from_arn(ROLE), None).as_deref(), Some("role `app` no longer exists"));
}

#[tokio::test]
async fn a_policy_deleted_meanwhile_allows_nothing_and_is_not_missing() {
    let server = account(|name, _, _| matches!(name, "GetPolicy" | "GetRolePolicy").then(gone));
    let held = held(&server, ROLE, "kms:Decrypt", KEY).await;
    assert!(held.identity.is_empty() && held.unread.is_empty());
    assert_eq!(held.missing, ["arn:aws:iam::111122223333:policy/m"], "attached when it was listed");
}

#[tokio::test]
async fn busy_is_tried_again_and_not_kept() {
    let busy = || Reply::new(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>");
    let server = account(move |name, _, before| (name == "GetRole" && before < 2).then(busy));
    assert!(held(&server, ROLE, "kms:Decrypt", KEY).await.tells_identity());
    let server = account(move |name, _, _| (name == "GetRole").then(busy));
    let mut live = live(&server);
    let asked = findings(ROLE, "kms:Decrypt", KEY);
    let (in_force, _) = live.read(&asked, &InForce::default(), moment(0)).await;
    let told = in_force.of(&from_arn(ROLE)).unwrap().unread;
    assert!(
        told.iter()
            .any(|what| what.contains("`iam:GetRole` failed for the policies of role `app`: `GetRole`: Throttling"))
    );
    let asks = || server.seen().iter().filter(|request| call(request) == "GetRole").count();
    assert_eq!(asks(), 3);
    live.read(&asked, &InForce::default(), moment(1)).await;
    assert_eq!(asks(), 6);
}

#[tokio::test]
async fn another_accounts_principal_is_not_looked_for() {
    let server = account(|_, _, _| None);
    let theirs = "arn:aws:iam::444455556666:role/app";
    let held = held(&server, theirs, "kms:Decrypt", KEY).await;
    assert!(!held.tells_identity());
    assert!(
        held.unread
            .iter()
            .any(|what| what.ends_with("of account 444455556666, the credentials of account 111122223333"))
    );
    assert!(server.seen().iter().all(|request| call(request) != "GetRole"));
}

#[tokio::test]
async fn the_organization_comes_by_level_root_first() {
    let server = account(|name, request, _| {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        Some(match name {
            "DescribeOrganization" => Reply::new(
                200,
                json!({"Organization": {"MasterAccountId": "999999999999", "FeatureSet": "ALL"}}).to_string(),
            ),
            "ListParents" => Reply::new(
                200,
                match text("ChildId").as_str() {
                    "111122223333" => json!({"Parents": [{"Id": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}]}),
                    _ => json!({"Parents": [{"Id": "r-1", "Type": "ROOT"}]}),
                }
                .to_string(),
            ),
            "ListPoliciesForTarget" if text("Filter") == "RESOURCE_CONTROL_POLICY" => {
                Reply::new(200, json!({"Policies": []}).to_string())
            }
            "ListPoliciesForTarget" => match body["NextToken"].as_str() {
                None => Reply::new(200, json!({"Policies": [], "NextToken": "n"}).to_string()),
                Some(_) => {
                    let id = format!("p-{}", text("TargetId"));
                    Reply::new(
                        200,
                        json!({"Policies": [{"Id": id, "Arn": format!("arn:{id}"), "Name": id}]}).to_string(),
                    )
                }
            },
            "DescribePolicy" => Reply::new(200, json!({"Policy": {"Content": r#"{"Statement":[]}"#}}).to_string()),
            _ => return None,
        })
    });
    let held = held(&server, ROLE, "kms:Decrypt", KEY).await;
    let names: Vec<&str> = held.scp.iter().flatten().map(|named| named.name.as_str()).collect();
    assert_eq!((names, held.rcp.len()), (vec!["p-r-1", "p-ou-1", "p-111122223333"], 0));
}

#[tokio::test]
async fn a_trust_policy_is_the_targets() {
    let server = account(|_, _, _| None);
    let held = held(&server, USER, "sts:AssumeRole", ROLE).await;
    assert!(held.resource_policy("sts:AssumeRole", ROLE).is_some());
    assert_eq!(names(&held), ["m"], "the target's own policies are not read");
}

#[tokio::test]
async fn a_bucket_is_asked_where_it_is_and_may_have_no_policy() {
    let server = account(|name, request, _| {
        (name == "/shop?policy").then(|| match request.header("authorization").contains("/eu-west-3/s3/") {
            true => Reply::new(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>"),
            false => Reply::new(301, "<Error><Code>PermanentRedirect</Code></Error>")
                .with("x-amz-bucket-region", "eu-west-3"),
        })
    });
    let held = held(&server, ROLE, "s3:GetObject", "arn:aws:s3:::shop/k").await;
    let policy = held.resource_policy("s3:GetObject", "arn:aws:s3:::shop/k").unwrap();
    assert_eq!(policy.document.statements.len(), 0);
}

#[tokio::test]
async fn garbage_is_told_and_harms_nothing_else() {
    let server = account(|name, _, _| match name {
        "GetKeyPolicy" => Some(Reply::new(200, json!({"Policy": "not JSON"}).to_string())),
        "ListRolePolicies" => Some(Reply::new(200, "<html>")),
        "GetPolicyVersion" => Some(xml(name, "<PolicyVersion><Document>%7B</Document></PolicyVersion>")),
        _ => None,
    });
    let (in_force, problems) =
        live(&server).read(&findings(ROLE, "kms:Decrypt", KEY), &InForce::default(), moment(0)).await;
    let inputs: Vec<&str> = problems.iter().map(|problem| problem.input.as_str()).collect();
    assert_eq!(inputs, ["AWS:arn:aws:iam::111122223333:policy/m", &format!("AWS:{KEY}")]);
    let held = in_force.of(&from_arn(ROLE)).unwrap();
    assert!(held.unread.iter().any(|what| what.contains("`iam:ListRolePolicies` failed")));
}

#[tokio::test]
async fn without_credentials_all_is_unread_and_the_reason_a_problem() {
    let server = Server::start(|_, _| json_error("ExpiredToken"));
    let (in_force, problems) =
        live(&server).read(&findings(ROLE, "kms:Decrypt", KEY), &InForce::default(), moment(0)).await;
    assert_eq!(problems.len(), 1);
    let held = in_force.of(&from_arn(ROLE)).unwrap();
    assert!(!held.missing.is_empty() && !held.known_of(KEY).unwrap().unread.is_empty());
}

#[tokio::test]
async fn a_reading_ends_in_time() {
    let server = account(|_, _, _| None);
    let late = Moment { within: Duration::ZERO, ..moment(0) };
    let (in_force, problems) = live(&server).read(&findings(ROLE, "kms:Decrypt", KEY), &InForce::default(), late).await;
    assert_eq!(problems[0].error, "not read from AWS: no time was left");
    assert!(!in_force.of(&from_arn(ROLE)).unwrap().tells_identity());
}
