"""Training throughput of this project's encoder beside PyTorch's and KerasHub's BERT, on one data set's real lengths.

Measured    Examples per second of whole training steps (forward, backward, clipping, AdamW) on the CPU, at BERT-like
            size: 6 layers, hidden 384, 12 heads, intermediate 1536; dropout 0.1 on embeddings, branches and attention.
Models      ours        QATransformer, the plain encoder; Pre-LN, fixed sinusoidal positions, exact GELU
            torch       transformers' BertForQuestionAnswering, not compiled; Post-LN, learned positions, exact GELU
            keras-hub   BertBackbone and Dense(2), TensorFlow backend; Post-LN, learned positions, tanh GELU
            All have random weights. With --init-from FOLDER, `ours` (then BertQA) and `torch` have the weights and the size
            of a pretrained BERT: that is fine-tuning. `ours` and `keras-hub` are compiled by the `compile_model` of
            train_squad.py, without its moving average of the weights, which the peers do not have; `torch` takes the fused
            AdamW, as transformers' Trainer does.
Batches     padded      random examples, padded to the maximum length, as in transformers' example script
            longest     the same random batches, padded to the longest example of each
            bucketed    this project's batches of similar length (`batch_order`, `assemble`), padded to a multiple of 16
            A case is one model on one kind of batches. All cases see the same examples with the same tokens: those of
            bucketed batches at evenly spaced lengths of one epoch, shuffled for the other kinds. Every round has long
            and short ones.
Fairness    Each case runs in a process of its own. All have the same allocator settings (`ALLOCATOR`), threads and seed.
            They take turns, round by round, while the others sleep. Batches are made beforehand. Ratios are taken round by
            round, and their median is reported.

    python -m benchmarks.squad_step --train-files train.json.gz --out runs/squad_step.json
    python -m benchmarks.squad_step --init-from MiniLM/ --cases ours/bucketed torch/bucketed --out runs/fine_tuning.json

Without --train-files it takes $QKV_ZOO_DATA/squad/train-v1.1-partial.json.gz if that exists, else the built-in demo data (whose
paragraphs are short). Peers: requirements-bench.txt; a missing one is left out. The default run takes under 8 minutes on two
cores, and some 15 GiB of memory for the six processes of one precision; `--cases` chooses fewer.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.harness import ALLOCATOR, PRECISIONS, fresh_process, report_head, write_report
from utils.common.errors import UserError
from utils.training.environment import peak_memory_gib, usable_cores

PEERS = {"torch": ("torch", "transformers"), "keras-hub": ("keras_hub",)}
MODELS = ("ours", *PEERS)
BATCHES = ("padded", "longest", "bucketed")
CASES = (
    "ours/bucketed",
    "torch/padded",
    "torch/longest",
    "torch/bucketed",
    "keras-hub/longest",
    "keras-hub/bucketed",
)
INPUTS = ("token_ids", "segment_ids", "padding_mask")
ROOT = Path(__file__).parent.parent


def main() -> int:
    options = parse()
    try:
        present, left_out = find_peers(options.cases)
        if not present:
            raise UserError("none of the --cases can be run: pip install what requirements-bench.txt names")
        with tempfile.TemporaryDirectory(prefix="squad-step-") as folder:
            # In a process of its own, so that what it takes is given back before anything is measured.
            with fresh_process() as process:
                data = process.submit(prepare, options, Path(folder) / "batches.npz").result()
            rows = [
                row for precision in options.precisions for row in measure(options, present, precision, Path(folder))
            ]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    add_ratios(rows)
    report = report_head(
        "squad_step", options, threads=options.threads, allocator=ALLOCATOR, data=data, left_out=left_out, cases=rows
    )
    report["versions"] |= peer_versions()
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    all_cases = [f"{model}/{batches}" for model in MODELS for batches in BATCHES]
    add("--train-files", type=Path, nargs="+", default=staged_files(), help="SQuAD-format .json or .json.gz files")
    add("--limit", type=int, default=10_000, help="draw the lengths from this many questions; 0 is all")
    add(
        "--cases", nargs="+", choices=all_cases, default=list(CASES), metavar="MODEL/BATCHES", help=", ".join(all_cases)
    )
    add("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    add("--rounds", type=int, default=3, help="turns of each case")
    add("--steps", type=int, default=8, help="measured steps of a turn")
    add("--batch-size", type=int, default=8)
    add("--max-length", type=int, default=384)
    add("--num-layers", type=int, default=6)
    add("--hidden-dim", type=int, default=384)
    add("--num-heads", type=int, default=12)
    add("--intermediate-dim", type=int, default=1536)
    add("--vocabulary-size", type=int, default=16_000)
    add("--init-from", type=Path, help="folder of a pretrained BERT; sizes are its own")
    add("--dropout", type=float, default=0.1, help="of embeddings and branches")
    add(
        "--attention-dropout", type=float, default=0.1, help="of attention weights; keras-hub takes --dropout there too"
    )
    add(
        "--torch-attention", choices=("sdpa", "eager"), default="sdpa", help="transformers' implementation of attention"
    )
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.batch_size, options.threads) < 1:
        parser.error("--rounds, --steps, --batch-size and --threads must be at least 1")
    if options.init_from:
        from utils.text.pretrained.checkpoint import read_checkpoint

        try:
            encoder = read_checkpoint(options.init_from).encoder
        except UserError as error:
            parser.error(str(error))
        for name in ("vocabulary_size", "hidden_dim", "num_layers", "num_heads", "intermediate_dim"):
            setattr(options, name, encoder[name])
        options.max_length = min(options.max_length, encoder["max_length"])
    options.cases, options.precisions = list(dict.fromkeys(options.cases)), list(dict.fromkeys(options.precisions))
    if options.init_from and any(case.startswith("keras-hub") for case in options.cases):
        parser.error("--init-from: leave keras-hub out of --cases; it does not read the checkpoint here")
    return options


# --- data


def staged_files() -> list[Path]:
    """The part of SQuAD's training set in the folder that QKV_ZOO_DATA names, if it exists."""
    file = Path(os.environ.get("QKV_ZOO_DATA", "")) / "squad" / "train-v1.1-partial.json.gz"
    return [file] if os.environ.get("QKV_ZOO_DATA") and file.is_file() else []


