"""Facts about real people as one TSV for `train_memnet.py --facts`, from two published tables.

    python -m benchmarks.people_facts --pantheon pantheon.tsv.gz --baseball baseball_people.csv.gz --out people.tsv

Pantheon 1.0 (Yu et al. 2016): birth year, city and country, occupation. The Baseball Databank (Chadwick Bureau, CC BY-SA 3.0):
birth year, city and country, year of death, height, weight, hands, year of the first game. Cells that are empty, or no number where
one is meant, are counted and left out. People of the same name are one subject with several answers. Questions:
people_questions.tsv.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from utils.common.files import read_lines

HANDS = {"R": "right", "L": "left", "B": "both"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pantheon", type=Path)
    parser.add_argument("--baseball", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tables = ((options.pantheon, "\t", pantheon), (options.baseball, ",", baseball))
    facts, empty = [], Counter()
    for path, delimiter, facts_of in tables:
        if path is None:
            continue
        people = 0
        for row in csv.DictReader((line for _, line in read_lines(path)), delimiter=delimiter):
            people += 1
            name, values = facts_of(row)
            for relation, value in values.items():
                if name and value:
                    facts.append((name, relation, value))
                else:
                    empty[f"{path.name}, {relation}"] += 1
        print(f"{path.name}: {people:,} people")
    for cell, count in empty.items():
        print(f"left out, empty or no number: {cell}: {count:,}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = ["subject\trelation\tobject", *("\t".join(fact) for fact in facts)]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(facts):,} facts in {options.out}")


def pantheon(row) -> tuple[str, dict[str, str]]:
    """Name and facts of a row of Pantheon."""
    return row["name"].strip(), {
        "birth_year": year(row["birthyear"]),
        "birth_city": row["birthcity"].strip(),
        "birth_country": row["countryName"].strip().title(),
        "occupation": row["occupation"].strip().lower(),
    }


def baseball(row) -> tuple[str, dict[str, str]]:
    """Name and facts of a row of the Baseball Databank."""
    return f"{row['nameFirst']} {row['nameLast']}".strip(), {
        "birth_year": year(row["birthYear"]),
        "birth_city": row["birthCity"].strip(),
        "birth_country": row["birthCountry"].strip(),
        "death_year": year(row["deathYear"]),
        "height": row["height"] and f"{row['height']} inches",
        "weight": row["weight"] and f"{row['weight']} pounds",
        "bats": HANDS.get(row["bats"], ""),
        "throws": HANDS.get(row["throws"], ""),
        "debut_year": year(row["debut"][:4]),
    }


def year(text: str) -> str:
    """A year as it is written: BC for a negative one; empty for what is no number."""
    text = text.strip()
    if not text.lstrip("-").isdigit():
        return ""
    return f"{text[1:]} BC" if text.startswith("-") else text


if __name__ == "__main__":
    main()
