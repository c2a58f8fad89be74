"""Questions that a training has learned from, itself and through the runs that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.references import run_folder
from utils.ranking.records import Query
from utils.text.words import split_words
from utils.training.run_files import checksum_of
from utils.training.training_summary import KEYS, read_training_summary, text_keys


def question_keys(queries: Sequence[Query]) -> np.ndarray:
    """A key of each question's words, for `training_summary.npz`."""
    return text_keys(" ".join(split_words(query.text)) for query in queries)


def runs_of(config, *names: str) -> dict[str, Path]:
    """The runs of this project that some settings name.

    Args:
        config: the settings.
        names: of the settings, such as `init_from`.

    Returns:
        each name to its folder; without those that are left out or name something else, such as another project's checkpoint.
    """
    folders = {name: run_folder(getattr(config, name)) for name in names}
    return {name: folder for name, folder in folders.items() if folder is not None}


def weight_checksums(runs: Mapping[str, Path]) -> dict[str, str]:
    """The checksum of each run's weights, so that a training is not resumed with others."""
    return {name: checksum_of(folder / "best.keras") for name, folder in runs.items()}


def learned_questions(parts: Mapping[str, Sequence[Query]], runs: Mapping[str, Path]) -> np.ndarray:
    """Keys of all questions that a training learns from or is chosen on, itself and through other runs, uint64 `(questions,)`.

    Args:
        parts: the questions of each split.
        runs: the runs that it rests on, by the names of their settings.

    Raises:
        UserError: such a run has learned from test questions.
    """
    own, test = question_keys([*parts["train"], *parts["validation"]]), question_keys(parts["test"])
    keys = [own]
    for name, folder in runs.items():
        keys.append(read_training_summary(folder).get(KEYS, own[:0]))
        # A question that stands in the training files and in the test files is no secret of the run.
        count = int((np.isin(test, keys[-1]) & ~np.isin(test, own)).sum())
        if count:
            flag = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{flag} {folder}: has learned from {count:,} of {len(test):,} test questions; name a run that was trained on the "
                "same split"
            )
    return np.unique(np.concatenate(keys))
