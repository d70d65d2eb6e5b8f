"""Log-densities and log-masses in arithmetic of 60 digits, one number at a time.

Each returns the terms whose sum it is, so that a test may know the largest of them. For
units of n states the terms of all states are among them.
"""

import mpmath

mp = mpmath.mp.clone()
mp.dps = 60


def numbers(*values):
    """Exactly the numbers that float32 arrays hold."""
    exact = [
        [mp.mpf(float(v)) for v in value] if value.ndim else mp.mpf(float(value))
        for value in values
    ]
    return exact[0] if len(exact) == 1 else exact


def log_sum(terms):
    return mp.log(mp.fsum(mp.exp(term) for term in terms))


def gumbel(g):
    return [-g, -mp.exp(-g)]


def logistic(x):
    return [-x, -2 * log_sum([mp.mpf(0), -x])]


def node_of_two(y, logit, t):
    """Row 3 of table 3, the Logistic with parameters."""
    return [mp.log(t), logit, -t * y, -2 * log_sum([mp.mpf(0), logit - t * y])]


def bernoulli(x, logit):
    return [x * logit, -log_sum([mp.mpf(0), logit])]


def state_of_two(x, logit, t):
    """Equation 17."""
    log_x, log_rest = mp.log(x), mp.log(1 - x)
    both = log_sum([logit - t * log_x, -t * log_rest])
    return [mp.log(t), logit, -(t + 1) * log_x, -(t + 1) * log_rest, -2 * both]


def discrete(k, logits):
    return [logits[k], -log_sum(logits)]


def node(y, logits, t):
    """Row 8, the ExpConcrete."""
    n = len(logits)
    both = log_sum([a - t * b for a, b in zip(logits, y, strict=True)])
    terms = [mp.log(mp.factorial(n - 1)), (n - 1) * mp.log(t), -n * both]
    return terms + logits + [-t * b for b in y]


def state(x, logits, t):
    """Equation 11."""
    n, log_x = len(logits), [mp.log(a) for a in x]
    both = log_sum([a - t * b for a, b in zip(logits, log_x, strict=True)])
    terms = [mp.log(mp.factorial(n - 1)), (n - 1) * mp.log(t), -n * both]
    return terms + logits + [-(t + 1) * b for b in log_x]


def relocated_normal(y, logit, t):
    """Appendix B with normal noise; the terms are those of the square, multiplied out."""
    logit = max(min(logit, mp.mpf(80)), mp.mpf(-80))  # As it is documented.
    tail = 1 / (1 + mp.exp(abs(logit)))
    shift = mp.sign(logit) * mp.sqrt(2) * mp.erfinv(1 - 2 * tail)
    constants = [mp.log(t), -mp.log(2 * mp.pi) / 2]
    return [*constants, -((t * y) ** 2) / 2, t * y * shift, -(shift**2) / 2]


def logistic_normal(y, logits, t):
    """The last two cancel: what the square of the largest noise multiplies out to."""
    n = len(logits)
    noise = [t * a - b for a, b in zip(y, logits, strict=True)]
    mean = mp.fsum(noise) / n
    noise = [value - mean for value in noise]
    square = mp.fsum(value**2 for value in noise) / 2
    product = max(map(abs, noise)) * max(map(abs, [t * a for a in y] + logits))
    constant = (n - 1) * mp.log(t / mp.sqrt(2 * mp.pi))
    return [constant, -mp.log(n) / 2, -square, product, -product]
