"""Ask a trained encoder for the texts that fit a question best: one question, or a file of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from utils.common.asking import OrderedReport, Record, Request, answer_in_order, say_notes
from utils.common.errors import UserError, counted
from utils.common.question_records import read_plain_questions
from utils.common.reading import Reading
from utils.ranking.data import NamedText, find_layout, read_rankings
from utils.ranking.index import is_index
from utils.ranking.predictor import RankingPredictor
from utils.ranking.trec import distinct_names, run_line
from utils.text.words import shortened

QUESTIONS_AT_ONCE = 256
"""Questions that are embedded and compared together."""
SHOWN = 3
"""Texts that are listed for a question."""
IN_A_TREC_RUN = 100
"""Texts of a question in a TREC run."""
MAX_PRINTED = 300
"""Characters of a text that are printed."""


class Collection:
    """The texts that are searched, with their names.

    Args:
        predictor: searches them.
        texts: at least one text.
    """

    def __init__(self, predictor, texts: Sequence[NamedText]):
        self.texts = texts
        self.searcher = predictor.searcher([named.text for named in texts])

    @classmethod
    def read(cls, predictor, request: Request):
        """Read the texts of the request's file, or of the demo world for a run that was trained on it, or open an index."""
        if request.file and is_index(request.file):
            index = predictor.open_index(request.file)
            return index.with_trec_ids() if is_trec(request) else index
        texts, notes = predictor.read_texts(request.file, request.max_bad_fraction)
        say_notes(notes)
        ids = list(distinct_names(named.id for named in texts)) if is_trec(request) else [named.id for named in texts]
        return cls(predictor, [named._replace(id=name) for named, name in zip(texts, ids, strict=True)])

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, questions: Sequence[str], n_best: int) -> list[dict]:
        """The `n_best` texts for each question: a dict of `question` and `answers`, best first."""
        rankings = self.searcher.search(questions, n_best)
        return [
            {"question": question, "answers": [self._answer(entry) for entry in ranking]}
            for question, ranking in zip(questions, rankings, strict=True)
        ]

    def _answer(self, entry: dict) -> dict:
        """A text as it is answered: `id`, `name`, `text` and `score`."""
        return {**self.texts[entry["candidate"]]._asdict(), "score": entry["score"]}


def load(request: Request) -> RankingPredictor:
    """The predictor that answers."""
    return RankingPredictor.load(request.reference)


def ask(predictor, request: Request) -> list[dict]:
    """The texts of the request's file, or of the demo world, that fit the question best."""
    collection = Collection.read(predictor, request)
    (answer,) = collection.search([request.question], request.n_best or SHOWN)
    return [{**answer, "num_searched": len(collection)}]


def answer_lines(answer: dict) -> Iterator[str]:
    """What is printed of an answer."""
    for text in answer["answers"]:
        yield f"{text['score']:.3f}  {text['name']}: {shortened(text['text'], MAX_PRINTED)}"
    yield f"({counted(answer['num_searched'], 'text')} searched)"


def ask_file(predictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """Ranked texts for the questions of a file, in its order.

    Where the request names a file to search, the input has questions alone, and each gets the best of all texts. Otherwise the
    input has questions with candidates, in any format of training, and each gets its own candidates in their order.
    """
    if request.file:
        collection = Collection.read(predictor, request)
        n_best = request.n_best or (IN_A_TREC_RUN if is_trec(request) else SHOWN)
        questions = report.in_order(read_plain_questions(request.input, report))
        return answer_in_order(questions, lambda texts: collection.search(texts, n_best), report, QUESTIONS_AT_ONCE)
    return answer_in_order(
        _own_candidates(request), lambda pairs: _rank(predictor, request, pairs), report, QUESTIONS_AT_ONCE
    )


def _own_candidates(request: Request) -> Iterator[Record]:
    """Yield each question of a file with its candidates."""
    if find_layout(request.input) in ("lines", "documents", "strings"):
        raise UserError(f"{request.input}: holds questions without candidates; name the texts to search with --file")
    reading = Reading(request.max_bad_fraction)
    try:
        queries = read_rankings(request.input, reading, needs_grades=False).queries
    except UserError as error:
        raise UserError(f"{error}; or name texts to search for them with --file") from None
    say_notes(reading.notes)
    for query in queries:
        texts = [NamedText(candidate.id, candidate.text, candidate.id) for candidate in query.candidates]
        yield Record(query.id, query.place, (query.text, texts))


def _rank(predictor, request: Request, pairs: Sequence[tuple[str, list[NamedText]]]) -> list[dict]:
    rankings = predictor.rank(
        *zip(*((question, [named.text for named in texts]) for question, texts in pairs), strict=True)
    )
    answers = []
    for (question, texts), ranking in zip(pairs, rankings, strict=True):
        ids = list(distinct_names(named.id for named in texts)) if is_trec(request) else [named.id for named in texts]
        best = [{"id": ids[text["candidate"]], "text": text["text"], "score": text["score"]} for text in ranking]
        answers.append({"question": question, "answers": best[: request.n_best]})
    return answers


def is_trec(request: Request) -> bool:
    """Whether the answers are written as a TREC run."""
    return request.output is not None and request.output.suffix == ".trec"


def trec_lines(answers: Iterable[dict]) -> Iterator[str]:
    """The lines of a TREC run, from what `ask_file` gives; questions with an error have none."""
    for answer in answers:
        for rank, text in enumerate(answer.get("answers", ()), start=1):
            yield run_line(str(answer["id"]), text["id"], rank, text["score"])
