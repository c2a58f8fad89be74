"""Questions to batches: tokenize, cut windows, check every label, and make batches of similar length.

A paragraph is tokenized once, however many questions it has. A window is a question with a slice of its paragraph; it becomes a
padded array only in its batch. Memory therefore stays near the size of the text itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.common.batching import epochs_from, length_sorted_batches, round_up
from utils.common.errors import UserError
from utils.squad.normalization import is_by_character, normalize_answer
from utils.squad.tokens import TokenizedTexts, tokenize
from utils.text.tokenization import separators_between, special_token_ids

LENGTH_MULTIPLE = 16
"""Batches are padded to a multiple of this length, so that few different shapes are compiled."""
POOL_BATCHES = 64
"""Batches that are sorted by length together."""
INPUT_NAMES = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")


@dataclass(frozen=True)
class SquadFeatures:
    """Windows over tokenized paragraphs, with labels.

    Args:
        questions: the tokenized questions.
        contexts: the tokenized paragraphs, each one once.
        window_question: `(windows,)`, number of the window's question.
        window_context: `(windows,)`, number of the window's paragraph.
        window_start: `(windows,)`, first of the paragraph's tokens in the window.
        window_end: `(windows,)`, the token after the last.
        question_lengths: `(questions,)`, tokens of the question that are used.
        answer_offsets: `(windows + 1,)`; window `w` owns the rows `answer_offsets[w]:answer_offsets[w + 1]` of `answer_spans`.
        answer_spans: `(spans, 2)`, first and last token of an answer, as positions in the assembled sequence. A window that does
            not hold its question's answer has the single span (0, 0), the sequence-start token.
        num_labels: answers that were labelled.
        wider_labels: a line for each label that has more than its answer, which begins or ends within a token.
        cut_labels: a line for each label that lacks part of its answer, because the tokenizer drops it.
        lost_labels: a line for each answer that no window holds as a whole.
        special_ids: ids of padding, sequence start and separator.
        num_separators: separators between the question and the paragraph, see `utils.text.tokenization.separators_between`.
    """

    questions: TokenizedTexts
    contexts: TokenizedTexts
    window_question: np.ndarray
    window_context: np.ndarray
    window_start: np.ndarray
    window_end: np.ndarray
    question_lengths: np.ndarray
    answer_offsets: np.ndarray
    answer_spans: np.ndarray
    num_labels: int
    wider_labels: tuple[str, ...]
    cut_labels: tuple[str, ...]
    lost_labels: tuple[str, ...]
    special_ids: tuple[int, int, int]
    num_separators: int

    def __len__(self):
        return len(self.window_question)

    def context_number(self, question: int) -> int:
        """The number of a question's paragraph."""
        return int(self.window_context[np.searchsorted(self.window_question, question)])

    @property
    def tokens_around_question(self) -> int:
        """Special tokens before the paragraph: the sequence start, and the separators after the question."""
        return 1 + self.num_separators

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each assembled window, special tokens included."""
        special = self.tokens_around_question + 1
        return special + self.question_lengths[self.window_question] + self.window_end - self.window_start


def build_features(
    questions,
    tokenizer,
    max_length: int,
    doc_stride: int,
    max_question_length: int = 64,
    labelled: bool = True,
    progress: str | None = None,
) -> SquadFeatures:
    """Cut every question's paragraph into windows of at most `max_length` tokens.

    A window reads `[CLS] question [SEP] slice of the paragraph [SEP]`; tokenizers like RoBERTa's put two separators in the middle.

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
    special_ids, num_separators = special_token_ids(tokenizer), separators_between(tokenizer)
    num_before, num_special = 1 + num_separators, 2 + num_separators
    context_index: dict[str, int] = {}
    window_question, window_context, window_start, window_end = [], [], [], []
    answer_offsets, answer_spans, num_labels = [0], [], 0
    wider, cut, lost = [], [], []
    context_numbers = np.asarray([context_index.setdefault(q.context, len(context_index)) for q in questions], np.int32)
    tokenized_questions = tokenize([q.question for q in questions], tokenizer, progress and f"{progress}: questions")
    question_lengths = np.minimum(np.diff(tokenized_questions.offsets), max_question_length).astype(np.int32)
    if max_length - num_special - int(question_lengths.max(initial=0)) <= doc_stride:
        raise UserError(
            f"--max-length {max_length} leaves no room beside a question of {question_lengths.max()} tokens and a "
            f"--doc-stride of {doc_stride}: raise the one or lower the others"
        )
    contexts = tokenize(list(context_index), tokenizer, progress and f"{progress}: paragraphs")
    for number, question in enumerate(questions):
        context = int(context_numbers[number])
        begin, stop = contexts.offsets[context], contexts.offsets[context + 1]
        starts, ends = contexts.starts[begin:stop], contexts.ends[begin:stop]
        room = max_length - num_special - int(question_lengths[number])
        spans = []
        if labelled and not question.is_impossible:
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
        first, covered = 0, set()
        while True:
            last = min(first + room, stop - begin)
            window_question.append(number)
            window_context.append(context)
            window_start.append(first)
            window_end.append(last)
            shift = num_before + int(question_lengths[number]) - first
            inside = {(a + shift, b + shift) for a, b in spans if a >= first and b < last}
            covered |= {(a - shift, b - shift) for a, b in inside}
            answer_spans += sorted(inside) or [(0, 0)]
            answer_offsets.append(len(answer_spans))
            if last == stop - begin:
                break
            first = last - doc_stride
        for a, b in sorted(set(spans) - covered):
            lost.append(f"{question.id}: no window holds the whole answer of {b - a + 1} tokens")
    return SquadFeatures(
        questions=tokenized_questions,
        contexts=contexts,
        window_question=np.asarray(window_question, np.int32),
        window_context=np.asarray(window_context, np.int32),
        window_start=np.asarray(window_start, np.int32),
        window_end=np.asarray(window_end, np.int32),
        question_lengths=question_lengths,
        answer_offsets=np.asarray(answer_offsets, np.int64),
        answer_spans=np.asarray(answer_spans, np.int32).reshape(-1, 2),
        num_labels=num_labels,
        wider_labels=tuple(wider),
        cut_labels=tuple(cut),
        lost_labels=tuple(lost),
        special_ids=special_ids,
        num_separators=num_separators,
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


def assemble(features: SquadFeatures, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Make the model's inputs for some windows.

    Args:
        features: all windows.
        windows: numbers of the windows in this batch.

    Returns:
        int32 arrays `(batch, sequence)` by the names `INPUT_NAMES`; the sequence is as long as the longest window, rounded up to
        `LENGTH_MULTIPLE`. Padded places hold 0, and in `token_ids` the tokenizer's padding id.
    """
    padding_id, start_id, separator_id = features.special_ids
    length = padded_length(int(features.lengths[windows].max()))
    batch = {name: np.zeros((len(windows), length), np.int32) for name in INPUT_NAMES}
    batch["token_ids"][:] = padding_id
    for row, window in enumerate(windows):
        question, context = features.window_question[window], features.window_context[window]
        question_begin = features.questions.offsets[question]
        question_length = features.question_lengths[question]
        context_begin = features.contexts.offsets[context] + features.window_start[window]
        context_length = features.window_end[window] - features.window_start[window]
        context_start = features.tokens_around_question + question_length
        last = context_start + context_length
        question_place, context_place = slice(1, 1 + question_length), slice(context_start, last)
        for name in ("token_ids", "word_ids", "stem_ids", "shape_ids"):
            question_values, context_values = getattr(features.questions, name), getattr(features.contexts, name)
            batch[name][row, question_place] = question_values[question_begin : question_begin + question_length]
            batch[name][row, context_place] = context_values[context_begin : context_begin + context_length]
        batch["token_ids"][row, 0] = start_id
        batch["token_ids"][row, [*range(1 + question_length, context_start), last]] = separator_id
        batch["segment_ids"][row, context_start : last + 1] = 1
        batch["padding_mask"][row, : last + 1] = 1
    return batch


def padded_length(length: int) -> int:
    """The length that `assemble` pads a batch to whose longest window has this many tokens."""
    return round_up(length, LENGTH_MULTIPLE)


def batch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The windows of one training epoch in batches of similar length: a pure function of its arguments."""
    return length_sorted_batches(lengths, batch_size, np.random.default_rng((seed, epoch)), POOL_BATCHES)


def training_batches(features: SquadFeatures, batch_size: int, seed: int, first_step: int = 0):
    """Yield `(inputs, targets)` without end, beginning at global step `first_step`; the same step is always the same batch.

    Targets are `{"start": (batch,), "end": (batch,)}`. Of several reference answers, each epoch draws one.
    """
    lengths, steps_per_epoch = features.lengths, -(-len(features) // batch_size)
    counts = np.diff(features.answer_offsets)
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        draws = np.random.default_rng((seed, epoch, 1)).random(len(features))
        spans = features.answer_spans[features.answer_offsets[:-1] + (draws * counts).astype(np.int64)]
        for windows in batch_order(lengths, batch_size, seed, epoch)[first:]:
            yield assemble(features, windows), {"start": spans[windows, 0], "end": spans[windows, 1]}
