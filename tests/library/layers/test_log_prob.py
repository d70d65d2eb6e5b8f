"""Log-probabilities of nodes, and the three KL terms of section C.2."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from prior_models import exact_kl
from scipy import stats

import keras_concrete as kc

GENERATOR = np.random.default_rng(0)
NODE = GENERATOR.normal(size=(3, 5, 7)).astype("float32") * 2
Q = GENERATOR.normal(size=(3, 7)).astype("float32")
P = GENERATOR.normal(size=(3, 5, 7)).astype("float32")
N_ARY_Q = GENERATOR.normal(size=(3, 7, 4)).astype("float32")
N_ARY_P = GENERATOR.normal(size=(3, 5, 7, 4)).astype("float32")
N_ARY_NODE = stats.norm.rvs(size=(3, 5, 7, 4), random_state=1)
N_ARY_NODE = (N_ARY_NODE - np.logaddexp.reduce(N_ARY_NODE, -1, keepdims=True)).astype(
    "float32"
)


def log_prob(temperature, **kwargs):
    return kc.ConcreteLogProb(
        temperature, estimator="concrete", **{"sample_axis": True, **kwargs}
    )


def kl(posterior, prior, **kwargs):
    return kc.RelaxedKL(
        posterior_temperature=posterior,
        prior_temperature=prior,
        estimator="concrete",
        **{"sample_axis": True, **kwargs},
    )


def logistic_log_density(node, logits, temperature):
    """Cheat sheet: Logistic(mu, lambda) is (L + mu) / lambda."""
    return stats.logistic.logpdf(temperature * node - logits) + np.log(temperature)


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, -1, keepdims=True)


def test_the_relaxed_log_prob_is_the_density_summed_over_units_once():
    layer = log_prob(0.7)
    expected = logistic_log_density(NODE.astype("float64"), Q[:, None], 0.7).sum(-1)
    np.testing.assert_allclose(layer(NODE, Q, training=True), expected, rtol=1e-5)


def test_the_discrete_log_prob_is_the_mass_of_the_rounded_node():
    layer = log_prob(0.7)
    state = NODE >= 0
    expected = stats.bernoulli.logpmf(state, stats.logistic.cdf(Q[:, None])).sum(-1)
    np.testing.assert_allclose(layer(NODE, Q), expected, rtol=1e-5)


def test_the_n_ary_discrete_log_prob_is_the_mass_of_the_rounded_node():
    layer = log_prob(0.7, num_states=4)
    chosen = np.eye(4)[np.argmax(N_ARY_NODE, -1)]
    expected = (chosen * log_softmax(N_ARY_Q[:, None])).sum((-1, -2))
    np.testing.assert_allclose(layer(N_ARY_NODE, N_ARY_Q), expected, rtol=1e-5)


def test_the_relaxed_kl_is_the_ratio_of_densities_at_two_temperatures():
    layer = kl(posterior=2 / 3, prior=1 / 2)
    node = NODE.astype("float64")
    expected = logistic_log_density(node, Q[:, None], 2 / 3) - logistic_log_density(
        node, P, 1 / 2
    )
    np.testing.assert_allclose(
        layer(NODE, Q, P, training=True), expected.sum(-1), atol=1e-4
    )


def test_equation_21_weights_discrete_log_masses_with_the_relaxed_state():
    layer = kl(1.0, 1.0, objective="relaxed_mass")
    z = stats.logistic.cdf(NODE.astype("float64"))
    q, p = Q[:, None].astype("float64"), P.astype("float64")
    expected = z * (stats.logistic.logcdf(q) - stats.logistic.logcdf(p)) + (1 - z) * (
        stats.logistic.logcdf(-q) - stats.logistic.logcdf(-p)
    )
    np.testing.assert_allclose(
        layer(NODE, Q, P, training=True), expected.sum(-1), atol=1e-4
    )


@pytest.mark.parametrize("training", [True, False])
def test_equation_22_is_the_discrete_kl_in_closed_form(training):
    layer = kl(1.0, 1.0, num_states=4, objective="analytic")
    q, p = log_softmax(N_ARY_Q[:, None].astype("float64")), log_softmax(N_ARY_P)
    expected = (np.exp(q) * (q - p)).sum((-1, -2))
    value = layer(N_ARY_NODE, N_ARY_Q, N_ARY_P, training=training)
    np.testing.assert_allclose(value, expected, atol=1e-4)


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("objective", ["relaxed", "relaxed_mass"])
def test_outside_training_every_kl_has_the_discrete_kl_as_its_mean(num_states, objective):
    """Three examples, each with a false alarm in 150,000 runs were seeds not fixed."""
    if num_states == 2:
        q, p, sampler = Q, P[:, 0], kc.BinaryConcreteSample
    else:
        q, p, sampler = N_ARY_Q, N_ARY_P[:, 0], kc.ConcreteSample
    _, node = sampler(1.0, num_samples=20_000, return_node=True, seed=0)(q)
    layer = kl(1.0, 0.5, num_states=num_states, objective=objective)
    value = np.float64(layer(node, q, p))
    error = value.std(1) / np.sqrt(value.shape[1])
    exact = exact_kl(q, p, num_states)
    assert np.all(np.abs(value.mean(1) - exact) < 4.5 * error)


def test_loss_weight_adds_the_mean_kl_to_the_losses_of_the_model():
    layer = kl(2 / 3, 1 / 2, loss_weight=0.25)
    value = layer(NODE, Q, P, training=True)
    np.testing.assert_allclose(layer.losses, [0.25 * np.mean(value)], rtol=1e-6)


def test_the_alternative_gives_nan_where_ours_is_finite():
    """The paper's objective as written with TFP's own relaxed distributions."""
    import tensorflow_probability as tfp

    logits = tf.random.stateless_normal((64, 200), seed=(0, 0)) * 4.0
    zeros = tf.zeros_like(logits)
    q = tfp.distributions.RelaxedBernoulli(2 / 3, logits=logits)
    p = tfp.distributions.RelaxedBernoulli(1 / 2, logits=zeros)
    z = tf.identity(q.sample(seed=(1, 2)))
    theirs = np.asarray(q.log_prob(z) - p.log_prob(z))

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        sampler = kc.BinaryConcreteSample(2 / 3, return_node=True, seed=0)
        _, node = sampler(variable, training=True)
        value = kl(2 / 3, 1 / 2, sample_axis=False)(node, variable, zeros, training=True)
    bad = np.sum(~np.isfinite(theirs))
    ours = np.sum(~np.isfinite(value))
    ours += np.sum(~np.isfinite(tape.gradient(value, variable)))
    print(f"non-finite of {theirs.size} units: TFP's RelaxedBernoulli {bad}, ours {ours}")
    assert bad > 0 and ours == 0


@pytest.mark.parametrize(
    ("node", "logits"),
    [
        ((3, 3, 7), (1, 7)),
        ((3, 3, 7), (3, 1, 7)),
        ((3, 5, 7), (5, 7)),
        ((3, 5, 7), (3, 5, 1)),
        ((3, 5, 7), (7,)),
        ((3, 1, 7), (3, 5, 7)),
    ],
)
def test_logits_that_would_broadcast_in_another_way_are_refused(node, logits):
    with pytest.raises(ValueError, match="`logits` must have the shape of `node`"):
        log_prob(1.0)(np.zeros(node), np.zeros(logits))


def test_a_prior_without_samples_is_scored_for_each_sample_even_if_sizes_agree():
    node = np.random.default_rng(10).normal(size=(4, 4, 4)).astype("float32")
    logits = np.random.default_rng(11).normal(size=(4, 4)).astype("float32")
    value = log_prob(1.0)(node, logits, training=True)
    expected = logistic_log_density(node, logits[:, None], 1.0).sum(-1)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_a_node_of_the_wrong_kind_is_refused():
    with pytest.raises(ValueError, match=r"a node of shape \(.*units, 4\)"):
        log_prob(1.0, num_states=4)(np.zeros((3, 5)), np.zeros((3, 5)))
    with pytest.raises(ValueError, match="`objective` must be one of"):
        kl(1.0, 1.0, objective="exact")
    with pytest.raises(ValueError, match="`num_states` must be an integer"):
        log_prob(1.0, num_states=1)


def test_the_likelihood_is_the_bernoulli_mass_summed_over_pixels():
    generator = np.random.default_rng(1)
    x = generator.integers(0, 2, (3, 7))
    logits = generator.normal(size=(3, 5, 7)).astype("float32") * 20
    signs = 2.0 * x[:, None] - 1.0
    expected = stats.logistic.logcdf(signs * logits.astype("float64")).sum(-1)
    log_likelihood = kc.BernoulliLogLikelihood(sample_axis=True)(x, logits)
    np.testing.assert_allclose(log_likelihood, expected, rtol=1e-5, atol=1e-4)


def test_data_that_would_broadcast_against_the_logits_are_refused():
    with pytest.raises(ValueError, match="`x` must have the shape"):
        kc.BernoulliLogLikelihood(sample_axis=True)(np.zeros((1, 7)), np.zeros((3, 5, 7)))


def test_the_kl_of_ones_own_model_joins_its_loss():
    x = keras.Input((6,))
    logits = keras.layers.Dense(4)(x)
    sampler = kc.BinaryConcreteSample(2 / 3, return_node=True, inference="mode", seed=0)
    state, node = sampler(logits)
    term = kl(2 / 3, 1 / 2, objective="analytic", loss_weight=3.0, sample_axis=False)
    term = term(node, logits, prior := kc.LearnedLogits(4)(x))
    decoded = keras.layers.Dense(6, activation="sigmoid")(state)
    model = keras.Model(x, {"x": decoded, "kl": term})
    model.compile("adam", loss={"x": "binary_crossentropy"})
    parameters = keras.Model(x, [logits, prior])
    data = np.random.default_rng(12).integers(0, 2, (32, 6)).astype("float32")
    values = model.evaluate(data, {"x": data}, verbose=0, return_dict=True)
    without = keras.losses.binary_crossentropy(data, model.predict(data, verbose=0)["x"])
    q, p = (np.asarray(tensor) for tensor in parameters(data))
    expected = np.mean(without) + 3.0 * np.mean(exact_kl(q, p, 2))
    assert values["loss"] == pytest.approx(expected, rel=1e-5)
