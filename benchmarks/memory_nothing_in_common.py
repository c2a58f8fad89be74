"""How often a trained model answers questions about two subjects that have nothing in common.

Data        the validation or test questions about two subjects that `train_memnet.py` makes with the same --facts, --templates,
            --split-seed and --templates-each 0, and for each one with the same template and first subject, whose second subject is
            that of another question with the same relations and has no answer in common with the first.
Measured    with candidates from all facts: accuracy, questions that are left unanswered though a fact answers, and questions
            without an answer that are answered. The model was trained with --unanswerable, else it always answers.

    python -m benchmarks.memory_nothing_in_common runs/pairs --facts kb_subset.tsv.gz \\
        --templates benchmarks/film_questions_two_subjects.tsv --split-seed 1
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import report_head, write_report
from utils.common.reading import Reading
from utils.memnet.data import read_facts, read_templates
from utils.memnet.records import SECOND, KnowledgeBase, MemoryQuestion
from utils.memnet.splits import split_templates

DRAWS = 20
"""Second subjects that are drawn for a question, until one has nothing in common with the first."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a run of train_memnet.py, or a published model")
    parser.add_argument("--facts", type=Path, nargs="+", required=True)
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()

    from utils.memnet.predictor import MemnetPredictor

    base = read_facts(options.facts, Reading())
    templates = read_templates(options.templates, Reading())
    data = split_templates(base, templates, max_templates=0, seed=options.split_seed)
    questions = [question for question in data.questions[options.split] if question.second_subject]
    others = questions_without_answer(base, questions, np.random.default_rng(options.split_seed))
    answerer = MemnetPredictor.load(options.model).with_facts(base.facts)
    answers = [answer["answers"] for answer in answerer.answer([question.text for question in questions], n_best=1)]
    is_right = [
        bool(best) and best[0]["answer"] in question.answers for best, question in zip(answers, questions, strict=True)
    ]
    of_others = [answer["answers"] for answer in answerer.answer([question.text for question in others], n_best=1)]
    scores = {
        "questions": len(questions),
        "accuracy": np.mean(is_right),
        "left_unanswered": np.mean([not best for best in answers]),
        "questions_without_answer": len(others),
        "answered_without_answer": np.mean([bool(best) for best in of_others]),
    }
    print("{questions} questions: accuracy {accuracy:.4f}, left unanswered {left_unanswered:.4f}".format(**scores))
    print("{questions_without_answer} without an answer: answered {answered_without_answer:.4f}".format(**scores))
    write_report(report_head("memory_nothing_in_common", options, scores=scores), options.out)
    return 0


def questions_without_answer(
    base: KnowledgeBase, questions: list[MemoryQuestion], rng: np.random.Generator
) -> list[MemoryQuestion]:
    """For each question one whose subjects have nothing in common; none where `DRAWS` draws give none."""
    second_subjects: dict[str, list[str]] = {}
    for question in questions:
        second_subjects.setdefault(question.relation, []).append(question.second_subject)
    without = []
    for question in questions:
        names = second_subjects[question.relation]
        for place in rng.integers(0, len(names), DRAWS):
            text = question.template.replace("{s}", question.subject).replace(SECOND, names[place])
            other = replace(question, text=text, second_subject=names[place], answers=())
            if names[place] != question.subject and not base.objects_in_common(other.keys):
                without.append(other)
                break
    return without


if __name__ == "__main__":
    sys.exit(main())
