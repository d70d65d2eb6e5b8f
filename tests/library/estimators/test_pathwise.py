"""Estimators whose gradients flow through states: what each draws, scores and passes."""

import belief_oracle
import numpy as np
import oracles
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc

GENERATOR = np.random.default_rng(0)
LOGITS = {
    2: GENERATOR.normal(0, 2, (3, 7)).astype("float32"),
    4: GENERATOR.normal(0, 2, (3, 5, 4)).astype("float32"),
}
DRAWS, TEMPERATURE = 6, 0.7


def sampler(estimator, num_states, **kwargs):
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    options = {"return_node": True, "seed": 1, "num_samples": DRAWS, **kwargs}
    return kind(TEMPERATURE, estimator=estimator, **options)


def score(estimator, node, *logits, temperature=TEMPERATURE):
    num_states = 2 if logits[0].ndim == 2 else logits[0].shape[-1]
    layer = kc.ConcreteLogProb(temperature, num_states, estimator, sample_axis=True)
    return np.float64(layer(node, *logits, training=True))


def rounded(node, num_states):
    node = np.asarray(node)
    return node >= 0 if num_states == 2 else np.eye(num_states)[node.argmax(-1)]


def mean(logits, num_states):
    logits = np.float64(logits)
    return special.expit(logits) if num_states == 2 else special.softmax(logits, axis=-1)


def masses(state, num_states):
    state = np.float64(state)
    return np.stack([1 - state, state], axis=-1) if num_states == 2 else state


def log_masses(logits, num_states):
    logits = np.float64(logits)
    if num_states == 2:
        logits = np.stack([np.zeros_like(logits), logits], axis=-1)
    return special.log_softmax(logits, axis=-1)


def back_through(mean, upstream, num_states):
    """The transposed Jacobian of sigmoid or softmax, at its value, times a vector."""
    if num_states == 2:
        return mean * (1 - mean) * upstream
    return mean * (upstream - np.sum(mean * upstream, axis=-1, keepdims=True))


