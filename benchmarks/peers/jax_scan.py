"""JAX by hand: one compiled scan over all steps of a run.

Log q of the network's own draws comes from the noise: at the node y = (l + L) / t, with
L = log u - log(1 - u), it is log t + log u + log(1 - u), which no parameter changes.
Uniforms come from JAX's default generator. All samples are rows of one matrix, which is
faster than an axis of their own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.serving import Job, serve

Params = dict[str, jax.Array]


def function(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Two tanh layers and an affine map."""
    for layer in ("tanh_1", "tanh_2"):
        x = jnp.tanh(_affine(params, f"{name}_{layer}", x))
    return _affine(params, f"{name}_logits", x)


def _affine(params: Params, name: str, x: jax.Array) -> jax.Array:
    return x @ params[f"{name}/kernel"] + params[f"{name}/bias"]


def bounds(job: Job, params: Params, x: jax.Array, key: jax.Array) -> jax.Array:
    """The bound on each image."""
    num_layers = len(job.latent_units)
    prior, posterior = job.prior_temperature, job.posterior_temperature
    num_rows = job.batch_size * job.num_samples
    below, nodes, codes, log_posterior = x, [], [], 0.0
    for i, units in enumerate(job.latent_units, start=1):
        logits = function(params, f"posterior_{i}", below)
        if i == 1:
            logits = jnp.repeat(logits, job.num_samples, axis=0)
        uniform = jax.random.uniform(
            jax.random.fold_in(key, i), (num_rows, units), minval=2.0**-24
        )
        log_u, log_not_u = jnp.log(uniform), jnp.log1p(-uniform)
        node = (logits + log_u - log_not_u) / posterior
        below = jnp.tanh(node / 2)
        nodes.append(node)
        codes.append(below)
        log_posterior += jnp.sum(log_u + log_not_u, axis=-1) + units * np.log(posterior)
    logits = function(params, "likelihood", codes[0])
    pixels = jnp.repeat(x, job.num_samples, axis=0)
    log_joint = jnp.sum(pixels * logits - jax.nn.softplus(logits), axis=-1)
    for i, node in enumerate(nodes, start=1):
        if i < num_layers:
            logits = function(params, f"prior_{i}", codes[i])
        else:
            logits = params[f"prior_{i}/logits"]
        noise = logits - prior * node
        log_joint += jnp.sum(noise - 2 * jax.nn.softplus(noise) + np.log(prior), axis=-1)
    log_weights = (log_joint - log_posterior).reshape(job.batch_size, job.num_samples)
    return jax.nn.logsumexp(log_weights, axis=1) - np.log(job.num_samples)


def make(job: Job) -> Callable[[int], np.ndarray]:
    """Compiles a run."""
    images = jnp.asarray(job.load_data())
    params = {name: jnp.asarray(value) for name, value in job.load_weights().items()}
    optimizer = optax.adam(job.learning_rate, eps=job.epsilon)

    def loss(params: Params, x: jax.Array, key: jax.Array) -> jax.Array:
        return -jnp.mean(bounds(job, params, x, key))

    def step(carry: Any, key: jax.Array) -> Any:
        params, state = carry
        row_key, noise_key = jax.random.split(key)
        rows = jax.random.randint(row_key, (job.batch_size,), 0, len(images))
        x = images[rows].astype(jnp.float32)
        value, gradient = jax.value_and_grad(loss)(params, x, noise_key)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), -value

    return runs(step, (params, optimizer.init(params)), job.seed)


def runs(
    step: Callable[[Any, jax.Array], Any], carry: Any, seed: int
) -> Callable[[int], np.ndarray]:
    """Compiles runs of many steps, each of which goes on where the last one ended.

    Args:
        step: From the carry and a key to the next carry and the bound.
        carry: The first one, which is given away.
        seed: Of the keys.

    Returns:
        Function from a number of steps to their bounds.
    """

    @partial(jax.jit, static_argnums=2, donate_argnums=0)
    def run_steps(carry: Any, key: jax.Array, num_steps: int) -> Any:
        return jax.lax.scan(step, carry, jax.random.split(key, num_steps))

    key = jax.random.key(seed)

    def run(num_steps: int) -> np.ndarray:
        nonlocal carry, key
        key, run_key = jax.random.split(key)
        carry, values = run_steps(carry, run_key, num_steps)
        return np.asarray(values)

    return run


if __name__ == "__main__":
    serve(make, ["jax", "jaxlib", "optax", "numpy"])
