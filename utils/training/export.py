"""Export a model as a TensorFlow SavedModel."""

from __future__ import annotations

from pathlib import Path


def export_saved_model(model, path: str | Path, inputs, floating: tuple[str, ...] = ()) -> None:
    """Write `model` with inputs of free sizes.

    Outputs are named as the model names them.

    `tf.saved_model.load(path).serve(...)` and TensorFlow Serving take it from there; no Keras and none of this project's code is
    needed to run it. Works on the TensorFlow and JAX backends.

    Args:
        inputs: names of the inputs, to the names of their axes; equal axes are equally long. A number is an axis of that size.
        floating: inputs that are float32; others are int32.
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
    more = {}
    if keras.backend.backend() == "jax":  # which else takes each input's free length for another
        more["jax2tf_kwargs"] = {
            "polymorphic_shapes": [{name: f"({', '.join(map(str, axes))})" for name, axes in inputs.items()}]
        }
    model.export(str(path), format="tf_saved_model", input_signature=signature, verbose=False, **more)
