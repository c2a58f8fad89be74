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
from utils.squad.stored_groups import stored_groups
from utils.squad.stored_questions import QuestionTable
from utils.squad.tfds import read_tfds

MAX_ARTICLE_FRACTION = 0.1
"""An article with more than this fraction of all questions is treated as separate paragraphs."""
MAX_HELD_OUT = 50_000
"""Questions that are held out of data that does not fit into memory, at most: their answers do, and are found after each epoch."""
FEW_QUESTIONS = 100_000
"""Questions of such data that are used from memory, if there are no more of them."""
NEEDS = {
    "train": {},
    "validation": {"require_offsets": False},
    "test": {"require_offsets": False, "require_answers": False},
}
"""What `read_squad` has to find in the files of each split. Test questions without a label are answered and not scored."""


def load_splits(
    data: str,
    files: dict[str, list[Path]],
    validation_fraction: float,
    seed: int,
    reading: Reading | None = None,
    cache_dir: str | Path | None = None,
):
    """Read the questions of a run, and hold out validation questions where no file gives them.

    Args:
        data: `demo`, or a name that `read_tfds` knows. Not used where `files` names training files.
        files: `train`, `validation` and `test`, each a list of SQuAD files, maybe empty.
        validation_fraction: fraction of the training questions to hold out, 0-1; not used where there are validation questions.
        seed: decides which articles are held out.
        reading: counts the records that are left out.
        cache_dir: folder for questions that do not fit into memory, see `read_squad_files`.

    Returns:
        `(questions, sources)`: the questions of `train`, `validation` and maybe `test`, and for each data set that was read its
        description for `results.json`.

    Raises:
        UserError: bad data, or two splits share a paragraph.
    """
    if files["train"]:
        questions = {
            name: read_squad_files(paths, reading, cache_dir, **NEEDS[name]) for name, paths in files.items() if paths
        }
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
    return {name: in_memory_if_few(part) for name, part in questions.items()}, sources


def in_memory_if_few(questions: Sequence[Question]) -> Sequence[Question]:
    """A list of the questions, unless they are too many for the memory."""
    is_large = isinstance(questions, QuestionTable) and len(questions) > FEW_QUESTIONS
    return questions if is_large else list(questions)


def split_by_article(
    questions: Sequence[Question], fraction: float, seed: int = 0
) -> tuple[Sequence[Question], Sequence[Question]]:
    """Hold out a fraction of the questions, so that the two sides share neither an article nor a paragraph.

    The groups of `article_groups` move as a whole. They are visited in the order of a hash of their name and `seed`, and are held
    out unless that would exceed the fraction. If every group is too large, the smallest is held out. The result depends on the set
    of questions, not on their order; each side keeps the order of the questions. Of a `QuestionTable` at most `MAX_HELD_OUT`
    questions are held out.

    Returns:
        `(train, held_out)`, neither of them empty; both tables if the questions are one.

    Raises:
        UserError: `fraction` is not between 0 and 1, or all questions belong to one group.
    """
    if not 0 < fraction < 1:
        raise UserError(f"the fraction to hold out is {fraction}; give a number between 0 and 1")
    groups, names = _numbered_groups(questions)
    if len(names) < 2:
        raise UserError(
            "the training questions all belong to one paragraph or to paragraphs that cannot be separated; "
            "give more articles, or a file of its own with --validation-files"
        )
    order = sorted(range(len(names)), key=lambda group: hashlib.sha256(f"{seed} {names[group]}".encode()).digest())
    sizes = np.bincount(groups, minlength=len(names))[order]
    num_held_out = int(fraction * len(questions))  # rounded down to whole questions
    if isinstance(questions, QuestionTable) and num_held_out > MAX_HELD_OUT:
        print(
            f"validation: {MAX_HELD_OUT:,} of {len(questions):,} questions are held out at most, not {fraction:g} of them"
        )
        num_held_out = MAX_HELD_OUT
    parts = hold_out(sizes.tolist(), {"held_out": num_held_out / len(questions)}, order=range(len(names)))
    is_held_out = np.zeros(len(names), bool)
    is_held_out[np.array(order)[parts.get("held_out", [])]] = True
    if not is_held_out.any():
        is_held_out[order[int(sizes.argmin())]] = True
    is_held_out = is_held_out[groups]
    if isinstance(questions, QuestionTable):
        return questions.take(questions.numbers[~is_held_out]), questions.take(questions.numbers[is_held_out])
    sides: tuple[list[Question], list[Question]] = ([], [])
    for question, side in zip(questions, is_held_out.tolist(), strict=True):
        sides[side].append(question)
    return sides


