"""Score a trained model of memnet: at the end of its training, and later on other questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, counted, some_of
from utils.common.evaluation import Evaluation
from utils.common.figures import model_and_data
from utils.memnet.baselines import BASELINES, Baselines, count_answers
from utils.memnet.data import read_facts, read_templates
from utils.memnet.dataset import MemoryData
from utils.memnet.evaluation import repeated_tests
from utils.memnet.features import MemoryFeatures, relation_word
from utils.memnet.file_splits import read_test_questions
from utils.memnet.plots import AttentionExample, attention_examples, plot_test
from utils.memnet.predictor import MAX_CANDIDATES, MemnetPredictor
from utils.memnet.records import KnowledgeBase, MemoryQuestion
from utils.memnet.report import write_predictions
from utils.memnet.settings import load_data
from utils.memnet.splits import template_questions
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error
from utils.training.publish import Headline
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions
from utils.training.training_summary import text_keys

HEADLINE = Headline("accuracy", "accuracy", "val_accuracy", plain=BASELINES, digits=4)
COLUMNS = {
    "accuracy": "accuracy",
    "hits@10": "hits@10",
    "mrr": "MRR",
    "gold_key_accuracy": "gold key",
    "candidate_recall": "answer in memory",
    "total": "questions",
}
COMPARED = ("accuracy", "mrr", "gold_key_accuracy")
MAX_REPEATED_QUESTIONS = 1_000
"""Test questions that are asked again with other numbers of distractors and from all facts, at most."""
ANSWER_COUNTS = "answer_counts"
"""Array of `training_summary.npz`: how often each object of the facts, in order of first appearance, is a training answer."""


@dataclass(frozen=True)
class MemnetScores:
    """The scores of some tests, and the answers to the main one.

    Args:
        evaluations: test to evaluation.
        baselines: name to test to evaluation.
        questions: the questions of the main test.
        answers: what `MemnetPredictor.read_answers` returned for them.
        attention: some of them with the facts that they attend to.
    """

    evaluations: dict[str, Evaluation]
    baselines: dict[str, dict[str, Evaluation]]
    questions: Sequence[MemoryQuestion]
    answers: list[dict]
    attention: list[AttentionExample]


def score_tests(
    predictor: MemnetPredictor,
    tests: dict[str, tuple[Sequence[MemoryQuestion], MemoryFeatures]],
    counts: Mapping[str, int] | None,
    main: str = "test",
) -> MemnetScores:
    """Score a model and the baselines on some tests.

    Args:
        predictor: the trained model, with the facts that memories number.
        tests: name to questions and features.
        counts: training answers, for `Baselines`.
        main: the test whose answers are kept; it may be missing.
    """
    plain_baselines = Baselines(predictor.base, counts)
    evaluations, baselines, answers, attention = {}, {}, [], []
    for name, (questions, features) in tests.items():
        slots = predictor.score(features)
        evaluations[name] = predictor.evaluate(features, slots, questions)
        if name == main:
            attention = attention_examples(predictor, questions, features, slots, evaluations[name])
            answers = predictor.read_answers(features, slots, n_best=1)
        for baseline, evaluation in plain_baselines.evaluate(features, predictor.facts, questions).items():
            baselines.setdefault(baseline, {})[name] = evaluation
    questions = tests[main][0] if main in tests else []
    return MemnetScores(evaluations, baselines, questions, answers, attention)


def summary_arrays(data: MemoryData) -> dict[str, np.ndarray]:
    """The arrays of `training_summary.npz`: keys of the subjects, and `answer_counts`."""
    counts = count_answers(data.questions["train"])
    return {
        "keys": subject_keys([*data.questions["train"], *data.questions["validation"]]),
        ANSWER_COUNTS: np.array([counts[name] for name in object_names(data.base)], np.int32),
    }


def subject_keys(questions: Sequence[MemoryQuestion]) -> np.ndarray:
    """A key of each subject that is asked about."""
    return text_keys(dict.fromkeys(question.subject for question in questions))


def object_names(base: KnowledgeBase) -> list[str]:
    """The objects of the facts, in order of first appearance."""
    return list(dict.fromkeys(fact.object for fact in base.facts))


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data is not there.
    """
    predictor = MemnetPredictor.load(run.folder)
    counts, notes = _stored_counts(run, predictor.base)
    with damaged_run_as_user_error(run.folder):
        settings = {
            "candidates": checked_number(run.settings, "candidates", 1, MAX_CANDIDATES),
            "distractors": checked_number(run.settings, "distractors", 1, MAX_CANDIDATES),
            "templates_each": checked_number(run.settings, "templates_each", 0, MAX_CANDIDATES),
            "split_seed": checked_number(run.settings, "split_seed", 0, MAX_SEED),
            "sweep": [checked_number({"sweep": count}, "sweep", 1, MAX_CANDIDATES) for count in run.settings["sweep"]],
        }
    if source.is_own and (options.split != "test" or not run.settings.get("test_files")):
        with run.own_settings(source) as config:
            data = load_data(config, options.reading)
        counts, notes = count_answers(data.questions["train"]), []
        data.questions.pop("train")
        if options.split != "test":
            data.questions = {options.split: data.questions[options.split]}
        else:
            del data.questions["validation"]
    else:
        source.check_complete("test_files")
        data = _read_questions(source, options, predictor, settings)
        notes += data.notes
        if not source.is_own:
            notes += run.leak_note(subject_keys(data.questions["test"]), "subjects")
    checksum = compared_data = _checksum(data.questions)
    if any(question.memory is None for part in data.questions.values() for question in part):
        compared_data += f", {settings['distractors']} distractors"
    for name, questions in data.questions.items():
        data.questions[name] = [questions[number] for number in options.drawn(len(questions))]
    predictor = MemnetPredictor(
        predictor.model, predictor.vocabulary, data.base, settings["candidates"], predictor.retrieval
    )
    if options.onnx:
        predictor.use_onnx(options.onnx)
    question_ids = data.encode_questions(predictor.vocabulary)
    features = data.scoring_features(question_ids, settings["distractors"], settings["split_seed"])
    tests = {name: (data.questions[name], features[name]) for name in features}
    tests |= repeated_tests(data, predictor, settings["sweep"], MAX_REPEATED_QUESTIONS, settings["split_seed"])
    scores = score_tests(predictor, tests, counts, options.split)

    def write(folder: Path) -> None:
        write_predictions(folder, scores.questions, scores.answers)
        title = model_and_data(run.name, source.files_of(options.split), run.settings.get("data", ""))
        plot_test(folder, scores.attention, title, options.split)

    files = [path for paths in source.files.values() for path in paths]
    return Scored(
        predictor.model,
        scores.evaluations,
        scores.baselines,
        headlines=(HEADLINE,),
        columns=COLUMNS,
        compared=COMPARED,
        data={**data.description(files), "checksum": checksum, "reading": options.reading.description()},
        write=write,
        compared_data=compared_data,
        notes=notes,
    )


