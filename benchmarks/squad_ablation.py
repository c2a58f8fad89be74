"""What each part of the SQuAD model is worth: the same data, budget and seed with one part more at a time.

Runs `train_squad.py` once per variant (skipping those that are done, resuming those that are not) and prints a table. Scores
are on held-out training articles; test data is not touched. Two cores: about 4 minutes a variant at the default size.

    python benchmarks/squad_ablation.py --train-files A.json.gz B.json.gz --out runs/ablation
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

PARTS = ["--match-features", "--match-bias", "--relative-positions", "--convolution-width", "--context-query-attention"]
NAMES = [
    "plain",
    "+ match features",
    "+ match bias",
    "+ relative positions",
    "+ convolutions",
    "+ context-query attention",
]


def variants(width: str):
    """Name and flags of every variant: cumulative, then the last without its moving average of weights."""
    for number, name in enumerate(NAMES):
        flags = []
        for part in PARTS[:number]:
            flags += [part, width if part == "--convolution-width" else "True"]
        yield name, flags
    yield "all of it, without EMA", [*flags, "--ema", "0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-files", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of ablation.json")
    parser.add_argument("--limit", type=int, default=9000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--ema", default="0.99")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    script = Path(__file__).parent.parent / "train_squad.py"
    rows = []
    for name, flags in variants(width="5"):
        run_dir = options.out / name.replace("+ ", "").replace(" ", "-").replace(",", "")
        if not (run_dir / "results.json").exists():
            command = [
                sys.executable,
                script,
                "--model",
                "plain",
                "--num-layers",
                "3",
                "--train-files",
                *options.train_files,
            ]
            command += [
                "--limit",
                options.limit,
                "--epochs",
                options.epochs,
                "--seed",
                options.seed,
                "--ema",
                options.ema,
            ]
            command += ["--tracking", "off", "--no-export", "--run-dir", run_dir, *flags]
            command += ["--resume"] if (run_dir / "config.json").exists() else []
            subprocess.run([str(part) for part in command], check=True)
        results = json.loads((run_dir / "results.json").read_text())
        scores = results["metrics"]["validation"]
        rows.append(
            {
                "variant": name,
                "exact_match": round(scores["exact_match"], 2),
                "f1": round(scores["f1"], 2),
                "f1_interval": [round(value, 1) for value in scores["f1_interval"]],
                "parameters": results["parameters"],
                "seconds": results["seconds"],
                "commit": results["commit"],
            }
        )
        (options.out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")
    print("| variant | F1 | 95 % interval | EM | parameters | seconds |\n|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["f1_interval"]
        print(
            f"| {row['variant']} | {row['f1']:.2f} | {low} to {high} | {row['exact_match']:.2f} "
            f"| {row['parameters']:,} | {row['seconds']:.0f} |"
        )


if __name__ == "__main__":
    main()
