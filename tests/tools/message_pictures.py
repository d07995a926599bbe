"""`target/messages.json` of tests/picture.rs on standard input → a page of all messages as their receivers show them.

For a person to look at: what is ugly, unclear, said twice or untrue shows here and in no assertion.
`message_pictures.py RECEIVER` shows those of one receiver, such as `teams`.
"""

import html
import json
import sys

import slack_picture

STYLE = """
h2{font:700 14px sans-serif;background:#123;color:#fff;padding:6px 12px;margin:18px 0 0}
.card{border:1px solid #ccc;border-radius:6px;padding:12px;margin:10px 20px;font:14px/1.4 "Segoe UI","DejaVu Sans",sans-serif}
.card p{white-space:pre-wrap;margin:0 0 10px;overflow-wrap:anywhere}.card .big{font-size:18px;font-weight:600}
.card .mono{font-family:"DejaVu Sans Mono",monospace;font-size:12px}.card a{border:1px solid #6264a7;border-radius:3px;
padding:4px 10px;margin-right:8px;color:#6264a7}
.mail{margin:10px 20px;background:#fafafa;border:1px solid #ddd;padding:12px;font:12px/1.35 "DejaVu Sans Mono",monospace}
table{border-collapse:collapse;margin:6px 20px;font:13px sans-serif}td{border:1px solid #ddd;padding:4px 8px;vertical-align:top;
overflow-wrap:anywhere;max-width:560px;white-space:pre-wrap}
.small{font:12px sans-serif;color:#555;margin:6px 20px}
"""


def slack(message):
    below = "".join(slack_picture.message(one) for one in message["thread"])
    files = ", ".join(one["name"] for one in message["files"])
    notice = html.escape(message["json"]["text"])
    small = f"<p class=small>notification: {notice}</p>"
    if below or files:
        below = f"<p class=small>in its thread (files: {files or 'none'}):</p>{below}"
    return f"{small}{slack_picture.message(message['json'])}{below}"


def teams(message):
    card = message["json"]["attachments"][0]["content"]
    body = "".join(f"<p>{''.join(run(one) for one in block['inlines'])}</p>" for block in card["body"])
    actions = "".join(f"<a title='{html.escape(one['url'])}'>{html.escape(one['title'])}</a>" for one in card["actions"])
    return f"<div class=card>{body}{actions}</div>"


def run(one):
    names = [name for name, on in (("mono", one.get("fontType") == "Monospace"), ("big", one.get("size") == "Large")) if on]
    text = f"<span class='{' '.join(names)}'>{html.escape(one['text'])}</span>"
    return f"<b>{text}</b>" if one.get("weight") == "Bolder" else text


def pagerduty(message):
    event = message["json"]
    payload = event["payload"]
    action = "resolve" if message["step"] == "close" else "trigger"
    rows = {"event_action": action, "dedup_key": event["dedup_key"]} | {k: v for k, v in payload.items() if k != "custom_details"}
    rows |= {f"details.{name}": value for name, value in payload["custom_details"].items()}
    rows |= {f"link {one['text']}": one["href"] for one in event.get("links", [])}
    shown = ((name, "\n".join(value) if isinstance(value, list) else value) for name, value in rows.items())
    return "<table>" + "".join(f"<tr><td>{html.escape(n)}<td>{html.escape(str(v))}" for n, v in shown) + "</table>"


def mail(message):
    return f"<div class=mail><b>Subject: {html.escape(message['subject'])}</b><pre>{html.escape(message['body'])}</pre></div>"


def q(message):
    content = message["json"]["content"]
    steps = "".join(f"<li>{slack_picture.mrkdwn(one)}</li>" for one in content.get("nextSteps", []))
    parts = content["description"].split("```")
    body = "".join(f"<pre>{part.strip()}</pre>" if n % 2 else slack_picture.mrkdwn(part.strip()) for n, part in enumerate(parts))
    return f"<div class=card><p class=big>{slack_picture.mrkdwn(content['title'])}</p>{body}<ul>{steps}</ul></div>"


KINDS = {"slack": slack, "teams": teams, "pagerduty": pagerduty, "sns": mail, "q": q}


def main():
    wanted = sys.argv[1:] or list(KINDS)
    print(f"<!doctype html><meta charset=utf-8><style>{slack_picture.STYLE}{STYLE}</style>")
    for one in json.load(sys.stdin):
        kind = one["to"].split(":")[0]
        if kind in wanted:
            print(f"<h2>{html.escape(one['to'])}: {html.escape(one['what'])}</h2>{KINDS[kind](one['message'])}")


main()
