"""Score a finished run, or a published model, on any file of its task; or compare two of them.

    python evaluate.py runs/squad --test-files dev.json
    python evaluate.py runs/squad runs/other --test-files dev.json
    python evaluate.py squad-matching --test-files dev.json --limit 500
    python evaluate.py runs/memnet --facts facts.tsv --test-files questions.jsonl
    python evaluate.py runs/ranking --test-files wikiqa/test --search-files collection.jsonl
    python evaluate.py runs/tracing

It prints the scores with 95 % intervals beside those of plain baselines, and a verdict. It writes `results.json`, the predictions
and plots. Thresholds and decision rules are those of the run: nothing is fitted to the test data.

Without files, the run is scored on its own test data, which should give the figures of its `results.json`. If `--test-files` names
the very files that this test data was held out of, only the held-out part is scored. All other files are new data.

With two runs of one task, the same examples are scored by both, and paired tests say in which metrics the two differ.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.training.run import run_script
from utils.training.settings import as_flag, check_ranges
from utils.training.tracking import check_tracking

TASKS = ("squad", "memnet", "tracing", "vectors", "ranking", "reranker")
ONLY_FOR = {
    "facts": ("memnet",),
    "templates": ("memnet",),
    "search_files": ("ranking", "reranker"),
    "compare_by": ("squad",),
}
"""Settings that some tasks alone have."""
COMPARE_BY = {"language": None, "word": False, "character": True}


@dataclass
class Config:
    """What to score, and on what."""

    runs: tyro.conf.Positional[list[str]]
    """One run, or two to compare: run directories, names of published models, or hf://owner/name."""
    test_files: list[Path] = field(default_factory=list)
    """Files to score, in any format of the task (docs/data_formats.md). Left out: the run's own test data."""
    facts: list[Path] = field(default_factory=list)
    """For memnet: the facts that answer. Left out: those of the run."""
    templates: Path | None = None
    """For memnet: question templates for --facts, in the place of --test-files."""
    search_files: list[Path] = field(default_factory=list)
    """For ranking and reranker: more answers or texts to search among, beside those of the test files."""
    split: Literal["test", "validation"] = "test"
    """Which part of the run's own data to score."""
    limit: int = 0
    """Score this many examples, drawn at random; 0 is all. For tracing, students; for vectors, documents; else questions."""
    compare_by: Literal["language", "word", "character"] = "language"
    """For squad: what answers are split into to be compared; by default, the language of each text decides."""
    max_bad_fraction: float = 0.05
    """Records that cannot be used are left out and counted, as long as they are at most this fraction of a file; 0 allows none."""
    # --- model
    onnx: Path | None = None
    """Score this exported model in the place of the run's, such as export/model_int8.onnx."""
    # --- output
    cache_dir: Path = Path(".cache")
    """Where prepared data is kept."""
    out: Path | None = None
    """Folder for everything this writes. Left out: runs/evaluate-NAME-TIME."""
    tracking: Literal["online", "offline", "off", "tensorboard"] = "off"
    """Log scores and pictures to Weights & Biases or TensorBoard as well."""
    project: str = ""
    """W&B project. Left out: WANDB_PROJECT, or qkv-zoo-TASK."""


def main(config: Config) -> int:
    check(config)
    from utils.training.publish import verdict
    from utils.training.rescoring import agreement_line, table, write_results
    from utils.training.scored import FinishedRun
    from utils.training.tracked_results import track_evaluation

    runs = [FinishedRun.load(reference) for reference in config.runs]
    check_task(config, [run.results["task"] for run in runs])
    out = config.out or Path("runs") / f"evaluate-{runs[0].name}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = [runs[0].name, runs[-1].name + ("-2" if runs[0].name == runs[-1].name else "")][: len(runs)]
    check_writable(out)
    scored_runs = []
    for run, name in zip(runs, names, strict=True):
        print(f"{name}: {run.results['task']}, {run.results.get('model', '')} model in {run.folder}", flush=True)
        scored, source, seconds = score(config, run)
        folder = out if len(runs) == 1 else out / name
        is_comparable = source.is_own and not config.limit and not config.search_files
        results = write_results(run, scored, source, folder, seconds, is_comparable)
        for line in table(results, scored.columns, scored.headlines, name):
            print(line)
        verdicts = [verdict(results, headline)[-1] for headline in scored.headlines]
        print(*verdicts, sep="\n")
        track_evaluation(config, folder, results, verdicts)
        if is_comparable:
            print(agreement_line(results["evaluated"]["agreement"]))
        scored_runs.append(scored)
    if len(runs) == 2:
        compare(config, runs, names, scored_runs, out)
    print(f"everything is in {out}")
    return 0


