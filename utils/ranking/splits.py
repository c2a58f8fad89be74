"""Questions with answers by split. Near-duplicate questions, and questions that share an answer, stay in one split."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.reading import Reading
from utils.common.splitting import hold_out
from utils.ranking.data import read_rankings
from utils.ranking.demo import demo_rankings
from utils.ranking.groups import near_duplicates, question_groups
from utils.ranking.records import Candidate, Query, Rankings
from utils.ranking.stored import joined


@dataclass(frozen=True)
class RankingSplits:
    """Questions by split.

    Args:
        parts: `train` and, if there are any, `validation` and `test`.
        notes: one line each on what was left out, kept together, or occurs in two splits.
        documents: the documents of collections, which are searched for the test questions as well.
        reading: what reading each file left out, for `results.json`.
    """

    parts: dict[str, list[Query]]
    notes: list[str]
    documents: Sequence[Candidate] = ()
    reading: dict = field(default_factory=dict)

    def candidates(self, name: str) -> list[Candidate]:
        """The candidates of all questions of a split, one after another."""
        return [candidate for query in self.parts[name] for candidate in query.candidates]

    def summary(self) -> str:
        """The numbers of questions and answers in words."""
        counts = [f"{name} {len(part):,} with {len(self.candidates(name)):,}" for name, part in self.parts.items()]
        documents = f"; {len(self.documents):,} documents" if self.documents else ""
        return f"questions and answers: {', '.join(counts)}{documents}"

    def checksum(self) -> str:
        """Checksum of all texts and grades, of their splits, and of the documents."""
        digest = hashlib.sha256()
        for name, part in self.parts.items():
            for query in part:
                answers = [(candidate.text, candidate.relevance) for candidate in query.candidates]
                digest.update(json.dumps([name, query.text, answers]).encode())
        for document in self.documents:
            digest.update(json.dumps([document.id, document.text]).encode())
        return f"sha256:{digest.hexdigest()}"

    def describe(self, files: Sequence[Path]) -> dict:
        """The entry `data` of `results.json`."""
        return {
            "files": [str(file) for file in files] or ["demo world"],
            "counts": {
                "questions": {name: len(part) for name, part in self.parts.items()},
                "answers": {name: len(self.candidates(name)) for name in self.parts},
                **({"documents": len(self.documents)} if self.documents else {}),
            },
            "checksum": self.checksum(),
            "reading": self.reading,
            "notes": self.notes,
        }

    def has_unseen_answers(self) -> np.ndarray:
        """For each test question, True if none of its answers occurs word for word in training or validation; `(questions,)`."""
        known = {candidate.text for name in ("train", "validation") for candidate in self.candidates(name)}
        return np.array([not any(answer.text in known for answer in query.candidates) for query in self.parts["test"]])


def split_queries(
    queries: Sequence[Query], validation_fraction: float, test_fraction: float, seed: int
) -> RankingSplits:
    """Hold out fractions of the questions, whole groups of `question_groups` at a time (`utils.common.splitting.hold_out`).

    Within a split, questions keep their order.

    Args:
        queries: the questions.
        validation_fraction: fraction for validation; 0 makes no such split.
        test_fraction: fraction for the test; 0 makes no such split.
        seed: seed of the order in which groups are held out.

    Raises:
        UserError: the fractions leave no question for training, or no group fits into a split.
    """
    fractions = {"test": test_fraction, "validation": validation_fraction}
    if not all(fraction >= 0 for fraction in fractions.values()) or not sum(fractions.values()) < 1:
        raise UserError(
            f"the fractions of validation and test questions, {validation_fraction} and {test_fraction}, must be 0 or more and "
            "less than 1 together; give smaller fractions"
        )
    members: dict[int, list[int]] = {}
    for number, group in enumerate(question_groups(queries)):
        members.setdefault(group, []).append(number)
    groups = hold_out([len(numbers) for numbers in members.values()], fractions, seed)
    parts = {
        name: [queries[number] for number in sorted(number for group in groups[name] for number in members[group])]
        for name in ("train", "validation", "test")
        if name in groups
    }
    shared = [numbers for numbers in members.values() if len(numbers) > 1]
    notes = []
    if shared:
        largest = max(shared, key=len)
        notes.append(
            f"{sum(map(len, shared)):,} of {len(queries):,} questions are in {len(shared):,} groups (near duplicates, shared "
            f"answers, or groups of the data), each within one split; the largest has {len(largest):,} "
            f"(such as {some_of([queries[number].id for number in largest])})"
        )
    for name, part in parts.items():
        if not part:
            problem = f"{queries[0].place} and following: no {name} question is left of {len(queries):,}"
            raise UserError("; ".join([f"{problem}; give more questions or another fraction", *notes]))
    return RankingSplits(parts, notes)


def read_ranking_splits(
    train_files: Sequence[Path],
    validation_files: Sequence[Path],
    test_files: Sequence[Path],
    validation_fraction: float,
    test_fraction: float,
    seed: int,
    limit: int | None = None,
    vote_rule: str = "best_share",
    reading: Reading | None = None,
) -> RankingSplits:
    """Read questions by split. Without files they are the demo world's.

    If several files are read, the id of a question is `FILE:ID`. A folder with splits of its own, such as BEIR's, gives each split
    its part; as a training file it also gives the validation and test questions, if there are no files for them.

    Args:
        train_files: files with training questions.
        validation_files: files with validation questions.
        test_files: files with test questions.
        validation_fraction: fraction of the training questions that is held out if there are no `validation_files`.
        test_fraction: fraction of the training questions that is held out if there are no `test_files`.
        seed: seed of what is held out, and of the demo world.
        limit: maximal number of training questions, drawn with the seed; None or 0 is all.
        vote_rule: how votes become grades (`utils.ranking.records.grades_from_votes`).
        reading: counts what is left out; None allows the usual fraction of bad records.

    Raises:
        UserError: as `read_rankings` and `split_queries`; there are files but none for training, a file is named twice, or a split
            has no relevant answer.
    """
    files = {"train": train_files, "validation": validation_files, "test": test_files}
    reading = Reading() if reading is None else reading
    parts, documents, notes = _read_files(files, vote_rule, reading)
    notes = [*reading.notes, *notes]
    has_own_splits = len(parts) > 1
    if not parts:
        parts = {"train": demo_rankings(seed)}
    if "train" not in parts:
        raise UserError(f"{next(iter(parts.values()))[0].place}: is not for training; name training files as well")
    fractions = (0 if "validation" in parts else validation_fraction, 0 if "test" in parts else test_fraction)
    if any(fractions):
        try:
            held_out = split_queries(parts["train"], *fractions, seed)
        except UserError as error:
            raise UserError("; ".join([str(error), *notes])) from None  # what was left out may be the reason
        parts, notes = parts | held_out.parts, notes + held_out.notes
    parts = {name: parts[name] for name in files if name in parts}
    if limit and limit < len(parts["train"]):
        drawn = np.random.default_rng(seed).permutation(len(parts["train"]))[:limit]
        parts["train"] = [parts["train"][number] for number in sorted(drawn)]
    for name, part in parts.items():
        notes += _check_relevance(name, part)
    if has_own_splits:
        notes += _overlaps(parts)
    return RankingSplits(parts, notes, documents, reading.description())


def read_test_queries(paths: Sequence[Path], vote_rule: str, reading: Reading) -> RankingSplits:
    """Read questions that a trained encoder is scored on; all are in the split `test`.

    Args:
        paths: files or folders; of a folder with splits of its own, the test questions.
        vote_rule: how votes become grades, as in training.
        reading: counts what is left out.

    Raises:
        UserError: as `read_rankings`; or no question has a relevant answer.
    """
    parts, documents, notes = _read_files({"train": [], "validation": [], "test": paths}, vote_rule, reading)
    notes += _check_relevance("test", parts["test"])
    return RankingSplits({"test": parts["test"]}, notes, documents, reading.description())


def _read_files(
    files: dict[str, Sequence[Path]], vote_rule: str, reading: Reading
) -> tuple[dict[str, list[Query]], Sequence[Candidate], list[str]]:
    """The questions of each split, the documents, and notes."""
    paths = {Path(path).resolve() for split_paths in files.values() for path in split_paths}
    read: dict[Path, tuple[str, Rankings]] = {}
    parts, documents, names, taken, notes = {}, [], Counter(), set(), []

    def add(split: str, name: str, queries: list[Query]) -> None:
        if len(paths) > 1:
            queries = [replace(query, id=f"{name}:{query.id}") for query in queries]
        parts.setdefault(split, []).extend(queries)

    for split, split_paths in files.items():
        for path in map(Path, split_paths):
            resolved = path.resolve()
            if resolved not in read:
                names[path.name] += 1
                name = path.name if names[path.name] == 1 else f"{path.name} ({names[path.name]})"
                read[resolved] = name, read_rankings(path, reading, vote_rule)
                documents.append(read[resolved][1].documents)
            elif "" in read[resolved][1].parts or (resolved, split) in taken:
                raise UserError(f"{path}: was named twice; name each file once")
            taken.add((resolved, split))
            name, rankings = read[resolved]
            if "" in rankings.parts:
                add(split, name, rankings.parts[""])
                continue
            if split not in rankings.parts:
                raise UserError(
                    f"{path}: has judgements for {' and '.join(rankings.parts)}, none for {split}; to use others for {split}, name "
                    f"their file (such as {path}/qrels/test.tsv) with --{split}-files"
                )
            for other, queries in rankings.parts.items():
                if other == split or (split == "train" and not files[other]):
                    add(other, name, queries)
                elif split == "train" and resolved not in {Path(file).resolve() for file in files[other]}:
                    notes.append(f"{path}: its {other} questions are not used, as --{other}-files names others")
    return parts, joined(documents), notes


def _check_relevance(name: str, queries: Sequence[Query]) -> list[str]:
    """Check that something is relevant; a note if no question has answers of different grades.

    A question whose answers have equal grades can still be trained on: the answers of other questions are its negatives.
    """
    if not any(candidate.relevance > 0 for query in queries for candidate in query.candidates):
        raise UserError(
            f"{queries[0].place}: neither this nor another {name} question has a relevant answer; give graded answers"
        )
    if all(len({candidate.relevance for candidate in query.candidates}) == 1 for query in queries):
        note = f"no {name} question has answers with different grades, so there is nothing to rank within a question"
        return [note if name == "train" else f"{note}: only the search among all answers is scored"]
    return []


def _overlaps(parts: dict[str, list[Query]]) -> list[str]:
    """Notes on questions and answers of one split that another split has as well; chains of near duplicates count."""
    queries = [query for part in parts.values() for query in part]
    labels, start, groups, notes = near_duplicates([query.text for query in queries]), 0, {}, []
    for name, part in parts.items():
        groups[name], start = labels[start : start + len(part)], start + len(part)
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name not in parts or other not in parts:
            continue
        other_groups = set(groups[other])
        repeated = [query.id for query, group in zip(parts[name], groups[name], strict=True) if group in other_groups]
        if repeated:
            notes.append(f"{len(repeated):,} {name} questions have a near duplicate in {other} ({some_of(repeated)})")
        texts = {candidate.text for query in parts[other] for candidate in query.candidates}
        num_shared = sum(
            candidate.text in texts and not candidate.is_document
            for query in parts[name]
            for candidate in query.candidates
        )
        if num_shared:
            notes.append(f"{num_shared:,} answers to {name} questions also occur, word for word, in {other}")
    return notes
