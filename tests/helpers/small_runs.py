"""Run directories with small untrained models, as far as predictors read them, and a question for each."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from tests.helpers.paths import FIXTURES
from utils.reranker.predictor import FIRST_STAGE_FILE

SIZE = {"hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
CONTEXT = "Mira Holt built the stone bridge at Arnwick in 1812."


@cache
def _new_folder(name: str) -> Path:
    return Path(tempfile.mkdtemp()) / name


def _write(folder: Path, model, task: str, config: dict, details: dict | None = None, **files: str) -> Path:
    """Write a run directory; `files` are its other files; an underscore may stand for the dot in their names."""
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)
    if not model.built:
        model.build()
    model.save(folder / "best.keras")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "results.json").write_text(json.dumps({"task": task, "details": details or {}, "data": {}}))
    for name, content in files.items():
        (folder / (name if "." in name else name.replace("_", "."))).write_text(content)
    return folder


@cache
def model_folder() -> Path:
    """A folder with one saved model."""
    from models.kv_memnet import KVMemNet

    folder = _new_folder("model")
    folder.mkdir()
    model = KVMemNet(9, hidden_dim=4, num_buckets=0)
    model.build()
    model.save(folder / "model.keras")
    return folder


@cache
def compiled_model():
    """A model for the checkpoint."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


@cache
def checkpoint_folder() -> Path:
    """A folder with a checkpoint of `compiled_model`."""
    from utils.training.checkpoint import save_checkpoint

    folder = _new_folder("checkpoint")
    folder.mkdir()
    save_checkpoint(folder / "checkpoint.npz", compiled_model(), {"epoch": 1, "step": 0, "rows": []})
    return folder


@cache
def squad_run() -> Path:
    from models.qa_transformer import QATransformer
    from utils.text.tokenization import load_tokenizer

    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    model = QATransformer(tokenizer.get_vocab_size(), **SIZE, max_length=64, match_features=True)
    settings = {"max_length": 61, "doc_stride": 11, "length_penalty": 0.4}
    details = {"null_threshold": 0.5}
    return _write(_new_folder("squad"), model, "squad", settings, details, tokenizer_json=tokenizer.to_str())


def ask_squad(run_dir):
    from utils.squad.predictor import SquadPredictor

    SquadPredictor.load(run_dir).answer([{"question": "Who built it?", "context": CONTEXT}])


@cache
def memnet_run() -> Path:
    from models.kv_memnet import KVMemNet

    words = ["<born_in>", "born", "where", "was"]
    model = KVMemNet(len(words) + 1, hidden_dim=4)
    facts = "subject\trelation\tobject\nAda Holt\tborn_in\tArnwick\nBo Lind\tborn_in\tSkel\n"
    vocabulary = json.dumps({"words": words, "hashed": True})
    settings = {"candidates": 13, "retrieval": "words"}
    return _write(_new_folder("memnet"), model, "memnet", settings, facts_tsv=facts, vocabulary_json=vocabulary)


@cache
def abstaining_memnet_run() -> Path:
    """A model that reads evidence, with weights by which it answers where subject and relation are those of the question."""
    import numpy as np

    from models.kv_memnet import KVMemNet
    from utils.memnet.evidence import FEATURES
    from utils.memnet.features import NOTHING

    words = ["<born_in>", "<job>", "born", "work", NOTHING]
    model = KVMemNet(len(words) + 1, hidden_dim=2, num_buckets=0, num_evidence=len(FEATURES))
    model.build()
    model.embedding.learned.assign(np.array([(0, 0), (10, 0), (0, 10), (1, 0), (0, 1), (12, 12)]))
    facts = "subject\trelation\tobject\nAda Holt\tborn_in\tArnwick\nAda Holt\tborn_in\tWick\nBo Holt\tborn_in\tSkel\n"
    vocabulary = json.dumps({"words": words, "hashed": True})
    settings = {"candidates": 13, "retrieval": "words"}
    folder = _new_folder("abstaining")
    return _write(folder, model, "memnet", settings, facts_tsv=facts, vocabulary_json=vocabulary)


@cache
def two_step_memnet_run() -> Path:
    """A model that takes two steps, with weights by which it knows authors and where they were born."""
    import numpy as np

    from models.kv_memnet import KVMemNet
    from utils.memnet.evidence import FEATURES

    words = ["<author>", "<born_in>", "author", "born"]
    model = KVMemNet(len(words) + 1, hidden_dim=2, num_buckets=0, num_evidence=len(FEATURES), num_hops=2)
    model.build()
    model.embedding.learned.assign(np.array([(0, 0), (10, 0), (0, 10), (1, 0), (0, 1)]))
    model.hops[0].set_weights([np.array([(0, 0), (0, 1)])])
    model.stop.set_weights([np.array([(0, 10), (0, 10)]), np.array([15, 0])])
    facts = "subject\trelation\tobject\nEmma\tauthor\tJane Austen\nDracula\tauthor\tBram Stoker\n"
    facts += "Jane Austen\tborn_in\tSteventon\nBram Stoker\tborn_in\tDublin\n"
    vocabulary = json.dumps({"words": words, "hashed": True})
    settings = {"candidates": 2, "retrieval": "words"}
    return _write(_new_folder("steps"), model, "memnet", settings, facts_tsv=facts, vocabulary_json=vocabulary)


