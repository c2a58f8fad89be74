"""Publish, push and pull, with a stand-in for the Hugging Face Hub on this machine."""

import json

import pytest

from tests.helpers.finished_runs import finished_run
from tests.helpers.hub_server import hub_server
from utils.training.hub import main
from utils.training.zoo import publish_run

pytestmark = pytest.mark.tensorflow(reason="files are written and read without the backend")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with hub_server(monkeypatch, tmp_path / "cache") as server:
        yield server


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The folder of a published model, with an example and a file that is none of its own."""
    zoo = tmp_path / "zoo"
    monkeypatch.setattr("utils.common.references.ZOO", zoo)
    folder = publish_run(finished_run(tmp_path / "run"), "people", scored=False, zoo=zoo)
    (folder / "examples").mkdir()
    (folder / "examples" / "a.txt").write_text("an example")
    (folder / "secret.txt").write_text("mine")
    return folder


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_pushed_can_be_pulled_and_asked(hub, published, tmp_path, monkeypatch, capsys):
    from models import load_model
    from utils.memnet.predictor import MemnetPredictor

    monkeypatch.setenv("HF_TOKEN", "secret")
    assert main(["push", "people", "owner/people", "--private"]) == 0
    assert hub.private == {"owner/people": True}
    own = {name: content for name, content in files_of(published).items() if name != "secret.txt"}
    assert set(hub.repositories["owner/people"]) == set(own)
    monkeypatch.delenv("HF_TOKEN")
    assert main(["pull", "owner/people", "--to", str(tmp_path / "theirs")]) == 0
    assert files_of(tmp_path / "theirs") == own
    question = ["Where was Ada Holt born?"]
    answers = [
        MemnetPredictor.load(name).answer(question)
        for name in (published, tmp_path / "theirs", "hf://owner/people", "people")
    ]
    assert all(answer == answers[0] for answer in answers[1:])
    assert load_model("hf://owner/people").get_config() == load_model("people").get_config()


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_a_token_that_may_write_nothing_is_pushed(hub, published, monkeypatch, capsys, token):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert main(["push", "people", "owner/people"]) == 2
    errors = capsys.readouterr().err
    expected = (
        "owner/people: cannot be uploaded (" if token else "no token of the Hugging Face Hub: run `hf auth login`"
    )
    assert expected in errors and errors.count("\n") == 1
    assert not hub.repositories


def test_a_run_without_a_card_is_published_first(hub, tmp_path, capsys):
    run = finished_run(tmp_path / "run")
    assert main(["push", str(run), "owner/people"]) == 2
    assert "has no model card; publish it first" in capsys.readouterr().err


def test_what_strangers_push_is_checked_when_it_is_pulled(hub, published, tmp_path, capsys):
    files = {name: content for name, content in files_of(published).items() if name != "secret.txt"}
    hub.repositories["them/good"] = {**files, "../../evil": b"1", "train.py": b"import os"}
    hub.repositories["them/none"] = {"README.md": b"hello"}
    hub.repositories["them/zip"] = {**files, "best.keras": b"no model"}
    hub.repositories["them/unfinished"] = {**files, "results.json": b"[]"}
    for name, message in (
        ("them/none", "holds no published model"),
        ("them/zip", "its best.keras cannot be used"),
        ("them/unfinished", "damaged run"),
        ("them/missing", "there is no such repository"),
        ("them", "no name of a repository"),
    ):
        assert main(["pull", name, "--to", str(tmp_path / "theirs")]) == 2
        errors = capsys.readouterr().err
        assert message in errors and errors.splitlines()[-1].startswith("error: ")
        assert not (tmp_path / "theirs").exists()
    assert main(["pull", "them/good", "--to", str(tmp_path / "theirs")]) == 0
    assert files_of(tmp_path / "theirs") == files
    assert main(["pull", "them/good", "--to", str(tmp_path / "theirs")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_publish_prints_where_the_model_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "utils.training.hub.publish_run", lambda *arguments, **settings: finished_run(tmp_path / "made")
    )
    assert main(["publish", "runs/7", "people", "--unscored"]) == 0
    assert "use it as 'people'" in capsys.readouterr().out
    assert main(["pull", "owner/people", "--", "--limit", "3"]) == 2
    assert "only publish hands arguments to evaluate.py" in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_one_line(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({}))
    assert main(["publish", str(tmp_path / "run"), "people"]) == 2
    assert "no finished run there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "stopped\n"),
        (
            PermissionError(13, "Permission denied", "zoo/people"),
            2,
            "error: zoo/people: cannot be read or written (Perm",
        ),
    ],
)
def test_a_stop_or_a_folder_that_cannot_be_written_is_one_line(monkeypatch, capsys, error, status, line):
    def fail(*arguments, **settings):
        raise error

    monkeypatch.setattr("utils.training.hub.publish_run", fail)
    assert main(["publish", "run", "people"]) == status
    errors = capsys.readouterr().err
    assert errors.startswith(line) and errors.count("\n") == 1
