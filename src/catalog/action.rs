//! One IAM action: canonical name, access level, resource types, condition keys.

use super::{Catalog, data, template};
use crate::arn;
use std::cmp::Ordering;

/// What an action does to data, as the Service Authorization Reference groups it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// Names of things.
    List,
    /// Content of things.
    Read,
    /// Changes.
    Write,
    /// Changes who may do what.
    PermissionsManagement,
    /// Changes tags only.
    Tagging,
}

/// An IAM action that exists; made only by [`Catalog::action`], cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Action<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) service: usize,
    pub(super) at: usize,
}

/// A kind of resource that an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceType<'c> {
    /// The data's name, in lower case, such as `task-definition`.
    pub name: &'c str,
    /// The ARN with `${Variable}` parts.
    pub arn: &'c str,
    /// AWS checks it on every call; false where only some calls touch it.
    pub required: bool,
    pub(super) kind: usize,
}

impl Catalog {
    /// Finds `prefix:Name` whatever its letter case; `None` for anything that is no action, wildcards too.
    pub fn action(&self, text: &str) -> Option<Action<'_>> {
        let (prefix, name) = text.split_once(':')?;
        let service = match self.data.service(prefix) {
            Some(at) => at,
            None => self.data.service(&prefix.to_ascii_lowercase())?,
        };
        self.action_in(service, name)
    }

    /// Every action, by service and then by lower-cased name.
    pub fn actions(&self) -> impl Iterator<Item = Action<'_>> {
        let of = move |(service, place): (usize, &super::data::Service)| {
            let all = place.first_action..place.first_action + place.actions;
            all.map(move |at| Action { catalog: self, service, at })
        };
        self.data.services.iter().enumerate().flat_map(of)
    }

    /// Finds an action of one service.
    pub(super) fn action_in(&self, service: usize, name: &str) -> Option<Action<'_>> {
        let place = &self.data.services[service];
        let (mut low, mut high) = (place.first_action, place.first_action + place.actions);
        while low < high {
            let at = low + (high - low) / 2;
            match cmp_lower(self.data.name(at), name) {
                Ordering::Less => low = at + 1,
                Ordering::Greater => high = at,
                Ordering::Equal => return Some(Action { catalog: self, service, at }),
            }
        }
        None
    }
}

