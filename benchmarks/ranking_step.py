"""Training throughput of train_ranking.py's encoder beside sentence-transformers, on one data set's real lengths.

Measured    Questions per second of whole training steps (forward, InfoNCE, backward, clipping, AdamW under its schedule) on the
            CPU. A question comes with its best answer and one more (of its own, else mined by BM25), which counts as wrong, as
            those of the other questions do.
Sides       ours                    Keras on TensorFlow: `prepare`, `build_model`, `compile_model`, `training_batches`,
                                    `as_dataset`, `model.fit`; with XLA in float32, without it in bfloat16, unless told otherwise
            sentence-transformers   PyTorch: Transformer (BertModel), Pooling (mean), Dense, Normalize and
                                    `MultipleNegativesRankingLoss(scale=20)`, not compiled; the fused AdamW; in bfloat16 under
                                    autocast
Batches     ours                    of like lengths, padded to multiples of 32
            .../like lengths        the same ones, each column (question, answer, wrong answer) padded to its longest
            .../random              the same questions in random order, padded alike, which is how its trainer makes batches
            Their loss joins the two columns of answers, padded to the longer one. Texts are cut alike and made into tokens
            beforehand. The batches are those at evenly spaced lengths of an epoch; every round has long and short ones, and the
            same questions on all sides.
Fairness    All start from the same weights: vectors or an InfoNCE that differ by more than 1e-3 on one batch, in float32 and
            without dropout, end the benchmark. Dropout is that of train_ranking.py: of embeddings and residual branches, none of
            attention. So are the learning rate, its schedule, the clipping, and what weight decay leaves out. Position tables and
            the epsilon of the normalisations are alike. An encoder from scratch has no segment embedding; theirs is then a row
            of zeros, which is not trained. Their BertModel has a pooler that nothing reads, as in their trainer.
            The mean losses of the last round are told. With --dropout 0 those of `ours` and `like lengths` are near, not equal:
            Keras adds AdamW's epsilon before it corrects the bias, and squares the gradients of a word's occurrences one by one.
            Each case runs in a process of its own with the same allocator settings and threads; after a round to warm up (a batch
            of each shape) they take turns, round by round, while the others sleep. Ratios are taken round by round, and their
            median is told.

    python -m benchmarks.ranking_step --out runs/ranking_step.json
    python -m benchmarks.ranking_step --init-from MiniLM/ --precision bfloat16 --out runs/ranking_step_minilm.json

Without files it takes all of $QKV_ZOO_DATA/stackexchange/*.gz where there are any, else the built-in demo data. The encoder is
train_ranking.py's from scratch, or with --init-from a pretrained BERT. Needs PyTorch and sentence-transformers
(requirements-bench.txt). The default run takes about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import mean, median
from types import SimpleNamespace

import numpy as np

from benchmarks.harness import ALLOCATOR, PRECISIONS, fresh_process, report_head, write_report
from benchmarks.memory_step import TRAINING, environment, keras_trainer, take_turns
from utils.common.errors import UserError
from utils.training.environment import usable_cores

PEER = "sentence-transformers"
LIKE, RANDOM = f"{PEER}/like lengths", f"{PEER}/random"
GOAL = 1.3
"""Times the speed of the peer on random batches."""
TOLERANCE = 1e-3
"""Of vectors and of the loss."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads) | {"HF_HUB_OFFLINE": "1"}
    try:
        if not importlib.util.find_spec("sentence_transformers"):
            raise UserError(f"{PEER} is not installed: pip install what requirements-bench.txt names")
        found = measure(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = report_head("ranking_step", options, goal=GOAL, **found)
    report["versions"] |= {name: importlib.metadata.version(name) for name in ("transformers", PEER)}
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    from train_ranking import Config

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--train-files", type=Path, nargs="+", default=staged_files(), help="as train_ranking.py takes them")
    add("--init-from", default="", help="folder of a pretrained BERT; sizes are its own")
    for name in (
        "hidden_dim",
        "num_layers",
        "num_heads",
        "vocabulary_size",
        "query_length",
        "max_length",
        "batch_size",
    ):
        add(f"--{name.replace('_', '-')}", type=int, default=getattr(Config, name))
    add("--dropout", type=float, default=Config.dropout)
    add("--precision", choices=PRECISIONS, default="float32")
    add("--jit-compile", action=argparse.BooleanOptionalAction, help="of ours; left out: in float32")
    add(
        "--torch-attention", choices=("sdpa", "eager"), default="sdpa", help="transformers' implementation of attention"
    )
    add("--rounds", type=int, default=5, help="turns of each side")
    add("--steps", type=int, default=12, help="measured steps of a turn")
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.threads) < 1:
        parser.error("--rounds, --steps and --threads must be at least 1")
    if options.jit_compile is None:
        options.jit_compile = options.precision == "float32"
    return options


