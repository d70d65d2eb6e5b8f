"""What a process on JAX does for `test_jax_backend`: reads files and writes others."""

import gc
import sys
from pathlib import Path

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.callbacks import IntegralityGap, TemperatureLog


def answers(model, x):
    """Numbers that depend on weights and seeds alone."""
    key = noise.key_from_seed(np.array([3, 5]))
    zero = np.arange(1000, dtype="uint32")
    words = noise.threefry_2x32(key, (zero, zero))
    found = {"words": np.stack([np.asarray(word) for word in words])}
    for name, value in model.encode(x, seed=7).items():
        found[name] = np.asarray(value)
    for training in (False, True):
        log_weights = model.log_weights(x, 20, training=training, seed=11)
        found[f"log_weights_{training}"] = np.asarray(log_weights)
    return found


def bounds(model, x):
    """Estimates of two kinds, of a belief network's bound and of a VAE's."""
    inputs = keras.Input((6,))
    state = kc.BinaryConcreteSample(0.5, prior="uniform", seed=3)(inputs)
    vae = keras.Model(inputs, keras.layers.Dense(6, kernel_initializer="ones")(state))
    likelihood = kc.BernoulliLogLikelihood()
    estimates = [
        kc.evaluate_bound(model, x[:9], 5_000, seed=2**32 - 1, verbose=False),
        kc.evaluate_bound(vae, x[:3], 7, verbose=False, log_likelihood=likelihood),
    ]
    return [estimate.bounds for estimate in estimates]


def gradients(model, x):
    """Rows of a report, whose noise is that of seeds beyond the integers' half."""
    names = ["vimco", "reinforce_loo", "reinmax"]
    report = kc.gradient_report(model, x[:8], names, 40, seed=2**32 - 1)
    columns = ("bias", "variance", "draw_cosine")
    return np.array([[getattr(row, c) for c in columns] for row in report.rows])


def shared(x):
    """Losses of a layer that runs several times in a step, and what it reports."""
    inputs = keras.Input((6,))
    layer = kc.BinaryConcreteSample(0.5, prior="learned", seed=1, name="z")
    states = [layer(inputs[:, i : i + 2]) for i in range(0, 6, 2)]
    model = keras.Model(inputs, keras.ops.concatenate(states))
    model.compile(keras.optimizers.SGD(0.1))
    log = model.fit(x, batch_size=32, epochs=2, validation_data=(x,), verbose=0).history
    return np.array([log[name] for name in ("loss", "z_kl", "val_loss", "val_z_kl")])


class Predicts(keras.callbacks.Callback):
    """Runs the model between two steps of training, with a shape of its own."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def on_train_batch_end(self, batch, logs=None):
        self.model.predict(self.x[: batch + 1], verbose=0)


def reports(model, x):
    """What steps of training and of evaluation report, and `fit` and `evaluate`."""
    logs = [model.train_on_batch(x, x, return_dict=True) for _ in range(2)]
    model.predict(x, batch_size=48, verbose=0)  # Two shapes, which count nowhere.
    logs.append(model.test_on_batch(x, x, return_dict=True))
    pieces = {"batch_size": len(x), "shuffle": False, "verbose": 0}
    log = model.fit(x, x, validation_data=(x, x), **pieces).history
    logs.append({name: values[0] for name, values in log.items()})
    return {f"{name} {i}": log[name] for i, log in enumerate(logs) for name in log}


@keras.saving.register_keras_serializable("tests")
def ranks(scores):
    return keras.ops.argsort(keras.ops.argsort(scores, axis=-1), axis=-1)


def reporting_model():
    """A model of layers that report, add losses, and follow a schedule."""
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.5)
    x = keras.Input((6,))
    logits = keras.layers.Dense(4)(x)
    sampler = kc.BinaryConcreteSample(schedule, prior="learned", seed=1, name="z")
    gates = kc.HardConcrete(target_sparsity=0.5, seed=1, name="gates")
    chosen = kc.ConcreteSample(1.0, prior="uniform", seed=1, name="chosen")
    codes = kc.CategoricalCodebook(8, 4, chosen, name="codes")
    world = kc.DiscreteStateRNN(kc.DiscreteStateCell(4, 2, 3, seed=1), name="world")
    states = world(keras.layers.Reshape((2, 3))(x))[:, -1]
    order = kc.PerturbedArgmax(ranks, seed=1)(logits)
    parts = [sampler(logits), gates(logits), codes(logits), states, order]
    outputs = keras.layers.Dense(6)(keras.layers.concatenate(parts))
    model = keras.Model(x, outputs)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def trained_weights(x, batch_size, num_devices):
    """The weights of a belief network after training on so many devices."""
    model = kc.SigmoidBeliefNetwork("3H-6V", 2, 2, seed=1)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(x, batch_size=batch_size, shuffle=False, verbose=0)
    assert len(model.weights[0].value.sharding.device_set) == num_devices
    return np.concatenate([np.ravel(weight) for weight in model.weights])


def on_devices(count, x):
    """What devices of one process learn from batches of 32."""
    devices = [f"cpu:{i}" for i in range(count)]
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    weights = trained_weights(x, 32, count)
    keras.distribution.set_distribution(None)
    return weights


def in_two_processes(folder, rank, address):
    """What two processes of four devices learn, each from its half of the batches."""
    x = np.load(folder / "x.npy")
    keras.distribution.initialize(address, num_processes=2, process_id=rank)
    devices = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(devices)
    half = x.reshape(2, 2, 16, 6)[:, rank].reshape(32, 6)
    np.savez(folder / f"process_{rank}.npz", trained_weights(half, 16, 8))


def refuses_a_loop():
    """A recurrent layer that draws in a loop of JAX's, which takes no counters."""
    cell = kc.DiscreteStateCell(4, 2, 3)
    for unroll in (True, False):
        layer = keras.layers.RNN(cell, unroll=unroll)
        try:
            layer(np.zeros((1, 3, 2)))
            assert unroll
        except ValueError as error:
            assert not unroll and "unroll=True" in str(error)


