"""The model card of a published run: Hugging Face's form, with the run's own numbers.

A card has a YAML head, which the Hugging Face Hub reads, and a text. Everything comes from `results.json` and `config.json`, except
what only its author knows: what the model is for, where it fails, and the licences of the data. These are the notes, `card.yaml`:

    license: apache-2.0                 # of the weights
    language: en
    pipeline_tag: question-answering    # the Hub's name of the task
    tags: [memory-network]
    dataset: {name: facts about people, type: facts-about-people}      # what the scores are on; type is an id without spaces
    metrics: [accuracy, mrr]            # those of the table; left out, the headline alone
    summary: What it is, in one or two sentences.
    usage: Python code that runs.
    scores: What has to be said about the scores, such as a change since the training.
    training: What the training data is.
    weaknesses: What it is bad at, with numbers.
    licences: The licences of the data.

Every entry may be missing; then its part of the card is, too, or says only what the run itself knows.
"""

from __future__ import annotations

import math
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_document
from utils.common.statistics import format_interval

NOTES_FILE = "card.yaml"
NOTES = ("license", "language", "pipeline_tag", "tags", "datasets", "base_model", "dataset", "metrics", "summary", "usage",
         "scores", "training", "weaknesses", "licences")  # fmt: skip
"""The entries of the notes."""
SOURCE = "results.json"
"""Where the scores of a card come from: a file beside it."""


