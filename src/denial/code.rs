//! Is this error a refusal by policy? The error codes that say so, and those that only look alike.
//!
//! Matches by meaning, not by a full list: services add codes, and CloudTrail logs another form of a code than the SDK
//! shows (`Client.UnauthorizedOperation`, `AccessDenied` for `AccessDeniedException`). Authentication, subscription and
//! resource-name codes (`AuthFailure`, `OptInRequired`, `AuthorizationNotFound`, …) bear none of the words.

use std::collections::BTreeSet;

/// Parts of a code, in lower case, that mean a refusal wherever they stand.
const ANYWHERE: &[&str] = &["accessdenied", "accessforbidden", "unauthorized", "notauthorized", "forbidden"];

/// Beginnings of a code, in lower case, that mean a refusal.
const BEGINNINGS: &[&str] = &["authorizationerror", "insufficientprivileges", "insufficientpermissions"];

/// Codes of sign-in protocols, in lower case and without their ending: no policy decided.
const SIGN_IN: &[&str] = &["unauthorizedclient", "unauthorizedssotoken"];

/// Beginnings of messages, in lower case, by which a service says that the credentials, not the policies, were at fault.
const AUTHENTICATION: &[&str] = &["session token not found or invalid", "the security token included in the request"];

/// How AWS's own message of a refusal begins, whatever code it comes under.
pub(crate) const RELAYED: &str = "User: arn:";

/// Whether `code` alone means a refusal; `Client.`/`Server.` before it and `Exception`/`Fault` behind it mean nothing.
///
/// ```
/// use denywatch::denial::code::is_denial_code;
/// assert!(is_denial_code("Client.UnauthorizedOperation"));
/// assert!(!is_denial_code("AuthFailure"));
/// ```
pub fn is_denial_code(code: &str) -> bool {
    means_refusal(&plain(code))
}

fn means_refusal(plain: &str) -> bool {
    let meant = ANYWHERE.iter().any(|part| plain.contains(part))
        || BEGINNINGS.iter().any(|start| plain.starts_with(start))
        || plain == "authorization";
    meant && !SIGN_IN.contains(&plain)
}

/// A regular expression, for other engines, that finds every code in lower case that means a refusal, and few others.
pub fn pattern() -> String {
    let (anywhere, beginnings) = (ANYWHERE.join("|"), BEGINNINGS.join("|"));
    format!("{anywhere}|^(client[.]|server[.])?({beginnings}|authorization(exception|fault)?$)")
}

/// Whether an event records a refusal by policy.
///
/// `source` is `eventSource`, `event_type` is `eventType`; each `None` when the event lacks it. Cognito's
/// `NotAuthorizedException` is an end user's wrong password, a denied console sign-in is no API call; a message that opens
/// with AWS's own `User: ARN is not authorized to perform: ` counts under any code, since services relay refusals under
/// codes of their own.
pub fn is_denial(code: Option<&str>, source: Option<&str>, event_type: Option<&str>, message: Option<&str>) -> bool {
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return false };
    let plain = plain(code);
    if event_type.is_some_and(|kind| kind.eq_ignore_ascii_case("AwsConsoleSignIn")) || plain == "dryrunoperation" {
        return false;
    }
    if !means_refusal(&plain) {
        return message.is_some_and(relays_refusal);
    }
    let end_user = source.is_some_and(is_cognito) && plain.contains("notauthorized");
    !end_user && !message.is_some_and(is_authentication)
}

/// Codes that a team counts as denials besides those that [`is_denial`] knows: `source.error_codes`. Letter case,
/// `Client.` before a code and `Exception` behind it mean nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codes(BTreeSet<String>);

impl Codes {
    /// Of these; `None` where one of them is no code: letters, digits, points, hyphens and underscores.
    pub fn new<'c>(codes: impl IntoIterator<Item = &'c str>) -> Option<Self> {
        let is_code = |code: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !code.is_empty() && code.len() <= 100 && code.chars().all(fits)
        };
        let one = |code: &str| Some(plain(code)).filter(|code| is_code(code));
        codes.into_iter().map(one).collect::<Option<_>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`is_denial_code`], with these codes too.
    pub fn takes(&self, code: &str) -> bool {
        is_denial_code(code) || !self.0.is_empty() && self.0.contains(&plain(code))
    }

    /// As [`is_denial`], with these codes too.
    ///
    /// ```
    /// use denywatch::denial::code::Codes;
    /// let codes = Codes::new(["LimitedByTeam"]).unwrap_or_default();
    /// assert!(codes.is_denial(Some("Client.LimitedByTeamException"), None, None, None));
    /// assert!(!Codes::default().is_denial(Some("LimitedByTeam"), None, None, None));
    /// ```
    pub fn is_denial(
        &self,
        code: Option<&str>,
        source: Option<&str>,
        event_type: Option<&str>,
        message: Option<&str>,
    ) -> bool {
        let own = || code.is_some_and(|code| self.0.contains(&plain(code)));
        !self.0.is_empty() && own() || is_denial(code, source, event_type, message)
    }

    /// A regular expression, for other engines, that finds these codes in lower case; `None` where there are none.
    pub fn pattern(&self) -> Option<String> {
        let all: Vec<String> = self.0.iter().map(|code| code.replace('.', "[.]")).collect();
        (!all.is_empty()).then(|| format!("^(client[.]|server[.])?({})(exception|fault)?$", all.join("|")))
    }
}

