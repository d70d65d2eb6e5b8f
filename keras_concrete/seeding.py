"""Where layers get the keys of their noise, and how a caller fixes them.

A random layer owns a `keras.random.SeedGenerator`. In training, its counter makes every
call differ and is saved with the model. `fixed_noise` replaces the generators of a whole
model by one seed, for evaluation and for serving: nothing is read from them and nothing
in the model changes, the running averages included.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_concrete import noise
from keras_concrete.checks import check_saved_shape, check_seed
from keras_concrete.graphs import current_graph
from keras_concrete.programs import current_values
from keras_concrete.sublayers import all_layers, running_layers
from keras_concrete.types import Tensor

__all__ = [
    "SeededLayer",
    "derive_seed",
    "fixed_noise",
    "is_noise_fixed",
    "num_replicas",
]


def derive_seed(seed: int | None, position: int) -> int | None:
    """Derives the seed of one layer from the seed of a network.

    Args:
        seed: Integer seed of the network, or None.
        position: Place of the layer in the network.

    Returns:
        An integer below 2**31; None, which Keras replaces by a random seed, for None.

    Example:
    >>> derive_seed(7, 0) != derive_seed(7, 1)
    True
    """
    if seed is None:
        return None
    return noise.fold_in_integers(int(seed), position) >> 1


@contextlib.contextmanager
def fixed_noise(model: keras.Model, seed: Tensor) -> Iterator[None]:
    """Within this context the noise of a model is a function of `seed`.

    What the model would change in itself meanwhile (counters, running averages) is
    dropped on leaving. Recurrent layers whose cell draws noise run as a Python loop over
    the time steps, each with noise of its own, as `unroll=True` has them.

    Args:
        model: A built model.
        seed: Integer scalar, or integer tensor of shape `(2,)`, or `(rows, 2)` with a
            key for each row of a batch, which then has the noise that it would have
            alone; may be symbolic.

    Raises:
        ValueError: If `seed` is neither an integer nor a tensor; or, inside the context,
            if a layer draws in a loop that is compiled as one, where every iteration
            would have the same noise; or, with keys of rows, if a draw's first axis is
            of other rows, or a generator is used that is of no layer of this package.
    """
    check_seed(seed)
    # Distinct keys are all that Threefry needs, and adding costs less to compile than
    # folding in: the second word counts calls of a layer below, layers above, and has a
    # bit that no layer's own generator, which counts training calls, comes to. The
    # highest would be another: OpenVINO makes 2**31 - 1 of a constant beyond it.
    key = noise.key_from_seed(seed)
    rows = key if len(key.shape) == 2 else None
    if rows is not None:
        key = np.zeros(2, "uint32")
    first, second = key[0], key[1]  # LiteRT cannot unstack words.
    mapping = current_values(model)
    for position, state in enumerate(_generator_states(model)):
        words = ops.stack([first, second + np.uint32((1 << 30) + (position << 16))])
        mapping.append((state, ops.cast(words, state.dtype)))
    with (
        keras.StatelessScope(state_mapping=mapping) as scope,
        _unrolled(model),
        _drawing_in_this_graph(rows),
        contextlib.nullcontext()
        if rows is None
        else _refusing_other_generators(model, scope),
    ):
        yield


@contextlib.contextmanager
def _unrolled(model: keras.Model) -> Iterator[None]:
    """Has recurrent layers whose cells draw noise loop in Python."""
    recurrent = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.RNN) and _draws(layer.cell)
    ]
    before = [layer.unroll for layer in recurrent]
    try:
        for layer in recurrent:
            layer.unroll = True
        yield
    finally:
        for layer, unroll in zip(recurrent, before, strict=True):
            layer.unroll = unroll


def _draws(layer: keras.Layer) -> bool:
    """Whether a layer or one inside it has a generator."""
    return any(
        isinstance(value, keras.random.SeedGenerator)
        for part in all_layers(layer)
        # Keras's own cells draw their dropout masks before the loop.
        if not hasattr(part, "get_dropout_mask")
        for value in vars(part).values()
    )


class _FixedNoise(NamedTuple):
    """What a pass within `fixed_noise` is held to.

    Attributes:
        graph: The graph that it is in; one inside is that of a loop.
        rows: Keys of the rows of the batch, or None where it has one seed.
    """

    graph: Any
    rows: Tensor | None


_FIXED: contextvars.ContextVar[_FixedNoise | None] = contextvars.ContextVar(
    "_FIXED", default=None
)


@contextlib.contextmanager
def _drawing_in_this_graph(rows: Tensor | None) -> Iterator[None]:
    token = _FIXED.set(_FixedNoise(current_graph(), rows))
    try:
        yield
    finally:
        _FIXED.reset(token)


def is_noise_fixed() -> bool:
    """Whether this is a pass within `fixed_noise`, which changes nothing in the model."""
    return _FIXED.get() is not None


@contextlib.contextmanager
def _refusing_other_generators(
    model: keras.Model, scope: keras.StatelessScope
) -> Iterator[None]:
    """Refuses draws by Keras's own functions, which know one seed for a whole batch."""
    ours = {
        id(layer.seed_generator.state)
        for layer in all_layers(model)
        if isinstance(layer, SeededLayer)
    }
    others = [s for s in _generator_states(model) if id(s) not in ours]
    before = [scope.get_current_value(state) for state in others]
    yield
    for state, value in zip(others, before, strict=True):
        if scope.get_current_value(state) is not value:
            raise ValueError(
                "A seed for each row is taken by the layers of this package only. "
                f"Received: a model that draws with the generator {state.path!r}"
            )


