"""Questions and answers as token ids, and batches of them for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from utils.ranking.records import Query

STEP = 32
"""Lengths are padded to multiples of it, so that few shapes are compiled."""
POOL = 16
"""Batches that are made of texts of like length together."""


@dataclass(frozen=True)
class RankingFeatures:
    """Tokenised questions with their candidates.

    Args:
        queries: token ids of each question.
        candidates: token ids of every candidate of all questions, one after another.
        relevance: of each candidate, 0 to 1: its grade as a share of the highest.
        starts: the first candidate of each question, and at the end their number.
        groups: a number for each question; equal ones are answered alike.
    """

    queries: list[list[int]]
    candidates: list[list[int]]
    relevance: np.ndarray
    starts: np.ndarray
    groups: np.ndarray

    def own(self, number: int) -> np.ndarray:
        """The candidates of a question."""
        return np.arange(self.starts[number], self.starts[number + 1])

    @cached_property
    def owners(self) -> np.ndarray:
        """The question of each candidate."""
        return np.repeat(np.arange(len(self.queries)), np.diff(self.starts))


def encode(tokenizer, texts: Sequence[str], most: int) -> list[list[int]]:
    """Token ids of each text, the special ones included, at most so many."""
    tokenizer.enable_truncation(most)
    return [found.ids for found in tokenizer.encode_batch(list(texts))]


def features(queries: Sequence[Query], groups: Sequence[int], tokenizer, most_query: int, most: int) -> RankingFeatures:
    """The features of these questions, whose groups are given."""
    grades = np.array([candidate.relevance for query in queries for candidate in query.candidates], np.float32)
    texts = [candidate.text for query in queries for candidate in query.candidates]
    return RankingFeatures(
        encode(tokenizer, [query.text for query in queries], most_query),
        encode(tokenizer, texts, most),
        grades / max(grades.max(initial=0), 1e-9),
        np.cumsum([0] + [len(query.candidates) for query in queries]),
        np.asarray(groups, np.int64),
    )


def padded_ids(rows: Sequence[Sequence[int]], padding: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask, int32 `(rows, length)`, the length a multiple of 32."""
    length = max(1, -(-max(map(len, rows), default=1) // STEP)) * STEP
    ids, mask = np.full((len(rows), length), padding, np.int32), np.zeros((len(rows), length), np.int32)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask


def trainable(data: RankingFeatures) -> np.ndarray:
    """The questions that have a relevant candidate."""
    best = np.array([data.relevance[data.own(number)].max(initial=0) for number in range(len(data.queries))])
    return np.flatnonzero(best > 0)


def training_batches(
    data: RankingFeatures,
    mined: Sequence[np.ndarray],
    slots: int,
    batch_size: int,
    seed: int,
    first_step: int,
    padding: int = 0,
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Endless batches of inputs for `models.bi_encoder.BiEncoder` and targets of `components.losses`, from a step on; the
    same step always gives the same batch.

    A question's slots hold its most relevant candidate (of equals a random one), others of its own, and mined negatives for what is
    left. Every question with a relevant candidate comes once an epoch; the last batch is filled with some that come again.

    Args:
        mined: negatives of each question, candidates of others.
    """
    chosen = trainable(data)
    steps = -(-len(chosen) // batch_size)
    for epoch in range(first_step // steps, 2**31):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(chosen)
        order = np.concatenate([order, np.resize(order, steps * batch_size - len(order))])
        slotted = {number: slots_of(data, number, mined[number], slots, rng) for number in np.unique(order)}
        batches = []
        for start in range(0, len(order), POOL * batch_size):  # like lengths together, in batches of any order
            pool = order[start : start + POOL * batch_size]
            longest = [max(len(data.candidates[candidate]) for candidate in slotted[number]) for number in pool]
            pool = pool[np.argsort(longest, kind="stable")]
            batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
        first = first_step % steps if epoch == first_step // steps else 0
        for step in rng.permutation(len(batches))[first:]:
            yield batch(data, batches[step], slotted, slots, padding)


def slots_of(data: RankingFeatures, number: int, mined: np.ndarray, slots: int, rng) -> np.ndarray:
    """Candidates for a question's slots, the most relevant first."""
    own = rng.permutation(data.own(number))
    best = own[data.relevance[own].argmax()]
    others = own[own != best]
    left = max(0, slots - 1 - len(others))
    more = rng.permutation(mined)[:left]
    return np.concatenate([[best], others[: slots - 1], more]).astype(np.int64)


def batch(data: RankingFeatures, numbers, slotted: dict, slots: int, padding: int):
    """Inputs and targets of these questions."""
    query_ids, query_mask = padded_ids([data.queries[number] for number in numbers], padding)
    relevance, there, owners = (np.zeros((len(numbers), slots), np.float32) for _ in range(3))
    rows: list[Sequence[int]] = []
    for row, number in enumerate(numbers):
        candidates = slotted[number]
        mine = (candidates >= data.starts[number]) & (candidates < data.starts[number + 1])
        there[row, : len(candidates)] = 1
        owners[row, : len(candidates)] = data.groups[data.owners[candidates]]
        relevance[row, : len(candidates)] = np.where(mine, data.relevance[candidates], 0)
        rows += [data.candidates[candidate] for candidate in candidates] + [[]] * (slots - len(candidates))
    ids, mask = padded_ids(rows, padding)
    shape = len(numbers), slots, ids.shape[1]
    inputs = {
        "query_ids": query_ids,
        "query_mask": query_mask,
        "candidate_ids": ids.reshape(shape),
        "candidate_mask": mask.reshape(shape),
    }
    return inputs, np.column_stack([relevance, there, owners, data.groups[numbers]]).astype(np.float32)
