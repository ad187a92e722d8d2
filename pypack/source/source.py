"""Source: a store and a plan over it, one ingredient of what a loader gives out."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack.cache import RemoteFiles
from pypack.plan.plan import Plan
from pypack.remote import Url
from pypack.source.identity import before_growth, fingerprint_of
from pypack.source.learned_plans import LearnedPlans
from pypack.source.length_bins import length_bins
from pypack.source.loss_weights import LossWeights
from pypack.source.mask_ranges import Masks
from pypack.source.masks import loss_masks, token_masks
from pypack.source.plan_documents import chosen_documents
from pypack.source.select import select
from pypack.source.sequences import SequencesByLength
from pypack.store.store import StorePaths, TokenStore

PlanPath: TypeAlias = "Plan | str | os.PathLike[str]"


class Source:
    """A store with the plan, or the plans of different row lengths, that were made from its lengths.

    Args:
        store: the tokens: a `TokenStore`, the path of one, or a list of them, which are one source then (see
            `TokenStore.open`).
        plan: the sequences, or the path of the plan; several plans if the run uses several row lengths.
        documents: int64 [n], where the plan was made for a selection of the documents: `plan` is of
            `store.lengths[documents]`. A document may stand in it more than once. None: those that the plan
            itself keeps, as one of `Source.select` does; else all.
        mask: tokens that are *not* to be learned (label -100, loss mask 0): the name of a column that the
            store keeps, or its values, one a document: a number n (the first n tokens), a bool (all tokens),
            or a list of [start, stop, start, stop, ...] or of (start, stop) pairs, in tokens. None: no token.
        loss_mask: instead, one value a token, 1 where it *is* to be learned and 0 where not, as TRL has it
            (`pypack.source.masks` says who has it how): a column, one list or array a document (None: all is
            learned), an Arrow list array, or one flat array over the tokens of all documents.
        loss_weights: how much the loss of tokens counts: one number a document, or one a token, in the forms
            of `loss_mask`; None in a list: 1. Batches carry it as `PackedBatch.loss_weights`, to weight the
            losses with; nothing else uses it.
        store_mask: learn what the loss mask of the store says, where it has one and neither `mask` nor
            `loss_mask` is given; so are its weights taken where `loss_weights` is not given.
        drop_unlearned: leave out the sequences that hold no token to be learned (`unlearned_sequences` counts
            them): a batch of nothing else has no loss. Without it, a source with such masks warns. Under an
            objective that writes the labels itself, sequences stay of which a first token may be learned.

    Raises:
        ValueError: a plan was made for other lengths, two plans have rows of one length, or stores of a list
            are of different tokenizers.
        FileNotFoundError: there is nothing at a path.
    """

    def __init__(
        self,
        store: StorePaths,
        plan: PlanPath | Sequence[PlanPath],
        *,
        documents: NDArray[np.int64] | None = None,
        mask: str | ArrayLike | None = None,
        loss_mask: str | ArrayLike | None = None,
        loss_weights: str | ArrayLike | None = None,
        store_mask: bool = True,
        drop_unlearned: bool = False,
    ) -> None:
        self.store = store = TokenStore.open(store)
        self.plans = _opened(plan, store)
        if not self.plans:
            raise ValueError("a source needs at least one plan")
        self.documents = chosen_documents(store, self.plans, documents)
        self._masks = _masks_of(store, mask, loss_mask)
        given = mask is not None or loss_mask is not None
        self.uses_store_mask = store_mask and not given and store.has_loss_mask
        self.loss_weights: LossWeights | None = None
        if loss_weights is not None:
            self.loss_weights = LossWeights.of(store, loss_weights)
        elif store_mask and store.document_weights is not None:
            self.loss_weights = LossWeights(store.document_weights, None)
        self._learned = LearnedPlans(store, self.plans, self.documents, self._masks, self.uses_store_mask)
        self._sequences = SequencesByLength(self.plans)
        if drop_unlearned:
            self._leave_out_unlearned()
        else:
            self._learned.warn_of_masked(stacklevel=2)

    def _leave_out_unlearned(self) -> None:
        self._sequences = SequencesByLength(self.plans, self._learned.unlearned_sequences)
        hidden = sum(map(len, self._learned.hidden_sequences))
        if self.leaves_out and not self.lengths and hidden == sum(plan.num_sequences for plan in self.plans):
            raise ValueError(f"none of the sequences of {self!r} holds a token to be learned")

    def check_next_token(self) -> None:
        """For a `Loader` whose labels are those of the next token.

        Raises:
            ValueError: first tokens of spans are all that is not masked, and sequences without more are left
                out: which only an objective can tell.
        """
        if self.leaves_out and not self.lengths:
            raise ValueError(
                f"none of the sequences of {self!r} holds a token to be learned: of all that is not masked "
                "nothing foretells it, as it is the first token of a span. An objective that masks tokens "
                "(MaskedLM) learns it; for the next token mask less"
            )

    def for_objective(self) -> Source:
        """The same for an objective that says itself what is learned: first tokens of spans may be, which a
        next-token loss knows nothing of, so that `drop_unlearned` leaves fewer sequences out."""
        if not self.leaves_out:
            return self
        made = copy.copy(self)
        made._sequences = SequencesByLength(self.plans, self._learned.hidden_sequences)
        return made

    def with_plans(self, plans: Sequence[Plan]) -> Source:
        """The same with other plans of its documents, of which no sequence is left out.

        Args:
            plans: at least one; each was made for the documents that the plans of this source were made for.
        """
        made = copy.copy(self)
        made.plans = list(plans)
        made._learned = LearnedPlans(
            self.store, made.plans, self.documents, self._masks, self.uses_store_mask
        )
        made._sequences = SequencesByLength(made.plans)
        return made

    def warn_of_first_tokens(self, stacklevel: int) -> None:
        """Warns of what has no label because only the first tokens of its spans are not masked, which the
        next-token loss of a `Loader` without objective learns nothing of.

        Args:
            stacklevel: as of `warnings.warn`.
        """
        if not self.leaves_out:
            self._learned.warn_of_first_tokens(stacklevel + 1)

    @classmethod
    def select(
        cls,
        store: StorePaths,
        sequence_length: int,
        *,
        where: str | ArrayLike | None = None,
        top: tuple[str, int] | None = None,
        repeats: str | ArrayLike | None = None,
        document_weights: str | ArrayLike | None = None,
        order: str | os.PathLike[str] | ArrayLike | None = None,
        repeat: Literal["documents", "sequences"] | None = None,
        seed: int = 0,
        mask: str | ArrayLike | None = None,
        loss_mask: str | ArrayLike | None = None,
        loss_weights: str | ArrayLike | None = None,
        drop_unlearned: bool = False,
        **options: object,
    ) -> Source:
        """Packs a selection of the documents, without writing the store again.

        Args:
            store: the tokens; as for `Source`.
            sequence_length: tokens of a sequence.
            where: the documents to take: bool [D], or a condition on the columns of the store, such as
                "score > 0.7 and lang == 'en'" (`pypack.columnar.expressions` has all forms). Where a value is
                missing, and with it the answer, a document is not taken; the plan's `selection` counts them.
            top: (column, n): of those the n documents with the highest values of a column, the earlier ones
                among equals.
            repeats: int [D], or a column: how often each document is taken (rehydration).
            document_weights: float [D], or a column: how often on average; the fractions are drawn so that
                every document gets one of the two whole numbers around its weight (systematic resampling).
            order: the order to pack in: documents, int [n], each once at most; the path of a .npy file of
                them; or a column to sort by ("score:desc": the largest first). Documents that stand together
                there stand together in sequences with the strategies "concat" and "stream" (and "next_fit"
                and "pad"), and the loader shuffles the sequences.
            repeat: how documents are taken several times. "documents": each copy is packed by itself, in 32
                bytes. "sequences": documents that are taken equally often share sequences, which an epoch
                gives so often: memory is that of one copy. None: the first up to 2^24 copies, then the
                second.
            seed: of the drawing by `document_weights`.
            mask: as for `Source`, of all documents of the store, like the next two.
            loss_mask: 1 where a token is learned.
            loss_weights: how much a loss counts.
            drop_unlearned: as for `Source`.
            **options: of `pypack.pack`; `keep_together` may be "group", for the groups of the store, or the
                name of a column.
        """
        from pypack.source.selected_plan import pack_selection

        store = TokenStore.open(store)
        selection = select(
            store,
            where=where,
            top=top,
            repeats=repeats,
            document_weights=document_weights,
            order=order,
            seed=seed,
        )
        plan = pack_selection(store, selection, sequence_length, repeat=repeat, **options)
        return cls(
            store,
            plan,
            mask=mask,
            loss_mask=loss_mask,
            loss_weights=loss_weights,
            drop_unlearned=drop_unlearned,
        )

    @classmethod
    def by_length(
        cls, store: StorePaths, bins: Sequence[int], sequence_length: int, **options: object
    ) -> dict[str, Source]:
        """One source for each bin of document lengths, to be weighted apart (long-document upsampling).

        Args:
            store: the tokens; as for `Source`.
            bins: rising bounds in tokens: documents with bins[i] <= length < bins[i + 1] make up source i;
                those below the first and from the last on make up two more. Empty bins are left out.
            sequence_length: tokens of a sequence.
            **options: of `pypack.pack`.

        Returns:
            Sources by name: "<100", "100-1000", ">=1000" for bins [100, 1000].
        """
        store = TokenStore.open(store)
        return {
            name: cls.select(store, sequence_length, where=inside, **options)  # type: ignore[arg-type]
            for name, inside in length_bins(store.lengths, bins).items()
        }

    @property
    def masks(self) -> Masks | None:
        """What `mask=` or `loss_mask=` say is not learned: offsets int64 [D + 1], ranges int32 [M, 2]."""
        return self._masks

    @property
    def leaves_out(self) -> bool:
        """Whether sequences of the plans are left out, as `drop_unlearned` has it."""
        return self._sequences.leaves_out

    @property
    def lengths(self) -> dict[int, int]:
        """Row length, rising, to the number of the plan that has such rows."""
        return self._sequences.lengths

    @property
    def plan(self) -> Plan:
        """The plan, or the first of several."""
        return self.plans[0]

    @property
    def num_learned_tokens(self) -> int:
        """Tokens that one epoch of all sequences learns: labels that are not -100."""
        return self._learned.num_tokens

    @property
    def unlearned_sequences(self) -> int:
        """Sequences of the plans without a token to be learned; with `drop_unlearned` they are left out."""
        return sum(map(len, self._learned.unlearned_sequences))

    @property
    def unlearned_documents(self) -> int:
        """Documents in the plans of which no token is learned: all are masked, or there is only one."""
        return self._learned.unlearned_documents

    @property
    def fingerprint(self) -> str:
        """Changes with the plans, the selection of documents, and the sequences that are left out."""
        return fingerprint_of(self.plans, self.documents, self._sequences)

    def before_growth(self) -> list[tuple[str, dict[int, int]]]:
        """Of every plan that those of the source were extended from (`pypack.extend_plan`), the oldest first:
        the fingerprint of a source with it, and its sequences of each row length, the first ones here."""
        return before_growth(self.plans, self.documents, self._sequences)

    @property
    def cached_files(self) -> list[RemoteFiles]:
        """What the store and the plans are read through that are URLs."""
        of_plans = [plan.cached_files for plan in self.plans]
        return [*self.store.cached_groups, *(files for files in of_plans if files is not None)]

    @property
    def file_bytes(self) -> int:
        """Bytes of the files that batches are made from; the store's index has 20 a document."""
        plans = sum(plan.array_bytes for plan in self.plans)
        tokens = self.store.num_tokens * self.store.dtype.itemsize
        return plans + tokens + 20 * self.store.num_documents

    def ranges(self, length: int) -> list[tuple[int, int]]:
        """Where the sequences of a row length stand in their plan: (first, count)."""
        return self._sequences.ranges(length)

    def num_sequences(self, length: int) -> int:
        """Sequences of a row length."""
        return sum(count for _, count in self.ranges(length))

    def tokens_per_sequence(self, length: int) -> float:
        """Mean number of tokens in a sequence of a row length, by the utilization of its plan."""
        return length * self.plans[self.lengths[length]].utilization

    def add_to(
        self, maker: _core.BatchMaker, objective_keys: Sequence[int] | None = None, number: int = 0
    ) -> None:
        """Gives the plans, one after another, to the kernels that make batches.

        Args:
            objective_keys: of every plan, the key of what an objective draws for its sequences.
            number: of the source among those of a loader.
        """
        offsets, masks = (None, None) if self._masks is None else self._masks
        for plan, key in zip(self.plans, objective_keys or [0] * len(self.plans), strict=True):
            maker.add_source(
                self.store.kernel_view,
                plan.kernel_view,
                documents=self.documents,
                align=plan.align,
                mask_offsets=offsets,
                masks=masks,
                uses_store_mask=self.uses_store_mask,
                plan_files=plan.mapped_files,
                objective_key=key,
                objective_store=number,
                cached_plan=None if plan.cached_files is None else plan.cached_files.core,
            )

    def __repr__(self) -> str:
        return f"Source({self.store!r}, {', '.join(map(repr, self.plans))})"


def _masks_of(
    store: TokenStore, mask: str | ArrayLike | None, loss_mask: str | ArrayLike | None
) -> Masks | None:
    if mask is not None and loss_mask is not None:
        raise ValueError("give mask= (what is not learned) or loss_mask= (1: learned), not both")
    if mask is not None:
        return token_masks(store, mask)
    return None if loss_mask is None else loss_masks(store, loss_mask)


def _opened(plan: PlanPath | Sequence[PlanPath], store: TokenStore) -> list[Plan]:
    """The plans; those of URLs through the cache of the store, if it has one."""
    groups = store.cached_groups
    cache = groups[0].cache.root if groups else None
    plans = [plan] if isinstance(plan, Plan | str | os.PathLike | Url) else list(plan)
    return [one if isinstance(one, Plan) else Plan.open(one, cache=cache) for one in plans]
