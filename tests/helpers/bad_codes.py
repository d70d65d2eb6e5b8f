"""Cases of bad arguments of KL terms, codebooks and discrete states, and the answers."""

import keras
import numpy as np

import keras_concrete as kc

X = np.zeros((3, 4, 5), "float32")


def sampler(**kwargs):
    return kc.BinaryConcreteSample(0.5, prior="uniform", **kwargs)


def kl(**kwargs):
    return kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5, **kwargs)


def codebook(num_codes=4, dim=5, sampler=None, **kwargs):
    return kc.CategoricalCodebook(num_codes, dim, sampler, **kwargs)


def cell(**kwargs):
    return kc.DiscreteStateCell(3, 2, 4, **kwargs)


def reset(*layers, **settings):
    callback, model = (
        kc.ResetDeadCodes(),
        keras.Sequential([keras.Input((4, 5)), *layers]),
    )
    model.compile(keras.optimizers.Adam(**settings), "mse")
    callback.set_model(model)
    callback.on_train_begin()


class Nameless(kc.estimators.RelaxedEstimator):
    pass


BAD_CODES = {
    # KL terms
    "balance 1": (
        lambda: sampler(kl_balance=1.0),
        "`kl_balance` must be .*kl_balance=1.0",
    ),
    "balance 0": (
        lambda: sampler(kl_balance=0),
        "`kl_balance` must be .*above 0 and below 1. Received: kl_balance=0",
    ),
    "free nats below 0": (lambda: sampler(free_nats=-1), "`free_nats` must be a number"),
    "an objective that there is not": (
        lambda: sampler(kl_objective="closed"),
        "`kl_objective` must be one of 'relaxed', 'relaxed_mass', 'analytic'",
    ),
    "an objective of another estimator": (
        lambda: sampler(kl_objective="relaxed_mass", estimator="reinmax"),
        "`kl_objective` must be 'relaxed' or 'analytic' with estimator='reinmax'",
    ),
    "balance without a loss": (
        lambda: kl(balance=0.5),
        "of no use without `loss_weight`",
    ),
    "free nats without a loss": (lambda: kl(free_nats=1), "no use without `loss_weight`"),
    "balance without a prior": (
        lambda: kc.ConcreteSample(1.0, kl_balance=0.5),
        "`kl_balance` is of no use without `prior`.*kl_balance=0.5",
    ),
    "an objective without a prior": (
        lambda: kc.ConcreteSample(1.0, kl_objective="analytic"),
        "`kl_objective` is of no use without `prior`.*kl_objective='analytic'",
    ),
    "a mask of too many axes": (
        lambda: kc.ConcreteLogProb(0.5, estimator="concrete")(
            X, X, logits_mask=np.ones((3, 4, 5, 1), bool)
        ),
        "first axes of examples and units, such as",
    ),
    "a balance with a prior that does not train": (
        lambda: sampler(kl_balance=0.5),
        "`kl_balance` is of no use with prior='uniform'.*kl_balance=0.5",
    ),
    # codebooks
    **{
        f"codes by {name}": (
            lambda name=name: codebook(sampler=kc.ConcreteSample(1.0, 2, estimator=name)),
            f"`sampler` must not .* adds rows.*estimator='{name}'",
        )
        for name in ("concrete_dreg", "muprop", "rebar")
    },
    "one code": (lambda: codebook(1), "`num_codes` must be 2 or more.*num_codes=1"),
    "codes of size 0": (lambda: codebook(dim=0), "`dim` must be a positive integer"),
    "codes of binary units": (
        lambda: codebook(sampler=kc.BinaryConcreteSample(0.5)),
        "`sampler` must be a ConcreteSample",
    ),
    "vectors of another size": (
        lambda: codebook(dim=3)(X),
        r"expects vectors of shape \(batch, \*positions, 3\).*\(3, 4, 5\)",
    ),
    "logits of another size": (
        lambda: codebook(from_logits=True)(X),
        r"expects logits of shape \(batch, \*positions, 4\)",
    ),
    "no level": (lambda: kc.ResidualCodebook([]), "`codebooks` must hold a codebook"),
    "a level of another layer": (
        lambda: kc.ResidualCodebook([codebook(), keras.layers.Dense(3)]),
        r"must hold layers CategoricalCodebook. Received: codebooks\[1\]",
    ),
    "a level of logits": (
        lambda: kc.ResidualCodebook([codebook(), codebook(from_logits=True)]),
        r"codebooks\[1\] with from_logits=True",
    ),
    "levels of two sizes": (
        lambda: kc.ResidualCodebook([codebook(), codebook(dim=2)]),
        "dim=2 beside dim=5",
    ),
    "dead codes of logits": (
        lambda: reset(keras.layers.Dense(4), codebook(from_logits=True)),
        "ResetDeadCodes needs a CategoricalCodebook with from_logits=False",
    ),
    "codes that averages bring back": (
        lambda: reset(codebook(), use_ema=True, ema_overwrite_frequency=5),
        "compile with ema_overwrite_frequency=None. Received: .*=5",
    ),
    # discrete states
    **{
        f"states by {name}": (
            lambda name=name: cell(estimator=name),
            f"`estimator` must be .*'reinmax'.*estimator='{name}'",
        )
        for name in ("vimco", "rebar", "concrete", "gaussian")
    },
    "nothing but noise": (lambda: cell(unimix=1.0), "`unimix` must be a share"),
    "a weight of 0": (
        lambda: cell(dynamics_weight=0.0),
        "`dynamics_weight` must be a positive number",
    ),
    "half an action": (lambda: cell(action_size=0.5), "must be an integer from 0 upward"),
    "one state": (
        lambda: kc.DiscreteStateCell(3, num_states=1),
        "`num_states` must be an integer, 2",
    ),
    "nothing but an action": (
        lambda: cell(action_size=5).build((3, 5)),
        "an observation and an action of 5 features",
    ),
    "an action too few": (lambda: cell(action_size=2).imagine([]), "without `action`"),
    "states without weights": (lambda: cell().imagine([]), "has no weights yet"),
    "another cell": (
        lambda: kc.DiscreteStateRNN(keras.layers.GRUCell(3)),
        "`cell` must be a DiscreteStateCell",
    ),
    # shapes
    "a codebook for its list": (
        lambda: kc.ResidualCodebook(codebook()),
        "`codebooks` must be a list with a codebook for each level. Received: ",
    ),
    "a number for states": (
        lambda: kc.HypercubeCode(4)(np.zeros(())),
        r"expects states of shape \(batch, ..., units, 4\). Received: \(\)",
    ),
    "states of four for those of two": (
        lambda: kc.HypercubeCode()(kc.ConcreteSample(1.0, name="quaternary")(X[..., :4])),
        "for units of num_states=2, but 'quaternary' draws .*: pass num_states=4",
    ),
    "observations of unknown size": (
        lambda: cell().build((None, None)),
        r"expects inputs of an observation .*Received: inputs.shape=\(None, None\)",
    ),
    "conditions of unknown size": (
        lambda: kc.MultiSampleBound("nvil").build((3, 1), (3, 1), [(3, None)]),
        r"'nvil' has a network .* use 'vimco'. Received: .* shape \(3, None\)",
    ),
    "half a seed of a bound": (
        lambda: kc.MultiSampleBound("nvil", seed=3.7),
        "`seed` must be an integer.*3.7",
    ),
    "an estimator without a name": (
        lambda: kc.estimators.register(Nameless()),
        "Nameless needs an attribute `name`",
    ),
}
