"""`pack(..., keep_together=, learned=)`: groups are never parted, what learns nothing is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack.packing.groups import WHOLE
from pypack.store.beside import GROUP

group_sizes = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=25)


@given(
    groups=group_sizes,
    length=st.integers(1, 24),
    strategy=st.sampled_from(WHOLE),
    align=st.sampled_from([1, 2]),
    room=st.integers(0, 3),
)
def test_groups_are_whole_in_one_sequence_or_left_out(groups, length, strategy, align, room):
    length = (length + room) * align
    lengths = np.array([n for group in groups for n in group], np.int32)
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    plan = pypack.pack(
        lengths, length, strategy, overflow="drop", align=align, keep_together=numbers, room=room,
        **({"seed": 0} if strategy == "stream" else {}),
    )  # fmt: skip
    plan.verify(lengths)  # with the room of every span
    assert plan.room == room
    seen: set[int] = set()
    for s in range(plan.num_sequences):
        spans = slice(plan.sequence_offsets[s], plan.sequence_offsets[s + 1])
        documents = plan.span_document[spans]
        assert (plan.span_start[spans] == 0).all()
        assert (plan.span_length[spans] == lengths[documents]).all()
        held = numbers[documents].tolist()
        assert len({*held} & seen) == 0  # each group in one sequence
        seen |= {*held}
        for group in set(held):
            mine = documents[numbers[documents] == group]
            assert mine.tolist() == [d for d in np.flatnonzero(numbers == group) if lengths[d]]
            places = np.flatnonzero(numbers[documents] == group)
            assert (np.diff(places) == 1).all()  # side by side
    rooms = [sum(-(-(n + room) // align) * align for n in group if n) for group in groups]
    assert seen == {g for g, room in enumerate(rooms) if 0 < room <= length}


@given(groups=group_sizes, learned=st.data(), together=st.booleans())
def test_what_learns_nothing_is_left_out_and_counted(groups, learned, together):
    lengths = np.array([n for group in groups for n in group], np.int32)
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    counts = np.array([learned.draw(st.integers(0, int(n))) for n in lengths], np.int64)
    options = {"keep_together": numbers} if together else {}
    plan = pypack.pack(lengths, 40, "best_fit", overflow="drop", learned=counts, **options)
    plan.verify(lengths)
    by_group = np.bincount(numbers, counts) if together else counts
    wanted = (by_group[numbers] if together else counts) > 0
    assert sorted(plan.span_document.tolist()) == np.flatnonzero(wanted & (lengths > 0)).tolist()
    assert plan.counts.dropped_tokens == int(lengths[~wanted].sum())


def test_bad_groups_are_refused():
    lengths = np.array([3, 3, 3], np.int32)
    with pytest.raises(ValueError, match="documents of group 0 are no neighbours"):
        pypack.pack(lengths, 9, "stream", overflow="drop", keep_together=[0, 1, 0])
    with pytest.raises(ValueError, match="overflow='drop'"):
        pypack.pack(lengths, 9, "stream", keep_together=[0, 0, 1])
    with pytest.raises(ValueError, match="'concat' cuts documents"):
        pypack.pack(lengths, 9, "concat", overflow="drop", keep_together=[0, 0, 1])
    with pytest.raises(ValueError, match="one for each of the 3 documents"):
        pypack.pack(lengths, 9, "stream", overflow="drop", keep_together=[0, 0])
    with pytest.raises(TypeError, match=r"store\.groups"):
        pypack.pack(lengths, 9, "stream", overflow="drop", keep_together="group")
    with pytest.raises(ValueError, match="tokens"):
        pypack.pack(lengths, 5, "stream", overflow="error", keep_together=[0, 0, 1])


def test_groups_of_a_store_by_name(tmp_path):
    lengths = [3, 4, 2, 5, 1, 6]
    with pypack.StoreWriter(tmp_path / "s", vocab_size=300, beside=[GROUP]) as writer:
        rows = pypack.Ragged.from_rows([np.zeros(n, np.uint32) for n in lengths])
        writer.append(rows, places=np.array([0, 1, 0, 1, 2, 0], np.int32))
    store = pypack.TokenStore.open(tmp_path / "s")
    expected = pypack.pack(store.lengths, 9, "best_fit", overflow="drop", keep_together=store.groups)
    plan = pypack.pack(store, 9, "best_fit", overflow="drop", keep_together="group")
    assert plan == expected
    source = pypack.Source(store, pypack.pack([5, 1, 2], 9), documents=np.array([3, 4, 2]))
    chosen = pypack.pack(source, 9, "best_fit", overflow="drop", keep_together="group")
    assert chosen == pypack.pack([5, 1, 2], 9, "best_fit", overflow="drop", keep_together=[0, 0, 1])
    with pytest.raises(TypeError, match=r"pass its \.lengths"):
        pypack.pack(store, 9)
    with pytest.raises(TypeError, match="give the store itself"):
        pypack.pack(lengths, 9, "best_fit", overflow="drop", keep_together="group")


def test_max_documents_counts_documents():
    lengths = np.full(12, 2, np.int32)
    pairs = np.repeat(np.arange(6), 2)
    plan = pypack.pack(lengths, 100, "best_fit", overflow="drop", keep_together=pairs, max_documents=4)
    assert np.diff(plan.sequence_offsets).tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match="max_documents=4 with keep_together"):
        pypack.pack(
            lengths, 100, "best_fit", overflow="drop", keep_together=[0] * 3 + [1] * 9, max_documents=4
        )
