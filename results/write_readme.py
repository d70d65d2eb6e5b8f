"""Writes the tables of docs/ and of the pages of results/ from their files.

A page says where a table goes by two marks, `<!-- NAME: begin -->` and
`<!-- NAME: end -->`; what stands between them is written anew. NAME is a function below,
`TABLE-DATA-STEPS` of the results of `keras-concrete reproduce`, or `comparison-DIGEST` of
`keras-concrete compare`.

python -m pip install -e ".[demo]"
keras-concrete train --out RUN && cp RUN/report.json results/mnist5k/report.json
python -m results.write_readme
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import pages
from benchmarks.advice.runs import Run, advice_tables
from benchmarks.course.runs import CourseRun, read_reports
from benchmarks.course.tables import bounds_table, gradients_table
from benchmarks.run_lines import read_runs
from keras_concrete.experiments.best_results import best_table
from keras_concrete.experiments.cell_result import CellResult, find_results
from keras_concrete.experiments.command_line.train import report_table, speed_line
from keras_concrete.experiments.comparison_rows import (
    ComparisonRow,
    comparison_table,
    comparison_title,
)
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.result_tables import make_tables, markdown

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PAGES = (
    ROOT / "docs" / "getting-started.md",
    RESULTS / "README.md",
    RESULTS / "advice" / "README.md",
    RESULTS / "speed" / "README.md",
)
_BLOCK = re.compile(r"(<!-- (\S+): begin -->\n).*?(<!-- \2: end -->\n)", re.DOTALL)


def _main_job() -> str:
    """The closing table of `keras-concrete train`."""
    report = Report.read(RESULTS / "mnist5k" / "report.json")
    console = Console(width=90)
    with console.capture() as capture:
        console.print(report_table(report))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "```text\n" + "\n".join([*lines, speed_line(report)]) + "\n```\n"


def _cell_results() -> list[CellResult]:
    found = find_results(RESULTS)
    if found.problems:
        raise ValueError(" ".join(found.problems))
    return found.results


def _paper_table(name: str) -> str:
    """The tables of `keras-concrete reproduce` of one of the paper's, data and steps."""
    table, data, steps = name.rsplit("-", 2)
    chosen = [
        result
        for result in _cell_results()
        if (result.cell.table, result.cell.data) == (table, data)
        and result.steps == int(steps)
    ]
    if not chosen:
        raise ValueError(f"There are no results of {name}: is the mark misspelt?")
    return "\n".join(map(markdown, make_tables(chosen)))


def _comparison_tables(digest: str) -> str:
    """The tables that `keras-concrete compare` printed, one for each network."""
    [file] = RESULTS.glob(f"compare/comparison-*-{digest}.json")
    content = json.loads(file.read_text())
    settings = content["comparison"]
    rows = [ComparisonRow(**row) for row in content["rows"]]
    tables = []
    for network in settings["architectures"]:
        own = [row for row in rows if row.architecture == network]
        tables.append(comparison_table(own, comparison_title(settings, own)))
    return "\n".join(map(markdown, tables))


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text())


_TABLES: dict[str, Callable[[], str]] = {
    "main-job": _main_job,
    "best": lambda: markdown(best_table(_cell_results())),
    "advice": lambda: advice_tables(read_runs(RESULTS / "advice" / "runs.jsonl", Run)),
    "course-bounds": lambda: bounds_table(
        read_runs(RESULTS / "course" / "runs.jsonl", CourseRun)
    ),
    "course-gradients": lambda: gradients_table(read_reports(RESULTS / "course")),
    "speed-fit": lambda: pages.training_table(_read("speed/fit.json")),
    "speed-backends": lambda: pages.training_table(_read("speed/backends.json")),
    "speed-training": lambda: pages.training_table(_read("speed/training.json")),
    "speed-start": lambda: pages.start_table(_read("speed/training.json")),
    "speed-evaluation": lambda: pages.evaluation_table(_read("speed/evaluation.json")),
    "speed-pieces": lambda: pages.pieces_table(_read("speed/pieces.json")),
    "speed-whole": lambda: pages.whole_table(_read("speed/whole.json")),
    "speed-noise": lambda: pages.noise_table(_read("speed/noise.json")),
    "refit": lambda: _refits("refit"),
    "refit-cover": lambda: _refits("refit/cover"),
    "speed-growth": lambda: pages.growth_table(_read("speed/growth.json")),
}


def _refits(folder: str) -> str:
    files = sorted((RESULTS / folder).glob("*.json"))
    if not files:
        raise ValueError(f"There are no results in {RESULTS / folder}.")
    return pages.refit_table([_read(f"{folder}/{file.name}") for file in files])


def render(name: str) -> str:
    """The table that goes between the marks of that name, as Markdown."""
    if name in _TABLES:
        return _TABLES[name]()
    kind, _, digest = name.partition("-")
    return _comparison_tables(digest) if kind == "comparison" else _paper_table(name)


def updated(page: str) -> str:
    """The page with its tables written anew."""
    return _BLOCK.sub(lambda match: match[1] + render(match[2]) + match[3], page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(updated(path.read_text()))
