"""Training throughput of train_ranking.py's encoder beside sentence-transformers, on texts of one data set.

Measured    Questions per second of whole training steps (forward, InfoNCE, backward, clipping, AdamW under its schedule) on the
            CPU. A question comes with its best answer and one more, which is one of its own or else mined by BM25. That one counts
            as a negative, like the answers to the other questions of the batch.
Sides       ours                    Keras on TensorFlow: `choose_encoder`, `build_model`, `compile_model`, `training_batches`,
                                    `as_dataset`, `model.fit`; by default with XLA in float32 and without XLA in bfloat16
            sentence-transformers   PyTorch: Transformer (BertModel), Pooling (mean), Dense, Normalize and
                                    `MultipleNegativesRankingLoss(scale=20)`, not compiled; the fused AdamW; in bfloat16 under
                                    autocast
Batches     ours                        texts of similar length together, padded to multiples of 32
            .../similar lengths         the same batches, each column (question, answer, negative) padded to its longest text
            .../random                  the same questions in random order, padded like that, as its trainer makes batches
            Their loss joins the two columns of answers and pads them to the longer one. Texts are cut to the same lengths and
            tokenised beforehand. The batches are those at evenly spaced lengths of an epoch. Every round has long and short ones,
            and the same questions on all sides.
Fairness    All sides start from the same weights. The benchmark ends if vectors or InfoNCE differ by more than 1e-3 on one batch in
            float32 without dropout. Dropout is that of train_ranking.py: of embeddings and residual branches, none of attention
            weights. Learning rate, schedule, clipping, and the weights without weight decay are the same, as are position tables
            and the epsilon of the layer norms. An encoder from scratch has no segment embedding; theirs is then a row of zeros that
            is not trained. Their BertModel has a pooler that nothing reads, as in their trainer.
            The mean losses of the last round are printed. With --dropout 0 those of `ours` and `similar lengths` are close, not
            equal: Keras adds AdamW's epsilon before it corrects the bias.
            Each case runs in a process of its own with the same allocator settings and threads. After a round to warm up, with a
            batch of each shape, the cases take turns round by round while the others sleep. Ratios are computed per round; the
            median is reported.

    python -m benchmarks.ranking_step --out runs/ranking_step.json
    python -m benchmarks.ranking_step --init-from MiniLM/ --precision bfloat16 --out runs/ranking_step_minilm.json

Without files it uses $QKV_ZOO_DATA/stackexchange/*.gz if there are any, else the built-in demo data. The encoder is that of
train_ranking.py from scratch, or with --init-from a pretrained BERT. It needs PyTorch and sentence-transformers
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

import numpy as np

from benchmarks.harness import (
    ALLOCATOR,
    PRECISIONS,
    TRAINING,
    environment,
    fresh_process,
    keras_trainer,
    report_head,
    take_turns,
    write_report,
)
from utils.common.batching import pad_rows
from utils.common.errors import UserError
from utils.text.tokenization import special_token_ids
from utils.training.environment import usable_cores

PEER = "sentence-transformers"
SIMILAR, RANDOM = f"{PEER}/similar lengths", f"{PEER}/random"
GOAL = 1.3
"""Speed as a multiple of the peer's on random batches."""
TOLERANCE = 1e-3
"""Largest accepted difference of vectors and of losses."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads) | {"HF_HUB_OFFLINE": "1"}
    try:
        if not importlib.util.find_spec("sentence_transformers"):
            raise UserError(f"{PEER} is not installed: install the packages of requirements-bench.txt with pip")
        results = measure(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = report_head("ranking_step", options, goal=GOAL, **results)
    report["versions"] |= {name: importlib.metadata.version(name) for name in ("transformers", PEER)}
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    from train_ranking import Config

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--train-files", type=Path, nargs="+", default=staged_files(), help="files as for train_ranking.py")
    add("--init-from", default="", help="folder of a pretrained BERT, which decides the sizes")
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
    add("--jit-compile", action=argparse.BooleanOptionalAction, help="for ours; by default in float32")
    add(
        "--torch-attention", choices=("sdpa", "eager"), default="sdpa", help="transformers' implementation of attention"
    )
    add("--rounds", type=int, default=5, help="measured rounds of each side")
    add("--steps", type=int, default=12, help="steps per round")
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
    """The sites of StackExchange in the folder that QKV_ZOO_DATA names, if there are any."""
    folder = os.environ.get("QKV_ZOO_DATA")
    return sorted((Path(folder) / "stackexchange").glob("*.gz")) if folder else []


def make_config(options):
    """The settings of train_ranking.py."""
    from train_ranking import Config
    from utils.ranking.settings import check_settings

    names = "train_files init_from hidden_dim num_layers num_heads vocabulary_size dropout query_length max_length batch_size"
    names = (*names.split(), "seed", "precision", "jit_compile")
    config = Config(Path("unused"), slots=2, tracking="off", **{name: getattr(options, name) for name in names})
    check_settings(config)
    return config


def measure(options) -> dict:
    """Measure all cases, in turns."""
    with fresh_process() as process:  # its memory is freed before anything is measured
        start, rounds, data = process.submit(prepare_rounds, options).result()
    padding_id, *_ = special_token_ids(start.tokenizer)
    batches = {
        "ours": rounds,
        SIMILAR: [[make_columns(batch_texts(inputs), padding_id) for inputs in part] for part in rounds],
        RANDOM: [shuffle(part, padding_id, options.seed) for part in rounds],
    }
    with fresh_process() as ours, fresh_process() as similar, fresh_process() as random:
        sides = {"ours": ours, SIMILAR: similar, RANDOM: random}
        checked_inputs, checked_columns = batches["ours"][0][-1], batches[SIMILAR][0][-1]
        job = options, start, batches["ours"], checked_inputs
        weights, encoder, our_outputs = ours.submit(set_up_keras, *job).result()
        parameters, differences = {"ours": sum(array.size for array in weights.values())}, []
        for name in (SIMILAR, RANDOM):
            job = options, encoder, padding_id, start.tokenizer, weights, batches[name], checked_columns
            parameters[name], *outputs = sides[name].submit(set_up_torch, *job).result()
            differences.append(
                [float(abs(theirs - mine).max()) for theirs, mine in zip(outputs, our_outputs, strict=True)]
            )
        vectors, loss = (max(values) for values in zip(*differences, strict=True))
        if not max(vectors, loss) <= TOLERANCE:
            raise SystemExit(
                f"vectors differ by {vectors:.1e}, losses by {loss:.1e}: the two networks are not the same"
            )
        seconds, losses = take_turns(sides, options.rounds)
    questions = options.steps * options.batch_size
    rows = []
    for name, durations in seconds.items():
        ratios = [theirs / mine for mine, theirs in zip(seconds["ours"], durations, strict=True)]
        rows.append(
            {
                "case": name,
                "parameters": int(parameters[name]),
                "tokens_per_question": round(
                    mean(num_tokens(batch) for part in batches[name][1:] for batch in part), 1
                ),
                "questions_per_second": round(median(questions / duration for duration in durations), 2),
                "per_round": [round(questions / duration, 2) for duration in durations],
                "ratio": round(median(ratios), 2),
                "ratio_per_round": [round(ratio, 2) for ratio in ratios],
                "loss_of_last_round": round(losses[name], 5),
            }
        )
    return {"data": data, "encoder": encoder, "difference": {"vectors": vectors, "loss": loss}, "cases": rows}


# --- data


def prepare_rounds(options):
    """Prepare the encoder and the batches.

    Returns:
        the `EncoderStart`, the inputs of every round (the first is to warm up), and facts about the data for the report.
    """
    from train_ranking import choose_encoder
    from utils.ranking.features import build_features, training_batches
    from utils.ranking.groups import question_groups
    from utils.ranking.mining import NegativeMiner
    from utils.ranking.splits import read_ranking_splits

    config = make_config(options)
    fractions = config.validation_fraction, config.test_fraction
    splits = read_ranking_splits(config.train_files, [], [], *fractions, config.split_seed)
    start = choose_encoder(config, splits)
    if start.checkpoint and start.checkpoint.architecture != "bert":
        raise UserError(f"{config.init_from}: is a {start.checkpoint.architecture} model; name a BERT checkpoint")
    queries = splits.parts["train"]
    features = build_features(queries, question_groups(queries), start.tokenizer, start.query_length, start.max_length)
    miner = NegativeMiner(
        "bm25", queries, features, None, None, slots=config.slots, margin=config.mine_margin, seed=config.split_seed
    )
    padding_id, *_ = special_token_ids(start.tokenizer)
    batches = training_batches(features, miner.mine(0), config.slots, config.batch_size, config.seed, 0, padding_id)

    steps_per_epoch, num_steps = -(-len(features.trainable) // config.batch_size), options.rounds * options.steps
    epochs = [inputs for inputs, _ in islice(batches, -(-num_steps // steps_per_epoch) * steps_per_epoch)]
    epochs.sort(key=lambda inputs: sum(array.sum() for name, array in inputs.items() if name.endswith("mask")))
    chosen = [epochs[int((number + 0.5) * len(epochs) / num_steps)] for number in range(num_steps)]
    # Back and forth through the lengths (of three rounds, the first gets 0, 5, 6, 11, ...), so all rounds are about as long.
    rng, rounds = np.random.default_rng(options.seed), []
    for turn in range(options.rounds):
        places = [
            step * options.rounds + (options.rounds - 1 - turn if step % 2 else turn) for step in range(options.steps)
        ]
        rounds.append([chosen[place] for place in rng.permutation(places)])
    # The largest first: afterwards memory does not grow any more.
    shapes = {(num_tokens(inputs), inputs["query_ids"].shape): inputs for inputs in chosen}
    warm_up = [shapes[key] for key in sorted(shapes, reverse=True)]
    texts = {"question": features.query_ids, "answer": features.candidate_ids}
    real_tokens = [sum(map(len, text)) for part in rounds for inputs in part for text in batch_texts(inputs)]
    facts = {
        "files": [path.name for path in options.train_files] or ["built-in demo data"],
        "questions": len(features.query_ids),
        "mean_length": {name: round(mean(map(len, ids)), 1) for name, ids in texts.items()},
        "real_tokens_per_question": round(mean(real_tokens), 1),
    }
    return start, [warm_up, *rounds], facts


def batch_texts(inputs) -> list[tuple[list[int], ...]]:
    """The token ids of each question of a batch, of its answer and of its negative, without padding."""
    ids, mask = inputs["candidate_ids"], inputs["candidate_mask"]
    answers = [remove_padding(ids[:, slot], mask[:, slot]) for slot in range(ids.shape[1])]
    return list(zip(remove_padding(inputs["query_ids"], inputs["query_mask"]), *answers, strict=True))


def remove_padding(ids, mask) -> list[list[int]]:
    return [row[: row_mask.sum()].tolist() for row, row_mask in zip(ids, mask, strict=True)]


def make_columns(texts, padding_id: int) -> list[dict[str, np.ndarray]]:
    """The inputs of BertModel for each column, padded to its longest text."""
    columns = []
    for rows in zip(*texts, strict=True):
        ids, mask = (array.astype(np.int64) for array in pad_rows(rows, padding_id))
        columns.append({"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": mask})
    return columns


def shuffle(part, padding_id: int, seed: int) -> list:
    """The questions of a round in batches of random order."""
    texts = [text for inputs in part for text in batch_texts(inputs)]
    order = np.random.default_rng(seed).permutation(len(texts)).reshape(len(part), -1)
    return [make_columns([texts[number] for number in numbers], padding_id) for numbers in order]


def num_tokens(batch) -> int:
    """The tokens that are computed for each question, padding included."""
    if isinstance(batch, dict):
        _, slots, length = batch["candidate_ids"].shape
        return batch["query_ids"].shape[1] + slots * length
    question, *answers = (column["input_ids"].shape[1] for column in batch)
    return question + len(answers) * max(answers)


# --- the processes of the cases


def set_up_keras(options, start, rounds, checked_inputs):
    """Make the model as train_ranking.py does.

    Returns:
        its weights by name, the arguments of its encoder, and the vectors and the loss of one batch.
    """
    import keras

    from train_ranking import build_model, compile_model
    from utils.training import run
    from utils.training.weights import inference_copy

    config = make_config(options)
    run.set_up_keras(config)
    model = build_model(config, start)
    compile_model(model, config, sum(map(len, rounds)))
    # The first slot is relevant and the second is not; no two questions are in one group.
    groups = np.arange(config.batch_size, dtype=np.float32)
    targets = np.column_stack([np.tile(np.array([1, 0, 1, 1], np.float32), (len(groups), 1)), *[groups] * 3])
    train = keras_trainer(model)
    TRAINING.update(train=lambda part: train([(inputs, targets) for inputs in part]), rounds=rounds)
    vectors = inference_copy(model)(checked_inputs)
    outputs = [keras.ops.convert_to_numpy(array) for array in (vectors, model.loss(targets, vectors))]
    weights = {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return weights, dict(model.candidates.encoder.config), outputs


def set_up_torch(options, encoder, padding_id: int, tokenizer, weights, rounds, checked_columns):
    """Make the same network with these weights.

    Returns:
        the number of its own weights, and the vectors and the loss of one batch.
    """
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
        pad_token_id=padding_id,
    )
    bert = BertModel(config)
    with torch.no_grad():
        bert.embeddings.token_type_embeddings.weight.zero_()
    tensors = {name: torch.from_numpy(array) for name, array in bert_weights(bert.state_dict(), weights).items()}
    bert.load_state_dict(tensors, strict=False)
    with tempfile.TemporaryDirectory(prefix="ranking-step-") as folder:
        bert.save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token=tokenizer.id_to_token(padding_id)
        ).save_pretrained(folder)
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
        vectors = [network(to_tensors(column))["sentence_embedding"] for column in checked_columns]
        value = loss([to_tensors(column) for column in checked_columns], None)
    network.train()
    return sum(weight.numel() for weight in network.parameters()), torch.stack(vectors, 1).numpy(), value.numpy()


def bert_weights(names, weights) -> dict[str, np.ndarray]:
    """The weights of a BertModel by its names, from those of our encoder; names that ours does not have are left out."""
    from utils.text.pretrained.layout import variable_path

    arrays, prefix = {}, "candidates/encoder/"
    for name in names:
        path = prefix + (variable_path("bert", name) or "")
        block, _, kind = path.rpartition("/")
        block, _, part = block.rpartition("/")
        if part in ("query", "key", "value"):  # our encoder has the three in one weight
            number = ("query", "key", "value").index(part)
            array = np.split(weights[f"{block}/attention/qkv_{kind}"], 3, axis=-1)[number]
        elif path in weights:
            array = weights[path]
        else:
            continue
        arrays[name] = np.ascontiguousarray(array.T if kind == "kernel" else array)
    return arrays


def to_tensors(column) -> dict:
    import torch

    return {name: torch.from_numpy(array) for name, array in column.items()}


def torch_trainer(network, loss, options, total_steps: int):
    """Make a function that trains on batches as train_ranking.py does; it returns seconds and the mean loss."""
    import torch

    config = make_config(options)
    rate = config.learning_rate or (5e-5 if config.init_from else 5e-4)
    named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    not_decayed = [weight for name, weight in named if "LayerNorm" in name or name.endswith("bias")]
    decayed = [weight for name, weight in named if not ("LayerNorm" in name or name.endswith("bias"))]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": not_decayed, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, eps=1e-7, fused=True)
    warmup = min(config.warmup_steps, total_steps // 5)

    def factor(step):  # utils.training.schedules.WarmupThenDecay
        return min((step + 1) / max(warmup, 1), max(total_steps - step - 1, 0) / (total_steps - warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    precision = torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bfloat16")

    def train(batches):
        losses, start = [], time.perf_counter()
        for batch in batches:
            with precision:
                value = loss([to_tensors(column) for column in batch], None)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(value.item())
        return time.perf_counter() - start, mean(losses)

    return train


# --- the report


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, encoder, data = report["settings"], report["encoder"], report["data"]
    lines = [
        "",
        "| case | tokens per question | questions/s, median | range | ours / this | range | mean loss, last round |",
        "|---" * 7 + "|",
    ]
    for row in report["cases"]:
        speeds, ratios = row["per_round"], row["ratio_per_round"]
        lines.append(
            f"| {row['case']} | {row['tokens_per_question']:.0f} | {row['questions_per_second']} | {min(speeds)} to {max(speeds)} "
            f"| {row['ratio']} | {min(ratios)} to {max(ratios)} | {row['loss_of_last_round']} |"
        )
    by_name = {row["case"]: row for row in report["cases"]}
    ratio = by_name[RANDOM]["ratio"]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    origin = Path(settings["init_from"]).name if settings["init_from"] else "from scratch"
    differences = report["difference"]
    lines += [
        "",
        f"- {ratio} times the speed of {RANDOM}, goal {report['goal']} {'reached' if ratio >= report['goal'] else 'missed'}",
        f"- vectors differ by {differences['vectors']:.1e} at most, losses by {differences['loss']:.1e} (one batch, float32, no "
        "dropout)",
        f"- encoder: {origin}, {encoder['num_layers']} layers, hidden {encoder['hidden_dim']}, {encoder['num_heads']} heads, "
        f"intermediate {encoder['intermediate_dim']}, vocabulary {encoder['vocabulary_size']:,}, dropout {encoder['dropout']}, of "
        f"attention {encoder['attention_dropout']} ({settings['torch_attention']}); {by_name['ours']['parameters']:,} parameters "
        f"(theirs {by_name[RANDOM]['parameters']:,}, with the pooler)",
        f"- data: {len(data['files'])} files ({', '.join(data['files'])}); {data['questions']:,} questions of mean length "
        f"{data['mean_length']['question']} (at most {settings['query_length']}), answers {data['mean_length']['answer']} (at most "
        f"{settings['max_length']}); {data['real_tokens_per_question']} real tokens per question with two answers",
        f"- {settings['precision']}, ours {'with' if settings['jit_compile'] else 'without'} XLA; batches of "
        f"{settings['batch_size']}, {settings['rounds']} rounds of {settings['steps']} steps, seed {settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
