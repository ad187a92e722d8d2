"""The sequences of a plan with literals as texts: what a model is given of each is one document."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from pypack.batch import IGNORE_LABEL
from pypack.formats.rows import Rows
from pypack.formats.stream import About, Block, Contents, Stream, one_document_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.format import dtype_for_vocabulary


def stream_of_texts(rows: Iterator[Rows], plan: Plan, about: About, contents: Contents) -> Stream:
    """A document a row, with a mask of what the plan and its store do not learn of it.

    Which documents of the store its runs of tokens are of is not told, nor anything else of documents: what
    there was of that is lost, and counted.

    Args:
        about: of the store.
        contents: of its documents, as the plan has them.
    """
    return Stream(_blocks(rows), _about(plan, about), _contents(plan, contents), has_mask=True)


def _blocks(rows: Iterator[Rows]) -> Generator[Block, None, None]:
    for some in rows:
        texts = Ragged(some.input_ids.view(np.uint32), some.offsets)
        yield one_document_rows(texts, learned=some.labels != IGNORE_LABEL)


def _about(plan: Plan, about: About) -> About:
    """Without what is true of documents alone: how they begin and end, and what is held of each. Tokens of
    the plan may be of a larger vocabulary than the store's."""
    assert plan.literals is not None
    known = about.vocab_size or 0
    needed = int(plan.literals.tokens.max(initial=-1)) + 1
    dtype = about.dtype if needed <= known else dtype_for_vocabulary(needed)
    return replace(
        about,
        vocab_size=max(known, needed) if about.vocab_size is not None else None,
        dtype=dtype,
        appended_id=None,
        prepended_ids=(),
        features=("loss_mask",),
        columns=(),
        column_types=(),
        json_columns=(),
    )


def _contents(plan: Plan, contents: Contents) -> Contents:
    """The first token of a row is learned by nobody; of the spans in it neither is theirs."""
    assert plan.literals is not None
    filled = int(np.count_nonzero(np.diff(plan.sequence_offsets)))
    unlearned = int(np.count_nonzero(~plan.literals.is_learned()))
    return replace(
        contents,
        documents=len(plan),
        packed_rows=0,
        parted_groups=0,
        masked_tokens=contents.masked_tokens + unlearned + max(plan.num_spans - filled, 0),
        joined_documents=contents.documents,
        columns=None,
        joined_columns=() if contents.columns is None else tuple(contents.columns.names),
    )
