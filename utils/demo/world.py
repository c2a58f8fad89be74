"""The demo world: an invented set of people and places that every task can run on without a download.

One world gives facts (for memory networks), passages (for latent vectors and ranking) and paragraphs with questions
(for extractive question answering). Nothing in it is real, so no pretrained model knows its answers, and all of it
follows from a seed.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from utils.demo import phrases as words

# How often a sentence that may say "She", may say a last name only, or may join the sentence before it, does so.
PRONOUN_RATE, LAST_NAME_RATE, JOIN_RATE = 0.3, 0.3, 0.3
# How often one of the other people of a paragraph has the main person's last name.
RELATIVE_RATE = 0.25


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple, such as ("Talia Brondek", "birth_year", "1815")."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True)
class World:
    """People ("Talia Brondek"), places ("Skelmoford") and the facts about them.

    A fact's relation is a key of `utils.demo.phrases.RELATIONS`; no two share subject and relation.

    Every person has all person relations (with an odd number of people one is unmarried), every place all place
    relations.
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
        """The facts with this subject, in the order of `RELATIONS`; a KeyError for a name the world does not know."""
        return list(self._by_subject[subject])


def _new_word(rng: random.Random, taken: set[str], endings: Sequence[str]) -> str:
    """A new capitalised word: one or two random syllables, a closing sound, an ending. It is added to `taken`."""
    while True:
        syllables = [rng.choice(words.ONSETS) + rng.choice(words.VOWELS) for _ in range(rng.randrange(1, 3))]
        word = ("".join(syllables) + rng.choice(words.CODAS) + rng.choice(endings)).capitalize()
        if word not in taken:
            taken.add(word)
            return word


def _pick(rng: random.Random, options: Sequence[str], *without: str | None) -> str:
    """A random option that is none of `without`."""
    while (option := rng.choice(options)) in without:
        pass
    return option


