"""TensorFlow's notes are dropped while it is imported; other lines on standard error are not."""

import logging
import os
import sys

from utils.training.quiet import silence_tensorflow, without_notes

LINES = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"I0000 00:00:1795662342.575446   31979 port.cc:153] oneDNN custom operations are on.\n",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.\n",
    b"E0000 00:00:1795662342.575446   31979 loader.cc:7] a library is missing\n",
    b"Fatal Python error: Aborted\n",
)


def test_notes_are_dropped_and_errors_are_shown(capfd):
    with without_notes():
        for line in LINES:
            os.write(2, line)
    os.write(2, LINES[0])  # after the import, nothing is filtered
    assert capfd.readouterr().err.encode() == LINES[3] + LINES[4] + LINES[0]


def test_the_first_import_of_tensorflow_is_filtered(tmp_path, monkeypatch, capfd):
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, {b''.join(LINES)!r})\nname = __name__\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    silence_tensorflow()
    silence_tensorflow()
    import tensorflow

    del sys.modules["tensorflow"]  # not with monkeypatch, which would put it back
    assert tensorflow.name == "tensorflow" and tensorflow.__spec__.origin == str(tmp_path / "tensorflow.py")
    assert capfd.readouterr().err.encode() == LINES[3] + LINES[4]


def test_tracing_a_few_shapes_is_no_warning(caplog):
    silence_tensorflow()
    caplog.set_level(logging.WARNING, logger="tensorflow")  # app.py lowers it, and its tests may have run before
    logger = logging.getLogger("tensorflow")
    logger.warning("5 out of the last 5 calls to %s triggered tf.function retracing.", "f")
    logger.warning("another warning")
    assert caplog.messages == ["another warning"]
