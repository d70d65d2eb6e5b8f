"""JAX by hand: K samples of the discrete graph for each image.

What was found fastest: samples on the last axis, so that sums over units run over whole
vectors; uniforms compared with probabilities that are computed once an image; and the
product form of the Bernoulli likelihood, one logarithm for 112 pixels:
sum log(1 + exp(-|l|)) = log prod (1 + exp(-|l|)), whose factors are at most 2, so that
the product cannot overflow.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.serving import Job, serve

_CHUNK = 1_000
_PIXELS = 112

Params = dict[str, jax.Array]


def _function(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Two tanh layers and an affine map of columns."""
    for layer in ("tanh_1", "tanh_2"):
        x = jnp.tanh(_affine(params, f"{name}_{layer}", x))
    return _affine(params, f"{name}_logits", x)


def _affine(params: Params, name: str, x: jax.Array) -> jax.Array:
    return params[f"{name}/kernel"].T @ x + params[f"{name}/bias"][:, None]


def _log_mass(state: jax.Array, logits: jax.Array) -> jax.Array:
    """Log-probability of 0s and 1s, a column a sample."""
    return -jnp.sum(_softplus(jnp.where(state, -logits, logits)), axis=0)


def _softplus(x: jax.Array) -> jax.Array:
    """Sums of softplus over rows by 112 or as many as divide: the product form."""
    rows = x.shape[0]
    size = max(n for n in range(1, _PIXELS + 1) if rows % n == 0)
    x = x.reshape(rows // size, size, -1)
    products = jnp.prod(1.0 + jnp.exp(-jnp.abs(x)), axis=1)
    return jnp.sum(jnp.maximum(x, 0.0), axis=1) + jnp.log(products)


def _log_weights(job: Job, params: Params, x: jax.Array, key: jax.Array) -> jax.Array:
    """A chunk of log-weights of one image, a column `x`."""
    below, states, log_weights = x, [], 0.0
    for i, units in enumerate(job.latent_units, start=1):
        logits = _function(params, f"posterior_{i}", below)
        uniform = jax.random.uniform(jax.random.fold_in(key, i), (units, _CHUNK))
        state = uniform < jax.nn.sigmoid(logits)
        log_weights -= _log_mass(state, logits)
        below = 2.0 * state - 1.0
        states.append(state)
    for i, state in enumerate(states, start=1):
        if i < len(states):
            logits = _function(params, f"prior_{i}", 2.0 * states[i] - 1.0)
        else:
            logits = params[f"prior_{i}/logits"][:, None]
        log_weights += _log_mass(state, logits)
    logits = _function(params, "likelihood", 2.0 * states[0] - 1.0)
    return log_weights + _log_mass(x > 0.5, logits)


def make(job: Job) -> Callable[[int], list[float]]:
    """Compiles the bound of one image."""
    images = jnp.asarray(job.load_data("test"))
    params = {name: jnp.asarray(value) for name, value in job.load_weights().items()}
    num_chunks, rest = divmod(job.num_samples, _CHUNK)
    if rest:
        raise ValueError(f"K must be a multiple of {_CHUNK}.")

    @partial(jax.jit, static_argnums=1)
    def bounds(key: jax.Array, num_images: int) -> jax.Array:
        def of_image(row: jax.Array) -> jax.Array:
            x = images[row].astype(jnp.float32)[:, None]

            def add(total: jax.Array, chunk: jax.Array) -> tuple[jax.Array, None]:
                own_key = jax.random.fold_in(key, row * num_chunks + chunk)
                chunk_sum = jax.nn.logsumexp(_log_weights(job, params, x, own_key))
                return jnp.logaddexp(total, chunk_sum), None

            total, _ = jax.lax.scan(add, -jnp.inf, jnp.arange(num_chunks))
            return total - np.log(job.num_samples)

        return jax.lax.map(of_image, jnp.arange(num_images))

    key = jax.random.key(job.seed)

    def run(num_images: int) -> list[float]:
        return [float(jnp.mean(bounds(key, num_images)))]

    return run


if __name__ == "__main__":
    serve(make, ["jax", "jaxlib", "numpy"])
