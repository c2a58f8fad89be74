"""Pairs of a question and a text as one sequence of tokens, for a model that reads both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.batching import pad_rows
from utils.common.progress import with_progress
from utils.text.embedding import padded_length
from utils.text.tokenization import separators_between, special_token_ids

TOKENS_AT_ONCE = 8192
"""Tokens of the pairs that are scored together, padding included."""


@dataclass(frozen=True)
class PairFormat:
    """How a tokenizer's model reads two texts: `[CLS] question [SEP] text [SEP]`, with two separators between for RoBERTa.

    Args:
        padding_id: id of the padding token.
        between: ids of the tokens that stand between the texts, beside the separator that ends the question.
    """

    padding_id: int
    between: tuple[int, ...] = ()

    @classmethod
    def of(cls, tokenizer) -> PairFormat:
        """The format of a `tokenizers.Tokenizer`."""
        padding_id, _, separator = special_token_ids(tokenizer)
        return cls(padding_id, (separator,) * (separators_between(tokenizer) - 1))

    def inputs(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], longest: int = 1) -> dict[str, np.ndarray]:
        """Inputs of `models.cross_encoder.CrossEncoder`, int32 `(pairs, sequence)`.

        Args:
            pairs: the token ids of question and text, each with the special tokens of a lone text. A text without any is an empty
                slot: all padding.
            longest: the longest pair has at least this length; for pairs that are part of a larger batch.
        """
        rows, segments = [], []
        for question_ids, text_ids in pairs:
            first = [*question_ids, *self.between] if len(text_ids) else []
            rows.append([*first, *text_ids[1:]])
            segments.append([0] * len(first) + [1] * (len(rows[-1]) - len(first)))
        length = padded_length(max(longest, *map(len, rows)))
        token_ids, padding_mask = pad_rows(rows, self.padding_id, longest=length)
        segment_ids, _ = pad_rows(segments, 0, longest=length)
        return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}

    def slot_inputs(
        self,
        features,
        questions: Sequence[int],
        filled: Mapping[int, np.ndarray],
        slots: int,
        padding_id: int,
        longest: tuple[int, int] = (1, 1),
    ) -> dict[str, np.ndarray]:
        """Inputs of a training batch, int32 `(questions, slots, sequence)`; for `utils.ranking.features.training_batches`.

        Args:
            features: `utils.ranking.features.RankingFeatures` of the training questions.
            questions: the questions of the batch.
            filled: the candidates in each question's slots, at most `slots`.
            slots: slots of a question.
            padding_id: as `self.padding_id`.
            longest: tokens of the longest question and candidate of the whole batch.
        """
        pairs = []
        for question in questions:
            texts = [features.candidate_ids[candidate] for candidate in filled[question]]
            pairs += [(features.query_ids[question], text) for text in texts]
            pairs += [(features.query_ids[question], ())] * (slots - len(texts))
        inputs = self.inputs(pairs, sum(longest) + len(self.between) - 1)
        return {name: array.reshape(len(questions), slots, -1) for name, array in inputs.items()}


def score_pairs(
    model, pair_format: PairFormat, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], progress: str = ""
) -> np.ndarray:
    """The score of each pair of token ids, float32 `(pairs,)`.

    Pairs of similar length are scored together; padded lengths and the numbers of pairs take few values, each of which is compiled.

    Args:
        model: `models.cross_encoder.CrossEncoder`, or an export of it.
        pair_format: how pairs become sequences.
        pairs: the token ids of questions and texts, see `PairFormat.inputs`.
        progress: what is being scored; where it is named, a bar on a terminal counts.
    """
    scores = np.empty(len(pairs), np.float32)
    lengths = np.array([padded_length(len(question) + len(text)) for question, text in pairs], np.int64)
    order, batches = np.argsort(lengths, kind="stable"), []
    for length, first, count in zip(*np.unique(lengths[order], return_index=True, return_counts=True), strict=True):
        size = 1 << max(0, (TOKENS_AT_ONCE // int(length)).bit_length() - 1)
        batches += [order[start : min(start + size, first + count)] for start in range(first, first + count, size)]
    for places in with_progress(batches, progress) if progress else batches:
        chosen = np.resize(places, 1 << (len(places) - 1).bit_length())  # repeats some, for few different sizes
        inputs = pair_format.inputs([pairs[place] for place in chosen])
        scores[chosen] = np.asarray(model.predict_on_batch(inputs), np.float32)
    return scores
