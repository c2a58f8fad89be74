"""Settings of `train_memnet.py`: those of evidence, and the data that they stand for."""

from __future__ import annotations

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.memnet.data import read_facts, read_templates, write_facts
from utils.memnet.dataset import MemoryData
from utils.memnet.demo import demo_people
from utils.memnet.features import NOTHING, UNKNOWN, VOCABULARIES, Vocabulary, read_vocabulary, save_vocabulary
from utils.memnet.file_splits import split_files
from utils.memnet.splits import split_templates


def check_evidence(config, is_pointer: bool) -> None:
    """Check the settings of evidence and of abstention, which only a pointer has.

    Raises:
        UserError: a setting that cannot work.
    """
    if config.evidence and (not is_pointer or config.vocabulary == "closed"):
        raise UserError("--evidence: is for --model pointer and --vocabulary open; leave it out")
    if config.evidence and (config.num_hops > 2 or config.retrieval == "vectors"):
        raise UserError("--evidence: is for --retrieval words and at most two steps (--num-hops); leave it out")
    if config.partial_names and config.vocabulary == "closed":
        raise UserError(
            "--partial-names: is for --vocabulary open, in which every word of a name has an id; leave it out"
        )
    if config.unknown_words and not (config.unanswerable and config.evidence):
        raise UserError(
            "--unknown-words: is for models with evidence that may abstain; give --unanswerable, and no --evidence False"
        )
    if config.unanswerable and not is_pointer:
        raise UserError("--unanswerable: is for --model pointer, whose answer is a fact; leave it out")


def write_vocabulary(config, data: MemoryData) -> Vocabulary:
    """The vocabulary, which is written to the run directory with the facts; a resumed run uses the one there."""
    path = config.run_dir / "vocabulary.json"
    if not (config.resume and path.exists()):
        write_facts(config.run_dir / "facts.tsv", data.base)
        vocabulary = VOCABULARIES[config.vocabulary](data.base, data.questions["train"])
        if config.unanswerable:
            signs = [NOTHING, *([UNKNOWN] if config.unknown_words else [])]
            vocabulary = Vocabulary([*vocabulary.words, *signs], vocabulary.hashed)
        save_vocabulary(path, vocabulary)
    return read_vocabulary(path)


def load_data(config, reading: Reading) -> MemoryData:
    """The facts, and the questions of each split.

    Args:
        config: has the settings of `train_memnet.py` as attributes.
        reading: counts what the files have beside them.

    Raises:
        UserError: a file cannot be used, or a split would be empty.
    """
    common = {"limit": config.limit, "seed": config.split_seed}
    fractions = {"validation_fraction": config.validation_fraction, "test_fraction": config.test_fraction}
    base = read_facts(config.facts, reading) if config.facts else None
    if config.train_files:
        files = {"train": config.train_files, "validation": config.validation_files, "test": config.test_files}
        return split_files(files, reading, base, candidates=config.candidates, **fractions, **common)
    subjects, notes = None, []
    if config.facts:
        templates, notes = read_templates(config.templates, reading), base.notes
    else:
        base, templates, subjects = demo_people(config.split_seed)
    too_many = [str(count) for count in config.sweep if count >= len(base.facts)]
    if too_many:
        notes = [*notes, f"--sweep {' '.join(too_many)}: left out, there are {len(base.facts):,} facts in all"]
    return split_templates(
        base,
        templates,
        subjects=subjects,
        value_fraction=config.held_out_values,
        max_templates=config.templates_each,
        notes=notes,
        **fractions,
        **common,
    )
