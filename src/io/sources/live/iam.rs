//! A role or user with all its policies, put together as `get-account-authorization-details` prints it.
//!
//! One principal is read by its own calls and not by that listing, which is the whole account.
//! See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>.

use super::{Answer, Live, code, short, words};
use crate::arn::Arn;
use crate::diagnosis::{Fact, Owner};
use crate::io::aws::ask::IAM;
use crate::io::aws::signed::CallError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Pages of one list; AWS's quotas end long before.
const PAGES: usize = 50;

/// The Region that signs a partition's IAM calls.
/// See <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

/// What bears policies.
#[derive(Clone, Copy)]
struct Bearer<'b> {
    /// `Role`, `User` or `Group`, as in the names of the calls.
    noun: &'static str,
    name: &'b str,
    region: &'static str,
}

impl Bearer<'_> {
    fn words(self) -> String {
        format!("{} `{}`", self.noun.to_ascii_lowercase(), self.name)
    }
}

/// The parts while they are read.
struct Reading<'r> {
    /// The principal's ARN as it was asked for.
    arn: &'r str,
    facts: Vec<Fact>,
    lasting: bool,
}

impl Reading<'_> {
    fn missed(&mut self, what: String, action: &str, error: &CallError) {
        let told = words(action, &what, error);
        self.facts.push(Fact::Unread(Owner::Policies(self.arn.to_owned(), what), told));
        self.lasting &= !error.is_retryable();
    }
}

impl Live {
    /// A principal with its inline and managed policies, its boundary, and a user's groups with theirs.
    pub(super) async fn principal(&mut self, arn: &str, now: Timestamp) -> Answer {
        let Ok(parsed) = arn.parse::<Arn>() else { return Answer::default() };
        let (kind, id) = parsed.resource_type_and_id();
        let noun = if kind == "user" { "User" } else { "Role" };
        let name = id.rsplit('/').next().unwrap_or(id);
        let bearer = Bearer { noun, name, region: home(&parsed.partition) };
        let mut reading = Reading { arn, facts: Vec::new(), lasting: true };
        if let Some(own) = self.account.as_deref().filter(|own| *own != parsed.account) {
            let what = format!("the policies of {}", short(arn));
            let told = format!("{what}: they are of account {}, the credentials of account {own}", parsed.account);
            return Answer::of(vec![Fact::Unread(Owner::Policies(arn.to_owned(), what), told)]);
        }
        match self.entity(bearer, &mut reading, now).await {
            Ok(details) => reading.facts.push(Fact::Entity(details)),
            Err(error) if code(&error) == Some("NoSuchEntity") => reading.facts.push(Fact::Gone(arn.to_owned())),
            Err(error) => {
                let what = format!("the policies of {}", bearer.words());
                reading.missed(what, &format!("iam:Get{noun}"), &error);
            }
        }
        Answer { facts: reading.facts, lasting: reading.lasting }
    }

    async fn entity(
        &mut self,
        bearer: Bearer<'_>,
        reading: &mut Reading<'_>,
        now: Timestamp,
    ) -> Result<Value, CallError> {
        let noun = bearer.noun;
        let (get, key) = (format!("Get{noun}"), format!("{noun}Name"));
        let mut answer = self.signed.query(IAM, &get, Some(bearer.region), &[(&key, bearer.name)]).await?;
        let mut entity = answer.get_mut(noun).map(Value::take).unwrap_or_default();
        let mut arns = self.add_policies(&mut entity, bearer, reading).await;
        arns.extend(entity.pointer("/PermissionsBoundary/PermissionsBoundaryArn").and_then(text));
        let groups = if noun == "User" { self.groups(bearer, reading, &mut arns).await } else { Vec::new() };
        entity["GroupList"] = groups.iter().filter_map(|group| group.get("GroupName").cloned()).collect();
        let policies = self.managed(arns, bearer.region, reading, now).await;
        let list = format!("{noun}DetailList");
        Ok(json!({ list: [entity], "GroupDetailList": groups, "Policies": policies }))
    }

    /// Inline policies and the list of attached ones; gives back the ARNs of the latter.
    async fn add_policies(&self, entity: &mut Value, bearer: Bearer<'_>, reading: &mut Reading<'_>) -> Vec<String> {
        let noun = bearer.noun;
        let inline = self.inline(bearer, reading).await;
        let attached = match self.pages(&format!("ListAttached{noun}Policies"), "AttachedPolicies", bearer).await {
            Ok(attached) => attached,
            Err(error) => {
                let what = format!("the managed policies of {}", bearer.words());
                reading.missed(what, &format!("iam:ListAttached{noun}Policies"), &error);
                Vec::new()
            }
        };
        let arns = attached.iter().filter_map(|policy| policy.get("PolicyArn").and_then(text)).collect();
        if let Some(entity) = entity.as_object_mut() {
            entity.insert(format!("{noun}PolicyList"), Value::Array(inline));
            entity.insert("AttachedManagedPolicies".to_owned(), Value::Array(attached));
        }
        arns
    }

