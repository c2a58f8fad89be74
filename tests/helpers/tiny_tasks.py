"""Tiny data for each task, and the commands that train, score and ask a model of it within seconds.

    python -m tests.helpers.tiny_tasks train_TASK.py evaluate.py predict.py

runs these scripts for all tasks, one after another in one process, in the folder where it is called, on the backend that
`KERAS_BACKEND` names. It prints a line for each: its exit status and the command. The last line names the modules of TensorFlow
that were imported.
"""

import json
import runpy
import sys
from pathlib import Path

import numpy as np

from tests.helpers.paths import ROOT

COMMON = ("--epochs", 1, "--tracking", "off", "--no-export", "--batch-size", 8)
TOWNS = tuple(f"town {number}" for number in range(5))


def write_squad(folder: Path) -> tuple:
    for name in ("train", "validation", "test"):
        paragraphs = []
        for number in range(12):
            context = f"The {name} {TOWNS[number % 5]} was founded in {1900 + number} by a baker."
            answers = [{"text": str(1900 + number), "answer_start": context.index("19")}]
            question = {
                "id": f"{name}-{number}",
                "question": f"When was {TOWNS[number % 5]} founded?",
                "answers": answers,
            }
            paragraphs.append({"context": context, "qas": [question]})
        data = [{"title": name, "paragraphs": paragraphs}]
        (folder / f"squad_{name}.json").write_text(json.dumps({"version": "1.1", "data": data}))
    files = [part for name in ("train", "validation", "test") for part in (f"--{name}-files", f"squad_{name}.json")]
    sizes = ("--hidden-dim", 8, "--num-heads", 2, "--num-layers", 1, "--intermediate-dim", 8, "--vocabulary-size", 300)
    return (*files, *sizes, "--convolution-width", 3, "--max-length", 40, "--doc-stride", 8)


def write_memnet(folder: Path) -> tuple:
    lines = []
    for number in range(60):
        memory = [[f"person {number}", "born_in", TOWNS[number % 5]], [f"person {number}", "likes", "tea"]]
        lines.append({"question": f"where was person {number} born", "answers": [TOWNS[number % 5]], "memory": memory})
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return ("--train-files", "questions.jsonl", "--hidden-dim", 8)


def write_tracing(folder: Path) -> tuple:
    rng, rows = np.random.default_rng(0), ["user_id,question,correct"]
    for student in range(24):
        rows += [f"s{student},q{rng.integers(4)},{rng.integers(2)}" for _ in range(9)]
    (folder / "responses.csv").write_text("\n".join(rows) + "\n")
    return ("--train-files", "responses.csv", "--num-slots", 3, "--key-dim", 4, "--value-dim", 5, "--summary-dim", 4)


def write_vectors(folder: Path) -> tuple:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 1, 5)) + 0.3 * rng.normal(size=(20, 9, 5))
    np.savez(folder / "v.npz", vectors=vectors.reshape(-1, 5).astype("float32"), document=np.repeat(np.arange(20), 9))
    return ("--train-files", "v.npz", "--encoder-dim", 4, "--hidden-dims", 8, 4)


def write_ranking(folder: Path) -> tuple:
    lines = []
    for number in range(40):
        for other in range(3):
            text = f"person {number + other} was born in {TOWNS[(number + other) % 5]}"
            lines.append({"query": f"where was person {number} born?", "candidate": text, "relevance": int(not other)})
    (folder / "ranking.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    sizes = ("--hidden-dim", 8, "--num-layers", 1, "--num-heads", 2, "--output-dim", 4, "--vocabulary-size", 300)
    return ("--train-files", "ranking.jsonl", *sizes, "--max-length", 16, "--query-length", 16)


TASKS = {
    "squad": (write_squad, ("When was town 3 founded?", "town 3 was founded in 1903 by a baker.")),
    "memnet": (write_memnet, ("where was person 3 born",)),
    "tracing": (write_tracing, ("q1,q2",)),
    "vectors": (write_vectors, ("5", "--file", "v.npz")),
    "ranking": (write_ranking, ("where was person 3 born?", "--file", "ranking.jsonl")),
}
"""Task to a function that writes its data and returns the flags of its training, and to what the model is asked."""


def commands(task: str, folder: Path, *flags) -> dict[str, list[str]]:
    """The commands that train, score and ask a model of a task: name of the script to its command.

    Args:
        task: the task, whose data is written into the folder.
        folder: where they will run.
        flags: further flags of the training.
    """
    write, question = TASKS[task]
    arguments = {
        "train_TASK.py": [f"train_{task}.py", "--run-dir", task, *COMMON, *write(folder), *flags],
        "evaluate.py": ["evaluate.py", task, "--out", f"{task}-evaluated"],
        "predict.py": ["predict.py", task, *question],
    }
    return {script: list(map(str, command)) for script, command in arguments.items()}


def run_script(command: list[str]) -> int:
    """Run a script in this process, as `python SCRIPT ARGUMENTS`, and return its exit status."""
    sys.argv = [str(ROOT / command[0]), *command[1:]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    return 0


def main(scripts: list[str]) -> None:
    for task in TASKS:
        for script, command in commands(task, Path.cwd()).items():
            if script in scripts:
                print("status", run_script(command), *command, flush=True)
    modules = (name for name, module in sys.modules.items() if module and name.partition(".")[0] == "tensorflow")
    print("imported", *modules)


if __name__ == "__main__":
    main(sys.argv[1:])
