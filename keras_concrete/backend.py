"""TensorFlow Probability for the backend that Keras runs on, chosen in this one place.

On JAX it is TFP's substrate, with no TensorFlow installed. The operations that its
distributions are written in, `tf`, are there by the same names; what this package
computes itself is written in `keras.ops`. Importing this module takes about a second.
"""

from typing import TYPE_CHECKING, Any

import keras

__all__ = ["tf", "tfp"]


def _chosen(backend: str) -> tuple[Any, Any]:
    if backend == "jax":
        from tensorflow_probability.substrates import jax

        try:
            return jax.tf2jax, jax  # Imported at the first look.
        except (AttributeError, ImportError) as error:
            raise ImportError(
                "Keras's backend jax needs JAX and TensorFlow Probability's nightly, "
                "which its release overwrites: pip install 'jax>=0.10'; and after it pip "
                "install --force-reinstall --no-deps 'tfp-nightly>=0.26.0.dev20261027'. "
                f"Python says: {error}"
            ) from error
    if backend == "tensorflow":
        import tensorflow
        import tensorflow_probability

        return tensorflow, tensorflow_probability
    raise ImportError(
        "keras_concrete runs on Keras's backends 'tensorflow' and 'jax'. Set the "
        "environment variable KERAS_BACKEND to one of them before Keras is imported. "
        f"Received: {backend!r}"
    )


if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_probability as tfp
else:
    tf, tfp = _chosen(keras.backend.backend())
