"""The export of a model of next vectors: it gives the predictor's vectors in a Python without this project."""

import json

import keras
import numpy as np
import pytest

from models.recurrent_vectors import RecurrentVectors
from tests.helpers.bare_python import run_bare
from tests.helpers.small_runs import vectors_run
from utils.common.errors import UserError
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.standalone import Answerer, read_vectors

pytestmark = pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
PREDICT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from answer import Answerer
answerer, articles = Answerer(), list(np.load(sys.argv[2]).values())
vectors = {name: values.tolist() for name, values in answerer.predict_next(articles, [0, 3, 13]).items()}
print(json.dumps([answerer(articles), vectors]))
"""


def articles(dim=4):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, dim)).astype(np.float32) for length in (9, 7)]


@pytest.fixture(scope="module")
def predictor():
    predictor = VectorsPredictor.load(vectors_run())
    change_weights(predictor.model)
    return predictor


def change_weights(model):
    """Corrections start at zero: let all weights count."""
    for weight in model.trainable_variables:
        weight.assign_add(0.3 * keras.random.normal(weight.shape, seed=1))


@pytest.fixture(scope="module")
def export(predictor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors") / "export"
    return folder, predictor.export(folder)


def assert_same_rows(answers, expected):
    for answer, expected_answer in zip(answers, expected, strict=True):
        assert (answer["row"], answer["document"]) == (expected_answer["row"], expected_answer["document"])
        for name in ("nearest", "nearest_in_document"):
            assert [row["row"] for row in answer[name]] == [row["row"] for row in expected_answer[name]]
            values = [row["similarity"] for row in expected_answer[name]]
            assert [row["similarity"] for row in answer[name]] == pytest.approx(values, abs=1e-5)


def test_vectors_and_rows_are_those_of_the_predictor(predictor, export, tmp_path):
    folder, formats = export
    np.savez(tmp_path / "articles.npz", *articles())
    run = run_bare("-c", PREDICT, folder, tmp_path / "articles.npz", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    answers, vectors = json.loads(run.stdout)
    assert_same_rows(answers, predictor(articles()))
    expected = predictor.predict_next(articles(), [0, 3, 13])
    assert set(vectors) == set(expected) == {"rows", "predicted", "query", "attention"}
    for name, values in expected.items():
        np.testing.assert_allclose(vectors[name], values, atol=1e-5)
    assert set(formats) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())


def test_a_recurrent_model_without_query_that_loops_over_time_predicts_alike(tmp_path):
    keras.utils.set_random_seed(0)
    model = RecurrentVectors(4, "gru", num_layers=1, context_length=33, query_head=False)
    model.build()
    change_weights(model)
    predictor = VectorsPredictor(model)
    predictor.export(tmp_path)
    vectors, expected = Answerer(tmp_path).predict_next(articles()), predictor.predict_next(articles())
    predictor.use_onnx(tmp_path / "model.onnx")
    np.testing.assert_array_equal(predictor.predict_next(articles())["query"], vectors["query"])
    assert set(vectors) == {"rows", "predicted", "query"} and vectors["rows"].tolist() == [8, 15]
    for name, values in expected.items():
        np.testing.assert_allclose(vectors[name], values, atol=1e-5)


def test_files_of_vectors_are_read_as_by_the_predictor(predictor, tmp_path):
    vectors = np.concatenate(articles())
    document = np.repeat(["first", "second"], [9, 7])
    texts = np.array([f"text {row}" for row in range(16)])
    np.savez(tmp_path / "v.npz", vectors=vectors.astype(np.float16), document=document, texts=texts, names=texts)
    np.save(tmp_path / "v.npy", vectors)
    np.save(tmp_path / "v.document.npy", np.repeat([5, 2], [9, 7]))
    for name in ("v.npz", "v.npy"):
        data, (expected, _) = read_vectors(tmp_path / name), predictor.read_documents(tmp_path / name)
        assert list(data.names) == list(expected.names) and data.texts == expected.texts
        assert data.document.tolist() == expected.document.tolist()
        np.testing.assert_array_equal(data.take(np.arange(16)), expected.take(np.arange(16)))
    np.save(tmp_path / "one.npy", vectors)
    assert read_vectors(tmp_path / "one.npy").names == ["0"]


def test_rows_are_put_in_the_order_of_their_positions_as_by_the_predictor(predictor, tmp_path):
    order = np.random.default_rng(1).permutation(16)
    arrays = {"vectors": np.concatenate(articles()), "document": np.repeat(["first", "second"], [9, 7])}
    arrays |= {"texts": np.array([f"text {row}" for row in range(16)]), "position": np.arange(16)}
    np.savez(tmp_path / "v.npz", **{name: array[order] for name, array in arrays.items()})
    data, (expected, _) = read_vectors(tmp_path / "v.npz"), predictor.read_documents(tmp_path / "v.npz")
    assert list(data.names) == list(expected.names) and data.texts == expected.texts
    assert data.rows.tolist() == expected.rows.tolist() != list(range(16))
    np.testing.assert_array_equal(data.take(np.arange(16)), expected.take(np.arange(16)))
    np.savez(tmp_path / "v.npz", **arrays)
    assert read_vectors(tmp_path / "v.npz").rows is None


def test_arrays_are_known_by_the_names_that_training_knows(predictor, tmp_path):
    labels = np.repeat(["first", "second"], [9, 7])
    for arrays in (
        {"doc_id": labels, "chunk_index": np.arange(16)[::-1], "sentences": np.array(["a"] * 16)},
        {"title": labels},
        {"ids": np.repeat([4, 2], [9, 7])},
    ):
        np.savez(tmp_path / "v.npz", embeddings=np.concatenate(articles()), **arrays)
        data, (expected, _) = read_vectors(tmp_path / "v.npz"), predictor.read_documents(tmp_path / "v.npz")
        assert list(data.names) == list(expected.names) and data.texts == expected.texts
        np.testing.assert_array_equal(data.take(np.arange(16)), expected.take(np.arange(16)))


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x": np.ones((2, 4))}, "has no array `vectors`"),
        ({"vectors": np.ones(4)}, "has no array `vectors`"),
        ({"vectors": np.array([[1, "a"]], object)}, "cannot be read"),
        ({"vectors": np.ones((2, 4)), "id": [7, 8]}, "has another `id` for each vector"),
        ({"vectors": np.array([[1.0, 0], [1e200, 0]])}, "row 1: the vector is zero or not finite"),
        ({"vectors": np.array([[1.0, 0], [0, 0]])}, "row 1: the vector is zero or not finite"),
        (
            {"vectors": np.ones((2, 4)), "document": np.zeros(3)},
            "document is float64 (3,); give one for each of 2 vectors",
        ),
        (
            {"vectors": np.ones((2, 4)), "position": ["1", "0"]},
            "position is <U1 (2,); give one for each of 2 vectors, a number",
        ),
        ({"vectors": np.ones((2, 4)), "position": [1, np.nan]}, "a position is not finite"),
        ({"vectors": np.ones((3, 4)), "position": [1, 0, 0]}, "document 0 has the position 0 twice"),
        ({"vectors": np.ones((2, 4)), "texts": ["a"]}, "texts is <U1 (1,); give one for each of 2 vectors, a text"),
        ({"vectors": np.ones((3, 4)), "document": [0, 1, 0]}, "row 2: document 0 began earlier, and another document"),
    ],
)
def test_bad_vectors_are_refused_in_one_line(tmp_path, arrays, problem):
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError) as error:
        read_vectors(path)
    assert problem in str(error.value) and str(error.value).startswith(str(path))


def test_the_command_line_predicts_or_says_in_one_line_what_is_wrong(predictor, export, tmp_path):
    script = export[0] / "answer.py"
    np.savez(tmp_path / "v.npz", vectors=np.concatenate(articles()), document=np.repeat(["a", "b"], [9, 7]))
    data, _ = predictor.read_documents(tmp_path / "v.npz")
    run = run_bare(script, "v.npz", "--row", 7, "--row", 12, "--json", "--output", "out.npz", cwd=tmp_path)
    assert_same_rows(map(json.loads, run.stdout.splitlines()), predictor(data, [7, 12]))
    query = predictor.predict_next(data, [7, 12])["query"]
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["query"], query, atol=1e-5)
    before = (tmp_path / "v.npz").read_bytes()
    failed = run_bare(script, "v.npz", "--output", "v.npz", cwd=tmp_path)
    assert (
        failed.returncode == 2
        and failed.stderr == "error: v.npz: is read, and --output would replace it; name another file\n"
    )
    assert (tmp_path / "v.npz").read_bytes() == before
    lines = run_bare(script, "v.npz", "--n-best", 1, cwd=tmp_path).stdout.splitlines()
    assert [lines[0], lines[1], lines[3]] == ["after row 8 (a)", "of all documents:", "of its own:"] and len(
        lines
    ) == 10
    np.save(tmp_path / "other.npy", np.ones((2, 3)))
    for arguments, problem in (
        (("v.npz", "--row", 16), "'16': must be a row of v.npz, from 0 to 15"),
        (("other.npy",), "vectors have 3 elements, the model's 4"),
        (("none.npz",), "none.npz: cannot be read"),
    ):
        run = run_bare(script, *arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stdout == ""
        assert run.stderr.startswith("error: ") and problem in run.stderr and run.stderr.count("\n") == 1


def test_the_folder_says_what_it_holds(export):
    folder, _ = export
    readme = (folder / "README.md").read_text()
    for name in ("padding_mask", "(batch, 5, 4)", "float32", "`query`", "on the left, with zeros"):
        assert name in readme
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert [line.split(">")[0] for line in requirements] == ["numpy", "onnxruntime"]
