"""Splits of questions that come from files, and the memories of those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from utils.common.errors import UserError, some_of
from utils.common.reading import FileReport, Reading
from utils.memnet.dataset import MemoryData
from utils.memnet.features import Vocabulary, encode_facts
from utils.memnet.index import WordIndex
from utils.memnet.question_files import QuestionRecord, read_question_records
from utils.memnet.questions import questions_from_records
from utils.memnet.records import KnowledgeBase, MemoryQuestion
from utils.memnet.splits import checked_splits, limited, split_subjects
from utils.text.words import split_words


def split_files(
    files: dict[str, Sequence[Path]],
    reading: Reading,
    base: KnowledgeBase | None = None,
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    candidates: int = 100,
    limit: int = 0,
    seed: int = 0,
) -> MemoryData:
    """Read questions from files; for a split without files, hold out subjects of the training files.

    A training question whose memory holds no answer teaches nothing. It is left out, with a note.

    Args:
        files: `train`, `validation` and `test` to files of questions; only `train` needs any.
        reading: counts what is left out.
        base: the facts; left out, they are those of the questions' memories.
        validation_fraction: fraction of the subjects for validation, where it has no files.
        test_fraction: fraction of the subjects for the test, where it has no files.
        candidates: facts in the memory of a question that has none: those that share rare words with it.
        limit: number of training questions, drawn at random; 0 is all.
        seed: seed of all these draws.

    Raises:
        UserError: a file cannot be read, there are no facts, or a split would be empty.
    """
    read = {split: [_read_file(path, reading) for path in paths] for split, paths in files.items() if paths}
    base = base or _facts_of_memories([file for part in read.values() for file in part])
    questions = {
        split: [
            question
            for path, report, records in part
            for question in questions_from_records(path, records, base, report)
        ]
        for split, part in read.items()
    }
    notes = base.notes
    _hold_out_subjects(questions, {"validation": validation_fraction, "test": test_fraction}, seed)
    if any(question.memory is None for part in questions.values() for question in part):
        questions = _with_candidates(questions, base, candidates)
    train = [question for question in questions["train"] if base.gold(question, question.memory)]
    if questions["train"] and not train:
        raise UserError(_why_nothing_answers(questions["train"], base, candidates))
    if len(train) < len(questions["train"]):
        notes.append(
            f"{len(questions['train']) - len(train):,} of {len(questions['train']):,} training questions have no answer in their "
            "memory and are left out of training"
        )
    for split in ("validation", "test"):
        empty = [question.id for question in questions.get(split, ()) if not question.memory]
        if empty:
            notes.append(
                f"{split}: {len(empty):,} questions have an empty memory; they count as wrong ({some_of(empty)})"
            )
    questions["train"] = limited(train, limit, seed)
    questions = checked_splits(questions, notes, splits_with_files=list(read))
    training_facts = frozenset(number for question in train for number in question.memory)
    return MemoryData(base, questions, training_facts, notes)


def read_test_questions(
    paths: Sequence[Path], reading: Reading, base: KnowledgeBase, *, candidates: int, add_facts: bool
) -> tuple[KnowledgeBase, list[MemoryQuestion]]:
    """Read questions that a trained model is to answer.

    Args:
        paths: files of questions.
        reading: counts what is left out.
        base: the facts.
        candidates: facts in the memory of a question that has none, see `split_files`.
        add_facts: add the facts of the questions' memories to the others; if not, a memory keeps those that are among them.

    Returns:
        the facts, and the questions.

    Raises:
        UserError: a file cannot be read.
    """
    files = [_read_file(Path(path), reading) for path in paths]
    if add_facts:
        facts = (fact for _, _, records in files for record in records for fact in record.memory or ())
        base = KnowledgeBase.of((*base.facts, *facts))
    questions = [
        question for path, report, records in files for question in questions_from_records(path, records, base, report)
    ]
    return base, _with_candidates({"test": questions}, base, candidates)["test"]


def _read_file(path: Path, reading: Reading) -> tuple[Path, FileReport, list[QuestionRecord]]:
    with reading.file(path) as report:
        return path, report, read_question_records(path, report)


def _facts_of_memories(files: Sequence[tuple[Path, FileReport, list[QuestionRecord]]]) -> KnowledgeBase:
    """All facts of the memories in these files of questions."""
    base = KnowledgeBase.of(fact for _, _, records in files for record in records for fact in record.memory or ())
    if not base.facts:
        paths = ", ".join(str(path) for path, _, _ in files)
        raise UserError(f"{paths}: the questions have no memories; name a file of facts with --facts")
    return base


def _why_nothing_answers(questions: Sequence[MemoryQuestion], base: KnowledgeBase, candidates: int) -> str:
    """The message for training questions none of which has a fact that answers it in its memory."""
    question = questions[0]
    example = f"{question.answers[0]!r} ({question.id})"
    if any(answer in base.objects for question in questions for answer in question.answers):
        return (
            f"no training question has its answer in its memory, e.g. {example}: the {candidates} facts with the most words of "
            "a question, or those that the file gives it; name the facts' subjects in the questions, or raise --candidates"
        )
    if any(answer in base.by_subject for question in questions for answer in question.answers):
        return (
            f"no answer of the training questions is the object of a fact, e.g. {example}; some are subjects: add the facts in the "
            "other direction to --facts, with a relation of their own"
        )
    return (
        f"no answer of the training questions is the object of a fact, e.g. {example}; "
        "give the facts that answer the questions, in --facts or as memories, with the same names"
    )


def _hold_out_subjects(questions: dict[str, list], fractions: dict[str, float], seed: int) -> None:
    """Move questions about some subjects from `train` to each split that has none and a fraction above 0."""
    missing = [split for split, fraction in fractions.items() if split not in questions and fraction]
    if not missing:
        return
    subjects = split_subjects(
        (question.subject for question in questions["train"]),
        validation_fraction=fractions["validation"] if "validation" in missing else 0.0,
        test_fraction=fractions["test"] if "test" in missing else 0.0,
        seed=seed,
    )
    split_of = {subject: split for split, members in subjects.items() for subject in members}
    every_question = questions["train"]
    for split in (*missing, "train"):
        questions[split] = [question for question in every_question if split_of[question.subject] == split]


def _with_candidates(questions: dict[str, list], base: KnowledgeBase, limit: int) -> dict[str, list]:
    """The same questions; those without a memory get the facts that share rare words with them."""
    hashed_words = Vocabulary([])
    index = WordIndex(encode_facts(base.facts, hashed_words).subjects)

    def completed(question: MemoryQuestion) -> MemoryQuestion:
        if question.memory is not None:
            return question
        numbers = index.candidates(hashed_words.ids(split_words(question.text)), limit)
        return replace(question, memory=tuple(numbers.tolist()))

    return {split: [completed(question) for question in part] for split, part in questions.items()}
