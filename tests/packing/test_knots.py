"""Untie the Knots: plans against the definition, what they keep, and what does not go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import knots as reference

import pypack
from pypack.packing import Knots, tie_knots
from pypack.packing.knots import _borders

UNIT = 2**32


def _reference(knots):
    most = max(map(len, knots.chunks))
    return reference.Knots(
        knots.seed,
        _borders("kinds", knots.kinds, len(knots.kinds)),
        [_borders("chunks", row, most) for row in knots.chunks],
        knots.cuts == "equal",
        knots.keep_order,
        list(knots.knot_ids),
        list(knots.trace_ids),
        list(knots.trace_letters),
        knots.trace_length,
        knots.interleave,
        knots.chunk_size,
        list(knots.bracket_ids),
        knots._numbers,
    )


@st.composite
def options(draw):
    chunks = draw(
        st.sampled_from(
            [((1.0,), (0.0, 0.5, 0.5)), ((0.25, 0.25, 0.5), (0.0, 1.0)), ((0.0, 0.0, 0.0, 1.0), (0.5, 0.5))]
        )
    )
    most = max(map(len, chunks))
    traced = draw(st.booleans())
    size = draw(st.sampled_from([0, 0, 7, 1000]))
    numbered = size > 0 and draw(st.booleans())
    most -= size > 0
    return Knots(
        interleave=draw(st.booleans()),
        chunk_size=size,
        bracket_ids=(401, 402, 403, 404) if numbered else (),
        number_ids=[500 + n if n % 2 else (500 + n, 600 + n) for n in range(40)] if numbered else (),
        kinds=draw(st.sampled_from([(0.2, 0.8), (1.0, 0.0), (0.0, 1.0)])),
        chunks=chunks,
        cuts=draw(st.sampled_from(["random", "equal"])),
        keep_order=draw(st.booleans()),
        knot_ids=tuple(range(100, 100 + 2 * (most - 1))) if draw(st.booleans()) else (),
        trace_ids=(201, 202, 203, 204, 205) if traced else (),
        trace_letters=(301, 302, 303) if traced else (),
        trace_length=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 2**64 - 1)),
    )


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=30),
    limit=st.sampled_from([40, 90]),
    more=st.sampled_from([0, 5, 60]),
    over=st.sampled_from(["stream", "concat", "pad"]),
    knots=options(),
)
def test_a_plan_is_what_the_definition_says(lengths, limit, more, over, knots):
    plan = pypack.pack(lengths, limit, over)
    tied = tie_knots(plan, lengths, knots, sequence_length=limit + more)
    tied.verify(lengths)
    left_whole = 0
    assert len(tied) == len(plan)
    for sequence, spans in enumerate(plan):
        found, gaps, whole = reference.tie(spans, sequence, limit + more, _reference(knots))
        left_whole += whole
        assert tied[sequence] == found
        assert tied.literals.of_sequence(tied, sequence) == [[token for token, _ in gap] for gap in gaps]
        first, last = tied.sequence_offsets[sequence : sequence + 2] + sequence
        bounds = tied.literals.offsets[[first, last + 1]]
        learned = [is_learned for gap in gaps for _, is_learned in gap]
        assert tied.literals.is_learned()[slice(*bounds)].tolist() == learned
        if spans and not knots.interleave:
            end = spans[-1]
            assert tied[sequence][-1][0] == end.document  # the last part of the last document is the last
            assert sum(tied[sequence][-1][1:]) == end.start + end.length
    assert tied.options["knots"]["left_whole"] == left_whole
    assert tied.num_tokens == plan.num_tokens
    assert (
        tied.padding == len(plan) * (limit + more) - tied.num_tokens - tied.num_literals
        if over != "pad"
        else True
    )


@given(
    lengths=st.lists(st.integers(0, 200), min_size=1, max_size=20), knots=options(), seed=st.integers(0, 9)
)
def test_packed_with_their_room_no_document_is_left_whole(lengths, knots, seed):
    settings = {field: getattr(knots, field) for field in knots.__dataclass_fields__} | {"seed": seed}
    if knots.chunk_size == 7:  # whose literals are more than the chunks
        settings |= {"chunk_size": 40}
    plan = pypack.pack(lengths, 128, "knots", over="best_fit", **settings)
    plan.verify(lengths)
    assert plan.options["knots"]["left_whole"] == 0
    assert plan.options["over"] == "best_fit"
    assert plan.num_tokens == sum(lengths)
    assert plan == pypack.pack(lengths, 128, "knots", over="best_fit", num_threads=3, **settings)


def test_most_documents_are_cut_in_two_or_three():
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 400, 4000)
    plan = pypack.pack(lengths, 4096, "knots", knot_ids=(1, 2, 3, 4))
    found = plan.options["knots"]
    spans = pypack.pack(lengths, 4096, room=4).num_spans
    assert abs(found["cut_spans"] / spans - 0.8) < 0.06
    assert abs(found["chunks"] / found["cut_spans"] - 2.5) < 0.05
    assert plan.num_literals == 2 * (found["chunks"] - found["cut_spans"])
    # Their order is shuffled: neighbours belong together no more than by chance.
    document = plan.span_document
    inner = np.setdiff1d(np.arange(plan.num_spans - 1), plan.sequence_offsets[1:-1] - 1)
    assert (document[inner] == document[inner + 1]).mean() < 0.06


def test_chunks_of_one_size_are_those_of_the_papers_code():
    """Cut every 1,024 tokens, numbered between brackets at both sides of a cut; 1,024 tokens stay whole."""
    lengths = [2500, 1024, 1025]
    knots = Knots(
        kinds=(1.0,), chunks=((0, 0, 0, 1.0),), chunk_size=1024, bracket_ids=(1, 2, 3, 4),
        number_ids=range(10, 14), interleave=True,
    )  # fmt: skip
    tied = tie_knots(pypack.pack(lengths, 4600, "next_fit"), lengths, knots, sequence_length=4700)
    tied.verify(lengths)
    assert [tuple(span) for span in tied[0]] == [
        (0, 0, 1024), (1, 0, 1024), (2, 0, 1024), (0, 1024, 1024), (2, 1024, 1), (0, 2048, 452)
    ]  # fmt: skip
    assert tied.literals.of_sequence(tied, 0) == [
        [],
        [3, 10, 4],
        [],
        [3, 10, 4, 1, 11, 2],
        [3, 11, 4, 1, 11, 2],
        [1, 12, 2],
        [],
    ]
    assert not tied.literals.is_learned().any()
    assert tied.options["knots"]["cut_spans"] == 2
    assert tied.options["knots"]["chunks"] == 5


def test_numbers_of_several_tokens_are_learned_from_the_second_on():
    """As the paper's code masks them: what stands behind a bracket, and brackets, are not."""
    knots = Knots(
        kinds=(1.0,), chunks=((0, 1.0),), chunk_size=5, bracket_ids=(1, 2, 3, 4), number_ids=[(7, 8, 9)] * 3
    )
    tied = tie_knots(pypack.pack([12], 60), [12], knots)
    assert tied.literals.is_learned().reshape(-1, 5).tolist() == [[False, False, True, True, False]] * 4


