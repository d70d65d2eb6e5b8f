"""Times an export by batch size: the SavedModel, plain and compiled by XLA, and ONNX.

python -m benchmarks.serving.batches
python -m benchmarks.serving.batches --device /GPU:0
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import tensorflow as tf
import typer

import keras_concrete as kc
from benchmarks import markdown
from benchmarks.race import Report
from keras_concrete.experiments import machine

_NETWORK = "200H~784V"
_SIZES = (1, 4, 16, 64, 256)

Call = Callable[[], Any]


def main(
    rounds: Annotated[int, typer.Option(help="Timed runs of each, in turn.")] = 7,
    calls: Annotated[int, typer.Option(help="Calls of a timed run.")] = 30,
    device: Annotated[str, typer.Option(help="TensorFlow device, as /GPU:0.")] = "/CPU:0",
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("results/serving"),
) -> None:
    """Times calls of `encode`, the contestants in turn."""
    names = [d.name.removeprefix("/device:") for d in tf.config.list_logical_devices()]
    if device.lstrip("/") not in names:
        raise ValueError(
            f"Option --device must be one of {', '.join(names)}. Received: {device}"
        )
    label = device.strip("/").replace(":", "").lower()
    settings = {"network": _NETWORK, "device": device, "endpoint": "encode"}
    cores = len(machine.available_cores())
    report = Report(out / f"batches-{label}.json", "serving.batches", cores, settings)
    with tempfile.TemporaryDirectory() as folder, tf.device(device):
        served = _load(Path(folder), is_cpu="CPU" in device)
        for size in _SIZES:
            x = np.random.default_rng(0).integers(0, 2, (size, 784)).astype("float32")
            report.add({"batch_size": size, **_race(served, x, rounds, calls)})
    (out / f"batches-{label}.md").write_text(_page(report.content))


def _load(folder: Path, is_cpu: bool) -> dict[str, Callable[[np.ndarray], Call]]:
    """From a batch to what calls the model with it, for each contestant."""
    model = kc.SigmoidBeliefNetwork(_NETWORK, seed=0)
    seed = np.array(7, "int32")

    def saved_model(name: str, jit_compile: bool) -> Callable[[np.ndarray], Call]:
        kc.export_saved_model(model, folder / name, jit_compile=jit_compile)
        loaded = tf.saved_model.load(folder / name)

        def prepare(x: np.ndarray) -> Call:
            return lambda: loaded.encode(tf.constant(x), tf.constant(seed))[
                "codes_1"
            ].numpy()

        return prepare

    found = {"plain": saved_model("plain", False), "XLA": saved_model("xla", True)}
    if is_cpu:
        kc.export_onnx(model, folder / "onnx")
        session = onnxruntime.InferenceSession(folder / "onnx" / "encode.onnx")
        found["ONNX Runtime"] = lambda x: (
            lambda: session.run(["codes_1"], {"x": x, "seed": seed})[0]
        )
    return found


def _race(
    served: dict[str, Callable[[np.ndarray], Call]],
    x: np.ndarray,
    rounds: int,
    calls: int,
) -> dict[str, Any]:
    """Median milliseconds of a call, and those of the first, which compiles."""
    ready = {name: prepare(x) for name, prepare in served.items()}
    first, answers = {}, {}
    for name, call in ready.items():
        start = time.perf_counter()
        answers[name] = call()
        first[name] = 1000 * (time.perf_counter() - start)
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name, call in ready.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append(1000 * (time.perf_counter() - start) / calls)
    ratios = {
        name: statistics.median(
            own / plain for own, plain in zip(values, times["plain"], strict=True)
        )
        for name, values in times.items()
        if name != "plain"
    }
    return {
        "ms": {name: statistics.median(values) for name, values in times.items()},
        "first_ms": first,
        "time_over_plain": ratios,
        "codes_are_equal": all(
            np.array_equal(answer, answers["plain"]) for answer in answers.values()
        ),
    }


def _page(content: dict[str, Any]) -> str:
    others = list(content["results"][0]["time_over_plain"])
    header = ["batch size", "plain, ms a call", *(f"{name} / plain" for name in others)]
    lines = [[*header, "XLA, first call, ms", "same codes"]]
    lines += [[*["---:"] * (len(others) + 3), "---"]]
    for result in content["results"]:
        ratios = [f"{result['time_over_plain'][name]:.2f}" for name in others]
        times = [f"{result['ms']['plain']:.2f}", *ratios]
        times += [f"{result['first_ms']['XLA']:,.0f}"]
        is_same = "yes" if result["codes_are_equal"] else "NO"
        lines.append([str(result["batch_size"]), *times, is_same])
    return f"""# Batch sizes of an export

Written by `{content["command"]}` on {content["settings"]["device"]}.
{content["hardware"]["processor"]}, {content["hardware"]["cores"]} cores, load average
{content["load_average_before"]:.1f} before: read the ratios, which are medians of
alternating runs. `encode` of {_NETWORK}.

{markdown.rows(lines)}"""


if __name__ == "__main__":
    typer.run(main)
