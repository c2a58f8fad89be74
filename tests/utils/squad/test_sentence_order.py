"""Sentences in another order: which tokens move, that answers move with them, and that rows do not depend on others."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from utils.common.batching import BatchPart
from utils.common.errors import UserError
from utils.squad.batches import TrainingSignals, training_batches
from utils.squad.cloze_mixture import ClozeMixture
from utils.squad.data import Answer, Question
from utils.squad.features import build_features
from utils.squad.sentence_order import SentenceShuffle
from utils.squad.windows import assemble
from utils.text.tokenization import train_tokenizer

SENTENCES = (
    "Ada wrote it in 1843...",
    'Bob said "London is old."',
    "(The cat was old.)",
    "Did Mr. Holt know 2.5 of them?!",
)
TEXT = " ".join(SENTENCES)
ANSWERS = ("1843", "London", "cat", "Mr. Holt", "old.) Did Mr. Holt", TEXT)
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
    shuffle = SentenceShuffle.prepare(fraction, tokenizer)
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
        assert all(text in inside for text in texts) and sum(map(len, texts)) + 3 == len(inside)
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
    places = SentenceShuffle.prepare(1.0, tokenizer).apply(inputs, spans, np.arange(8), KEY)
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
    shuffle = SentenceShuffle.prepare(1.0, tokenizer)
    signals = TrainingSignals(pairs=True, sentence_marks=shuffle.marks, shuffle=shuffle)
    whole = list(islice(training_batches(features, 4, 3, signals=signals), 6))
    plain = islice(training_batches(features, 4, 3, signals=replace(signals, shuffle=None)), 6)
    num_moved = 0
    for (inputs, targets), (before, old_targets) in zip(whole, plain, strict=True):
        assert (inputs["token_ids"][0::2] == inputs["token_ids"][1::2]).all()
        assert (np.sort(inputs["token_ids"]) == np.sort(before["token_ids"])).all()
        (starts, ends), (old_starts, old_ends) = (
            [one[name].astype(int) for name in ("start", "end")] for one in (targets, old_targets)
        )
        for row in range(len(starts)):
            # Position, first and last position of the sentence: all have moved by the same number of places.
            assert len({*(starts[row] - old_starts[row]), *(ends[row] - old_ends[row])}) == 1
            answer, old_answer = (
                slice(starts[row, 0], ends[row, 0] + 1),
                slice(old_starts[row, 0], old_ends[row, 0] + 1),
            )
            assert (inputs["token_ids"][row, answer] == before["token_ids"][row, old_answer]).all()
            num_moved += (inputs["token_ids"][row] != before["token_ids"][row]).any()
    assert num_moved > 20  # of 36, of which 6 are about the whole text
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


def test_clozes_are_shuffled_with_their_answers(features_and_tokenizer):
    """With one draw of clozes and one order for both copies of a window."""
    features, tokenizer = features_and_tokenizer
    cloze = Question("cloze", "", TEXT, "Who was old?", (Answer("cat", TEXT.index("cat")),))
    clozes = ClozeMixture.of_features(build_features([cloze], tokenizer, 200, 16), fraction=1.0, total_steps=1_000)
    signals = TrainingSignals(pairs=True, clozes=clozes, shuffle=SentenceShuffle.prepare(1.0, tokenizer))
    shuffled_batches = training_batches(features, 4, 3, signals=signals)
    plain_batches = training_batches(features, 4, 3, signals=replace(signals, shuffle=None))
    num_moved = 0
    for (inputs, targets), (before, old_targets) in islice(zip(shuffled_batches, plain_batches, strict=True), 6):
        assert (inputs["token_ids"][0::2] == inputs["token_ids"][1::2]).all()
        for row, ids in enumerate(inputs["token_ids"]):
            answer = slice(targets["start"][row], targets["end"][row] + 1)
            old_answer = slice(old_targets["start"][row], old_targets["end"][row] + 1)
            assert (ids[answer] == before["token_ids"][row, old_answer]).all()
            assert tokenizer.decode(ids[answer].tolist()) == "cat"
            num_moved += (ids != before["token_ids"][row]).any()
    assert num_moved > 20


def test_a_teachers_probabilities_move_with_the_tokens(features_and_tokenizer):
    class Teacher:
        """Gives each place the id of its token."""

        def rows(self, windows, length):
            ids = assemble(features, windows, length)["token_ids"].astype(np.float32)
            return {"start": ids.copy(), "end": ids.copy()}

    signals = TrainingSignals(teacher=Teacher(), shuffle=SentenceShuffle.prepare(1.0, features_and_tokenizer[1]))
    features = features_and_tokenizer[0]
    for inputs, targets in islice(training_batches(features, 4, 3, signals=signals), 4):
        for name in ("start", "end"):
            assert (targets[name][:, 3:] == inputs["token_ids"]).all()


def test_a_tokenizer_without_full_stops_is_refused():
    with pytest.raises(UserError, match="no token of the tokenizer ends a sentence"):
        SentenceShuffle.prepare(0.5, train_tokenizer(["no mark at all"], 60))
