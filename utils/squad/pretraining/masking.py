"""What is masked in windows of text, and what the model is to predict there: pure functions of keys.

Each row of a batch has a generator of its own, made from the batch's key and the row's. So a resumed run and each of several
processes draw the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.losses.places_cross_entropy import NO_TARGET
from utils.common.batching import round_up
from utils.squad.pretraining.text_windows import TextWindows
from utils.squad.windows import INPUT_NAMES, assemble

PLACES_MULTIPLE = 8
"""The number of masked places is rounded up to a multiple of this."""


@dataclass(frozen=True)
class SpanMasking:
    """Masks all but one of the occurrences of recurring spans, and words.

    Args:
        mask_id: id of the token that stands at masked places.
        word_fraction: fraction of the tokens that masked words have, 0-1.
        max_questions: masked occurrences in a window, at most. A span that would need more is left alone.
    """

    mask_id: int
    word_fraction: float = 0.15
    max_questions: int = 12

    def batch(self, text: TextWindows, chosen: np.ndarray, row_keys: np.ndarray, length: int, key: tuple[int, int]):
        """The inputs and targets of `models.span_pretrainer.SpanPretrainer` for some windows.

        A masked occurrence becomes a single mask token, so that its length says nothing. Word, stem and shape ids are 0 at all
        masked places. Neither the occurrence that is left nor a part of it is masked.

        Args:
            text: all windows.
            chosen: `(rows,)`, numbers of the windows.
            row_keys: `(rows,)`, which with `key` decide what is drawn for each of them.
            length: tokens that the rows are padded to.
            key: seed and step.

        Returns:
            `(inputs, targets)`; the targets are positions `(rows, max_questions)` for `start` and `end`, and token ids
            `(rows, places)` for `words`, -1 where there is none.
        """
        inputs = assemble(text.windows, chosen, length)
        length = inputs["token_ids"].shape[1]
        keep = np.ones(inputs["token_ids"].shape, bool)
        questions = np.full((len(chosen), self.max_questions, 3), NO_TARGET, np.int32)  # place, start, end
        masked_places, words = _no_places(len(chosen), length, self.word_fraction)
        for row, window in enumerate(chosen):
            rng = np.random.default_rng((*key, int(row_keys[row])))
            is_free, is_first = _text_of(text, window)
            begin = text.windows.tokens_around_question  # of the text
            is_question = np.zeros(len(is_first), bool)
            questions_and_answers = self._draw_questions(text.spans.clusters(window), rng)
            for (start, end), (answer_start, answer_end) in questions_and_answers:
                is_question[start : end + 1] = True
                is_free[answer_start : answer_end + 1] = False
                keep[row, begin + start + 1 : begin + end + 1] = False
            places = _draw_words(is_first, is_free & ~is_question, self.word_fraction, rng)
            words[row, : len(places)] = inputs["token_ids"][row, begin + places]
            _hide(inputs, row, begin + np.flatnonzero(is_question), self.mask_id)
            _hide(inputs, row, begin + places, self.mask_id)
            place_now = np.cumsum(keep[row]) - 1
            masked_places[row, : len(places)] = place_now[begin + places]
            if questions_and_answers:
                questions[row, : len(questions_and_answers)] = place_now[
                    begin + np.array([(place, start, end) for (place, _), (start, end) in questions_and_answers])
                ]
        _close_gaps(inputs, keep, text.windows.special_ids[0])
        inputs |= {"question_places": np.maximum(questions[:, :, 0], 0), "masked_places": masked_places}
        return inputs, {"start": questions[:, :, 1], "end": questions[:, :, 2], "words": words}

    def _draw_questions(self, clusters: list[np.ndarray], rng) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs of an occurrence to mask and the occurrence that is its answer."""
        questions_and_answers: list[tuple[np.ndarray, np.ndarray]] = []
        for number in rng.permutation(len(clusters)):
            occurrences = clusters[number]
            answer = rng.integers(len(occurrences))
            if len(questions_and_answers) + len(occurrences) - 1 <= self.max_questions:
                questions_and_answers += [
                    (place, occurrences[answer]) for index, place in enumerate(occurrences) if index != answer
                ]
        return questions_and_answers


