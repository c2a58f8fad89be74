"""TensorFlow operations that tf2onnx lacks, in those of ONNX.

Exact GELU is lowered to `Erfc`, a graded head to `Expm1`, and the loop over a dynamic memory to `XlaDynamicUpdateSlice`. tf2onnx
copies operations that it does not know into the graph, which then no runtime loads.
"""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def register_operations() -> None:
    """Teach tf2onnx these operations, for all exports of this process."""
    from tf2onnx.handler import tf_op

    for operation in (Erfc, Expm1, XlaDynamicUpdateSlice):
        tf_op(operation.__name__)(operation)


class Erfc:
    """`1 - erf(x)`."""

    @classmethod
    def version_9(cls, graph, node, **_):
        one = _constant(graph, np.float32(1))
        _replace(graph, node, "Sub", one, _new(graph, "Erf", node.input[0]))


class Expm1:
    """`exp(x) - 1` as `tanh(x / 2) (exp(x) + 1)`, which is exact near zero as well."""

    @classmethod
    def version_7(cls, graph, node, **_):
        x = node.input[0]
        half = _new(graph, "Mul", x, _constant(graph, np.float32(0.5)))
        exp_plus_1 = _new(graph, "Add", _new(graph, "Exp", x), _constant(graph, np.float32(1)))
        _replace(graph, node, "Mul", _new(graph, "Tanh", half), exp_plus_1)


class XlaDynamicUpdateSlice:
    """A copy of an array with an update of as many axes, which starts at a place of the first axis and at 0 of all others."""

    @classmethod
    def version_13(cls, graph, node, **_):
        array, update, starts = node.input
        start = _new(graph, "Slice", starts, _constant(graph, [0]), _constant(graph, [1]))
        start = _new(graph, "Cast", start, to=7)  # int64
        count = _new(graph, "Slice", _new(graph, "Shape", update), _constant(graph, [0]), _constant(graph, [1]))
        scalars = [_new(graph, "Squeeze", vector) for vector in (start, _new(graph, "Add", start, count))]
        rows = _new(graph, "Range", *scalars, _constant(graph, np.int64(1)))
        indices = _new(graph, "Unsqueeze", rows, _constant(graph, [-1]))
        _replace(graph, node, "ScatterND", array, indices, update)


def _new(graph, operation: str, *inputs: str, **attributes) -> str:
    """The name of the output of a new node."""
    return graph.make_node(operation, list(inputs), attr=attributes).output[0]


def _constant(graph, value) -> str:
    """The name of a constant; whole numbers are int64."""
    from tf2onnx.utils import make_name

    return graph.make_const(make_name("constant"), np.asarray(value)).output[0]


def _replace(graph, node, operation: str, *inputs: str) -> None:
    """Put an operation of ONNX in the place of a node."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(operation, list(inputs), outputs=list(node.output), shapes=shapes, dtypes=dtypes)


def hoist_loop_constants(graph) -> None:
    """Let loops read values that no step changes from outside, in place. As a loop's variables they are copied at every step.

    Args:
        graph: the `graph` of an `onnx.ModelProto`.
    """
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                hoist_loop_constants(attribute.g)
        if node.op_type == "Loop":
            _hoist(node, graph)


def _hoist(loop, graph) -> None:
    """Hoist the constants of one loop. Its body takes a counter, a condition and the variables, and gives the latter two."""
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    for number in reversed(range(len(loop.input) - 2)):
        variable = body.input[number + 2].name
        if body.output[number + 1].name != variable:
            continue
        _rename_inputs(body, variable, loop.input[number + 2])
        _rename_inputs(graph, loop.output[number], loop.input[number + 2])
        for names in (loop.input, body.input):
            del names[number + 2]
        del body.output[number + 1]
        del loop.output[number]


def _rename_inputs(graph, name: str, new_name: str) -> None:
    """Let all nodes that read `name` read `new_name`, also those within loops and branches."""
    for node in graph.node:
        for place, current in enumerate(node.input):
            if current == name:
                node.input[place] = new_name
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename_inputs(attribute.g, name, new_name)
