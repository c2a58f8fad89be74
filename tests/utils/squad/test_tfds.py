"""SQuAD from TensorFlow Datasets: prepared once, and without a network."""

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.helpers.squad_layouts import entry, layout
from utils.common.errors import UserError
from utils.squad.data import read_squad
from utils.squad.tfds import read_tfds


def write(folder, content, name="squad.json"):
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name, impossible", [("squad", False), ("squad/v2.0", True)])
def test_tfds_prepares_once_and_then_reads_without_a_network(tmp_path, monkeypatch, name, impossible):
    tfds = pytest.importorskip("tensorflow_datasets")
    second = entry("q2", answers=[], is_impossible=True) if impossible else entry("q2")
    file = write(tmp_path, layout(entry(is_impossible=False), second))
    calls = []

    class Reply:
        def close(self):
            calls.append("closed")

    def answer(request, timeout):
        calls.append((request.get_method(), timeout <= 5))
        return Reply()

    def download(self, urls):
        return {split: str(file) for split in urls}

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", download)
    expected = read_squad(file)
    for split in ("train", "validation", "train[:50%]"):
        questions = read_tfds(name, split, tmp_path / "tfds")
        assert set(questions) == set(expected) if "[" not in split else len(questions) == 1
    assert calls == [("HEAD", True), "closed"]


def test_tfds_without_a_network_fails_fast(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"rajpurkar.github.io.*cannot be reached.*no route to host") as caught:
        read_tfds("squad", "train", tmp_path)
    message = str(caught.value)
    assert "--train-files/--validation-files" in message and "--data demo" in message and "\n" not in message
    assert time.monotonic() - started < 20


def test_tfds_failed_download_names_the_remedy(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self, urls):
        raise ConnectionError("reset\nby peer")

    monkeypatch.setattr("utils.squad.tfds._check_reachable", lambda *arguments: None)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", fail)
    with pytest.raises(UserError, match=r"download failed \(.*reset by peer.*--data demo") as caught:
        read_tfds("squad", "train", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name, split", [("squadron", "train"), ("squad", "test"), ("squad", "trainer")])
def test_tfds_unknown_name_or_split(name, split):
    with pytest.raises(UserError, match=r"give (one of squad|train or validation)"):
        read_tfds(name, split)
