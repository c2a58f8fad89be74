"""Hold out a fraction of the data, whole groups at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def hold_out(
    sizes: Sequence[int], fractions: dict[str, float], seed: int = 0, order: Iterable[int] | None = None
) -> dict[str, np.ndarray]:
    """Assign groups to splits; what no split has room for is left for training.

    Groups are visited in a random order. Each goes to the first split that still has room for the whole of it. A split is never
    larger than its fraction of all examples, rounded, or one example. It stays empty where every group is larger than that; a
    fraction of 0 makes no split.

    Args:
        sizes: examples in each group.
        fractions: split to its fraction of all examples, 0-1, in the order in which splits are filled.
        seed: seed of the order.
        order: the order in which groups are visited, in the place of a random one.

    Returns:
        split to its group numbers, sorted; `train` holds the rest.

    Example:

    >>> parts = hold_out([1] * 10, {"test": 0.2, "validation": 0.1}, seed=0)
    >>> [len(parts[name]) for name in ("train", "validation", "test")]
    [7, 1, 2]
    """
    total = sum(sizes)
    room = {name: max(1, round(fraction * total)) for name, fraction in fractions.items() if fraction}
    groups: dict[str, list[int]] = {name: [] for name in ("train", *room)}
    for group in np.random.default_rng(seed).permutation(len(sizes)) if order is None else order:
        name = next((name for name in room if sizes[group] <= room[name]), "train")
        groups[name].append(int(group))
        if name in room:
            room[name] -= sizes[group]
    return {name: np.array(sorted(members), np.int64) for name, members in groups.items()}