def _generator_states(model: keras.Model) -> list[keras.Variable]:
    """States of the model's seed generators, in the order of its layers."""
    others = {id(v) for v in [*model.weights, *model.metrics_variables]}
    # What layers carry on JAX besides is scalar.
    return [v for v in model.variables if id(v) not in others and v.shape == (2,)]


def num_replicas() -> int:
    """Number of copies of the model that a `tf.distribute` strategy runs in step."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def _replica_id() -> Tensor:
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


class SeededLayer(keras.layers.Layer):
    """Base of layers that draw noise.

    Args:
        seed: Integer, or None for a seed of Keras's choosing (repeatable after
            `keras.utils.set_random_seed`). Two layers given the same integer draw the
            same noise, as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None:
            check_seed(seed)
            seed = int(seed)  # Keras takes Python's only.
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def next_key(self) -> Tensor:
        """Key for the noise of one call: uint32 tensor of shape `(2,)`.

        Within `fixed_noise` by keys of rows it is of shape `(rows, 2)`.

        Raises:
            ValueError: If the noise is fixed by a seed, and this is a loop that is
                compiled as one.
        """
        fixed = _FIXED.get()
        if keras.backend.backend() == "jax":
            _refuse_scan(self.name)
        if fixed is not None and fixed.graph is not current_graph():
            raise ValueError(
                f"The layer {self.name!r} draws inside a loop or branch of the compiled "
                "program, where a seed gives every iteration the same noise. Make the "
                "loop a Python one: a number of time steps that is known when the model "
                "is made for recurrent layers, ops.unstack and `for` in layers of your "
                "own."
            )
        key = noise.key_from_seed(self.seed_generator.next())
        if fixed is not None and fixed.rows is not None:
            return fixed.rows + key
        return noise.fold_in(key, _replica_id()) if num_replicas() > 1 else key

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}

    def save_own_variables(self, store: dict) -> None:
        """Saves the generator's state, which Keras leaves out, beside the weights."""
        super().save_own_variables(store)
        store[_STATE] = ops.convert_to_numpy(self.seed_generator.state.value)

    def load_own_variables(self, store: dict) -> None:
        """Loads the weights; and the generator's state, if there is one in the file."""
        super().load_own_variables(
            {key: store[key] for key in store.keys() if key != _STATE}
        )
        if _STATE not in store.keys():  # Of a layer without noise in this place.
            return
        state = store[_STATE]
        check_saved_shape(f"a state of the noise of {self.name!r}", state, (2,))
        self.seed_generator.state.assign(state)


def _refuse_scan(name: str) -> None:
    """Refuses a recurrent layer's compiled loop, out of which JAX takes no counters.

    Raises:
        ValueError: If a recurrent layer is running that does not loop in Python.
    """
    for layer in running_layers(keras.layers.RNN):
        if not layer.unroll:
            raise ValueError(
                f"The layer {name!r} draws in the loop of {layer.name!r}, which on JAX "
                "must be a Python one: make the recurrent layer with unroll=True."
            )


_STATE = "seed_generator_state"