def test_interleaved_chunks_come_in_turns():
    knots = Knots(kinds=(1.0,), chunks=((0, 0, 1.0),), cuts="equal", interleave=True)
    tied = tie_knots(pypack.pack([9, 2, 7], 18, "next_fit"), [9, 2, 7], knots)
    assert [tuple(span) for span in tied[0]] == [
        (0, 0, 3), (1, 0, 2), (2, 0, 2), (0, 3, 3), (2, 2, 2), (0, 6, 3), (2, 4, 3)
    ]  # fmt: skip


def test_chunks_of_one_size_find_their_room(tmp_path):
    """Sequences are packed so much shorter that no document is left whole, and the plan can grow."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 3000, 500)
    options = {
        "kinds": (0.5, 0.5), "chunks": ((0.5, 0.5), (0, 0, 0, 1.0)), "chunk_size": 64,
        "bracket_ids": (1, 2, 3, 4), "number_ids": [(n // 10, n % 10) for n in range(64)],
        "knot_ids": (5, 6, 7, 8),
    }  # fmt: skip
    plan = pypack.pack(lengths, 4096, "knots", **options)
    plan.verify(lengths)
    assert plan.options["knots"]["left_whole"] == 0
    assert plan.sequence_length == 4096
    assert (plan.num_tokens + plan.num_literals) / (4096 * len(plan)) > 0.9
    plan.save(tmp_path / "a.plan")
    grown = [*lengths.tolist(), 2000, 1500]
    more = pypack.extend_plan(pypack.Plan.open(tmp_path / "a.plan"), grown)
    more.verify(grown)
    assert more.sequence_capacity.tolist() == [4096] * len(more)


def test_a_plan_of_a_selection_can_be_tied():
    lengths = np.array([30, 9, 50, 21, 80, 7])
    plan = pypack.pack(lengths[[4, 0, 2]], 128, room=8)
    plan.documents = np.array([4, 0, 2])
    tied = tie_knots(plan, lengths, Knots(kinds=(0.0, 1.0), knot_ids=(1, 2, 3, 4)))
    tied.verify(lengths)
    assert tied.documents.tolist() == [4, 0, 2]


@pytest.mark.parametrize("ids", [range(1, 5), np.arange(1, 5), [np.int64(one) for one in range(1, 5)]])
def test_ids_may_be_ranges_and_arrays(tmp_path, ids):
    lengths = np.full(40, 9, np.int32)
    tied = pypack.pack(lengths, 64, "knots", knot_ids=ids)
    tied.save(tmp_path / "a.plan")
    again = pypack.Plan.open(tmp_path / "a.plan")
    same = pypack.pack(lengths, 64, "knots", knot_ids=(1, 2, 3, 4))
    assert again.options == _reread(same, tmp_path).options
    assert again.span_document.tolist() == same.span_document.tolist()


def _reread(plan, folder):
    plan.save(folder / "b.plan")
    return pypack.Plan.open(folder / "b.plan")


def test_what_does_not_go_is_refused():
    plan = pypack.pack([30, 9], 64, room=8)
    tied = tie_knots(plan, [30, 9], Knots())
    for knots, message in [
        (Knots(knot_ids=(1, 2)), "up to 3 chunks need 4 knot_ids"),
        (Knots(kinds=(0.2, 0.7)), "kinds are chances that add up to 1"),
        (Knots(kinds=(1.0,)), "there are 1 kinds of sequences, and chunks for 2"),
        (Knots(trace_ids=(1, 2, 3, 4, 5)), "names are drawn from trace_letters"),
        (Knots(cuts="half"), "cuts must be"),
        (Knots(chunk_size=-1), "chunk_size"),
        (Knots(chunk_size=5, knot_ids=(1, 2, 3, 4)), "up to 2 chunks need 2 knot_ids"),
        (Knots(chunk_size=5, bracket_ids=(1, 2, 3, 4)), "bracket_ids stand around number_ids"),
        (Knots(bracket_ids=(1, 2, 3, 4), number_ids=(1,)), "give all three, or neither ids"),
        (Knots(chunk_size=5, bracket_ids=(1, 2), number_ids=(1,)), "bracket_ids are four"),
        (
            Knots((1.0,), ((0, 1.0),), chunk_size=5, bracket_ids=(1, 2, 3, 4), number_ids=(1,)),
            "30 tokens of document 0 are 6 chunks of 5 tokens, and number_ids has the tokens of 1 numbers",
        ),
        (Knots(knot_ids=(1, 2, 3, -4)), "knot_ids are token ids"),
    ]:
        with pytest.raises(ValueError, match=message):
            tie_knots(plan, [30, 9], knots)
    with pytest.raises(ValueError, match="literal tokens between its spans, and knots are tied once"):
        tie_knots(tied, [30, 9])
    with pytest.raises(ValueError, match="sequence_length=32: the plan has sequences of 64 tokens"):
        tie_knots(plan, [30, 9], sequence_length=32)
    with pytest.raises(ValueError, match="the plan aligns them to 4"):
        tie_knots(pypack.pack([30, 9], 64, align=4), [30, 9])
    for given_option in ({"align": 4}, {"room": 3}, {"divisible_by": 2}, {"keep_together": [0, 1]}):
        with pytest.raises(ValueError, match="strategy 'knots' goes without"):
            pypack.pack([30, 9], 64, "knots", **given_option)
    with pytest.raises(TypeError, match="takes no option 'colour'"):
        pypack.pack([30, 9], 64, "knots", colour=3)
    numbered = {"bracket_ids": (1, 2, 3, 4), "number_ids": [1]}
    with pytest.raises(ValueError, match="up to 7 chunks of 10, and number_ids has the tokens of 1 numbers"):
        pypack.pack([30, 9], 64, "knots", chunk_size=10, **numbered)
    with pytest.raises(ValueError, match="a cut between chunks of chunk_size=5 tokens has 6 literal tokens"):
        pypack.pack([30, 9], 5, "knots", chunk_size=5, **numbered)
    pypack.extend_plan(tied, [30, 9, 4]).verify([30, 9, 4])
