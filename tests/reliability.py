"""Figures of reliability: printed by tests, kept by the command that the README names."""

import json
from pathlib import Path

from keras_concrete import machine

FOLDER = Path(__file__).parent.parent / "results" / "reliability"
MARKERS = "soak or reliability"
COMMAND = f'python -m pytest -n0 -m "{MARKERS}"'
INTRODUCTION = """# What was counted

Written by

```sh
{command}
```

on {hardware} with {versions}. A row is a claim that a test of `tests/` makes, with what
is expected beside what was measured; where nothing is, the row says what was tried.

| claim | of | expected | measured |
|---|---|---:|---:|
"""


def keep(name, rows):
    """Writes one test's figures, and the page of all that there are.

    `rows` maps what was counted to what it came to, or to a pair of what it should come
    to and what it came to.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    pairs = {
        what: value if isinstance(value, tuple) else (None, value)
        for what, value in rows.items()
    }
    content = {
        "name": name,
        "command": COMMAND,
        "rows": {
            what: {"expected": expected, "measured": measured}
            for what, (expected, measured) in pairs.items()
        },
        "versions": machine.versions(),
        "hardware": machine.hardware(),
    }
    file = FOLDER / f"{name.replace(' ', '_').replace(',', '')}.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    (FOLDER / "README.md").write_text(_page(content))


def _page(last):
    page = INTRODUCTION.format(
        command=COMMAND,
        hardware=f"{last['hardware']['processor']}, {last['hardware']['cores']} cores,",
        versions=", ".join(f"{k} {v}" for k, v in last["versions"].items()),
    )
    for file in sorted(FOLDER.glob("*.json")):
        content = json.loads(file.read_text())
        claim = content["name"]
        for what, row in content["rows"].items():
            page += f"| {claim} | {what} | {_cell(row['expected'])} |"
            page += f" {_cell(row['measured'])} |\n"
            claim = ""  # Once for all of its rows.
    return page


def _cell(value):
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)
