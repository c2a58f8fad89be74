"""Copy pictures of finished runs, or of what evaluate.py leaves, into docs/images/, each small enough for a repository.

    python -m benchmarks.docs_images runs/squad runs/memnet runs/tracing runs/vectors runs/ranking

A picture becomes `TASK_NAME.png`. One of more than 100 KB is made smaller.
"""

import argparse
import io
import json
from pathlib import Path

from utils.common.files import write_atomically

PICTURES = {
    "squad": ("history", "answer_length"),
    "memnet": ("attention",),
    "tracing": ("abilities", "item_curves", "addresses"),
    "vectors": ("places",),
    "ranking": ("history", "bm25_differences"),
}
IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_BYTES = 100_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="run directories, or the --out of evaluate.py")
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for folder in options.folders:
        results = json.loads((folder / "results.json").read_text())
        for name in PICTURES[results["task"]]:
            picture, target = folder / f"{name}.png", options.out / f"{results['task']}_{name}.png"
            if not picture.exists():  # evaluate.py draws no history
                print(f"{picture}: is not there, left out")
                continue
            write_atomically(target, small_png(picture))
            print(f"{target}: {target.stat().st_size / 1000:.0f} KB, {results['command']}, commit {results['commit']}")


def small_png(path: Path) -> bytes:
    """The picture as a PNG file below `MAX_BYTES`: the file as it is, or else in fewer pixels."""
    from PIL import Image

    png, image = path.read_bytes(), Image.open(path).convert("RGB")
    while len(png) >= MAX_BYTES:
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.quantize(256).save(buffer, "PNG", optimize=True)
        png = buffer.getvalue()
    return png


if __name__ == "__main__":
    main()
