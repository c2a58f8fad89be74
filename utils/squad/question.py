"""The record of a question about a paragraph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A reference answer: its text and its character offset in the context, -1 where that is not known."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its paragraph; `answers` is empty for an unanswerable or unlabelled question."""

    id: str
    title: str
    context: str
    question: str
    answers: tuple[Answer, ...]
    is_impossible: bool = False

    @property
    def is_labelled(self) -> bool:
        """Whether it is known what the answer is, or that there is none."""
        return self.is_impossible or bool(self.answers)
