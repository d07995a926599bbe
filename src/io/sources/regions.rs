//! Which Regions an account has switched on.

use super::archive::{CHINA, GOV, REGIONS};
use crate::io::aws::Aws;
use crate::io::aws::ask::EC2;
use serde_json::Value;

/// Where AWS is asked when nobody names a Region.
const FIRST: &str = "us-east-1";

/// The Regions that the account has switched on. Where AWS does not tell, those that every account has, and why.
pub async fn regions(aws: &Aws) -> (Vec<String>, Option<String>) {
    let own = aws.config().region().map_or(FIRST, AsRef::as_ref);
    let answer = aws.signed().query(EC2, "DescribeRegions", Some(own), &[]).await;
    let told = answer.map(|answer| {
        let items = answer.get("regionInfo").and_then(Value::as_array).cloned().unwrap_or_default();
        let name = |item: &Value| item.get("regionName").and_then(Value::as_str).map(str::to_owned);
        let mut names: Vec<String> = items.iter().filter_map(name).collect();
        names.sort();
        names
    });
    match told {
        Ok(names) if !names.is_empty() => (names, None),
        Ok(_) => (default_regions(own), Some("AWS named no Region".to_owned())),
        Err(error) => (default_regions(own), Some(error.to_string())),
    }
}

fn default_regions(own: &str) -> Vec<String> {
    let of_partition: &[&str] = match own {
        own if own.starts_with("cn-") => &CHINA,
        own if own.starts_with("us-gov-") => &GOV,
        _ => &REGIONS,
    };
    let mut all: Vec<String> = of_partition.iter().map(|name| (*name).to_owned()).collect();
    if !all.iter().any(|name| name == own) {
        all.push(own.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::doubles::{Reply, Server};

    #[tokio::test]
    async fn regions_are_told_or_those_that_everybody_has() {
        let server = Server::start(|_, _| {
            Reply::new(
                200,
                "<DescribeRegionsResponse><regionInfo><item><regionName>us-west-2</regionName></item><item>\
                 <regionName>me-south-1</regionName></item></regionInfo></DescribeRegionsResponse>",
            )
        });
        let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
        assert_eq!(regions(&aws).await, (vec!["me-south-1".to_owned(), "us-west-2".to_owned()], None));
        let refused = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        let server = Server::start(move |_, _| Reply::new(403, refused));
        let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
        let (names, why) = regions(&aws).await;
        assert_eq!((names.len(), why.as_deref()), (17, Some("`DescribeRegions`: UnauthorizedOperation: no")));
    }

    #[test]
    fn partitions_have_regions_of_their_own() {
        assert_eq!(default_regions("cn-north-1"), CHINA);
        assert_eq!(default_regions("us-gov-west-1"), GOV);
        assert_eq!(default_regions("me-south-1").len(), 18);
    }
}
