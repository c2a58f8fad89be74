"""Export a trained model as ONNX and as a SavedModel, and compare each with the model before it is kept.

TensorFlow writes both formats. A model that runs on another backend of Keras is exported by `utils.training.export_process`.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.training.signature import Signature

MAX_DIFFERENCE = 1e-4
"""Largest difference between an exported model's outputs and the model's. float32 leaves some 1e-6."""


@dataclass(frozen=True)
class ExportedModel:
    """What became of a model in one format.

    Args:
        name: of its file or folder, such as `model.onnx`.
        num_bytes: its size; 0 if it was left out.
        difference: the largest difference from the model's outputs, relative where these are above 1; None if it was not compared.
        problem: why it was left out, or empty.
    """

    name: str
    num_bytes: int
    difference: float | None
    problem: str = ""

    def summary(self) -> dict:
        """Its description for `results.json`."""
        if self.problem:
            return {"left_out": self.problem}
        return {"bytes": self.num_bytes, "largest_difference": self.difference}


def export_model(
    model, folder: str | Path, signature: Signature, examples: Sequence[dict[str, np.ndarray]], suffix: str = ""
) -> list[ExportedModel]:
    """Write `model.onnx` and `saved_model/`, and compare the outputs of each with those of the model.

    A format that cannot be written, or whose outputs differ by more than `MAX_DIFFERENCE`, is left out; one line says so.

    Args:
        model: built model.
        folder: folder to write to. Exports of the same names are replaced.
        signature: the model's inputs and outputs.
        examples: inputs that the outputs are compared on; they have two sizes or more of each free axis.
        suffix: what the names end with: `_queries` for `model_queries.onnx` and `saved_model_queries`.

    Returns:
        what became of each format.

    Raises:
        ValueError: all examples have the same size along a free axis.
    """
    import keras

    _check_examples(signature, examples)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with full_precision():
        expected = [
            {name: keras.ops.convert_to_numpy(value) for name, value in signature.name_outputs(model(example)).items()}
            for example in examples
        ]
        if keras.backend.backend() == "tensorflow":
            exports = write_formats(model, folder, signature, examples, expected, suffix)
        else:
            from utils.training.export_process import write_formats_with_tensorflow

            exports = write_formats_with_tensorflow(model, folder, signature, examples, expected, suffix)
    names: dict[str, list[str]] = {}
    for export in exports:
        if export.problem:
            remove(folder / export.name)  # what lies there is the export of an earlier model
            names.setdefault(export.problem, []).append(export.name)
    for problem, left_out in names.items():
        print(f"{folder / ' and '.join(left_out)}: left out, {problem}", flush=True)
    return exports


def write_formats(
    model, folder: Path, signature: Signature, examples, expected: Sequence[dict[str, np.ndarray]], suffix: str
) -> list[ExportedModel]:
    """Write both formats on the TensorFlow backend.

    Args:
        model: built model.
        folder: existing folder to write to.
        signature: the model's inputs and outputs.
        examples: inputs that the outputs are compared on.
        expected: the outputs for each of them, name to array.
        suffix: what the names end with.

    Returns:
        what became of each format.
    """
    exports = []
    for name, write, load in (
        (names_of_formats(suffix)[0], _write_onnx, _load_onnx),
        (names_of_formats(suffix)[1], _write_saved_model, _load_saved_model),
    ):
        unchecked = folder / f"{name}.unchecked"
        remove(unchecked)
        try:
            export = _export(name, unchecked, partial(write, model, signature=signature), load, examples, expected)
            if not export.problem:
                remove(folder / name)
                unchecked.rename(folder / name)
        finally:
            remove(unchecked)
        exports.append(export)
    return exports


def names_of_formats(suffix: str) -> tuple[str, str]:
    """The names of the file and the folder that are written.

    >>> names_of_formats("_queries")
    ('model_queries.onnx', 'saved_model_queries')
    """
    return f"model{suffix}.onnx", f"saved_model{suffix}"


@contextlib.contextmanager
def full_precision():
    """Within the block, GPUs multiply float32 in float32, not in TensorFloat-32, which has a mantissa of 10 bits."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    elif keras.backend.backend() == "tensorflow":
        from tensorflow.config import experimental

        is_enabled = experimental.tensor_float_32_execution_enabled()
        experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            experimental.enable_tensor_float_32_execution(is_enabled)
    else:
        yield  # PyTorch does so by itself


def _export(name: str, path: Path, write: Callable, load: Callable, examples, expected) -> ExportedModel:
    """Write a model to `path`, and compare it with the outputs that are expected for the examples."""
    try:
        write(path)
        run = load(path)
        difference = max(
            largest_difference(run(example), outputs) for example, outputs in zip(examples, expected, strict=True)
        )
    except UserError as error:
        return ExportedModel(name, 0, None, str(error))
    except Exception as error:  # converters and runtimes raise many kinds; the training that ends here must not be lost
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        return ExportedModel(name, 0, None, f"it cannot be written ({type(error).__name__}: {reason})")
    if not difference <= MAX_DIFFERENCE:
        return ExportedModel(name, 0, difference, f"its outputs differ from the model's by {difference:.2g}")
    return ExportedModel(name, size_of(path), difference)


def largest_difference(outputs: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest difference between outputs and those expected, relative where these are above 1; infinite if a shape differs.

    >>> largest_difference({"x": np.array([1.5, 200.0])}, {"x": np.array([1.0, 100.0])})
    1.0
    """
    differences = [0.0]
    for name, values in expected.items():
        if np.shape(outputs[name]) != values.shape:
            return float("inf")
        difference = np.abs(np.asarray(outputs[name], np.float64) - values) / np.maximum(np.abs(values), 1)
        differences.append(float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0)))
    return max(differences)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check_examples(signature: Signature, examples) -> None:
    sizes: dict[str, set[int]] = {}
    for example in examples:
        for name, tensor in signature.inputs.items():
            for axis, size in zip(tensor.axes, np.shape(example[name]), strict=True):
                sizes.setdefault(axis, set()).add(size)
    constant = [axis for axis, values in sizes.items() if isinstance(axis, str) and len(values) < 2]
    if constant:
        raise ValueError(f"the examples have a single size along {constant[0]}, which is free: give two or more")


def _write_onnx(model, path: Path, signature: Signature) -> None:
    from utils.training.onnx_export import export_onnx

    export_onnx(model, path, signature)


def _load_onnx(path: Path) -> Callable:
    from utils.common.onnx_model import OnnxModel

    return OnnxModel(path).outputs


def _write_saved_model(model, path: Path, signature: Signature) -> None:
    from utils.training.saved_model import export_saved_model

    export_saved_model(model, path, signature)


def _load_saved_model(path: Path) -> Callable:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def outputs(example):
        serve = loaded.signatures["serving_default"]  # it does not keep `loaded` alive by itself
        specs = serve.structured_input_signature[1]
        values = serve(**{name: tf.constant(example[name], spec.dtype) for name, spec in specs.items()})
        return {name: value.numpy() for name, value in values.items()}

    return outputs
