"""Discrete latent variables that Keras users can train with `model.fit`."""

import importlib
from typing import TYPE_CHECKING, Any

from keras_concrete import estimators
from keras_concrete.datasets import Dataset, DatasetUnavailableError, load_dataset
from keras_concrete.images import smoothed_mean
from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.layers import (
    BernoulliLogLikelihood,
    BinaryConcreteSample,
    CategoricalCodebook,
    Centering,
    ConcreteLogProb,
    ConcreteSample,
    DiscreteStateCell,
    DiscreteStateRNN,
    HardConcrete,
    HypercubeCode,
    LearnedLogits,
    MultiSampleBound,
    PerturbedArgmax,
    RelaxedKL,
    ResidualCodebook,
    StateMask,
    SubsetSample,
)
from keras_concrete.losses import NegativeBound
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.pretrained import ModelCard, load_pretrained, model_card
from keras_concrete.schedules import ExponentialAnnealing
from keras_concrete.shrinking import shrink
from keras_concrete.temperatures import TemperatureAdvice, suggest_temperature

if TYPE_CHECKING:
    from keras_concrete import distributions
    from keras_concrete.auditing import Finding, audit
    from keras_concrete.callbacks import (
        GradientVariance,
        ImageGrids,
        IntegralityGap,
        LearnedTemperature,
        ResetDeadCodes,
        TemperatureLog,
    )
    from keras_concrete.evaluation import BoundEstimate, evaluate_bound
    from keras_concrete.exact import exact_bound
    from keras_concrete.gradients import (
        GradientReport,
        GradientRow,
        gradient_report,
    )
    from keras_concrete.serving import export_onnx, export_saved_model

__version__ = "0.2.0"

__all__ = [
    "BernoulliLogLikelihood",
    "BinaryConcreteSample",
    "BoundEstimate",
    "CategoricalCodebook",
    "Centering",
    "ConcreteLogProb",
    "ConcreteSample",
    "Dataset",
    "DatasetUnavailableError",
    "DiscreteStateCell",
    "DiscreteStateRNN",
    "ExponentialAnnealing",
    "Finding",
    "GradientReport",
    "GradientRow",
    "GradientVariance",
    "HardConcrete",
    "HypercubeCode",
    "ImageGrids",
    "IntegralityGap",
    "LatentVariableModel",
    "LearnedLogits",
    "LearnedTemperature",
    "ModelCard",
    "MultiSampleBound",
    "NegativeBound",
    "PerturbedArgmax",
    "RelaxedKL",
    "ResetDeadCodes",
    "ResidualCodebook",
    "SigmoidBeliefNetwork",
    "StateMask",
    "SubsetSample",
    "TemperatureAdvice",
    "TemperatureLog",
    "audit",
    "distributions",
    "estimators",
    "evaluate_bound",
    "exact_bound",
    "export_onnx",
    "export_saved_model",
    "gradient_report",
    "load_dataset",
    "load_pretrained",
    "model_card",
    "shrink",
    "smoothed_mean",
    "suggest_temperature",
]

# Imported when first used: `import keras_concrete` is to be quick.
_ON_USE = {
    "BoundEstimate": "keras_concrete.evaluation",
    "Finding": "keras_concrete.auditing",
    "GradientReport": "keras_concrete.gradients",
    "GradientRow": "keras_concrete.gradients",
    "GradientVariance": "keras_concrete.callbacks",
    "ImageGrids": "keras_concrete.callbacks",
    "IntegralityGap": "keras_concrete.callbacks",
    "LearnedTemperature": "keras_concrete.callbacks",
    "ResetDeadCodes": "keras_concrete.callbacks",
    "TemperatureLog": "keras_concrete.callbacks",
    "audit": "keras_concrete.auditing",
    "evaluate_bound": "keras_concrete.evaluation",
    "exact_bound": "keras_concrete.exact",
    "gradient_report": "keras_concrete.gradients",
    "export_onnx": "keras_concrete.serving",
    "export_saved_model": "keras_concrete.serving",
    "distributions": None,
}


def __getattr__(name: str) -> Any:
    if name not in _ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _ON_USE[name]
    if module is None:
        value: Any = importlib.import_module(f"{__name__}.{name}")
    else:
        value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value
