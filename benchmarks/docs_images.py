"""Copy plots of finished runs into docs/images/, each small enough for a repository.

    python -m benchmarks.docs_images runs/squad runs/memnet runs/tracing runs/vectors runs/ranking

A plot becomes `TASK_PLOT.png`. It is reduced to 64 colours, and then in size until it is below 150 KB.
"""

import argparse
import io
from pathlib import Path

from utils.common.files import write_atomically
from utils.training.finished import read_run

# The fraction of each plot's height that is kept, from the top: of eight questions or six students, the first ones are enough.
PLOTS = {
    "squad": {"history": 1, "answer_length": 1},
    "memnet": {"attention": 3 / 8},
    "tracing": {"abilities": 2 / 6, "item_curves": 1},
    "vectors": {"places": 1},
    "ranking": {"history": 1},
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
        for plot, fraction in PLOTS[results["task"]].items():
            target = options.out / f"{results['task']}_{plot}.png"
            write_atomically(target, small_png(run_dir / f"{plot}.png", fraction))
            print(f"{target}: {target.stat().st_size / 1000:.0f} KB, {results['command']}, commit {results['commit']}")


def small_png(path: Path, fraction: float) -> bytes:
    """The upper part of the picture, a fraction of its height, as a PNG file below `MAX_BYTES`."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    image = image.crop((0, 0, image.width, round(fraction * image.height)))
    while True:
        buffer = io.BytesIO()
        image.quantize(64).save(buffer, "PNG", optimize=True)
        if buffer.tell() < MAX_BYTES:
            return buffer.getvalue()
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
