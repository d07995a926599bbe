//! Resource ARNs rebuilt from `requestParameters`.

use super::form;
use super::{Action, Catalog, ResourceType, template};
use crate::arn::Arn;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known about one API call beside its action; an empty text means unknown.
///
/// All of it is written by the caller of AWS, so a value may be hostile: it is returned as it stands, for the reader to escape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// The operation's name, such as `CreateStage`; API Gateway's resource paths hang on it.
    pub operation: &'a str,
    /// CloudTrail's `requestParameters`.
    pub params: Option<&'a Value>,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// Such as `eu-west-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

/// The resources of a call, as far as its parameters tell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestResources {
    /// Sorted ARNs, `["*"]` exactly where the action has no resource-level support, empty when nothing is known.
    pub arns: Vec<String>,
    /// Every resource that AWS checks on such a call is in `arns`.
    pub complete: bool,
    /// False for IAM names given without their path: the ARN may lack it.
    pub path_known: bool,
}

/// One resource that AWS checks on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededResource {
    /// The resource type, such as `cluster`.
    pub kind: String,
    /// Its ARNs if the request tells them, else one with `*` for every part that is unknown.
    pub arns: Vec<String>,
    /// Whether the ARNs are the request's own, with no made-up wildcard.
    pub exact: bool,
    /// Whether a `*` in them is how AWS checks what the call makes or picks itself, and not merely unknown to us.
    pub made: bool,
}

impl Catalog {
    /// The ARNs of a call's resources; see [`RequestResources`]. An unknown action has none.
    pub fn request_resources(&self, action: &str, call: &Call<'_>) -> RequestResources {
        let none = RequestResources { arns: Vec::new(), complete: false, path_known: true };
        let Some(action) = self.action(action) else { return none };
        if !action.has_resource_level() {
            return RequestResources { arns: vec!["*".to_owned()], complete: true, ..none };
        }
        let call = &owned(&action, &unwrapped(call));
        let found = match self.special(&action, call) {
            Some(arns) => RequestResources { complete: !arns.is_empty(), arns, ..none },
            None => self.by_types(&action, call),
        };
        let path_known = !hides_path(&action, call) || found.arns.is_empty();
        RequestResources { path_known, ..sorted(found) }
    }

    /// The ARNs of a call's resources where the request tells them all, else none.
    pub fn resources_from_request(&self, action: &str, call: &Call<'_>) -> Vec<String> {
        let found = self.request_resources(action, call);
        if found.complete { found.arns } else { Vec::new() }
    }

