"""Export a model as a TensorFlow SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def export_saved_model(
    model,
    path: str | Path,
    inputs: Mapping[str, tuple],
    floating: tuple[str, ...] = (),
    max_sizes: Mapping[str, int] | None = None,
) -> None:
    """Write a model whose input sizes stay free; outputs keep the model's names.

    TensorFlow Serving and `tf.saved_model.load(path).serve(...)` run the result. They need neither Keras nor this project. The
    export works on the TensorFlow and JAX backends.

    Args:
        model: built model.
        path: folder to write.
        inputs: name of each input to its axes. An axis is a number for a fixed size, or a name for a free size; axes of one
            name have equal sizes.
        floating: names of the float32 inputs; the others are int32.
        max_sizes: name of a free axis to its largest size. Longer inputs give an error that names it.
    """
    import keras

    signature = [
        {
            name: keras.InputSpec(
                shape=[axis if isinstance(axis, int) else None for axis in axes],
                dtype="float32" if name in floating else "int32",
                name=name,
            )
            for name, axes in inputs.items()
        }
    ]
    limits = dict(max_sizes or {})
    if limits and keras.backend.backend() == "tensorflow":
        _export_checked(model, path, inputs, signature, limits)
        return
    options = {}
    if keras.backend.backend() == "jax":  # JAX must be told which free sizes are equal
        options["jax2tf_kwargs"] = {
            "polymorphic_shapes": [{name: f"({', '.join(map(str, axes))})" for name, axes in inputs.items()}],
            "polymorphic_constraints": [f"{axis} <= {size}" for axis, size in limits.items()],
        }
    model.export(str(path), format="tf_saved_model", input_signature=signature, verbose=False, **options)


def _export_checked(model, path: str | Path, inputs, signature, limits: dict[str, int]) -> None:
    """Export on TensorFlow with checks of sizes. JAX checks them by itself."""
    import keras
    import tensorflow as tf

    def serve(tensors):
        checks = [
            tf.debugging.assert_less_equal(
                tf.shape(tensors[name])[place],
                limits[axis],
                message=f"{name} is longer than {limits[axis]}, the most that this model takes ({axis}, axis {place}); cut it",
            )
            for name, axes in inputs.items()
            for place, axis in enumerate(axes)
            if axis in limits
        ]
        with tf.control_dependencies(checks):
            return model({name: tf.identity(tensor) for name, tensor in tensors.items()})

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, signature)
    archive.write_out(str(path), verbose=False)
