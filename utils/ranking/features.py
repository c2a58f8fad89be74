"""Questions and answers as token ids, and batches of them for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches
from utils.ranking.lexical import LexicalFeatures
from utils.ranking.records import Query
from utils.ranking.text_numbers import text_numbers
from utils.text.embedding import pad_texts, token_rows

POOL_BATCHES = 16
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class TeacherScores:
    """What a teacher says of the training questions and of their own and mined candidates.

    Args:
        scores: for each question its candidates' numbers to their scores.
        weight: of the teacher beside the grades, 0 to 1.
    """

    scores: Sequence[Mapping[int, float]]
    weight: float

    def targets(self, question: int, candidates: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        """The relevance of candidates: shares that add up to 1, of the teacher's probabilities and of the grades.

        Args:
            question: the question.
            candidates: the numbers of the candidates in its slots.
            relevance: their relevance by the grades.
        """
        scores = np.array([self.scores[question][int(candidate)] for candidate in candidates])
        probabilities = np.exp(scores - scores.max())
        shares = relevance / max(relevance.sum(), 1e-9)
        return self.weight * probabilities / probabilities.sum() + (1 - self.weight) * shares


@dataclass(frozen=True)
class RankingFeatures:
    """Tokenised questions with their candidates.

    Args:
        query_ids: token ids of each question.
        candidate_ids: token ids of every candidate of all questions, one after another.
        relevance: float `(candidates,)`, grades divided by the highest grade of these questions, 0-1.
        starts: integer `(questions + 1,)`, the first candidate of each question, and last the number of candidates.
        groups: integer `(questions,)`; an answer to a question is no negative for another question of its group.
        words: their words, for a model in which words count beside vectors; None for others.
        teacher: what a teacher says of questions and candidates; None without a teacher.
    """

    query_ids: Sequence[Sequence[int]]
    candidate_ids: Sequence[Sequence[int]]
    relevance: np.ndarray
    starts: np.ndarray
    groups: np.ndarray
    words: LexicalFeatures | None = None
    teacher: TeacherScores | None = None

    def own_candidates(self, question: int) -> np.ndarray:
        """The numbers of a question's own candidates."""
        return np.arange(self.starts[question], self.starts[question + 1])

    @cached_property
    def owners(self) -> np.ndarray:
        """The question that each candidate belongs to, `(candidates,)`."""
        return np.repeat(np.arange(len(self.query_ids)), np.diff(self.starts))

    @cached_property
    def texts(self) -> np.ndarray:
        """A number for the text of each candidate, `(candidates,)`, equal for equal texts."""
        return text_numbers(np.asarray(ids, np.int32).tobytes() for ids in self.candidate_ids)

    @cached_property
    def trainable(self) -> np.ndarray:
        """The questions that have a relevant candidate."""
        num_questions = len(self.query_ids)
        highest = [self.relevance[self.own_candidates(question)].max(initial=0) for question in range(num_questions)]
        return np.flatnonzero(np.array(highest) > 0)


def build_features(
    queries: Sequence[Query],
    groups: Sequence[int],
    tokenizer,
    query_length: int,
    max_length: int,
    with_words: bool = False,
) -> RankingFeatures:
    """Tokenise questions and their candidates.

    Args:
        queries: the questions.
        groups: the group of each question, see `utils.ranking.splits.question_groups`.
        tokenizer: a `tokenizers.Tokenizer` that adds the special tokens.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a candidate.
        with_words: also count their words.
    """
    candidates = [candidate for query in queries for candidate in query.candidates]
    grades = np.array([candidate.relevance for candidate in candidates], np.float32)
    return RankingFeatures(
        query_ids=token_rows(tokenizer, (query.text for query in queries), query_length),
        candidate_ids=token_rows(tokenizer, (candidate.text for candidate in candidates), max_length),
        relevance=grades / max(grades.max(initial=0), 1e-9),
        starts=first_candidates(queries),
        groups=np.asarray(groups, np.int64),
        words=LexicalFeatures.of(queries) if with_words else None,
    )


def first_candidates(queries: Sequence[Query]) -> np.ndarray:
    """The number of the first candidate of each question, and last the number of candidates; `(questions + 1,)`."""
    return np.cumsum([0] + [len(query.candidates) for query in queries])


