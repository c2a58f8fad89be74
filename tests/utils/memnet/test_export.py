"""The export of a model that answers from facts: it gives the predictor's answers in a Python without this project."""

import json

import keras
import pytest

from models.kv_memnet import KVMemNet
from tests.helpers.bare_python import run_bare
from tests.helpers.small_runs import abstaining_memnet_run, memnet_run, two_step_memnet_run
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.memnet.data import read_facts
from utils.memnet.export import export_memnet
from utils.memnet.features import Vocabulary
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.records import Fact, KnowledgeBase
from utils.memnet.standalone import Answerer, read_fact_file

pytestmark = pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
QUESTIONS = ["Where was Ada Holt born?", "bo LIND!", "Why?"]  # the last one shares no word with a fact
OTHER_QUESTIONS = ["मीना कहाँ जन्मी?", "北京"]
OTHER_FACTS = [("मीना", "born_in", "दिल्ली"), ("北京", "is_in", "中国"), ("Ada", "born_in", "Arnwick")]
ANSWER = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from answer import Answerer
answerer = Answerer()
print(json.dumps([answerer({QUESTIONS!r}), answerer({OTHER_QUESTIONS!r}, {OTHER_FACTS!r})]))
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memnet") / "export"
    return folder, MemnetPredictor.load(memnet_run()).export(folder)


def assert_same_answers(results, expected):
    for result, answer in zip(results, expected, strict=True):
        for name in ("question", "num_candidates", "unknown_words"):
            assert result[name] == answer[name]
        for rows, name, number in (("answers", "answer", "probability"), ("facts", "object", "weight")):
            assert [row[name] for row in result[rows]] == [row[name] for row in answer[rows]]
            values = [row[number] for row in answer[rows]]
            assert [row[number] for row in result[rows]] == pytest.approx(values, abs=1e-5)


def test_answers_are_those_of_the_predictor(export, tmp_path):
    folder, formats = export
    run = run_bare("-c", ANSWER, folder, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    predictor = MemnetPredictor.load(memnet_run())
    own, others = json.loads(run.stdout)
    assert_same_answers(own, predictor(QUESTIONS))
    assert_same_answers(others, predictor(OTHER_QUESTIONS, OTHER_FACTS))
    own_onnx = MemnetPredictor.load(memnet_run())
    own_onnx.use_onnx(folder / "model.onnx")
    assert_same_answers(own_onnx(QUESTIONS), predictor(QUESTIONS))
    assert [bool(result["answers"]) for result in own + others] == [True, True, False, True, True]
    assert set(formats) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())


def test_a_model_that_scores_values_answers_alike(tmp_path, capsys):
    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary(["<born_in>", "born", "where"])
    model = KVMemNet(len(vocabulary), 8, num_hops=2, scoring="untied", encoder="position")
    model.build()
    base = KnowledgeBase.of(Fact(*fact) for fact in OTHER_FACTS)
    predictor = MemnetPredictor(model, vocabulary, base, 5, "vectors")
    export_memnet(predictor, tmp_path)
    assert "answer.py: finds candidates by their words, not by vectors" in capsys.readouterr().out
    assert "by vectors, is not part of the export" in (tmp_path / "README.md").read_text()
    predictor.retrieval = "words"
    assert_same_answers(Answerer(tmp_path)(OTHER_QUESTIONS), predictor(OTHER_QUESTIONS))


EVIDENCE_RUNS = {
    "abstains": (abstaining_memnet_run, ["Where was Ada Holt born?", "Where does Ada Holt work?", "Why?"]),
    "two steps": (two_step_memnet_run, ["Where was the author of Emma born?", "Who is the author of Dracula?", "Why?"]),
}
ANSWERED = {"abstains": [True, False, False], "two steps": [True, True, False]}


