"""Random numbers that are the same wherever they are made.

Every draw of this package comes from Threefry-2x32 (20 rounds; Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", 2011), a counter-based generator written here in
ordinary integer operations of `keras.ops`. A key and the position of an element in the
tensor determine its value, so the integers are equal eagerly, in a `tf.function`, under
XLA, on any device, in a saved model, in LiteRT, and in what `export_onnx` writes; the
floats made from them agree to the last places of the platform's logarithm. To the same
precision, adding rows to a batch leaves the noise of the rows before them as it was.

Each element uses 64 random bits: one chooses the half of the unit interval, 63 the
distance from its end. So the tails are whole (logistic noise reaches 45, where a
24-bit uniform stops at 16.6), symmetric by construction, and no logarithm sees 0.
"""

import functools
from collections.abc import Callable

import numpy as np
from keras import ops

from keras_concrete.graphs import compiles_pieces
from keras_concrete.normal_quantile import normal_quantile
from keras_concrete.types import Shape, Tensor

__all__ = [
    "fold_in",
    "fold_in_integers",
    "from_quantile",
    "gumbel",
    "key_from_seed",
    "logistic",
    "normal",
    "threefry_2x32",
    "uniform",
]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_KEY_PARITY = np.uint32(0x1BD11BDA)

# The second word of the counter tells what the block is for.
_FOR_NOISE, _FOR_KEYS = 0, 1


