"""The tab of squad: an answer highlighted in its text, and the runners-up."""

from __future__ import annotations

import json
from pathlib import Path

from utils.app.failures import errors_as_html
from utils.app.limits import MAX_EXAMPLES, MAX_QUESTION, MAX_TEXT, checked_text, checked_whole_number, read_start
from utils.app.markup import bar, breakable, escaped, marked_text, message, row_number, table
from utils.app.page_model import PageModel

MAX_ANSWERS = 10
EXAMPLE_QUESTION = "Who wrote the report?"
EXAMPLE_TEXT = (
    "The bridge at Arnwick was built in 1812 by Mira Holt, an engineer from Skel. A report on its foundations was written by "
    "Tom Farrow in 1843, after a flood had carried away two of its nine arches."
)
"""For a run without examples."""


def load(folder: Path):
    """The predictor of a run."""
    from utils.squad.predictor import SquadPredictor

    return SquadPredictor.load(folder)


class SquadTab:
    """The tab.

    Args:
        model: the model.
    """

    name = "squad"
    label = "Text"
    title = "Answers in a text"
    introduction = (
        "Ask about any text. The answer is a part of the text; the number beside a highlighted part is its rank."
    )

    def __init__(self, model: PageModel):
        self.model = model

    def answer(self, question: str, context: str, count: int = 5) -> dict:
        """Answer a question from a text: the best answers with their probabilities and places in the text."""
        question = checked_text(question, "question", MAX_QUESTION)
        context = checked_text(context, "context", MAX_TEXT)
        count = checked_whole_number(count, "count", 1, MAX_ANSWERS)
        with self.model.predictor() as predictor:
            (result,) = predictor.answer([{"question": question, "context": context}], n_best=count)
        names = ("text", "probability", "start")
        best = [{name: entry[name] for name in names} for entry in result["n_best"]]
        return {"answer": result["answer"], "probability": result["probability"], "answers": best}

    def show(self, question: str, context: str) -> str:
        """The answers as HTML."""
        result = self.answer(question, context)
        answers = result["answers"]
        spans = [(entry["start"], entry["start"] + len(entry["text"])) for entry in answers]
        rows = [
            [row_number(rank), breakable(entry["text"]), bar(entry["probability"])]
            for rank, entry in enumerate(answers, start=1)
        ]
        if result["answer"]:
            head = f'<p class="qkv-answer" dir="auto">{escaped(result["answer"])}</p>'
        else:
            head = message("The model finds no answer in this text. The best guesses are:")
        return (
            head
            + marked_text(context, spans)
            + table(["", "answer", "probability"], rows, "answers")
            + self.model.caption()
        )

    def ask(self, question: str, context: str) -> tuple[str, str]:
        """Another question of the example, and the result."""
        return question, self.show(question, context)

    def open(self):
        """Question, other questions, text and result for a page that opens."""
        import gradio as gr

        with self.model.predictor():
            questions, text = read_example(self.model.folder)
        return questions[0], gr.Dropdown(choices=questions), text, self.show(questions[0], text)

    def build(self, page) -> None:
        """Lay out the tab in a page, a `gradio.Blocks`."""
        import gradio as gr

        with gr.Row():
            with gr.Column(min_width=300):
                question = gr.Textbox(label="Question", max_length=MAX_QUESTION, elem_id="squad-question")
                others = gr.Dropdown(label="Or one of these", allow_custom_value=True, elem_id="squad-others")
                text = gr.Textbox(label="Text", lines=10, max_lines=16, max_length=MAX_TEXT, elem_id="squad-text")
                ask = gr.Button("Answer", variant="primary", elem_id="squad-ask")
            with gr.Column(min_width=300):
                result = gr.HTML(message("The model is being loaded."), elem_id="squad-result")
        handler = {"api_visibility": "private", "concurrency_id": "squad"}
        gr.on([ask.click, question.submit], errors_as_html(self.show), [question, text], result, **handler)
        others.input(errors_as_html(self.ask, 1), [others, text], [question, result], **handler)
        page.load(errors_as_html(self.open, 3), None, [question, others, text, result], **handler)


def read_example(folder: Path) -> tuple[list[str], str]:
    """The questions and the text of a published model's examples, or others for a run without them."""
    try:
        text = read_start(folder / "examples" / "text.txt")
        content = json.loads(read_start(folder / "examples" / "questions.json"))
        paragraphs = content["data"][0]["paragraphs"]
        questions = [str(question["question"]) for paragraph in paragraphs for question in paragraph["qas"]]
        return questions[:MAX_EXAMPLES] or [EXAMPLE_QUESTION], text
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return [EXAMPLE_QUESTION], EXAMPLE_TEXT
