"""What other finished runs predict for the training windows: targets of a model that learns from them."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from utils.common.archives import open_npy
from utils.common.errors import UserError
from utils.common.files import read_json, temporary_name, write_json
from utils.common.progress import progress_bars, with_progress
from utils.common.references import model_folder
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.features import SquadFeatures
from utils.squad.tokens import TokenizedTexts
from utils.squad.windows import assemble, coarse_length, padded_length
from utils.training.finished import read_run
from utils.training.machines import first_process_ahead
from utils.training.run_files import checksum_of

FORMAT = 1
"""Part of the cache key: raise it when the meaning of a file changes."""
BATCH_SIZE = 64
"""Windows that are predicted together."""
PROBABILITIES, DESCRIPTION = "probabilities.npy", "description.json"
READ_WINDOWS = ("window_question", "window_context", "window_start", "window_end", "question_lengths")
ENDS = ("start", "end")


@dataclass(frozen=True)
class TeacherProbabilities:
    """The mean prediction of some models for all windows, mapped from files.

    Args:
        offsets: `(windows + 1,)`; window `w` owns the places `offsets[w]:offsets[w + 1]`, one for each of its tokens.
        probabilities: for each model float16 `(2, places)`, of the start and of the end.
        description: what `results.json` says of each model: its run, its weights' checksum, and the seconds that its training and
            its prediction took, when they were made.
    """

    offsets: np.ndarray
    probabilities: tuple[np.ndarray, ...]
    description: tuple[dict, ...]

    @property
    def seconds(self) -> float:
        """What all predictions took, when they were made."""
        return sum(model["prediction_seconds"] for model in self.description)

    def rows(self, windows: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """The probabilities of some windows.

        Args:
            windows: `(rows,)`, their numbers.
            length: tokens of the longest one, or more.

        Returns:
            `start` and `end`, each a new float32 array `(rows, length)`; rows sum to one.
        """
        rows = np.zeros((2, len(windows), length), np.float32)
        for row, window in enumerate(windows):
            place = slice(self.offsets[window], self.offsets[window + 1])
            num_tokens = place.stop - place.start
            for probabilities in self.probabilities:
                rows[:, row, :num_tokens] += probabilities[:, place]
        rows /= rows.sum(axis=2, keepdims=True)
        return dict(zip(ENDS, rows, strict=True))


def read_teachers(
    run_dirs: Sequence[str | Path], features: SquadFeatures, tokenizer, temperature: float, cache_dir: str | Path
) -> TeacherProbabilities:
    """Let finished runs predict all windows, or take from the cache what they predicted in an earlier run.

    Call it after the model that is to be trained was made: models draw their first weights from one generator.

    Args:
        run_dirs: run directories, names of published models, or `hf://owner/name`.
        features: those of the training questions.
        tokenizer: the `tokenizers.Tokenizer` of these features, which must be that of every run.
        temperature: what the models' logits are divided by before the softmax.
        cache_dir: folder in which the predictions are kept, 4 bytes for each token of the windows and run.

    Raises:
        UserError: one of them is no finished run of this task, has another tokenizer, reads shorter windows, or its prediction is
            not finite; or the cache cannot be written to.
    """
    offsets = np.concatenate([[0], np.cumsum(features.lengths, dtype=np.int64)])
    key = _features_key(features)
    probabilities, description = [], []
    for number, run_dir in enumerate(run_dirs):
        _, results = read_run(run_dir, "squad")
        with first_process_ahead(f"teacher {number}"):
            folder, checksum = _predicted(run_dir, features, offsets, tokenizer, temperature, Path(cache_dir), key)
            probabilities.append(open_npy(folder / PROBABILITIES))
        seconds = {"training_seconds": results.get("seconds"), "prediction_seconds": _seconds(folder)}
        description.append({"run": str(run_dir), "checksum": checksum, **seconds})
    return TeacherProbabilities(offsets, tuple(probabilities), tuple(description))


def weights_of(run_dir: str | Path) -> Path:
    """The file with the weights of a run.

    Raises:
        UserError: there is no finished run of this task.
    """
    read_run(run_dir, "squad")
    return model_folder(run_dir) / "best.keras"


def _features_key(features: SquadFeatures) -> str:
    """A hash of all that models read of the windows."""
    digest = hashlib.sha256(repr((features.special_ids, features.num_separators)).encode())
    arrays = [getattr(features, name) for name in READ_WINDOWS]
    for texts in (features.questions, features.contexts):
        arrays += [getattr(texts, field.name) for field in fields(TokenizedTexts)]
    for array in arrays:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _predicted(run_dir, features, offsets, tokenizer, temperature: float, cache_dir: Path, features_key: str):
    """The folder of the cache with what a run predicts, and the checksum of its weights."""
    import keras

    from utils.training.distribution import on_one_device

    checksum = checksum_of(weights_of(run_dir))
    key = repr((FORMAT, keras.backend.backend(), checksum, features_key, float(temperature)))
    folder = cache_dir / f"squad-teacher-{hashlib.sha256(key.encode()).hexdigest()[:20]}"
    if folder.exists():
        try:
            _check(folder, int(offsets[-1]))
            print(f"teacher {run_dir}: predicted in {_seconds(folder):.0f} s, read from {folder}", flush=True)
            return folder, checksum
        except (OSError, ValueError, KeyError, TypeError, UserError):
            print(f"{folder}: unreadable cache, predicted again")
            shutil.rmtree(folder, ignore_errors=True)
    unfinished = temporary_name(folder)
    try:
        unfinished.mkdir(parents=True)
        print(f"teacher {run_dir}: predicts {len(features):,} windows", flush=True)
        start = time.monotonic()
        with on_one_device():  # of several processes each predicts for itself
            model = _load_teacher(run_dir, features, tokenizer)
            _predict(model, features, offsets, temperature, unfinished / PROBABILITIES, run_dir)
        write_json(unfinished / DESCRIPTION, {"seconds": time.monotonic() - start, "temperature": temperature})
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise
    except OSError as error:
        raise UserError(
            f"{folder}: cannot keep the teacher's predictions there ({error.strerror}); name another --cache-dir"
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(f"teacher {run_dir}: {_seconds(folder):.0f} s", flush=True)
    return folder, checksum


def _seconds(folder: Path) -> float:
    return float(read_json(folder / DESCRIPTION)["seconds"])


def _check(folder: Path, num_places: int) -> None:
    """Check what a folder of the cache holds.

    Raises:
        OSError, ValueError, KeyError, TypeError, UserError: it is damaged.
    """
    stored = open_npy(folder / PROBABILITIES)
    if stored.shape != (2, num_places) or stored.dtype != np.float16 or not _seconds(folder) >= 0:
        raise ValueError("it holds something else")


def _load_teacher(run_dir, features: SquadFeatures, tokenizer):
    """The model of a run, if it can read these windows."""
    from utils.squad.predictor import SquadPredictor

    predictor = SquadPredictor.load(run_dir)
    if _content(predictor.tokenizer) != _content(tokenizer):
        raise UserError(
            f"--teachers {run_dir}: was trained with another tokenizer; give both trainings the same one, such as "
            f"--tokenizer {model_folder(run_dir) / 'tokenizer.json'} here"
        )
    longest = padded_length(int(features.lengths.max()))
    readable = getattr(predictor.model, "encoder", predictor.model).config["max_length"]
    if longest > readable:
        raise UserError(
            f"--teachers {run_dir}: reads {readable:,} tokens, windows have {longest:,}; lower --max-length"
        )
    return predictor.model


def _content(tokenizer) -> str:
    """A tokenizer as text, as it is after it was written and read again."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer.to_str()).to_str()


def _predict(model, features: SquadFeatures, offsets, temperature: float, path: Path, run_dir) -> None:
    """Write the probabilities of all windows to an `.npy` file."""
    probabilities = np.lib.format.open_memmap(path, "w+", np.float16, (2, int(offsets[-1])))
    order = np.argsort(features.lengths, kind="stable")
    lengths = lengths_of_batches(int(features.lengths.max()))
    with progress_bars():
        for first in with_progress(range(0, len(order), BATCH_SIZE), "teacher"):
            windows = order[first : first + BATCH_SIZE]
            longest = coarse_length(int(features.lengths[windows].max()), lengths)
            outputs = model.predict_on_batch(assemble(features, windows, longest))
            logits = np.stack([np.asarray(outputs[name], np.float32) for name in ENDS])
            if not np.isfinite(logits).all():
                raise UserError(f"--teachers {run_dir}: a prediction of it is not finite; name another run")
            values = np.exp((logits - logits.max(axis=2, keepdims=True)) / temperature)
            values /= values.sum(axis=2, keepdims=True)
            for row, window in enumerate(windows):
                place = slice(offsets[window], offsets[window + 1])
                probabilities[:, place] = values[:, row, : place.stop - place.start]
    probabilities.flush()
