"""What others get wrong, run beside ours: both figures are printed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_concrete as kc
from keras_concrete import distributions

tfd = tfp.distributions
pytestmark = pytest.mark.reliability

T = np.float32(2 / 3)  # The paper's temperature.


def is_finite(*tensors):
    return all(np.all(np.isfinite(tensor)) for tensor in tensors)


def test_a_loss_by_the_log_prob_of_samples(figures):
    generator = np.random.default_rng(0)
    theirs = ours = 0
    for seed in range(20):
        q, p = (tf.constant(generator.normal(0, 4, (64, 200)), "float32") for _ in "qp")
        with tf.GradientTape() as tape:
            tape.watch(q)
            posterior = tfd.RelaxedBernoulli(T, logits=q)
            state = tf.identity(posterior.sample(seed=(seed, 0)))
            log_ratio = posterior.log_prob(state) - tfd.RelaxedBernoulli(
                0.5, logits=p
            ).log_prob(state)
            loss = tf.reduce_mean(tf.reduce_sum(log_ratio, axis=1))
        theirs += not is_finite(loss, tape.gradient(loss, q))
        sample = kc.BinaryConcreteSample(T, return_node=True, seed=seed)
        kl = kc.RelaxedKL(posterior_temperature=T, prior_temperature=0.5)
        with tf.GradientTape() as tape:
            tape.watch(q)
            _, node = sample(q, training=True)
            loss = tf.reduce_mean(kl(node, q, p, training=True))
        ours += not is_finite(loss, tape.gradient(loss, q))
    figures["minibatches of 20 not finite, RelaxedBernoulli"] = theirs
    figures["minibatches of 20 not finite, ours"] = (0, ours)
    assert theirs == 20 and ours == 0


def test_one_hot_samples_that_have_left_the_cache_of_their_bijector(figures):
    logits = tf.random.stateless_normal((4000, 32), (0, 1), stddev=2.0)
    distribution = tfd.RelaxedOneHotCategorical(0.1, logits=logits)
    scores = distribution.log_prob(tf.identity(distribution.sample(seed=(0, 0))))
    theirs = np.mean(~np.isfinite(scores))
    sample = kc.ConcreteSample(0.1, return_node=True, seed=0)
    _, node = sample(logits[:, None], training=True)
    log_prob = kc.ConcreteLogProb(0.1, num_states=32, estimator="concrete")
    scores = log_prob(tf.identity(node), logits[:, None], training=True)
    ours = np.mean(~np.isfinite(scores))
    figures["rows not finite, RelaxedOneHotCategorical"] = f"{theirs:.1%}"
    figures["rows not finite, ours"] = ("0.0%", f"{ours:.1%}")
    assert theirs > 0.6 and ours == 0


def test_logits_in_bfloat16(figures):
    theirs = ours = 0
    for alternative, own in (
        (tfd.RelaxedBernoulli, distributions.LogitBinaryConcrete),
        (tfd.RelaxedOneHotCategorical, distributions.ExpConcrete),
        (tfd.ExpRelaxedOneHotCategorical, distributions.ExpConcrete),
    ):
        logits = tf.zeros((2, 3), "bfloat16")
        try:
            alternative(tf.constant(T, "bfloat16"), logits=logits).sample(seed=(0, 0))
        except (TypeError, ValueError):
            theirs += 1
        made = own(T, logits=logits)
        ours += not is_finite(made.log_prob(made.sample(seed=(0, 0))))
    figures["distributions of 3 that raise or are not finite, TFP"] = theirs
    figures["distributions of 3 that raise or are not finite, ours"] = (0, ours)
    assert theirs == 3 and ours == 0


def test_one_seed_eagerly_and_under_xla(figures):
    logits = tf.constant(np.random.default_rng(0).normal(size=(50, 20)), "float32")

    def alternative():
        return tfd.Bernoulli(logits=logits).sample(seed=(1, 2))

    def own():
        return distributions.Bernoulli(logits).sample(seed=(1, 2))

    theirs, ours = (
        np.mean(tf.function(draw, jit_compile=True)() != draw())
        for draw in (alternative, own)
    )
    figures["states that differ, tfd.Bernoulli"] = f"{theirs:.1%}"
    figures["states that differ, ours"] = ("0.0%", f"{ours:.1%}")
    assert theirs > 0 and ours == 0


def test_replicas_of_a_strategy(figures):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    zeros = tf.zeros((1, 100))
    shared = []
    for make in (
        lambda: keras.layers.GaussianNoise(1.0, seed=0),
        lambda: kc.BinaryConcreteSample(1.0, seed=0),
    ):
        with strategy.scope():
            layer = make()
            layer.build(zeros.shape)
        drawn = strategy.run(lambda layer=layer: layer(zeros, training=True))
        first, second = strategy.experimental_local_results(drawn)
        shared.append(int(np.sum(first.numpy() == second.numpy())))
    figures["draws of 100 that replicas share, keras.layers.GaussianNoise"] = shared[0]
    figures["draws of 100 that replicas share, ours"] = (0, shared[1])
    assert shared == [100, 0]


def test_a_layer_that_was_saved_after_a_draw(figures, tmp_path):
    zeros, repeated = np.zeros((1, 100), "float32"), []
    for layer in (
        keras.layers.GaussianNoise(1.0, seed=0),
        kc.BinaryConcreteSample(1.0, seed=0),
    ):
        model = keras.Sequential([keras.Input((100,)), layer])
        before = np.asarray(model(zeros, training=True))
        model.save(tmp_path / "model.keras")
        revived = keras.models.load_model(tmp_path / "model.keras")
        after = np.asarray(revived(zeros, training=True))
        repeated.append(int(np.sum(before == after)))
    figures["draws of 100 that a loaded keras.layers.GaussianNoise repeats"] = repeated[0]
    figures["draws of 100 that a loaded layer of ours repeats"] = (0, repeated[1])
    assert repeated == [100, 0]
