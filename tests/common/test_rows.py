"""Stores and Ragged are indexed and searched as Python's lists are, and as NumPy's arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Ragged, StoreWriter, TokenStore

ROWS = [[1], [2, 3], [], [2, 3], [4, 5, 6], [1]]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with StoreWriter(tmp_path_factory.mktemp("rows") / "s", vocab_size=10, shard_tokens=3) as writer:
        writer.append(Ragged.from_rows(ROWS))
    return TokenStore.open(writer.path)


@pytest.fixture(scope="module", params=["store", "ragged"])
def sequence(request, store):
    return store if request.param == "store" else Ragged.from_rows(ROWS)


bounds = st.none() | st.integers(-9, 9)


@given(start=bounds, stop=bounds, step=bounds.filter(lambda step: step != 0))
def test_slices_are_those_of_a_list(sequence, start, stop, step):
    cut = slice(start, stop, step)
    assert [row.tolist() for row in sequence[cut]] == ROWS[cut]
    assert isinstance(sequence[cut], Ragged if isinstance(sequence, Ragged) else list)


@given(numbers=st.lists(st.integers(-6, 5)), kind=st.sampled_from(["list", "int64", "int8", "uint16"]))
def test_lists_of_numbers(sequence, numbers, kind):
    if kind == "uint16":
        numbers = [abs(n) % 6 for n in numbers]
    index = numbers if kind == "list" else np.array(numbers, kind)
    assert [row.tolist() for row in sequence[index]] == [ROWS[n] for n in numbers]


def test_numbers_and_flags(sequence):
    for index in (-1, np.int64(-1), np.array(5), np.uint8(5)):
        assert sequence[index].tolist() == [1]
    flags = [len(row) == 2 for row in ROWS]
    assert [row.tolist() for row in sequence[flags]] == [[2, 3], [2, 3]]
    assert [row.tolist() for row in sequence[np.array(flags)]] == [[2, 3], [2, 3]]
    assert [row.tolist() for row in reversed(sequence)] == ROWS[::-1]


def test_slices_of_ragged_share_memory():
    ragged = Ragged.from_rows(ROWS)
    assert np.shares_memory(ragged[1:5].values, ragged.values)
    assert ragged[4:2] == Ragged.from_rows([])
    assert ragged[:] == ragged


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (6, IndexError, r"(document|row) 6 of a (store|Ragged) with 6 (documents|rows)"),
        (-7, IndexError, "-7 of a"),
        ([0, 9], IndexError, "9 of a"),
        (np.array([0, -7]), IndexError, "-7 of a"),
        ([True], IndexError, "1 bools for a"),
        (1.0, TypeError, "chosen by a whole number, several by a slice or a list .* got 1.0"),
        ("a", TypeError, "got 'a'"),
        (None, TypeError, "got None"),
        ([0.5], TypeError, r"got \[0.5\]"),
        ((0, 1), TypeError, r"has one axis: write \[\[0, 1\]\]"),
        ([[0, 1]], TypeError, "chosen by"),
    ],
)
def test_what_is_no_index(sequence, index, error, message):
    with pytest.raises(error, match=message):
        sequence[index]


@given(row=st.sampled_from(ROWS) | st.lists(st.integers(-2, 6), max_size=3), start=bounds, stop=bounds)
def test_searching_is_that_of_a_list(sequence, row, start, stop):
    assert (row in sequence) == (row in ROWS)
    assert (np.array(row, np.int16) in sequence) == (row in ROWS)
    assert sequence.count(row) == ROWS.count(row)
    start = 0 if start is None else start
    try:
        expected = ROWS.index(row, start, 99 if stop is None else stop)
    except ValueError:
        with pytest.raises(ValueError, match="the row is not in a"):
            sequence.index(row, start, stop)
    else:
        assert sequence.index(row, start, stop) == expected


def test_what_is_no_row_is_in_no_sequence(sequence):
    for value in (1, None, "abc", [[2, 3]], ["2", "3"], [[1], [2, 3]], object()):
        assert value not in sequence
        assert sequence.count(value) == 0


def test_text_of_documents(tmp_path, store, tokenizer_file, sample_texts):
    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    with StoreWriter(
        tmp_path / "s", vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        writer.append(tokenizer.encode_batch(sample_texts))
    told = TokenStore.open(writer.path)
    assert told.text(7) == sample_texts[7]
    assert told.text(slice(2, 4)) == told.text([2, 3]) == sample_texts[2:4]
    assert told.text(-1, skip_special_tokens=False) == sample_texts[-1] + tokenizer.id_to_token(
        tokenizer.eos_id
    )
    with pytest.raises(IndexError, match="document"):
        told.text(10**6)
    with pytest.raises(FileNotFoundError, match=r"holds no tokenizer\.json"):
        store.text(0)
