"""Questions made from text: spans that recur, wh-words, forms of questions, and spans that no question is made for."""

import pytest

from utils.squad.cloze_questions import cloze_questions
from utils.squad.cloze_spans import mentions, occurrences, phrases, read_words
from utils.squad.cloze_wording import long_question, persons, short_question, wh_word
from utils.squad.english import sentence_places

MOULD = (
    "The old laboratory in Paddington was cold, and nobody cleaned its glass plates. Fleming returned to the laboratory with his "
    "notes about bacteria and mould. In September, Fleming noticed that bacteria around a mould had died."
)


def spans_of(text):
    """The words, the spans as texts with their kinds, and for each span that recurs the texts of its other places."""
    words = read_words(text, sentence_places(text))
    named = mentions(words)
    spans = named + phrases(words, named)

    def written(span):
        return text[words[span.first].start : words[span.stop - 1].end]

    recurring = [(span, places) for span, places in occurrences(words, spans).items() if places]
    others = [(written(span), [written(place) for place in places]) for span, places in recurring]
    return words, spans, [(written(span), span.kind) for span in spans], others


def question_for(text, wanted, form):
    """The question for the first place of a text's span."""
    words, spans, written, _ = spans_of(text)
    span = spans[[name for name, _ in written].index(wanted)]
    names = persons(words, [span for span in spans if span.kind == "name"])
    return form(text, words, wh_word(words, span, names))[0]


def test_sentences_and_words_by_hand():
    text = "Dr. Ada's U.S. plan cost 1,000 pounds.\nIt failed  in 1843! "
    places = sentence_places(text)
    assert [text[begin:end] for begin, end in places] == [
        "Dr. Ada's U.S. plan cost 1,000 pounds.",
        "It failed  in 1843!",
    ]
    words = read_words(text, places)
    assert [word.text for word in words if word.sentence == 0] == [
        *("Dr.", "Ada", "'s", "U.S.", "plan", "cost", "1,000", "pounds", "."),
    ]
    assert all(text[word.start : word.end] == word.text for word in words)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("They met at the University of Notre Dame.", ["University of Notre Dame"]),
        ("Many went to New York with Super Bowl 50 tickets.", ["New York", "Super Bowl 50"]),
        ("It began on 10 December 1920 and on May 2, 1930.", ["10 December 1920", "May 2, 1930"]),
        ("However, the 1950s were better than 12 years of Rome.", ["1950s", "12", "Rome"]),
        ("Place it there.", []),  # a capital letter because of its place
    ],
)
def test_mentions_by_hand(text, expected):
    assert [name for name, kind in spans_of(text)[2] if kind not in ("phrase", "noun")] == expected


def test_phrases_stand_between_function_words():
    text = "The church has pipe organs to accompany their chant, and I feel like the loud music would quickly please members."
    assert [name for name, kind in spans_of(text)[2] if kind == "phrase"] == ["pipe organs", "loud music"]
    assert [name for name, kind in spans_of(text)[2] if kind == "noun"] == ["church", "chant"]


def test_whole_mentions_come_before_parts_of_longer_names():
    text = "He left Notre Dame. She saw the University of Notre Dame. They like Notre Dame too."
    assert ("Notre Dame", ["Notre Dame"]) in spans_of(text)[3]


def test_a_full_name_and_its_last_word_are_places_of_each_other():
    assert spans_of("We met Frédéric Chopin. They heard Chopin there.")[3] == [
        ("Frédéric Chopin", ["Chopin"]),
        ("Chopin", ["Frédéric Chopin"]),
    ]


def test_the_longest_end_of_a_phrase_that_recurs_is_its_span():
    text = (
        "They ate a small frozen pie. She had the frozen pie of a friend. The keys of the old house are with the house."
    )
    assert spans_of(text)[3] == [("frozen pie", ["frozen pie"]), ("frozen pie", ["frozen pie"])]


def test_a_span_twice_in_its_sentence_is_not_asked_for():
    assert spans_of("We met Chopin, and Chopin played. They heard Chopin.")[3] == [("Chopin", ["Chopin", "Chopin"])]


@pytest.mark.parametrize(
    "text, span, expected",
    [
        ("Dr. Smith wrote a long letter.", "Dr. Smith", "Who wrote a long letter?"),
        ("In 1928, Fleming said that the mould was new.", "Fleming", "Who said that the mould was new in 1928?"),
        ("The small firm settled in Boston after the war.", "Boston", "Where the small firm settled after the war?"),
        ("The firm moved in 1843 after a fire.", "1843", "When the firm moved after a fire?"),
        ("They felt the 2001 earthquake near here.", "2001", "Which they felt earthquake near here?"),
        ("The bridge has 12 arches of stone.", "12", "How many the bridge has arches of stone?"),
        ("The bridge cost $12 in all.", "12", "How much the bridge cost in all?"),
        ("About 12% of them left.", "12", "About what percentage of them left?"),
        ("On the radio, Chopin's pupil played a waltz.", "Chopin", "Whose pupil played a waltz on the radio?"),
        ("They all praised the loud music of the band.", "loud music", "What they all praised of the band?"),
        ("It was held by Republicans until the war.", "Republicans", "By what it was held until the war?"),
    ],
)
def test_short_questions_by_hand(text, span, expected):
    assert question_for(text, span, short_question) == expected


