//! Service and resource control policies above an account, by level, where the credentials may see them: those of the
//! management account or of a delegated administrator.
//! See <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPoliciesForTarget.html>.

use super::{Answer, code};
use crate::diagnosis::{Fact, Guardrail, Owner};
use crate::io::aws::ask::ORGANIZATIONS;
use crate::io::aws::signed::{CallError, Signed};
use serde_json::{Value, json};

/// Organizational units nest five deep.
/// See <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
const DEEPEST: usize = 8;
/// Pages of one list.
const PAGES: usize = 20;

/// The Region of a partition's Organizations.
/// See <https://docs.aws.amazon.com/general/latest/gr/ao.html>.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

/// The call that failed, and how.
type Failed = (&'static str, CallError);

struct Organization<'o> {
    signed: &'o Signed,
    region: &'static str,
}

pub(super) async fn read(signed: &Signed, account: &str, partition: &str) -> Answer {
    let organization = Organization { signed, region: home(partition) };
    match organization.facts(account).await {
        Ok(facts) => Answer::of(facts),
        Err((_, error)) if code(&error) == Some("AWSOrganizationsNotInUseException") => {
            Answer::of(vec![Fact::NoOrganization(account.to_owned())])
        }
        Err((action, error)) => {
            Answer::failed(Owner::Account(account.to_owned()), action, &format!("account {account}"), &error)
        }
    }
}

impl Organization<'_> {
    async fn facts(&self, account: &str) -> Result<Vec<Fact>, Failed> {
        let told = self.call("organizations:DescribeOrganization", json!({})).await?;
        let text = |key: &str| told.pointer(&format!("/Organization/{key}")).and_then(Value::as_str);
        // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
        if text("MasterAccountId") == Some(account) || text("FeatureSet") == Some("CONSOLIDATED_BILLING") {
            return Ok(vec![Fact::NoOrganization(account.to_owned())]);
        }
        let levels = self.levels(account).await?;
        let (mut scp, mut rcp) = (Vec::new(), Vec::new());
        for level in &levels {
            scp.push(self.policies(level, "SERVICE_CONTROL_POLICY").await?);
            rcp.push(self.policies(level, "RESOURCE_CONTROL_POLICY").await?);
        }
        Ok(vec![Fact::Scp(account.to_owned(), scp), Fact::Rcp(account.to_owned(), without_empty(rcp))])
    }

    /// The account, its units, the root; the root first.
    async fn levels(&self, account: &str) -> Result<Vec<String>, Failed> {
        let mut levels = vec![account.to_owned()];
        while levels.len() < DEEPEST {
            let child = levels.last().cloned().unwrap_or_default();
            let parents = self.list("organizations:ListParents", json!({"ChildId": child}), "Parents").await?;
            let Some(parent) = parents.first() else { break };
            levels.extend(parent.get("Id").and_then(Value::as_str).map(str::to_owned));
            if parent["Type"] == "ROOT" {
                break;
            }
        }
        levels.reverse();
        Ok(levels)
    }

    async fn policies(&self, level: &str, filter: &str) -> Result<Vec<Guardrail>, Failed> {
        let input = json!({"TargetId": level, "Filter": filter});
        let listed = self.list("organizations:ListPoliciesForTarget", input, "Policies").await?;
        let mut policies = Vec::new();
        for policy in &listed {
            let text = |key: &str| policy.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let got = self.call("organizations:DescribePolicy", json!({"PolicyId": text("Id")})).await?;
            let content = got.pointer("/Policy/Content").and_then(Value::as_str).unwrap_or_default();
            policies.push(Guardrail { arn: text("Arn"), name: text("Name"), text: content.to_owned() });
        }
        Ok(policies)
    }

    /// All pages of a list.
    async fn list(&self, action: &'static str, mut input: Value, list: &str) -> Result<Vec<Value>, Failed> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let mut page = self.call(action, input.clone()).await?;
            if let Some(Value::Array(members)) = page.get_mut(list).map(Value::take) {
                all.extend(members);
            }
            match page.get("NextToken").and_then(Value::as_str) {
                Some(token) => input["NextToken"] = token.into(),
                None => return Ok(all),
            }
        }
        Err((action, CallError::Request(format!("more than {PAGES} pages"))))
    }

    async fn call(&self, action: &'static str, input: Value) -> Result<Value, Failed> {
        let operation = action.trim_start_matches("organizations:");
        let answer = self.signed.call(ORGANIZATIONS, operation, Some(self.region), &input).await;
        answer.map_err(|error| (action, error))
    }
}

/// Where resource control policies are not switched on, no level has any.
fn without_empty(levels: Vec<Vec<Guardrail>>) -> Vec<Vec<Guardrail>> {
    if levels.iter().all(Vec::is_empty) { Vec::new() } else { levels }
}
