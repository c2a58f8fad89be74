"""Seconds and memory that reading a Posts.xml takes, which is never held in memory as a whole.

Measured    `utils.ranking.data.read_rankings` of invented dumps of several sizes, each in a process of its own: seconds, and
            processor time, which other jobs on the machine change less. A dump has one question for every two answers, with
            bodies of HTML of about 1,000 characters, written as Stack Exchange writes them.
Memory      the peak of the process, and that peak minus what the process had before it read. `kept` is the size of what
            is kept: the texts of questions and answers, in characters.

    python -m benchmarks.ranking_reading --megabytes 100 1000 --out runs/ranking_reading.json

The dumps are written to a temporary folder and removed. 1,000 MB take about two minutes, most of them for writing the dump.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import fresh_process, report_head, write_report

WORDS = [f"word{number}" for number in range(20_000)]
NUM_BODIES = 5_000
"""Different bodies of posts; drawing the words of each post anew would take longer than reading it."""


def main() -> int:
    options = parse()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "Posts.xml"
            write_posts(path, megabytes * 1_000_000, options.seed)
            with fresh_process() as process:
                case = {"megabytes": path.stat().st_size / 1e6, **process.submit(measure, path).result()}
        cases.append(case)
        print(as_line(case), flush=True)
    write_report(report_head("ranking_reading", options, cases=cases), options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--megabytes", type=int, nargs="+", default=[100, 1000])
    add("--seed", type=int, default=0)
    add("--folder", type=Path, help="where the temporary folder is made; left out, the system's")
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.megabytes) < 1:
        parser.error("--megabytes must be at least 1")
    return options


def write_posts(path: Path, size: int, seed: int) -> None:
    """Write an invented dump of about `size` bytes: a question, its two answers, the next question, and so on."""
    rng = random.Random(seed)
    bodies = [make_body(rng) for _ in range(NUM_BODIES)]
    titles = [" ".join(rng.choices(WORDS, k=6)) for _ in range(NUM_BODIES)]
    number = written = 0
    with open(path, "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<posts>\n')
        while written < size:
            number += 1
            question = number - (number - 1) % 3
            kind = (
                f'PostTypeId="1" Title="How to {rng.choice(titles)}?" Tags="|a|b|" AnswerCount="2"'
                if number == question
                else f'PostTypeId="2" ParentId="{question}"'
            )
            row = (
                f'  <row Id="{number}" {kind} CreationDate="2020-01-01T00:00:00.000" Score="{rng.randrange(-1, 9)}" '
                f'Body="{rng.choice(bodies)}" OwnerUserId="{rng.randrange(9_999)}" ContentLicense="CC BY-SA 4.0" />\n'
            )
            file.write(row)
            written += len(row)
        file.write("</posts>\n")


def make_body(rng: random.Random) -> str:
    """The body of a post: three paragraphs of HTML, as it stands in an attribute."""
    return "".join(
        f"&lt;p&gt;{' '.join(rng.choices(WORDS, k=40))} &lt;code&gt;a &amp;lt; b&lt;/code&gt;&lt;/p&gt;&#xA;&#xA;"
        for _ in range(3)
    )


def measure(path: Path) -> dict:
    """Read a dump in this process: seconds, memory in MB, and what was read."""
    from utils.common.reading import Reading
    from utils.ranking.data import read_rankings

    before, start, start_cpu = peak_memory(), time.perf_counter(), time.process_time()
    queries = read_rankings(path, Reading()).queries
    seconds, cpu_seconds, peak = time.perf_counter() - start, time.process_time() - start_cpu, peak_memory()
    answers = [candidate for query in queries for candidate in query.candidates]
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": peak,
        "read_mb": peak - before,
        "kept_mb": sum(len(post.text) for post in (*queries, *answers)) / 1e6,
        "questions": len(queries),
        "answers": len(answers),
    }


def peak_memory() -> float:
    """The largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def as_line(case: dict) -> str:
    """A case in words."""
    return (
        f"{case['megabytes']:,.0f} MB, {case['questions']:,} questions with {case['answers']:,} answers: {case['seconds']:.1f} s "
        f"({case['cpu_seconds']:.1f} s of processor time), peak {case['peak_mb']:,.0f} MB ({case['read_mb']:,.0f} MB for reading, "
        f"of which {case['kept_mb']:,.0f} MB are texts)"
    )


if __name__ == "__main__":
    sys.exit(main())
