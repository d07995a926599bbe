//! Record or excerpt → [`Denial`]: the message first, then the record, then the catalogue; nothing invented.

use super::message::{self, Parsed};
use super::text::Excerpt;
use super::{Denial, Facts, How, Permission, Reason, ReasonKind, code, context, origin};
use crate::arn::{self, Arn};
use crate::catalog::{self, AccessLevel, Basis, Call, Catalog};
use crate::principal::{self, Principal, PrincipalKind};
use crate::record::Record;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the user supplies where a terse message leaves it out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// A role, user or session ARN.
    pub principal: Option<String>,
    /// The resource's ARN.
    pub resource: Option<String>,
    /// Further error codes that are denials.
    pub codes: code::Codes,
}

/// The denial in a CloudTrail record; `None` when the record is of another sort.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
pub fn from_record(record: &Record, given: &Given, catalog: &Catalog) -> Option<Denial> {
    let text = record.error_message.as_deref();
    let source = record.event_source.as_deref();
    if !given.codes.is_denial(record.error_code.as_deref(), source, record.event_type.as_deref(), text) {
        return None;
    }
    let said = message::parse(text.unwrap_or_default());
    let name = record.event_name.as_deref();
    let caller = principal::from_identity(&record.user_identity, record.recipient_account.as_deref());
    let site = Site::of(record, &caller, &said);
    let told = Told { said: &said, source, operation: name, params: Some(&record.request_parameters), given, site };
    let mut denial = build(&told, caller, catalog);
    denial.event_id.clone_from(&record.event_id);
    denial.shared_event_id.clone_from(&record.shared_event_id);
    denial.event_time = record.event_time;
    denial.account = record.recipient_account.clone().or(denial.principal.account.clone());
    denial.region.clone_from(&record.region);
    denial.facts = Facts { message: text.map(str::to_owned), ..context::facts(record, &denial.actions, denial.facts) };
    origin::add(&mut denial, record);
    Some(denial)
}

/// The denial in an error text.
pub fn from_excerpt(excerpt: &Excerpt, given: &Given, catalog: &Catalog) -> Denial {
    let said = excerpt.parsed.clone();
    let source = excerpt.service.clone().or_else(|| given_service(&said, given)).as_deref().map(host);
    let caller = Principal::unknown();
    let site = Site::of(&Record::default(), &caller, &said);
    let operation = excerpt.operation.as_deref();
    let told = Told { said: &said, source: source.as_deref(), operation, params: None, given, site };
    let mut denial = build(&told, caller, catalog);
    denial.account.clone_from(&denial.principal.account);
    denial.facts.message = Some(excerpt.message.clone());
    denial.facts.error_code.clone_from(&excerpt.error_code);
    denial.facts.via = context::relaying(source.as_deref(), &denial.actions).map(str::to_owned);
    denial.facts.source = source;
    denial
}

/// Whose resource the user gave, where the text tells no service: SDKs print the operation alone, and only a service
/// that has it gives an action.
fn given_service(said: &Parsed, given: &Given) -> Option<String> {
    let arn: Arn = given.resource.as_deref().filter(|_| said.action.is_none())?.parse().ok()?;
    Some(arn.service)
}

/// `AmazonS3`, `AWSLambda` or `Iam`, as SDKs name services, to an event source.
fn host(service: &str) -> String {
    let low = service.to_ascii_lowercase().replace(' ', "");
    let bare = low.strip_prefix("amazon").or_else(|| low.strip_prefix("aws")).unwrap_or(&low);
    format!("{bare}.amazonaws.com")
}

/// All that is told of one refused call.
pub(super) struct Told<'a> {
    said: &'a Parsed,
    source: Option<&'a str>,
    pub(super) operation: Option<&'a str>,
    params: Option<&'a Value>,
    given: &'a Given,
    site: Site,
}

