"""Claims and what was counted of them: a file each, and a page of all in a folder.

`python -m benchmarks.claims` writes the page of `results/reliability` anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import markdown
from keras_concrete.experiments import machine
from keras_concrete.experiments.json_files import write_json

__all__ = ["FOLDER", "page", "write"]

FOLDER = Path(__file__).parent.parent / "results" / "reliability"

_INTRODUCTION = """# What was counted

Each row is a claim that a test or a benchmark makes, with what is expected beside what
was measured; where nothing is expected, the row says what was tried. No number here was
written by hand: see the commands below.

"""


def write(
    path: Path, name: str, command: str, rows: Mapping[str, Any], **more: Any
) -> None:
    """Writes the file of one claim, and the page of its folder.

    Args:
        path: JSON to write.
        name: The claim.
        command: What counted.
        rows: From what was counted to what it came to, or to a pair of what it should
            come to and what it came to.
        **more: What else the file is to hold.
    """
    pairs = {
        what: value if isinstance(value, tuple) else (None, value)
        for what, value in rows.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        path,
        {
            "name": name,
            "command": command,
            "rows": {
                what: {"expected": expected, "measured": measured}
                for what, (expected, measured) in pairs.items()
            },
            "versions": machine.versions(),
            "hardware": machine.hardware(),
            **more,
        },
    )
    (path.parent / "README.md").write_text(page(path.parent))


def page(folder: Path) -> str:
    """Makes the page of all claims of a folder.

    Args:
        folder: With a JSON file for each claim, and perhaps a picture of the same name.

    Returns:
        Markdown.
    """
    rows = [["claim", "of", "expected", "measured"], [*["---"] * 2, *["---:"] * 2]]
    pictures = ""
    conditions: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        claim = content["name"]
        conditions.setdefault(_condition(content), []).append(claim)
        if file.with_suffix(".png").exists():
            pictures += f"\n![{claim}]({file.stem}.png)\n"
        for what, row in content["rows"].items():
            rows.append([claim, what, _cell(row["expected"]), _cell(row["measured"])])
            claim = ""  # Once for all of its rows.
    parts = [_INTRODUCTION, markdown.rows(rows), pictures, "\n## How\n"]
    for condition, names in conditions.items():
        parts.append(f"\n{condition}\n\n" + "".join(f"- {name}\n" for name in names))
    return "".join(parts)


def _condition(content: Mapping[str, Any]) -> str:
    hardware = content["hardware"]
    versions = ", ".join(f"{name} {v}" for name, v in content["versions"].items())
    return (
        f"`{content['command']}`, on {hardware['processor']}, {hardware['cores']} cores, "
        f"with {versions}:"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(page(FOLDER))
