"""The bare matrix products by XLA."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks.peers.products import operands, products, repeated
from benchmarks.peers.serving import Job, serve


def make(job: Job) -> Callable[[int], list[float]]:
    """Compiles the products."""
    shapes = products(job, job.options.get("backward", True))
    matrices = [tuple(map(jnp.asarray, operands(product))) for product in shapes]

    # One number of each product is kept, so that no product can be left out and no
    # result need be stored twice.
    @jax.jit
    def multiply(matrices: list[tuple[jax.Array, jax.Array]]) -> list[jax.Array]:
        results = []
        for product, (left, right) in zip(shapes, matrices, strict=True):
            left = left.T if product.transposed_left else left
            right = right.T if product.transposed_right else right
            results.append(jax.lax.optimization_barrier(left @ right)[0, 0])
        return results

    return repeated(job, lambda: jax.block_until_ready(multiply(matrices)))


if __name__ == "__main__":
    serve(make, ["jax", "jaxlib", "numpy"])
