"""Seconds and memory of ranking with very many answers: read, tokenise, encode, search, evaluate, BM25, lists, mining.

Data        Invented answers of 4 to 40 words, whose frequencies follow Zipf's law; each word is a number in letters. A question has
            every second word of an answer.
Encoder     `BiEncoder` from scratch with random weights, small by default, so that the machinery is measured and not the encoder.
            The seconds of `encode` grow with the encoder: measure your own by `utils.ranking.index` on a part of the texts.
Stages      read        lines of a file to an index folder: texts, names, ids
            tokenise    their token ids
            encode      their vectors in 16 bits, a block at a time
            search      the best 100 texts for 64 questions, exact
            lists       faiss' lists for approximate search
            probe       the best 100 by these lists; `recall` is the fraction that the exact search has as well
            evaluate    exact NDCG, MAP and MRR of 64 questions among all texts, and the best 100 as a TREC run
            bm25        BM25's index on disk
            bm25_search evaluation of 64 questions by it
            mine        negatives of 8 questions by the encoder
Measured    Each stage runs in a process of its own. Memory is the peak of what the system cannot take back (RssAnon, every 10 ms)
            minus that before the stage. Pages of mapped files are not in it: the system drops them when memory is short.
            `resident` is the peak of everything, these pages included.
Growth      With two sizes or more, seconds and memory at 10 million follow from the line through the last two. They are
            extrapolated, not measured. Below a million texts the blocks are not full, and the line is too steep for memory.

    python -m benchmarks.ranking_scale --sizes 1000000 2000000 --folder /tmp/ranking_scale --out runs/ranking_scale.json
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import environment, fresh_process, report_head, write_report
from utils.common.disk_rows import FlatRows, TextRows
from utils.common.reading import Reading
from utils.ranking import index
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.data import iterate_texts
from utils.ranking.evaluation import DEPTH, EvaluationSet, evaluate_scores
from utils.ranking.features import RankingFeatures
from utils.ranking.mining import mine_negatives
from utils.ranking.records import Candidate, Query
from utils.ranking.retrieval import best_of_all
from utils.ranking.scores import VectorScores
from utils.ranking.trec import write_runs
from utils.ranking.vector_files import encode_to_file
from utils.ranking.vector_lists import VectorLists
from utils.text.embedding import iterate_token_ids
from utils.training.environment import usable_cores

GOAL_SIZE = 10_000_000
NUM_QUESTIONS = 64
NUM_MINED = 8
VOCABULARY = 50_000
LENGTHS = {"query_length": 32, "max_length": 32}


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads)
    if any(options.folder.iterdir() if options.folder.exists() else ()):
        raise SystemExit(f"{options.folder} is not empty")
    rows = []
    try:
        for size in options.sizes:
            folder = options.folder / str(size)
            folder.mkdir(parents=True)
            write_texts(folder, size, options.seed)
            for stage in STAGES:
                with fresh_process() as process:
                    rows.append(
                        {"texts": size, "stage": stage, **process.submit(measure, stage, folder, options).result()}
                    )
                print(rows[-1], flush=True)
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)
    print(as_markdown(options.sizes, rows))
    write_report(report_head("ranking_scale", options, stages=rows), options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[1_000_000, 2_000_000], help="numbers of texts, ascending")
    add("--folder", type=Path, required=True, help="a folder for about 1 KB a text, which is deleted afterwards")
    add("--hidden-dim", type=int, default=32)
    add("--num-layers", type=int, default=1)
    add("--output-dim", type=int, default=64)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def write_texts(folder: Path, size: int, seed: int) -> None:
    """Write `texts.txt`, an answer per line."""
    rng = np.random.default_rng(seed)
    words = np.array([spelt(number) for number in range(VOCABULARY)])
    weights = 1 / np.arange(1, VOCABULARY + 1)
    cumulated = np.cumsum(weights / weights.sum())
    with (folder / "texts.txt").open("w") as file:
        for start in range(0, size, 10_000):
            lengths = rng.integers(4, 41, min(10_000, size - start))
            drawn = words[np.minimum(np.searchsorted(cumulated, rng.random(lengths.sum())), VOCABULARY - 1)]
            for number, part in enumerate(np.split(drawn, np.cumsum(lengths)[:-1]), start=start):
                high, low = divmod(number, VOCABULARY)
                # The last words make every text a different one.
                file.write(f"{' '.join(part)} {spelt(high)} {spelt(low)}\n")


def spelt(number: int) -> str:
    """A number as a word of letters."""
    word = ""
    while True:
        number, letter = divmod(number, 20)
        word += "bcdfghjklmnpqrstvwxz"[letter] + "aeiou"[(number + letter) % 5]
        if not number:
            return word


class Peak:
    """Within the block, watches the memory of this process; afterwards `anonymous` and `resident` are the peaks in MiB."""

    def __enter__(self):
        self.before, _ = memory()
        self.anonymous, self.resident, self._ended = 0.0, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._ended.wait(0.01):
            anonymous, resident = memory()
            self.anonymous, self.resident = max(self.anonymous, anonymous), max(self.resident, resident)

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self.anonymous = max(0.0, self.anonymous - self.before)


def memory() -> tuple[float, float]:
    """MiB of anonymous and of all resident memory of this process (Linux)."""
    values = dict(
        line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if line[:3] in ("VmR", "Rss")
    )
    anonymous, resident = (int(values[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
    return anonymous, resident


def measure(stage: str, folder: Path, options) -> dict:
    """Run one stage in this process."""
    prepare, run = STAGES[stage]
    prepared = prepare(folder, options)
    with Peak() as peak:
        start = time.perf_counter()
        facts = run(folder, *prepared)
        seconds = time.perf_counter() - start
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    sizes = {"mib": round(peak.anonymous), "resident_mib": round(peak.resident), "folder_mib": round(disk)}
    return {"seconds": round(seconds, 2), **sizes, **(facts or {})}


# --- what a stage needs


def no_preparation(folder: Path, options) -> tuple:
    import bm25s  # noqa: F401 (its import is not measured)

    return ()


def stored_texts(folder: Path) -> TextRows:
    return TextRows.open(folder / index.TEXTS)


def stored_tokens(folder: Path) -> FlatRows:
    return FlatRows.open(folder / index.TOKENS, np.int32)


def stored_vectors(folder: Path) -> np.ndarray:
    return np.memmap(folder / index.VECTORS, "float16", "r").reshape(len(stored_tokens(folder)), -1)


def questions_of(folder: Path) -> list[str]:
    """Every second word of each of the first texts."""
    texts = stored_texts(folder)
    return [" ".join(texts[place].split()[::2]) for place in range(NUM_QUESTIONS)]


def make_start(folder: Path, options) -> tuple:
    """A tokenizer with the word pieces of the first texts, and the shape of an encoder."""
    from utils.ranking.encoder import new_start

    sample = [text for _, text in zip(range(20_000), stored_texts(folder), strict=False)]
    return (new_start(sample, 8000, options.hidden_dim, options.num_layers, 2, 0.0, **LENGTHS),)


def make_predictor(folder: Path, options) -> tuple:
    """An encoder with random weights, compiled for short texts; it has encoded the questions."""
    import keras

    from models.bi_encoder import BiEncoder
    from utils.ranking.predictor import RankingPredictor

    (start,) = make_start(folder, options)
    keras.utils.set_random_seed(options.seed)
    model = BiEncoder(start.arguments, output_dim=options.output_dim)
    model.build()
    predictor = RankingPredictor(model, start.tokenizer, **LENGTHS)
    np.save(folder / "questions.npy", predictor.embed_questions(questions_of(folder)))
    return (predictor,)


def question_vectors(folder: Path, options) -> tuple:
    return (np.load(folder / "questions.npy"),)


def vectors_and_lists(folder: Path, options) -> tuple:
    (vectors,) = question_vectors(folder, options)
    exact = best_of_all(VectorScores(vectors, stored_vectors(folder)), DEPTH)
    return vectors, VectorLists.open(folder / index.LISTS), exact


def bm25_index(folder: Path, options) -> tuple:
    return (BM25.open(folder / "bm25"),)


class Documents(Sequence):
    """All texts as candidates."""

    def __init__(self, folder: Path):
        self.texts = stored_texts(folder)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, number: int) -> Candidate:
        return Candidate(str(number), self.texts[number], 1.0, is_document=True)


def evaluation_set(folder: Path) -> EvaluationSet:
    """The answer of each question is one of the first texts."""
    documents = Documents(folder)
    queries = [Query(f"q{n}", text, (documents[n],), "") for n, text in enumerate(questions_of(folder))]
    return EvaluationSet(queries, documents, [], [])


# --- the stages


def read(folder: Path) -> None:
    index.write_texts(iterate_texts(folder / "texts.txt", Reading()), folder)


def tokenise(folder: Path, start) -> None:
    FlatRows.write(
        iterate_token_ids(start.tokenizer, stored_texts(folder), start.max_length),
        np.int32,
        folder / index.TOKENS,
    )


def encode(folder: Path, predictor) -> dict:
    tokens = stored_tokens(folder)
    path = folder / index.VECTORS
    encode_to_file(
        predictor.candidate_encoder, tokens, predictor.padding_id, path, "float16", 0, lambda num_encoded: None
    )
    return {"tokens_per_text": round(float(tokens.lengths().mean()), 1)}


def search(folder: Path, vectors: np.ndarray) -> None:
    best_of_all(VectorScores(vectors, stored_vectors(folder)), DEPTH)


def lists(folder: Path) -> None:
    VectorLists.build(stored_vectors(folder), folder / index.LISTS)


def probe(folder: Path, vectors: np.ndarray, vector_lists: VectorLists, exact: list) -> dict:
    retrieved = vector_lists.search(vectors, DEPTH)
    same = [len(set(one) & set(other)) for (one, _), (other, _) in zip(retrieved, exact, strict=True)]
    return {"recall": round(float(np.mean(same)) / DEPTH, 3)}


def evaluate(folder: Path, vectors: np.ndarray) -> dict:
    retrieved = evaluation_set(folder).search(VectorScores(vectors, stored_vectors(folder)), DEPTH)
    write_runs(folder, retrieved)
    return {"ndcg@10": round(evaluate_scores(retrieved.questions, retrieved).metrics["ndcg@10_all"], 4)}


def bm25(folder: Path) -> None:
    (folder / "bm25").mkdir()
    BM25(stored_texts(folder), folder / "bm25")


def bm25_search(folder: Path, word_index: BM25) -> dict:
    questions = evaluation_set(folder)
    scores = BM25Scores(word_index, [query.text for query in questions.queries])
    return {"ndcg@10": round(evaluate_scores(questions, questions.search(scores)).metrics["ndcg@10_all"], 4)}


def mine(folder: Path, vectors: np.ndarray) -> None:
    tokens = stored_tokens(folder)
    starts = np.linspace(0, len(tokens), NUM_MINED + 1).astype(np.int64)
    relevance, groups = np.ones(len(tokens), np.float32), np.arange(NUM_MINED)
    features = RankingFeatures([[1]] * NUM_MINED, tokens, relevance, starts, groups)
    mine_negatives(VectorScores(vectors[:NUM_MINED], stored_vectors(folder)), features, 0.05, 16)


STAGES = {
    "read": (no_preparation, read),
    "tokenise": (make_start, tokenise),
    "encode": (make_predictor, encode),
    "search": (question_vectors, search),
    "lists": (no_preparation, lists),
    "probe": (vectors_and_lists, probe),
    "evaluate": (question_vectors, evaluate),
    "bm25": (no_preparation, bm25),
    "bm25_search": (bm25_index, bm25_search),
    "mine": (question_vectors, mine),
}
"""For each stage what it needs, which is not measured, and what is measured."""


def as_markdown(sizes: list[int], rows: list[dict]) -> str:
    """The table, with the growth where there are two sizes."""
    header = ["stage"]
    for size in sizes:
        header += [f"{size:,}: seconds", "MiB"]
    if len(sizes) > 1:
        header += [f"{GOAL_SIZE:,} (extrapolated): seconds", "MiB"]
    lines = ["", f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for stage in STAGES:
        by_size = {row["texts"]: row for row in rows if row["stage"] == stage}
        cells = [f"{by_size[size][name]:,}" for size in sizes for name in ("seconds", "mib")]
        if len(sizes) > 1:
            cells += [f"{extrapolated(by_size, sizes[-2:], name):,.0f}" for name in ("seconds", "mib")]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def extrapolated(by_size: dict[int, dict], sizes: list[int], name: str) -> float:
    """The value at `GOAL_SIZE` on the line through those of two sizes."""
    (low, first), (high, second) = ((size, by_size[size][name]) for size in sizes)
    return second + (second - first) / (high - low) * (GOAL_SIZE - high)


if __name__ == "__main__":
    sys.exit(main())
