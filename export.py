"""Export a finished run or a published model to a folder that answers without Keras, TensorFlow or this project.

    python export.py runs/squad
    python export.py squad-matching --out answers-about-texts
    python export.py ranking-small --int8

The folder holds `model.onnx` for ONNX Runtime and `saved_model/` for TensorFlow Serving, both compared with the model, and
`answer.py`, which takes texts, facts or histories and gives answers. Its README.md says how to use them. Training writes such a
folder at its end; docs/exports.md has more.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import tyro

from utils.common.errors import UserError
from utils.common.references import model_folder
from utils.training.finished import read_run
from utils.training.run import run_script

TASKS = ("squad", "memnet", "tracing", "vectors", "ranking", "reranker")
INT8_TASKS = ("squad", "memnet", "vectors", "ranking", "reranker")


@dataclass
class Config:
    """What to export, and where to."""

    model: tyro.conf.Positional[str]
    """A run directory, the name of a published model, or hf://owner/name."""
    out: Path | None = None
    """Folder to write. Left out: `export` in the run directory; for other models, runs/export-NAME."""
    int8: bool = False
    """Also write model_int8.onnx, with weights in 8 bits. Not for tracing, whose models are small."""


def main(config: Config) -> int:
    _, results = read_run(config.model)
    task = results["task"]
    if task not in TASKS:
        raise UserError(f"{config.model}: is a run of the task {task!r}, which has no export")
    if config.int8 and task not in INT8_TASKS:
        raise UserError(f"--int8: is for runs of {', '.join(INT8_TASKS)}, this is one of {task}; leave it out")
    out = config.out or default_folder(config.model)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; name a folder with --out")
    is_export = all((out / name).is_file() for name in ("answer.py", "settings.json"))
    if out.is_dir() and any(out.iterdir()) and not is_export:
        raise UserError(f"{out}: is not empty and holds no export; name an empty folder with --out")

    module = importlib.import_module(f"utils.{task}.predictor")
    predictor = getattr(module, f"{task.capitalize()}Predictor").load(config.model)
    print("exporting, up to a minute", flush=True)
    exports = predictor.export(out)
    for name, export in exports.items():
        if "left_out" not in export:
            print(f"{out / name}: {export['bytes']:,} bytes, within {export['largest_difference']:.1e} of the model")
    if all("left_out" in export for export in exports.values()):
        raise UserError(f"{out}: no model could be written, for the reasons above")
    if config.int8:
        from utils.training.int8 import quantize_onnx

        if not (paths := sorted(out.glob("model*.onnx"))):
            raise UserError(f"--int8: {out / 'model.onnx'} was left out, so there is nothing to store in 8 bits")
        for path in paths:
            small = quantize_onnx(path)
            print(f"{small}: {small.stat().st_size:,} bytes")
        if (small := out / "model_int8.onnx").exists():  # of two encoders, each has a file of its own
            print(f"python answer.py --model {small.name} uses it")
            print(f"what it costs: python evaluate.py {config.model} --onnx {small} --test-files FILES")
    print(f"{out / 'README.md'} says how to use it")
    return 0


def default_folder(reference: str) -> Path:
    """`export` in a run directory that the user named; elsewhere for models that others published."""
    if Path(reference).is_dir():
        return Path(reference) / "export"
    return Path("runs") / f"export-{model_folder(reference).name}"


if __name__ == "__main__":
    run_script(main, Config)
