import subprocess
import sys

import pytest

from utils.common.errors import UserError, exit_on_user_error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [(UserError("a: is bad"), 2, "error: a: is bad\n"), (KeyboardInterrupt(), 130, "stopped\n")],
)
def test_the_program_ends_with_one_line(capsys, error, status, message):
    with pytest.raises(SystemExit) as caught, exit_on_user_error():
        raise error
    assert caught.value.code == status and capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("redirection", "status", "errors"),
    [("", 0, ""), ("> /dev/full", 2, "error: the output cannot be written (No space left on device)\n")],
)
def test_any_output_can_be_printed_or_is_one_line(redirection, status, errors):
    code = "from utils.common.errors import exit_on_user_error\nwith exit_on_user_error():\n    print('Zo\\u00eb')"
    command = f'PYTHONIOENCODING=ascii "$0" -c "$1" {redirection}'
    done = subprocess.run(["sh", "-c", command, sys.executable, code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, errors)
    assert done.stdout == ("Zo\\xeb\n" if status == 0 else "")