def ask_memnet(run_dir):
    from utils.memnet.predictor import MemnetPredictor

    MemnetPredictor.load(run_dir).answer(["Where was Ada Holt born?"])


@cache
def tracing_run() -> Path:
    from models.dkt import DKT

    model = DKT(3, 2, hidden_dim=4)
    items = json.dumps({"q1": 1, "q2": 2})
    return _write(_new_folder("tracing"), model, "tracing", {}, {"abilities": None}, items_json=items)


@cache
def ability_run() -> Path:
    """A tracing run whose model has abilities."""
    from models.deep_gpcm import DeepGPCM

    model = DeepGPCM(5, 3, num_slots=2, key_dim=3, value_dim=4, summary_dim=3)
    items = json.dumps({"q1": 1, "q2": 2, "q3": 3, "q4": 4})
    details = {"abilities": {"mean": 0.0, "deviation": 1.0}}
    return _write(_new_folder("ability"), model, "tracing", {}, details, items_json=items)


def ask_tracing(run_dir):
    import numpy as np

    from utils.tracing.predictor import TracingPredictor
    from utils.tracing.sequences import ResponseSequence

    TracingPredictor.load(run_dir).predict([ResponseSequence("a", ("q1",), np.array([1]))], ["q2", "q3"])


@cache
def vectors_run() -> Path:
    from models.amn import AMN

    model = AMN(4, 5, encoder_dim=3, hidden_dims=(4,))
    settings = {"embed_with": "", "train_files": [], "split_seed": 0}
    return _write(_new_folder("vectors"), model, "vectors", settings)


def ask_vectors(run_dir):
    import numpy as np

    from utils.vectors.data import VectorDocuments
    from utils.vectors.predictor import VectorsPredictor

    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    data = VectorDocuments(vectors, np.array([0, 0, 0, 1, 1, 1]), None, ["a", "b"], "v.npz")
    VectorsPredictor.load(run_dir).nearest(data, [2])


@cache
def ranking_run() -> Path:
    from models.bi_encoder import BiEncoder
    from utils.text.tokenization import load_tokenizer

    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    encoder = {"vocabulary_size": tokenizer.get_vocab_size(), **SIZE, "max_length": 32}
    settings = {"query_length": 16, "max_length": 32, "train_files": ["x"], "split_seed": 0}
    model = BiEncoder(encoder, output_dim=5)
    return _write(_new_folder("ranking"), model, "ranking", settings, tokenizer_json=tokenizer.to_str())


def ask_ranking(run_dir):
    from utils.ranking.predictor import RankingPredictor

    RankingPredictor.load(run_dir).search(["Who built it?"], ["Mira Holt built it.", "It is old."])


def write_reranker(folder: Path, stage="bm25", weight=0.5, depth=2, checksum="", own_weight=0.0) -> Path:
    """A run of train_reranker.py, as far as the predictor reads it."""
    import numpy as np

    from models.cross_encoder import CrossEncoder
    from utils.text.tokenization import add_sentence_markers, load_tokenizer

    tokenizer = add_sentence_markers(load_tokenizer(FIXTURES / "pretrained" / "bert"))
    model = CrossEncoder({"vocabulary_size": tokenizer.get_vocab_size(), **SIZE, "max_length": 32})
    model.build()
    model.score_head.kernel.assign(np.random.default_rng(1).normal(size=model.score_head.kernel.shape))
    settings = {"query_length": 9, "max_length": 20, "train_files": ["x"], "split_seed": 0}
    first = {"stage": stage, "checksum": checksum, "depth": depth, "weight": weight, "own_weight": own_weight}
    files = {"tokenizer_json": tokenizer.to_str(), FIRST_STAGE_FILE: json.dumps(first)}
    return _write(folder, model, "reranker", settings, **files)


@cache
def reranker_run() -> Path:
    return write_reranker(_new_folder("reranker"))


def ask_reranker(run_dir):
    from utils.reranker.predictor import RerankerPredictor

    RerankerPredictor.load(run_dir).search(["Who built it?"], ["Mira Holt built it.", "It is old.", "No."], 2)


RUNS = {
    "squad": (squad_run, ask_squad),
    "memnet": (memnet_run, ask_memnet),
    "tracing": (tracing_run, ask_tracing),
    "vectors": (vectors_run, ask_vectors),
    "ranking": (ranking_run, ask_ranking),
    "reranker": (reranker_run, ask_reranker),
}
"""Task to a function that makes a run directory, and one that asks the run in a directory."""
