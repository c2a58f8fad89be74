"""The words of the demo world: sentences that state facts, questions about them, and the parts of names.

In a template, `{s}` stands for the subject of a fact and `{o}` for its object. The validation and test questions arrange the
words of the training questions in new ways. A model that has learned the words can answer them; a model that has learned only
the templates cannot.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences and questions of one relation.

    Args:
        sentences: templates that state the fact, used in every split.
        test_sentences: further templates, used in the test split only.
        questions: question templates by split name. No template is in two splits.
    """

    sentences: tuple[str, ...]
    test_sentences: tuple[str, ...]
    questions: dict[str, tuple[str, ...]]


def _parts(text: str) -> tuple[str, ...]:
    """The parts of a text between "|", without superfluous white space."""
    return tuple(" ".join(part.split()) for part in text.split("|"))


def _phrases(sentences: str, test_sentences: str, train: str, validation: str, test: str) -> Phrases:
    """Phrases from texts whose templates are separated by "|"."""
    questions = {"train": _parts(train), "validation": _parts(validation), "test": _parts(test)}
    return Phrases(_parts(sentences), _parts(test_sentences), questions)


# Relations are in the order in which a biography, or the description of a town, would mention them.
PERSON_RELATIONS = {
    "born_in": _phrases(
        """{s} was born in {o}. | {s} came into the world in {o}. | {s} is a native of {o}. |
        {s}'s birthplace is the town of {o}. | The family of {s} lived in {o} when the child was born.""",
        "The birthplace of {s} is {o}. | {s} was born in the town of {o}.",
        """Where was {s} born? | In which town was {s} born? | What is the birthplace of {s}? |
        Where did {s} come into the world? | Which town is {s} a native of? |
        What is the name of the town of {s}'s birth? | What is the town that {s} is a native of?""",
        "In which town did {s} come into the world?",
        "What is the name of the town where {s} was born? | Which town is {s}'s birthplace?",
    ),
    "birth_year": _phrases(
        """{s} was born in {o}. | {s} came into the world in the year {o}. | The birth of {s} dates to {o}. |
        {s}'s year of birth is {o}. | It was in {o} that {s} was born.""",
        "The year of {s}'s birth is {o}. | {s} was born in the year {o}.",
        """When was {s} born? | In which year was {s} born? | What is the year of birth of {s}? |
        When did {s} come into the world? | What year does the birth of {s} date to? |
        In what year was the birth of {s}? | Which year is {s}'s year of birth? |
        What is the year that {s} was born in?""",
        "In which year did {s} come into the world?",
        "What is the year when {s} was born? | Which year does {s}'s birth date to?",
    ),
    "studied_at": _phrases(
        """{s} studied at {o}. | {s} was a student at {o}. | {s} took a degree at {o}. | {s} learned the trade at {o}. |
        {s}'s education was completed at {o}. | {o} counts {s} among its former students.""",
        "{s} completed a degree at {o}. | {o} counts {s} among those who took a degree.",
        """Where did {s} study? | At which school did {s} study? | Which school gave {s} a degree? |
        Where was {s} a student? | Where did {s} take a degree? | Where did {s} complete an education? |
        Which school counts {s} among those who were its students? |
        What is the name of the school that gave {s} a degree? | What is the school where {s} was a student?""",
        "At which school was {s} a student?",
        "At which school did {s} take a degree? | Which school did {s} study at as a student?",
    ),
    "taught_by": _phrases(
        """{s} was taught by {o}. | {s}'s teacher was {o}. | {s} learned everything from {o}. |
        The lessons of {o} shaped {s}. | {o} was the mentor of {s}.""",
        "{s}'s mentor was {o}. | {o} was the teacher of {s}.",
        """Who taught {s}? | Who was the teacher of {s}? | By whom was {s} taught? |
        From whom did {s} learn everything? | Who was {s}'s mentor? | Whose lessons shaped {s}? |
        What is the name of {s}'s teacher? | What is the name of the mentor who shaped {s}? |
        Whose lessons did {s} take?""",
        "Who was the mentor of {s}?",
        "From whom did {s} take lessons? | What is the name of the teacher who taught {s}?",
    ),
    "occupation": _phrases(
        """{s} works as a {o}. | {s} is a {o} by profession. | {s} earns a living as a {o}. | {s} became a {o}. |
        {s}'s profession is that of a {o}. | Most people know {s} as a {o}.""",
        "By profession {s} is a {o}. | {s}'s job is that of a {o}.",
        """What does {s} do for a living? | What is {s}'s profession? | What is the job of {s}? |
        As what does {s} work? | What kind of work does {s} do? | How does {s} earn a living? |
        As what do most people know {s}? | What kind of profession is {s}'s? | What job does {s} do?""",
        "What is the profession of {s}?",
        "What kind of job does {s} do? | By what profession does {s} earn a living?",
    ),
    "works_for": _phrases(
        """{s} works for {o}. | {s} is employed by {o}. | {s} has a job at {o}. | {s}'s employer is {o}. |
        {s} joined the staff of {o}. | {o} pays the wages of {s}.""",
        "{o} is the employer of {s}. | {s} is on the staff of {o}.",
        """Who does {s} work for? | Which company employs {s}? | Who is the employer of {s}? |
        Where does {s} have a job? | Whose staff did {s} join? | By which company is {s} employed? |
        Who pays {s}'s wages? | What is the name of the company that employs {s}? | Which company pays {s}'s wages?""",
        "Which company does {s} work for?",
        "Which company is {s}'s employer? | What is the name of the company that pays the wages of {s}?",
    ),
    "lives_in": _phrases(
        """{s} lives in {o}. | {s} has a house in {o}. | {s} settled in {o}. | {s}'s home is in {o}. |
        {s} moved to {o}. | Today the home of {s} is in {o}.""",
        "{s} has a home in {o}. | {s} moved to a house in {o}.",
        """Where does {s} live? | In which town does {s} live? | Where is {s}'s home? | Where did {s} settle? |
        To which town did {s} move? | Where is the house of {s}? | What town is the home of {s} today? |
        What is the name of the town where {s} lives? | Which town did {s} move to?""",
        "In which town is the home of {s}?",
        "In which town did {s} settle? | Which town does {s} live in today?",
    ),
    "married_to": _phrases(
        """{s} married {o}. | {s} is married to {o}. | {s}'s partner for life is {o}. | {s} exchanged rings with {o}. |
        The wedding of {s} and {o} drew a crowd. | {o} is the spouse of {s}.""",
        "{s}'s spouse is {o}. | {o} exchanged rings with {s}.",
        """Who is {s} married to? | Who did {s} marry? | Who is the spouse of {s}? | To whom is {s} married? |
        Who is {s}'s partner for life? | With whom did {s} exchange rings? |
        Who was the partner at the wedding of {s}? | What is the name of {s}'s partner? |
        Who is the partner that exchanged rings with {s}?""",
        "Whom did {s} marry?",
        "Who is {s}'s spouse? | What is the name of the partner that {s} married?",
    ),
    "known_for": _phrases(
        """{s} is known for {o}. | {s} wrote {o}. | {s} is the author of {o}. | {s} became famous through {o}. |
        {s}'s best known book is {o}. | The book {o} was written by {s}.""",
        "The author of {o} is {s}. | {s} wrote the book {o}.",
        """What is {s} known for? | Which book did {s} write? | What is {s} the author of? |
        Which book made {s} famous? | What is the title of {s}'s book? | What is the best known book of {s}? |
        Which title was written by {s}? | What is the name of the book by {s}? |
        What is the title that {s} is known for?""",
        "Of which book is {s} the author?",
        "Which book is {s} known for? | What is the title of the book that {s} wrote?",
    ),
    "instrument": _phrases(
        """{s} plays the {o}. | {s}'s favourite instrument is the {o}. | {s} loves to play the {o}. |
        In the evening {s} practises the {o}. | {s} makes music on the {o}. | The {o} is the instrument of {s}.""",
        "{s} practises the {o} in the evening. | The favourite instrument of {s} is the {o}.",
        """What instrument does {s} play? | What does {s} play? | Which instrument does {s} love? |
        What is {s}'s favourite instrument? | On what does {s} make music? | What does {s} practise in the evening? |
        What is the name of the instrument that {s} plays? | On which instrument does {s} practise?""",
        "Which instrument does {s} practise?",
        "What is the favourite instrument of {s}? | On which instrument does {s} make music?",
    ),
}

