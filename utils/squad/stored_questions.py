"""Questions on disk, for data sets that do not fit into memory: the records of `utils.squad.question`, made when they are taken.

Each paragraph, title and id is kept once, as UTF-8 in a file; a question is a row of numbers that point there. In memory are about
30 bytes for each question and each paragraph.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from pathlib import Path

import numpy as np

from utils.squad.question import Answer, Question
from utils.squad.text_pool import BytesFile, TextPool

ROW = np.dtype(
    [("place", "<i8"), ("size", "<i4"), ("question_size", "<i4"), ("num_answers", "<i4"), ("id", "<i4"), ("context", "<i4"),
     ("title", "<i4"), ("is_impossible", "?")]
)  # fmt: skip
"""Of a question: where its texts are, their bytes, those of the question alone, and the numbers of its other texts."""
_ROW = struct.Struct("<qiiiiii?")
ROWS_AT_ONCE = 8192


class StoredQuestions:
    """Questions in files; see `StoredPart` to add some, and `QuestionTable` to use them.

    Args:
        folder: where the files are. They have no names, and go with the process.

    Raises (all methods):
        OSError: the disk is full, or cannot be written to.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.ids, self.titles, self.contexts = TextPool(folder), TextPool(folder), TextPool(folder)
        self._texts, self._rows = BytesFile(folder), BytesFile(folder)
        self._question_of_id = array("i")  # -1 for a question that was deleted
        self.num_rows = 0
        self.deleted: set[int] = set()
        self.context = functools.lru_cache(1024)(self.contexts.__getitem__)
        self.title = functools.lru_cache(1024)(self.titles.__getitem__)

    def find(self, identifier: str) -> int:
        """The number of the question with this id, -1 if there is none."""
        number = self.ids.find(identifier)
        return self._question_of_id[number] if number >= 0 else -1

    def put(self, question: Question, number: int | None = None) -> None:
        """Add a question, or replace the one with this number."""
        answers = [answer.text.encode() for answer in question.answers]
        text = question.question.encode()
        data = struct.pack(f"<{len(answers)}i", *(answer.start for answer in question.answers))
        data += struct.pack(f"<{len(answers)}i", *map(len, answers)) + text + b"".join(answers)
        identifier = self.ids.add(question.id)
        row = _ROW.pack(
            self._texts.append(data),
            len(data),
            len(text),
            len(answers),
            identifier,
            self.contexts.add(question.context),
            self.titles.add(question.title),
            question.is_impossible,
        )
        if number is None:
            number = self.num_rows
            self._rows.append(row)
            self.num_rows += 1
            if identifier == len(self._question_of_id):
                self._question_of_id.append(number)
            self._question_of_id[identifier] = number
        else:
            self._rows.overwrite(number * _ROW.size, row)

    def delete(self, number: int) -> None:
        """Take a question out."""
        (row,) = np.frombuffer(self._rows.read(number * _ROW.size, _ROW.size), ROW)
        self._question_of_id[row["id"]] = -1
        self.deleted.add(number)

    def question(self, number: int) -> Question:
        """The question with this number."""
        return self._question(_ROW.unpack(self._rows.read(number * _ROW.size, _ROW.size)))

    def questions(self, numbers: np.ndarray) -> Iterator[Question]:
        """The questions with these numbers."""
        rows = self.rows
        for start in range(0, len(numbers), ROWS_AT_ONCE):
            for row in rows[numbers[start : start + ROWS_AT_ONCE]].tolist():
                yield self._question(row)

    def _question(self, row: tuple) -> Question:
        place, size, question_size, num_answers, identifier, context, title, is_impossible = row
        data = self._texts.read(place, size)
        numbers = struct.unpack_from(f"<{2 * num_answers}i", data)
        first = 8 * num_answers + question_size
        question, answers = data[8 * num_answers : first].decode(), []
        for start, length in zip(numbers[:num_answers], numbers[num_answers:], strict=True):
            answers.append(Answer(data[first : first + length].decode(), start))
            first += length
        return Question(
            self.ids[identifier], self.title(title), self.context(context), question, tuple(answers), is_impossible
        )

    def content(self) -> Iterator[bytes]:
        """What tells these questions from others, for a checksum."""
        for texts in (self.contexts, self.ids, self.titles):
            yield from texts.content()
        for file in (self._texts, self._rows):
            yield from file.blocks()

    @property
    def rows(self) -> np.ndarray:
        """All rows, `ROW` `(rows,)`, a memory map that can be written to."""
        self._rows.flush()
        return np.memmap(self._rows.file, ROW, "r+", shape=(self.num_rows,)) if self.num_rows else np.zeros(0, ROW)


