"""A smaller ordinary model of what open gates let through."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.shrinking.calls import Call, recorded
from keras_concrete.shrinking.kinds import Kind
from keras_concrete.shrinking.plan import Plan, plan_of
from keras_concrete.sublayers import check_has_inputs, input_shapes

__all__ = ["shrink"]


def shrink(model: keras.Model) -> keras.Model:
    """Cuts what is behind closed gates out of a model, and leaves the gates out.

    The new model has the outputs of `model` at `training=False`, to rounding, with copies
    of its weights and none of this package's layers in the place of gates: `HardConcrete`
    becomes a `keras.layers.Rescaling` where gates stand between 0 and 1, and nothing
    where all that are open are 1. Units of Dense layers and channels of convolutions
    whose gates are 0 (`HardConcrete.gates`) are gone, in all layers between them and the
    gates and in the kernels that read them; what normalisation and activations make of
    the 0 is added to biases. The new model can be saved, exported and trained on.

    Args:
        model: A built functional or Sequential model of any layers, with `HardConcrete`
            on the last axis of what Dense, Conv1D, Conv2D or Conv3D layers make. Between
            those layers and the next of these kinds there may be batch normalisation,
            dropout, pooling, Flatten, and activations that treat each number by itself.

    Returns:
        A functional model, not compiled.

    Raises:
        ValueError: If something else, which the error names, makes or reads what closed
            gates are to cut; or no gate of a layer is open; or gates stand between 0
            and 1 under image_data_format="channels_first".

    Example:
    >>> from keras_concrete import HardConcrete
    >>> start = keras.initializers.Constant([9.0, -9.0, 9.0, -9.0])
    >>> model = keras.Sequential([
    ...     keras.Input((5,)),
    ...     keras.layers.Dense(4, "relu"),
    ...     HardConcrete(logits_initializer=start),
    ...     keras.layers.Dense(1),
    ... ])
    >>> smaller = shrink(model)
    >>> [layer.units for layer in smaller.layers[1:]]
    [2, 1]

    Reference:
        Louizos, Welling & Kingma, "Learning Sparse Neural Networks through L0
        Regularization", ICLR 2018: section 2.2, gates of groups.
    """
    check_has_inputs(model)
    calls, inputs, outputs = recorded(model)
    given, returned = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
    plan = plan_of(calls, given, returned)
    new = {
        id(tensor): keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
        for tensor, shape in zip(given, input_shapes(model), strict=True)
    }
    made: dict[int, keras.Layer] = {}
    for call, kind in zip(calls, plan.kinds, strict=True):
        args, kwargs = _replaced((call.args, call.kwargs), new)
        if id(call.layer) not in made:
            made[id(call.layer)] = _layer(call, kind, plan)
        layer = made[id(call.layer)]
        results = args[0] if layer is None else layer(*args, **kwargs)
        flat = [results] if layer is None else keras.tree.flatten(results)
        new.update(zip(map(id, call.made), flat, strict=True))
        if isinstance(layer, keras.Layer) and kind is not Kind.GATE:
            layer.set_weights(_weights(call, kind, plan))
    return keras.Model(_replaced(inputs, new), _replaced(outputs, new), name=model.name)


def _replaced(structure: Any, new: dict[int, Any]) -> Any:
    """A structure with new tensors in the places of old ones."""
    return keras.tree.map_structure(lambda leaf: new.get(id(leaf), leaf), structure)


def _layer(call: Call, kind: Kind, plan: Plan) -> Any:
    """The layer that takes another's place, without its weights; None for none."""
    layer, kept = call.layer, plan.kept[id(call.made[0])]
    if kind is Kind.GATE:
        gates = ops.convert_to_numpy(layer.gates)[kept]
        if np.all(gates == 1):
            return None
        if keras.config.image_data_format() == "channels_first":
            raise ValueError(
                f"The gates {layer.name!r} are not all 0 or 1, and would become a "
                "Rescaling, which takes the first axis for channels under "
                "image_data_format='channels_first': call "
                "keras.config.set_image_data_format('channels_last')."
            )
        scale = [float(gate) for gate in gates]
        return keras.layers.Rescaling(scale, name=layer.name, dtype=layer.dtype_policy)
    config = layer.get_config()
    if kind is Kind.LINEAR:
        size = "units" if "units" in config else "filters"
        config[size] = int(np.sum(kept))
        config["use_bias"] = layer.use_bias or bool(np.any(_folded(call, plan)))
    is_cut = not np.all(kept) or not np.all(plan.kept[id(call.read[0])])
    if is_cut and kind in (Kind.LINEAR, Kind.POINTWISE):
        initializers = {k: v for k, v in config.items() if k.endswith("_initializer")}
        config.update({k: _of_any_size(v) for k, v in initializers.items()})
    return type(layer).from_config(config)


def _of_any_size(initializer: Any) -> Any:
    """An initializer, or zeros in the place of one that may hold an array of old sizes.

    The weights are copied in: it is for clones of the smaller model.
    """
    is_keras = isinstance(initializer, dict) and (
        initializer.get("module") == "keras.initializers"
    )
    if is_keras and initializer["class_name"] != "Constant":
        return initializer
    return "zeros"


def _weights(call: Call, kind: Kind, plan: Plan) -> list[np.ndarray]:
    """The weights of a layer, or of what is left of it."""
    weights = call.layer.get_weights()
    kept = plan.kept[id(call.made[0])]
    if kind is Kind.POINTWISE:
        return [weight[kept] for weight in weights]
    if kind is not Kind.LINEAR:
        return weights
    kernel = weights[0][..., plan.kept[id(call.read[0])], :][..., kept]
    folded = _folded(call, plan)
    bias = weights[1] if call.layer.use_bias else np.zeros_like(folded)
    has_bias = call.layer.use_bias or bool(np.any(folded))
    return [kernel, (bias + folded)[kept]] if has_bias else [kernel]


def _folded(call: Call, plan: Plan) -> np.ndarray:
    """What the channels that a linear layer no longer reads were worth to it."""
    read = id(call.read[0])
    kernel = np.asarray(call.layer.get_weights()[0], "float64")
    by_channel = kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)
    gone = ~plan.kept[read]
    return plan.constants[read][gone] @ by_channel[gone]
