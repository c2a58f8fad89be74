"""Scoring a finished run of vectors on other documents."""

import numpy as np
import pytest

from tests.helpers.scored_runs import score, scored_run
from utils.common.errors import UserError
from utils.training.training_summary import write_training_summary
from utils.vectors.baselines import FittedBaselines, score_baselines
from utils.vectors.data import VectorDocuments
from utils.vectors.scoring import document_keys
from utils.vectors.splits import VectorSplit, target_rows

RNG = np.random.default_rng(4)
DIM, LENGTHS = 4, (9, 3, 7)


def documents(path, dim=DIM, lengths=LENGTHS):
    """A file of random documents, and the same as a split with targets after two vectors."""
    vectors = RNG.normal(size=(sum(lengths), dim)).astype(np.float32)
    document = np.repeat(np.arange(len(lengths)), lengths)
    np.savez(path, vectors=vectors, document=document)
    data = VectorDocuments(vectors, document, None, list(map(str, range(len(lengths)))), str(path))
    numbers = np.arange(len(lengths))
    return path, VectorSplit(data, numbers, target_rows(data, numbers, 2))


def test_documents_are_scored_beside_what_the_baselines_learned(tmp_path):
    path, split = documents(tmp_path / "new.npz")
    run = scored_run("vectors", tmp_path / "run")
    mean, weights = RNG.normal(size=DIM), RNG.normal(size=(2 * DIM, DIM)).astype(np.float32)
    fitted = FittedBaselines(mean, {"exponential": 0.5, "last_less_mean": (0.4, 0.2), "ridge": 3.0}, weights)
    known = VectorSplit(split.data, split.documents[1:2], split.rows)
    write_training_summary(run, document_keys(known), **fitted.arrays())
    scored = score(run, path)
    expected = score_baselines(split, fitted, 5)
    assert {name: splits["test"].metrics for name, splits in scored.baselines.items()} == {
        name: evaluation.metrics for name, evaluation in expected.items()
    }
    assert scored.evaluations["test"].metrics["total"] == sum(length - 2 for length in LENGTHS)
    assert scored.headlines[0].plain == tuple(expected) and "centred_cosine" in scored.evaluations["test"].metrics
    assert scored.notes == [
        "the run's training or validation data has 1 of these 3 documents: scores on them are not those of new data"
    ]
    scored.write(tmp_path)
    with np.load(tmp_path / "test_predictions.npz") as written:
        assert written["rows"].tolist() == split.rows.tolist()
    assert (tmp_path / "places.png").exists() and (tmp_path / "windows.png").exists()


def test_an_earlier_run_has_the_settings_of_its_baselines_alone(tmp_path):
    path, _ = documents(tmp_path / "new.npz")
    settings = {"baseline_settings": {"exponential": 0.5, "last_less_mean": [0.4, 0.2], "ridge": 3.0}}
    scored = score(scored_run("vectors", tmp_path / "run", settings), path, options={"limit": 1})
    assert {"last", "exponential", "last_less_mean"} <= set(scored.baselines)
    assert "ridge" not in scored.baselines and "global_mean" not in scored.baselines
    assert "centred_cosine" not in scored.evaluations["test"].metrics
    assert scored.notes[0].startswith("baselines missing: global mean, and centred cosine; ridge: the run has not kept")
    assert scored.data["documents"] == {"test": 1}


def test_keys_of_documents_survive_another_number_format():
    _, split = documents("/dev/null", dim=40, lengths=(9, 9, 9, 9))
    data = split.data
    half = VectorDocuments((3 * data.vectors).astype(np.float16), data.document, None, data.names, "half")
    keys = document_keys(split)
    assert len(np.unique(keys)) == 4
    np.testing.assert_array_equal(document_keys(VectorSplit(half, split.documents, split.rows)), keys)


def test_what_cannot_be_scored_is_one_line(tmp_path):
    run = scored_run("vectors", tmp_path / "run")
    with pytest.raises(UserError, match="vectors have 5 elements, the model's 4; give vectors of the encoder"):
        score(run, documents(tmp_path / "wide.npz", dim=5)[0])
    with pytest.raises(UserError, match="no document has more than 2 vectors, so none can be predicted"):
        score(run, documents(tmp_path / "short.npz", lengths=(2, 2))[0])
    write_training_summary(run, np.zeros(0, np.uint64), chosen_last_less_mean=np.array(0.5))
    with pytest.raises(UserError, match=r"damaged run \(the settings of its baselines are damaged"):
        score(run, documents(tmp_path / "new.npz")[0])
