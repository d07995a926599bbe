//! Patch, Finding, Report → text; one file a format, each read back and compared.
//!
//! [`patch`] writes a patch as a policy document, Terraform, CloudFormation or an AWS CLI script. Names and documents
//! are checked first ([`RenderError`] names what cannot be written safely), and each text is parsed again before it
//! leaves: what the reader of that format would see must be the document, else nothing is printed.

mod check;
mod cfn;
mod cli;
pub mod escape;
mod hcl;
mod job;
mod json;
pub mod alert;
mod consequence;
pub mod console;
pub mod email;
pub mod event;
pub mod forms;
pub mod markdown;
pub mod note;
pub mod page;
#[cfg(feature = "picture")]
pub mod picture;
pub mod pagerduty;
pub mod pull_request;
pub mod q;
mod sheet;
pub mod report_csv;
pub mod report_files;
pub mod report_note;
pub mod slack;
pub mod snippet;
pub mod table;
pub mod teams;
pub mod text;
pub mod verified;
pub mod words;
mod permission;

use crate::diagnosis::TargetKind;
use crate::patch::{Companion, Patch};
use crate::principal::Principal;
use escape::terminal;
use job::Job;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The formats a patch can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The policy document alone: what goes into the target.
    Json,
    /// Terraform, documents in `jsonencode`.
    Hcl,
    /// Terraform, documents in `data "aws_iam_policy_document"` wherever that can say the same.
    HclData,
    /// A CloudFormation template in YAML.
    Cfn,
    /// The same template in JSON.
    CfnJson,
    /// A bash script of AWS CLI commands, with its undo.
    Cli,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Json, Self::Hcl, Self::HclData, Self::Cfn, Self::CfnJson, Self::Cli];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Hcl => "Terraform",
            Self::HclData => "Terraform with data sources",
            Self::Cfn => "CloudFormation YAML",
            Self::CfnJson => "CloudFormation JSON",
            Self::Cli => "AWS CLI",
        })
    }
}

/// What a rendering needs besides the patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchContext {
    /// The finding's id, named in the text's first comment; `None` leaves it out.
    pub finding: Option<String>,
    /// Add the companions, each as a statement of its own.
    pub companions: bool,
    /// The AWS CLI profile the script uses; `None` leaves the choice to the environment.
    pub profile: Option<String>,
    /// The account of the change where the target names none.
    pub account: Option<String>,
    /// Who was refused: the bearer of a boundary that AWS did not name; `None` when unknown.
    pub principal: Option<Principal>,
}

/// Why a patch was not written in a format; nothing is printed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No Allow helps, so there is nothing to write.
    #[error("this patch has no document: no Allow can help here")]
    NoDocument,
    /// The document is not an object with statements.
    #[error("not a policy document: {0}")]
    NotAPolicy(&'static str),
    /// A character that IAM does not take, or that would not be seen.
    #[error("`{}` holds U+{code:04X}, which cannot stand in a policy", terminal(text))]
    Character {
        /// The text that holds it.
        text: String,
        /// The character's number.
        code: u32,
    },
    /// A name or ARN outside the characters that AWS gives it.
    #[error("`{}` is no {what}", terminal(name))]
    Name {
        /// What it should have been, such as `role name`.
        what: &'static str,
        /// The text found.
        name: String,
    },
    /// The target's name and its ARN speak of two things.
    #[error("the target is named `{}` and its ARN names `{}`", terminal(name), terminal(arn))]
    TwoNames {
        /// The name.
        name: String,
        /// The name in the ARN.
        arn: String,
    },
    /// Something the format cannot do without is not known.
    #[error("the {0} is not known")]
    Missing(&'static str),
    /// AWS's own managed policies belong to AWS.
    #[error("`{}` is an AWS managed policy, which only AWS can change", terminal(.0))]
    AwsManaged(String),
    /// A role that AWS made for itself or for IAM Identity Center: IAM refuses any change of its policies.
    #[error("`{}` cannot be changed in IAM: change {instead}", terminal(role))]
    Reserved {
        /// The role's ARN or name.
        role: String,
        /// What to change in its place.
        instead: &'static str,
    },
    /// The document is longer than the target takes.
    #[error("the document has {size} characters without white space, and its place takes {limit}: {}", job::way(*kind))]
    TooLong {
        /// The target.
        kind: TargetKind,
        /// Characters without white space.
        size: usize,
        /// The most that AWS takes.
        limit: usize,
    },
    /// The format would read a part of the data as an instruction, and has no escape for it.
    #[error("{format} cannot carry `{}`: {why}", terminal(text))]
    NotCarried {
        /// The format.
        format: Format,
        /// The text.
        text: String,
        /// How the format would take it.
        why: &'static str,
    },
    /// A statement in force is split: a policy beside it would say the same twice.
    #[error(
        "a statement of a policy in force is split, and a policy beside it would say it twice: `--format json` writes \
         the whole policy to put in its place"
    )]
    Split,
    /// The text, read back, was something else than the document.
    #[error("{format} read back differs from the document: {why}")]
    Unfaithful {
        /// The format.
        format: Format,
        /// Where.
        why: String,
    },
}

/// Writes a patch in a format.
///
/// The policy's name is `denywatch-` and eight digits of a hash over target and content: the same patch gives the same
/// name, and another never overwrites it. Where AWS's call replaces a whole policy, Terraform and CloudFormation print
/// the merged document when the patch has one, else only the statements and where they belong; the script reads the
/// policy in force, appends, and keeps what was there.
///
/// # Errors
///
/// A [`RenderError`] names what cannot be written safely in this format.
///
/// ```
/// use denywatch::diagnosis::{Target, TargetKind};
/// use denywatch::patch::{Applicability, Patch};
/// use denywatch::render::{self, Format, PatchContext};
/// let patch = Patch {
///     target: Target {
///         kind: TargetKind::RolePolicy,
///         arn: None,
///         name: Some("app".into()),
///         account: Some("111122223333".into()),
///     },
///     applicability: Applicability::Review,
///     doubts: vec![],
///     document: Some(serde_json::from_str(
///         r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}]}"#,
///     )?),
///     merged: None,
///     room: Default::default(),
///     widened: vec![],
///     companions: vec![],
///     proof: None,
/// };
/// let text = render::patch(&patch, &PatchContext::default(), Format::Hcl)?;
/// assert!(text.contains("resource \"aws_iam_role_policy\" \"denywatch_"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn patch(patch: &Patch, context: &PatchContext, format: Format) -> Result<String, RenderError> {
    let job = Job::new(patch, context)?;
    if format != Format::Json {
        job.beside()?;
    }
    if format != Format::Cli {
        job.fits()?;
    }
    match format {
        Format::Json => json::render(&job),
        Format::Hcl => hcl::render(&job, hcl::Style::Encoded),
        Format::HclData => hcl::render(&job, hcl::Style::Data),
        Format::Cfn => cfn::yaml(&job),
        Format::CfnJson => cfn::json(&job),
        Format::Cli => cli::render(&job),
    }
}

/// Whether [`PatchContext::companions`] writes this companion of the patch: not where no resource is known, as of what
/// another principal needs, nor into a resource's policy.
pub fn is_addable(patch: &Patch, companion: &Companion) -> bool {
    job::is_addable(patch, companion)
}

/// The name that [`patch`] gives the policy it makes, such as `denywatch-1a2b3c4d`.
///
/// # Errors
///
/// As [`patch`].
pub fn policy_name(patch: &Patch, context: &PatchContext) -> Result<String, RenderError> {
    Ok(Job::new(patch, context)?.name)
}

#[cfg(test)]
mod tests;
