"""How fast a large log of responses is read, and how much memory that takes.

Writes a table with a row per response to a temporary file, reads it in a process of its own, and prints seconds, rows per second
and the peak memory beyond the start:

    python -m benchmarks.tracing_reading --rows 10000000

With `--repeats 2` each answer is written once for each of two skills, which are joined. `--checkout FOLDER` also reads the file
with the code of another checkout of this repository, such as a worktree of an older commit.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ITEMS, SKILLS, RESPONSES_PER_STUDENT = 5_000, 100, 500

READ = """
import json, resource, sys, time
from utils.tracing.data import read_responses
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, start = peak(), time.process_time()
try:
    from utils.common.reading import Reading
    (sequences,), _ = read_responses([sys.argv[1]], Reading())
except ImportError:  # an older checkout
    sequences, _ = read_responses(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - start, "bytes": peak() - before,
                  "responses": sum(len(sequence.items) for sequence in sequences)}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table")
    parser.add_argument("--repeats", type=int, default=1, help="rows per answer, each with another skill")
    parser.add_argument("--checkout", type=Path, help="another checkout, which reads the same file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        write_log(path, options.rows, options.repeats)
        print(f"{options.rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB; processor seconds, one process")
        print(
            "| code | seconds | rows per second | peak memory, MiB | bytes per row | responses |\n|---|---|---|---|---|---|"
        )
        for checkout in (Path.cwd(), *filter(None, [options.checkout])):
            command = [sys.executable, "-c", READ, str(path)]
            done = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
            result = json.loads(done.stdout)
            print(
                f"| {checkout.name} | {result['seconds']:.1f} | {options.rows / result['seconds']:,.0f} | "
                f"{result['bytes'] / 2**20:,.0f} | {result['bytes'] / options.rows:.0f} | {result['responses']:,} |"
            )


def write_log(path: Path, rows: int, repeats: int) -> None:
    """Write a table of random responses, ordered by time, so that students take turns."""
    rng = random.Random(0)
    answers = rows // repeats
    students = max(1, answers // RESPONSES_PER_STUDENT)
    with open(path, "w") as file:
        file.write("student,item,response,time,skill\n")
        for time in range(1_600_000_000, 1_600_000_000 + answers):
            item = rng.randrange(ITEMS)
            start = f"s{rng.randrange(students)},q{item},{rng.randrange(2)},{time}"
            file.writelines(f"{start},k{(item + repeat) % SKILLS}\n" for repeat in range(repeats))


if __name__ == "__main__":
    main()
