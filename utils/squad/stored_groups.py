"""The groups of `utils.squad.splits.article_groups`, of questions that do not fit into memory."""

from __future__ import annotations

from array import array

import numpy as np

from utils.squad.stored_questions import QuestionTable


def stored_groups(questions: QuestionTable, max_article_fraction: float) -> tuple[np.ndarray, list[str]]:
    """Join articles that have a paragraph in common, letter case and white space aside.

    Paragraphs are compared by a hash of 64 bits.

    Args:
        questions: the questions.
        max_article_fraction: a title that more than this fraction of the questions have names no article.

    Returns:
        the number of each question's group, int32 `(questions,)`, by the first question of each; and the names of the groups,
        which are those of `article_groups`.
    """
    store, titles, contexts = questions.store, questions.column("title"), questions.column("context")
    num_titles = len(store.titles)
    is_article = np.bincount(titles, minlength=num_titles) <= max_article_fraction * len(questions)
    empty = store.titles.find("")
    if empty >= 0:
        is_article[empty] = False
    hash_of_context = np.zeros(len(store.contexts), np.int64)
    for number in questions.context_numbers().tolist():
        hash_of_context[number] = hash(_name_of_paragraph(questions, number))
    _, paragraph_of_context = np.unique(hash_of_context, return_inverse=True)
    parent = array("i", range(num_titles + int(paragraph_of_context.max()) + 1))  # titles, then paragraphs

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    pairs = np.unique(titles.astype(np.int64) * len(store.contexts) + contexts)
    for title, context in zip(*(part.tolist() for part in np.divmod(pairs, len(store.contexts))), strict=True):
        if is_article[title]:
            first, second = find(title), find(num_titles + int(paragraph_of_context[context]))
            parent[max(first, second)] = min(first, second)
    roots = np.array([find(node) for node in range(len(parent))], np.int32)
    root_of_question = roots[num_titles + paragraph_of_context[contexts]]
    different, first, groups = np.unique(root_of_question, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    names = _names(questions, roots, is_article, titles, contexts, root_of_question)
    return place[groups], [names[root] for root in different[order].tolist()]


def _name_of_paragraph(questions: QuestionTable, context: int) -> str:
    return "paragraph " + " ".join(questions.store.contexts[context].split()).casefold()


def _names(questions: QuestionTable, roots, is_article, titles, contexts, root_of_question) -> dict[int, str]:
    """The name of each group by its root: the smallest of its articles and paragraphs, of which articles come first."""
    names: dict[int, str] = {}
    for title in np.unique(titles).tolist():
        if is_article[title]:
            name, root = "article " + questions.store.titles[title], int(roots[title])
            names[root] = min(name, names.get(root, name))
    _, first = np.unique(contexts, return_index=True)
    for number in first.tolist():  # a group without an article is one paragraph
        root = int(root_of_question[number])
        if root not in names:
            names[root] = _name_of_paragraph(questions, int(contexts[number]))
    return names
