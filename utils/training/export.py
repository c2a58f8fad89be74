"""Export a model as a TensorFlow SavedModel."""

from __future__ import annotations

from pathlib import Path


def export_saved_model(model, path: str | Path, inputs, floating: tuple[str, ...] = ()) -> None:
    """Write a model whose input sizes stay free; outputs keep the model's names.

    TensorFlow Serving and `tf.saved_model.load(path).serve(...)` run the result. They need neither Keras nor this project. The
    export works on the TensorFlow and JAX backends.

    Args:
        model: built model.
        path: folder to write.
        inputs: name of each input to its axes. An axis is a number for a fixed size, or a name for a free size; axes of one
            name have equal sizes.
        floating: names of the float32 inputs; the others are int32.
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
    options = {}
    if keras.backend.backend() == "jax":  # JAX must be told which free sizes are equal
        options["jax2tf_kwargs"] = {
            "polymorphic_shapes": [{name: f"({', '.join(map(str, axes))})" for name, axes in inputs.items()}]
        }
    model.export(str(path), format="tf_saved_model", input_signature=signature, verbose=False, **options)