@pytest.mark.parametrize(
    "text, span, expected",
    [
        ("In 1928, Fleming said that it died.", "Fleming", "In 1928, who said that it died?"),
        ("The firm settled in Boston, it is said.", "Boston", "The firm settled where, it is said?"),
        ("The firm moved in 1843 after a fire.", "1843", "The firm moved when after a fire?"),
        ("They felt the 2001 earthquake.", "2001", "They felt which earthquake?"),
        ("The bridge has 12 arches.", "12", "The bridge has how many arches?"),
    ],
)
def test_long_questions_by_hand(text, span, expected):
    assert question_for(text, span, long_question) == expected


def test_a_short_question_is_a_clause_and_few_words():
    text = (
        "The council of the city met on Monday, and Boston paid for the new bridge over the river, which nobody had wanted "
        "before the flood."
    )
    assert question_for(text, "Boston", short_question) == "What paid for the new bridge over the river?"
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    text = f"{' '.join(numbers)} Boston {' '.join(numbers)}."
    expected = f"What {' '.join(numbers[4:])} {' '.join(numbers[:8])}?"
    assert question_for(text, "Boston", short_question).lower() == expected.lower()


def test_who_is_asked_for_where_the_text_shows_a_person():
    words, spans, _, _ = spans_of(
        "We met Queen Mary. In Boston, Ada Lovelace met a man of London. Then Byron's wife sang to Babbage, who drew. The Chinese "
        "saw his map. They say that Tom Edison built it. He sold it. In Paris he died."
    )
    names = [span for span in spans if span.kind == "name"]
    assert persons(words, names) == {"mary", "byron", "babbage", "edison"}


def test_the_sentence_is_taken_out_and_the_other_places_are_the_answers():
    questions = {question.question: question for question in cloze_questions(MOULD)}
    text = next(text for text in questions if text in (
        "Who noticed that bacteria around a mould had died in September?",
        "In September, who noticed that bacteria around a mould had died?",
    ))  # fmt: skip
    question = questions[text]
    assert question.context == MOULD[: MOULD.index(" In September")]
    assert [(answer.text, answer.start) for answer in question.answers] == [("Fleming", MOULD.index("Fleming"))]
    forms = {question.question for seed in range(12) for question in cloze_questions(MOULD, seed)}
    assert {
        "Who noticed that bacteria around a mould had died in September?",
        "In September, who noticed that bacteria around a mould had died?",
    } <= forms


def test_offsets_after_the_sentence_are_moved():
    text = "In the spring, Boston built a bridge over the river. A long bridge over a river was what Boston wanted most of all. "
    text += "Nobody else in the whole country had ever seen such a large one."
    questions = [question for question in cloze_questions(text) if question.context.startswith("A long")]
    assert questions
    for question in questions:
        assert all(question.context.startswith(answer.text, answer.start) for answer in question.answers)


def test_questions_are_a_pure_function_of_text_and_seed():
    assert cloze_questions(MOULD, seed=3) == cloze_questions(MOULD, seed=3)
    assert len({tuple(question.question for question in cloze_questions(MOULD, seed)) for seed in range(8)}) > 1
    ids = [question.id for question in cloze_questions(MOULD)]
    assert len(set(ids)) == len(ids) > 1 and len({question.title for question in cloze_questions(MOULD)}) == 1
    assert len(cloze_questions(MOULD, max_questions=1)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Boston.",
        "A sentence without any name that stands alone in its paragraph and is long enough to be one.",
        # nothing in the question points to the answer
        "In the spring, Boston built a bridge over the river. Nobody else was there, and it rained for weeks when Boston slept.",
        # one of several in a row
        "Some families went to Rome, Boston, Paris and Madrid by ship. The ship with the families left Boston when the weather was "
        "better than it had been before.",
    ],
)
def test_what_is_not_asked(text):
    assert cloze_questions(text) == []


def test_numbers_are_asked_for_where_they_count_the_same():
    rest = "It was a warm evening for everybody who came to the hall, and the music went on and on."
    text = f"The new hall has 40 seats for members of the club. The old hall of the club had 40 {{}} too. {rest}"
    same = cloze_questions(text.format("seats"))
    assert "40" in {answer.text for question in same for answer in question.answers}
    other = cloze_questions(text.format("doors"))
    assert "40" not in {answer.text for question in other for answer in question.answers}
