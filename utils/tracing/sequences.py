"""Students' sequences of answered items, and how many categories their responses have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.errors import UserError
from utils.tracing.names import Names

MAX_CATEGORIES = 100
"""A file with a larger response probably holds scores or ids, not categories."""


@dataclass(frozen=True)
class ResponseSequence:
    """The responses of one student, in order.

    Args:
        student: the student's name. In a file without names it is the file's name and a number.
        items: name of each answered item; `Names` where they are from a file, which need little memory.
        responses: category of each response, integer `(steps,)`, from 0.
        skills: name of each answered item's skill, or None where skills are unknown. Several skills of one answer are joined, such
            as `addition+fractions`.
        file: where the sequence comes from, for messages.
        lines: line (or record) of the file of each response, for messages.
        line_word: what `lines` counts.
    """

    student: str
    items: tuple[str, ...] | Names
    responses: np.ndarray
    skills: tuple[str, ...] | Names | None = None
    file: str = ""
    lines: Sequence[int] = ()
    line_word: str = "line"

    def place(self, step: int) -> str:
        """Where the response of a step, from 0, stands, in words."""
        if len(self.lines):
            return f"{self.file}, {self.line_word} {self.lines[step]:,}"
        return f"student {self.student}, response {step + 1}"


NEW_STUDENT = ResponseSequence("new", (), np.zeros(0, np.int64))
"""A student who has not responded to anything yet."""


def as_sequence(student: str, history: Iterable[tuple[str, int]]) -> ResponseSequence:
    """The sequence of one student's responses.

    >>> as_sequence("ann", [("17", 3), ("4", 0)]).responses
    array([3, 0])

    Args:
        student: the student's name.
        history: `(item, response)` each, in order; a response is a category from 0.

    Raises:
        TypeError, ValueError: one of them is something else.
    """
    items, responses = [], []
    for pair in history:
        try:
            item, response = pair
            is_response = not isinstance(response, bool | str) and 0 <= response < 2**31 and response == int(response)
        except (TypeError, ValueError):  # no pair, or no number
            item, is_response = None, False
        if not isinstance(item, str) or not is_response:
            place = f"student {student}, response {len(items) + 1}"
            raise ValueError(f"{place}: {pair!r} is not (item, category from 0), such as ('17', 1)")
        items.append(item)
        responses.append(int(response))
    return ResponseSequence(student, tuple(items), np.array(responses, np.int64))


def count_categories(sequences: Iterable[ResponseSequence], num_categories: int = 0) -> tuple[int, list[str]]:
    """Count the response categories.

    Args:
        sequences: all sequences.
        num_categories: the number of categories if it is known, else 0.

    Returns:
        the number of categories (the largest response plus one, unless it is given), and a note on categories without responses.

    Raises:
        UserError: there are fewer than two categories or more than `MAX_CATEGORIES`, or a response is outside the given ones.
    """
    sequences = list(sequences)
    last = max(sequences, key=lambda sequence: sequence.responses.max())
    largest = int(last.responses.max())
    where = f"{last.place(int(last.responses.argmax()))}: a response is {largest}"
    count = num_categories or largest + 1
    if largest >= count:
        raise UserError(
            f"{where}, but there are {count} categories, 0 to {count - 1}; correct it or raise --categories"
        )
    if count > MAX_CATEGORIES:
        raise UserError(
            f"{where}, but categories count from 0 and there may be {MAX_CATEGORIES} of them; is it a score or an id? "
            "Divide scores by the full score: fractions of credit become categories"
        )
    if count < 2:
        raise UserError("all responses are 0; there is nothing to predict")
    counts = np.zeros(count, np.int64)
    for sequence in sequences:
        counts += np.bincount(sequence.responses, minlength=count)
    empty = [str(category) for category in np.flatnonzero(counts == 0)]
    return count, [f"no response is in category {', '.join(empty)}"] if empty else []
