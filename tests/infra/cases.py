"""Sets of inputs, the template's and the module's that mean the same; together they switch everything on and off."""

import cfn
import module

TEMPLATE = module.ROOT / "infra" / "cloudformation" / "template.yaml"
FORWARDER = module.ROOT / "infra" / "cloudformation" / "forwarder.yaml"

CODE = {"CodeBucket": "code", "CodeKey": "denywatch-1.zip"}
CODE_TF = {"code": {"bucket": "code", "key": "denywatch-1.zip"}}


def key(number, partition="aws", region="eu-west-1"):
    return f"arn:{partition}:kms:{region}:111122223333:key/00000000-0000-4000-8000-{number:012d}"


def secret(name, partition="aws", region="eu-west-1"):
    return f"arn:{partition}:secretsmanager:{region}:111122223333:secret:{name}-AbCdEf"


def parameter(name):
    return f"arn:aws:ssm:eu-west-1:111122223333:parameter/{name}"


def topic(name):
    return f"arn:aws:sns:eu-west-1:111122223333:{name}"


OWN = 'version = 1\n[[route]]\nto = "sns:arn:aws:sns:eu-west-1:111122223333:iam-denials"\n'
OF_MAIL = {"AlertEmail": "a@example.com"}
OF_MAIL_TF = {"alert_email": "a@example.com"}


def everything(partition, region):
    """All options that go together."""
    return (
        OF_MAIL
        | {
            "SlackSecretArn": secret("slack", partition, region), "TopicKmsKeyArn": key(1, partition, region),
            "TableKmsKeyArn": key(2, partition, region), "Mode": "central", "OrganizationId": "o-exampleorgid",
            "ReadPolicies": "true", "ArchiveBucket": "trail", "ArchivePrefix": "AWSLogs/", "ArchiveAccount": "444455556666",
            "Backfill": "true", "ReportLocation": "reports/weekly", "ReportKmsKeyArn": key(3, partition, region),
            "DecryptKeyArns": key(4, partition, region), "TimeZone": "Europe/London", "Architecture": "arm64",
            "BatchSize": 10, "BatchingWindowSeconds": 5, "ReservedConcurrency": 11, "MemorySize": 512, "LogRetentionDays": 7,
            "TableMaxUnits": 200,
        },
        OF_MAIL_TF
        | {
            "slack_secret_arn": secret("slack", partition, region), "topic_kms_key_arn": key(1, partition, region),
            "table_kms_key_arn": key(2, partition, region), "mode": "central", "organization_id": "o-exampleorgid",
            "read_policies": True,
            "archive": {"bucket": "trail", "prefix": "AWSLogs/", "account_id": "444455556666", "backfill": True},
            "report": {"location": "reports/weekly", "kms_key_arn": key(3, partition, region)},
            "decrypt_key_arns": [key(4, partition, region)], "schedules": {"time_zone": "Europe/London"}, "architecture": "arm64",
            "tuning": {
                "batch_size": 10, "batching_window_seconds": 5, "reserved_concurrency": 11, "memory_size": 512,
                "log_retention_days": 7, "table_max_units": 200,
            },
        },
    )  # fmt: skip


# Name → (the template's parameters, the module's variables, Region, partition).
CASES = {
    "an e-mail address alone": (OF_MAIL, OF_MAIL_TF, "eu-west-1", "aws"),
    "everything": (*everything("aws", "eu-west-1"), "eu-west-1", "aws"),
    "everything in China": (*everything("aws-cn", "cn-north-1"), "cn-north-1", "aws-cn"),
    "everything in GovCloud": (*everything("aws-us-gov", "us-gov-west-1"), "us-gov-west-1", "aws-us-gov"),
    "a configuration as text, nothing to watch it": (
        {
            "Config": OWN, "SecretArns": f"{secret('slack')},{secret('pagerduty')}", "ParameterArns": parameter("hook"),
            "TopicArns": topic("iam-denials"), "Alarms": "false", "Dashboard": "false", "IncludeReadEvents": "false",
            "TableMaxUnits": 0, "ScheduleExpression": "rate(7 days)", "DigestScheduleExpression": "rate(2 days)",
            "SweepScheduleExpression": "rate(1 day)",
        },
        {
            "config": OWN, "secret_arns": [secret("slack"), parameter("hook"), secret("pagerduty")],
            "topic_arns": [topic("iam-denials")], "alarms": False, "dashboard": False, "include_read_events": False,
            "tuning": {"table_max_units": 0},
            "schedules": {"report": "rate(7 days)", "digest": "rate(2 days)", "sweep": "rate(1 day)"},
        },
        "eu-west-1", "aws",
    ),
    "a configuration in a parameter, an archive": (
        {"ConfigParameter": "/denywatch/config", "ArchiveBucket": "trail"},
        {"config": "ssm:/denywatch/config", "archive": {"bucket": "trail"}},
        "eu-west-1", "aws",
    ),
    "a configuration in a bucket": (
        {"ConfigObject": "configs/denywatch.toml", "ReportLocation": "reports"},
        {"config": "s3://configs/denywatch.toml", "report": {"location": "reports"}},
        "eu-west-1", "aws",
    ),
}  # fmt: skip

BUS = "arn:{}:events:eu-west-1:111122223333:event-bus/denywatch"
DEAD = "arn:aws:sqs:eu-west-1:111122223333:forwarder-dead-letters"
FORWARDERS = {
    "a bus alone": ({"BusArn": BUS.format("aws")}, {"bus_arn": BUS.format("aws")}, "us-east-1", "aws"),
    "all of it": (
        {"BusArn": BUS.format("aws"), "IncludeReadEvents": "false", "DeadLettersArn": DEAD},
        {"bus_arn": BUS.format("aws"), "include_read_events": False, "dead_letters_arn": DEAD},
        "eu-west-1", "aws",
    ),
    "in China": ({"BusArn": BUS.format("aws-cn")}, {"bus_arn": BUS.format("aws-cn")}, "cn-north-1", "aws-cn"),
}  # fmt: skip


def stack(path, parameters, region, partition, name, attribute):
    """The template under parameters, in an account and Region."""
    pseudo = {
        "AWS::Region": region, "AWS::Partition": partition, "AWS::AccountId": "111122223333", "AWS::StackName": name,
    }  # fmt: skip
    return cfn.Stack(cfn.load(path), parameters, pseudo, attribute)
