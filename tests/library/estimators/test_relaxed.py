"""Pathwise gradients: of each draw, and on the mean that of the relaxed objective.

The oracles are finite differences of float64 functions of the noise, and of integrals
over the density, in which no path through a state occurs.
"""

import numpy as np
import oracles
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc
from keras_concrete import estimators

FALSE_ALARM = 1e-6  # Of each statistical test; seeds are fixed, so none flickers.
T, PRIOR_T = 0.7, 0.5
STEP = 1e-5


def differences(function, *arguments):
    """Central differences of a number with respect to each element of each argument."""
    slopes = []
    for place, argument in enumerate(arguments):
        slope = np.empty(np.shape(argument))
        for index in np.ndindex(slope.shape):
            ends = []
            for step in (STEP, -STEP):
                moved = [np.array(a, "float64") for a in arguments]
                moved[place][index] += step
                ends.append(function(*moved))
            slope[index] = (ends[0] - ends[1]) / (2 * STEP)
        slopes.append(slope)
    return slopes


# --- Each draw, under fixed noise ---------------------------------------------------


def nodes_of_noise(estimator, logits, noise):
    """The node as a float64 function of logits and of noise with mean-free units."""
    if estimator == "gaussian":
        node = (noise - stats.norm.ppf(special.expit(-logits[:, None]))) / T
    elif estimator == "concrete_gumbel_node" and logits.ndim == 2:
        pair = np.stack([np.zeros_like(logits), logits], axis=-1)[:, None]
        node = (pair + noise) / T
        return node[..., 1] - node[..., 0]
    else:
        node = (logits[:, None] + noise) / T
    return node


def state_of_noise(estimator, logits, noise):
    node = nodes_of_noise(estimator, logits, noise)
    return special.expit(node) if logits.ndim == 2 else special.softmax(node, axis=-1)


def noise_of_layer(estimator, logits, node):
    """The noise by which the layer made its node, up to what the softmax drops."""
    node, logits = np.float64(node), np.float64(logits)[:, None]
    if estimator == "gaussian":
        return T * node + stats.norm.ppf(special.expit(-logits))
    if estimator == "concrete_gumbel_node" and logits.ndim == 3:
        return T * node - np.stack([np.zeros_like(logits), logits], axis=-1)
    return T * node - logits


CIRCUITS = [("concrete", 2), ("concrete", 4), ("concrete_gumbel_node", 2)]
CIRCUITS += [("concrete_gumbel_node", 4), ("gaussian", 2), ("logistic_normal", 2)]
CIRCUITS += [("logistic_normal", 4)]


@pytest.mark.parametrize(("estimator", "num_states"), CIRCUITS)
def test_gradients_of_a_draw_are_finite_differences_under_its_noise(
    estimator, num_states
):
    shape = (3, 5) if num_states == 2 else (3, 5, num_states)
    generator = np.random.default_rng(0)
    logits = tf.Variable(generator.normal(0, 2, shape).astype("float32"))
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    layer = kind(T, 2, return_node=True, estimator=estimator, seed=5)
    with tf.GradientTape() as tape:
        state, node = layer(logits, training=True)
        weights = generator.normal(size=state.shape)
        value = tf.reduce_sum(weights.astype("float32") * state**2)
    noise = noise_of_layer(estimator, logits.numpy(), node)
    expected = state_of_noise(estimator, np.float64(logits), noise)
    np.testing.assert_allclose(state, expected, rtol=1e-4, atol=1e-6)

    def function(logits):
        return np.sum(weights * state_of_noise(estimator, logits, noise) ** 2)

    (slopes,) = differences(function, np.float64(logits))
    np.testing.assert_allclose(tape.gradient(value, logits), slopes, rtol=1e-3, atol=2e-5)


# --- On the mean: the gradient of the relaxed objective -----------------------------

Q, P = 0.8, -0.4  # Logits of one binary unit, and those of one of three states.
Q_OF_3, P_OF_3 = np.array([0.9, -0.6, 0.1]), np.array([-0.3, 0.5, 0.0])
PIXELS = np.array([1.0, 0.0])
DECODER = np.array([[1.2, -0.7]])
DECODER_OF_3 = np.array([[1.2, -0.7], [-0.5, 0.4], [0.3, 1.1]])


