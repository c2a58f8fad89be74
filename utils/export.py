"""Export a model as a TensorFlow SavedModel."""

from __future__ import annotations

from pathlib import Path


def export_saved_model(model, path: str | Path, input_names) -> None:
    """Write `model` with int32 inputs of these names, each `(batch, sequence)`, both sizes free.

    Outputs are named as the model names them.

    `tf.saved_model.load(path).serve(...)` and TensorFlow Serving take it from there; no Keras and none of this project's code is
    needed to run it. Works on the TensorFlow and JAX backends.
    """
    import keras

    signature = [{name: keras.InputSpec(shape=(None, None), dtype="int32", name=name) for name in input_names}]
    more = {}
    if keras.backend.backend() == "jax":  # which else takes each input's free length for another
        more["jax2tf_kwargs"] = {"polymorphic_shapes": [dict.fromkeys(input_names, "(batch, sequence)")]}
    model.export(str(path), format="tf_saved_model", input_signature=signature, verbose=False, **more)
