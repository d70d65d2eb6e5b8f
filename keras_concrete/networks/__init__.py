"""The Keras layers of a belief network, and the passes through them.

Latent layers are counted from the image upward. All networks read codes in {-1, 1}.
"""

from keras_concrete.networks.density import DensityNetwork
from keras_concrete.networks.layer_maker import LayerMaker
from keras_concrete.networks.notation import Architecture
from keras_concrete.networks.prediction import PredictionNetwork

__all__ = ["DensityNetwork", "LayerMaker", "PredictionNetwork", "network_class"]


def network_class(architecture: Architecture) -> type[DensityNetwork | PredictionNetwork]:
    """The form of network that the notation asks for."""
    return DensityNetwork if architecture.context_units is None else PredictionNetwork
