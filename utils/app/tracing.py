"""The tab of tracing: a student's ability as responses are clicked in, and the curves of the next item."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from utils.app.charts import NUM_COLOURS, Chart
from utils.app.failures import errors_as_html
from utils.app.limits import MAX_LINES, checked_lines, checked_text
from utils.app.markup import bar, escaped, message, table
from utils.app.page_model import PageModel
from utils.common.errors import UserError, counted
from utils.tracing.answering import most_informative
from utils.tracing.features import cut
from utils.tracing.item_response import PROBABILITIES, softmax
from utils.tracing.sequences import ResponseSequence

MAX_ITEM = 200
"""Characters of an item's name."""
MAX_CHOICES = 1_000
"""Items in the list; others can be typed."""
EXAMPLE_STEPS = 6
"""Responses of the example, for a run without examples."""
_RESPONSE = re.compile(r"(.+?)[\s:,;=]+(\d{1,3})")


def load(folder: Path):
    """The predictor of a run."""
    from utils.tracing.predictor import TracingPredictor

    return TracingPredictor.load(folder)


class TracingTab:
    """The tab.

    Args:
        model: the model.
    """

    name = "tracing"
    label = "Student"
    title = "A student's ability"
    introduction = (
        "Click how a student responds to the next item. The one proposed after it would tell most about the student."
    )

    def __init__(self, model: PageModel):
        self.model = model

    def answer(self, responses: str, item: str) -> dict:
        """Predict a student's response to an item. `responses` are those so far, a line each: item, colon, category from 0."""
        with self.model.predictor() as predictor:
            items, categories = read_responses(responses, predictor.num_categories)
            item = checked_text(item, "item", MAX_ITEM).strip()
            # A response to the item is needed to fill the step. It has no influence on its own prediction.
            sequence = ResponseSequence("", (*items, item), np.array([*categories, 0]))
            (outputs,) = predictor.outputs(cut([sequence], predictor.item_numbers, len(sequence.items)))
            result = {
                "item": item,
                "is_known": item in predictor.item_numbers,
                "unknown_items": sorted(set(items) - predictor.item_numbers.keys()),
                "probabilities": softmax(outputs["logits"][-1]).tolist(),
            }
            if "ability" in outputs:
                result["abilities"] = outputs["ability"].tolist()
                result["discrimination"] = float(outputs["discrimination"][-1])
                result["thresholds"] = outputs["thresholds"][-1].tolist()
                result["model"] = predictor.head
                if predictor.ability_deviation:
                    result["ability_errors"] = predictor.ability_errors(outputs, range(len(sequence.items)))
            return result

    def show(self, responses: str, item: str) -> str:
        """The ability curve and the next item's curves as HTML."""
        result = self.answer(responses, item)
        parts = []
        unknown = [*result["unknown_items"], *([] if result["is_known"] else [result["item"]])]
        if unknown:
            names = ", ".join(dict.fromkeys(unknown[:5]))
            parts.append(message(f"Not in training, treated as an unknown item: {names}"))
        if "abilities" in result:
            now = f"Ability {result['abilities'][-1]:.2f}"
            now += f" ± {result['ability_errors'][-1]:.2f}" if "ability_errors" in result else ""
            count = counted(len(result["abilities"]) - 1, "response")
            parts.append(f'<p class="qkv-answer">{escaped(now)} <small>after {escaped(count)}</small></p>')
            parts.append(ability_chart(result, read_responses(responses)[1]))
        rows = [[str(category), bar(value)] for category, value in enumerate(result["probabilities"])]
        parts.append(f"<h4>Response to item {escaped(result['item'])}, if it comes next</h4>")
        parts.append(table(["category", "probability"], rows, "categories"))
        if "abilities" in result:
            parts.append(category_chart(result))
        parts.append(self.model.caption())
        return "".join(parts)

    def open(self) -> tuple:
        """Responses, the next item, the choices of a response, and the result, for a page that opens."""
        import gradio as gr

        with self.model.predictor() as predictor:
            names, count = list(predictor.item_numbers), predictor.num_categories
            responses = read_example(predictor, self.model.folder)
        item = self.next_item(responses)
        labels = ["wrong (0)", "right (1)"] if count == 2 else [str(category) for category in range(count)]
        choices = gr.Radio(choices=[(label, str(number)) for number, label in enumerate(labels)])
        items = gr.Dropdown(choices=names[:MAX_CHOICES], value=item)
        return responses, items, choices, self.show(responses, item)

    def respond(self, responses: str, item: str, response: str) -> tuple:
        """Add a response that was clicked: the responses, the next item, no choice, and the result."""
        item = checked_text(item, "item", MAX_ITEM).strip()
        responses = checked_text(responses, "responses", is_needed=False).rstrip()
        responses = f"{responses}\n{item}: {checked_text(response, 'response', 3)}".lstrip()
        item = self.next_item(responses)
        return responses, item, None, self.show(responses, item)

    def undo(self, responses: str) -> tuple[str, str, str]:
        """Take the last response back: the responses, its item, and the result."""
        lines = [line for _, line in checked_lines(responses, "responses")]
        items, _ = read_responses(lines[-1] if lines else "")
        responses, item = "\n".join(lines[:-1]), items[0] if items else self.next_item("")
        return responses, item, self.show(responses, item)

    def start_again(self) -> tuple[str, str, str]:
        """A new student: no responses, the first item, and the result."""
        item = self.next_item("")
        return "", item, self.show("", item)

    def next_item(self, responses: str) -> str:
        """The item, among those not answered yet, whose response would tell most of the student, as `predict.py --n-best` has it.

        For a model without abilities it is the first of those items. Of more items than the list shows, the first are compared.
        """
        with self.model.predictor() as predictor:
            items, categories = read_responses(responses, predictor.num_categories)
            names = list(predictor.item_numbers)
            others = [name for name in names if name not in set(items)] or names
            if predictor.head not in PROBABILITIES:
                return others[0]
            history = ResponseSequence("", tuple(items), np.array(categories, np.int64))
            (student,) = predictor.predict([history], others[:MAX_CHOICES])
        return most_informative(student["predictions"])[0]["item"]

    def build(self, page) -> None:
        """Lay out the tab in a page, a `gradio.Blocks`."""
        import gradio as gr

        with gr.Row():
            with gr.Column(min_width=300):
                item = gr.Dropdown(label="Next item", allow_custom_value=True, elem_id="tracing-item")
                response = gr.Radio(label="Its response, a category", choices=[], elem_id="tracing-response")
                with gr.Row():
                    undo = gr.Button("Undo", elem_id="tracing-undo", min_width=80)
                    clear = gr.Button("New student", elem_id="tracing-clear", min_width=80)
                responses = gr.Textbox(
                    label="Responses so far (item: category)", lines=4, max_lines=4, elem_id="tracing-responses"
                )
            with gr.Column(min_width=300):
                result = gr.HTML(message("The model is being loaded."), elem_id="tracing-result")
        handler = {"api_visibility": "private", "concurrency_id": "tracing"}
        clicked = [responses, item, response]
        response.input(errors_as_html(self.respond, 3), clicked, [*clicked, result], **handler)
        gr.on([item.input, responses.blur], errors_as_html(self.show), [responses, item], result, **handler)
        undo.click(errors_as_html(self.undo, 2), responses, [responses, item, result], **handler)
        clear.click(errors_as_html(self.start_again, 2), None, [responses, item, result], **handler)
        page.load(errors_as_html(self.open, 3), None, [*clicked, result], **handler)


