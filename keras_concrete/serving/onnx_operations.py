"""Operations of TensorFlow in those of ONNX, with the same bits in all runtimes.

ONNX has all operations of the generator. But OpenVINO takes unsigned words as signed,
shifts them to the right by a division in float32, and makes negative floats of large
ones. Shifts and casts are written here in a way that gives the same bits either way.
ONNX has neither log1p nor erfc. And a choice is made by `Where`: tf2onnx multiplies by
the condition, which makes NaN of an infinity that is not chosen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["handlers"]

# Numbers of types in ONNX, which is imported on use only.
_FLOAT, _BOOL, _FLOAT16, _UINT32 = 1, 9, 10, 12


def handlers() -> dict[str, tuple[Callable[..., None], list]]:
    """What tf2onnx is to call for a node of each of these operations."""
    found = {
        "Bitcast": _bitcast,
        "Cast": _cast,
        "Erfc": _erfc,
        "Log1p": _log1p,
        "RightShift": _right_shift,
        "SelectV2": _select,
    }
    return {operation: (handle, []) for operation, handle in found.items()}


class _Writer:
    """Puts nodes in the place of one node of tf2onnx's graph."""

    def __init__(self, graph: Any, node: Any) -> None:
        self._graph, self._node = graph, node
        self.input = list(node.input)
        self._output = node.output[0]
        self._shape, self._dtype = graph.get_shape(self._output), None

    def constant(self, value: Any, like: str) -> str:
        """A constant of the type of a tensor."""
        from tf2onnx import utils

        dtype = utils.map_onnx_to_numpy_type(self._graph.get_dtype(like))
        name = utils.make_name(self._node.name)
        return self._graph.make_const(name, np.asarray(value, dtype)).output[0]

    def __call__(self, op: str, *inputs: str, to: int | None = None, **attr: Any) -> str:
        """The output of a new node, of the shape of the old one's."""
        dtype = to or self._graph.get_dtype(inputs[-1])
        attr |= {"to": to} if op == "Cast" else {}
        new = self._graph.make_node(
            op, list(inputs), attr=attr, shapes=[self._shape], dtypes=[dtype]
        )
        return new.output[0]

    def bits_and(self, words: str, mask: int) -> str:
        """The bits of words that a mask keeps."""
        return self("BitwiseAnd", words, self.constant(mask, words))

    def shift(self, words: str, distance: int, direction: str = "RIGHT") -> str:
        """Words with their bits moved."""
        by = self.constant(distance, words)
        return self("BitShift", words, by, direction=direction)

    def replace(self, result: str) -> None:
        """Ends with the tensor that takes the place of the old node's."""
        graph, dtype = self._graph, self._graph.get_dtype(result)
        graph.remove_node(self._node.name)
        graph.make_node(
            "Identity",
            [result],
            outputs=[self._output],
            name=self._node.name,
            shapes=[self._shape],
            dtypes=[dtype],
        )


def _right_shift(graph: Any, node: Any, *_: Any) -> None:
    write = _Writer(graph, node)
    words, distance = write.input
    known = node.inputs[1].is_const() and np.ravel(node.inputs[1].get_tensor_value())
    if graph.get_dtype(words) != _UINT32 or known is False or len(known) != 1:
        write.replace(write("BitShift", words, distance, direction="RIGHT"))
    else:
        write.replace(_shifted(write, words, int(known[0])))


def _shifted(write: _Writer, words: str, distance: int) -> str:
    """Words of 32 bits moved to the right, by divisions that are exact in float32."""
    if distance >= 16:
        # Masks stay below 2**31, above which OpenVINO does not read them.
        rest = write.bits_and(words, (1 << distance) - 1)
        kept = write("BitwiseXor", words, rest)
        return write.bits_and(write.shift(kept, distance), 0xFFFFFFFF >> distance)
    low = write.shift(write.bits_and(words, 0xFFFF), distance)
    high = write.shift(_shifted(write, words, 16), 16 - distance, "LEFT")
    return write("BitwiseOr", high, low)


def _cast(graph: Any, node: Any, *_: Any) -> None:
    to = node.get_attr_value("to")
    if graph.get_dtype(node.input[0]) != _UINT32 or to != _FLOAT:
        return
    write = _Writer(graph, node)
    (words,) = write.input
    low = write("Cast", write.bits_and(words, 0xFFFF), to=to)
    high = write("Cast", _shifted(write, words, 16), to=to)
    # Both are exact, so the sum is rounded once, as the word would be.
    high = write("Mul", high, write.constant(65536, high))
    write.replace(write("Add", high, low))


def _bitcast(graph: Any, node: Any, *_: Any) -> None:
    write = _Writer(graph, node)
    write.replace(write("Cast", *write.input, to=graph.get_dtype(node.output[0])))


# Of log(erfc(x) / t) + x**2 for t = 2 / (2 + |x|), from the constant on: Press et al.,
# "Numerical Recipes", 6.2.2, to 1.2e-7 of erfc(x), however small that is.
_ERFC = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)


def _erfc(graph: Any, node: Any, *_: Any) -> None:
    write = _Writer(graph, node)
    (x,) = write.input
    one, two = (write.constant(number, x) for number in (1, 2))
    distance = write("Abs", x)
    t = write("Div", two, write("Add", two, distance))
    exponent = write.constant(_ERFC[-1], x)
    for coefficient in reversed(_ERFC[:-1]):
        product = write("Mul", exponent, t)
        exponent = write("Add", product, write.constant(coefficient, x))
    exponent = write("Sub", exponent, write("Mul", x, x))
    tail = write("Mul", t, write("Exp", exponent))
    # 1 - erf(x) is exact to as many digits where it is not small.
    middle = write("Sub", one, write("Erf", x))
    is_small = write("Greater", x, one, to=_BOOL)
    write.replace(write("Where", is_small, tail, middle))


def _log1p(graph: Any, node: Any, *_: Any) -> None:
    # Kahan's: the rounding of 1 + x is undone by the quotient.
    write = _Writer(graph, node)
    (x,) = write.input
    one = write.constant(1, x)
    sum_ = write("Add", x, one)
    part = write("Sub", sum_, one)
    is_one = write("Equal", part, write.constant(0, x), to=_BOOL)
    quotient = write("Div", x, write("Where", is_one, one, part))
    log = write("Log", sum_)
    # Of infinity the quotient is NaN, and of all that 1 adds nothing to it is 1.
    is_sum = write("Equal", sum_, x, to=_BOOL)
    product = write("Where", is_sum, log, write("Mul", log, quotient))
    write.replace(write("Where", is_one, x, product))


def _select(graph: Any, node: Any, *_: Any) -> None:
    if graph.get_dtype(node.output[0]) in (_FLOAT, _FLOAT16):
        write = _Writer(graph, node)
        write.replace(write("Where", *write.input))
    else:
        from tf2onnx.onnx_opset.controlflow import Select

        Select.version_9(graph, node)
