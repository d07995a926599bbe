"""Slack's Block Kit JSON on standard input → a page that looks as Slack shows it, on standard output.

For pictures only: it knows the blocks that denywatch sends, and nothing of mentions or attachments.
"""

import html
import json
import re
import sys

STYLE = """
body{margin:0;background:#fff;font:15px/1.46 Lato,"Noto Sans","DejaVu Sans",sans-serif;color:#1d1c1d;width:760px}
.message{display:flex;padding:16px 20px}.text{flex:1;min-width:0}.name{font-weight:900}
.face{width:36px;height:36px;border-radius:6px;background:#7a2e2e;color:#fff;font-weight:900;text-align:center;
line-height:36px;margin-right:9px;flex:none}
.app{font-size:10px;background:#e8e8e8;color:#616061;border-radius:2px;padding:1px 3px;margin:0 4px}
h1{font-size:18px;line-height:1.33;margin:4px 0 8px;font-weight:900}.block{margin:4px 0 8px}
.context{font-size:13px;color:#616061;margin:4px 0 8px}.context div{margin:1px 0}
code{font:12px "DejaVu Sans Mono",monospace;background:#f6f6f6;border:1px solid #ddd;border-radius:3px;padding:1px 3px;
color:#c01343;overflow-wrap:anywhere}
pre{font:12px/1.5 "DejaVu Sans Mono",monospace;background:#f8f8f8;border:1px solid #ddd;border-radius:4px;padding:8px;
margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}
a{color:#1264a3;text-decoration:none}ul{margin:2px 0 2px 22px;padding:0}
"""


def mrkdwn(text):
    """Slack's markup, whose text is HTML-escaped already: code, links, bold, line ends."""
    codes = []

    def keep(match):
        codes.append(match.group(1))
        return f"\0{len(codes) - 1}\0"

    text = re.sub(r"`([^`\n]+)`", keep, text)
    text = re.sub(r"<(https://[^|>]+)\|([^>]+)>", r'<a href="\1">\2</a>', text)
    text = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", text)
    text = re.sub(r"\0(\d+)\0", lambda match: f"<code>{codes[int(match.group(1))]}</code>", text)
    return text.replace(":white_check_mark:", "✅").replace("\n", "<br>")


def rich(element):
    kind = element["type"]
    if kind == "text":
        style = element.get("style", {})
        text = html.escape(element["text"])
        for name, tag in (("code", "code"), ("bold", "b"), ("italic", "i")):
            if style.get(name):
                text = f"<{tag}>{text}</{tag}>"
        return text
    inner = [rich(part) for part in element["elements"]]
    if kind == "rich_text_list":
        return "<ul>" + "".join(f"<li>{part}</li>" for part in inner) + "</ul>"
    tag = {"rich_text_preformatted": "pre"}.get(kind, "div")
    return f"<{tag}>{''.join(inner)}</{tag}>"


def block(one):
    match one["type"]:
        case "header":
            return f"<h1>{html.escape(one['text']['text'])}</h1>"
        case "section":
            return f"<div class=block>{mrkdwn(one['text']['text'])}</div>"
        case "context":
            return "<div class=context>" + "".join(f"<div>{mrkdwn(e['text'])}</div>" for e in one["elements"]) + "</div>"
        case "rich_text":
            return f"<div class=block>{rich(one)}</div>"
        case other:
            raise SystemExit(f"unknown block: {other}")


def message(body):
    """One message, with its sender."""
    blocks = "".join(block(one) for one in body["blocks"])
    head = "<span class=name>denywatch</span><span class=app>APP</span>"
    return f"<div class=message><div class=face>dw</div>\n<div class=text>{head}{blocks}</div></div>"


def main():
    print(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{message(json.load(sys.stdin))}")


if __name__ == "__main__":
    main()