def log_likelihood(state, decoder):
    logits = state @ decoder
    return np.sum(PIXELS * logits - np.logaddexp(0, logits), axis=-1)


def relaxed_bound_of_two(q, p, decoder, num_samples):
    """The bound L_m in the relaxed model: an integral over the m nodes."""
    axis = np.linspace(-50, 50, 1001)
    log_q = oracles.logistic(axis, q, T)
    log_p = oracles.logistic(axis, p, PRIOR_T)
    log_weight = log_likelihood(special.expit(axis)[:, None], decoder) + log_p - log_q
    density = np.exp(log_q) * (axis[1] - axis[0])
    if num_samples == 1:
        return np.sum(density * log_weight)
    both = np.logaddexp(log_weight[:, None], log_weight) - np.log(2)
    return density @ both @ density


def relaxed_bound_of_three(q, p, decoder, num_samples):
    """The same over the two log-ratios, where the paper's density has mass 1."""
    axis = np.linspace(-30, 30, 241)
    ratios = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    node = special.log_softmax(np.pad(ratios, ((0, 0), (0, 0), (0, 1))), axis=-1)
    log_q = oracles.exp_concrete(node, q, np.float64(T))
    log_p = oracles.exp_concrete(node, p, np.float64(PRIOR_T))
    log_weight = log_likelihood(np.exp(node), decoder) + log_p - log_q
    return np.sum(np.exp(log_q) * log_weight) * (axis[1] - axis[0]) ** 2


def gradients_of_layers(q, p, decoder, num_samples, draws, seed):
    """The mean gradient of the bound that the layers make, over that many draws."""
    num_states = max(2, np.size(q))
    shape = (draws, 1) if num_states == 2 else (draws, 1, num_states)
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    sample = kind(T, num_samples, return_node=True, seed=seed)
    log_posterior = kc.ConcreteLogProb(T, num_states, sample_axis=True)
    log_prior = kc.ConcreteLogProb(PRIOR_T, num_states, sample_axis=True)
    variables = [tf.constant(np.float32(value)) for value in (q, p, decoder)]
    with tf.GradientTape() as tape:
        # A copy for each draw: its gradients are wanted one by one.
        q, p, decoder = (
            tf.repeat(variable[None], draws, axis=0) for variable in variables
        )
        tape.watch([q, p, decoder])
        logits, prior = tf.reshape(q, shape), tf.reshape(p, shape)
        state, node = sample(logits, training=True)
        features = tf.reshape(state, (draws, num_samples, -1))
        images = np.tile(np.float32(PIXELS), (draws, 1))
        log_x = kc.BernoulliLogLikelihood(sample_axis=True)(images, features @ decoder)
        log_joint = [log_x, log_prior(node, prior, training=True)]
        log_q = log_posterior(node, logits, training=True)
        bound = kc.MultiSampleBound()(log_joint, log_q, training=True)
    return bound, tape.gradient(bound, [q, p, decoder])


@pytest.mark.parametrize(
    ("exact", "parameters", "num_samples"),
    [
        (relaxed_bound_of_two, (Q, P, DECODER), 1),
        (relaxed_bound_of_two, (Q, P, DECODER), 2),
        (relaxed_bound_of_three, (Q_OF_3, P_OF_3, DECODER_OF_3), 1),
    ],
)
def test_the_relaxed_gradient_is_unbiased_for_the_relaxed_objective(
    exact, parameters, num_samples
):
    draws = 200_000
    bound, gradients = gradients_of_layers(*parameters, num_samples, draws, seed=3)
    slopes = differences(lambda *a: exact(*a, num_samples), *parameters)
    expected = np.concatenate([[exact(*parameters, num_samples)], *map(np.ravel, slopes)])
    ours = np.concatenate([np.reshape(g, (draws, -1)) for g in (bound, *gradients)], 1)
    ours = np.float64(ours)
    standard_errors = ours.std(axis=0) / np.sqrt(draws)
    # Normal, by the number of draws; Bonferroni over the parameters.
    limit = stats.norm.isf(FALSE_ALARM / 2 / len(expected))
    deviations = (ours.mean(axis=0) - expected) / standard_errors
    assert np.abs(deviations).max() < limit, deviations
    # The test can fail: by a fiftieth of the largest slope it would.
    assert standard_errors.max() * limit < np.abs(expected[1:]).max() / 20


