"""English: its function words and months, and where its sentences end."""

from __future__ import annotations

from utils.text.sentences import split_sentences


def words_of(text: str) -> frozenset[str]:
    """The words of a text, for tables of words."""
    return frozenset(text.split())


PRONOUNS = words_of(
    "i you he she it we they me him us them who whom whose which what when where why how there here one anyone everyone "
    "someone nobody nothing something anything everything myself himself herself itself themselves yourself"
)
DETERMINERS = words_of(
    "a an the this that these those my your his her its our their some any each every no another other both all such many "
    "several few most more"
)
PREPOSITIONS = words_of(
    "of in to for with on at from by about as into like through after over between out against during without before under "
    "around among upon within along across behind beyond near since until toward towards via per above below off onto inside "
    "outside including despite except"
)
CONJUNCTIONS = words_of("and or but nor so yet if because although though while unless whereas than whether either")
AUXILIARIES = words_of(
    "is are was were be been being am has have had having do does did done will would can could may might shall should must "
    "ought not n't isn't aren't wasn't weren't don't doesn't didn't won't can't cannot couldn't i'm it's i've you're "
    "they're we're i'd i'll that's"
)
COMMON = words_of(
    "very also just only even still too then now well much quite really almost already again always never often sometimes "
    "however therefore thus perhaps maybe later first last next same own up down back away once get got go went goes make "
    "made makes take took use used using way thing things lot bit kind sort time times way ways today according due "
    "rather instead further moreover meanwhile additionally furthermore yes hey hi thanks please "
    "end part parts number place day days year years people beginning rest side form type"
)
"""Words that carry so little that no question is about them."""
FUNCTION_WORDS = PRONOUNS | DETERMINERS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | COMMON
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
MONTHS += ("December",)


def sentence_places(text: str) -> list[tuple[int, int]]:
    """The first character of each sentence and the one after its last, without the white space around it. A line ends with its last
    sentence."""
    places, start = [], 0
    for line in text.splitlines(keepends=True):
        for sentence in split_sentences(line, "en"):
            stripped = sentence.strip()
            if stripped:
                begin = start + sentence.index(stripped)
                places.append((begin, begin + len(stripped)))
            start += len(sentence)
    return places