def staged_files() -> list[Path]:
    """StackExchange's sites in the folder that QKV_ZOO_DATA names, if there are any."""
    folder = os.environ.get("QKV_ZOO_DATA")
    return sorted((Path(folder) / "stackexchange").glob("*.gz")) if folder else []


def settings(options):
    """Those of train_ranking.py."""
    from train_ranking import Config, check

    names = "train_files init_from hidden_dim num_layers num_heads vocabulary_size dropout query_length max_length batch_size"
    given = {name: getattr(options, name) for name in (*names.split(), "seed", "precision", "jit_compile")}
    config = Config(Path("unused"), slots=2, **given)
    check(config)
    return config


def measure(options) -> dict:
    """All cases, in turns."""
    with fresh_process() as process:  # what it takes is given back before anything is measured
        made, rounds, data = process.submit(prepare_rounds, options).result()
    batches = {
        "ours": rounds,
        LIKE: [[columns(batch_texts(inputs), made.padding) for inputs in part] for part in rounds],
        RANDOM: [shuffled(part, made.padding, options.seed) for part in rounds],
    }
    with fresh_process() as ours, fresh_process() as like, fresh_process() as random:
        sides = {"ours": ours, LIKE: like, RANDOM: random}
        checked = batches["ours"][0][-1], batches[LIKE][0][-1]
        weights, encoder, wanted = ours.submit(set_up_keras, options, made, batches["ours"], checked[0]).result()
        facts, differences = {"ours": sum(array.size for array in weights.values())}, []
        for name in (LIKE, RANDOM):
            job = options, encoder, made.padding, made.tokenizer, weights, batches[name], checked[1]
            facts[name], *found = sides[name].submit(set_up_torch, *job).result()
            differences.append([float(abs(there - here).max()) for there, here in zip(found, wanted, strict=True)])
        vectors, loss = (max(of) for of in zip(*differences, strict=True))
        if not max(vectors, loss) <= TOLERANCE:
            raise SystemExit(
                f"vectors differ by {vectors:.1e}, losses by {loss:.1e}: the two networks are not the same"
            )
        seconds, losses = take_turns(sides, options.rounds)
    questions = options.steps * options.batch_size
    rows = []
    for name, taken in seconds.items():
        ratios = [theirs / mine for mine, theirs in zip(seconds["ours"], taken, strict=True)]
        rows.append(
            {
                "case": name,
                "parameters": int(facts[name]),
                "tokens_a_question": round(mean(size(batch) for part in batches[name][1:] for batch in part), 1),
                "questions_per_second": round(median(questions / each for each in taken), 2),
                "of_rounds": [round(questions / each, 2) for each in taken],
                "ours_ratio": round(median(ratios), 2),
                "ratios_of_rounds": [round(ratio, 2) for ratio in ratios],
                "loss_of_last_round": round(losses[name], 5),
            }
        )
    return {"data": data, "encoder": encoder, "difference": {"vectors": vectors, "loss": loss}, "cases": rows}


# --- data


