//! What AWS itself and well-known scanners are refused all day; each with the reason and where it was told.

use crate::finding::{Finding, Item, ItemKey};
use crate::policy::pattern::{matches, matches_action};
use crate::principal::PrincipalKind;

/// A rule that everybody has, unless it is switched off by `expected.disable` or `expected.builtin = false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name in the configuration.
    pub id: &'static str,
    /// Why nobody needs to hear of it.
    pub reason: &'static str,
    /// Where it was told.
    pub source: &'static str,
    /// The permissions that it is about, all of them reads.
    pub permissions: &'static [&'static str],
    who: Who,
}

/// Whose denials. None of these can be chosen by a caller: no session name, no user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// A person or a role; the call itself is the mark.
    Anybody,
    /// A caller of this kind.
    Kind(PrincipalKind),
    /// A role of this name.
    Role(&'static [&'static str]),
    /// This service, in its own name or with the caller's permissions, each time.
    Through(&'static str),
    /// AWS's message says exactly this.
    Told(&'static str),
}

/// The list, by id.
pub const BUILTIN: &[Builtin] = &[
    Builtin {
        id: "anonymous-s3",
        reason: "strangers on the internet try the names of buckets; nobody of yours is refused anything",
        source: "https://github.com/DataBiosphere/azul/issues/6142",
        permissions: &["s3:GetObject", "s3:ListBucket"],
        who: Who::Kind(PrincipalKind::Anonymous),
    },
    Builtin {
        id: "cloudfront-private-objects",
        reason: "CloudFront asks for each object that a visitor asks for, also for those that are private or not there",
        source: "https://github.com/DataBiosphere/azul/issues/5325",
        permissions: &["s3:GetObject", "s3:ListBucket"],
        who: Who::Through("cloudfront.amazonaws.com"),
    },
    Builtin {
        id: "config-headbucket",
        reason: "AWS Config looks with HeadBucket whether its bucket is there, and delivers in its own name when it may not",
        source: "https://github.com/DataBiosphere/azul/issues/6134",
        permissions: &["s3:ListBucket"],
        who: Who::Through("config.amazonaws.com"),
    },
    Builtin {
        id: "console-callervalidation",
        reason: "console pages ask for the organisation's accounts and AWS's own check of the caller refuses",
        source: "https://github.com/fivexl/terraform-aws-cloudtrail-to-slack/issues/2",
        permissions: &["organizations:ListAccounts"],
        who: Who::Told("CallerValidation check failed"),
    },
    Builtin {
        id: "console-inspector",
        reason: "the Inspector console asks who its delegated administrator is, also where nobody may know",
        source: "https://github.com/DataBiosphere/azul/issues/5545",
        permissions: &["inspector2:ListDelegatedAdminAccounts", "inspector2:GetDelegatedAdminAccount"],
        who: Who::Anybody,
    },
    Builtin {
        id: "console-macie",
        reason: "where Macie is off AWS refuses whoever asks whether it is on, as AWS Config and console pages do",
        source: "https://github.com/ministryofjustice/modernisation-platform-terraform-baselines/pull/599",
        permissions: &["macie2:GetMacieSession"],
        who: Who::Anybody,
    },
    Builtin {
        id: "console-notifications",
        reason: "console pages ask for the notification hubs behind their bell, also for those who may not know them",
        source: "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/migrate-granularaccess-console.html",
        permissions: &["notifications:ListNotificationHubs"],
        who: Who::Anybody,
    },
    Builtin {
        id: "scanner-tenable",
        reason: "Tenable's connector asks for the trails of other accounts, which are not its to read",
        source: "https://github.com/fivexl/terraform-aws-cloudtrail-to-slack/issues/2",
        permissions: &["cloudtrail:GetTrailStatus"],
        who: Who::Role(&["tenableio-connector"]),
    },
    Builtin {
        id: "securityhub-topics",
        reason: "Security Hub looks at topics of other accounts that alarms point to",
        source: "https://github.com/aws-samples/aws-secure-environment-accelerator/issues/875",
        permissions: &["sns:ListSubscriptionsByTopic"],
        who: Who::Role(&["AWSServiceRoleForSecurityHub"]),
    },
];

impl Builtin {
    /// Whether it is about this item.
    pub(in crate::triage) fn fits(&self, finding: &Finding, key: &ItemKey, item: &Item) -> bool {
        self.permissions.iter().any(|pattern| matches_action(pattern, &key.action)) && self.who.is(finding, item)
    }
}

impl Who {
    fn is(self, finding: &Finding, item: &Item) -> bool {
        let who = &finding.principal;
        let is_role = matches!(who.kind, PrincipalKind::Role | PrincipalKind::ServiceLinkedRole);
        match self {
            Self::Anybody => true,
            Self::Kind(kind) => who.kind == kind,
            Self::Role(names) => {
                let name = who.name.as_deref().unwrap_or_default();
                is_role && names.iter().any(|pattern| matches(pattern, name))
            }
            Self::Through(service) => {
                let itself = who.kind == PrincipalKind::Service && who.name.as_deref() == Some(service);
                itself || (!item.vias.is_empty() && item.vias.iter().all(|via| via == service))
            }
            Self::Told(words) => item.facts.message.as_deref() == Some(words),
        }
    }
}
