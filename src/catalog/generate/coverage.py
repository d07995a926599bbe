"""Writes COVERAGE.md: how many operations of botocore resolve, and every one that does not with its reason."""

import re
from collections import defaultdict

import sample

# Hand-picked, by how often they stand in CloudTrail records and questions about denials.
MOST_USED = """
acm apigateway apigatewayv2 application-autoscaling athena autoscaling backup batch bedrock bedrock-runtime cloudformation
cloudfront cloudtrail cloudwatch codebuild codecommit codedeploy codepipeline cognito-identity cognito-idp config dynamodb
dynamodbstreams ec2 ecr ecs efs eks elasticache elasticbeanstalk elb elbv2 emr events firehose glue guardduty iam kinesis kms
lambda logs opensearch organizations rds redshift route53 s3 s3control sagemaker secretsmanager sesv2 sns sqs ssm
stepfunctions sts
""".split()
REASONS = {
    "absent service": "the data has no service of that prefix",
    "no such action": "no action of the service has the operation's noun: newer than the data, or retired",
    "unsettled": "an action with a like noun exists, and no AWS page settles whether it is the one",
    "needs none": "needs no IAM permission, by the overlay",
    "query decides": "the text of the query decides, by the overlay",
}


def noun(name):
    """What an operation is about: the name without its verb, version and plural."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", re.sub(r"V\d+$", "", name))
    words = words[2:] if words[:1] == ["Batch"] else words[1:]
    text = "".join(words).lower()
    return re.sub(r"(ies|y|es|s)$", "", text)


def reason(facts, resolver, label, name, how):
    if how in ("none", "query"):
        return "needs none" if how == "none" else "query decides"
    prefixes = resolver.prefixes(label)
    if not prefixes:
        return "absent service"
    about = noun(name)
    like = any(about in action for prefix in prefixes for action in facts.actions[prefix])
    return "unsettled" if like and about else "no such action"


def measure(facts, resolver):
    """(service, operation) -> (how, reason or None)."""
    table = {}
    for folder, model in facts.operations.items():
        label = model["metadata"]["endpointPrefix"].lower()
        for name in model["operations"]:
            actions, how = resolver.resolve(label, name)
            table[folder, name] = (how, None if actions else reason(facts, resolver, label, name, how))
    return table


def row(title, cells):
    """Counts; the share is that of operations whose permission the data has, or may have."""
    done = sum(why is None for _, why in cells)
    counts = {key: sum(why == key for _, why in cells) for key in REASONS}
    base = done + counts["unsettled"] + counts["query decides"]
    hows = [sum(how == h and why is None for how, why in cells) for h in ("exact", "alias", "exception")]
    numbers = [len(cells), done, *hows, *counts.values(), f"{100 * done / base:.2f} %" if base else "-"]
    return "| " + " | ".join([title, *map(str, numbers)]) + " |"


def write(facts, resolver, path):
    table = measure(facts, resolver)
    by_service = defaultdict(list)
    for (folder, _), cell in table.items():
        by_service[folder].append(cell)
    used = [cell for folder in MOST_USED for cell in by_service[folder]]
    assert len(MOST_USED) == len(set(MOST_USED)) == 57 and all(by_service[f] for f in MOST_USED)
    lines = [
        "# Coverage of the catalogue",
        "",
        "Written by `generate/generate.py`: every operation of every botocore service, looked up by its endpoint prefix.",
        "The share counts operations whose permission is in the data, or may be (unsettled, decided by the query).",
        "",
        "| | operations | resolved | exact | alias | exception | " + " | ".join(REASONS) + " | share |",
        "|---" * (len(REASONS) + 7) + "|",
        row("all", list(table.values())),
        row("57 most used services", used),
        *(row(folder, by_service[folder]) for folder in MOST_USED),
        "",
        "## Reasons",
        "",
        *(f"- {key}: {text}." for key, text in REASONS.items()),
        "",
        *sample.section(facts, resolver),
        "",
        "## Unresolved",
        "",
    ]
    for key in REASONS:
        found = defaultdict(list)
        for (folder, name), (_, why) in table.items():
            if why == key:
                found[folder].append(name)
        lines += [f"### {key}", ""] + [f"- {f}: {', '.join(sorted(names))}" for f, names in sorted(found.items())] + [""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip() + "\n")
