"""The K-sample bound of models that have no method for log-weights."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).integers(0, 2, (6, 4)).astype("float32")


def dense(units, stddev, seed):
    start = keras.initializers.RandomNormal(stddev=stddev, seed=seed)
    return keras.layers.Dense(units, kernel_initializer=start)


def exact(prior_logits, decoder):
    """log p(x) of a few bits and four pixels, by enumeration in float64."""
    kernel, bias = map(np.float64, decoder.weights)
    bits = np.array(list(itertools.product([0.0, 1.0], repeat=len(kernel))))
    logits = bits @ kernel + bias
    prior_logits = np.float64(prior_logits)
    log_prior = np.sum(bits * prior_logits - np.logaddexp(0, prior_logits), axis=1)
    log_image = np.sum(X[:, None] * logits - np.logaddexp(0, logits), axis=2)
    return np.logaddexp.reduce(log_prior + log_image, axis=1)


def check_converges_to(expected, model, x, num_samples=3_000, **kwargs):
    found = kc.evaluate_bound(model, x, num_samples, verbose=False, **kwargs)
    error = 1 / np.sqrt(found.effective_sample_sizes)
    assert error.max() < 0.1
    # Six numbers beyond 5 standard errors by chance: one run in 300,000.
    assert np.all(np.abs(found.bounds - expected) < 5 * error)
    return found


@pytest.mark.parametrize("training", [False, True])
def test_a_functional_model_gives_what_its_network_gives_for_the_same_noise(training):
    """K is no multiple of m, and the bound is one of several outputs."""
    network = kc.SigmoidBeliefNetwork("3H~3H-4V", num_samples=4, seed=1)
    outputs = network.output
    own = keras.Model(network.input, [outputs["log_prior"], outputs["bound"]])
    estimates = [
        kc.evaluate_bound(model, X, 2_399, training=training, verbose=False)
        for model in (network, own)
    ]
    for name in ("bounds", "effective_sample_sizes"):
        values = [getattr(estimate, name) for estimate in estimates]
        np.testing.assert_allclose(*values, rtol=2e-5)


class Own(keras.Model):
    """Two draws a pass, the decoder's logits as the output, the bound as a loss."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = dense(3, 0.1, seed=1), dense(4, 1.0, seed=2)
        self.draw = kc.BinaryConcreteSample(0.5, num_samples=2, return_node=True, seed=0)
        self.score = kc.ConcreteLogProb(0.5, sample_axis=True)
        self.log_likelihood = kc.BernoulliLogLikelihood(sample_axis=True)
        self.bound = kc.MultiSampleBound()

    def call(self, x, training=False):
        logits = self.encoder(x)
        state, node = self.draw(logits, training=training)
        pixels = self.decoder(state)
        log_prior = self.score(node, ops.zeros_like(logits), training=training)
        log_posterior = self.score(node, logits, training=training)
        log_joint = [self.log_likelihood(x, pixels), log_prior]
        self.add_loss(-ops.mean(self.bound(log_joint, log_posterior, training=training)))
        return pixels


def test_the_bound_of_a_subclassed_model_converges_to_the_log_likelihood():
    model = Own()
    with pytest.raises(ValueError, match="has no weights yet: call it on some data"):
        kc.evaluate_bound(model, X, 10)
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(X, verbose=0)
    before = [ops.convert_to_numpy(v.value) for v in model.variables]
    check_converges_to(exact(np.zeros(3), model.decoder), model, X)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def autoencoder(prior="learned", num_samples=None, **kwargs):
    """Whose sampler owns its KL term, of which the loss has but a tenth."""
    image = keras.Input((4,), name="image")
    label = keras.Input((1,), name="label", dtype="int32")
    near = keras.layers.Embedding(2, 3)(label)[:, 0]
    logits = dense(3, 0.1, seed=1)(image) + near
    state = kc.BinaryConcreteSample(
        0.5, num_samples, prior=prior, kl_weight=0.1, seed=0, name="draw", **kwargs
    )(logits)
    decoder = dense(4, 1.0, seed=2)
    inputs = {"image": image, "label": label}
    return keras.Model(inputs, {"pixels": decoder(state)}), decoder


