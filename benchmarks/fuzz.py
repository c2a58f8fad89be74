"""Damage small valid files at random and let every reader of the project read them.

A reader may accept a file or refuse it with a `UserError` of one line. Anything else is a failure: another exception, more than a
few seconds, too much memory, a crash of the process, or a message that cannot be printed.

    python -m benchmarks.fuzz --inputs 100000
    python -m benchmarks.fuzz --inputs 2000 --readers facts "squad questions" --seed 7
    python -m benchmarks.fuzz --replay runs/fuzz/failures/facts-17
    python -m benchmarks.fuzz --hostile

An input is a function of the reader, its number and the seed. Inputs that failed are kept under `--out`, with the exception. The
table shows for each reader the inputs that were tried, accepted and refused, the failures, the longest time, and how far the memory
of the process rose.

`--hostile` gives the readers files that someone made on purpose (`tests/helpers/hostile_files.py`), each in a process of its own.
Its table shows for each file its size, and over its readers the longest time and the highest peak of memory above what the process
held before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

KEPT = 3
"""Inputs that are kept for each problem of a reader."""
COLUMNS = ("reader", "inputs", "accepted", "refused", "failures", "longest, s", "memory, MiB")


def main() -> int:
    options = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if options.hostile is not None:
        return read_hostile_file(options) if options.hostile else read_hostile_files(options)
    if options.replay:
        return replay(options.replay)
    if options.worker:
        return run_worker(options)
    from tests.helpers.readers import READERS

    names = options.readers or list(READERS)
    if unknown := set(names) - set(READERS):
        print(f"error: no reader {sorted(unknown)[0]!r}; readers are {', '.join(READERS)}", file=sys.stderr)
        return 2
    total = sum(1 / READERS[name].slow for name in names)
    deadline = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    sums, problems = Counter(), {}
    for name in names:
        num_inputs = max(1, round(options.inputs / READERS[name].slow / total))
        row = fuzz_reader(name, num_inputs, options, deadline)
        problems |= {f"{name}: {problem}": count for problem, count in row.pop("problems").items()}
        sums.update({column: row[column] for column in COLUMNS[1:5]})
        print(f"| {' | '.join(str(row[column]) for column in COLUMNS)} |", flush=True)
    print(f"| all | {' | '.join(str(sums[column]) for column in COLUMNS[1:5])} | | |")
    for problem, count in problems.items():
        print(f"- {count} times {problem}")
    return 1 if problems else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="inputs in all; slow readers get fewer of them")
    parser.add_argument("--readers", nargs="+", help="only these readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0, help="stop after this time")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="folder of the inputs that fail")
    parser.add_argument("--replay", type=Path, help="read the kept input of this folder again")
    parser.add_argument("--hostile", nargs="*", help="give the readers hostile files instead")
    parser.add_argument("--worker", nargs=2, metavar=("FIRST", "LAST"), type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def fuzz_reader(name: str, count: int, options: argparse.Namespace, deadline: float) -> dict:
    """The row of one reader. It runs in a process of its own, which is started again after a crash."""
    row = Counter(dict.fromkeys(COLUMNS[1:5], 0))
    problems, longest, memory, first = Counter(), 0.0, 0, 0
    progress = options.out / "progress.json"
    while first < count and time.monotonic() < deadline:
        progress.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.fuzz", "--readers", name, "--seed", str(options.seed)]
        command += ["--out", str(options.out), "--worker", str(first), str(count)]
        if options.minutes:
            command += ["--minutes", str((deadline - time.monotonic()) / 60)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if not progress.exists():
            raise SystemExit(f"{name}: the reader did not start\n{done.stderr}")
        state = json.loads(progress.read_text())
        row.update(state["counts"])
        problems.update(state["problems"])
        longest, memory = max(longest, state["longest"]), max(memory, state["memory"])
        first = state["next"]
        if done.returncode < 0:  # a signal, such as a segmentation fault
            problem = f"the process was ended by signal {-done.returncode}"
            problems[problem] += 1
            row.update({"inputs": 1, "failures": 1})
            keep(options.out, name, first, options.out / "input", problem, done.stderr[-2_000:])
            first += 1
        elif done.returncode:
            raise SystemExit(f"{name}: the worker failed\n{done.stderr}")
        elif state["stopped"]:
            break
    return {**row, "reader": name, "problems": problems, "longest, s": f"{longest:.2f}", "memory, MiB": memory}


def run_worker(options: argparse.Namespace) -> int:
    """Try the inputs of one reader, and write down how far it came."""
    from tests.helpers import fuzzing, memory
    from tests.helpers.readers import READERS

    (name,), (first, last) = options.readers, options.worker
    reader, folder, progress = READERS[name], options.out / "input", options.out / "progress.json"
    for files in reader.examples().values():  # imports, so that no input has to wait for them
        fuzzing.write_files(folder, files)
        fuzzing.try_reader(reader, reader.path(folder, files), 120)
    state = {"counts": Counter(), "problems": Counter(), "longest": 0.0, "memory": 0, "next": first, "stopped": False}
    base, deadline = memory.reset_peak(), time.monotonic() + 60 * (options.minutes or 10**6)
    with memory.memory_limit(fuzzing.MEMORY_BYTES):
        for number in range(first, last):
            state["next"] = number
            progress.write_text(json.dumps(state))
            format_name, files = fuzzing.damaged_files(name, number, options.seed)
            fuzzing.write_files(folder, files)
            outcome = fuzzing.try_reader(reader, reader.path(folder, files))
            state["counts"].update({"inputs": 1, _COLUMN_OF[outcome.kind]: 1})
            state["longest"] = max(state["longest"], outcome.seconds)
            state["memory"] = round(memory.peak_mib() - base)
            if outcome.kind == "failed":
                state["problems"][outcome.problem] += 1
                if state["problems"][outcome.problem] <= KEPT:
                    keep(options.out, name, number, folder, outcome.problem, f"{format_name}\n{outcome.details}")
            if time.monotonic() > deadline:
                state["stopped"] = True
                break
    state["next"] += 1
    progress.write_text(json.dumps(state))
    return 0


def read_hostile_files(options: argparse.Namespace) -> int:
    """Print the table of hostile files."""
    from tests.helpers import fuzzing, hostile_files

    columns = ("file", "bytes", "readers", "accepted", "refused", "failures", "longest, s", "peak memory, MiB")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    num_failures, folder = 0, options.out / "input"
    for name, (readers, _) in hostile_files.HOSTILE.items():
        files, outcomes = hostile_files.files_of(name), []
        for reader in readers:
            fuzzing.write_files(folder, files)
            command = [sys.executable, "-m", "benchmarks.fuzz", "--out", str(options.out), "--hostile", reader, *files]
            done = subprocess.run(command, capture_output=True, text=True)
            crash = {
                "kind": "failed",
                "seconds": 0,
                "mib": 0,
                "problem": f"status {done.returncode}: {done.stderr[-300:]}",
            }
            outcomes.append(crash if done.returncode else json.loads(done.stdout.splitlines()[-1]))
            if outcomes[-1]["kind"] == "failed":
                print(f"- {name}, {reader}: {outcomes[-1]['problem']}", file=sys.stderr)
        counts = [sum(outcome["kind"] == kind for outcome in outcomes) for kind in _COLUMN_OF]
        num_failures += counts[-1]
        size = sum(map(len, files.values()))
        longest, peak = max(outcome["seconds"] for outcome in outcomes), max(outcome["mib"] for outcome in outcomes)
        cells = (name, f"{size:,}", len(readers), *counts, f"{longest:.1f}", f"{peak:.0f}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 1 if num_failures else 0


def read_hostile_file(options: argparse.Namespace) -> int:
    """Read the files that `read_hostile_files` wrote, and print what happened as JSON."""
    from tests.helpers import fuzzing, memory
    from tests.helpers.readers import READERS

    name, *files = options.hostile
    reader = READERS[name]
    for example in list(reader.examples().values())[:3]:  # imports
        fuzzing.write_files(options.out / "example", example)
        fuzzing.try_reader(reader, reader.path(options.out / "example", example), 120)
    before = memory.reset_peak()
    outcome = fuzzing.try_reader(reader, reader.path(options.out / "input", dict.fromkeys(files, b"")), 300)
    result = {"kind": outcome.kind, "seconds": outcome.seconds, "problem": outcome.problem}
    print(json.dumps({**result, "mib": memory.peak_mib() - before}))
    return 0


_COLUMN_OF = {"accepted": "accepted", "refused": "refused", "failed": "failures"}


def keep(out: Path, name: str, number: int, folder: Path, problem: str, details: str) -> None:
    """Keep an input that failed, with what happened."""
    kept = out / "failures" / f"{name.replace(' ', '-')}-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(folder, kept / "input")
    (kept / "problem.txt").write_text(f"{problem}\n{details}\n", errors="backslashreplace")
    (kept / "reader.txt").write_text(name)


def replay(kept: Path) -> int:
    """Read an input that was kept, without limits."""
    from tests.helpers.readers import READERS

    reader = READERS[(kept / "reader.txt").read_text()]
    folder = kept / "input"
    files = {str(path.relative_to(folder)): b"" for path in sorted(folder.rglob("*")) if path.is_file()}
    print(reader.read(reader.path(folder, files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
