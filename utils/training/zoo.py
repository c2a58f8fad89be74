"""Publish a finished run: a small folder in `zoo/` with the weights, what its predictor reads, its scores and its model card."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePath

from utils.common.archives import read_model_file
from utils.common.errors import UserError
from utils.common.files import read_json, write_atomically, write_json
from utils.common.references import PUBLISHED_FILES, ZOO, model_folder
from utils.training.finished import damaged_run_as_user_error, read_run
from utils.training.model_card import NOTES_FILE, headline, model_card, read_notes, scored_split
from utils.training.run_files import file_checksums
from utils.training.small_weights import STEPS, store_small
from utils.training.training_summary import KEYS, copy_summary, read_training_summary

EVALUATE = Path(__file__).parents[2] / "evaluate.py"
MAX_MODEL_BYTES = 10 * 2**20
"""Of a published folder."""
MAX_SUMMARY_BYTES = 2**20
"""Of an array of `training_summary.npz`. Without a larger one, `evaluate.py` leaves out the baseline that needs it, and says so."""
TOLERANCE = 0.1
"""Points, in percent, that the score of the stored weights may be below that of the trained ones on validation data."""
PERCENT_METRICS = ("exact_match", "f1")
"""Metrics from 0 to 100; the others are fractions, or nats."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FILE_ENDING = re.compile(r"\.[A-Za-z]\w*$")
_FOLDER = re.compile(r"^(~|\.{1,2})?/|^[A-Za-z]:\\")


def publish_run(
    run_dir: str | Path,
    name: str,
    *,
    replace: bool = False,
    scored: bool = True,
    facts: str | Path | None = None,
    limit: int = 0,
    options: Sequence[str] = (),
    zoo: Path = ZOO,
) -> Path:
    """Publish a run as `zoo/NAME`.

    The weights are stored in the smallest of several ways whose score on validation data stays within 0.1 point. Then the stored
    weights are scored on the test data, once. `card.yaml` of the folder, if it is there, has the parts of the card that a person
    writes; it stays, and so does `examples/`.

    Args:
        run_dir: directory of a finished run.
        name: of the published model: small letters, digits and hyphens.
        replace: whether a model of that name is replaced.
        scored: score the stored weights with `evaluate.py`. If not, they are float16, and the scores are those of the run.
        facts: a file of facts to answer from, in the place of those that a run of memnet was trained on.
        limit: compare the ways to store weights on this many validation examples; 0 is all.
        options: further arguments of `evaluate.py`, such as where the run's data lies now.
        zoo: folder of the published models.

    Returns:
        the folder.

    Raises:
        UserError: the name is taken or wrong, the run is not finished, its data cannot be found, or the folder would be too large.
    """
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise UserError(
            f"{name}: a published model's name has small letters, digits and hyphens, such as squad-matching"
        )
    folder = zoo / name
    if (folder / "results.json").exists() and not replace:
        raise UserError(f"{folder}: is published already; choose another name, or add --replace")
    run_dir = model_folder(run_dir)
    settings, results = read_run(run_dir)
    notes = read_notes(folder / NOTES_FILE) if (folder / NOTES_FILE).exists() else {}
    if facts and results["task"] != "memnet":
        raise UserError(f"--facts: is for runs of memnet, this is one of {results['task']}; leave it out")
    other_facts = _read_table_of_facts(Path(facts)) if facts else None
    with damaged_run_as_user_error(run_dir):
        read_model_file(Path(run_dir) / "best.keras")
    results["data"].setdefault("file_checksums", file_checksums(settings))
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / name
        _copy_run(Path(run_dir), trial)
        if scored:
            results = _smallest_good(Path(run_dir), trial, results, options, limit)
        else:
            store_small(Path(run_dir) / "best.keras", trial / "best.keras")
            unscored = {"weights": "float16", "split": None, "tried": []}
            results = {**results, "details": {**results["details"], "stored_weights": unscored}}
        _keep_small_summary(trial, is_with_other_facts=bool(other_facts))
        if other_facts:
            (trial / "facts.tsv").write_bytes(other_facts)
        results, settings = without_folders(results, name), without_folders(settings, name)
        write_json(trial / "results.json", results)
        write_json(trial / "config.json", settings)
        write_atomically(trial / "README.md", model_card(results, settings, notes, name))
        check_size([*trial.iterdir(), *folder.glob("examples/*")], folder)
        _check_no_folders(trial, Path(run_dir))
        folder.mkdir(parents=True, exist_ok=True)
        for old in PUBLISHED_FILES:
            if old != NOTES_FILE and not (trial / old).exists():
                (folder / old).unlink(missing_ok=True)
        for path in sorted(trial.iterdir(), key=lambda path: path.name == "results.json"):  # which makes it published
            write_atomically(folder / path.name, path.read_bytes())
    write_table(zoo)
    return folder


