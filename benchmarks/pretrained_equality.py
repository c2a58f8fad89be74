"""Checks that this project's layers compute the same as the model that a checkpoint was saved from.

For every checkpoint folder, computes the hidden states of `BertEncoder` and of transformers' PyTorch model (eager attention,
float32) on the same pairs of question and paragraph, padded to the longest of their batch, and reports their largest difference at
real tokens. For a folder with modules.json it also computes the vectors of the paragraphs with `SentenceEncoder` and with
sentence-transformers. Needs PyTorch, transformers and sentence-transformers (requirements-bench.txt).

    python -m benchmarks.pretrained_equality --checkpoints tests/fixtures/pretrained/* path/to/MiniLM --out runs/equality.json

Text: the first questions of --files (SQuAD format), else of the demo world.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.harness import report_head, write_report
from utils.common.errors import UserError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True)
    parser.add_argument("--files", type=Path, nargs="*", help="SQuAD-format files")
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    try:
        questions = read_questions(options)
        rows = [compare(folder, questions) for folder in options.checkpoints]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        "| checkpoint | architecture | parameters | hidden states: largest difference | mean size | vectors: largest difference |\n"
        "|---|---|---|---|---|---|"
    )
    for row in rows:
        vectors = row["largest_difference_of_vectors"]
        print(
            f"| {row['checkpoint']} | {row['architecture']} | {row['parameters']:,} | {row['largest_difference']:.1e} "
            f"| {row['mean_size']:.2f} | {'' if vectors is None else f'{vectors:.1e}'} |"
        )
    report = report_head("pretrained_equality", options, rows=rows)
    write_report(report, options.out)
    return 0


def read_questions(options):
    """The questions to compare on."""
    from utils.squad.data import read_squad_files
    from utils.squad.demo import demo_squad

    questions = read_squad_files(options.files) if options.files else demo_squad()["test"]
    return questions[:: max(1, len(questions) // options.questions)][: options.questions]


def compare(folder: Path, questions) -> dict:
    """The largest difference over the questions, in batches of 8."""
    import keras
    import torch
    import transformers

    from components.bert_encoder import BertEncoder
    from utils.squad.features import build_features
    from utils.squad.windows import LENGTH_MULTIPLE, assemble
    from utils.text.pretrained.checkpoint import assign
    from utils.text.pretrained.loading import load_pretrained

    pretrained = load_pretrained(folder)
    checkpoint = pretrained.checkpoint
    ours = BertEncoder(**checkpoint.encoder, name="encoder")
    ours.build()
    assign(ours, checkpoint.weights)
    theirs = transformers.AutoModel.from_pretrained(checkpoint.folder, attn_implementation="eager").eval()
    length = min(384, checkpoint.encoder["max_length"] // LENGTH_MULTIPLE * LENGTH_MULTIPLE)
    features = build_features(
        questions, pretrained.tokenizer, length, length // 6, min(64, length // 3), labelled=False
    )
    largest, sizes, padded = 0.0, [], 0
    for first in range(0, len(features), 8):
        batch = assemble(features, np.arange(first, min(first + 8, len(features))))
        real = batch["padding_mask"] == 1
        ids = np.where(real, batch["token_ids"], theirs.config.pad_token_id)
        padded += int((~real).sum())
        arguments = {
            "input_ids": torch.tensor(ids).long(),
            "attention_mask": torch.tensor(batch["padding_mask"]).long(),
        }
        if checkpoint.encoder["num_segments"] > 1:
            arguments["token_type_ids"] = torch.tensor(batch["segment_ids"]).long()
        with torch.no_grad():
            expected = theirs(**arguments).last_hidden_state.numpy()[real]
        hidden_states = keras.ops.convert_to_numpy(ours(ids, batch["segment_ids"], batch["padding_mask"]))[real]
        largest = max(largest, float(np.abs(hidden_states - expected).max()))
        sizes.append(float(np.abs(expected).mean()))
    if not padded:
        raise UserError(
            f"{folder}: no window was padded, so nothing shows that padding changes no result; raise --questions"
        )
    return {
        "checkpoint": folder.name,
        "architecture": checkpoint.architecture,
        "parameters": ours.count_params(),
        "windows": len(features),
        "padded_positions": padded,
        "largest_difference": largest,
        "mean_size": float(np.mean(sizes)),
        "largest_difference_of_vectors": compare_vectors(folder, questions),
    }


def compare_vectors(folder: Path, questions) -> float | None:
    """The largest difference between vectors of the paragraphs; None for a folder that does not say how they are made."""
    if not (folder / "modules.json").is_file():
        return None
    from sentence_transformers import SentenceTransformer

    from utils.vectors.text_vectors import SentenceEncoder

    texts = list(dict.fromkeys(question.context for question in questions))
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts, show_progress_bar=False)
    return float(np.abs(SentenceEncoder.load(str(folder)).embed(texts) - expected).max())


if __name__ == "__main__":
    sys.exit(main())
