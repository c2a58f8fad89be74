"""Make questions from text: a file in SQuAD's layout, to train with before or beside real questions.

    python -m utils.squad.clozes --text-files train.json.gz notes.txt --exclude-files dev.json.gz --out clozes.json.gz
    python train_squad.py --train-files clozes.json.gz --run-dir runs/clozes
    python train_squad.py --train-files train.json.gz --init-from runs/clozes --run-dir runs/squad
    python train_squad.py --train-files train.json.gz --cloze-files clozes.json.gz --run-dir runs/squad

A span of a sentence that recurs elsewhere in its paragraph is asked for (`cloze_questions.py`). The rules are for English text. The
same text and seed give the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error
from utils.common.files import write_atomically
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.squad.cloze_questions import cloze_questions
from utils.squad.pretraining.texts import excluded_files, read_paragraphs, without_excluded
from utils.squad.squad_file import squad_file
from utils.training.settings import check_ranges


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    example = "python -m utils.squad.clozes --text-files train.json.gz --exclude-files dev.json.gz --out clozes.json.gz"
    description = f"Make questions from text, in SQuAD's layout. Example: {example}"
    parser = argparse.ArgumentParser(prog="python -m utils.squad.clozes", description=description)
    add = parser.add_argument
    add("--text-files", nargs="+", type=Path, required=True, metavar="FILE", help="text: plain, with blank lines between "
        "paragraphs, or records with a text or context, such as questions in SQuAD's layout")  # fmt: skip
    add("--exclude-files", nargs="*", type=Path, required=True, metavar="FILE", help="files that a model will be tested on, of the "
        "same kinds; their text must not be learned from. none, or the flag alone: there are none")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FILE", help="file to write, compressed if its name ends in .gz")
    add("--overlap", choices=("refuse", "leave_out"), default="refuse", help="what to do with paragraphs that have eight words in "
        "a row in common with --exclude-files (refuse)")  # fmt: skip
    add("--max-questions", type=int, default=8, metavar="N", help="questions about a paragraph, at most (8)")
    add("--seed", type=int, default=0, metavar="N", help="decides which forms the questions have (0)")
    add(
        "--max-bad-fraction",
        type=float,
        default=MAX_BAD_FRACTION,
        metavar="X",
        help=f"fraction of the records of a file that may be unusable, 0-1 ({MAX_BAD_FRACTION})",
    )
    options = parser.parse_args(arguments)
    with exit_on_user_error():
        check_ranges(options, less_than_1="max_bad_fraction")
        excluded = excluded_files(options.exclude_files)
        if options.max_questions < 1:
            raise UserError(f"--max-questions {options.max_questions}: must be at least 1")
        if options.out.resolve() in [path.resolve() for path in (*options.text_files, *excluded)]:
            raise UserError(f"--out {options.out}: is one of the files to read; name another one")
        if options.out.is_dir():
            raise UserError(f"--out {options.out}: is a folder; name a file")
        if not options.out.absolute().parent.is_dir():
            raise UserError(f"--out {options.out}: there is no such folder; make it first")
        reading = Reading(options.max_bad_fraction)
        paragraphs = read_paragraphs(options.text_files, reading)
        for note in reading.notes:
            print(note)
        paragraphs = without_excluded(
            paragraphs,
            excluded,
            leave_out=options.overlap == "leave_out",
            max_bad_fraction=options.max_bad_fraction,
        )
        questions = [
            question
            for paragraph in paragraphs
            for question in cloze_questions(paragraph.text, options.seed, options.max_questions)
        ]
        if not questions:
            raise UserError(
                "--text-files: no paragraph names something twice in different sentences; give more English text"
            )
        try:
            write_atomically(options.out, squad_file(questions, is_compressed=options.out.suffix == ".gz"))
        except OSError as error:
            raise UserError(f"--out {options.out}: cannot be written ({error.strerror}); name another file") from None
        print(f"{options.out}: {len(questions):,} questions about {len(paragraphs):,} paragraphs")


if __name__ == "__main__":
    main()
