"""The estimator is named once, in the sampler: scores and bound follow, or refuse."""

import keras
import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete.layers.origin import note_origin, origins

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).integers(0, 2, (16, 6)).astype("float32")


def dense(units, name):
    start = keras.initializers.GlorotUniform(seed=1)
    return keras.layers.Dense(units, kernel_initializer=start, name=name)


class Parts:
    """The layers of a model that ends in its bound."""

    def __init__(self, estimator, everywhere):
        named = {"estimator": estimator} if everywhere else {}
        samples = None if estimator == "nvil" else 3
        axis = {"sample_axis": samples is not None}
        self.q, self.p = dense(4, "q"), dense(6, "p")
        self.sample = kc.BinaryConcreteSample(
            2 / 3, samples, return_node=True, estimator=estimator, seed=0
        )
        self.code, self.prior = kc.HypercubeCode(), kc.LearnedLogits(4)
        self.log_q = kc.ConcreteLogProb(2 / 3, **named, **axis)
        self.log_p = kc.ConcreteLogProb(1 / 2, **named, **axis)
        self.log_x = kc.BernoulliLogLikelihood(**axis)
        self.bound = kc.MultiSampleBound(**named, seed=0)

    def __call__(self, x, training=None):
        how = {"training": training}
        logits = self.q(x)
        state, node = self.sample(logits, **how)
        log_joint = [
            self.log_x(x, self.p(self.code(state))),
            self.log_p(node, self.prior(x), logits, **how),
        ]
        log_posterior = [self.log_q(node, logits, **how)]
        return self.bound(log_joint, log_posterior, [x], **how)


@keras.saving.register_keras_serializable("test_origin")
class Subclassed(keras.Model):
    def __init__(self, estimator, everywhere, **kwargs):
        super().__init__(**kwargs)
        self.arguments = {"estimator": estimator, "everywhere": everywhere}
        parts = Parts(**self.arguments)
        self.parts = list(vars(parts).values())  # Keras tracks a list of layers.
        self._run = parts.__call__

    def call(self, x, training=None):
        return self._run(x, training)

    def build(self, input_shape):
        self.call(keras.KerasTensor(input_shape))

    def get_config(self):
        return {**super().get_config(), **self.arguments}


def functional(estimator, everywhere):
    x = keras.Input((6,))
    return keras.Model(x, Parts(estimator, everywhere)(x))


def losses_of(model):
    model.compile(keras.optimizers.SGD(0.1), loss=kc.NegativeBound(), run_eagerly=False)
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    return model.fit(X, X, **options).history["loss"]


@pytest.mark.parametrize("make", [functional, Subclassed])
@pytest.mark.parametrize("estimator", ["concrete", "vimco", "nvil", "gumbel_softmax"])
def test_named_once_and_named_everywhere_a_model_trains_the_same(make, estimator):
    once, everywhere = (losses_of(make(estimator, named)) for named in (False, True))
    assert once == everywhere
    assert len(set(once)) == 2


def test_the_estimator_that_is_named_once_is_the_one_that_trains():
    """Were it dropped, two estimators would have the same losses."""
    names = ("concrete", "gumbel_softmax", "concrete_analytic_kl", "vimco")
    found = {tuple(losses_of(functional(name, False))) for name in names}
    assert len(found) == len(names)


@pytest.mark.parametrize("make", [functional, Subclassed])
@pytest.mark.parametrize("estimator", ["vimco", "nvil"])
def test_a_loaded_model_still_follows(make, estimator, tmp_path):
    model = make(estimator, everywhere=False)
    model.build((None, 6))
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert losses_of(revived) == losses_of(model)
    if make is functional:
        kinds = (kc.ConcreteLogProb, kc.MultiSampleBound)
        followers = [layer for layer in revived.layers if isinstance(layer, kinds)]
        assert [layer.estimator for layer in followers] == [estimator] * 3


def sampled(estimator="concrete", **kwargs):
    sampler = kc.BinaryConcreteSample(
        0.5, return_node=True, estimator=estimator, name="latent", **kwargs
    )
    logits = np.ones((3, 4), "float32")
    return sampler(logits)[1], logits


def kl(**kwargs):
    return kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5, **kwargs)


def scored(by="concrete", **kwargs):
    node, logits = sampled(by)
    return kc.ConcreteLogProb(0.5, **kwargs)(node, logits)


