//! The policies in force, as far as they were given: an account's authorization details, or plain documents.
//! See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>.

mod fact;

pub use fact::{Fact, Guardrail, Owner};

use super::carrier::carried_policy;
use crate::arn::Arn;
use crate::policy::pattern::matches_arn;
use crate::policy::{Actions, Document, Effect, Policies, Resources, Statement};
use crate::principal::{Principal, PrincipalKind};
use crate::record::Problem;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Policies by whom they bind; empty when none were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InForce {
    /// Documents that were given for the principal in question, whoever it is.
    loose: Held,
    loose_given: bool,
    /// By principal ARN, from authorization details.
    entities: BTreeMap<String, Held>,
    /// Trust policies by role ARN, from authorization details.
    trusts: Arc<BTreeMap<String, NamedDocument>>,
    /// What was read from AWS besides.
    live: fact::Live,
}

/// What binds one principal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    /// The principal's whole ARN, from authorization details; `None` when only documents were given.
    pub arn: Option<String>,
    /// The principal's own tags, from authorization details.
    pub tags: BTreeMap<String, String>,
    /// Inline, managed and group policies.
    pub identity: Vec<NamedDocument>,
    /// Empty when the principal has no boundary.
    pub boundary: Vec<NamedDocument>,
    /// Session policies; empty when none were given.
    pub session: Vec<NamedDocument>,
    /// One list a level, root first.
    pub scp: Vec<Vec<NamedDocument>>,
    /// One list a level, root first.
    pub rcp: Vec<Vec<NamedDocument>>,
    /// Policies of resources; which one a call concerns is told by its name and by the resources that it names.
    pub resources: Vec<NamedDocument>,
    /// Trust policies given as files, for the role in question.
    pub trust: Vec<NamedDocument>,
    /// Trust policies of the account's roles, by ARN.
    pub trusts: Arc<BTreeMap<String, NamedDocument>>,
    /// The policy of the VPC endpoint that the call came through.
    pub vpc_endpoint: Option<NamedDocument>,
    /// Identity-based policies and boundaries whose text was not given, by ARN or in words.
    pub missing: Vec<String>,
    /// When the principal was made; `None` when only documents were given.
    pub created: Option<Timestamp>,
    /// The principal is no longer there.
    pub gone: bool,
    /// AWS was asked, and no service or resource control policy binds the account.
    pub unbound: bool,
    /// The account whose resources `rcp` binds; `None` where that was not told.
    pub rcp_account: Option<String>,
    /// What AWS was asked for and did not give, in words that name the call.
    pub unread: BTreeSet<String>,
    /// What was learnt of single resources, by the ARN of what carries the policy, and of endpoints by their id.
    pub known: Arc<BTreeMap<String, Known>>,
    /// Policies of VPC endpoints by the endpoint's id, as read from AWS.
    pub endpoints: Arc<BTreeMap<String, NamedDocument>>,
}

/// What was learnt of a resource besides its policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What AWS did not give, in words that name the call.
    pub unread: BTreeSet<String>,
    /// What else bears on a decision, such as a key's grants.
    pub notes: BTreeSet<String>,
}

/// A policy document and where it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedDocument {
    /// Policy name, or the file's name.
    pub name: String,
    /// `None` for inline policies and plain files.
    pub arn: Option<String>,
    /// How it reaches the principal.
    pub origin: Origin,
    /// The document itself.
    pub document: Document,
}

/// How a policy reaches a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Embedded in the role or user.
    Inline,
    /// A customer managed policy.
    Managed,
    /// AWS's own: nobody edits it.
    AwsManaged,
    /// Through a group.
    Group,
    /// It hangs on a resource, an endpoint or a level of the organization, which its ARN names.
    Resource,
    /// A plain file: unknown.
    File,
}

impl InForce {
    /// What binds this principal; `None` when nothing was given for it.
    pub fn of(&self, principal: &Principal) -> Option<Held> {
        let entity =
            principal.arn.as_deref().and_then(|arn| self.entities.get(arn)).or_else(|| self.by_name(principal));
        let held = match (entity, self.loose_given || !self.live.is_empty()) {
            (None, false) => return None,
            (None, true) => self.loose.clone(),
            (Some(held), _) => self.with_loose(held),
        };
        Some(self.live.add_to(Held { trusts: Arc::clone(&self.trusts), ..held }, principal))
    }