def read_notes(path: str | Path) -> dict:
    """The notes of a card.

    Raises:
        UserError: the file cannot be read, or has an entry that no card has.
    """
    import yaml

    try:
        notes = yaml.safe_load(read_document(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is no YAML ({str(error).splitlines()[0]}); correct it") from None
    unknown = sorted(map(str, notes.keys() - set(NOTES))) if isinstance(notes, dict) else ["no entries"]
    if unknown:
        raise UserError(f"{path}: has {', '.join(unknown)}; a card's notes are {', '.join(NOTES)}")
    return {name: entry for name, entry in notes.items() if entry is not None}  # an entry left empty is missing


def model_card(results: dict, settings: dict, notes: dict | None = None, name: str = "") -> str:
    """The card of a run.

    Args:
        results: the run's `results.json`.
        settings: its `config.json`.
        notes: from `read_notes`; left out, the card has the run's numbers alone.
        name: of the model; left out, task and model.

    Returns:
        the text of a `README.md`, whose head `huggingface_hub` has parsed.

    Raises:
        ValueError: the split that is quoted has no score.
    """
    from huggingface_hub import ModelCard

    notes = notes or {}
    usage = f'from models import load_model\n\nmodel = load_model("{name}")' if name else None
    name = name or f"{results['task']}-{results['model']}"
    parts = [
        f"# {name}",
        _summary(results, notes),
        _section("Use", notes.get("usage", usage), code="python"),
        "## Scores",
        _scores(results, notes),
        notes.get("scores"),
        _section("What it is bad at", notes.get("weaknesses")),
        "## How it was trained",
        _training(results, settings, notes),
        _stored_weights(results),
        _section("Licences", notes.get("licences")),
    ]
    text = "\n\n".join(part.strip("\n") for part in parts if part)
    card = ModelCard(f"---\n{_head(results, notes, name)}\n---\n\n{text}\n")
    return str(card).strip("\n") + "\n"


def headline(results: dict) -> dict:
    """`metric`, `title`, `digits` and `lower_is_better` of the metric that the task is judged by.

    Raises:
        ValueError: the split that is quoted has no score.
    """
    stored = results.get("headline") or {}
    metric = stored.get("metric") or next(iter(results["metrics"][scored_split(results)]), None)
    if metric is None:
        raise ValueError("it has no scores")
    defaults = {"metric": metric, "title": metric, "digits": 3, "lower_is_better": False}
    return {**defaults, **stored}


def scored_split(results: dict) -> str:
    """The split whose scores are quoted: the test, else the last one that was scored."""
    return "test" if "test" in results["metrics"] else list(results["metrics"])[-1]


def _head(results: dict, notes: dict, name: str) -> str:
    """The YAML of the card."""
    from huggingface_hub import EvalResult, ModelCardData

    split = scored_split(results)
    dataset = notes.get("dataset") or {}
    metrics = _table_metrics(results, notes)
    scores = [
        EvalResult(
            task_type=notes.get("pipeline_tag", "other"),
            task_name=results["task"],
            dataset_type=dataset.get("type", "own-data"),
            dataset_name=dataset.get("name", ", ".join(_data_files(results)) or "built-in data"),
            dataset_split=split,
            metric_type=metric,
            metric_name=metric,
            metric_value=results["metrics"][split][metric],
            source_name=SOURCE,
            source_url=SOURCE,
        )
        for metric in metrics
        if results["metrics"][split].get(metric) is not None
    ]
    data = ModelCardData(
        library_name="keras",
        license=notes.get("license"),
        language=notes.get("language"),
        tags=["qkv-zoo", results["task"], results["model"], *notes.get("tags", ())],
        datasets=notes.get("datasets"),
        base_model=notes.get("base_model"),
        metrics=metrics,
        pipeline_tag=notes.get("pipeline_tag"),
        model_name=name,
        eval_results=scores,
    )
    return data.to_yaml().strip("\n")


def _table_metrics(results: dict, notes: dict) -> list[str]:
    """The metrics of the table: those that the notes name, else the headline."""
    scored = results["metrics"][scored_split(results)]
    named = [metric for metric in notes.get("metrics", ()) if metric in scored]
    return named or [headline(results)["metric"]]


def _section(title: str, text: str | None, code: str = "") -> str:
    if not text:
        return ""
    text = text.strip("\n")
    return f"## {title}\n\n" + (f"```{code}\n{text}\n```" if code else text)


def _summary(results: dict, notes: dict) -> str:
    size = f"{results['parameters']:,} parameters, task `{results['task']}`, model `{results['model']}`"
    project = f"{size} of QKV Zoo, attention and memory models for Keras 3."
    return "\n\n".join(filter(None, [notes.get("summary", "").strip("\n"), project]))


def _scores(results: dict, notes: dict) -> str:
    """The table of the model's and the baselines' scores, with what its columns mean."""
    split, metrics = scored_split(results), _table_metrics(results, notes)
    scores, intervals = results["metrics"][split], results["intervals"].get(split, {})
    rows = [("**this model**", scores, intervals)]
    rows += [
        (baseline.replace("_", " "), splits[split], {})
        for baseline, splits in results["baselines"].items()
        if split in splits
    ]
    lines = [f"| {split} | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    lines += [
        f"| {title} | " + " | ".join(_score(values.get(metric), limits.get(metric)) for metric in metrics) + " |"
        for title, values, limits in rows
    ]
    counts = results["data"]["counts"]
    count = f" on {counts[split]:,} examples" if isinstance(counts.get(split), int) else ""
    stored = results.get("details", {}).get("stored_weights", {})
    weights = "the stored weights" if stored.get("tried") else "the weights as trained"
    return "\n".join(lines) + (
        f"\n\nScores of {weights}{count}, with 95 % bootstrap intervals in parentheses. The rows below the first are baselines and "
        "ceilings. Test data was scored after every choice was made on validation data. `results.json` has all metrics."
    )


def _score(value: float | None, limits: list | None = None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    digits = 2 if abs(value) >= 10 else 4
    return f"{value:.{digits}f}{format_interval(limits, digits)}"


def _training(results: dict, settings: dict, notes: dict) -> str:
    """Data, command, seed, commit, hardware and time."""
    counts = ", ".join(
        f"{split} {count:,}" for split, count in results["data"]["counts"].items() if isinstance(count, int)
    )
    versions = ", ".join(f"{package} {version}" for package, version in results["versions"].items())
    checksum = results["data"].get("checksum")
    rows = [
        ("data", ", ".join(_data_files(results)) or "built-in"),
        ("examples", counts),
        ("checksum of the data", checksum if isinstance(checksum, str) else ""),
        ("seed", results["seed"]),
        ("precision", settings.get("precision", "float32")),
        ("epochs", f"{results['epochs']}, the best is {results['best_epoch']}"),
        ("training", f"{results['seconds']:,.0f} s, {results['peak_memory_gib']:.1f} GiB"),
        ("hardware", results["hardware"]),
        ("software", versions),
        ("commit", results["commit"]),
    ]
    table = "\n".join(
        ["| | |", "|---|---|", *(f"| {title} | {value} |" for title, value in rows if value not in ("", None))]
    )
    command = f"```\n{results['command']}\n```"
    return "\n\n".join(filter(None, [notes.get("training", "").strip("\n"), command, table]))


def _data_files(results: dict) -> list[str]:
    """The names of the files that the run was trained and scored on."""
    files = results["data"]["files"]
    files = [name for names in files.values() for name in names] if isinstance(files, dict) else files
    return list(dict.fromkeys(files))


def _stored_weights(results: dict) -> str:
    """How the weights were made small, and what that cost."""
    stored = results.get("details", {}).get("stored_weights")
    if not stored:
        return ""
    title = "## How the weights are stored"
    if not stored["tried"]:
        return f"{title}\n\nAs {stored['weights']}, which was not scored."
    text = (
        f"As {stored['weights']}: the smallest file of the table whose score is within 0.1 point of that of the trained weights. "
        "A grid rounds each matrix to multiples of a power of two, about the given fraction of its root mean square. Keras opens "
        "the file like any other."
    )
    sample = f", {stored['limit']:,} examples" if stored.get("limit") else ""
    lines = [f"| weights | bytes | {headline(results)['title']}, {stored['split']}{sample} |", "|---|---|---|"]
    for trial in stored["tried"]:
        name = f"**{trial['weights']}**" if trial["weights"] == stored["weights"] else trial["weights"]
        lines.append(f"| {name} | {trial['bytes']:,} | {_score(trial['score'])} |")
    return "\n\n".join([title, text, "\n".join(lines)])