def build_world(
    seed: int | str = 0, num_people: int = 300, num_places: int = 100, taken: set[str] | None = None
) -> World:
    """Invent a world, the same for the same arguments on every machine.

    Args:
        seed: Decides everything.
        num_people: How many people, at least 3; about four share a last name.
        num_places: How many places, at least 3.
        taken: Invented words that this world must not use. Its own are added, so worlds given one set share no name.

    Raises:
        ValueError: For fewer than 3 people or 3 places.
    """
    if min(num_people, num_places) < 3:
        raise ValueError(f"a world needs at least 3 people and 3 places, not {num_people} and {num_places}")
    rng = random.Random(f"world {seed}")
    taken = set() if taken is None else taken

    def invent(count: int, endings: Sequence[str], kinds: Sequence[str] = ("{}",)) -> list[str]:
        return [rng.choice(kinds).format(_new_word(rng, taken, endings)) for _ in range(count)]

    last_names = invent(2 + num_people // 4, words.LAST_NAME_ENDINGS)
    first_names = [
        name
        for endings in (words.FEMININE_ENDINGS, words.MASCULINE_ENDINGS)
        for name in invent(2 + num_people // 6, endings)
    ]
    people = {}  # A dict, because a set's order differs from run to run.
    while len(people) < num_people:
        people[f"{rng.choice(first_names)} {rng.choice(last_names)}"] = None
    people = list(people)
    places = invent(num_places, words.PLACE_ENDINGS)
    schools = invent(3 + num_people // 5, words.NAME_ENDINGS, words.SCHOOLS)
    companies = invent(3 + num_people // 5, words.NAME_ENDINGS, words.COMPANIES)
    countries = invent(3 + num_places // 5, words.COUNTRY_ENDINGS)
    rivers = invent(3 + num_places // 3, words.NAME_ENDINGS)
    mountains = invent(3 + num_places // 3, words.NAME_ENDINGS, words.MOUNTAINS)

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
            "occupation": rng.choice(words.OCCUPATIONS),
            "works_for": rng.choice(companies),
            "lives_in": _pick(rng, places, birthplace),
            "married_to": spouses.get(person),
            "known_for": f"The {rng.choice(words.WORK_ADJECTIVES)} {rng.choice(words.WORK_NOUNS)}",
            "instrument": rng.choice(words.INSTRUMENTS),
        }
        facts += [Fact(person, relation, objects[relation]) for relation in words.PERSON_RELATIONS if objects[relation]]
    for place in places:
        objects = {
            "country": rng.choice(countries),
            "founded_year": str(rng.randrange(901, 1790)),
            "river": rng.choice(rivers),
            "mountain": rng.choice(mountains),
            "population": f"{rng.randrange(1, 900)},{rng.randrange(1000):03d}",
            "product": f"{rng.choice(words.PRODUCT_MATERIALS)} {rng.choice(words.PRODUCT_GOODS)}",
            "mayor": rng.choice(people),
        }
        facts += [Fact(place, relation, objects[relation]) for relation in words.PLACE_RELATIONS]
    return World(tuple(people), tuple(places), tuple(facts))


def _pronoun(subject: str, is_person: bool, possessive: bool) -> str:
    """The pronoun that opens a sentence; a woman's first name ends in "a"."""
    if not is_person:
        return "Its" if possessive else "It"
    if subject.split()[0].endswith("a"):
        return "Her" if possessive else "She"
    return "His" if possessive else "He"


def _tell(rng: random.Random, facts: list[Fact], unseen: bool = False) -> list[str]:
    """Sentences that state the facts in the given order.

    A pronoun stands only right after a sentence about the same subject that names no other person, a last name alone
    only where it is that of one person in the text who has been named in full, and a sentence may join the one before
    it ("... was born in 1871 and plays the lute.").

    Args:
        unseen: Use the test split's templates beside the others.
    """
    people = {fact.subject for fact in facts if fact.relation in words.PERSON_RELATIONS}
    people |= {fact.object for fact in facts if fact.relation in ("taught_by", "married_to", "mayor")}
    everyone = Counter(person.split()[-1] for person in people)
    sentences, named, subject = [], set(), None
    # Of the sentence before: it opens with its subject and states one fact; it names no other person.
    joinable = clear = False
    for fact in facts:
        phrases = words.RELATIONS[fact.relation]
        template = rng.choice(phrases.sentences + phrases.test_sentences if unseen else phrases.sentences)
        same, subject = fact.subject == subject, fact.subject
        opens = template.startswith("{s} ")
        names_another = fact.relation in ("taught_by", "married_to")
        if same and joinable and opens and rng.random() < JOIN_RATE:
            sentences[-1] = f"{sentences[-1][:-1]} and {template[4:].format(o=fact.object)}"
            joinable, clear = False, clear and not names_another
            continue
        name = subject
        if same and clear and template.startswith("{s}") and rng.random() < PRONOUN_RATE:
            name = _pronoun(subject, subject in people, possessive=not opens)
            template = template.replace("{s}'s", "{s}")
        elif subject in named and everyone[subject.split()[-1]] == 1 and rng.random() < LAST_NAME_RATE:
            name = subject.split()[-1]
        sentences.append(template.format(s=name, o=fact.object))
        named.add(subject)
        joinable, clear = opens, not names_another
    return sentences


def demo_passages(world: World, seed: int | str = 0) -> list[list[str]]:
    """A passage for every person, then every place: the sentences that tell its facts, in the order of `RELATIONS`."""
    rng = random.Random(f"passages {seed}")
    return [_tell(rng, world.facts_about(subject)) for subject in world.people + world.places]


def _choose_facts(rng: random.Random, world: World, main: str) -> tuple[list[Fact], list[Fact]]:
    """Four or five facts about `main`, and two of the same relations about each of two others of its kind."""

    def some(facts: list[Fact], count: int) -> list[Fact]:
        rng.shuffle(facts)
        return facts[:count]

    main_facts = some(world.facts_about(main), rng.randrange(4, 6))
    relations = {fact.relation for fact in main_facts}
    kind = world.people if main in world.people else world.places
    one = _pick(rng, kind, main)
    relatives = [name for name in kind if name.split()[-1] == main.split()[-1] and name not in (main, one)]
    another = rng.choice(relatives) if relatives and rng.random() < RELATIVE_RATE else _pick(rng, kind, main, one)
    other_facts = []
    for other in (one, another):
        shared = [fact for fact in world.facts_about(other) if fact.relation in relations]
        other_facts += some(shared, 2)
    return main_facts, other_facts


@dataclass(frozen=True)
class ParagraphQuestion:
    """A question whose answer stands exactly once in its paragraph, `answer_start` characters from the beginning.

    `subject` is what the paragraph is mainly about.
    """

    subject: str
    paragraph: str
    question: str
    answer: str
    answer_start: int


def paragraph_questions(rng: random.Random, world: World, main: str, split: str) -> list[ParagraphQuestion]:
    """Write a paragraph about `main` and two others, and up to five questions on it: three about `main`, two on the rest.

    Args:
        rng: decides which facts the paragraph tells, their order and their wording.
        world: knows the facts.
        main: a person or a place of the world.
        split: `train`, `validation` or `test`; the splits share no question template, and the paragraphs of the test split
            also use sentence templates of their own.
    """
    main_facts, other_facts = _choose_facts(rng, world, main)
    told = main_facts + other_facts
    rng.shuffle(told)
    context = " ".join(_tell(rng, told, unseen=split == "test"))
    questions = []
    for facts, count in ((main_facts, 3), (other_facts, 2)):
        # An object that also stands elsewhere in the paragraph would have two places to be found at.
        for fact in [fact for fact in facts if context.count(fact.object) == 1][:count]:
            text = rng.choice(words.RELATIONS[fact.relation].questions[split]).format(s=fact.subject)
            questions.append(ParagraphQuestion(main, context, text, fact.object, context.index(fact.object)))
    return questions