def _read_table_of_facts(path: Path) -> bytes:
    """The bytes of a table of facts, which the predictor and `answer.py` read.

    Raises:
        UserError: it is something else.
    """
    try:
        content = path.read_bytes()
        lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"{path}: cannot be read ({reason}); name a file of facts with --facts") from None
    if not lines or any(line.count("\t") < 2 for line in lines):
        raise UserError(
            f"{path}: is no table of facts; give subject, relation and object with tabs between in each line"
        )
    return content


def check_size(paths: Sequence[Path], folder: Path) -> None:
    """Check that files are not too large to be published together.

    Raises:
        UserError: they are.
    """
    size = sum(path.stat().st_size for path in paths if path.is_file())
    if size > MAX_MODEL_BYTES:
        raise UserError(
            f"{folder}: would take {size:,} bytes, more than {MAX_MODEL_BYTES:,}; train a smaller model, or leave examples out"
        )


def write_table(zoo: Path = ZOO) -> None:
    """Write `results.csv`, a row for each published model."""
    rows = []
    for path in sorted(zoo.glob("*/results.json")):
        with damaged_run_as_user_error(path.parent):
            rows.append(_table_row(path.parent))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(zoo / "results.csv", buffer.getvalue())


def _table_row(folder: Path) -> dict:
    results = read_json(folder / "results.json")
    main, split = headline(results), scored_split(results)
    metric = main["metric"]
    low, high = results["intervals"].get(split, {}).get(metric) or (None, None)
    best = min if main["lower_is_better"] else max
    plain = {
        name: splits[split][metric]
        for name, splits in results["baselines"].items()
        if name in main.get("plain", ()) and splits.get(split, {}).get(metric) is not None
    }
    baseline = best(plain, key=plain.get) if plain else ""
    return {
        "name": folder.name,
        "task": results["task"],
        "model": results["model"],
        "parameters": results["parameters"],
        "bytes": (folder / "best.keras").stat().st_size,
        "split": split,
        "metric": metric,
        "score": results["metrics"][split][metric],
        "low": low,
        "high": high,
        "score_as_trained": results["details"].get("as_trained", {}).get(split),
        "baseline": baseline,
        "baseline_score": plain.get(baseline),
        "seed": results["seed"],
        "commit": results["commit"],
    }


def _copy_run(run_dir: Path, folder: Path) -> None:
    """Copy what a predictor and `evaluate.py` read, all but the weights."""
    folder.mkdir()
    for name in PUBLISHED_FILES:
        if name not in ("README.md", "best.keras", NOTES_FILE) and (run_dir / name).is_file():
            shutil.copyfile(run_dir / name, folder / name)


def _keep_small_summary(folder: Path, is_with_other_facts: bool) -> None:
    """Leave large arrays out of what is kept of the training data; with other facts, all but the keys of its examples."""
    arrays = read_training_summary(folder)
    large = [name for name, array in arrays.items() if array.nbytes > MAX_SUMMARY_BYTES]
    copy_summary(folder, folder, without=set(arrays) - {KEYS} if is_with_other_facts else large)


def _smallest_good(run_dir: Path, trial: Path, results: dict, options: Sequence[str], limit: int) -> dict:
    """Store the run's weights in `trial` in the smallest way that is good enough, and return the results of these weights."""
    on_validation = [*options, "--split", "validation"]
    limited = ["--limit", str(limit)] if limit else []
    tried, validations = [], []
    for title, store in ways_to_store():
        store(run_dir / "best.keras", trial / "best.keras")
        validations.append(evaluate(trial, [*on_validation, *limited]))
        main = headline(validations[-1])
        score = validations[-1]["metrics"]["validation"][main["metric"]]
        size = (trial / "best.keras").stat().st_size
        print(f"{title}: {size:,} bytes, {main['title']} {score:.5g} on validation", flush=True)
        tried.append({"weights": title, "bytes": size, "score": score})
        if points_lost(main, tried[0]["score"], score) > TOLERANCE:
            break  # a coarser grid is not better
    is_good = [points_lost(main, tried[0]["score"], entry["score"]) <= TOLERANCE for entry in tried]
    chosen = min((place for place, good in enumerate(is_good) if good), key=lambda place: tried[place]["bytes"])
    ways_to_store()[chosen][1](run_dir / "best.keras", trial / "best.keras")
    validation = evaluate(trial, on_validation) if limit else validations[chosen]
    test = evaluate(trial, options) if scored_split(results) != "validation" else validation
    stored = {"weights": tried[chosen]["weights"], "split": "validation", "limit": limit, "tried": tried}
    as_trained = {split: metrics.get(main["metric"]) for split, metrics in results["metrics"].items()}
    return {
        **results,
        **{part: {**validation[part], **test[part]} for part in ("metrics", "intervals")},
        "baselines": _with_baselines(results["baselines"], test["baselines"]),
        "headline": test["headline"],
        "details": {**results["details"], "stored_weights": stored, "as_trained": as_trained},
    }


