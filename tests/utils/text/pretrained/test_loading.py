"""A pretrained encoder and its tokenizer, read together."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.sentence_folders import SENTENCES
from utils.text.pretrained.loading import load_pretrained


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SENTENCES / "bert", tmp_path / "bert"))


def test_code_that_is_not_run_is_told(folder):
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"auto_map": {"AutoModel": "modeling.Other"}}))
    note = load_pretrained(folder).notes[-1]
    assert "names code of its own (auto_map), which is never run" in note


def test_an_adapter_beside_the_model_is_told(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    note = load_pretrained(folder).notes[-1]
    assert "the model is read without the adapter beside it" in note