/// The order of the lower-cased texts, which is the order of the file.
pub(super) fn cmp_lower(a: &str, b: &str) -> Ordering {
    a.bytes().map(|b| b.to_ascii_lowercase()).cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

impl<'c> Action<'c> {
    /// The service's IAM prefix, such as `s3`.
    pub fn prefix(&self) -> &'c str {
        self.catalog.data.services[self.service].prefix
    }

    /// The name in the service's own letter case, such as `PutObject`.
    pub fn name(&self) -> &'c str {
        self.catalog.data.name(self.at)
    }

    /// Whether the text is [`Action::canonical`], letter by letter.
    pub fn is(&self, text: &str) -> bool {
        let name = text.strip_prefix(self.prefix()).and_then(|rest| rest.strip_prefix(':'));
        name == Some(self.name())
    }

    /// `prefix:Name`, as a policy should spell it.
    pub fn canonical(&self) -> String {
        format!("{}:{}", self.prefix(), self.name())
    }

    /// What it does to data.
    pub fn access_level(&self) -> AccessLevel {
        match self.catalog.data.levels.get(self.at) {
            Some(0) => AccessLevel::List,
            Some(1) => AccessLevel::Read,
            Some(3) => AccessLevel::PermissionsManagement,
            Some(4) => AccessLevel::Tagging,
            _ => AccessLevel::Write,
        }
    }

    /// Every resource type that the action takes, in the order of their names; empty when it takes none.
    pub fn resource_types(&self) -> Vec<ResourceType<'c>> {
        self.types().collect()
    }

    /// [`Action::resource_types`], one after the other.
    pub(super) fn types(&self) -> impl Iterator<Item = ResourceType<'c>> + use<'c> {
        let data: &'c data::Data = &self.catalog.data;
        let first = data.services[self.service].first_type;
        let kind = move |code: usize| {
            let at = first + (code >> 1);
            data.kinds.get(at).map(|k| ResourceType { name: k.name, arn: k.arn, required: code & 1 == 1, kind: at })
        };
        data.type_lists.get(data::nth(data.types_of, self.at)).filter_map(kind)
    }

    /// The types that AWS checks on every call.
    pub fn required_types(&self) -> Vec<ResourceType<'c>> {
        self.types().filter(|kind| kind.required).collect()
    }

    /// Whether a policy can name a resource; false means that the statement must say `"Resource": "*"`.
    pub fn has_resource_level(&self) -> bool {
        let data = &self.catalog.data;
        data.type_lists.get(data::nth(data.types_of, self.at)).next().is_some()
    }

    /// Whether a statement's `Resource` has the ARN form of one of the action's types; wildcards inside parts are fine.
    ///
    /// `*` fits every action, and is all that fits one without resource-level support. False may be a gap in the
    /// data: then no document is written, see [`super::Basis::Unlisted`].
    pub fn takes(&self, resource: &str) -> bool {
        // A whole `*` at the end may stand for several parts: `configuration-recorder/*` for its name and its id.
        let whole = resource.ends_with("/*") || resource.ends_with(":*");
        // `arn:aws:config:eu-west-1:111122223333:*` is what AWS asks of a call that names nothing.
        let all_of = arn::parts(resource).filter(|parts| parts[4] == "*").map(|[_, service, ..]| service);
        let of = |kind: ResourceType<'_>| {
            let fits = |arn: &str| template::is_of(kind.arn, arn);
            let all = || all_of.is_some_and(|service| kind.arn.split(':').nth(2) == Some(service));
            fits(resource) || all() || whole && (fits(&format!("{resource}/*")) || fits(&format!("{resource}/*/*")))
        };
        resource == "*" || self.types().any(of)
    }

    /// The required types that none of these resources is of, by name; of types whose ARNs begin with the same word one
    /// is enough.
    pub fn types_without(&self, resources: &[&str]) -> Vec<&'c str> {
        let is_of = |kind: &ResourceType<'_>| resources.iter().any(|arn| template::is_of(kind.arn, arn));
        let met: Vec<&str> = self.types().filter(is_of).map(|kind| template::head(kind.arn)).collect();
        let open = self.types().filter(|kind| kind.required && !met.contains(&template::head(kind.arn)));
        open.map(|kind| kind.name).collect()
    }

    /// The condition keys listed for the action and its resource types, sorted; global keys are not among them.
    pub fn condition_keys(&self) -> Vec<&'c str> {
        let mut found: Vec<_> = self.key_numbers().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.catalog.data.keys.get(at).copied()).collect()
    }

    /// The same in no order, some perhaps twice.
    pub(super) fn listed_keys(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        let data: &'c data::Data = &self.catalog.data;
        self.key_numbers().filter_map(|at| data.keys.get(at).copied())
    }

    fn key_numbers(&self) -> impl Iterator<Item = usize> + use<'c> {
        let data: &'c data::Data = &self.catalog.data;
        let of_types = self.types().flat_map(|kind| data.key_lists.get(data::nth(data.kind_keys, kind.kind)));
        data.key_lists.get(data::nth(data.keys_of, self.at)).chain(of_types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, AccessLevel, bool)>) {
        let action = Catalog::embedded().action(text);
        let found = action.map(|a| (a.canonical(), a.access_level(), a.has_resource_level()));
        assert_eq!(found, expect.map(|(name, level, has)| (name.to_owned(), level, has)));
    }

    #[test]
    fn the_canonical_letter_case() {
        check("sqs:sendmessage", Some(("sqs:SendMessage", AccessLevel::Write, true)));
        check("SNS:Publish", Some(("sns:Publish", AccessLevel::Write, true)));
        check("s3:PUTBUCKETCORS", Some(("s3:PutBucketCORS", AccessLevel::Write, true)));
        check("iam:PutRolePolicy", Some(("iam:PutRolePolicy", AccessLevel::PermissionsManagement, true)));
        check("ecr:GetAuthorizationToken", Some(("ecr:GetAuthorizationToken", AccessLevel::Read, false)));
        check("lambda:ListFunctions", Some(("lambda:ListFunctions", AccessLevel::List, false)));
    }

    #[test]
    fn no_action_is_invented() {
        check("s3:CreateMultipartUpload", None);
        check("s3:*", None);
        check("*", None);
        check("s3", None);
        check("nothing:GetObject", None);
        check("s3:GetObject ", None);
    }

    #[test]
    fn every_action_finds_itself() {
        let catalog = Catalog::embedded();
        for (service, place) in catalog.data.services.iter().enumerate() {
            for at in place.first_action..place.first_action + place.actions {
                let found = catalog.action_in(service, &catalog.data.name(at).to_ascii_uppercase());
                assert_eq!(found.map(|a| a.at), Some(at));
            }
        }
    }

    #[test]
    fn the_form_of_a_resource() {
        #[track_caller]
        fn check(action: &str, resource: &str, expect: bool) {
            assert_eq!(Catalog::embedded().action(action).map(|a| a.takes(resource)), Some(expect));
        }
        check("s3:GetObject", "arn:aws:s3:::b/*", true);
        check("s3:GetObject", "arn:aws:s3:::b", false);
        check("s3:ListBucket", "arn:aws:s3:::b", true);
        check("s3:ListBucket", "arn:aws:s3:::b/*", false);
        check("ec2:RunInstances", "arn:aws:ec2:*:111122223333:instance/*", true);
        check("ec2:RunInstances", "arn:aws:ec2:eu-west-1::image/ami-1", true);
        check("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1", false);
        check("logs:CreateLogGroup", "arn:aws:logs:eu-west-1:111122223333:log-group:/x:*", true);
        check("lambda:ListFunctions", "*", true);
        check("lambda:ListFunctions", "arn:aws:lambda:eu-west-1:111122223333:function:f", false);
    }

    #[test]
    fn every_action_is_listed_once() {
        let all: std::collections::BTreeSet<String> = Catalog::embedded().actions().map(|a| a.canonical()).collect();
        assert_eq!(all.len(), 22_321);
    }

    #[test]
    fn required_types_are_told() {
        let names = |text: &str| -> Vec<&str> {
            let action = Catalog::embedded().action(text);
            action.map(|a| a.required_types().iter().map(|t| t.name).collect()).unwrap_or_default()
        };
        assert_eq!(names("ecs:ExecuteCommand"), ["cluster", "task"]);
        let run = ["image", "instance", "network-interface", "security-group", "subnet", "volume"];
        assert_eq!(names("ec2:RunInstances"), run);
        assert!(names("sts:GetCallerIdentity").is_empty());
    }
}
