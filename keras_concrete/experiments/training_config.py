"""All settings of a training run, checked before it begins."""

from dataclasses import dataclass

from keras_concrete import datasets, estimators
from keras_concrete.checks import check_choice, check_flag, check_positive, check_seed
from keras_concrete.networks.notation import parse_architecture

__all__ = ["TrainingConfig"]


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
        centering: As in `SigmoidBeliefNetwork`.
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
            what the paper did: with estimators that do not differentiate through the
            states.
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
    centering: bool = True
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
        if self.steps_per_epoch is not None:
            check_positive("steps_per_epoch", self.steps_per_epoch, int)
        for name in ("prior_temperature", "posterior_temperature"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        for name in ("centering", "restore_best_weights"):
            if getattr(self, name) is not None:
                check_flag(name, getattr(self, name))
        check_positive("learning_rate", self.learning_rate)
        check_choice(
            "learning_rate_schedule", self.learning_rate_schedule, ("cosine", "constant")
        )
        if self.weight_decay != 0.0:
            check_positive("weight_decay", self.weight_decay)
        check_choice("data", self.data, datasets.DATASETS)
        check_seed(self.seed)
        estimators.get(self.estimator, binary=self.arity == 2)

    def num_steps(self, num_images: int) -> int:
        """Number of steps of an epoch on that many training images."""
        return self.steps_per_epoch or num_images // self.batch_size

    @property
    def keeps_best(self) -> bool:
        """Whether the run ends with its best weights, not with its last."""
        if self.restore_best_weights is None:
            return not estimators.get(self.estimator).pathwise
        return self.restore_best_weights
