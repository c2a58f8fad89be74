"""Reading a saved model, whichever it is."""

import subprocess
import sys

import keras
import pytest

from models import load_model, model_classes
from models.bert_qa import BertQA
from models.qa_transformer import QATransformer
from tests.helpers.model_cases import CASES
from tests.helpers.paths import ROOT

SIZE = {"hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}


@pytest.mark.parametrize("model_class", [QATransformer, BertQA])
def test_a_file_is_read_and_a_damaged_one_is_refused(tmp_path, model_class):
    model = QATransformer(11, **SIZE) if model_class is QATransformer else BertQA({"vocabulary_size": 11, **SIZE})
    model.build()
    file = tmp_path / "model.keras"
    model.save(file)
    assert type(load_model(file)) is model_class
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.keras: not a readable model"):
        load_model(file)


def test_a_run_directory_stands_for_its_best_model(tmp_path):
    model = QATransformer(11, **SIZE)
    model.build()
    model.save(tmp_path / "best.keras")
    assert load_model(tmp_path).get_config() == model.get_config()


def test_the_file_alone_tells_what_it_holds(tmp_path):
    """No model is imported before: `load_model` finds the classes itself."""
    model = BertQA({"vocabulary_size": 11, **SIZE})
    model.build()
    model.save(tmp_path / "model.keras")
    code = "import sys; from models import load_model; print(type(load_model(sys.argv[1])).__name__)"
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["BertQA"], done.stderr


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"best\.keras: not a readable model") as error:
        load_model(tmp_path)
    assert "\n" not in str(error.value)


def test_another_model_is_refused(tmp_path):
    file = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(file)
    with pytest.raises(ValueError, match="holds a Sequential, not one of AMN, BertQA"):
        load_model(file)


def test_every_file_of_the_package_holds_a_model():
    files = {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__"}
    assert {model.__module__.removeprefix("models.") for model in model_classes().values()} == files


def test_importing_the_package_imports_no_keras():
    code = "import sys, models; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_reading_leaves_no_variables_that_keras_would_give_values_later(tmp_path):
    from keras.src.backend.common import global_state

    case = CASES[0]
    case.make().save(tmp_path / "best.keras")
    load_model(tmp_path / "best.keras")
    assert not global_state.get_global_attribute("uninitialized_variables")
