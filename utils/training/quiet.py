"""Keep TensorFlow's start-up notes off the screen, and nothing else."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import warnings

NOTES = "^(WARNING: All log messages before absl::InitializeLog|[IW][0-9]{4} |To enable the following instructions: )"
"""Lines that TensorFlow's libraries write while they are loaded: notes and warnings. Errors begin with E or F."""


FILTER_SECONDS = 2
"""How long the last lines are waited for."""


def silence_tensorflow() -> None:
    """Hide the notes that TensorFlow writes while it is imported, whenever that happens, and those of its start.

    Its settings do not reach them: they are written before it reads any. Errors are still shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").addFilter(_is_not_of_retracing)
    # Attention to a single response or token has the weight 1, which is right.
    warnings.filterwarnings("ignore", r"[\s\S]*You are using a softmax over axis", UserWarning)
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _QuietImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _QuietImport())


def _is_not_of_retracing(record: logging.LogRecord) -> bool:
    """Batches of a few different shapes are traced once each, of which TensorFlow warns."""
    return "triggered tf.function retracing" not in record.getMessage()


class _QuietImport:
    """Finds the module `tensorflow` once, so that it is executed within `without_notes`."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_without_notes(module):
                with without_notes():
                    execute(module)

            spec.loader.exec_module = execute_without_notes
        return spec


def without_notes():
    """A context within which lines on standard error that match `NOTES` are dropped."""
    return standard_error_through(["grep", "-vE", NOTES])


@contextlib.contextmanager
def standard_error_through(command: list[str]):
    """Within the block, standard error passes through another process, so that the last words of this one are shown even if a
    library aborts it.

    Args:
        command: a filter of lines; where it cannot be started, nothing is filtered.
    """
    sys.stderr.flush()
    line_filter = None
    with contextlib.suppress(OSError):  # there is no such program, or no standard error
        settings = {"env": {**os.environ, "LC_ALL": "C"}, "start_new_session": True}  # Ctrl-C is not for the filter
        line_filter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2, **settings)
    if line_filter is None:
        yield
        return
    standard_error = os.dup(2)
    os.dup2(line_filter.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(standard_error, 2)
        os.close(standard_error)
        line_filter.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process that was started within the block writes on
            line_filter.wait(FILTER_SECONDS)