PLACE_RELATIONS = {
    "country": _phrases(
        """{s} lies in {o}. | {s} is a town in {o}. | {s} belongs to {o}. | {s} is part of {o}. |
        The flag of {o} flies over {s}. | {s} pays its taxes to {o}.""",
        "The town of {s} belongs to {o}. | {s} is a part of {o}.",
        """In which country is {s}? | Which country does {s} belong to? | In which country does {s} lie? |
        What country is {s} part of? | Whose flag flies over {s}? | To which country does {s} pay taxes? |
        What is the name of the country that {s} is part of? | Which country is {s} in? |
        Which country's taxes does {s} pay?""",
        "Of which country is {s} a part?",
        "What is the country that {s} belongs to? | Which country's flag flies over {s}?",
    ),
    "founded_year": _phrases(
        """{s} was founded in {o}. | {s} dates back to {o}. | {s} was first settled in {o}. |
        The first stone of {s} was laid in {o}. | {s}'s charter was signed in {o}. |
        It was in {o} that {s} was founded.""",
        "The charter of {s} was signed in the year {o}. | {s} was founded in the year {o}.",
        """When was {s} founded? | In which year was {s} founded? | What year does {s} date back to? |
        When was the first stone of {s} laid? | When was {s} first settled? | When was {s}'s charter signed? |
        Which year was {s} founded in? | What is the year of {s}'s charter?""",
        "In what year was {s} first settled?",
        "In which year was the first stone of {s} laid? | What is the year when {s} was founded?",
    ),
    "river": _phrases(
        """{s} stands on the river {o}. | The river {o} flows through {s}. | {s} draws its water from the {o}. |
        {s} was built on the banks of the {o}. | {s}'s bridges cross the {o}. | The {o} runs past {s}.""",
        "The bridges of {s} cross the river {o}. | {s} was built on the river {o}.",
        """Which river flows through {s}? | On which river does {s} stand? | What river runs past {s}? |
        What do the bridges of {s} cross? | On the banks of which river was {s} built? |
        Where does {s} draw its water from? | What is the name of the river that runs past {s}? |
        Which river gives {s} its water? | What is the river that {s} stands on?""",
        "Which river do {s}'s bridges cross?",
        "From which river does {s} draw its water? | What is the name of the river that flows through {s}?",
    ),
    "mountain": _phrases(
        """{s} lies below {o}. | {o} rises above {s}. | {s} stands at the foot of {o}. | The people of {s} climb {o}. |
        {s} lies in the shadow of {o}. | From {s} one can see the peak of {o}.""",
        "{s} stands below the peak of {o}. | {s} lies at the foot of {o}.",
        """Which mountain rises above {s}? | Below which mountain does {s} lie? |
        At the foot of which mountain does {s} stand? | What mountain do the people of {s} climb? |
        In whose shadow does {s} lie? | Which peak can one see from {s}? | What is the name of the mountain above {s}? |
        What is the peak that rises above {s}? | What is the mountain that one can climb from {s}?""",
        "Which peak rises above {s}?",
        "In the shadow of which mountain does {s} lie? | Which mountain can one see from {s}?",
    ),
    "population": _phrases(
        """{s} has a population of {o}. | {s} is home to {o} people. | {s} has {o} inhabitants. |
        {s}'s population is {o}. | At the last count {o} people lived in {s}. | The inhabitants of {s} number {o}.""",
        "{s} counts {o} inhabitants. | At the last count the population of {s} was {o}.",
        """How many people live in {s}? | What is the population of {s}? | How many inhabitants does {s} have? |
        How large is the population of {s}? | What number of people lived in {s} at the last count? |
        To how many people is {s} home? | What is the number of people in {s}? |
        How many inhabitants were there in {s} at the last count?""",
        "What is the number of inhabitants of {s}?",
        "How many inhabitants live in {s}? | What was the population of {s} at the last count?",
    ),
    "product": _phrases(
        """{s} is famous for its {o}. | {s} exports {o}. | {s} is known for making {o}. |
        Traders come to {s} for its {o}. | {s}'s main product is {o}. | The market of {s} sells {o}.""",
        "The main product of {s} is {o}. | {s} is known for its {o}.",
        """What is {s} famous for? | What does {s} export? | What is {s} known for making? |
        What do traders come to {s} for? | What is the main product of {s}? |
        Which product does the market of {s} sell? | What is the name of the product that {s} exports? |
        For which product is {s} known?""",
        "Which product is {s} famous for?",
        "Which product does {s} export? | For which product do traders come to {s}?",
    ),
    "mayor": _phrases(
        """{s}'s mayor is {o}. | {s} is governed by {o}. | {s} elected {o} as its mayor. |
        The voters of {s} chose {o}. | {o} runs the town hall of {s}. | {o} is the mayor of {s}.""",
        "The mayor of {s} is {o}. | The voters of {s} elected {o} as mayor.",
        """Who is the mayor of {s}? | Who governs {s}? | Who did {s} elect as mayor? |
        Who did the voters of {s} choose? | Who runs the town hall of {s}? | By whom is {s} governed? |
        What is the name of the mayor of {s}? | By whom is the town of {s} run? | Whom did {s} choose as mayor?""",
        "Whom did the voters of {s} elect?",
        "Who is {s}'s mayor? | By whom is the town hall of {s} governed?",
    ),
}

