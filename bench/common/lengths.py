"""Seeded document lengths like those of three kinds of corpora, in tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray


def web(documents: int, seed: int = 0) -> NDArray[np.int32]:
    """Web pages: log-normal, median 500, mean 1092."""
    return _log_normal(np.random.default_rng([seed, 1]), documents, median=500, sigma=1.25)


def instruct(documents: int, seed: int = 0) -> NDArray[np.int32]:
    """Instructions: short exchanges and long ones, from 50 to 2000 tokens."""
    rng = np.random.default_rng([seed, 2])
    short = _log_normal(rng, documents, median=150, sigma=0.6)
    long = _log_normal(rng, documents, median=750, sigma=0.45)
    return np.clip(np.where(rng.random(documents) < 0.55, short, long), 50, 2000).astype(np.int32)


def code(documents: int, seed: int = 0) -> NDArray[np.int32]:
    """Source files: log-normal with a heavier tail, median 820, mean 2530."""
    return _log_normal(np.random.default_rng([seed, 3]), documents, median=820, sigma=1.5)


def _log_normal(rng: np.random.Generator, documents: int, median: float, sigma: float) -> NDArray[np.int32]:
    lengths = np.exp(rng.standard_normal(documents, dtype=np.float32) * np.float32(sigma)) * np.float32(
        median
    )
    return np.maximum(lengths, 1).astype(np.int32)


GENERATORS: Mapping[str, Callable[[int, int], NDArray[np.int32]]] = {
    "web": web,
    "instruct": instruct,
    "code": code,
}
