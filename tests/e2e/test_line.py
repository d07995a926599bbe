"""The deployed line, end to end: a put event comes out as an alert. The tests stand in the order of the story."""

import json
import zlib

import events
import expected_text
from stand_ins import wait_for

STORY_1 = "codepipeline-role-dev"


def json_documents(text):
    """Every JSON object that begins at a line's start in a text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while (at := text.find("{", at)) != -1:
        try:
            value, at = decoder.raw_decode(text, at)
            found.append(value)
        except ValueError:
            at += 1
    return found


def test_the_first_story_arrives_with_its_patch(stack):
    stack.put(events.entry(events.story_1()))
    (alert,) = stack.await_mail_about(STORY_1)
    assert alert["TopicArn"] == stack.outputs["TopicArn"]
    subject = alert["Subject"]
    assert subject.isascii() and subject.isprintable() and len(subject) < 100, subject
    expected_text.check("story-1-alert.txt", f"Subject: {subject}\n{alert['Message']}")
    patch = json.loads((expected_text.HERE / "story-1-patch.json").read_text())
    documents = [d for d in json_documents(alert["Message"]) if "Statement" in d]
    assert [permissions(d) for d in documents] == [permissions(patch)], alert["Message"]


def permissions(value):
    """A policy without what means nothing: a statement's id, and whether one value stands in a list."""
    if isinstance(value, dict):
        return {name: permissions(part) for name, part in value.items() if name != "Sid"}
    if isinstance(value, list):
        return permissions(value[0]) if len(value) == 1 else [permissions(part) for part in value]
    return value


def test_slack_gets_the_same_alert(stack):
    (post,) = wait_for("Slack's post", 30, lambda: stack.posts_about(STORY_1))
    assert post["text"].strip(), "no fallback text"
    assert 1 <= len(post["blocks"]) <= 50
    told = json.dumps(post)
    for word in ("kms:GenerateDataKey", events.KEY, "Allow"):
        assert word in told, f"`{word}` is not in {told}"


def test_look_alikes_do_not_arrive(stack):
    before = len(stack.read_mail())
    puts = events.look_alikes(stack.outputs["FunctionRoleArn"])
    stack.put(*(events.entry(detail) for detail in puts.values()))
    arrived = stack.settle(1)[before:]
    assert len(arrived) == 1 and "sentinel-1" in arrived[0]["Message"], arrived


def test_the_same_event_twice_alerts_once(stack):
    before = len(stack.read_mail())
    stack.put(events.entry(events.story_1()), events.entry(events.story_1()))
    arrived = stack.settle(2)[before:]
    assert len(arrived) == 1 and "sentinel-2" in arrived[0]["Message"], arrived
    assert len(stack.posts_about(STORY_1)) == 1


def test_the_ledger_counts_each_event_once_and_knows_what_was_told(stack):
    parts = [part for part in stack.ledger("F#") if STORY_1 in json.dumps(finding(part)["principal"])]
    assert [part["count"]["N"] for part in parts] == ["1"]
    assert {day: n["N"] for day, n in parts[0]["days"]["M"].items()} == {events.last_week()[:10]: "1"}
    told = stack.ledger(f"D#{parts[0]['finding']['S']}")
    assert {item["sk"]["S"] for item in told} >= {"slack"} and len(told) == 2
    assert stack.ledger("O") == [], "nothing waits"


def finding(part):
    return json.loads(zlib.decompress(part["body"]["B"], -15))


def test_a_poison_message_is_quarantined_and_acknowledged(stack):
    poison = '{"detail": {"eventID": "not even'
    before = len(stack.read_mail())
    message_id = stack.sqs.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody=poison)["MessageId"]
    arrived = stack.settle(3)[before:]
    assert len(arrived) == 1 and "sentinel-3" in arrived[0]["Message"], arrived
    assert stack.waiting(stack.outputs["DeadLettersUrl"]) == 0

    def told():
        return [line for line in stack.log_objects() if (line.get("message"), line.get("id")) == ("quarantined", message_id)]

    (line,) = wait_for(lambda: f"`quarantined` in the log\n{stack.log_tail()}", 30, told)
    assert line["level"] == "WARN" and line["reason"], line
    assert "not even" not in json.dumps(line), "the body belongs in the ledger, not in the log"
    (kept,) = stack.ledger("Q#")
    assert json.loads(zlib.decompress(kept["body"]["B"], -15)) == poison, "the body is lost"
    assert kept["reason"]["S"] == line["reason"]


def test_the_schedule_s_own_target_makes_the_report(stack):
    group, _, name = stack.outputs["ScheduleName"].rpartition("/")
    schedule = stack.aws.client("scheduler").get_schedule(Name=name, **({"GroupName": group} if group else {}))
    assert schedule["ScheduleExpression"] == "cron(0 9 ? * MON *)"
    target = schedule["Target"]
    assert json.loads(target["Input"]) == {"denywatch": "report"}
    before = len(stack.read_mail())
    answer = stack.aws.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"].encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    arrived = wait_for("the report", 30, lambda: stack.read_mail()[before:])
    (report,) = arrived
    expected_text.check("report.txt", f"Subject: {report['Subject']}\n{report['Message']}")


def test_each_family_of_codes_arrives_at_both(stack):
    stack.put(*(events.entry(events.of_family(code)) for code in events.FAMILIES))
    stack.put(events.entry(events.at_an_endpoint(), "AWS Network Activity Event via CloudTrail"))
    users = [events.of_family(code)["userIdentity"]["userName"] for code in events.FAMILIES] + ["family-endpoint"]
    for user in users:
        stack.await_mail_about(user)
        wait_for(f"Slack's post about {user}", 30, lambda user=user: stack.posts_about(user))


def test_a_change_of_a_policy_is_heard_and_not_told(stack):
    before = len(stack.read_mail())
    stack.put(events.entry(events.change()))
    arrived = stack.settle(5)[before:]
    assert len(arrived) == 1 and "sentinel-5" in arrived[0]["Message"], arrived
    assert "changer" in str([finding(item) for item in stack.ledger("C#")]), "the change is not in the ledger"


def test_nothing_was_lost_on_the_way(stack):
    for queue in ("QueueUrl", "DeadLettersUrl", "ScheduleDeadLettersUrl"):
        assert stack.waiting(stack.outputs[queue]) == 0, queue
    failures = [line for line in stack.log_objects() if line.get("level") == "ERROR"]
    assert failures == []
    assert [line for line in stack.log_lines() if "panicked" in line] == []
