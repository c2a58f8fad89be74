"""The Cranfield 1400 collection as a folder in BEIR's layout, to see how an encoder searches texts of a field it has not seen.

    python -m benchmarks.cranfield cranfield --out cranfield_beir
    python evaluate.py runs/mine --test-files cranfield_beir

`cranfield` holds `cran.all.1400.gz`, `cran.qry.gz` and `cranqrel`, or the first two unpacked. The codes of the judgements are 1 for
a complete answer to 4 for the least interest, and become the grades 4 to 1; judgements with other codes are left out, as are
documents without text. The judgements number the questions by their order in the file, not by their `.I` lines.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from utils.common.files import write_atomically

LEAST_INTEREST = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    documents = [
        {"_id": number, "title": fields["T"], "text": fields["W"].removeprefix(fields["T"]).strip()}
        for number, fields in read_records(options.folder, "cran.all.1400")
        if fields["T"] or fields["W"]
    ]
    texts = [fields["W"] for _, fields in read_records(options.folder, "cran.qry")]
    questions = [{"_id": str(number), "text": text} for number, text in enumerate(texts, 1)]
    judgements = ["query-id\tcorpus-id\tscore"]
    for line in read_file(options.folder, "cranqrel").splitlines():
        question, document, code = line.split()
        if 1 <= int(code) <= LEAST_INTEREST:
            judgements.append(f"{question}\t{document}\t{LEAST_INTEREST + 1 - int(code)}")
    (options.out / "qrels").mkdir(parents=True, exist_ok=True)
    write_atomically(options.out / "corpus.jsonl", "".join(json.dumps(record) + "\n" for record in documents))
    write_atomically(options.out / "queries.jsonl", "".join(json.dumps(record) + "\n" for record in questions))
    write_atomically(options.out / "qrels" / "test.tsv", "\n".join(judgements) + "\n")
    print(
        f"{len(documents):,} documents, {len(questions)} questions, {len(judgements) - 1:,} judgements in {options.out}"
    )


def read_records(folder: Path, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the number of each record of a file, and its fields `T` (title) and `W` (text), each on one line.

    Raises:
        SystemExit: the folder has no such file.
    """
    for record in f"\n{read_file(folder, name)}".split("\n.I ")[1:]:
        number, *lines = record.split("\n")
        fields, field = {"T": [], "W": []}, None
        for line in lines:
            if line.rstrip() in (".T", ".A", ".B", ".W"):
                field = line[1]
            elif field in fields:
                fields[field].append(line)
        yield number.strip(), {field: " ".join(" ".join(part).split()) for field, part in fields.items()}


def read_file(folder: Path, name: str) -> str:
    """The text of a file, or of `NAME.gz`.

    Raises:
        SystemExit: the folder has neither.
    """
    path = next((path for path in (folder / f"{name}.gz", folder / name) if path.exists()), None)
    if path is None:
        raise SystemExit(f"{folder}: has no {name}; give the folder of Cranfield 1400")
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()


if __name__ == "__main__":
    main()