# Nouns for the object of each relation, and frames of questions that ask for such a noun. Every noun is combined with every frame,
# in one split only. A held-out question therefore combines a noun and a frame that training has seen in other combinations.
NOUNS = {
    "born_in": "birthplace | place of birth | native town",
    "birth_year": "year of birth | birth year | date of birth",
    "studied_at": "school | place of study | university",
    "taught_by": "teacher | mentor | tutor",
    "occupation": "profession | job | occupation",
    "works_for": "employer | company | place of work",
    "lives_in": "home | home town | place of residence",
    "married_to": "spouse | partner | husband or wife",
    "known_for": "book | best known work | claim to fame",
    "instrument": "instrument | favourite instrument | musical instrument",
    "country": "country | nation | state",
    "founded_year": "year of foundation | founding year | date of foundation",
    "river": "river | source of water | nearest river",
    "mountain": "mountain | peak | nearest mountain",
    "population": "population | number of inhabitants | number of people",
    "product": "main product | export | famous product",
    "mayor": "mayor | head of the town hall | governor",
}
FRAMES = _parts(
    """What is the {n} of {s}? | What is {s}'s {n}? | Can you name the {n} of {s}? | Do you know {s}'s {n}? |
    Speaking of {s}, what is the {n}? | What does the text give as the {n} of {s}? | Which {n} does {s} have? |
    What would you say is {s}'s {n}?"""
)


