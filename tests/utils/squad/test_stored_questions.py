"""Questions on disk are those in memory: the same records, in the same order, with the same notes."""

import errno
import json
import os
import random
from dataclasses import replace

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad import data, splits, text_pool, tokenizer
from utils.squad.data import describe, read_squad_files
from utils.squad.stored_questions import QuestionTable
from utils.squad.text_pool import TextPool
from utils.squad.tokenizer import StoredTexts, prepare_tokenizer
from utils.squad.unseen import paragraph_keys

WORDS = ["Ada", "Lovelace", "wrote", "é", "\U0001f600", "programs", "in", "1843", ".", "Île"]


def document(seed, with_faults=True, empty=False):
    """Articles with repeated paragraphs, repeated questions, ids that are used twice, wrong offsets and more."""
    draw = random.Random(seed)
    contexts = [" ".join(draw.choices(WORDS, k=draw.randrange(5, 30))) for _ in range(12)]
    articles = []
    for article in range(6):
        paragraphs = []
        for context in draw.sample(contexts, 3):
            qas = []
            for _ in range(4):
                first = draw.randrange(len(context) - 3)
                text = context[first : first + draw.randrange(1, 9)].strip() or context[0]
                start = context.find(text)
                fields = {
                    "id": f"q{draw.randrange(60 if with_faults else 10**9)}",
                    "question": f"What {draw.choice(WORDS)}?",
                }
                fault = draw.randrange(12) if with_faults else 99
                fields["answers"] = [{"text": text, "answer_start": start + (fault == 1)}]
                if fault == 2:
                    fields["answers"] = []
                elif fault == 3:
                    del fields["answers"]
                elif fault == 4:
                    fields |= {"is_impossible": True, "answers": []}
                elif fault == 5:
                    fields["answers"] = [{"text": "nowhere to be seen", "answer_start": 3}]
                elif fault == 6:
                    del fields["id"]
                elif fault == 7:
                    fields["answers"] += [{"text": context[:4], "answer_start": 0}, {"text": "", "answer_start": 0}]
                elif fault == 8:
                    fields["question"] = "  "
                elif fault == 9:
                    fields["question"] = "half \ud83d"
                if empty:
                    fields["answers"] = []
                qas.append(fields)
            paragraphs.append({"context": context, "qas": qas})
        articles.append({"title": f"Title {article % 4}", "paragraphs": paragraphs})
    return {"version": "1.1", "data": articles}


def read_both(paths, tmp_path, monkeypatch, **options):
    results = []
    for stored_bytes in (10**9, 0):
        monkeypatch.setattr(data, "STORED_BYTES", stored_bytes)
        monkeypatch.setattr(data, "MAX_CONTEXTS", 3)
        reading = Reading(0.9)
        try:
            questions = read_squad_files(paths, reading, cache_dir=tmp_path / "cache", **options)
        except UserError as error:
            results.append(str(error))
        else:
            assert isinstance(questions, QuestionTable) == (stored_bytes == 0)
            described = [describe(questions, files) for files in ((), paths)]
            results.append((list(questions), reading.notes, reading.description(), described))
    return results


@pytest.mark.parametrize("options", [
    {}, {"require_offsets": False}, {"require_offsets": False, "require_answers": False}, {"ids_are_keys": True},
    {"require_answers": False},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("seed", range(5))
def test_stored_questions_are_those_in_memory(tmp_path, monkeypatch, seed, options):
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text(json.dumps(document(10 * seed + number)))
    in_memory, stored = read_both(paths, tmp_path, monkeypatch, **options)
    assert stored == in_memory
    assert len(in_memory[0]) > 50 and len(in_memory[1]) > 5


def test_offsets_in_other_units_and_files_without_labels(tmp_path, monkeypatch):
    content = document(3, with_faults=False)
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            for fields in paragraph["qas"]:
                for answer in fields["answers"]:
                    answer["answer_start"] = len(paragraph["context"][: answer["answer_start"]].encode())
    path = tmp_path / "bytes.json"
    path.write_text(json.dumps(content))
    in_memory, stored = read_both([path], tmp_path, monkeypatch)
    assert stored == in_memory
    assert any("bytes of UTF-8" in note for note in stored[1]), stored[1]
    path.write_text(json.dumps(document(3, with_faults=False, empty=True)))
    in_memory, stored = read_both([path], tmp_path, monkeypatch, require_offsets=False, require_answers=False)
    assert stored == in_memory and not any(question.is_labelled for question in stored[0])


def test_errors_are_those_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document(1))[:2000])
    in_memory, stored = read_both([path], tmp_path, monkeypatch)
    assert stored == in_memory and "broken JSON" in stored
    path.write_text(json.dumps({"data": []}))
    in_memory, stored = read_both([path], tmp_path, monkeypatch)
    assert stored == in_memory and "no record" in stored
    in_memory, stored = read_both([tmp_path / "none.json"], tmp_path, monkeypatch)
    assert stored == in_memory and "no such file" in stored


