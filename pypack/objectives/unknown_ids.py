"""Ids that an objective or a plan writes into batches, and that the vocabulary of the stores has not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.objectives.objective import Objective
from pypack.objectives.pair_objective import PairObjective
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore

# Fields of objectives, and options of plans with literals, whose ids come into batches.
_FIELDS = ("mask_id", "prefix_id", "suffix_id", "middle_id", "sentinel_ids", "end_id", "start_id")
_OPTIONS = ("knot_ids", "trace_ids", "bracket_ids", "number_ids")


def warn_of_ids(objective: Objective | None, stores: Sequence[TokenStore], *, stacklevel: int) -> None:
    """Warns of ids that no token of the stores' vocabulary has: a model with an embedding a token would look
    for theirs behind the last one.

    Args:
        objective: resolved; None: none.
        stores: of which one at least says how large its vocabulary is, else nothing is known.
        stacklevel: as of `warnings.warn`.
    """
    sized = [store for store in stores if store.vocab_size is not None]
    if objective is not None and sized:
        smallest = min(sized, key=lambda store: store.vocab_size or 0)
        for name, ids in _of_objective(objective):
            _warn(name, ids, smallest, stacklevel + 1)


def warn_of_plan_ids(plan: Plan, store: TokenStore, *, stacklevel: int) -> None:
    """The same of the ids that a plan with literals was made with. (To look at all of its literals would take
    the longer the larger it is.)"""
    knots = plan.options.get("knots") or {}
    for option in _OPTIONS:
        value = knots.get(option)
        if value is not None:
            ids = [i for one in value for i in (one if isinstance(one, (list, tuple)) else [one])]
            _warn(f"{option} of the plan", np.array(ids, np.int64), store, stacklevel + 1)


def _of_objective(objective: Objective) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Names of ids, and the ids."""
    name = type(objective).__name__
    for field in _FIELDS:
        value: Any = getattr(objective, field, None)
        if value is not None:
            yield f"{field} of {name}", np.atleast_1d(np.asarray(value)).astype(np.int64)
    if isinstance(objective, PairObjective):
        for denoiser in objective.denoisers():
            yield f"mode of a denoiser of {name}", np.array(denoiser.mode, np.int64)


def _warn(name: str, ids: NDArray[np.int64], store: TokenStore, stacklevel: int) -> None:
    size = store.vocab_size
    if size is None or not (beyond := ids[ids >= size].tolist()):
        return
    shown = ", ".join(map(str, beyond[:3])) + (", ..." if len(beyond) > 3 else "")
    warnings.warn(
        f"{name}: {shown}, beyond the vocabulary of {store.place} ({size} tokens, the last is {size - 1}): "
        "give ids that its tokenizer has, or make the embeddings of the model large enough",
        stacklevel=stacklevel + 1,
    )