    async fn inline(&self, bearer: Bearer<'_>, reading: &mut Reading<'_>) -> Vec<Value> {
        let noun = bearer.noun;
        let names = match self.pages(&format!("List{noun}Policies"), "PolicyNames", bearer).await {
            Ok(names) => names,
            Err(error) => {
                let what = format!("the inline policies of {}", bearer.words());
                reading.missed(what, &format!("iam:List{noun}Policies"), &error);
                return Vec::new();
            }
        };
        let mut policies = Vec::new();
        let (get, key) = (format!("Get{noun}Policy"), format!("{noun}Name"));
        for name in names.iter().filter_map(Value::as_str) {
            let input = [(key.as_str(), bearer.name), ("PolicyName", name)];
            match self.signed.query(IAM, &get, Some(bearer.region), &input).await {
                Ok(policy) => policies.push(policy),
                // Deleted between the two calls.
                Err(error) if code(&error) == Some("NoSuchEntity") => {}
                Err(error) => {
                    let what = format!("inline policy `{name}` of {}", bearer.words());
                    reading.missed(what, &format!("iam:{get}"), &error);
                }
            }
        }
        policies
    }

    async fn groups(&self, user: Bearer<'_>, reading: &mut Reading<'_>, arns: &mut Vec<String>) -> Vec<Value> {
        let mut groups = match self.pages("ListGroupsForUser", "Groups", user).await {
            Ok(groups) => groups,
            Err(error) => {
                reading.missed(format!("the groups of {}", user.words()), "iam:ListGroupsForUser", &error);
                return Vec::new();
            }
        };
        for group in &mut groups {
            let Some(name) = group.get("GroupName").and_then(text) else { continue };
            let bearer = Bearer { noun: "Group", name: &name, region: user.region };
            arns.extend(self.add_policies(group, bearer, reading).await);
        }
        groups
    }

    /// Managed policies with the version that holds; one that cannot be read is told missing by its ARN.
    async fn managed(
        &mut self,
        mut arns: Vec<String>,
        region: &'static str,
        reading: &mut Reading<'_>,
        now: Timestamp,
    ) -> Vec<Value> {
        arns.sort();
        arns.dedup();
        let mut policies = Vec::new();
        for arn in arns {
            if let Some((_, policy)) = self.managed.get(&arn) {
                policies.push(policy.clone());
                continue;
            }
            match self.managed_policy(&arn, region).await {
                Ok(policy) => {
                    self.managed.insert(arn, (now, policy.clone()));
                    policies.push(policy);
                }
                // Deleted between the calls, with whatever it allowed.
                Err((_, error)) if code(&error) == Some("NoSuchEntity") => {}
                Err((action, error)) => {
                    let told = words(action, &format!("`{arn}`"), &error);
                    reading.facts.push(Fact::Unread(Owner::Policies(reading.arn.to_owned(), arn), told));
                    reading.lasting &= !error.is_retryable();
                }
            }
        }
        policies
    }

    async fn managed_policy(&self, arn: &str, region: &'static str) -> Result<Value, (&'static str, CallError)> {
        let input = [("PolicyArn", arn)];
        let got = self.signed.query(IAM, "GetPolicy", Some(region), &input).await;
        let got = got.map_err(|error| ("iam:GetPolicy", error))?;
        let version = got.pointer("/Policy/DefaultVersionId").and_then(text).unwrap_or_default();
        let input = [("PolicyArn", arn), ("VersionId", version.as_str())];
        let text = self.signed.query(IAM, "GetPolicyVersion", Some(region), &input).await;
        let text = text.map_err(|error| ("iam:GetPolicyVersion", error))?;
        let document = text.pointer("/PolicyVersion/Document").cloned().unwrap_or_default();
        let name = got.pointer("/Policy/PolicyName").cloned().unwrap_or_default();
        let versions = json!([{"IsDefaultVersion": true, "Document": document}]);
        Ok(json!({"Arn": arn, "PolicyName": name, "PolicyVersionList": versions}))
    }

    /// All pages of a list about a bearer.
    async fn pages(&self, operation: &str, list: &str, bearer: Bearer<'_>) -> Result<Vec<Value>, CallError> {
        let (mut all, mut marker) = (Vec::new(), None::<String>);
        let key = format!("{}Name", bearer.noun);
        for _ in 0..PAGES {
            let mut input = vec![(key.as_str(), bearer.name)];
            input.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let mut page = self.signed.query(IAM, operation, Some(bearer.region), &input).await?;
            if let Some(Value::Array(members)) = page.get_mut(list).map(Value::take) {
                all.extend(members);
            }
            marker = page.get("Marker").and_then(text).filter(|_| page["IsTruncated"] == "true");
            if marker.is_none() {
                return Ok(all);
            }
        }
        Err(CallError::Request(format!("`{operation}` has more than {PAGES} pages")))
    }

    /// The trust policy of a role that somebody wanted to assume.
    pub(super) async fn trust(&self, arn: &str) -> Answer {
        let Ok(parsed) = arn.parse::<Arn>() else { return Answer::default() };
        let of = format!("role `{}`", short(arn));
        let owner = || Owner::Resource(arn.to_owned());
        if let Some(own) = self.account.as_deref().filter(|own| *own != parsed.account) {
            let told = format!(
                "the trust policy of {of}: it is of account {}, the credentials of account {own}",
                parsed.account
            );
            return Answer::of(vec![Fact::Unread(owner(), told)]);
        }
        let name = parsed.resource.rsplit('/').next().unwrap_or_default();
        match self.signed.query(IAM, "GetRole", Some(home(&parsed.partition)), &[("RoleName", name)]).await {
            Ok(role) => {
                let document = role.pointer("/Role/AssumeRolePolicyDocument").and_then(text).unwrap_or_default();
                Answer::of(vec![Fact::Trust(arn.to_owned(), document)])
            }
            Err(error) if code(&error) == Some("NoSuchEntity") => {
                Answer::of(vec![Fact::Note(arn.to_owned(), format!("{of} does not exist: AWS refuses to say so"))])
            }
            Err(error) => Answer::failed(owner(), "iam:GetRole", &of, &error),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
