"""Graphs of endpoints, of which nothing is random but what a seed determines."""

import inspect

import tensorflow as tf

from keras_concrete.serving.endpoint import Endpoint
from keras_concrete.serving.nodes import nodes_of
from keras_concrete.types import Tensor

__all__ = ["traced"]

# Operations by which a graph draws or keeps what no input of it determines.
_STATEFUL = (
    *("Random", "Assign", "Multinomial", "TruncatedNormal", "Parameterized"),
    # Those of tf.random.Generator.
    *("Rng", "StatefulRandom", "StatefulUniform"),
    *("StatefulStandardNormal", "StatefulTruncatedNormal"),
)
# Python functions, which only the process that traced them can call.
_OF_THIS_PROCESS = ("PyFunc", "EagerPyFunc", "PyFuncStateless")
# What Keras calls the state of a generator. Those of the model's layers are replaced.
_GENERATOR = "seed_generator_state"


def traced(
    endpoint: Endpoint, name: str, jit_compile: bool = False
) -> tf.types.experimental.PolymorphicFunction:
    """Traces an endpoint.

    Args:
        endpoint: What to trace.
        name: What an error calls it.
        jit_compile: Whether XLA compiles it.

    Returns:
        A `tf.function` of the endpoint's inputs.

    Raises:
        ValueError: If it draws random numbers that its inputs do not determine, or calls
            Python.
    """

    def answer(*arguments: Tensor) -> dict[str, Tensor]:
        return endpoint.function(*arguments)

    # Whoever loads a SavedModel may call it by the names of its inputs.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [inspect.Parameter(spec.name, kind) for spec in endpoint.inputs]
    answer.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    function = tf.function(
        answer,
        input_signature=endpoint.inputs,
        autograph=False,
        jit_compile=jit_compile or None,
    )
    concrete = function.get_concrete_function()
    called = {node.op for node in nodes_of(concrete)} & {*_OF_THIS_PROCESS}
    if called:
        raise ValueError(
            f"The endpoint `{name}` calls Python, as by tf.numpy_function, which is not "
            "there where the model is served. Write it in operations of Keras or "
            f"TensorFlow. Received: a model that uses {', '.join(sorted(called))}"
        )
    stateful = sorted({n.op for n in nodes_of(concrete) if n.op.startswith(_STATEFUL)})
    stateful += [v.name for v in concrete.graph.variables if _GENERATOR in v.name]
    if stateful:
        raise ValueError(
            f"The endpoint `{name}` draws random numbers, or keeps values from one "
            "request to the next, that its inputs do not determine. Give every layer "
            "that draws a keras.random.SeedGenerator of its own, as an attribute. "
            f"Received: a model that uses {', '.join(stateful)}"
        )
    return function
