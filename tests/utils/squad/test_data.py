"""Readers of SQuAD files and their checks."""

import gzip
import hashlib
import json
import time
import urllib.error
import urllib.request

import pytest

from utils.common.errors import UserError
from utils.squad.data import (
    Answer,
    Question,
    describe,
    read_json,
    read_squad,
    read_squad_files,
    read_tfds,
)

CONTEXT = "Ærø is an island. Ærø has 6,052 inhabitants."


def entry(identifier="q1", **changes):
    record = {"id": identifier, "question": "How many live there?", "answers": [{"text": "6,052", "answer_start": 26}]}
    record.update(changes)
    return {key: value for key, value in record.items() if value is not None}


def layout(*entries, context=CONTEXT, title="Ærø"):
    return {"version": "1.1", "data": [{"title": title, "paragraphs": [{"context": context, "qas": list(entries)}]}]}


def write(folder, content, name="squad.json"):
    path = folder / name
    data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["squad.json", "squad.json.gz"])
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
    questions = read_squad(write(tmp_path, layout(entry(is_impossible=False), impossible)))
    assert [(question.is_impossible, len(question.answers)) for question in questions] == [(False, 1), (True, 0)]


def test_title_is_optional_and_a_byte_order_mark_is_allowed(tmp_path):
    content = layout(entry())
    del content["data"][0]["title"]
    path = write(tmp_path, b"\xef\xbb\xbf" + json.dumps(content).encode())
    assert read_squad(path)[0].title == ""


def test_unlabelled_questions_need_permission(tmp_path):
    path = write(tmp_path, layout(entry(answers=None)))
    assert read_squad(path, require_answers=False)[0].answers == ()
    with pytest.raises(UserError, match="no answers"):
        read_squad(path)


def test_offsets_may_be_left_unchecked_for_scoring(tmp_path):
    path = write(tmp_path, layout(entry(answers=[{"text": "6,052", "answer_start": -1}])))
    assert read_squad(path, check_offsets=False)[0].answers[0].start == -1


BAD_RECORDS = {
    "top level": ([], "the top level is not an object", "layout"),
    "no data": ({"version": "1.1"}, "data is missing", "layout"),
    "data": ({"data": {}}, "data is {}, not a list", "correct it"),
    "no articles": ({"data": []}, "no questions", "give a SQuAD file"),
    "article": ({"data": ["x"]}, "data[0] is not an object", "layout"),
    "no paragraphs": ({"data": [{"title": "x"}]}, "data[0].paragraphs is missing", "layout"),
    "title": (layout(entry(), title=7), "data[0].title is 7, not a string", "correct it"),
    "no context": ({"data": [{"paragraphs": [{"qas": []}]}]}, "data[0].paragraphs[0].context is missing", "layout"),
    "no id": (layout(entry(), entry(None)), "data[0].paragraphs[0].qas[1].id is missing", "layout"),
    "id": (layout(entry(5)), "qas[0].id is 5, not a string", "correct it"),
    "no question": (layout(entry(question=None)), "qas[0].question is missing", "layout"),
    "answer": (layout(entry(answers=["6,052"])), "qas[0].answers[0] is not an object", "layout"),
    "no start": (layout(entry(answers=[{"text": "x"}])), "answers[0].answer_start is missing", "layout"),
    "start": (layout(entry(answers=[{"text": "x", "answer_start": "3"}])), "'3', not a whole number", "correct it"),
    "start true": (layout(entry(answers=[{"text": "x", "answer_start": True}])), "not a whole number", "correct it"),
    "impossible": (layout(entry(is_impossible=0)), "is_impossible is 0, not true or false", "correct it"),
    "contradiction": (layout(entry(is_impossible=True)), "'q1' has answers but is_impossible", "remove one"),
    "empty context": (layout(entry(), context=" \n"), "'q1' has an empty context", "remove the question"),
    "empty question": (layout(entry(question=" ")), "'q1' has an empty question", "remove the question"),
    "empty answer": (layout(entry(answers=[{"text": "", "answer_start": 3}])), "empty answer text", "remove"),
    "no answers": (layout(entry(answers=[])), "'q1' has no answers", "set is_impossible"),
    "twice": (layout(entry(), entry()), "'q1' appears twice", "an id of its own"),
}


