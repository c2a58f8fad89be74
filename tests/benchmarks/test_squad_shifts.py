"""benchmarks/squad_shifts.py: its starts, the check of what a pretraining saw, and its table."""

import json

import pytest

from benchmarks.squad_shifts import Start, all_starts, as_markdown, check_unseen, row_of
from utils.common.errors import UserError


def pretrained(folder, exclude_files):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"exclude_files": exclude_files}))
    return folder


def test_starts_have_the_names_of_their_folders_and_flags_of_their_own(tmp_path):
    spans = pretrained(tmp_path / "spans", ["data/wiki.json.gz"])
    scratch, text, encoder = all_starts([spans], ["models/MiniLM"], [tmp_path / "wiki.json.gz"])
    assert scratch == Start("scratch")
    assert text == Start("spans", ("--init-from", str(spans)))
    assert (encoder.name, encoder.flags[:4]) == ("MiniLM", ("--model", "bert", "--init-from", "models/MiniLM"))
    with pytest.raises(UserError, match="spans: is the name of two starts"):
        all_starts([spans], ["models/spans"], [])


def test_a_pretraining_that_may_have_seen_a_test_file_is_refused(tmp_path):
    spans = pretrained(tmp_path / "spans", ["data/wiki.json.gz"])
    check_unseen(spans, [tmp_path / "wiki.json.gz"])
    with pytest.raises(UserError, match=r"may hold paragraphs of reddit.json; train it with --exclude-files"):
        check_unseen(spans, [tmp_path / "wiki.json.gz", tmp_path / "reddit.json"])
    with pytest.raises(UserError, match=r"is no run of pretrain_text\.py"):
        check_unseen(tmp_path / "nothing", [tmp_path / "wiki.json.gz"])


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
