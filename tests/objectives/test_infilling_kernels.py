"""The kernels of infilling against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.trained_byte_level import gpt2
from hypothesis import given
from hypothesis import strategies as st
from reference import infilling as reference

from pypack import Tokenizer, _core

VOCABULARY = 12
ENDS = {0, 1}
NAMES = ("infilled", "suffix_first", "without_room", "not_text")
chances = st.one_of(st.integers(0, 2**32), st.sampled_from([0, 2**31, 2**32]))


@st.composite
def batches(draw):
    """Tokens, labels, and spans with room behind them."""
    lengths = draw(st.lists(st.one_of(st.integers(0, 9), st.integers(40, 80)), min_size=1, max_size=5))
    rooms = [length + draw(st.integers(0, 5)) for length in lengths]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    begins = np.cumsum([0, *rooms[:-1]])
    tokens = np.full(sum(rooms), 7)
    for begin, length in zip(begins, lengths, strict=True):
        tokens[begin : begin + length] = rng.integers(0, VOCABULARY, length)
    masked = rng.random(len(tokens)) < 0.3
    keys = rng.integers(0, 2**64, len(lengths), np.uint64)
    return tokens, masked, begins, np.array(lengths), np.array(rooms), keys


def made(batch, labels_tell):
    """Arrays as a loader makes them: first tokens and padding are not learned."""
    tokens, masked, begins, lengths, *_ = batch
    labels = np.full(len(tokens), -100)
    positions, segments = np.zeros(len(tokens), np.int64), np.zeros(len(tokens), np.int64)
    for number, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        span = slice(begin, begin + length)
        labels[span] = np.where(masked[span], -100, tokens[span]) if labels_tell else tokens[span]
        labels[begin : begin + min(length, 1)] = -100
        positions[span] = np.arange(length)
        segments[span] = number + 1
    return labels, positions, segments


def check(kernel, batch, dtype, threads, define, labels_tell):
    """The kernel gives what the definition gives span by span, and touches nothing else."""
    tokens, _, begins, lengths, rooms, keys = batch
    labels, positions, segments = made(batch, labels_tell)
    arrays = [array.astype(dtype) for array in (tokens, labels, positions)]
    mask = (labels != -100).astype(np.float32)
    found_segments = segments.astype(dtype)
    grown, counts = kernel.apply(
        *arrays, mask, begins.astype(np.int64), lengths.astype(np.int64), keys, labels_tell, threads,
        segment_ids=found_segments, rooms=rooms.astype(np.int64), pad_id=7,
    )  # fmt: skip
    expected = [tokens.copy(), labels.copy(), positions.copy(), segments.copy()]
    expected_counts = dict.fromkeys(NAMES, 0)
    for number, (begin, length, room, key) in enumerate(
        zip(begins, lengths, rooms, keys.tolist(), strict=True)
    ):
        span = slice(begin, begin + length)
        ids, learned, counted = define(tokens[span].tolist(), labels[span].tolist(), key, int(room))
        for name in counted:
            expected_counts[name] += 1
        assert grown[number] == len(ids)
        whole, new = slice(begin, begin + room), slice(begin, begin + len(ids))
        for array, rest in zip(expected, (7, -100, 0, 0), strict=True):
            array[whole] = rest
        expected[0][new], expected[1][new] = ids, learned
        expected[2][new] = np.arange(len(ids))
        expected[3][new] = number + 1
    for array, wanted in zip([*arrays, found_segments], [expected[i] for i in (0, 1, 2, 3)], strict=True):
        np.testing.assert_array_equal(array, wanted)
    np.testing.assert_array_equal(mask, expected[1] != -100)
    assert dict(zip(NAMES, counts.tolist(), strict=False)) == expected_counts


def _kernel(how, **skip):
    return _core.Infilling(
        chance=how.chance, spm_chance=how.spm_chance, prefix_id=how.prefix_id, suffix_id=how.suffix_id,
        middle_id=how.middle_id, ends=np.array(sorted(how.ends), np.uint32), split=how.split,
        file_chance=how.file_chance, **skip,
    )  # fmt: skip


@given(
    batch=batches(),
    chance=chances,
    spm_chance=chances,
    dtype=st.sampled_from([np.int64, np.int32]),
    labels_tell=st.booleans(),
)
def test_cuts_between_tokens(batch, chance, spm_chance, dtype, labels_tell):
    how = reference.Infilling(chance, spm_chance, 90, 91, 92, ENDS)

    def define(tokens, labels, key, room):
        return reference.infilled_tokens(how, tokens, labels, key, room, labels_tell=labels_tell)

    check(_core.infilled_tokens(_kernel(how)), batch, dtype, 2, define, labels_tell)


@given(
    batch=batches(),
    chance=chances,
    file_chance=chances,
    spm_chance=chances,
    split=st.sampled_from([5, 1]),  # also one that may end a document
    skip=st.sampled_from([(), (3,), (3, 4)]),
    dtype=st.sampled_from([np.int64, np.int32]),
    labels_tell=st.booleans(),
)
def test_files_of_repositories(batch, chance, file_chance, spm_chance, split, skip, dtype, labels_tell):
    how = reference.Infilling(chance, spm_chance, 90, 91, 92, ENDS, split, file_chance)

    def define(tokens, labels, key, room):
        def part(one, ids, learned, left, leads):
            return reference.infilled_tokens(
                one, ids, learned, key, left, labels_tell=labels_tell, leads=leads, skip=skip
            )

        return reference.infilled_files(how, tokens, labels, key, room, part)

    check(_core.infilled_tokens(_kernel(how, skip_ids=skip)), batch, dtype, 2, define, labels_tell)


@pytest.fixture(scope="module")
def tokenizer():
    return gpt2()


TEXTS = st.text(st.sampled_from("abc the in \n é中🙂"), max_size=40)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    cut_off=st.integers(0, 2),
    more=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
    chance=chances,
    spm_chance=chances,
    dtype=st.sampled_from([np.int64, np.int32]),
)
def test_cuts_between_characters(tokenizer, texts, cut_off, more, seed, chance, spm_chance, dtype):
    """Against the library's own encode and decode; tokens that end within a character are no text."""
    ours = Tokenizer.from_huggingface(tokenizer)
    kernels = ours.kernels()
    assert kernels is not None
    how = reference.Infilling(chance, spm_chance, 90, 91, 92, ENDS)
    rng = np.random.default_rng(seed)
    rows = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    rows = [row[: max(0, len(row) - cut_off)] for row in rows]
    rooms = [len(row) + more for row in rows]
    begins = np.cumsum([0, *rooms[:-1]])
    tokens = np.full(sum(rooms), 7)
    for begin, row in zip(begins, rows, strict=True):
        tokens[begin : begin + len(row)] = row
    lengths = np.array([len(row) for row in rows])
    keys = rng.integers(0, 2**64, len(rows), np.uint64)
    batch = (tokens, np.zeros(len(tokens), bool), begins, lengths, np.array(rooms), keys)

    def define(ids, labels, key, room):
        return reference.infilled_text(
            how, ids, labels, key, room,
            lambda row: tokenizer.decode(row, skip_special_tokens=False),
            lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        )  # fmt: skip

    check(_core.infilled_text(_kernel(how), *kernels), batch, dtype, 1, define, labels_tell=False)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=5),
    more=st.integers(0, 16),
    seed=st.integers(0, 2**32 - 1),
    file_chance=chances,
    skip=st.sampled_from(["", "a", "the "]),
)
def test_files_of_repositories_cut_between_characters(tokenizer, texts, more, seed, file_chance, skip):
    kernels = Tokenizer.from_huggingface(tokenizer).kernels()
    how = reference.Infilling(2**32, 2**31, 90, 91, 92, ENDS, 5000, file_chance)
    files = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    row = [one for file in files for one in (*file, 5000)][:-1]
    tokens = np.array(row + [7] * more)
    key = np.array([seed], np.uint64)
    spans = np.array([0]), np.array([len(row)]), np.array([len(tokens)]), key
    batch = (tokens, np.zeros(len(tokens), bool), *spans)

    def define(ids, labels, key, room):
        def part(one, ids, learned, left, leads):
            return reference.infilled_text(
                one, ids, learned, key, left,
                lambda row: tokenizer.decode(row, skip_special_tokens=False),
                lambda text: tokenizer.encode(text, add_special_tokens=False).ids, leads=leads, skip=skip,
            )  # fmt: skip

        return reference.infilled_files(how, ids, labels, key, room, part)

    kernel = _core.infilled_text(_kernel(how, skip_text=skip), *kernels)
    check(kernel, batch, np.int64, 1, define, labels_tell=False)