    /// Every required resource type with its ARNs, so that the same call is not denied again on the next one.
    ///
    /// Empty where the action has no required type. Where [`Catalog::required_together`] says that one type is
    /// enough, or nothing, the list holds choices and not needs.
    pub fn companion_resources(&self, action: &str, call: &Call<'_>) -> Vec<NeededResource> {
        let Some(action) = self.action(action) else { return Vec::new() };
        let call = &owned(&action, &unwrapped(call));
        let needed = |kind: ResourceType<'_>| {
            let own = self.of_type(&action, &kind, call);
            let known = own.as_ref().is_some_and(|arns| arns.iter().all(|arn| !arn.ends_with('*')));
            let made = own.is_some() && !known;
            let arns = own.or_else(|| template::fill(kind.arn, call, |_| Some("*")).map(|arn| vec![arn]))?;
            let arns = arns.into_iter().map(|arn| self.policy_form(&action, &arn)).collect();
            Some(NeededResource { kind: kind.name.to_owned(), arns, exact: known, made })
        };
        action.required_types().into_iter().filter_map(needed).collect()
    }

    /// Whether all required types of an action are checked on one call (`Some(true)`), or whether they are
    /// alternatives (`Some(false)`); `None` where AWS's tables do not tell them apart.
    pub fn required_together(&self, action: &str) -> Option<bool> {
        let action = self.action(action)?;
        if action.types().filter(|kind| kind.required).nth(1).is_none() {
            return Some(true);
        }
        let line = |name| self.data.together.joined([action.prefix(), ":", name]);
        line(action.name()).or_else(|| line("*")).map(|(_, answer)| answer == "all")
    }

    fn special(&self, action: &Action<'_>, call: &Call<'_>) -> Option<Vec<String>> {
        match (action.prefix(), action.name()) {
            ("apigateway", "GET" | "POST" | "PUT" | "PATCH" | "DELETE") => Some(self.gateway(call)),
            ("s3", name) if name.starts_with("GetObject") => copy_source(call),
            _ => tagged(action, call).map(|arns| arns.iter().map(|arn| self.policy_form(action, arn)).collect()),
        }
    }

    /// API Gateway: the path of the operation, its members filled in.
    ///
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-create-and-manage-api.html>
    fn gateway(&self, call: &Call<'_>) -> Vec<String> {
        let head = template::fill("arn:${Partition}:apigateway:${Region}::", call, |_| None);
        let mut paths = self.data.gateway.all(call.operation).filter_map(|path| filled(path, call.params));
        // Where two generations of the service share a name, the one with more of its members in the request.
        let path = paths.by_ref().max_by_key(|(members, _)| *members);
        head.zip(path).map(|(head, (_, path))| format!("{head}{path}")).into_iter().collect()
    }

    fn by_types(&self, action: &Action<'_>, call: &Call<'_>) -> RequestResources {
        let kinds = action.resource_types();
        // A request that is not told names no default either.
        let told = call.params.is_some_and(Value::is_object);
        if !told && kinds.iter().any(|kind| !template::own_vars(kind.arn).is_empty()) {
            return RequestResources { arns: Vec::new(), complete: false, path_known: true };
        }
        let required = kinds.iter().any(|kind| kind.required);
        // Types with the same first word in their ARN are alternatives: a table or an index of it.
        let mut groups: BTreeMap<&str, Option<(usize, Vec<String>)>> = BTreeMap::new();
        for kind in kinds.iter().filter(|kind| !required || kind.required) {
            groups.entry(template::head(kind.arn)).or_default();
        }
        for kind in &kinds {
            let head = template::head(kind.arn);
            let wanted = !required
                || kind.required
                || !head.is_empty() && groups.contains_key(head)
                || self.own_rule(action, kind);
            let Some(arns) = wanted.then(|| self.of_type(action, kind, call)).flatten() else { continue };
            let exactness = template::own_vars(kind.arn).len();
            let best = groups.entry(head).or_default();
            if best.as_ref().is_none_or(|(known, _)| *known < exactness) {
                *best = Some((exactness, arns));
            }
        }
        if !required && groups.values().flatten().count() > 1 {
            // Nothing is required, so several finds are guesses unless the overlay says that this action takes both.
            let ruled =
                |head: &str| kinds.iter().any(|kind| template::head(kind.arn) == head && self.own_rule(action, kind));
            groups.retain(|head, _| ruled(head));
        }
        let named = groups.values().flatten().any(|(parts, _)| *parts > 0);
        if named && self.required_together(&action.canonical()) == Some(false) {
            // Of alternatives, one that the request names is meant, not one whose ARN is the same for every request.
            groups.retain(|_, found| found.as_ref().is_none_or(|(parts, _)| *parts > 0));
        }
        let complete = if required { self.enough(action, &groups) } else { groups.values().any(Option::is_some) };
        let arns = groups.into_values().flatten().flat_map(|(_, arns)| arns);
        let arns = arns.map(|arn| of_aws(self.policy_form(action, &arn))).collect();
        RequestResources { arns, complete, path_known: true }
    }

    fn enough(&self, action: &Action<'_>, groups: &BTreeMap<&str, Option<(usize, Vec<String>)>>) -> bool {
        let known = groups.values().flatten().count();
        let all = known == groups.len();
        let one = self.required_together(&action.canonical()) != Some(true) && known == 1;
        all || one
    }

    fn own_rule(&self, action: &Action<'_>, kind: &ResourceType<'_>) -> bool {
        self.data.forms.get(&format!("{}@{}", action.canonical(), kind.name)).is_some()
    }

    /// The ARNs of one type, by its rule or names, else a member that is such an ARN as a whole.
    fn of_type(&self, action: &Action<'_>, kind: &ResourceType<'_>, call: &Call<'_>) -> Option<Vec<String>> {
        if !call.params.is_some_and(Value::is_object) && !template::own_vars(kind.arn).is_empty() {
            return None;
        }
        let found = self.by_variables(action, kind, call).or_else(|| {
            let of_object = template::own_vars(kind.arn).contains(&OBJECT_KEY);
            if of_object { None } else { whole(kind, call) }
        });
        found.or_else(|| made(action, kind, call))
    }

    /// The ARNs of one type, if the request tells every variable of its pattern.
    fn by_variables(&self, action: &Action<'_>, kind: &ResourceType<'_>, call: &Call<'_>) -> Option<Vec<String>> {
        let rule = self.data.forms.get(&format!("{}@{}", action.canonical(), kind.name));
        let rule = rule.or_else(|| self.data.forms.get(&format!("{}@{}", action.prefix(), kind.name)));
        let variables = template::own_vars(kind.arn);
        let (mut texts, mut arns): (Vec<(&str, Vec<String>)>, Vec<String>) = Default::default();
        for (at, variable) in variables.iter().enumerate() {
            let last = at + 1 == variables.len();
            let ways = rule.and_then(|rule| part(rule, variable));
            let found = match ways {
                Some(ways) => form::by_rule(ways, call.params, form::fit_of(action.prefix())),
                None if rule.is_some() => None,
                None => {
                    let fit = form::fit_of(action.prefix());
                    form::by_name(variable, kind.name, action.name(), last, call.params, fit)
                }
            }?;
            let mut values = found.values;
            let mut whole = found.arns;
            if *variable == OBJECT_KEY {
                values.append(&mut whole);
            } else if variables.contains(&OBJECT_KEY) && !whole.is_empty() {
                // An access point in the bucket's place: the key's ARN has another form.
                return None;
            }
            let (own, foreign): (Vec<_>, Vec<_>) =
                whole.into_iter().partition(|arn| template::capture(kind.arn, arn).is_some());
            arns.extend(own);
            // One member cannot be two parts of an ARN: the second find is a guess.
            if ways.is_none() && texts.iter().any(|(_, known)| *known == values) {
                return None;
            }
            values.extend(self.inside(action, variable, &foreign)?);
            if values.is_empty() {
                return Some(arns);
            }
            texts.push((variable, values));
        }
        arns.extend(combined(kind.arn, call, &texts)?);
        Some(arns)
    }

    /// A variable's values out of the ARNs of other types of the same service.
    fn inside(&self, action: &Action<'_>, variable: &str, arns: &[String]) -> Option<Vec<String>> {
        // Types that all call their name `ResourceId` share nothing by it.
        if variable == "ResourceId" && !arns.is_empty() {
            return None;
        }
        let service = &self.data.services[action.service];
        let kinds = self.data.kinds.get(service.first_type..service.first_type + service.types)?;
        let patterns: Vec<&str> = kinds.iter().map(|kind| kind.arn).collect();
        arns.iter().map(|arn| form::inside(variable, arn, &patterns)).collect()
    }
}

