"""The kernels of masked language modelling against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import objective as reference

from pypack import _core

VOCABULARY = 50


def _ways():
    """The instruction sets that this machine has."""
    none = np.zeros(0, np.uint32)
    by = _core.Replacement(mask_below=0, word_below=0, mask_id=0, vocab_size=1)
    for name in ("portable", "avx2", "avx512"):
        try:
            _core.masked_tokens(chance=0, replacement=by, never=none, word_starts=None, instructions=name)
        except ValueError:
            continue
        yield name


INSTRUCTIONS = list(_ways())
tokens_of = st.integers(0, VOCABULARY - 1)
chances = st.one_of(st.integers(0, 2**32), st.sampled_from([0, 1, 2**16, 2**31 + 7, 2**32 - 1, 2**32]))


@st.composite
def replacements(draw):
    low, high = sorted(draw(st.tuples(chances, chances)))
    return {"mask_below": low, "word_below": high, "mask_id": 3, "vocab_size": draw(st.integers(1, 60))}


@st.composite
def batches(draw):
    """Tokens, labels, and spans with room between them, short ones and some of several blocks."""
    lengths = draw(st.lists(st.one_of(st.integers(0, 12), st.integers(200, 600)), min_size=1, max_size=4))
    rooms = [length + draw(st.integers(0, 3)) for length in lengths]
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, VOCABULARY, sum(rooms))
    labels = np.where(rng.random(len(tokens)) < draw(st.sampled_from([0, 0.2])), -100, tokens)
    begins = np.cumsum([0, *rooms[:-1]])
    keys = rng.integers(0, 2**64, len(lengths), np.uint64)
    return tokens, labels, begins, np.array(lengths), keys


def check(kernel, batch, dtype, threads, define, labels_tell=True):
    """The kernel on a batch gives what the definition gives span by span, and touches nothing else."""
    tokens, labels, begins, lengths, keys = batch
    if not labels_tell:
        labels = np.full_like(labels, -100)
    expected_ids, expected_labels = tokens.copy(), labels.copy()
    expected_mask = np.full(len(tokens), 5 if labels_tell else 0, np.float32)
    for begin, length, key in zip(begins, lengths, keys.tolist(), strict=True):
        span = slice(begin, begin + length)
        may = labels if labels_tell else tokens
        inputs, learned = define(tokens[span].tolist(), may[span].tolist(), key)
        expected_ids[span], expected_labels[span] = inputs, learned
        expected_mask[span] = np.array(learned) != -100
    ids, found = tokens.astype(dtype), labels.astype(dtype)
    mask = np.full(len(tokens), 5 if labels_tell else 0, np.float32)
    kernel.apply(
        ids,
        found,
        None,
        mask,
        begins.astype(np.int64),
        lengths.astype(np.int64),
        keys,
        labels_tell=labels_tell,
        num_threads=threads,
    )
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(found, expected_labels)
    np.testing.assert_array_equal(mask, expected_mask)
    if labels_tell or not kernel.writes_tokens:
        return
    # The same from the tokens as a store has them: what stood in the spans is not read.
    inside = np.zeros(len(tokens), bool)
    for begin, length in zip(begins, lengths, strict=True):
        inside[begin : begin + length] = True
    for stored in (tokens.astype(np.uint16), tokens.astype(np.int32)):
        ids, found = (np.where(inside, -7, array).astype(dtype) for array in (tokens, labels))
        mask = np.where(inside, 9, 0).astype(np.float32)
        places = (begins.astype(np.int64), lengths.astype(np.int64), keys)
        kernel.apply(ids, found, None, mask, *places, labels_tell=False, num_threads=threads, stored=stored)
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(found, expected_labels)
        np.testing.assert_array_equal(mask, expected_mask)


@given(
    batch=batches(),
    chance=chances,
    by=replacements(),
    never=st.sets(tokens_of, max_size=8),
    starts=st.none() | st.sets(tokens_of),
    dtype=st.sampled_from([np.int64, np.int32]),
    labels_tell=st.booleans(),
    instructions=st.sampled_from(INSTRUCTIONS),
)
def test_tokens_and_words_by_chance(batch, chance, by, never, starts, dtype, labels_tell, instructions):
    kernel = _core.masked_tokens(
        chance=chance,
        replacement=_core.Replacement(**by),
        never=np.array(sorted(never), np.uint32),
        word_starts=None if starts is None else np.array(sorted(starts), np.uint32),
        instructions=instructions,
    )

    def define(tokens, labels, key):
        return reference.masked_tokens(
            tokens, labels, key, chance, reference.Replacement(**by), never, starts
        )

    check(kernel, batch, dtype, 1, define, labels_tell)


@given(
    batch=batches(),
    never=st.sets(tokens_of, max_size=8),
    beyond=st.sets(st.integers(63_000, 70_000), max_size=2),
    vocab_size=st.sampled_from([1, 63_701, 65_536, 70_001]),
    starts=st.none() | st.sets(tokens_of),
    labels_tell=st.booleans(),
    instructions=st.sampled_from(INSTRUCTIONS),
)
def test_special_tokens_at_both_ends_of_a_vocabulary(
    batch, never, beyond, vocab_size, starts, labels_tell, instructions
):
    spread = 1300  # so that most of sixteen bits are in use
    tokens, labels, *places = batch
    batch = (tokens * spread, np.where(labels == -100, -100, labels * spread), *places)
    never = {spread * token for token in never} | beyond
    begin = None if starts is None else {spread * token for token in starts}
    by = {"mask_below": 2**31, "word_below": 2**31 + 2**30, "mask_id": 3, "vocab_size": vocab_size}
    kernel = _core.masked_tokens(
        chance=2**30,
        replacement=_core.Replacement(**by),
        never=np.array(sorted(never), np.uint32),
        word_starts=None if begin is None else np.array(sorted(begin), np.uint32),
        instructions=instructions,
    )

    def define(tokens, labels, key):
        return reference.masked_tokens(tokens, labels, key, 2**30, reference.Replacement(**by), never, begin)

    check(kernel, batch, np.int64, 1, define, labels_tell)


@given(
    batch=batches(),
    rate=st.floats(0, 1, width=32),
    most=st.integers(1, 300),
    by=replacements(),
    never=st.sets(tokens_of, max_size=50),
    dtype=st.sampled_from([np.int64, np.int32]),
    labels_tell=st.booleans(),
    instructions=st.sampled_from(INSTRUCTIONS),
)
def test_tokens_by_counts(batch, rate, most, by, never, dtype, labels_tell, instructions):
    kernel = _core.counted_tokens(
        rate=rate,
        most=most,
        replacement=_core.Replacement(**by),
        never=np.array(sorted(never), np.uint32),
        instructions=instructions,
    )

    def define(tokens, labels, key):
        return reference.counted_tokens(tokens, labels, key, rate, most, reference.Replacement(**by), never)

    check(kernel, batch, dtype, 2, define, labels_tell)


def test_threads_give_the_same():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 30_000, 400_000)
    begins = np.arange(0, 400_000, 500)
    lengths = np.full(800, 497)
    keys = rng.integers(0, 2**64, 800, np.uint64)
    by = _core.Replacement(mask_below=2**31, word_below=2**31 + 2**30, mask_id=3, vocab_size=30_000)
    never = np.arange(5, dtype=np.uint32)
    for kernel in (
        _core.masked_tokens(chance=2**30, replacement=by, never=never, word_starts=None),
        _core.counted_tokens(rate=0.25, most=2**40, replacement=by, never=never),
    ):
        found = []
        for threads in (1, 7):
            ids, labels = tokens.copy(), tokens.copy()
            kernel.apply(
                ids, labels, None, None, begins, lengths, keys, labels_tell=True, num_threads=threads
            )
            found.append((ids, labels))
        np.testing.assert_array_equal(found[0], found[1])
        assert 0.2 < (found[0][1] != -100).mean() < 0.26


def test_spans_outside_of_the_arrays_are_refused():
    kernel = _core.counted_tokens(
        rate=0.5,
        most=9,
        replacement=_core.Replacement(mask_below=0, word_below=0, mask_id=0, vocab_size=1),
        never=np.zeros(0, np.uint32),
    )
    ids = np.arange(10)
    for begins, lengths in [([0], [11]), ([-1], [3]), ([0, 3], [4, 2]), ([9], [-1]), ([2**62], [2**62])]:
        begin, length = np.array(begins), np.array(lengths)
        with pytest.raises(ValueError, match=r"span . overlaps another, or does not lie within the 10 items"):
            kernel.apply(ids, ids.copy(), None, None, begin, length, np.zeros(len(begin), np.uint64), True, 1)
    with pytest.raises(ValueError, match="labels must be as input_ids"):
        kernel.apply(
            ids, ids[:9].copy(), None, None, np.array([0]), np.array([9]), np.zeros(1, np.uint64), True, 1
        )
    with pytest.raises(ValueError, match="this objective needs labels"):
        kernel.apply(ids, None, None, None, np.array([0]), np.array([9]), np.zeros(1, np.uint64), True, 1)
