"""Files that a stranger made on purpose: nothing of them is unpickled or run, none fills the memory, and each gives one line.

`tests/test_fuzz.py` tries damaged files of every reader, `tests/models/test_hostile_models.py` goes through saved models.
"""

import os

import pytest

from tests.helpers import fuzzing, hostile_files
from tests.helpers.memory import memory_limit
from tests.helpers.readers import READERS


@pytest.fixture
def little_memory():
    """Let this process reserve 4 GiB more than it has, so that a bomb fails at once."""
    with memory_limit(4 * 2**30):
        yield


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