# --- Straight-through ---------------------------------------------------------------


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize(
    "estimator", ["straight_through", "straight_through_gumbel_softmax"]
)
def test_states_are_discrete_bit_by_bit_and_gradients_those_of_a_smooth_state(
    estimator, num_states
):
    logits = tf.Variable(LOGITS[num_states])
    with tf.GradientTape() as tape:
        state, _ = sampler(estimator, num_states)(logits, training=True)
        upstream = np.random.default_rng(1).normal(size=state.shape)
        value = tf.reduce_sum(state * upstream.astype("float32"))
    _, node = sampler("concrete", num_states)(LOGITS[num_states], training=True)
    np.testing.assert_array_equal(state, rounded(node, num_states))
    if estimator == "straight_through":
        smooth = mean(LOGITS[num_states], num_states)[:, None]
        expected = back_through(smooth, upstream, num_states)
    else:
        node = np.float64(node)
        smooth = special.expit(node) if num_states == 2 else np.exp(node)
        expected = back_through(smooth, upstream, num_states) / TEMPERATURE
    gradient = tape.gradient(value, logits)
    np.testing.assert_allclose(gradient, expected.sum(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_states", [2, 4])
def test_the_plain_straight_through_score_passes_gradients_to_the_logits(num_states):
    """Through the state, as from a layer: the log-masses weigh the mean's gradient."""
    prior = np.random.default_rng(2).normal(size=LOGITS[num_states].shape)
    prior = prior.astype("float32")
    logits = tf.Variable(LOGITS[num_states])
    layer = kc.ConcreteLogProb(TEMPERATURE, num_states, sample_axis=True)
    with tf.GradientTape() as tape:
        _, node = sampler("straight_through", num_states)(logits, training=True)
        value = tf.reduce_sum(layer(node, prior, training=True))
    weight = log_masses(prior, num_states)
    if num_states == 2:
        weight = weight[..., 1] - weight[..., 0]
    smooth = mean(LOGITS[num_states], num_states)
    expected = DRAWS * back_through(smooth, weight, num_states)
    np.testing.assert_allclose(
        tape.gradient(value, logits), expected, rtol=1e-4, atol=1e-5
    )


# --- Scores -------------------------------------------------------------------------


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize(
    "estimator",
    [
        "gumbel_softmax",
        "straight_through",
        "straight_through_gumbel_softmax",
        "concrete_analytic_kl",  # Where it is not given the logits of the draw.
    ],
)
def test_log_masses_are_weighed_with_the_state(estimator, num_states):
    """Sum over i of z_i log pi_i: equation 21."""
    logits = LOGITS[num_states]
    state, node = sampler(estimator, num_states)(logits, training=True)
    terms = masses(state, num_states) * log_masses(logits[:, None], num_states)
    expected = terms.sum((-1, -2))
    ours = score(estimator, node, logits)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_states", [2, 4])
def test_the_analytic_kl_is_that_of_the_masses_whatever_the_node(num_states):
    """Equation 22."""
    q = LOGITS[num_states]
    p = np.random.default_rng(3).normal(size=q.shape).astype("float32")
    _, node = sampler("concrete_analytic_kl", num_states)(q, training=True)
    scores = [score("concrete_analytic_kl", node, logits, q) for logits in (q, p)]
    kl = scores[0] - scores[1]
    log_q, log_p = (log_masses(logits, num_states) for logits in (q, p))
    expected = np.sum(np.exp(log_q) * (log_q - log_p), axis=(-1, -2))
    np.testing.assert_allclose(
        kl, np.tile(expected[:, None], DRAWS), rtol=1e-4, atol=1e-5
    )


def test_with_one_layer_the_analytic_kl_of_a_network_is_exact():
    model = kc.SigmoidBeliefNetwork(
        "2H-3V", estimator="concrete_analytic_kl", num_samples=2, seed=0
    )
    model.get_layer("prior_1").logits.assign([1.0, -2.0])
    images = belief_oracle.all_images(3)
    weights = belief_oracle.weights_of(model)
    log_q = belief_oracle.log_posterior(model, weights, images)
    kl = np.sum(np.exp(log_q) * (log_q - belief_oracle.log_prior(model, weights)), axis=1)
    terms = model(images, training=True)
    ours = np.float64(terms["log_posterior"]) - terms["log_prior"]
    np.testing.assert_allclose(ours, np.stack([kl, kl], axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arity", [2, 4])
def test_with_two_layers_the_analytic_kl_of_a_cold_network_is_the_discrete_one(arity):
    """Once p(z1 given z2) was averaged over z1 as if z2 did not depend on it."""
    model = kc.SigmoidBeliefNetwork(
        "4H-4H-3V",
        arity=arity,
        estimator="concrete_analytic_kl",
        num_samples=20_000,
        prior_temperature=1e-3,
        posterior_temperature=1e-3,
        centering=False,
        seed=0,
    )
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0, 1.5, weight.shape))
    images = np.float32([[0, 1, 1], [1, 0, 0]])
    terms = model(images, training=True)
    log_weights = terms["log_likelihood"] + terms["log_prior"] - terms["log_posterior"]
    ours, error = np.mean(log_weights, axis=1), np.std(log_weights, axis=1) / 20_000**0.5
    z = (ours - kc.exact_bound(model, images)) / error
    assert 2 * stats.norm.sf(np.max(np.abs(z))) > 1e-4 / 2  # The rate of false alarms.


@pytest.mark.parametrize("num_states", [2, 4])
def test_the_node_of_gumbels_is_scored_by_their_densities(num_states):
    logits = LOGITS[num_states]
    _, node = sampler("concrete_gumbel_node", num_states)(logits, training=True)
    node, location = np.float64(node), logits[:, None]
    if num_states == 2:
        location = np.stack([np.zeros_like(location), location], axis=-1)
    noise = TEMPERATURE * node - location
    expected = np.sum(oracles.gumbel(noise) + np.log(TEMPERATURE), axis=(-1, -2))
    ours = score("concrete_gumbel_node", node.astype("float32"), logits)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


# --- The Gumbels as the node: a looser bound (section C.3) --------------------------

POSTERIOR_TEMPERATURE, PRIOR_TEMPERATURE = 2 / 3, 1 / 2


def integral(function, *axes):
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    steps = np.prod([axis[1] - axis[0] for axis in axes])
    return np.sum(function(grid)) * steps


def kl_of_gumbels(q, p):
    """Of n independent Gumbels, located at the logits and scaled."""
    axis, total = np.linspace(-20, 90, 100_001), 0.0
    for log_a, log_b in zip(q, p, strict=True):

        def integrand(g, log_a=log_a, log_b=log_b):
            g = g[..., 0]
            one, other = (
                np.log(t) + oracles.gumbel(t * g - location)
                for t, location in (
                    (POSTERIOR_TEMPERATURE, log_a),
                    (PRIOR_TEMPERATURE, log_b),
                )
            )
            return np.exp(one) * (one - other)

        total += integral(integrand, axis)
    return total


def kl_of_nodes(q, p):
    """Of ExpConcrete, over the log-ratios, where the paper's density has mass 1."""
    n = len(q)

    def log_density(ratios, logits, temperature):
        last = np.zeros((*ratios.shape[:-1], 1))
        node = special.log_softmax(np.concatenate([ratios, last], -1), axis=-1)
        return oracles.exp_concrete(node, logits, np.float64(temperature))

    def integrand(ratios):
        one = log_density(ratios, q, POSTERIOR_TEMPERATURE)
        return np.exp(one) * (one - log_density(ratios, p, PRIOR_TEMPERATURE))

    axes = [np.linspace(-50, 50, 401 if n == 3 else 20_001)] * (n - 1)
    return integral(integrand, *axes)


@pytest.mark.parametrize(
    ("q", "p"),
    [([0.0, 1.5], [0.0, -0.5]), ([0.5, -1.0, 0.0], [0.0, 0.3, 1.0])],
    ids=["binary", "3-ary"],
)
def test_the_kl_of_gumbels_is_larger_and_both_layers_have_theirs_on_the_mean(q, p):
    """The data processing inequality: the state is a function of the Gumbels."""
    exact = {
        "concrete_gumbel_node": kl_of_gumbels(q, p),
        "concrete": kl_of_nodes(np.array(q), np.array(p)),
    }
    assert exact["concrete_gumbel_node"] > exact["concrete"] + 0.05
    num_states, count = len(q), 40_000
    if num_states == 2:
        logits = [np.float32([[pair[1] - pair[0]]]) for pair in (q, p)]
    else:
        logits = [np.float32([[triple]]) for triple in (q, p)]
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    for estimator, expected in exact.items():
        _, node = kind(
            POSTERIOR_TEMPERATURE, count, return_node=True, estimator=estimator, seed=0
        )(logits[0], training=True)
        layer = kc.RelaxedKL(
            posterior_temperature=POSTERIOR_TEMPERATURE,
            prior_temperature=PRIOR_TEMPERATURE,
            num_states=num_states,
            sample_axis=True,
        )
        kl = np.float64(layer(node, *logits, training=True))
        # 5 standard errors: false alarm once in a million seeds
        assert abs(kl.mean() - expected) < 5 * kl.std() / np.sqrt(count)


def test_the_relaxed_bound_of_a_network_is_looser_with_the_gumbels_as_the_node():
    def bounds(estimator):
        model = kc.SigmoidBeliefNetwork("2H-2H-3V", estimator=estimator, seed=0)
        generator = np.random.default_rng(1)
        for weight in model.trainable_weights:
            weight.assign(generator.normal(0, 1, weight.shape))
        images = belief_oracle.all_images(3)
        draws = model.log_weights(images, 5000, training=True, seed=0)
        return np.float64(draws).ravel()

    looser, tighter = bounds("concrete_gumbel_node"), bounds("concrete")
    test = stats.ttest_ind(looser, tighter, equal_var=False, alternative="less")
    assert test.pvalue < 1e-6