def _numbered_groups(questions: Sequence[Question]) -> tuple[np.ndarray, list[str]]:
    """The groups of `article_groups`: the number of each question's group, and the names of the groups."""
    if isinstance(questions, QuestionTable):
        return stored_groups(questions, MAX_ARTICLE_FRACTION)
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(name, len(numbers)) for name in article_groups(questions)]
    return np.array(groups), list(numbers)


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


def check_disjoint(questions: dict[str, Sequence[Question]]) -> None:
    """Check that no paragraph is in two splits: a score on paragraphs that the model was trained or chosen on says nothing.

    Questions without a label are not scored and may be about any paragraph.

    Raises:
        UserError: names the first shared paragraph.
    """
    earlier: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # split to its `_labelled_paragraphs`
    for name, part in questions.items():
        keys, last = _labelled_paragraphs(part)
        shared = [(other, np.isin(keys, other_keys[0])) for other, other_keys in earlier.items()]
        places = [int(is_shared.argmax()) for _, is_shared in shared if is_shared.any()]
        if places:
            place = min(places)
            other = next(other for other, is_shared in reversed(shared) if is_shared[place])
            other_keys, other_last = earlier[other]
            question = part[int(last[place])]
            other_id = questions[other][int(other_last[np.flatnonzero(other_keys == keys[place])[0]])].id
            raise UserError(
                f"the {name} data (question {question.id}) and the {other} data (question {other_id}) share the paragraph "
                f"{_plain(question.context)[:40]!r}...; take it out of one of them"
            )
        earlier[name] = keys, last


def _plain(context: str) -> str:
    """A paragraph without regard to capital letters and white space."""
    return " ".join(context.lower().split())


def _labelled_paragraphs(questions: Sequence[Question]) -> tuple[np.ndarray, np.ndarray]:
    """The different paragraphs of labelled questions, in the order of their first ones.

    Returns:
        a hash of each paragraph, int64; and the number of the last labelled question about each.
    """
    if isinstance(questions, QuestionTable):
        numbers = questions.context_numbers()
        hash_of_context = np.zeros(len(questions.store.contexts), np.int64)
        hash_of_context[numbers] = [hash(_plain(questions.store.contexts[number])) for number in numbers.tolist()]
        labelled = np.flatnonzero(questions.column("is_impossible") | (questions.column("num_answers") > 0))
        hashes = hash_of_context[questions.column("context")[labelled]]
    else:
        plain: dict[str, int] = {}  # hash of each context, so that each is looked at once
        labelled = np.array([number for number, question in enumerate(questions) if question.is_labelled], np.int64)
        hashes = np.zeros(len(labelled), np.int64)
        for place, number in enumerate(labelled):
            context = questions[number].context
            if context not in plain:
                plain[context] = hash(_plain(context))
            hashes[place] = plain[context]
    _, first = np.unique(hashes, return_index=True)
    keys, last = np.unique(hashes[::-1], return_index=True)
    order = np.argsort(first)
    return keys[order], labelled[len(labelled) - 1 - last][order]


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


def draw(questions: Sequence[Question], count: int, seed: int) -> Sequence[Question]:
    """Draw `count` of the questions, or all if there are fewer, in a random order."""
    order = np.random.default_rng(seed).permutation(len(questions))[:count]
    if isinstance(questions, QuestionTable):
        return in_memory_if_few(questions.take(questions.numbers[order]))
    return [questions[number] for number in order]


def with_one_answer(questions: Sequence[Question]) -> list[Question]:
    """The questions with their first reference answer alone.

    Of several answers that overlap, the start of one and the end of another would be a wrong answer, which a model that is to
    memorise them cannot avoid.
    """
    return [replace(question, answers=question.answers[:1]) for question in questions]
