"""The bare matrix products by NumPy's BLAS (OpenBLAS in its wheels)."""

from collections.abc import Callable

import numpy as np

from benchmarks.peers.products import operands, products, repeated
from benchmarks.peers.serving import Job, serve


def make(job: Job) -> Callable[[int], list[float]]:
    """Sets the matrices up."""
    pairs = []
    for product in products(job, job.options.get("backward", True)):
        left, right = operands(product)
        left = left.T if product.transposed_left else left
        right = right.T if product.transposed_right else right
        pairs.append((left, right, left @ right))

    def step() -> None:
        for left, right, out in pairs:
            np.matmul(left, right, out=out)

    return repeated(job, step)


if __name__ == "__main__":
    serve(make, ["numpy"])
