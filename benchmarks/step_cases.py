"""Training steps of the five tasks at any size, on JAX: the scripts' models and losses, with batches of random content.

The time of a step depends on the shapes of its batch, not on the content. So these need no data, no tokenizer and no TensorFlow:
JAX and Keras are enough. The shapes left out are those of most batches of a script's built-in data.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TOTAL_STEPS = 1000
"""Length of the training for which the learning rate is scheduled; it changes no time."""


@dataclass(frozen=True)
class StepCase:
    """A compiled model and a batch to train it on.

    Args:
        task: name of the task.
        model: compiled `keras.Model`.
        batch: `(inputs, targets)` or `(inputs, targets, sample_weight)`.
        examples: examples of the batch: windows, questions, students' sequences, targets.
        sizes: what the caller chose.
    """

    task: str
    model: object
    batch: tuple
    examples: int
    sizes: dict


def squad_case(batch_size=32, length=128, vocabulary_size=1000, precision="float32", **settings) -> StepCase:
    """`train_squad.py`: windows of `length` tokens, a tenth of them the question."""
    import train_squad as script

    config = script.with_model_settings(script.Config(batch_size=batch_size, max_length=max(384, length), **settings))
    _set_up(precision)
    model = script.build_model(config, vocabulary_size)
    script.compile_model(model, config, TOTAL_STEPS)
    rng, shape = np.random.default_rng(0), (batch_size, length)
    segments = (np.arange(length) >= length // 10).astype(np.int32)
    inputs = {
        "token_ids": rng.integers(4, vocabulary_size, shape),
        "segment_ids": np.broadcast_to(segments, shape),
        "padding_mask": np.ones(shape),
        "word_ids": rng.integers(1, 500, shape),
        "stem_ids": rng.integers(1, 400, shape),
        "shape_ids": rng.integers(1, 8, shape),
    }
    inputs = {name: np.ascontiguousarray(array, np.int32) for name, array in inputs.items()}
    targets = {end: rng.integers(length // 10, length, batch_size).astype(np.int32) for end in ("start", "end")}
    return StepCase("squad", model, (inputs, targets), batch_size, {"length": length, **settings})


def memnet_case(batch_size=32, slots=16, num_words=16, key_words=3, precision="float32", **settings) -> StepCase:
    """`train_memnet.py`: a question with a memory of `slots` facts."""
    import train_memnet as script
    from utils.memnet.evidence import FEATURES
    from utils.memnet.features import Vocabulary

    config = script.with_model_defaults(script.Config(batch_size=batch_size, **settings))
    _set_up(precision)
    vocabulary = Vocabulary(f"word{number}" for number in range(83))
    model = script.build_model(config, vocabulary)
    script.compile_model(model, config, TOTAL_STEPS)
    rng, ids = np.random.default_rng(0), 10_000
    inputs = {
        "question_ids": rng.integers(1, ids, (batch_size, num_words)),
        "key_ids": rng.integers(1, ids, (batch_size, slots, key_words)),
        "value_ids": rng.integers(1, ids, (batch_size, slots, key_words)),
        "memory_mask": np.ones((batch_size, slots)),
    }
    inputs = {name: array.astype(np.int32) for name, array in inputs.items()}
    if config.evidence:  # the vectors hold no names: a key is a relation alone
        inputs["key_ids"] = inputs["key_ids"][..., :1]
        inputs["evidence"] = rng.random((batch_size, slots, len(FEATURES)), np.float32)
    target = np.eye(slots, dtype=np.float32)[rng.integers(0, slots, batch_size)]
    targets = {"scores": target, "address": target}
    return StepCase("memnet", model, (inputs, targets), batch_size, {"slots": slots, **settings})


def tracing_case(batch_size=16, length=160, num_items=200, precision="float32", **settings) -> StepCase:
    """`train_tracing.py`: students' sequences of `length` responses to `num_items` items in 4 categories."""
    import train_tracing as script
    from components.losses.ordinal_loss import OrdinalLoss
    from utils.tracing.features import Piece, assemble

    config = script.Config(batch_size=batch_size, **settings)
    _set_up(precision)
    model = script.build_model(config, num_items + 1, num_categories=4, item_skills=None)
    script.compile_model(model, config, OrdinalLoss({"cross_entropy": 1.0}), TOTAL_STEPS)
    rng = np.random.default_rng(0)
    items = rng.integers(1, num_items + 1, (batch_size, length)).astype(np.int32)
    responses = rng.integers(0, 4, (batch_size, length)).astype(np.int32)
    inputs, targets, weights = assemble([Piece(*pair) for pair in zip(items, responses, strict=True)], length)
    batch = inputs, {"logits": targets}, {"logits": weights}
    return StepCase("tracing", model, batch, batch_size, {"length": length, "num_items": num_items, **settings})