# --- Where no gradient may leak -----------------------------------------------------

SCORE_FUNCTION = [n for n in estimators.names() if not estimators.get(n).pathwise]


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("estimator", SCORE_FUNCTION)
def test_no_gradient_passes_a_discrete_state_nor_its_score(estimator, num_states):
    if num_states > 2 and estimators.get(estimator).binary_only:
        pytest.skip("for binary units")
    logits = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    logits = tf.constant(logits if num_states == 4 else logits[..., 0])
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    score = kc.ConcreteLogProb(T, num_states, estimator, sample_axis=True)
    # Rows beside the samples carry gradients in training, and have tests of their own.
    adds_rows = estimators.get(estimator).adds_rows
    for training in (False,) if adds_rows else (True, False):
        layer = kind(T, 2, return_node=True, estimator=estimator, seed=5)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            state, node = layer(logits, training=training)
            tape.watch(node)
            log_prob = score(node, logits, training=training)
        assert tape.gradient(state, logits) is None
        assert tape.gradient(log_prob, node) is None
        assert np.any(tape.gradient(log_prob, logits))


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("estimator", estimators.names())
def test_a_stopped_node_leaves_the_gradient_of_the_density_alone(estimator, num_states):
    """That of the score of the same node as a constant; the rest is the path's."""
    if num_states > 2 and estimators.get(estimator).binary_only:
        pytest.skip("for binary units")
    logits = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    logits = tf.constant(logits if num_states == 4 else logits[..., 0])
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    layer = kind(T, 2, return_node=True, estimator=estimator, seed=5)
    score = kc.ConcreteLogProb(T, num_states, estimator, sample_axis=True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        _, node = layer(logits, training=True)
        stopped = score(tf.stop_gradient(node), logits, training=True)
        constant = score(node.numpy(), logits, training=True)
        centered = kc.Centering(0.5)(tf.stop_gradient(node), training=True)
    np.testing.assert_array_equal(
        tape.gradient(stopped, logits), tape.gradient(constant, logits)
    )
    assert tape.gradient(centered, logits) is None


@pytest.mark.parametrize("architecture", ["4H-4H-3V", "3V-4H-4H-3V"])
@pytest.mark.parametrize("arity", [2, 4])
def test_no_gradient_passes_the_discrete_graph_of_a_network(architecture, arity):
    """So log p of what is below, and of the priors, says nothing to what was drawn."""
    model = kc.SigmoidBeliefNetwork(architecture, arity=arity, seed=0)
    images = np.float32([[1, 0, 1], [0, 1, 1]])
    drawn = "prior" if model.is_conditional else "posterior"
    weights = [w for w in model.trainable_weights if w.path.startswith(drawn)]
    assert len(weights) == 4
    for training in (True, False):
        with tf.GradientTape() as tape:
            outputs = model(images, training=training)
            if model.is_conditional:
                value = outputs["logits"]
            else:
                value = outputs["log_likelihood"] + outputs["log_prior"]
        gradients = tape.gradient(value, [w.value for w in weights])
        assert all((g is not None) == training for g in gradients)


def test_every_circuit_is_among_the_cases():
    """The others share theirs with one of these, or have discrete states."""
    shared = {"concrete_analytic_kl", "gumbel_softmax", *SCORE_FUNCTION}
    shared |= {"straight_through", "straight_through_gumbel_softmax"}
    shared |= {"reinmax", "gumbel_rao", "gapped_straight_through"}
    assert {*shared, *(name for name, _ in CIRCUITS)} == {*estimators.names()}
