"""The same questions in every layout that people keep them in."""

import csv
import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.data import Answer, Question, read_squad

CONTEXTS = ("Ada wrote notes in 1843.", "Zoë died in 1901, in Bern.")
QUESTIONS = [
    Question("a", "Ada", CONTEXTS[0], "When?", (Answer("1843", 19), Answer("in 1843", 16))),
    Question("b", "Ada", CONTEXTS[0], "Who?", (Answer("Ada", 0),)),
    Question("c", "Zoë", CONTEXTS[1], "Where?", (Answer("Bern", 21),)),
    Question("d", "Zoë", CONTEXTS[1], "Why?", (), is_impossible=True),
]


def answer_list(question):
    return [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]


def answer_columns(question):
    return {"text": [a.text for a in question.answers], "answer_start": [a.start for a in question.answers]}


def as_numpy(columns):
    """As pandas writes a row of Parquet into a table."""
    return f"{{'text': array({columns['text']}, dtype=object), 'answer_start': array({columns['answer_start']}, dtype=int32)}}"


def row(record, answers=answer_columns, **names):
    values = {"id": record.id, "title": record.title, "context": record.context, "question": record.question}
    values["answers"] = answers(record)
    return {names.get(name, name): value for name, value in values.items()}


def paragraphs(answers=answer_list, with_title=False):
    return [
        {"context": context, "qas": [entry(q, answers) for q in QUESTIONS if q.context == context]}
        | ({"title": QUESTIONS[2 * number].title} if with_title else {})
        for number, context in enumerate(CONTEXTS)
    ]


def entry(question, answers):
    return {
        "id": question.id,
        "question": question.question,
        "answers": answers(question),
        "is_impossible": question.is_impossible,
    }


def articles(answers=answer_list):
    return [
        {"title": title, "paragraphs": [part]} for title, part in zip(("Ada", "Zoë"), paragraphs(answers), strict=True)
    ]


def lines(values):
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n"


LAYOUTS = {
    "SQuAD": json.dumps({"version": "v2.0", "data": articles()}),
    "SQuAD over several lines": json.dumps({"version": "v2.0", "data": articles()}, indent=1),
    "SQuAD with answers as columns": json.dumps({"data": articles(answer_columns)}),
    "articles alone": json.dumps(articles()),
    "an article per line": lines(articles()),
    "SimpleTransformers": json.dumps(paragraphs(with_title=True)),
    "SimpleTransformers in lines": lines(paragraphs(with_title=True)),
    "Hugging Face, lines": lines(row(q) for q in QUESTIONS),
    "Hugging Face, a list": json.dumps([row(q) for q in QUESTIONS]),
    "Hugging Face, data": json.dumps({"data": [row(q) for q in QUESTIONS]}),
    "Hugging Face, columns": json.dumps({name: [row(q)[name] for q in QUESTIONS] for name in row(QUESTIONS[0])}),
    "rows with a list of answers": lines(row(q, answer_list) for q in QUESTIONS),
    "rows with answers in JSON": lines(row(q, lambda q: json.dumps(answer_columns(q))) for q in QUESTIONS),
    "rows with answers in Python": lines(row(q, lambda q: str(answer_columns(q))) for q in QUESTIONS),
    "rows with answers in NumPy": lines(row(q, lambda q: as_numpy(answer_columns(q))) for q in QUESTIONS),
    "rows with a list of answers in columns": lines(
        row(q, lambda q: [answer_columns(q)][: len(q.answers)]) for q in QUESTIONS
    ),
    "names in camel case": json.dumps(articles(answer_list))
    .replace("answer_start", "answerStart")
    .replace("is_impossible", "isImpossible"),
    "other names": lines(row(q, id="qid", context="Passage", question="query") for q in QUESTIONS),
}


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_layout_gives_the_same_questions(tmp_path, content, encoding):
    """Whatever the name of the file."""
    path = tmp_path / "questions.data"
    path.write_text(content, encoding=encoding)
    assert read_squad(path) == QUESTIONS


@pytest.mark.parametrize("answers", [answer_list, answer_columns])
def test_parquet(tmp_path, answers):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "train-00000-of-00001"
    parquet.write_table(pyarrow.Table.from_pylist([row(q, answers) for q in QUESTIONS]), path)
    assert read_squad(path) == QUESTIONS


def write_table(path, rows, delimiter=","):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_an_answer_in_columns_of_its_own(tmp_path, delimiter):
    rows = [
        row(q, lambda q: None) | {"answer_text": q.answers[0].text, "answer_start": q.answers[0].start}
        for q in QUESTIONS[:3]
    ]
    for line in rows:
        del line["answers"]
    expected = [Question(q.id, q.title, q.context, q.question, q.answers[:1]) for q in QUESTIONS[:3]]
    assert read_squad(write_table(tmp_path / "train.csv", rows, delimiter)) == expected
    named_text = [{"text" if name == "answer_text" else name: value for name, value in line.items()} for line in rows]
    assert read_squad(write_table(tmp_path / "text.csv", named_text, delimiter)) == expected


