"""Facts about people and works as one TSV file, to train a memory network that answers who wrote, painted or invented something.

    python -m benchmarks.people_works --pantheon pantheon.tsv.gz --baseball baseball_people.csv.gz --out people_works.tsv

The facts about people's births, deaths and occupations are those of `benchmarks.people_facts`, and where baseball players died.
All other facts are invented: works get titles made of words of this file, and makers, spouses, capitals and years are drawn at
random. That is enough to learn what questions ask for, because the model hashes names and cannot memorise who made what. Each
fact with a maker stands there twice, once about the work and once about its maker. benchmarks/people_works_questions.tsv has the
templates of questions.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.people_facts import baseball_facts, pantheon_facts, read_people
from utils.common.files import write_atomically

MAKERS = {
    "wrote": "written_by",
    "painted": "painted_by",
    "composed": "composed_by",
    "invented": "invented_by",
    "discovered": "discovered_by",
    "founded": "founded_by",
    "directed": "directed_by",
    "designed": "designed_by",
}
"""Relation of a maker to a work, and of the work to its maker."""
PLACED = ("painted", "designed")
"""Relations whose works stand in a place."""


def _words(text: str) -> list[str]:
    """The words of a text in their order."""
    return text.split()


ADJECTIVES = _words("""
silent golden last first hidden broken distant bitter crimson hollow gentle endless frozen burning lonely secret
ancient royal little great white black blue red electric magnetic atomic mechanical general special modern lost forgotten brave
wild quiet bright dark tall old young stormy
""")
NOUNS = _words("""
river garden engine mountain letter tower winter harbour mirror lantern theory compass bridge forest island orchard
pendulum window planet comet acid gas metal wheel clock lamp press loom valve circuit ship railway bank mill school journal palace
temple square cathedral museum night morning sea star rose wolf horse raven lion soldier merchant sailor daughter brother mother
king queen dream storm song dance war peace love pride honour fire stone
""")
PATTERNS = (
    "The {a} {n}",
    "{a} {n}",
    "The {n} of {m}",
    "{n} and {m}",
    "{n}",
    "A {n} in {m}",
    "The {n}",
    "{a} {n} of the {m}",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pantheon", type=Path, required=True)
    parser.add_argument("--baseball", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--works", type=int, default=30_000, help="invented works")
    parser.add_argument("--seed", type=int, default=0, help="of the invented facts")
    options = parser.parse_args()
    facts = list(dict.fromkeys(people_facts(options.pantheon, options.baseball)))
    names = sorted({name for name, _, _ in facts})
    facts += invented_facts(names, options.works, np.random.default_rng(options.seed))
    lines = ["subject\trelation\tobject", *("\t".join(fact) for fact in dict.fromkeys(facts))]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out, "\n".join(lines) + "\n")
    print(f"{len(lines) - 1:,} facts in {options.out}")


def people_facts(pantheon: Path, baseball: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the facts of both tables that have a value."""
    for path, delimiter, facts_of_row in ((pantheon, "\t", pantheon_facts), (baseball, ",", baseball_facts)):
        for row in read_people(path, delimiter):
            name, values = facts_of_row(row)
            values |= {"death_place": row.get("deathCity", "").strip()}
            yield from ((name, relation, value) for relation, value in values.items() if name and value)


def invented_facts(names: list[str], num_works: int, rng: np.random.Generator) -> Iterator[tuple[str, str, str]]:
    """Yield invented facts about works, and about spouses, achievements and capitals of names that exist.

    Args:
        names: people's names, from which makers are drawn.
        num_works: number of works; a tenth as many countries, a fifth as many couples and achievements.
        rng: draws everything.
    """

    def draw(options):
        return options[int(rng.integers(len(options)))]

    def year():
        return str(rng.integers(1200, 2025))

    for title in (title_of(draw) for _ in range(num_works)):
        relation, maker = draw(list(MAKERS)), draw(names)
        yield title, MAKERS[relation], maker
        yield maker, relation, title
        yield title, "year", year()
        if relation in PLACED:
            yield title, "located_in", draw(names).split()[-1]
    for _ in range(num_works // 5):
        first, second = draw(names), draw(names)
        yield first, "spouse", second
        yield second, "spouse", first
        yield draw(names), "known_for", f"the {title_of(draw)}"
    for _ in range(num_works // 10):
        country, city = draw(names).split()[-1], draw(names).split()[0]
        if rng.random() < 0.3:
            country = f"{draw(ADJECTIVES).title()} {country}"
        yield country, "capital", city
        yield city, "capital_of", country


def title_of(draw) -> str:
    """An invented title, or the name of an invention."""
    title = draw(PATTERNS).format(a=draw(ADJECTIVES), n=draw(NOUNS), m=draw(NOUNS))
    return title.title() if draw((True, False)) else title


if __name__ == "__main__":
    main()
