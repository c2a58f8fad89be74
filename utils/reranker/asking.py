"""Ask a trained re-ranker for the texts that fit a question best, as `utils.ranking.asking` asks an encoder."""

from __future__ import annotations

from utils.common.asking import Request
from utils.ranking.asking import answer_lines, ask, ask_file, trec_lines
from utils.reranker.predictor import RerankerPredictor

__all__ = ["answer_lines", "ask", "ask_file", "load", "trec_lines"]


def load(request: Request) -> RerankerPredictor:
    """The predictor that answers."""
    return RerankerPredictor.load(request.reference)
