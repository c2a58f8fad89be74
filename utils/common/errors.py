"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """Bad input or a bad setting.

    The message is one line that names the file, the record and the remedy; scripts print it without a traceback and
    exit with status 2.
    """
