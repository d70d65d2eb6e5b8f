"""Writes the XLA programs of an exported model, to run where TensorFlow is not.

python -m benchmarks.gpu.programs runs/gpu-programs

TensorFlow and JAX share one compiler. So what a server with a GPU would run of a
SavedModel compiled by XLA can be run by JAX's runtime: see `benchmarks.gpu.serve`.
A program is written for each endpoint and number of rows, with the answers that
TensorFlow gives on this machine's processor.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import typer

import keras_concrete as kc
from keras_concrete.experiments import machine
from keras_concrete.seeding import fixed_noise

__all__ = ["write_programs"]

_SEED = 7
# Where two states are further from a tie than this, no rounding reaches.
_NEAR = 0.05
# Rows of which probabilities are kept; codes and bounds are kept of all.
_KEPT_ROWS = 256


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    network: Annotated[str, typer.Option(help="Network.")] = "200H~200H~784V",
    rows: Annotated[
        str, typer.Option(help="Numbers of rows, separated by commas.")
    ] = "1,16,256,4096",
    samples: Annotated[
        str, typer.Option(help="Numbers of samples m of the bound, likewise.")
    ] = "1,5,50,500,5000",
    most_pairs: Annotated[
        int, typer.Option(help="Greatest number of rows times samples.")
    ] = 262_144,
) -> None:
    """Writes the programs, their weights, inputs and reference outputs."""
    images = kc.load_dataset("mnist5k").train
    model = kc.SigmoidBeliefNetwork(
        network, visible_mean=kc.smoothed_mean(images), seed=0
    )
    write_programs(
        folder,
        model,
        images,
        [int(size) for size in rows.split(",")],
        [int(number) for number in samples.split(",")],
        most_pairs,
    )


def write_programs(
    folder: Path,
    model: kc.SigmoidBeliefNetwork,
    images: np.ndarray,
    batch_sizes: list[int],
    sample_sizes: list[int],
    most_pairs: int,
) -> None:
    """Writes a program for each endpoint, number of rows and number of samples.

    Args:
        folder: Folder to write: `manifest.json`, `weights.npz`, and two files for each
            program.
        model: What is exported.
        images: uint8, one a row; repeated where a batch is larger.
        batch_sizes: Numbers of rows.
        sample_sizes: Numbers of samples of `log_likelihood`.
        most_pairs: Rows times samples beyond which `log_likelihood` is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        kc.export_saved_model(model, name)
        served = tf.saved_model.load(name)
    weights: dict[str, np.ndarray] = {}
    programs = []
    for size in batch_sizes:
        x = np.resize(images, (size, images.shape[1])).astype("float32")
        for endpoint, num_samples, inputs in _requests(x, sample_sizes, most_pairs):
            function = _compiled(served.signatures[endpoint], size, num_samples)
            outputs = {k: v.numpy() for k, v in function(**inputs).items()}
            program = f"{endpoint}-{size}" + f"-{num_samples}" * (num_samples is not None)
            stage = function.experimental_get_compiler_ir(**inputs)
            (folder / f"{program}.hlo").write_bytes(stage(stage="hlo_serialized"))
            captured = _captured(function, inputs)
            weights |= captured
            if endpoint == "encode":
                outputs |= _margins(model, x)
            arrays = {f"in_{i}": inputs[k] for i, k in enumerate(sorted(inputs))}
            arrays |= {f"out_{k}": _kept(k, v) for k, v in outputs.items()}
            np.savez_compressed(folder / f"{program}.npz", **arrays)
            programs.append(
                {
                    "program": program,
                    "endpoint": endpoint,
                    "rows": size,
                    "num_samples": num_samples,
                    "weights": list(captured),
                    "outputs": sorted(function(**inputs)),
                }
            )
            print(program, flush=True)
    np.savez(folder / "weights.npz", **weights)
    manifest = {
        "network": model.architecture,
        "parameters": model.count_params(),
        "hardware": machine.hardware(),
        "versions": machine.versions(),
        "programs": programs,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))


def _requests(
    x: np.ndarray, sample_sizes: list[int], most_pairs: int
) -> list[tuple[str, int | None, dict[str, Any]]]:
    """Endpoints with their inputs, but for numbers, which XLA takes as constants."""
    seed, seeds = np.int32(_SEED), np.arange(len(x), dtype=np.int32)
    return [
        ("encode", None, {"x": x, "seed": seed}),
        ("encode_rows", None, {"x": x, "seeds": seeds}),
        ("sample", None, {"seed": seed}),
        *(
            ("log_likelihood", number, {"x": x, "seed": seed})
            for number in sample_sizes
            if number * len(x) <= most_pairs
        ),
    ]


def _compiled(signature: Any, size: int, num_samples: int | None) -> Any:
    """An endpoint for XLA, with the numbers that shapes depend on as constants."""
    names = signature.structured_input_signature[1]
    numbers = {"num_images": size, "num_samples": num_samples}

    def answer(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # Made in here: one from outside would be an argument of the program.
        constants = {k: tf.constant(v) for k, v in numbers.items() if k in names}
        return signature(**inputs, **constants)

    return tf.function(answer, jit_compile=True, autograph=False)


def _captured(function: Any, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """What a program takes after its inputs, in its order, by paths of variables."""
    concrete = function.get_concrete_function(**inputs)
    variables = {id(v.handle): v for v in concrete.graph.variables}
    found = [variables[id(handle)] for handle in concrete.captured_inputs]
    return {variable.name: variable.numpy() for variable in found}


def _margins(model: kc.SigmoidBeliefNetwork, x: np.ndarray) -> dict[str, np.ndarray]:
    """How far the logit plus noise of each binary unit is from a tie, at 0."""
    draw: Callable = model._network.draw
    with fixed_noise(model, _SEED):
        nodes = draw(tf.constant(x), None, False).nodes
    temperature = model.get_layer("latent_1_arity_2").temperature
    return {
        f"margin_{i}": np.abs(node.numpy()) * float(temperature)
        for i, node in enumerate(nodes, start=1)
    }


def _kept(name: str, value: np.ndarray) -> np.ndarray:
    """What is kept of an output."""
    if name.startswith("codes"):
        return value.astype("int8")
    if name.startswith("margin"):
        return np.where(value < _NEAR, value, np.inf).astype("float32")
    return value if value.ndim == 1 else value[:_KEPT_ROWS]


if __name__ == "__main__":
    typer.run(main)
