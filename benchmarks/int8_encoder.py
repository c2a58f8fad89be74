"""What weights in 8 bits cost a sentence encoder: size, cosine with the vectors of float32, and NDCG@10 of its rankings.

    python -m benchmarks.int8_encoder --encoder sentence-transformers/all-MiniLM-L6-v2 --test-files wikiqa/dev

The encoder is exported to ONNX as it is, without training, and quantised with one scale for each column of a matrix (what
`export.py --int8` does) and with one for each matrix.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.training.run import run_script


@dataclass
class Config:
    """What to measure."""

    encoder: str
    """Folder of a sentence encoder, or its name on the Hugging Face hub."""
    test_files: list[Path]
    """Questions with judged answers, in any format of the task ranking."""


def main(config: Config) -> int:
    from models.bi_encoder import BiEncoder
    from utils.common.reading import Reading
    from utils.ranking.encoder import pretrained_start
    from utils.ranking.evaluation import evaluate_scores
    from utils.ranking.predictor import RankingPredictor
    from utils.ranking.scoring import make_evaluation_set
    from utils.ranking.splits import read_test_queries
    from utils.training.int8 import quantize_onnx

    start = pretrained_start(config.encoder, 0.0, None, None, None)
    dense = [layer.config for layer in start.dense]
    model = BiEncoder(start.arguments, pooling=start.pooling, output_dim=None, dense=dense)
    model.build()
    start.set_weights(model)
    lengths = {name: start.settings[name] for name in ("query_length", "max_length")}
    predictor = RankingPredictor(model, start.tokenizer, **lengths)
    splits = read_test_queries(config.test_files, "best_share", Reading())
    questions = make_evaluation_set(predictor, splits, "test", np.arange(len(splits.parts["test"])), [])

    def measure(name: str, expected: np.ndarray | None, num_bytes: int) -> np.ndarray:
        vectors = predictor.candidate_vectors(questions.candidate_ids)
        metrics = evaluate_scores(questions, predictor.question_vectors(questions.query_ids) @ vectors.T).metrics
        scores = ", ".join(f"{key} {metrics[key]:.4f}" for key in ("ndcg@10", "ndcg@10_all") if key in metrics)
        cosines = np.ones(1) if expected is None else np.sum(vectors * expected, axis=1)
        print(
            f"{name}: {num_bytes:,} bytes, cosine {cosines.mean():.4f} (least {cosines.min():.4f}), {scores}",
            flush=True,
        )
        return vectors

    with tempfile.TemporaryDirectory() as folder:
        predictor.export(Path(folder))
        path = Path(folder) / "model.onnx"
        expected = measure("Keras, float32", None, 4 * model.count_params())
        predictor.use_onnx(path)
        measure("ONNX, float32", expected, path.stat().st_size)
        for per_channel, name in ((True, "a scale for each column"), (False, "a scale for each matrix")):
            small = quantize_onnx(path, per_channel)
            predictor.use_onnx(small)
            measure(f"ONNX, int8, {name}", expected, small.stat().st_size)
    return 0


if __name__ == "__main__":
    run_script(main, Config)
