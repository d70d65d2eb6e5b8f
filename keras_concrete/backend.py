"""TensorFlow Probability for the backend that Keras runs on, chosen in this one place.

On JAX it is TFP's substrate, with no TensorFlow installed. The operations that its
distributions are written in, `tf`, are there by the same names; what this package
computes itself is written in `keras.ops`. Importing this module takes about a second.
"""

from typing import Any

import keras

__all__ = ["tf", "tfp"]

tf: Any
tfp: Any

if keras.backend.backend() == "jax":
    from tensorflow_probability.substrates import jax as tfp

    tf = tfp.tf2jax
elif keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    import tensorflow_probability as tfp
else:
    raise ImportError(
        "keras_concrete runs on Keras's backends tensorflow and jax. Set the environment "
        "variable KERAS_BACKEND to one of them before Keras is imported. Received: "
        f"{keras.backend.backend()}"
    )
