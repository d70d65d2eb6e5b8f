"""Belief networks of few units, enumerated in NumPy float64.

The joint states of all latent layers are rows, in one order throughout. Functions take
a model for its shape and `weights`, a dict from paths to arrays, for its parameters.
"""

import itertools

import numpy as np


def weights_of(model):
    return {w.path: np.asarray(w, "float64") for w in model.weights}


def all_images(num_pixels):
    return np.array(list(itertools.product([0, 1], repeat=num_pixels)), "float32")


def joint_codes(model):
    """Codes of each latent layer, from the image upward: `(states, bits)` each."""
    names = [layer.name for layer in model.layers]
    count = sum(name.startswith("latent_") for name in names)
    sizes = [model.get_layer(f"code_{i + 1}").output.shape[-1] for i in range(count)]
    rows = np.array(list(itertools.product([-1.0, 1.0], repeat=sum(sizes))))
    return np.split(rows, np.cumsum(sizes)[:-1], axis=1)


def log_likelihood(model, x):
    """log p(x) of each row, or log p(x given c) of each pair of rows `(c, x)`."""
    weights = weights_of(model)
    if model.is_conditional:
        context, x = x
        return np.logaddexp.reduce(
            log_prior(model, weights, context) + log_image(model, weights, x), axis=1
        )
    return np.logaddexp.reduce(log_joint(model, weights, x), axis=1)


def log_joint(model, weights, x):
    """log p(x, z), `(batch, states)`."""
    return log_prior(model, weights) + log_image(model, weights, x)


def log_image(model, weights, x):
    """log p(x given z), `(batch, states)`."""
    logits = _conditioned(weights, "likelihood", joint_codes(model)[0])
    return np.sum(x[:, None] * logits - np.logaddexp(0, logits), axis=-1)


def log_prior(model, weights, context=None):
    """log p(z), `(states,)`, or log p(z given context), `(batch, states)`."""
    codes = joint_codes(model)
    total = 0.0
    for i, code in enumerate(codes, start=1):
        if i < len(codes):
            logits = _conditioned(weights, f"prior_{i}", codes[i])
        elif context is None:
            logits = weights[f"prior_{i}/logits"].ravel()
        else:
            logits = _conditioned(weights, f"prior_{i}", context[:, None])
        total = total + _log_mass(code, logits, model.arity)
    return total


def log_posterior(model, weights, x):
    """log q(z given x), `(batch, states)`."""
    total, condition = 0.0, np.float64(x[:, None])
    for i, code in enumerate(joint_codes(model), start=1):
        logits = _conditioned(weights, f"posterior_{i}", condition)
        total = total + _log_mass(code, logits, model.arity)
        condition = code - weights.get(f"centering_{i}/average", 0.0)
    return total


def bound(log_weights, log_q, num_samples):
    """Exact L_m of each row: the mean over all m-tuples of states drawn from q."""
    log_weights, log_q = np.broadcast_arrays(log_weights, log_q)
    tuples = tuples_of_states(log_q.shape[1], num_samples)
    bounds = np.logaddexp.reduce(log_weights[:, tuples], axis=2) - np.log(num_samples)
    return np.sum(np.exp(log_q[:, tuples].sum(2)) * bounds, axis=1)


def tuples_of_states(num_states, num_samples):
    return np.array(list(itertools.product(range(num_states), repeat=num_samples)))


def mean_bound(model, weights, x, num_samples):
    """Mean over the rows of the exact bound that `fit` maximises."""
    if model.is_conditional:
        log_q = log_prior(model, weights, x[0])
        log_weights = log_image(model, weights, x[1])
    else:
        log_q = log_posterior(model, weights, x)
        log_weights = log_joint(model, weights, x) - log_q
    return bound(log_weights, log_q, num_samples).mean()


def gradients(function, weights, paths, step=1e-5):
    """Gradients of `function(weights)` by central differences, a dict of arrays."""
    results = {path: np.zeros_like(weights[path]) for path in paths}
    for path in paths:
        for index in np.ndindex(*weights[path].shape):
            bump = np.zeros_like(weights[path])
            bump[index] = step
            up, down = (
                function({**weights, path: weights[path] + sign * bump})
                for sign in (1.0, -1.0)
            )
            results[path][index] = (up - down) / (2 * step)
    return results


def one_hot(codes, arity):
    """States of the units that codes in {-1, 1} stand for: `(..., units, arity)`."""
    bits = arity.bit_length() - 1
    digits = (codes.reshape(*codes.shape[:-1], -1, bits) > 0) @ 2 ** np.arange(bits)[::-1]
    return np.eye(arity)[digits]


def _log_mass(code, logits, arity):
    if arity == 2:
        return -np.logaddexp(0, -code * logits).sum(-1)
    logits = logits.reshape(*logits.shape[:-1], -1, arity)
    log_masses = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return np.sum(one_hot(code, arity) * log_masses, axis=(-1, -2))


def _conditioned(weights, name, value):
    for i in (1, 2):
        if f"{name}_tanh_{i}/kernel" in weights:
            kernel, bias = (weights[f"{name}_tanh_{i}/{w}"] for w in ("kernel", "bias"))
            value = np.tanh(value @ kernel + bias)
    return value @ weights[f"{name}_logits/kernel"] + weights[f"{name}_logits/bias"]
