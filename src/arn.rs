//! Amazon Resource Names: taken apart and put together, nothing more.
//!
//! An ARN has six parts, `arn:partition:service:region:account:resource`; the last one may hold colons
//! and slashes of its own. This module knows the grammar of every partition and the meaning of no service.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An ARN as its six parts; wildcards are kept as they stand.
///
/// ```
/// use denywatch::arn::Arn;
/// let arn: Arn = "arn:aws:s3:::bucket/a:b".parse()?;
/// assert_eq!((arn.service.as_str(), arn.resource.as_str()), ("s3", "bucket/a:b"));
/// assert_eq!(arn.to_string(), "arn:aws:s3:::bucket/a:b");
/// # Ok::<(), denywatch::arn::ArnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`, `aws-iso…`, `aws-eusc`, or a pattern.
    pub partition: String,
    /// The service's namespace, such as `s3`; never empty.
    pub service: String,
    /// Empty for global services.
    pub region: String,
    /// Twelve digits, `aws` for AWS's own, masked, a pattern, or empty.
    pub account: String,
    /// All after the fifth colon; never empty.
    pub resource: String,
}

/// Text that is no ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no ARN: expected `arn:partition:service:region:account:resource`")]
pub struct ArnError(pub String);

impl Arn {
    /// Puts an ARN together from its parts.
    pub fn new(partition: &str, service: &str, region: &str, account: &str, resource: &str) -> Self {
        let own = str::to_owned;
        Self {
            partition: own(partition),
            service: own(service),
            region: own(region),
            account: own(account),
            resource: own(resource),
        }
    }

    /// The resource's type and the rest: `role/a/b` is (`role`, `a/b`), `table` is (`table`, ``).
    pub fn resource_type_and_id(&self) -> (&str, &str) {
        type_and_id(&self.resource)
    }
}

/// As [`Arn::resource_type_and_id`], of a resource part by itself.
pub(crate) fn type_and_id(resource: &str) -> (&str, &str) {
    match resource.find(['/', ':']) {
        Some(at) => (&resource[..at], &resource[at + 1..]),
        None => (resource, ""),
    }
}

/// The parts of an ARN where they stand, for who only looks at one; `None` for text that is no ARN.
///
/// ```
/// use denywatch::arn::parts;
/// assert_eq!(parts("arn:aws:s3:::bucket/a:b"), Some(["aws", "s3", "", "", "bucket/a:b"]));
/// assert_eq!(parts("role X"), None);
/// ```
pub fn parts(text: &str) -> Option<[&str; 5]> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let mut next = || parts.next();
    let all @ [partition, service, _, _, resource] = [next()?, next()?, next()?, next()?, next()?];
    (!partition.is_empty() && !service.is_empty() && !resource.is_empty()).then_some(all)
}

/// Whether the text has the form of a Region's code: `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`. Whether AWS has such
/// a Region today is not asked: new ones open every year.
///
/// See <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [area, place @ .., number] if matches!(place.len(), 1 | 2) => {
            let digits = matches!(number.len(), 1 | 2) && number.bytes().all(|byte| byte.is_ascii_digit());
            (2..=4).contains(&area.len()) && letters(area) && place.iter().all(|part| letters(part)) && digits
        }
        _ => false,
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let [partition, service, region, account, resource] = parts(text).ok_or_else(|| ArnError(text.to_owned()))?;
        Ok(Self::new(partition, service, region, account, resource))
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;
    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.to_string()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:{}:{}:{}:{}", self.partition, self.service, self.region, self.account, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, &str)>) {
        let arn = text.parse::<Arn>().ok();
        assert_eq!(arn.as_ref().map(Arn::resource_type_and_id), expect);
        if let Some(arn) = arn {
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn regions() {
        for code in
            ["eu-west-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "cn-northwest-1", "ap-southeast-12"]
        {
            assert!(is_region(code), "{code}");
        }
        for text in
            ["", "ca-south-3r", "apiso-northsouth-3r", "*", "global", "us-east-1a", "EU-WEST-1", "eu--1", "us-east-1-x"]
        {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn six_parts_or_nothing() {
        check("arn:aws:iam::111122223333:role/team/app", Some(("role", "team/app")));
        check("arn:aws-cn:logs:cn-north-1:111122223333:log-group:/a:*", Some(("log-group", "/a:*")));
        check("arn:aws:s3:::bucket", Some(("bucket", "")));
        check("arn:aws:iam::111122223333:", None);
        check("arn:aws:iam::111122223333", None);
        check("arn:aws::x:y:z", None);
        check("role X", None);
        check("", None);
    }
}
