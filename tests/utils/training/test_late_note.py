"""A wait that is long is explained; a short one is not."""

import time

from utils.training.late_note import NO_NOTE, note_after


def test_a_note_appears_after_its_time_unless_it_is_cancelled(capfd):
    cancelled, note = note_after(0.2, "not said"), note_after(0.01, "compiling")
    cancelled.cancel()
    NO_NOTE.cancel()
    note.join(10)
    time.sleep(0.25)
    assert capfd.readouterr().err == "compiling\n"
