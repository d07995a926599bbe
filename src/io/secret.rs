//! A secret by name ([`SecretRef`]) and in the hand ([`Secret`]). Configuration holds only names.

use std::fmt;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// AWS Secrets Manager, by whole ARN.
    SecretsManager(String),
    /// Systems Manager Parameter Store, by name or ARN; a `SecureString`.
    Parameter(String),
}

/// Text in configuration that is no secret's name. The text is not in the error: it may be the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{key}` must name a secret, not hold it: keep the value in AWS Secrets Manager or as an SSM SecureString, and write its ARN or `ssm:NAME` here"
)]
pub struct NotASecretName {
    /// The key in the configuration.
    pub key: String,
}

impl SecretRef {
    /// Reads `ssm:NAME`, or the ARN of a secret or parameter. `key` is where it stands, for the error.
    ///
    /// ```
    /// use denywatch::io::secret::SecretRef;
    /// assert_eq!(SecretRef::parse("slack.secret", "ssm:/denywatch/slack"), Ok(SecretRef::Parameter("/denywatch/slack".into())));
    /// assert!(SecretRef::parse("slack.secret", "https://hooks.slack.com/services/T/B/x").is_err());
    /// ```
    ///
    /// # Errors
    /// [`NotASecretName`] for everything else, above all for the secret itself.
    pub fn parse(key: &str, text: &str) -> Result<Self, NotASecretName> {
        let refuse = || NotASecretName { key: key.to_owned() };
        if let Some(name) = text.strip_prefix("ssm:") {
            return if is_parameter_name(name) { Ok(Self::Parameter(name.to_owned())) } else { Err(refuse()) };
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts[..] {
            ["arn", _, "secretsmanager", region, _, rest] if !region.is_empty() && rest.starts_with("secret:") => {
                Ok(Self::SecretsManager(text.to_owned()))
            }
            ["arn", _, "ssm", region, _, rest] if !region.is_empty() && rest.starts_with("parameter/") => {
                Ok(Self::Parameter(text.to_owned()))
            }
            _ => Err(refuse()),
        }
    }

    /// The Region an ARN names; `None` for a bare parameter name, which is looked up where we run.
    pub fn region(&self) -> Option<&str> {
        let (Self::SecretsManager(text) | Self::Parameter(text)) = self;
        text.strip_prefix("arn:")?.split(':').nth(2)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretsManager(arn) => out.write_str(arn),
            Self::Parameter(name) if name.starts_with("arn:") => out.write_str(name),
            Self::Parameter(name) => write!(out, "ssm:{name}"),
        }
    }
}

/// Letters, digits and `_.-/`: <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>.
fn is_parameter_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c))
}

/// A secret's value. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value; of a JSON object with one text member, as Secrets Manager's console makes it, the member's.
    pub fn new(value: &str) -> Self {
        let members: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(value).ok();
        let only = members
            .filter(|members| members.len() == 1)
            .and_then(|members| members.into_iter().next().and_then(|(_, value)| value.as_str().map(str::to_owned)));
        Self(only.unwrap_or_else(|| value.trim().to_owned()))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, Option<&str>)>) {
        let parsed = SecretRef::parse("slack.secret", text);
        match expect {
            Some((shown, region)) => {
                let parsed = parsed.unwrap();
                assert_eq!((parsed.to_string().as_str(), parsed.region()), (shown, region));
            }
            None => {
                let error = parsed.unwrap_err().to_string();
                assert!(error.contains("`slack.secret`") && error.contains("ssm:NAME"), "{error}");
                assert!(text.len() < 5 || !error.contains(text), "the error repeats the value");
            }
        }
    }

    #[test]
    fn names_are_taken_and_values_refused() {
        let secret = "arn:aws:secretsmanager:us-east-2:111122223333:secret:denywatch/slack-AbCdEf";
        check(secret, Some((secret, Some("us-east-2"))));
        let parameter = "arn:aws-cn:ssm:cn-north-1:111122223333:parameter/denywatch/slack";
        check(parameter, Some((parameter, Some("cn-north-1"))));
        check("ssm:/denywatch/slack", Some(("ssm:/denywatch/slack", None)));
        check("ssm:denywatch-slack", Some(("ssm:denywatch-slack", None)));
        check("https://hooks.slack.com/services/T000/B000/XXXX", None);
        check("xoxb-1234-abcd", None);
        check("ssm:https://hooks.slack.com/services/T000/B000/XXXX", None);
        check("arn:aws:s3:::bucket", None);
        check("arn:aws:secretsmanager::111122223333:secret:x", None);
        check("ssm:", None);
        check("", None);
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("https://hooks.slack.com/services/T000/B000/XXXX\n");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.expose(), "https://hooks.slack.com/services/T000/B000/XXXX");
    }

    #[test]
    fn one_member_of_json_is_the_value() {
        assert_eq!(Secret::new(r#"{"url":"https://a"}"#).expose(), "https://a");
        assert_eq!(Secret::new(r#"{"a":"1","b":"2"}"#).expose(), r#"{"a":"1","b":"2"}"#);
    }
}
