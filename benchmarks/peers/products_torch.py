"""The bare matrix products by PyTorch (MKL in its wheels)."""

from collections.abc import Callable

import torch

from benchmarks.peers.products import operands, products, repeated
from benchmarks.peers.serving import Job, serve


def make(job: Job) -> Callable[[int], list[float]]:
    """Sets the matrices up."""
    torch.set_num_threads(job.threads)
    pairs = []
    for product in products(job, job.options.get("backward", True)):
        left, right = map(torch.from_numpy, operands(product))
        left = left.T if product.transposed_left else left
        right = right.T if product.transposed_right else right
        pairs.append((left, right, left @ right))

    @torch.no_grad()
    def step() -> None:
        for left, right, out in pairs:
            torch.mm(left, right, out=out)

    return repeated(job, step)


if __name__ == "__main__":
    serve(make, ["torch", "numpy"])
