"""Tables of the benchmarks as Markdown, for the pages that show them."""

from collections.abc import Sequence
from typing import Any

from benchmarks import markdown
from benchmarks.growth import growth_of
from benchmarks.summary import spread_text

__all__ = [
    "evaluation_table",
    "growth_table",
    "noise_table",
    "pieces_table",
    "refit_table",
    "start_table",
    "training_table",
    "whole_table",
]


def training_table(content: dict[str, Any]) -> str:
    """What a step takes: ours in milliseconds, the others in times of ours.

    Args:
        content: Of the JSON file that `benchmarks.training` writes.

    Returns:
        A table with a column for each network and m, and the command below it.
    """
    races: dict[tuple[str, int], dict[str, Any]] = {}
    for result in content["results"]:
        race = races.setdefault((result["network"], result["num_samples"]), {})
        race[result["contestant"]] = result
    names = list(dict.fromkeys(name for race in races.values() for name in race))
    limits = {r["contestant"] for r in content["results"] if r["is_limit"]}
    lines = [
        ["", *(f"{network}, m = {m}" for network, m in races)],
        ["---", *("---:" for _ in races)],
        ["`fit`, ms a step", *(f"{_wall(r['ours']):.2f}" for r in races.values())],
    ]
    lines += [
        [f"{name}, times ours", *(_times(race.get(name)) for race in races.values())]
        for name in names
        if name != "ours" and name not in limits
    ]
    if limits:
        fastest = [
            min((race[name] for name in limits if name in race), key=_wall)
            for race in races.values()
        ]
        lines.append(["the matrix products alone, times ours", *map(_times, fastest)])
    return markdown.rows(lines) + _made_by(content)


def start_table(content: dict[str, Any]) -> str:
    """What it takes to start, and the memory: of the largest network and m.

    Args:
        content: Of the JSON file that `benchmarks.training` writes.

    Returns:
        A table with a row for each contestant.
    """
    race = [r for r in content["results"] if not r["is_limit"]]
    lines = [
        ["", "network", "m", "setup, s", "compile, s", "peak MiB"],
        ["---", "---", *["---:"] * 4],
    ]
    for name in dict.fromkeys(r["contestant"] for r in race):
        result = max(
            (r for r in race if r["contestant"] == name),
            key=lambda r: (len(r["network"]), r["num_samples"]),
        )
        lines.append(
            [
                name,
                result["network"],
                str(result["num_samples"]),
                f"{result['setup_seconds']:.1f}",
                f"{max(0.0, result['compile_seconds']):.1f}",
                f"{result['peak_mib']:,.0f}",
            ]
        )
    return markdown.rows(lines)


def evaluation_table(content: dict[str, Any]) -> str:
    """What a pair of image and sample takes, and so the whole test set by 50,000.

    Args:
        content: Of the JSON file that `benchmarks.evaluation` writes.

    Returns:
        A table with a row for each network and contestant, and the command below it.
    """
    lines = [
        [
            "network",
            "",
            "us a pair",
            "times ours",
            "times the limit",
            "10,000 images by 50,000, hours",
            "peak MiB",
        ],
        ["---", "---", *["---:"] * 5],
    ]
    for result in content["results"]:
        hours = result["full_hours"]
        lines.append(
            [
                result["network"],
                result["contestant"],
                f"{result['wall_us_per_pair']['median']:.2f}",
                f"{result.get('times_ours', float('nan')):.2f}",
                f"{result.get('times_limit', float('nan')):.2f}",
                spread_text(hours),
                f"{result['peak_mib']:,.0f}",
            ]
        )
    return markdown.rows(lines) + _made_by(content)


def pieces_table(content: dict[str, Any]) -> str:
    """What each kind of work of an evaluation takes, in times of the products.

    Args:
        content: Of the JSON file that `benchmarks.pieces` writes.

    Returns:
        A table with a column for each network, and the command below it.
    """
    results = content["results"]
    costs = [
        {kind: cost["median"] for kind, cost in result["us_per_pair"].items()}
        for result in results
    ]
    lines = [["times the products", *(result["network"] for result in results)]]
    lines.append(["---", *["---:"] * len(results)])
    lines += [
        [kind, *(f"{cost[kind] / cost['products']:.2f}" for cost in costs)]
        for kind in costs[0]
    ]
    return markdown.rows(lines) + _made_by(content)


