"""Tokenizers of checkpoints equal those of transformers (fixtures/make_sentence_encoders.py); their settings; other formats."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.sentence_folders import KINDS, SENTENCES, TEXTS
from utils.common.errors import UserError
from utils.text.tokenization import load_tokenizer, separators_between, special_token_ids
from utils.text.tokenizer_files import check_effort, pieces_with_capitals, tokenizer_notes

UNCASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "mill", "##s", "schön", "schon"]
CASED = [*UNCASED, "Mill", "Schön"]


def vocabulary(folder, pieces, **settings):
    """A folder with a vocab.txt, and a tokenizer_config.json if there are settings."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def tokens(folder, text):
    return load_tokenizer(folder).encode(text, add_special_tokens=False).tokens


def fails(folder, *words):
    with pytest.raises(UserError) as caught:
        load_tokenizer(folder)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("kind", KINDS)
def test_texts_and_pairs_have_the_ids_that_transformers_gives_them(kind):
    tokenizer = load_tokenizer(SENTENCES / kind)
    with np.load(SENTENCES / kind / "expected.npz") as expected:
        for number, text in enumerate(TEXTS):
            assert tokenizer.encode(text).ids == expected[f"ids_{number}"].tolist()
            pair = tokenizer.encode(text, TEXTS[(number + 1) % len(TEXTS)])
            assert pair.ids == expected[f"pair_ids_{number}"].tolist()


def test_special_tokens_are_those_that_the_tokenizer_puts_around_a_text():
    tokenizer = load_tokenizer(SENTENCES / "camembert")
    assert special_token_ids(tokenizer) == (1, 5, 6)
    tokenizer.add_special_tokens(["[CLS]", "[SEP]"])  # names of BERT that this tokenizer does not use
    assert special_token_ids(tokenizer) == (1, 5, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_separators_between_two_texts(kind):
    tokenizer = load_tokenizer(SENTENCES / kind)
    _, start, separator = special_token_ids(tokenizer)
    first, second = (tokenizer.encode(text, add_special_tokens=False).ids for text in ("mill", "river"))
    between = [separator] * separators_between(tokenizer)
    assert tokenizer.encode("mill", "river").ids == [start, *first, *between, *second, separator]
    assert len(between) == (1 if kind == "bert" else 2)
    bare = json.loads(tokenizer.to_str()) | {"post_processor": None}
    assert separators_between(type(tokenizer).from_str(json.dumps(bare))) == len(between)


def test_the_settings_of_a_vocabulary_hold(tmp_path):
    record = json.loads((SENTENCES / "tokenization.json").read_text(encoding="utf-8"))
    ids = set()
    for number, row in enumerate(record["rows"]):
        expected = row.pop("ids")
        folder = vocabulary(tmp_path / str(number), record["pieces"], **row)
        assert load_tokenizer(folder).encode(record["text"]).ids == expected, row
        ids.add(tuple(expected))
    assert len(ids) >= 6


@pytest.mark.parametrize("settings", [{}, {"model_max_length": 512}, {"do_lower_case": None}])
def test_a_vocabulary_says_itself_whether_it_has_capitals(tmp_path, settings):
    cased, uncased = vocabulary(tmp_path / "a", CASED, **settings), vocabulary(tmp_path / "b", UNCASED, **settings)
    assert tokens(cased, "The Mills") == ["[UNK]", "Mill", "##s"]
    assert tokens(uncased, "The Mills Schön") == ["the", "mill", "##s", "schon"]
    assert tokenizer_notes(cased, load_tokenizer(cased)) == tokenizer_notes(uncased, load_tokenizer(uncased)) == []
    assert pieces_with_capitals(CASED) == ["Mill", "Schön"]


def test_settings_that_contradict_the_pieces_are_noticed(tmp_path):
    cased = vocabulary(tmp_path / "a", CASED, do_lower_case=True)
    (note,) = tokenizer_notes(cased, load_tokenizer(cased))
    assert "lower-cases text, but 2 pieces have capitals (such as 'Mill')" in note
    uncased = vocabulary(tmp_path / "b", UNCASED, do_lower_case=False)
    (note,) = tokenizer_notes(uncased, load_tokenizer(uncased))
    assert "keeps capitals, but no piece has any" in note


def test_a_tokenizer_json_keeps_its_own_settings_and_contradictions_are_noticed(tmp_path):
    source = vocabulary(tmp_path / "source", UNCASED, do_lower_case=True, strip_accents=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    load_tokenizer(source).save(str(folder / "tokenizer.json"))
    settings = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert tokens(folder, "Schön") == ["schön"]
    first, second = tokenizer_notes(folder, load_tokenizer(folder))
    assert "says do_lower_case is false, but tokenizer.json does so; tokenizer.json holds" in first
    assert "says strip_accents is true, but tokenizer.json does not" in second
    vocabulary(folder, [*UNCASED[:6], "other", *UNCASED[7:]])
    assert "first difference: id 6, 'mill' and 'other'" in tokenizer_notes(folder, load_tokenizer(folder))[-1]


def test_tokens_that_were_added_keep_their_numbers(tmp_path):
    folder = vocabulary(
        tmp_path / "a", UNCASED, added_tokens_decoder={"10": {"content": "[E1]"}, "0": {"content": "[PAD]"}}
    )
    (folder / "added_tokens.json").write_text(json.dumps({"[E2]": 11}))
    assert load_tokenizer(folder).encode("the [E2] [E1]", add_special_tokens=False).ids == [5, 11, 10]
    (folder / "added_tokens.json").write_text(json.dumps({"[E2]": 14}))
    fails(folder, "'[E2]' has the number 14, but gets 11")
    (folder / "added_tokens.json").write_text(json.dumps({"[E2]": "x"}))
    fails(folder, "has no whole number")


def test_a_vocabulary_of_another_kind_of_tokenizer(tmp_path):
    fails(vocabulary(tmp_path / "a", ["the 123", "mill 45"]), "vocab.txt", "has no line '[UNK]'", "AutoTokenizer")
    fails(vocabulary(tmp_path / "b", UNCASED, tokenizer_class="BertJapaneseTokenizer"), "BertJapaneseTokenizer")
    fails(vocabulary(tmp_path / "c", UNCASED, word_tokenizer_type="mecab"), "word_tokenizer_type 'mecab'")
    fails(vocabulary(tmp_path / "d", UNCASED, do_basic_tokenize=False), "do_basic_tokenize")
    folder = vocabulary(tmp_path / "e", UNCASED)
    (folder / "config.json").write_text(json.dumps({"tokenizer_class": "PhobertTokenizer"}))
    fails(folder, "PhobertTokenizer")


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "spiece.model", "bpe.codes"])
def test_other_formats_get_advice(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0")
    fails(tmp_path, name, "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)")


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "vocab.json"])
def test_files_that_are_not_there_themselves(tmp_path, name):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 440449768\n")
    fails(tmp_path, name, "Git LFS pointer", "git lfs pull")
    (tmp_path / name).write_text("\n<!DOCTYPE html>\n<html>")
    fails(tmp_path, name, "web page", "resolve")


