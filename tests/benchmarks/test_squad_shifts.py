"""benchmarks/squad_shifts.py: its starts, the check of what a pretraining saw, scores that are kept, and its table."""

import json
from pathlib import Path

import pytest

from benchmarks import squad_shifts
from benchmarks.squad_shifts import Start, all_starts, as_markdown, check_excluded, check_names, row_of, scored
from utils.common.errors import UserError
from utils.training.run_files import checksum_of


def pretrained(folder, exclude_files):
    """Write what a finished run of pretrain_text.py leaves behind, as far as it is read here."""
    checksums = {"text_files": {}, "exclude_files": {path.name: checksum_of(path) for path in exclude_files}}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"exclude_files": [str(path) for path in exclude_files]}))
    (folder / "results.json").write_text(json.dumps({"task": "pretraining", "data": {"file_checksums": checksums}}))
    return folder


@pytest.fixture
def wiki(tmp_path):
    path = tmp_path / "wiki.json"
    path.write_text("questions about articles")
    return path


def test_starts_have_the_names_of_their_folders_and_flags_of_their_own(tmp_path, wiki):
    spans = pretrained(tmp_path / "spans", [wiki])
    scratch, text, encoder = all_starts([spans], ["models/MiniLM"], [wiki])
    assert scratch == Start("scratch")
    assert text == Start("spans", ("--init-from", str(spans)))
    assert (encoder.name, encoder.flags[:4]) == ("MiniLM", ("--model", "bert", "--init-from", "models/MiniLM"))
    with pytest.raises(UserError, match="spans: is the name of two starts"):
        all_starts([spans], ["models/spans"], [])


def test_a_pretraining_that_may_have_seen_a_test_file_is_refused(tmp_path, wiki):
    spans = pretrained(tmp_path / "spans", [wiki])
    copy, other = tmp_path / "renamed.json", tmp_path / "other" / "wiki.json"
    copy.write_bytes(wiki.read_bytes())
    other.parent.mkdir()
    other.write_text("other questions")
    check_excluded(spans, [wiki, copy])  # the bytes count
    with pytest.raises(UserError, match=r"may hold paragraphs of .*other/wiki.json, .*train it with --exclude-files"):
        check_excluded(spans, [wiki, other])  # and not the name
    with pytest.raises(UserError, match=r"missing.json: no such file"):
        check_excluded(spans, [tmp_path / "missing.json"])


def test_what_is_no_finished_pretraining_is_refused(tmp_path, wiki):
    with pytest.raises(UserError, match="no finished run there"):
        check_excluded(tmp_path / "nothing", [wiki])
    run = pretrained(tmp_path / "squad", [])
    for results, message in (
        ({"task": "squad", "data": {"file_checksums": {"train_files": {}}}}, r"is no run of pretrain_text\.py"),
        ({"task": "pretraining", "data": 3}, "damaged run"),
    ):
        (run / "results.json").write_text(json.dumps(results))
        with pytest.raises(UserError, match=message):
            check_excluded(run, [wiki])


def test_test_files_of_one_name_are_refused(tmp_path):
    check_names([tmp_path / "dev-v1.0.json", tmp_path / "dev-v1.1.json.gz"])
    for names in (("dev-v1.1.json", "dev-v1.1.json.gz"), ("a/dev.json", "b/dev.json"), ("dev.json", "dev.json")):
        with pytest.raises(UserError, match=r"would both be 'dev(-v1\.1)?'; rename one"):
            check_names([tmp_path / name for name in names])


def test_each_file_is_scored_once_and_has_its_own_scores(tmp_path, monkeypatch):
    """`evaluate.py` is played by a function that writes the file's content as its score."""
    commands = []

    def evaluate(command):
        commands.append(command)
        path, out = (Path(command[command.index(flag) + 1]) for flag in ("--test-files", "--out"))
        checksums = {"test_files": {path.name: checksum_of(path)}}
        results = {"metrics": {"test": {"f1": float(path.read_text())}}, "data": {"file_checksums": checksums}}
        out.mkdir()
        (out / "results.json").write_text(json.dumps(results))
        return 0

    monkeypatch.setattr(squad_shifts, "run_training", evaluate)
    old, new = tmp_path / "dev-v1.0.json", tmp_path / "dev-v1.1.json.gz"
    old.write_text("10")
    new.write_text("11")
    for _ in range(2):
        assert [scored(tmp_path / "seed-0", path)["f1"] for path in (old, new)] == [10.0, 11.0]
    assert len(commands) == 2
    new.write_text("12")
    with pytest.raises(UserError, match=r"seed-0-on-dev-v1\.1: has the scores on another file"):
        scored(tmp_path / "seed-0", new)


def test_the_table_has_means_over_seeds(tmp_path):
    runs = {}
    for seed, f1 in ((0, 40.0), (1, 44.0)):
        run = pretrained(tmp_path / f"seed-{seed}", [])
        results = {"metrics": {"validation": {"f1": f1 + 10}}, "data": {"counts": {"train": 95}}, "seconds": 60.0}
        results |= {"details": {}, "commit": "abc"}
        (run / "results.json").write_text(json.dumps(results))
        runs[run] = results, {"wiki.json": {"f1": f1, "exact_match": f1 - 10}}
    row = row_of("scratch", runs)
    assert (row["validation_f1"], row["f1"]["wiki.json"], row["minutes"]) == ([50.0, 54.0], [40.0, 44.0], [1.0, 1.0])
    assert "| scratch | 95 | 42.00 (40.0 to 44.0) / 32.00 | 1.0 |" in as_markdown([row])
