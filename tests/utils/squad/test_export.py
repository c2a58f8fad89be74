"""The export of a model that answers questions: it gives the predictor's answers in a Python without this project."""

import json

import pytest

from tests.helpers.bare_python import run_bare
from tests.helpers.small_runs import CONTEXT, squad_run
from utils.squad.predictor import SquadPredictor

pytestmark = pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
HINDI = "मीना दिल्ली में रहती है। राम 1999 में मुंबई गया।"
QUESTIONS = ["Who built it?", "When was the bridge built?", "मीना कहाँ रहती है?", "Who?"]
CONTEXTS = [CONTEXT, CONTEXT * 9, HINDI, "\u200b\u0301"]  # one window, several, another script, no tokens
ANSWER = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from answer import Answerer
print(json.dumps(Answerer()({QUESTIONS!r}, {CONTEXTS!r})))
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squad") / "export"
    return folder, SquadPredictor.load(squad_run()).export(folder)


def test_answers_are_those_of_the_predictor(export, tmp_path):
    folder, formats = export
    run = run_bare("-c", ANSWER, folder, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    expected = SquadPredictor.load(squad_run())(QUESTIONS, CONTEXTS)
    for result, answer in zip(json.loads(run.stdout), expected, strict=True):
        assert result["answer"] == answer["answer"] and result["start"] == answer["start"]
        assert result["null_score"] == pytest.approx(answer["null_score"], abs=1e-5)
        assert [entry["text"] for entry in result["n_best"]] == [entry["text"] for entry in answer["n_best"]]
        for entry, expected_entry in zip(result["n_best"], answer["n_best"], strict=True):
            assert entry["probability"] == pytest.approx(expected_entry["probability"], abs=1e-5)
    assert set(formats) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())


def test_the_command_line_answers_or_says_in_one_line_what_is_wrong(export, tmp_path):
    folder, _ = export
    script = folder / "answer.py"
    run = run_bare(script, "Who built it?", CONTEXT, "--n-best", 2, cwd=tmp_path)
    (expected,) = SquadPredictor.load(squad_run())(["Who built it?"], [CONTEXT])
    lines = [f"{entry['probability']:.3f}  {entry['text']}" for entry in expected["n_best"][:2]]
    assert run.stdout.splitlines()[-2:] == lines
    run = run_bare(script, "Who built it?", f"\x1b[2J{CONTEXT}", "--json", cwd=tmp_path)
    assert run.stdout.count("\n") == 1 and "\x1b" not in run.stdout
    assert json.loads(run.stdout)["n_best"][0].keys() >= {"text", "probability", "start"}
    for arguments, problem in (
        ((" ", CONTEXT), "the question is empty"),
        (("Who?", CONTEXT, "--model", "other.onnx"), "other.onnx: no such file"),
        (("Who?", "--file", tmp_path / "none.txt"), "none.txt: cannot be read"),
    ):
        run = run_bare(script, *arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stdout == ""
        assert run.stderr.startswith("error: ") and problem in run.stderr and run.stderr.count("\n") == 1


def test_the_folder_says_what_it_holds(export):
    folder, _ = export
    readme = (folder / "README.md").read_text()
    for name in ("token_ids", "padding_mask", "stem_ids", "start", "`sequence` is at most 64", "on the right"):
        assert name in readme
    requirements = (folder / "requirements.txt").read_text()
    assert [line.split(">")[0] for line in requirements.splitlines()] == [
        "numpy", "onnxruntime", "regex", "snowballstemmer", "tokenizers",
    ]  # fmt: skip
    assert set(json.loads((folder / "request.json").read_text())["inputs"]) == set(
        SquadPredictor.load(squad_run()).model.feature_names
    )
