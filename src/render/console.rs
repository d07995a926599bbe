//! Links into the AWS console, in the partition of what they point at; `None` where a part is missing or odd.
//!
//! Each partition has console hosts of its own; for partitions whose hosts AWS does not publish there is no link.
//! See <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/signing-into-govcloud.html> and
//! <https://docs.amazonaws.cn/en_us/aws/latest/userguide/introduction.html>.

use crate::advice::Advice;
use crate::arn::Arn;
use crate::principal::PrincipalKind;

/// The CloudTrail page of an event of the finding. Event history is kept a Region, so an item seen in several Regions
/// gives no link.
pub fn event(advice: &Advice) -> Option<String> {
    let item = super::words::lead(advice)?;
    let ([region], Some(id)) = (item.regions.as_slice(), item.events.first()) else { return None };
    let host = host(region_partition(region)?, region)?;
    is_event_id(id).then(|| format!("https://{host}/cloudtrailv2/home?region={region}#/events/{id}"))
}

/// The permissions page of the role or user that was refused.
pub fn principal(advice: &Advice) -> Option<String> {
    let page = match advice.principal.kind {
        PrincipalKind::Role => "roles",
        PrincipalKind::User => "users",
        PrincipalKind::PermissionSet
        | PrincipalKind::ServiceLinkedRole
        | PrincipalKind::Root
        | PrincipalKind::Service
        | PrincipalKind::Federated
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => return None,
    };
    let name = advice.principal.name.as_deref().filter(|name| is_iam_name(name))?;
    let partition = advice.principal.arn.as_deref()?.parse::<Arn>().ok()?.partition;
    let home = iam_home(&partition)?;
    Some(format!(
        "https://{}/iam/home?region={home}#/{page}/details/{}?section=permissions",
        host(&partition, home)?,
        percent(name)
    ))
}

/// IAM is global within a partition; its console page lives in one Region.
fn iam_home(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" => Some("us-east-1"),
        "aws-cn" => Some("cn-north-1"),
        "aws-us-gov" => Some("us-gov-west-1"),
        _ => None,
    }
}

fn host(partition: &str, region: &str) -> Option<String> {
    match partition {
        "aws" => Some(format!("{region}.console.aws.amazon.com")),
        "aws-cn" => Some(format!("{region}.console.amazonaws.cn")),
        "aws-us-gov" => Some(format!("{region}.console.amazonaws-us-gov.com")),
        _ => None,
    }
}

/// The partition of a Region; `None` for text that is no Region, and for partitions without published hosts.
fn region_partition(region: &str) -> Option<&'static str> {
    let parts: Vec<&str> = region.split('-').collect();
    let words = parts.split_last().is_some_and(|(number, words)| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && words.len() >= 2
            && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
    });
    match (words, parts.as_slice()) {
        (false, _) => None,
        (true, ["cn", ..]) => Some("aws-cn"),
        (true, ["us", "gov", ..]) => Some("aws-us-gov"),
        (true, ["us" | "eu", iso, ..]) if iso.starts_with("iso") => None,
        (true, ["eusc", ..]) => None,
        (true, _) => Some("aws"),
    }
}

fn is_event_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
fn is_iam_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

fn percent(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    name.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[track_caller]
    fn check_event(region: &str, id: &str, expect: Option<&str>) {
        let mut advice = sample::pipeline();
        advice.denied[0].regions = vec![region.to_owned()];
        advice.denied[0].events = vec![id.to_owned()];
        assert_eq!(event(&advice).as_deref(), expect);
    }

    #[track_caller]
    fn check_principal(kind: PrincipalKind, arn: &str, name: &str, expect: Option<&str>) {
        let mut advice = sample::pipeline();
        advice.principal.kind = kind;
        advice.principal.arn = Some(arn.to_owned());
        advice.principal.name = Some(name.to_owned());
        assert_eq!(principal(&advice).as_deref(), expect);
    }

    #[test]
    fn an_event_opens_in_its_own_partition() {
        const ID: &str = "5f0e1d2c-3b4a-4958-8776-655443322110";
        check_event(
            "us-east-2",
            ID,
            Some(
                "https://us-east-2.console.aws.amazon.com/cloudtrailv2/home?region=us-east-2#/events/5f0e1d2c-3b4a-4958-8776-655443322110",
            ),
        );
        check_event(
            "cn-north-1",
            ID,
            Some(
                "https://cn-north-1.console.amazonaws.cn/cloudtrailv2/home?region=cn-north-1#/events/5f0e1d2c-3b4a-4958-8776-655443322110",
            ),
        );
        check_event(
            "us-gov-east-1",
            ID,
            Some(
                "https://us-gov-east-1.console.amazonaws-us-gov.com/cloudtrailv2/home?region=us-gov-east-1#/events/5f0e1d2c-3b4a-4958-8776-655443322110",
            ),
        );
        check_event("us-iso-east-1", ID, None);
        check_event("eusc-de-east-1", ID, None);
        check_event("evil.example/", ID, None);
        check_event("us-east-2", "x|<!here>", None);
        check_event("", ID, None);
    }

    #[test]
    fn only_roles_and_users_have_a_page() {
        use PrincipalKind::{PermissionSet, Role, User};
        check_principal(
            Role,
            "arn:aws:iam::111122223333:role/a/app",
            "app",
            Some(
                "https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/roles/details/app?section=permissions",
            ),
        );
        check_principal(
            User,
            "arn:aws-cn:iam::111122223333:user/a@b",
            "a@b",
            Some(
                "https://cn-north-1.console.amazonaws.cn/iam/home?region=cn-north-1#/users/details/a%40b?section=permissions",
            ),
        );
        check_principal(
            Role,
            "arn:aws-us-gov:iam::111122223333:role/app",
            "app",
            Some(
                "https://us-gov-west-1.console.amazonaws-us-gov.com/iam/home?region=us-gov-west-1#/roles/details/app?section=permissions",
            ),
        );
        check_principal(Role, "arn:aws-iso:iam::111122223333:role/app", "app", None);
        check_principal(PermissionSet, "arn:aws:iam::111122223333:role/app", "app", None);
        check_principal(Role, "arn:aws:iam::111122223333:role/app", "a>b|c", None);
        check_principal(Role, "app", "app", None);
    }
}
