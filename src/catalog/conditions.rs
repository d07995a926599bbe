//! Which condition keys an action can ever be asked with.

use super::Catalog;
use super::action::cmp_lower;

impl Catalog {
    /// Whether a condition key can be present in a request for this action; `None` where the data does not tell.
    ///
    /// An Allow whose condition needs a key that the action never carries allows nothing: `Some(false)` is that trap,
    /// as `s3:x-amz-server-side-encryption` on `s3:GetObject`. Letter case does not matter; tag keys match by their head.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    pub fn condition_key_applies(&self, action: &str, key: &str) -> Option<bool> {
        let action = self.action(action)?;
        if action.name() == "AssumeRoleWithWebIdentity" && is_token_claim(&key.to_ascii_lowercase()) {
            return Some(true);
        }
        let is_listed = |known: &str| same(known, key);
        if self.data.global_keys.keys().any(is_listed) || action.listed_keys().any(is_listed) {
            return Some(true);
        }
        self.knows_condition_key(key).then_some(false)
    }

    /// Whether any service, or every request, has a condition key of this name; letter case does not matter.
    pub fn knows_condition_key(&self, key: &str) -> bool {
        let exact = self.data.keys.binary_search_by(|known| cmp_lower(known, key)).is_ok();
        exact || self.data.open_keys.iter().copied().chain(self.data.global_keys.keys()).any(|known| same(known, key))
    }
}

/// `ISSUER:aud` and `ISSUER:sub`, which every OIDC provider's token carries, whatever the issuer's host and path.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
fn is_token_claim(key: &str) -> bool {
    let issuer = key.strip_suffix(":sub").or_else(|| key.strip_suffix(":aud"));
    issuer.is_some_and(|issuer| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        issuer.contains('.') && issuer.bytes().all(plain)
    })
}

/// Whether a key of the data, which may hold `${TagKey}` or `<key>`, is this one.
fn same(known: &str, key: &str) -> bool {
    for (at, byte) in known.bytes().enumerate() {
        match key.as_bytes().get(at) {
            Some(_) if matches!(byte, b'<' | b'$') => return key.is_char_boundary(at),
            Some(other) if other.eq_ignore_ascii_case(&byte) => {}
            _ => return false,
        }
    }
    known.len() == key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(action: &str, key: &str, expect: Option<bool>) {
        assert_eq!(Catalog::embedded().condition_key_applies(action, key), expect);
    }

    #[test]
    fn keys_of_an_action() {
        check("s3:PutObject", "s3:x-amz-server-side-encryption", Some(true));
        check("s3:GetObject", "s3:x-amz-server-side-encryption", Some(false));
        check("s3:GetObject", "S3:ExistingObjectTag/team", Some(true));
        check("s3:ListBucket", "s3:prefix", Some(true));
        check("s3:GetObject", "s3:prefix", Some(false));
        check("iam:PassRole", "iam:PassedToService", Some(true));
        check("s3:GetObject", "iam:PassedToService", Some(false));
        check("ec2:RunInstances", "ec2:InstanceType", Some(true));
        check("kms:Decrypt", "kms:ViaService", Some(true));
        check("kms:Decrypt", "s3:ExistingObjectTag/x", Some(false));
    }

    #[test]
    fn global_keys_are_everywhere() {
        check("s3:GetObject", "aws:SourceIp", Some(true));
        check("s3:GetObject", "aws:PrincipalTag/team", Some(true));
        check("sts:AssumeRoleWithWebIdentity", "token.actions.githubusercontent.com:sub", Some(true));
        check("sts:AssumeRoleWithWebIdentity", "oidc.eks.eu-west-1.amazonaws.com/id/0A:aud", Some(true));
        check("sts:AssumeRole", "token.actions.githubusercontent.com:sub", Some(false));
        check("sts:GetCallerIdentity", "aws:RequestTag/x", Some(false));
        check("ec2:RunInstances", "aws:RequestTag/x", Some(true));
    }

    #[test]
    fn a_key_with_a_variable_is_any_with_its_head() {
        for (known, key, expect) in [
            ("aws:RequestTag/${TagKey}", "aws:requesttag/x", true),
            ("aws:RequestTag/${TagKey}", "aws:RequestTag/", false),
            ("aws:RequestTag/${TagKey}", "aws:RequestTags", false),
            ("s3:ExistingObjectTag/<key>", "s3:ExistingObjectTag/ü", true),
            ("s3:prefix", "S3:Prefix", true),
            ("s3:prefix", "s3:prefixes", false),
            ("s3:prefix", "s3:pre", false),
        ] {
            assert_eq!(same(known, key), expect, "{known} {key}");
        }
    }

    #[test]
    fn the_unknown_stays_unknown() {
        check("s3:GetObject", "s3:no-such-key", None);
        check("s3:NoSuchAction", "aws:SourceIp", None);
        check("s3:GetObject", "", None);
    }
}
