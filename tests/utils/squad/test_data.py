"""Questions from files: labels, ids, bad records, and several files."""

import gzip
import hashlib
import json

import pytest

from tests.helpers.squad_layouts import CONTEXT, entry, layout
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.data import Answer, Question, describe, read_squad, read_squad_files


def write(folder, content, name="squad.json"):
    path = folder / name
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def read_among_good(tmp_path, *entries, **options):
    """Read a file of 40 good questions and these entries: the questions from the entries, and the notes."""
    good = [entry(f"good-{number}", question=f"Question {number}?") for number in range(40)]
    reading = Reading()
    questions = read_squad(write(tmp_path, layout(*good, *entries)), reading, **options)
    prefix = f"{tmp_path / 'squad.json'}: "
    assert all(note.startswith(prefix) for note in reading.notes)
    return questions[40:], [note.removeprefix(prefix) for note in reading.notes]


@pytest.mark.parametrize("name", ["squad.json", "squad.json.gz", "squad"])
def test_reads_version_1(tmp_path, name):
    second = {"text": "6,052 inhabitants", "answer_start": 26, "start_source": "unique"}
    content = layout(entry(answers=[{"text": "6,052", "answer_start": 26}, second], source="somewhere"), entry("q2"))
    questions = read_squad(write(tmp_path, content, name))
    answers = (Answer("6,052", 26), Answer("6,052 inhabitants", 26))
    assert questions[0] == Question("q1", "Ærø", CONTEXT, "How many live there?", answers, False)
    assert [question.id for question in questions] == ["q1", "q2"]


def test_reads_version_2_without_plausible_answers(tmp_path):
    plausible = [{"text": "nonsense", "answer_start": 999}]
    impossible = entry("q2", answers=[], is_impossible=True, plausible_answers=plausible)
    reading = Reading()
    questions = read_squad(write(tmp_path, layout(entry(is_impossible=False), impossible)), reading)
    assert [(question.is_impossible, len(question.answers)) for question in questions] == [(False, 1), (True, 0)]
    assert reading.notes == []


def test_types_may_be_loose(tmp_path):
    loose = entry(7, answers=[{"text": 6052, "answer_start": "26"}], is_impossible=None)
    loose |= {"question": 1843, "is_impossible": None}
    (question,) = read_squad(write(tmp_path, layout(loose, context="It has 6052 inhabitants...", title=3)))
    assert question == Question("7", "3", "It has 6052 inhabitants...", "1843", (Answer("6052", 7),), False)
    words = [entry(f"q{n}", answers=[], is_impossible=value) for n, value in enumerate([True, 1, "True", "1"])]
    assert all(question.is_impossible for question in read_squad(write(tmp_path, layout(*words))))
    words = [entry(f"q{n}", is_impossible=value) for n, value in enumerate([False, 0, "false", "no", ""])]
    assert not any(question.is_impossible for question in read_squad(write(tmp_path, layout(*words))))


def test_an_empty_list_of_answers_is_unanswerable_as_in_the_official_script(tmp_path):
    for labels_required in (True, False):
        for answers in ([], [{"text": "", "answer_start": -1}], {"text": [], "answer_start": []}):
            questions, notes = read_among_good(
                tmp_path, entry("empty", answers=answers), require_answers=labels_required
            )
            assert [question.is_impossible for question in questions] == [True]
            assert notes == [
                "1 record used, but the list of answers is empty: the question is taken as unanswerable "
                "(question 'empty')"
            ]


def test_a_file_of_empty_lists_is_not_labelled(tmp_path):
    path = write(tmp_path, layout(*[entry(f"q{number}", answers=[]) for number in range(3)]))
    reading = Reading()
    questions = read_squad(path, reading, require_answers=False)
    assert not any(question.is_labelled for question in questions)
    assert reading.notes[0].startswith(f"{path}: 3 records used, but the list of answers is empty in the whole file")
    marked = layout(entry("q1", answers=[]), entry("q2", answers=[], is_impossible=True))
    assert all(question.is_impossible for question in read_squad(write(tmp_path, marked), require_answers=False))


def test_unlabelled_questions_are_read_where_no_answers_are_needed(tmp_path):
    questions, notes = read_among_good(tmp_path, entry("new", answers=None), require_answers=False)
    assert questions[0].answers == () and not questions[0].is_labelled and notes == []
    questions, notes = read_among_good(tmp_path, entry("new", answers=None))
    assert questions == [] and notes == ["1 record left out, there are no answers (question 'new')"]
    path = write(tmp_path, layout(entry(answers=None)))
    with pytest.raises(UserError, match=r"no record in it can be used: there are no answers \(question 'q1'\)"):
        read_squad(path)


