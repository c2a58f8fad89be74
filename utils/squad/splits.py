"""Train, validation and test questions: read, held out by article, checked for overlap, and reduced to a number."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.common.splitting import hold_out
from utils.squad.data import Question, describe, read_squad_files
from utils.squad.demo import demo_squad
from utils.squad.tfds import read_tfds

MAX_ARTICLE_FRACTION = 0.1
"""An article with more than this fraction of all questions is treated as separate paragraphs."""
NEEDS = {
    "train": {},
    "validation": {"require_offsets": False},
    "test": {"require_offsets": False, "require_answers": False},
}
"""What `read_squad` has to find in the files of each split. Test questions without a label are answered and not scored."""


def load_splits(
    data: str, files: dict[str, list[Path]], validation_fraction: float, seed: int, reading: Reading | None = None
):
    """Read the questions of a run, and hold out validation questions where no file gives them.

    Args:
        data: `demo`, or a name that `read_tfds` knows. Not used where `files` names training files.
        files: `train`, `validation` and `test`, each a list of SQuAD files, maybe empty.
        validation_fraction: fraction of the training questions to hold out, 0-1; not used where there are validation questions.
        seed: decides which articles are held out.
        reading: counts the records that are left out.

    Returns:
        `(questions, sources)`: the questions of `train`, `validation` and maybe `test`, and for each data set that was read its
        description for `results.json`.

    Raises:
        UserError: bad data, or two splits share a paragraph.
    """
    if files["train"]:
        questions = {name: read_squad_files(paths, reading, **NEEDS[name]) for name, paths in files.items() if paths}
    elif data == "demo":
        questions = demo_squad()
    else:
        parts = {"train": "train", "test": "validation"}
        questions = {name: read_tfds(data, part, reading=reading) for name, part in parts.items()}
    sources = {name: describe(part, files[name]) for name, part in questions.items()}
    if "validation" not in questions:
        parts = split_by_article(questions["train"], validation_fraction, seed)
        questions["train"], questions["validation"] = parts
    check_disjoint(questions)
    return questions, sources


def split_by_article(
    questions: Sequence[Question], fraction: float, seed: int = 0
) -> tuple[list[Question], list[Question]]:
    """Hold out a fraction of the questions, so that the two sides share neither an article nor a paragraph.

    The groups of `article_groups` move as a whole. They are visited in the order of a hash of their name and `seed`, and are held
    out unless that would exceed the fraction. If every group is too large, the smallest is held out. The result depends on the set
    of questions, not on their order; each side keeps the order of the questions.

    Returns:
        `(train, held_out)`, neither of them empty.

    Raises:
        UserError: `fraction` is not between 0 and 1, or all questions belong to one group.
    """
    if not 0 < fraction < 1:
        raise UserError(f"the fraction to hold out is {fraction}; give a number between 0 and 1")
    groups = article_groups(questions)
    sizes = Counter(groups)
    if len(sizes) < 2:
        raise UserError(
            "the training questions all belong to one paragraph or to paragraphs that cannot be separated; "
            "give more articles, or a file of its own with --validation-files"
        )
    names = sorted(sizes, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    room = int(fraction * len(questions)) / len(questions)  # rounded down to whole questions
    parts = hold_out([sizes[name] for name in names], {"held_out": room}, order=range(len(names)))
    held_out = {names[number] for number in parts.get("held_out", ())} or {min(names, key=sizes.__getitem__)}
    sides: tuple[list[Question], list[Question]] = ([], [])
    for question, group in zip(questions, groups, strict=True):
        sides[group in held_out].append(question)
    return sides


def article_groups(questions: Sequence[Question]) -> list[str]:
    """Name the group of questions that each question is alike to: its article, or else its paragraph.

    Questions with the same title belong together, and so do articles that have a paragraph in common (letter case and white space
    aside). A title that is empty, or that more than a tenth of all questions have, does not count as an article: its paragraphs
    are separate groups. Files of one or a few articles are thus grouped by paragraph.

    Returns:
        the name of each question's group, which does not depend on the order of the questions.
    """
    sizes = Counter(question.title for question in questions)
    parent: dict[str, str] = {}  # a disjoint-set forest of titles and paragraphs

    def find(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    paragraphs = []
    for question in questions:
        paragraph = "paragraph " + " ".join(question.context.split()).casefold()
        paragraphs.append(paragraph)
        roots = [find(paragraph)]
        if question.title and sizes[question.title] <= MAX_ARTICLE_FRACTION * len(questions):
            roots.append(find("article " + question.title))
        parent[max(roots)] = min(roots)  # the smallest name becomes the root, whatever the order
    return [find(paragraph) for paragraph in paragraphs]


def check_disjoint(questions: dict[str, list[Question]]) -> None:
    """Check that no paragraph is in two splits: a score on paragraphs that the model was trained or chosen on says nothing.

    Questions without a label are not scored and may be about any paragraph.

    Raises:
        UserError: names the first shared paragraph.
    """
    owners: dict[str, tuple[str, str]] = {}  # paragraph to its split and a question about it
    for name, part in questions.items():
        paragraphs = {
            " ".join(question.context.lower().split()): question.id for question in part if question.is_labelled
        }
        for paragraph, identifier in paragraphs.items():
            if paragraph in owners:
                other, other_id = owners[paragraph]
                raise UserError(
                    f"the {name} data (question {identifier}) and the {other} data (question {other_id}) share the paragraph "
                    f"{paragraph[:40]!r}...; take it out of one of them"
                )
        owners |= {paragraph: (name, identifier) for paragraph, identifier in paragraphs.items()}


def describe_data(questions: dict[str, list[Question]], sources: dict[str, dict]) -> dict:
    """Describe the data of a run, for `results.json`.

    Args:
        questions: the questions of each split, as used.
        sources: the description of each data set that was read, from `load_splits`.

    Returns:
        `files` and `checksum` of what was read, `counts` of the questions that are used, and `contents` of each data set;
        each by split.
    """
    return {
        "files": {name: source["files"] for name, source in sources.items()},
        "counts": {name: len(part) for name, part in questions.items()},
        "checksum": {name: source["checksum"] for name, source in sources.items()},
        "contents": {
            name: {key: value for key, value in source.items() if key not in ("files", "checksum")}
            for name, source in sources.items()
        },
    }


def draw(questions: Sequence[Question], count: int, seed: int) -> list[Question]:
    """Draw `count` of the questions, or all if there are fewer, in a random order."""
    order = np.random.default_rng(seed).permutation(len(questions))[:count]
    return [questions[number] for number in order]


def with_one_answer(questions: Sequence[Question]) -> list[Question]:
    """The questions with their first reference answer alone.

    Of several answers that overlap, the start of one and the end of another would be a wrong answer, which a model that is to
    memorise them cannot avoid.
    """
    return [replace(question, answers=question.answers[:1]) for question in questions]
