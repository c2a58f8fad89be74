"""What a training learns from, directly and through other runs, and a check that its test questions are not about it.

A run may start from another one, learn from what others predict, and from questions made of text. `training_summary.npz` has keys
of all of it, those of the other runs included, so that nothing is forgotten from one run to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.references import model_folder
from utils.squad.question import Question
from utils.squad.stored_questions import different_contexts, different_titles
from utils.training.training_summary import KEYS, read_training_summary, text_keys

_CLOZE_TITLE = re.compile("cloze_([0-9a-f]{16})")


def cloze_title(text: str) -> str:
    """The title of the questions that are made of a paragraph. It has the paragraph's key, as their contexts lack a sentence.

    >>> cloze_title("Ada left.") == cloze_title("ada  left.") != cloze_title("Ada stayed.")
    True
    """
    return f"cloze_{int(text_keys([text])[0]):016x}"


def paragraph_keys(*parts: Sequence[Question]) -> np.ndarray:
    """A key of each different paragraph of some questions, uint64 `(paragraphs,)`, for `training_summary.npz`.

    Of questions that were made of text these are the paragraph with its missing sentence, and the whole one.
    """
    keys = [np.zeros(0, np.uint64)]
    for part in parts:
        titles = filter(None, map(_CLOZE_TITLE.fullmatch, different_titles(part)))
        keys += [text_keys(different_contexts(part)), np.array([int(title[1], 16) for title in titles], np.uint64)]
    return np.concatenate(keys)


def learned_paragraphs(
    questions: Mapping[str, Sequence[Question]],
    clozes: Sequence[Question] = (),
    init_from: Path | None = None,
    teachers: Iterable[str | Path] = (),
) -> np.ndarray:
    """Keys of all paragraphs that a training learns from or is chosen on, itself and through other runs, uint64 `(paragraphs,)`.

    Args:
        questions: those of each split.
        clozes: questions made from text, beside those for training.
        init_from: folder of the checkpoint that the training starts from; one that is no run of this project has no keys.
        teachers: runs whose predictions are learned.

    Raises:
        UserError: a labelled test question is about one of these paragraphs.
    """
    sources = {"--train-files": paragraph_keys(questions["train"], questions["validation"])}
    sources["--cloze-files"] = paragraph_keys(clozes)
    if init_from:
        sources[f"--init-from {init_from}"] = _keys_of_run(init_from)
    for run_dir in teachers:
        sources[f"--teachers {run_dir}"] = _keys_of_run(run_dir)
    contexts = dict.fromkeys(question.context for question in questions.get("test", ()) if question.is_labelled)
    test_keys = text_keys(contexts)
    for source, keys in sources.items():
        if count := np.isin(test_keys, keys).sum():
            raise UserError(
                f"{source}: has learned from {count:,} of {len(contexts):,} paragraphs of the test questions; make it without them "
                "(pretrain_text.py and utils.squad.clozes have --exclude-files)"
            )
    return np.unique(np.concatenate(list(sources.values())))


def _keys_of_run(run_dir: str | Path) -> np.ndarray:
    return read_training_summary(model_folder(run_dir)).get(KEYS, np.zeros(0, np.uint64))