    /// A message hides a role's path, so the name decides where it names one entity only.
    fn by_name(&self, principal: &Principal) -> Option<&Held> {
        let kind = match principal.kind {
            PrincipalKind::User => ":user/",
            _ => ":role/",
        };
        let own = || principal.arn.as_deref()?.rsplit('/').next();
        let name = match principal.kind {
            // Its role bears another name than the set.
            PrincipalKind::PermissionSet => own()?,
            _ => principal.name.as_deref()?,
        };
        let account = principal.account.as_deref()?;
        let account = format!(":{account}:");
        let fits = |arn: &str| arn.contains(kind) && arn.contains(&account) && arn.rsplit('/').next() == Some(name);
        let mut found = self.entities.iter().filter(|(arn, _)| fits(arn)).map(|(_, held)| held);
        match (found.next(), found.next()) {
            (Some(held), None) => Some(held),
            _ => None,
        }
    }

    fn with_loose(&self, held: &Held) -> Held {
        let mut all = held.clone();
        all.identity.extend(self.loose.identity.iter().cloned());
        all.boundary.extend(self.loose.boundary.iter().cloned());
        all.session.extend(self.loose.session.iter().cloned());
        all.scp.extend(self.loose.scp.iter().cloned());
        all.rcp.extend(self.loose.rcp.iter().cloned());
        all.resources.extend(self.loose.resources.iter().cloned());
        all.trust.extend(self.loose.trust.iter().cloned());
        all.vpc_endpoint = all.vpc_endpoint.or_else(|| self.loose.vpc_endpoint.clone());
        all.missing.extend(self.loose.missing.iter().cloned());
        all
    }

    /// Adds one document of a folder named as the contract names them; `scp/LEVEL` and `rcp/LEVEL` tell levels apart,
    /// in the order of their names.
    ///
    /// # Errors
    /// A folder of another name, or text that is no policy document; the others stay usable.
    pub fn add_document(&mut self, folder: &str, file: &str, text: &str) -> Result<(), Problem> {
        let problem = |error: String| Problem { input: format!("{folder}/{file}"), error };
        let (kind, at) = folder.split_once('/').map_or((folder, ""), |(kind, at)| (kind, at));
        let document: Document = serde_json::from_str(text).map_err(|fault| {
            if matches!(kind, "identity" | "boundary") {
                self.loose.missing.push(format!("{folder}/{file}"));
            }
            problem(fault.to_string())
        })?;
        let named = NamedDocument { name: stem(file), arn: None, origin: Origin::File, document };
        match kind {
            "identity" => self.loose.identity.push(named),
            "boundary" => self.loose.boundary.push(named),
            "session" => self.loose.session.push(named),
            "scp" => level(&mut self.loose.scp, at, named),
            "rcp" => level(&mut self.loose.rcp, at, named),
            "resource" => self.loose.resources.push(named),
            "trust" => self.loose.trust.push(named),
            "vpc_endpoint" => self.loose.vpc_endpoint = Some(named),
            _ => {
                let known = "`identity`, `boundary`, `session`, `scp`, `rcp`, `resource`, `trust`, `vpc_endpoint`";
                return Err(problem(format!("unknown folder of policies: expected one of {known}")));
            }
        }
        self.loose_given = true;
        Ok(())
    }

