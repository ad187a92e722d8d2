"""The dicts of an array in a pickle, one at a time, are those that the whole pickle holds."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pypack import _core
from pypack.formats import plain_pickle
from pypack.formats.pickled_arrays import PlainPickleError
from pypack.formats.pickled_items import items_of

_NUMBERS = st.one_of(
    st.lists(st.integers(0, 70_000), max_size=40),
    st.lists(st.booleans(), max_size=10),
    st.lists(st.floats(allow_nan=False), max_size=10),
    st.lists(st.integers(-5, 2**70) | st.booleans() | st.none(), max_size=6),
    st.lists(st.integers(0, 300), max_size=6).map(tuple),
    st.lists(st.integers(0, 300), max_size=6).map(np.array),
)
_ITEMS = st.lists(st.dictionaries(st.sampled_from(["input_ids", "loss_mask", "x"]), _NUMBERS), max_size=6)


def boxed(items: list[Any]) -> np.ndarray:
    boxes = np.empty(len(items), object)
    boxes[:] = items
    return boxes


def plain(item: Any) -> Any:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in item.items()}


@settings(deadline=None)
@given(items=_ITEMS, shared=st.lists(st.integers(0, 5), max_size=4), protocol=st.integers(2, 5))
def test_items_are_those_of_the_whole(items: list[Any], shared: list[int], protocol: int) -> None:
    items = items + [items[i % len(items)] for i in shared if items]  # one object, named twice
    items += [{"x": item.get("x", [1]), "y": [2]} for item in items[:2]]  # a list, named twice
    data = b"head" + pickle.dumps(boxed(items), protocol)
    found = [item for item, _ in items_of(data, 4)]
    expected = plain_pickle.load(data, 4)
    assert list(map(plain, found)) == list(map(plain, expected)) == list(map(plain, items))


@pytest.mark.parametrize("count", [1, 2, 1000, 1001, 2002])
@pytest.mark.parametrize("protocol", [2, 4])
def test_batches_of_a_pickler(count: int, protocol: int) -> None:
    """A pickler appends a thousand at a time, and one that is left alone."""
    items = [{"a": [i, 1000 + i], "b": list(range(i % 3))} for i in range(count)]
    items[-1] = items[0]
    data = pickle.dumps(boxed(items), protocol)
    found = list(items_of(data))
    assert [plain(item) for item, _ in found] == items
    places = [at for _, at in found]
    assert places == sorted(places)
    assert places[-1] <= len(data)


def test_large_lists_and_frames() -> None:
    items = [{"a": list(range(i, 70_000)), "b": [True] * 3000} for i in range(3)]
    for protocol in (2, 3, 4, 5):
        assert [plain(item) for item, _ in items_of(pickle.dumps(boxed(items), protocol))] == items


def test_what_is_named_too_often_is_refused() -> None:
    item = {"a": list(range(5000)), "b": [1]}
    data = pickle.dumps(boxed([item] * 100), 4)
    with pytest.raises(PlainPickleError, match="repeat what stands there once"):
        list(items_of(data))


def test_a_dict_that_names_itself_is_refused() -> None:
    item: dict[str, Any] = {"a": [1]}
    item["self"] = item
    with pytest.raises(PlainPickleError):
        list(items_of(pickle.dumps(boxed([item, item]), 4)))


@settings(deadline=None)
@given(
    values=st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(0, 300), min_size=1, max_size=2500)
    | st.lists(st.floats(), min_size=1, max_size=20)
    | st.lists(st.booleans(), min_size=1, max_size=20),
    protocol=st.integers(2, 5),
    cut=st.integers(0, 40),
)
def test_a_list_of_numbers_whole(values: list[Any], protocol: int, cut: int) -> None:
    data = pickle.dumps([values], protocol)
    at = data.index(b"]", data.index(b"]") + 1) + 1
    found, _, end = _core.read_pickled_list(data, at)
    assert repr(found.tolist()) == repr(values)
    assert data[end:].strip(b"\x95") != b""
    short = data[: max(at, len(data) - 2 - cut)]  # what is cut off is no whole list
    found, _, end = _core.read_pickled_list(short, at)
    assert end <= len(short)
    assert found is None or found.tolist() == values[: len(found)]


def test_lists_of_other_things() -> None:
    for values in ([], [1, "a"], [1, True], [[1]], [None], [2**40]):
        data = pickle.dumps([values], 4)
        assert _core.read_pickled_list(data, data.index(b"]", data.index(b"]") + 1) + 1)[0] is None
    with pytest.raises(IndexError):
        _core.read_pickled_list(b"]", 2)
