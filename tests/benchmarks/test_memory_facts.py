"""The facts of the memory benchmarks: real people from published tables, and invented people in any number."""

import sys

import numpy as np

from benchmarks import people_facts
from benchmarks.invented_facts import invent_facts
from utils.common.reading import Reading
from utils.memnet.data import read_facts


def test_facts_of_real_people_are_a_file_that_training_reads(tmp_path, monkeypatch, capsys):
    (tmp_path / "pantheon.tsv").write_text(
        "name\tbirthyear\tbirthcity\tcountryName\toccupation\nPlato\t-427\tAthens\tGREECE\tPhilosopher\nHomer\tUnknown\t\tGREECE\tWriter\n"
    )
    columns = "nameFirst,nameLast,birthYear,birthCity,birthCountry,deathYear,height,weight,bats,throws,debut"
    (tmp_path / "baseball.csv").write_text(f'{columns}\nAda,Park,1901,"Rome, NY",USA,,70,,B,R,1920-04-01\n')
    out = tmp_path / "people" / "people.tsv"
    files = {"--pantheon": tmp_path / "pantheon.tsv", "--baseball": tmp_path / "baseball.csv", "--out": out}
    monkeypatch.setattr(sys, "argv", ["people_facts", *(str(part) for flag in files.items() for part in flag)])
    people_facts.main()
    reading = Reading(max_bad_fraction=0)
    base = read_facts([out], reading)
    facts = {(fact.subject, fact.relation): fact.object for fact in base.facts}
    assert (
        reading.notes == [] and facts["Plato", "birth_year"] == "427 BC" and facts["Plato", "birth_country"] == "Greece"
    )
    assert facts["Ada Park", "birth_city"] == "Rome, NY" and facts["Ada Park", "height"] == "70 inches"
    assert facts["Ada Park", "bats"] == "both" and facts["Ada Park", "debut_year"] == "1920"
    assert not {("Homer", "birth_year"), ("Homer", "birth_city"), ("Ada Park", "death_year")} & set(facts)
    assert "left out, empty or not a number: pantheon.tsv, birth_year: 1" in capsys.readouterr().out


def test_invented_facts_are_distinct_and_their_names_repeat():
    facts = invent_facts(3000, np.random.default_rng(0))
    assert len(set(facts)) == len(facts) == 3000
    assert facts == invent_facts(3000, np.random.default_rng(0)) != invent_facts(3000, np.random.default_rng(1))
    first_names = [name.split()[0] for name in {fact.subject for fact in facts}]
    assert len(set(first_names)) < 0.9 * len(first_names)
