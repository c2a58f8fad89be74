"""Batches of questions and answers: slots, padding, order."""

import itertools

import numpy as np

from tests.helpers.ranking_questions import GRADES, STARTS, make_features, make_queries
from utils.ranking.features import RankingFeatures, build_features, training_batches
from utils.text.tokenization import add_sentence_markers, train_tokenizer

NO_NEGATIVES = np.array([], int)


def test_features_are_token_ids_cut_to_their_lengths_and_shares_of_the_best_grade():
    queries = make_queries()
    tokenizer = add_sentence_markers(train_tokenizer(["text 0 text 1 text 2 text 3 x"] * 2, 60))
    features = build_features(queries, [7, 8, 7, 9], tokenizer, query_length=3, max_length=9)
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    assert [ids[0] for ids in features.query_ids] == [start] * 4 and {len(ids) for ids in features.query_ids} == {3}
    assert [ids[-1] for ids in features.candidate_ids] == [end] * 8
    assert features.relevance.tolist() == [1, 0.25, 0, 0, 0, 0.5, 1, 1] and features.starts.tolist() == STARTS.tolist()
    assert features.owners.tolist() == [0, 0, 0, 1, 1, 2, 2, 3] and features.trainable.tolist() == [0, 2, 3]
    assert features.own_candidates(2).tolist() == [5, 6] and len(GRADES[2]) == 2


def test_slots_hold_the_best_then_others_then_mined_ones():
    features = make_features()
    mined = [np.array([7]), NO_NEGATIVES, np.array([7, 3]), np.array([0, 1, 2, 3])]
    inputs, targets = next(training_batches(features, mined, slots=3, batch_size=3, seed=1, first_step=0, padding_id=5))
    assert inputs["query_ids"].shape == (3, 16) and inputs["candidate_ids"].shape == (3, 3, 16)
    questions = set()
    for row in range(3):
        question = inputs["query_ids"][row, 0] - 1
        questions.add(question)
        texts = [
            ids[mask > 0] for ids, mask in zip(inputs["candidate_ids"][row], inputs["candidate_mask"][row], strict=True)
        ]
        slots = [ids[0] - 100 for ids in texts]
        assert all(len(ids) == 1 + slot for ids, slot in zip(texts, slots, strict=True))
        own = range(STARTS[question], STARTS[question + 1])
        expected = [features.relevance[slot] if slot in own else 0 for slot in slots]
        assert targets[row, :3].tolist() == expected and targets[row, 0] == 1
        assert targets[row, 3:6].tolist() == [1, 1, 1] and targets[row, 6] == features.groups[question]
        assert set(slots) - set(own) <= set(mined[question].tolist())
        assert (inputs["query_ids"][row][inputs["query_mask"][row] == 0] == 5).all()
    assert questions == {0, 2, 3}  # question 1 has no relevant answer


def test_an_empty_slot_is_padding():
    inputs, targets = next(training_batches(make_features(), [NO_NEGATIVES] * 4, 4, 3, 1, 0))
    row = int(np.flatnonzero(inputs["query_ids"][:, 0] == 4)[0])
    assert targets[row].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9]
    assert inputs["candidate_mask"][row, 1:].sum() == 0


def test_the_same_step_is_the_same_batch_and_an_epoch_has_every_question():
    arguments = make_features(), [np.array([7])] * 4, 2, 2, 3
    whole = list(itertools.islice(training_batches(*arguments, 0), 6))
    again = list(itertools.islice(training_batches(*arguments, 3), 3))
    for (inputs, targets), (other_inputs, other_targets) in zip(whole[3:], again, strict=True):
        np.testing.assert_array_equal(targets, other_targets)
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, other_inputs[name])
    for epoch in range(3):
        numbers = [n for inputs, _ in whole[2 * epoch : 2 * epoch + 2] for n in inputs["query_ids"][:, 0] - 1]
        assert set(numbers) == {0, 2, 3} and len(numbers) == 4


def first_tokens(inputs):
    """The first token of every slot."""
    return inputs["candidate_ids"][..., 0].ravel().tolist()


def test_slots_are_drawn_again_each_epoch():
    many = RankingFeatures([[1]], [[number] for number in range(20)], np.full(20, 1.0), np.array([0, 20]), np.zeros(1))
    batches = itertools.islice(training_batches(many, [NO_NEGATIVES], 3, 1, 5, 0), 6)
    slots = [tuple(first_tokens(inputs)) for inputs, _ in batches]
    # Any of equals is the best; others follow.
    assert len({tokens[0] for tokens in slots}) > 2 and len({tokens[1:] for tokens in slots}) > 2
    few = RankingFeatures(
        [[1], [2]],
        [[number] for number in range(20)],
        np.eye(20)[0] + np.eye(20)[1],
        np.array([0, 1, 20]),
        np.arange(2),
    )
    mined = [np.arange(2, 20), NO_NEGATIVES]
    batches = itertools.islice(training_batches(few, mined, 3, 2, 5, 0), 6)
    assert len({tuple(first_tokens(inputs)[:3]) for inputs, _ in batches}) > 2


def test_texts_of_similar_length_go_together():
    lengths = np.random.default_rng(2).permutation(np.repeat([20, 60, 120], 16))
    rows = [[1] * length for length in lengths]
    features = RankingFeatures(rows, rows, np.ones(48), np.arange(49), np.arange(48))
    batches = itertools.islice(training_batches(features, [NO_NEGATIVES] * 48, 1, 16, 0, 0), 3)
    assert sorted(inputs["candidate_ids"].shape[2] for inputs, _ in batches) == [32, 64, 128]