    /// Adds what `aws iam get-account-authorization-details` printed; gives back what in it could not be read.
    pub fn add_authorization_details(&mut self, input: &str, details: &Value) -> Vec<Problem> {
        let mut reader = Reader { input, problems: Vec::new(), managed: BTreeMap::new(), groups: BTreeMap::new() };
        reader.read_managed(details);
        reader.read_groups(details);
        for (list, name_key, inline_key) in
            [("RoleDetailList", "RoleName", "RolePolicyList"), ("UserDetailList", "UserName", "UserPolicyList")]
        {
            for entity in array(details, list) {
                if let Some(arn) = text(entity, "Arn") {
                    let held = reader.entity(entity, name_key, inline_key);
                    let created = text(entity, "CreateDate").and_then(|text| text.parse().ok());
                    let held = Held { arn: Some(arn.to_owned()), tags: tags(entity), created, ..held };
                    self.entities.insert(arn.to_owned(), held);
                    if let Some(document) = reader.document(entity.get("AssumeRolePolicyDocument"), arn) {
                        let name = format!("trust policy of {}", text(entity, name_key).unwrap_or_default());
                        let named = NamedDocument { name, arn: None, origin: Origin::Inline, document };
                        Arc::make_mut(&mut self.trusts).insert(arn.to_owned(), named);
                    }
                }
            }
        }
        reader.problems
    }
}

impl Held {
    /// The same policies as the evaluator takes them, with the resource policy that this call concerns.
    pub fn policies(&self, action: &str, resource: &str) -> Policies {
        let all = |list: &[NamedDocument]| list.iter().map(|named| named.document.clone()).collect::<Vec<_>>();
        Policies {
            identity: all(&self.identity),
            boundary: all(&self.boundary),
            session: all(&self.session),
            scp: self.scp.iter().map(|level| all(level)).map(with_full_access).collect(),
            rcp: self.rcp.iter().filter(|_| self.binds(resource)).map(|level| all(level)).collect(),
            resource: self.resource_policy(action, resource).map(|named| named.document.clone()),
            vpc_endpoint: self.vpc_endpoint.as_ref().map(|named| named.document.clone()),
        }
    }

    /// Whether the resource control policies are those of the resource's account.
    fn binds(&self, resource: &str) -> bool {
        let owner = resource.parse::<Arn>().ok().map(|arn| arn.account).filter(|owner| !owner.is_empty());
        owner.zip(self.rcp_account.as_deref()).is_none_or(|(owner, bound)| owner == bound)
    }

    /// Whether the principal's own policies are among what is known, so that a proof can rest on them.
    pub fn tells_identity(&self) -> bool {
        self.arn.is_some() || !self.identity.is_empty()
    }

    /// That the principal is not the one that was refused: it is gone, or was made after the denial.
    pub fn outlived(&self, principal: &Principal, last_seen: Option<Timestamp>) -> Option<String> {
        if self.gone {
            return Some(format!("{} no longer exists", principal.words()));
        }
        let (created, denied) = self.created.zip(last_seen).filter(|(created, denied)| created > denied)?;
        Some(format!("{} was made at {created}, after the denial of {denied}: it is another one", principal.words()))
    }

    /// What was learnt of the resource that a call concerns, or of what carries its policy.
    pub fn known_of(&self, resource: &str) -> Option<&Known> {
        let carrier = carried_policy(resource, None).and_then(|target| target.arn);
        self.known.get(carrier.as_deref().unwrap_or(resource))
    }

    /// The same, seen by calls that came through these endpoints (`None` is a call through none): the endpoint's policy
    /// binds only where all came through one.
    pub fn through(mut self, endpoints: &BTreeSet<Option<String>>) -> Self {
        if let (Some(Some(id)), 1) = (endpoints.first(), endpoints.len()) {
            let live = self.endpoints.get(id).cloned();
            self.vpc_endpoint = live.or(self.vpc_endpoint);
        }
        self
    }

    /// The policy of the resource that a call concerns; `None` where none was given, or where it is not certain which.
    ///
    /// Taking on a role is judged by the role's trust policy. Of files under `resource/` the one that bears the resource's
    /// name, else the only one whose statements can be meant for it.
    pub fn resource_policy(&self, action: &str, resource: &str) -> Option<&NamedDocument> {
        if action.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("sts:")) {
            return only(self.trust.iter()).or_else(|| self.trusts.get(resource));
        }
        let carrier = carried_policy(resource, None).and_then(|target| target.arn);
        let exact = |held: &&NamedDocument| held.arn.is_some() && held.arn == carrier;
        if let Some(found) = self.resources.iter().find(exact) {
            return Some(found);
        }
        let (head, name) = bearer(resource);
        let files = || self.resources.iter().filter(|held| held.arn.is_none());
        let named = |held: &&NamedDocument| held.name == name;
        let service = action.split(':').next().unwrap_or_default();
        let meant = |held: &&NamedDocument| {
            held.document.statements.iter().any(|statement| speaks_of(statement, service) && is_for(statement, &head))
        };
        only(files().filter(named)).or_else(|| only(files().filter(meant)))
    }
}

