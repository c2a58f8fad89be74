"""A model of the page, which is loaded in the background."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future

from utils.app.markup import escaped
from utils.common.errors import UserError
from utils.common.references import model_folder
from utils.training.finished import checked_number, read_run


class PageModel:
    """A trained model, which one thread loads in the background and which answers one request at a time.

    Args:
        task: the task that the model must be of.
        reference: a run directory, the name of a published model, or `hf://owner/name`.
        load: makes a predictor of the folder of the model.

    Attributes:
        folder: where the model lies, once it is loaded.
        description: a line on what it is, once it is loaded.
    """

    def __init__(self, task: str, reference: str, load: Callable):
        self.task = task
        self.reference = reference
        self.load = load
        self.folder = None
        self.description = ""
        self._future: Future = Future()
        self._lock = threading.Lock()

    def start(self, executor: Executor) -> None:
        """Begin to load the model."""
        self._future = executor.submit(self._load)

    def _load(self):
        start = time.perf_counter()
        try:
            self.folder = model_folder(self.reference)
            _, results = read_run(self.folder, self.task)
            predictor = self.load(self.folder)
            self.description = describe(self.reference, results)
        except UserError as error:
            print(f"{self.task}: {error}", file=sys.stderr)
            raise
        except ModuleNotFoundError as error:
            line = (
                f"the package {error.name} is missing; install what the page needs: pip install -r requirements-app.txt"
            )
            print(f"{self.task}: {line}", file=sys.stderr)
            raise UserError(line) from None
        except Exception:
            traceback.print_exc()
            raise UserError(f"{self.reference}: cannot be loaded; the page's log says why") from None
        print(f"{self.task}: {self.description}, loaded in {time.perf_counter() - start:.1f} s", file=sys.stderr)
        return predictor

    @contextlib.contextmanager
    def predictor(self) -> Iterator:
        """The predictor, for this thread alone. Waits until it is loaded.

        Raises:
            UserError: it cannot be loaded.
        """
        predictor = self._future.result()
        with self._lock:
            yield predictor

    def caption(self) -> str:
        """The line on what the model is, as HTML."""
        return f'<p class="qkv-model">{escaped(self.description)}</p>'


def describe(reference: str, results: dict) -> str:
    """A model's name, size and score in a line, as far as its results hold them.

    >>> headline = {"metric": "f1", "title": "F1", "digits": 1}
    >>> describe("mine", {"parameters": 1200, "headline": headline, "metrics": {"test": {"f1": 95.04}}})
    'mine: 1,200 parameters, F1 95.0 on its test data'
    """
    parts = []
    with contextlib.suppress(KeyError, TypeError, ValueError):
        parts.append(f"{checked_number(results, 'parameters', 0, 10**12):,} parameters")
    with contextlib.suppress(KeyError, TypeError, ValueError):
        headline, metrics = results["headline"], results["metrics"]["test"]
        score = checked_number(metrics, headline["metric"], -1e9, 1e9, float)
        parts.append(f"{headline['title']} {score:.{checked_number(headline, 'digits', 0, 6)}f} on its test data")
    return f"{reference}: {', '.join(parts)}" if parts else reference
