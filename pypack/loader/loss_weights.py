"""Weights of the losses of a batch, beside its labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.objectives.objective import Objective
from pypack.source.source import Source


class BatchWeights:
    """Makes `PackedBatch.loss_weights`.

    Args:
        sources: of which one at least has weights; the others count 1.
        objective: of the loader.

    Raises:
        ValueError: the objective makes other tokens, and there are weights of single ones.
    """

    def __init__(self, sources: Sequence[Source], objective: Objective | None) -> None:
        # Of every plan, counted over all sources, as kernels count them.
        self._of_plans = [one.loss_weights for one in sources for _ in one.plans]
        self._of_tokens = [None if one is None else one.of_tokens for one in self._of_plans]
        moves = objective is not None and (objective.moves_tokens or any(_has_sides(one) for one in sources))
        if moves and any(one is not None for one in self._of_tokens):
            raise ValueError(
                f"{type(objective).__name__} puts other tokens in the place of those that loss_weights has a "
                "weight for each of: give one number a document, which all that is learned of it counts"
            )

    def of(self, made: object) -> NDArray[np.float32]:
        """float32, of the shape of the labels: 0 wherever nothing is learned. A literal of a plan counts 1;
        a token that an objective has put into a document, or made a target of, what the document counts.

        Args:
            made: the batch, as the kernels made it.
        """
        documents, plans, _, _ = _core.span_arrays(made)
        of_span = np.ones(len(documents), np.float32)
        begins = np.full(len(documents), -1, np.int64)
        for number, weights in enumerate(self._of_plans):
            if weights is None:
                continue
            spans = np.flatnonzero((plans == number) & (documents >= 0))
            if weights.begins is None:
                of_span[spans] = weights.of_documents(documents[spans])
            else:
                begins[spans] = weights.begins[documents[spans]]
        return _core.batch_weights(made, of_span, begins, self._of_tokens)


def _has_sides(source: Source) -> bool:
    return any(plan.sides is not None for plan in source.plans)
