"""What a tracker gets of an evaluation: no model, but what was evaluated."""

from types import SimpleNamespace

from utils.training import tracked_results
from utils.training.tracked_results import track_evaluation
from utils.training.tracking import Tracker

RESULTS = {
    "task": "squad",
    "model": "plain",
    "seconds": 3.5,
    "evaluated": {"reference": "squad-mine", "weights": "sha256:1"},
    "data": {"files": ["dev.json"], "counts": {"test": 7}, "checksum": {"test": "sha256:2"}},
    "metrics": {"test": {"f1": 60.0, "undefined": None}, "test_unseen": {"f1": 50.0}},
    "intervals": {"test": {"f1": [58.0, 62.0]}},
    "baselines": {"words": {"test": {"f1": 25.0, "total": 7}}},
}


def test_an_evaluation_is_a_run_of_its_own(tmp_path, monkeypatch):
    logged, started = {}, []

    class Run:
        """A tracked run that remembers what it is given."""

        def __getattr__(self, name):
            return lambda *values: logged.update({name: values})

    def start_tracking(settings, *arguments):
        started.append((settings, *arguments))
        return Tracker(Run)

    monkeypatch.setattr(tracked_results, "start_tracking", start_tracking)
    (tmp_path / "errors.png").write_bytes(b"")
    config = SimpleNamespace(tracking="offline", project="ours")
    track_evaluation(config, tmp_path, RESULTS, ["F1 60.0: above words, 25.0"])
    ((settings, task, job_type),) = started
    assert (task, job_type) == ("squad", "evaluate") and vars(settings) == {
        "run_dir": tmp_path, "tracking": "offline", "project": "ours", "run_name": "", "tags": ["plain"],
    }  # fmt: skip
    assert logged["log_images"] == ({"images/errors": tmp_path / "errors.png"},) and "log_model" not in logged
    (conditions,), (summary,) = logged["set_config"], logged["set_summary"]
    assert conditions["evaluated"] == RESULTS["evaluated"] and conditions["dataset"]["files"] == ["dev.json"]
    assert summary == {
        "test/f1": 60.0,
        "test/unseen/f1": 50.0,
        "test/f1_low": 58.0,
        "test/f1_high": 62.0,
        "test/baselines/words/f1": 25.0,
        "seconds": 3.5,
        "data/count/test": 7,
        "data/checksum/test": "sha256:2",
        "verdict": "F1 60.0: above words, 25.0",
    }
    assert logged["finish"] == (0,)
