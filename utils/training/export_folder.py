"""An export that stands alone: models, a script that answers, and a README."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically, write_json
from utils.training.export import MAX_DIFFERENCE, ExportedModel, export_model, remove
from utils.training.signature import Signature
from utils.training.standalone import write_answer_script

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ModelToExport:
    """One model of an export.

    Args:
        model: built model.
        signature: its inputs and outputs.
        examples: inputs that the export is compared on, see `export_model`.
        suffix: what the names of its files end with.
    """

    model: object
    signature: Signature
    examples: Sequence[dict[str, np.ndarray]]
    suffix: str = ""


def write_export(
    folder: str | Path,
    *,
    task: str,
    models: Sequence[ModelToExport],
    settings: dict,
    files: Mapping[str, str],
    padding: str,
    usage: str,
) -> dict[str, dict]:
    """Write `model.onnx`, `saved_model/`, `answer.py` and what it needs, `request.json`, `requirements.txt` and `README.md`.

    Args:
        folder: the folder to write; files of the same names are replaced, and models of an earlier export removed.
        task: name of the task, whose `utils/TASK/standalone.py` becomes `answer.py`.
        models: the models; those after the first have a suffix.
        settings: the content of `settings.json`, which `answer.py` reads.
        files: name of each other file that `answer.py` reads to its content.
        padding: how inputs are padded, for the README.
        usage: Python that uses `answer.py`, for the README.

    Returns:
        name of each exported model to its size and its largest difference from the model, or to why it was left out.
    """
    folder, exports = Path(folder), {}
    folder.mkdir(parents=True, exist_ok=True)
    # First what `export.py` knows an export by, so that it can be repeated where it was interrupted.
    packages = write_answer_script(f"utils.{task}.standalone", folder / "answer.py")
    write_json(folder / "settings.json", settings)
    for part in models:
        for export in export_model(part.model, folder, part.signature, part.examples, part.suffix):
            exports[export.name] = export
    _remove_other_models(folder, exports)
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / "requirements.txt", "\n".join(map(requirement, packages)) + "\n")
    request = {name: np.asarray(array).tolist() for name, array in models[0].examples[0].items()}
    request = {name: request[name] for name in models[0].signature.inputs}
    write_atomically(folder / "request.json", json.dumps({"inputs": request}) + "\n")
    write_atomically(folder / "README.md", _readme(task, models, exports, files, padding, usage))
    return {name: export.summary() for name, export in exports.items()}


def _remove_other_models(folder: Path, exports: Mapping[str, ExportedModel]) -> None:
    """Remove the models of an earlier export, such as one in 8 bits, which would answer with the tokenizer of this one."""
    for path in [*folder.glob("model*.onnx"), *folder.glob("saved_model*")]:
        if path.name not in exports:
            remove(path)


def requirement(package: str) -> str:
    """The line of `requirements.txt` for a package: the versions that this project is tested with.

    >>> requirement("numpy").startswith("numpy>=")
    True
    """
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if re.match(rf"{package}[<>=!~]", line):
            return line.partition("#")[0].strip()
    return package


def _readme(task: str, models, exports: dict[str, ExportedModel], files, padding: str, usage: str) -> str:
    first = models[0]
    model_name = type(first.model).__name__
    parts = [
        f"# {model_name}, exported\n",
        f"A trained model of the task `{task}`, which answers without Keras, TensorFlow or the project that trained it: QKV Zoo.\n",
        "```\npip install -r requirements.txt\npython answer.py --help\n```\n",
        f"```python\n{usage.strip()}\n```\n",
        "## Files\n",
        _table(("file", "what it is"), _describe_files(exports, files)),
        "## Compared with the Keras model\n",
        f"Each export was run beside the Keras model on inputs of {_sizes(models)}. One that differs by more than "
        f"{MAX_DIFFERENCE:.0e} is left out. Differences are relative where an output is above 1.\n",
        _table(("export", "bytes", "largest difference"), _measured(exports)),
    ]
    for part in models:
        name = f"`model{part.suffix}.onnx` and `saved_model{part.suffix}`"
        parts += [f"## Inputs and outputs of {name}\n", *_describe_signature(part.signature)]
    parts += [
        f"Padding: {padding}\n",
        "## ONNX Runtime\n",
        _onnx_example(),
        "## TensorFlow Serving\n",
        _serving_example(task),
        "## Versions\n",
        _versions() + "\n",
    ]
    return "\n".join(parts)


def _describe_files(exports: dict[str, ExportedModel], files) -> list[tuple[str, str]]:
    kinds = {".onnx": "for ONNX Runtime", "": "for TensorFlow Serving and `tf.saved_model.load`"}
    rows = [
        (f"`{export.name}`", f"left out: {export.problem}" if export.problem else kinds[Path(export.name).suffix])
        for export in exports.values()
    ]
    rows.append(("`answer.py`", "answers from Python and on the command line, with `model.onnx`; one file to read"))
    rows.append(
        (", ".join(f"`{name}`" for name in ("settings.json", *files)), "what `answer.py` reads beside the model")
    )
    rows.append(("`requirements.txt`", "the packages that `answer.py` needs"))
    rows.append(("`request.json`", "an example for TensorFlow Serving"))
    return rows


def _measured(exports: dict[str, ExportedModel]) -> list[tuple[str, str, str]]:
    return [
        (f"`{export.name}`", f"{export.num_bytes:,}", f"{export.difference:.1e}")
        for export in exports.values()
        if not export.problem
    ]


def _sizes(models) -> str:
    """The sizes of the examples along each free axis."""
    sizes: dict[str, set[int]] = {}
    for part in models:
        for example in part.examples:
            for name, tensor in part.signature.inputs.items():
                for axis, size in zip(tensor.axes, np.shape(example[name]), strict=True):
                    if isinstance(axis, str):
                        sizes.setdefault(axis, set()).add(size)
    return ", ".join(f"{axis} {' and '.join(map(str, sorted(values)))}" for axis, values in sizes.items())


def _describe_signature(signature: Signature) -> list[str]:
    tables = []
    for title, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        rows = [
            (f"`{name}`", tensor.dtype, f"({', '.join(map(str, tensor.axes))})", tensor.meaning)
            for name, tensor in tensors.items()
        ]
        tables.append(_table((title, "type", "axes", "meaning"), rows))
    limits = [f"`{axis}` is at most {size:,}" for axis, size in signature.max_sizes.items()]
    free = "Axes with a name are free; axes of one name have equal sizes."
    longer = "`answer.py` and the SavedModel name this bound where an input is longer, ONNX Runtime by itself does not."
    return [*tables, f"{free} {', '.join(limits)}: {longer}\n" if limits else f"{free}\n"]


def _table(header: Sequence[str], rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _onnx_example() -> str:
    return """```python
import json
import numpy as np, onnxruntime

inputs = json.load(open("request.json"))["inputs"]
session = onnxruntime.InferenceSession("model.onnx")
inputs = {value.name: np.array(inputs[value.name], np.float32 if "float" in value.type else np.int32)
          for value in session.get_inputs()}
outputs = dict(zip([value.name for value in session.get_outputs()], session.run(None, inputs)))
```
"""


def _serving_example(task: str) -> str:
    return f"""```
docker run -p 8501:8501 -v "$PWD/saved_model:/models/{task}/1" -e MODEL_NAME={task} tensorflow/serving
curl -d @request.json http://localhost:8501/v1/models/{task}:predict
```
"""


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    versions = [f"Python {platform.python_version()}"]
    for package in ("keras", "tensorflow-cpu", "tensorflow", "onnx", "tf2onnx", "onnxruntime", "numpy", "tokenizers"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return "Written with " + ", ".join(versions) + "."
