"""The PyTorch rows of benchmarks/inference.py, and how all rows are measured. It needs nothing of this project.

python benchmarks/inference_torch.py FOLDER questions "pipeline float32"
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

MAX_LENGTH, STRIDE = 384, 128
BATCH_SIZE = 32


def measure(answer, inputs: list) -> dict:
    """The results of all inputs, inputs per second, and the median milliseconds of the shortest input alone.

    Args:
        answer: function of a list of inputs that returns a list of results.
        inputs: questions with contexts, or texts.
    """
    shortest = min(inputs, key=lambda value: len(json.dumps(value)))
    results = answer(inputs)  # all shapes are compiled, all pages of memory are touched
    begin = time.perf_counter()
    answer(inputs)
    seconds = time.perf_counter() - begin
    answer([shortest])
    alone = []
    for _ in range(30):
        begin = time.perf_counter()
        answer([shortest])
        alone.append(1000 * (time.perf_counter() - begin))
    return {"results": results, "per_second": len(inputs) / seconds, "milliseconds": median(alone)}


def question_pipeline(folder: str, dtype):
    from transformers import pipeline

    answer = pipeline("question-answering", model=folder, tokenizer=folder, device="cpu", dtype=dtype)

    def run(records):
        answers = answer(
            question=[record["question"] for record in records],
            context=[record["context"] for record in records],
            batch_size=BATCH_SIZE, max_seq_len=MAX_LENGTH, doc_stride=STRIDE, max_answer_len=30,
        )  # fmt: skip
        return [value["answer"] for value in (answers if isinstance(answers, list) else [answers])]

    return run


def sentence_encoder(folder: str, dtype):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype})
    return lambda texts: model.encode(texts, batch_size=BATCH_SIZE, normalize_embeddings=True).tolist()


def main() -> None:
    import torch

    folder, job, name = sys.argv[1:]
    dtype = torch.bfloat16 if name.endswith("bfloat16") else torch.float32
    make = question_pipeline if job == "questions" else sentence_encoder
    inputs = json.loads((Path(folder) / f"{job}.json").read_text())
    print(json.dumps(measure(make(str(Path(folder) / "weights"), dtype), inputs)))


if __name__ == "__main__":
    main()
