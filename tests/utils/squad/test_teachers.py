"""What teachers predict: the mean of softmax(logits / T), kept on disk, the same whenever it is read."""

import json

import keras
import numpy as np
import pytest

from models.qa_transformer import QATransformer
from tests.helpers.squad_questions import invented_questions
from utils.common.errors import UserError
from utils.squad.features import build_features
from utils.squad.teachers import read_teachers
from utils.squad.windows import assemble
from utils.text.tokenization import train_tokenizer

SIZES = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 8, "max_length": 64}
TEMPERATURE = 2.5


def write_run(folder, tokenizer, seed):
    """What a finished run of a tiny model with random weights leaves behind; returns the model."""
    keras.utils.set_random_seed(seed)
    model = QATransformer(tokenizer.get_vocab_size(), **SIZES)
    model.build()
    model.span_head.set_weights([weight * 30 for weight in model.span_head.get_weights()])
    folder.mkdir()
    model.save(folder / "best.keras")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"max_length": 61, "doc_stride": 11, "length_penalty": 0.4}))
    results = {"task": "squad", "details": {"null_threshold": None}, "seconds": 12.5}
    (folder / "results.json").write_text(json.dumps(results))
    return model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two runs and their models, and features of some questions."""
    questions, tokenizer = invented_questions()
    folder = tmp_path_factory.mktemp("runs")
    runs = {folder / name: write_run(folder / name, tokenizer, seed) for seed, name in enumerate(("first", "second"))}
    return runs, build_features(questions, tokenizer, 61, 13), tokenizer


def by_hand(models, features, window, length):
    """The mean of the models' probabilities of one window, `(2, length)`."""
    mean = np.zeros((2, length))
    for model in models:
        outputs = model.predict_on_batch(assemble(features, np.array([window]), length))
        logits = np.stack([np.asarray(outputs[name], float)[0] for name in ("start", "end")])
        weights = np.exp((logits - logits.max(axis=1, keepdims=True)) / TEMPERATURE)
        mean += weights / weights.sum(axis=1, keepdims=True) / len(models)
    return mean


def test_equals_the_mean_of_the_softened_predictions(world, tmp_path):
    runs, features, tokenizer = world
    teachers = read_teachers(list(runs), features, tokenizer, TEMPERATURE, tmp_path)
    windows = np.random.default_rng(0).permutation(len(features))[:9]
    rows = teachers.rows(windows, 64)
    assert len(features) > 64 > len(windows)  # several batches of predictions
    for row, window in enumerate(windows):
        expected = by_hand(runs.values(), features, window, 64)
        actual = np.stack([rows["start"][row], rows["end"][row]])
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, atol=1e-3)
        np.testing.assert_allclose(actual.sum(axis=1), 1, atol=1e-6)
        assert (actual[:, features.lengths[window] :] == 0).all()
    rows["start"][:] = 0  # they are the caller's own
    assert teachers.rows(windows, 64)["start"].any()
    assert [model["training_seconds"] for model in teachers.description] == [12.5, 12.5]


def test_is_read_from_the_cache_where_weights_windows_and_temperature_are_the_same(world, tmp_path, capsys):
    runs, features, tokenizer = world
    first, second = runs
    once = read_teachers([first], features, tokenizer, TEMPERATURE, tmp_path)
    assert "predicts" in capsys.readouterr().out
    again = read_teachers([first, second], features, tokenizer, TEMPERATURE, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert f"teacher {first}: predicted in" in lines[0] and f"teacher {second}: predicts" in lines[1]
    np.testing.assert_array_equal(once.probabilities[0], again.probabilities[0])
    assert once.description[0] == again.description[0] and once.seconds > 0  # what it took stays counted
    for changed in ((features, 3.0), (build_features(invented_questions()[0][:20], tokenizer, 61, 13), TEMPERATURE)):
        read_teachers([first], changed[0], tokenizer, changed[1], tmp_path)
        assert "predicts" in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_cache_is_made_again(world, tmp_path, capsys):
    runs, features, tokenizer = world
    whole = read_teachers(list(runs)[:1], features, tokenizer, TEMPERATURE, tmp_path)
    expected = np.array(whole.probabilities[0])
    (file,) = tmp_path.glob("*/probabilities.npy")
    for damage in (b"", file.read_bytes()[:-100]):
        file.unlink()  # not written in place: it is mapped
        file.write_bytes(damage)
        capsys.readouterr()
        again = read_teachers(list(runs)[:1], features, tokenizer, TEMPERATURE, tmp_path)
        assert "unreadable cache, predicted again" in capsys.readouterr().out
        np.testing.assert_array_equal(again.probabilities[0], expected)


def test_what_cannot_teach_is_one_line(world, tmp_path):
    runs, features, tokenizer = world
    other = train_tokenizer(["another text, of other words"] * 3, 100)
    write_run(tmp_path / "other", other, 0)
    with pytest.raises(
        UserError, match=r"other: was trained with another tokenizer; .*--tokenizer .*other/tokenizer.json"
    ):
        read_teachers([tmp_path / "other"], features, tokenizer, 1.0, tmp_path / "cache")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="no finished run there"):
        read_teachers([tmp_path / "nothing"], features, tokenizer, 1.0, tmp_path / "cache")
    longer = build_features(invented_questions()[0], tokenizer, 100, 13)
    with pytest.raises(UserError, match=r"reads 64 tokens, windows have .*; lower --max-length"):
        read_teachers(list(runs), longer, tokenizer, 1.0, tmp_path / "cache")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name another --cache-dir"):
        read_teachers(list(runs), features, tokenizer, 1.0, tmp_path / "file")
    assert not list((tmp_path / "cache").glob("*"))  # nothing unfinished is left
