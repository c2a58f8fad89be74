"""Rankings of texts, by any encoder that gives vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from utils.common.inputs import as_texts, check_same_length
from utils.common.onnx_model import OnnxModel
from utils.ranking.word_scores import WordStatistics, word_counts
from utils.text.embedding import embed, token_ids
from utils.text.tokenization import special_token_ids


class RankingAnswerer:
    """Ranks candidate texts for questions, by the cosine of their vectors.

    Args:
        candidate_encoder: gives the unit vectors of candidates for `token_ids` and `padding_mask`, such as `TextEncoder`, or an
            exported one.
        question_encoder: the same for questions; it may be the same encoder.
        tokenizer: the `tokenizers.Tokenizer` that they were trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a candidate.

    Attributes:
        lexical: a `LexicalScorer`, by which words count beside vectors; None where they do not.
    """

    lexical = None

    def __init__(self, candidate_encoder, question_encoder, tokenizer, *, query_length: int, max_length: int):
        self.candidate_encoder = candidate_encoder
        self.question_encoder = question_encoder
        self.tokenizer = tokenizer
        self.query_length = query_length
        self.max_length = max_length
        self.padding_id, *_ = special_token_ids(tokenizer)

    def __call__(
        self, questions: Sequence[str], candidates: Sequence[str] | Sequence[Sequence[str]]
    ) -> list[list[dict]]:
        """Rank candidate texts for questions.

        Args:
            questions: texts.
            candidates: the texts to rank, the same for all questions; or a list of texts for each question.

        Returns:
            for each question its candidates, best first, see `rank`.

        Raises:
            TypeError, ValueError: a question or a candidate is not a text or empty, or the numbers of questions and of lists of
                candidates differ.
        """
        questions, texts, own_texts = checked_candidates(questions, candidates)
        if own_texts is not None:
            return self.rank(questions, own_texts)
        return self.search(questions, texts, len(texts)) if questions else []

    def rank(self, questions: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[list[dict]]:
        """Rank each question's own candidates.

        Args:
            questions: texts of the questions.
            candidates: for each question the texts of its candidates.

        Returns:
            for each question its candidates, best first: `{"candidate": place in its list, "text": str, "score": float}`. The score
            is the cosine; where words count, it is that of the words and the vectors.
        """
        texts = [text for own_texts in candidates for text in own_texts]
        if not texts:
            return [[] for _ in questions]
        question_vectors, candidate_vectors = self.embed_questions(questions), self.embed_candidates(texts)
        ends = accumulate(map(len, candidates), initial=0)
        rankings, lexical = [], self.lexical
        for question, vector, own_texts, (start, end) in zip(
            questions, question_vectors, candidates, pairwise(ends), strict=True
        ):
            scores = candidate_vectors[start:end] @ vector
            if lexical:
                scores = lexical.scores(question, [word_counts(text) for text in own_texts], scores)
            rankings.append(ranked(scores, own_texts))
        return rankings

    def search(self, questions: Sequence[str], texts: Sequence[str], n_best: int = 10) -> list[list[dict]]:
        """Find the best texts of one collection for each question.

        Args:
            questions: texts of the questions.
            texts: the collection, at least one text.
            n_best: maximal number of results per question.

        Returns:
            for each question the results, best first: `{"candidate": place in texts, "text": str, "score": float}`, as of `rank`.
            Where words count, it is by their frequency in the collection.
        """
        return self.searcher(texts).search(questions, n_best)

    def searcher(self, texts: Sequence[str]) -> TextSearcher:
        """These texts, ready to be searched several times; at least one text."""
        return TextSearcher(self, texts)

    def embed_questions(self, questions: Sequence[str]) -> np.ndarray:
        """The unit vector of each question, float32 `(questions, dim)`; at least one question."""
        return self.question_vectors(token_ids(self.tokenizer, questions, self.query_length))

    def embed_candidates(self, texts: Sequence[str]) -> np.ndarray:
        """The unit vector of each candidate text, float32 `(texts, dim)`; at least one text."""
        return self.candidate_vectors(token_ids(self.tokenizer, texts, self.max_length))

    def question_vectors(self, query_ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The unit vector of each question, from its token ids."""
        return embed(self.question_encoder, query_ids, self.padding_id)

    def candidate_vectors(self, candidate_ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The unit vector of each candidate, from its token ids. Equal texts are encoded once."""
        places: dict[tuple[int, ...], int] = {}
        numbers = [places.setdefault(tuple(ids), len(places)) for ids in candidate_ids]
        return embed(self.candidate_encoder, list(places), self.padding_id)[numbers]


def checked_candidates(
    questions: Sequence[str], candidates: Sequence[str] | Sequence[Sequence[str]]
) -> tuple[list[str], list[str], list[list[str]] | None]:
    """The questions, and what is ranked for them: the same texts for all questions, or a list of texts for each.

    Returns:
        the questions; the texts for all of them; the texts of each, or None where the texts are for all.

    Raises:
        TypeError, ValueError: as of `RankingAnswerer.__call__`.
    """
    questions = as_texts(questions, "questions")
    if isinstance(candidates, str) or any(isinstance(candidate, str) for candidate in candidates):
        return questions, as_texts(candidates, "candidates"), None
    own_texts = [as_texts(texts, f"candidates[{number}]") for number, texts in enumerate(candidates)]
    check_same_length(len(questions), len(own_texts), "questions", "lists of candidates")
    return questions, [], own_texts


class TextSearcher:
    """Texts that are searched, with their vectors, and where words count with their words.

    Args:
        answerer: gives the vectors and the scores by words.
        texts: at least one text.
    """

    def __init__(self, answerer: RankingAnswerer, texts: Sequence[str]):
        self.answerer, self.texts, self.lexical = answerer, texts, answerer.lexical
        self.vectors = answerer.embed_candidates(texts)
        if self.lexical:
            self.words, self.statistics = [word_counts(text) for text in texts], WordStatistics.of(texts)

    def search(self, questions: Sequence[str], n_best: int) -> list[list[dict]]:
        """The `n_best` texts for each question, best first, see `RankingAnswerer.search`."""
        results = []
        for question, vector in zip(questions, self.answerer.embed_questions(questions), strict=True):
            scores = self.vectors @ vector
            if self.lexical:
                scores = self.lexical.scores(question, self.words, scores, self.statistics)
            results.append(ranked(scores, self.texts, n_best))
        return results


def ranked(scores: np.ndarray, texts: Sequence[str], n_best: int | None = None) -> list[dict]:
    """The texts of the highest scores, best first; of equal ones the first.

    Args:
        scores: float `(texts,)`.
        texts: the texts.
        n_best: how many, at most; None is all.

    Returns:
        dicts of `candidate`, the place in `texts`, `text` and `score`.
    """
    places = np.arange(len(scores))
    if n_best is not None and n_best < len(scores):
        places = np.flatnonzero(scores >= np.partition(scores, -n_best)[-n_best])  # and those that equal the last
    best = places[np.argsort(-scores[places], kind="stable")][:n_best]
    return [{"candidate": int(place), "text": texts[place], "score": float(scores[place])} for place in best]


def onnx_encoders(path: str | Path, is_shared: bool) -> tuple[OnnxModel, OnnxModel]:
    """The exported encoders of candidates and of questions.

    Args:
        path: the file of the first.
        is_shared: whether they are one. Otherwise the second is beside it, with `_queries` behind its name.

    Raises:
        UserError: a file is missing or damaged.
    """
    path, encoder = Path(path), OnnxModel(path, ("vectors",))
    return encoder, encoder if is_shared else OnnxModel(path.with_name(f"{path.stem}_queries.onnx"))
