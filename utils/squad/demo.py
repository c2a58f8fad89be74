"""Built-in questions for extractive question answering, about the demo world: no download, and no pretrained model knows them."""

import random

from utils.demo.world import build_world, paragraph_questions
from utils.squad.data import Answer, Question


def demo_squad(
    seed: int = 0, num_train: int = 4000, num_validation: int = 400, num_test: int = 800
) -> dict[str, list[Question]]:
    """Make questions about the demo world, in the form of SQuAD 1.1.

    A paragraph of about 60 words states a few facts about the subject in its title, and some facts of the same relations about two
    other subjects, in random order. To answer, a model must therefore read both the subject and the relation of a question. The
    splits share no invented name and no question template. The paragraphs of the test split also use sentence templates of their
    own. Every question has one answer, which stands once in its paragraph.

    Args:
        seed: decides everything; the same seed gives the same questions on every machine.
        num_train: number of training questions.
        num_validation: number of validation questions.
        num_test: number of test questions.

    Returns:
        `train`, `validation` and `test`, each a list of questions with ids such as `demo-test-00042`.
    """
    splits, taken_names = {}, set()
    for split, count in {"train": num_train, "validation": num_validation, "test": num_test}.items():
        world = build_world(f"{seed} {split}", 6 + count // 6, 4 + count // 15, taken_names)
        rng = random.Random(f"squad {seed} {split}")
        records, subjects = [], []
        while len(records) < count:
            if not subjects:
                subjects = list(world.people + world.places)
                rng.shuffle(subjects)
            records += paragraph_questions(rng, world, subjects.pop(), split)
        splits[split] = [
            Question(
                id=f"demo-{split}-{number:05d}",
                title=record.subject,
                context=record.paragraph,
                question=record.question,
                answers=(Answer(record.answer, record.answer_start),),
            )
            for number, record in enumerate(records[:count])
        ]
    return splits