/// EC2 wraps the members of newer operations in one, `DeleteNatGatewayRequest`.
fn unwrapped<'a>(call: &Call<'a>) -> Call<'a> {
    let only = call
        .params
        .and_then(Value::as_object)
        .filter(|object| object.len() == 1)
        .and_then(|object| object.iter().next());
    match only {
        Some((name, inner)) if name.ends_with("Request") && inner.is_object() => Call { params: Some(inner), ..*call },
        _ => *call,
    }
}

/// The members by which a request names the account of its resource, where that is not the caller's.
///
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>,
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html>,
/// <https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_GetAuthorizationToken.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
const OWNERS: [(&str, &str); 6] = [
    ("codeartifact", "domainOwner"),
    ("ecr", "registryId"),
    ("glue", "catalogId"),
    ("lakeformation", "catalogId"),
    ("quicksight", "awsAccountId"),
    ("sqs", "queueOwnerAWSAccountId"),
];

/// The call in the account that its request names.
fn owned<'a>(action: &Action<'_>, call: &Call<'a>) -> Call<'a> {
    let text = |name: &str| {
        let object = call.params.and_then(Value::as_object)?;
        super::members::member(object, name)?.as_str()
    };
    let member = OWNERS.iter().find(|(prefix, _)| *prefix == action.prefix()).and_then(|(_, name)| text(name));
    let inside = match action.prefix() {
        // `https://sqs.eu-west-1.amazonaws.com/111122223333/orders`
        "sqs" => text("queueUrl").and_then(|url| url.rsplit('/').nth(1)),
        // `111122223333:function:name` or `111122223333:name`
        "lambda" => text("functionName").and_then(|name| name.split(':').next()),
        _ => None,
    };
    let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let account = member.filter(is_account).or_else(|| inside.filter(is_account)).unwrap_or(call.account);
    Call { account, ..*call }
}

