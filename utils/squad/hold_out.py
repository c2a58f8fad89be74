"""Write the validation questions that `train_squad.py` would hold out as a file, and the other ones as a file for each source.

    python -m utils.squad.hold_out --train-files train.json.gz more.json.gz --out split
    python train_squad.py --train-files split/train/* --validation-files split/validation.json.gz --run-dir runs/squad

Runs with different seeds hold out different articles. With these files all of them have the same validation questions, a training
on one source has them too, and a pretraining on text can leave their paragraphs out (`--exclude-files split/validation.json.gz`).

All questions are held in memory. Of data that is larger than memory, a training holds out fewer (`splits.MAX_HELD_OUT`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error
from utils.common.files import write_atomically
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.squad.data import read_squad
from utils.squad.question import Question
from utils.squad.splits import split_by_article
from utils.squad.squad_file import squad_file
from utils.training.settings import check_ranges


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    example = "python -m utils.squad.hold_out --train-files train.json.gz --out split"
    description = f"Hold out validation questions, whole articles at a time, and write both parts. Example: {example}"
    parser = argparse.ArgumentParser(prog="python -m utils.squad.hold_out", description=description)
    add = parser.add_argument
    add("--train-files", nargs="+", type=Path, required=True, metavar="FILE", help="questions with answers, in any layout that "
        "train_squad.py reads")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder for validation.json.gz and train/, which has a file "
        "for each of --train-files")  # fmt: skip
    add("--validation-fraction", type=float, default=0.05, metavar="X", help="fraction to hold out, 0-1 (0.05)")
    add(
        "--seed", type=int, default=0, metavar="N", help="decides which articles are held out, as in train_squad.py (0)"
    )
    add("--max-bad-fraction", type=float, default=MAX_BAD_FRACTION, metavar="X", help="fraction of the records of a file that may "
        f"be unusable, 0-1 ({MAX_BAD_FRACTION})")  # fmt: skip
    options = parser.parse_args(arguments)
    with exit_on_user_error():
        check_ranges(options, less_than_1="max_bad_fraction")
        reading = Reading(options.max_bad_fraction)
        paths = output_paths(options.train_files, options.out)
        sources = {}
        known: dict[str, Question] = {}  # no two questions have the same id
        for path, file in paths.items():
            sources[path] = read_squad(file, reading, known=known)
            known |= {question.id: question for question in sources[path]}
        everything = [question for questions in sources.values() for question in questions]
        _, validation = split_by_article(everything, options.validation_fraction, options.seed)
        is_held_out = {question.id for question in validation}
        written = {options.out / "validation.json.gz": validation}
        for path, questions in sources.items():
            written[path] = [question for question in questions if question.id not in is_held_out]
            if not written[path]:
                raise UserError(
                    f"{path.name}: all of its questions would be held out; give a smaller --validation-fraction"
                )
        for note in reading.notes:
            print(note)
        try:
            (options.out / "train").mkdir(parents=True, exist_ok=True)
            for path, questions in reversed(
                written.items()
            ):  # validation.json.gz last: without it a split may be repeated
                write_atomically(path, squad_file(questions, is_compressed=True))
            for path, questions in written.items():
                print(f"{path}: {len(questions):,} questions")
        except OSError as error:
            raise UserError(
                f"--out {options.out}: cannot be written to ({error.strerror}); name another folder"
            ) from None


def output_paths(files: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Maps each file that is to be written in `folder` to the file that its questions come from.

    Raises:
        UserError: two files would be written to the same place, or one to a file that is read; or the folder holds files of
            another split.
    """
    paths: dict[Path, Path] = {}
    for file in files:
        path = folder / "train" / (file.name.removesuffix(".gz").removesuffix(".json") + ".json.gz")
        if path in paths:
            raise UserError(f"--train-files {file}: another file has the same name; rename one of them")
        for written in (path, folder / "validation.json.gz"):
            if written.resolve() in [other.resolve() for other in files]:
                raise UserError(f"--out {folder}: {written} is one of the files to read; name another folder")
        paths[path] = file
    others = sorted(path for path in (folder / "train").glob("*") if path not in paths)
    if others:
        raise UserError(f"--out {folder}: {others[0]} is of another split; remove it, or name another folder")
    validation = folder / "validation.json.gz"
    if validation.exists() and not any(path.exists() for path in paths):
        raise UserError(f"--out {folder}: {validation} is of another split; remove it, or name another folder")
    return paths


if __name__ == "__main__":
    main()
