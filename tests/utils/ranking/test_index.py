"""An index of texts on disk: exact and approximate search, and going on after an interruption."""

import json

import keras
import numpy as np
import pytest

from models.bi_encoder import BiEncoder
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.ranking import index as module
from utils.ranking import vector_files
from utils.ranking.data import NamedText, iterate_texts, read_texts
from utils.ranking.encoder import new_start
from utils.ranking.index import TextIndex, build_index, is_index, source_of
from utils.ranking.predictor import RankingPredictor
from utils.ranking.vector_lists import VectorLists
from utils.ranking.word_scores import WordStatistics

WORDS = [
    "red",
    "blue",
    "green",
    "old",
    "young",
    "fast",
    "slow",
    "fox",
    "bird",
    "fish",
    "owl",
    "cat",
    "dog",
    "runs",
    "sings",
    "swims",
    "flies",
    "sleeps",
]
LENGTHS = {"query_length": 7, "max_length": 9}


def make_texts(number):
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 12))) + f" {place}" for place in range(number)]
    return [NamedText(f"line {place}", text, f"id {place}") for place, text in enumerate(texts)]


def make_predictor(seed=3):
    texts = [named.text for named in make_texts(50)]
    start = new_start(texts, 150, hidden_dim=6, num_layers=1, num_heads=2, dropout=0.0, **LENGTHS)
    keras.utils.set_random_seed(seed)
    model = BiEncoder(start.arguments, output_dim=5)
    model.build()
    return RankingPredictor(model, start.tokenizer, **LENGTHS)


@pytest.fixture(scope="module")
def predictor():
    return make_predictor()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(vector_files, "ENCODED_TOGETHER", 32)


def test_an_index_finds_what_a_search_in_memory_finds(predictor, tmp_path, small_blocks):
    texts, questions = make_texts(101), ["red fox", "an old owl sleeps", "7"]
    build_index(predictor, iter(texts), tmp_path / "index", dtype="float32")
    index = TextIndex(tmp_path / "index", predictor)
    assert len(index) == 101 and is_index(tmp_path / "index")
    expected = predictor.search(questions, [named.text for named in texts], n_best=9)
    for question, answer, results in zip(questions, index.search(questions, 9), expected, strict=True):
        assert answer["question"] == question
        assert [text["score"] for text in answer["answers"]] == pytest.approx([r["score"] for r in results], abs=1e-6)
        for text, result in zip(answer["answers"], results, strict=True):
            if text["text"] != result["text"]:  # only where two scores are equal but for rounding
                assert text["score"] == pytest.approx(result["score"], abs=1e-6)
            named = texts[int(text["id"].split()[1])]
            assert (text["name"], text["text"], text["id"]) == named[:3]
    (answer,) = index.with_trec_ids().search(["red fox"], 1)
    assert answer["answers"][0]["id"].startswith("id%20")


def test_an_index_of_a_model_in_which_words_count_has_them_too(predictor, tmp_path):
    config = predictor.model.get_config() | {"lexical": True}
    model = BiEncoder.from_config(config)
    model.build()
    model.vector_weight_.assign(0.02)
    texts, questions = make_texts(60), ["red fox", "an old owl sleeps", "7"]
    statistics = WordStatistics.of(named.text for named in texts)
    lexical = RankingPredictor(model, predictor.tokenizer, **LENGTHS, statistics=statistics)
    build_index(lexical, iter(texts), tmp_path / "index", dtype="float32")
    answers = TextIndex(tmp_path / "index", lexical).search(questions, 9)
    for answer, results in zip(answers, lexical.search(questions, [named.text for named in texts], 9), strict=True):
        assert [text["score"] for text in answer["answers"]] == pytest.approx([r["score"] for r in results], abs=1e-5)
    with pytest.raises(UserError, match="words count too"):
        build_index(lexical, iter(texts), tmp_path / "lists", approximate=True)
    model.lexical.parameters.assign(model.lexical.parameters + 0.01)
    with pytest.raises(UserError, match="another encoder"):
        TextIndex(tmp_path / "index", lexical)


def test_a_trec_run_has_a_name_for_each_text(predictor, tmp_path):
    ids = ["7", "a b", "7", "7#2", "7"]
    texts = [NamedText(f"line {place}", f"red fox {place}", id_) for place, id_ in enumerate(ids)]
    build_index(predictor, iter(texts), tmp_path / "index")
    index = TextIndex(tmp_path / "index", predictor)
    assert sorted(answer["id"] for answer in index.search(["red"], 5)[0]["answers"]) == sorted(ids)
    (answer,) = index.with_trec_ids().search(["red"], 5)
    names = {text["text"]: text["id"] for text in answer["answers"]}
    expected = ["7", "a%20b", "7#2", "7#2#2", "7#3"]
    assert names == {named.text: name for named, name in zip(texts, expected, strict=True)}