def text_inputs(
    features: RankingFeatures,
    questions: Sequence[int],
    filled: Mapping[int, np.ndarray],
    slots: int,
    padding_id: int,
    longest: tuple[int, int] = (1, 1),
) -> dict[str, np.ndarray]:
    """Inputs of `models.bi_encoder.BiEncoder` for some questions.

    Args:
        features: the training questions.
        questions: the numbers of these questions.
        filled: the candidates in the slots of each, at most `slots`.
        slots: slots of a question.
        padding_id: id of the padding token.
        longest: tokens of the longest question and candidate, where these questions are part of a larger batch.
    """
    query_ids = [features.query_ids[question] for question in questions]
    query_ids, query_mask = pad_texts(query_ids, padding_id, longest[0])
    rows: list[Sequence[int]] = []
    for question in questions:
        rows += [features.candidate_ids[candidate] for candidate in filled[question]]
        rows += [[]] * (slots - len(filled[question]))
    candidate_ids, candidate_mask = pad_texts(rows, padding_id, longest[1])
    shape = len(questions), slots, candidate_ids.shape[1]
    return {
        "query_ids": query_ids,
        "query_mask": query_mask,
        "candidate_ids": candidate_ids.reshape(shape),
        "candidate_mask": candidate_mask.reshape(shape),
    }


def slot_targets(
    features: RankingFeatures, questions: Sequence[int], filled: Mapping[int, np.ndarray], slots: int
) -> np.ndarray:
    """Targets of `components.losses.ranking_loss.RankingLoss` for these questions, whose slots are `filled`: float32."""
    relevance, mask, slot_groups = (np.zeros((len(questions), slots), np.float32) for _ in range(3))
    for row, question in enumerate(questions):
        candidates = filled[question]
        is_own = (candidates >= features.starts[question]) & (candidates < features.starts[question + 1])
        mask[row, : len(candidates)] = 1
        slot_groups[row, : len(candidates)] = features.groups[features.owners[candidates]]
        relevance[row, : len(candidates)] = np.where(is_own, features.relevance[candidates], 0)
        if features.teacher is not None:
            relevance[row, : len(candidates)] = features.teacher.targets(
                question, candidates, relevance[row, : len(candidates)]
            )
    return np.column_stack([relevance, mask, slot_groups, features.groups[questions]]).astype(np.float32)


def training_batches(
    features: RankingFeatures,
    negatives: Sequence[np.ndarray],
    slots: int,
    batch_size: int,
    seed: int,
    first_step: int,
    padding_id: int = 0,
    part: BatchPart = WHOLE,
    make_inputs: Callable = text_inputs,
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Yield batches without end, from a step on. The same step always gives the same batch.

    The slots of a question hold its most relevant candidate (a random one of equals), then its other candidates, then mined
    negatives. Every question with a relevant candidate occurs once per epoch; some occur again, so that the last batch
    is as large as the others.

    Args:
        features: the training questions.
        negatives: mined negatives of each question: numbers of other questions' candidates.
        slots: candidates per question.
        batch_size: questions per batch.
        seed: seed of the order and of the draws.
        first_step: number of the first batch, counted from the start of the training.
        padding_id: id of the padding token.
        part: the rows of every batch to make.
        make_inputs: what makes a model's inputs, with the arguments of `text_inputs`.

    Yields:
        inputs of `models.bi_encoder.BiEncoder` or of another model, and targets of `components.losses.ranking_loss.RankingLoss`.
    """
    questions = features.trainable
    steps_per_epoch = -(-len(questions) // batch_size)
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(questions)
        order = np.concatenate([order, np.resize(order, steps_per_epoch * batch_size - len(order))])
        filled = {
            question: fill_slots(features, question, negatives[question], slots, rng) for question in np.unique(order)
        }
        lengths = np.zeros(len(features.query_ids), np.int64)
        for question, candidates in filled.items():
            lengths[question] = max(len(features.candidate_ids[candidate]) for candidate in candidates)
        for batch_questions in length_sorted_batches(lengths, batch_size, rng, POOL_BATCHES, order)[first:]:
            rows = batch_questions[part.rows(len(batch_questions))]
            query_length = max(len(features.query_ids[question]) for question in batch_questions)
            candidate_length = int(lengths[batch_questions].max())
            longest = query_length, candidate_length
            inputs = make_inputs(features, rows, filled, slots, padding_id, longest)
            if features.words is not None:
                own = [filled[question] for question in rows]
                inputs |= features.words.inputs(rows, own, slots, batch_questions)
            yield part.mark(inputs, len(batch_questions)), slot_targets(features, rows, filled, slots)


def fill_slots(features: RankingFeatures, question: int, negatives: np.ndarray, slots: int, rng) -> np.ndarray:
    """Choose the candidates for a question's slots, the most relevant one first; at most `slots`."""
    own = rng.permutation(features.own_candidates(question))
    best = own[features.relevance[own].argmax()]
    others = own[own != best]
    num_negatives = max(0, slots - 1 - len(others))
    drawn_negatives = rng.permutation(negatives)[:num_negatives]
    return np.concatenate([[best], others[: slots - 1], drawn_negatives]).astype(np.int64)
