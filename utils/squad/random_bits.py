"""Random bits that depend on a key and a number alone, so that each process of a training draws its rows of a batch."""

from __future__ import annotations

import numpy as np


def key_of_batch(key: tuple[int, int], stream: int) -> np.uint64:
    """The key of a batch.

    Args:
        key: seed and step.
        stream: keeps draws of different kinds apart.
    """
    return np.random.SeedSequence((*key, stream)).generate_state(1, np.uint64)[0]


def mixed_bits(key: np.ndarray | np.uint64, numbers: np.ndarray) -> np.ndarray:
    """64 random bits for each number under a key: the finaliser of SplitMix64 (Steele et al. 2014)."""
    z = key + (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def as_fraction(bits: np.ndarray) -> np.ndarray:
    """Random bits as numbers in [0, 1)."""
    return (bits >> np.uint64(11)) * 2.0**-53
