"""Files that a stranger made on purpose: nothing of them runs, none fills the memory, and each gives one line.

`tests/test_fuzz.py` tries damaged files of every reader.
"""

import io
import os
import resource
import warnings
import zipfile

import numpy as np
import pytest

from models import load_model
from tests.helpers import fuzzing, hostile_files
from tests.helpers import hostile_models as hostile
from tests.helpers.model_cases import CASES
from tests.helpers.readers import READERS
from utils.common.archives import check_npz, open_npy

MANY = 10**9


@pytest.fixture
def little_memory():
    """Let this process reserve 4 GiB more than it has, so that a bomb fails at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        reserved = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (reserved + 4 * 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


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


# --- saved models


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


def test_a_compressed_model_is_refused_before_it_is_read(saved, little_memory):
    file, *_ = saved
    zeros = bytes(100 * 2**20)
    assert "zip -0" in refusal(hostile.with_files(file, weights=zeros, compression=zipfile.ZIP_DEFLATED))


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


# --- archives of arrays


def npz(path, compression=zipfile.ZIP_DEFLATED, **contents):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header_of(shape, dtype="<f4"):
    """The beginning of an array."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


def test_arrays_as_numpy_writes_them_pass(tmp_path):
    arrays = {
        "a": np.arange(7),
        "b": np.zeros((0, 3)),
        "c": np.array(["", "text"]),
        "d": np.array(3.5),
        "e": np.ones((3, 2)).T,
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "a.npz", **arrays)
        check_npz(tmp_path / "a.npz")


def test_an_archive_of_zeros_is_refused_before_it_is_read(tmp_path, little_memory):
    file = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(header_of((300 * 2**18,)))
        for _ in range(300):
            member.write(bytes(2**20))
    with pytest.raises(ValueError, match="zip bomb"):
        check_npz(file)


@pytest.mark.parametrize(
    "content",
    [
        header_of((10**12,)),
        header_of((10**12, 10**12)),
        header_of((-1,)),
        header_of((10**12,), "<U0"),
        header_of((True,)) + bytes(4),
        header_of((3,)) + bytes(8),
        b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + bytes(100),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535,
        b"\x93NUMPY\x09\x00",
        b"no array",
        b"",
    ],
)
def test_an_array_that_is_not_what_its_header_says(tmp_path, little_memory, content):
    with pytest.raises(ValueError, match=r"its array 'a\.npy'"):
        check_npz(npz(tmp_path / "a.npz", a=content))


def test_an_array_that_is_larger_than_the_archive_says(tmp_path, little_memory):
    """A lying directory: 140 bytes are declared, and 100 MiB come."""
    file = npz(tmp_path / "a.npz", a=header_of((3,)) + bytes(100 * 2**20))
    content = bytearray(file.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (128 + 12).to_bytes(4, "little")
    file.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(zipfile.BadZipFile):
        check_npz(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 2**10


def test_an_archive_of_other_files_or_of_odd_ones(tmp_path):
    file = tmp_path / "a.npz"
    for names, compression in (
        (["a.txt"], 0),
        (["a.npy", "a.npy"], 0),
        (["a.npy"], zipfile.ZIP_BZIP2),
        (["a.npy"], zipfile.ZIP_LZMA),
    ):
        with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two files of one name
            for name in names:
                archive.writestr(name, header_of((0,)))
        with pytest.raises(ValueError, match=r"its file|one name"):
            check_npz(file)


def test_an_array_file_that_is_not_as_large_as_it_says(tmp_path, little_memory):
    file = tmp_path / "a.npy"
    np.save(file, np.arange(6.0).reshape(2, 3))
    assert open_npy(file).tolist() == [[0, 1, 2], [3, 4, 5]]
    for content in (
        header_of((10**15,)),
        header_of((3,)) + bytes(100),
        header_of((1,), "|O") + b"cos\nsystem\n.",
        b"PK",
        b"",
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError):
            open_npy(file)


# --- files of data, pretrained folders and tokenizers


@pytest.fixture
def small_bombs(monkeypatch):
    """Bombs that grow less, and limits that are as much lower."""
    monkeypatch.setattr(hostile_files, "BOMB_MEBIBYTES", 32)
    monkeypatch.setattr(hostile_files, "LONG_LINE", 10**6)
    monkeypatch.setattr("utils.common.files.MIN_BOMB_BYTES", 2**18)
    monkeypatch.setattr("utils.common.archives.MIN_BOMB_BYTES", 2**22)


@pytest.mark.parametrize(("name", "reader_name"), hostile_files.cases())
def test_hostile_files_are_read_or_refused(tmp_path, little_memory, small_bombs, name, reader_name):
    reader, files = READERS[reader_name], hostile_files.files_of(name)
    fuzzing.write_files(tmp_path / "input", files)
    outcome = fuzzing.try_reader(reader, reader.path(tmp_path / "input", files), max_seconds=60)
    assert outcome.kind != "failed", (outcome.problem, outcome.details)
    assert not hostile_files.CANARY.exists() and not (tmp_path.parent / "evil").exists()
    if name not in hostile_files.MAY_BE_ACCEPTED:
        assert outcome.kind == "refused", name


SPECIAL = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", [name for name in READERS if READERS[name].slow < 100])
def test_what_is_no_file_is_refused_at_once(tmp_path, name, kind):
    reader = READERS[name]
    files = next(iter(reader.examples().values()))
    for file in files:
        fuzzing.write_files(tmp_path / "input", files)
        (tmp_path / "input" / file).unlink()
        SPECIAL[kind](tmp_path / "input" / file)
        outcome = fuzzing.try_reader(reader, reader.path(tmp_path / "input", files), max_seconds=30)
        is_optional = len(files) > 1  # such as the settings of a sentence encoder
        assert outcome.kind == "refused" or (is_optional and outcome.kind == "accepted"), (file, outcome)
