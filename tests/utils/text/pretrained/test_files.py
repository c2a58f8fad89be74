"""Where a checkpoint's folder is: on the disk, in the hub's cache, or nowhere."""

import shutil

import pytest

from tests.helpers.sentence_folders import SENTENCES
from utils.common.errors import UserError
from utils.text.pretrained.files import checkpoint_folder
from utils.text.pretrained.loading import load_sentence_encoder


def test_a_hub_name_is_found_in_the_hubs_cache_without_network(tmp_path, monkeypatch):
    """The layout that huggingface_hub keeps: models--NAME/snapshots/COMMIT and refs/main."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--qkv-zoo--tiny-bert"
    shutil.copytree(SENTENCES / "bert", home / "snapshots" / "0123abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abc")
    assert load_sentence_encoder("qkv-zoo/tiny-bert").settings.pooling == "cls"
    with pytest.raises(UserError, match="qkv-zoo/other: no such folder, and cannot be downloaded from the hub"):
        checkpoint_folder("qkv-zoo/other")
    (home / "snapshots" / "0123abc" / "model.safetensors").unlink()
    shutil.rmtree(home / "snapshots" / "0123abc" / "dense")
    shutil.rmtree(home / "snapshots" / "0123abc" / "linear")
    with pytest.raises(UserError, match=r"has no model.safetensors on the hub; convert it"):
        checkpoint_folder("qkv-zoo/tiny-bert")


def test_everything_that_is_read_is_downloaded():
    from fnmatch import fnmatch

    from utils.text.pretrained.files import DOWNLOADED

    names = [path.relative_to(folder) for folder in SENTENCES.iterdir() for path in folder.rglob("*") if path.is_file()]
    assert len(names) > 20
    for name in [*map(str, names), "vocab.txt", "0_BERT/vocab.txt", "model-00001-of-00002.safetensors"]:
        assert any(fnmatch(name, pattern) for pattern in DOWNLOADED) or name == "expected.npz", name


def test_folders_that_are_none(tmp_path):
    (tmp_path / "file").write_text("")
    assert checkpoint_folder(tmp_path) == tmp_path
    with pytest.raises(UserError, match="is a file"):
        checkpoint_folder(tmp_path / "file")
    with pytest.raises(UserError, match="no such folder"):
        checkpoint_folder("./nothing/there")
