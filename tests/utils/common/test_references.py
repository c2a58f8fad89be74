"""Which folder a name of a trained model stands for."""

from pathlib import Path

import pytest

from tests.helpers.hub_server import hub_server
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


FILES = {"config.json": b"{}", "results.json": b"{}", "best.keras": b"weights"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with hub_server(monkeypatch, tmp_path / "cache") as server:
        server.repositories["owner/name"] = {**FILES, "examples/a.txt": b"text"}
        yield server


def test_a_repository_of_the_hub_is_downloaded_once(hub):
    folder = model_folder("hf://owner/name")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == FILES
    assert (folder / "examples" / "a.txt").read_bytes() == b"text"
    hub.requests.clear()
    assert model_folder("hf://owner/name") == folder
    assert not [request for request in hub.requests if request.startswith("GET /owner/name/resolve")]


def test_a_revision_is_asked_for(hub):
    assert model_folder("hf://owner/name@v1.0")
    assert "GET /api/models/owner/name/revision/v1.0?blobs=true" in hub.requests


def test_files_that_no_model_has_stay_where_they_are(hub):
    hub.repositories["owner/name"] |= {
        name: b"evil" for name in ("train.py", "a/best.keras", "examples/../../x", "examples/.bashrc", "..", "*.json")
    }
    folder = model_folder("hf://owner/name")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {*FILES, "examples/a.txt"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": b"hello"}, "holds no published model"),
        ({**FILES, "facts.tsv": b"1" * 2_000}, r"holds 2,011 bytes, more than 1,000"),
    ],
)
def test_what_is_no_model_or_too_large_is_not_downloaded(hub, monkeypatch, files, message):
    monkeypatch.setattr(references, "MAX_DOWNLOAD_BYTES", 1_000)
    hub.repositories["owner/name"] = files
    with pytest.raises(UserError, match=message):
        model_folder("hf://owner/name")
    assert not [request for request in hub.requests if "/resolve/" in request]


def test_a_repository_that_is_not_there_is_one_line(hub):
    with pytest.raises(UserError, match=r"hf://owner/none: cannot be downloaded \(there is no such repository"):
        model_folder("hf://owner/none")


def test_without_a_network_the_cache_is_used(hub, monkeypatch):
    folder = model_folder("hf://owner/name")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert model_folder("hf://owner/name") == folder
    with pytest.raises(UserError, match=r"hf://owner/other: cannot be downloaded \(HF_HUB_OFFLINE is set\)"):
        model_folder("hf://owner/other")