def test_masked_spans_stay_where_text_is_cut(tokenizer):
    kernels = Tokenizer.from_huggingface(tokenizer).kernels()
    how = reference.Infilling(2**32, 0, 90, 91, 92, ENDS)
    ids = np.array(tokenizer.encode("the cat", add_special_tokens=False).ids + [7] * 8)
    labels, before = ids.copy(), ids.copy()
    length = np.array([len(ids) - 8])
    _, counts = _core.infilled_text(_kernel(how), *kernels).apply(
        ids, labels, None, None, np.array([0]), length, np.zeros(1, np.uint64), True, 1,
        rooms=np.array([len(ids)]),
    )  # fmt: skip
    np.testing.assert_array_equal(ids, before)
    assert counts[3] == 1


def test_rooms_that_overlap_are_refused():
    kernel = _core.infilled_tokens(_kernel(reference.Infilling(2**32, 0, 90, 91, 92, ENDS)))
    ids, keys = np.arange(10), np.zeros(2, np.uint64)
    for rooms in ([6, 5], [2, 5], [5, 6]):
        with pytest.raises(ValueError, match=r"the room of span . must hold it, and end before the next"):
            kernel.apply(
                ids, None, None, None, np.array([0, 5]), np.array([3, 5]), keys, False, 1,
                rooms=np.array(rooms),
            )  # fmt: skip
