"""The range that the package promises: temperatures, and rows of logits, to its ends."""

import numpy as np

TEMPERATURES = np.float32([0.01, 0.1, 2 / 3, 1, 10])


def rows_of_logits(generator, rows, *shape):
    """Rows at both ends, at 0, between, and of mixtures of them."""
    size = (rows, *shape)
    mixed = generator.choice([-1000, -30, 0, 30, 1000], size)
    between = generator.uniform(-1000, 1000, size)
    usual = generator.normal(0, 4, size)
    same = np.broadcast_to(
        generator.choice([-1000, 0, 1000], (rows, *[1] * len(shape))), size
    )
    choice = np.arange(rows).reshape(-1, *[1] * len(shape)) % 5
    parts = [mixed, between, usual, same, np.where(mixed > 0, usual, mixed)]
    return np.select([choice == i for i in range(5)], parts).astype("float32")
