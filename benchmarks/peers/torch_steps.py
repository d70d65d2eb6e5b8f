"""PyTorch by hand, eager or compiled, with the fused Adam.

As in the JAX contestant log q of the network's own draws comes from the noise.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import linear, softplus

from benchmarks.peers.serving import Job, serve

Params = dict[str, torch.nn.Parameter]


def load_params(job: Job) -> Params:
    """Initial weights, kernels transposed as `torch.nn.Linear` keeps them."""
    params = {}
    for name, value in job.load_weights().items():
        value = value.T if value.ndim == 2 else value
        params[name] = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(value)))
    return params


def function(params: Params, name: str, x: torch.Tensor) -> torch.Tensor:
    """Two tanh layers and an affine map."""
    for layer in ("tanh_1", "tanh_2"):
        x = torch.tanh(_affine(params, f"{name}_{layer}", x))
    return _affine(params, f"{name}_logits", x)


def _affine(params: Params, name: str, x: torch.Tensor) -> torch.Tensor:
    return linear(x, params[f"{name}/kernel"], params[f"{name}/bias"])


def mean_bound(job: Job, params: Params, x: torch.Tensor) -> torch.Tensor:
    """The mean bound of a batch."""
    num_layers = len(job.latent_units)
    prior, posterior = job.prior_temperature, job.posterior_temperature
    shape = (job.batch_size, job.num_samples)
    below, nodes, codes, log_posterior = x, [], [], 0.0
    for i, units in enumerate(job.latent_units, start=1):
        logits = function(params, f"posterior_{i}", below)
        if i == 1:
            logits = logits[:, None]
        uniform = torch.rand(*shape, units, device=x.device).clamp_min(2.0**-25)
        log_u, log_not_u = torch.log(uniform), torch.log1p(-uniform)
        node = (logits + (log_u - log_not_u)) / posterior
        below = torch.tanh(node / 2)
        nodes.append(node)
        codes.append(below)
        log_posterior = log_posterior + (
            (log_u + log_not_u).sum(-1) + units * math.log(posterior)
        )
    logits = function(params, "likelihood", codes[0])
    log_joint = (x[:, None] * logits - softplus(logits)).sum(-1)
    for i, node in enumerate(nodes, start=1):
        if i < num_layers:
            logits = function(params, f"prior_{i}", codes[i])
        else:
            logits = params[f"prior_{i}/logits"]
        noise = logits - prior * node
        log_joint = log_joint + (noise - 2 * softplus(noise) + math.log(prior)).sum(-1)
    bounds = torch.logsumexp(log_joint - log_posterior, 1) - math.log(job.num_samples)
    return bounds.mean()


def make(job: Job) -> Callable[[int], np.ndarray]:
    """Sets model and optimizer up."""
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    # Wherever PyTorch's default device is: a GPU, in benchmarks.gpu.
    images = torch.asarray(job.load_data(), device=torch.get_default_device())
    params = load_params(job)
    optimizer = torch.optim.Adam(
        params.values(), job.learning_rate, eps=job.epsilon, fused=True
    )

    def loss_of(x: torch.Tensor) -> torch.Tensor:
        return -mean_bound(job, params, x)

    loss_fn = torch.compile(loss_of) if job.options.get("compile") else loss_of

    def run(num_steps: int) -> np.ndarray:
        values = torch.empty(num_steps)
        for step in range(num_steps):
            rows = torch.randint(len(images), (job.batch_size,))
            loss = loss_fn(images[rows].float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            values[step] = -loss.detach()
        return values.cpu().numpy()

    return run


if __name__ == "__main__":
    serve(make, ["torch", "numpy"])
