"""Runs an exported model's programs on the device that JAX finds, without TensorFlow.

python -m benchmarks.gpu.serve runs/gpu-programs results/gpu/serving.json

Needs JAX and NumPy, and the folder that `benchmarks.gpu.programs` wrote. The names of
JAX that compile a program of another's making are private, and fit for a benchmark only.
Each program runs twice: as it is, when a GPU may multiply with 10 bits of precision, as
TensorFlow's default is there too; and with products in full float32.
"""

import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from jax._src import xla_bridge
from jax._src.interpreters import mlir
from jax._src.lib import xla_client
from jaxlib.mlir import ir

from benchmarks.gpu.compared import compared
from benchmarks.summary import spread

__all__ = ["compiled", "run_programs"]

_DEFAULT = "precision = [DEFAULT, DEFAULT]"
# JAX's GPU compiler takes no copies of TensorFlow's, which are the thing itself.
_COPY = re.compile(r"mhlo\.copy (%\S+) : (tensor<\S+>)")
_PRECISIONS = {"default": _DEFAULT, "float32": "precision = [HIGHEST, HIGHEST]"}


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the programs.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
    seconds: Annotated[
        float, typer.Option(help="Seconds after which no further program is run.")
    ] = 240.0,
    endpoints: Annotated[
        str, typer.Option(help="Endpoints to run, separated by commas.")
    ] = "encode,encode_rows,sample,log_likelihood",
    precisions: Annotated[
        str, typer.Option(help="Precisions to run with, likewise.")
    ] = "default,float32",
) -> None:
    """Compares and times every program, and writes the results as they come."""
    for result in run_programs(
        folder, out, seconds, endpoints.split(","), precisions.split(",")
    ):
        print(
            f"{result['program']} {result['precision']}: {result['ms']['median']:.3f} ms"
            f", {result['differences']}",
            flush=True,
        )


def run_programs(
    folder: Path,
    out: Path,
    seconds: float,
    endpoints: Sequence[str],
    precisions: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Runs the programs of a folder, small ones first.

    Args:
        folder: What `benchmarks.gpu.programs` wrote.
        out: JSON file, written anew after each program.
        seconds: After which no further one is run; those are noted as `left_out`.
        endpoints: Endpoints to run.
        precisions: `"default"` or `"float32"`, or both.

    Yields:
        The result of each program and precision.
    """
    start = time.perf_counter()
    device = jax.devices()[0]
    manifest = json.loads((folder / "manifest.json").read_text())
    with np.load(folder / "weights.npz") as file:
        weights = {name: jax.device_put(file[name], device) for name in file}
    content = {
        "benchmark": "gpu.serve",
        "command": " ".join(["python -m benchmarks.gpu.serve", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.device_kind,
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy")},
        "exported_by": {k: v for k, v in manifest.items() if k != "programs"},
        "results": [],
        "left_out": [],
        "failed": [],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    for entry, precision in itertools.product(manifest["programs"], precisions):
        if entry["endpoint"] not in endpoints:
            continue
        if time.perf_counter() - start > seconds:
            content["left_out"].append([entry["program"], precision])
            continue
        try:
            result = _result(folder, entry, precision, weights, device)
        except Exception as error:  # XLA's errors have no common base.
            content["failed"].append([entry["program"], precision, str(error)[:500]])
            print(content["failed"][-1], flush=True)
            continue
        content["results"].append(result)
        content["seconds"] = time.perf_counter() - start
        out.write_text(json.dumps(content, indent=2))
        yield result
    out.write_text(json.dumps(content, indent=2))


def _result(
    folder: Path,
    entry: dict[str, Any],
    precision: str,
    weights: dict[str, jax.Array],
    device: jax.Device,
) -> dict[str, Any]:
    with np.load(folder / f"{entry['program']}.npz") as file:
        arrays = dict(file)
    inputs = [arrays[f"in_{i}"] for i in range(sum(k.startswith("in_") for k in arrays))]
    start = time.perf_counter()
    run = compiled((folder / f"{entry['program']}.hlo").read_bytes(), precision, device)
    compile_seconds = time.perf_counter() - start
    values = [weights[key] for key in entry["weights"]]
    resident = [*(jax.device_put(x, device) for x in inputs), *values]

    def request() -> list[np.ndarray]:
        """From arrays of the host to arrays of the host."""
        here = [*(jax.device_put(x, device) for x in inputs), *values]
        return [np.asarray(output) for output in run(here)]

    answers = dict(zip(entry["outputs"], request(), strict=True))
    result = {key: entry[key] for key in ("program", "endpoint", "rows", "num_samples")}
    result |= {
        "precision": precision,
        "compile_seconds": compile_seconds,
        "differences": compared(answers, arrays),
        "ms": _milliseconds(lambda: run(resident)),
        "request_ms": _milliseconds(request),
    }
    result["rows_per_second"] = 1e3 * entry["rows"] / result["request_ms"]["median"]
    return result


def compiled(
    program: bytes, precision: str, device: jax.Device
) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Compiles the bytes of an HLO module for a device.

    Args:
        program: The module.
        precision: `"default"`, or `"float32"` for products of that precision.
        device: Device to run on.

    Returns:
        Function from its parameters, arrays of that device, to its outputs.
    """
    stablehlo = xla_client._xla.mlir.hlo_to_stablehlo(program)
    text = str(ir.Module.parse(stablehlo, context=mlir.make_ir_context()))
    text = _COPY.sub(r"stablehlo.reshape \1 : (\2) -> \2", text)
    executable = xla_bridge.get_backend().compile_and_load(
        text.replace(_DEFAULT, _PRECISIONS[precision]),
        xla_client.DeviceList((device,)),
        xla_client.CompileOptions(),
    )

    def run(arguments: list[jax.Array]) -> list[jax.Array]:
        outputs = executable.execute_sharded(arguments)
        return [x[0] for x in outputs.disassemble_into_single_device_arrays()]

    return run


def _milliseconds(call: Callable[[], Any]) -> dict[str, float]:
    """Of one call among many in a row: median, least and greatest of 5 rounds."""
    jax.block_until_ready(call())
    start = time.perf_counter()
    jax.block_until_ready(call())
    number = max(1, min(200, int(0.05 / (time.perf_counter() - start))))
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(number):
            last = call()
        jax.block_until_ready(last)
        rounds.append(1e3 * (time.perf_counter() - start) / number)
    return {**spread(rounds), "calls": number}


if __name__ == "__main__":
    typer.run(main)
