"""The tab of memnet: an answer from facts, the facts that the model attended to, and a box for facts of one's own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from utils.app.failures import errors_as_html
from utils.app.limits import (
    MAX_EXAMPLES,
    MAX_QUESTION,
    MAX_TEXT,
    checked_lines,
    checked_text,
    checked_whole_number,
    read_start,
)
from utils.app.markup import bar, breakable, escaped, message, table
from utils.app.page_model import PageModel
from utils.common.errors import UserError, counted
from utils.memnet.features import encode_texts
from utils.memnet.metrics import NOTHING_IN_COMMON
from utils.memnet.records import BadFactError, Fact, fact_from

MAX_ANSWERS = 20
SHOWN = 5
SHOWN_RELATIONS = 20
_BETWEEN_FIELDS = re.compile(r"\s+/\s+|\s*\|\s*|\t+")
EXAMPLE_FACTS = "Mira Holt / born_in / Arnwick\nMira Holt / occupation / engineer\nTom Farrow / born_in / Skel"
EXAMPLE_QUESTION = "Where was Mira Holt born?"
"""For a run without examples."""


def load(folder: Path):
    """The predictor of a run."""
    from utils.memnet.predictor import MemnetPredictor

    return MemnetPredictor.load(folder)


class MemnetTab:
    """The tab.

    Args:
        model: the model.
    """

    name = "memnet"
    label = "Facts"
    title = "Answers from facts"
    introduction = (
        "Ask about the facts that the model knows, or add facts of your own, a line each: subject / relation / object."
    )

    def __init__(self, model: PageModel):
        self.model = model

    def answer(self, question: str, facts: str = "", count: int = 5) -> dict:
        """Answer a question from the model's facts and from added ones (lines of subject / relation / object)."""
        question = checked_text(question, "question", MAX_QUESTION)
        added = read_facts(facts)
        count = checked_whole_number(count, "count", 1, MAX_ANSWERS)
        with self.model.predictor() as predictor:
            if added:
                (numbers,) = predictor.candidates(encode_texts([question], predictor.vocabulary))
                memory = [*added, *(predictor.base.facts[number] for number in numbers)]
                (result,) = predictor.answer([question], [memory], n_best=count)
            else:
                (result,) = predictor.answer([question], n_best=count)
        own = {(fact.subject, fact.relation, fact.object) for fact in added}
        for fact in result["facts"]:
            fact["is_added"] = (fact["subject"], fact["relation"], fact["object"]) in own
        return result

    def show(self, question: str, facts: str) -> str:
        """The answers and the attended facts as HTML."""
        result = self.answer(question, facts, SHOWN)
        notes = []
        if result["unknown_words"]:
            notes.append(message(f"No fact is about: {', '.join(result['unknown_words'])}"))
        if not result["facts"]:
            return "".join([*notes, message("No fact shares a word with the question."), self.model.caption()])
        if result["answers"]:
            best = f'<p class="qkv-answer" dir="auto">{escaped(result["answers"][0]["answer"])}</p>'
        elif result["no_answer_reason"] == NOTHING_IN_COMMON:
            best = message("The subjects of this question have nothing in common.")
        else:
            best = message(f"No fact answers this (probability {result['no_answer_probability']:.2f}).")
        answers = [[breakable(entry["answer"]), bar(entry["probability"])] for entry in result["answers"]]
        attended = [
            [
                _way_to(fact) + breakable(fact["subject"]),
                breakable(fact["relation"]),
                breakable(fact["object"]) + (' <span class="qkv-tag">yours</span>' if fact["is_added"] else ""),
                bar(fact["weight"]),
            ]
            for fact in result["facts"]
        ]
        return "".join(
            [
                *notes,
                best,
                table(["answer", "probability"], answers, "answers") if answers else "",
                f"<h4>Attended facts, of {counted(result['num_candidates'], 'candidate')}</h4>",
                table(["subject", "relation", "object", "weight"], attended, "facts"),
                self.model.caption(),
            ]
        )

    def ask(self, question: str, facts: str) -> tuple[str, str]:
        """Another question of the examples, and the result."""
        return question, self.show(question, facts)

    def open(self):
        """Question, other questions, added facts and result for a page that opens."""
        import gradio as gr

        with self.model.predictor() as predictor:
            questions, facts = read_example(self.model.folder)
            counts = Counter(fact.relation for fact in predictor.base.facts)
        relations = ", ".join(relation[:30] for relation, _ in counts.most_common(SHOWN_RELATIONS))
        box = gr.Textbox(facts, info=f"Relations of the model's facts: {relations}")
        return questions[0], gr.Dropdown(choices=questions), box, self.show(questions[0], facts)

    def build(self, page) -> None:
        """Lay out the tab in a page, a `gradio.Blocks`."""
        import gradio as gr

        with gr.Row():
            with gr.Column(min_width=300):
                question = gr.Textbox(label="Question", max_length=MAX_QUESTION, elem_id="memnet-question")
                others = gr.Dropdown(label="Or one of these", allow_custom_value=True, elem_id="memnet-others")
                facts = gr.Textbox(
                    label="Facts to add",
                    placeholder="Ada Lovelace / birth_city / London",
                    lines=5,
                    max_lines=12,
                    max_length=MAX_TEXT,
                    elem_id="memnet-facts",
                )
                ask = gr.Button("Answer", variant="primary", elem_id="memnet-ask")
            with gr.Column(min_width=300):
                result = gr.HTML(message("The model is being loaded."), elem_id="memnet-result")
        handler = {"api_visibility": "private", "concurrency_id": "memnet"}
        gr.on([ask.click, question.submit], errors_as_html(self.show), [question, facts], result, **handler)
        others.input(errors_as_html(self.ask, 1), [others, facts], [question, result], **handler)
        page.load(errors_as_html(self.open, 3), None, [question, others, facts, result], **handler)


def _way_to(fact: dict) -> str:
    """The fact from which the model came to an attended one, as HTML; empty where it took one step."""
    through = fact.get("through")
    if not through:
        return ""
    return f"{breakable(through['subject'])} / {breakable(through['relation'])} &rarr; "


def read_facts(text) -> list[Fact]:
    """The facts that a client added.

    >>> print(*read_facts("Ada Lovelace / born_in / London"))
    Ada Lovelace / born_in / London

    Raises:
        UserError: a line is no fact, or there are too many.
    """
    facts = []
    for number, line in checked_lines(text, "facts"):
        try:
            facts.append(fact_from(_BETWEEN_FIELDS.split(line)))
        except BadFactError as error:
            raise UserError(f"facts, line {number}: {error}; write subject / relation / object") from None
    return facts


def read_example(folder: Path) -> tuple[list[str], str]:
    """Questions and facts to add: the questions of a published model's examples, or others for a run without them."""
    try:
        lines = read_start(folder / "examples" / "questions.jsonl").splitlines()[:MAX_EXAMPLES]
        return [str(json.loads(line)["question"]) for line in lines] or [EXAMPLE_QUESTION], ""
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return [EXAMPLE_QUESTION], EXAMPLE_FACTS
