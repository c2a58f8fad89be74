"""Which data a finished run is scored on: its own, wherever its files lie now, or new files."""

import hashlib
import os
from pathlib import Path

import pytest

from utils.common.errors import UserError
from utils.training.run_files import changed_data, checksum_of, file_checksums, find_data

TESTED = {"test": {}, "validation": {}}


@pytest.fixture
def files(tmp_path):
    """Paths of some files, each with its name as its content."""
    paths = {}
    for name in ("train", "dev", "test", "other", "facts"):
        paths[name] = tmp_path / f"{name}.txt"
        paths[name].write_text(name)
    return paths


def run_of(metrics=TESTED, **settings):
    """The settings and results of a run that read these files."""
    settings = {name: [str(path) for path in paths] for name, paths in settings.items()}
    return settings, {"metrics": metrics, "data": {"file_checksums": file_checksums(settings)}}


def test_checksums_are_those_of_the_bytes(files, tmp_path):
    assert checksum_of(files["train"]) == f"sha256:{hashlib.sha256(b'train').hexdigest()}"
    before = checksum_of(tmp_path)
    assert checksum_of(tmp_path) == before != checksum_of(files["train"])
    files["train"].write_text("more")
    assert checksum_of(tmp_path) != before
    with pytest.raises(UserError, match="no such file; check the path"):
        checksum_of(tmp_path / "none.txt")


def test_two_files_of_one_name_keep_their_checksums(files, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "train.txt").write_text("others")
    checksums = file_checksums({"train_files": [files["train"], tmp_path / "more" / "train.txt"], "truth": None})
    assert len(checksums["train_files"]) == 2 and set(checksums) == {"train_files"}


def test_a_file_of_this_folder_keeps_its_checksum_beside_one_of_the_same_name_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("more").mkdir()
    for name in ("train.txt", "more/train.txt"):
        Path(name).write_text(name)
    paths = [Path("more/train.txt"), Path("train.txt")]
    checksums = file_checksums({"train_files": paths})["train_files"]
    assert checksums == {str(path): checksum_of(path) for path in paths}


def test_without_files_a_run_is_scored_on_its_own_test_data(files):
    settings, results = run_of(train_files=[files["train"]])
    source = find_data(settings, results, {})
    assert source.is_own and source.files == {"train_files": [files["train"]]} and not source.absent
    assert find_data({"train_files": []}, results, {}).files == {}  # built-in data
    with pytest.raises(UserError, match="has no test data of its own; name files with --test-files"):
        find_data(settings, {**results, "metrics": {"validation": {}}}, {})


def test_the_files_that_test_data_was_held_out_of_are_recognised_wherever_they_lie(files, tmp_path):
    settings, results = run_of(train_files=[files["train"]])
    moved = tmp_path / "moved.txt"
    moved.write_text("train")
    files["train"].unlink()
    source = find_data(settings, results, {"test_files": [moved]})
    assert source.is_own and source.files == {"train_files": [moved]} and source.notes == []
    absent = find_data(settings, results, {})
    assert absent.absent == {"train_files": ["train.txt"]}
    with pytest.raises(UserError, match=r"train.txt: the run's own data.* is not where it was"):
        absent.check_complete()
    absent.check_complete("test_files")


def test_a_file_that_has_changed_is_not_the_run_s(files):
    settings, results = run_of(train_files=[files["train"]])
    files["train"].write_text("another")
    assert find_data(settings, results, {}).absent == {"train_files": ["train.txt"]}


def test_the_run_s_test_files_alone_or_with_all_others_are_its_own_data(files):
    settings, results = run_of(train_files=[files["train"]], test_files=[files["test"]])
    for named in ([files["test"]], [files["test"], files["train"]]):
        source = find_data(settings, results, {"test_files": named})
        assert source.is_own and source.files["test_files"] == [files["test"]]
        assert source.notes == [
            f"{path}: is one of the run's other files, which are not scored; its test data are" for path in named[1:]
        ]


def test_other_files_are_new_data_and_training_files_are_named(files):
    settings, results = run_of(
        train_files=[files["train"]], validation_files=[files["dev"]], test_files=[files["test"]]
    )
    source = find_data(settings, results, {"test_files": [files["other"]], "facts": []})
    assert not source.is_own and source.files == {"test_files": [files["other"]]} and source.notes == []
    source = find_data(settings, results, {"test_files": [files["other"], files["train"], files["dev"]]})
    assert not source.is_own
    assert [note.split(": ")[1] for note in source.notes] == [
        "is one of the run's train files, so scores on it are not those of new data",
        "is one of the run's validation files, so scores on it are not those of new data",
    ]


