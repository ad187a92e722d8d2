"""Source: a store and a plan over it, one ingredient of what a loader gives out."""

from __future__ import annotations

from pypack import _core
from pypack.plan import Plan
from pypack.store import TokenStore


class Source:
    """A store with the plan that was made from its lengths.

    Raises:
        ValueError: the plan was made for other lengths than the store's.
    """

    def __init__(self, store: TokenStore, plan: Plan) -> None:
        if plan.lengths_fingerprint != store.lengths_fingerprint:
            raise ValueError(
                f"the plan was made for {plan.counts.documents} documents with lengths fingerprint "
                f"{plan.lengths_fingerprint}, {store!r} has {store.lengths_fingerprint}: use the store that "
                "the plan was made for, or pack again"
            )
        self.store = store
        self.plan = plan

    def add_to(self, filler: _core.BatchFiller) -> None:
        """Gives the source to the kernels that fill batches, as the next one in their numbering."""
        plan = self.plan
        filler.add_source(self.store._view, **plan.arrays(), documents=None, align=plan.align)

    def __repr__(self) -> str:
        return f"Source({self.store!r}, {self.plan!r})"
