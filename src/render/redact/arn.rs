//! ARNs: which parts are names, and the ARN without them.

use super::{Kind, Redactor, is_name, words};

/// What stands behind the account.
pub(super) fn resource(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or_default()
}

/// The names in an ARN; none in one of AWS's own.
pub(super) fn names(arn: &str) -> Vec<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, service, _, account, resource] = parts[..] else { return Vec::new() };
    if account == "aws" {
        return Vec::new();
    }
    let segments: Vec<&str> = resource.split(['/', ':']).collect();
    let last = segments.len() - 1;
    let names = segments.iter().enumerate().filter(|(at, segment)| !is_type(service, segment, (*at == 0, *at == last)));
    names.map(|(_, segment)| segment.trim_end_matches('*')).filter(|name| is_name(name) && !is_number(name)).collect()
}

/// The ARN with masks for account and names.
pub(super) fn masked(redactor: &mut Redactor, arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts[..] else { return arn.to_owned() };
    if account == "aws" {
        return arn.to_owned();
    }
    let account = match account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) {
        true => redactor.mask(Kind::Account, account),
        false => account.to_owned(),
    };
    let mut out = format!("{prefix}:{partition}:{service}:{region}:{account}:");
    let (mut rest, mut is_first) = (resource, true);
    loop {
        let end = rest.find(['/', ':']).unwrap_or(rest.len());
        let (segment, after) = rest.split_at(end);
        let stem = segment.trim_end_matches('*');
        let is_last = after.is_empty();
        match is_type(service, segment, (is_first, is_last)) || !is_name(stem) || is_number(stem) {
            true => out.push_str(segment),
            false => {
                let mask = redactor.mask(kind(stem), stem);
                out.push_str(&mask);
                out.push_str(&segment[stem.len()..]);
            }
        }
        let Some(separator) = after.chars().next() else { return out };
        out.push(separator);
        is_first = false;
        rest = &after[1..];
    }
}

fn kind(segment: &str) -> Kind {
    match segment.len() == 12 && segment.bytes().all(|b| b.is_ascii_digit()) {
        true => Kind::Account,
        false => Kind::Name,
    }
}

/// A word of AWS before a name. S3's ARNs have none, and the last part is always a name.
fn is_type(service: &str, segment: &str, (is_first, is_last): (bool, bool)) -> bool {
    let known = if is_first { words::TYPES } else { words::INNER };
    !is_last && service != "s3" && known.contains(&segment)
}

/// A revision or version.
fn is_number(segment: &str) -> bool {
    segment.len() < 8 && segment.bytes().all(|b| b.is_ascii_digit())
}