def test_a_run_without_test_data_is_scored_on_its_validation_file_with_a_warning(files):
    settings, results = run_of({"validation": {}}, train_files=[files["train"]], validation_files=[files["dev"]])
    source = find_data(settings, results, {"test_files": [files["dev"]]})
    assert not source.is_own and "is one of the run's validation files" in source.notes[0]


def test_the_validation_part_is_one_of_the_run_s_own_data(files):
    settings, results = run_of(train_files=[files["train"]], test_files=[files["test"]])
    assert find_data(settings, results, {}, "validation").is_own
    assert find_data(settings, results, {"test_files": [files["train"], files["test"]]}, "validation").is_own
    with pytest.raises(UserError, match="--split validation: is a part of the run's own data"):
        find_data(settings, results, {"test_files": [files["other"]]}, "validation")


def test_facts_of_the_run_with_other_questions_are_new_data(files):
    settings, results = run_of(facts=[files["facts"]], templates=[files["train"]])
    assert find_data(settings, results, {"facts": [files["facts"]], "templates": [files["train"]]}).is_own
    assert not find_data(settings, results, {"facts": [files["facts"]], "test_files": [files["other"]]}).is_own


def test_runs_of_earlier_versions(files):
    """Of squad they have a checksum for each split; of other tasks none, but their files may still be there."""
    settings, _ = run_of(train_files=[files["train"]], test_files=[files["test"]])
    data = {"files": {"test": ["test.txt"]}, "checksum": {"test": checksum_of(files["test"])}}
    source = find_data(settings, {"metrics": TESTED, "data": data}, {"test_files": [files["test"]]})
    assert source.is_own
    results = {"metrics": TESTED, "data": {"files": ["train.txt"], "checksum": "sha256:0"}}
    assert find_data(settings, results, {"test_files": [files["test"]]}).is_own
    for name in ("train", "test"):
        files[name].unlink()
    source = find_data(settings, results, {"test_files": [files["other"]]})
    assert source.notes == ["the run keeps no checksums of its files: whether it was trained on these is not known"]


def test_the_files_that_changed_are_named(files, tmp_path):
    config_file = tmp_path / "config.json"
    config_file.write_text("{}")
    began = config_file.stat().st_mtime
    for path in files.values():
        os.utime(path, (began - 60, began - 60))

    def named(now, **settings):
        settings = {name: [str(path) for path in paths] for name, paths in settings.items()}
        stored = {"data_checksums": {"train": "1", "test": "2"}}
        return changed_data(settings | {"data_checksums": now}, stored, config_file)

    files_of_splits = {"train_files": [files["train"], files["other"]], "test_files": [files["test"]]}
    assert named({"train": "1", "test": "3"}, **files_of_splits) == str(files["test"])
    assert named({"train": "9", "test": "2"}, **files_of_splits) == f"{files['train']}, {files['other']}"
    os.utime(files["other"], (began + 60, began + 60))  # this one was written after the run began
    assert named({"train": "9", "test": "2"}, **files_of_splits) == str(files["other"])
    assert named({"train": "9", "test": "2"}) == ""  # built-in data
    assert named({"train": "9", "test": "2"}, text_files=[files["train"], files["other"]]) == str(files["other"])
    signals = files_of_splits | {"cloze_files": [files["train"]]}
    assert named({"train": "1", "test": "2", "cloze": "3"}, **signals) == str(files["train"])
    assert named({"train": "1", "test": "2", "init_from": "3"}, **files_of_splits, init_from=[files["test"]]) == str(
        files["test"]
    )


def test_of_many_changed_files_three_are_named(files, tmp_path):
    config_file = tmp_path / "config.json"
    config_file.write_text("{}")
    settings = {"facts": [str(path) for path in files.values()], "data_checksums": {"facts_and_questions": "1"}}
    text = changed_data(settings, {"data_checksums": {"facts_and_questions": "2"}}, config_file)
    assert text.endswith(" and 2 more") and text.count(", ") == 2
