"""The one exception that means "the user can fix this", and how messages list examples and count."""

import contextlib
import os
import re
import sys
from collections.abc import Sequence

MAX_LINE = 1_000
"""Characters of a message or note, at most."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class UserError(Exception):
    """Bad input or a bad setting.

    The message is one line that names the file, the record and the remedy. Scripts print it without a traceback and exit with
    status 2. What it quotes from a file cannot break the line, see `one_line`.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """A message as one line that can be printed: control characters and half characters are escaped, a very long middle is cut.

    >>> one_line("data.csv: has no column 'a\\nb'")
    "data.csv: has no column 'a\\\\nb'"
    """
    text = _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
    return text if len(text) <= MAX_LINE else f"{text[: MAX_LINE // 2]} [...] {text[-MAX_LINE // 3 :]}"


@contextlib.contextmanager
def exit_on_user_error():
    """Within the block, a `UserError` ends the program with one line on standard error and exit status 2.

    So does an output that cannot be written. Ctrl-C ends it with 130, and a reader that is gone, such as `head`, with 141.
    Characters that the terminal's encoding lacks are escaped.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print goes nowhere
        if isinstance(error, BrokenPipeError):
            sys.exit(141)
        print(f"error: the output cannot be written ({error.strerror})", file=sys.stderr)
        sys.exit(2)


def some_of(items: Sequence) -> str:
    """The first five items, for a message.

    >>> some_of(["a", "b"]), some_of(list(range(9)))
    ("'a', 'b'", '0, 1, 2, 3, 4, ...')
    """
    examples = ", ".join(f"{item:,}" if isinstance(item, int) else repr(item) for item in items[:5])
    return examples + (", ..." if len(items) > 5 else "")


def counted(count: int, noun: str) -> str:
    """A number with its noun, for a message.

    >>> counted(1, "fact"), counted(1000, "fact")
    ('1 fact', '1,000 facts')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
