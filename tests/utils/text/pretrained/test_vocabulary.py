"""Signs that a tokenizer belongs to another checkpoint."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import FIXTURES
from tests.helpers.sentence_folders import SENTENCES
from utils.common.errors import UserError
from utils.text.pretrained.loading import load_pretrained
from utils.text.pretrained.vocabulary import MIN_PAIRS, vocabulary_notes
from utils.text.tokenization import load_tokenizer

BERT = FIXTURES / "pretrained" / "bert"


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(BERT, tmp_path / "bert"))


def edit(file, change):
    settings = json.loads(file.read_text())
    change(settings)
    file.write_text(json.dumps(settings))


def test_a_tokenizer_of_the_same_size_has_no_notes():
    assert load_pretrained(BERT).notes == ()


def test_more_tokens_than_embeddings_are_refused_and_fewer_are_said(copy):
    edit(copy / "tokenizer.json", lambda settings: settings["model"]["vocab"].update({"qkv-zoo": 300}))
    with pytest.raises(UserError, match=r"301 tokens up to id 300 and the model 300 embeddings; they do not belong"):
        load_pretrained(copy)
    edit(copy / "tokenizer.json", lambda settings: settings["model"]["vocab"].update({"qkv-zoo": 999}))
    with pytest.raises(UserError, match="up to id 999"):
        load_pretrained(copy)
    last = ("qkv-zoo", *(f"##{character}" for character in "xyz"))
    edit(copy / "tokenizer.json", lambda settings: [settings["model"]["vocab"].pop(name, None) for name in last])
    (note,) = load_pretrained(copy).notes
    assert "of 300 embeddings belong to no token and are not used" in note


def test_other_special_tokens_are_noticed(copy, tmp_path):
    edit(copy / "config.json", lambda settings: settings.update(pad_token_id=3))
    (note,) = load_pretrained(copy).notes
    assert "config.json has pad_token_id 3, but that of the tokenizer is 0" in note
    camembert, other = SENTENCES / "camembert", Path(shutil.copytree(SENTENCES / "camembert", tmp_path / "other"))
    assert not any("config.json has" in note for note in load_pretrained(camembert).notes)
    shutil.copy(SENTENCES / "xlm_roberta" / "tokenizer.json", other)
    notes = load_pretrained(other).notes
    assert any("config.json has bos_token_id 5, but that of the tokenizer is 0" in note for note in notes)
    assert any("config.json has eos_token_id 6, but that of the tokenizer is 2" in note for note in notes)


def notes_of(vocabulary, embeddings, folder):
    from tokenizers import Tokenizer, models

    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    return vocabulary_notes(folder, tokenizer, embeddings.astype(np.float32), {})


def test_the_embedding_of_zeros_is_that_of_the_padding_token(tmp_path):
    load_tokenizer(BERT).save(str(tmp_path / "tokenizer.json"))
    vocabulary, embeddings = {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3}, np.ones((4, 5))
    embeddings[1] = 0
    assert notes_of(vocabulary, embeddings, tmp_path) == []
    (note,) = notes_of({"<s>": 0, "</s>": 1, "<pad>": 2, "a": 3}, embeddings, tmp_path)
    assert "the only embedding of zeros is that of '</s>'" in note


def test_embeddings_that_are_all_zeros_are_refused(tmp_path):
    load_tokenizer(BERT).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="holds no trained embeddings, all are zeros"):
        notes_of({"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3}, np.zeros((4, 5)), tmp_path)


def test_pieces_that_are_spelt_alike_have_embeddings_that_are_alike(tmp_path):
    rng = np.random.default_rng(3)
    words = [f"word{number}" for number in range(2 * MIN_PAIRS)]
    pieces = ["<s>", "<pad>", "</s>", *words, *(f"Ġ{word}" for word in words)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    embeddings = rng.normal(size=(len(pieces), 24))
    embeddings[3 + len(words) :] += 0.6 * embeddings[3 : 3 + len(words)]
    assert notes_of(vocabulary, embeddings, tmp_path) == []
    order = rng.permutation(len(pieces) - 3)
    (note,) = notes_of(vocabulary, np.concatenate([embeddings[:3], embeddings[3:][order]]), tmp_path)
    assert "pieces that are spelt alike have embeddings that are not alike" in note


def test_names_that_say_cased_and_uncased(copy):
    edit(copy / "config.json", lambda settings: settings.update(_name_or_path="bert-base-uncased"))
    (copy / "tokenizer_config.json").write_text(json.dumps({"name_or_path": "bert-base-uncased"}))
    assert load_pretrained(copy).notes == ()
    (copy / "tokenizer_config.json").write_text(json.dumps({"name_or_path": "bert-base-cased"}))
    (note,) = load_pretrained(copy).notes
    assert "made from 'bert-base-uncased', the tokenizer from 'bert-base-cased'" in note
