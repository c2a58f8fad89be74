"""Sentences in another order: which tokens move, that answers move with them, and that rows do not depend on others."""

from itertools import islice

import numpy as np
import pytest

from utils.common.batching import BatchPart
from utils.squad.batches import TrainingSignals, training_batches
from utils.squad.data import Answer, Question
from utils.squad.features import build_features
from utils.squad.sentence_bounds import sentence_end_ids
from utils.squad.sentence_order import SentenceShuffle
from utils.squad.windows import assemble
from utils.text.tokenization import train_tokenizer

SENTENCES = (
    "Ada wrote it in 1843.",
    "Bob has lived in London since May!",
    "The cat was old.",
    "Mr. Holt knew 2.5 of them.",
)
TEXT = " ".join(SENTENCES)
ANSWERS = ("1843", "London", "cat", "Mr. Holt", "old. Mr. Holt knew", TEXT)
KEY = (5, 7)


@pytest.fixture(scope="module")
def features_and_tokenizer():
    questions = [
        Question(f"q{n}", "title", TEXT, "Who is it? Tell me.", (Answer(answer, TEXT.index(answer)),))
        for n, answer in enumerate(ANSWERS)
    ]
    tokenizer = train_tokenizer([TEXT, "Who is it? Tell me."], 200)
    return build_features(questions, tokenizer, max_length=200, doc_stride=16), tokenizer


def shuffled(features, tokenizer, rows, fraction=1.0, key=KEY, examples=None):
    """Inputs before and after, the answers' spans before and after, and the places."""
    before = assemble(features, np.asarray(rows), longest=100)
    spans = features.answer_spans[features.answer_offsets[:-1][rows]].copy()
    after, moved = {name: values.copy() for name, values in before.items()}, spans.copy()
    shuffle = SentenceShuffle(fraction, sentence_end_ids(tokenizer))
    places = shuffle.apply(after, moved, np.arange(len(rows)) if examples is None else examples, key)
    return before, after, spans, moved, places


def test_sentences_move_as_wholes_and_everything_else_stays(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    before, after, _, _, places = shuffled(features, tokenizer, np.zeros(64, int))
    orders = set()
    for row in range(64):
        context = before["segment_ids"][row] == 1
        first, last = np.flatnonzero(context)[[0, -2]]
        outside = np.r_[0:first, last + 1 : len(context)]
        assert (places[row][outside] == outside).all()
        inside = tokenizer.decode(after["token_ids"][row][first : last + 1].tolist())
        texts = [tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) for text in SENTENCES]
        assert sorted(texts, key=inside.index) and sum(map(len, texts)) + 3 == len(inside)
        orders.add(tuple(np.argsort([inside.index(text) for text in texts])))
    assert len(orders) > 15  # of 24
    for name, values in before.items():
        assert (after[name] == np.take_along_axis(values, places, axis=1)).all()


def test_answers_move_with_their_tokens_and_stay_whole(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    rows = np.tile(np.arange(len(ANSWERS)), 20)
    before, after, spans, moved, _ = shuffled(features, tokenizer, rows)
    assert (moved != spans).any(axis=1).sum() > 60
    for row in range(len(rows)):
        (first, last), (new_first, new_last) = spans[row], moved[row]
        for name, values in before.items():
            assert (values[row, first : last + 1] == after[name][row, new_first : new_last + 1]).all()


def test_a_window_without_the_answer_keeps_its_mark(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    inputs = assemble(features, np.zeros(8, int))
    spans = np.zeros((8, 2), np.int64)
    places = SentenceShuffle(1.0, sentence_end_ids(tokenizer)).apply(inputs, spans, np.arange(8), KEY)
    assert not spans.any() and (places != np.arange(places.shape[1])).any()


def test_a_fraction_of_the_windows_is_shuffled(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    rows = np.zeros(400, int)
    for fraction, low, high in ((0.0, 0, 0), (0.5, 0.38, 0.58), (1.0, 0.9, 1)):  # one order of 24 is that of the text
        places = shuffled(features, tokenizer, rows, fraction)[-1]
        assert low <= (places != np.arange(places.shape[1])).any(axis=1).mean() <= high


def test_rows_depend_on_seed_step_and_example_alone(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    whole = shuffled(features, tokenizer, np.zeros(32, int))[-1]
    part = shuffled(features, tokenizer, np.zeros(8, int), examples=np.arange(8, 16))[-1]
    assert (part == whole[8:16]).all()
    for key in ((5, 8), (6, 7)):
        assert (shuffled(features, tokenizer, np.zeros(32, int), key=key)[-1] != whole).any(axis=1).mean() > 0.8


def test_batches_are_alike_for_pairs_processes_and_resumed_trainings(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    ends = sentence_end_ids(tokenizer)
    signals = TrainingSignals(pairs=True, sentence_end_ids=ends, shuffle=SentenceShuffle(1.0, ends))
    whole = list(islice(training_batches(features, 4, 3, signals=signals), 6))
    for inputs, targets in whole:
        assert (inputs["token_ids"][0::2] == inputs["token_ids"][1::2]).all()
        for row, (start, begin, end) in enumerate(targets["start"].astype(int)):
            assert begin <= start <= targets["end"][row, 0] <= end and inputs["segment_ids"][row, begin : end + 1].all()
    resumed = islice(training_batches(features, 4, 3, first_step=4, signals=signals), 2)
    for (inputs, _), (again, _) in zip(whole[4:], resumed, strict=True):
        np.testing.assert_array_equal(inputs["token_ids"], again["token_ids"])
    for process in range(2):
        part = BatchPart(process, 1, 2)
        for (inputs, targets), (own, own_targets) in zip(
            whole, training_batches(features, 4, 3, 0, part, signals), strict=False
        ):
            rows = part.rows(len(inputs["token_ids"]))
            np.testing.assert_array_equal(own["token_ids"], inputs["token_ids"][rows])
            np.testing.assert_array_equal(own_targets["start"], targets["start"][rows])
