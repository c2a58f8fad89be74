"""How often a small memory network reads the right fact for names of several scripts.

    python -m benchmarks.memory_names

For each script it writes facts about some invented names and trains the default model on them for 15 epochs. Then it asks about
every name with every template, from all facts; every second question is decomposed Unicode. It takes four minutes on two cores.
`--out` keeps the facts and the runs.
"""

import argparse
import tempfile
import unicodedata
from itertools import product
from pathlib import Path

EPOCHS, DISTRACTORS, CANDIDATES = 15, 5, 60


def pairs(first: str, last: str, between: str = "") -> list[str]:
    """All full names of these first and last names, which are separated by spaces."""
    return [between.join(parts) for parts in product(first.split(), last.split())]


LANGUAGES = "C C++ C# C-- F F# F* J J++ J# Q Q# R R++ .NET NET A+ A- A* A D"
BANDS = "!!! !! ??? P!nk *NSYNC AC/DC AC DC Disney+ Disney Wham! Blink-182"
NAMES = {
    "signs": (
        [*LANGUAGES.split(), *BANDS.split(), *(f"Name {number}" for number in range(30))],
        ("Who made {s}?", "Tell me the maker of {s}."),
    ),
    "accents": (
        pairs("Zoë Zoé Zoe René Ådne Ana", "Müller Muller Šimić Simic Nuñez Nunez", " "),
        ("Where was {s} born?",),
    ),
    "Hindi": (
        pairs("मीना मोना मैना मुनी राम रमा रोम रीमा", "शर्मा वर्मा सिंह गुप्ता जोशी", " "),
        ("{s} का जन्म कहाँ हुआ?", "{s} किस शहर से है?"),
    ),
    "Arabic": (
        pairs("أحمد محمد فاطمة مريم يوسف", "علي حسن محمود سالم خالد عمر ناصر كريم", " "),
        ("أين ولد {s}؟", "ما هي مدينة {s}؟"),
    ),
    "Chinese": (pairs("王 李 张 刘 陈", "明 华 芳 伟 小龙 小明 建国 丽"), ("{s}在哪里出生？", "{s}是哪里人？")),
    "Japanese": (
        pairs("田中 鈴木 佐藤 高橋 伊藤", "太郎 花子 一郎 さくら ケンジ ユキ 健 翔太"),
        ("{s}はどこで生まれましたか？", "{s}の出身地は？"),
    ),
    "Korean": (
        pairs("김 이 박 최 정", "철수 영희 민준 서연 지우 하늘 도윤 시우"),
        ("{s}은 어디에서 태어났습니까?", "{s}의 고향은 어디입니까?"),
    ),
    "Thai": (
        pairs("สมชาย สมหญิง ก้อง มานี ปิติ", "ใจดี มั่นคง รักไทย สุขใจ ทองดี แก้ว น้ำใส บุญมา", " "),
        ("{s}เกิดที่ไหน", "{s}มาจากจังหวัดอะไร"),
    ),
}
"""Script to names and templates."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for files and runs; left out, a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores = {script: measure(script, options.out or Path(folder)) for script in NAMES}
    for script, (correct, total) in scores.items():
        print(f"{script}: {correct} of {total} questions read the right fact")


def measure(script: str, folder: Path) -> tuple[int, int]:
    """Train on the names of a script; returns the number of questions whose most attended fact is right, and of all questions."""
    import train_memnet
    from utils.memnet.predictor import MemnetPredictor

    names, templates = NAMES[script]
    folder.mkdir(parents=True, exist_ok=True)
    facts, questions = folder / f"{script}.tsv", folder / f"{script}_templates.tsv"
    facts.write_text("".join(f"{name}\tplace\tplace {number}\n" for number, name in enumerate(names)), encoding="utf-8")
    questions.write_text("".join(f"place\t{template}\n" for template in templates), encoding="utf-8")
    config = train_memnet.Config(
        folder / f"run_{script}",
        facts=[facts],
        templates=questions,
        epochs=EPOCHS,
        distractors=DISTRACTORS,
        sweep=[DISTRACTORS],
        candidates=CANDIDATES,
        held_out_values=0.0,
        tracking="off",
        export=False,
    )
    train_memnet.main(config)
    asked = [(name, template.replace("{s}", name)) for name in names for template in templates]
    texts = [unicodedata.normalize("NFD" if number % 2 else "NFC", text) for number, (_, text) in enumerate(asked)]
    answers = MemnetPredictor.load(config.run_dir).answer(texts)
    read = [answer["facts"][0]["subject"] if answer["facts"] else None for answer in answers]
    return sum(subject == name for subject, (name, _) in zip(read, asked, strict=True)), len(asked)


if __name__ == "__main__":
    main()