def prepare(options, file: Path) -> dict:
    """Write every round's batches of every kind to one `.npz`, under the names `kind.round.step.name`.

    Returns:
        a description of the data and its lengths.
    """
    import numpy as np

    from utils.squad.batches import batch_order
    from utils.squad.data import read_squad_files
    from utils.squad.demo import demo_squad
    from utils.squad.features import build_features
    from utils.squad.windows import assemble
    from utils.text.tokenization import load_tokenizer, train_tokenizer

    questions = read_squad_files(options.train_files) if options.train_files else demo_squad()["train"]
    rng = np.random.default_rng(options.seed)
    numbers = rng.permutation(len(questions))[: options.limit or None]
    questions = [questions[number] for number in numbers]
    texts = dict.fromkeys(text for question in questions for text in (question.context, question.question))
    folder = options.init_from
    tokenizer = load_tokenizer(folder) if folder else train_tokenizer(texts, options.vocabulary_size)
    features = build_features(questions, tokenizer, max_length=options.max_length, doc_stride=options.max_length // 3)

    epoch = [part for part in batch_order(features.lengths, options.batch_size, options.seed, 0)
             if len(part) == options.batch_size]  # fmt: skip
    num_batches = options.rounds * options.steps
    if len(epoch) < num_batches:
        raise UserError(
            f"{len(features)} windows are {len(epoch)} batches of {options.batch_size}, but --rounds {options.rounds} "
            f"and --steps {options.steps} need {num_batches}: lower these, or raise --limit"
        )

    def by_length(part):
        return int(features.lengths[part].max())

    epoch.sort(key=by_length)
    bucketed = [epoch[int((number + 0.5) * len(epoch) / num_batches)] for number in range(num_batches)]
    measured = np.concatenate(bucketed)
    # A single shuffle of so few batches may be unusually long or short: of many shuffles, take the middle one.
    shuffles = [rng.permutation(measured).reshape(num_batches, -1) for _ in range(101)]
    shuffles.sort(key=lambda batches: features.lengths[batches].max(axis=1).sum())
    shuffled = sorted(shuffles[50], key=by_length)
    arrays, shape = {}, {kind: [] for kind in BATCHES}
    for turn in range(options.rounds):
        # Back and forth through the lengths (of three, round 0 takes 0, 5, 6, 11, ...): all rounds are about equally long.
        places = [
            step * options.rounds + (options.rounds - 1 - turn if step % 2 else turn) for step in range(options.steps)
        ]
        for step, place in enumerate(rng.permutation(places)):
            for kind in BATCHES:
                windows = (bucketed if kind == "bucketed" else shuffled)[place]
                assembled = assemble(features, windows)
                batch = {name: assembled[name] for name in INPUTS}
                if kind != "bucketed":  # the exact length, not the one that `assemble` rounds up to
                    length = options.max_length if kind == "padded" else by_length(windows)
                    batch = {name: resized(values, length, features.special_ids[0] if name == "token_ids" else 0)
                             for name, values in batch.items()}  # fmt: skip
                spans = features.answer_spans[features.answer_offsets[windows]]
                batch |= {"start": spans[:, 0], "end": spans[:, 1]}
                arrays |= {f"{kind}.{turn}.{step}.{name}": values for name, values in batch.items()}
                shape[kind].append(batch["token_ids"].shape[1])
    np.savez(file, **arrays)
    return {
        "files": [path.name for path in options.train_files] or ["built-in demo data"],
        "questions": len(questions),
        "windows": len(features),
        "mean_length": round(float(features.lengths.mean()), 1),
        "examples_per_round": options.steps * options.batch_size,
        "mean_length_measured": round(float(features.lengths[measured].mean()), 1),
        "mean_padded_length": {kind: round(float(np.mean(lengths)), 1) for kind, lengths in shape.items()},
    }


def resized(values, length: int, filler: int):
    """The values with columns cut or added to make `length`."""
    import numpy as np

    values = values[:, :length]
    return np.pad(values, ((0, 0), (0, length - values.shape[1])), constant_values=filler)


# --- measurement


def find_peers(cases) -> tuple[list[str], list[str]]:
    """The cases whose packages are installed, and a line for each model that is left out."""
    lines = []
    for model, packages in PEERS.items():
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        if missing and any(case.startswith(f"{model}/") for case in cases):
            lines.append(f"{model} is left out: {' and '.join(missing)} not installed (see requirements-bench.txt)")
            print(lines[-1], flush=True)
    absent = [line.split()[0] for line in lines]
    return [case for case in cases if case.split("/")[0] not in absent], lines


def measure(options, cases, precision: str, folder: Path) -> list[dict]:
    """Run all cases of one precision in turns, and return a row for each."""
    with contextlib.ExitStack() as stack:
        workers = {case: Worker(case, precision, options, folder, stack) for case in cases}
        facts = {case: worker.answer() for case, worker in workers.items()}  # all warm up together
        speeds = {case: [] for case in cases}
        for turn in range(options.rounds):
            for case in cases if turn % 2 == 0 else reversed(cases):  # so that a drift favours no case
                time.sleep(0.3)  # the threads of the last case go to sleep
                seconds = workers[case].ask(turn)["seconds"]
                speeds[case].append(options.steps * options.batch_size / seconds)
                print(f"{precision} round {turn + 1} {case}: {speeds[case][-1]:.2f} examples/s", flush=True)
        memory = {case: worker.ask("end")["peak_memory_gib"] for case, worker in workers.items()}
    return [
        {
            "case": case,
            "precision": precision,
            "examples_per_second": round(median(speeds[case]), 3),
            "by_round": [round(speed, 3) for speed in speeds[case]],
            "peak_memory_gib": round(memory[case], 2),
            **facts[case],
        }
        for case in cases
    ]


class Worker:
    """One case in a process of its own, which answers every request with a line of JSON. `stack` ends the process."""

    def __init__(self, case, precision, options, folder, stack):
        self.name = f"{case} in {precision}"
        threads = str(options.threads)
        environment = os.environ | ALLOCATOR | {
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "HF_HUB_OFFLINE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": threads,
            "TF_NUM_INTRAOP_THREADS": threads,
            "TF_NUM_INTEROP_THREADS": threads,
        }  # fmt: skip
        job = {**vars(options), "case": case, "precision": precision, "batches": folder / "batches.npz"}
        self.log = folder / f"{case.replace('/', '-')}-{precision}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.squad_step", "--worker", json.dumps(job, default=str)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=ROOT,
            )  # fmt: skip
        stack.callback(self.process.wait)
        stack.callback(self.process.kill)

    def ask(self, request) -> dict:
        with contextlib.suppress(BrokenPipeError):  # then the answer is empty too
            print(request, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            lines = [line.strip() for line in self.log.read_text(errors="replace").split("\n") if line.strip()]
            raise UserError(f"{self.name} ended with status {status}: {lines[-1] if lines else 'it printed nothing'}")
        return json.loads(line)


def add_ratios(rows) -> None:
    """Add `ours_ratio`: speed of ours on bucketed batches over that of this case, the median over rounds, at equal precision."""
    for precision in {row["precision"] for row in rows}:
        same = {row["case"]: row for row in rows if row["precision"] == precision}
        ours = same.get("ours/bucketed")
        for row in same.values():
            if ours:
                pairs = zip(ours["by_round"], row["by_round"], strict=True)
                row["ours_ratio"] = round(median(our_speed / speed for our_speed, speed in pairs), 3)


# --- the process of one case


def worker(job: dict) -> None:
    """Make the model, warm up and describe it; then train on the batches of each requested round."""
    channel = os.fdopen(os.dup(1), "w")  # the prints of libraries must not come between the answers
    os.dup2(2, 1)

    def reply(answer):
        print(json.dumps(answer), file=channel, flush=True)

    import numpy as np

    model, kind = job["case"].split("/")
    rounds = [[] for _ in range(job["rounds"])]
    with np.load(job["batches"]) as stored:
        for turn, batches in enumerate(rounds):
            for step in range(job["steps"]):
                names = (*INPUTS, "start", "end")
                batches.append({name: stored[f"{kind}.{turn}.{step}.{name}"] for name in names})
    train, facts = (torch_trainer if model == "torch" else keras_trainer)(model, job)
    # Both sides prepare their matrix products for every new length, a cost that a real epoch does not notice: warm up with one
    # batch of each length. The longest comes first, so that memory grows no more afterwards.
    by_length = {batch["token_ids"].shape[1]: batch for batches in rounds for batch in batches}
    train([by_length[length] for length in sorted(by_length, reverse=True)])
    reply(facts)
    for line in sys.stdin:
        if line.strip() == "end":
            reply({"peak_memory_gib": peak_memory_gib()})
            return
        reply({"seconds": train(rounds[int(line)])})


def keras_trainer(name: str, job: dict):
    """A function that trains on batches as train_squad.py does and returns the seconds; and a description of the model."""
    import keras

    from train_squad import Config, compile_model, with_model_settings
    from utils.training.batch_dataset import as_dataset
    from utils.training.run import set_precision

    keras.utils.set_random_seed(job["seed"])
    set_precision(job["precision"])
    size = {key: job[key] for key in ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "dropout")}
    if name == "ours" and job["init_from"]:
        from models.bert_qa import BertQA
        from utils.text.pretrained.checkpoint import assign, read_checkpoint

        checkpoint = read_checkpoint(job["init_from"])
        dropout = {name: job[name] for name in ("dropout", "attention_dropout")}
        model = BertQA(checkpoint.encoder | dropout)
        model.build()
        assign(model.encoder, checkpoint.weights)
        attention_dropout = job["attention_dropout"]
    elif name == "ours":
        from models.qa_transformer import QATransformer

        model = QATransformer(
            job["vocabulary_size"],
            attention_dropout=job["attention_dropout"],
            activation="gelu",
            max_length=job["max_length"],
            **size,
        )
        model.build()
        attention_dropout = job["attention_dropout"]
    else:
        import keras_hub

        bert = keras_hub.models.BertBackbone(job["vocabulary_size"], max_sequence_length=job["max_length"], **size)
        logits = keras.layers.Dense(2, name="span_head")(bert.output["sequence_output"])
        model = keras.Model(bert.input, {"start": logits[:, :, 0], "end": logits[:, :, 1]})
        attention_dropout = job["dropout"]
    config = with_model_settings(Config(run_dir=Path("unused"), model=preset(job), ema=0.0, precision=job["precision"]))
    compile_model(model, config, total_steps=1000)

    class Clock(keras.callbacks.Callback):
        """Measures from the beginning of the first step to the end of the last."""

        def on_train_begin(self, logs=None):
            self.begin = None

        def on_train_batch_begin(self, batch, logs=None):
            self.begin = self.begin or time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # waits for the step
            self.end = time.perf_counter()

    def train(batches) -> float:
        pairs = [
            ({name: batch[name] for name in INPUTS}, {end: batch[end] for end in ("start", "end")}) for batch in batches
        ]
        clock = Clock()
        dataset = as_dataset(lambda first_step: iter(pairs[first_step:]), 0)
        model.fit(dataset, steps_per_epoch=len(pairs), callbacks=[clock], verbose=0)
        return clock.end - clock.begin

    facts = {"parameters": model.count_params(), "dropout": job["dropout"], "attention_dropout": attention_dropout}
    return train, facts


