"""What a W&B run that was tracked offline would show, read back from its file.

    python -m tests.helpers.offline_wandb RUN_DIR

prints it as Markdown.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class OfflineRun:
    """The contents of one `.wandb` file.

    Args:
        run: W&B's record of the run: name, project, group, tags, job type.
        config: name to value.
        history: one dict per step.
        summary: name to value; best values are `NAME.max` and `NAME.min`.
        axes: metric, or its beginning with `*`, to the metric that is its x axis, and what its summary keeps.
        artifacts: name to record.
        exit_code: of the run, None if it did not end.
    """

    run: object = None
    config: dict = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    axes: dict[str, tuple[str, str]] = field(default_factory=dict)
    artifacts: dict[str, object] = field(default_factory=dict)
    exit_code: int | None = None
    has_system_metrics: bool = False


def read_offline_run(folder: Path) -> OfflineRun:
    """Read the folder `offline-run-*` of one process."""
    offline = OfflineRun()
    for record in _records(folder):
        kind = record.WhichOneof("record_type")
        if kind == "run" and offline.run is None:
            offline.run = record.run
            offline.config |= _items(record.run.config.update)
        elif kind == "config":
            offline.config |= _items(record.config.update)
        elif kind == "history":
            offline.history.append(_items(record.history.item))
        elif kind == "summary":
            offline.summary |= _items(record.summary.update)
        elif kind == "metric":
            metric, summary = record.metric, record.metric.summary
            kept = [name for name in ("min", "max", "mean", "last") if getattr(summary, name)]
            offline.axes[metric.name or metric.glob_name] = (metric.step_metric, ",".join(kept))
        elif kind == "artifact":
            offline.artifacts[record.artifact.name] = record.artifact
        elif kind == "exit":
            offline.exit_code = record.exit.exit_code
        offline.has_system_metrics |= kind == "stats"
    return offline


def _records(folder: Path):
    """The protobuf records of a `.wandb` file: a LevelDB log after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("run-*.wandb")
    data, position, parts = path.read_bytes(), 7, b""
    while position < len(data):
        if (left := 32768 - position % 32768) < 7:  # a block's tail too short for a chunk's header is padding
            position += left
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a full record, or the last chunk of one
            yield Record.FromString(parts)
            parts = b""


def _items(updates) -> dict:
    """The config, history or summary items of a record; those inside another are named `outer/inner`."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in updates}


def describe(offline: OfflineRun) -> str:
    """What the dashboard shows, as Markdown. Names with one beginning stand together; ends of intervals are left out."""
    run = offline.run
    names = dict.fromkeys(name for row in offline.history for name in row if not name.startswith("_"))
    media = sorted({name.rpartition("/")[0] for name in names if name.startswith(("images/", "tables/"))})
    axes = ("epoch", "train/step")  # hidden, as they are the x axes
    charts = [name for name in names if not name.startswith(("images/", "tables/")) and name not in axes]
    final = [name for name in offline.summary if name not in names and not name.startswith(("_", "images/", "tables/"))]
    final = [name for name in final if not name.endswith(("_low", "_high"))]
    best = [f"{name}.{kept.split(',')[0]}" for name, (_, kept) in offline.axes.items() if kept and name in names]
    lines = [
        f"project `{run.project}`, job type `{run.job_type}`, tags {_code(run.tags)}"
        + (f", group `{run.run_group}`" if run.run_group else ""),
        f"charts: {_grouped(charts)}",
        f"tables: {_code(name.split('/')[1] for name in media if name.startswith('tables/'))}; "
        f"pictures: {_code(name.split('/')[1] for name in media if name.startswith('images/'))}",
        f"summary: {_grouped([*best, *final])}",
    ]
    for name, artifact in offline.artifacts.items():
        if artifact.type == "model":
            files = _code(entry.path for entry in artifact.manifest.contents)
            lines.append(f"artifact `{name}` ({', '.join(sorted(artifact.aliases))}): {files}")
    return "\n".join(f"- {line}" for line in lines)


def _code(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _grouped(names: list[str]) -> str:
    """The names by their beginnings; those of which all have the same ends stand together."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        prefix, _, last = name.rpartition("/")
        groups.setdefault(f"`{prefix}/`" if prefix else "", []).append(last)
    beginnings: dict[str, list[str]] = {}
    for prefix, ends in groups.items():
        beginnings.setdefault(", ".join(ends), []).append(prefix)
    return "; ".join(f"{' '.join(prefixes)} {ends}".strip() for ends, prefixes in beginnings.items())


if __name__ == "__main__":
    for folder in sorted(Path(sys.argv[1]).glob("wandb/offline-run-*")):
        print(describe(read_offline_run(folder)))
