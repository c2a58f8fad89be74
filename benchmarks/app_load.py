"""The page under load: some users at once, who ask all tabs through the queue as the page does.

    python -m benchmarks.app_load                                # 20 users for a minute, published models
    python -m benchmarks.app_load --users 50 --squad runs/squad  # other flags are those of app.py

Each user asks a random tab, waits for the answer, and pauses for `--pause` seconds on average. The table has the seconds between a
question and its answer. The exit status is 1 if an answer was lost or wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_SECONDS = 300
"""The page has so long to start."""
ANSWER_SECONDS = 120
"""An answer that takes longer is lost."""
TEXT = (
    "The lighthouse on Gull Point was built in 1871 by the engineer Ada Brandt. Its lamp was lit with oil until 1924, when a "
    "generator was brought over from the mainland. Two keepers lived there with their families."
)
QUESTIONS = (
    "Who built the lighthouse?",
    "When was it built?",
    "Until when was the lamp lit with oil?",
    "Who lived there?",
)
COLLECTION = "\n".join(TEXT.split(". "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between a user's questions, on average")
    options, app_flags = parser.parse_known_args()
    with running_page(app_flags) as address:
        for tab, arguments in warm_up():
            ask(address, tab, arguments, "10.0.0.0")
        seconds, failures = load(address, options.users, options.seconds, options.pause)
    print(f"{options.users} users, {options.seconds:g} s, pauses of {options.pause:g} s on average")
    print(f"{'tab':<10}{'answers':>9}{'p50':>8}{'p95':>8}{'longest':>9}")
    everything = [value for values in seconds.values() for value in values]
    for tab, values in [*sorted(seconds.items()), *([("all", everything)] if everything else [])]:
        p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
        print(f"{tab:<10}{len(values):>9}{p50:>8.3f}{p95:>8.3f}{max(values):>9.3f}")
    print(f"lost or wrong: {len(failures)}", *failures[:5], sep="\n")
    return 1 if failures else 0


@contextlib.contextmanager
def running_page(flags: list[str]) -> Iterator[str]:
    """The address of a page that is started for the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), *flags]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/config").close()
                break
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the page did not start")
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def warm_up() -> list[tuple[str, list]]:
    """A question for each tab."""
    rng = random.Random(0)
    return [(tab, arguments_for(tab, rng)) for tab in ("squad", "memnet", "tracing", "vectors", "ranking")]


def arguments_for(tab: str, rng: random.Random) -> list:
    """Random arguments for a tab's endpoint."""
    if tab == "squad":
        return [rng.choice(QUESTIONS), TEXT * rng.randint(1, 3), 5]
    if tab == "memnet":
        facts = "Ada Brandt / born_in / Gull Point\nAda Brandt / occupation / engineer"
        return ["Where was Ada Brandt born?", facts if rng.random() < 0.5 else "", 5]
    if tab == "tracing":
        return ["\n".join(f"{rng.randint(0, 9)}: {rng.randint(0, 1)}" for _ in range(rng.randint(0, 20))), "3"]
    if tab == "vectors":
        return [rng.randint(1, 5), "", 5]
    return [rng.choice(QUESTIONS), COLLECTION if rng.random() < 0.5 else "", 5]


def load(address: str, users: int, seconds: float, pause: float) -> tuple[dict[str, list[float]], list[str]]:
    """Let users ask for some seconds.

    Returns:
        the seconds of each answer by tab, and a line for each answer that was lost or wrong.
    """
    durations, failures, end = defaultdict(list), [], time.monotonic() + seconds

    def user(number: int) -> None:
        rng = random.Random(number)
        time.sleep(rng.random() * pause)
        while time.monotonic() < end:
            tab = rng.choice(("squad", "memnet", "tracing", "vectors", "ranking"))
            arguments, start = arguments_for(tab, rng), time.perf_counter()
            try:
                ask(address, tab, arguments, f"10.0.0.{number + 1}")
                durations[tab].append(time.perf_counter() - start)
            except (OSError, ValueError) as error:
                failures.append(f"{tab}: {error}")
            time.sleep(rng.uniform(0.5, 1.5) * pause)

    threads = [threading.Thread(target=user, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return durations, failures


def ask(address: str, tab: str, arguments: list, client: str) -> dict:
    """Ask a tab through the queue.

    Args:
        address: of the page.
        tab: the name of its endpoint.
        arguments: those of the endpoint.
        client: the address that the client claims; on its own machine the page believes it.

    Raises:
        OSError: there is no answer.
        ValueError: the answer is an error.
    """
    headers = {"content-type": "application/json", "x-forwarded-for": client}
    url = f"{address}/gradio_api/call/{tab}"
    request = urllib.request.Request(url, json.dumps({"data": arguments}).encode(), headers)
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/{event}", headers=headers), timeout=ANSWER_SECONDS
    ) as response:
        *_, kind, data = response.read().decode().strip().split("\n")
    if kind != "event: complete":
        raise ValueError(data[:200])
    return json.loads(data.removeprefix("data: "))[0]


def percentile(values: list[float], fraction: float) -> float:
    """The smallest value that at least this fraction of the values does not exceed."""
    return sorted(values)[max(0, -(-int(fraction * 1000) * len(values) // 1000) - 1)]


if __name__ == "__main__":
    sys.exit(main())
