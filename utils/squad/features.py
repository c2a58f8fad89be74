"""Questions to labelled windows: token spans of answers, and a check of every label."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from utils.squad.normalization import is_by_character, normalize_answer
from utils.squad.windows import MAX_QUESTION_LENGTH, Windows, cut_windows


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