def _with_baselines(of_run: dict, of_test: dict) -> dict:
    """The baselines of a run, with what was scored again in its place. What needs the training data was not scored again."""
    merged = {name: dict(splits) for name, splits in of_run.items()}
    for name, splits in of_test.items():
        for split, metrics in splits.items():
            merged.setdefault(name, {})[split] = {**merged.get(name, {}).get(split, {}), **metrics}
    return merged


def ways_to_store() -> list[tuple[str, Callable]]:
    """The ways to store weights, from the largest file to the smallest: a title, and a function of source and target."""
    grids = [(f"a grid of 1/{1 / step:.0f}", partial(store_small, step=step)) for step in STEPS]
    return [("float32", shutil.copyfile), ("float16", store_small), *grids]


def points_lost(main: dict, trained: float, score: float) -> float:
    """How many points a score is worse than that of the trained weights; a point is 1 of 100, of fractions and nats 0.01.

    >>> round(points_lost({"metric": "f1", "lower_is_better": False}, 63.5, 63.3), 3)
    0.2
    >>> round(points_lost({"metric": "nll", "lower_is_better": True}, 0.98, 0.983), 3)
    0.3
    """
    loss = score - trained if main["lower_is_better"] else trained - score
    return loss if main["metric"] in PERCENT_METRICS else 100 * loss


def evaluate(folder: Path, options: Sequence[str]) -> dict:
    """The results of `evaluate.py` on a folder, in a process of its own.

    Raises:
        UserError: it could not score it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        command = [sys.executable, str(EVALUATE), str(folder), "--out", str(out), *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            line = (done.stderr.strip().splitlines() or ["it stopped"])[-1].removeprefix("error: ")
            raise UserError(f"{line}; name the run's data after --, or publish with --unscored")
        return read_json(out / "results.json")


def without_folders(value, name: str):
    """Settings or results without the folders of the machine that wrote them: paths become names of files.

    >>> without_folders({"command": "python /home/ada/train.py --run-dir /tmp/run"}, "mine")
    {'command': 'python train.py --run-dir runs/mine'}

    Args:
        value: JSON values.
        name: of the published model, which takes the run directory's place.

    Raises:
        UserError: files of different folders have one name.
    """
    if isinstance(value, dict):
        plain = {
            _file_name(key): _plain_command(entry, name) if key == "command" else without_folders(entry, name)
            for key, entry in value.items()
        }
        if len(plain) < len(value):
            file = next(key for key in plain if sum(_file_name(other) == key for other in value) > 1)
            raise UserError(
                f"{file}: several of the run's files have this name, and a published model knows its files by name; rename one, "
                "and train again"
            )
        return plain
    if isinstance(value, list):
        return [without_folders(entry, name) for entry in value]
    return _file_name(value) if isinstance(value, str) else value


def _file_name(text: str) -> str:
    """The last part of a path that begins at a root, a home or a relative folder; any other text as it is."""
    return PurePath(text).name if _FOLDER.match(text) and "\n" not in text else text


def _plain_command(command: str, name: str) -> str:
    """A training's command without the folders of its files, and with `runs/NAME` as its run directory."""
    words = shlex.split(command)
    plain = [_plain_word(word) for word in words]
    for place, word in enumerate(words):
        if word.startswith("--run-dir="):
            plain[place] = f"--run-dir=runs/{name}"
        elif word == "--run-dir":
            plain[place + 1 : place + 2] = [f"runs/{name}"]
    if plain[0].startswith("train_"):
        plain.insert(0, "python")
    return shlex.join(plain)


def _plain_word(word: str) -> str:
    """A word of a command without the folders of a file; names of models, such as `google/electra-small`, have none."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    is_file = _FOLDER.match(value) or ("/" in value and _FILE_ENDING.search(value) and not value.startswith("hf://"))
    return flag + equals + (PurePath(value).name if is_file else value)


def _check_no_folders(folder: Path, run_dir: Path) -> None:
    """Check that no text of a folder names where this machine keeps things.

    Raises:
        UserError: one does.
    """
    places = {str(place.resolve()) for place in (run_dir, Path.cwd(), Path.home(), EVALUATE.parent)} - {"/"}
    for path in folder.iterdir():
        if path.suffix in (".md", ".json", ".csv"):
            text = path.read_text(encoding="utf-8")
            named = [place for place in sorted(places) if json.dumps(place)[1:-1] in text]  # as JSON escapes it
            if named:
                raise UserError(
                    f"{path.name} would name {named[0]}; name the run's files without folders, or train again from theirs"
                )
