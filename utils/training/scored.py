"""A finished run that is scored again, and what scoring it gives, whatever its task."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.reading import Reading
from utils.common.references import model_folder
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run
from utils.training.publish import Headline
from utils.training.run_files import FILE_SETTINGS, DataSource
from utils.training.training_summary import num_known, read_training_summary


@dataclass(frozen=True)
class FinishedRun:
    """A finished run or a published model.

    Args:
        reference: how the user named it.
        folder: where it lies.
        settings: its `config.json`.
        results: its `results.json`.
        summary: the arrays of its `training_summary.npz`; empty where it has none.
    """

    reference: str
    folder: Path
    settings: dict
    results: dict
    summary: dict[str, np.ndarray]

    @classmethod
    def load(cls, reference: str | Path) -> FinishedRun:
        """Read a run directory, a published model or `hf://owner/name`, all but its weights.

        Raises:
            UserError: there is no finished run, or a file of it is damaged.
        """
        settings, results = read_run(reference)
        folder = model_folder(reference)
        with damaged_run_as_user_error(folder):
            checked_number(settings, "seed", 0, MAX_SEED)
            parts = [results[name] for name in ("data", "details", "metrics", "intervals", "baselines")]
            parts += [*results["metrics"].values(), *results["intervals"].values(), *results["baselines"].values()]
            parts += results["data"].get("file_checksums", {}).values()
            if not all(isinstance(part, dict) for part in parts):
                raise ValueError("results.json has another form")
        return cls(str(reference), folder, settings, results, read_training_summary(folder))

    @property
    def name(self) -> str:
        """Its last name, for folders and tables."""
        name = self.reference.rstrip("/").rpartition("/")[2].partition("@")[0]
        return name if name.strip(".") else self.folder.resolve().name

    @contextlib.contextmanager
    def own_settings(self, source: DataSource):
        """Give the settings as attributes, with the files where they lie now, to make the run's own data again.

        Raises:
            UserError: a file is not there, or the block finds that a setting is missing or of another kind.
        """
        source.check_complete()
        files = {name: source.files.get(name, []) for name in FILE_SETTINGS}
        single_files = {name: next(iter(files[name]), None) for name in ("templates", "truth")}
        try:
            yield SimpleNamespace(**{**self.settings, **files, **single_files})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{self.folder}: damaged run ({reason}); name another, or train it again") from None

    def leak_note(self, keys: np.ndarray, noun: str) -> list[str]:
        """A line on how many of these examples the run was trained or chosen on, if any.

        Args:
            keys: a key of each example, see `utils.training.training_summary`.
            noun: what the examples are, in the plural.
        """
        known = num_known(keys, self.summary)
        if not known:
            return []
        return [
            f"the run's training or validation data has {known:,} of these {len(np.unique(keys)):,} {noun}: scores on them are not "
            "those of new data"
        ]


@dataclass(frozen=True)
class ScoringOptions:
    """How data is scored.

    Args:
        reading: counts the records of files that are left out.
        cache_dir: where prepared data is kept.
        split: `test`, or `validation` to score that part of the run's own data.
        limit: score this many examples, drawn at random; 0 is all.
        search_files: for ranking, files whose answers or texts are searched as well.
        onnx: an exported model that takes the place of the run's.
        by_character: for squad, how answers are compared; None: as their language has it.
    """

    reading: Reading
    cache_dir: Path = Path(".cache")
    split: str = "test"
    limit: int = 0
    search_files: tuple[Path, ...] = ()
    onnx: Path | None = None
    by_character: bool | None = None

    def drawn(self, count: int) -> np.ndarray:
        """The numbers, sorted, of the examples to score among `count`."""
        order = np.random.default_rng(0).permutation(count)
        return np.sort(order[: self.limit]) if self.limit else np.arange(count)


@dataclass(frozen=True)
class Scored:
    """What scoring a run gives.

    Args:
        model: the trained model.
        evaluations: split to evaluation; the first one is the split that is scored.
        baselines: name to split to evaluation.
        headlines: the metrics of the verdicts.
        columns: metric to title, for the table.
        compared: the metrics in which two runs are compared.
        data: `data` of `results.json`.
        compared_data: identifies what was scored: two runs are compared only if it is the same. Left out: the checksum of `data`.
        details: `details` of `results.json`.
        notes: lines on what is known to the run and which baselines are missing.
        write: writes predictions and plots to a folder.
    """

    model: object
    evaluations: dict[str, Evaluation]
    baselines: dict[str, dict[str, Evaluation]]
    headlines: tuple[Headline, ...]
    columns: dict[str, str]
    compared: tuple[str, ...]
    data: dict
    write: Callable[[Path], None]
    compared_data: str = ""
    details: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