def test_files_of_a_byte_level_tokenizer_that_do_not_fit(tmp_path):
    folder = Path(shutil.copytree(SENTENCES / "roberta", tmp_path / "roberta"))
    (folder / "merges.txt").write_text("#version: 0.2\nno pair of pieces\n")
    fails(folder, "vocab.json", "not a tokenizer file")
    (folder / "merges.txt").unlink()
    fails(folder, "no merges.txt beside it")
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "vocab.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "mill</w>": 4}))
    fails(folder, "vocab.json", "no vocabulary of RoBERTa", "AutoTokenizer")
    (folder / "vocab.json").write_text("[" * 5000)
    fails(folder, "vocab.json", "nested")


def test_a_tokenizer_that_fails_on_every_text_is_refused(tmp_path):
    settings = json.loads((SENTENCES / "bert" / "tokenizer.json").read_text())
    settings["model"]["unk_token"] = "[NONE]"
    (tmp_path / "tokenizer.json").write_text(json.dumps(settings))
    fails(tmp_path, "tokenizer.json", "not a tokenizer file")


def test_a_tokenizer_that_makes_texts_grow_is_refused(tmp_path):
    replace = {"type": "Replace", "pattern": {"String": "o"}, "content": "o" * 20}
    for count in (2, 3):
        normalizer = {"type": "Sequence", "normalizers": [replace] * count}
        (tmp_path / "tokenizer.json").write_text(json.dumps({"normalizer": normalizer}))
        if count == 2:
            check_effort(tmp_path / "tokenizer.json")
    with pytest.raises(UserError, match=r"more than 1,000 times longer"):
        check_effort(tmp_path / "tokenizer.json")


def test_a_pattern_that_repeats_repetitions_is_refused(tmp_path):
    def check(pattern):
        step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        (tmp_path / "tokenizer.json").write_text(
            json.dumps({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [step]}})
        )
        check_effort(tmp_path / "tokenizer.json")

    check(r"(?i:'s|'t)|[^\r\n\p{L}()*+]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\)+")
    for pattern in (r"(\w+)+!", r"(?:a|b*)*", r"(a{2,}){2,}"):
        with pytest.raises(UserError, match="repeats a group"):
            check(pattern)


def test_settings_may_be_words_and_others_are_refused(tmp_path):
    cased = vocabulary(tmp_path / "a", CASED, do_lower_case="False")
    assert tokens(cased, "The Mill") == ["[UNK]", "Mill"]
    assert tokens(vocabulary(tmp_path / "b", CASED, do_lower_case="true"), "The Mill") == ["the", "mill"]
    fails(
        vocabulary(tmp_path / "c", CASED, do_lower_case="perhaps"),
        "tokenizer_config.json",
        "do_lower_case",
        "'perhaps'",
    )


def test_texts_that_must_not_be_split_are_named(tmp_path):
    folder = vocabulary(tmp_path / "a", UNCASED, never_split=["[SEP]", "mill-s"])
    (note,) = tokenizer_notes(folder, load_tokenizer(folder))
    assert "never_split in tokenizer_config.json is not used: 'mill-s' are split" in note
    folder = vocabulary(tmp_path / "b", UNCASED, never_split=["[SEP]"])
    assert tokenizer_notes(folder, load_tokenizer(folder)) == []