/// A thing that the call is about to make has no id yet: EC2 checks `vpc/*`.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html>
fn made(action: &Action<'_>, kind: &ResourceType<'_>, call: &Call<'_>) -> Option<Vec<String>> {
    let noun = action.name().strip_prefix("Create").filter(|_| action.prefix() == "ec2")?;
    let own = noun.eq_ignore_ascii_case(&kind.name.replace('-', ""));
    template::fill(kind.arn, call, |_| Some("*")).filter(|_| own).map(|arn| vec![arn])
}

/// ARNs of the type among the members of the top level; a `source…` is another resource's part.
fn whole(kind: &ResourceType<'_>, call: &Call<'_>) -> Option<Vec<String>> {
    let object = call.params?.as_object()?;
    let fit = form::fit_of(kind.arn.split(':').nth(2).unwrap_or_default());
    let of_kind = |text: &String| {
        form::well_formed(text)
            && fit(text)
            && template::capture(kind.arn, text).is_some_and(|parts| is_one_name(kind, &parts))
    };
    let other = |name: &str| name.starts_with("source") || name.eq_ignore_ascii_case("key");
    let mut arns = object.iter().filter(|(name, _)| !other(name)).filter_map(|(_, value)| {
        let texts: Vec<String> = match value.as_array() {
            Some(items) => items.iter().filter_map(super::members::string).collect(),
            None => super::members::string(value).into_iter().collect(),
        };
        (!texts.is_empty() && texts.iter().all(of_kind)).then_some(texts)
    });
    arns.next()
}

/// An object's key is free: one that reads like an ARN is still a key, in the bucket that the request names.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const OBJECT_KEY: &str = "ObjectName";

/// A document that AWS owns stands in no account; only its own names begin so.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html> (reserved prefixes)
fn of_aws(arn: String) -> String {
    let Ok(parsed) = arn.parse::<Arn>() else { return arn };
    let name = parsed.resource.strip_prefix("document/").filter(|_| parsed.service == "ssm").unwrap_or_default();
    let name = name.to_ascii_lowercase();
    match ["aws", "amazon", "amzn"].iter().any(|reserved| name.starts_with(reserved)) {
        true => Arn { account: String::new(), ..parsed }.to_string(),
        false => arn,
    }
}