INPUTS = {"image": X, "label": np.arange(6)[:, None] % 2}


def score(x, outputs):
    sample_axis = len(outputs["pixels"].shape) == 3
    log_likelihood = kc.BernoulliLogLikelihood(sample_axis=sample_axis)
    return log_likelihood(x["image"], outputs["pixels"])


@pytest.mark.parametrize(
    ("num_samples", "manners"),
    [
        (None, {}),
        (3, {}),
        (
            None,
            {
                "estimator": "straight_through",
                "kl_objective": "analytic",
                "kl_balance": 0.8,
                "free_nats": 1.0,
            },
        ),
    ],
)
def test_a_reconstruction_and_a_kl_make_the_bound_whatever_loss_trained_them(
    num_samples, manners
):
    model, decoder = autoencoder(num_samples=num_samples, **manners)
    (prior,) = (w for w in model.weights if "prior_logits" in w.path)
    prior.assign([1.0, 0.0, -1.0])
    expected = exact([1.0, 0.0, -1.0], decoder)
    check_converges_to(expected, model, INPUTS, log_likelihood=score)


def with_kl():
    """A node scored by a layer of its own, which leads to an output."""
    x = keras.Input((4,))
    logits = dense(3, 0.1, seed=1)(x)
    state, node = kc.BinaryConcreteSample(0.5, return_node=True, name="hidden")(logits)
    kl = kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5, name="kl")(
        node, logits, ops.zeros_like(logits)
    )
    other = kc.BinaryConcreteSample(0.5, name="other")(logits)
    return x, state, other, kl


def test_a_model_that_tells_no_log_weights_is_refused():
    x, state, other, kl = with_kl()
    unscored = keras.Model(x, [dense(4, 1.0, 2)(state + other), kl])
    bounds = [kc.MultiSampleBound(name=name, estimator="concrete") for name in "ab"]
    two = keras.Model(x, [bound(kl, kl) for bound in bounds])
    twice = kc.BinaryConcreteSample(0.5, prior="uniform", name="twice")
    logits = dense(3, 0.1, seed=1)(x)
    both = twice(logits) + twice(logits)
    term_for_another = keras.Model(x, [dense(4, 1.0, 2)(both + other), both])
    chosen = kc.SubsetSample(2, 0.5, name="chosen")
    subset = keras.Model(x, [dense(4, 1.0, 2)(state * chosen(logits)), kl])
    in_bound = keras.Model(x, bounds[0](kl, kl * ops.sum(chosen(logits), axis=-1)))
    owner = kc.BinaryConcreteSample(0.5, return_node=True, prior="uniform", name="owner")
    owned, node = owner(logits)
    watched = kc.RelaxedKL(
        posterior_temperature=0.5, prior_temperature=0.5, name="watched"
    )(node, logits, ops.zeros_like(logits))
    watching = keras.Model(x, [dense(4, 1.0, 2)(owned), watched])
    watching_one_of_two = keras.Model(x, [dense(4, 1.0, 2)(owned + other), watched])
    mode, _ = autoencoder(inference="mode")
    for model, log_likelihood, sentence in (
        (keras.Sequential(), None, "`model` must have the method .*: a Sequential"),
        (autoencoder()[0], None, "be given together with `log_likelihood`"),
        (keras.Sequential(), score, "KL terms of its samplers, .*: a Sequential without"),
        (unscored, first_pixels, "draws from 'hidden', 'other', .* of 'kl' only"),
        (
            term_for_another,
            first_pixels,
            "draws from '(twice|other)'.* KL terms of 'twice_kl', 'twice_kl' only",
        ),
        (watching, first_pixels, "'owner_kl', 'watched', .* more than one .* 'owner'"),
        (watching_one_of_two, first_pixels, "draws from 'owner', 'other'.* only"),
        (subset, first_pixels, "draws from .*'chosen'.* inference='mode'"),
        (in_bound, None, "'chosen' draws at random what no layer scores"),
        (two, None, "must run one MultiSampleBound. It runs: '[ab]', '[ab]'"),
        (mode, score, "'draw' gives the most probable state"),
    ):
        inputs = INPUTS if model is mode else X
        with pytest.raises(ValueError, match=sentence):
            kc.evaluate_bound(model, inputs, 4, log_likelihood=log_likelihood)