def prepare_rounds(options):
    """What the model is made of, inputs of every round, the first to warm up, and what is told of the data."""
    from train_ranking import prepare
    from utils.ranking.features import trainable, training_batches
    from utils.ranking.splits import read_ranking_splits

    config = settings(options)
    shares = config.validation_fraction, config.test_fraction
    splits = read_ranking_splits(config.train_files, [], [], *shares, config.split_seed)
    data = prepare(config, splits)
    if data.checkpoint and data.checkpoint.architecture != "bert":
        raise UserError(f"{config.init_from}: is a {data.checkpoint.architecture}; this compares with BertModel")
    found = data.features["train"]
    an_epoch, wanted = -(-len(trainable(found)) // config.batch_size), options.rounds * options.steps
    endless = training_batches(found, data.mined, config.slots, config.batch_size, config.seed, 0, data.padding)
    epochs = [inputs for inputs, _ in islice(endless, -(-wanted // an_epoch) * an_epoch)]
    epochs.sort(key=lambda inputs: sum(array.sum() for name, array in inputs.items() if name.endswith("mask")))
    chosen = [epochs[int((number + 0.5) * len(epochs) / wanted)] for number in range(wanted)]
    # To and fro through the lengths (of three rounds, the first takes 0, 5, 6, 11, ...): all rounds are about as long.
    rng, rounds = np.random.default_rng(options.seed), []
    for turn in range(options.rounds):
        places = [
            step * options.rounds + (options.rounds - 1 - turn if step % 2 else turn) for step in range(options.steps)
        ]
        rounds.append([chosen[place] for place in rng.permutation(places)])
    # The largest first: afterwards, memory grows no more.
    shapes = {(size(inputs), inputs["query_ids"].shape): inputs for inputs in chosen}
    warm = [shapes[key] for key in sorted(shapes, reverse=True)]
    told = {
        "files": [path.name for path in options.train_files] or ["built-in demo data"],
        "questions": len(found.queries),
        "mean_length": {
            name: round(mean(map(len, of)), 1)
            for name, of in (("question", found.queries), ("answer", found.candidates))
        },
        "real_tokens_a_question": round(
            mean(sum(map(len, text)) for part in rounds for inputs in part for text in batch_texts(inputs)), 1
        ),
    }
    made = SimpleNamespace(
        encoder=data.encoder, checkpoint=data.checkpoint, padding=data.padding, tokenizer=data.tokenizer
    )
    return made, [warm, *rounds], told


def batch_texts(inputs) -> list[tuple[list[int], ...]]:
    """The token ids of each question of a batch, of its answer and of the wrong answer, without padding."""
    ids, mask = inputs["candidate_ids"], inputs["candidate_mask"]
    answers = [unpadded(ids[:, slot], mask[:, slot]) for slot in range(ids.shape[1])]
    return list(zip(unpadded(inputs["query_ids"], inputs["query_mask"]), *answers, strict=True))


def unpadded(ids, mask) -> list[list[int]]:
    return [row[: there.sum()].tolist() for row, there in zip(ids, mask, strict=True)]


def columns(texts, padding: int) -> list[dict[str, np.ndarray]]:
    """The inputs of BertModel for each column, padded to its longest."""
    found = []
    for column in zip(*texts, strict=True):
        lengths = np.array([len(ids) for ids in column])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, padding, np.int64)
        ids[mask] = np.concatenate(column)
        found.append({"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": mask.astype(np.int64)})
    return found


def shuffled(part, padding: int, seed: int) -> list:
    """The questions of a round in batches of random order."""
    texts = [text for inputs in part for text in batch_texts(inputs)]
    order = np.random.default_rng(seed).permutation(len(texts)).reshape(len(part), -1)
    return [columns([texts[number] for number in numbers], padding) for numbers in order]


def size(batch) -> int:
    """The tokens that are computed for each question, padding included."""
    if isinstance(batch, dict):
        _, slots, length = batch["candidate_ids"].shape
        return batch["query_ids"].shape[1] + slots * length
    asked, *answers = (column["input_ids"].shape[1] for column in batch)
    return asked + len(answers) * max(answers)


# --- the processes of the cases


def set_up_keras(options, made, rounds, checked):
    """Make the model as train_ranking.py does; returns its weights by name, its encoder's arguments, and the vectors and the loss
    of one batch."""
    import keras

    from train_ranking import build_model, compile_model
    from utils.training.fit import inference_copy
    from utils.training.run import set_precision

    config = settings(options)
    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)
    model = build_model(config, made)
    compile_model(model, config, sum(map(len, rounds)))
    # The first slot is right and the second wrong; no two questions are answered alike.
    numbers = np.arange(config.batch_size, dtype=np.float32)
    targets = np.column_stack([np.tile(np.array([1, 0, 1, 1], np.float32), (len(numbers), 1)), *[numbers] * 3])
    train = keras_trainer(model)
    TRAINING.update(train=lambda part: train([(inputs, targets) for inputs in part]), rounds=rounds)
    vectors = inference_copy(model)(checked)
    found = [keras.ops.convert_to_numpy(of) for of in (vectors, model.loss(targets, vectors))]
    weights = {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return weights, dict(model.candidates.encoder.config), found


def set_up_torch(options, encoder, padding: int, tokenizer, weights, rounds, checked):
    """Make the same network with these weights; returns the number of its own, and the vectors and the loss of one batch."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    config = BertConfig(
        vocab_size=encoder["vocabulary_size"],
        hidden_size=encoder["hidden_dim"],
        num_hidden_layers=encoder["num_layers"],
        num_attention_heads=encoder["num_heads"],
        intermediate_size=encoder["intermediate_dim"],
        max_position_embeddings=encoder["max_length"],
        type_vocab_size=max(1, encoder["num_segments"]),
        hidden_act={"gelu_tanh": "gelu_pytorch_tanh"}.get(encoder["activation"], encoder["activation"]),
        hidden_dropout_prob=encoder["dropout"],
        attention_probs_dropout_prob=encoder["attention_dropout"],
        layer_norm_eps=encoder["norm_epsilon"],
        pad_token_id=padding,
    )
    bert = BertModel(config)
    with torch.no_grad():
        bert.embeddings.token_type_embeddings.weight.zero_()
    tensors = {name: torch.from_numpy(array) for name, array in bert_weights(bert.state_dict(), weights).items()}
    bert.load_state_dict(tensors, strict=False)
    with tempfile.TemporaryDirectory(prefix="ranking-step-") as folder:
        bert.save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=tokenizer.id_to_token(padding)).save_pretrained(
            folder
        )
        transformer = Transformer(folder, model_kwargs={"attn_implementation": options.torch_attention})
    if not encoder["num_segments"]:
        transformer.model.embeddings.token_type_embeddings.weight.requires_grad_(False)
    projection = torch.from_numpy(weights["candidates/projection/kernel"].T.copy())
    dense = Dense(*reversed(projection.shape), bias=False, activation_function=None, init_weight=projection)
    modules = [transformer, Pooling(encoder["hidden_dim"], "mean"), dense, Normalize()]
    network = SentenceTransformer(modules=modules, device="cpu")
    loss = MultipleNegativesRankingLoss(network, scale=20)
    TRAINING.update(train=torch_trainer(network, loss, options, sum(map(len, rounds))), rounds=rounds)
    network.eval()
    with torch.no_grad():
        vectors = [network(tensors_of(column))["sentence_embedding"] for column in checked]
        found = loss([tensors_of(column) for column in checked], None)
    network.train()
    return sum(weight.numel() for weight in network.parameters()), torch.stack(vectors, 1).numpy(), found.numpy()


def bert_weights(names, weights) -> dict[str, np.ndarray]:
    """The weights of a BertModel by its names, from our encoder's; what ours has not is left out."""
    from utils.text.pretrained import variable_path

    found, beginning = {}, "candidates/encoder/"
    for name in names:
        place = beginning + (variable_path("bert", name) or "")
        block, _, ending = place.rpartition("/")
        block, _, part = block.rpartition("/")
        if part in ("query", "key", "value"):  # ours has the three side by side
            number = ("query", "key", "value").index(part)
            array = np.split(weights[f"{block}/attention/qkv_{ending}"], 3, axis=-1)[number]
        elif place in weights:
            array = weights[place]
        else:
            continue
        found[name] = np.ascontiguousarray(array.T if ending == "kernel" else array)
    return found


def tensors_of(column) -> dict:
    import torch

    return {name: torch.from_numpy(array) for name, array in column.items()}


def torch_trainer(network, loss, options, total_steps: int):
    """A function that trains on batches, giving seconds and mean loss; optimizer and schedule are those of train_ranking.py."""
    import torch

    ours = settings(options)
    rate = ours.learning_rate or (5e-5 if ours.init_from else 5e-4)
    named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    kept = [weight for name, weight in named if "LayerNorm" in name or name.endswith("bias")]
    decayed = [weight for name, weight in named if not ("LayerNorm" in name or name.endswith("bias"))]
    groups = [{"params": decayed, "weight_decay": ours.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, eps=1e-7, fused=True)
    warmup = min(ours.warmup_steps, total_steps // 5)

    def factor(step):  # utils.training.schedules.WarmupThenDecay
        return min((step + 1) / max(warmup, 1), max(total_steps - step - 1, 0) / (total_steps - warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    lower = torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bfloat16")

    def train(batches):
        losses, begin = [], time.perf_counter()
        for batch in batches:
            with lower:
                value = loss([tensors_of(column) for column in batch], None)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(value.item())
        return time.perf_counter() - begin, mean(losses)

    return train


# --- what is said about it


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    asked, encoder, data = report["settings"], report["encoder"], report["data"]
    lines = [
        "",
        "| case | tokens a question | questions/s, median | lowest to highest | ours / this | of rounds | mean loss, last round |",
        "|---" * 7 + "|",
    ]
    for row in report["cases"]:
        speeds, ratios = row["of_rounds"], row["ratios_of_rounds"]
        lines.append(
            f"| {row['case']} | {row['tokens_a_question']:.0f} | {row['questions_per_second']} | {min(speeds)} to {max(speeds)} "
            f"| {row['ours_ratio']} | {min(ratios)} to {max(ratios)} | {row['loss_of_last_round']} |"
        )
    by_name = {row["case"]: row for row in report["cases"]}
    ratio = by_name[RANDOM]["ours_ratio"]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    origin = Path(asked["init_from"]).name if asked["init_from"] else "from scratch"
    differences = report["difference"]
    lines += [
        "",
        f"- {ratio} times the speed of {RANDOM}, goal {report['goal']} {'reached' if ratio >= report['goal'] else 'missed'}",
        f"- vectors differ by {differences['vectors']:.1e} at most, losses by {differences['loss']:.1e} (one batch, float32, no "
        "dropout)",
        f"- encoder: {origin}, {encoder['num_layers']} layers, hidden {encoder['hidden_dim']}, {encoder['num_heads']} heads, "
        f"intermediate {encoder['intermediate_dim']}, vocabulary {encoder['vocabulary_size']:,}, dropout {encoder['dropout']}, of "
        f"attention {encoder['attention_dropout']} ({asked['torch_attention']}); {by_name['ours']['parameters']:,} parameters "
        f"(theirs {by_name[RANDOM]['parameters']:,}, with the pooler)",
        f"- data: {len(data['files'])} files ({', '.join(data['files'])}); {data['questions']:,} questions of mean length "
        f"{data['mean_length']['question']} (at most {asked['query_length']}), answers {data['mean_length']['answer']} (at most "
        f"{asked['max_length']}); {data['real_tokens_a_question']} real tokens a question with two answers",
        f"- {asked['precision']}, ours {'with' if asked['jit_compile'] else 'without'} XLA; batches of {asked['batch_size']}, "
        f"{asked['rounds']} rounds of {asked['steps']} steps, seed {asked['seed']}",
        f"- {report['hardware']}, {asked['threads']} threads; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
