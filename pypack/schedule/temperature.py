"""Weights of a mixture by temperature, as multilingual models are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypack.source.source import Source


def temperature_weights(sources: Mapping[str, Source], temperature: float) -> dict[str, float]:
    """The share of each source, in proportion to its tokens to the power of 1 / temperature.

    1 gives every source its natural share, and the higher the temperature, the nearer the shares are to one
    another (Arivazhagan et al. 2019, arXiv 1907.05019, section 4.2; XLM-R's alpha is 1 / temperature). Give
    them to `Phase(weights=...)`.

    Args:
        sources: by name; their tokens are those of their plans.
        temperature: above 0.

    Raises:
        ValueError: no sources, one without tokens, or a temperature that is not above 0.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature must be above 0 and finite, got {temperature}")
    if not sources:
        raise ValueError("temperature_weights needs at least one source")
    tokens = {name: source.plan.num_tokens for name, source in sources.items()}
    for name, count in tokens.items():
        if count < 1:
            raise ValueError(f"source {name!r} has no tokens")
    most = max(tokens.values())
    powers = {name: (count / most) ** (1 / temperature) for name, count in tokens.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}
