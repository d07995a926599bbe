//! Conditions that keep a grant as narrow as the call that was refused.

use super::statement::{Tests, test};
use crate::arn::Arn;
use crate::finding::{Item, ItemKey};

/// Services that KMS reports in `kms:ViaService`, by the first label of their host.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>.
const VIA_SERVICES: &[&str] = &[
    "airflow",
    "apprunner",
    "appfabric",
    "backup",
    "cloudtrail",
    "codeartifact",
    "codecommit",
    "codebuild",
    "comprehend",
    "connect",
    "databrew",
    "dms",
    "docdb",
    "ds",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "es",
    "events",
    "fsx",
    "glue",
    "imagebuilder",
    "kafka",
    "kinesis",
    "kinesisanalytics",
    "kinesisvideo",
    "lambda",
    "lex",
    "license-manager",
    "logs",
    "mgn",
    "mq",
    "neptune",
    "qldb",
    "rds",
    "redshift",
    "rekognition",
    "s3",
    "sagemaker",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "states",
    "timestream",
    "transcribe",
    "wisdom",
    "workmail",
    "workspaces",
    "xray",
];

/// The conditions of one item's grant; empty where the event shows nothing that would narrow it.
pub fn narrow(key: &ItemKey, item: &Item) -> Tests {
    match key.action.split(':').next() {
        Some("kms") => via_service(key, item),
        Some("iam") if key.action == "iam:PassRole" => passed_to(item),
        _ => Tests::new(),
    }
}

/// `kms:ViaService`, only when every recorded call came through one and the same service.
fn via_service(key: &ItemKey, item: &Item) -> Tests {
    let via = match (item.vias.len(), item.vias.first()) {
        (1, Some(via)) => via,
        _ => return Tests::new(),
    };
    via_value(via, &key.resource).map_or_else(Tests::new, |value| test("StringEquals", "kms:ViaService", &value))
}

/// `s3.amazonaws.com` and a key in us-east-2 make `s3.us-east-2.amazonaws.com`; `None` where that is not certain.
pub fn via_value(via: &str, key_arn: &str) -> Option<String> {
    let label = via.strip_suffix(".amazonaws.com")?;
    let key: Arn = key_arn.parse().ok()?;
    let known = VIA_SERVICES.contains(&label) && matches!(key.partition.as_str(), "aws" | "aws-us-gov");
    (known && !key.region.is_empty()).then(|| format!("{label}.{}.amazonaws.com", key.region))
}

/// `iam:PassedToService` from the service that was called.
fn passed_to(item: &Item) -> Tests {
    let service = item.facts.context.get("iam:PassedToService").and_then(|values| values.first());
    service.map_or_else(Tests::new, |service| test("StringEquals", "iam:PassedToService", service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_via_service_is_named_only_where_it_is_certain() {
        let key = "arn:aws:kms:us-east-2:111122223333:key/k";
        assert_eq!(via_value("s3.amazonaws.com", key).as_deref(), Some("s3.us-east-2.amazonaws.com"));
        for (via, key) in [("AWS Internal", key), ("", key), ("console.amazonaws.com", key), ("s3.amazonaws.com", "*")]
        {
            assert_eq!(via_value(via, key), None, "{via} {key}");
        }
        assert_eq!(via_value("s3.amazonaws.com", "arn:aws-cn:kms:cn-north-1:111122223333:key/k"), None);
    }
}
