"""Plans whose spans have room behind them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack.packing.rooms import WITH_ROOM
from pypack.plan import files


@given(
    lengths=st.lists(st.integers(0, 70), max_size=40),
    limit=st.sampled_from([12, 24, 60]),
    room=st.integers(0, 11),
    align=st.sampled_from([1, 4]),
    strategy=st.sampled_from(sorted(WITH_ROOM)),
    overflow=st.sampled_from(["split", "truncate", "drop"]),
    shortest=st.integers(0, 1),
)
def test_every_span_has_its_room(lengths, limit, room, align, strategy, overflow, shortest):
    plan = pypack.pack(
        lengths, limit, strategy, room=room, align=align, overflow=overflow, drop_shorter_than=shortest
    )
    plan.verify(lengths)
    assert plan.room == room
    for sequence, spans in enumerate(plan):
        used = sum(-(-(span.length + room) // align) * align for span in spans)
        assert used <= plan.sequence_capacity[sequence]
    if overflow == "split":
        assert plan.num_tokens == sum(lengths)
        # A cut document is cut where a piece and its room fill a sequence.
        for span in (span for spans in plan for span in spans):
            assert span.start % (limit - room) == 0
    kept = [n for n in lengths if n <= limit - room]
    if overflow == "drop":
        assert plan.num_tokens == sum(kept)


def test_no_room_is_the_plan_as_it_was():
    lengths = np.arange(1, 60)
    for strategy in sorted(WITH_ROOM):
        assert pypack.pack(lengths, 50, strategy, room=0) == pypack.pack(lengths, 50, strategy)


def test_it_is_kept_and_older_readers_refuse_it(tmp_path, monkeypatch):
    plan = pypack.pack([5, 9, 30], 16, room=3)
    plan.save(tmp_path / "a.plan")
    opened = pypack.Plan.open(tmp_path / "a.plan")
    assert opened == plan
    assert opened.room == 3
    opened.verify([5, 9, 30])
    assert opened != pypack.pack([5, 9, 30], 16, room=2)
    monkeypatch.setattr(files, "FEATURES", frozenset({"documents", "repeats"}))
    with pytest.raises(ValueError, match="room"):
        pypack.Plan.open(tmp_path / "a.plan")
    monkeypatch.undo()
    # A plan that says more room than its sequences have is told.
    shutil.copytree(tmp_path / "a.plan", tmp_path / "b.plan")
    header = json.loads((tmp_path / "b.plan" / "plan.json").read_text())
    header["options"]["room"] = 9
    (tmp_path / "b.plan" / "plan.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="more than its capacity"):
        pypack.Plan.open(tmp_path / "b.plan").verify([5, 9, 30])


def test_an_extended_plan_has_it_too():
    plan = pypack.pack([5, 9, 30], 16, room=3)
    longer = pypack.extend_plan(plan, [5, 9, 30, 14, 2])
    longer.verify([5, 9, 30, 14, 2])
    assert longer.room == 3


def test_what_does_not_go_is_refused():
    for strategy in ("concat", "decompose"):
        with pytest.raises(ValueError, match=f"'{strategy}' cuts documents without regard to it"):
            pypack.pack([5], 16, strategy, room=3)
    with pytest.raises(ValueError, match="room=16 leaves no token"):
        pypack.pack([5], 16, room=16)
    with pytest.raises(ValueError, match="room must be at least 0"):
        pypack.pack([5], 16, room=-1)
    with pytest.raises(ValueError, match=r"room goes without divisible_by, .* Loader\(tail="):
        pypack.pack([5, 6], 16, room=1, divisible_by=2)