/// Where the name alone follows the account, a colon in it begins something else: a topic's ARN with one more part is a
/// subscription's. Object keys may hold any letter.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html>
fn is_one_name(kind: &ResourceType<'_>, parts: &[(&str, &str)]) -> bool {
    let bare = template::head(kind.arn).is_empty() && !kind.arn.contains(":s3:");
    !bare || parts.last().is_none_or(|(_, name)| !name.contains(':'))
}

/// The one resource that a call about tags names whole, whatever its type.
fn tagged(action: &Action<'_>, call: &Call<'_>) -> Option<Vec<String>> {
    let about_tags = action.name().contains("Tag");
    let object = call.params?.as_object().filter(|_| about_tags)?;
    let (_, value) = object.iter().find(|(name, _)| name.eq_ignore_ascii_case("resourceArn"))?;
    let arn = super::members::string(value)?;
    let fit = form::fit_of(action.prefix());
    let known =
        |kind: &ResourceType<'_>| template::capture(kind.arn, &arn).is_some_and(|parts| is_one_name(kind, &parts));
    let sure = form::well_formed(&arn) && fit(&arn) && action.resource_types().iter().any(known);
    sure.then(|| vec![arn])
}

/// The ways of one variable in an overlay rule, `A=x|y;B=z`.
fn part<'r>(rule: &'r str, variable: &str) -> Option<&'r str> {
    rule.split(';').filter_map(|part| part.split_once('=')).find(|(name, _)| *name == variable).map(|(_, ways)| ways)
}

/// One ARN for each value; only one variable may have several.
fn combined(pattern: &str, call: &Call<'_>, texts: &[(&str, Vec<String>)]) -> Option<Vec<String>> {
    if texts.iter().filter(|(_, values)| values.len() > 1).count() > 1 {
        return None;
    }
    let most = texts.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let value = |name: &str, at: usize| {
        let (_, values) = texts.iter().find(|(known, _)| *known == name)?;
        values.get(at).or_else(|| values.first()).map(String::as_str)
    };
    (0..most).map(|at| template::fill(pattern, call, |name| value(name, at))).collect()
}

/// A path template with every `{member}` filled, and how many there were.
fn filled(path: &str, params: Option<&Value>) -> Option<(usize, String)> {
    let (mut out, mut rest, mut count) = (String::new(), path, 0);
    while let Some((text, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}')?;
        let value = super::members::strings(params, name).into_iter().next()?;
        if !form::well_formed(&value) {
            return None;
        }
        out.push_str(text);
        out.push_str(&value);
        (rest, count) = (tail, count + 1);
    }
    Some((count, out + rest))
}

/// The object that a copy reads; `None` for any other request.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
fn copy_source(call: &Call<'_>) -> Option<Vec<String>> {
    let source = super::members::strings(call.params, "x-amz-copy-source").into_iter().next()?;
    let source = source.trim_start_matches('/');
    let source = source.split_once("?versionId=").map_or(source, |(object, _)| object);
    let whole = !source.starts_with("arn:") && source.contains('/') && form::well_formed(source);
    let arn = template::fill("arn:${Partition}:s3:::${Object}", call, |_| Some(source)).filter(|_| whole);
    Some(arn.into_iter().collect())
}

/// IAM requests name a role or user without its path, unless they make it or give an ARN.
fn hides_path(action: &Action<'_>, call: &Call<'_>) -> bool {
    let names = ["roleName", "userName", "groupName", "instanceProfileName", "serverCertificateName"];
    action.prefix() == "iam"
        && !action.name().starts_with("Create")
        && names.iter().any(|name| super::members::given(call.params, name))
}

fn sorted(mut found: RequestResources) -> RequestResources {
    found.arns.retain(|arn| arn == "*" || arn.parse::<Arn>().is_ok());
    found.arns.sort();
    found.arns.dedup();
    found.complete &= !found.arns.is_empty();
    found
}

#[cfg(test)]
mod tests;
