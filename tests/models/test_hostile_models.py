"""Saved models that a stranger made on purpose: no code in them runs, none fills the memory, and each gives one line."""

import zipfile

import numpy as np
import pytest

from models import load_model
from tests.helpers import hostile_models as hostile
from tests.helpers.memory import memory_limit
from tests.helpers.model_cases import CASES

pytestmark = pytest.mark.tensorflow(reason="files are checked before the backend sees them")

MANY = 10**9


@pytest.fixture
def little_memory():
    """Let this process reserve 4 GiB more than it has, so that a bomb fails at once."""
    with memory_limit(4 * 2**30):
        yield


@pytest.fixture
def saved(tmp_path):
    return hostile.saved_model(tmp_path)


def refusal(file) -> str:
    """What `load_model` says of a file that it refuses, without the file's name."""
    with pytest.raises(ValueError) as caught:
        load_model(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and "\n" not in message and len(message) < 500
    return message.removeprefix(f"{file}: ")


@pytest.mark.parametrize("change", hostile.WEIGHTS, ids=lambda change: change.__name__)
def test_weights_that_grow_or_lie_elsewhere(saved, little_memory, change):
    file, *_ = saved
    assert "its weights" in refusal(hostile.with_files(file, weights=hostile.weights_with(change)))


@pytest.mark.parametrize("value", [hostile.LAMBDA, hostile.CODE, [hostile.CODE], {"a": {"b": hostile.LAMBDA}}])
def test_settings_that_name_code(saved, value):
    file, config, _ = saved
    for name in ("encoder", "num_heads", "dtype"):
        refusal(hostile.with_settings(file, config, **{name: value}))
    refusal(hostile.with_files(file, config={**config, "build_config": value}))


def test_how_a_model_was_compiled_is_not_read(saved):
    file, config, _ = saved
    compiled = {"optimizer": hostile.LAMBDA, "loss": hostile.CODE, "metrics": [hostile.CODE]}
    model = load_model(hostile.with_files(file, config={**config, "compile_config": compiled}))
    assert not model.compiled


@pytest.mark.parametrize(
    "change",
    [
        hostile.LAMBDA,
        hostile.CODE,
        {"module": "os", "class_name": "system", "registered_name": None},
        {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
        {"module": "keras", "class_name": "Sequential", "registered_name": None},
        {"registered_name": "other>KVMemNet"},
        {"registered_name": None},
    ],
)
def test_a_model_of_another_kind(saved, change):
    file, config, _ = saved
    assert refusal(hostile.with_files(file, config={**config, **change})).startswith("holds a ")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_setting_makes_a_model_larger_than_its_file(tmp_path, little_memory, case):
    """Every number among the settings is replaced by a very large one. A model that does not use it loads all the same."""
    file = tmp_path / "model.keras"
    case.make().save(file)
    config = hostile.config_of(file)
    larger = {int: lambda _: MANY, list: lambda value: value * 1_000, dict: with_large_numbers}
    for name, value in config["config"].items():
        if name == "dtype" or type(value) not in larger:
            continue
        hostile.with_settings(file, config, **{name: larger[type(value)](value)})
        try:
            load_model(file)
        except ValueError as error:
            assert "emory" not in str(error) and "allocate" not in str(error)


def with_large_numbers(settings):
    return {name: MANY if type(value) is int else value for name, value in settings.items()}


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"\xff\xfe", b"[]", b"null", b'{"config": 3}', b"1" * 5_000])
def test_a_config_that_is_none(saved, content):
    file, *_ = saved
    refusal(hostile.with_files(file, config=content))


def test_names_that_lead_elsewhere_are_not_extracted(saved, tmp_path):
    file, *_ = saved
    for name in ("../../evil", "/tmp/evil", "assets/../../evil", "..\\evil", "evil"):
        assert "nothing else" in refusal(hostile.with_files(file, more={name: b"1"}))
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_model_that_grows_when_it_is_unpacked_is_refused_before_it_is_read(saved, little_memory):
    file, *_ = saved
    zeros = bytes(100 * 2**20)
    assert "zip bomb" in refusal(hostile.with_files(file, weights=zeros, compression=zipfile.ZIP_DEFLATED))


def test_a_compressed_model_is_read(saved):
    file, _, weights = saved
    load_model(hostile.with_files(file, weights=weights, compression=zipfile.ZIP_DEFLATED))


def test_a_model_whose_files_lie_on_one_another(saved):
    """The directory of the archive may claim any size."""
    file, *_ = saved
    content = bytearray(file.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # of the weights
    content[entry + 20 : entry + 28] = (2**31).to_bytes(4, "little") * 2  # size, compressed and not
    file.write_bytes(content)
    assert "larger than itself" in refusal(file)


def test_weights_that_are_not_finite(saved):
    file, *_ = saved
    model = load_model(file)
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan, np.float32))
    model.save(file)
    assert "not finite" in refusal(file)
