"""Write the validation questions that `train_squad.py` would hold out, and the other ones, as two files.

    python -m utils.squad.hold_out --train-files train.json.gz more.json.gz --out split
    python train_squad.py --train-files split/train.json.gz --validation-files split/validation.json.gz --run-dir runs/squad

Runs with different seeds hold out different articles. With these files all of them have the same validation questions, and a
pretraining on text can leave the paragraphs of these questions out (`--exclude-files split/validation.json.gz`). The questions keep
their order, so that a run with these files is the run that holds them out itself, with the same seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from utils.common.errors import UserError, exit_on_user_error
from utils.common.files import write_atomically
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.squad.splits import load_splits
from utils.squad.squad_file import squad_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    example = "python -m utils.squad.hold_out --train-files train.json.gz --out split"
    description = f"Hold out validation questions, whole articles at a time, and write both parts. Example: {example}"
    parser = argparse.ArgumentParser(prog="python -m utils.squad.hold_out", description=description)
    add = parser.add_argument
    add("--train-files", nargs="+", type=Path, required=True, metavar="FILE", help="questions with answers, in any layout that "
        "train_squad.py reads")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder for train.json.gz and validation.json.gz")
    add("--validation-fraction", type=float, default=0.05, metavar="X", help="fraction to hold out, 0-1 (0.05)")
    add(
        "--seed", type=int, default=0, metavar="N", help="decides which articles are held out, as in train_squad.py (0)"
    )
    add("--max-bad-fraction", type=float, default=MAX_BAD_FRACTION, metavar="X", help="fraction of the records of a file that may "
        f"be unusable, 0-1 ({MAX_BAD_FRACTION})")  # fmt: skip
    options = parser.parse_args(arguments)
    with exit_on_user_error():
        written = {name: options.out / f"{name}.json.gz" for name in ("train", "validation")}
        for path in written.values():
            if path.resolve() in [file.resolve() for file in options.train_files]:
                raise UserError(
                    f"--out {options.out}: {path.name} in it is one of the files to read; name another folder"
                )
        reading = Reading(options.max_bad_fraction)
        files = {"train": options.train_files, "validation": [], "test": []}
        with TemporaryDirectory() as cache_dir:  # for questions that do not fit into memory, as a training has it
            questions, _ = load_splits("", files, options.validation_fraction, options.seed, reading, cache_dir)
            contents = {name: squad_file(questions[name], is_compressed=True) for name in written}
        for note in reading.notes:
            print(note)
        try:
            options.out.mkdir(parents=True, exist_ok=True)
            for name, path in written.items():
                write_atomically(path, contents[name])
                print(f"{path}: {len(questions[name]):,} questions")
        except OSError as error:
            raise UserError(
                f"--out {options.out}: cannot be written to ({error.strerror}); name another folder"
            ) from None


if __name__ == "__main__":
    main()
