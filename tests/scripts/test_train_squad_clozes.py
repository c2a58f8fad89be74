"""train_squad.py with questions made from text, before and beside real ones."""

import json

import pytest

from tests.helpers.scripts import error_line, run
from tests.scripts.test_train_squad import TINY, squad_file
from utils.squad.clozes import main
from utils.squad.question import Answer, Question
from utils.squad.squad_file import squad_file as written


def write_clozes(folder):
    """Write `text.txt` and the 96 questions made from it, `clozes.json`; text of `held_out.json` must not be in it."""
    towns = [
        f"In the west, the old town of Mill{number:02} has a harbour with red boats. The red boats of the harbour bring fish to "
        f"Mill{number:02} and to the villages around it. Nobody has counted the boats, but there are many of them."
        for number in range(24)
    ]
    text, excluded, clozes = (str(folder / name) for name in ("text.txt", "held_out.json", "clozes.json"))
    (folder / "text.txt").write_text("\n\n".join(towns))
    main(["--text-files", text, "--exclude-files", excluded, "--out", clozes])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with data, clozes and a training beside them, and the flags of all trainings in it."""
    cwd = tmp_path_factory.mktemp("clozes")
    squad_file(cwd / "towns.json", 160)
    squad_file(cwd / "held_out.json", 8)
    write_clozes(cwd)
    data = ("--train-files", "towns.json", "--validation-files", "held_out.json")
    flags = (*data, *TINY, "--no-export", "--epochs", "1", "--cloze-files", "clozes.json")
    status, output, errors = run(*flags, "--run-dir", "whole", cwd=cwd)
    assert status == 0 and "clozes: 96 questions, 96 windows with an answer" in output, errors
    return cwd, flags


def test_clozes_alone_are_trained_on(world):
    cwd, _ = world
    flags = ("--train-files", "clozes.json", "--validation-fraction", "0.2", *TINY, "--no-export", "--epochs", "1")
    status, _, errors = run(*flags, "--run-dir", "alone", cwd=cwd)
    assert status == 0, errors
    results = json.loads((cwd / "alone" / "results.json").read_text())
    # the four clozes of a paragraph are held out together, of at most a fifth of all
    assert results["data"]["counts"] == {"train": 80, "validation": 16}
    assert results["data"]["labels"]["lost"] == results["data"]["labels"]["cut"] == 0


def test_clozes_of_a_test_paragraph_are_refused(world):
    cwd, flags = world
    status, _, errors = run(*flags, "--test-files", "clozes.json", "--run-dir", "refused", cwd=cwd)
    assert status == 2 and "of a test paragraph" in error_line(errors)
    assert not (cwd / "refused").exists()  # nothing was begun


def test_text_that_clozes_were_made_from_is_known_to_every_later_run(world):
    """A run on towns begins with weights that were learned from clozes; its students and successors are told."""
    cwd, _ = world
    towns = (
        "--train-files",
        "towns.json",
        "--validation-files",
        "held_out.json",
        *TINY,
        "--no-export",
        "--epochs",
        "1",
    )
    clozes = ("--train-files", "clozes.json", *towns[2:])
    assert run(*clozes, "--run-dir", "first", cwd=cwd)[0] == 0
    tiny = tuple(flag for flag in towns if flag not in ("--vocabulary-size", "300"))
    status, output, errors = run(*tiny, "--init-from", "first", "--run-dir", "second", cwd=cwd)
    assert status == 0 and "weights are taken from its QATransformer" in output, errors
    paragraphs = (cwd / "text.txt").read_text().split("\n\n")
    scored = [Question(f"{n}", "", text, "Where?", (Answer(text[:6], 0),)) for n, text in enumerate(paragraphs)]
    (cwd / "scored.json").write_bytes(written(scored, is_compressed=False))
    for flag, settings in (("--init-from", tiny), ("--teachers", towns)):
        status, _, errors = run(*settings, flag, "second", "--test-files", "scored.json", "--run-dir", "third", cwd=cwd)
        assert status == 2 and f"{flag} second: has learned from 24 of 24 paragraphs" in error_line(errors)
        assert not (cwd / "third").exists()
