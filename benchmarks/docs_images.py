"""Copy plots of finished runs into docs/images/, each small enough for a repository.

    python -m benchmarks.docs_images runs/squad runs/memnet runs/tracing runs/vectors runs/ranking

A plot becomes `TASK_PLOT.png`. It is reduced to 64 colours, and then in size until it is below 150 KB.
"""

import argparse
import io
from pathlib import Path

from utils.common.files import write_atomically
from utils.training.finished import read_run

PLOTS = {
    "squad": ("history", "answer_length"),
    "memnet": ("attention",),
    "tracing": ("abilities", "item_curves", "calibration"),
    "vectors": ("places",),
    "ranking": ("history",),
}
IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_BYTES = 150_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dirs", nargs="+", type=Path, help="directories of finished runs")
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for run_dir in options.run_dirs:
        _, results = read_run(run_dir)
        for plot in PLOTS[results["task"]]:
            target = options.out / f"{results['task']}_{plot}.png"
            write_atomically(target, small_png(run_dir / f"{plot}.png"))
            print(f"{target}: {target.stat().st_size / 1000:.0f} KB, {results['command']}, commit {results['commit']}")


def small_png(path: Path) -> bytes:
    """The picture as a PNG file below `MAX_BYTES`."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    while True:
        buffer = io.BytesIO()
        image.quantize(64).save(buffer, "PNG", optimize=True)
        if buffer.tell() < MAX_BYTES:
            return buffer.getvalue()
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
