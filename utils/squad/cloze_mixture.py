"""Questions made from text in the place of a part of each training batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.cache import cached_features
from utils.squad.data import read_squad_files
from utils.squad.features import SquadFeatures
from utils.squad.overlap import SharedText
from utils.squad.question import Question
from utils.squad.stored_features import stored_features
from utils.squad.stored_questions import QuestionTable
from utils.squad.windows import assemble

CHOICE = 1 / 8
"""A batch draws among the longest of the windows that fit into it: this fraction of all of them."""
DRAW = 2
"""Beside seed and step, the key of the draws of clozes."""


@dataclass(frozen=True)
class ClozeMixture:
    """Windows with clozes, which take the place of a part of each training batch; the part falls linearly to 0.

    Args:
        features: the windows of all clozes.
        windows: numbers of the windows that hold an answer, in order of their length.
        fraction: the part in the first step, 0-1.
        total_steps: steps of the training.
    """

    features: SquadFeatures
    windows: np.ndarray
    fraction: float
    total_steps: int

    @classmethod
    def prepare(cls, config, tokenizer, clozes: Sequence[Question], total_steps: int) -> ClozeMixture:
        """Make the windows of clozes.

        Args:
            config: `train_squad.Config`.
            tokenizer: `tokenizers.Tokenizer`.
            clozes: from `read_clozes`.
            total_steps: steps of the training.

        Raises:
            UserError: no window holds an answer.
        """
        make = stored_features if isinstance(clozes, QuestionTable) else cached_features
        settings = {"max_length": config.max_length, "doc_stride": config.doc_stride, "labelled": True}
        features = make(clozes, tokenizer, config.cache_dir, progress="clozes", **settings)
        mixture = cls.of_features(features, config.cloze_fraction, total_steps)
        if not len(mixture.windows):
            raise UserError("--cloze-files: no window holds an answer; check the file, or raise --max-length")
        print(f"clozes: {len(clozes):,} questions, {len(mixture.windows):,} windows with an answer", flush=True)
        return mixture

    @classmethod
    def of_features(cls, features: SquadFeatures, fraction: float, total_steps: int) -> ClozeMixture:
        """The mixture of some windows, which are brought into order here."""
        first_spans = features.answer_spans[features.answer_offsets[:-1]]
        windows = np.flatnonzero(first_spans[:, 1] > 0)
        windows = windows[np.argsort(features.lengths[windows], kind="stable")]
        return cls(features, windows, fraction, total_steps)

    def replace(
        self, inputs: dict[str, np.ndarray], spans: np.ndarray, examples: np.ndarray, key: tuple[int, int], longest: int
    ) -> np.ndarray:
        """Put clozes into the places of some examples of a batch: which ones follows from the example, `key` and `longest`.

        Args:
            inputs: int32 `(rows, sequence)` each, as of `assemble`; changed in place.
            spans: int `(rows, 2)`, first and last token of each answer; changed in place.
            examples: int `(rows,)`, number of each row's example in the whole batch; rows of the same example get the same cloze.
            key: seed and global step.
            longest: tokens of a cloze's window, at most: those of the batch's longest own window. What the batch is padded to
                differs between machines.

        Returns:
            bool `(rows,)`, which rows hold a cloze now.
        """
        stop = int(np.searchsorted(self.features.lengths[self.windows], longest, side="right"))
        fraction_now = self.fraction * max(0.0, 1 - key[1] / max(self.total_steps - 1, 1))
        draws = np.random.default_rng((*key, DRAW)).random((int(examples.max()) + 1, 3))[examples]
        is_cloze = (draws[:, 0] < fraction_now) & (stop > 0)
        if not is_cloze.any():
            return is_cloze
        first = max(0, stop - max(1, int(CHOICE * len(self.windows))))
        _, window_draws, answer_draws = draws[is_cloze].T
        chosen = self.windows[first + (window_draws * (stop - first)).astype(np.int64)]
        for name, values in assemble(self.features, chosen, inputs["token_ids"].shape[1]).items():
            inputs[name][is_cloze] = values
        offsets = self.features.answer_offsets
        counts = offsets[chosen + 1] - offsets[chosen]
        spans[is_cloze] = self.features.answer_spans[offsets[chosen] + (answer_draws * counts).astype(np.int64)]
        return is_cloze


def read_clozes(config, questions: Mapping[str, Sequence[Question]]) -> Sequence[Question]:
    """Read the files of clozes that the settings name.

    Clozes that share text with a validation paragraph are left out, and their number is printed: the files are mostly made from
    all training paragraphs, before some are held out.

    Args:
        config: `train_squad.Config`.
        questions: the questions of each split.

    Returns:
        the clozes; none where no file is named.

    Raises:
        UserError: a file cannot be used, shares text with a test paragraph, or has nothing left.
    """
    if not config.cloze_files:
        return []
    reading = Reading(config.max_bad_fraction)
    clozes = read_squad_files(config.cloze_files, reading, config.cache_dir)
    for note in reading.notes:
        print(note)
    return _without_scored_text(clozes, questions)


def _without_scored_text(clozes, questions: Mapping[str, Sequence[Question]]):
    """The clozes that share no text with a validation paragraph.

    Raises:
        UserError: one shares text with a test paragraph, or none is left.
    """
    for name in ("test", "validation"):
        if name not in questions:
            continue
        scored = SharedText({question.context for question in questions[name] if question.is_labelled})
        kept = []
        for number, cloze in enumerate(clozes):
            words = scored.with_text(cloze.context) or scored.with_text(cloze.question)
            if words and name == "test":
                raise UserError(
                    f"--cloze-files: the cloze {cloze.id!r} repeats {words!r} of a test paragraph; make the file again with "
                    "python -m utils.squad.clozes, --exclude-files with the test files and --overlap leave_out"
                )
            if not words:
                kept.append(number)
        if len(kept) < len(clozes):
            print(f"clozes: {len(clozes) - len(kept):,} of {len(clozes):,} left out, they share text with {name} data")
        if not kept:
            raise UserError(f"--cloze-files: all clozes share text with {name} data; make them from other paragraphs")
        clozes = clozes.take(clozes.numbers[kept]) if isinstance(clozes, QuestionTable) else [clozes[n] for n in kept]
    return clozes
