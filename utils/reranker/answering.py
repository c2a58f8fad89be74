"""Rankings of texts by a model that reads each with the question."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from utils.ranking.answering import checked_candidates, ranked
from utils.reranker.pairs import PairFormat, score_pairs
from utils.text.embedding import token_ids


class RerankerAnswerer:
    """Ranks candidate texts for questions.

    Args:
        model: `models.cross_encoder.CrossEncoder`, or an export of it.
        tokenizer: the `tokenizers.Tokenizer` that it was trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a text.
    """

    def __init__(self, model, tokenizer, *, query_length: int, max_length: int):
        self.model = model
        self.tokenizer = tokenizer
        self.query_length = query_length
        self.max_length = max_length
        self.pair_format = PairFormat.of(tokenizer)

    def __call__(
        self, questions: Sequence[str], candidates: Sequence[str] | Sequence[Sequence[str]]
    ) -> list[list[dict]]:
        """Rank candidate texts for questions. Each question is read with each of its candidates.

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
        return self.rank(questions, [texts] * len(questions) if own_texts is None else own_texts)

    def rank(self, questions: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[list[dict]]:
        """Rank each question's own candidates, by the model's score alone.

        Args:
            questions: texts of the questions.
            candidates: for each question the texts of its candidates.

        Returns:
            for each question its candidates, best first: `{"candidate": place in its list, "text": str, "score": float}`.
        """
        return [
            ranked(scores, texts) for scores, texts in zip(self.scores(questions, candidates), candidates, strict=True)
        ]

    def scores(self, questions: Sequence[str], texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The model's scores of each question with its texts, float32 `(texts,)` each."""
        question_ids = token_ids(self.tokenizer, questions, self.query_length)
        text_ids = token_ids(self.tokenizer, [text for own in texts for text in own], self.max_length)
        ends = list(accumulate(map(len, texts), initial=0))
        pairs = [
            (ids, text)
            for ids, span in zip(question_ids, pairwise(ends), strict=True)
            for text in text_ids[slice(*span)]
        ]
        scores = score_pairs(self.model, self.pair_format, pairs, "reading texts")
        return [scores[slice(*span)] for span in pairwise(ends)]
