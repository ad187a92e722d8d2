"""The order of a bucket with a locality: neighbouring sequences in blocks, a few blocks open at a time."""

from __future__ import annotations

import itertools

from reference.permutation import combine_keys, permutation

_OPEN_BLOCKS = 8
_BLOCK_ITEMS = 1  # what the key of a group is used for


def order(size: int, locality: int, key: int, epoch: int) -> list[int]:
    """The places of all draws of an epoch among the bucket's sequences."""
    key = combine_keys(key, epoch)
    if locality == 0 or locality >= size:
        return permutation(size, key)
    blocks = [list(range(size)[first : first + locality]) for first in range(0, size, locality)]
    drawn = [blocks[block] for block in permutation(len(blocks), key)]
    found = []
    for group, first in enumerate(range(0, len(drawn), _OPEN_BLOCKS)):
        items = list(itertools.chain(*drawn[first : first + _OPEN_BLOCKS]))
        inside = combine_keys(combine_keys(key, _BLOCK_ITEMS), group)
        found += [items[at] for at in permutation(len(items), inside)]
    return found
