"""An independent check of fine-tuning: KerasHub's BERT in the place of this project's.

The same checkpoint, questions, batches, optimizer and evaluation; once with `BertEncoder` and once with KerasHub's `BertBackbone`
(read by its own converter), each with a fresh span head, for several seeds. If both are right, their scores differ no more than
seeds do. Needs keras-hub (requirements-bench.txt).

    python -m benchmarks.keras_hub_check --checkpoint MiniLM/ --files train.json.gz --out runs/keras_hub.json
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean, stdev

from benchmarks.harness import report_head, write_report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a BERT with model.safetensors")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="SQuAD-format files")
    parser.add_argument("--questions", type=int, default=1200, help="to train on")
    parser.add_argument("--validation-questions", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    from utils.squad.data import read_squad_files
    from utils.squad.features import build_features
    from utils.squad.splits import split_by_article
    from utils.text.pretrained.checkpoint import read_checkpoint
    from utils.text.tokenization import load_tokenizer
    from utils.training.run import set_precision

    set_precision("float32")
    train, validation = split_by_article(read_squad_files(options.files), 0.1, 0)
    train = train[:: max(1, len(train) // options.questions)][: options.questions]
    validation = validation[:: max(1, len(validation) // options.validation_questions)][: options.validation_questions]
    checkpoint, tokenizer = read_checkpoint(options.checkpoint), load_tokenizer(options.checkpoint)
    windows = {"max_length": 384, "doc_stride": 128}
    features = (
        build_features(train, tokenizer, **windows),
        build_features(validation, tokenizer, **windows, labelled=False),
    )
    rows = []
    for name, make in (("this project", ours), ("keras-hub", theirs)):
        runs = [fine_tune(make, checkpoint, tokenizer, options, seed, *features, validation) for seed in options.seeds]
        f1, em = ([scores[key] for scores in runs] for key in ("f1", "exact_match"))
        rows.append({"encoder": name, "seeds": options.seeds, "f1": f1, "exact_match": em})
        print(f"{name}: F1 {mean(f1):.2f} (deviation {stdev(f1) if len(f1) > 1 else 0:.2f}): {f1}", flush=True)
    report = report_head("keras_hub_check", options, questions=len(train), scored=len(validation), rows=rows)
    write_report(report, options.out)


def ours(checkpoint):
    """BertQA with the checkpoint's weights; attention dropout as KerasHub has it."""
    from models.bert_qa import BertQA
    from utils.text.pretrained.checkpoint import assign

    model = BertQA(checkpoint.encoder | {"attention_dropout": checkpoint.encoder["dropout"]})
    model.build()
    assign(model.encoder, checkpoint.weights)
    return model


def theirs(checkpoint):
    """KerasHub's backbone from the same folder, with the same kind of head."""
    import keras
    import keras_hub
    from safetensors.numpy import load_file, save_file

    from components.span_logits import span_logits

    with tempfile.TemporaryDirectory() as folder:
        # Its converter expects the names of a model with a head: "bert.encoder..." instead of "encoder...".
        tensors = load_file(checkpoint.folder / "model.safetensors")
        prefixed = {name if name.startswith("bert.") else f"bert.{name}": array for name, array in tensors.items()}
        save_file(prefixed, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            if (checkpoint.folder / name).exists():
                (Path(folder) / name).write_bytes((checkpoint.folder / name).read_bytes())
        backbone = keras_hub.models.BertBackbone.from_preset(folder)

    class HubQA(keras.Model):
        def __init__(self):
            super().__init__()
            self.backbone = backbone
            self.span_head = keras.layers.Dense(2, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02))

        def call(self, inputs, training=None):
            inputs = {name: inputs[name] for name in ("token_ids", "segment_ids", "padding_mask")}
            x = self.backbone(inputs, training=training)["sequence_output"]
            return span_logits(self.span_head(x), inputs["segment_ids"], inputs["padding_mask"])

    return HubQA()


def fine_tune(make, checkpoint, tokenizer, options, seed, features, validation_features, validation):
    """The scores of one encoder after training with one seed."""
    import keras

    from train_squad import Config, compile_model, with_model_settings
    from utils.squad.batches import training_batches
    from utils.squad.metrics import score_predictions
    from utils.squad.predictor import SquadPredictor
    from utils.training.batch_dataset import as_dataset

    keras.utils.set_random_seed(seed)
    model = make(checkpoint)
    steps = options.epochs * -(-len(features) // options.batch_size)
    config = with_model_settings(Config(run_dir=Path("unused"), model="bert", learning_rate=options.learning_rate))
    compile_model(model, config, total_steps=steps)
    batches = as_dataset(lambda first: training_batches(features, options.batch_size, seed, first), 0)
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    windows = {"max_length": config.max_length, "doc_stride": config.doc_stride}
    predictor = SquadPredictor(model, tokenizer, **windows, length_penalty=config.length_penalty)
    scores = score_predictions(validation, predictor.answer_features(validation_features, validation).answers)
    print(json.dumps({"seed": seed, **scores}), flush=True)
    return scores


if __name__ == "__main__":
    main()
