"""Pictures of a SQuAD run."""

import numpy as np

from utils.common.evaluation import Evaluation
from utils.squad.data import Answer, Question
from utils.squad.plots import plot_test, plot_training

QUESTIONS = [
    Question("1", "t", "Ada lived in Rome.", "Where did she live?", (Answer("Rome", 13),)),
    Question("2", "t", "Ada lived in Rome.", "Who lived there?", (Answer("Ada lived", 0),)),
    Question("3", "u", "Ada lived in Rome.", "Where?", (Answer("Rome", 13),)),
]


def evaluation(*f1):
    values = np.array(f1, float)
    return Evaluation.from_examples({"exact_match": values - 5, "f1": values}, np.array([0, 0, 1]))


def test_bars_have_the_scores_of_their_questions(tmp_path, drawn_texts):
    baselines = {"word_overlap": {"test": evaluation(10, 20, 30)}, "human": {}}
    plot_test(tmp_path, QUESTIONS, evaluation(60, 70, 90), baselines, "matching, dev.json", "test")
    assert {path.name for path in tmp_path.iterdir()} == {"question_word.png", "answer_length.png"}
    title = "Scores by question word\nmatching, dev.json, test: 3 questions, 95 % intervals"
    assert {title, "where\n(n = 2)", "who\n(n = 1)", "75", "70", "F1 of word overlap"} <= set(drawn_texts)


def test_the_training_is_drawn_beside_baselines(tmp_path):
    rows = [{"epoch": 1, "loss": 1.0, "val_exact_match": 50.0, "val_f1": 60.0}]
    plot_training(tmp_path, rows, {"word_overlap": {"validation": evaluation(10, 20, 30)}}, "matching, demo")
    assert (tmp_path / "history.png").stat().st_size > 5_000
