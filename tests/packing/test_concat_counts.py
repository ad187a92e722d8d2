"""What concat counts of many documents before it packs them, which it does a block at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pypack import pack

DOCUMENTS = 200_000  # several blocks


def test_documents_of_several_blocks_are_counted():
    lengths = np.random.default_rng(0).integers(0, 9, DOCUMENTS, np.int32)
    lengths[70_000] = 2**31 - 1  # sums go beyond 32 bits
    plan = pack(lengths, 2**20, "concat")
    assert plan.counts.documents == DOCUMENTS
    assert plan.counts.tokens == lengths.sum(dtype=np.int64)
    assert plan.counts.empty_documents == np.count_nonzero(lengths == 0)
    plan.verify(lengths)


@pytest.mark.parametrize("document", [0, 65_535, 65_536, DOCUMENTS - 1])
def test_the_first_negative_length_is_named(document):
    lengths = np.zeros(DOCUMENTS, np.int32)
    lengths[document:] = -1
    lengths[document] = -5
    with pytest.raises(ValueError, match=rf"lengths\[{document}\] is -5"):
        pack(lengths, 64, "concat")
