"""Files with questions and answers, written and read in one go."""

import bz2
import gzip
import json
import lzma

from utils.common.reading import Reading
from utils.ranking.data import read_rankings

COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def write(path, content):
    """Write text or bytes, compressed as the name says."""
    data = content if isinstance(content, bytes) else content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(COMPRESS.get(path.suffix, bytes)(data))
    return path


def json_lines(*values):
    """Values as JSON lines."""
    return "".join(json.dumps(value) + "\n" for value in values)


def read(path, content=None, max_bad_fraction=0.05, **settings):
    """The questions of a file that is written first, and the notes without its name."""
    if content is not None:
        write(path, content)
    reading = Reading(max_bad_fraction)
    rankings = read_rankings(path, reading, **settings)
    return rankings.queries, [note.replace(f"{path}: ", "") for note in reading.notes]


def graded(query):
    """`{text: grade}` of a question's candidates."""
    return {candidate.text: candidate.relevance for candidate in query.candidates}
