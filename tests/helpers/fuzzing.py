"""Give a reader a damaged file, and see whether it accepts it, refuses it in one line, or fails."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import readers
from tests.helpers.mutations import mutate
from tests.helpers.readers import READERS, Reader
from utils.common.errors import UserError

MAX_SECONDS = 5
"""Seconds that a reader may take for a small file."""
MAX_MESSAGE = 1_000
"""Characters of a message."""
MEMORY_BYTES = 2 * 2**30
"""Address space that a reader may take, beside what the process has."""


@dataclass(frozen=True)
class Outcome:
    """What a reader did with a file.

    Args:
        kind: `accepted`, `refused` or `failed`.
        seconds: how long it took.
        problem: of a failure, one line: the exception and where it was raised.
        details: of a failure, the traceback; of a refusal, the message.
    """

    kind: str
    seconds: float
    problem: str = ""
    details: str = ""


class _TooSlowError(BaseException):
    """Not an `Exception`, so that no reader takes it for a damaged file."""


def damaged_files(name: str, number: int, seed: int = 0) -> tuple[str, dict[str, bytes]]:
    """The numbered input of a reader: the same for the same seed.

    Returns:
        the format that it was made from, and the contents of its files by their names.
    """
    rng = random.Random(f"{seed} {name} {number}")
    examples = READERS[name].examples()
    format_name = rng.choice(sorted(examples))
    files = dict(examples[format_name])
    others = tuple(content for example in examples.values() for content in example.values())
    for file in rng.sample(sorted(files), k=min(len(files), rng.choice((1, 1, 1, 2)))):
        if len(files) > 1 and rng.random() < 0.03:
            del files[file]
        else:
            files[file] = mutate(rng, files[file], others)
    return format_name, files


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder that holds these files and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def try_reader(reader: Reader, path: Path, max_seconds: float = MAX_SECONDS) -> Outcome:
    """Let a reader read a file or folder."""
    readers.READINGS.clear()
    start, message = time.perf_counter(), None
    try:
        with _time_limit(max_seconds):
            reader.read(path)
    except UserError as error:
        message = str(error)
    except _TooSlowError:
        details = traceback.format_exc()
        return Outcome("failed", time.perf_counter() - start, f"more than {max_seconds} seconds", details)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        problem = f"{type(error).__name__} in {'/'.join(Path(last.filename).parts[-3:])}, line {last.lineno}"
        return Outcome("failed", time.perf_counter() - start, problem, traceback.format_exc())
    seconds = time.perf_counter() - start
    notes = [note for reading in readers.READINGS for note in reading.notes]
    problem = next((problem for line in ([message] if message else notes) if (problem := problem_of(line))), "")
    if problem:
        return Outcome("failed", seconds, problem, message or "\n".join(notes))
    try:
        json.dumps([reading.description() for reading in readers.READINGS], allow_nan=False).encode()
    except ValueError as error:
        return Outcome("failed", seconds, "the description of the reading is no JSON", str(error))
    return Outcome("accepted" if message is None else "refused", seconds, details=message or "")


def problem_of(line: str) -> str:
    """What is wrong with a message or a note; empty if nothing is."""
    if len(line) > MAX_MESSAGE:
        return f"a message of more than {MAX_MESSAGE:,} characters"
    if len(line.splitlines()) != 1:
        return "a message that is not one line"
    if "MemoryError" in line or "Unable to allocate" in line:
        return "too much memory"
    try:
        line.encode()
    except UnicodeEncodeError:
        return "a message that cannot be printed"
    return ""


@contextlib.contextmanager
def _time_limit(seconds: float):
    def stop(*_):
        raise _TooSlowError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
