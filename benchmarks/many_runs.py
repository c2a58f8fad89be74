"""Many trainings that are compared: models by seeds, each trained once and read from then on."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def options_and_runs(description: str):
    """What the command line asks for: `out`, `seeds` and `models`, and for each model its runs: seed to run directory and flags.

    A model is `NAME`, or with flags of its own `NAME:--flag=value:--flag...`; what stands after `--` are the flags of all.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME[:--flag=value...]")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, table.json and scores.png")
    arguments, training = sys.argv[1:], []
    if "--" in arguments:
        arguments, training = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    options = parser.parse_args(arguments)
    runs = {}
    for model in options.models:
        name, *own = model.split(":--")
        flags = ["--model", name, *training, *(f"--{flag}" for flag in own)]
        folder = options.out / "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in model)
        runs[model] = {seed: (folder / f"seed-{seed}", [*flags, "--seed", str(seed)]) for seed in options.seeds}
    return options, runs


def train_or_read(script: str, run_dir: Path, flags) -> dict:
    """The results of a train script with these flags, run if there are none yet, resumed if it was cut off.

    Exits with the training's status where that fails, and with 2 where the run there had other flags.
    """
    flags, kept = [str(flag) for flag in flags], run_dir.with_name(run_dir.name + ".flags.json")
    if (run_dir / "config.json").exists() and kept.exists() and json.loads(kept.read_text()) != flags:
        print(f"error: {run_dir}: was trained with other flags (see {kept}); name another --out", file=sys.stderr)
        sys.exit(2)
    if not (run_dir / "results.json").exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(flags) + "\n")
        command = [sys.executable, str(ROOT / script), "--run-dir", str(run_dir), *flags]
        command += ["--resume"] if (run_dir / "config.json").exists() else []
        status = subprocess.run(command).returncode
        if status:
            sys.exit(status)
    return json.loads((run_dir / "results.json").read_text())
