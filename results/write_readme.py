"""Writes the README's table of the main job from its committed report.

python -m pip install -e ".[demo]"
keras-concrete train --out RUN && cp RUN/report.json results/mnist5k/report.json
python results/write_readme.py
"""

import json
from pathlib import Path

from rich.console import Console

from keras_concrete.command_line import report_table

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results/mnist5k: begin -->\n", "<!-- results/mnist5k: end -->\n"


def render() -> str:
    """The block between the marks, as Markdown."""
    report = json.loads((ROOT / "results/mnist5k/report.json").read_text())
    console = Console(width=90)
    with console.capture() as capture:
        console.print(report_table(report))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    rate = f"{report['steps_per_second']:.1f} training steps per second"
    return "```text\n" + "\n".join([*lines, rate]) + "\n```\n"


def updated(readme: str) -> str:
    """The README with its block written anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + render() + END + after


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text()))