def mrqa_line(context, questions):
    qas = [
        {
            "qid": f"q-{q.id}",
            "id": q.id,
            "question": q.question,
            "answers": [a.text.upper() for a in q.answers],
            "detected_answers": [
                {"text": a.text, "char_spans": [[a.start, a.start + len(a.text) - 1]]} for a in q.answers
            ],
        }
        for q in questions
    ]
    return {"id": "", "context": context, "qas": qas}


def test_mrqa(tmp_path):
    path = tmp_path / "SQuAD.jsonl"
    header = {"header": {"dataset": "SQuAD", "split": "train"}}
    path.write_text(lines([header, mrqa_line(CONTEXTS[0], QUESTIONS[:2]), mrqa_line(CONTEXTS[1], QUESTIONS[2:3])]))
    reading = Reading()
    questions = read_squad(path, reading)
    assert [q.answers for q in questions] == [q.answers for q in QUESTIONS[:3]]
    assert [q.id for q in questions] == ["q-a", "q-b", "q-c"] and reading.notes == []
    texts = [[a.text for a in q.answers] for q in read_squad(path, require_offsets=False)]
    assert texts == [["1843", "IN 1843"], ["ADA"], ["BERN"]]  # what its official script scores


def test_cmrc_with_answers_as_plain_texts(tmp_path):
    record = {
        "context_id": "DEV_0",
        "context_text": "王明1990年在北京工作。",
        "title": "王明",
        "qas": [{"query_id": "DEV_0_QUERY_0", "query_text": "王明在哪里工作？", "answers": ["北京", "在北京", "北京"]}],
    }
    path, reading = tmp_path / "cmrc2018_dev.json", Reading()
    path.write_text(json.dumps([record]))
    (question,) = read_squad(path, reading)
    assert question.id == "DEV_0_QUERY_0" and question.title == "王明"
    assert question.answers == (Answer("北京", 8), Answer("在北京", 7))
    assert len(reading.notes) == 1 and "there is no answer_start" in reading.notes[0]


def test_equal_paragraphs_are_one_object(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(lines(row(q) for q in QUESTIONS))
    questions = read_squad(path)
    assert questions[0].context is questions[1].context


def test_another_kind_of_file_is_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("student,item,response\n1,2,1\n")
    with pytest.raises(UserError, match="it has no paragraphs, no qas and no question"):
        read_squad(path)
    with pytest.raises(UserError, match="folder"):
        read_squad(tmp_path)


def test_texts_and_offsets_in_columns_of_lists(tmp_path):
    lists = {"answer_text": str([a.text for a in QUESTIONS[0].answers]), "answer_start": str([19, 16])}
    rows = [{name: value for name, value in row(QUESTIONS[0]).items() if name != "answers"} | lists]
    assert read_squad(write_table(tmp_path / "train.csv", rows)) == QUESTIONS[:1]


@pytest.mark.parametrize(
    "answers", [{"answers": ["Ada"], "answer_start": 15}, {"answers": {"text": ["Ada"], "answer_start": 15}}]
)
def test_one_text_in_a_list_keeps_its_offset(tmp_path, answers):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "q", "context": "Ada met Ada in Ada.", "question": "Where?", **answers}))
    (question,) = read_squad(path)
    assert question.answers == (Answer("Ada", 15),)


def test_answers_in_python_are_read_and_never_run(tmp_path):
    path, mark = tmp_path / "a.jsonl", tmp_path / "mark"
    attacks = [
        f"[open({str(mark)!r}, 'w')]",
        "{'text': array(__import__('os').getcwd())}",
        "['a'" + "[" * 9_999,
        "[" * 9_999,
    ]
    rows = [{"context": "It is [sic] so.", "question": "?", "answers": text} for text in ("[sic]", *attacks)]
    path.write_text(lines(rows))
    questions = read_squad(path, Reading(max_bad_fraction=0.9))
    assert [question.answers for question in questions] == [(Answer("[sic]", 6),)]
    assert not mark.exists()


def test_a_question_without_a_context_is_told(tmp_path):
    (tmp_path / "q.json").write_text(
        json.dumps([{"question": "Where?", "text": "Ada was in Bern.", "answers": ["Bern"]}])
    )
    with pytest.raises(UserError, match="it has a question and no context"):
        read_squad(tmp_path / "q.json")
