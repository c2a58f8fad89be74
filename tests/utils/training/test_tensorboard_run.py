"""Tracking with TensorBoard: what TensorBoard itself reads from the event files."""

import json

import pytest
from PIL import Image

from tests.utils.training.test_tracking import STEP, Settings, log_two_epochs, use_every_verb
from utils.training.tracking import start_tracking

pytest.importorskip("tensorboard", reason="reads and writes the event files: pip install tensorboard")


def read(run_dir):
    """TensorBoard's own reader of a run, and the scalars: name to `(step, value)`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard")).Reload()
    names = [name for name in events.Tags()["scalars"]]
    return events, {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}


def test_scalars_images_and_texts(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"seed": 11}')
    Image.new("RGB", (5, 7)).save(tmp_path / "loss.png")
    with start_tracking(Settings(tmp_path, "tensorboard"), "squad") as tracker:
        log_two_epochs(tracker)
        tracker.log_images({"loss": tmp_path / "loss.png"})
        tracker.log_table("examples", ["question", "f1"], [["a|b\nc", 1.5]])
        tracker.log_model("squad", {}, {}, [])
        tracker.set_config({"versions": {"keras": "3"}})
        tracker.set_summary({"test/f1": 61.5, "verdict": "above"})
    output, errors = capsys.readouterr()
    assert output == f"TensorBoard: tensorboard --logdir {tmp_path / 'tensorboard'}\n" and not errors
    events, scalars = read(tmp_path)
    assert scalars["train/loss"] == [(10, 2.0), (20, 1.5), (30, 2.0), (40, 1.5)]
    assert scalars["val/f1"] == [(20, 40.0), (40, 30.0)] and scalars["test/f1"] == [(40, 61.5)]
    assert scalars["train/examples_per_second"] == [(20, 640.0), (40, 640.0)] and "verdict" not in scalars
    (image,) = events.Images("images/loss")
    assert (image.width, image.height, image.step) == (5, 7, 40)
    assert image.encoded_image_string == (tmp_path / "loss.png").read_bytes()
    texts = {name: events.Tensors(name)[0].tensor_proto.string_val[0].decode() for name in events.Tags()["tensors"]}
    assert texts["tables/examples"] == "| question | f1 |\n| --- | --- |\n| a\\|b c | 1.5 |"
    assert json.loads(texts["config"].strip("`\n"))["seed"] == 11 and '"keras": "3"' in texts["conditions"]


def test_a_resumed_run_replaces_the_steps_that_it_repeats(tmp_path):
    for steps in (
        [10, 20, 30],
        [20, 40],
    ):  # the first process is killed after step 30, its last checkpoint is that of step 10
        tracker = start_tracking(Settings(tmp_path, "tensorboard"), "squad")
        for step in steps:
            tracker.log_step({**STEP, "step": step, "loss": float(len(steps))})
        tracker.finish()
    assert read(tmp_path)[1]["train/loss"] == [(10, 3.0), (20, 2.0), (40, 2.0)]


def test_a_failure_is_one_warning_line(tmp_path, capsys):
    use_every_verb(start_tracking(Settings(tmp_path, "tensorboard"), "squad"))
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("TensorBoard: stopped (") and "missing.png" in error