def own_loops(x):
    """Passes of one's own, in programs of one's own and between those of `fit`."""
    import jax

    inputs = keras.Input((6,))
    code = kc.BinaryConcreteSample(0.5, prior="uniform", seed=1, name="z")
    model = keras.Model(inputs, code(keras.layers.Dense(4)(inputs)))
    model.compile(keras.optimizers.SGD(0.0))

    def losses(*batches):
        state = [v.value for v in model.non_trainable_variables]
        weights = [v.value for v in model.trainable_variables]
        options = {"training": True, "return_losses": True}
        return [
            model.stateless_call(weights, state, batch, **options)[2][0]
            for batch in batches
        ]

    together, (alone,) = jax.jit(losses)(x, 2 * x), jax.jit(losses)(2 * x)
    np.testing.assert_allclose(together[1], alone, rtol=1e-6)
    eager = losses(x, 2 * x)
    np.testing.assert_allclose(eager, together, rtol=1e-6)
    told = float(model.get_metrics_result()["z_kl"])  # Of arrays, and not of tracers.
    np.testing.assert_allclose(told, sum(map(float, eager)), rtol=1e-5)
    model.reset_metrics()

    class Calls(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model(7 * x, training=True)
            jax.jit(lambda x: losses(x))(7 * x)

    model.compile(keras.optimizers.SGD(0.0), lambda y, y_pred: 0.0 * y_pred[:, 0])
    pieces = {"batch_size": 48, "epochs": 2, "callbacks": [Calls()], "verbose": 0}
    log = model.fit(x, x, **pieces).history
    np.testing.assert_allclose(log["z_kl"], [float(losses(x)[0])] * 2, rtol=1e-5)
    counts = []
    for _ in range(2):
        for _ in range(50):
            model(x)
        gc.collect()
        counts.append(len(jax.live_arrays()))
    assert counts[1] < counts[0] + 20, counts


def main(folder):
    x = np.load(folder / "x.npy")
    binary = keras.saving.load_model(folder / "binary.keras")
    nary = keras.saving.load_model(folder / "nary.keras")
    np.savez(folder / "binary_jax.npz", **answers(binary, x))
    np.savez(folder / "nary_jax.npz", **answers(nary, x))
    binary.compile(keras.optimizers.Adam(1e-2))
    callbacks = [IntegralityGap(x, num_samples=5), TemperatureLog()]
    np.savez(folder / "bounds_jax.npz", *bounds(binary, x))
    np.savez(folder / "gradients_jax.npz", gradients(binary, x))
    np.savez(folder / "shared_jax.npz", shared(x))
    prediction = kc.SigmoidBeliefNetwork("3V-2H-3V", seed=0)
    assert prediction.predict(x[:5, :3], verbose=0).shape == (5, 3)
    log = binary.fit(x, epochs=20, batch_size=32, callbacks=callbacks, verbose=0).history
    np.savez(folder / "fit_jax.npz", **log)
    binary.save(folder / "trained.keras")
    np.savez(folder / "trained_jax.npz", **answers(binary, x))
    reporting = keras.saving.load_model(folder / "reporting.keras")
    np.savez(folder / "reporting_jax.npz", **reports(reporting, x))
    reporting.save(folder / "reporting_jax.keras")
    looks = [Predicts(x)]
    log = reporting.fit(x, x, batch_size=48, verbose=0, callbacks=looks).history
    assert all(np.isfinite(values[0]) for values in log.values())
    own_loops(x)
    refuses_a_loop()
    np.savez(folder / "devices_jax.npz", *(on_devices(n, x) for n in (1, 4)))
    for estimator in ("vimco", "straight_through", "relax", "reweighted_wake_sleep"):
        model = kc.SigmoidBeliefNetwork("4H-6V", 2, 3, estimator, seed=0)
        model.compile("adam")
        assert np.isfinite(model.fit(x, verbose=0).history["loss"][0])
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    if len(sys.argv) > 2:
        in_two_processes(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main(Path(sys.argv[1]))
