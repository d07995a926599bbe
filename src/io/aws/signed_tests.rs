use super::*;
use crate::io::aws::Aws;
use crate::io::aws::secret::{Secrets, fetch};
use crate::io::doubles::{Reply, Server};
use crate::io::secret::SecretRef;
use serde_json::json;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:denywatch/slack-AbCdEf";

fn aws(server: &Server) -> Aws {
    Aws::from_config(crate::io::aws::tests::config(&server.url()))
}

#[tokio::test]
async fn a_secret_is_fetched_signed_and_once() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"SecretString":"{\"url\":\"https://a.example/x\"}"}"#));
    let secrets = Secrets::new(aws(&server).signed().clone());
    let name = SecretRef::parse("slack.secret", ARN).unwrap();
    assert_eq!(secrets.get(&name).await.unwrap().expose(), "https://a.example/x");
    secrets.get(&name).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/"));
    assert_eq!(seen[0].header("x-amz-target"), "secretsmanager.GetSecretValue");
    assert_eq!(seen[0].body, format!(r#"{{"SecretId":"{ARN}"}}"#));
    let authorization = seen[0].header("authorization");
    assert!(authorization.contains("/eu-west-1/secretsmanager/aws4_request"), "{authorization}");
    assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target"), "{authorization}");
    secrets.forget(&name).await;
    secrets.get(&name).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_parameter_is_decrypted_where_we_run() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"Parameter":{"Value":"version = 1\n"}}"#));
    let text = fetch(aws(&server).signed(), &SecretRef::Parameter("/denywatch/config".into())).await.unwrap();
    assert_eq!(text, "version = 1\n");
    let seen = server.seen();
    assert_eq!(seen[0].body, r#"{"Name":"/denywatch/config","WithDecryption":true}"#);
    assert!(seen[0].header("authorization").contains("/us-east-1/ssm/aws4_request"));
}

#[tokio::test]
async fn busy_is_tried_again_and_refused_is_not() {
    let busy = Server::start(|_, before| match before {
        0 => Reply::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
        1 => Reply::new(503, ""),
        _ => Reply::new(200, r#"{"Parameter":{"Value":"v"}}"#),
    });
    let name = SecretRef::Parameter("p".into());
    assert_eq!(fetch(aws(&busy).signed(), &name).await.unwrap(), "v");
    let denied = Server::start(|_, _| Reply::new(400, r#"{"__type":"a.b#AccessDeniedException","Message":"no"}"#));
    let error = fetch(aws(&denied).signed(), &name).await.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(error.to_string(), "cannot read secret `ssm:p`: `GetParameter`: AccessDeniedException: no");
    assert_eq!(denied.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_without_text_is_an_error_and_not_kept() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"SecretBinary":"AAAA"}"#));
    let secrets = Secrets::new(aws(&server).signed().clone());
    let name = SecretRef::SecretsManager(ARN.into());
    assert_eq!(secrets.get(&name).await.unwrap_err().to_string(), format!("secret `{ARN}` holds no text"));
    secrets.get(&name).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn our_own_calls_are_guarded_too() {
    let server = Server::start(|_, _| Reply::new(200, "{}"));
    let error = aws(&server).signed().call(SSM, "PutParameter", None, &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("`ssm:PutParameter` is not on the list"), "{error}");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn endpoints_of_all_partitions() {
    let bare = SdkConfig::builder().build();
    let signed = Aws::from_config(bare).signed().clone();
    let check = |region, expect: &str| assert_eq!(signed.endpoint(SECRETS_MANAGER, region), expect);
    check("us-east-2", "https://secretsmanager.us-east-2.amazonaws.com/");
    check("us-gov-west-1", "https://secretsmanager.us-gov-west-1.amazonaws.com/");
    check("cn-north-1", "https://secretsmanager.cn-north-1.amazonaws.com.cn/");
    check("us-iso-east-1", "https://secretsmanager.us-iso-east-1.c2s.ic.gov/");
    check("us-isob-east-1", "https://secretsmanager.us-isob-east-1.sc2s.sgov.gov/");
    check("eusc-de-east-1", "https://secretsmanager.eusc-de-east-1.amazonaws.eu/");
}
