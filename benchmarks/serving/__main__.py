"""Serves an exported model by Triton on this machine, loads it, and writes a report.

python -m benchmarks.environments triton
python -m benchmarks.serving

Only the loopback interface is used. Server and clients share the cores.
"""

import contextlib
import functools
import json
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import typer

import keras_concrete as kc
from benchmarks import markdown
from benchmarks.environments import python_of
from benchmarks.race import Report
from benchmarks.resident import resident_bytes, watched
from benchmarks.serving.load import closed_loop
from keras_concrete.experiments import machine

_FILES = Path(__file__).parent / "triton"
_NETWORK = "200H~784V"
_CLIENTS = (1, 8, 32)


def main(
    requests: Annotated[int, typer.Option(help="Requests of each timed run.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Timed runs of each, in turn.")] = 3,
    endurance: Annotated[int, typer.Option(help="Requests of the long run.")] = 100_000,
    environment: Annotated[
        Path | None, typer.Option(help="Environment of the server and its clients.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("results/serving"),
) -> None:
    """Times one row a request, checks every answer, and asks nonsense."""
    environment = environment or python_of("triton").parent.parent
    settings = {"network": _NETWORK, "rows": 1, "endpoint": "encode_rows"}
    report = Report(
        out / "report.json", "serving", len(machine.available_cores()), settings
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served, cases = _prepare(folder)
        with _server(environment, folder) as process:

            def ask(**job: Any) -> dict[str, Any]:
                job |= {"cases": str(folder / "cases.npz")}
                command = [environment / "bin" / "python", _FILES.parent / "load.py"]
                output = subprocess.run(
                    [*command, json.dumps(job)], stdout=subprocess.PIPE, check=True
                ).stdout
                return json.loads(output)

            stacks = _stacks(served, cases, ask)
            for clients in _CLIENTS:
                runs: dict[str, list] = {name: [] for name in stacks}
                for i in range(rounds * len(stacks)):
                    name = list(stacks)[i % len(stacks)]
                    runs[name].append(stacks[name](clients, requests))
                report.add(*(_median(name, of_it) for name, of_it in runs.items()))
            refused = {
                f"{model}, {protocol}": ask(do="nonsense", model=model, protocol=protocol)
                for model in ("saved_model", "onnx")
                for protocol in ("grpc", "http")
            }
            report.content["refused"] = refused
            with watched(1.0, lambda: _mib_of_family(process.pid)) as curve:
                long = ask(
                    do="load", model="onnx", protocol="grpc", clients=32,
                    requests=endurance,
                )  # fmt: skip
            samples = [mib for _, mib in curve]
            tenth = max(1, len(samples) // 10)
            long["memory_mib"] = {
                "after a tenth": float(np.mean(samples[tenth : 2 * tenth])),
                "at the end": float(np.mean(samples[-tenth:])),
                "peak": max(samples),
            }
            report.content["endurance"] = long
            report.add()
    (out / "README.md").write_text(_page(report.content))


def _stacks(
    served: Any, cases: dict[str, np.ndarray], ask: Callable[..., dict[str, Any]]
) -> dict[str, Callable[[int, int], dict[str, Any]]]:
    """What is compared: functions of the number of clients and of requests."""

    def in_process(clients: int, requests: int) -> dict[str, Any]:
        return closed_loop(lambda: _caller(served, cases), clients, requests)

    def triton(model: str, protocol: str, clients: int, requests: int) -> dict[str, Any]:
        settings = {"clients": clients, "requests": requests}
        return ask(do="load", model=model, protocol=protocol, **settings)

    return {"SavedModel in process": in_process} | {
        f"Triton, {model}, {protocol}": functools.partial(triton, model, protocol)
        for model in ("saved_model", "onnx")
        for protocol in ("grpc", "http")
    }


def _median(stack: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of times, sums of counts, and all rates."""
    result = {"stack": stack, "clients": runs[0]["clients"]}
    for name in ("requests_per_second", "p50_ms", "p99_ms"):
        result[name] = statistics.median(run[name] for run in runs)
    for name in ("requests", "errors", "wrong"):
        result[name] = sum(run[name] for run in runs)
    rates = [run["requests_per_second"] for run in runs]
    return result | {"all_requests_per_second": rates}


def _prepare(folder: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """A model repository, the loaded SavedModel, and rows with their right answers."""
    model = kc.SigmoidBeliefNetwork(_NETWORK, seed=0)
    kc.export_saved_model(model, folder / "saved_model")
    kc.export_onnx(model, folder / "onnx")
    for name in ("saved_model", "onnx"):
        version = folder / "models" / name / "1"
        version.mkdir(parents=True)
        shutil.copy(_FILES / "config.pbtxt", version.parent)
        shutil.copy(_FILES / "model.py", version)
    models = folder / "models"
    shutil.copy(folder / "onnx" / "encode_rows.onnx", models / "onnx" / "1")
    shutil.copytree(folder / "saved_model", models / "saved_model" / "1" / "saved_model")
    generator = np.random.default_rng(0)
    x = generator.integers(0, 2, (64, 784)).astype("float32")
    seeds = generator.integers(-(2**31), 2**31, 64).astype("int32")
    answers = [model.encode(x[i : i + 1], tf.constant(seeds[i])) for i in range(64)]
    cases = {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}
    cases |= {"x": x, "seeds": seeds[:, None]}
    np.savez(folder / "cases.npz", **cases)
    return tf.saved_model.load(folder / "saved_model"), cases


def _caller(served: Any, cases: dict[str, np.ndarray]) -> Callable[[int], bool]:
    function = served.signatures["encode_rows"]

    def call(number: int) -> bool:
        i = number % 64
        x, seeds = tf.constant(cases["x"][i : i + 1]), tf.constant(cases["seeds"][i])
        answer = function(x=x, seeds=seeds)
        return np.array_equal(answer["codes_1"][0], cases["codes_1"][i])

    return call


@contextlib.contextmanager
def _server(environment: Path, folder: Path) -> Iterator[subprocess.Popen]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            raise RuntimeError("Port 8000 of this machine is in use already.")
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [_FILES / "start.sh", environment, folder / "models"],
            stdout=log,
            stderr=log,
        )
        try:
            for _ in range(120):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen("http://127.0.0.1:8000/v2/health/ready")
                    break
                if process.poll() is not None:
                    break
                time.sleep(1)
            else:
                process.send_signal(signal.SIGTERM)
            if process.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text())
            yield process
            if process.poll() is not None:
                raise RuntimeError("The server died.")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in _family(int(child)))]


def _mib_of_family(pid: int) -> float:
    return sum(map(resident_bytes, _family(pid))) / 2**20


def _page(content: dict[str, Any]) -> str:
    stacks = [["stack", "clients", "requests/s", "p50 ms", "p99 ms", "errors", "wrong"]]
    stacks += [["---", *["---:"] * 6]]
    for result in content["results"]:
        stacks.append(
            [
                result["stack"],
                str(result["clients"]),
                f"{result['requests_per_second']:,.0f}",
                f"{result['p50_ms']:.1f}",
                f"{result['p99_ms']:.1f}",
                str(result["errors"]),
                str(result["wrong"]),
            ]
        )
    long, memory = content["endurance"], content["endurance"]["memory_mib"]
    unquoted = str.maketrans({"|": "/", "`": "'"})
    refused = [["request", "answer"], ["---", "---"]]
    for what, error in content["refused"]["onnx, grpc"].items():
        answer = " ".join((error or "ANSWERED").translate(unquoted).split())
        refused.append([what, f"`{answer}`"])
    accepted = sum(
        error is None for r in content["refused"].values() for error in r.values()
    )
    return f"""# An exported model in NVIDIA Triton

Written by `{content["command"]}`. {content["hardware"]["processor"]},
{content["hardware"]["cores"]} cores, which server and clients share; load average
{content["load_average_before"]:.1f} before, {content["load_average_after"]:.1f} after.
`encode_rows` of {_NETWORK}, a row a request,
closed loop, medians of alternating runs. A wrong answer is one whose codes differ
from the model's own, or of a server whose probabilities do by more than 1e-5.

{markdown.rows(stacks)}
{long["requests"]:,} requests of {long["clients"]} clients by gRPC to the ONNX model:
{long["requests_per_second"]:,.0f} a second, {long["errors"]} errors, {long["wrong"]}
wrong.
Memory of the server and its models: {memory["after a tenth"]:,.0f} MiB after a tenth of
them, {memory["at the end"]:,.0f} MiB at the end.

Requests that must be refused, to two models by two protocols; {accepted} were answered,
and a good request after each was. What gRPC says:

{markdown.rows(refused)}"""


if __name__ == "__main__":
    typer.run(main)