class StoredPart(MutableMapping):
    """The questions of one file, or of the files before it, by id: what `collect_questions` keeps in a dict if they are few.

    Args:
        store: where the questions are.
        first: number of the part's first question.
        end: the number after its last one; None: it grows.
    """

    def __init__(self, store: StoredQuestions, first: int, end: int | None = None):
        self.store, self.first, self.end = store, first, end

    def _find(self, identifier: str) -> int:
        number = self.store.find(identifier)
        return number if self.first <= number and (self.end is None or number < self.end) else -1

    def get(self, identifier, default=None):
        number = self._find(identifier)
        return default if number < 0 else self.store.question(number)

    def __contains__(self, identifier) -> bool:
        return self._find(identifier) >= 0

    def __getitem__(self, identifier: str) -> Question:
        number = self._find(identifier)
        if number < 0:
            raise KeyError(identifier)
        return self.store.question(number)

    def __setitem__(self, identifier: str, question: Question) -> None:
        number = self._find(identifier)
        self.store.put(question, None if number < 0 else number)

    def __delitem__(self, identifier: str) -> None:
        self.store.delete(self._find(identifier))

    def numbers(self) -> np.ndarray:
        """The numbers of the part's questions."""
        numbers = np.arange(self.first, self.store.num_rows if self.end is None else self.end, dtype=np.int32)
        return np.setdiff1d(numbers, list(self.store.deleted)) if self.store.deleted else numbers

    def __len__(self) -> int:
        end = self.store.num_rows if self.end is None else self.end
        return end - self.first - sum(self.first <= number < end for number in self.store.deleted)

    def __iter__(self) -> Iterator[str]:
        return (question.id for question in self.store.questions(self.numbers()))

    def values(self) -> Iterator[Question]:
        """The questions, in order."""
        return self.store.questions(self.numbers())


class QuestionTable(Sequence):
    """Questions of a store, in an order of their own. It is used like a list of `Question` records.

    Args:
        store: where the questions are.
        numbers: int32 `(questions,)`, their numbers in the store.
    """

    def __init__(self, store: StoredQuestions, numbers: np.ndarray):
        self.store = store
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return self.take(self.numbers[place])
        return self.store.question(int(self.numbers[place]))

    def __iter__(self) -> Iterator[Question]:
        return self.store.questions(self.numbers)

    def take(self, numbers: np.ndarray) -> QuestionTable:
        """The questions with these numbers in the store."""
        return QuestionTable(self.store, numbers)

    def column(self, name: str) -> np.ndarray:
        """A field of `ROW` for each question, `(questions,)`."""
        return self.store.rows[name][self.numbers]

    def context_numbers(self) -> np.ndarray:
        """The numbers in the store of the different paragraphs, int32, in the order of their first questions."""
        numbers, first = np.unique(self.column("context"), return_index=True)
        return numbers[np.argsort(first)]


def different_contexts(questions: Sequence[Question]) -> Iterable[str]:
    """The different paragraphs, in the order of their first questions. They can be gone through more than once."""
    if isinstance(questions, QuestionTable):
        return _StoredContexts(questions)
    return dict.fromkeys(question.context for question in questions)


def different_titles(questions: Sequence[Question]) -> Iterable[str]:
    """The different titles, in any order."""
    if isinstance(questions, QuestionTable):
        return (questions.store.titles[number] for number in np.unique(questions.column("title")).tolist())
    return dict.fromkeys(question.title for question in questions)


class _StoredContexts:
    def __init__(self, questions: QuestionTable):
        self._texts, self._numbers = questions.store.contexts, questions.context_numbers()

    def __iter__(self) -> Iterator[str]:
        return (self._texts[number] for number in self._numbers.tolist())
