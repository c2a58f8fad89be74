"""Rankings in TREC's formats, which trec_eval scores as the run does."""

from dataclasses import replace

import numpy as np
import pytest

from utils.ranking.evaluation import DEPTH, EvaluationSet, answerable, evaluate_scores, rerankable
from utils.ranking.records import Candidate, Query
from utils.ranking.trec import candidate_names, write_runs


def make_set(num_questions=12):
    """Questions with graded answers, one without a relevant one, and documents that several of them judge."""
    rng = np.random.default_rng(0)
    documents = [Candidate(f"d{number}", f"document {number}", is_document=True) for number in range(6)]
    queries = []
    for number in range(num_questions):
        grades = rng.integers(0, 4, 5) if number else np.zeros(5)
        own = [
            Candidate(f"{number}-{place}", f"text {number} {place}", float(grade)) for place, grade in enumerate(grades)
        ]
        own[0] = replace(documents[number % 6], relevance=own[0].relevance)
        queries.append(Query(f"q{number}", "text", tuple(own), "here"))
    candidates = [candidate for query in queries for candidate in query.candidates]
    candidates += [documents[5], *(Candidate(f"other {number}", f"other text {number}") for number in range(60))]
    ids = [[number] for number in range(len(candidates))]
    return EvaluationSet(queries, candidates, ids[:num_questions], ids)


def read(path):
    return [line.split(" ") for line in path.read_text().splitlines()]


def as_dict(lines, value, kind):
    values_by_query = {}
    for line in lines:
        assert line[2] not in values_by_query.setdefault(line[0], {})  # trec_eval refuses repeated documents
        values_by_query[line[0]][line[2]] = kind(line[value])
    return values_by_query


def test_trec_eval_gives_the_metrics_of_the_run(tmp_path):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    questions = make_set()
    scores = np.random.default_rng(1).normal(size=(12, len(questions.candidates))).astype(np.float32)
    notes = write_runs(tmp_path, questions.search(scores, DEPTH))
    assert notes == ["60 ids have white space, which the .trec files write as %20 and the like"]
    judgements = as_dict(read(tmp_path / "qrels.trec"), 3, int)
    evaluation = evaluate_scores(questions, scores)
    every = {"all": ("run_all.trec", "_all", answerable), "own": ("run.trec", "", rerankable)}
    for file, suffix, scored in every.values():
        lines = read(tmp_path / file)
        assert {len(line) for line in lines} == {6} and {(line[1], line[5]) for line in lines} == {("Q0", "qkv_zoo")}
        assert [line[3] for line in lines[:3]] == ["1", "2", "3"]
        run = as_dict(lines, 4, float)
        evaluator = pytrec_eval.RelevanceEvaluator(
            {name: judgements[name] for name in run}, {"ndcg_cut.10", "recip_rank"}
        )
        values_by_query = evaluator.evaluate(run)
        names = [questions.queries[number].id for number in scored(questions.queries)]
        expected = evaluation.per_example[f"ndcg@10{suffix}"]
        np.testing.assert_allclose([values_by_query[name]["ndcg_cut_10"] for name in names], expected, atol=1e-6)
        if (
            suffix
        ):  # binary relevance of own answers is at least half of the best grade, that of trec_eval any grade above 0
            expected = evaluation.per_example["mrr_all"]
            np.testing.assert_allclose([values_by_query[name]["recip_rank"] for name in names], expected, atol=1e-6)


def test_all_own_candidates_and_a_hundred_of_all_are_listed(tmp_path):
    query = Query("q", "t", tuple(Candidate(str(n), f"text {n}", float(n == 0)) for n in range(130)), "here")
    questions = EvaluationSet([query], query.candidates, [[1]], [[n] for n in range(130)])
    write_runs(tmp_path, questions.search(np.arange(130, dtype=np.float32)[None], DEPTH))
    assert len(read(tmp_path / "run.trec")) == 130 and len(read(tmp_path / "run_all.trec")) == 100
    assert read(tmp_path / "run.trec")[0] == ["q", "Q0", "129", "1", "129", "qkv_zoo"]
    assert read(tmp_path / "qrels.trec")[0] == ["q", "0", "0", "1"]


def test_right_answers_alone_have_no_run_of_own_candidates(tmp_path):
    query = Query("a b\u3000c", "t", (Candidate("1", "x", 1.0), Candidate("1", "y", 1.0)), "here")
    notes = write_runs(
        tmp_path, EvaluationSet([query], query.candidates, [[1]], [[1], [2]]).search(np.array([[0.5, 0.25]]), DEPTH)
    )
    assert not (tmp_path / "run.trec").exists() and notes[0].startswith("1 ids have white space")
    assert read(tmp_path / "run_all.trec") == [
        ["a%20b%E3%80%80c", "Q0", "1", "1", "0.5", "qkv_zoo"],
        ["a%20b%E3%80%80c", "Q0", "1#2", "2", "0.25", "qkv_zoo"],
    ]


def test_a_document_has_one_name_and_other_candidates_have_different_ones():
    document = Candidate("1", "x", is_document=True)
    candidates = [
        document,
        replace(document, relevance=2.0),
        Candidate("1", "y"),
        Candidate("1#2", "z"),
        Candidate("", "w"),
    ]
    assert candidate_names(candidates, range(5)) == dict(enumerate(["1", "1", "1#2", "1#2#2", "_"]))