def _stored_counts(run: FinishedRun, base: KnowledgeBase) -> tuple[dict[str, int] | None, list[str]]:
    """How often each value is a training answer, and a note where the run does not say."""
    if ANSWER_COUNTS not in run.summary:
        return None, ["baseline majority value is missing: the run has not kept how often each value is an answer"]
    names, counts = object_names(base), run.summary[ANSWER_COUNTS]
    if counts.shape != (len(names),):
        raise UserError(f"{run.folder}: damaged run (training_summary.npz is that of other facts); name another")
    return dict(zip(names, counts.tolist(), strict=True)), []


def _read_questions(
    source: DataSource, options: ScoringOptions, predictor: MemnetPredictor, settings: dict
) -> MemoryData:
    """The questions of files, or those that templates make of facts."""
    files, base, notes = source.files, predictor.base, []
    if files.get("facts") and not source.is_own:
        base = read_facts(files["facts"], options.reading)
        unknown = [relation for relation in base.by_relation if relation_word(relation) not in predictor.vocabulary]
        notes = base.notes
        if unknown and predictor.vocabulary.hashed:
            notes.append(
                f"training did not have {counted(len(unknown), 'relation')} of these facts: {some_of(unknown)}"
            )
    if files.get("templates"):
        templates = read_templates(files["templates"][0], options.reading)
        questions, template_notes = template_questions(
            base, templates, settings["templates_each"], settings["split_seed"]
        )
        return MemoryData(base, {"test": questions}, frozenset(), notes + template_notes)
    if not files.get("test_files"):
        raise UserError("--facts needs --test-files with questions, or --templates")
    base, questions = read_test_questions(
        files["test_files"], options.reading, base, candidates=settings["candidates"], add_facts=not source.is_own
    )
    empty = [question.id for question in questions if not question.memory]
    if empty:
        notes.append(f"{counted(len(empty), 'question')} with an empty memory, counted as wrong ({some_of(empty)})")
    return MemoryData(base, {"test": questions}, frozenset(), notes)


def _checksum(questions: dict[str, list[MemoryQuestion]]) -> str:
    """Changes with any question or answer."""
    rows = [[split, question.text, question.answers] for split, part in questions.items() for question in part]
    return f"sha256:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"
