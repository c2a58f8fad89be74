"""The export of an encoder that ranks texts: it gives the predictor's ranking in a Python without this project."""

import json

import keras
import pytest

from models.bi_encoder import BiEncoder
from tests.helpers.bare_python import run_bare
from tests.helpers.paths import FIXTURES
from tests.helpers.small_runs import SIZE, ranking_run
from utils.ranking.predictor import RankingPredictor
from utils.ranking.word_scores import WordStatistics
from utils.text.tokenization import load_tokenizer

pytestmark = pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
TEXTS = ["Mira Holt built the stone bridge.", "It is old.", "who wrote notes?"]
RANK = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from answer import Answerer
print(json.dumps(Answerer()(["Who built it?", "old " * 40], {TEXTS!r})))
"""


def two_encoders():
    keras.utils.set_random_seed(1)
    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    encoder = {"vocabulary_size": tokenizer.get_vocab_size(), **SIZE, "max_length": 32}
    model = BiEncoder(encoder, shared=False)
    model.build()
    return RankingPredictor(model, tokenizer, query_length=9, max_length=32)


def words_and_vectors():
    keras.utils.set_random_seed(1)
    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    model = BiEncoder({"vocabulary_size": tokenizer.get_vocab_size(), **SIZE, "max_length": 32}, lexical=True)
    model.build()
    model.vector_weight_.assign(0.01)
    statistics = WordStatistics.of(TEXTS)
    return RankingPredictor(model, tokenizer, query_length=9, max_length=32, statistics=statistics)


MODELS = {
    "one encoder": lambda: RankingPredictor.load(ranking_run()),
    "two encoders": two_encoders,
    "words and vectors": words_and_vectors,
}


@pytest.mark.parametrize("kind", MODELS)
def test_rankings_are_those_of_the_predictor(kind, tmp_path):
    predictor = MODELS[kind]()
    formats = predictor.export(tmp_path / "export")
    run = run_bare("-c", RANK, tmp_path / "export", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    for ranking, expected in zip(json.loads(run.stdout), predictor(["Who built it?", "old " * 40], TEXTS), strict=True):
        assert [entry["text"] for entry in ranking] == [entry["text"] for entry in expected]
        scores = [entry["score"] for entry in expected]
        assert [entry["score"] for entry in ranking] == pytest.approx(scores, abs=1e-5)
    suffixes = ["", "_queries"] if kind == "two encoders" else [""]
    assert set(formats) == {name for end in suffixes for name in (f"model{end}.onnx", f"saved_model{end}")}
    assert all(values["largest_difference"] < 1e-5 for values in formats.values())
    if kind == "one encoder":
        script = tmp_path / "export" / "answer.py"
        best = predictor(["Who built it?"], TEXTS)[0][0]
        run = run_bare(script, "Who built it?", *TEXTS, "--n-best", 1, cwd=tmp_path)
        assert run.stdout == f"{best['score']:.3f}  {best['text']}\n"
        run = run_bare(script, "Who built it?", *TEXTS, "--json", cwd=tmp_path)
        assert json.loads(run.stdout)[0]["text"] == best["text"]
        run = run_bare(script, "Who built it?", cwd=tmp_path)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1) and "the text is empty" in run.stderr