@pytest.mark.parametrize("kind", EVIDENCE_RUNS)
def test_a_model_that_reads_evidence_answers_alike(kind, tmp_path):
    make_run, questions = EVIDENCE_RUNS[kind]
    predictor = MemnetPredictor.load(make_run())
    formats = predictor.export(tmp_path)
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())
    answers, expected = Answerer(tmp_path)(questions), predictor(questions)
    assert_same_answers(answers, expected)
    assert [bool(answer["answers"]) for answer in answers] == ANSWERED[kind]
    if kind == "abstains":
        for answer, other in zip(answers, expected, strict=True):
            assert answer["no_answer_probability"] == pytest.approx(other["no_answer_probability"], abs=1e-5)
    else:
        through = answers[0]["facts"][0]["through"]
        assert through["object"] == "Jane Austen" and through == expected[0]["facts"][0]["through"]
    readme = (tmp_path / "README.md").read_text()
    assert "evidence" in readme and "(batch, slots, 5)" in readme
    predictor.use_onnx(tmp_path / "model.onnx")
    assert_same_answers(predictor(questions), expected)


def test_the_command_line_answers_or_says_in_one_line_what_is_wrong(export, tmp_path):
    folder, _ = export
    script = folder / "answer.py"
    (expected,) = MemnetPredictor.load(memnet_run())(QUESTIONS[:1])
    run = run_bare(script, QUESTIONS[0], "--n-best", 1, cwd=tmp_path)
    answer, fact = expected["answers"][0], expected["facts"][0]
    assert run.stdout.splitlines() == [
        "(no fact is about: was)"
        if "was" in expected["unknown_words"]
        else f"{answer['probability']:.3f}  {answer['answer']}",
        "attended to:",
        f"{fact['weight']:.3f}  {fact['subject']} / {fact['relation']} / {fact['object']}",
    ]
    (tmp_path / "facts.tsv").write_text("the bridge\tbuilt_by\tMira Holt\n")
    run = run_bare(script, "Who built the bridge?", "--facts", "facts.tsv", "--json", cwd=tmp_path)
    assert json.loads(run.stdout)["answers"] == [{"answer": "Mira Holt", "probability": 1.0}]
    for arguments, problem in (
        ((" ",), "the question is empty"),
        (("Who?", "--facts", "none.tsv"), "none.tsv: no such file"),
    ):
        run = run_bare(script, *arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stdout == ""
        assert run.stderr.startswith("error: ") and problem in run.stderr and run.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a\tb\n", "line 1: is no fact (a field is missing)"),
        (b"subject\trelation\tobject\na\tb\t\n", "line 2: is no fact (its object is empty)"),
        (b"subject\trelation\tobject\n", "has no facts"),
        (b"a\tb\t\xff\n", "line 1: is not UTF-8 text"),
        (b"a\tb\t" + b"x" * 1_001, "line 1: is no fact (a field is longer than 1,000"),
    ],
)
def test_bad_facts_are_refused_in_one_line(tmp_path, content, problem):
    path = tmp_path / "facts.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_fact_file(path)
    assert problem in str(error.value) and str(error.value).startswith(str(path))


@pytest.mark.parametrize("header", ["", "subject\trelation\tobject\n"])
def test_facts_are_read_as_by_the_predictor(tmp_path, header):
    rows = ['"Weird Al" Yankovic\tborn\tDowney', 'Ada\tsaid\t"yes', "Bo\tborn\tOslo", '"a ""b"""\tborn\t"Rome\tNY"']
    rows += ["<http://e.org/Ada_Moor>\t<http://e.org/born_in>\t<http://e.org/New_Brom>", 'Cy\tsaid\t"no"']
    (tmp_path / "facts.tsv").write_text(header + "\n".join(rows) + "\n")
    facts = read_fact_file(tmp_path / "facts.tsv")
    assert facts == read_facts([tmp_path / "facts.tsv"], Reading(0)).facts
    assert facts[0].subject == '"Weird Al" Yankovic' and len(facts) == 6


def test_the_folder_says_what_it_holds(export):
    folder, _ = export
    readme = (folder / "README.md").read_text()
    for name in ("question_ids", "(batch, slots, key_words)", "memory_mask", "`facts.tsv`", "on the right, with 0"):
        assert name in readme
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert [line.split(">")[0] for line in requirements] == ["numpy", "onnxruntime", "regex"]
