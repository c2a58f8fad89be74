"""Questions and texts per second of this project, ONNX Runtime, transformers and sentence-transformers, with the same weights.

    python -m benchmarks.inference --pretrained all-MiniLM-L6-v2 --questions dev-v1.1.json.gz --peer-python peers/bin/python

Two jobs. `questions`: answer questions of SQuAD, from text to text, with MiniLM and a span head of random weights (the same in all
rows). `texts`: vectors of the paragraphs. For each job also the time of one short input alone. Each row is a process of its own,
all rows run after each other in every round, and the table shows medians over rounds. The peers run with another Python, because
transformers 5 has no pipeline for questions: `pip install torch 'transformers<5' sentence-transformers`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import environment, report_head, write_report
from benchmarks.inference_torch import MAX_LENGTH, measure

ROOT = Path(__file__).parents[1]
STRIDE = 128
TEXT_LENGTH = 256
"""Tokens of a text at most, as the folder of all-MiniLM-L6-v2 declares."""
ROWS = {
    "questions": ("ours float32", "ours bfloat16", "ours ONNX Runtime", "ours ONNX Runtime spinning", "pipeline float32",
                  "pipeline bfloat16"),
    "texts": ("ours float32", "ours bfloat16", "ours ONNX Runtime", "ours ONNX Runtime spinning",
              "sentence-transformers float32", "sentence-transformers bfloat16"),
}  # fmt: skip
"""Job to its rows. An export's threads do not spin while they wait (docs/exports.md); by ONNX Runtime's own settings they do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretrained", type=Path, required=True, help="folder of MiniLM in Hugging Face's layout")
    parser.add_argument("--questions", type=Path, required=True, help="SQuAD's dev file")
    parser.add_argument("--peer-python", type=Path, help="Python with torch, transformers 4 and sentence-transformers")
    parser.add_argument("--limit", type=int, default=400, help="questions, and texts, that are drawn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--names", nargs="+", help="measure these rows alone, beside `ours float32`")
    threads_help = "of Keras and PyTorch; ONNX Runtime takes one for each core"
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help=threads_help)
    parser.add_argument("--out", type=Path, help="write a JSON report here")
    parser.add_argument("--row", nargs=2, metavar=("JOB", "NAME"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(run_row(*options.row, options.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options)
        measured = take_turns(Path(folder), options)
    rows = [summary(job, name, rounds) for (job, name), rounds in measured.items()]
    for job in ROWS:
        base = next(row["per_second"] for row in rows if row["job"] == job)
        print(
            f"\n| {job} | per second | ours float32 / this | one alone, ms | largest difference |\n|---|---|---|---|---|"
        )
        for row in (row for row in rows if row["job"] == job):
            print(f"| {row['name']} | {row['per_second']:.1f} | {base / row['per_second']:.2f} "
                  f"| {row['milliseconds']:.1f} | {row['difference']} |")  # fmt: skip
    write_report(report_head("inference", options, rows=rows), options.out)


def prepare(folder: Path, options) -> None:
    """Write the questions and texts, the folder of weights that all rows read, and the ONNX models."""
    from utils.squad.data import read_squad_files

    questions = read_squad_files([options.questions])
    random.Random(0).shuffle(questions)
    chosen = [{"question": question.question, "context": question.context} for question in questions[: options.limit]]
    contexts = list(dict.fromkeys(question.context for question in questions))[: options.limit]
    (folder / "questions.json").write_text(json.dumps(chosen))
    (folder / "texts.json").write_text(json.dumps(contexts))
    with_span_head(options.pretrained, folder / "weights")
    environment_of_row = os.environ | environment(options.threads)
    command = [sys.executable, "-m", "benchmarks.inference", "--pretrained", "-", "--questions", "-"]
    subprocess.run([*command, "--folder", folder, "--row", "export", ""], cwd=ROOT, env=environment_of_row, check=True)


def with_span_head(pretrained: Path, folder: Path) -> None:
    """Copy a folder of BERT's and give its weights the names of `BertForQuestionAnswering`, with a random span head."""
    from safetensors.numpy import load_file, save_file

    folder.mkdir()
    for path in pretrained.iterdir():
        if path.suffix in (".json", ".txt"):
            (folder / path.name).write_bytes(path.read_bytes())
        elif path.is_dir():
            (folder / path.name).mkdir()
            for inner in path.iterdir():
                (folder / path.name / inner.name).write_bytes(inner.read_bytes())
    weights = load_file(pretrained / "model.safetensors")
    weights = {f"bert.{name.removeprefix('bert.')}": array for name, array in weights.items()}
    dim = weights["bert.embeddings.word_embeddings.weight"].shape[1]
    rng = np.random.default_rng(0)
    weights["qa_outputs.weight"] = rng.normal(0, 0.3, (2, dim)).astype(np.float32)
    weights["qa_outputs.bias"] = np.zeros(2, np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def take_turns(folder: Path, options) -> dict:
    """The measurements of all rows, round after round: (job, name) to a list of what `measure` returns."""
    measured = {}
    for turn in range(options.rounds):
        rows = [(job, name) for job, names in ROWS.items() for name in names if is_chosen(name, options)]
        for job, name in rows if turn % 2 == 0 else rows[::-1]:
            if name.startswith("ours"):
                command = [sys.executable, "-m", "benchmarks.inference", "--pretrained", "-", "--questions", "-"]
                command += ["--folder", folder, "--row", job, name]
            elif options.peer_python:
                command = [options.peer_python, ROOT / "benchmarks" / "inference_torch.py", folder, job, name]
            else:
                continue
            settings = os.environ | environment(options.threads)
            done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{job}, {name}: {done.stderr[-2_000:]}")
            measured.setdefault((job, name), []).append(json.loads(done.stdout.splitlines()[-1]))
            print(
                f"round {turn + 1}, {job}, {name}: {measured[job, name][-1]['per_second']:.1f} per second", flush=True
            )
    order = [(job, name) for job, names in ROWS.items() for name in names if (job, name) in measured]
    first = {job: measured[job, names[0]][0]["results"] for job, names in ROWS.items()}
    for (job, _), rounds in measured.items():
        for values in rounds:
            values["difference"] = difference(job, first[job], values.pop("results"))
    return {row: measured[row] for row in order}


def is_chosen(name: str, options) -> bool:
    return not options.names or name in (*options.names, "ours float32")


def difference(job: str, expected: list, results: list) -> str:
    """How far a row's results are from those of the first row."""
    if job == "questions":
        equal = sum(ours == theirs for ours, theirs in zip(expected, results, strict=True))
        return f"{equal} of {len(expected)} answers equal"
    return f"{np.abs(np.array(expected) - np.array(results)).max():.1e}"


def summary(job: str, name: str, rounds: list[dict]) -> dict:
    values = {key: median(values[key] for values in rounds) for key in ("per_second", "milliseconds")}
    return {"job": job, "name": name, **values, "difference": rounds[0]["difference"], "rounds": len(rounds)}


def run_row(job: str, name: str, folder: Path) -> dict:
    """Measure one row in this process; the row `export` writes the ONNX models instead."""
    from utils.squad.predictor import SquadPredictor
    from utils.squad.standalone import Answerer as SquadAnswerer
    from utils.training.run import set_precision

    if job == "export":
        squad_predictor(folder).export(folder / "squad")
        ranking_predictor(folder).export(folder / "ranking")
        return {}
    if name == "ours bfloat16":
        set_precision("bfloat16")
    uses_onnx = "ONNX Runtime" in name
    if job == "questions":
        answerer = SquadAnswerer(folder / "squad") if uses_onnx else squad_predictor(folder)
        assert uses_onnx or isinstance(answerer, SquadPredictor)
        if name.endswith("spinning"):
            let_threads_spin(answerer.model, folder / "squad" / "model.onnx")
        records = json.loads((folder / "questions.json").read_text())
        return measure(lambda part: [answer["answer"] for answer in answerer.answer(part)], records)
    from utils.ranking.standalone import Answerer as RankingAnswerer

    encoder = RankingAnswerer(folder / "ranking") if uses_onnx else ranking_predictor(folder)
    if name.endswith("spinning"):
        let_threads_spin(encoder.candidate_encoder, folder / "ranking" / "model.onnx")
    texts = json.loads((folder / "texts.json").read_text())
    return measure(lambda part: encoder.embed_candidates(part).tolist(), texts)


def let_threads_spin(model, path: Path) -> None:
    """Give an `OnnxModel` a session with ONNX Runtime's own settings."""
    import onnxruntime

    model.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def squad_predictor(folder: Path):
    """The predictor of the folder's weights, span head included."""
    from models.bert_qa import BertQA
    from utils.squad.initial_weights import set_initial_weights
    from utils.squad.predictor import SquadPredictor
    from utils.text.pretrained.loading import load_pretrained

    pretrained = load_pretrained(folder / "weights")
    model = BertQA(pretrained.checkpoint.encoder | {"dropout": 0.0, "attention_dropout": 0.0})
    model.build()
    set_initial_weights(model, None, pretrained.checkpoint, None)
    settings = {"max_length": MAX_LENGTH, "doc_stride": STRIDE, "length_penalty": 0.0}
    return SquadPredictor(model, pretrained.tokenizer, **settings)


def ranking_predictor(folder: Path):
    """The predictor of the folder's encoder, without a projection."""
    from models.bi_encoder import BiEncoder
    from utils.ranking.encoder import pretrained_start
    from utils.ranking.predictor import RankingPredictor

    start = pretrained_start(str(folder / "weights"), 0.0, None, None, TEXT_LENGTH)
    model = BiEncoder(start.arguments, pooling=start.pooling, output_dim=None, shared=True)
    model.build()
    start.set_weights(model)
    return RankingPredictor(model, start.tokenizer, query_length=TEXT_LENGTH, max_length=TEXT_LENGTH)


if __name__ == "__main__":
    main()
