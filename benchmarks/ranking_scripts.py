"""How well BM25 finds the paragraph that answers a question, in any script.

Data        files in SQuAD's layout, such as XQuAD's. Each question is searched among all paragraphs of its file.
Measured    MRR of the question's own paragraph, for the words of `utils.text.words.split_words`, and for those of the regular
            expression `\\w+`, which cuts Hindi at its vowel signs and takes a Chinese clause for one word.

    python -m benchmarks.ranking_scripts xquad.hi.json.gz xquad.zh.json.gz
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.harness import report_head, write_report
from utils.common.files import read_json
from utils.ranking import bm25, word_scores
from utils.ranking.metrics import reciprocal_rank


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    cases = [measure(path) for path in options.files]
    for case in cases:
        print(
            f"{case['file']}: {case['questions']:,} questions, {case['paragraphs']:,} paragraphs, MRR {case['mrr']:.4f} "
            f"(with \\w+ {case['mrr_of_plain_words']:.4f})"
        )
    write_report(report_head("ranking_scripts", options, cases=cases), options.out)
    return 0


def measure(path: Path) -> dict:
    """MRR of both kinds of words."""
    paragraphs = [paragraph for article in read_json(path)["data"] for paragraph in article["paragraphs"]]
    texts = [paragraph["context"] for paragraph in paragraphs]
    questions = [(entry["question"], place) for place, paragraph in enumerate(paragraphs) for entry in paragraph["qas"]]
    with mock.patch.object(word_scores, "split_words", lambda text: re.findall(r"\w+", text.lower())):
        plain = mrr(texts, questions)
    counts = {"file": path.name, "questions": len(questions), "paragraphs": len(texts)}
    return counts | {"mrr": mrr(texts, questions), "mrr_of_plain_words": plain}


def mrr(texts: list[str], questions: list[tuple[str, int]]) -> float:
    """Mean reciprocal rank of each question's paragraph, by BM25."""
    index = bm25.BM25(texts)
    scores = np.stack([index.scores(question) for question, _ in questions])
    relevance = np.eye(len(texts))[[place for _, place in questions]]
    return float(reciprocal_rank(scores, relevance, np.ones(scores.shape, bool)).mean())


if __name__ == "__main__":
    sys.exit(main())
