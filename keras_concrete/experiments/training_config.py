"""All settings of a training run, checked before it begins."""

from dataclasses import dataclass, replace

from keras_concrete import datasets, estimators
from keras_concrete.checks import (
    check_choice,
    check_flag,
    check_not_negative,
    check_positive,
    check_seed,
)
from keras_concrete.networks.notation import parse_architecture

__all__ = ["TrainingConfig"]

# Equations 21 and 22 overfit to what is no KL, so "one should early stop" (section C.2).
_STOP_EARLY = ("gumbel_softmax", "concrete_analytic_kl")


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a run.

    Attributes:
        architecture: The network, in the paper's notation. A conditional network, such
            as `392V-240H-392V`, predicts the last pixels of an image from the first.
        data: Name of the data set.
        arity: Number of states of a latent unit.
        num_samples: Number of samples m of the bound in training.
        estimator: Name of the gradient estimator.
        prior_temperature: As in `SigmoidBeliefNetwork`.
        posterior_temperature: As in `SigmoidBeliefNetwork`.
        temperature_decay_rate: Factor by which both temperatures have changed at the
            last step, exponentially (Keras's `ExponentialDecay`); 1 for constant ones.
        first_estimator: Estimator of the first half of the epochs, or None. The network
            then goes on by `estimator`, with its weights, its noise and the state of its
            optimizer.
        first_temperature: Posterior temperature of that half; None for
            `posterior_temperature`.
        centering: As in `SigmoidBeliefNetwork`.
        encoder_units: As in `SigmoidBeliefNetwork`.
        epochs: Number of epochs: after each the network is validated and saved.
        steps_per_epoch: Steps of an epoch; None for one pass through the training
            images.
        batch_size: Images in a batch.
        learning_rate: First learning rate of Adam.
        learning_rate_schedule: `"cosine"` for a decay to 0 along a half cosine, or
            `"constant"`.
        weight_decay: Factor d of the term d / 2 * (sum of all squared kernel weights),
            added to the loss: L2 regularisation, the meaning of weight decay in 2017,
            and not the decoupled one of AdamW.
        restore_best_weights: Whether the run ends with the weights of the epoch whose
            validation bound was the best (early stopping), and not the last; None for
            where the paper says so: with estimators that do not differentiate through
            the states (D.5), and with those of equations 21 and 22 (C.2); with
            `concrete_dreg` too.
        evaluation_samples: Number of samples K of the closing NLL.
        seed: Integer for weights, noise and the order of the data.
    """

    architecture: str = "200H~784V"
    data: str = "mnist5k"
    arity: int = 2
    num_samples: int = 5
    estimator: str = "concrete"
    prior_temperature: float | None = None
    posterior_temperature: float | None = None
    temperature_decay_rate: float = 1.0
    first_estimator: str | None = None
    first_temperature: float | None = None
    centering: bool = True
    encoder_units: int | None = None
    epochs: int = 150
    steps_per_epoch: int | None = None
    batch_size: int = 64
    learning_rate: float = 2e-3
    learning_rate_schedule: str = "cosine"
    weight_decay: float = 0.0
    restore_best_weights: bool | None = None
    evaluation_samples: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that would fail later."""
        parse_architecture(self.architecture)
        for name in "arity num_samples epochs batch_size evaluation_samples".split():
            check_positive(name, getattr(self, name), int)
        for name in ("steps_per_epoch", "encoder_units"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), int)
        for name in ("prior_temperature", "posterior_temperature", "first_temperature"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        for name in ("centering", "restore_best_weights"):
            if getattr(self, name) is not None:
                check_flag(name, getattr(self, name))
        check_positive("temperature_decay_rate", self.temperature_decay_rate)
        check_positive("learning_rate", self.learning_rate)
        check_choice(
            "learning_rate_schedule", self.learning_rate_schedule, ("cosine", "constant")
        )
        check_not_negative("weight_decay", self.weight_decay)
        check_choice("data", self.data, datasets.DATASETS)
        check_seed(self.seed)
        estimators.get(self.estimator, binary=self.arity == 2)
        self._check_first()

    def _check_first(self) -> None:
        """Refuses a first half that cannot be, or whose network is another."""
        name, is_binary = self.first_estimator, self.arity == 2
        if name is None:
            if self.first_temperature is not None:
                raise ValueError(
                    "Argument `first_temperature` is that of `first_estimator`, which is "
                    f"None. Received: first_temperature={self.first_temperature!r}"
                )
            return
        both = (estimators.get(name, is_binary), estimators.get(self.estimator))
        if name == self.estimator or not all(each.pathwise for each in both):
            raise ValueError(
                "Arguments `first_estimator` and `estimator` must be two, both with "
                "gradients through the states, such as 'gumbel_softmax' and 'concrete'. "
                f"Received: first_estimator={name!r}, estimator={self.estimator!r}"
            )
        if self.temperature_decay_rate != 1.0:
            raise ValueError(
                "With `first_estimator`, whose half has a temperature of its own, "
                "argument `temperature_decay_rate` must be 1. Received: "
                f"temperature_decay_rate={self.temperature_decay_rate!r}"
            )
        if self.epochs == 1:
            raise ValueError(
                "One epoch has no first half: with `first_estimator`, argument `epochs` "
                "must be 2 or more. Received: epochs=1"
            )

    @property
    def first_epochs(self) -> int:
        """Epochs by the first estimator."""
        return 0 if self.first_estimator is None else self.epochs // 2

    def of_epoch(self, epoch: int) -> "TrainingConfig":
        """The settings, with the estimator and temperature of an epoch.

        Args:
            epoch: Number of the epoch, from 0.
        """
        if self.first_estimator is None or epoch >= self.first_epochs:
            return self
        return replace(
            self,
            estimator=self.first_estimator,
            posterior_temperature=self.first_temperature or self.posterior_temperature,
            first_estimator=None,
            first_temperature=None,
        )

    def num_steps(self, num_images: int) -> int:
        """Number of steps of an epoch on that many training images."""
        return self.steps_per_epoch or num_images // self.batch_size

    @property
    def keeps_best(self) -> bool:
        """Whether the run ends with its best weights, not with its last."""
        if self.restore_best_weights is None:
            is_pathwise = estimators.get(self.estimator).pathwise
            return not is_pathwise or self.estimator in _STOP_EARLY
        return self.restore_best_weights
