"""SQuAD questions with the sentences of their paragraphs, to train an encoder that ranks sentences.

    python -m benchmarks.squad_sentences train-v1.1.json new_wiki_v1.0.json.gz --out sentences.jsonl --limit 12000

The sentence that holds the answer is relevant, other sentences of the paragraph are not. Each line is
`{"query", "candidates", "labels"}`, which `train_ranking.py --train-files` reads. Questions whose answer is no part of one sentence
are left out.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically
from utils.common.reading import Reading
from utils.squad.data import read_squad_files
from utils.text.sentences import split_sentences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="questions, drawn at random; 0 is all")
    parser.add_argument("--candidates", type=int, default=4, help="sentences of a question, at most")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    questions = read_squad_files(options.files, Reading())
    order = rng.permutation(len(questions))
    lines = []
    for number in order.tolist():
        record = ranked_sentences(questions[number], options.candidates, rng)
        if record:
            lines.append(json.dumps(record, ensure_ascii=False))
        if len(lines) == options.limit:
            break
    write_atomically(options.out, "\n".join(lines) + "\n")
    print(f"{len(lines):,} of {len(questions):,} questions in {options.out}")


def ranked_sentences(question, max_candidates: int, rng: np.random.Generator) -> dict | None:
    """The record of a question; None where no sentence holds its answer, or there is no other sentence."""
    if not question.answers:
        return None
    answer = question.answers[0]
    sentences, end = [], 0
    for sentence in split_sentences(question.context, "en"):
        start, end = end, end + len(sentence)
        holds_answer = start <= answer.start and answer.start + len(answer.text) <= end
        sentences.append((sentence.strip(), holds_answer))
    relevant = [sentence for sentence, is_relevant in sentences if is_relevant]
    others = [sentence for sentence, is_relevant in sentences if not is_relevant]
    if not relevant or not others:
        return None
    chosen = [others[place] for place in sorted(rng.permutation(len(others))[: max_candidates - 1])]
    return {"query": question.question, "candidates": [relevant[0], *chosen], "labels": [1] + [0] * len(chosen)}


if __name__ == "__main__":
    main()
