"""The log-weights of a model that has no method for them, from passes of the model.

Its layers tell them on the way: `MultiSampleBound` what the bound is made of, and the KL
terms log q(z given x) - log p(z) of a sampler's draw, to which log p(x given z) is added.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import objectives
from keras_concrete.layers import DiscreteStateRNN, MultiSampleBound, RelaxedKL
from keras_concrete.layers.pass_terms import Draw, KLTerm, PassTerms, watched_terms
from keras_concrete.layers.sampler import Sampler
from keras_concrete.programs import output_shape
from keras_concrete.seeding import fixed_noise
from keras_concrete.sublayers import all_layers
from keras_concrete.types import Tensor

__all__ = ["LogLikelihood", "check_passes", "draw_log_weights", "samples_of_a_pass"]

# From the inputs and the outputs of a model to log p(x given z), `(batch, [samples])`.
LogLikelihood = Callable[[Any, Any], Tensor]


def check_passes(
    model: Any, training: bool, log_likelihood: LogLikelihood | None
) -> None:
    """Refuses models whose passes tell no log-weights.

    Raises:
        ValueError: If the model has no bound, or no KL terms; is not built; or has a
            sampler that gives the mode, or one without a KL term.
    """
    terms = (RelaxedKL, DiscreteStateRNN)
    needed = (MultiSampleBound,) if log_likelihood is None else terms
    layers = list(all_layers(model)) if isinstance(model, keras.Model) else []
    if not any(isinstance(layer, needed) for layer in layers):
        received = f"Received: a {type(model).__name__}"
        if log_likelihood is not None:
            raise ValueError(
                "Argument `log_likelihood` is for a model with the KL terms of its "
                "samplers, by their argument `prior` or by RelaxedKL, which has run "
                f"once. {received} without"
            )
        raise ValueError(
            "Argument `model` must have the method log_weights(x, num_samples, training, "
            "seed) of keras_concrete.LatentVariableModel, as SigmoidBeliefNetwork has; "
            "or end in MultiSampleBound; or have the KL terms of its samplers, and be "
            f"given together with `log_likelihood`. {received}"
        )
    if not model.built:
        raise ValueError(
            f"The model {model.name!r} has no weights yet: call it on some data, or fit "
            "it, before its bound is evaluated."
        )
    for layer in layers:
        if isinstance(layer, Sampler) and layer.inference == "mode" and not training:
            raise ValueError(
                f"The sampler {layer.name!r} gives the most probable state "
                "(inference='mode'), of which there are no weights: make the model with "
                "inference='sample', and load the same weights."
            )


def draw_log_weights(
    model: keras.Model,
    x: Any,
    repeats: int,
    training: bool,
    seed: Tensor,
    log_likelihood: LogLikelihood | None = None,
) -> Tensor:
    """Draws log-weights by one pass, in which each example stands several times.

    Args:
        model: A model that `check_passes` lets through.
        x: What the model takes.
        repeats: How often each example stands in the batch of the pass.
        training: Whether the graph is relaxed.
        seed: Integer tensor, of which alone the noise is a function.
        log_likelihood: For a model with KL terms, else None.

    Returns:
        float32 tensor `(batch, repeats * m)`, in nats, m the samples of a pass.
    """
    rows = keras.tree.map_structure(lambda part: ops.repeat(part, repeats, axis=0), x)
    log_weights = _pass(model, rows, training, seed, log_likelihood)
    return ops.reshape(log_weights, (-1, repeats * log_weights.shape[1]))


def samples_of_a_pass(
    model: keras.Model,
    x: Any,
    training: bool = False,
    log_likelihood: LogLikelihood | None = None,
) -> int:
    """The number m of samples that the model draws of each example in one pass.

    Args:
        model: A model that `check_passes` lets through.
        x: What the model takes.
        training: Whether the graph is relaxed.
        log_likelihood: For a model with KL terms, else None.

    Returns:
        m, which is 1 for a model without a sample axis.

    Raises:
        ValueError: If what the pass tells is not the log-weights of one bound.
    """

    def run(x: Any) -> Tensor:
        return _pass(model, x, training, np.uint32(0), log_likelihood)

    return int(output_shape(run, x)[1])


def _pass(
    model: keras.Model,
    x: Any,
    training: bool,
    seed: Tensor,
    log_likelihood: LogLikelihood | None,
) -> Tensor:
    """Log-weights of one pass, `(batch, m)`."""
    with fixed_noise(model, seed), watched_terms() as terms:
        outputs = model(x, training=training)
    if log_likelihood is None:
        log_weights = _of_bound(model, terms)
    else:
        log_weights = _of_kls(model, terms, log_likelihood(x, outputs))
    return log_weights[:, None] if len(log_weights.shape) == 1 else log_weights


def _of_bound(model: keras.Model, terms: PassTerms) -> Tensor:
    if len(terms.bounds) != 1:
        names = ", ".join(repr(bound.layer) for bound in terms.bounds) or "none"
        raise ValueError(
            f"The model {model.name!r} must run one MultiSampleBound. It runs: {names}. "
            "Evaluate the part of it that ends in the one you mean, "
            "keras.Model(model.input, model.get_layer(name).output)."
        )
    for draw in terms.draws:
        if not draw.has_density:
            raise ValueError(
                f"{draw.layer!r} draws at random what no layer scores, which makes no "
                "bound: make the model with inference='mode' there, and load the same "
                "weights."
            )
    (bound,) = terms.bounds
    return objectives.log_weights(bound.log_joint, bound.log_posterior)


def _of_kls(model: keras.Model, terms: PassTerms, log_likelihood: Tensor) -> Tensor:
    drawn = Counter(draw.layer for draw in terms.draws)
    scored = Counter(term.sampler for term in terms.kls if term.sampler is not None)
    # Of nodes that do not come straight from a sampler, or from a layer of your own.
    unknown = len(terms.kls) - scored.total()
    if (drawn - scored).total() > unknown:
        raise ValueError(
            f"The model {model.name!r} draws from {_names(terms.draws)}, but runs KL "
            f"terms of {_names(terms.kls)} only, and a draw that is not scored makes no "
            "bound: give each sampler a `prior`, or lead its RelaxedKL to an output; "
            "make a SubsetSample or a PerturbedArgmax with inference='mode'."
        )
    if twice := scored - drawn:
        raise ValueError(
            f"The model {model.name!r} runs KL terms of {_names(terms.kls)}, of which "
            f"more than one scores the draw of {', '.join(map(repr, twice))}: log p(z) - "
            "log q(z given x) is to be in a bound once. Evaluate a part of the model "
            "that leaves the others out, keras.Model(model.input, outputs)."
        )
    return objectives.log_weights(log_likelihood, [term.kl for term in terms.kls])


def _names(terms: Sequence[Draw | KLTerm]) -> str:
    return ", ".join(repr(term.layer) for term in terms) or "none"
