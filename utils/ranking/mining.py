"""Hard negatives: candidates of other questions that score high for a question but do not answer it."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.files import write_arrays
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.features import RankingFeatures
from utils.ranking.records import Query
from utils.ranking.scores import BLOCK_SCORES, Scores, as_scores

NEGATIVES_PER_SLOT = 4
"""Mined negatives of a question for each of its slots; every epoch draws from them."""


def mine_negatives(
    scores: Scores | np.ndarray,
    features: RankingFeatures,
    margin: float,
    max_negatives: int,
) -> list[np.ndarray]:
    """The highest-scoring candidates of other questions, without those that may be answers.

    A candidate may be an answer if it scores more than `best - margin * |best|`, where `best` is the score of the question's most
    relevant candidate (Moreira et al. 2024, NV-Retriever, "TopK-PercPos"). Candidates of the question's own group, and those with
    the text of one of its own candidates, are left out as well, and a text is chosen once. Among equal scores, such as those of
    texts in which BM25 finds no word, the choice is random.

    Args:
        scores: float `(questions, candidates)`, an array or computed block by block.
        features: the questions and their candidates.
        margin: see above; a fraction, or minus infinity to leave out none for its score.
        max_negatives: maximal number of negatives per question.

    Returns:
        the numbers of the chosen candidates for each question, highest score first.
    """
    negatives, rng = [], np.random.default_rng(0)
    is_first = np.zeros(len(features.texts), bool)
    texts, first = np.unique(features.texts, return_index=True)
    is_first[first] = True
    same_text = np.zeros(texts.max(initial=-1) + 1, np.int64)
    same_text[texts] = first  # the one candidate of a text that can be chosen
    candidate_groups = features.groups[features.owners]
    for question, row in enumerate(_rows(as_scores(scores))):
        own = features.own_candidates(question)
        best = row[own[features.relevance[own].argmax()]] if len(own) else math.inf
        is_other = candidate_groups != features.groups[question]
        is_other &= is_first & (row <= best - margin * abs(best))
        is_other[same_text[features.texts[own]]] = False
        top = rng.permutation(_highest(row, np.flatnonzero(is_other), max_negatives, rng))
        negatives.append(top[np.argsort(-row[top], kind="stable")])
    return negatives


def _highest(row: np.ndarray, allowed: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The `count` of the `allowed` places with the highest scores, in any order; of equal scores random ones."""
    if len(allowed) <= count:
        return allowed
    scores = row[allowed]
    lowest = np.partition(scores, -count)[-count]
    certain = allowed[scores > lowest]
    return np.concatenate([certain, rng.choice(allowed[scores == lowest], count - len(certain), replace=False)])


def _rows(scores: Scores) -> Iterator[np.ndarray]:
    """Yield the scores of each question and all candidates."""
    block_size = max(1, BLOCK_SCORES // max(1, scores.shape[1]))
    for start in range(0, scores.shape[0], block_size):
        yield from scores.block(np.arange(start, min(start + block_size, scores.shape[0])), slice(0, scores.shape[1]))


class RandomScores(Scores):
    """Random scores, which are drawn question by question; a block can be had once, in order.

    Args:
        seed: seed of the draws.
        num_questions: how many questions there are.
        num_candidates: how many candidates there are.
    """

    def __init__(self, seed: int, num_questions: int, num_candidates: int):
        super().__init__(num_questions, num_candidates)
        self.rng = np.random.default_rng(seed)

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        return self.rng.random((len(questions), self.shape[1]), np.float32)[:, candidates]


class NegativeMiner:
    """Gives the negatives of every training question for an epoch.

    Negatives by BM25 or at random are mined once and stay. Negatives by the encoder are mined at the start of each epoch and kept
    in a file, so that a run that resumes within the epoch has the same.

    Args:
        source: `bm25`, `encoder` or `random`.
        queries: the training questions.
        features: their features.
        predictor: `utils.ranking.predictor.RankingPredictor` with the encoder that is trained.
        path: the file for negatives by the encoder.
        slots: candidates per question in a batch.
        margin: see `mine_negatives`; random negatives ignore it.
        seed: seed of random negatives.
    """

    def __init__(
        self,
        source: str,
        queries: Sequence[Query],
        features: RankingFeatures,
        predictor,
        path: Path,
        *,
        slots: int,
        margin: float,
        seed: int = 0,
    ):
        self.features = features
        self.max_negatives = NEGATIVES_PER_SLOT * slots
        self.margin = margin
        self.predictor = predictor
        self.path = path
        self.texts = (
            [query.text for query in queries],
            [candidate.text for query in queries for candidate in query.candidates],
        )
        self.fixed = None
        if source == "random":
            scores = RandomScores(seed, len(features.query_ids), len(features.candidate_ids))
            self.fixed = mine_negatives(scores, features, -math.inf, self.max_negatives)
        elif source == "bm25":
            questions, candidates = self.texts
            scores = BM25Scores(BM25(candidates), questions)
            self.fixed = mine_negatives(scores, features, margin, self.max_negatives)

    def mine(self, epoch: int) -> list[np.ndarray]:
        """The negatives of each question in this epoch: numbers of candidates."""
        return self.fixed or self._read(epoch) or self._mine_by_encoder(epoch)

    def _mine_by_encoder(self, epoch: int) -> list[np.ndarray]:
        scores = self.predictor.scores(self.features.query_ids, self.features.candidate_ids, *self.texts)
        negatives = mine_negatives(scores, self.features, self.margin, self.max_negatives)
        ends = np.cumsum([len(numbers) for numbers in negatives])
        write_arrays(self.path, {"epoch": epoch, "candidates": np.concatenate(negatives), "ends": ends})
        return negatives

    def _read(self, epoch: int) -> list[np.ndarray] | None:
        """The negatives in the file; None if it is of another epoch or cannot be read."""
        try:
            with open_npz(self.path) as arrays:
                if arrays["epoch"] == epoch:
                    return np.split(arrays["candidates"], arrays["ends"][:-1])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        return None