@pytest.mark.parametrize("content, problem, remedy", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_bad_record_is_named(tmp_path, content, problem, remedy):
    path = write(tmp_path, content)
    with pytest.raises(UserError) as caught:
        read_squad(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and problem in message and remedy in message and "\n" not in message


COMPRESSED = gzip.compress(json.dumps(layout(entry())).encode())
BAD_FILES = {
    "missing": ("squad.json", None, "no such file", "check the path"),
    "empty": ("squad.json", b"", "empty", "download it again"),
    "blank": ("squad.json", b" \n", "empty", "download it again"),
    "broken": ("squad.json", b'{"data": [\n  {"title" 3}]}', "line 2, column 12", "repair"),
    "two documents": ("squad.json", b'{"data": []}\n{"data": []}', "line 2, column 1", "repair"),
    "not UTF-8": ("squad.json", b'{"data": "\xff"}', "byte 10", "UTF-8"),
    "too deep": ("squad.json", b"[" * 100_000, "cannot be parsed", "SQuAD"),
    "gzip cut short": ("squad.json.gz", COMPRESSED[:-9], "cut short", "download it again"),
    "gzip damaged": ("squad.json.gz", COMPRESSED[:30] + b"\xff\xff\xff" + COMPRESSED[33:], "gzip", "download it again"),
    "not gzip": ("squad.json.gz", b'{"data": []}', "not a readable gzip", "drop .gz"),
    "empty gzip": ("squad.json.gz", b"", "empty", "download it again"),
    "gzip without its name": ("squad.json", COMPRESSED, "this is gzip", "end in .gz"),
}


@pytest.mark.parametrize("name, content, problem, remedy", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_named(tmp_path, name, content, problem, remedy):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_squad(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and problem in message and remedy in message and "\n" not in message


def test_folder_and_unreadable_file_are_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"this is a folder; name the \.json") as caught:
        read_json(tmp_path)
    assert str(tmp_path) in str(caught.value)

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("utils.squad.data.open_binary", refuse)
    with pytest.raises(UserError, match=r"squad.json: cannot be read \(Permission denied\); check its permissions"):
        read_json(tmp_path / "squad.json")


def test_wrong_offset_names_the_text_there(tmp_path):
    byte_offset = len(CONTEXT[:26].encode())  # 30: what a count of bytes instead of characters gives
    wrong = entry("q2", answers=[{"text": "6,052", "answer_start": byte_offset}])
    path = write(tmp_path, layout(entry(), wrong, entry("q3", answers=[{"text": "elsewhere", "answer_start": 0}])))
    with pytest.raises(UserError) as caught:
        read_squad(path)
    message = str(caught.value)
    assert message.startswith(
        f"{path}: question 'q2': answer_start 30 should point at '6,052' but the text there is '2 inh'"
    )
    assert "2 of 3 answers are wrong" in message and message.endswith("correct it, e.g. to 26") and "\n" not in message


@pytest.mark.parametrize("start", [-1, 0, 10_000])
def test_answer_that_is_not_in_the_context(tmp_path, start):
    path = write(tmp_path, layout(entry(answers=[{"text": "7,000", "answer_start": start}])))
    with pytest.raises(UserError, match="does not occur in the context at all"):
        read_squad(path)


def test_several_files(tmp_path):
    first = write(tmp_path, layout(entry("q1")), "first.json")
    second = write(tmp_path, layout(entry("q2")), "second.json.gz")
    assert [question.id for question in read_squad_files([first, str(second)])] == ["q1", "q2"]
    assert [question.id for question in read_squad_files(second)] == ["q2"]
    third = write(tmp_path, layout(entry("q3"), entry("q1")), "third.json")
    with pytest.raises(UserError, match=r"'q1' is in both; give every question once") as caught:
        read_squad_files([first, second, third])
    assert str(first) in str(caught.value) and str(third) in str(caught.value)
    with pytest.raises(UserError, match="no SQuAD files are named; name at least one"):
        read_squad_files([])


def test_describe(tmp_path):
    impossible = entry("q2", answers=[], is_impossible=True)
    paths = [write(tmp_path, layout(entry(), impossible), "a.json"), write(tmp_path, layout(entry("q3")), "b.json.gz")]
    questions = read_squad_files(paths)
    checksum = hashlib.sha256(paths[0].read_bytes() + paths[1].read_bytes()).hexdigest()
    counts = {"articles": 1, "paragraphs": 1, "questions": 3, "answers": 2, "unanswerable": 1}
    expected = {"files": ["a.json", "b.json.gz"], **counts, "checksum": f"sha256:{checksum}"}
    assert describe(questions, paths) == json.loads(json.dumps(expected))
    assert describe(questions, paths[0])["checksum"] == f"sha256:{hashlib.sha256(paths[0].read_bytes()).hexdigest()}"
    assert describe(questions)["files"] == [] and describe(questions)["checksum"] != describe(questions[1:])["checksum"]


@pytest.mark.parametrize("name, impossible", [("squad", False), ("squad/v2.0", True)])
def test_tfds_prepares_once_and_then_reads_without_a_network(tmp_path, monkeypatch, name, impossible):
    tfds = pytest.importorskip("tensorflow_datasets")
    second = entry("q2", answers=[], is_impossible=True) if impossible else entry("q2")
    file = write(tmp_path, layout(entry(is_impossible=False), second))
    calls = []

    class Reply:
        def close(self):
            calls.append("closed")

    def answer(request, timeout):
        calls.append((request.get_method(), timeout <= 5))
        return Reply()

    def download(self, urls):
        return {split: str(file) for split in urls}

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", download)
    expected = read_squad(file)
    for split in ("train", "validation", "train[:50%]"):
        questions = read_tfds(name, split, tmp_path / "tfds")
        assert set(questions) == set(expected) if "[" not in split else len(questions) == 1
    assert calls == [("HEAD", True), "closed"]


def test_tfds_without_a_network_fails_fast(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"rajpurkar.github.io.*cannot be reached.*no route to host") as caught:
        read_tfds("squad", "train", tmp_path)
    message = str(caught.value)
    assert "--train-files/--validation-files" in message and "--data demo" in message and "\n" not in message
    assert time.monotonic() - started < 20


def test_tfds_failed_download_names_the_remedy(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self, urls):
        raise ConnectionError("reset\nby peer")

    monkeypatch.setattr("utils.squad.data._check_reachable", lambda *arguments: None)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", fail)
    with pytest.raises(UserError, match=r"download failed \(.*reset by peer.*--data demo") as caught:
        read_tfds("squad", "train", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name, split", [("squadron", "train"), ("squad", "test"), ("squad", "trainer")])
def test_tfds_unknown_name_or_split(name, split):
    with pytest.raises(UserError, match=r"give (one of squad|train or validation)"):
        read_tfds(name, split)
