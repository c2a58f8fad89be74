"""Write a model as ONNX, with named inputs, outputs and free axes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import warnings
from pathlib import Path

from utils.training.signature import Signature

OPSET = 18
"""Version of ONNX's set of operations: the newest that tf2onnx writes. ONNX Runtime reads it from 1.14 on."""


def export_onnx(model, path: str | Path, signature: Signature) -> None:
    """Write a model whose input sizes stay free. Needs the TensorFlow backend of Keras.

    Args:
        model: built model.
        path: file to write.
        signature: its inputs and outputs. The largest sizes are written into the file's metadata as `max_sizes`, a JSON object.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx
    from keras.src.export.tf2onnx_lib import patch_tf2onnx  # Keras applies it in `model.export`, for NumPy 2

    from utils.training.onnx_operations import hoist_loop_constants, register_operations

    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf2onnx, about NumPy
        patch_tf2onnx()
        register_operations()
        specs = {
            name: tf.TensorSpec(tensor.shape(), tensor.dtype, name=name) for name, tensor in signature.inputs.items()
        }
        function = tf.function(
            lambda inputs: signature.name_outputs(model(inputs, training=False)),
            input_signature=[specs],
            autograph=False,
        )
        proto, _ = tf2onnx.convert.from_function(function, input_signature=[], opset=OPSET)
    hoist_loop_constants(proto.graph)
    for values, tensors in ((proto.graph.input, signature.inputs), (proto.graph.output, signature.outputs)):
        for value in values:
            _name_axes(value, tensors[value.name].axes)
    _order(proto.graph.input, signature.inputs)
    _order(proto.graph.output, signature.outputs)
    del proto.graph.value_info[:]  # its free axes have invented names
    proto.graph.name, proto.doc_string = type(model).__name__, ""
    onnx.helper.set_model_props(proto, {"max_sizes": json.dumps(signature.max_sizes)})
    onnx.checker.check_model(proto)
    onnx.save_model(proto, str(path))


def _name_axes(value, axes: tuple) -> None:
    dims = value.type.tensor_type.shape.dim
    del dims[:]
    for axis in axes:
        dims.add(**({"dim_value": axis} if isinstance(axis, int) else {"dim_param": axis}))


def _order(values, names) -> None:
    """Put the values into the order of these names."""
    by_name = {value.name: value for value in values}
    ordered = [by_name[name] for name in names]
    copies = [type(value).FromString(value.SerializeToString()) for value in ordered]
    del values[:]
    values.extend(copies)


@contextlib.contextmanager
def _quiet():
    """Without tf2onnx's progress lines, and without the copy of the graph that it makes before each of its optimisations."""
    logger = logging.getLogger("tf2onnx")
    level, catches = logger.level, os.environ.get("TF2ONNX_CATCH_ERRORS")
    logger.setLevel(logging.ERROR)
    os.environ["TF2ONNX_CATCH_ERRORS"] = "FALSE"
    try:
        yield
    finally:
        logger.setLevel(level)
        if catches is None:
            del os.environ["TF2ONNX_CATCH_ERRORS"]
        else:
            os.environ["TF2ONNX_CATCH_ERRORS"] = catches
