"""What a start is worth on text of another kind and with few questions: trained on one file, scored on others that it never saw.

    python -m benchmarks.squad_shifts --train-files train-v1.1-partial.json.gz --out runs/shifts --seeds 0 1 2 \\
        --test-files new_wiki_v1.0.json.gz amazon_reviews_v1.0.json.gz reddit_v1.0.json.gz \\
        --pretrained runs/spans --checkpoint all-MiniLM-L6-v2

Every start is trained on 100 questions, on 1,000, and on all of --train-files: from scratch; from each run of --pretrained, which
`pretrain_text.py` made of text without the test files; and from each --checkpoint of others, as `--model bert`. Each trained model
is scored on every test file as it is ("zero-shot": no question of the target was trained on). The best epoch is chosen on held-out
articles of the training files. With few questions an epoch is short, so there are more of them (`EPOCHS`).

What is trained or scored already is read, what was cut off is resumed. What stands after `--` goes to each training.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.squad_ablation import with_defaults
from benchmarks.squad_compute import seconds_in_all
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.data import read_squad_files
from utils.squad.splits import check_disjoint
from utils.training.comparison import ROOT, parse_with_flags_of_all, run_training, train_or_read
from utils.training.finished import damaged_run_as_user_error, read_run
from utils.training.run_files import checksum_of

EPOCHS = {100: 30, 1000: 10}
"""Epochs for so many questions or fewer; more questions have `MANY_EPOCHS`. Not tuned."""
MANY_EPOCHS = 3
_FILE_ENDINGS = re.compile(r"(\.(json|jsonl|csv|tsv|parquet))?(\.(gz|bz2|xz))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Start:
    """What a training begins from: the name of its row and folder, and the flags of `train_squad.py`."""

    name: str
    flags: tuple[str, ...] = ()


def main() -> int:
    options, common_flags = parse()
    try:
        check_names(options.test_files)
        starts = all_starts(options.pretrained, options.checkpoint, options.test_files)
        training = {"training": read_squad_files(options.train_files, Reading())}
        for path in options.test_files:
            check_disjoint(training | {path.name: read_squad_files([path], Reading(), require_offsets=False)})
        rows = []
        for start in starts:
            for size in options.sizes:
                folder = options.out / f"{start.name}-{size or 'all'}"
                own_flags = with_defaults([*start.flags, "--limit", str(size), *common_flags], str(epochs_for(size)))
                flags = ["--train-files", *options.train_files, *own_flags]
                runs = {}
                for seed in options.seeds:
                    run_dir = folder / f"seed-{seed}"
                    results = train_or_read("train_squad.py", run_dir, [*flags, "--seed", str(seed)])
                    runs[run_dir] = results, {path.name: scored(run_dir, path) for path in options.test_files}
                rows.append(row_of(start.name, runs))
                (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(as_markdown(rows))
    return 0


def parse():
    """The options, and the flags of all trainings, which stand after `--`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--train-files", type=Path, nargs="+", required=True, help="files that are trained on")
    add("--test-files", type=Path, nargs="+", required=True, help="files that are scored, each by itself")
    add("--pretrained", type=Path, nargs="+", default=[], help="finished runs of pretrain_text.py")
    add("--checkpoint", nargs="+", default=[], help="folders or names of pretrained encoders in Hugging Face's format")
    add("--sizes", type=int, nargs="+", default=[100, 1000, 0], help="numbers of training questions, 0 for all")
    add("--seeds", type=int, nargs="+", default=[0])
    add("--out", type=Path, required=True, help="folder of the runs and of table.json")
    return parse_with_flags_of_all(parser)