fn plain(code: &str) -> String {
    let mut plain = code.trim().to_ascii_lowercase();
    let tail = plain.strip_prefix("client.").or_else(|| plain.strip_prefix("server.")).unwrap_or(&plain);
    let (start, end) =
        (plain.len() - tail.len(), tail.strip_suffix("exception").or_else(|| tail.strip_suffix("fault")));
    let end = start + end.unwrap_or(tail).len();
    plain.truncate(end);
    plain.drain(..start);
    plain
}

fn is_cognito(source: &str) -> bool {
    source.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("cognito-"))
}

fn is_authentication(message: &str) -> bool {
    let begins = |start: &&str| message.trim().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    AUTHENTICATION.iter().any(begins)
}

/// Only the message's own beginning counts: what stands later may be a name that someone chose.
fn relays_refusal(message: &str) -> bool {
    let Some(rest) = message.trim_start().strip_prefix(RELAYED) else { return false };
    let behind = rest.split_once(char::is_whitespace).map(|(_, behind)| behind.trim_start());
    behind.is_some_and(|text| text.starts_with("is not authorized to perform"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expect: bool) {
        assert_eq!(is_denial(Some(code), Some("x.amazonaws.com"), Some("AwsApiCall"), None), expect, "{code}");
    }

    #[test]
    fn codes_that_mean_a_refusal() {
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "Client.UnauthorizedOperation",
            "UnauthorizedOperation",
            "client.unauthorizedoperation",
            "UnauthorizedException",
            "UnauthorizedOperationException",
            "UnauthorizedError",
            "UnauthorizedResourceAccessException",
            "UnauthorizedPartnerIntegrationException",
            "ForbiddenException",
            "AccessForbidden",
            "ForbiddenError",
            "NotAuthorizedException",
            "AuthorizationError",
            "AuthorizationErrorException",
            "AuthorizationException",
            "InsufficientPrivilegesException",
            "InsufficientPermissionsException",
            "DependencyAccessDeniedException",
            "AccessDeniedForDependencyException",
            "DependentServiceAccessDenied",
            "S3AccessDeniedFault",
            "KMSAccessDeniedException",
            "KmsAccessDeniedFault",
            "EncryptionKeyAccessDeniedException",
            "EC2AccessDeniedException",
            "LoadUrlAccessDeniedException",
            "VpceAccessDenied",
        ] {
            check(code, true);
        }
    }

    #[test]
    fn codes_that_only_look_alike() {
        for code in [
            "AuthorizationNotFound",
            "AuthorizationAlreadyExists",
            "AuthorizationQuotaExceeded",
            "AuthFailure",
            "InvalidAuthorizationMessageException",
            "AuthorizationPendingException",
            "UnsupportedOperation",
            "OperationNotPermittedException",
            "MethodNotAllowedException",
            "Client.DryRunOperation",
            "OptInRequired",
            "SubscriptionRequiredException",
            "RegionDisabledException",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "MissingAuthenticationToken",
            "ThrottlingException",
            "InvalidAccessException",
            "UnauthorizedClientException",
            "",
        ] {
            check(code, false);
        }
    }

    #[test]
    fn the_rest_of_the_event_counts_too() {
        let told = "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: ssm:GetParameters";
        assert!(is_denial(Some("ValidationError"), None, None, Some(told)));
        assert!(!is_denial(Some("ValidationError"), None, None, Some(&format!("No such name: {told}"))));
        assert!(!is_denial(None, None, None, Some(told)));
        let idp = Some("cognito-idp.amazonaws.com");
        assert!(!is_denial(Some("NotAuthorizedException"), idp, None, Some("Incorrect username or password.")));
        assert!(is_denial(Some("AccessDeniedException"), idp, None, None));
        assert!(!is_denial(
            Some("UnauthorizedException"),
            Some("sso.amazonaws.com"),
            None,
            Some("Session token not found or invalid")
        ));
        assert!(is_denial(Some("VpceAccessDenied"), None, Some("AwsVpceEvent"), None));
        assert!(!is_denial(Some("AccessDenied"), None, Some("AwsConsoleSignIn"), None));
    }
}
