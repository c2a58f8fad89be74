"""Facts about real people as one TSV file for `train_memnet.py --facts`, from two published tables.

    python -m benchmarks.people_facts --pantheon pantheon.tsv.gz --baseball baseball_people.csv.gz --out people.tsv

Pantheon 1.0 (Yu et al. 2016) has birth year, city and country, and occupation. The Baseball Databank (Chadwick Bureau, CC BY-SA
3.0) has birth year, city and country, year of death, height, weight, hands, and year of the first game. Cells are counted and left
out that are empty, or not a number where a number is expected. People with one name are one subject with several answers.
benchmarks/people_questions.tsv has the templates of questions.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from utils.common.files import write_atomically
from utils.common.tables import read_table

HANDS = {"R": "right", "L": "left", "B": "both"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pantheon", type=Path)
    parser.add_argument("--baseball", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tables = ((options.pantheon, "\t", pantheon_facts), (options.baseball, ",", baseball_facts))
    facts, left_out = [], Counter()
    for path, delimiter, facts_of_row in tables:
        if path is None:
            continue
        num_people = 0
        for row in read_people(path, delimiter):
            num_people += 1
            name, values = facts_of_row(row)
            for relation, value in values.items():
                if name and value:
                    facts.append((name, relation, value))
                else:
                    left_out[f"{path.name}, {relation}"] += 1
        print(f"{path.name}: {num_people:,} people")
    for cell, count in left_out.items():
        print(f"left out, empty or not a number: {cell}: {count:,}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = ["subject\trelation\tobject", *("\t".join(fact) for fact in facts)]
    write_atomically(options.out, "\n".join(lines) + "\n")
    print(f"{len(facts):,} facts in {options.out}")


def read_people(path: Path, separator: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table with a header, column to text; cells that a short row lacks are empty."""
    rows = (row for _, row in read_table(path, separator))
    columns = next(rows)
    for row in rows:
        yield dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=False))


def pantheon_facts(row: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Name and facts of a row of Pantheon."""
    return row["name"].strip(), {
        "birth_year": year(row["birthyear"]),
        "birth_city": row["birthcity"].strip(),
        "birth_country": row["countryName"].strip().title(),
        "occupation": row["occupation"].strip().lower(),
    }


def baseball_facts(row: dict[str, str]) -> tuple[str, dict[str, str]]:
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
    """A year in words: "43 BC" for "-43"; empty if the text is not a number."""
    text = text.strip()
    if not text.lstrip("-").isdigit():
        return ""
    return f"{text[1:]} BC" if text.startswith("-") else text


if __name__ == "__main__":
    main()