def check(config: Config) -> None:
    """Check the settings before any work is done.

    Raises:
        UserError: a setting that cannot work.
    """
    if not 1 <= len(config.runs) <= 2:
        raise UserError(f"{len(config.runs)} runs were named: give one, or two to compare")
    check_ranges(config, less_than_1="max_bad_fraction", at_least_0="limit")
    check_tracking(config.tracking)
    if config.templates and (config.test_files or not config.facts):
        raise UserError("--templates goes with --facts and takes the place of --test-files")
    if config.out and config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
        raise UserError(f"{config.out}: exists already; name another --out")


def check_writable(folder: Path) -> None:
    """Check that a folder can be made, before anything is scored for it; it is not made yet.

    Raises:
        UserError: it cannot.
    """
    try:
        new = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        os.close(handle)
        os.remove(name)
        for path in new:
            path.rmdir()
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror}); name another --out") from None


def check_task(config: Config, tasks: list[str]) -> None:
    """Check that the runs are of one task, which has the settings that are given.

    Raises:
        UserError: the task is not scored here, the tasks differ, or a setting is for another task.
    """
    if tasks[0] not in TASKS:
        raise UserError(
            f"{config.runs[0]}: is a run of the task {str(tasks[0])[:80]!r}, which this script does not score"
        )
    if len(set(tasks)) > 1:
        raise UserError(f"{' and '.join(config.runs)}: runs of {' and '.join(map(str, tasks))}; name runs of one task")
    if config.onnx and len(tasks) > 1:
        raise UserError("--onnx: is for one run; leave it out")
    for name, its_tasks in ONLY_FOR.items():
        if tasks[0] not in its_tasks and getattr(config, name) not in (None, [], "language"):
            raise UserError(
                f"{as_flag(name)}: is for runs of {' and '.join(its_tasks)}, this is one of {tasks[0]}; leave it out"
            )


def score(config: Config, run):
    """Score one run.

    Returns:
        its scores (`utils.training.scored.Scored`), the data that was scored (`DataSource`), and the seconds it took.
    """
    from utils.common.progress import progress_bars
    from utils.training.run_files import find_data
    from utils.training.scored import ScoringOptions

    named = {"test_files": config.test_files, "facts": config.facts, "templates": [config.templates]}
    named = {name: [path for path in paths if path] for name, paths in named.items()}
    source = find_data(run.settings, run.results, named, config.split)
    reading = Reading(config.max_bad_fraction)
    options = ScoringOptions(
        reading=reading,
        cache_dir=config.cache_dir,
        split=config.split,
        limit=config.limit,
        search_files=tuple(config.search_files),
        onnx=config.onnx,
        by_character=COMPARE_BY[config.compare_by],
    )
    start = time.perf_counter()
    with progress_bars():
        scored = importlib.import_module(f"utils.{run.results['task']}.scoring").score_run(run, source, options)
    for note in [*reading.notes, *source.notes, *scored.notes]:
        print(note)
    return scored, source, time.perf_counter() - start


def compare(config: Config, runs: list, names: list[str], scored_runs: list, out: Path) -> None:
    """Compare two runs on each split that both have, print the differences and write `comparison.json`.

    Raises:
        UserError: they were scored on different data.
    """
    from utils.common.files import write_json
    from utils.common.paired import compare_evaluations
    from utils.training.rescoring import comparison_lines

    first, second = scored_runs
    compared = [scored.compared_data or scored.data["checksum"] for scored in scored_runs]
    if compared[0] != compared[1]:
        raise UserError(
            f"{names[0]} and {names[1]} were scored on different examples, or among different others (answers that are searched, "
            "facts of a memory); name the same data with --test-files, or train both with the same"
        )
    comparisons = {
        split: compare_evaluations(evaluation, second.evaluations[split], first.compared)
        for split, evaluation in first.evaluations.items()
        if split in second.evaluations
    }
    for split, compared in comparisons.items():
        for line in comparison_lines(names, compared, first.columns, first.headlines[0].digits):
            print(line if split == config.split else f"{split}: {line}")
    references = [run.reference for run in runs]
    write_json(out / "comparison.json", {"runs": references, "names": names, "first_less_second": comparisons})


if __name__ == "__main__":
    run_script(main, Config)
