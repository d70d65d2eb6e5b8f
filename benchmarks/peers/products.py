"""The matrix products that a network cannot do without: the limit of the machine."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.peers.serving import Job

__all__ = ["Product", "operands", "products", "repeated"]


class Product(NamedTuple):
    """A product `(rows, inner) @ (inner, columns)`; transposed operands where said."""

    rows: int
    inner: int
    columns: int
    transposed_left: bool = False
    transposed_right: bool = False


def products(job: Job, backward: bool = True) -> list[Product]:
    """The products of one step, each layer's forward and backward.

    What depends on the image alone has a row an image, all else a row a sample.

    Args:
        job: The network, batch size and number of samples.
        backward: Whether the gradients' products are among them.

    Returns:
        The products. The gradient with respect to the image is not needed.
    """
    batch, samples = job.batch_size, job.batch_size * job.num_samples
    result = []
    for i, (rows, sizes) in enumerate(_functions(job, batch, samples)):
        for j, (inner, columns) in enumerate(itertools.pairwise(sizes)):
            result.append(Product(rows, inner, columns))
            if backward:
                result.append(Product(inner, rows, columns, transposed_left=True))
                if (i, j) != (0, 0):
                    result.append(Product(rows, columns, inner, transposed_right=True))
    return result


def _functions(job: Job, batch: int, samples: int) -> list[tuple[int, list[int]]]:
    """Rows, and sizes of the layers, of each function of q and p. All links are `~`."""
    bits = list(job.latent_units)
    logits = [size // int(math.log2(job.arity)) * job.arity for size in bits]
    if job.arity == 2:
        logits = bits
    below = [job.visible_units, *bits]
    posterior = [
        (samples if i else batch, [below[i], bits[i], bits[i], logits[i]])
        for i in range(len(bits))
    ]
    prior = [
        (samples, [bits[i + 1], bits[i + 1], bits[i + 1], logits[i]])
        for i in range(len(bits) - 1)
    ]
    likelihood = (samples, [bits[0], bits[0], bits[0], job.visible_units])
    return [*posterior, *prior, likelihood]


def operands(product: Product) -> tuple[np.ndarray, np.ndarray]:
    """Matrices to multiply, as they lie in memory before they are transposed."""
    generator = np.random.default_rng(0)
    left = (product.rows, product.inner)
    right = (product.inner, product.columns)
    return (
        generator.random(left[::-1] if product.transposed_left else left, "float32"),
        generator.random(right[::-1] if product.transposed_right else right, "float32"),
    )


def repeated(job: Job, step: Callable[[], object]) -> Callable[[int], list[float]]:
    """A run of a contestant that has no bound, of one step or several to the unit."""
    steps_per_unit = job.options.get("steps_per_unit", 1)

    def run(num_units: int) -> list[float]:
        for _ in range(num_units * steps_per_unit):
            step()
        return []

    return run