def first_pixels(x, outputs):
    return kc.BernoulliLogLikelihood()(x, outputs[0])


def test_a_likelihood_of_other_axes_than_the_terms_is_refused():
    model, _ = autoencoder(num_samples=3)
    with pytest.raises(ValueError, match="All terms must have the same shape"):
        kc.evaluate_bound(
            model, INPUTS, 4, log_likelihood=lambda x, y: ops.sum(x["image"], axis=1)
        )
    unequal = {"image": X, "label": np.zeros((5, 1), "int32")}
    with pytest.raises(ValueError, match=r"all of the same number. .*\(6, 4\), \(5, 1\)"):
        kc.evaluate_bound(model, unequal, 4, log_likelihood=score)


def test_a_sequence_of_states_does_not_score_the_sampler_after_it():
    cell = kc.DiscreteStateCell(4, num_variables=2, num_states=3, seed=0)
    x = keras.Input((5, 3))
    features = kc.DiscreteStateRNN(cell, name="world")(x)
    drawn = kc.BinaryConcreteSample(0.5, name="other")(dense(4, 1.0, 1)(features[:, -1]))
    model = keras.Model(x, [drawn])
    with pytest.raises(ValueError, match=r"draws from 'world', 'other', .* of 'world'"):
        kc.evaluate_bound(
            model,
            np.zeros((2, 5, 3), "float32"),
            4,
            log_likelihood=lambda x, y: ops.sum(x, axis=(1, 2)),
        )


def test_samples_that_are_impossible_weigh_nothing():
    """A state of mass 0.0025 alone has a likelihood; most chunks do not draw it."""
    x = keras.Input((4,))
    logits = ops.zeros_like(x[:, :2]) + np.log(0.05 / 0.95)
    state = kc.BinaryConcreteSample(0.5, prior="uniform", name="draw")(logits)
    model = keras.Model(x, state)

    def of_ones(x, state):
        return ops.where(ops.all(state > 0.5, axis=-1), 0.0, -float("inf"))

    def of_none(x, state):
        return ops.full_like(state[:, 0], -float("inf"))

    few = np.zeros((2, 4), "float32")
    estimate = kc.evaluate_bound(model, few, 20_000, log_likelihood=of_ones)
    # Of 20,000 samples 50 are this state, +- 7: four standard deviations are 0.57.
    np.testing.assert_allclose(estimate.bounds, np.log(1 / 4), atol=0.6)
    estimate = kc.evaluate_bound(model, few, 200, log_likelihood=of_none)
    np.testing.assert_array_equal(estimate.bounds, [-np.inf, -np.inf])
    np.testing.assert_array_equal(estimate.effective_sample_sizes, [0.0, 0.0])


def test_a_sampler_below_another_has_its_kl_for_each_sample():
    """Three bits, of which the decoder reads two more that are drawn from them."""
    image = keras.Input((4,))
    first = kc.BinaryConcreteSample(0.5, 3, prior="uniform", seed=0)
    h = first(dense(3, 0.1, seed=1)(image))
    middle = dense(2, 1.0, seed=2)
    second = kc.BinaryConcreteSample(0.5, sample_axis=True, prior="uniform", seed=1)
    z = second(middle(h))
    decoder = dense(4, 1.0, seed=3)
    model = keras.Model(image, decoder(keras.layers.Concatenate()([h, z])))
    expected = exact(np.zeros(5), decoder)  # The prior of all five bits is uniform.
    log_likelihood = kc.BernoulliLogLikelihood(sample_axis=True)
    check_converges_to(expected, model, X, log_likelihood=log_likelihood)