def whole_table(content: dict[str, Any]) -> str:
    """What evaluating all test images took.

    Args:
        content: Of the JSON file that `benchmarks.whole` writes.

    Returns:
        A table with a row for each figure, and the command below it.
    """
    (result,) = content["results"]
    bound = result["bound"]
    lines = [
        [f"{result['network']} on {result['data']}", ""],
        ["---", "---:"],
        ["images", f"{result['num_images']:,}"],
        ["samples K of each", f"{bound['num_samples']:,}"],
        ["minutes", f"{result['wall_seconds'] / 60:.1f}"],
        ["CPU us a pair", f"{result['cpu_us_per_pair']:.2f}"],
        ["MB that memory grew by", f"{result['grew_by_mb']:.1f}"],
        ["NLL, nats", f"{-bound['mean']:.3f}"],
        ["standard error over images", f"{bound['standard_error']:.3f}"],
        ["effective sample size", f"{bound['effective_sample_size']:,.1f}"],
    ]
    return markdown.rows(lines) + _made_by(content)


def noise_table(content: dict[str, Any]) -> str:
    """What a number of noise takes by its source, and its share of a step.

    Args:
        content: Of the JSON file that `benchmarks.noise` writes.

    Returns:
        A table with a row for each source, a sentence, and the command.
    """
    costs: dict[str, dict[str, str]] = {}
    sentences = []
    for result in content["results"]:
        if "source" in result:
            ns = result.get("ns")
            cost = f"{ns['median']:.1f}" if ns else "refuses"
            costs.setdefault(result["source"], {})[result["graph"]] = cost
        else:
            share = result["share"]["cpu"]
            sentences.append(
                f"Of the CPU time of a training step of {result['network']}, m = "
                f"{result['num_samples']}, noise takes {share['of_medians']:.1%} "
                f"(rounds: {share['min']:.1%} to {share['max']:.1%})."
            )
    graphs = list(next(iter(costs.values())))
    lines = [["ns a number", *graphs], ["---", *["---:"] * len(graphs)]]
    lines += [[name, *cost.values()] for name, cost in costs.items()]
    return markdown.rows(lines) + "\n" + "\n".join(sentences) + "\n" + _made_by(content)


def refit_table(contents: Sequence[dict[str, Any]]) -> str:
    """What training q further gains, by the samples of the bound.

    Args:
        contents: Of the JSON files that `benchmarks.refit` writes, one for each network
            and estimator.

    Returns:
        A table with a row for each of them and number of samples, and the commands.
    """
    header = "network, q by, m, samples K, images, bound before, after, gain".split(", ")
    lines = [
        [*header, "effective samples before", "after"],
        ["---", "---", *["---:"] * 8],
    ]
    lines += [
        [
            result["network"],
            result["estimator"],
            str(content["settings"].get("num_samples", 5)),  # Of older files.
            f"{result['before']['num_samples']:,}",
            f"{result['num_images']:,}",
            *(f"{result[key]['mean']:.2f}" for key in ("before", "after")),
            f"{result['gain']['mean']:.2f} ± {result['gain']['standard_error']:.2f}",
            *(
                f"{result[key]['effective_sample_size']:.1f}"
                for key in ("before", "after")
            ),
        ]
        for content in contents
        for result in content["results"]
    ]
    return markdown.rows(lines) + "".join(map(_made_by, contents))


def growth_table(content: dict[str, Any]) -> str:
    """How the cost grows in each direction, beside the arithmetic.

    Args:
        content: Of the JSON file that `benchmarks.growth` writes.

    Returns:
        A table with a row for each direction, and the command below it.
    """
    lines = [
        [
            "direction",
            "from",
            "to",
            "ours grows as size to the",
            "the products alone",
            "times the limit, first to last",
        ],
        ["---", *["---:"] * 5],
    ]
    for axis in dict.fromkeys(r["axis"] for r in content["results"]):
        results = [r for r in content["results"] if r["axis"] == axis]
        lines.append(
            [
                axis,
                f"{results[0]['size']:,}",
                f"{results[-1]['size']:,}",
                *(f"{growth_of(results, key):.2f}" for key in ("ours_ms", "limit_ms")),
                f"{results[0]['times_limit']:.2f} to {results[-1]['times_limit']:.2f}",
            ]
        )
    return markdown.rows(lines) + _made_by(content)


def _wall(result: dict[str, Any]) -> float:
    return result["wall_ms"]["median"]


def _times(result: dict[str, Any] | None) -> str:
    return "" if result is None else f"{result['times_ours']['median']:.2f}"


def _made_by(content: dict[str, Any]) -> str:
    repeats = content["settings"].get("repeats")
    rounds = f"; medians of {repeats} rounds in turn" if repeats else ""
    threads = "thread" if content["threads"] == 1 else "threads"
    return (
        f"\n`{content['command']}`, {content['date'][:10]}, "
        f"{content['hardware']['processor']}, {content['threads']} {threads}{rounds}.\n"
    )
