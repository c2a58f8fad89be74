"""export.py: a finished run becomes a folder, with weights in 8 bits on request, and a wrong request is one line."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.small_runs import CONTEXT, squad_run, tracing_run
from utils.squad.standalone import Answerer


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder, and what was printed."""
    folder, output = tmp_path_factory.mktemp("export") / "out", io.StringIO()
    with contextlib.redirect_stdout(output):
        assert run_in_process("export", squad_run(), "--out", folder, "--int8") == 0
    return folder, output.getvalue()


def test_it_says_where_everything_is(exported):
    folder, output = exported
    for name in ("model.onnx", "saved_model", "model_int8.onnx"):
        assert f"{folder / name}: " in output
    assert "of the model" in output and str(folder / "README.md") in output
    assert json.loads((folder / "settings.json").read_text())["max_length"] == 61


def test_weights_in_8_bits_answer_alike(exported):
    import onnx

    folder, _ = exported
    weights = onnx.load(folder / "model_int8.onnx").graph.initializer
    stored = [onnx.numpy_helper.to_array(weight) for weight in weights if weight.data_type == onnx.TensorProto.INT8]
    matrices = [array.astype(int) for array in stored if array.ndim == 2]
    assert matrices and max(np.abs(array).max() for array in matrices) <= 64  # more overflows on some processors
    exact, small = (Answerer(folder, name) for name in ("model.onnx", "model_int8.onnx"))
    assert exact.model.max_sizes == small.model.max_sizes == {"sequence": 64}
    null_scores = [answerer(["Who built it?"], CONTEXT)[0]["null_score"] for answerer in (exact, small)]
    assert null_scores[1] == pytest.approx(null_scores[0], abs=0.1) and null_scores[1] != null_scores[0]


def test_models_of_an_earlier_export_are_removed(exported, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(exported[0], folder)
    (folder / "saved_model_queries").mkdir()
    assert run_in_process("export", squad_run(), "--out", folder) == 0
    models = {path.name for path in folder.iterdir() if "model" in path.name}
    assert models == {"model.onnx", "saved_model"}


def test_a_wrong_request_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("my notes")
    for arguments, problem in (
        ((tmp_path / "none",), "no finished run there"),
        ((squad_run(), "--out", tmp_path / "file"), "is a file; name a folder"),
        ((squad_run(), "--out", tmp_path / "mine"), "mine: is not empty and holds no export"),
        ((tracing_run(), "--int8"), "--int8: is for runs of squad, memnet, vectors, ranking"),
    ):
        assert run_in_process("export", *arguments) == 2
        errors = capsys.readouterr().err
        assert problem in errors and len(errors.splitlines()) == 1
    assert (tmp_path / "mine" / "README.md").read_text() == "my notes"