/// A level whose documents only deny was not given whole: every level has an Allow, `FullAWSAccess` unless replaced.
/// See <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>.
fn with_full_access(mut level: Vec<Document>) -> Vec<Document> {
    if !level.iter().any(has_allow) {
        level.push(Document::new(vec![Statement::allow(["*"], ["*"])]));
    }
    level
}

/// Whether any statement allows.
pub(super) fn has_allow(document: &Document) -> bool {
    document.statements.iter().any(|statement| statement.effect == Effect::Allow)
}

fn only<'a>(mut found: impl Iterator<Item = &'a NamedDocument>) -> Option<&'a NamedDocument> {
    found.next().filter(|_| found.next().is_none())
}

/// What a resource hangs on (an object's bucket), and its name.
fn bearer(resource: &str) -> (String, &str) {
    match resource.strip_prefix("arn:").and_then(|rest| rest.split_once(":s3:::")) {
        Some((partition, path)) => {
            let bucket = path.split('/').next().unwrap_or_default();
            (format!("arn:{partition}:s3:::{bucket}"), bucket)
        }
        None => (resource.to_owned(), resource.rsplit([':', '/']).next().unwrap_or_default()),
    }
}

/// Whether a statement's actions are this service's: a key's and a secret's policy both say `*` for their resource.
fn speaks_of(statement: &Statement, service: &str) -> bool {
    let of = |pattern: &String| {
        let prefix = pattern.split(':').next().unwrap_or_default();
        prefix.contains(['*', '?']) || prefix.eq_ignore_ascii_case(service)
    };
    match &statement.actions {
        Actions::Action(patterns) | Actions::NotAction(patterns) => patterns.iter().any(of),
    }
}

/// Whether a statement of a resource's policy can be meant for this bearer; `*` is whatever it hangs on.
fn is_for(statement: &Statement, bearer: &str) -> bool {
    let fits = |pattern: &String| matches_arn(pattern, bearer) || matches_arn(pattern, &format!("{bearer}/x"));
    match &statement.resources {
        Resources::Absent | Resources::NotResource(_) => true,
        Resources::Resource(patterns) => {
            let within =
                |pattern: &String| pattern.strip_prefix(bearer).is_some_and(|rest| rest.starts_with(['/', ':']));
            patterns.iter().any(|pattern| fits(pattern) || within(pattern))
        }
    }
}

/// Puts a document on its level: `LEVEL/name`, levels in the order in which they come; files without one all stand at
/// one level.
fn level(levels: &mut Vec<Vec<NamedDocument>>, at: &str, mut named: NamedDocument) {
    if !at.is_empty() {
        named.name = format!("{at}/{}", named.name);
    }
    let same = |held: &NamedDocument| held.name.rsplit_once('/').map_or("", |(level, _)| level) == at;
    match levels.iter_mut().find(|level| level.first().is_some_and(same)) {
        Some(level) => level.push(named),
        None => levels.push(vec![named]),
    }
}

fn stem(file: &str) -> String {
    file.strip_suffix(".json").unwrap_or(file).to_owned()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn tags(entity: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag, "Key")?.to_owned(), text(tag, "Value")?.to_owned()));
    array(entity, "Tags").iter().filter_map(pair).collect()
}

/// Authorization details while they are read.
struct Reader<'a> {
    input: &'a str,
    problems: Vec<Problem>,
    managed: BTreeMap<String, NamedDocument>,
    groups: BTreeMap<String, Held>,
}