def test_ids_are_made_where_there_are_none(tmp_path):
    first = entry(None, question="A?")
    questions, notes = read_among_good(tmp_path, first, entry(None, question="B?"), entry("", question="C?"))
    assert [question.id for question in questions] == ["squad-41", "squad-42", "squad-43"]
    assert notes == [
        "3 records used, but there is no id: the question is named after its place in the file "
        "(question number 41, question number 42, question number 43)"
    ]
    taken = entry("squad-42", question="A?")
    questions, _ = read_among_good(tmp_path, taken, entry(None, question="B?"))
    assert [question.id for question in questions] == ["squad-42", "squad-42-2"]


def test_an_id_that_is_used_twice(tmp_path):
    other = entry("good-3", question="Another?")
    questions, notes = read_among_good(tmp_path, other)
    assert [question.id for question in questions] == [
        "squad-41"
    ] and "has the same id: the question is named" in notes[0]
    questions, notes = read_among_good(tmp_path, other, ids_are_keys=True)
    assert questions == [] and notes == [
        "1 of 41 records left out, another question has the same id (question 'good-3')"
    ]


def test_a_repeated_record_adds_its_answers(tmp_path):
    path = write(
        tmp_path,
        layout(entry(), entry(), entry(answers=[{"text": "6,052 inhabitants", "answer_start": 20}]), entry("q2")),
    )
    reading = Reading()
    questions = read_squad(path, reading)
    assert [question.answers for question in questions] == [
        (Answer("6,052", 26), Answer("6,052 inhabitants", 26)),  # the second one was 6 characters off
        (Answer("6,052", 26),),
    ]
    assert [note.split(" (")[0] for note in reading.notes] == [
        f"{path}: 1 record left out, an earlier record has the same question",
        f"{path}: 1 record left out, an earlier record has the same question: their answers are joined",
        f"{path}: 1 record used, but answer_start is wrong: the nearest occurrence of the answer is taken",
    ]


BAD_ENTRIES = {
    "id": (entry(["x"], question="Another?"), None),
    "no question": (entry(question=None), "the question is empty"),
    "blank question": (entry(question=" \n"), "the question is empty"),
    "question": (entry(question=["x"]), "the question is not a text"),
    "answers": (entry(answers=True), "an answer is not a text"),
    "answer": (entry(answers=[["6,052"]]), "an answer is not a text"),
    "text": (entry(answers=[{"text": {}, "answer_start": 3}]), "an answer is not a text"),
    "no text": (entry(answers=[{"answer_start": 3, "answer_end": 5}]), "an answer has no text"),
    "no texts": (entry(answers={"answer_start": [3]}), "the answers have no text"),
    "start": (entry(answers=[{"text": "6,052", "answer_start": "three"}]), "answer_start is not a number"),
    "start true": (entry(answers=[{"text": "6,052", "answer_start": True}]), "answer_start is not a number"),
    "lengths": (entry(answers={"text": ["6,052"], "answer_start": [1, 2]}), "the answers have more texts than offsets"),
    "JSON": (entry(answers="{'text': ['6,052']"), "the answers look like JSON and are not"),
    "no commas": (
        entry(answers="['6,052' '6,053']"),
        "the answers have no commas between them, as where NumPy prints a list",
    ),
    "impossible": (entry(is_impossible="maybe"), "is_impossible is neither true nor false"),
    "contradiction": (entry(is_impossible=True), "there are answers although is_impossible is true"),
    "half a character": (entry(question="Why \ud83d?"), "the question holds half a character"),
    "half an answer": (entry(answers=[{"text": "\ud83d", "answer_start": 1}]), "the answer holds half a character"),
    "elsewhere": (entry(answers=[{"text": "7,000", "answer_start": 26}]), "the answer is not in the context"),
    "no object": ("q1", "a question in it is not a JSON object"),
}


