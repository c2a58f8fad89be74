"""Windows of questions and texts: cut from tokenized texts, and made into a model's inputs.

A text is tokenized once, however many questions it has. A window is a question with a slice of its text; it becomes a padded array
only in its batch. Memory therefore stays near the size of the text itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.batching import round_up
from utils.common.errors import UserError
from utils.squad.tokens import TokenizedTexts, tokenize
from utils.text.tokenization import separators_between, special_token_ids

LENGTH_MULTIPLE = 16
"""Batches are padded to a multiple of this length, so that few different shapes are compiled."""
MAX_QUESTION_LENGTH = 64
"""Tokens that a question is cut to."""
INPUT_NAMES = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")


@dataclass(frozen=True)
class Windows:
    """Windows over tokenized texts.

    Args:
        questions: the tokenized questions.
        contexts: the tokenized texts, each one once.
        window_question: `(windows,)`, number of the window's question, in ascending order.
        window_context: `(windows,)`, number of the window's text.
        window_start: `(windows,)`, first of the text's tokens in the window.
        window_end: `(windows,)`, the token after the last.
        question_lengths: `(questions,)`, tokens of the question that are used.
        special_ids: ids of padding, sequence start and separator.
        num_separators: separators between the question and the text, see `separators_between`.
    """

    questions: TokenizedTexts
    contexts: TokenizedTexts
    window_question: np.ndarray
    window_context: np.ndarray
    window_start: np.ndarray
    window_end: np.ndarray
    question_lengths: np.ndarray
    special_ids: tuple[int, int, int]
    num_separators: int

    def __len__(self):
        return len(self.window_question)

    def context_number(self, question: int) -> int:
        """The number of a question's text."""
        return int(self.window_context[np.searchsorted(self.window_question, question)])

    @property
    def tokens_around_question(self) -> int:
        """Special tokens before the text: the sequence start, and the separators after the question."""
        return 1 + self.num_separators

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each assembled window, special tokens included."""
        special = self.tokens_around_question + 1
        return special + self.question_lengths[self.window_question] + self.window_end - self.window_start


def cut_windows(
    questions: Sequence[str],
    contexts: Sequence[str],
    tokenizer,
    max_length: int,
    doc_stride: int,
    max_question_length: int = MAX_QUESTION_LENGTH,
    progress: str | None = None,
) -> Windows:
    """Cut the text of every question into windows of at most `max_length` tokens.

    A window reads `[CLS] question [SEP] slice of the text [SEP]`; tokenizers like RoBERTa's put two separators in the middle.

    Args:
        questions: the questions.
        contexts: the text of each question.
        tokenizer: `tokenizers.Tokenizer`.
        max_length: longest window in tokens, with question and special tokens.
        doc_stride: tokens by which neighbouring windows overlap.
        max_question_length: tokens that a question is cut to.
        progress: words to show before the counts on a terminal; None is silent.

    Raises:
        UserError: there is no room for the text.
    """
    special_ids, num_separators = special_token_ids(tokenizer), separators_between(tokenizer)
    num_special = 2 + num_separators
    context_index: dict[str, int] = {}
    context_numbers = [context_index.setdefault(context, len(context_index)) for context in contexts]
    tokenized_questions = tokenize(questions, tokenizer, progress and f"{progress}: questions")
    question_lengths = np.minimum(np.diff(tokenized_questions.offsets), max_question_length).astype(np.int32)
    if max_length - num_special - int(question_lengths.max(initial=0)) <= doc_stride:
        raise UserError(
            f"--max-length {max_length} leaves no room beside a question of {question_lengths.max()} tokens and a "
            f"--doc-stride of {doc_stride}: raise --max-length, lower --doc-stride, or shorten the question"
        )
    tokenized_contexts = tokenize(list(context_index), tokenizer, progress and f"{progress}: paragraphs")
    num_tokens = np.diff(tokenized_contexts.offsets)
    window_question, window_context, window_start, window_end = [], [], [], []
    for number, context in enumerate(context_numbers):
        room, stop = max_length - num_special - int(question_lengths[number]), int(num_tokens[context])
        first = 0
        while True:
            last = min(first + room, stop)
            window_question.append(number)
            window_context.append(context)
            window_start.append(first)
            window_end.append(last)
            if last == stop:
                break
            first = last - doc_stride
    return Windows(
        questions=tokenized_questions,
        contexts=tokenized_contexts,
        window_question=np.asarray(window_question, np.int32),
        window_context=np.asarray(window_context, np.int32),
        window_start=np.asarray(window_start, np.int32),
        window_end=np.asarray(window_end, np.int32),
        question_lengths=question_lengths,
        special_ids=special_ids,
        num_separators=num_separators,
    )


def assemble(windows: Windows, chosen: np.ndarray, longest: int = 0) -> dict[str, np.ndarray]:
    """Make the model's inputs for some windows.

    Args:
        windows: all windows.
        chosen: numbers of the windows in this batch.
        longest: tokens of the longest window, where these windows are part of a larger batch.

    Returns:
        int32 arrays `(batch, sequence)` by the names `INPUT_NAMES`; the sequence is as long as the longest window, rounded up to
        `LENGTH_MULTIPLE`. Padded places hold 0, and in `token_ids` the tokenizer's padding id.
    """
    padding_id, start_id, separator_id = windows.special_ids
    length = padded_length(max(longest, int(windows.lengths[chosen].max())))
    batch = {name: np.zeros((len(chosen), length), np.int32) for name in INPUT_NAMES}
    batch["token_ids"][:] = padding_id
    for row, window in enumerate(chosen):
        question, context = windows.window_question[window], windows.window_context[window]
        question_begin = windows.questions.offsets[question]
        question_length = windows.question_lengths[question]
        context_begin = windows.contexts.offsets[context] + windows.window_start[window]
        context_length = windows.window_end[window] - windows.window_start[window]
        context_start = windows.tokens_around_question + question_length
        last = context_start + context_length
        question_place, context_place = slice(1, 1 + question_length), slice(context_start, last)
        for name in ("token_ids", "word_ids", "stem_ids", "shape_ids"):
            question_values, context_values = getattr(windows.questions, name), getattr(windows.contexts, name)
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


def coarse_lengths(max_length: int, multiple: int = LENGTH_MULTIPLE) -> tuple[int, ...]:
    """The few lengths that batches are padded to where each length is compiled on its own, as on JAX; ascending.

    Lengths up to 12 times `multiple` are multiples of it; above, of twice as much, and so on. So 384 tokens are 18 lengths in the
    place of 24. Fewer would cost more in every step than they save once: a step of 160 tokens takes a sixth more than one of 144.

    Args:
        max_length: tokens of the longest window that there can be.
        multiple: what the shortest lengths are multiples of.

    >>> coarse_lengths(300)[-6:], coarse_lengths(300, 128)
    ((176, 192, 224, 256, 288, 304), (128, 256, 304))
    """
    lengths, length = [], 0
    while length < max_length:
        if length >= 12 * multiple:
            multiple *= 2
        length += multiple
        lengths.append(min(length, padded_length(max_length)))
    return tuple(lengths)


def coarse_length(length: int, lengths: tuple[int, ...]) -> int:
    """The first of some `coarse_lengths` that is long enough; the length itself where there are none."""
    return next(coarse for coarse in lengths if coarse >= length) if lengths else length