def threefry_2x32(key: Tensor, counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Encrypts a counter of two words with a key of two words.

    Args:
        key: uint32 tensor of shape `(..., 2)`.
        counter: Two uint32 tensors of one shape.

    Returns:
        Two uint32 tensors, of that shape for one key: random words, equal for equal
        arguments. Of several keys, shapes `(...)` and that of the counter broadcast.

    Example:
    >>> zero = np.zeros((), "uint32")
    >>> words = threefry_2x32(np.zeros(2, "uint32"), (zero, zero))
    >>> [f"{int(word):08x}" for word in words]
    ['6b200159', '99ba4efe']
    """
    key = ops.convert_to_tensor(key, dtype="uint32")
    keys = [key[..., 0], key[..., 1]]
    keys.append(keys[0] ^ keys[1] ^ _KEY_PARITY)
    left = ops.convert_to_tensor(counter[0], dtype="uint32") + keys[0]
    right = ops.convert_to_tensor(counter[1], dtype="uint32") + keys[1]
    for group in range(1, 6):
        for distance in _ROTATIONS[(group - 1) % 2]:
            left = left + right
            right = left ^ _rotate_left(right, distance)
        left = left + keys[group % 3]
        right = right + keys[(group + 1) % 3] + np.uint32(group)
    return left, right


def _rotate_left(word: Tensor, distance: int) -> Tensor:
    # LiteRT has neither shifts to the left nor `or`; compilers make a rotation of this.
    return (word * np.uint32(1 << distance)) ^ ops.right_shift(
        word, np.uint32(32 - distance)
    )


def key_from_seed(seed: Tensor) -> Tensor:
    """Makes a key of two integers, such as the state of a `SeedGenerator`.

    Args:
        seed: Integer tensor of shape `(2,)`, or `(rows, 2)` for a key of each row; or a
            scalar, which is followed by 0.

    Returns:
        uint32 tensor of shape `(2,)`, or `(rows, 2)`: the integers modulo 2**32.
    """
    seed = ops.cast(seed, "uint32")
    if len(seed.shape) == 0:
        return ops.stack([seed, ops.zeros_like(seed)])
    return seed


def fold_in(key: Tensor, data: Tensor | int) -> Tensor:
    """Derives a new key from a key and an integer, as `jax.random.fold_in` does.

    Args:
        key: uint32 tensor of shape `(2,)`, or `(rows, 2)` for a key of each row.
        data: Integer or integer scalar tensor: a position, a replica, a step.

    Returns:
        uint32 tensor of the shape of `key`. Keys made of different integers are unrelated
        to one another and to the noise drawn with `key` itself.
    """
    data = ops.cast(data, "uint32")
    purpose = ops.full_like(data, _FOR_KEYS)
    return ops.stack(threefry_2x32(key, (data, purpose)), axis=-1)


def fold_in_integers(seed: int, data: int) -> int:
    """The first word of `fold_in(key_from_seed(seed), data)`, by Python's integers.

    For seeds of weights, which a layer needs even where it is built inside a graph, in
    which tensors have no values.

    Args:
        seed: Integer from 0 to below 2**32.
        data: Likewise.

    Returns:
        Integer from 0 to below 2**32.
    """
    mask = 0xFFFFFFFF
    keys = [seed, 0, seed ^ int(_KEY_PARITY)]
    left, right = (data + keys[0]) & mask, (_FOR_KEYS + keys[1]) & mask
    for group in range(1, 6):
        for distance in _ROTATIONS[(group - 1) % 2]:
            left = (left + right) & mask
            right = left ^ ((right << distance | right >> (32 - distance)) & mask)
        left = (left + keys[group % 3]) & mask
        right = (right + keys[(group + 1) % 3] + group) & mask
    return left


def uniform(shape: Shape, key: Tensor) -> Tensor:
    """Draws from the uniform distribution on the open interval (0, 1).

    Args:
        shape: Shape of the result.
        key: uint32 tensor of shape `(2,)`.

    Returns:
        float32 tensor. Values below 1/2 are exact to 24 significant bits; a value
        nearer to 1 than float32 can tell is returned as the number before 1.
    """
    in_upper_half, distance = _half_and_distance(shape, key)
    below_one = np.nextafter(np.float32(1), np.float32(0))
    return ops.where(in_upper_half, ops.minimum(1.0 - distance, below_one), distance)


def logistic(shape: Shape, key: Tensor) -> Tensor:
    """Draws from the standard Logistic distribution: log(U) - log(1 - U).

    Args:
        shape: Shape of the result.
        key: uint32 tensor of shape `(2,)`.

    Returns:
        float32 tensor with values within (-45.1, 45.1), symmetric around 0.

    Example:
    >>> noise = logistic((2, 3), key_from_seed(np.array([0, 7])))
    >>> noise.shape
    TensorShape([2, 3])
    """
    in_upper_half, distance = _half_and_distance(shape, key)
    rest = 1.0 - distance
    # One logarithm, and last: XLA would compute a cheap end anew for each of its readers,
    # and all rounds of the generator with it.
    return ops.log(
        ops.where(in_upper_half, rest, distance)
        / ops.where(in_upper_half, distance, rest)
    )


def gumbel(shape: Shape, key: Tensor) -> Tensor:
    """Draws from the standard Gumbel distribution: -log(-log(U)).

    Args:
        shape: Shape of the result.
        key: uint32 tensor of shape `(2,)`.

    Returns:
        float32 tensor with values within (-3.81, 45.1).
    """
    in_upper_half, distance = _half_and_distance(shape, key)
    exponential = ops.where(in_upper_half, -ops.log1p(-distance), -ops.log(distance))
    return -ops.log(exponential)


def from_quantile(
    shape: Shape,
    key: Tensor,
    quantile: Callable[[Tensor], Tensor],
    upper_quantile: Callable[[Tensor], Tensor],
) -> Tensor:
    """Draws from any distribution on the reals by its quantile function.

    Args:
        shape: Shape of the result.
        key: uint32 tensor of shape `(2,)`.
        quantile: The value below which the distribution lies with a given probability;
            called on probabilities in (0, 1/2].
        upper_quantile: The value above which it lies with a given probability; likewise.
            The pair keeps both tails whole.

    Returns:
        float32 tensor.

    Example:
    >>> cauchy = lambda p: -1.0 / ops.tan(np.pi * p)
    >>> draws = from_quantile((3,), key_from_seed(0), cauchy, lambda p: -cauchy(p))
    >>> draws.shape
    TensorShape([3])
    """
    in_upper_half, distance = _half_and_distance(shape, key)
    return ops.where(in_upper_half, upper_quantile(distance), quantile(distance))


def normal(shape: Shape, key: Tensor) -> Tensor:
    """Draws from the standard normal distribution.

    Args:
        shape: Shape of the result.
        key: uint32 tensor of shape `(2,)`.

    Returns:
        float32 tensor with values within (-9.2, 9.2), symmetric around 0.
    """
    return from_quantile(
        shape, key, normal_quantile, lambda probability: -normal_quantile(probability)
    )


def _half_and_distance(shape: Shape, key: Tensor) -> tuple[Tensor, Tensor]:
    """Which half of (0, 1) each element lies in, and its distance from that end.

    With a key for each row, each row has what it would have alone.

    Raises:
        ValueError: If there are keys of rows, and the first axis is of other rows.
    """
    sizes = shape
    if len(key.shape) == 2:
        if key.shape[0] is not None and key.shape[0] != shape[0]:
            raise ValueError(
                "Noise of which each row has a key must have the rows of the keys on its "
                f"first axis. Received: shape={shape}, key.shape={tuple(key.shape)}"
            )
        sizes, key = shape[1:], ops.expand_dims(key, 1)
    size = 1
    for dimension in sizes:
        size = size * dimension
    if compiles_pieces():
        in_upper_half, distance = _compiled_halves(size, key)
    else:
        in_upper_half, distance = _halves(size, key)
    return ops.reshape(in_upper_half, shape), ops.reshape(distance, shape)


def _halves(size: Tensor | int, key: Tensor) -> tuple[Tensor, Tensor]:
    position = ops.reshape(ops.arange(size, dtype="int32"), (-1, 1))
    # A view, not a cast: OpenVINO has none, and would shift words as signed numbers.
    words = ops.reshape(ops.view(position, "uint32"), (-1,))
    high, low = threefry_2x32(key, (words, ops.full_like(words, _FOR_NOISE)))
    half_high = ops.right_shift(high, np.uint32(1))
    in_upper_half = ops.cast(high ^ (half_high * np.uint32(2)), "bool")
    coarse = ops.cast(half_high, "float32")
    fine = ops.cast(low, "float32") + 0.5
    distance = coarse * np.float32(2.0**-32) + fine * np.float32(2.0**-64)
    return in_upper_half, distance


def _compiled_halves(size: Tensor | int, key: Tensor) -> tuple[Tensor, Tensor]:
    """The same by XLA, for which the rounds of the generator are one pass."""
    function = _by_xla()
    if isinstance(size, int):
        return function(size, key)
    # A program is for one size, so that unknown ones are rounded up by at most an eighth.
    size = ops.cast(size, "int32")
    octave = ops.floor(ops.log2(ops.cast(ops.maximum(size, 1), "float32")))
    step = ops.cast(2.0 ** ops.maximum(octave - 3.0, 0.0), "int32")
    rounded = (size + step - 1) // step * step
    return tuple(part[..., :size] for part in function(rounded, key))


@functools.cache
def _by_xla() -> Callable[..., tuple[Tensor, Tensor]]:
    import tensorflow as tf

    return tf.function(_halves, jit_compile=True, autograph=False)
