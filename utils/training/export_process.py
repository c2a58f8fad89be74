"""Export a model that runs on JAX or PyTorch: TensorFlow reads it and writes the formats, in a process of its own.

So the run itself never imports TensorFlow. The outputs that exports are compared with are those of the run's own backend.

    python -m utils.training.export_process FOLDER

is that process. It exports the model that `write_formats_with_tensorflow` put into the folder.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.training.backends import is_installed
from utils.training.export import ExportedModel, names_of_formats, write_formats
from utils.training.quiet import silence_tensorflow
from utils.training.signature import Signature, Tensor

ROOT = Path(__file__).parents[2]
NOT_INSTALLED = "TensorFlow writes it, and is not installed: where requirements.txt is installed, python export.py RUN"


def write_formats_with_tensorflow(
    model, folder: Path, signature: Signature, examples, expected: Sequence[dict[str, np.ndarray]], suffix: str
) -> list[ExportedModel]:
    """As `utils.training.export.write_formats`, on any backend. Without TensorFlow, all formats are left out."""
    if not is_installed("tensorflow"):
        return [ExportedModel(name, 0, None, NOT_INSTALLED) for name in names_of_formats(suffix)]
    with tempfile.TemporaryDirectory(prefix="unchecked-", dir=folder) as name:
        work = Path(name).resolve()
        model.save(work / "model.keras")
        for number, arrays in enumerate(zip(examples, expected, strict=True)):
            for kind, values in zip(("example", "expected"), arrays, strict=True):
                np.savez(work / f"{kind}_{number}.npz", **values)
        request = {
            "module": type(model).__module__,  # importing it registers the model's class
            "signature": dataclasses.asdict(signature),
            "num_examples": len(examples),
            "folder": str(folder.resolve()),
            "suffix": suffix,
        }
        (work / "request.json").write_text(json.dumps(request))
        # The accelerator belongs to the run, whose memory is not free.
        settings = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "utils.training.export_process", str(work)]
        process = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, errors="replace"
        )
        if process.returncode or not (work / "exports.json").exists():
            reason = (process.stderr.strip().splitlines() or [f"exit status {process.returncode}"])[-1][:300]
            problem = f"it cannot be written (TensorFlow ended with: {reason})"
            return [ExportedModel(name, 0, None, problem) for name in names_of_formats(suffix)]
        return [ExportedModel(**values) for values in json.loads((work / "exports.json").read_text())]


def main(work: Path) -> None:
    """Export the model that lies in a folder, and write what became of each format to `exports.json` there."""
    import keras

    request = json.loads((work / "request.json").read_text())
    importlib.import_module(request["module"])
    model = keras.saving.load_model(work / "model.keras", compile=False, safe_mode=True)
    signature = Signature(
        inputs=_tensors(request["signature"]["inputs"]),
        outputs=_tensors(request["signature"]["outputs"]),
        max_sizes=request["signature"]["max_sizes"],
    )
    examples, expected = (
        [_arrays(work / f"{kind}_{number}.npz") for number in range(request["num_examples"])]
        for kind in ("example", "expected")
    )
    exports = write_formats(model, Path(request["folder"]), signature, examples, expected, request["suffix"])
    (work / "exports.json").write_text(json.dumps([dataclasses.asdict(export) for export in exports]))


def _tensors(values: dict[str, dict]) -> dict[str, Tensor]:
    return {name: Tensor(tuple(value["axes"]), value["meaning"], value["dtype"]) for name, value in values.items()}


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with open_npz(path) as arrays:
        return dict(arrays)


if __name__ == "__main__":
    silence_tensorflow()
    main(Path(sys.argv[1]))
