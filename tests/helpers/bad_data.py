"""Cases of bad data, numbers of samples and seeds, and their answers."""

import keras
import numpy as np
import tensorflow as tf
from bad_arguments import BINARY, network

import keras_concrete as kc
from keras_concrete.shuffled_batches import shuffled_batches

IMAGES = np.random.default_rng(0).integers(0, 2, (8, 6)).astype("float32")
NAN = np.where(np.arange(48).reshape(8, 6) == 13, np.nan, IMAGES)
DATASET = tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)


def prediction():
    return network("2V-3H-4V")


def fit_dataset():
    network().fit(
        tf.data.Dataset.from_tensor_slices(IMAGES[:, :5]).batch(4), shuffle=False
    )


def bound(x, num_samples=10, **options):
    return kc.evaluate_bound(network(), x, num_samples, verbose=False, **options)


# What is done, and the sentence that must answer it.
BAD_DATA = {
    # numbers of samples
    "0 samples": (lambda: network(num_samples=0), "`num_samples` must be .* integer.*=0"),
    "2.5 samples": (lambda: kc.ConcreteSample(1.0, 2.5), "`num_samples` must .*=2.5"),
    "0 samples at a call": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY, num_samples=0),
        "`num_samples` must be a positive integer. Received: num_samples=0",
    ),
    "NumPy's 0 samples at a call": (
        lambda: kc.ConcreteSample(1.0)(BINARY, num_samples=np.int64(0)),
        r"`num_samples` must be a positive integer. Received: num_samples=np.int",
    ),
    "NumPy's 2.5 samples at a call": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY, num_samples=np.float32(2.5)),
        "`num_samples` must be a positive integer",
    ),
    "a word for samples at a call": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY, num_samples="3"),
        "`num_samples` must be a positive integer. Received: num_samples='3'",
    ),
    "a tensor of 0 samples at a call": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY, num_samples=tf.constant(0)),
        "`num_samples` must be a positive integer",
    ),
    "True samples at a call": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY, num_samples=True),
        "`num_samples` must be a positive integer. Received: num_samples=True",
    ),
    "NumPy's 0 samples of log-weights": (
        lambda: network().log_weights(IMAGES, np.int64(0)),
        "`num_samples` must be a positive integer",
    ),
    "NumPy's -2 images": (
        lambda: network().sample(np.int64(-2)),
        "`num_images` must be a positive integer",
    ),
    "half a seed of a bound": (
        lambda: bound(IMAGES, seed=1.5),
        "`seed` must be an integer, .* Received: seed=1.5",
    ),
    "a word for a seed of codes": (
        lambda: network().encode(IMAGES, seed="a"),
        "`seed` must be an integer, .* Received: seed='a'",
    ),
    "a seed of more than 32 bits": (
        lambda: kc.ConcreteSample(1.0, seed=2**32),
        r"`seed` must be an integer, from 0 to below 2\*\*32",
    ),
    "half a seed of a callback": (
        lambda: kc.IntegralityGap(IMAGES, seed=0.5),
        "`seed` must be an integer",
    ),
    "0 samples of log-weights": (
        lambda: network().log_weights(IMAGES, 0),
        "`num_samples` must be a positive integer. Received: num_samples=0",
    ),
    "2.0 images": (lambda: network().sample(2.0), "`num_images` must be .*=2.0"),
    "0 samples of a bound": (lambda: bound(IMAGES, 0), "`num_samples` must be .*=0"),
    "1e4 samples of a bound": (lambda: bound(IMAGES, 1e4), "positive integer.*=10000.0"),
    # data
    "grey values to fit": (
        lambda: network().fit(255 * IMAGES, verbose=0),
        "`x` must hold binary data.*divide .* Received: values from 0.0 to 255.0",
    ),
    "codes to fit": (
        lambda: network().fit(2 * IMAGES - 1, verbose=0),
        "`x` must hold binary data.*values from -1.0 to 1.0",
    ),
    "NaN to fit": (lambda: network().fit(NAN, verbose=0), "missing values.*from nan"),
    "a tensor of other pixels to fit": (
        lambda: network().fit(tf.constant(IMAGES[:, :5])),
        r"`x` must have shape \(examples, 6\).*x.shape=\(8, 5\)",
    ),
    "images that are not flat to fit": (
        lambda: network().fit(IMAGES.reshape(8, 2, 3)),
        r"`x` must have shape \(examples, 6\).*\(8, 2, 3\)",
    ),
    "no images to fit": (lambda: network().fit(IMAGES[:0]), "at least one example"),
    "a stream of other pixels": (fit_dataset, r"shape \(examples, 6\).*\(4, 5\)"),
    "grey values to validate": (
        lambda: network().fit(IMAGES, validation_data=(9 * IMAGES,), verbose=0),
        "`x` must hold binary data.*9.0",
    ),
    "words to fit": (
        lambda: network().fit(np.array([["a"] * 6])),
        "`x` must hold numbers. Received: x.dtype=<U1",
    ),
    "no images to evaluate": (
        lambda: network().evaluate(IMAGES[:0]),
        r"at least one example. Received: x.shape=\(0, 6\)",
    ),
    "NaN to a callback": (
        lambda: network().fit(IMAGES, callbacks=[kc.IntegralityGap(NAN)], verbose=0),
        "`x` must hold binary data.*nan",
    ),
    "0 samples of a callback": (
        lambda: kc.IntegralityGap(IMAGES, num_samples=0),
        "`num_samples` must be a positive integer",
    ),
    "0 images of a callback": (
        lambda: kc.ImageGrids("logs", IMAGES, num_images=0),
        "`num_images` must be a positive integer",
    ),
    "NaN to evaluate": (lambda: network().evaluate(NAN), "`x` must hold binary .*nan"),
    "a context without its image": (
        lambda: prediction().fit(IMAGES[:, :2]),
        r"is given both: fit\(context, image\)",
    ),
    "a whole image as context": (
        lambda: prediction().fit(IMAGES, IMAGES),
        r"`x` must have shape \(examples, 2\).*\(8, 6\)",
    ),
    "grey values to predict": (
        lambda: prediction().fit(IMAGES[:, :2], 3 * IMAGES[:, 2:]),
        "`y` must hold binary data.*from 0.0 to 3.0",
    ),
    "NaN to predict from": (
        lambda: prediction().predict(NAN[:, 0:2]),
        "`x` must hold binary data.*nan",
    ),
    "other pixels to predict from": (
        lambda: prediction().predict(IMAGES),
        r"`x` must have shape \(examples, 2\).*\(8, 6\)",
    ),
    "nothing to predict from": (
        lambda: network().predict(IMAGES[:0]),
        r"at least one example. Received: x.shape=\(0, 6\)",
    ),
    "grey values to a bound": (lambda: bound(7 * IMAGES), "`x` must hold binary .*7.0"),
    "NaN to a bound": (lambda: bound(NAN), "`x` must hold binary data.*nan"),
    "other pixels to a bound": (lambda: bound(IMAGES[:, 1:]), r"\(examples, 6\).*\(8, 5"),
    "no images to a bound": (lambda: bound(IMAGES[:0]), "with at least one example"),
    "one image to a bound": (lambda: bound(IMAGES[0]), r"`x` must have shape.*\(6,\)"),
    "a pair to a bound": (lambda: bound((IMAGES, IMAGES)), "one array, .*Received: 2"),
    "an image to a conditional bound": (
        lambda: kc.evaluate_bound(prediction(), IMAGES),
        "for a conditional network the pair",
    ),
    "no context to sample": (
        lambda: prediction().sample(3),
        "pass the argument `context`",
    ),
    "a context to sample": (
        lambda: network().sample(3, context=IMAGES),
        "`context` is for networks that predict",
    ),
    "unknown pretrained model": (
        lambda: kc.load_pretrained("hash_mnist"),
        "`name` must be one of .*'hash_mnist5k'.*Did you mean 'hash_mnist5k'?",
    ),
    "a card of no model": (
        lambda: kc.model_card("hash"),
        "`name` must be one of 'belief_network_mnist5k', 'hash_mnist5k'",
    ),
    "batches larger than the data": (
        lambda: shuffled_batches(IMAGES, 9, seed=0),
        "`batch_size` must be at most the number of images, 8. Received: batch_size=9",
    ),
    "another model to a bound": (
        lambda: kc.evaluate_bound(keras.Sequential(), IMAGES),
        "`model` must have the method log_weights.* Received: a Sequential",
    ),
    "too many states to list": (
        lambda: kc.exact_bound(network("20H-6V"), IMAGES),
        "1048576 joint states of 20 units .* above the limit of 65536.*fewer units",
    ),
    "another model to list states of": (
        lambda: kc.exact_bound(keras.Sequential(), IMAGES),
        "`model` must be a SigmoidBeliefNetwork.* Received: a Sequential",
    ),
    "NaN to list states for": (
        lambda: kc.exact_bound(network(), NAN),
        "`x` must hold binary data.*nan",
    ),
    "lists of numbers to a report": (
        lambda: kc.gradient_report(network(), IMAGES.tolist()),
        r"`x` must be an array of examples, .* a list with shapes \(\), .*, \.\.\.$",
    ),
    "a dataset to a report": (
        lambda: kc.gradient_report(network(), DATASET),
        r"`x` must be an array of examples, .* a _BatchDataset with shapes \(\)$",
    ),
    "a dataset to a callback of gradients": (
        lambda: kc.GradientVariance(DATASET),
        "`x` must be an array of examples, .* a _BatchDataset",
    ),
    "a dataset to a callback of bounds": (
        lambda: kc.IntegralityGap(DATASET),
        "`x` must be an array of examples, .* a _BatchDataset",
    ),
    "arrays of two lengths to a callback": (
        lambda: kc.GradientVariance((IMAGES, IMAGES[1:])),
        r"all of the same number. Received: a tuple with shapes \(8, 6\), \(7, 6\)$",
    ),
    "weights of classes": (
        lambda: network().fit(IMAGES, class_weight={0: 1.0, 1: 2.0}),
        "`class_weight` is for targets that are classes, .* by `sample_weight`",
    ),
    "0 draws of a report": (
        lambda: kc.gradient_report(network(), IMAGES, num_draws=0),
        "`num_draws` must be a positive integer. Received: num_draws=0",
    ),
    "another model of a report": (
        lambda: kc.gradient_report(keras.Sequential(), IMAGES),
        "`model` must be a SigmoidBeliefNetwork.*GradientVariance.*a Sequential",
    ),
    "an estimator of a report": (
        lambda: kc.gradient_report(network(), IMAGES, ["vimko"]),
        "`estimators` must be one of .*Did you mean 'vimco'?",
    ),
    "an estimator twice in a report": (
        lambda: kc.gradient_report(network(), IMAGES, ["concrete", "concrete"]),
        "`estimators` must hold each name once.*'concrete', 'concrete'",
    ),
    "an estimator for more samples than a report's": (
        lambda: kc.gradient_report(network(), IMAGES, ["vimco"], jit_compile=False),
        "'vimco' .* `num_samples` of at least 2",
    ),
    "other pixels of a report": (
        lambda: kc.gradient_report(network(), IMAGES[:, 1:]),
        r"`x` must have shape \(examples, 6\).*\(8, 5\)",
    ),
    "0 draws of a callback": (
        lambda: kc.GradientVariance(IMAGES, num_draws=0),
        "`num_draws` must be a positive integer",
    ),
    "a layer to audit": (
        lambda: kc.audit(keras.layers.Dense(1), IMAGES),
        "`model` must be a keras.Model.*Received: a Dense",
    ),
    "no data to audit": (
        lambda: kc.audit(network(), IMAGES[:0]),
        r"`data` must be an array of examples, with at least one.*\(0, 6\)",
    ),
    "warm-up by 0 rows": (
        lambda: kc.export_saved_model(network(), "nowhere", warmup_batch_sizes=[0]),
        "`warmup_batch_sizes` must be a positive integer",
    ),
    "another model to export": (
        lambda: kc.export_saved_model(keras.Sequential(), "nowhere"),
        "`model` must be a LatentVariableModel, .* or .* Received: <Sequential",
    ),
    "tanh layers of an affine map": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", encoder_units=6),
        "`encoder_units` is the size of tanh layers, .* join the two by `~`.*=6",
    ),
    "an encoder that is not there": (
        lambda: kc.SigmoidBeliefNetwork("6V~3H~6V", encoder_units=6),
        "`encoder_units` is for networks that infer codes from images, .*=6",
    ),
}