def test_parts_of_a_table(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document(1)))
    questions = read_squad_files([path], Reading(0.9))
    monkeypatch.setattr(data, "STORED_BYTES", 0)
    table = read_squad_files([path], Reading(0.9), cache_dir=tmp_path)
    assert list(table[5:20]) == questions[5:20] and table[-1] == questions[-1]
    assert list(table[5:20][::-2]) == questions[5:20][::-2]
    assert table[3].context is table[3].context
    contexts = [table.store.contexts[number] for number in table.context_numbers()]
    assert contexts == list(dict.fromkeys(question.context for question in questions))
    assert list(tmp_path.iterdir()) == [path]  # the files have no names


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document(1)))
    monkeypatch.setattr(data, "STORED_BYTES", 0)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(text_pool.os, "pwrite", full)
    with pytest.raises(UserError, match=r"cannot keep the questions there \(No space left on device\); name another"):
        read_squad_files([path], Reading(0.9), cache_dir=tmp_path)


def test_text_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(text_pool, "PENDING_BYTES", 50)
    pool, draw = TextPool(tmp_path), random.Random(0)
    texts = [f"é{draw.randrange(900)}" for _ in range(3000)]
    numbers = {}
    for text in texts:
        assert pool.find(text) == numbers.get(text, -1)
        assert pool.add(text) == numbers.setdefault(text, len(numbers))
    assert list(pool) == list(numbers) and len(pool) == len(numbers)


def test_texts_with_one_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(text_pool, "hash", lambda text: 7, raising=False)
    pool = TextPool(tmp_path)
    assert [pool.add(text) for text in "abcab"] == [0, 1, 2, 0, 1] and pool.find("d") == -1


@pytest.fixture
def two_forms(tmp_path, monkeypatch):
    """The questions of a file in memory and on disk."""

    def read(content, name="a.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        monkeypatch.setattr(data, "STORED_BYTES", 10**9)
        in_memory = read_squad_files([path], Reading(0.9), tmp_path)
        monkeypatch.setattr(data, "STORED_BYTES", 0)
        return in_memory, read_squad_files([path], Reading(0.9), tmp_path)

    return read


@pytest.mark.parametrize("max_fraction", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_groups_and_held_out_questions_are_those_in_memory(two_forms, monkeypatch, seed, max_fraction):
    monkeypatch.setattr(splits, "MAX_ARTICLE_FRACTION", max_fraction)
    content = document(seed, with_faults=False)
    draw = random.Random(seed)
    for number in range(30):  # more articles, some without a title
        article = json.loads(json.dumps(draw.choice(document(100 + seed + number % 7, with_faults=False)["data"])))
        article["title"] = draw.choice(["", f"New {number}", f"New {number % 5}"])
        for paragraph in article["paragraphs"]:
            paragraph["context"] = draw.choice([paragraph["context"], paragraph["context"].upper(), f"{number} x"])
            for fields in paragraph["qas"]:
                fields["id"], fields["answers"] = (
                    f"{number}-{fields['id']}",
                    [{"text": paragraph["context"][0], "answer_start": 0}],
                )
        content["data"].append(article)
    in_memory, stored = two_forms(content)
    assert list(stored) == in_memory
    groups, names = splits._numbered_groups(stored)
    assert [names[group] for group in groups] == splits.article_groups(in_memory)
    assert len(set(names)) == len(names) > 1
    for fraction in (0.05, 0.3, 0.9):
        expected = splits.split_by_article(in_memory, fraction, seed)
        assert [list(side) for side in splits.split_by_article(stored, fraction, seed)] == list(expected)
    monkeypatch.setattr(splits, "MAX_HELD_OUT", 9)
    assert len(splits.split_by_article(stored, 0.9, seed)[1]) <= 9


def test_drawn_and_disjoint_questions(two_forms, monkeypatch):
    (first, first_stored), (second, second_stored) = two_forms(document(1), "a.json"), two_forms(document(2), "b.json")
    assert splits.draw(first_stored, 7, 3) == splits.draw(first, 7, 3)
    monkeypatch.setattr(splits, "FEW_QUESTIONS", 3)
    assert list(splits.draw(first_stored, 7, 3)) == splits.draw(first, 7, 3)
    messages = []
    shared = [replace(first[20], id="x", context=first[20].context.upper() + " ")]
    for parts in ((first, second + shared), (first_stored, second + shared), (shared + second, first_stored)):
        with pytest.raises(UserError, match="share the paragraph") as error:
            splits.check_disjoint(dict(zip(("train", "test"), parts, strict=True)))
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    splits.check_disjoint({"train": first_stored, "test": second_stored})
    assert (paragraph_keys(first_stored, second_stored) == paragraph_keys(first, second)).all()


def test_a_tokenizer_of_stored_questions_is_that_of_questions_in_memory(two_forms, tmp_path, monkeypatch):
    content = document(1)
    content["data"] += document(1)["data"]
    in_memory, stored = two_forms(content)
    files = []
    for name, questions in (("a", in_memory), ("b", stored)):
        (tmp_path / name).mkdir()
        prepare_tokenizer(tmp_path / name, questions)
        files.append((tmp_path / name / "tokenizer.json").read_text())
    assert files[0] == files[1]
    texts = list(StoredTexts(stored))
    assert sorted(texts) == sorted({text for q in in_memory for text in (q.context, q.question)})
    monkeypatch.setattr(tokenizer, "MAX_CHARACTERS", 700)
    assert 0 < len(list(StoredTexts(stored))) < len(texts)
