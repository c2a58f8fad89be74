"""A finished run with all that `results.json` and `config.json` hold, of a small untrained model."""

import json
import shutil

from tests.helpers.small_runs import memnet_run

RESULTS = {
    "schema_version": 1,
    "task": "memnet",
    "model": "pointer",
    "seed": 3,
    "parameters": 1_207,
    "seconds": 61.0,
    "best_epoch": 2,
    "epochs": 3,
    "peak_memory_gib": 1.5,
    "command": "/home/ada/zoo/train_memnet.py --facts /home/ada/data/facts.tsv --run-dir /home/ada/runs/7 --epochs 3",
    "hardware": "a processor, 2 cores, 24 GiB, no GPU",
    "versions": {"python": "3.11.7", "keras": "3.15.1"},
    "commit": "0123456789ab",
    "data": {"files": ["facts.tsv"], "counts": {"train": 900, "validation": 70, "test": 110}, "checksum": "sha256:12"},
    "headline": {"metric": "accuracy", "title": "accuracy", "plain": ["bm25", "majority_value"], "digits": 4,
                 "lower_is_better": False},
    "metrics": {"validation": {"accuracy": 0.91, "mrr": 0.93}, "test": {"accuracy": 0.87, "mrr": 0.9, "total": 110}},
    "intervals": {"test": {"accuracy": [0.81, 0.92]}},
    "baselines": {"bm25": {"test": {"accuracy": 0.4, "mrr": 0.5}}, "majority_value": {"test": {"accuracy": 0.04}}},
    "details": {},
    "config": {"facts": ["/home/ada/data/facts.tsv"], "seed": 3},
}  # fmt: skip
SETTINGS = {
    "facts": ["/home/ada/data/facts.tsv"],
    "train_files": [],
    "candidates": 13,
    "retrieval": "words",
    "seed": 3,
    "precision": "float32",
}


def finished_run(folder):
    """Write a finished run of memnet into a new folder."""
    shutil.copytree(memnet_run(), folder)
    (folder / "results.json").write_text(json.dumps(RESULTS))
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    (folder / "metrics.csv").write_text("epoch,loss\n1,0.5\n")
    (folder / "checkpoint.npz").write_bytes(b"large")
    return folder
