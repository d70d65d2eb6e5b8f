"""Writes the tables of README.md and of the pages of results/ from their files.

A page says where a table goes by two marks, `<!-- NAME: begin -->` and
`<!-- NAME: end -->`; what stands between them is written anew. NAME is a function below,
or `TABLE-DATA-STEPS` of the results of `keras-concrete reproduce`.

python -m pip install -e ".[demo]"
keras-concrete train --out RUN && cp RUN/report.json results/mnist5k/report.json
python results/write_readme.py
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from keras_concrete.command_line import report_table
from keras_concrete.results import find_results, make_tables, markdown

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PAGES = (ROOT / "README.md", RESULTS / "README.md", RESULTS / "speed" / "README.md")
_BLOCK = re.compile(r"(<!-- (\S+): begin -->\n).*?(<!-- \2: end -->\n)", re.DOTALL)


def _main_job() -> str:
    """The closing table of `keras-concrete train`."""
    report = _read("mnist5k/report.json")
    console = Console(width=90)
    with console.capture() as capture:
        console.print(report_table(report))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    rate = f"{report['steps_per_second']:.1f} training steps per second"
    return "```text\n" + "\n".join([*lines, rate]) + "\n```\n"


def _training_speed() -> str:
    """What a step takes, in times of ours, and ours and the limit in milliseconds."""
    content = _read("speed/training.json")
    races: dict[tuple[str, int], dict[str, Any]] = {}
    for result in content["results"]:
        race = races.setdefault((result["network"], result["num_samples"]), {})
        race[result["contestant"]] = result
    names = list(dict.fromkeys(name for race in races.values() for name in race))
    others = [n for n in names if n != "ours" and not n.startswith("products")]
    lines = [
        ["", *(f"{network}, m = {m}" for network, m in races)],
        ["---", *("---:" for _ in races)],
        ["`fit`, ms a step", *(_ms(race["ours"]) for race in races.values())],
    ]
    lines += [
        [f"{name}, times ours", *(_times(race.get(name)) for race in races.values())]
        for name in others
    ]
    limits = [
        min((r for r in race.values() if r["is_limit"]), key=lambda r: _median(r))
        for race in races.values()
    ]
    lines.append(["the matrix products alone, times ours", *map(_times, limits)])
    return _rows(lines) + _made_by(content)


def _median(result: dict[str, Any]) -> float:
    return result["wall_ms"]["median"]


def _ms(result: dict[str, Any]) -> str:
    return f"{_median(result):.2f}"


def _times(result: dict[str, Any] | None) -> str:
    return "" if result is None else f"{result['times_ours']['median']:.2f}"


def _rows(lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _made_by(content: dict[str, Any]) -> str:
    hardware = content["hardware"]
    return (
        f"\n`{content['command']}`, {content['date'][:10]}, on {hardware['processor']}, "
        f"{content['threads']} threads; medians of {content['settings']['repeats']} "
        "rounds in turn.\n"
    )


def _paper_table(name: str) -> str:
    """The tables of `keras-concrete reproduce` of one of the paper's, data and steps."""
    table, data, steps = name.rsplit("-", 2)
    chosen = [
        result
        for result in find_results(RESULTS)
        if (result["cell"]["table"], result["cell"]["data"]) == (table, data)
        and result["steps"] == int(steps)
    ]
    return "\n".join(map(markdown, make_tables(chosen)))


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text())


_TABLES: dict[str, Callable[[], str]] = {
    "main-job": _main_job,
    "training-speed": _training_speed,
}


def render(name: str) -> str:
    """The table that goes between the marks of that name, as Markdown."""
    return _TABLES[name]() if name in _TABLES else _paper_table(name)


def updated(page: str) -> str:
    """The page with its tables written anew."""
    return _BLOCK.sub(lambda match: match[1] + render(match[2]) + match[3], page)


if __name__ == "__main__":
    for path in filter(Path.exists, PAGES):
        path.write_text(updated(path.read_text()))
