"""Files of responses for tests, and a short way to read them."""

from utils.common.reading import Reading
from utils.tracing.data import COMMON_FORMAT, read_responses


def write(path, content):
    """Write a text or bytes, and return the path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_file(path, response_format=COMMON_FORMAT, max_bad_fraction=0.05):
    """The sequences of one file, and the notes without its path."""
    reading = Reading(max_bad_fraction)
    (sequences,), _ = read_responses([path], reading, response_format)
    return sequences, [note.removeprefix(f"{path}: ") for note in reading.notes]


def contents(sequences):
    """Student to items, responses and skills."""
    return {s.student: (list(s.items), s.responses.tolist(), s.skills and list(s.skills)) for s in sequences}
