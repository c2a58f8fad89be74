"""Training batches of similar length, with what is to be learned from them beside the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches
from utils.squad.augmentation import Augmentation
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.cloze_mixture import ClozeMixture
from utils.squad.features import SquadFeatures
from utils.squad.question import Question
from utils.squad.sentence_bounds import SentenceMarks, sentence_bounds
from utils.squad.sentence_order import SentenceShuffle
from utils.squad.teachers import TeacherProbabilities, read_teachers, weights_of
from utils.squad.windows import assemble, coarse_length
from utils.training.run_files import checksum_of

POOL_BATCHES = 64
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class TrainingSignals:
    """What a batch has beside its windows and their answers.

    Args:
        augmentation: changes tokens of the inputs; None changes nothing.
        pairs: whether each window stands in the batch twice, one copy after the other, for R-Drop.
        sentence_marks: by which sentences end, where targets have the bounds of the answer's sentence; else None.
        teacher: predictions of other models for all windows, which targets have; None for none.
        clozes: puts questions made from text into the place of some windows; None for none.
        shuffle: puts the sentences of windows into another order; None for none.
    """

    augmentation: Augmentation | None = None
    pairs: bool = False
    sentence_marks: SentenceMarks | None = None
    teacher: TeacherProbabilities | None = None
    clozes: ClozeMixture | None = None
    shuffle: SentenceShuffle | None = None

    @property
    def details(self) -> dict:
        """What `results.json` says of them: the teachers, and the seconds that their predictions took."""
        return {"teachers": self.teacher.description, "teachers_seconds": self.teacher.seconds} if self.teacher else {}


NO_SIGNALS = TrainingSignals()


def training_signals(config, features: SquadFeatures, tokenizer, clozes: Sequence[Question]) -> TrainingSignals:
    """Prepare what the settings ask for. Call it after the model was made, see `read_teachers`.

    Args:
        config: `train_squad.Config`.
        features: those of the training questions.
        tokenizer: `tokenizers.Tokenizer`.
        clozes: from `utils.squad.cloze_mixture.read_clozes`.

    Raises:
        UserError: a teacher cannot be used, no window of a cloze holds an answer, or no token ends a sentence.
    """
    augmentation = mixture = teacher = shuffle = None
    if config.word_dropout or config.name_swap:
        augmentation = Augmentation.prepare(features, tokenizer, config.word_dropout, config.name_swap)
    if clozes:
        mixture = ClozeMixture.prepare(config, tokenizer, clozes, total_steps=_total_steps(config, features))
    if config.teachers:
        teacher = read_teachers(config.teachers, features, tokenizer, config.teacher_temperature, config.cache_dir)
    sentence_marks = SentenceMarks.of(tokenizer) if config.sentence_loss else None
    if config.sentence_shuffle:
        shuffle = SentenceShuffle.prepare(config.sentence_shuffle, tokenizer)
    return TrainingSignals(augmentation, config.r_drop > 0, sentence_marks, teacher, mixture, shuffle)


def signal_checksums(config) -> dict[str, str]:
    """Checksums of what the signals of a run are made from: a resumed run needs the same."""
    files = {"cloze": config.cloze_files, "teachers": [weights_of(run_dir) for run_dir in config.teachers]}
    return {name: " ".join(checksum_of(path) for path in paths) for name, paths in files.items() if paths}


def _total_steps(config, features: SquadFeatures) -> int:
    return -(-len(features) // config.batch_size) * config.epochs


def batch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The windows of one training epoch in batches of similar length: a pure function of its arguments."""
    return length_sorted_batches(lengths, batch_size, np.random.default_rng((seed, epoch)), POOL_BATCHES)


def training_batches(
    features: SquadFeatures,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    part: BatchPart = WHOLE,
    signals: TrainingSignals = NO_SIGNALS,
):
    """Yield `(inputs, targets)` without end, beginning at global step `first_step`; the same step is always the same batch.

    Targets are `{"start": (batch,), "end": (batch,)}`, positions; with sentences or a teacher they are those of
    `PositionTargetsLoss` (components/losses/position_targets_loss.py). Of several reference answers, each epoch draws one. Where
    `part` is not the whole, only its rows of every batch are made, as long as the whole batch makes them. Where each length is
    compiled on its own, batches have few different ones (`lengths_of_batches`).
    """
    lengths, steps_per_epoch = features.lengths, -(-len(features) // batch_size)
    counts = np.diff(features.answer_offsets)
    allowed_lengths = lengths_of_batches(int(lengths.max()))
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        draws = np.random.default_rng((seed, epoch, 1)).random(len(features))
        spans = features.answer_spans[features.answer_offsets[:-1] + (draws * counts).astype(np.int64)]
        first_of_epoch = epoch * steps_per_epoch
        for step, windows in enumerate(batch_order(lengths, batch_size, seed, epoch)[first:], first_of_epoch + first):
            longest = coarse_length(int(lengths[windows].max()), allowed_lengths)
            windows = np.repeat(windows, 2) if signals.pairs else windows
            rows = part.rows(len(windows))
            inputs, own_spans = assemble(features, windows[rows], longest), spans[windows[rows]]
            targets = _targets(features, windows, rows, inputs, own_spans, (seed, step), signals)
            yield part.mark(inputs, len(windows)), targets


def _targets(features, windows, rows, inputs, spans, key, signals: TrainingSignals) -> dict[str, np.ndarray]:
    """The targets of some windows; their `inputs` and `spans` are changed by clozes, another order of sentences, and hidden words.

    Args:
        windows: all windows of the batch.
        rows: the rows of it that are made.
        inputs, spans: their inputs, and the first and last token of their answers.
        key: seed and global step; draws are for the whole batch, so that each process sees its rows of them.
    """
    is_cloze = np.zeros(len(rows), bool)
    examples = rows // 2 if signals.pairs else rows  # both copies of a window have the same cloze and order
    if signals.clozes:
        longest = int(features.lengths[windows].max())
        is_cloze = signals.clozes.replace(inputs, spans, examples, key, longest)
    has_bounds = signals.sentence_marks is not None or signals.teacher
    if has_bounds:
        # Before a full stop may move or be hidden.
        bounds = sentence_bounds(inputs, spans, signals.sentence_marks or SentenceMarks())
    if signals.shuffle:
        before = spans.copy()
        places = signals.shuffle.apply(inputs, spans, examples, key)
        if signals.sentence_marks is not None:
            bounds += spans - before
    targets = {"start": spans[:, 0], "end": spans[:, 1]}
    if has_bounds:
        targets = {name: np.column_stack([position, bounds]).astype(np.float32) for name, position in targets.items()}
    if signals.teacher:
        length = inputs["token_ids"].shape[1]
        for name, probabilities in signals.teacher.rows(windows[rows], length).items():
            probabilities[is_cloze] = 0
            if signals.shuffle:
                probabilities = np.take_along_axis(probabilities, places, axis=1)
            targets[name] = np.concatenate([targets[name], probabilities], axis=1)
    if signals.augmentation:
        signals.augmentation.apply(inputs, rows, key)
    return targets
