"""KL terms that a functional model was to have, and that Keras left out of it.

Keras drops a layer whose output leads to no output of the model. A sampler remembers the
KL terms that read its nodes, and in training looks whether the model that runs has them.
"""

import warnings
import weakref

import keras

from keras_concrete.sublayers import all_layers, running_layers

__all__ = ["ForgottenTerms"]


class ForgottenTerms:
    """The KL terms of one sampler that no model has been seen to run."""

    def __init__(self) -> None:
        self._terms: list[weakref.ref[keras.Layer]] = []

    def watch(self, term: keras.Layer) -> None:
        """Adds a term, which reads a node of the sampler in a functional model."""
        self._terms.append(weakref.ref(term))

    def warn(self) -> None:
        """Warns, once, of terms that no model has which trains at this moment."""
        if not self._terms:
            return
        models = list(running_layers(keras.Model))
        if not models:
            return
        present = {id(layer) for model in models for layer in all_layers(model)}
        for term in (watched() for watched in self._terms):
            if term is not None and id(term) not in present:
                warnings.warn(
                    f"The KL term {term.name!r} is not part of the model that trains, "
                    "since its output leads to no output of the model, and Keras leaves "
                    "such layers out: it has no effect. Make it an output, or give the "
                    "sampler a `prior` instead, which then owns the term.",
                    stacklevel=2,
                )
        self._terms = []
