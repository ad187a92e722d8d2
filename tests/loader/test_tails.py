"""The ends of epochs: no rank goes without a row, and what is given once or again is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_store, web_lengths
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Schedule, Source
from pypack.schedule.tails import TAILS


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Stores of 1 to 40 documents."""
    path = tmp_path_factory.mktemp("tails")
    return [make_store(path / str(n), [8] * n) for n in range(1, 41)]


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """One source with rows of 16, 32 and 64 tokens."""
    store = make_store(tmp_path_factory.mktemp("several") / "a.store", web_lengths(120, seed=4))
    return Source(store, bucketed(store, [16, 32, 64]))


def of_ranks(source, world_size, **options):
    return [Loader(*source, rank=r, world_size=world_size, **options) for r in range(world_size)]


@given(
    data=st.data(),
    size=st.integers(1, 40),
    rows=st.integers(1, 12),
    world_size=st.integers(1, 8),
    balance=st.sampled_from(["none", "deal", "lpt"]),
    tail=st.sampled_from(TAILS),
    remainder=st.sampled_from(["error", "pad", "drop"]),
)
def test_no_rank_goes_without(stores, data, size, rows, world_size, balance, tail, remainder):
    store = stores[size - 1]
    source = store, pypack.pack(store.lengths, 8, "pad")
    options = {"batch_sequences": rows, "tail": tail, "balance": balance, "remainder": remainder}
    epochs = 3
    try:
        ranks = of_ranks(source, world_size, **options, epochs=epochs, prefetch=0)
    except ValueError as error:
        message = str(error)
        if tail == "drop" and size < rows:
            assert "drop them all" in message
        elif rows < world_size:
            assert "leaves ranks without any" in message
        elif rows % world_size and remainder == "error":
            assert "possible world sizes" in message
        else:
            assert tail == "spread"
            assert "fewer than" in message
        return
    given_out = [Counter() for _ in range(epochs)]
    for step in range(ranks[0].num_steps):
        counts = []
        for loader in ranks:
            batch = loader.batch_at(step)
            assert batch.tokens > 0
            counts.append(batch.num_rows)
            for epoch, sequence in zip(loader.epochs_at(step), loader.sequences_at(step), strict=True):
                if sequence >= 0 and epoch < epochs:
                    given_out[epoch][int(sequence)] += 1
        assert len(set(counts)) == 1
    total = sum(sum(epoch.values()) for epoch in given_out)
    again = ranks[0].repeated_sequences
    if remainder == "drop" and rows % world_size:
        return
    if tail == "drop":
        assert total == epochs * (size - ranks[0].dropped_sequences)
    elif tail == "pad":
        assert total == epochs * (size + again)
    else:
        assert total == epochs * size
        assert all(set(epoch.values()) == {1} for epoch in given_out)
    if tail == "wrap":
        assert ranks[0].num_steps * rows == epochs * size + again


@given(size=st.integers(1, 40), rows=st.integers(1, 12), passes=st.integers(1, 6))
def test_wrapped_passes_are_a_stream_without_gaps(stores, size, rows, passes):
    store = stores[size - 1]
    loader = Loader(store, pypack.pack(store.lengths, 8, "pad"), batch_sequences=rows, tail="wrap")
    expected = Loader(store, pypack.pack(store.lengths, 8, "pad"), batch_sequences=1)
    steps = []
    for _ in range(passes):
        ahead, whole = loader.pass_end() - loader.step, len(loader)
        batches = list(loader)
        assert len(batches) == ahead == whole
        assert [loader.order.pass_of(b.step) for b in batches] == [
            loader.order.pass_of(batches[0].step)
        ] * whole
        steps += [batch.step for batch in batches]
    assert steps == list(range(len(steps)))
    stream = [s for step in steps for s in loader.sequences_at(step).tolist()]
    assert stream == [int(expected.sequences_at(k)[0]) for k in range(len(stream))]
    for epoch in range(3):
        loader.set_epoch(epoch)
        first = loader.epochs_at(loader.step)
        assert first.max() >= epoch
        assert loader.step == 0 or loader.epochs_at(loader.step - 1).max() >= epoch - 1


@given(rows=st.integers(1, 30))
def test_spread_steps_are_those_of_pad_but_for_the_last_two(stores, rows):
    store = stores[-1]
    source = store, pypack.pack(store.lengths, 8, "pad")
    pad, spread = (Loader(*source, batch_sequences=rows, tail=tail) for tail in ("pad", "spread"))
    assert len(pad) == len(spread)
    for step in range(len(pad) - 2):
        assert pad.sequences_at(step).tolist() == spread.sequences_at(step).tolist()
    sizes = [int((spread.sequences_at(k) >= 0).sum()) for k in range(len(spread))]
    assert sum(sizes) == 40
    assert len(sizes) == 1 or 0 <= sizes[-2] - sizes[-1] <= 1


