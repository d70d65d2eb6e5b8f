"""The operations of a program, those of its loops and branches among them."""

import tensorflow as tf

__all__ = ["nodes_of"]


def nodes_of(
    function: tf.types.experimental.ConcreteFunction,
) -> list[tf.compat.v1.NodeDef]:
    """All nodes of a function's graph, and of the functions that it calls.

    Args:
        function: A function that is traced.
    """
    graph = function.graph.as_graph_def()
    return [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
