"""One run in TensorBoard's event files, as `utils.training.tracking` uses it; needs the package `tensorboard` alone."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from pathlib import Path

from utils.common.files import finite_or_none


class TensorBoardRun:
    """Writes an event file with scalars, images, and texts: settings, and tables in Markdown.

    Names are those of `utils.training.wandb_run.WandbRun`. A trained model is not copied: it lies in the run directory.

    Args:
        folder: for the event files, one for each process of the run.
        settings: the config of the run.
    """

    def __init__(self, folder: Path, settings: dict):
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(exist_ok=True)
        path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self.file = open(path, "wb")  # noqa: SIM115 - closed by `finish`
        self.writer = RecordWriter(self.file)
        self.step = None
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        self._log_text("config", _as_markdown(settings))
        print(f"TensorBoard: tensorboard --logdir {folder}", flush=True)

    def log(self, values: dict[str, float], step: int) -> None:
        """Log values of a training step. Those that an earlier process logged of this step and later ones are replaced."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        if self.step is None:
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(event_pb2.Event(step=step, session_log=start))
        self.step = step
        scalars = [summary_pb2.Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=scalars)))

    def log_table(self, name: str, columns: list[str], rows: list[list]) -> None:
        """Log a table."""
        lines = [columns, ["---"] * len(columns), *rows]
        cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
        self._log_text(name, "\n".join(f"| {' | '.join(line)} |" for line in cells))

    def log_images(self, paths: dict[str, Path]) -> None:
        """Log PNG files."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        for name, path in paths.items():
            content = path.read_bytes()
            width, height = struct.unpack(">II", content[16:24])
            image = summary_pb2.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
            summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=name, image=image)])
            self._write(event_pb2.Event(step=self.step or 0, summary=summary))

    def log_model(self, name: str, files: dict[str, Path | str], metadata: dict, aliases: list[str]) -> None:
        """Nothing: TensorBoard keeps no models."""

    def set_config(self, values: dict) -> None:
        """Log further settings and conditions as a text."""
        self._log_text("conditions", _as_markdown(values))

    def set_summary(self, values: dict) -> None:
        """Log final numbers as scalars of the last step."""
        self.log({name: value for name, value in values.items() if isinstance(value, int | float)}, self.step or 0)

    def finish(self, exit_code: int) -> None:
        """Close the file."""
        self.file.close()

    def _log_text(self, name: str, text: str) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

        shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
        tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()], tensor_shape=shape)
        plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
        metadata = summary_pb2.SummaryMetadata(plugin_data=plugin)
        value = summary_pb2.Summary.Value(tag=name, metadata=metadata, tensor=tensor)
        self._write(event_pb2.Event(step=self.step or 0, summary=summary_pb2.Summary(value=[value])))

    def _write(self, event) -> None:
        event.wall_time = time.time()
        self.writer.write(event.SerializeToString())
        self.file.flush()


def _as_markdown(values: dict) -> str:
    return f"```\n{json.dumps(finite_or_none(values), indent=2, ensure_ascii=False)}\n```"
