"""What is learned of the plans of a source together: its counts, and warnings of what is not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pypack.plan.plan import Plan
from pypack.source.learned import Learned, learned_of
from pypack.source.mask_ranges import Masks
from pypack.store.store import TokenStore

# Spans of plans up to which a source looks for sequences that learn nothing.
_LOOKED_SPANS = 1 << 20


class LearnedPlans:
    """The plans of one source, read for what they learn when that is first asked for.

    Args:
        store: the tokens, of which the plans are.
        plans: of the source.
        documents: int64 [n], those that the plans were made for; None: all of the store.
        masks: what is not learned; None: all is.
        uses_store_mask: count by the loss mask of the store.
    """

    def __init__(
        self,
        store: TokenStore,
        plans: Sequence[Plan],
        documents: NDArray[np.int64] | None,
        masks: Masks | None,
        uses_store_mask: bool,
    ) -> None:
        self._store, self._plans, self._documents = store, plans, documents
        self._masks, self._uses_store_mask = masks, uses_store_mask

    @cached_property
    def _counts(self) -> list[Learned]:
        """Of each plan."""
        return [
            learned_of(self._store, plan, self._documents, self._masks, self._uses_store_mask)
            for plan in self._plans
        ]

    @property
    def num_tokens(self) -> int:
        """Tokens that one epoch learns: labels that are not -100."""
        if self._masks is None and not self._uses_store_mask:
            return sum(_unmasked_tokens(plan) for plan in self._plans)
        return sum(learned.tokens for learned in self._counts)

    @property
    def unlearned_sequences(self) -> list[NDArray[np.int64]]:
        """Of each plan the sequences without a token to be learned, rising."""
        return [learned.unlearned_sequences for learned in self._counts]

    @property
    def hidden_sequences(self) -> list[NDArray[np.int64]]:
        """Those among them of which an objective can learn nothing either."""
        return [learned.hidden_sequences for learned in self._counts]

    @property
    def unlearned_documents(self) -> int:
        """Documents in the plans of which no token is learned: all are masked, or there is only one."""
        documents = np.any([learned.documents for learned in self._counts], axis=0)
        present = np.any([learned.present for learned in self._counts], axis=0)
        return int(np.count_nonzero(present & ~documents))

    def warn_of_masked(self, stacklevel: int) -> None:
        """Warns of what is masked from end to end, whatever is to be learned of it.

        Args:
            stacklevel: as of `warnings.warn`, seen from who calls this.
        """
        self._warn(
            [(one.masked_sequences, one.unlearned_pieces) for one in self._looked_at()],
            "hold no token that is learned",
            stacklevel + 2,
        )

    def warn_of_first_tokens(self, stacklevel: int) -> None:
        """Warns of what only an objective learns something of: first tokens of spans alone are not masked.

        Args:
            stacklevel: as of `warnings.warn`, seen from who calls this.
        """
        self._warn(
            [(one.first_token_sequences, one.first_token_pieces) for one in self._looked_at()],
            "hold no token that is learned, as nothing foretells the first one of a span, and the others "
            "are masked",
            stacklevel + 2,
        )

    def _looked_at(self) -> list[Learned]:
        """The counts of each plan, where there are masks; none where to find them would take long."""
        masks = self._masks is not None or (self._uses_store_mask and self._is_worth_a_look())
        return self._counts if masks else []

    def _is_worth_a_look(self) -> bool:
        """Whether the store's mask is to be read for sequences that learn nothing, such as prompts whose
        answers were cut off: only where that takes no time."""
        if self._store.cached_groups or any(plan.cached_files is not None for plan in self._plans):
            return False  # all of the mask would be fetched
        return sum(plan.num_spans for plan in self._plans) <= _LOOKED_SPANS

    def _warn(self, counts: list[tuple[int, int]], what: str, stacklevel: int) -> None:
        """Warns of sequences, and of pieces where documents are cut: the counts of each plan."""
        masked = sum(sequences for sequences, _ in counts)
        cut = [plan.counts.split_documents > 0 for plan in self._plans]
        pieces = sum(pieces for (_, pieces), is_cut in zip(counts, cut, strict=False) if is_cut)
        found = f"{masked} of {sum(plan.num_sequences for plan in self._plans)} sequences"
        advice = "leave such sequences out with drop_unlearned=True"
        if pieces:
            found += f" and {pieces} pieces of cut documents"
            advice = "pack with overflow='truncate' or 'drop', or " + advice
        if masked or pieces:
            warnings.warn(f"{found} {what}: {advice}", stacklevel=stacklevel)


def _unmasked_tokens(plan: Plan) -> int:
    """Tokens of an epoch that are not the first of their span."""
    if not plan.repeats:
        return plan.num_tokens - plan.num_spans
    spans = np.diff(plan.sequence_offsets)
    return int(((plan.sequence_costs(1.0, 0.0).astype(np.int64) - spans) * plan.sequence_times).sum())
