"""The doubly reparameterised gradient: by hand under fixed noise, and on the mean."""

import belief_oracle
import numpy as np
import oracles
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc
from keras_concrete import noise

FALSE_ALARM = 1e-6  # Of each statistical test, over all its weights; seeds are fixed.
IMAGES = np.array([[1, 0, 1], [0, 1, 1]], "float32")
CONTEXTS = np.array([[0, 1], [1, 1]], "float32")
POSTERIOR, PRIOR = 2 / 3, 1 / 2
BATCHES = 40


def network(architecture, estimator, num_samples, arity=2):
    model = kc.SigmoidBeliefNetwork(
        architecture, arity, num_samples=num_samples, estimator=estimator, seed=0
    )
    generator = np.random.default_rng(3)
    for variable in model.trainable_weights:
        variable.assign(generator.normal(0, 0.7, variable.shape))
    return model


def gradients_of(model, x, y):
    """Of the mean bound, a dict of arrays."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True), training=True)
    weights = model.trainable_weights
    found = tape.gradient(loss, [weight.value for weight in weights])
    return {w.path: -np.asarray(g) for w, g in zip(weights, found, strict=True)}


# --- By hand: differences of log-weights in float64 ---------------------------------


def affine(weights, name, value):
    return value @ weights[f"{name}_logits/kernel"] + weights[f"{name}_logits/bias"]


def code(node):
    return 2 * special.expit(node) - 1


def nodes_of(weights, draws):
    """Relaxed nodes of both layers by the weights of q and fixed Logistic noise."""
    first = affine(weights, "posterior_1", IMAGES[:, None]) + draws[0]
    second = affine(weights, "posterior_2", code(first / POSTERIOR)) + draws[1]
    return first / POSTERIOR, second / POSTERIOR


def log_posterior(weights, nodes):
    logits = [
        affine(weights, "posterior_1", IMAGES[:, None]),
        affine(weights, "posterior_2", code(nodes[0])),
    ]
    pairs = zip(nodes, logits, strict=True)
    return sum(oracles.logistic(*pair, POSTERIOR).sum(-1) for pair in pairs)


def log_joint(weights, nodes):
    pixels = affine(weights, "likelihood", code(nodes[0]))
    terms = IMAGES[:, None] * pixels - np.logaddexp(0, pixels)
    below = affine(weights, "prior_1", code(nodes[1]))
    top = weights["prior_2/logits"]
    terms = [terms, oracles.logistic(nodes[0], below, PRIOR)]
    terms.append(oracles.logistic(nodes[1], top, PRIOR))
    return sum(term.sum(-1) for term in terms)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_the_gradient_is_the_papers_under_fixed_noise(num_samples, monkeypatch):
    """Equation 8, in two layers, with derivatives by differences."""
    draws = np.random.default_rng(4).logistic(size=(2, 2, num_samples, 2))
    remaining = iter(draws.astype("float32"))

    def prescribed(shape, key):
        draw = next(remaining)
        assert draw.shape == tuple(shape)
        return tf.constant(draw)

    monkeypatch.setattr(noise, "logistic", prescribed)
    model = network("2H-2H-3V", "concrete_dreg", num_samples)
    ours = gradients_of(model, IMAGES, IMAGES)
    start = belief_oracle.weights_of(model)
    nodes = nodes_of(start, draws)
    log_weights = log_joint(start, nodes) - log_posterior(start, nodes)
    w = special.softmax(log_weights, axis=1)

    def of_nodes(weights):
        moved = nodes_of(weights, draws)
        return np.sum(w**2 * (log_joint(start, moved) - log_posterior(start, moved)))

    def of_p(weights):
        return np.sum(w * log_joint(weights, nodes))

    for path, gradient in ours.items():
        function = of_nodes if path.startswith("posterior") else of_p
        expected = belief_oracle.gradients(function, start, [path])[path] / len(IMAGES)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(gradient, expected, atol=2e-5, err_msg=path)


# --- On the mean --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "num_samples", "arity"),
    [("2H~4H-3V", 2, 4), ("2V-2H-2H-3V", 3, 2)],
)
def test_the_mean_gradient_is_that_of_concrete(architecture, num_samples, arity):
    """A t-test of differences of batch means in each weight of q; p has the same one."""
    models = [
        network(architecture, estimator, num_samples, arity)
        for estimator in ("concrete", "concrete_dreg")
    ]
    first = CONTEXTS if models[0].is_conditional else IMAGES
    x, y = (np.repeat(part, 1000, 0) for part in (first, IMAGES))

    @tf.function
    def flat(number):
        with tf.GradientTape() as tape:
            model = models[number]
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        found = tape.gradient(loss, [w.value for w in model.trainable_weights])
        return -tf.concat([tf.reshape(gradient, [-1]) for gradient in found], 0)

    # Of equal seeds: both draw the same noise.
    means = np.stack([[flat(number) for number in (0, 1)] for _ in range(BATCHES)])
    latent = ("posterior", "prior") if models[0].is_conditional else "posterior"
    weights = models[0].trainable_weights
    of_q = np.repeat(
        [w.path.startswith(latent) for w in weights],
        [np.prod(w.shape, dtype=int) for w in weights],
    )
    concrete, ours = np.moveaxis(means, 1, 0)
    np.testing.assert_allclose(ours[:, ~of_q], concrete[:, ~of_q], atol=1e-5)
    differences = ours[:, of_q] - concrete[:, of_q]
    p_values = stats.ttest_1samp(differences, 0.0).pvalue
    assert p_values.min() > FALSE_ALARM / of_q.sum()
    # A bias of seven standard errors, 0.03, would be found.
    assert np.std(differences, axis=0).max() / np.sqrt(BATCHES) < 0.0045
    assert np.abs(concrete[:, of_q].mean(0)).max() > 0.1


def test_where_q_is_the_exact_posterior_its_gradient_is_nothing():
    """Nodes independent of the image, and prior and posterior of one law."""
    found = []
    for estimator in ("concrete", "concrete_dreg"):
        model = kc.SigmoidBeliefNetwork(
            "2H-3V", num_samples=3, estimator=estimator, prior_temperature=POSTERIOR
        )
        for weight in model.trainable_weights:
            weight.assign(np.zeros(weight.shape))
        found.append(gradients_of(model, IMAGES, IMAGES)["posterior_1_logits/bias"])
    assert np.abs(found[0]).max() > 1e-2 and np.abs(found[1]).max() < 1e-6
