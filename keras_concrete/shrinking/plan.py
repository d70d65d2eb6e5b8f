"""Which channels of a model can go, and what they were worth.

A channel behind a closed gate is constant: 0 at the gate, and what activations, biases of
normalisation and the like make of 0 behind it. Linear layers take constants into their
bias. From each linear layer to the next, the layers in between leave channels in their
places, so that what is not read at any end need not be made at the start.
"""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_concrete.shrinking.calls import Call
from keras_concrete.shrinking.kinds import Kind, can_be_cut, kind_of

__all__ = ["Plan", "plan_of"]

_PASS_ON = (Kind.GATE, Kind.POINTWISE, Kind.POOLING)


class _Claim(NamedTuple):
    """Who needs which channels, in words."""

    channels: np.ndarray
    why: str


class Plan(NamedTuple):
    """What becomes of each tensor.

    Attributes:
        kinds: What each call does.
        constants: By the tensor's id: the value of each channel, NaN where it varies.
        kept: By the tensor's id: whether each channel stays.
    """

    kinds: list[Kind]
    constants: dict[int, np.ndarray]
    kept: dict[int, np.ndarray]


def plan_of(calls: list[Call], inputs: list, outputs: list) -> Plan:
    """Decides which channels go.

    Args:
        calls: Calls in the order of their data.
        inputs: Tensors that the model is given.
        outputs: Tensors that it returns.

    Raises:
        ValueError: If closed channels cannot be cut out.
    """
    kinds = [kind_of(call) for call in calls]
    constants = {id(tensor): _varying(tensor) for tensor in inputs}
    for call, kind in zip(calls, kinds, strict=True):
        constants.update(_constants_behind(call, kind, constants))
    claims: dict[int, list[_Claim]] = {key: [] for key in constants}
    for tensor in outputs:
        claims[id(tensor)].append(_all_of(tensor, "the model returns them"))
    for call, kind in reversed(list(zip(calls, kinds, strict=True))):
        _claim(call, kind, constants, claims)
    for tensor in inputs:
        claims[id(tensor)].append(_all_of(tensor, "the model is given them"))
    kept = {id(tensor): np.isnan(_varying(tensor)) for tensor in inputs}
    for call, kind in zip(calls, kinds, strict=True):
        for tensor in call.made:
            kept[id(tensor)] = _kept(call, kind, tensor, claims, kept)
        if kind is Kind.GATE:
            _check_cut(call, calls, kinds, constants, claims, kept)
    return Plan(kinds, constants, kept)


def _varying(tensor: Any) -> np.ndarray:
    size = tensor.shape[-1] if len(tensor.shape) > 1 else None
    return np.full(1 if size is None else size, np.nan)


def _all_of(tensor: Any, why: str) -> _Claim:
    return _Claim(np.isnan(_varying(tensor)), why)


