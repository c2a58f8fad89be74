"""predict.py asks small models of all tasks: one question, and files of them."""

import json

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.small_runs import RUNS, ability_run, memnet_run, ranking_run, squad_run, tracing_run, vectors_run

CONTEXT = "Mira Holt built the stone bridge at Arnwick in 1812."


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys):
    """A function that runs predict.py in an empty folder: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = run_in_process("predict", *arguments)
        return status, *capsys.readouterr()

    return run


def json_lines(path, *values):
    path.write_text("".join((value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values))
    return path


def parsed(text):
    return [json.loads(line) for line in text.splitlines()]


def vectors_file(path, documents=(5, 4)):
    vectors = np.random.default_rng(0).normal(size=(sum(documents), 4)).astype(np.float32)
    np.savez(path, vectors=vectors, document=np.repeat(np.arange(len(documents)), documents))
    return path


QUESTIONS = {
    "squad": ("Who built it?", CONTEXT),
    "memnet": ("Where was Ada Holt born?",),
    "tracing": ("q1,q9", "--file", "history.csv"),
    "vectors": ("2,5", "--file", "v.npz"),
    "ranking": ("Who built it?", "--file", "texts.txt"),
    "reranker": ("Who built it?", "--file", "texts.txt"),
}


@pytest.mark.parametrize("task", QUESTIONS)
def test_one_question_is_answered_in_words_and_as_json(task, predict, tmp_path):
    (tmp_path / "history.csv").write_text("student,item,response\nann,q1,1\nann,q2,0\n")
    (tmp_path / "texts.txt").write_text(f"{CONTEXT}\nIt is \x1b[31mold.\n")
    vectors_file(tmp_path / "v.npz")
    run_dir = RUNS[task][0]()
    status, output, errors = predict(run_dir, *QUESTIONS[task])
    assert status == 0 and output and "\x1b" not in output, errors
    assert errors.startswith(f"loading {run_dir} ...\n") and "answered in" in errors
    status, output, errors = predict(
        run_dir, *QUESTIONS[task], "--json", *(() if task == "tracing" else ("--n-best", "1"))
    )
    answers = parsed(output)
    assert status == 0 and len(answers) == (2 if task == "vectors" else 1) and "\x1b" not in output
    expected = {
        "squad": lambda answer: answer["n_best"][0]["text"] in CONTEXT and len(answer["n_best"]) == 1,
        "memnet": lambda answer: answer["answers"] == [{"answer": "Arnwick", "probability": pytest.approx(1)}],
        "tracing": lambda answer: [entry["is_known"] for entry in answer["predictions"]] == [True, False],
        "vectors": lambda answer: answer["row"] in (2, 5) and len(answer["nearest"]) == 1,
        "ranking": lambda answer: answer["answers"][0]["id"] in "12" and answer["num_searched"] == 2,
        "reranker": lambda answer: answer["answers"][0]["id"] in "12" and answer["num_searched"] == 2,
    }
    assert all(map(expected[task], answers))


def test_questions_with_texts_keep_their_ids_and_their_order(predict, tmp_path):
    questions = json_lines(
        tmp_path / "questions.jsonl",
        {"id": 70, "question": "Who built it?", "context": CONTEXT, "answers": "not looked at"},
        {"id": "b", "question": " ", "context": CONTEXT},
        "no json",
        {"question": "When?", "context": "In 1907."},
    )
    status, output, errors = predict(squad_run(), "--input", questions)
    first, second, third, fourth = parsed(output)
    assert status == 2 and "2 of 4 records could not be answered, more than --max-bad-fraction 0.05" in errors
    assert first["id"] == 70 and first["question"] == "Who built it?" and len(first["n_best"]) > 3
    assert second == {"id": "b", "error": "question 'b' of line 2: the question is empty"}
    assert third == {"id": 3, "error": "line 3: it is not JSON"}
    assert fourth["id"] == 4 and fourth["n_best"][0]["text"] in "In 1907."
    options = ("--max-bad-fraction", "0.5", "--output", "new/answers.jsonl")
    status, printed, errors = predict(squad_run(), "--input", questions, *options)
    assert status == 0 and printed == "" and "2 answers in" in errors and "2 of 4 records not answered" not in errors
    assert "note: " in errors and (tmp_path / "new/answers.jsonl").read_text() == output


def test_unlabelled_squad_gives_the_official_files(predict, tmp_path):
    names = ["q1", "q2", "q1"]
    questions = [{"id": name, "question": f"Who built {number}?"} for number, name in enumerate(names)]
    document = {"version": "1.1", "data": [{"title": "A", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
    (tmp_path / "dev.json").write_text(json.dumps(document))
    status, output, errors = predict(squad_run(), "--input", "dev.json", "--output", "out", "--max-bad-fraction", "0.4")
    assert status == 0 and output == "" and "2 answers" in errors and "another question has the same id" in errors
    predictions, n_best, null_scores = (
        json.loads((tmp_path / "out" / f"{name}.json").read_text())
        for name in ("predictions", "nbest_predictions", "null_scores")
    )
    assert list(predictions) == list(n_best) == list(null_scores) == ["q1", "q2"]
    for name, best in n_best.items():
        assert len(best) > 3 and sum(entry["probability"] for entry in best) == pytest.approx(1)
        assert predictions[name] == ("" if null_scores[name] > 0.5 else best[0]["text"])


def test_a_question_without_an_answer_is_counted_once_and_changes_no_number(tmp_path):
    from utils.common.asking import OrderedReport, Record, answer_in_order
    from utils.common.errors import UserError
    from utils.squad.asking import write_folder

    class Predictor:
        null_threshold = None

    def answer(values):
        if 4 in values:
            raise UserError("it cannot be answered")
        return [{"answer": f"answer {value}", "n_best": []} for value in values]

    ids = ["q1", "q1", None, None, "q1"]
    report = OrderedReport(tmp_path / "dev.json")
    records = report.in_order(Record(name, f"question {number}", number) for number, name in enumerate(ids))
    (tmp_path / "out").mkdir()
    write_folder(tmp_path / "out", answer_in_order(records, answer, report, 2), Predictor(), report)
    predictions = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert predictions == {"q1": "answer 0", "3": "answer 2", "4": "answer 3"}
    assert (report.used, report.num_bad) == (3, 2)


def test_questions_alone_are_answered_from_one_text(predict, tmp_path):
    (tmp_path / "report.txt").write_text(CONTEXT)
    (tmp_path / "questions.txt").write_text("Who built it?\n\nWhen, and where, was it built?\n")
    status, output, _ = predict(squad_run(), "--input", "questions.txt", "--file", "report.txt", "--n-best", 1)
    answers = parsed(output)
    assert status == 0 and [answer["id"] for answer in answers] == [1, 2]
    assert [answer["question"] for answer in answers] == ["Who built it?", "When, and where, was it built?"]
    assert all(len(answer["n_best"]) == 1 for answer in answers)


def test_questions_about_facts(predict, tmp_path):
    questions = json_lines(
        tmp_path / "questions.jsonl",
        {"qid": 7, "question": "Where was Ada Holt born?"},
        {"question": "Where was Cy Dane born?", "memory": [["Cy Dane", "born_in", "Lorn"]], "answers": ["Lorn"]},
        {"question": "x" * 1001},
    )
    status, output, errors = predict(memnet_run(), "--input", questions, "--max-bad-fraction", "0.4")
    first, second, third = parsed(output)
    assert status == 0 and first["id"] == 7 and first["answers"][0]["answer"] == "Arnwick", errors
    assert second["id"] == 2 and second["answers"][0]["answer"] == "Lorn" and second["num_candidates"] == 1
    assert third == {"id": 3, "error": "line 3: the question is longer than 1,000 characters"}
    (tmp_path / "questions.txt").write_text("Where was Bo Lind born?\n1 Who?\n")
    (tmp_path / "facts.tsv").write_text("Bo Lind\tborn_in\tLorn\n")
    status, output, errors = predict(memnet_run(), "--input", "questions.txt", "--file", "facts.tsv")
    assert status == 0 and parsed(output)[0]["answers"][0]["answer"] == "Lorn" and len(parsed(output)) == 2, errors
    (tmp_path / "facts.tsv").write_text("Bo Lind\tborn_in\tLorn\nBo Lind\tborn_in\n")
    arguments = ("--input", "questions.txt", "--file", "facts.tsv")
    status, _, errors = predict(memnet_run(), *arguments)
    assert status == 2 and "raise --max-bad-fraction" in errors
    status, output, errors = predict(memnet_run(), *arguments, "--max-bad-fraction", "0.5")
    assert status == 0 and parsed(output)[0]["answers"][0]["answer"] == "Lorn", errors


def test_histories_give_the_next_responses(predict, tmp_path, monkeypatch):
    from utils.tracing import asking

    monkeypatch.setattr(asking, "PREDICTIONS_AT_ONCE", 1)  # in parts
    (tmp_path / "histories.csv").write_text("student,item,response\nann,q1,1\nbob,q2,5\nann,q2,0\ncy,q7,0\n")
    status, output, errors = predict(tracing_run(), "--input", "histories.csv", "--max-bad-fraction", "0.4")
    ann, bob, cy = parsed(output)
    assert status == 0 and [entry["item"] for entry in ann["predictions"]] == ["q1", "q2"], errors
    assert ann["id"] == "ann" and ann["num_responses"] == 2 and cy["unknown_items"] == ["q7"]
    assert all(sum(entry["probabilities"]) == pytest.approx(1) for entry in ann["predictions"])
    assert bob["id"] == "bob" and "a response is 5, but the model knows 0 to 1" in bob["error"]
    status, output, _ = predict(tracing_run(), "q2", "--input", "histories.csv", "--max-bad-fraction", "0.4")
    assert parsed(output)[0]["predictions"] == [ann["predictions"][1]]


def test_rows_and_documents_are_continued(predict, tmp_path):
    vectors_file(tmp_path / "v.npz")
    vectors_file(tmp_path / "other.npz", (3,))
    rows = json_lines(tmp_path / "rows.jsonl", {"id": "x", "row": 4}, {"row": "4"}, {"row": 99})
    status, output, _ = predict(vectors_run(), "--input", rows, "--file", "v.npz", "--max-bad-fraction", "0.7")
    first, second, third = parsed(output)
    assert status == 0 and first["id"] == "x" and first["row"] == 4 and len(first["nearest"]) == 3
    assert second["error"] == "line 2: it has no row that is a whole number" and "'99': must be a row" in third["error"]
    status, output, _ = predict(vectors_run(), "--input", "v.npz")
    documents = parsed(output)
    assert [answer["row"] for answer in documents] == [4, 8]
    assert [row["row"] for row in documents[0]["nearest"]] == [row["row"] for row in first["nearest"]]
    status, output, _ = predict(vectors_run(), "--input", "v.npz", "--file", "other.npz", "--output", "next.jsonl")
    elsewhere = parsed((tmp_path / "next.jsonl").read_text())
    assert [sorted(row["row"] for row in answer["nearest"]) for answer in elsewhere] == [[0, 1, 2]] * 2
    status, _, errors = predict(vectors_run(), "--input", "v.npz", "--output", "next.npz")
    with np.load(tmp_path / "next.npz") as arrays:
        assert status == 0 and arrays["predicted"].shape == (9, 4) and arrays["row"].tolist() == list(range(9)), errors
        np.testing.assert_allclose(np.linalg.norm(arrays["predicted"], axis=1), 1, atol=1e-5)


def test_texts_are_ranked_for_questions(predict, tmp_path):
    (tmp_path / "questions.tsv").write_text("q1\tWho built it?\nq 2\tIs it old?\n")
    corpus = json_lines(tmp_path / "corpus.jsonl", *({"id": f"d {n}", "text": f"text number {n}"} for n in range(5)))
    status, _, errors = predict(ranking_run(), "--input", "questions.tsv", "--file", corpus, "--output", "run.trec")
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert status == 0 and [line[0] for line in lines] == ["q1"] * 5 + ["q%202"] * 5, errors
    assert {line[2] for line in lines} == {f"d%20{number}" for number in range(5)}
    assert [line[3] for line in lines[:5]] == list("12345") and all(len(line) == 6 for line in lines)
    scores = [float(line[4]) for line in lines[:5]]
    assert scores == sorted(scores, reverse=True)
    status, output, _ = predict(ranking_run(), "--input", "questions.tsv", "--file", corpus, "--n-best", 2)
    first, second = parsed(output)
    assert [text["id"].replace(" ", "%20") for text in first["answers"]] == [line[2] for line in lines[:2]]
    assert second["id"] == "q 2" and second["answers"][0]["text"].startswith("text number")
    pairs = json_lines(tmp_path / "pairs.jsonl", {"query": "Who?", "positive": "Mira.", "negative": "A bridge."})
    status, output, errors = predict(ranking_run(), "--input", pairs)
    (answer,) = parsed(output)
    assert status == 0 and {text["text"] for text in answer["answers"]} == {"Mira.", "A bridge."}, errors
    (tmp_path / "pool.csv").write_text("query,candidate,relevance\nWho?,Mira.,\nWho?,A bridge.,1\nHow?,So.,\n")
    status, output, errors = predict(ranking_run(), "--input", "pool.csv")  # a prediction needs no grades
    assert status == 0 and [len(answer["answers"]) for answer in parsed(output)] == [2, 1], errors
    (tmp_path / "questions.txt").write_text("Who built it?\nIs it old?\n")
    status, _, errors = predict(ranking_run(), "--input", "questions.txt")
    assert status == 2 and "questions without candidates; name the texts to search with --file" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Who?", "A text.", "--file", "notes.txt"), "a text and --file were given"),
        ((), "the question is empty; give one (for tracing, items or --n-best)"),
        (("Who?", "A text.", "--output", "a.jsonl"), "--output goes with --input"),
        (("--input", "notes.txt", "--json"), "--json is for one question"),
        (("--input", "none.txt"), "none.txt: no such file"),
        (("--input", "notes.txt", "--output", "notes.txt"), "notes.txt: is read, and --output would replace it"),
        (("Who?", "--input", "notes.txt"), "a question and --input were given"),
        (("--input", "notes.txt", "--output", "run.trec"), "give NAME.jsonl or a folder for a squad model"),
        (
            ("--input", "empty.txt", "--file", "notes.txt", "--output", "notes"),
            "notes: no folder can be made there (a file is in its place)",
        ),
        (("Who?", "A text.", "--n-best", "0"), "--n-best 0"),
        (("Who?",), "the text is empty; give it after the question"),
        (("Who?", "--file", "empty.txt"), "empty.txt: the text is empty; name another --file"),
        (
            ("--input", "notes.txt"),
            "notes.txt: holds questions without texts; name the text to answer from with --file",
        ),
        (("--input", "n" * 300), "cannot be read or written (File name too long)"),
        (("--input", "notes/predictions.json", "--output", "notes"), "notes/predictions.json: no such file"),
        (("--input", "empty.txt", "--file", "notes.txt"), "empty.txt: has no records"),
    ],
)
def test_what_cannot_be_asked_is_one_line(predict, tmp_path, arguments, words):
    (tmp_path / "notes.txt").write_text("A note.\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "notes").write_text("A note.\n")
    status, output, errors = predict(squad_run(), *arguments)
    assert status == 2 and output == "" and words in errors.splitlines()[-1] and errors.count("error: ") == 1
    assert (tmp_path / "notes.txt").read_text() == "A note.\n"


def test_the_folder_of_a_run_is_not_written_to(predict, tmp_path):
    json_lines(tmp_path / "q.jsonl", {"question": "Who?", "context": CONTEXT})
    status, _, errors = predict(squad_run(), "--input", "q.jsonl", "--output", squad_run())
    assert status == 2 and "is the directory of a run" in errors
    status, _, errors = predict(memnet_run(), "Who?", "a text")
    assert status == 2 and "only a squad run answers from a text" in errors


def test_an_input_in_the_folder_of_the_output_is_not_replaced(predict, tmp_path):
    (tmp_path / "out").mkdir()
    json_lines(tmp_path / "out" / "predictions.json", {"question": "Who?", "context": CONTEXT})
    before = (tmp_path / "out" / "predictions.json").read_bytes()
    status, _, errors = predict(squad_run(), "--input", "out/predictions.json", "--output", "out")
    assert status == 2 and "is read, and --output would replace it" in errors
    assert (tmp_path / "out" / "predictions.json").read_bytes() == before


def test_an_output_that_cannot_be_written_is_one_line(predict, tmp_path):
    (tmp_path / "questions.txt").write_text("Who built the bridge?\n")
    status, _, errors = predict(memnet_run(), "--input", "questions.txt", "--output", "/proc/answers.jsonl")
    assert status == 2 and errors.splitlines()[-1].startswith("error: /proc/answers.jsonl: cannot be read or written")


def test_memnet_reads_ids_before_questions(predict, tmp_path):
    (tmp_path / "questions.tsv").write_text("q1\tWho built the bridge?\nq2\tWhere?\nq3\tWhen?\nq4\tWho?\n")
    status, output, _ = predict(memnet_run(), "--input", "questions.tsv")
    answers = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert [(answer["id"], answer["question"]) for answer in answers] == [
        ("q1", "Who built the bridge?"),
        ("q2", "Where?"),
        ("q3", "When?"),
        ("q4", "Who?"),
    ]


def test_tracing_names_flags_that_it_would_ignore(predict, tmp_path):
    (tmp_path / "histories.csv").write_text("student,item,response\ns1,1,0\n")
    status, output, errors = predict(tracing_run(), "1", "--input", "histories.csv", "--file", "histories.csv")
    assert status == 2 and output == "" and "--file" in errors and "leave" in errors


def test_tracing_lists_the_items_that_would_tell_most(predict, tmp_path):
    (tmp_path / "histories.csv").write_text("student,item,response\ns1,q1,0\ns1,q2,1\n")
    _, output, _ = predict(ability_run(), "q1,q2,q3,q4", "--json")
    informations = {p["item"]: p["information"] * p["ability_error"] ** 2 for p in json.loads(output)["predictions"]}
    assert all(information > 0 for information in informations.values())
    status, output, _ = predict(ability_run(), "q1,q2,q3,q4", "--n-best", 2, "--json")
    best = [prediction["item"] for prediction in json.loads(output)["predictions"]]
    assert status == 0 and best == sorted(informations, key=lambda item: -informations[item])[:2]
    for flags in (["--file", "histories.csv", "--json"], ["--input", "histories.csv"]):
        status, output, _ = predict(ability_run(), "--n-best", 9, *flags)
        not_answered = {prediction["item"] for prediction in json.loads(output)["predictions"]}
        assert status == 0 and not_answered and not not_answered & {"q1", "q2"}
    status, _, errors = predict(ability_run(), "--file", "histories.csv")
    assert status == 2 and "the question is empty" in errors
    status, _, errors = predict(tracing_run(), "q1", "--n-best", 2)
    assert status == 2 and "--n-best: the items of this model have no information" in errors
