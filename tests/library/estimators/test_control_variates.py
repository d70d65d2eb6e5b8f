"""MuProp and REBAR: what their control variates are, and what they take away."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc
from keras_concrete import estimators, noise
from keras_concrete.layers.pass_terms import watched_terms

FALSE_ALARM = 1e-6  # Of each statistical test; seeds are fixed.
UNITS, SAMPLES = 4, 2
GENERATOR = np.random.default_rng(0)
LOGITS = {
    2: GENERATOR.normal(0, 1.5, (3, UNITS)).astype("float32"),
    4: GENERATOR.normal(0, 1.5, (3, UNITS, 4)).astype("float32"),
}
PRIOR = {n: GENERATOR.normal(size=x.shape).astype("float32") for n, x in LOGITS.items()}
WEIGHTS = {n: 3 * GENERATOR.normal(size=x.shape[1:]) for n, x in LOGITS.items()}


def gradient(estimator, num_states, repeats=1, log_likelihood=tf.identity):
    """Of the bound of one latent layer, with respect to its logits."""
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    draw = kind(0.5, SAMPLES, return_node=True, estimator=estimator, seed=0)
    score = kc.ConcreteLogProb(0.5, num_states, sample_axis=True)
    log_prior = kc.ConcreteLogProb(0.5, num_states, sample_axis=True)
    logits = tf.Variable(np.repeat(LOGITS[num_states], repeats, 0))
    prior = np.repeat(PRIOR[num_states], repeats, 0)
    with tf.GradientTape() as tape:
        state, node = draw(logits, training=True)
        axes = tuple(range(2, len(state.shape)))
        linear = tf.reduce_sum(WEIGHTS[num_states].astype("float32") * state, axes)
        terms = [log_likelihood(linear), log_prior(node, prior, training=True)]
        log_q = score(node, logits, training=True)
        bound = kc.MultiSampleBound()(terms, log_q, training=True)
    return np.float64(tape.gradient(bound, logits))


def exact(num_states):
    """Of a mean ELBO whose log-likelihood is linear in the state, in float64."""
    q, p = (np.float64(of[num_states]) for of in (LOGITS, PRIOR))
    if num_states == 2:
        mass = special.expit(q)
        return mass * (1 - mass) * (WEIGHTS[2] + p - q)
    mass = special.softmax(q, axis=-1)
    of_state = WEIGHTS[4] + special.log_softmax(p, -1) - special.log_softmax(q, -1)
    return mass * (of_state - np.sum(mass * of_state, axis=-1, keepdims=True))


@pytest.mark.parametrize("num_states", [2, 4])
def test_muprop_is_exact_in_every_draw_where_the_log_weight_is_linear(num_states):
    """Its baseline is then all of the signal."""
    found = gradient("muprop", num_states)
    np.testing.assert_allclose(found, exact(num_states), rtol=1e-4, atol=2e-5)
    others = gradient("reinforce_loo", num_states)
    assert np.abs(others - exact(num_states)).max() > 0.1


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("estimator", ["muprop", "rebar"])
def test_the_variance_is_less_than_half_of_what_it_is_without(estimator, num_states):
    """A curved log-likelihood; the reference has the mean ELBO as its signal too."""

    def variance(name):
        draws = gradient(name, num_states, 500, lambda linear: -(linear**2) / 20)
        return np.var(draws.reshape(3, 500, -1), axis=1).sum()

    assert variance(estimator) < 0.5 * variance("reinforce")


@pytest.mark.parametrize("num_states", [2, 4])
def test_rebar_draws_the_second_relaxed_state_anew_and_of_the_same_law(num_states):
    estimator, count = estimators.get("rebar"), 20_000
    unit = estimator.unit(num_states == 2)
    logits = tf.constant(LOGITS[num_states][:1, None])
    shape = (1, 3 * count, *logits.shape[2:])
    drawn = estimator.noise(unit, shape, noise.key_from_seed(1))
    node = np.asarray(estimator.node(unit, logits, drawn, 0.5))[0]
    sample, first, second = np.split(node, 3)
    np.testing.assert_array_equal(sample, first)
    state = sample >= 0 if num_states == 2 else np.argmax(sample, -1)
    again = second >= 0 if num_states == 2 else np.argmax(second, -1)
    np.testing.assert_array_equal(again, state)
    assert np.abs(second - first).mean() > 0.5
    pairs = zip(first.reshape(count, -1).T, second.reshape(count, -1).T, strict=True)
    p_values = [stats.ks_2samp(*pair).pvalue for pair in pairs]
    # The two share their states, which makes the test's level lower still.
    assert min(p_values) > FALSE_ALARM / len(p_values)


@pytest.mark.parametrize("estimator", ["concrete_dreg", "muprop", "rebar"])
def test_samplers_and_terms_without_samples_are_refused(estimator):
    message = r"adds rows .*`num_samples`, 1 or more"
    with pytest.raises(ValueError, match=message):
        kc.MultiSampleBound(estimator)(*(np.zeros(4, "float32"),) * 2)
    for num_states, kind in ((2, kc.BinaryConcreteSample), (4, kc.ConcreteSample)):
        with pytest.raises(ValueError, match=message):
            kind(0.5, estimator=estimator)(LOGITS[num_states], training=True)
        # Time steps and units are no rows, unless the user says so.
        more = np.repeat(LOGITS[num_states][:, None], 6, 1)
        for logits in (more, np.zeros((3, 6), "float32")):
            with pytest.raises(ValueError, match=message):
                kind(0.5, estimator=estimator)(logits, training=True)
        below = kind(0.5, estimator=estimator, sample_axis=True)
        assert kind.from_config(below.get_config()).sample_axis
        assert below(more, training=True).shape == more.shape
        with pytest.raises(ValueError, match=message):
            below(LOGITS[num_states][..., 0], training=True)
    with pytest.raises(ValueError, match=r"either .*`num_samples` or .*`sample_axis`"):
        kc.BinaryConcreteSample(0.5, 2, sample_axis=True)


@pytest.mark.parametrize("estimator", ["concrete_dreg", "muprop", "rebar"])
def test_rows_beside_the_samples_are_in_training_alone_and_in_no_result(estimator):
    rows = estimators.get(estimator).decoder_evaluations(2)
    draw = kc.BinaryConcreteSample(0.5, 2, estimator=estimator)
    states = [draw(LOGITS[2], training=training) for training in (True, False)]
    assert [state.shape[1] for state in states] == [rows, 2] and rows > 2
    model, plain = (
        kc.SigmoidBeliefNetwork("2H~4H-3V", 4, num_samples=2, estimator=name, seed=0)
        for name in (estimator, "concrete")
    )
    # So that each can take the weights of the other.
    assert [w.path for w in model.weights] == [w.path for w in plain.weights]
    images = np.array([[1, 0, 1], [0, 1, 1]], "float32")
    for training in (True, False):
        with watched_terms() as told:
            outputs = model(images, training=training)
        assert told.bounds[0].log_joint[0].shape == (2, 2)
        names = ("log_likelihood", "log_prior", "log_posterior")
        assert [outputs[name].shape for name in names] == [(2, 2)] * 3
        assert model.log_weights(images, 5, training, seed=1).shape == (2, 5)
    conditional = kc.SigmoidBeliefNetwork("2V-2H-3V", num_samples=2, estimator=estimator)
    assert conditional(images[:, :2], training=True)["probabilities"].shape == (2, 3)
    x = (images[:, :2], images)
    assert conditional.log_weights(x, 5, True, seed=1).shape == (2, 5)
