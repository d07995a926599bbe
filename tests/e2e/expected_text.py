"""Holds a text against an expected file in which what varies has a name.

In the file `{finding}` stands for a finding's id, `{time}` for a moment, `{week}` and `{year}` for those numbers, `{any}`
for anything on one line; a name that comes twice must be the same text twice (save `{any}`). A line of three dots stands
for any number of lines. `E2E_UPDATE=1` writes those files anew that have no such line; read the difference before you
keep it.
"""

import os
import pathlib
import re

HERE = pathlib.Path(__file__).parent / "expected"
VOLATILE = {
    "finding": r"D-[A-Z2-7]{10,}",
    "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?",
    "week": r"\d{1,2}",
    "year": r"\d{4}",
    "any": r"[^\n]*",
}


def to_regex(text):
    parts, seen = [], set()
    for line in text.rstrip("\n").split("\n"):
        if line == "...":
            parts.append(r"(?:[^\n]*\n)*?")
            continue
        made = ""
        for piece in re.split(r"(\{[a-z]+\})", line):
            name = piece[1:-1]
            if piece == f"{{{name}}}" and name in VOLATILE:
                if name == "any":
                    made += VOLATILE[name]
                else:
                    made += f"(?P={name})" if name in seen else f"(?P<{name}>{VOLATILE[name]})"
                    seen.add(name)
            else:
                made += re.escape(piece)
        parts.append(made + r"\n")
    return "".join(parts)


def check(file, got):
    """Fails, with both texts, when `got` is not what `expected/<file>` says."""
    path = HERE / file
    got = got.rstrip("\n") + "\n"
    expected = path.read_text()
    if os.environ.get("E2E_UPDATE") == "1" and "...\n" not in expected:
        for name in ("finding", "time"):
            got = re.sub(VOLATILE[name], f"{{{name}}}", got)
        path.write_text(got)
        return
    assert re.fullmatch(to_regex(expected), got), f"{file} says:\n{expected}\nbut there arrived:\n{got}"
