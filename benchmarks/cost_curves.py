"""What a training step costs as sizes grow: time and memory, the law of each curve, and a prediction for GPUs.

Curves      batch, length, width and layers (squad, ranking), items, memory slots and length (tracing), facts in a memory (memnet),
            context length (vectors), texts that are searched (ranking), and processes (squad). One size changes at a time.
Time        median of rounds of training steps on JAX, float32, compiled by XLA. Of the search: of all questions.
Memory      of steps what XLA plans: weights, optimizer and all that lives within the step. Of the search the growth of the
            process beyond the vectors.
Law         a x^p by least squares of the logarithms, or a + b x by least squares; the one with the higher R2, in plain numbers.
Processes   weak scaling: each process has its own batch of 8, one thread, and one core as long as there are enough.

    python -m benchmarks.cost_curves --out runs/cost_curves.json --figures docs/images
    python -m benchmarks.cost_curves --only predict --out runs/prediction.json

`predict` compiles each task's default step here, counts its work, and computes what it would take on one GPU and on 64, from the
assumptions in `GPU`. Nothing is measured for it.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SMALL_SQUAD = {"batch_size": 8, "length": 128}
SMALL_RANKING = {"batch_size": 8}
CURVES = {
    "squad, batch": ("squad", "batch_size", (4, 8, 16, 32, 64), SMALL_SQUAD),
    "squad, length": ("squad", "length", (64, 128, 192, 256, 384), SMALL_SQUAD),
    "squad, width": ("squad", "hidden_dim", (64, 128, 256, 512), SMALL_SQUAD),
    "squad, layers": ("squad", "num_layers", (1, 2, 3, 4, 6), SMALL_SQUAD),
    "tracing, length": ("tracing", "length", (50, 100, 200, 400, 800), {}),
    "tracing, items": ("tracing", "num_items", (100, 1_000, 10_000, 100_000), {}),
    "tracing, slots": ("tracing", "num_slots", (10, 20, 50, 100), {}),
    "memnet, facts": ("memnet", "slots", (16, 96, 256, 1024, 4096), {}),
    "vectors, context": ("vectors", "context_length", (10, 20, 40, 80, 160), {}),
    "ranking, batch": ("ranking", "batch_size", (4, 8, 16, 32, 64), SMALL_RANKING),
    "ranking, answer length": ("ranking", "candidate_length", (32, 64, 96, 128), SMALL_RANKING),
}
"""Name to task, the size that changes, its values, and the sizes that are not the task's defaults."""
CORPUS_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
QUESTIONS, DIM = 64, 128
PROCESSES = (1, 2, 4)
PROCESS_FLAGS = (
    "--data demo --limit 1200 --hidden-dim 64 --jit-compile --epochs 1 --log-every 5 --no-export --tracking off"
)
BATCH_PER_PROCESS = 8

GPU = {
    "name": "H100 SXM, from its data sheet",
    "matrix_flops": {"float32": 494e12, "bfloat16": 989e12},  # float32 as TF32, which JAX uses; dense
    "matrix_efficiency": 0.4,  # of wide layers; narrow ones reach less, but there memory decides
    "memory_bytes_per_second": 3.35e12,
    "memory_efficiency": 0.8,
    "seconds_per_kernel": 3e-6,  # to launch one; kernels of one step do not overlap
    "seconds_per_call": 3e-4,  # Python and JAX, for each step
    "nvlink_bytes_per_second": 450e9,  # within 8 GPUs, each direction
    "network_bytes_per_second": 50e9,  # 400 Gbit/s for each GPU between machines of 8
    "link_efficiency": 0.7,
    "seconds_per_hop": 5e-6,
    "gpus_per_machine": 8,
}
LARGE = "squad, 12 layers of 512"