impl Told<'_> {
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            operation: self.operation.unwrap_or_default(),
            params: self.params,
            partition: &self.site.partition,
            region: &self.site.region,
            account: &self.site.account,
        }
    }

    /// Whether AWS's message names just this resource.
    pub(super) fn names_role(&self, role: &str) -> bool {
        let name = |arn: &str| arn.split_once(":role/").and_then(|(_, path)| path.rsplit('/').next()) == Some(role);
        self.said.resource.as_deref().is_some_and(|said| said == role || name(said))
    }

    /// The service's IAM prefix; empty when unknown.
    pub(super) fn prefix<'c>(&self, catalog: &'c Catalog) -> &'c str {
        self.source.and_then(|source| catalog.prefix(source)).unwrap_or_default()
    }
}

/// Where the call was made, for ARNs that must be put together; empty parts are unknown.
struct Site {
    partition: String,
    region: String,
    account: String,
    arns: Vec<String>,
}

impl Site {
    fn of(record: &Record, caller: &Principal, said: &Parsed) -> Self {
        let texts = [caller.arn.as_deref(), said.principal.as_deref(), said.resource.as_deref()];
        let mut known = texts.into_iter().flatten().filter_map(arn::parts).peekable();
        let region = record.region.clone().unwrap_or_default();
        let partition = known.peek().map_or_else(|| partition_of(&region), |[partition, ..]| partition).to_owned();
        let own = known.map(|[.., account, _]| account).find(|account| !account.is_empty());
        let account = record.recipient_account.as_deref().or(caller.account.as_deref()).or(own).unwrap_or_default();
        Self { partition, region, account: account.to_owned(), arns: record.resource_arns.clone() }
    }
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.
fn partition_of(region: &str) -> &'static str {
    let known = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    known.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

fn build(told: &Told<'_>, caller: Principal, catalog: &Catalog) -> Denial {
    let (actions, how) = actions(told, catalog);
    let (permissions, also) = permissions(told, &actions, catalog);
    let named = told.said.principal.as_deref().map(principal::from_arn);
    let facts = Facts {
        also,
        context: context::passed_to(&actions, told, catalog),
        passes: context::passes(told, catalog),
        next: next(told, &actions, catalog),
        suspect: told.said.suspect,
        other_caller: names_another(named.as_ref(), &caller),
        path_hidden: actions.iter().any(|action| path_hidden(told, action, &permissions, catalog)),
        ..Facts::default()
    };
    Denial {
        event_id: None,
        shared_event_id: None,
        event_time: None,
        account: None,
        region: None,
        principal: who(told, named, caller),
        operation: operation(told, catalog),
        actions: column(&permissions, |permission| permission.action.as_ref()),
        resources: column(&permissions, |permission| permission.resource.as_ref()),
        permissions,
        reason: reason(told.said),
        how,
        facts,
    }
}

/// One column of the permissions, each value once, in their order.
fn column(permissions: &[Permission], pick: fn(&Permission) -> Option<&String>) -> Vec<String> {
    if let [only] = permissions {
        return pick(only).cloned().into_iter().collect();
    }
    let mut seen = BTreeSet::new();
    permissions.iter().filter_map(pick).filter(|value| seen.insert(value.as_str())).cloned().collect()
}

/// What the operation needs besides the action that AWS named, as far as the request tells on what.
fn next(told: &Told<'_>, named: &[String], catalog: &Catalog) -> Vec<Permission> {
    let (Some(source), Some(name)) = (told.source, told.operation) else { return Vec::new() };
    // A KMS or PassRole refusal comes from behind the operation: the service had passed its own action by then.
    let prefix = told.prefix(catalog);
    let own = |action: &String| action.split(':').next() == Some(prefix);
    if named.is_empty() || !named.iter().all(own) {
        return Vec::new();
    }
    let all = catalog.resolve(source, name, told.params).actions;
    let others = all.into_iter().filter(|action| !named.contains(action));
    let each = others.flat_map(|action| {
        let resources = catalog.resources_from_request(&action, &told.call());
        resources.into_iter().map(move |resource| (action.clone(), resource))
    });
    each.map(|(action, resource)| Permission { action: Some(action), resource: Some(resource) }).collect()
}

/// The resource was put together from an IAM name that the message or the request tells without its path.
fn path_hidden(told: &Told<'_>, action: &str, permissions: &[Permission], catalog: &Catalog) -> bool {
    let call = told.call();
    let used =
        |arns: &[String]| permissions.iter().any(|one| one.resource.as_ref().is_some_and(|arn| arns.contains(arn)));
    let printed = told.said.resource.as_deref().map(|text| catalog.fit(action, text, &call));
    match printed.filter(|fit| used(&fit.resources)) {
        Some(fit) => !fit.path_known,
        None => {
            let asked = catalog.request_resources(action, &call);
            used(&asked.arns) && !asked.path_known
        }
    }
}

/// The message names a role or user, and the record vouches for a different one.
fn names_another(named: Option<&Principal>, caller: &Principal) -> bool {
    use PrincipalKind::{PermissionSet, Role, ServiceLinkedRole, User};
    let is_own = |who: &Principal| matches!(who.kind, Role | User | PermissionSet | ServiceLinkedRole);
    let differs =
        |named: &Principal| (named.kind, &named.account, &named.name) != (caller.kind, &caller.account, &caller.name);
    named.is_some_and(|named| is_own(named) && is_own(caller) && differs(named))
}

/// The identity of the record, else of the message, else as given.
fn who(told: &Told<'_>, named: Option<Principal>, caller: Principal) -> Principal {
    match (caller.kind, named) {
        // The owner's copy of a call across accounts tells the caller's account; the message tells the caller.
        (PrincipalKind::Account, Some(named)) if is_of(&named, &caller) => named,
        (PrincipalKind::Unknown, Some(named)) => named,
        (PrincipalKind::Unknown, None) => told.given.principal.as_deref().map_or(caller, principal::from_arn),
        _ => caller,
    }
}

/// A role or user of the account that the record vouches for.
fn is_of(said: &Principal, caller: &Principal) -> bool {
    let is_holder = matches!(said.kind, PrincipalKind::Role | PrincipalKind::User | PrincipalKind::PermissionSet);
    is_holder && said.account.is_some() && said.account == caller.account
}

fn operation(told: &Told<'_>, catalog: &Catalog) -> Option<String> {
    let name = told.operation?;
    let source = told.source?;
    let label = source.split('.').next().unwrap_or(source);
    let prefix = Some(told.prefix(catalog)).filter(|prefix| !prefix.is_empty()).unwrap_or(label);
    Some(format!("{prefix}:{name}"))
}

/// The action that AWS names, if it exists; else those of the operation that it names, or of the one that was called.
fn actions(told: &Told<'_>, catalog: &Catalog) -> (Vec<String>, How) {
    if let Some(named) = told.said.action.as_deref() {
        return match catalog.action(named) {
            Some(action) => (vec![action.canonical()], How::Message),
            None => actions_of_operation(named, told, catalog),
        };
    }
    let (Some(source), Some(name)) = (told.source, told.operation) else { return (Vec::new(), How::Unknown) };
    let found = catalog.resolve(source, name, told.params);
    let how = match found.how {
        catalog::How::Exact => How::Exact,
        catalog::How::Alias => How::Alias,
        catalog::How::Exception => How::Exception,
        catalog::How::Unknown => How::Unknown,
    };
    (found.actions, how)
}

/// Some messages print the operation in the action's place, as `s3:UploadPartCopy`; what is neither stays unknown.
fn actions_of_operation(named: &str, told: &Told<'_>, catalog: &Catalog) -> (Vec<String>, How) {
    let unknown = (Vec::new(), How::Unknown);
    let Some((prefix, name)) = named.split_once(':') else { return unknown };
    let source = host(prefix);
    let is_known = catalog.prefixes(&source).iter().any(|known| known.eq_ignore_ascii_case(prefix));
    if !is_known || name.contains(['*', '?']) {
        return unknown;
    }
    match catalog.resolve(&source, name, told.params).actions {
        actions if actions.is_empty() => unknown,
        actions => (actions, How::Exception),
    }
}

/// Each action with its exact resources, and what else the same call needs of the same action.
fn permissions(told: &Told<'_>, actions: &[String], catalog: &Catalog) -> (Vec<Permission>, Vec<String>) {
    let mut all = Vec::new();
    let mut also = BTreeSet::new();
    for action in actions {
        let own = resources(told, action, actions, catalog);
        also.extend(needed_too(action, &own, &told.call(), catalog));
        let pair = |resource| Permission { action: Some(action.clone()), resource };
        match own.is_empty() {
            true => all.push(pair(None)),
            false => all.extend(own.into_iter().map(|resource| pair(Some(resource)))),
        }
    }
    also.retain(|resource| !all.iter().any(|permission| permission.resource.as_ref() == Some(resource)));
    (all, also.into_iter().collect())
}

/// The message's resource, else one that the record lists and the action takes, else the request's, else the one given.
/// Where the call needs several actions the request goes before the record's list, which does not tell whose each is.
fn resources(told: &Told<'_>, action: &str, all: &[String], catalog: &Catalog) -> Vec<String> {
    let call = told.call();
    let single = all.len() == 1;
    let copies = reads_and_writes(all, catalog);
    let is_target = !copies || all.first().is_some_and(|first| first == action);
    let said = told.said.resource.as_deref().filter(|_| single && !is_forgeable(told.said));
    let said = said.filter(|text| action.starts_with("s3:") || !is_callers_pattern(text, told.params));
    let printed = said.map(|text| catalog.fit(action, text, &call).resources).unwrap_or_default();
    let listed = || {
        told.site
            .arns
            .iter()
            .filter(|_| is_target)
            .map(|arn| catalog.fit(action, arn, &call))
            .find(|fit| fits(fit.basis))
    };
    let given =
        || told.given.resource.as_deref().filter(|_| !copies).map(|arn| catalog.fit(action, arn, &call).resources);
    let whole = || if asks_of_all(told, action, catalog) { vec!["*".to_owned()] } else { Vec::new() };
    if !printed.is_empty() {
        return printed;
    }
    let steps: [&dyn Fn() -> Vec<String>; 5] = [
        &|| if single { Vec::new() } else { catalog.resources_from_request(action, &call) },
        &|| {
            listed()
                .map(|fit| or_its_index(fit.resources, catalog.resources_from_request(action, &call)))
                .unwrap_or_default()
        },
        &|| catalog.resources_from_request(action, &call),
        &|| given().unwrap_or_default(),
        &whole,
    ];
    steps.iter().map(|step| step()).find(|found| !found.is_empty()).unwrap_or_default()
}

/// The call reads one thing and writes another, as a copy does: a resource that is told by itself may be either. A record
/// lists the one that is written.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
fn reads_and_writes(actions: &[String], catalog: &Catalog) -> bool {
    let any = |level| actions.iter().filter_map(|name| catalog.action(name)).any(|found| found.access_level() == level);
    // One action does one of the two.
    actions.len() > 1 && any(AccessLevel::Read) && any(AccessLevel::Write)
}

/// A record lists the table; the request tells that an index of it is asked, which is another resource.
/// See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/logging-using-cloudtrail.html>.
fn or_its_index(listed: Vec<String>, asked: Vec<String>) -> Vec<String> {
    let index = |arn: &String| listed.iter().any(|table| arn.starts_with(&format!("{table}/index/")));
    if asked.iter().any(index) { asked } else { listed }
}

/// AWS prints a `*` of its own where a request names nothing; one that the request itself bears is the caller's, and no
/// name of a thing that exists. Object keys are left out: they may hold one, and are escaped.
fn is_callers_pattern(resource: &str, params: Option<&Value>) -> bool {
    let Some(params) = params.and_then(Value::as_object).filter(|_| resource != "*" && resource.contains('*')) else {
        return false;
    };
    let tail = |text: &str| text.rsplit(['/', ':']).next().map(str::to_owned);
    let asked = |value: &Value| match value {
        Value::String(text) => text.contains('*') && tail(text).is_some_and(|tail| resource.ends_with(&tail)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    };
    params.values().any(|value| asked(value) || value.as_array().is_some_and(|items| items.iter().any(asked)))
}

/// A sentence that names its layer names the resource too, if there is one: where the request names none either, an
/// action that needs none was asked of `*`.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
fn asks_of_all(told: &Told<'_>, action: &str, catalog: &Catalog) -> bool {
    let said = told.said;
    let request = told.params.is_some_and(Value::is_object);
    let whole = said.action.is_some() && said.reason.policy_type.is_some() && !said.reason.cut && !said.suspect;
    let none_named = said.resource.is_none() && !said.on_this_resource && !said.leftover;
    request && whole && none_named && catalog.action(action).is_some_and(|found| found.required_types().is_empty())
}

/// Only a form that the action is known to take: a record lists the bucket beside the object.
fn fits(basis: Basis) -> bool {
    match basis {
        Basis::Printed | Basis::NoResourceLevel => true,
        Basis::Unlisted | Basis::Completed | Basis::Unknown => false,
    }
}

/// Services that check a call on what it is about to make, or on all users or groups, by the wildcard of the type.
/// See <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances>.
const MAKERS: [&str; 4] = ["ec2:", "fis:", "fsx:", "identitystore:"];

/// Resources of the other required types, where they are told exactly: AWS checks them on the same call.
fn needed_too(action: &str, own: &[String], call: &Call<'_>, catalog: &Catalog) -> Vec<String> {
    if own.is_empty() || catalog.required_together(action) != Some(true) {
        return Vec::new();
    }
    // What the call makes has no name yet, and AWS checks `network-interface/*`; what is merely unknown stays out.
    let makes = MAKERS.iter().any(|prefix| action.starts_with(prefix));
    let made = |needed: &catalog::NeededResource| needed.made && makes;
    let needed = catalog.companion_resources(action, call).into_iter().filter(|needed| needed.exact || made(needed));
    let others = needed.map(|needed| needed.arns).filter(|arns| !arns.iter().any(|arn| is_other_of_a_kind(arn, own)));
    others.flatten().chain(own.iter().filter_map(|arn| cluster_of(action, arn))).collect()
}

/// What AWS names is the resource of its type: the request's default for the same type is not needed beside it.
fn is_other_of_a_kind(arn: &str, own: &[String]) -> bool {
    fn kind(text: &str) -> Option<(&str, &str)> {
        arn::parts(text).map(|[_, service, .., resource]| (service, arn::type_and_id(resource).0))
    }
    !own.iter().any(|mine| mine == arn) && own.iter().any(|mine| kind(mine) == kind(arn))
}

/// A task's ARN tells its cluster, which ecs:ExecuteCommand is checked on too.
/// See <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>.
fn cluster_of(action: &str, arn: &str) -> Option<String> {
    if action != "ecs:ExecuteCommand" {
        return None;
    }
    let task: Arn = arn.parse().ok()?;
    let (cluster, _) = task.resource.strip_prefix("task/")?.split_once('/')?;
    Some(Arn { resource: format!("cluster/{cluster}"), ..task.clone() }.to_string())
}

/// A message whose resource bears phrases of AWS's grammar may have forged its cause.
fn reason(said: &Parsed) -> Reason {
    match is_forgeable(said) {
        false => said.reason.clone(),
        true => Reason { kind: ReasonKind::Unstated, policy_type: None, policy_arn: None, ..said.reason.clone() },
    }
}

/// A name with phrases of AWS's grammar that stands without quotation marks: cause and name cannot be told apart.
fn is_forgeable(said: &Parsed) -> bool {
    said.suspect && !said.quoted
}
