"""Clients of a Triton server, in its environment: they load it, and ask it nonsense.

Started by `python -m benchmarks.serving`, with a JSON object of what to do as argument;
prints a JSON object of what happened.
"""

import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ADDRESSES = {"grpc": "localhost:8001", "http": "localhost:8000"}
TYPES = {"float32": "FP32", "int32": "INT32", "float64": "FP64"}


def closed_loop(
    make_call: Callable[[], Callable[[int], bool]], clients: int, requests: int
) -> dict[str, Any]:
    """Has each of several clients send a request whenever its last one was answered.

    Args:
        make_call: Makes a client: a function of the number of a request, which returns
            whether the answer was right.
        clients: Number of threads.
        requests: Number of requests of all clients together.

    Returns:
        Requests per second, latencies in milliseconds, and counts.
    """
    seconds: list[float] = []
    wrong: list[int] = []
    errors: list[str] = []
    ready = threading.Barrier(clients + 1)

    def run(client: int) -> None:
        call = make_call()  # here, since an HTTP client belongs to its thread
        call(0)
        ready.wait()
        for number in range(client, requests, clients):
            start = time.perf_counter()
            try:
                if not call(number):
                    wrong.append(number)
            except Exception as error:
                errors.append(str(error))
            seconds.append(time.perf_counter() - start)

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - start
    p50, p99 = 1000 * np.quantile(seconds, [0.5, 0.99])
    return {
        "clients": clients,
        "requests": len(seconds),
        "requests_per_second": len(seconds) / wall,
        "p50_ms": p50,
        "p99_ms": p99,
        "errors": len(errors),
        "wrong": len(wrong),
        "first_error": errors[0] if errors else None,
    }


def client(protocol: str, model: str) -> Callable[[dict[str, np.ndarray]], Any]:
    """A connection of its own: from arrays to the server's answer."""
    triton = importlib.import_module(f"tritonclient.{protocol}")
    connection = triton.InferenceServerClient(ADDRESSES[protocol])

    def ask(arrays: dict[str, np.ndarray]) -> Any:
        inputs = []
        for name, array in arrays.items():
            value = triton.InferInput(name, array.shape, TYPES[array.dtype.name])
            value.set_data_from_numpy(array)
            inputs.append(value)
        return connection.infer(model, inputs)

    return ask


def load(job: dict[str, Any]) -> dict[str, Any]:
    """Rows, one a request, whose right answers are known."""
    with np.load(job["cases"]) as file:
        cases = dict(file)

    def make_call() -> Callable[[int], bool]:
        ask = client(job["protocol"], job["model"])

        def call(number: int) -> bool:
            i = number % len(cases["x"])
            answer = ask({name: cases[name][i : i + 1] for name in ("x", "seeds")})
            codes, probabilities = (
                answer.as_numpy(name)[0] for name in ("codes_1", "probabilities_1")
            )
            near = np.allclose(probabilities, cases["probabilities_1"][i], atol=1e-5)
            return near and np.array_equal(codes, cases["codes_1"][i])

        return call

    return closed_loop(make_call, job["clients"], job["requests"])


def nonsense(job: dict[str, Any]) -> dict[str, Any]:
    """Requests that must be refused; after each, one that must be answered."""
    ask = client(job["protocol"], job["model"])
    x, seeds = np.zeros((2, 784), "float32"), np.zeros((2, 1), "int32")
    not_a_number = x.copy()
    not_a_number[1, 5] = np.nan
    requests = {
        "wrong shape": {"x": x[:, :700], "seeds": seeds},
        "wrong dtype": {"x": x.astype("float64"), "seeds": seeds},
        "NaN": {"x": not_a_number, "seeds": seeds},
        "missing seed": {"x": x},
        "fewer seeds than rows": {"x": x, "seeds": seeds[:1]},
        "no row": {"x": x[:0], "seeds": seeds[:0]},
        "huge batch": {
            "x": np.zeros((20_000, 784), "float32"),
            "seeds": np.zeros((20_000, 1), "int32"),
        },
    }
    answers = {}
    for name, arrays in requests.items():
        try:
            ask(arrays)
            answers[name] = None
        except Exception as error:
            answers[name] = str(error)
        ask({"x": x, "seeds": seeds})
    return answers


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({"load": load, "nonsense": nonsense}[given["do"]](given)))
