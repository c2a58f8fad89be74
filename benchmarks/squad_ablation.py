"""Ablation of the SQuAD model, and its learning curve: what each part, and each doubling of the data, is worth.

Runs `train_squad.py` once per variant and prints a table. Finished runs are read, unfinished ones are resumed. Scores are those on
held-out training articles; test data is not used. On two cores a variant of `--study parts` takes about 5 minutes, and those of
`--study data` take 5, 10 and 20 minutes.

    python -m benchmarks.squad_ablation --study parts --train-files A.json.gz B.json.gz --out runs/ablation
    python -m benchmarks.squad_ablation --study data  --train-files A.json.gz B.json.gz --out runs/learning-curve
"""

import argparse
import json
from pathlib import Path

from utils.training.comparison import train_or_read

PLAIN = ("--model", "plain", "--num-layers", "3", "--word-vectors", "random")
PARTS = {
    "match features": ("--match-features", "True"),
    "match bias": ("--match-bias", "True"),
    "relative positions": ("--relative-positions", "True"),
    "convolutions of width 7": ("--convolution-width", "7"),
    "word vectors learned on the text": ("--word-vectors", "text"),
}
"""Each part is added to the parts above it."""
SIZES = (9_000, 18_000, 0)
"""Numbers of training questions; 0 is all."""


def variants(study: str) -> dict[str, tuple]:
    """The name and the flags of every variant of a study."""
    if study == "data":
        return {f"{size or 'all'} questions": ("--limit", str(size)) for size in SIZES}
    flags_by_name, flags = {"plain": PLAIN}, PLAIN
    for name, part in PARTS.items():
        flags = (*flags, *part)
        flags_by_name[f"+ {name}"] = flags
    flags_by_name["all of these, + context-query attention"] = (*flags, "--context-query-attention", "True")
    flags_by_name["all of these, without EMA"] = (*flags, "--ema", "0")
    return {name: (*flags, "--limit", str(SIZES[0])) for name, flags in flags_by_name.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", choices=("parts", "data"), required=True)
    parser.add_argument("--train-files", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of table.json")
    parser.add_argument("--epochs", default="3")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    rows = []
    for name, flags in variants(options.study).items():
        run_dir = options.out / "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
        flags = ["--train-files", *options.train_files, *flags, "--epochs", options.epochs, "--seed", options.seed]
        results = train_or_read("train_squad.py", run_dir, [*flags, "--tracking", "off", "--no-export"])
        scores = results["metrics"]["validation"]
        rows.append(
            {
                "variant": name,
                "questions": results["data"]["counts"]["train"],
                "f1": round(scores["f1"], 2),
                "f1_interval": [round(value, 1) for value in results["intervals"]["validation"]["f1"]],
                "exact_match": round(scores["exact_match"], 2),
                "parameters": results["parameters"],
                "seconds": round(results["seconds"]),
                "commit": results["commit"],
            }
        )
        (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    print("| variant | questions | F1 | 95 % interval | EM | parameters |\n|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["f1_interval"]
        print(
            f"| {row['variant']} | {row['questions']:,} | {row['f1']:.2f} | {low} to {high} | {row['exact_match']:.2f} "
            f"| {row['parameters']:,} |"
        )


if __name__ == "__main__":
    main()
