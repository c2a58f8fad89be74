"""What a client sees of an error: one line."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable

from utils.app.markup import message
from utils.common.errors import UserError

NOT_ACCEPTED = "Not accepted"
"""Title of the errors that a client can mend."""
UNEXPECTED = "this request failed; the page's log says why"


def errors_as_html(function: Callable, other_outputs: int = 0) -> Callable:
    """The same function for the page, where an error becomes a message in the place of the result.

    Args:
        function: returns HTML; with `other_outputs`, a tuple whose last element is HTML.
        other_outputs: the number of outputs before the HTML. An error leaves them as they are on the page.
    """

    @functools.wraps(function)
    def wrapper(*args):
        import gradio

        try:
            return function(*args)
        except UserError as error:
            line = str(error)
        except Exception:
            traceback.print_exc()
            line = UNEXPECTED
        shown = message(line, "error")
        return (*[gradio.skip()] * other_outputs, shown) if other_outputs else shown

    return wrapper


def errors_as_lines(function: Callable) -> Callable:
    """The same function for the HTTP API, where an error becomes one line of text."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        import gradio

        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise gradio.Error(str(error), title=NOT_ACCEPTED, print_exception=False) from None
        except Exception:
            traceback.print_exc()
            raise gradio.Error(UNEXPECTED, print_exception=False) from None

    return wrapper
