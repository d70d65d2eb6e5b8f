"""Layers that draw the states of discrete units from their logits."""

import keras

from keras_concrete.layers.sampler import Sampler

__all__ = ["BinaryConcreteSample", "ConcreteSample"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class BinaryConcreteSample(Sampler):
    """Draws the states of binary units from their log-odds.

    With `training=True` the state is relaxed, `sigmoid((logits + L) / temperature)`
    with Logistic noise L, and gradients flow through it. With `training=False` it is
    discrete: the same value rounded to 0 or 1, which is 1 with probability
    `sigmoid(logits)` at any temperature. Noise and node are computed in float32 under
    every dtype policy.

    Args:
        temperature: Positive number, schedule of training steps or `keras.Variable` (see
            `keras_concrete.schedules`). The paper found 2/3 good for a posterior, 1/2 for
            a prior; up to 1 no unit can prefer the interior of (0, 1).
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis. In training some estimators add rows to that axis
            (`Estimator.rows_per_sample`), whose static size is None then.
        return_node: Whether to return the pair `(state, node)`. The node, the value
            before the sigmoid, is what `ConcreteLogProb` and `RelaxedKL` score.
        estimator: Name of the gradient estimator that the model trains with.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the more
            probable state, without noise (hashes, gates, selectors).
        sample_axis: Whether axis 1 of the logits holds the samples of a sampler before
            this one. Estimators that add rows need to know, and the KL of a `prior`,
            which is the mean over samples.
        prior: None; or the prior of a KL term that the layer adds to the model's losses
            by itself, in any kind of model: `"uniform"`, `"learned"` for free logits that
            train, or `"given"` for logits that each call passes as `prior_logits`. `fit`
            reports the term, in nats, as the layer's name and `_kl`. See `RelaxedKL`.
        prior_temperature: Temperature of the prior's density; by default `temperature`.
        kl_weight: Weight of the term in the loss: a number from 0, a schedule of training
            steps, or a `keras.Variable`.
        kl_objective: `"analytic"`, the KL of the discrete distributions in closed form,
            by default that of `"uniform"` and `"learned"`; or `"relaxed"`, one sample of
            the term, as the estimator scores its states, by default that of `"given"`,
            whose logits may come from a layer drawn after this one. See `objective` of
            `RelaxedKL`. A relaxed bound, `evaluate_bound(..., training=True)`, scores
            densities that the closed form of `"concrete"` has not trained. `"concrete"`
            takes `"relaxed_mass"` too.
        kl_balance: None; or the share of the weight that moves the prior, the rest moving
            the posterior, as `balance` of `RelaxedKL`.
        free_nats: Nats of the term, summed over units and averaged over the batch, that
            cost nothing.
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Log-odds of state 1, any float dtype.
        prior_logits: Logits of the prior, of the shape of `logits`, or without their
            sample axis; for `prior="given"`.
        num_samples: Overrides the constructor's; may be a scalar tensor.
        training: Whether states are relaxed.
        mask: Mask of time steps, `(batch, time)`, as Keras passes it on. It goes on with
            the states, which are drawn at every step, masked out or not; to the term of
            `prior` steps where it is False add nothing. (A cell of a recurrent layer is
            not told of it: `DiscreteStateCell` shows how its KL is added up.)

    Input shape:
        `(batch, *units)`, any number of axes.

    Output shape:
        That of the input, or `(batch, num_samples, *units)`. The state has the
        compute dtype, the node float32.

    Raises:
        ValueError: If an argument is out of its range, or the input has no axis for
            the units.

    Example:
    >>> import keras, numpy as np
    >>> layer = BinaryConcreteSample(temperature=2 / 3, seed=0)
    >>> logits = np.array([[-30.0, 0.0, 30.0]], "float32")
    >>> layer(logits).shape, layer(logits, num_samples=5).shape
    (TensorShape([1, 3]), TensorShape([1, 5, 3]))
    >>> sorted(set(layer(logits, num_samples=5).numpy().ravel().tolist()))
    [0.0, 1.0]

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: equation 16.
    """

    _binary = True

    def _check_rank(self, logits_shape: tuple) -> None:
        if len(logits_shape) < 2:
            raise ValueError(
                "BinaryConcreteSample expects logits of shape (batch, *units). "
                f"Received: logits.shape={tuple(logits_shape)}"
            )


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteSample(Sampler):
    """Draws the states of units with n states each from their n logits.

    With `training=True` the state is relaxed, `softmax((logits + G) / temperature)`
    with Gumbel noise G, and gradients flow through it. With `training=False` it is
    discrete: the one-hot vector of the largest coordinate, drawn with probabilities
    `softmax(logits)` at any temperature. Noise and node are computed in float32 under
    every dtype policy.

    Args:
        temperature: Positive number, schedule of training steps or `keras.Variable` (see
            `keras_concrete.schedules`). The paper found 1 good for a posterior over 4
            states (prior 2/3) and 2/3 over 8 (prior 2/5).
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis. In training some estimators add rows to that axis
            (`Estimator.rows_per_sample`), whose static size is None then.
        return_node: Whether to return the pair `(state, node)`. The node, the logarithm
            of the relaxed state, is what `ConcreteLogProb` and `RelaxedKL` score.
        estimator: Name of the gradient estimator that the model trains with.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the most
            probable state, without noise (hashes, gates, selectors).
        sample_axis: Whether axis 1 of the logits holds the samples of a sampler before
            this one. Estimators that add rows need to know, and the KL of a `prior`,
            which is the mean over samples.
        prior: None; or the prior of a KL term that the layer adds to the model's losses
            by itself, in any kind of model: `"uniform"`, `"learned"` for free logits that
            train, or `"given"` for logits that each call passes as `prior_logits`. `fit`
            reports the term, in nats, as the layer's name and `_kl`. See `RelaxedKL`.
        prior_temperature: Temperature of the prior's density; by default `temperature`.
        kl_weight: Weight of the term in the loss: a number from 0, a schedule of training
            steps, or a `keras.Variable`.
        kl_objective: `"analytic"`, the KL of the discrete distributions in closed form,
            by default that of `"uniform"` and `"learned"`; or `"relaxed"`, one sample of
            the term, as the estimator scores its states, by default that of `"given"`,
            whose logits may come from a layer drawn after this one. See `objective` of
            `RelaxedKL`. A relaxed bound, `evaluate_bound(..., training=True)`, scores
            densities that the closed form of `"concrete"` has not trained. `"concrete"`
            takes `"relaxed_mass"` too.
        kl_balance: None; or the share of the weight that moves the prior, the rest moving
            the posterior, as `balance` of `RelaxedKL`.
        free_nats: Nats of the term, summed over units and averaged over the batch, that
            cost nothing.
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Unnormalised log-probabilities, states on the last axis, any float
            dtype.
        prior_logits: Logits of the prior, of the shape of `logits`, or without their
            sample axis; for `prior="given"`.
        num_samples: Overrides the constructor's; may be a scalar tensor.
        training: Whether states are relaxed.
        mask: Mask of time steps, `(batch, time)`, as Keras passes it on. It goes on with
            the states, which are drawn at every step, masked out or not; to the term of
            `prior` steps where it is False add nothing. (A cell of a recurrent layer is
            not told of it: `DiscreteStateCell` shows how its KL is added up.)

    Input shape:
        `(batch, *units, num_states)`, usually `(batch, units, num_states)`.

    Output shape:
        That of the input, or `(batch, num_samples, *units, num_states)`. The state has
        the compute dtype, the node float32.

    Raises:
        ValueError: If an argument is out of its range, or the input has no axis of at
            least 2 states.

    Example:
    >>> import numpy as np
    >>> layer = ConcreteSample(temperature=1.0, seed=0)
    >>> state = layer(np.zeros((2, 3, 4), "float32"))
    >>> state.shape, state.numpy().sum(-1).tolist()
    (TensorShape([2, 3, 4]), [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: equation 10.
    """

    _binary = False

    def _check_rank(self, logits_shape: tuple) -> None:
        if len(logits_shape) < 2 or logits_shape[-1] is None or logits_shape[-1] < 2:
            raise ValueError(
                "ConcreteSample expects logits of shape (batch, *units, num_states) with "
                "at least 2 states on the last axis; for log-odds of binary units use "
                f"BinaryConcreteSample. Received: logits.shape={tuple(logits_shape)}"
            )
