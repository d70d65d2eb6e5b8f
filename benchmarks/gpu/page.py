"""Writes results/gpu/README.md from the JSON files beside it.

python -m benchmarks.gpu.page
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import markdown

__all__ = ["page"]

_FOLDER = Path("results/gpu")


def page(served: Sequence[dict[str, Any]], trained: Sequence[dict[str, Any]]) -> str:
    """The page, as Markdown.

    Args:
        served: Of the JSON files that `benchmarks.gpu.serve` writes.
        trained: Of those that `benchmarks.gpu.training` writes.

    Returns:
        Tables, each with the commands that made them.
    """
    devices = sorted({content["device"] for content in [*served, *trained]})
    return f"""# On a GPU: {", ".join(devices)}

Written by `python -m benchmarks.gpu.page`. No TensorFlow was on the machine.

## An exported model

The XLA program of each endpoint of {served[0]["exported_by"]["network"]} (untrained), as
`export_saved_model` has it for this number of rows, run by JAX's runtime: see
`benchmarks.gpu.programs`. "Default" multiplies float32 with 10 bits of precision (TF32),
as TensorFlow and JAX do on such a GPU unless told otherwise; "float32" with all 24.
A code differs if it is not that of TensorFlow on a CPU, in a row whose layer below is
equal; "nearest" is how far the logit plus noise of one that differs was from 0, at most,
where that is known. A request goes from NumPy to NumPy, one after another.

{markdown.rows(_serving_rows(served))}
Bounds of single images differ by more than rounding where a code of a sample differs.
{_commands(served)}
## A step of training

Milliseconds of a step of {trained[0]["network"]}, Adam, all with TF32. "Ours, in a scan"
are the model's stateless functions in one `jax.lax.scan`; "ours, fit" is Keras's `fit` on
JAX, with the images in the host's memory. PyTorch is the benchmark for CPUs with its
default device changed, without CUDA graphs. What has no number was not reached in time;
what failed in the first command was PyTorch, for a tensor that it made on the CPU.

{markdown.rows(_training_rows(trained))}
{_commands(trained)}"""


def _serving_rows(contents: Iterable[dict[str, Any]]) -> Iterable[list[str]]:
    yield [
        *("program", "rows", "m", "products", "ms", "request, ms", "rows a second"),
        *("codes", "differ", "nearest", "greatest difference elsewhere"),
    ]
    yield ["---", *["---:"] * 2, "---", *["---:"] * 7]
    for result in (r for content in contents for r in content["results"]):
        found = result["differences"]
        codes = [value for value in found.values() if isinstance(value, dict)]
        others = [value for value in found.values() if not isinstance(value, dict)]
        margins = [v["greatest_margin"] for v in codes if "greatest_margin" in v]
        differ = sum(value["differ"] for value in codes)
        yield [
            result["endpoint"],
            f"{result['rows']:,}",
            f"{result['num_samples']:,}" if result["num_samples"] else "",
            result["precision"],
            f"{result['ms']['median']:.3f}",
            f"{result['request_ms']['median']:.2f}",
            f"{result['rows_per_second']:,.0f}",
            f"{sum(value['count'] for value in codes):,}" if codes else "",
            f"{differ:,}" if codes else "",
            f"{max(margins):.1e}" if margins and differ else "",
            f"{max(others):.1e}",
        ]


def _training_rows(contents: Sequence[dict[str, Any]]) -> Iterable[list[str]]:
    races: dict[tuple[int, int], dict[str, list[float]]] = {}
    for result in (r for content in contents for r in content["results"]):
        race = races.setdefault((result["batch"], result["num_samples"]), {})
        race.setdefault(result["contestant"], []).append(result["ms"])
    names = list(dict.fromkeys(name for race in races.values() for name in race))
    yield ["batch", "m", *names]
    yield ["---:"] * (2 + len(names))
    for (batch, m), race in sorted(races.items()):
        times = [" and ".join(f"{t:.2f}" for t in race.get(name, [])) for name in names]
        yield [f"{batch:,}", f"{m:,}", *times]


def _commands(contents: Iterable[dict[str, Any]]) -> str:
    return "".join(
        f"\n`{content['command']}`, {content['date'][:10]}, {content['device']}, JAX "
        f"{content['versions']['jax']}; {len(content['failed'])} failed, "
        f"{len(content['left_out'])} left out for want of time.\n"
        for content in contents
    )


def main(folder: Path = _FOLDER) -> None:
    """Reads the files of the folder, and writes its page."""
    contents = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    of = {
        name: [c for c in contents if c["benchmark"] == f"gpu.{name}"]
        for name in ("serve", "training")
    }
    served = sorted(of["serve"], key=lambda c: c["date"])
    trained = sorted(of["training"], key=lambda c: c["date"])
    (folder / "README.md").write_text(page(served, trained))


if __name__ == "__main__":
    main()