def fit_law(sizes, costs) -> dict:
    """The law that describes a curve: a x^p or a + b x, whichever leaves less of the squares.

    >>> law = fit_law([1, 2, 4], [3.0, 12.0, 48.0])
    >>> law["law"], round(law["power"], 3), round(law["r2"], 3)
    ('3 x^2.00', 2.0, 1.0)
    """
    x, y = np.asarray(sizes, float), np.asarray(costs, float)
    power, log_factor = np.polyfit(np.log(x), np.log(y), 1)
    slope, intercept = np.polyfit(x, y, 1)

    def r2(predicted):
        return float(1 - np.sum((y - predicted) ** 2) / max(np.sum((y - y.mean()) ** 2), 1e-300))

    laws = [
        {"law": f"{np.exp(log_factor):.3g} x^{power:.2f}", "power": float(power), "factor": float(np.exp(log_factor))},
        {"law": f"{intercept:.3g} + {slope:.3g} x", "intercept": float(intercept), "slope": float(slope)},
    ]
    laws[0]["r2"], laws[1]["r2"] = r2(np.exp(log_factor) * x**power), r2(intercept + slope * x)
    return max(laws, key=lambda law: law["r2"])


def law_values(law: dict, x: np.ndarray) -> np.ndarray:
    """The law's cost at these sizes."""
    return law["factor"] * x ** law["power"] if "power" in law else law["intercept"] + law["slope"] * x


def measure_step(task: str, sizes: dict, seconds: float) -> dict:
    """Time and memory of one training step, over about so many seconds of steps."""
    from benchmarks.step_cases import CASES, compile_step, trace_step

    step = compile_step(trace_step(CASES[task](**sizes)))
    row = {
        "memory_mib": step.memory_bytes / 2**20,
        "matrix_gflops": step.matrix_flops / 1e9,
        "compile_seconds": step.compile_seconds,
        "parameters": step.parameters,
    }
    if not seconds:
        return row
    step.run(2)
    per_round = int(np.clip(seconds / 5 / step.run(1), 1, 50))
    times = [step.run(per_round) / per_round for _ in range(5)]
    row |= {"seconds": statistics.median(times), "seconds_lowest": min(times), "seconds_highest": max(times)}
    del step
    gc.collect()
    return row


