"""Questions to labelled batches: windows, a check of every label, and batches of similar length."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches
from utils.squad.normalization import is_by_character, normalize_answer
from utils.squad.windows import MAX_QUESTION_LENGTH, Windows, assemble, coarse_length, cut_windows
from utils.training.backends import compiles_each_shape

POOL_BATCHES = 64
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class SquadFeatures(Windows):
    """Windows over tokenized paragraphs, with labels.

    Args, beside those of `Windows`:
        answer_offsets: `(windows + 1,)`; window `w` owns the rows `answer_offsets[w]:answer_offsets[w + 1]` of `answer_spans`.
        answer_spans: `(spans, 2)`, first and last token of an answer, as positions in the assembled sequence. A window that does
            not hold its question's answer has the single span (0, 0), the sequence-start token.
        num_labels: answers that were labelled.
        wider_labels: a line for each label that has more than its answer, which begins or ends within a token.
        cut_labels: a line for each label that lacks part of its answer, because the tokenizer drops it.
        lost_labels: a line for each answer that no window holds as a whole.
    """

    answer_offsets: np.ndarray
    answer_spans: np.ndarray
    num_labels: int
    wider_labels: tuple[str, ...]
    cut_labels: tuple[str, ...]
    lost_labels: tuple[str, ...]


def build_features(
    questions,
    tokenizer,
    max_length: int,
    doc_stride: int,
    max_question_length: int = MAX_QUESTION_LENGTH,
    labelled: bool = True,
    progress: str | None = None,
) -> SquadFeatures:
    """Cut every question's paragraph into windows of at most `max_length` tokens, and label them.

    Args:
        questions: `utils.squad.data.Question` records.
        tokenizer: `tokenizers.Tokenizer`.
        max_length: longest window in tokens, with question and special tokens.
        doc_stride: tokens by which neighbouring windows overlap.
        max_question_length: tokens that a question is cut to.
        labelled: also find the answers' token spans, and compare the text under each with the answer, after normalisation. Tokens
            that lie partly in the answer are labelled, so that the label may be wider.
        progress: words to show before the counts on a terminal; None is silent.

    Raises:
        UserError: there is no room for the paragraph.
    """
    texts = [question.question for question in questions], [question.context for question in questions]
    windows = cut_windows(*texts, tokenizer, max_length, doc_stride, max_question_length, progress)
    contexts, first_windows = windows.contexts, np.searchsorted(windows.window_question, np.arange(len(questions) + 1))
    answer_offsets, answer_spans, num_labels = [0], [], 0
    wider, cut, lost = [], [], []
    for number, question in enumerate(questions):
        own_windows = range(first_windows[number], first_windows[number + 1])
        spans = []
        if labelled and not question.is_impossible:
            context = windows.window_context[own_windows[0]]
            tokens = slice(contexts.offsets[context], contexts.offsets[context + 1])
            starts, ends = contexts.starts[tokens], contexts.ends[tokens]
            for answer in dict.fromkeys(question.answers):
                span = _token_span(starts, ends, answer)
                num_labels += 1
                if not span:
                    lost.append(f"{question.id}: the tokenizer drops the answer {answer.text!r}")
                    continue
                spans.append(span)
                text = question.context[starts[span[0]] : ends[span[1]]]
                if text != answer.text and not _are_equal(text, answer.text, question.context):
                    differing = wider if answer.text.strip() in text else cut
                    differing.append(f"{question.id}: the label reads {text!r}, the answer is {answer.text!r}")
        covered = set()
        for window in own_windows:
            begin, stop = int(windows.window_start[window]), int(windows.window_end[window])
            shift = windows.tokens_around_question + int(windows.question_lengths[number]) - begin
            inside = {(first, last) for first, last in spans if first >= begin and last < stop}
            covered |= inside
            answer_spans += sorted((first + shift, last + shift) for first, last in inside) or [(0, 0)]
            answer_offsets.append(len(answer_spans))
        for first, last in sorted(set(spans) - covered):
            lost.append(f"{question.id}: no window holds the whole answer of {last - first + 1} tokens")
    return SquadFeatures(
        **{field.name: getattr(windows, field.name) for field in fields(windows)},
        answer_offsets=np.asarray(answer_offsets, np.int64),
        answer_spans=np.asarray(answer_spans, np.int32).reshape(-1, 2),
        num_labels=num_labels,
        wider_labels=tuple(wider),
        cut_labels=tuple(cut),
        lost_labels=tuple(lost),
    )


def _are_equal(text: str, answer: str, context: str) -> bool:
    """Whether a label and its answer are the same to the metrics."""
    by_character = is_by_character(context)
    return normalize_answer(text, by_character) == normalize_answer(answer, by_character)


def _token_span(starts, ends, answer) -> tuple[int, int] | None:
    """The first and last token that overlap an answer's characters, without surrounding white space."""
    begin = answer.start + len(answer.text) - len(answer.text.lstrip())
    stop = begin + len(answer.text.strip())
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(starts, stop, side="left")) - 1
    return (first, last) if first <= last else None


def batch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The windows of one training epoch in batches of similar length: a pure function of its arguments."""
    return length_sorted_batches(lengths, batch_size, np.random.default_rng((seed, epoch)), POOL_BATCHES)


def training_batches(features: SquadFeatures, batch_size: int, seed: int, first_step: int = 0, part: BatchPart = WHOLE):
    """Yield `(inputs, targets)` without end, beginning at global step `first_step`; the same step is always the same batch.

    Targets are `{"start": (batch,), "end": (batch,)}`. Of several reference answers, each epoch draws one. Where `part` is not the
    whole, only its rows of every batch are made, as long as the whole batch makes them. Where each length is compiled on its
    own, batches have few different ones (`coarse_length`).
    """
    lengths, steps_per_epoch = features.lengths, -(-len(features) // batch_size)
    counts = np.diff(features.answer_offsets)
    max_length = int(lengths.max()) if compiles_each_shape() else 0
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        draws = np.random.default_rng((seed, epoch, 1)).random(len(features))
        spans = features.answer_spans[features.answer_offsets[:-1] + (draws * counts).astype(np.int64)]
        for windows in batch_order(lengths, batch_size, seed, epoch)[first:]:
            own_windows, longest = windows[part.rows(len(windows))], int(lengths[windows].max())
            longest = coarse_length(longest, max_length) if max_length else longest
            inputs = part.mark(assemble(features, own_windows, longest), len(windows))
            yield inputs, {"start": spans[own_windows, 0], "end": spans[own_windows, 1]}