def test_the_source_changes_with_each_file_of_a_collection(tmp_path):
    folder, judgements = tmp_path / "folder", tmp_path / "folder" / "qrels.txt"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "one"}\n')
    judgements.write_text("q1 0 d1 1\n")
    before = [source_of(path) for path in (folder, judgements)]
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "one"}\n{"_id": "d2", "text": "two"}\n')
    after = [source_of(path) for path in (folder, judgements)]
    assert before[0] != after[0] and before[1] != after[1]


class Interrupted(Exception):
    pass


def test_an_interrupted_index_goes_on_with_the_vectors_that_it_has(predictor, tmp_path, small_blocks, monkeypatch):
    texts, folder, blocks = make_texts(150), tmp_path / "index", []
    embed = vector_files.embed

    def embed_some(encoder, ids, padding_id):
        blocks.append(len(ids))
        if len(blocks) == 3:
            raise Interrupted
        return embed(encoder, ids, padding_id)

    monkeypatch.setattr(vector_files, "embed", embed_some)
    with pytest.raises(Interrupted):
        build_index(predictor, iter(texts), folder)
    with pytest.raises(UserError, match="not finished"):
        TextIndex(folder, predictor)
    with (folder / module.VECTORS).open("ab") as file:
        file.write(b"half a block")  # what a killed process may leave behind
    build_index(predictor, iter([]), folder)  # the texts are not read again
    assert blocks == [32, 32, 32, 32, 32, 22]
    monkeypatch.setattr(vector_files, "embed", embed)
    build_index(predictor, iter(texts), tmp_path / "whole")
    assert (folder / module.VECTORS).read_bytes() == (tmp_path / "whole" / module.VECTORS).read_bytes()
    assert TextIndex(folder, predictor).search(["fox"], 5) == TextIndex(tmp_path / "whole", predictor).search(
        ["fox"], 5
    )


def test_another_encoder_other_texts_and_damage_are_named(predictor, tmp_path):
    folder = tmp_path / "index"
    build_index(predictor, iter(make_texts(9)), folder, "a.txt")
    with pytest.raises(UserError, match="another encoder"):
        TextIndex(folder, make_predictor(seed=4))
    with pytest.raises(UserError, match="of other texts or of another encoder"):
        build_index(predictor, iter(make_texts(9)), folder, "b.txt")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        build_index(predictor, iter(make_texts(9)), tmp_path)
    (folder / module.VECTORS).write_bytes(b"")
    with pytest.raises(UserError, match="damaged"):
        TextIndex(folder, predictor)
    with pytest.raises(UserError, match="no text"):
        build_index(predictor, iter([]), tmp_path / "empty")


def test_lists_find_most_of_the_nearest_vectors(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr("utils.ranking.vector_lists.TEXTS_IN_A_FILE", 700)
    vectors = np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    VectorLists.build(vectors, tmp_path / "lists")
    lists = VectorLists.open(tmp_path / "lists")
    assert len(lists.files) == 3
    for question, (places, scores) in zip(vectors[:50], lists.search(vectors[:50], 10), strict=True):
        exact = np.argsort(-(vectors @ question))[:10]
        assert len(set(places) & set(exact)) >= 8 and len(places) == 10
        np.testing.assert_allclose(scores, vectors[places] @ question, atol=2e-3)  # 16-bit vectors
    build_index(predictor, iter(make_texts(300)), tmp_path / "index", approximate=True)
    (answer,) = TextIndex(tmp_path / "index", predictor).search(["red fox"], 5)
    assert len(answer["answers"]) == 5
    (tmp_path / "index" / "lists" / "00000.faiss").write_bytes(b"no lists")
    with pytest.raises(UserError, match="damaged"):
        TextIndex(tmp_path / "index", predictor)


def test_texts_of_a_collection_are_read_one_by_one_and_once(tmp_path):
    records = [{"_id": "1", "title": "T", "text": "one"}, {"_id": "2", "text": "two"}, {"_id": "3", "text": "two"}]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    texts = list(iterate_texts(tmp_path, Reading()))
    assert texts == [NamedText("document 1", "T one", "1"), NamedText("document 2", "two", "2")]
    (tmp_path / "lines.txt").write_text("a b\nc\na b\n")
    assert [text.text for text in read_texts(tmp_path / "lines.txt", Reading())] == ["a b", "c"]
