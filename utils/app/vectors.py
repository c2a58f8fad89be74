"""The tab of vectors: the sentences that are likely to come next in an article, and the weights on the context."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np

from utils.app.failures import errors_as_html
from utils.app.limits import MAX_TEXT, checked_text, checked_whole_number, read_start
from utils.app.markup import bar, breakable, escaped, message, row_number, table
from utils.app.page_model import PageModel
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.text.sentences import MAX_CHARACTERS, chunks, cut
from utils.vectors.evaluation import influence
from utils.vectors.features import contexts

SHOWN = 5
MAX_SENTENCES = 200
WEIGHTS = {
    "influence": "Influence: how far the prediction moves without the sentence, as a fraction of all.",
    "attention": "Attention: the weights of the model's attention layer.",
}
"""What is said about the sentences of the context."""
EXAMPLE_START = 6
"""The sentence that the page opens with."""


def load(folder: Path, encoder: str = ""):
    """The predictor of a run, and what embeds the sentences of other articles.

    Args:
        folder: the run.
        encoder: folder or name of the sentence encoder that the run was trained with; empty for none.
    """
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.text_vectors import text_embedder

    predictor = VectorsPredictor.load(folder)
    if not encoder:
        return predictor, None
    embedder = text_embedder(encoder, Path(), predictor.encoder_key, predictor.language)
    return predictor, embedder.encoder


class VectorsTab:
    """The tab.

    Args:
        model: the model; its predictor is what `load` returns.
        reads_text: whether there is an encoder, so that other articles can be read.
    """

    name = "vectors"
    label = "Article"
    title = "The next sentence"
    introduction = (
        "The model reads an article up to a sentence, and ranks the other sentences by how likely they follow it."
    )

    def __init__(self, model: PageModel, reads_text: bool = False):
        self.model = model
        self.reads_text = reads_text
        self.documents = functools.lru_cache(maxsize=8)(self._read_documents)

    def answer(self, sentence: int, article: str = "", count: int = 5) -> dict:
        """Rank the sentences of an article by how likely each follows sentence number `sentence`, from 1. Empty: the example."""
        article = checked_text(article, "article", is_needed=False)
        if article.strip() and not self.reads_text:
            raise UserError(
                "article: this page has no sentence encoder, so it knows its example alone; leave the article empty"
            )
        count = checked_whole_number(count, "count", 1, MAX_SENTENCES)
        with self.model.predictor() as (predictor, encoder):
            data = self.documents(predictor, encoder, article.strip())
            row = checked_whole_number(sentence, "sentence", 1, data.count) - 1
            start, end = data.starts[data.document[row]], data.starts[data.document[row] + 1]
            inputs = contexts(data, np.array([row]), predictor.context_length, include_row=True)
            weights = {"influence": influence(predictor, inputs)[0]}
            outputs = predictor.predict(inputs)
            if "attention" in outputs:
                weights["attention"] = outputs["attention"][0]
            (nearest,) = predictor.nearest(data, [int(data.file_rows(row))], data.count)
        first = max(start, row + 1 - predictor.context_length)
        numbers = {int(data.file_rows(place)): place + 1 for place in range(data.count)}
        ranked = []
        for other in nearest["nearest_in_document"]:
            number = numbers[other["row"]]
            text = sentence_text(data, number - 1)
            ranked.append({"sentence": number, "text": text, "similarity": other["similarity"]})
        rank = next((place for place, other in enumerate(ranked, start=1) if other["sentence"] == row + 2), None)
        return {
            "sentences": data.count,
            "candidates": len(ranked),
            "context": [
                {
                    "sentence": place + 1,
                    "text": sentence_text(data, place),
                    **{name: float(values[place - row - 1]) for name, values in weights.items()},
                }
                for place in range(first, row + 1)
            ],
            "next": {"sentence": row + 2, "text": sentence_text(data, row + 1), "rank": rank}
            if row + 1 < end
            else None,
            "ranked": ranked[:count],
        }

    def show(self, sentence: int, article: str = "") -> str:
        """The ranked sentences and the context as HTML."""
        result = self.answer(sentence, article, SHOWN)
        follows = result["next"]
        parts = []
        if follows and follows["rank"]:
            place = f"rank {follows['rank']} of {result['candidates']}"
            parts.append(f'<p class="qkv-caption">What follows in the article ({place}):</p>')
            parts.append(f'<p class="qkv-answer qkv-sentence" dir="auto">{escaped(follows["text"])}</p>')
        elif not follows:
            parts.append(message("The article ends here; these sentences would fit best."))
        rows = [
            [
                row_number(other["sentence"]),
                f'<span dir="auto">{escaped(other["text"])}</span>'
                + (
                    ' <span class="qkv-tag">next</span>' if follows and other["sentence"] == follows["sentence"] else ""
                ),
                bar(other["similarity"]),
            ]
            for other in result["ranked"]
        ]
        parts.append("<h4>Most likely to come next</h4>")
        parts.append(table(["", "sentence", "similarity"], rows, "sentences"))
        names = [name for name in WEIGHTS if name in result["context"][0]]
        context = [
            [row_number(other["sentence"]), sentence_cell(other["text"]), *(bar(other[name]) for name in names)]
            for other in reversed(result["context"])
        ]
        parts.append("<h4>What the model has read, the last sentence first</h4>")
        parts.append(table(["", "sentence", *names], context, "context"))
        parts.append(f'<p class="qkv-caption">{escaped(" ".join(WEIGHTS[name] for name in names))}</p>')
        parts.append(self.model.caption())
        return "".join(parts)

    def open(self):
        """The slider and the result for a page that opens."""
        return self.read("")

    def read(self, article: str):
        """The slider and the result for another article."""
        import gradio as gr

        count = self.answer(1, article, 1)["sentences"]
        sentence = min(EXAMPLE_START, max(count - 1, 1))
        return gr.Slider(maximum=count, value=sentence), self.show(sentence, article)

    def _read_documents(self, predictor, encoder, article: str):
        """The example, or the sentences of an article with their vectors."""
        if not article:
            return read_example(predictor, self.model.folder)
        from utils.vectors.data import VectorDocuments

        sentences = chunks(article, predictor.language)
        tokens = encoder.tokenize(sentences)
        texts = [
            part
            for sentence, (spans, _) in zip(sentences, tokens, strict=True)
            for part in cut(sentence, spans, encoder.max_tokens, MAX_CHARACTERS)
        ]
        if not 2 <= len(texts) <= MAX_SENTENCES:
            raise UserError(f"article: has {len(texts):,} sentences; give 2 to {MAX_SENTENCES}")
        return VectorDocuments(encoder.embed(texts), np.zeros(len(texts), int), texts, ["article"], "the article")

    def build(self, page) -> None:
        """Lay out the tab in a page, a `gradio.Blocks`."""
        import gradio as gr

        with gr.Row():
            with gr.Column(min_width=300, scale=1):
                sentence = gr.Slider(
                    1, EXAMPLE_START, EXAMPLE_START, step=1, label="Read up to sentence", elem_id="vectors-sentence"
                )
                article = gr.Textbox(
                    label="Another article",
                    placeholder="Paste several paragraphs; empty: the example.",
                    lines=10,
                    max_lines=16,
                    max_length=MAX_TEXT,
                    visible=self.reads_text,
                    elem_id="vectors-article",
                )
                read = gr.Button("Read it", variant="primary", visible=self.reads_text, elem_id="vectors-read")
            with gr.Column(min_width=300, scale=2):
                result = gr.HTML(message("The model is being loaded."), elem_id="vectors-result")
        handler = {"api_visibility": "private", "concurrency_id": "vectors"}
        sentence.release(errors_as_html(self.show), [sentence, article], result, **handler)
        read.click(errors_as_html(self.read, 1), article, [sentence, result], **handler)
        page.load(errors_as_html(self.open, 1), None, [sentence, result], **handler)


def sentence_cell(text: str) -> str:
    """A sentence as HTML, in the direction of its script."""
    return f'<span dir="auto">{breakable(text)}</span>'


def sentence_text(data, place: int) -> str:
    """A sentence, or its row where no texts are known."""
    return data.texts[place] if data.texts else f"row {data.file_rows(place):,}"


def read_example(predictor, folder: Path):
    """The article of a published model's examples, or a passage of the demo world for a run that was trained on it."""
    from utils.vectors.data import read_file

    path = folder / "examples" / "article.npz"
    if path.is_file():
        data = read_file(path, Reading())
        texts = read_start(path.with_suffix(".txt")).splitlines()
        return dataclasses.replace(data, texts=texts if len(texts) == data.count else data.texts)
    if predictor.demo_seed is None:
        raise UserError(
            "this model has no example (examples/article.npz); with --encoder the page reads other articles"
        )
    data, _ = predictor.read_documents()
    longest = int(np.argmax(np.diff(data.starts)))
    chosen = np.arange(data.starts[longest], data.starts[longest + 1])
    return dataclasses.replace(
        data,
        vectors=data.take(chosen),
        document=np.zeros(len(chosen), int),
        texts=[data.texts[row] for row in chosen] if data.texts else None,
        names=[data.names[longest]],
        rows=None,
    )
