"""Pyro: its ELBOs over vectorised particles, with PyTorch's fused Adam.

Pyro's own optimizers keep one PyTorch optimizer for each tensor; stepping PyTorch's
directly, as Pyro's guides show, is faster.
"""

from collections.abc import Callable

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import RenyiELBO, Trace_ELBO

from benchmarks.peers.serving import Job, serve
from benchmarks.peers.torch_steps import function, load_params


def make(job: Job) -> Callable[[int], np.ndarray]:
    """Sets model, guide and optimizer up."""
    torch.set_num_threads(job.threads)
    pyro.set_rng_seed(job.seed)
    pyro.enable_validation(False)
    num_layers = len(job.latent_units)
    params = load_params(job)

    def relaxed(logits: torch.Tensor, temperature: float) -> dist.TorchDistribution:
        # Pyro has no relaxed Bernoulli in logit space: this is it.
        scale = torch.full((), 1 / temperature)
        return dist.Logistic(logits / temperature, scale).to_event(1)

    module = torch.nn.ParameterList(params.values())

    def guide(x: torch.Tensor) -> None:
        pyro.module("network", module)
        with pyro.plate("images", job.batch_size):
            below = x
            for i in range(1, num_layers + 1):
                logits = function(params, f"posterior_{i}", below)
                node = pyro.sample(
                    f"node_{i}", relaxed(logits, job.posterior_temperature)
                )
                below = torch.tanh(node / 2)

    def model(x: torch.Tensor) -> None:
        with pyro.plate("images", job.batch_size):
            logits = params[f"prior_{num_layers}/logits"]
            for i in range(num_layers, 0, -1):
                node = pyro.sample(f"node_{i}", relaxed(logits, job.prior_temperature))
                name = f"prior_{i - 1}" if i > 1 else "likelihood"
                logits = function(params, name, torch.tanh(node / 2))
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    images = torch.from_numpy(job.load_data())
    if job.num_samples == 1:
        elbo = Trace_ELBO()
    else:
        elbo = RenyiELBO(
            alpha=0,
            num_particles=job.num_samples,
            vectorize_particles=True,
            max_plate_nesting=1,
        )
    # Pyro sums over the images, where we take the mean: the same step if epsilon follows.
    epsilon = job.epsilon * job.batch_size
    optimizer = torch.optim.Adam(
        params.values(), job.learning_rate, eps=epsilon, fused=True
    )

    def run(num_steps: int) -> list[float]:
        values = []
        for _ in range(num_steps):
            rows = torch.randint(len(images), (job.batch_size,))
            optimizer.zero_grad(set_to_none=True)
            loss = elbo.loss_and_grads(model, guide, images[rows].float())
            optimizer.step()
            values.append(-loss / job.batch_size)
        return values

    return run


if __name__ == "__main__":
    serve(make, ["pyro-ppl", "torch", "numpy"])
