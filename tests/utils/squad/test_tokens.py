"""Tokens: the words that they are part of, and places that keep what a reader takes for one character."""

import pytest

from tests.helpers.squad_questions import assert_equal, invented_questions
from utils.squad.tokens import tokenize
from utils.text.tokenization import train_tokenizer


def test_words_stems_and_shapes():
    text = "Painted paints PAINTED 1843 4x4 ! iPhone A ø 東"
    tokenizer = train_tokenizer([text], 99, min_frequency=9)  # no piece but characters
    texts = tokenize(["", text], tokenizer)
    assert texts.offsets.tolist() == [0, 0, len(texts.token_ids)]
    pieces = {}
    for start, *described in zip(texts.starts, texts.word_ids, texts.stem_ids, texts.shape_ids, strict=True):
        word = text.split()[text[:start].count(" ")]
        pieces.setdefault(word, set()).add(tuple(int(value) for value in described))
    assert len(texts.token_ids) > len(pieces) == 10
    assert all(len(described) == 1 for described in pieces.values())  # all pieces of a word say the same of it
    word_ids, stem_ids, shapes = ({word: next(iter(d))[n] for word, d in pieces.items()} for n in range(3))
    assert shapes == dict(zip(text.split(), [2, 1, 3, 4, 5, 6, 7, 2, 1, 7], strict=True))
    assert word_ids["Painted"] == word_ids["PAINTED"] != word_ids["paints"] and min(word_ids.values()) > 0
    assert stem_ids["Painted"] == stem_ids["paints"] == stem_ids["PAINTED"] != stem_ids["1843"]


def test_chunks_change_nothing():
    questions, tokenizer = invented_questions()
    texts = [question.context for question in questions]
    assert_equal(tokenize(texts, tokenizer, chunk=7), tokenize(texts, tokenizer))


def uncased(texts):
    """A tokenizer that drops all marks, as that of bert-base-multilingual-uncased does."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    learner = BertWordPieceTokenizer(lowercase=True, strip_accents=True)
    learner.train_from_iterator(texts, vocab_size=300, min_frequency=1, show_progress=False)
    return Tokenizer.from_str(learner.to_str())


TEXTS = {
    "Hindi": "मीनू दिल्ली की है।",
    "Thai": "ที่นี่ น้ำ",
    "Arabic": "مُحَمَّد هُنَا",
    "decomposed": "Zoe\u0308 a\u0323\u0302 n\u0303",
    "Hangul in parts": "\u1112\u1161\u11ab \u1100\u1173\u11af",
    "emoji": "👩\u200d🚀 👍🏽 ❤\ufe0f 🇩🇪",
    "Persian": "می\u200cخواهم کتاب",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("train", [uncased, lambda texts: train_tokenizer(texts, 300, min_frequency=1)])
def test_tokens_begin_and_end_where_characters_do(text, train):
    """So a token has its letter's marks, even those that the tokenizer drops, and the tokens cover all of the text."""
    import regex

    borders = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    tokens = tokenize([text], train([text] * 3))
    assert set(tokens.starts.tolist()) | set(tokens.ends.tolist()) <= borders
    covered = {place for start, end in zip(tokens.starts, tokens.ends, strict=True) for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if not character.isspace()}


def test_a_word_has_the_marks_that_the_tokenizer_drops():
    texts = ["मीनू", "मीन", "मीनू"]
    tokens = tokenize(texts, uncased(texts))
    first, second, third = (tokens.word_ids[place] for place in tokens.offsets[:-1])
    assert first == third != second
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    tokens = tokenize([composed, decomposed], uncased([composed]))
    assert tokens.word_ids[tokens.offsets[0]] == tokens.word_ids[tokens.offsets[1]]
