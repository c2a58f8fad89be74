"""Write a model as TensorFlow's SavedModel, with named inputs and outputs and free axes."""

from __future__ import annotations

from pathlib import Path

from utils.training.signature import Signature


def export_saved_model(model, path: str | Path, signature: Signature) -> None:
    """Write a model whose input sizes stay free.

    TensorFlow Serving and `tf.saved_model.load(path).serve(...)` run the result. They need neither Keras nor this project.
    Needs the TensorFlow backend of Keras.

    Args:
        model: built model.
        path: folder to write.
        signature: its inputs and outputs. Inputs beyond the largest sizes give an error that names them.
    """
    import keras

    def serve(inputs):
        return signature.name_outputs(model(inputs, training=False))

    specs = {
        name: keras.InputSpec(shape=tensor.shape(), dtype=tensor.dtype, name=name)
        for name, tensor in signature.inputs.items()
    }
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", _with_checks(serve, signature) if signature.max_sizes else serve, [specs])
    archive.write_out(str(path), verbose=False)


def _with_checks(serve, signature: Signature):
    """The function, which checks the sizes of its inputs first."""
    import tensorflow as tf

    def checked(inputs):
        checks = [
            tf.debugging.assert_less_equal(
                tf.shape(inputs[name])[place],
                size,
                message=f"{name} is longer than {size}, the most that this model takes ({axis}, axis {place}); cut it",
            )
            for name, tensor in signature.inputs.items()
            for place, axis in enumerate(tensor.axes)
            if (size := signature.max_sizes.get(axis))
        ]
        with tf.control_dependencies(checks):
            return serve({name: tf.identity(tensor) for name, tensor in inputs.items()})

    return checked
