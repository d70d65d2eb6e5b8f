"""Figures of reliability: printed by tests, kept by the command that the README names."""

import json
from pathlib import Path

from keras_concrete import machine

FOLDER = Path(__file__).parent.parent / "results" / "reliability"


def keep(name, rows):
    """Writes one test's figures, and the table of all that there are.

    `rows` maps what was counted to what it came to.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {
        "name": name,
        "command": 'python -m pytest -n0 -m "soak or reliability"',
        "rows": rows,
        "versions": machine.versions(),
        "hardware": machine.hardware(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    kept = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
    lines = ["| test | figure | value |", "|---|---|---|"]
    lines += [
        f"| {content['name']} | {what} | {value} |"
        for content in kept
        for what, value in content["rows"].items()
    ]
    (FOLDER / "README.md").write_text("\n".join(lines) + "\n")
