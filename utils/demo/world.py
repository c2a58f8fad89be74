"""The demo world: invented people and places, so that every task runs without a download.

A world gives facts, passages that state them, and paragraphs with questions. Nothing in it is real, so no pretrained model knows
the answers. A seed determines everything.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from utils.demo import phrases

PRONOUN_RATE = 0.3
"""Probability that a sentence says "She" instead of a name, where that is clear."""
LAST_NAME_RATE = 0.3
"""Probability that a sentence says only the last name, where that is clear."""
JOIN_RATE = 0.3
"""Probability that a sentence is joined to the one before it by "and", where that is possible."""
RELATIVE_RATE = 0.25
"""Probability that one of the other people in a paragraph has the main person's last name, if anyone else has it."""
RELATIONS_WITH_ANOTHER_PERSON = ("taught_by", "married_to")
"""Relations of a person whose object is a person too."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple, such as ("Talia Brondek", "birth_year", "1815")."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True)
class World:
    """People ("Talia Brondek"), places ("Skelmoford") and the facts about them.

    The relation of a fact is a key of `utils.demo.phrases.RELATIONS`. No two facts share subject and relation. Every person has
    all relations of people, and every place all relations of places; if the number of people is odd, one is unmarried.
    """

    people: tuple[str, ...]
    places: tuple[str, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def _by_subject(self) -> dict[str, list[Fact]]:
        by_subject = {}
        for fact in self.facts:
            by_subject.setdefault(fact.subject, []).append(fact)
        return by_subject

    def facts_about(self, subject: str) -> list[Fact]:
        """The facts about a person or place, in the order of `RELATIONS`.

        Raises:
            KeyError: the world has no such person or place.
        """
        return list(self._by_subject[subject])


def _new_word(rng: random.Random, used_words: set[str], endings: Sequence[str]) -> str:
    """A capitalised word of one or two random syllables, consonants and an ending. It is new, and added to `used_words`."""
    while True:
        syllables = [rng.choice(phrases.ONSETS) + rng.choice(phrases.VOWELS) for _ in range(rng.randrange(1, 3))]
        word = ("".join(syllables) + rng.choice(phrases.CODAS) + rng.choice(endings)).capitalize()
        if word not in used_words:
            used_words.add(word)
            return word


def _pick(rng: random.Random, options: Sequence[str], *excluded: str | None) -> str:
    """A random option that is not excluded."""
    while (option := rng.choice(options)) in excluded:
        pass
    return option


def build_world(
    seed: int | str = 0, num_people: int = 300, num_places: int = 100, used_words: set[str] | None = None
) -> World:
    """Invent a world. The same arguments give the same world on every machine.

    Args:
        seed: determines all random choices.
        num_people: number of people, at least 3; about four share a last name.
        num_places: number of places, at least 3.
        used_words: invented words that this world must not use. Its own words are added, so that worlds made with the same set
            have no name in common.

    Raises:
        ValueError: there are fewer than 3 people or 3 places.
    """
    if min(num_people, num_places) < 3:
        raise ValueError(f"a world needs at least 3 people and 3 places, not {num_people} and {num_places}")
    rng = random.Random(f"world {seed}")
    used_words = set() if used_words is None else used_words

    def invent(count: int, endings: Sequence[str], kinds: Sequence[str] = ("{}",)) -> list[str]:
        return [rng.choice(kinds).format(_new_word(rng, used_words, endings)) for _ in range(count)]

    last_names = invent(2 + num_people // 4, phrases.LAST_NAME_ENDINGS)
    first_names = [
        name
        for endings in (phrases.FEMININE_ENDINGS, phrases.MASCULINE_ENDINGS)
        for name in invent(2 + num_people // 6, endings)
    ]
    people = {}  # a dict, because the order of a set differs from run to run
    while len(people) < num_people:
        people[f"{rng.choice(first_names)} {rng.choice(last_names)}"] = None
    people = list(people)
    places = invent(num_places, phrases.PLACE_ENDINGS)
    schools = invent(3 + num_people // 5, phrases.NAME_ENDINGS, phrases.SCHOOLS)
    companies = invent(3 + num_people // 5, phrases.NAME_ENDINGS, phrases.COMPANIES)
    countries = invent(3 + num_places // 5, phrases.COUNTRY_ENDINGS)
    rivers = invent(3 + num_places // 3, phrases.NAME_ENDINGS)
    mountains = invent(3 + num_places // 3, phrases.NAME_ENDINGS, phrases.MOUNTAINS)

    couples = list(people)
    rng.shuffle(couples)
    spouses = {}
    for one, other in zip(couples[::2], couples[1::2], strict=False):
        spouses[one], spouses[other] = other, one

    facts = []
    for person in people:
        birthplace = rng.choice(places)
        objects = {
            "born_in": birthplace,
            "birth_year": str(rng.randrange(1801, 1990)),
            "studied_at": rng.choice(schools),
            "taught_by": _pick(rng, people, person, spouses.get(person)),
            "occupation": rng.choice(phrases.OCCUPATIONS),
            "works_for": rng.choice(companies),
            "lives_in": _pick(rng, places, birthplace),
            "married_to": spouses.get(person),
            "known_for": f"The {rng.choice(phrases.WORK_ADJECTIVES)} {rng.choice(phrases.WORK_NOUNS)}",
            "instrument": rng.choice(phrases.INSTRUMENTS),
        }
        facts += [
            Fact(person, relation, objects[relation]) for relation in phrases.PERSON_RELATIONS if objects[relation]
        ]
    for place in places:
        objects = {
            "country": rng.choice(countries),
            "founded_year": str(rng.randrange(901, 1790)),
            "river": rng.choice(rivers),
            "mountain": rng.choice(mountains),
            "population": f"{rng.randrange(1, 900)},{rng.randrange(1000):03d}",
            "product": f"{rng.choice(phrases.PRODUCT_MATERIALS)} {rng.choice(phrases.PRODUCT_GOODS)}",
            "mayor": rng.choice(people),
        }
        facts += [Fact(place, relation, objects[relation]) for relation in phrases.PLACE_RELATIONS]
    return World(tuple(people), tuple(places), tuple(facts))


def _pronoun(subject: str, is_person: bool, possessive: bool) -> str:
    """The pronoun at the beginning of a sentence; first names of women end in "a"."""
    if not is_person:
        return "Its" if possessive else "It"
    if subject.split()[0].endswith("a"):
        return "Her" if possessive else "She"
    return "His" if possessive else "He"


def _sentences(rng: random.Random, facts: list[Fact], with_test_sentences: bool = False) -> list[str]:
    """Sentences that state the facts, in their order.

    A pronoun is used only right after a sentence about the same subject that names no other person. A last name is used alone
    only if one person in the text has it, who was already named in full. A sentence may be joined to the one before it
    ("... was born in 1871 and plays the lute.").

    Args:
        rng: makes the random choices.
        facts: what to state.
        with_test_sentences: whether to use the templates of the test split as well.
    """
    people = {fact.subject for fact in facts if fact.relation in phrases.PERSON_RELATIONS}
    people |= {fact.object for fact in facts if fact.relation in ("taught_by", "married_to", "mayor")}
    bearers = Counter(person.split()[-1] for person in people)  # of each last name
    sentences, named_in_full, subject = [], set(), None
    can_be_joined = False  # the previous sentence begins with its subject and states one fact
    pronoun_is_clear = False  # the previous sentence names no other person
    for fact in facts:
        wordings = phrases.RELATIONS[fact.relation]
        templates = wordings.sentences + wordings.test_sentences if with_test_sentences else wordings.sentences
        template = rng.choice(templates)
        same_subject, subject = fact.subject == subject, fact.subject
        begins_with_subject = template.startswith("{s} ")
        names_another = fact.relation in RELATIONS_WITH_ANOTHER_PERSON
        if same_subject and can_be_joined and begins_with_subject and rng.random() < JOIN_RATE:
            sentences[-1] = f"{sentences[-1][:-1]} and {template[4:].format(o=fact.object)}"
            can_be_joined, pronoun_is_clear = False, pronoun_is_clear and not names_another
            continue
        name = subject
        if same_subject and pronoun_is_clear and template.startswith("{s}") and rng.random() < PRONOUN_RATE:
            name = _pronoun(subject, subject in people, possessive=not begins_with_subject)
            template = template.replace("{s}'s", "{s}")
        elif subject in named_in_full and bearers[subject.split()[-1]] == 1 and rng.random() < LAST_NAME_RATE:
            name = subject.split()[-1]
        sentences.append(template.format(s=name, o=fact.object))
        named_in_full.add(subject)
        can_be_joined, pronoun_is_clear = begins_with_subject, not names_another
    return sentences


def demo_passages(world: World, seed: int | str = 0) -> list[list[str]]:
    """A passage for every person, then for every place: sentences that state its facts in the order of `RELATIONS`."""
    rng = random.Random(f"passages {seed}")
    return [_sentences(rng, world.facts_about(subject)) for subject in world.people + world.places]


def _choose_facts(rng: random.Random, world: World, main: str) -> tuple[list[Fact], list[Fact]]:
    """Four or five facts about `main`, and two facts of the same relations about each of two others of its kind."""

    def sample(facts: list[Fact], count: int) -> list[Fact]:
        rng.shuffle(facts)
        return facts[:count]

    main_facts = sample(world.facts_about(main), rng.randrange(4, 6))
    relations = {fact.relation for fact in main_facts}
    names = world.people if main in world.people else world.places
    second = _pick(rng, names, main)
    relatives = [name for name in names if name.split()[-1] == main.split()[-1] and name not in (main, second)]
    third = rng.choice(relatives) if relatives and rng.random() < RELATIVE_RATE else _pick(rng, names, main, second)
    other_facts = []
    for other in (second, third):
        facts = [fact for fact in world.facts_about(other) if fact.relation in relations]
        other_facts += sample(facts, 2)
    return main_facts, other_facts


@dataclass(frozen=True)
class ParagraphQuestion:
    """A question with a paragraph that contains the answer exactly once.

    Args:
        subject: the person or place that the paragraph is mainly about.
        paragraph: the text.
        question: a question about the text.
        answer: a part of the text.
        answer_start: number of characters before the answer.
    """

    subject: str
    paragraph: str
    question: str
    answer: str
    answer_start: int


def paragraph_questions(rng: random.Random, world: World, main: str, split: str) -> list[ParagraphQuestion]:
    """Write a paragraph about `main` and two others, and up to five questions about it: three about `main`, two about the others.

    Args:
        rng: chooses the facts, their order and their wording.
        world: has the facts.
        main: a person or place of the world.
        split: `train`, `validation` or `test`. The splits share no question template. The paragraphs of the test split also use
            sentence templates of their own.
    """
    main_facts, other_facts = _choose_facts(rng, world, main)
    facts = main_facts + other_facts
    rng.shuffle(facts)
    paragraph = " ".join(_sentences(rng, facts, with_test_sentences=split == "test"))
    questions = []
    for facts, count in ((main_facts, 3), (other_facts, 2)):
        # If the answer occurred twice in the paragraph, it would be unclear which of the two is meant.
        for fact in [fact for fact in facts if paragraph.count(fact.object) == 1][:count]:
            question = rng.choice(phrases.RELATIONS[fact.relation].questions[split]).format(s=fact.subject)
            start = paragraph.index(fact.object)
            questions.append(ParagraphQuestion(main, paragraph, question, fact.object, start))
    return questions
