"""Export a model as a TensorFlow SavedModel."""

from __future__ import annotations

from pathlib import Path


def export_saved_model(model, path: str | Path, inputs) -> None:
    """Write `model` with int32 inputs of free sizes.

    Outputs are named as the model names them.

    `tf.saved_model.load(path).serve(...)` and TensorFlow Serving take it from there; no Keras and none of this project's code is
    needed to run it. Works on the TensorFlow and JAX backends.

    Args:
        inputs: names of the inputs, to the names of their axes; equal axes are equally long.
    """
    import keras

    signature = [
        {name: keras.InputSpec(shape=(None,) * len(axes), dtype="int32", name=name) for name, axes in inputs.items()}
    ]
    more = {}
    if keras.backend.backend() == "jax":  # which else takes each input's free length for another
        more["jax2tf_kwargs"] = {
            "polymorphic_shapes": [{name: f"({', '.join(axes)})" for name, axes in inputs.items()}]
        }
    model.export(str(path), format="tf_saved_model", input_signature=signature, verbose=False, **more)
