"""The tab of ranking: a collection ranked by the model, beside BM25."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from utils.app.failures import errors_as_html
from utils.app.limits import (
    MAX_EXAMPLES,
    MAX_LINE,
    MAX_LINES,
    MAX_QUESTION,
    MAX_TEXT,
    checked_lines,
    checked_text,
    checked_whole_number,
)
from utils.app.markup import bar, breakable, message, row_number, table
from utils.app.page_model import PageModel

SHOWN = 10
SHOWN_BM25 = 3
EXAMPLE_QUESTION = "How do I keep bread fresh?"
EXAMPLE_TEXTS = (
    "A loaf stays soft for days in a wooden box; a fridge makes it stale sooner.",
    "Sliced bread can be frozen, and toasted when it is needed.",
    "Fresh herbs keep longest with their stems in a glass of water.",
    "Coffee beans lose their smell within weeks once the bag is open.",
    "The bakery at the corner opens at seven.",
)
"""For a run without examples."""


def load(folder: Path):
    """The predictor of a run."""
    from utils.ranking.predictor import RankingPredictor

    return RankingPredictor.load(folder)


class RankingTab:
    """The tab.

    Args:
        model: the model.
    """

    name = "ranking"
    label = "Ranking"
    title = "The best answer"
    introduction = "Rank the texts of a collection for a question: by the model, and by BM25, which compares words."

    def __init__(self, model: PageModel):
        self.model = model
        self.indexes = functools.lru_cache(maxsize=8)(self._index)

    def answer(self, question: str, texts: str = "", count: int = 10) -> dict:
        """Rank texts, a line each, for a question: by the model's score, with BM25's scores. No texts: the example's."""
        question = checked_text(question, "question", MAX_QUESTION)
        lines = [line for _, line in checked_lines(texts, "texts")]
        count = checked_whole_number(count, "count", 1, MAX_LINES)
        with self.model.predictor() as predictor:
            collection = tuple(dict.fromkeys(lines or read_example(self.model.folder)[1]))
            vectors, bm25, words, statistics = self.indexes(predictor, collection)
            (question_vector,) = predictor.embed_questions([question])
            scores, bm25_scores = vectors @ question_vector, bm25.scores(question)
            if predictor.lexical:
                scores = predictor.lexical.scores(question, words, scores, statistics)
        model_order, bm25_order = (np.argsort(-values, kind="stable") for values in (scores, bm25_scores))
        model_ranks, bm25_ranks = model_order.argsort() + 1, bm25_order.argsort() + 1

        def entry(place: int) -> dict:
            shares_words = bm25_scores[place] > 0
            return {
                "text": collection[place],
                "score": float(scores[place]),
                "rank": int(model_ranks[place]),
                "bm25": float(bm25_scores[place]),
                "bm25_rank": int(bm25_ranks[place]) if shares_words else None,
            }

        return {
            "question": question,
            "texts": len(collection),
            "ranked": [entry(place) for place in model_order[:count]],
            "ranked_by_bm25": [entry(place) for place in bm25_order[:count] if bm25_scores[place] > 0],
        }

    def show(self, question: str, texts: str) -> str:
        """The ranking as HTML."""
        result = self.answer(question, texts, SHOWN)
        highest = max((entry["bm25"] for entry in result["ranked_by_bm25"]), default=1.0)
        highest_score = max(1.0, *(entry["score"] for entry in result["ranked"]))

        def rows(entries: list[dict]) -> list[list[str]]:
            return [
                [
                    row_number(entry["rank"]),
                    f'<span dir="auto">{breakable(entry["text"])}</span>',
                    bar(entry["score"] / highest_score, f"{entry['score']:.3f}"),
                    bar(entry["bm25"] / highest, bm25_label(entry)),
                ]
                for entry in entries
            ]

        header = ["", f"text, of {result['texts']}", "model: score", "BM25: score (rank)"]
        parts = [table(header, rows(result["ranked"]), "ranking")]
        shown = {entry["rank"] for entry in result["ranked"]}
        others = [entry for entry in result["ranked_by_bm25"][:SHOWN_BM25] if entry["rank"] not in shown]
        if others:
            parts.append("<h4>Further down, but among the first for BM25</h4>")
            parts.append(table(header, rows(others), "ranking-bm25"))
        return "".join(parts) + self.model.caption()

    def ask(self, question: str, texts: str) -> tuple[str, str]:
        """Another question of the examples, and the result."""
        return question, self.show(question, texts)

    def open(self):
        """Question, other questions, texts and result for a page that opens."""
        import gradio as gr

        with self.model.predictor():
            questions, texts = read_example(self.model.folder)
        texts = "\n".join(texts)
        return questions[0], gr.Dropdown(choices=questions), texts, self.show(questions[0], texts)

    def _index(self, predictor, texts: tuple[str, ...]):
        """The vectors of texts, their BM25 index, and for a model in which words count their words and their statistics."""
        from utils.ranking.bm25 import BM25
        from utils.ranking.word_scores import WordStatistics, word_counts

        words = [word_counts(text) for text in texts] if predictor.lexical else []
        return predictor.embed_candidates(texts), BM25(texts), words, WordStatistics.of(texts)

    def build(self, page) -> None:
        """Lay out the tab in a page, a `gradio.Blocks`."""
        import gradio as gr

        with gr.Row():
            with gr.Column(min_width=300, scale=2):
                question = gr.Textbox(label="Question", max_length=MAX_QUESTION, elem_id="ranking-question")
                others = gr.Dropdown(label="Or one of these", allow_custom_value=True, elem_id="ranking-others")
                texts = gr.Textbox(
                    label="Collection, a text per line",
                    lines=10,
                    max_lines=16,
                    max_length=MAX_TEXT,
                    elem_id="ranking-texts",
                )
                ask = gr.Button("Rank", variant="primary", elem_id="ranking-ask")
            with gr.Column(min_width=300, scale=3):
                result = gr.HTML(message("The model is being loaded."), elem_id="ranking-result")
        handler = {"api_visibility": "private", "concurrency_id": "ranking"}
        gr.on([ask.click, question.submit], errors_as_html(self.show), [question, texts], result, **handler)
        others.input(errors_as_html(self.ask, 1), [others, texts], [question, result], **handler)
        page.load(errors_as_html(self.open, 3), None, [question, others, texts, result], **handler)


def bm25_label(entry: dict) -> str:
    """BM25's score and rank of a text.

    >>> bm25_label({"bm25": 2.5, "bm25_rank": 2}), bm25_label({"bm25": 0.0, "bm25_rank": None})
    ('2.50 (2)', 'no word')
    """
    return f"{entry['bm25']:.2f} ({entry['bm25_rank']})" if entry["bm25_rank"] else "no word"


def read_example(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """The questions of a published model's examples with the answers to all of them, or others for a run without them."""
    from utils.common.reading import Reading
    from utils.ranking.data import read_rankings, read_texts

    path = folder / "examples" / "answers.jsonl"
    if not path.is_file():
        return [EXAMPLE_QUESTION], EXAMPLE_TEXTS
    questions = [query.text for query in read_rankings(path, Reading()).queries[:MAX_EXAMPLES]]
    texts = [" ".join(named.text.split())[:MAX_LINE] for named in read_texts(path, Reading())][:MAX_LINES]
    lengths = np.cumsum([len(text) + 1 for text in texts])
    return questions, tuple(texts[: np.searchsorted(lengths, MAX_TEXT)])