def measure_search(count: int) -> dict:
    """Time and memory of an exact search of `QUESTIONS` questions among so many vectors."""
    from tests.helpers.memory import peak_mib, reset_peak
    from utils.ranking.retrieval import SearchedCandidates, search_all
    from utils.ranking.scores import VectorScores

    rng = np.random.default_rng(0)
    candidates = rng.normal(size=(count, DIM)).astype(np.float32)
    questions = rng.normal(size=(QUESTIONS, DIM)).astype(np.float32)
    starts = np.arange(QUESTIONS + 1) * (count // QUESTIONS)
    starts[-1] = count
    searched = SearchedCandidates(starts, np.arange(count))
    is_relevant = np.zeros(count, bool)
    is_relevant[starts[:-1]] = True
    times, before = [], reset_peak()
    for _ in range(3):
        begin = time.perf_counter()
        search_all(VectorScores(questions, candidates), searched, is_relevant, depth=100)
        times.append(time.perf_counter() - begin)
    return {
        "seconds": statistics.median(times),
        "seconds_lowest": min(times),
        "seconds_highest": max(times),
        "memory_mib": peak_mib() - before,
    }


def measure_processes(count: int) -> dict:
    """Weak scaling: seconds of a step of so many processes, each with its own `BATCH_PER_PROCESS` windows."""
    settings = os.environ | {
        "KERAS_BACKEND": "jax",
        "OMP_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        command = [sys.executable, "train_squad.py", *PROCESS_FLAGS.split(), "--run-dir", f"{folder}/run"]
        command += ["--batch-size", str(BATCH_PER_PROCESS * count)]
        cluster = f"--distribute data --coordinator 127.0.0.1:{unused.getsockname()[1]} --processes {count}".split()
        unused.close()
        started = [
            subprocess.Popen(
                ["taskset", "-c", str(cores[number % len(cores)]), *command]
                + ([*cluster, "--process-id", str(number)] if count > 1 else []),
                cwd=ROOT,
                env=settings,
                stdout=subprocess.DEVNULL,
            )
            for number in range(count)
        ]
        status = [process.wait() for process in started]
        if any(status):
            sys.exit(f"{count} processes: exit status {status}")
        with open(f"{folder}/run/steps.csv", encoding="utf-8") as file:
            speeds = [float(row["examples_per_second"]) for row in csv.DictReader(file) if row["examples_per_second"]]
    seconds = [BATCH_PER_PROCESS * count / speed for speed in speeds]
    quarters = np.percentile(seconds, (25, 75))
    return {
        "seconds": statistics.median(seconds),
        "seconds_lowest": float(quarters[0]),
        "seconds_highest": float(quarters[1]),
        "examples_per_second": BATCH_PER_PROCESS * count / statistics.median(seconds),
    }


def predict_step(task: str, sizes: dict, precision: str) -> dict:
    """What a step takes on one GPU and on 64, computed from its work and `GPU`."""
    from benchmarks.step_cases import CASES, compile_step, trace_step

    step = compile_step(trace_step(CASES[task](precision=precision, **sizes)))
    examples = step.case.examples
    prediction = gpu_seconds(step.matrix_flops, step.costs["bytes accessed"], step.kernels, precision)
    several = {str(gpus): prediction["seconds"] + all_reduce_seconds(4 * step.parameters, gpus) for gpus in (8, 64)}
    row = {
        "precision": precision,
        "batch": examples,
        "parameters": step.parameters,
        "matrix_gflops": step.matrix_flops / 1e9,
        "gigabytes": step.costs["bytes accessed"] / 1e9,
        "kernels": step.kernels,
        "memory_mib": step.memory_bytes / 2**20,
        **prediction,
        "examples_per_second": examples / prediction["seconds"],
        "seconds_on": several,
        "examples_per_second_on": {gpus: int(gpus) * examples / seconds for gpus, seconds in several.items()},
    }
    del step
    gc.collect()
    return row


def gpu_seconds(matrix_flops: float, num_bytes: float, kernels: int, precision: str) -> dict:
    """Seconds of one step on one GPU, and what they are bound by.

    Matrix products and passes over memory follow one another. Launching goes on beside them; whichever is longer decides. Python's
    time is not hidden, because the loss of every step is read.

    >>> gpu_seconds(494e12 * 0.4, 0, 10, "float32")["bound_by"]
    'matrix products'
    """
    matrix = matrix_flops / (GPU["matrix_flops"][precision] * GPU["matrix_efficiency"])
    memory = num_bytes / (GPU["memory_bytes_per_second"] * GPU["memory_efficiency"])
    launches = kernels * GPU["seconds_per_kernel"]
    parts = {"matrix products": matrix, "memory": memory, "launches": launches, "calls": GPU["seconds_per_call"]}
    if launches > matrix + memory:
        bound_by = max(("launches", "calls"), key=parts.get)
    else:
        bound_by = max(("matrix products", "memory", "calls"), key=parts.get)
    seconds = max(matrix + memory, launches) + GPU["seconds_per_call"]
    return {"seconds": seconds, "parts": parts, "bound_by": bound_by}


def all_reduce_seconds(num_bytes: float, gpus: int) -> float:
    """Seconds of a ring all-reduce: 2 (N - 1) / N of the bytes pass each link, in 2 (N - 1) hops. The slowest link decides.

    Nothing of it is hidden behind the backward pass, which makes it an upper bound.

    >>> all_reduce_seconds(1e9, 1)
    0.0
    """
    within = gpus <= GPU["gpus_per_machine"]
    speed = GPU["nvlink_bytes_per_second" if within else "network_bytes_per_second"] * GPU["link_efficiency"]
    return 2 * (gpus - 1) / gpus * num_bytes / speed + 2 * (gpus - 1) * GPU["seconds_per_hop"]


def predict(say) -> list[dict]:
    """The prediction of every task's default step, and of a large one."""
    from benchmarks.gpu_steps import DEFAULT_BATCHES, LARGE_SQUAD

    rows = []
    cases = [(task, task, {"batch_size": batch}) for task, batch in DEFAULT_BATCHES.items()]
    cases.append((f"{LARGE}, batch 64", "squad", {"batch_size": 64, "length": 384, **LARGE_SQUAD}))
    for name, task, sizes in cases:
        for precision in GPU["matrix_flops"]:
            rows.append({"case": name, **predict_step(task, sizes, precision)})
            say(rows[-1])
    return rows


def measure_curve(name: str, options, say) -> dict:
    """All points of a curve, with the laws of time and memory."""
    task, size, values, others = {
        "ranking, searched texts": ("ranking", "texts", CORPUS_SIZES, {"questions": QUESTIONS, "dim": DIM}),
        "squad, processes": ("squad", "processes", PROCESSES, {"batch per process": BATCH_PER_PROCESS}),
    }.get(name) or CURVES[name]
    points = []
    for value in values[: options.points or None]:
        if size == "texts":
            point = measure_search(value)
        elif size == "processes":
            point = measure_processes(value)
        else:
            point = measure_step(task, others | {size: value}, options.seconds)
        points.append({"size": value, **point})
        say({"curve": name, **points[-1]})
    curve = {"task": task, "size": size, "others": others, "points": points, "laws": {}}
    for cost in ("seconds", "memory_mib"):
        costs = [point[cost] for point in points if point.get(cost, 0) > 0]
        if len(costs) == len(points) > 1:
            curve["laws"][cost] = fit_law([point["size"] for point in points], costs)
    say({"curve": name, "laws": curve["laws"]})
    return curve


def plot_curves(curves: dict, path: Path, title: str) -> None:
    """Time and memory by size, with their laws, a panel for each curve."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    from utils.common.figures import figure_and_axes, save_figure

    columns = 3
    rows = -(-len(curves) // columns)
    figure, axes = figure_and_axes(11.5, 0.6 + 2.6 * rows, columns, rows, title)
    for ax, (name, curve) in zip(axes, curves.items(), strict=False):
        sizes = np.array([point["size"] for point in curve["points"]], float)
        line = np.geomspace(sizes.min(), sizes.max(), 60)
        laws = []
        for cost, scale, color, unit in (("seconds", 1e3, "C0", "ms"), ("memory_mib", 1.0, "C1", "MiB")):
            law = curve["laws"].get(cost)
            if law:
                values = np.array([point[cost] for point in curve["points"]]) * scale
                ax.plot(sizes, values, "o", color=color, markersize=4)
                fitted = law_values(law, line) * scale
                shape = f"~ x^{law['power']:.2f}" if "power" in law else "a + b x"
                in_view = fitted > 0.5 * values.min()
                ax.plot(line[in_view], fitted[in_view], "-", color=color, lw=1, label=unit)
                laws.append(f"{unit} {shape} (R2 {law['r2']:.3f})")
        ax.set(xscale="log", yscale="log")
        ax.set_title(f"{name}\n{', '.join(laws)}", fontsize=8)
        ax.tick_params(labelsize=7)
        shown = sizes if len(sizes) < 5 else sizes[::2]
        ax.set_xticks(shown, [f"{size:g}" if size < 10_000 else f"{size / 1000:g}k" for size in shown], minor=False)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.minorticks_off()
        ax.legend(frameon=False, fontsize=7)
    for ax in axes[len(curves) :]:
        ax.set_axis_off()
    save_figure(figure, path)


def main() -> None:
    names = [*CURVES, "ranking, searched texts", "squad, processes", "predict"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help=f"words of the names of curves: {'; '.join(names)}")
    parser.add_argument(
        "--seconds", type=float, default=4, help="about how long each point is timed; 0 for memory alone"
    )
    parser.add_argument("--points", type=int, default=0, help="only so many points of each curve; 0 for all")
    parser.add_argument("--out", type=Path, required=True, help="the report, JSON; curves that it has are kept")
    parser.add_argument("--figures", type=Path, help="folder for cost_curves.png")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from benchmarks.harness import report_head, write_report

    def say(row: dict) -> None:
        print(json.dumps(row), flush=True)

    report = json.loads(options.out.read_text()) if options.out.exists() else {}
    curves, prediction = report.get("curves", {}), report.get("prediction")
    for name in names:
        if options.only and not any(word in name for word in options.only):
            continue
        if name == "predict":
            prediction = {"assumptions": GPU, "rows": predict(say)}
        else:
            curves[name] = measure_curve(name, options, say)
        report = report_head("cost_curves", options, curves=curves, prediction=prediction)
        write_report(report, options.out)
    if options.figures and curves:
        options.figures.mkdir(parents=True, exist_ok=True)
        title = f"A training step as sizes grow, {report['hardware']}"
        plot_curves(
            {name: curves[name] for name in names if name in curves}, options.figures / "cost_curves.png", title
        )


if __name__ == "__main__":
    main()