def all_starts(pretrained: list[Path], checkpoints: list[str], test_files: list[Path]) -> list[Start]:
    """From scratch, from each pretrained run, and from each checkpoint.

    Raises:
        UserError: a pretrained run may have seen a test file, or two starts have one name.
    """
    starts = [Start("scratch")]
    for run_dir in pretrained:
        check_excluded(run_dir, test_files)
        starts.append(Start(run_dir.name, ("--init-from", str(run_dir))))
    for checkpoint in checkpoints:
        # 2e-4 was chosen for MiniLM and 3,000 questions on validation data (docs/squad.md).
        flags = ("--model", "bert", "--init-from", checkpoint, "--learning-rate", "2e-4")
        starts.append(Start(Path(checkpoint).name, flags))
    names = [start.name for start in starts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{twice[0]}: is the name of two starts; rename the folder of one")
    return starts


def check_names(test_files: list[Path]) -> None:
    """Check that the scores of each test file have a folder and a column of their own.

    Raises:
        UserError: two files have one name.
    """
    file_of_name: dict[str, Path] = {}
    for path in test_files:
        other = file_of_name.setdefault(name_of_scores(path), path)
        if other is not path:
            raise UserError(f"--test-files: {other} and {path} would both be {name_of_scores(path)!r}; rename one")


def name_of_scores(test_file: Path) -> str:
    """A test file's name without the endings that say how it is written.

    >>> name_of_scores(Path("data/dev-v1.1.json.gz")), name_of_scores(Path("dev-v1.0.json"))
    ('dev-v1.1', 'dev-v1.0')
    """
    return _FILE_ENDINGS.sub("", test_file.name)


def check_excluded(run_dir: Path, test_files: list[Path]) -> None:
    """Check that a pretraining kept its text free of the test files, which it did with each of its own --exclude-files.

    Files are compared by their bytes: a name says little about what is in a file.

    Raises:
        UserError: a test file was none of them, or there is no such finished run.
    """
    _, results = read_run(run_dir)
    with damaged_run_as_user_error(run_dir):
        checksums = results["data"]["file_checksums"].get("exclude_files")
        excluded = None if checksums is None else set(checksums.values())
    if excluded is None:
        raise UserError(f"{run_dir}: is no run of pretrain_text.py; name the folder of a finished one")
    for path in test_files:
        if checksum_of(path) not in excluded:
            raise UserError(
                f"{run_dir}: its text may hold paragraphs of {path}, no file of --exclude-files was the same; train it with "
                f"--exclude-files {path}"
            )


def epochs_for(size: int) -> int:
    """The epochs for a number of training questions, 0 for all.

    >>> epochs_for(100), epochs_for(500), epochs_for(5_000), epochs_for(0)
    (30, 10, 3, 3)
    """
    return next((epochs for most, epochs in EPOCHS.items() if 0 < size <= most), MANY_EPOCHS)


def scored(run_dir: Path, test_file: Path) -> dict:
    """The scores of a trained model on a file, by `evaluate.py`; read where they are there already.

    Raises:
        UserError: what is there are the scores on another file of that name.
    """
    out = run_dir.with_name(f"{run_dir.name}-on-{name_of_scores(test_file)}")
    if not (out / "results.json").exists():
        command = [sys.executable, str(ROOT / "evaluate.py"), str(run_dir), "--test-files", str(test_file)]
        if status := run_training([*command, "--out", str(out)]):
            sys.exit(status)
    with damaged_run_as_user_error(out):
        results = json.loads((out / "results.json").read_text())
        checksums, scores = results["data"]["file_checksums"]["test_files"], results["metrics"]["test"]
        is_same_file = list(checksums.values()) == [checksum_of(test_file)]
    if not is_same_file:
        raise UserError(
            f"{out}: has the scores on another file than {test_file}; remove that folder, or name another --out"
        )
    return scores


def row_of(name: str, runs: dict[Path, tuple[dict, dict[str, dict]]]) -> dict:
    """The row of a start and a number of questions; a list holds one entry per seed.

    Args:
        name: of the start.
        runs: run directory to its results and, for each test file, its scores.
    """
    results = [one for one, _ in runs.values()]
    files = list(next(iter(runs.values()))[1])
    return {
        "start": name,
        "questions": results[0]["data"]["counts"]["train"],
        "validation_f1": [round(one["metrics"]["validation"]["f1"], 2) for one in results],
        "f1": {file: [round(scores[file]["f1"], 2) for _, scores in runs.values()] for file in files},
        "exact_match": {file: [round(scores[file]["exact_match"], 2) for _, scores in runs.values()] for file in files},
        "minutes": [round(sum(seconds_in_all(run_dir).values()) / 60, 1) for run_dir in runs],
        "commit": results[0]["commit"],
    }


def as_markdown(rows: list[dict]) -> str:
    """The table: F1 and EM, means over seeds, with the lowest and the highest F1."""
    titles = ["start", "questions", *rows[0]["f1"], "minutes in all"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        cells = [
            f"{mean(f1):.2f} ({min(f1):.1f} to {max(f1):.1f}) / {mean(row['exact_match'][file]):.2f}"
            for file, f1 in row["f1"].items()
        ]
        lines.append(f"| {row['start']} | {row['questions']:,} | {' | '.join(cells)} | {mean(row['minutes']):.1f} |")
    return "\n".join([*lines, "", "F1: mean (lowest to highest) over seeds / EM: mean."])


if __name__ == "__main__":
    sys.exit(main())
