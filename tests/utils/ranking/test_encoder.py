"""What an encoder starts from: as its folder declares, or as the settings say; a saved run keeps it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.bi_encoder import BiEncoder
from tests.helpers.sentence_folders import SENTENCES, TEXTS, references, set_steps, write
from utils.common.errors import UserError
from utils.ranking.encoder import new_start, pretrained_start
from utils.ranking.predictor import RankingPredictor

LEFT_OUT = (0.1, None, None, None)
"""Dropout, and pooling and lengths left out."""


@pytest.fixture
def copy(tmp_path):
    """A copy of an encoder with CLS pooling and a longest input of 16 tokens."""
    return Path(shutil.copytree(SENTENCES / "bert", tmp_path / "bert"))


def make_model(start, **settings):
    dense = [layer.config for layer in start.dense]
    model = BiEncoder(start.arguments, pooling=start.pooling, output_dim=None, dense=dense, **settings)
    model.build()
    start.set_weights(model)
    return model


def saved(folder, start, **settings):
    """The predictor of a run that was saved before any training."""
    folder.mkdir()
    make_model(start, **settings).save(folder / "best.keras")
    (folder / "tokenizer.json").write_text(start.tokenizer.to_str())
    (folder / "config.json").write_text(json.dumps({**start.settings, "train_files": ["own.jsonl"], "split_seed": 4}))
    return RankingPredictor.load_best_epoch(folder)


def test_what_is_left_out_is_as_the_folder_declares_and_a_saved_run_keeps_it(copy, tmp_path, capsys):
    start = pretrained_start(str(copy), *LEFT_OUT)
    assert start.settings == {"pooling": "cls", "query_length": 16, "max_length": 16}
    assert (
        f"{copy}: cls pooling, unit norm, questions of at most 16 tokens, answers of at most 16\n"
        in capsys.readouterr().out
    )
    predictor = saved(tmp_path / "run", start)
    np.testing.assert_allclose(predictor.embed_questions(TEXTS), references()["cls"], atol=1e-5)
    np.testing.assert_allclose(predictor.embed_candidates(TEXTS), references()["cls"], atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_layers_after_the_pooling_are_trained_and_kept(copy, tmp_path, capsys, shared):
    set_steps(copy, ("Pooling", "1_Pooling"), ("Dense", "dense"))
    write(copy / "1_Pooling" / "config.json", {"word_embedding_dimension": 12, "pooling_mode_mean_tokens": True})
    start = pretrained_start(str(copy), *LEFT_OUT)
    assert (
        "a dense layer of 7 (tanh), unit norm (for the cosine; the folder has no normalisation)"
        in capsys.readouterr().out
    )
    expected = references()["dense"] / np.linalg.norm(references()["dense"], axis=1, keepdims=True)
    predictor = saved(tmp_path / "run", start, shared=shared)
    np.testing.assert_allclose(predictor.embed_questions(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(predictor.embed_candidates(TEXTS), expected, atol=1e-5)
    other = pretrained_start(str(copy), 0.1, "cls", None, None)
    assert len({start.key, other.key}) == 2 and start.key.startswith(start.checkpoint.checksum)
    with pytest.raises(UserError, match=r"--pooling cls\+max: .* has layers for mean pooling"):
        pretrained_start(str(copy), 0.1, "cls+max", None, None)


def test_settings_that_are_there_hold_and_are_said(copy, capsys):
    start = pretrained_start(str(copy), 0.1, "mean", 20, 30)
    assert start.settings == {"pooling": "mean", "query_length": 20, "max_length": 30}
    printed = capsys.readouterr().out
    assert "mean pooling (as --pooling says; the folder has cls)" in printed
    assert "questions of at most 20 tokens, answers of at most 30 (the folder's longest input is 16)" in printed
    with pytest.raises(UserError, match=r"--max-length 35: .* has positions for 34 tokens"):
        pretrained_start(str(copy), 0.1, None, None, 35)


def test_lower_casing_and_a_default_prompt(copy, tmp_path, capsys):
    write(copy / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": True})
    settings = json.loads((copy / "tokenizer.json").read_text())
    write(copy / "tokenizer.json", settings | {"normalizer": None})
    write(copy / "config_sentence_transformers.json", {"prompts": {"query": "query: "}, "default_prompt_name": "query"})
    start = pretrained_start(str(copy), *LEFT_OUT)
    assert "its default prompt is not used" in capsys.readouterr().out
    predictor = saved(tmp_path / "run", start)
    upper, lower = predictor.embed_questions(["MILL RIVER", "mill river"])
    np.testing.assert_allclose(upper, lower, atol=1e-6)


def test_a_new_encoder_has_lengths_and_the_mean():
    start = new_start(["a b c"] * 3, 100, hidden_dim=6, num_layers=1, num_heads=2, dropout=0.0)
    assert start.settings == {"pooling": "mean", "query_length": 64, "max_length": 128} and start.key == ""
    assert start.arguments["max_length"] == 128
    lengths = {"pooling": "cls", "query_length": 33, "max_length": 9}
    start = new_start(["a b"] * 3, 100, hidden_dim=6, num_layers=1, num_heads=2, dropout=0.0, **lengths)
    assert start.settings == lengths and start.arguments["max_length"] == 64
