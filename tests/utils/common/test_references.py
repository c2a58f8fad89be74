"""Which folder a name of a trained model stands for."""

from pathlib import Path

import pytest

from utils.common import references
from utils.common.errors import UserError
from utils.common.references import model_folder


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    folder = tmp_path / "zoo"
    for name in ("small", "large"):
        (folder / name).mkdir(parents=True)
        (folder / name / "results.json").write_text("{}")
    (folder / "unfinished").mkdir()
    monkeypatch.setattr(references, "ZOO", folder)
    return folder


def test_a_published_model_goes_by_its_name(zoo):
    assert model_folder("small") == zoo / "small"


def test_a_path_that_exists_comes_first(zoo, tmp_path, monkeypatch):
    (tmp_path / "small").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_folder("small") == Path("small")


def test_unknown_names_list_the_published_ones(zoo):
    with pytest.raises(
        UserError, match=r"tiny: no finished run there, and no published model .* \(there are: large, small\)"
    ):
        model_folder("tiny")
    with pytest.raises(UserError, match="no finished run there, and"):
        model_folder("unfinished")


@pytest.mark.parametrize("name", ["runs/missing", "../small", "zoo/tiny"])
def test_a_missing_path_is_an_error(zoo, name):
    with pytest.raises(UserError, match="no finished run there; name"):
        model_folder(name)


@pytest.mark.parametrize("name", ["hf://", "hf://owner", "hf://a/b/c", "hf://a b/c", "hf://a/b@"])
def test_a_wrong_name_of_the_hub_is_an_error(name):
    with pytest.raises(UserError, match="no name of a repository"):
        model_folder(name)


def test_a_repository_of_the_hub_is_downloaded(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda *args, **keys: calls.append((args, keys)) or tmp_path
    )
    assert model_folder("hf://owner/name@v1.0") == tmp_path
    assert calls == [(("owner/name",), {"revision": "v1.0"})]


def test_what_the_hub_refuses_is_one_line(monkeypatch):
    def fail(*args, **keys):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(
        UserError, match=r"hf://owner/name: cannot be downloaded \(no route\); check the name and the network"
    ):
        model_folder("hf://owner/name")