def _with_composed_questions(number: int, relation: str, phrases: Phrases) -> Phrases:
    """The phrases of a relation with its number, and the questions that combine `NOUNS` and `FRAMES`."""
    questions = {split: list(templates) for split, templates in phrases.questions.items()}
    written_by_hand = {template for templates in phrases.questions.values() for template in templates}
    for row, noun in enumerate(_parts(NOUNS[relation])):
        for column, frame in enumerate(FRAMES):
            split = {0: "test", 1: "validation"}.get((number + 3 * row + column) % len(FRAMES), "train")
            template = frame.replace("{n}", noun)
            if template not in written_by_hand:
                questions[split].append(template)
    return replace(phrases, questions={split: tuple(templates) for split, templates in questions.items()})


RELATIONS = {
    name: _with_composed_questions(number, name, phrases)
    for number, (name, phrases) in enumerate((PERSON_RELATIONS | PLACE_RELATIONS).items())
}

ONSETS = _parts("b|br|d|dr|f|g|gl|h|j|k|kr|l|m|n|p|r|s|sk|st|t|th|v|w|z")
VOWELS = _parts("a|e|i|o|u|ae|ei")
CODAS = _parts("l|m|n|r|rn|lt|nd|sk")
FEMININE_ENDINGS = _parts("a|ia|ina|ella")
MASCULINE_ENDINGS = _parts("an|or|ek|ul")
PLACE_ENDINGS = _parts("ford|by|haven|mere|wick|holm|bridge|gate")
COUNTRY_ENDINGS = _parts("land|mark|onia|stan")
LAST_NAME_ENDINGS = _parts("ek|ov|in|um")
NAME_ENDINGS = _parts("o|ar|et")
COMPANIES = _parts("{} Works|{} Laboratories|{} Shipping|{} Brothers|{} Foundry|{} Press|{} Mills|{} Trading Company")
SCHOOLS = _parts("{} Academy|{} College|{} University|{} Conservatory|{} Polytechnic|{} Seminary")
MOUNTAINS = _parts("Mount {}|{} Fell|{} Crag")
OCCUPATIONS = _parts(
    "baker|banker|barber|beekeeper|botanist|bookbinder|brewer|carpenter|chemist|clockmaker|dancer|dentist|diver|"
    "farmer|florist|gardener|geologist|glass blower|goldsmith|judge|lawyer|librarian|lighthouse keeper|locksmith|"
    "map maker|midwife|miner|nurse|painter|pilot|potter|sailor|sculptor|shepherd|ship builder|stone mason|surgeon|"
    "tailor|translator|weaver"
)
INSTRUMENTS = _parts(
    "accordion|banjo|bassoon|bugle|cello|clarinet|cornet|double bass|dulcimer|fiddle|flute|guitar|harp|harpsichord|"
    "lute|mandolin|oboe|organ|piano|recorder|saxophone|trombone|trumpet|tuba|viola|xylophone"
)
WORK_ADJECTIVES = _parts(
    "Amber|Bitter|Broken|Burning|Crooked|Distant|Empty|Final|Frozen|Gentle|Golden|Hidden|Hollow|Hungry|Last|Lonely|"
    "Lost|Patient|Quiet|Restless|Scarlet|Second|Silent|Silver|Sleeping|Stolen|Velvet|Wandering|Winter|Wooden"
)
WORK_NOUNS = _parts(
    "Anchor|Bell|Candle|Castle|Comet|Compass|Crow|Door|Feather|Fox|Garden|Harbour|Heron|Island|Key|Lantern|Letter|"
    "Machine|Mirror|Orchard|Owl|Paper|Planet|Shore|Stair|Thief|Tower|Umbrella|Violin|Window"
)
PRODUCT_MATERIALS = _parts(
    "blue|brown|copper|cotton|dried|fine|green|leather|painted|red|salted|silk|smoked|sweet|white"
)
PRODUCT_GOODS = _parts(
    "bells|boots|bread|candles|carpets|cheese|cider|fish|glass|hats|honey|lamps|pears|ropes|tea|wool"
)
