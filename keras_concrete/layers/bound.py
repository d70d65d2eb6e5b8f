"""The layer in which a model of latent variables ends."""

from typing import Any

import keras

from keras_concrete import objectives
from keras_concrete.checks import check_num_states, check_seed
from keras_concrete.layers.origin import FollowingLayer, check_states, origins
from keras_concrete.layers.pass_terms import BoundTerms, note
from keras_concrete.layers.shapes import as_list
from keras_concrete.types import Tensor

__all__ = ["MultiSampleBound"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class MultiSampleBound(FollowingLayer):
    """The multi-sample bound L_m of each example, with the gradient of an estimator.

    `log((1 / m) sum_i p(x, z_i) / q(z_i | x))` (equation 8), m the size of the sample
    axis; with one sample the ELBO. The value is always this; the gradient in training
    is the estimator's, which for some is that of another objective. Some estimators own
    weights (NVIL and RELAX their networks), which train with the model.

    Args:
        estimator: Name of the gradient estimator. By default that of the samplers whose
            scores `log_posterior` holds; needed where other layers lie between.
        seed: Integer for the initial weights that some estimators own, or None.
        num_states: Number of states of the units whose `[logits, node]` are passed as
            conditions; without them of no use.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        log_joint: log p(x, z): a tensor, or a list of terms, one for each layer of p.
        log_posterior: log q(z given x), likewise. Each sample is to be a draw of all
            layers: for one that all samples share, its term repeated for each, estimators
            by the score of log q, such as `"vimco"`, have a wrong gradient.
        conditions: What some estimators read besides. For `"nvil"`, what each layer of q
            is conditioned on, and all lists in the order from the data:
            `log p(x | h1), log p(h1 | h2), ...` against `log q(h1 | x), log q(h2 | h1),
            ...` and `x, h1, ...`. Its signal of layer i leaves out the terms before the
            i-th, which may thus depend on no later layer: where they do (a decoder that
            reads several layers, samplers side by side) the whole goes last, `[zeros,
            ..., log p(x, z)]`, zeros of its shape. For `"disarm"`, `"arm"` and `"relax"`,
            `[logits, node]` of the sampler that is drawn first, whose score comes first
            in `log_posterior`.
        training: Whether the estimator's gradient is wanted.

    Input shape:
        Each term `(batch, num_samples)` or `(batch,)`; conditions `(batch, ...)`. In
        training the sample axis of `"concrete_dreg"`, `"muprop"` and `"rebar"`, which
        must be there, also has the rows that the sampler adds.

    Output shape:
        `(batch,)`, float32, in nats.

    Raises:
        ValueError: If the terms differ in shape, if the estimator is not for their
            number of samples (`"vimco"` and `"reinforce_loo"` for 2 or more, `"disarm"`
            and `"arm"` for pairs, `"nvil"` for 1), or not the samplers', if it reads
            conditions and they are missing, if several samplers draw pairs, or if a list
            of terms is empty.

    Example:
    >>> import numpy as np
    >>> log_joint = np.log([[0.02, 0.06]]).astype("float32")
    >>> log_posterior = np.log([[0.5, 0.5]]).astype("float32")
    >>> bound = MultiSampleBound(estimator="concrete")(log_joint, log_posterior)
    >>> round(float(np.exp(bound[0])), 3)
    0.08

    Reference:
        Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.
    """

    def __init__(
        self,
        estimator: str | None = None,
        seed: int | None = None,
        num_states: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(estimator=estimator, **kwargs)
        if seed is not None:
            check_seed(seed)
        self.seed = seed
        self.num_states = check_num_states(num_states)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Forms the bound; refuses nodes of other units than it was told of."""
        outputs = super().__call__(*args, **kwargs)
        estimator = self.followed_estimator()
        given = dict(
            zip(("log_joint", "log_posterior", "conditions"), args, strict=False)
        )
        given = {**given, **kwargs}
        if estimator.reads_first_draw:
            for origin in origins(given.get("conditions")):
                check_states(self, origin)
        if estimator.pairs_first_draw:
            self._check_pairs(as_list(given["log_posterior"]))
        return outputs

    def _check_pairs(self, log_posterior: list) -> None:
        """Refuses pairs of samples in other layers than in that which is drawn first."""
        first, others = origins(log_posterior[0]), origins(log_posterior[1:])
        beside = [origin for origin in others if origin.has_samples]
        beside += [origin for origin in first if not origin.has_samples]
        if beside:
            raise ValueError(
                f"The estimator {self.estimator!r} draws the samples of one layer in "
                "pairs: one sampler alone may draw first, by its `num_samples`, with its "
                "term first in log_posterior, and the others from what it drew, with "
                f"sample_axis=True. {beside[0].layer!r} does not fit that: draw by one "
                "sampler what is drawn side by side, or use 'reinforce_loo'."
            )

    def build(
        self,
        log_joint_shape: Any = None,
        log_posterior_shape: Any = None,
        conditions_shape: Any = None,
    ) -> None:
        """Builds the surrogate, which may have weights."""
        # Keras leaves out the shapes of an empty list.
        if log_joint_shape is None or log_posterior_shape is None:
            raise ValueError(
                f"MultiSampleBound {self.name!r} needs at least one tensor of log p(x, "
                "z) and one of log q(z given x). Received: an empty list"
            )
        surrogate = self.followed_estimator().surrogate
        self.surrogate = surrogate(
            seed=self.seed,
            num_states=self.num_states,
            trainable=self.trainable,
            name="surrogate",
        )
        shapes = (log_joint_shape, log_posterior_shape, conditions_shape)
        self.surrogate.build(*map(as_list, shapes))

    def call(
        self,
        log_joint: Any,
        log_posterior: Any,
        conditions: Any = None,
        training: bool = False,
    ) -> Tensor:
        """Forms the bound from the terms of log p and of log q."""
        log_joint, log_posterior = as_list(log_joint), as_list(log_posterior)
        samples = [log_joint, log_posterior]
        if training:
            samples = [*map(self.followed_estimator().samples_of, samples)]
        note(BoundTerms(self.name, *samples))
        if training:
            return self.surrogate(log_joint, log_posterior, as_list(conditions))
        log_weights = objectives.log_weights(log_joint, log_posterior)
        return objectives.importance_weighted_bound(log_weights)

    def compute_output_spec(
        self,
        log_joint: Any,
        log_posterior: Any,
        conditions: Any = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        terms = [*as_list(log_joint), *as_list(log_posterior)]
        objectives.check_terms(terms)
        return keras.KerasTensor(tuple(terms[0].shape)[:1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        settings = {"seed": self.seed, "num_states": self.num_states}
        return {**super().get_config(), **settings}
