"""What goes into an exported model and what comes out: names, axes, types and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tensor:
    """An input or an output of an exported model.

    Args:
        axes: its axes. A number is a fixed size, a name is a free one; axes of one name have equal sizes.
        meaning: what its values are, for the export's README.
        dtype: `int32` or `float32`.
    """

    axes: tuple
    meaning: str = ""
    dtype: str = "int32"

    def shape(self) -> tuple:
        """Its shape, None for a free axis."""
        return tuple(axis if isinstance(axis, int) else None for axis in self.axes)


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of an exported model.

    Args:
        inputs: name of each input to what it is.
        outputs: name of each output to what it is. A model that gives no dict has one output, which gets its name here.
        max_sizes: name of a free axis to its largest size.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    max_sizes: Mapping[str, int] = field(default_factory=dict)

    def name_outputs(self, outputs) -> dict:
        """A model's outputs as a dict of those that are exported."""
        if not isinstance(outputs, Mapping):
            (name,) = self.outputs
            return {name: outputs}
        return {name: outputs[name] for name in self.outputs}
