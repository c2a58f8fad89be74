"""The time behind a run of SQuAD: its own training, and that of all runs of this project that it began from or learned from."""

from __future__ import annotations

import json
from pathlib import Path

from utils.common.references import ZOO, published_models


def seconds_in_all(run_dir: Path) -> dict[str, float]:
    """The seconds of training behind a finished run.

    Its own are those of `results.json`. To these come those of the run that `--init-from` names, where it is a run and no
    checkpoint of others; of each run of `--teachers`; and the time in which the teachers predicted. A run counts once, however
    many others rest on it.

    Args:
        run_dir: a finished run of `train_squad.py` or `pretrain_text.py`, with the runs that it names where it has them.

    Returns:
        run directory to its seconds, this run first.
    """
    seconds: dict[str, float] = {}
    pending = [Path(run_dir)]
    while pending:
        folder = pending.pop(0)
        if str(folder.resolve()) in seconds:
            continue
        settings = json.loads((folder / "config.json").read_text())
        results = json.loads((folder / "results.json").read_text())
        teachers_seconds = results.get("details", {}).get("teachers_seconds") or 0.0
        seconds[str(folder.resolve())] = results["seconds"] + teachers_seconds
        named = [name for name in [settings.get("init_from"), *(settings.get("teachers") or [])] if name]
        folders = [ZOO / name if name in published_models() else Path(name) for name in named]
        pending += [folder for folder in folders if (folder / "results.json").is_file()]
    return seconds
