"""A belief network of few binary units, enumerated in NumPy float64."""

import itertools

import numpy as np


def log_likelihood(model, x):
    """log p(x) of each row by the sum over all joint states of the latent layers."""
    weights = {w.path: np.asarray(w, "float64") for w in model.weights}
    sizes = _latent_sizes(model)
    total = np.full(len(x), -np.inf)
    for codes in itertools.product(*(_corners(size) for size in sizes)):
        codes = [np.array(code) for code in codes]
        log_joint = _log_prior(weights, codes, len(sizes))
        logits = _conditioned(weights, "likelihood", codes[0])
        terms = x * logits - np.logaddexp(0, logits)
        total = np.logaddexp(total, log_joint + terms.sum(-1))
    return total


def all_images(num_pixels):
    return np.array(list(itertools.product([0, 1], repeat=num_pixels)), "float32")


def _latent_sizes(model):
    """Units of the latent layers, from the image upward."""
    layers = {layer.name: layer for layer in model.layers}
    count = sum(name.startswith("sample_") for name in layers)
    return [layers[f"sample_{i + 1}"].output[0].shape[-1] for i in range(count)]


def _corners(size):
    return itertools.product([-1.0, 1.0], repeat=size)


def _log_prior(weights, codes, count):
    total = 0.0
    for i in range(1, count + 1):
        if i == count:
            logits = weights[f"prior_{i}/logits"]
        else:
            logits = _conditioned(weights, f"prior_{i}", codes[i])
        total += np.sum(-np.logaddexp(0, -codes[i - 1] * logits))
    return total


def _conditioned(weights, name, value):
    for i in (1, 2):
        if f"{name}_tanh_{i}/kernel" in weights:
            kernel, bias = (weights[f"{name}_tanh_{i}/{w}"] for w in ("kernel", "bias"))
            value = np.tanh(value @ kernel + bias)
    return value @ weights[f"{name}_logits/kernel"] + weights[f"{name}_logits/bias"]
