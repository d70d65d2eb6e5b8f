"""The bare matrix products by TensorFlow (oneDNN on x86)."""

from collections.abc import Callable

import tensorflow as tf

from benchmarks.peers.products import operands, products, repeated
from benchmarks.peers.serving import Job, serve


def make(job: Job) -> Callable[[int], list[float]]:
    """Makes the graph of the products."""
    shapes = products(job, job.options.get("backward", True))
    matrices = [tuple(map(tf.constant, operands(product))) for product in shapes]

    @tf.function
    def multiply(matrices: list[tuple[tf.Tensor, tf.Tensor]]) -> list[tf.Tensor]:
        return [
            tf.matmul(left, right, product.transposed_left, product.transposed_right)
            for product, (left, right) in zip(shapes, matrices, strict=True)
        ]

    return repeated(job, lambda: multiply(matrices))


if __name__ == "__main__":
    serve(make, ["tensorflow", "numpy"])