def preset(job: dict) -> str:
    """The model of train_squad.py whose learning rate and weight decay are used."""
    return "bert" if job["init_from"] else "matching"


def torch_trainer(name: str, job: dict):
    """The same as `keras_trainer`, for transformers' BertForQuestionAnswering."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    from train_squad import Config, with_model_settings

    torch.manual_seed(job["seed"])
    torch.set_num_threads(job["threads"])
    dropout = {
        "hidden_dropout_prob": job["dropout"],
        "attention_probs_dropout_prob": job["attention_dropout"],
        "attn_implementation": job["torch_attention"],
    }
    config = BertConfig(
        vocab_size=job["vocabulary_size"],
        num_hidden_layers=job["num_layers"],
        hidden_size=job["hidden_dim"],
        num_attention_heads=job["num_heads"],
        intermediate_size=job["intermediate_dim"],
        max_position_embeddings=job["max_length"],
        **dropout,
    )
    if job["init_from"]:
        model = BertForQuestionAnswering.from_pretrained(job["init_from"], **dropout).train()
    else:
        model = BertForQuestionAnswering(config).train()
    ours = with_model_settings(Config(run_dir=Path("unused"), model=preset(job)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=ours.learning_rate, weight_decay=ours.weight_decay, fused=True)
    lower = torch.autocast("cpu", dtype=torch.bfloat16, enabled=job["precision"] == "bfloat16")

    def train(batches) -> float:
        begin = time.perf_counter()
        for batch in batches:
            tensors = {key: torch.from_numpy(values).long() for key, values in batch.items()}
            with lower:
                loss = model(
                    input_ids=tensors["token_ids"],
                    token_type_ids=tensors["segment_ids"],
                    attention_mask=tensors["padding_mask"],
                    start_positions=tensors["start"],
                    end_positions=tensors["end"],
                ).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), ours.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            loss.item()
        return time.perf_counter() - begin

    facts = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "dropout": job["dropout"],
        "attention_dropout": job["attention_dropout"],
        "attention": model.config._attn_implementation,
    }
    return train, facts


# --- report


def as_markdown(report: dict) -> str:
    """The table and its conditions."""
    data, settings = report["data"], report["settings"]
    padded = data["mean_padded_length"]
    lines = [
        "",
        "| model | batches | mean padded length | precision | examples/s, median | lowest to highest | ours / this | "
        "parameters | peak GiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in report["cases"]:
        model, kind = row["case"].split("/")
        ratio = f"{row['ours_ratio']:.2f}" if "ours_ratio" in row else ""
        lines.append(
            f"| {model} | {kind} | {padded[kind]:.0f} | {row['precision']} | {row['examples_per_second']:.2f} "
            f"| {min(row['by_round']):.2f} to {max(row['by_round']):.2f} | {ratio} "
            f"| {row['parameters']:,} | {row['peak_memory_gib']:.1f} |"
        )
    lines += ["", *summary(report["cases"]), *report["left_out"]]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    dropouts = {
        f"{row['case'].split('/')[0]} {row['dropout']} on embeddings and branches, "
        f"{row['attention_dropout']} on attention" + (f" ({row['attention']})" if "attention" in row else "")
        for row in report["cases"]
    }
    size = f"{Path(settings['init_from']).name}: " if settings["init_from"] else ""
    size += (
        f"{settings['num_layers']} layers, hidden {settings['hidden_dim']}, {settings['num_heads']} heads, "
        f"intermediate {settings['intermediate_dim']}, vocabulary {settings['vocabulary_size']:,}"
    )
    lines += [
        f"- size: {size}, maximum length {settings['max_length']}, batches of {settings['batch_size']}",
        f"- dropout: {'; '.join(sorted(dropouts))}",
        f"- data: {', '.join(data['files'])}; {data['windows']:,} windows of mean length {data['mean_length']}; "
        f"measured {settings['rounds']} rounds of {data['examples_per_round']} examples, mean length "
        f"{data['mean_length_measured']}",
        f"- {report['hardware']}, {report['threads']} threads; seed {settings['seed']}; commit {report['commit']}",
        f"- {packages}",
        f"- all: {' '.join(f'{name}={value}' for name, value in report['allocator'].items())}",
    ]
    return "\n".join(lines)


def summary(rows) -> list[str]:
    """For each precision, ours against the padded peer, the best on random batches and the best on bucketed ones."""
    lines = []
    for precision in dict.fromkeys(row["precision"] for row in rows):
        peers = [row for row in rows if row["precision"] == precision and not row["case"].startswith("ours/")]
        parts = []
        for words, kinds in (("", ["padded"]), ("the best of ", ["longest"]), ("the best of ", ["bucketed"])):
            ratios = {row["case"]: row["ours_ratio"] for row in peers
                      if row["case"].split("/")[1] in kinds and "ours_ratio" in row}  # fmt: skip
            if ratios:
                parts.append(f"{min(ratios.values()):.2f} times {words if len(ratios) > 1 else ''}{', '.join(ratios)}")
        if parts:
            lines.append(f"- {precision}, examples/s of ours/bucketed: {'; '.join(parts)}")
    return lines


def peer_versions() -> dict[str, str]:
    """Versions of the peers' own packages, where they are installed."""
    installed = {}
    for name in ("transformers", "keras-hub"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
