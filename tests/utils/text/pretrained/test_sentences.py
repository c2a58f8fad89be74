"""Vectors of texts equal those of sentence-transformers (fixtures/make_sentence_encoders.py), whatever a folder declares."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.sentence_folders import KINDS, SENTENCES, TEXTS, module, references, set_steps, write
from utils.common.errors import UserError
from utils.text.pretrained.loading import load_sentence_encoder
from utils.text.pretrained.sentences import read_sentence_settings
from utils.vectors.text_vectors import SentenceEncoder

OLD_FLAGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}


@pytest.fixture
def copy(tmp_path):
    """A copy of the BERT encoder to change."""
    return Path(shutil.copytree(SENTENCES / "bert", tmp_path / "bert"))


def vectors(folder):
    return SentenceEncoder.load(str(folder)).embed(TEXTS)


def fails(folder, *words):
    with pytest.raises(UserError) as caught:
        load_sentence_encoder(folder)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_equal_those_of_sentence_transformers(kind):
    encoder, expected = SentenceEncoder.load(str(SENTENCES / kind)), references(kind)
    assert encoder.max_length == 16 and max(len(expected[f"ids_{number}"]) for number in range(len(TEXTS))) > 16
    np.testing.assert_allclose(encoder.embed(TEXTS), expected["cls"], atol=1e-5)
    assert "cls pooling, unit norm, texts of at most 16 tokens" in encoder.notes[-1]


@pytest.mark.parametrize("pooling", [*OLD_FLAGS, "cls+max+mean"])
@pytest.mark.parametrize("is_old", [False, True])
def test_every_pooling(copy, pooling, is_old):
    names = pooling.split("+")
    set_steps(copy, ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    flags = {flag: name in names for name, flag in OLD_FLAGS.items()}
    modes = [name + "_tokens" * (name == "mean_sqrt_len") for name in names]
    new = {"embedding_dimension": 12, "pooling_mode": modes if len(modes) > 1 else modes[0], "include_prompt": True}
    write(copy / "1_Pooling" / "config.json", {"word_embedding_dimension": 12, **flags} if is_old else new)
    np.testing.assert_allclose(vectors(copy), references()[pooling], atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "linear"])
def test_layers_after_the_pooling(copy, name):
    set_steps(copy, ("Pooling", "1_Pooling"), ("Dense", name))
    write(copy / "1_Pooling" / "config.json", {"word_embedding_dimension": 12, "pooling_mode_mean_tokens": True})
    expected = references()[name]
    assert not np.allclose(np.linalg.norm(expected, axis=1), 1, atol=0.1)
    np.testing.assert_allclose(vectors(copy), expected, atol=1e-5)
    set_steps(copy, ("Pooling", "1_Pooling"), ("Dense", name), "Normalize")
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors(copy), expected / norms, atol=1e-5)


def test_a_folder_that_declares_nothing_gets_the_mean_and_says_so(copy):
    for name in ("modules.json", "sentence_bert_config.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "1_Pooling")
    encoder = SentenceEncoder.load(str(copy))
    assert encoder.max_length == 34 and any(
        "does not say how tokens become one vector" in note for note in encoder.notes
    )
    encoder.max_length = 16
    np.testing.assert_allclose(encoder.embed(TEXTS), references()["mean"], atol=1e-5)


def test_folders_named_like_steps_stand_for_a_missing_list(copy):
    (copy / "modules.json").unlink()
    (copy / "2_Normalize").mkdir()
    np.testing.assert_allclose(vectors(copy), references()["cls"], atol=1e-5)
    assert "has no modules.json" in read_sentence_settings(copy, 12, 34).notes[0]


def test_an_encoder_in_a_folder_of_its_own(copy):
    inner = copy / "0_BERT"
    inner.mkdir()
    for name in (
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
    ):
        shutil.move(copy / name, inner / name)
    write(copy / "config.json", {"__version__": "0.2.0"})
    steps = [
        module(0, "Transformer", "0_BERT"),
        module(1, "Pooling", "1_Pooling"),
        module(2, "Normalize", "2_Normalize"),
    ]
    write(copy / "modules.json", steps)
    np.testing.assert_allclose(vectors(copy), references()["cls"], atol=1e-5)


def test_the_longest_input(copy):
    def longest():
        return read_sentence_settings(copy, 12, 34)

    assert longest().max_length == 16
    write(copy / "sentence_bert_config.json", {"max_seq_length": 100})
    assert longest().max_length == 34 and "asks for 100 tokens, but the encoder reads 34" in longest().notes[-1]
    write(copy / "sentence_bert_config.json", {"max_seq_length": None})
    write(copy / "tokenizer_config.json", {"model_max_length": 20})
    assert longest().max_length == 20
    write(copy / "tokenizer_config.json", {"model_max_length": int(1e30)})
    assert longest().max_length is None and not longest().notes
    write(copy / "sentence_bert_config.json", {"max_seq_length": 1})
    fails(copy, "sentence_bert_config.json", "1 tokens is too short")


def test_numbers_and_flags_may_be_texts_and_others_are_refused(copy):
    write(copy / "sentence_bert_config.json", {"max_seq_length": "12", "do_lower_case": "True"})
    settings = read_sentence_settings(copy, 12, 34)
    assert settings.max_length == 12 and settings.lowercase
    write(copy / "sentence_bert_config.json", {"do_lower_case": "false"})
    assert not read_sentence_settings(copy, 12, 34).lowercase
    for wrong in ({"max_seq_length": "many"}, {"max_seq_length": True}, {"do_lower_case": "maybe"}):
        write(copy / "sentence_bert_config.json", wrong)
        fails(copy, "sentence_bert_config.json", *wrong)


def test_poolings_that_are_all_off_are_refused(copy):
    for settings in (dict.fromkeys(OLD_FLAGS.values(), False), {"pooling_mode": []}):
        write(copy / "1_Pooling" / "config.json", settings)
        fails(copy, "1_Pooling", "turns every pooling off")
    write(copy / "1_Pooling" / "config.json", {"word_embedding_dimension": 12})
    assert read_sentence_settings(copy, 12, 34).pooling == "mean"


def test_texts_are_lower_cased_where_the_settings_say_so(copy):
    settings = json.loads((copy / "tokenizer.json").read_text())
    settings["normalizer"] = None
    write(copy / "tokenizer.json", settings)
    upper, lower = SentenceEncoder.load(str(copy)).embed(["MILL RIVER", "mill river"])
    assert not np.allclose(upper, lower, atol=1e-3)
    write(copy / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": True})
    encoder = SentenceEncoder.load(str(copy))
    upper, again = encoder.embed(["MILL RIVER", "mill river"])
    np.testing.assert_allclose([upper, again], [lower, lower], atol=1e-6)
    assert any("texts are lower-cased" in note for note in encoder.notes)


def test_prompts_are_named_and_the_default_one_is_used(copy):
    before, file = vectors(copy), copy / "config_sentence_transformers.json"
    key = SentenceEncoder.load(str(copy)).key
    write(file, {"prompts": {"query": "the mill ", "passage": ""}, "default_prompt_name": None})
    encoder = SentenceEncoder.load(str(copy))
    assert any("has prompts (query 'the mill '); none of them is the default" in note for note in encoder.notes)
    np.testing.assert_array_equal(encoder.embed(TEXTS), before)
    write(file, {"prompts": {"query": "the mill "}, "default_prompt_name": "query"})
    prompted = SentenceEncoder.load(str(copy))
    np.testing.assert_allclose(prompted.embed(["river"]), encoder.embed(["the mill river"]), atol=1e-6)
    assert "the prompt 'the mill ' before each" in prompted.notes[-1]
    assert encoder.key == key != prompted.key
    write(copy / "1_Pooling" / "config.json", {"pooling_mode": "mean", "include_prompt": False})
    fails(copy, "config_sentence_transformers.json", "default_prompt_name")
    write(file, {"prompts": [1]})
    fails(copy, "config_sentence_transformers.json", "texts by name")


def test_a_tokenizer_without_special_tokens_gets_them(copy):
    settings = json.loads((copy / "tokenizer.json").read_text())
    settings["post_processor"] = None
    write(copy / "tokenizer.json", settings)
    np.testing.assert_allclose(vectors(copy), references()["cls"], atol=1e-5)
    assert any("[CLS] [SEP]" in note for note in load_sentence_encoder(copy).notes)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], ["names no Pooling"]),
        ([("Pooling", "1_Pooling"), ("LSTM", "")], ["LSTM", "not supported"]),
        ([("Dense", "dense"), ("Pooling", "1_Pooling")], ["Dense", "not supported"]),
        ([("Pooling", "1_Pooling"), "Normalize", ("Dense", "dense")], ["Dense", "not supported"]),
        ([("Pooling", "../1_Pooling")], ["'../1_Pooling'", "not within its folder"]),
        ([("Pooling", "/etc")], ["not within its folder"]),
        ([("Pooling", 7)], ["not within its folder"]),
        ([("Pooling", "a" * 300)], ["not within its folder"]),
        ([("Pooling", "\ud800")], ["not within its folder"]),
        ([("a\nb", "")], ["a\\nb", "not supported"]),
        ([("Pooling", "9_Pooling")], ["9_Pooling", "config.json"]),
    ],
)
def test_steps_that_are_not_supported(copy, steps, words):
    set_steps(copy, *steps)
    fails(copy, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": 1}, ["must be a list of modules"]),
        ([1], ["must be a list of modules"]),
        ([{"type": "my_package.Pooling", "path": ""}], ["'my_package.Pooling'", "not run"]),
    ],
)
def test_a_list_of_steps_that_cannot_be_used(copy, content, words):
    write(copy / "modules.json", content)
    fails(copy, "modules.json", *words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"word_embedding_dimension": 24}, ["24", "12", "another checkpoint"]),
        ({"pooling_mode": "median"}, ["'median' is not supported", "lasttoken"]),
        ({"pooling_mode_median_tokens": True}, ["median", "not supported"]),
        ({"pooling_mode": {"cls": 1}}, ["not supported"]),
    ],
)
def test_a_pooling_that_cannot_be_used(copy, settings, words):
    write(copy / "1_Pooling" / "config.json", settings)
    fails(copy, "1_Pooling", *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation_function": "os.system"}, ["'os.system' is not supported", "Tanh"]),
        ({"activation_function": ["x"]}, ["not supported"]),
        ({"use_residual": True}, ["residual"]),
        ({"module_input_name": "token_embeddings"}, ["token vectors"]),
        ({"out_features": 9}, ["not those that config.json asks for"]),
        ({"bias": False}, ["not those that config.json asks for"]),
    ],
)
def test_a_dense_layer_that_cannot_be_used(copy, changes, words):
    set_steps(copy, ("Pooling", "1_Pooling"), ("Dense", "dense"))
    file = copy / "dense" / "config.json"
    write(file, json.loads(file.read_text()) | changes)
    fails(copy, "dense", *words)


def test_a_dense_layer_that_is_pickled(copy):
    set_steps(copy, ("Pooling", "1_Pooling"), ("Dense", "dense"))
    (copy / "dense" / "model.safetensors").rename(copy / "dense" / "pytorch_model.bin")
    fails(copy, "pytorch_model.bin", "pickle", "SentenceTransformer(FOLDER).save(NEW_FOLDER)")
