"""Mined negatives: which candidates they are, and that the file of the encoder's negatives survives a crash."""

import os

import numpy as np
import pytest

from tests.helpers.ranking_questions import STARTS, make_features, make_queries
from utils.ranking.mining import NegativeMiner, mine_negatives


def test_mined_negatives_score_high_but_are_not_of_the_group_nor_likely_answers():
    scores = np.tile(np.array([0.9, 0.1, 0.2, 0.5, 0.96, 0.8, 0.3, 0.7]), (4, 1))
    negatives = mine_negatives(scores, make_features(), 0.05, 2)
    assert negatives[0].tolist() == [7, 3]  # 4 scores above 95 % of its best; 5 and 6 are of its group
    assert negatives[3].tolist() == [3, 6]
    # The best of question 0 has -0.1: below -0.105 are 5 and the others.
    negatives = mine_negatives(scores - 1, make_features(), 0.05, 8)
    assert negatives[0].tolist() == [7, 3] and negatives[3].tolist() == [3, 6, 2, 1]
    # Nothing scores: any of the others, not always the first ones.
    negatives = mine_negatives(np.zeros((4, 8)), make_features(), 0.0, 2)
    assert len({tuple(numbers) for numbers in negatives}) > 1


def test_a_text_is_mined_once_and_never_where_it_is_an_own_candidate():
    features = make_features()
    features.candidate_ids[7] = features.candidate_ids[0]  # the text of an own candidate of question 0
    features.candidate_ids[4] = features.candidate_ids[3]
    negatives = mine_negatives(np.tile(np.arange(1.0, 9.0), (4, 1)), features, -np.inf, 8)
    assert negatives[0].tolist() == [3] and negatives[3].tolist() == [6, 5, 3, 2, 1]


class CountingPredictor:
    """Scores that differ from call to call."""

    calls = 0

    def scores(self, query_ids, candidate_ids, *_):
        self.calls += 1
        return np.random.default_rng(self.calls).random((len(query_ids), len(candidate_ids)))


def make_miner(path, source="encoder", predictor=None, seed=0):
    arguments = make_queries(), make_features(), predictor or CountingPredictor(), path
    return NegativeMiner(source, *arguments, slots=1, margin=-9.0, seed=seed)


def same(negatives, others):
    return all(np.array_equal(one, other) for one, other in zip(negatives, others, strict=True))


def test_negatives_by_bm25_and_random_ones_stay():
    for source in ("bm25", "random"):
        miner = make_miner(None, source)
        assert same(miner.mine(0), miner.mine(3)) and miner.predictor.calls == 0
        for question, numbers in enumerate(miner.mine(0)):
            assert not set(numbers) & set(range(STARTS[question], STARTS[question + 1])) and 0 < len(numbers) <= 4
    assert not same(make_miner(None, "random", seed=1).mine(0), make_miner(None, "random", seed=2).mine(0))


def test_negatives_by_the_encoder_are_mined_once_an_epoch_and_kept(tmp_path):
    path, predictor = tmp_path / "mined.npz", CountingPredictor()
    first = make_miner(path, predictor=predictor).mine(0)
    assert same(make_miner(path, predictor=predictor).mine(0), first) and predictor.calls == 1
    second = make_miner(path, predictor=predictor).mine(1)
    assert not same(second, first) and predictor.calls == 2
    assert same(make_miner(path, predictor=predictor).mine(1), second) and predictor.calls == 2


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"PK" + data])
def test_a_file_of_negatives_that_cannot_be_read_is_mined_again(tmp_path, damage):
    path = tmp_path / "mined.npz"
    negatives = make_miner(path).mine(0)
    path.write_bytes(damage(path.read_bytes()))
    assert same(make_miner(path).mine(0), negatives)
    with np.load(path) as arrays:
        assert arrays["epoch"] == 0


def test_a_crash_while_negatives_are_written_leaves_the_old_file(tmp_path, monkeypatch):
    path, predictor = tmp_path / "mined.npz", CountingPredictor()
    make_miner(path, predictor=predictor).mine(0)
    before = path.read_bytes()

    def crash(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)  # the data is written, the file not renamed yet
    with pytest.raises(KeyboardInterrupt):
        make_miner(path, predictor=predictor).mine(1)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["mined.npz"]
