"""The export of a model of knowledge tracing: it gives the predictor's numbers in a Python without this project."""

import json

import keras
import numpy as np
import pytest

from models.deep_gpcm import DeepGPCM
from models.dkt import DKT
from tests.helpers.bare_python import run_bare
from utils.common.errors import UserError
from utils.tracing.data import COMMON_FORMAT, ResponseFormat
from utils.tracing.predictor import TracingPredictor
from utils.tracing.standalone import Answerer

pytestmark = pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
NUMBERS = {"q1": 1, "q2": 2, "q3": 3}
HISTORIES = [[], [("q1", 3), ("q2", 0), ("other", 2)], [("q3", 1), ("q1", 2)] * 20]
ITEMS = ["q2", "unknown"]
PREDICT = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from answer import Answerer
answerer = Answerer()
parameters = {{name: values.tolist() for name, values in answerer.item_parameters().items()}}
print(json.dumps([answerer({HISTORIES!r}, {ITEMS!r}), parameters]))
"""


def predictor_of(model_class, response_format=COMMON_FORMAT, **settings):
    keras.utils.set_random_seed(0)
    model = model_class(4, 4, item_scale=1.0, **settings)
    model.build()
    return TracingPredictor(model, NUMBERS, 0.8 if model_class is DeepGPCM else None, response_format)


@pytest.fixture(scope="module")
def predictor():
    return predictor_of(DeepGPCM, num_slots=3, key_dim=4, value_dim=5, summary_dim=3, head="graded")


@pytest.fixture(scope="module")
def export(predictor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracing") / "export"
    return folder, predictor.export(folder)


def assert_same_predictions(students, expected):
    for student, predicted in zip(students, expected, strict=True):
        entries, expected_entries = student.pop("predictions"), predicted.pop("predictions")
        assert student == predicted
        for entry, expected_entry in zip(entries, expected_entries, strict=True):
            assert entry.pop("item") == expected_entry.pop("item")
            assert entry.pop("is_known") == expected_entry.pop("is_known")
            for name, value in expected_entry.items():
                assert entry[name] == pytest.approx(value, abs=1e-5)


def test_predictions_are_those_of_the_predictor(predictor, export, tmp_path):
    folder, formats = export
    run = run_bare("-c", PREDICT, folder, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    students, parameters = json.loads(run.stdout)
    assert {"ability", "ability_error"} < set(students[0]["predictions"][0])
    assert_same_predictions(students, predictor(HISTORIES, ITEMS))
    expected = predictor.item_parameters()
    assert set(parameters) == set(expected) == {"discrimination", "thresholds", "address"}
    for name, values in expected.items():
        np.testing.assert_allclose(parameters[name], values, atol=1e-5)
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())
    assert set(formats) == {"model.onnx", "saved_model"}


def test_a_model_without_ability_predicts_alike(tmp_path):
    predictor = predictor_of(DKT, ResponseFormat(credit_levels=4), hidden_dim=5)
    predictor.export(tmp_path)
    answerer = Answerer(tmp_path)
    assert_same_predictions(answerer(HISTORIES, ITEMS), predictor(HISTORIES, ITEMS))
    predictor.use_onnx(tmp_path / "model.onnx")
    assert predictor(HISTORIES, ITEMS) == answerer(HISTORIES, ITEMS)
    path = tmp_path / "credit.csv"
    path.write_text("student,item,response\nann,q1,1/3\nann,q2,1\n")
    assert answerer.read_histories(path)[0][0].responses.tolist() == [1, 3]
    path.write_text("student,item,response\nann,q1,2\n")
    with pytest.raises(UserError, match="line 2: a response is 2; give a fraction of credit from 0 to 1"):
        answerer.read_histories(path)


def test_files_of_histories_are_read_as_by_the_predictor(predictor, export, tmp_path):
    answerer, path = Answerer(export[0]), tmp_path / "histories"
    table = "student,item,response,minute\nann,q1,3,1\nbo,q2,1,5\nann,q2,0,7\n"
    rows = [dict(zip(("student", "item", "response"), line.split(","), strict=False)) for line in table.split()[1:]]
    for content in (table, table.replace(",", "\t"), "\n".join(map(json.dumps, rows))):
        path.write_text(content)
        histories, notes = answerer.read_histories(path)
        expected, _ = predictor.read_histories(path)
        for history, other in zip(histories, expected, strict=True):
            assert (history.student, history.items) == (other.student, other.items)
            assert history.responses.tolist() == other.responses.tolist()
        assert bool(notes) == ("minute" in content)
    assert "columns that are not read: minute" in answerer.read_histories(_written(path, table))[1][0]


def test_ids_that_are_written_as_fractions_are_the_same_ids(export, tmp_path):
    answerer = Answerer(export[0])
    table = "student,item,response\n12,7.0,1\n12.0,7,0\n"
    records = '{"student": 12, "item": 7.0, "response": 1}\n{"student": 12.0, "item": 7, "response": 0}\n'
    for content in (table, records):
        (history,), _ = answerer.read_histories(_written(tmp_path / "histories", content))
        assert (history.student, history.items, history.responses.tolist()) == ("12", ("7", "7"), [1, 0])


def _written(path, content):
    path.write_text(content, errors="surrogateescape")
    return path


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("student,item\na,q1\n", "has no column response"),
        ("student,item,response\na,q1,\n", "line 2: '' is not the response of a student"),
        ("student,item,response\na,q1,B\n", "line 2: 'B' is not the response"),
        ("student,item,response\na,q1,-1\n", "line 2: '-1' is not the response"),
        ("student,item,response\na,q1,0.5\n", "line 2: a response is 0.5; give a whole number"),
        ("student,item,response\n", "has no responses"),
        ('{"student": "a"}\n[1]\n', "line 1: '' is not the response"),
        ('{"student": "a", "item": "q1", "response": 1}\n{broken\n', "line 2: is no JSON object"),
        ("student,item,response\na,q1,\udcff\n", "cannot be read"),
    ],
)
def test_bad_histories_are_refused_in_one_line(export, tmp_path, content, problem):
    path = tmp_path / "histories.csv"
    with pytest.raises(UserError) as error:
        Answerer(export[0]).read_histories(_written(path, content))
    assert problem in str(error.value) and str(error.value).startswith(str(path))


def test_the_command_line_predicts_or_says_in_one_line_what_is_wrong(predictor, export, tmp_path):
    script = export[0] / "answer.py"
    path = _written(tmp_path / "histories.csv", "student,item,response\nann,q1,3\nann,q2,0\nann,other,2\n")
    run = run_bare(script, "q2, unknown", "--file", path, "--json", cwd=tmp_path)
    expected = predictor(HISTORIES[1:2], ITEMS)
    expected[0]["student"] = "ann"
    assert_same_predictions([json.loads(run.stdout)], expected)
    lines = run_bare(script, "q2,unknown", cwd=tmp_path).stdout.splitlines()
    assert lines[0] == "student new, 0 responses"
    assert [line.partition(": ")[0] for line in lines[1:]] == [
        "  item q2",
        "  item unknown (not in training, treated as an unknown item)",
    ]
    assert lines[1].startswith("  item q2: 0: 0.") and "(ability " in lines[1]
    _written(path, "student,item,response\nann,q1,9\n")
    for arguments, problem in (
        ((",",), "no item there"),
        (("q1", "--file", path), "line 2: a response is 9, but the model"),
    ):
        run = run_bare(script, *arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stdout == ""
        assert run.stderr.startswith("error: ") and problem in run.stderr and run.stderr.count("\n") == 1


def test_the_folder_says_what_it_holds(export):
    folder, _ = export
    readme = (folder / "README.md").read_text()
    for name in ("item_ids", "(batch, steps, 4)", "thresholds", "`items.json`", "on the right, with 0", "0 to 3"):
        assert name in readme
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert [line.split(">")[0] for line in requirements] == ["numpy", "onnxruntime"]
