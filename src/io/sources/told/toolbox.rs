//! `iam-toolbox:GetRequestAuthorizationDetails`, by AWS's own client behind our guard.
//! See <https://docs.aws.amazon.com/iam-toolbox/latest/APIReference/>.

use super::Told;
use crate::catalog::Catalog;
use crate::denial::{Authorization, Denial, Effect, Evaluation, Matched, PolicyType};
use crate::io::aws::failure;
use aws_config::retry::RetryConfig;
use aws_sdk_iamtoolbox::Client;
use aws_sdk_iamtoolbox::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iamtoolbox::operation::get_request_authorization_details::{
    GetRequestAuthorizationDetailsError, GetRequestAuthorizationDetailsOutput,
};
use aws_sdk_iamtoolbox::types::{self, EvaluatedEffect, PolicyInfo, StatementEffect};
use aws_smithy_types::{Document, Number};
use std::collections::BTreeMap;

/// Pages that are read of one answer; evaluations kept of all.
const PAGES: usize = 10;
const EVALUATIONS: usize = 100;

impl Told {
    pub(super) async fn details(&self, denial: &mut Denial, id: &str, catalog: &Catalog) {
        // It stands in the request's path.
        if id.is_empty() || id.len() > 256 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return denial.not_learnt("the authorization details: their id is none that AWS gives out");
        }
        let mut config = match &denial.region {
            Some(region) => self.aws.in_region(region),
            None => self.aws.config().clone(),
        };
        config = config.to_builder().retry_config(RetryConfig::standard()).build();
        let client = Client::new(&config);
        for wait in self.waits.iter().map(Some).chain([None]) {
            match authorization(&client, id).await {
                Ok(told) => return denial.add_authorization(&told, catalog),
                // AWS writes the details down some seconds after the refusal.
                Err(error) if is_not_there(&error) && wait.is_some() => {
                    tokio::time::sleep(wait.copied().unwrap_or_default()).await;
                }
                Err(error) => return denial.not_learnt(&failed(&error)),
            }
        }
    }
}

type Failure = SdkError<GetRequestAuthorizationDetailsError>;

fn is_not_there(error: &Failure) -> bool {
    error.as_service_error().is_some_and(GetRequestAuthorizationDetailsError::is_resource_not_found_exception)
}

fn failed(error: &Failure) -> String {
    let action = "`iam:GetRequestAuthorizationDetails`";
    match error.as_service_error() {
        Some(fault) if fault.is_access_denied_exception() => format!("{action} was refused"),
        Some(fault) if fault.is_resource_not_found_exception() => {
            format!("{action} knows nothing of this id: it expired, or is of another Region")
        }
        Some(fault) => format!("{action} failed: {}", fault.code().unwrap_or("unknown error")),
        None => format!("{action} failed: {}", failure::words(error)),
    }
}

/// All pages of one answer.
async fn authorization(client: &Client, id: &str) -> Result<Authorization, Failure> {
    let (mut told, mut next) = (Authorization::default(), None);
    for _ in 0..PAGES {
        let page = client.get_request_authorization_details().authorization_id(id).set_next_token(next).send().await?;
        next = page.next_token.clone();
        take(&mut told, page);
        if next.is_none() {
            break;
        }
    }
    Ok(told)
}

fn take(told: &mut Authorization, page: GetRequestAuthorizationDetailsOutput) {
    told.context.extend(context(page.request_context));
    let policies: BTreeMap<&str, &PolicyInfo> =
        page.policies.iter().filter_map(|policy| Some((policy.uri.as_deref()?, policy))).collect();
    if told.policies.is_empty() {
        for sort in page.policies.iter().filter_map(|policy| sort(policy.r#type.as_ref()?)) {
            *told.policies.entry(sort).or_default() += 1;
        }
    }
    let left = EVALUATIONS.saturating_sub(told.evaluations.len());
    told.evaluations.extend(page.evaluations.into_iter().take(left).map(|one| evaluation(one, &policies)));
}

fn evaluation(one: types::Evaluation, policies: &BTreeMap<&str, &PolicyInfo>) -> Evaluation {
    let effect = match one.evaluated_effect {
        Some(EvaluatedEffect::Allow) => Effect::Allow,
        Some(EvaluatedEffect::ExplicitDeny) => Effect::ExplicitDeny,
        Some(EvaluatedEffect::ImplicitDeny) => Effect::ImplicitDeny,
        _ => Effect::Unknown,
    };
    let matched = one.matched_policies.unwrap_or_default().into_iter().take(EVALUATIONS).flat_map(|policy| {
        let info = policies.get(policy.uri.as_str()).copied();
        let statements = policy.matched_statements.unwrap_or_default();
        statements.into_iter().take(EVALUATIONS).map(move |statement| matched(&policy.uri, info, statement))
    });
    let matched = matched.collect();
    let context = one.context.map(context).unwrap_or_default();
    Evaluation { action: one.action, resource: one.resource, effect, context, matched }
}

fn matched(uri: &str, info: Option<&PolicyInfo>, statement: types::MatchedStatement) -> Matched {
    let bearers = info.and_then(|info| info.attached_to.as_deref()).unwrap_or_default();
    Matched {
        policy_type: info.and_then(|info| sort(info.r#type.as_ref()?)),
        uri: uri.to_owned(),
        inline: info.and_then(|info| info.inline).unwrap_or(!uri.starts_with("arn:")),
        attached_to: bearers.iter().filter_map(|bearer| bearer.arn.clone()).take(EVALUATIONS).collect(),
        sid: statement.sid,
        denies: statement.evaluated_effect == Some(StatementEffect::Deny),
    }
}

fn sort(policy: &types::PolicyType) -> Option<PolicyType> {
    Some(match policy {
        types::PolicyType::IdentityBasedPolicy => PolicyType::Identity,
        types::PolicyType::PermissionsBoundary => PolicyType::Boundary,
        types::PolicyType::ResourceBasedPolicy => PolicyType::Resource,
        types::PolicyType::ResourceControlPolicy => PolicyType::Rcp,
        types::PolicyType::ServiceControlPolicy => PolicyType::Scp,
        types::PolicyType::SessionPolicy => PolicyType::Session,
        types::PolicyType::VpcEndpointPolicy => PolicyType::VpcEndpoint,
        _ => return None,
    })
}

/// Keys and their values as text; what is no value of a condition key is left out.
fn context(keys: impl IntoIterator<Item = (String, Document)>) -> BTreeMap<String, Vec<String>> {
    let values = |value: Document| match value {
        Document::Array(list) => list.into_iter().map(|value| text(&value)).collect::<Option<Vec<_>>>(),
        one => text(&one).map(|one| vec![one]),
    };
    keys.into_iter().filter_map(|(key, value)| Some((key, values(value)?))).collect()
}

fn text(value: &Document) -> Option<String> {
    match value {
        Document::String(text) => Some(text.clone()),
        Document::Bool(flag) => Some(flag.to_string()),
        Document::Number(Number::PosInt(number)) => Some(number.to_string()),
        Document::Number(Number::NegInt(number)) => Some(number.to_string()),
        Document::Number(Number::Float(number)) => Some(number.to_string()),
        Document::Array(_) | Document::Object(_) | Document::Null => None,
    }
}
