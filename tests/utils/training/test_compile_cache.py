"""Compiled programs that JAX keeps on disk."""

import os
import subprocess
import sys
import time

import pytest

from utils.training.compile_cache import VARIABLE, is_own_folder, remove_unfinished, set_up_compile_cache


@pytest.fixture
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv(VARIABLE, "set so that it is taken back")
    monkeypatch.delenv(VARIABLE)
    return tmp_path / "cache"


def test_folder_is_closed_to_others(cache_home):
    set_up_compile_cache()
    folders = [cache_home / "qkv-zoo", *cache_home.glob("qkv-zoo/*")]
    assert os.environ[VARIABLE] == str(folders[1])
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    del os.environ[VARIABLE]
    set_up_compile_cache()
    assert os.environ[VARIABLE] == str(folders[1]), "the second run takes the same folder"


def test_users_own_setting_stays(cache_home, monkeypatch):
    for value in ("", "/somewhere/else"):
        monkeypatch.setenv(VARIABLE, value)
        set_up_compile_cache()
        assert os.environ[VARIABLE] == value
    assert not cache_home.exists()


def test_nothing_is_kept_for_other_backends(cache_home, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    set_up_compile_cache()
    assert VARIABLE not in os.environ and not cache_home.exists()


def test_folders_that_others_could_write_are_not_used(cache_home, tmp_path):
    folder = cache_home / "qkv-zoo" / "jax"
    assert is_own_folder(folder)
    folder.chmod(0o770)
    assert not is_own_folder(folder)
    folder.chmod(0o700)
    folder.parent.chmod(0o755)
    assert not is_own_folder(folder)
    folder.parent.chmod(0o700)
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    assert not is_own_folder(folder)
    folder.unlink()
    folder.write_text("a file in its place")
    assert not is_own_folder(folder)


def test_programs_that_were_not_written_to_their_end_are_removed(tmp_path):
    names = ("whole-cache", "whole-atime", "cut-cache", "being_written-cache")
    for name in names:
        (tmp_path / name).write_bytes(b"program")
        os.utime(tmp_path / name, times=(time.time() - 3600,) * 2)
    os.utime(tmp_path / "being_written-cache")
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names) - {"cut-cache"}


PROGRAM = """
from utils.training.compile_cache import set_up_compile_cache
set_up_compile_cache()
import jax, jax.monitoring
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
print(float(jax.jit(lambda x: (x @ x).sum())(jax.numpy.ones((7, 7)))), events.count("/jax/compilation_cache/cache_hits") > 0)
"""


def test_second_process_compiles_nothing(cache_home, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    command = [sys.executable, "-c", PROGRAM]
    printed = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(2)]
    assert [process.stdout.split() for process in printed] == [["343.0", "False"], ["343.0", "True"]]
    assert not any(process.stderr for process in printed)
