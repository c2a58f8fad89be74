"""The predictor of next vectors."""

import json

import numpy as np
import pytest

from models.amn import AMN
from utils.common.errors import UserError
from utils.vectors.answering import shuffled
from utils.vectors.data import VectorDocuments
from utils.vectors.demo import demo_vectors
from utils.vectors.metrics import EXCLUSION
from utils.vectors.predictor import VectorsPredictor

DIM, CONTEXT, LENGTHS = 7, 5, (11, 3, 13)
DOCUMENT = np.repeat(np.arange(3), LENGTHS)


@pytest.fixture
def data():
    vectors = np.random.default_rng(2).normal(size=(len(DOCUMENT), DIM)).astype("float32")
    return VectorDocuments(vectors, DOCUMENT, [f"text {row}" for row in range(len(DOCUMENT))], list("abc"), "v.npz")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A finished run, as far as a predictor reads it."""
    folder = tmp_path_factory.mktemp("run")
    model = AMN(DIM, CONTEXT, encoder_dim=3, hidden_dims=(4, 4))
    model.build()
    model.save(folder / "best.keras")
    (folder / "config.json").write_text(json.dumps({"embed_with": "", "train_files": ["v.npz"], "split_seed": 0}))
    (folder / "results.json").write_text(json.dumps({"task": "vectors"}))
    return folder


def test_nearest_rows_equal_a_loop(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    (answer,) = predictor.nearest(data, [20], n_best=40)
    vectors = np.zeros((1, CONTEXT, DIM), "float32")
    vectors[0] = data.take(np.arange(16, 21))
    query = predictor.predict({"vectors": vectors, "padding_mask": np.ones((1, CONTEXT), "int32")})["query"][0]
    similarity = {row: float(data.take(row) @ query) for row in range(len(DOCUMENT)) if not 20 - EXCLUSION < row <= 20}
    expected = sorted(similarity, key=similarity.get, reverse=True)
    assert [candidate["row"] for candidate in answer["nearest"]] == expected
    assert [candidate["row"] for candidate in answer["nearest_in_document"]] == [
        row for row in expected if DOCUMENT[row] == 2
    ]
    assert answer["row"] == 20 and answer["document"] == "c" and answer["text"] == "text 20"
    first = answer["nearest"][0]
    assert first["similarity"] == pytest.approx(similarity[first["row"]], abs=1e-5)
    assert first["text"] == f"text {first['row']}" and first["document"] == "abc"[DOCUMENT[first["row"]]]


def test_rows_are_those_of_the_file_where_some_are_left_out(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    vectors = np.insert(data.vectors, [2, 20], np.nan, axis=0)
    rows = np.delete(np.arange(len(vectors)), [2, 21])
    with_gaps = VectorDocuments(vectors, data.document, data.texts, data.names, "v.npz", rows)
    (answer,), (expected,) = predictor.nearest(with_gaps, [22]), predictor.nearest(data, [20])
    assert answer["row"] == 22 and answer["text"] == "text 20"
    for place in ("nearest", "nearest_in_document"):
        assert [each["row"] for each in answer[place]] == [int(rows[each["row"]]) for each in expected[place]]
        assert [each["text"] for each in answer[place]] == [each["text"] for each in expected[place]]
    with pytest.raises(UserError, match=r"'2': the vector in this row of v\.npz cannot be used; name another row"):
        predictor.nearest(with_gaps, [2])


def test_two_rows_at_once_equal_each_alone(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    together = predictor.nearest(data, [4, 26])
    for row, answer in zip((4, 26), together, strict=True):
        (alone,) = predictor.nearest(data, [row])
        for candidate, expected in zip(answer.pop("nearest"), alone.pop("nearest"), strict=True):
            assert candidate.pop("similarity") == pytest.approx(expected.pop("similarity"), abs=1e-6)
            assert candidate == expected
        assert [each["row"] for each in answer.pop("nearest_in_document")] == [
            each["row"] for each in alone.pop("nearest_in_document")
        ]
        assert answer == alone
    assert predictor.nearest(data, []) == []


def test_predictions_do_not_depend_on_the_batch(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    rows = np.array([5, 6, 20])
    outputs = predictor.predict_rows(data, rows)
    for number, row in enumerate(rows):
        alone = predictor.predict_rows(data, np.array([row]))
        for name, array in outputs.items():
            np.testing.assert_allclose(alone[name][0], array[number], rtol=1e-5, atol=1e-6)


def test_shuffled_contexts_keep_their_vectors_and_their_padding():
    vectors = np.arange(10.0).reshape(2, 5, 1)
    mask = np.array([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    mixed = shuffled({"vectors": vectors, "padding_mask": mask}, 1)
    assert mixed["padding_mask"] is mask and mixed["vectors"][0, :2, 0].tolist() == [0, 1]
    assert sorted(mixed["vectors"][0, 2:, 0]) == [2, 3, 4] and sorted(mixed["vectors"][1, :, 0]) == [5, 6, 7, 8, 9]
    assert mixed["vectors"].tolist() != vectors.tolist()


def test_the_demo_world_stands_in_for_a_file(run_dir, tmp_path):
    with pytest.raises(UserError, match="name a file of vectors or text with --file"):
        VectorsPredictor.load(run_dir).read_documents()
    predictor = VectorsPredictor.load(run_dir)
    predictor.demo_seed = 3
    data, notes = predictor.read_documents()
    assert data.names == demo_vectors(3).names and notes == []
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UserError, match=r"a\.txt: is text; the run was trained on vectors"):
        predictor.read_documents(tmp_path / "a.txt")


def test_wrong_rows_and_widths_are_one_line(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    for row in (-1, 27):
        with pytest.raises(UserError, match=f"'{row}': must be a row of v.npz, from 0 to 26"):
            predictor.nearest(data, [3, row])
    wide = VectorDocuments(np.ones((2, 9)), np.array([0, 0]), None, ["a"], "wide.npz")
    with pytest.raises(UserError, match=r"wide\.npz: vectors have 9 elements, the model's 7"):
        predictor.nearest(wide, [0])


def test_other_and_damaged_runs_are_one_line(run_dir, tmp_path):
    with pytest.raises(UserError, match="no finished run there"):
        VectorsPredictor.load(tmp_path)
    for name in ("config.json", "results.json", "best.keras"):
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    (tmp_path / "best.keras").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"damaged run \(.*best\.keras"):
        VectorsPredictor.load(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="damaged run"):
        VectorsPredictor.load(tmp_path)
    (tmp_path / "results.json").write_text('{"task": "squad"}')
    with pytest.raises(UserError, match=r"is a run of the task 'squad'; name a run of train_vectors\.py"):
        VectorsPredictor.load(tmp_path)


def test_a_call_takes_documents_as_arrays(run_dir, data):
    predictor = VectorsPredictor.load(run_dir)
    arrays = np.split(data.vectors, np.cumsum(LENGTHS)[:-1])
    answers = predictor(arrays, [3, 20], n_best=2)
    for answer, expected in zip(answers, predictor.nearest(data, [3, 20], n_best=2), strict=True):
        assert [row["row"] for row in answer["nearest"]] == [row["row"] for row in expected["nearest"]]
    assert [answer["row"] for answer in predictor(arrays)] == [10, 13, 26] == [row["row"] for row in predictor(data)]
    for wrong in (
        [],
        [np.zeros((2, DIM))],
        [np.ones(DIM)],
        [np.ones((2, DIM)), np.ones((2, 3))],
        [np.full((1, DIM), np.nan)],
    ):
        with pytest.raises(ValueError):
            predictor(wrong)