def vectors_case(batch_size=128, dim=256, precision="float32", **settings) -> StepCase:
    """`train_vectors.py`: the next vector after `context_length` vectors, with 32 targets of a document together."""
    import train_vectors as script
    from utils.vectors.data import VectorDocuments
    from utils.vectors.features import GROUP_SIZE, training_batches
    from utils.vectors.settings import fill_in_own_settings

    config = script.Config(batch_size=batch_size, **settings)
    fill_in_own_settings(config)
    _set_up(precision)
    model = script.build_model(config, dim)
    script.compile_model(model, config, TOTAL_STEPS)
    per_document = config.context_length + GROUP_SIZE
    num_documents = max(1, -(-batch_size // GROUP_SIZE))
    document = np.repeat(np.arange(num_documents), per_document)
    vectors = np.random.default_rng(0).normal(size=(len(document), dim)).astype(np.float32)
    data = VectorDocuments(vectors, document, None, [str(number) for number in range(num_documents)], "random")
    rows = np.flatnonzero(np.arange(len(document)) % per_document >= config.context_length)[:batch_size]
    inputs, targets = next(training_batches(data, rows, config.context_length, batch_size, 0, 0))
    batch = inputs, dict.fromkeys(script.trained_outputs(config), targets)
    return StepCase("vectors", model, batch, batch_size, {"dim": dim, **settings})


def ranking_case(
    batch_size=32, query_length=32, candidate_length=32, vocabulary_size=2297, precision="float32", **settings
) -> StepCase:
    """`train_ranking.py`: questions with the candidates of their slots."""
    import train_ranking as script
    from utils.ranking.encoder import EncoderStart
    from utils.ranking.features import RankingFeatures, training_batches

    config = script.Config(batch_size=batch_size, **settings)
    _set_up(precision)
    arguments = {
        "vocabulary_size": vocabulary_size,
        "hidden_dim": config.hidden_dim,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads,
        "intermediate_dim": 4 * config.hidden_dim,
        "max_length": max(128, query_length, candidate_length),
        "num_segments": 0,
        "dropout": config.dropout,
    }
    model = script.build_model(config, EncoderStart(None, arguments, "mean", query_length, candidate_length))
    script.compile_model(model, config, TOTAL_STEPS)
    rng, count = np.random.default_rng(0), batch_size * config.slots
    features = RankingFeatures(
        rng.integers(4, vocabulary_size, (batch_size, query_length)).tolist(),
        rng.integers(4, vocabulary_size, (count, candidate_length)).tolist(),
        np.eye(config.slots, dtype=np.float32)[np.zeros(batch_size, int)].ravel(),
        np.arange(0, count + 1, config.slots),
        np.arange(batch_size),
    )
    negatives = [np.array([], np.int64)] * batch_size
    batch = next(training_batches(features, negatives, config.slots, batch_size, 0, 0))
    sizes = {"query_length": query_length, "candidate_length": candidate_length, **settings}
    return StepCase("ranking", model, batch, batch_size, sizes)


CASES: dict[str, Callable[..., StepCase]] = {
    "squad": squad_case,
    "memnet": memnet_case,
    "tracing": tracing_case,
    "vectors": vectors_case,
    "ranking": ranking_case,
}


def _set_up(precision: str) -> None:
    from utils.training.run import set_precision

    set_precision(precision)


@dataclass
class CompiledStep:
    """One training step, compiled by XLA.

    Args:
        case: what is trained.
        step: function of the state and the batch that returns the loss and the new state.
        state: weights, random states, optimizer, metrics.
        compile_seconds: of XLA alone.
        trace_seconds: of Keras and JAX, before XLA.
        matrix_flops: floating-point operations of all matrix products and convolutions, loops unrolled.
        costs: what XLA's own analysis counts, `flops` and `bytes accessed`. It counts the body of a loop once.
        kernels: operations that XLA runs one after another in one step, with loops unrolled; on a GPU each is a launch.
        memory_bytes: of weights, state and everything that lives within the step, as XLA plans it.
        parameters: weights of the model.
    """

    case: StepCase
    step: Callable
    state: tuple
    compile_seconds: float
    trace_seconds: float
    matrix_flops: float
    costs: dict[str, float]
    kernels: int
    memory_bytes: int
    parameters: int

    def run(self, steps: int) -> float:
        """Train so many steps and wait for the last; returns the seconds."""
        import jax

        start = time.perf_counter()
        for _ in range(steps):
            loss, self.state = self.step(self.state, self.case.batch)
        jax.block_until_ready((loss, self.state))
        seconds = time.perf_counter() - start
        if not np.isfinite(float(loss)):
            raise FloatingPointError(f"{self.case.task}: the loss is {float(loss)}")
        return seconds


def trace_step(case: StepCase):
    """The training step that Keras makes of a model, lowered for XLA; what `compile_step` takes."""
    import jax

    start = time.perf_counter()
    model = case.model
    model._symbolic_build(data_batch=case.batch)
    names = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
    state = model._get_jax_state(**dict.fromkeys(names, True))

    def train_step(state, batch):
        logs, state = model.train_step(state, batch)
        return logs["loss"], state

    traced = jax.jit(train_step, donate_argnums=0).trace(state, case.batch)
    flops = matrix_flops(traced.jaxpr.jaxpr)
    return case, state, flops, traced.lower(), time.perf_counter() - start


def compile_step(traced) -> CompiledStep:
    """Compile what `trace_step` gave. Several threads may do so at once."""
    case, state, flops, lowered, trace_seconds = traced
    start = time.perf_counter()
    compiled = lowered.compile()
    seconds = time.perf_counter() - start
    costs = compiled.cost_analysis() or {}
    memory = compiled.memory_analysis()
    in_place = memory.alias_size_in_bytes
    bytes_planned = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes - in_place
    costs = {name: float(costs[name]) for name in ("flops", "bytes accessed") if name in costs}
    kernels = count_kernels(compiled.as_text())
    parameters = case.model.count_params()
    step = CompiledStep(
        case, compiled, state, seconds, trace_seconds, flops, costs, kernels, int(bytes_planned), parameters
    )
    return step


def matrix_flops(jaxpr) -> float:
    """Operations of the matrix products and convolutions of a computation, two for each multiplication and addition.

    The body of a scan counts as often as it runs. Element-wise work is left out.
    """
    total = 0.0
    for equation in jaxpr.eqns:
        times, name = 1, equation.primitive.name
        if name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            depth = np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])
            total += 2.0 * np.prod(equation.outvars[0].aval.shape) * depth
        elif name == "conv_general_dilated":
            numbers = equation.params["dimension_numbers"]
            kernel = equation.invars[1].aval.shape
            depth = np.prod(kernel) / kernel[numbers.rhs_spec[0]]
            total += 2.0 * np.prod(equation.outvars[0].aval.shape) * depth
        elif name == "scan":
            times = equation.params["length"]
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    total += times * matrix_flops(inner)
    return total


_NO_KERNELS = frozenset(
    ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "while", "call", "conditional")
)
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (?:\([^=]*?\)|\S+) ([\w\-]+)\(")


def count_kernels(text: str) -> int:
    """Operations that a compiled module runs one after another; a loop counts as often as XLA says it runs, else once."""
    bodies, entry, current = {}, None, None
    for line in text.splitlines():
        header = _COMPUTATION.match(line)
        if header:
            current = bodies.setdefault(header[2], [])
            entry = header[2] if header[1] else entry
        elif current is not None:
            current.append(line)

    def count(name: str) -> int:
        total = 0
        for line in bodies.get(name, ()):
            match = _INSTRUCTION.match(line)
            if not match:
                continue
            total += match[1] not in _NO_KERNELS
            if match[1] == "while":
                trips = re.search(r'known_trip_count":\{"n":"(\d+)"', line)
                parts = re.findall(r"(?:body|condition)=%?([\w.\-]+)", line)
                total += (int(trips[1]) if trips else 1) * sum(count(part) for part in parts)
            elif match[1] in ("call", "conditional"):
                total += sum(count(part) for part in re.findall(r"(?:to_apply|computation)=%?([\w.\-]+)", line))
        return total

    return count(entry) if entry else 0
