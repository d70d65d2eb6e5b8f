"""NumPyro: SVI, its update in one compiled scan, samples by vectorised particles."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import optax
from numpyro.infer import SVI, RenyiELBO, Trace_ELBO

from benchmarks.peers.jax_scan import function
from benchmarks.peers.serving import Job, serve


def make(job: Job) -> Callable[[int], np.ndarray]:
    """Sets model, guide and SVI up."""
    num_layers = len(job.latent_units)
    weights = {name: jnp.asarray(value) for name, value in job.load_weights().items()}

    def params_of(*roles: str) -> dict[str, jax.Array]:
        return {
            name: numpyro.param(name, value)
            for name, value in weights.items()
            if name.startswith(roles)
        }

    def relaxed(logits: jax.Array, temperature: float) -> dist.Distribution:
        return dist.Logistic(logits / temperature, 1 / temperature).to_event(1)

    def guide(x: jax.Array) -> None:
        params = params_of("posterior")
        with numpyro.plate("images", job.batch_size):
            below = x
            for i in range(1, num_layers + 1):
                logits = function(params, f"posterior_{i}", below)
                node = numpyro.sample(
                    f"node_{i}", relaxed(logits, job.posterior_temperature)
                )
                below = jnp.tanh(node / 2)

    def model(x: jax.Array) -> None:
        params = params_of("prior", "likelihood")
        with numpyro.plate("images", job.batch_size):
            logits = params[f"prior_{num_layers}/logits"]
            for i in range(num_layers, 0, -1):
                node = numpyro.sample(f"node_{i}", relaxed(logits, job.prior_temperature))
                name = f"prior_{i - 1}" if i > 1 else "likelihood"
                logits = function(params, name, jnp.tanh(node / 2))
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    images = jnp.asarray(job.load_data())
    if job.num_samples == 1:
        loss = Trace_ELBO()
    else:
        loss = RenyiELBO(alpha=0, num_particles=job.num_samples)
    # NumPyro sums over the images, where we take the mean: the same step if epsilon does.
    optimizer = optax.adam(job.learning_rate, eps=job.epsilon * job.batch_size)
    svi = SVI(model, guide, optimizer, loss)
    key = jax.random.key(job.seed)
    state = svi.init(key, jnp.zeros((job.batch_size, job.visible_units)))

    def step(state: Any, key: jax.Array) -> Any:
        rows = jax.random.randint(key, (job.batch_size,), 0, len(images))
        state, loss = svi.update(state, images[rows].astype(jnp.float32))
        return state, -loss / job.batch_size

    @partial(jax.jit, static_argnums=2)
    def run_steps(state: Any, key: jax.Array, num_steps: int) -> Any:
        return jax.lax.scan(step, state, jax.random.split(key, num_steps))

    def run(num_steps: int) -> np.ndarray:
        nonlocal state, key
        key, run_key = jax.random.split(key)
        state, values = run_steps(state, run_key, num_steps)
        return np.asarray(values)

    return run


if __name__ == "__main__":
    serve(make, ["numpyro", "jax", "jaxlib", "optax", "numpy"])