REFUSED = {
    "a density for another": (
        lambda: scored("vimco", estimator="concrete"),
        "for the estimator 'concrete', but 'latent' draws by 'vimco'.*leave it out here",
    ),
    "a KL for another": (
        lambda: kl(estimator="concrete")(
            sampled("gumbel_softmax")[0], *[np.ones((3, 4))] * 2
        ),
        "for the estimator 'concrete', but 'latent' draws by 'gumbel_softmax'",
    ),
    "a bound for another": (
        lambda: kc.MultiSampleBound("reinforce")(np.zeros(3), scored()),
        "for the estimator 'reinforce', but 'latent' draws by 'concrete'",
    ),
    "a bound of two": (
        lambda: kc.MultiSampleBound()(np.zeros(3), [scored("vimco"), scored()]),
        "for the estimator 'vimco', but 'latent' draws by 'concrete'",
    ),
    "a KL that follows what it cannot train": (
        lambda: kl()(sampled("vimco")[0], *[np.ones((3, 4))] * 2),
        "The estimator 'vimco' has its gradient from the bound",
    ),
    "an objective that does not suit what is followed": (
        lambda: kl(objective="relaxed_mass")(
            sampled("straight_through")[0], *[np.ones((3, 4))] * 2
        ),
        "`objective` must be 'relaxed' or 'analytic' with estimator='straight_through'",
    ),
    "a density of a bare array": (
        lambda: kc.ConcreteLogProb(0.5)(np.ones((3, 4)), np.ones((3, 4))),
        "cannot tell which estimator .* pass `estimator`, the sampler's",
    ),
    "a KL of a bare array": (
        lambda: kl()(*[np.ones((3, 4))] * 3),
        "cannot tell which estimator .* pass `estimator`, the sampler's",
    ),
    "a bound of bare arrays": (
        lambda: kc.MultiSampleBound()(np.zeros(3), np.zeros(3)),
        "cannot tell which estimator .* pass `estimator`, the sampler's",
    ),
    "a second call by another": (
        lambda: [
            layer(*sampled(name))
            for layer in [kc.ConcreteLogProb(0.5)]
            for name in ("concrete", "vimco")
        ],
        "for the estimator 'concrete', but 'latent' draws by 'vimco'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_agree_or_is_not_known_is_refused(case):
    do, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        do()


@pytest.mark.parametrize("symbolic", [False, True])
def test_behind_another_layer_the_score_asks_for_the_name(symbolic):
    x = keras.Input((8,)) if symbolic else np.ones((3, 8), "float32")
    _, node = kc.BinaryConcreteSample(0.5, return_node=True)(x)
    grid = keras.layers.Reshape((2, 4))(node)
    logits = keras.layers.Reshape((2, 4))(x)
    with pytest.raises(ValueError, match=r"pass `estimator`.*estimator='concrete'"):
        kc.ConcreteLogProb(0.5)(grid, logits)
    score = kc.ConcreteLogProb(0.5, estimator="concrete")(grid, logits)
    assert score.shape[1:] == ()


def test_the_note_is_on_all_that_a_sampler_returns_and_passes_through_scores():
    sampler = kc.ConcreteSample(
        0.5, 3, return_node=True, estimator="vimco", name="latent"
    )
    logits = np.zeros((2, 3, 4), "float32")
    for inputs in (logits, keras.Input((3, 4))):
        state, node = sampler(inputs)
        score = kc.ConcreteLogProb(0.5, 4, sample_axis=True)(node, inputs)
        for tensor in (state, node, score):
            [origin] = origins(tensor)
            assert (origin.layer, origin.estimator) == ("latent", "vimco")
            assert (origin.num_states, origin.has_samples) == (4, True)
    assert origins([logits, [logits]]) == []
    note_origin(logits, origin)  # NumPy's arrays take no notes, and that is all.
    assert origins(logits) == []


def test_a_mixture_of_binary_and_categorical_latents_has_one_estimator():
    x = keras.Input((4,))
    _, binary = kc.BinaryConcreteSample(0.5, return_node=True, name="binary")(x)
    _, one_hot = kc.ConcreteSample(0.5, return_node=True, name="one_hot")(x)
    scores = [
        kc.ConcreteLogProb(0.5)(binary, x),
        kc.ConcreteLogProb(0.5, num_states=4)(one_hot, x),
    ]
    assert kc.MultiSampleBound()(scores, scores).shape == (None,)