def _constants_behind(
    call: Call, kind: Kind, constants: dict[int, np.ndarray]
) -> dict[int, np.ndarray]:
    behind = {id(tensor): _varying(tensor) for tensor in call.made}
    if kind in (Kind.LINEAR, Kind.OTHER):
        return behind
    before, (key,) = constants[id(call.read[0])], behind
    if kind is Kind.GATE:
        gates = np.asarray(ops.convert_to_numpy(call.layer.gates), "float64")
        return {key: np.where(gates == 0, 0.0, before * gates)}
    if kind is Kind.POOLING or np.all(np.isnan(before)):
        return {key: before} if kind is not Kind.FLATTEN else behind
    if kind is Kind.FLATTEN:
        return {key: np.tile(before, len(behind[key]) // len(before))}
    shape = [1] * (len(call.read[0].shape) - 1) + [len(before)]
    row = np.nan_to_num(before).reshape(shape).astype("float32")
    value = np.ravel(ops.convert_to_numpy(ops.cast(call.layer(row), "float32")))
    return {key: np.where(np.isnan(before), np.nan, value)}


def _claim(
    call: Call,
    kind: Kind,
    constants: dict[int, np.ndarray],
    claims: dict[int, list[_Claim]],
) -> None:
    """Adds what a call needs of what it reads."""
    name = f"{call.layer.name!r}, a {type(call.layer).__name__},"
    if kind is Kind.OTHER:
        for tensor in call.read:
            claims[id(tensor)].append(_all_of(tensor, f"{name} reads them"))
        for tensor in call.made:
            claims[id(tensor)].append(_all_of(tensor, f"{name} makes them"))
        return
    (read,), (made,) = call.read, call.made
    behind = claims[id(made)]
    if kind in _PASS_ON:
        claims[id(read)].extend(behind)
    elif kind is Kind.FLATTEN:
        claims[id(read)].extend(_of_whole_channels(call, behind, constants))
    else:
        if not can_be_cut(call.layer):
            why = f"{name} makes them, with an activation that may mix them"
            behind.append(_all_of(made, why))
        values = constants[id(read)]
        claims[id(read)].append(_Claim(np.isnan(values), f"{name} reads them ungated"))
        if getattr(call.layer, "padding", "valid") != "valid":
            why = (
                f"{name} pads with zeros beside channels that are not 0: gate behind "
                "activations and normalisation, or use padding='valid'"
            )
            claims[id(read)].append(_Claim(values != 0, why))


def _of_whole_channels(
    call: Call, behind: list[_Claim], constants: dict[int, np.ndarray]
) -> list[_Claim]:
    size = len(constants[id(call.read[0])])
    places = [claim.channels.reshape(-1, size) for claim in behind]
    found = [
        _Claim(np.any(channels, axis=0), claim.why)
        for channels, claim in zip(places, behind, strict=True)
    ]
    if places:
        either = np.any(places, axis=0)
        partly = np.any(either, axis=0) & ~np.all(either, axis=0)
        why = (
            f"{call.layer.name!r} lays out the places of a channel, of which some are "
            "open: put the gates before it, where they close whole channels"
        )
        found.insert(0, _Claim(partly, why))
    return found


def _kept(
    call: Call,
    kind: Kind,
    tensor: Any,
    claims: dict[int, list[_Claim]],
    kept: dict[int, np.ndarray],
) -> np.ndarray:
    if kind in _PASS_ON:
        return kept[id(call.read[0])]
    size = len(_varying(tensor))
    if kind is Kind.FLATTEN:
        before = kept[id(call.read[0])]
        return np.tile(before, size // len(before))
    nothing = np.zeros(size, bool)
    return np.any([nothing, *(c.channels for c in claims[id(tensor)])], axis=0)


def _check_cut(
    call: Call,
    calls: list[Call],
    kinds: list[Kind],
    constants: dict[int, np.ndarray],
    claims: dict[int, list[_Claim]],
    kept: dict[int, np.ndarray],
) -> None:
    """Refuses gates that have closed before what stays."""
    name, made = call.layer.name, id(call.made[0])
    if not np.any(kept[made]):
        raise ValueError(
            f"All the gates of {name!r} have closed: nothing would be left of the layers "
            "before it. Train with a smaller `l0_weight` or `target_sparsity`."
        )
    stuck = (constants[made] == 0) & kept[made]
    if not np.any(stuck):
        return
    makers = {id(t): i for i, c in enumerate(calls) for t in c.made}
    start = call.read[0]
    passed = (*_PASS_ON, Kind.FLATTEN)
    while (maker := makers.get(id(start))) is not None and kinds[maker] in passed:
        start = calls[maker].read[0]
    channel = np.flatnonzero(stuck)[0] % len(kept[id(start)])
    why = next(c.why for c in claims[id(start)] if c.channels[channel])
    raise ValueError(
        f"shrink cannot cut out the {np.sum(stuck)} channels or units that the gates "
        f"{name!r} close: {why}."
    )