@pytest.mark.parametrize("bad, reason", BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_a_bad_record_is_left_out_and_named(tmp_path, bad, reason):
    questions, notes = read_among_good(tmp_path, bad)
    if reason is None:  # an id that is no text is as good as none
        assert [question.id for question in questions] == ["squad-41"] and "there is no id" in notes[0]
        return
    assert questions == [] and len(notes) == 1
    assert notes[0].startswith(f"1 of 41 records left out, {reason}") and "\n" not in notes[0]
    path = write(tmp_path, layout(entry("good"), bad))
    with pytest.raises(UserError, match="1 of 2 records cannot be used") as caught:
        read_squad(path)
    assert reason in str(caught.value) and "--max-bad-fraction" in str(caught.value)


def test_bad_paragraphs(tmp_path):
    data = layout(*[entry(f"q{number}", question=f"{number}?") for number in range(40)])
    data["data"][0]["paragraphs"] += [{"context": " ", "qas": [entry("x")]}, {"context": "A.", "qas": 3}]
    data["data"][0]["paragraphs"].append({"context": [["A", ["b"]]], "qas": [entry("y")]})
    reading = Reading(0.1)
    assert len(read_squad(write(tmp_path, data), reading)) == 40  # of 43
    assert [note.split("left out, ")[1] for note in reading.notes] == [
        "the context is empty (question 'x')",
        "qas is not a list (record 1)",
        "the context is not a text (question 'y')",
    ]


BAD_FILES = {
    "empty": (b"", "no record in it can be used"),
    "no articles": ({"data": []}, "no record in it can be used"),
    "another document": ({"version": "1.1"}, "it has no paragraphs, no qas and no question"),
    "numbers": ([1, 2], "it is not a JSON object"),
    "broken": (b'{"data": [\n  {"title" 3}]}', "line 2, column 12"),
    "nested too deeply": (b'{"data": [' * 60 + b"]}" * 60, "it is nested too deeply"),
    "gzip cut short": (gzip.compress(json.dumps(layout(entry())).encode())[:-9], "cut short"),
}


@pytest.mark.parametrize("content, problem", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_named(tmp_path, content, problem):
    path = write(tmp_path, content)
    with pytest.raises(UserError) as caught:
        read_squad(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and problem in message and "\n" not in message


def test_several_files(tmp_path):
    first = write(tmp_path, layout(entry("q1")), "first.json")
    second = write(tmp_path, layout(entry("q2")), "second.json.gz")
    assert [question.id for question in read_squad_files([first, str(second)])] == ["q1", "q2"]
    assert [question.id for question in read_squad_files(second)] == ["q2"]
    third = write(tmp_path, layout(entry("q3"), entry("q1"), entry("q2", question="Another?")), "third.json")
    reading = Reading()
    assert [question.id for question in read_squad_files([first, second, third], reading)] == [
        "q1",
        "q2",
        "q3",
        "third-3",
    ]
    assert list(reading.description()) == ["first.json", "second.json.gz", "third.json"]
    assert reading.description()["third.json"]["used"] == 2
    with pytest.raises(UserError, match="no files with questions are named"):
        read_squad_files([])


def test_other_answers_of_an_earlier_file_s_question_are_counted(tmp_path):
    first = write(tmp_path, layout(entry("q1")), "first.json")
    other = entry("q1", answers=[{"text": "island", "answer_start": 10}])
    second = write(tmp_path, layout(other, entry("q2")), "second.json")
    reading = Reading()
    questions = read_squad_files([first, second], reading)
    assert [answer.text for answer in questions[0].answers] == ["6,052"]
    assert any("an earlier file has the same question, with other answers" in note for note in reading.notes)


def test_describe(tmp_path):
    impossible, unlabelled = entry("q2", answers=[], is_impossible=True), entry("q4", answers=None)
    paths = [write(tmp_path, layout(entry(), impossible), "a.json")]
    paths += [write(tmp_path, layout(entry("q3"), unlabelled), "b.json.gz")]
    questions = read_squad_files(paths, require_answers=False)
    checksum = hashlib.sha256(paths[0].read_bytes() + paths[1].read_bytes()).hexdigest()
    counts = {"articles": 1, "paragraphs": 1, "questions": 4, "answers": 2, "unanswerable": 1, "unlabelled": 1}
    expected = {"files": ["a.json", "b.json.gz"], **counts, "checksum": f"sha256:{checksum}"}
    assert describe(questions, paths) == json.loads(json.dumps(expected))
    assert describe(questions, paths[0])["checksum"] == f"sha256:{hashlib.sha256(paths[0].read_bytes()).hexdigest()}"
    assert describe(questions)["files"] == [] and describe(questions)["checksum"] != describe(questions[1:])["checksum"]
