"""The one exception that means "the user can fix this", and how messages list examples."""

from collections.abc import Sequence


class UserError(Exception):
    """Bad input or a bad setting.

    The message is one line that names the file, the record and the remedy. Scripts print it without a traceback and exit with
    status 2.
    """


def some_of(items: Sequence) -> str:
    """The first five items, for a message.

    >>> some_of(["a", "b"]), some_of(list(range(9)))
    ("'a', 'b'", '0, 1, 2, 3, 4, ...')
    """
    examples = ", ".join(f"{item:,}" if isinstance(item, int) else repr(item) for item in items[:5])
    return examples + (", ..." if len(items) > 5 else "")