impl Reader<'_> {
    fn read_managed(&mut self, details: &Value) {
        for policy in array(details, "Policies") {
            let (Some(arn), Some(name)) = (text(policy, "Arn"), text(policy, "PolicyName")) else { continue };
            let versions = array(policy, "PolicyVersionList");
            let current = versions.iter().find(|version| version.get("IsDefaultVersion") == Some(&Value::Bool(true)));
            let origin = if arn.contains(":iam::aws:") { Origin::AwsManaged } else { Origin::Managed };
            if let Some(document) = current.and_then(|version| self.document(version.get("Document"), arn)) {
                let named = NamedDocument { name: name.to_owned(), arn: Some(arn.to_owned()), origin, document };
                self.managed.insert(arn.to_owned(), named);
            }
        }
    }

    fn read_groups(&mut self, details: &Value) {
        for group in array(details, "GroupDetailList") {
            if let Some(name) = text(group, "GroupName") {
                let mut held = self.entity(group, "GroupName", "GroupPolicyList");
                for named in &mut held.identity {
                    named.origin = Origin::Group;
                }
                self.groups.insert(name.to_owned(), held);
            }
        }
    }

    fn entity(&mut self, entity: &Value, name_key: &str, inline_key: &str) -> Held {
        let whose = text(entity, name_key).unwrap_or_default().to_owned();
        let mut held = Held::default();
        for policy in array(entity, inline_key) {
            let name = text(policy, "PolicyName").unwrap_or_default();
            match self.document(policy.get("PolicyDocument"), &format!("{whose}/{name}")) {
                Some(document) => {
                    let (name, origin) = (name.to_owned(), Origin::Inline);
                    held.identity.push(NamedDocument { name, arn: None, origin, document });
                }
                // It is in force all the same, so that no conclusion may rest on its absence.
                None => held.missing.push(format!("inline policy `{name}` of {whose}")),
            }
        }
        for attached in array(entity, "AttachedManagedPolicies") {
            self.attach(text(attached, "PolicyArn"), &mut held.identity, &mut held.missing);
        }
        let boundary = entity.get("PermissionsBoundary").and_then(|found| text(found, "PermissionsBoundaryArn"));
        self.attach(boundary, &mut held.boundary, &mut held.missing);
        for group in array(entity, "GroupList").iter().filter_map(Value::as_str) {
            match self.groups.get(group) {
                Some(found) => {
                    held.identity.extend(found.identity.iter().cloned());
                    held.missing.extend(found.missing.iter().cloned());
                }
                None => held.missing.push(format!("group {group}")),
            }
        }
        held
    }

    fn attach(&self, arn: Option<&str>, into: &mut Vec<NamedDocument>, missing: &mut Vec<String>) {
        let Some(arn) = arn else { return };
        match self.managed.get(arn) {
            Some(named) => into.push(named.clone()),
            None => missing.push(arn.to_owned()),
        }
    }

    /// The document as an object (the CLI decodes it) or URL-encoded text (the API sends it so).
    fn document(&mut self, value: Option<&Value>, whose: &str) -> Option<Document> {
        let parsed = match value? {
            Value::String(encoded) => serde_json::from_str(&url_decode(encoded)),
            value => serde_json::from_value(value.clone()),
        };
        parsed
            .map_err(|fault| {
                self.problems.push(Problem { input: format!("{}:{whose}", self.input), error: fault.to_string() });
            })
            .ok()
    }
}

