"""The closed choices of a schedule, and what is checked of curricula and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pypack._common.arguments import check_choice, plain_by_length, plain_shares

Curriculum = Literal["uniform", "natural", "grow-linear", "grow-p2", "grow-p100", "shrink-p100"]
OnLimit = Literal["renormalize", "stop", "error"]
Sampler = Literal["sample", "subcycle"]
WeightsBy = Literal["tokens", "sequences"]

CURRICULA: tuple[Curriculum, ...] = get_args(Curriculum)


def plain_curriculum(
    curriculum: Curriculum | Mapping[int, float], cycles: int
) -> Curriculum | dict[int, int | float]:
    """A curriculum whose odds, if it is odds, are plain numbers by length.

    Raises:
        ValueError: it is neither one of `CURRICULA` nor odds, or there are no cycles of it.
    """
    check_curriculum(curriculum, cycles)
    return plain_by_length("curriculum", curriculum) if isinstance(curriculum, Mapping) else curriculum


def check_curriculum(curriculum: Curriculum | Mapping[int, float], cycles: int) -> None:
    """Raises ValueError unless the curriculum is one of `CURRICULA`, or odds, and there are cycles of it."""
    if not isinstance(curriculum, Mapping):
        check_choice("curriculum", curriculum, CURRICULA)
    else:
        odds = plain_by_length("curriculum", curriculum)
        if not odds or not min(odds.values()) > 0:
            raise ValueError(f"the odds of a curriculum must be positive, got {dict(curriculum)}")
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, got {cycles}")


def check_weights(weights: Mapping[str, float]) -> None:
    """Raises ValueError unless the weights are numbers from 0 up, and not all 0."""
    plain_weights(weights)


def plain_weights(weights: Mapping[str, float]) -> dict[str, int | float]:
    """Weights as plain numbers.

    Raises:
        ValueError: one is no number from 0 up, or all are 0.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be numbers by the names of sources, got {weights!r}")
    try:
        plain = plain_shares("the weight", weights)
    except ValueError as error:
        raise ValueError(f"{error}; a weight must be from 0 up") from None
    for name, weight in plain.items():
        if weight < 0:
            raise ValueError(f"the weight of {name!r} must be from 0 up, got {weight}")
    if not 0 < sum(plain.values()) < float("inf"):
        raise ValueError(f"weights must not all be 0, nor too large to add up, got {plain}")
    return plain
