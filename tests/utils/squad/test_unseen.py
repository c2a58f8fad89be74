"""What a training learns from, and test questions that are about it."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.squad.cloze_questions import cloze_questions
from utils.squad.question import Answer, Question
from utils.squad.stored_questions import QuestionTable, StoredQuestions
from utils.squad.unseen import learned_paragraphs, paragraph_keys
from utils.training.training_summary import text_keys, write_training_summary

BRIDGE = (
    "In the spring, Boston built a bridge over the river. A long bridge over a river was what Boston wanted most of all. Nobody "
    "else in the whole country had ever seen such a large one."
)
TRAIN, VALIDATION, TEST, OTHER = ([Question(c, "t", f"Text {c}.", "Which?", (Answer(c, 5),))] for c in "abcd")
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def run_with(folder, keys):
    folder.mkdir()
    write_training_summary(folder, keys)
    return folder


def test_all_that_is_learned_directly_and_through_other_runs(tmp_path):
    first = run_with(tmp_path / "first", text_keys(["one", "two"]))
    second = run_with(tmp_path / "second", text_keys(["two", "three"]))
    (tmp_path / "checkpoint").mkdir()  # no run of this project
    clozes = cloze_questions(BRIDGE)
    learned = learned_paragraphs(SPLITS, clozes, first, [second, tmp_path / "checkpoint"])
    texts = {"one", "two", "three", "Text a.", "Text b.", BRIDGE, *(cloze.context for cloze in clozes)}
    assert len(clozes) > 1 and sorted(text_keys(texts)) == learned.tolist()
    third = run_with(tmp_path / "third", learned)  # what it keeps reaches the run after the next one
    assert np.array_equal(learned_paragraphs(SPLITS, init_from=third), learned)


@pytest.mark.parametrize("flag", ["--train-files", "--cloze-files", "--init-from", "--teachers"])
def test_test_paragraphs_that_were_learned_are_refused(tmp_path, flag):
    run = run_with(tmp_path / "run", paragraph_keys(cloze_questions(BRIDGE)))
    settings = {
        "--cloze-files": {"clozes": cloze_questions(BRIDGE)},
        "--init-from": {"init_from": run},
        "--teachers": {"teachers": [run]},
    }.get(flag, {})
    train = cloze_questions(BRIDGE) if flag == "--train-files" else TRAIN
    bridge = [Question("q", "t", f" {BRIDGE.upper()}", "Who?", (Answer("BOSTON", 16),))]
    message = rf"{flag}.* has learned from 1 of 2 paragraphs of the test questions; make it without them"
    with pytest.raises(UserError, match=message):
        learned_paragraphs({"train": train, "validation": VALIDATION, "test": TEST + bridge}, **settings)
    unlabelled = [Question("q", "t", BRIDGE, "Who?", ())]  # it is not scored
    for part in (TEST, TEST + unlabelled):
        learned_paragraphs({"train": train, "validation": VALIDATION, "test": part}, **settings)
    learned_paragraphs({"train": train, "validation": VALIDATION}, **settings)


def test_questions_on_disk_have_the_same_keys(tmp_path):
    questions, store = [*TRAIN, *cloze_questions(BRIDGE), *OTHER], StoredQuestions(tmp_path)
    for question in questions:
        store.put(question)
    table = QuestionTable(store, np.arange(len(questions), dtype=np.int32))
    assert np.array_equal(np.sort(paragraph_keys(table)), np.sort(paragraph_keys(questions)))
    assert text_keys([BRIDGE])[0] in paragraph_keys(table)
