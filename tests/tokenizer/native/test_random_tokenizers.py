"""Whatever tokenizer the native engine accepts, it gives the ids, offsets and texts of `tokenizers`."""

from __future__ import annotations

import pytest
from conftest import SCALE
from fixtures.compared_tokenizers import check
from fixtures.random_tokenizers import KINDS

# Of the definitions of a kind: what has no native form (a Metaspace 'first' behind a normalizer, say) stays
# with the library, but if most did, nothing would be compared.
NATIVE_SHARE = 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_tokenizer(kind: str) -> None:
    count = max(1, int(30 * SCALE))
    native = sum(check(kind, seed) for seed in range(count))
    assert native > NATIVE_SHARE * count
