//! Actions that open a road to more power, lay data open or blind a guard.

use super::Catalog;

/// In what way an action is dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskKind {
    /// The holder can give itself more permissions.
    SelfEscalation,
    /// Acts as another role.
    Assume,
    /// `iam:PassRole` itself.
    PassRole,
    /// Dangerous together with `iam:PassRole`: code runs as the passed role.
    WithPassRole,
    /// Runs something as a role that is already in place.
    ExistingRole,
    /// Lays a resource open to others.
    ResourceExposure,
    /// Reads a secret or password.
    CredentialAccess,
    /// Switches off what watches or protects.
    GuardTampering,
}

/// Why an Allow of one action must be looked at by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Risk<'c> {
    /// The class of danger.
    pub kind: RiskKind,
    /// The road from this permission to more, in words.
    pub road: &'c str,
    /// Where it is described.
    pub source: &'c str,
}

impl Catalog {
    /// The danger of an action; `None` where none is listed, which does not mean that it is harmless.
    pub fn risk(&self, action: &str) -> Option<Risk<'_>> {
        let action = self.action(action)?;
        let (_, line) = self.data.risks.joined([action.prefix(), ":", action.name()])?;
        let mut cells = line.split('\t');
        let kind = kind(cells.next()?)?;
        Some(Risk { kind, road: cells.next()?, source: cells.next()? })
    }
}

fn kind(name: &str) -> Option<RiskKind> {
    Some(match name {
        "self-escalation" => RiskKind::SelfEscalation,
        "assume" => RiskKind::Assume,
        "pass-role" => RiskKind::PassRole,
        "with-pass-role" => RiskKind::WithPassRole,
        "existing-role" => RiskKind::ExistingRole,
        "resource-exposure" => RiskKind::ResourceExposure,
        "credential-access" => RiskKind::CredentialAccess,
        "guard-tampering" => RiskKind::GuardTampering,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(action: &str, expect: Option<RiskKind>) {
        assert_eq!(Catalog::embedded().risk(action).map(|risk| risk.kind), expect);
    }

    #[test]
    fn dangerous_actions() {
        check("iam:createpolicyversion", Some(RiskKind::SelfEscalation));
        check("iam:PassRole", Some(RiskKind::PassRole));
        check("lambda:CreateFunction", Some(RiskKind::WithPassRole));
        check("lambda:UpdateFunctionCode", Some(RiskKind::ExistingRole));
        check("guardduty:DeleteDetector", Some(RiskKind::GuardTampering));
        check("kms:PutKeyPolicy", Some(RiskKind::ResourceExposure));
        check("secretsmanager:GetSecretValue", Some(RiskKind::CredentialAccess));
        check("sts:AssumeRole", Some(RiskKind::Assume));
        check("s3:ListBucket", None);
        check("s3:*", None);
    }

    #[test]
    fn every_line_is_whole() {
        let catalog = Catalog::embedded();
        for action in catalog.data.risks.keys() {
            let risk = catalog.risk(action);
            assert!(risk.is_some_and(|risk| !risk.road.is_empty() && !risk.source.is_empty()), "{action}");
        }
    }
}
