//! What a log file's name tells of its events, where its first and last record say the same.

use crate::record::{self, Sifted, Whereabouts};
use std::path::Path;

/// The place of all of a file's events.
pub(super) struct Named {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    /// Where and when the first and the last record happened.
    pub(super) edges: Vec<Whereabouts>,
}

/// The place of a file that CloudTrail named, `ACCOUNT_CloudTrail_REGION_TIME_UNIQUE.json.gz`: CloudTrail writes a file for one
/// account and Region. `None` for other names, and where an edge says otherwise.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>.
pub(super) fn place(name: &str, sifted: &Sifted<'_>) -> Option<Named> {
    let (account, region, _) = parts(name)?;
    let [first, last] = sifted.edges.as_slice() else { return None };
    let mut edges = vec![record::whereabouts(first)?];
    if first.as_ptr() != last.as_ptr() {
        edges.push(record::whereabouts(last)?);
    }
    let is_there =
        |edge: &Whereabouts| edge.account.as_deref() == Some(account) && edge.region.as_deref() == Some(region);
    let (account, region) = (Some(account.to_owned()), Some(region.to_owned()));
    edges.iter().all(is_there).then_some(Named { account, region, edges })
}

/// Account, Region and time in a log file's name.
pub(in crate::app) fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let name = Path::new(name).file_name()?.to_str()?;
    let mut parts = name.split('_');
    let (account, kind, region, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_log = matches!(kind, "CloudTrail" | "CloudTrail-NetworkActivity");
    let is_time = time.len() == 14 && time.ends_with('Z') && time.as_bytes()[8] == b'T';
    (is_account && is_log && is_time && parts.next().is_some()).then_some((account, region, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<(&str, &str, &str)>) {
        assert_eq!(parts(name), expect, "{name}");
    }

    #[test]
    fn names_as_cloudtrail_gives_them() {
        let there = Some(("111122223333", "us-east-2", "20150801T0210Z"));
        check("a/111122223333_CloudTrail_us-east-2_20150801T0210Z_Mu0KsOhtH1ar15ZZ.json.gz", there);
        check("111122223333_CloudTrail-NetworkActivity_us-east-2_20150801T0210Z_x.json", there);
        check("111122223333_CloudTrail-Digest_us-east-2_20150801T0210Z_x.json.gz", None);
        check("11112222333_CloudTrail_us-east-2_20150801T0210Z_x.json.gz", None);
        check("111122223333_CloudTrail_us-east-2_20150801.json", None);
        check("log.json", None);
    }
}