/// RFC 3986 percent decoding; a stray `%` stays as it is.
fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";

    fn details() -> InForce {
        let allow = |action: &str| json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
        let details = json!({
            "RoleDetailList": [{
                "Arn": ROLE, "RoleName": "app", "Tags": [{"Key": "team", "Value": "shop"}],
                "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": allow("s3:*")}],
                "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/Gone"}],
                "AssumeRolePolicyDocument": "%7B%22Statement%22%3A%5B%5D%7D"
            }],
            "UserDetailList": [], "GroupDetailList": [], "Policies": []
        });
        let mut in_force = InForce::default();
        assert!(in_force.add_authorization_details("details.json", &details).is_empty());
        in_force
    }

    #[test]
    fn details_tell_the_whole_arn_the_tags_and_the_trust() {
        let held = details().of(&crate::principal::from_arn("arn:aws:sts::111122223333:assumed-role/app/x")).unwrap();
        assert_eq!((held.arn.as_deref(), held.tags["team"].as_str()), (Some(ROLE), "shop"));
        assert_eq!(held.missing, ["arn:aws:iam::aws:policy/Gone"]);
        assert!(held.resource_policy("sts:AssumeRole", ROLE).is_some_and(|named| named.name == "trust policy of app"));
        assert_eq!(held.resource_policy("sts:AssumeRole", "arn:aws:iam::111122223333:role/other"), None);
    }

    #[test]
    fn a_document_that_cannot_be_read_is_in_force_all_the_same() {
        let good = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
        let bad = json!({"Statement": {"Effect": "Deny", "Actoin": "*", "Resource": "*"}});
        let inline = |name: &str, document: &Value| json!({"PolicyName": name, "PolicyDocument": document});
        let user = "arn:aws:iam::111122223333:user/ana";
        let details = json!({
            "RoleDetailList": [],
            "UserDetailList": [{
                "Arn": user, "UserName": "ana", "GroupList": ["devs"],
                "UserPolicyList": [inline("good", &good), inline("bad", &bad)],
                "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::111122223333:policy/m"}]
            }],
            "GroupDetailList": [{"GroupName": "devs", "GroupPolicyList": [inline("own", &bad)]}],
            "Policies": [{
                "Arn": "arn:aws:iam::111122223333:policy/m", "PolicyName": "m",
                "PolicyVersionList": [{"IsDefaultVersion": true, "Document": bad}]
            }]
        });
        let mut in_force = InForce::default();
        assert_eq!(in_force.add_authorization_details("details.json", &details).len(), 3);
        assert!(in_force.add_document("identity", "more.json", &good.to_string()).is_ok());
        assert!(in_force.add_document("identity", "worse.json", &bad.to_string()).is_err());
        let held = in_force.of(&crate::principal::from_arn(user)).unwrap();
        let names: Vec<&str> = held.identity.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["good", "more"], "an error of that document alone");
        let missing = [
            "inline policy `bad` of ana",
            "arn:aws:iam::111122223333:policy/m",
            "inline policy `own` of devs",
            "identity/worse.json",
        ];
        assert_eq!(held.missing, missing);
    }

    #[track_caller]
    fn check(files: &[(&str, &str, &str)], action: &str, resource: &str, expect: Option<&str>) {
        let mut in_force = InForce::default();
        for (name, action, resource) in files {
            let text = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}}}"#);
            in_force.add_document("resource", &format!("{name}.json"), &text).unwrap();
        }
        let found = in_force.loose.resource_policy(action, resource);
        assert_eq!(found.map(|named| named.name.as_str()), expect, "{action} on {resource}");
    }

    #[test]
    fn the_policy_of_the_resource_that_a_call_concerns() {
        let (key, object) = ("arn:aws:kms:eu-west-1:111122223333:key/k1", "arn:aws:s3:::shop/a/b");
        let files = [("one", "s3:*", "arn:aws:s3:::shop/*"), ("two", "kms:*", "*"), ("b2", "s3:*", "arn:aws:s3:::b2")];
        check(&files, "kms:Decrypt", key, Some("two"));
        check(&files, "s3:GetObject", object, Some("one"));
        check(&files, "s3:GetObject", "arn:aws:s3:::b2/k", Some("b2"));
        check(&files, "s3:GetObject", "arn:aws:s3:::b3/k", None);
        check(&files, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q", None);
        // Two keys' policies look alike: the file's name decides, or nothing does.
        check(&[("k1", "kms:*", "*"), ("k2", "kms:*", "*")], "kms:Decrypt", key, Some("k1"));
        check(&[("x", "kms:*", "*"), ("y", "kms:*", "*")], "kms:Decrypt", key, None);
    }

    #[test]
    fn an_unknown_folder_is_told() {
        let mut in_force = InForce::default();
        let empty = r#"{"Statement":[]}"#;
        assert!(in_force.add_document("scp/0-root", "a.json", empty).is_ok());
        assert!(in_force.add_document("scps", "a.json", empty).is_err());
        assert!(in_force.add_document("scp", "a.json", "{").is_err());
    }
}
