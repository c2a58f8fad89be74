"""How exactly span labels fit their answers, in several languages and with several tokenizers.

A label covers whole tokens. It is "wider" where its answer begins or ends within a token, and "cut" where it lacks part of its
answer, such as a vowel sign that the tokenizer drops. It is "lost" where the tokenizer drops the whole answer or no window has it.
Texts are compared as the metrics compare them.

Tokenizers  `own`: trained on the questions and paragraphs, as train_squad.py trains it.
            `uncased`: WordPiece that lower-cases and strips all marks, as that of bert-base-multilingual-uncased does, with one
            vocabulary for all files together.
            `cased`: the same, but it keeps capitals and marks, as bert-base-multilingual-cased does.

    python -m benchmarks.squad_labels --files xquad.hi.json.gz xquad.zh.json.gz

Without --files it takes XQuAD's Hindi and Chinese from $QKV_ZOO_DATA. It takes a few seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import report_head, write_report
from utils.common.errors import UserError

VOCABULARY_SIZES = (4_000, 16_000)
SHOWN = 5
"""Labels that are named of each kind."""


def main() -> int:
    options = parse()
    try:
        rows = measure(options.files, options.vocabulary_sizes)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = report_head("squad_labels", options, rows=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("QKV_ZOO_DATA")
    staged = [Path(folder) / "xquad" / f"xquad.{language}.json.gz" for language in ("hi", "zh")] if folder else None
    add = parser.add_argument
    add("--files", type=Path, nargs="+", default=staged, required=not staged, help="files with questions and answers")
    add("--vocabulary-sizes", type=int, nargs="+", default=VOCABULARY_SIZES, help="of the multilingual tokenizers")
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def measure(files: list[Path], vocabulary_sizes) -> list[dict]:
    """The counts of labels for each file and tokenizer."""
    from utils.squad.cache import describe_labels
    from utils.squad.data import read_squad
    from utils.squad.features import build_features
    from utils.squad.tokenizer import prepare_tokenizer

    questions = {path: read_squad(path) for path in files}
    texts = [text for part in questions.values() for q in part for text in (q.context, q.question)]
    multilingual = {
        f"{'cased' if cased else 'uncased'}, {size:,}": train_multilingual(texts, size, cased)
        for cased in (False, True)
        for size in vocabulary_sizes
    }
    rows = []
    for path, part in questions.items():
        with tempfile.TemporaryDirectory(prefix="squad-labels-") as folder:
            own = prepare_tokenizer(Path(folder), part)
        for name, tokenizer in {"own": own, **multilingual}.items():
            features = build_features(part, tokenizer, max_length=384, doc_stride=128)
            row = {"file": path.name, "tokenizer": name, "vocabulary": tokenizer.get_vocab_size()}
            row |= describe_labels(features)
            row["examples"] = [
                *features.wider_labels[:SHOWN],
                *features.cut_labels[:SHOWN],
                *features.lost_labels[:SHOWN],
            ]
            rows.append(row)
    return rows


def train_multilingual(texts: list[str], vocabulary_size: int, cased: bool):
    """A WordPiece tokenizer with BERT's own settings."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    learner = BertWordPieceTokenizer(lowercase=not cased, strip_accents=not cased)
    learner.train_from_iterator(texts, vocab_size=vocabulary_size, show_progress=False)
    return Tokenizer.from_str(learner.to_str())


def as_markdown(report: dict) -> str:
    """The table, and the labels that do not fit."""
    lines = ["", "| file | tokenizer | vocabulary | labels | wider | cut | lost |", "|---|---|---|---|---|---|---|"]
    for row in report["rows"]:
        shares = [
            f"{row[kind]} ({100 * row[kind] / row['labels']:.2f} %)" for kind in ("wider_than_answer", "cut", "lost")
        ]
        lines.append(
            f"| {row['file']} | {row['tokenizer']} | {row['vocabulary']:,} | {row['labels']:,} | {' | '.join(shares)} |"
        )
    examples = dict.fromkeys(f"{row['file']}, {example}" for row in report["rows"] for example in row["examples"])
    return "\n".join([*lines, "", *(f"- {example}" for example in examples), f"- commit {report['commit']}"])


if __name__ == "__main__":
    sys.exit(main())