@dataclass(frozen=True)
class ReplacementMasking:
    """Masks words that `models.replaced_token_pretrainer.ReplacedTokenPretrainer` replaces.

    Args:
        word_fraction: fraction of the tokens that masked words have, 0-1.
    """

    word_fraction: float = 0.15

    def batch(self, text: TextWindows, chosen: np.ndarray, row_keys: np.ndarray, length: int, key: tuple[int, int]):
        """The inputs and targets of the model for some windows; arguments are those of `SpanMasking.batch`.

        Returns:
            `(inputs, targets)`; the targets are token ids `(rows, places)` for `words`, -1 where there is none, and for
            `replaced` 1 for each token of the text, int `(rows, length)`.
        """
        inputs = assemble(text.windows, chosen, length)
        inputs = {name: inputs[name] for name in ("token_ids", "segment_ids", "padding_mask")}
        shape = inputs["token_ids"].shape
        inputs["masking"] = np.zeros(shape, np.int32)
        inputs["masked_places"], words = _no_places(len(chosen), shape[1], self.word_fraction)
        inputs["draws"] = np.zeros(words.shape, np.float32)
        is_text = np.zeros(shape, np.int32)
        for row, window in enumerate(chosen):
            rng = np.random.default_rng((*key, int(row_keys[row])))
            is_free, is_first = _text_of(text, window)
            begin = text.windows.tokens_around_question
            places = begin + _draw_words(is_first, is_free, self.word_fraction, rng)
            is_text[row, begin : begin + len(is_first)] = 1
            inputs["masking"][row, places] = 1
            inputs["masked_places"][row, : len(places)] = places
            inputs["draws"][row] = rng.random(words.shape[1], np.float32)
            words[row, : len(places)] = inputs["token_ids"][row, places]
        return inputs, {"words": words, "replaced": is_text}


def _text_of(text: TextWindows, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bool arrays, one entry per token of a window's text: all True, and whether the token begins a word."""
    windows = text.windows
    base = windows.contexts.offsets[windows.window_context[window]]
    is_first = text.is_first[base + windows.window_start[window] : base + windows.window_end[window]]
    return np.ones(len(is_first), bool), is_first


def _no_places(num_rows: int, length: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Places and words of rows in which nothing is masked yet, `(rows, places)`; there is room for that fraction of tokens."""
    num_places = round_up(max(1, int(np.ceil(fraction * length))), PLACES_MULTIPLE)
    return np.zeros((num_rows, num_places), np.int32), np.full((num_rows, num_places), NO_TARGET, np.int32)


def _draw_words(is_first: np.ndarray, is_free: np.ndarray, fraction: float, rng) -> np.ndarray:
    """The tokens of words that are drawn until they are that fraction of the text, in ascending order; whole words alone.

    Args:
        is_first: bool `(tokens,)`, whether a token is the first one of its word.
        is_free: bool `(tokens,)`, whether it may be drawn, alike for all tokens of a word.
    """
    word = np.maximum(np.cumsum(is_first) - 1, 0)
    draws = rng.random(len(is_first))[word]
    draws[~is_free] = 2
    order = np.argsort(draws, kind="stable")
    count = min(round(fraction * len(word)), int(is_free.sum()))
    if 0 < count < len(order) and is_free[order[count]]:
        while count and word[order[count - 1]] == word[order[count]]:  # the last word would be cut
            count -= 1
    return np.sort(order[:count])


def _hide(inputs: dict[str, np.ndarray], row: int, places: np.ndarray, mask_id: int) -> None:
    inputs["token_ids"][row, places] = mask_id
    for name in ("word_ids", "stem_ids", "shape_ids"):
        inputs[name][row, places] = 0


def _close_gaps(inputs: dict[str, np.ndarray], keep: np.ndarray, padding_id: int) -> None:
    """Take the places out that are not kept; what follows moves up, and padding comes in at the end."""
    order = np.argsort(~keep, axis=1, kind="stable")
    is_beyond = np.arange(keep.shape[1]) >= keep.sum(axis=1, keepdims=True)
    for name in INPUT_NAMES:
        values = np.take_along_axis(inputs[name], order, axis=1)
        values[is_beyond] = padding_id if name == "token_ids" else 0
        inputs[name] = values