@pytest.mark.parametrize("tail", TAILS)
def test_rows_of_several_lengths(several, tail):
    epochs = 4
    ranks = of_ranks((several,), 2, batch_tokens=256, tail=tail, epochs=epochs, curriculum="grow-p2")
    given_out = Counter()
    passes = []
    for number in range(epochs):
        before = ranks[0].step
        for parts in zip(*ranks, strict=True):
            assert all(part.tokens > 0 for part in parts)
            assert len({part.input_ids.shape for part in parts}) == 1
        passes.append(ranks[0].step - before)
        assert ranks[0].order.pass_of(ranks[0].step - 1) == number
    for step in range(ranks[0].num_steps):
        for loader in ranks:
            rows = zip(loader.epochs_at(step).tolist(), loader.sequences_at(step).tolist(), strict=True)
            given_out.update((e, s) for e, s in rows if s >= 0 and e < epochs)
    assert sum(passes) == ranks[0].num_steps
    whole = epochs * several.plan.num_sequences
    if tail == "drop":
        assert sum(given_out.values()) == whole - epochs * ranks[0].dropped_sequences
    else:
        assert len(given_out) == whole
    if tail in ("wrap", "spread", "drop"):
        assert set(given_out.values()) == {1}


@given(
    rows=st.integers(1, 10), world_size=st.integers(2, 6), seed=st.integers(0, 50), step=st.integers(0, 30)
)
@settings(max_examples=150)
def test_shuffled_remainders_leave_no_rank_without(stores, rows, world_size, seed, step):
    assume(rows >= world_size)
    sources = {
        name: Source(stores[n], pypack.pack(stores[n].lengths, 8, "pad"))
        for name, n in (("a", 30), ("b", 12))
    }
    schedule = Schedule([Phase(steps=40, weights={"a": 1, "b": 1})])
    options = {"schedule": schedule, "batch_sequences": rows, "seed": seed}
    whole = Loader(sources, **options)
    parts = []
    for rank in range(world_size):
        loader = Loader(sources, **options, rank=rank, world_size=world_size, remainder="pad")
        found = list(zip(*(part.tolist() for part in loader.rows_at(step)), strict=True))
        parts += [row for row in found if row[1] >= 0]
        assert loader.batch_at(step).tokens > 0
    expected = zip(*(part.tolist() for part in whole.rows_at(step)), strict=True)
    assert sorted(parts) == sorted(expected)


@pytest.mark.parametrize("remainder", ["error", "pad", "drop"])
def test_fewer_sequences_than_ranks_are_refused(stores, remainder):
    source = stores[39], pypack.pack(stores[39].lengths, 8, "pad")
    with pytest.raises(
        ValueError, match=r"batch of 3 sequences for 4 ranks leaves .*; make the batch"
    ) as caught:
        Loader(*source, batch_sequences=3, world_size=4, remainder=remainder)
    assert "drop" not in str(caught.value)  # it would leave out all of them


def test_repeated_rows_are_counted(stores):
    source = stores[32], pypack.pack(stores[32].lengths, 8, "pad")  # 33 rows
    ranks = of_ranks(source, 4, batch_sequences=8)
    for _ in range(2):
        for _parts in zip(*ranks, strict=True):
            pass
    assert {loader.repeated_sequences for loader in ranks} == {3}
    assert {loader.stats.repeated_rows for loader in ranks} == {6}
    assert sum(loader.stats.tokens for loader in ranks) == 2 * (33 + 3) * 8
    epochs = [row["documents"] for loader in ranks for row in loader.stats()["sources"][""]["epochs"]]
    assert sum(epochs) == 2 * 36


def test_states_of_other_tails_are_told_apart(stores):
    source = stores[32], pypack.pack(stores[32].lengths, 8, "pad")
    state = Loader(*source, batch_sequences=8).state_dict()
    assert state["order"]["tail"] == "pad"  # as old states have it
    with pytest.raises(ValueError, match="tail is 'wrap' here, was 'pad'"):
        Loader(*source, batch_sequences=8, tail="wrap").load_state_dict(state)
    wrapped = Loader(*source, batch_sequences=8, tail="wrap")
    wrapped.seek(9)
    other = Loader(*source, batch_sequences=8, tail="wrap")
    other.load_state_dict(wrapped.state_dict())
    np.testing.assert_array_equal(next(iter(other)).input_ids, next(iter(wrapped)).input_ids)