def read_responses(text, num_categories: int | None = None) -> tuple[list[str], list[int]]:
    """The items and the categories of a client's lines.

    >>> read_responses("q1: 2\\nlong division, 0")
    (['q1', 'long division'], [2, 0])

    Args:
        text: the lines.
        num_categories: how many categories there are; None does not check them.

    Raises:
        UserError: a line is no response, or a category does not exist.
    """
    items, categories = [], []
    for number, line in checked_lines(text, "responses"):
        match = _RESPONSE.fullmatch(line)
        if not match or len(match[1]) > MAX_ITEM:
            raise UserError(f"responses, line {number}: is no item with a category; write it like 'item: 1'")
        if num_categories and int(match[2]) >= num_categories:
            raise UserError(f"responses, line {number}: category {match[2]} must be 0 to {num_categories - 1}")
        items.append(match[1])
        categories.append(int(match[2]))
    return items, categories


def ability_chart(result: dict, categories: list[int]) -> str:
    """The ability before each response, with a band of one standard error, as HTML.

    Args:
        result: what `TracingTab.answer` returns.
        categories: the responses so far.
    """
    abilities, steps = np.array(result["abilities"]), list(range(len(result["abilities"])))
    errors = np.array(result.get("ability_errors", np.zeros(len(abilities))))
    low, high = (abilities - errors).min(), (abilities + errors).max()
    margin = 0.1 * (high - low) or 1
    chart = Chart(
        (0, max(len(steps) - 1, 1)), (low - margin, high + margin), "responses so far", "ability",
        "the student's ability after each response, with a band of one standard error", whole_numbers=True,
    )  # fmt: skip
    if len(steps) == 1:
        chart.band([0, 1], [low, low], [high, high])
    chart.band(steps, (abilities - errors).tolist(), (abilities + errors).tolist())
    chart.line(steps, abilities.tolist())
    titles = ["a new student", *(f"after a response in category {category}" for category in categories)]
    chart.dots(steps, abilities.tolist(), titles)
    return chart.svg() + '<p class="qkv-caption">The band is one standard error to each side.</p>'


def category_chart(result: dict) -> str:
    """The probability of each category of the next item against ability, as HTML.

    Args:
        result: what `TracingTab.answer` returns.
    """
    ability = result["abilities"][-1]
    bound = max(3.0, abs(ability) + 0.5)
    grid = np.linspace(-bound, bound, 81)
    thresholds = np.tile(result["thresholds"], (len(grid), 1))
    curves = PROBABILITIES[result["model"]](grid, np.full(len(grid), result["discrimination"]), thresholds)
    chart = Chart(
        (-bound, bound),
        (0.0, 1.0),
        "ability",
        "probability",
        f"the categories of item {result['item']} against ability",
    )
    for category in range(curves.shape[1]):
        chart.line(grid.tolist(), curves[:, category].tolist(), category)
    chart.vertical(ability, "this student")
    keys = "".join(
        f'<span class="qkv-key qkv-key-{category % NUM_COLOURS}">category {category}</span>'
        for category in range(curves.shape[1])
    )
    return f'{chart.svg()}<p class="qkv-caption">{keys}</p>'


def read_example(predictor, folder: Path) -> str:
    """The responses of the first student of a published model's examples, or a few others for a run without them."""
    path = folder / "examples" / "history.csv"
    if path.is_file():
        (history, *_), _ = predictor.read_histories(path)
        responses = list(zip(history.items, history.responses.tolist(), strict=True))[:MAX_LINES]
    else:
        responses = [(item, place % predictor.num_categories) for place, item in enumerate(predictor.item_numbers)]
        responses = responses[:EXAMPLE_STEPS]
    return "\n".join(f"{item}: {response}" for item, response in responses)
