"""Batches of plans that hold literal tokens: one text a sequence, in every layout."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import make_store, web_lengths
from reference.balance import lpt

import pypack
from pypack import Loader, Plan, Source
from pypack.objectives import MaskedLM
from pypack.packing import Knots, tie_knots
from pypack.plan import files

FIRST = 50_000  # above the ids of the documents
KNOTS = Knots(
    knot_ids=tuple(FIRST + i for i in (1, 2, 3, 4)),
    trace_ids=tuple(FIRST + i for i in (5, 6, 7, 8, 9)),
    trace_letters=tuple(FIRST + i for i in (10, 11, 12)),
    trace_length=2,
)
ARRAYS = ["labels", "position_ids", "segment_ids", "loss_mask"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(
        tmp_path_factory.mktemp("knots") / "a.store", web_lengths(120, 3), 60_000, shard_tokens=9000
    )


@pytest.fixture(scope="module")
def plan(store):
    settings = {name: getattr(KNOTS, name) for name in KNOTS.__dataclass_fields__}
    return pypack.pack(store.lengths, 512, "knots", **settings)


def check_balance(store, plan, used):
    """Rows are dealt by all of their tokens, literals too: each rank gets what the definition gives it."""
    loader = Loader(store, plan, batch_sequences=8)
    differs = False
    for step in range(loader.steps_per_epoch - 1):
        whole = loader.sequences_at(step).tolist()
        dealt = lpt([float(used[sequence]) ** 2 for sequence in whole], 2, 4, 1.005)
        spans = [float(sum(span.length for span in plan[sequence])) ** 2 for sequence in whole]
        differs |= list(map(sorted, dealt)) != list(map(sorted, lpt(spans, 2, 4, 1.005)))
        for rank, expected in enumerate(dealt):
            options = {"batch_sequences": 8, "rank": rank, "world_size": 2}
            mine = Loader(store, plan, balance="lpt", **options).sequences_at(step).tolist()
            assert sorted(mine) == sorted(whole[i] for i in expected)
    assert differs  # so that literals were counted


def expected_row(store, plan, sequence, masked=frozenset()):
    """Tokens of a sequence, which of them are labels, and its documents, run by run."""
    gaps = plan.literals.of_sequence(plan, sequence)
    learned = iter(_learned(plan, sequence))
    tokens, labels, runs = [], [], []

    def literals(gap):
        if gap:
            runs.append((-1, len(gap)))
        for token in gap:
            is_learned = next(learned)
            labels.append(token if is_learned and tokens else -100)
            tokens.append(token)

    for gap, (document, start, length) in zip(gaps[:-1], plan[sequence], strict=True):
        literals(gap)
        text = store[document][start : start + length].tolist()
        tokens += text
        labels += [-100, *text[1:]]
        runs.append((document, length))
    literals(gaps[-1])
    return tokens, labels, runs


def _learned(plan, sequence):
    first = int(plan.sequence_offsets[sequence]) + sequence
    last = int(plan.sequence_offsets[sequence + 1]) + sequence
    return plan.literals.is_learned()[plan.literals.offsets[first] : plan.literals.offsets[last + 1]].tolist()


def test_a_row_is_one_text(store, plan):
    loader = Loader(store, plan, batch_sequences=4, arrays=ARRAYS, seed=2)
    flat = Loader(store, plan, batch_sequences=4, arrays=ARRAYS, seed=2, layout="varlen", dtype="int32")
    seen_learned = 0
    for batch in loader:
        other = flat.batch_at(batch.step)
        begin, segments = 0, 0
        for row, sequence in enumerate(loader.sequences_at(batch.step).tolist()):
            if sequence < 0:
                assert (batch.segment_ids[row] == 0).all()
                continue
            tokens, labels, runs = expected_row(store, plan, sequence)
            size = len(tokens)
            first, last = batch.row_spans[row : row + 2]
            spans = np.stack([batch.document_ids[first:last], batch.span_lengths[first:last]], axis=1)
            assert [tuple(span) for span in spans.tolist()] == runs
            assert batch.input_ids[row, :size].tolist() == tokens
            assert batch.labels[row, :size].tolist() == labels
            assert batch.position_ids[row, :size].tolist() == list(range(size))
            assert (batch.segment_ids[row, :size] == 1).all()
            assert (batch.segment_ids[row, size:] == 0).all()
            np.testing.assert_array_equal(batch.loss_mask[row, :size], np.array(labels) != -100)
            place = slice(begin, begin + size)
            begin += size
            segments += 1
            for name in ("input_ids", "labels", "position_ids", "loss_mask"):
                np.testing.assert_array_equal(getattr(other, name)[place], getattr(batch, name)[row, :size])
            assert (other.segment_ids[place] == segments).all()
            assert other.cu_seqlens[segments - 1 : segments + 1].tolist() == [place.start, place.stop]
            seen_learned += sum(_learned(plan, sequence))
        assert len(other.cu_seqlens) == segments + 1
        assert other.max_seqlen == np.diff(other.cu_seqlens).max()
        assert batch.tokens == other.tokens == begin
    assert seen_learned > 50


def test_knots_teach_nothing_and_names_only_in_the_summary(store, plan):
    batch = Loader(store, plan, batch_sequences=8, arrays=ARRAYS).batch_at(0)
    for ids, labels in zip(batch.input_ids, batch.labels, strict=True):
        assert (labels[np.isin(ids - FIRST, range(1, 8))] == -100).all()
        after_knot = np.flatnonzero(np.isin(ids[:-1] - FIRST, [1, 2, 3, 4, 6])) + 1
        assert (labels[after_knot] == -100).all()
        ends = np.flatnonzero(ids == FIRST + 9)
        for end in ends:  # S name s name /S
            begin = np.flatnonzero(ids[:end] == FIRST + 7)[-1]
            assert (labels[begin + 1 : end + 1] == ids[begin + 1 : end + 1]).all()


def test_micro_batches_ranks_and_copies(store, plan):
    options = {"batch_sequences": 4, "arrays": ARRAYS}
    for layout in ("padded", "varlen"):
        loader = Loader(store, plan, layout=layout, **options)
        parts = loader.batch_at(1).split(4)
        for row, part in enumerate(parts):
            alone = Loader(store, plan, layout=layout, rank=row, world_size=4, **options).batch_at(1)
            for name in ("input_ids", "labels", "position_ids", "document_ids", "span_lengths"):
                np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))
            if layout == "varlen":
                np.testing.assert_array_equal(part.cu_seqlens, alone.cu_seqlens)
                np.testing.assert_array_equal(part.segment_ids, alone.segment_ids)
        assert pickle.loads(pickle.dumps(loader)).batch_at(2) == loader.batch_at(2)
    costs = plan.sequence_costs(0.0, 1.0)
    used = [
        sum(map(len, plan.literals.of_sequence(plan, s))) + sum(x[2] for x in plan[s])
        for s in range(len(plan))
    ]
    np.testing.assert_array_equal(costs, np.square(used, dtype=float))
    assert plan.attention_cost == sum(n * n for n in used)
    check_balance(store, plan, used)
    for balance in ("deal", "lpt"):
        rows = [
            Loader(store, plan, balance=balance, rank=r, world_size=2, **options).sequences_at(0)
            for r in (0, 1)
        ]
        assert sorted(np.concatenate(rows)) == sorted(Loader(store, plan, **options).sequences_at(0))


def test_it_is_kept_and_older_readers_refuse_it(store, plan, tmp_path, monkeypatch):
    plan.save(tmp_path / "a.plan")
    opened = Plan.open(tmp_path / "a.plan")
    opened.verify(store.lengths)
    opened.verify()
    assert opened == plan
    assert opened.fingerprint == plan.fingerprint
    assert pickle.loads(pickle.dumps(plan)) == plan == pickle.loads(pickle.dumps(opened))
    assert Loader(store, opened, batch_sequences=4).batch_at(0) == Loader(
        store, plan, batch_sequences=4
    ).batch_at(0)
    other = tie_knots(pypack.pack(store.lengths, 500, room=4), store.lengths, sequence_length=512)
    assert other != plan
    monkeypatch.setattr(files, "FEATURES", frozenset({"documents", "repeats", "room"}))
    with pytest.raises(ValueError, match="literals"):
        Plan.open(tmp_path / "a.plan")
    monkeypatch.undo()
    tokens = np.load(tmp_path / "a.plan" / "literal_tokens.npy")
    tokens[3] += 1
    np.save(tmp_path / "a.plan" / "literal_tokens.npy", tokens)
    with pytest.raises(ValueError, match="fingerprint"):
        Plan.open(tmp_path / "a.plan").verify(store.lengths)
    np.save(tmp_path / "a.plan" / "literal_tokens.npy", tokens[:-1])
    with pytest.raises(ValueError, match="literal_tokens"):
        Plan.open(tmp_path / "a.plan")
    header = json.loads((tmp_path / "a.plan" / "plan.json").read_text())
    header["requires"] = []
    (tmp_path / "a.plan" / "plan.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="fields 'literals' and 'requires' do not agree"):
        Plan.open(tmp_path / "a.plan")


def test_damaged_literals_are_named(store, plan):
    def with_literals(**arrays):
        literals = plan.literals.arrays() | arrays
        return Plan(
            *plan.arrays().values(), sequence_length=512, strategy="knots", options={}, counts=plan.counts,
            lengths_fingerprint=plan.lengths_fingerprint, literals=pypack.plan.Literals(*literals.values()),
        )  # fmt: skip

    offsets, tokens = plan.literals.offsets.copy(), plan.literals.tokens.copy()
    offsets[5] = offsets[-1] + 1
    for arrays in ({"literal_offsets": offsets}, {"literal_tokens": np.minimum(tokens, -1)}):
        with pytest.raises(ValueError, match="literal"):
            with_literals(**arrays).verify(store.lengths)
    with pytest.raises(ValueError, match="the plan is damaged"):
        loader = Loader(store, with_literals(literal_offsets=offsets), batch_sequences=len(plan))
        loader.batch_at(0)
    with pytest.raises(ValueError, match="literal_offsets must have one entry for every span"):
        with_literals(literal_offsets=offsets[:-1])
    with pytest.raises(ValueError, match="literal_learned must have one bit"):
        with_literals(literal_learned=plan.literals.learned[:-1])
    full = Plan(
        *plan.arrays().values(), sequence_length=512, strategy="knots", options={}, counts=plan.counts,
        lengths_fingerprint=plan.lengths_fingerprint,
        literals=pypack.plan.Literals.of_gaps(
            np.full(plan.num_spans + len(plan), 90), np.zeros(90 * (plan.num_spans + len(plan))),
            np.zeros(90 * (plan.num_spans + len(plan))),
        ),
    )  # fmt: skip
    with pytest.raises(ValueError, match="more than its capacity"):
        full.verify(store.lengths)


def test_what_has_no_place_for_them_says_so(store, plan):
    masked = MaskedLM(mask_id=1, special_ids=[], vocab_size=60_000)
    with pytest.raises(ValueError, match="literal tokens between its spans, and MaskedLM would change them"):
        Loader(store, plan, batch_sequences=4, objective=masked)


def test_masks_of_documents_hold_in_it(store, plan):
    with pytest.warns(UserWarning, match="hold no token that is learned"):
        source = Source(store, plan, mask=np.minimum(store.lengths, 20))
    batch = Loader(source, batch_sequences=len(plan)).batch_at(0)
    plain = Loader(store, plan, batch_sequences=len(plan)).batch_at(0)
    assert 0 < (batch.labels != -100).sum() < (plain.labels != -100).sum()
    np.testing.assert_array_equal(batch.input_ids, plain.input_ids)


@pytest.mark.parametrize("kind", ["documents", "tokens"])
def test_weights_of_losses_go_with_literals(store, plan, kind):
    """A token of a document counts by its weight, a literal 1, in both layouts, beside other rows."""
    if kind == "documents":
        weights = (1 + np.arange(len(store)) / 8).astype(np.float32)
        of_token = [np.full(n, w) for n, w in zip(store.lengths.tolist(), weights, strict=True)]
    else:
        of_token = [1 + np.arange(n) / 4 + d for d, n in enumerate(store.lengths.tolist())]
        weights = np.concatenate(of_token).astype(np.float32)
    rows = pypack.pack(store.lengths, 512)
    sources = {
        "plain": Source(store, rows, loss_weights=weights),
        "knots": Source(store, plan, loss_weights=weights),
    }
    schedule = pypack.Schedule([pypack.Phase(steps=6, weights={"plain": 1, "knots": 1})])
    loader, flat = (
        Loader(sources, schedule=schedule, batch_sequences=5, arrays=ARRAYS, layout=layout)
        for layout in ("padded", "varlen")
    )
    literals = 0
    for step in range(6):
        batch, other = loader.batch_at(step), flat.batch_at(step)
        wanted = np.zeros(batch.input_ids.shape, np.float32)
        source_of_row, sequences = loader.rows_at(step)
        for row, (source, sequence) in enumerate(
            zip(source_of_row.tolist(), sequences.tolist(), strict=True)
        ):
            if sequence < 0:
                continue
            parts = []
            if source == 0:
                parts = [of_token[d][start : start + n] for d, start, n in rows[sequence]]
            else:
                gaps = plan.literals.of_sequence(plan, sequence)
                for gap, (d, start, n) in zip(gaps, plan[sequence], strict=False):
                    parts += [np.ones(len(gap)), of_token[d][start : start + n]]
                    literals += len(gap)
                parts.append(np.ones(len(gaps[-1])))
            found = np.concatenate(parts)
            wanted[row, : len(found)] = found
        wanted[batch.labels == -100] = 0
        np.testing.assert_array_equal(batch.loss_weights, wanted)
        np.testing.assert_array_equal(other.loss_weights, wanted[batch.segment_ids > 0])
    assert literals > 100


@pytest.mark.parametrize("over", ["stream", "best_fit", "next_fit"])
def test_knots_of_a_store_that_has_grown(tmp_path, over):
    lengths = web_lengths(160, 5)
    grown = make_store(tmp_path / "a.store", lengths, shard_tokens=3000)
    settings = {name: getattr(KNOTS, name) for name in KNOTS.__dataclass_fields__}
    options = {} if over == "next_fit" else {"max_documents": 9}
    plan = pypack.pack(grown.lengths[:100], 512, "knots", over=over, **settings, **options)
    more = pypack.extend_plan(plan, grown.lengths)
    more.verify(grown.lengths)
    assert more.num_sequences > plan.num_sequences
    assert [part.sequences for part in more.extends] == [plan.num_sequences]
    for sequence in range(plan.num_sequences):
        assert more[sequence] == plan[sequence]
        assert more.literals.of_sequence(more, sequence) == plan.literals.of_sequence(plan, sequence)
        assert _learned(more, sequence) == _learned(plan, sequence)
    new = [
        token
        for s in range(plan.num_sequences, len(more))
        for g in more.literals.of_sequence(more, s)
        for token in g
    ]
    assert FIRST + 5 in new  # knots are tied there, too
    assert pypack.extend_plan(plan, grown.lengths).fingerprint == more.fingerprint
    twice = pypack.extend_plan(pypack.extend_plan(plan, grown.lengths[:130]), grown.lengths)
    twice.verify(grown.lengths)
    more.save(tmp_path / "more.plan")
    opened = Plan.open(tmp_path / "more.plan")
    assert opened.literals.same(more.literals)
    loader = Loader(grown, opened, batch_sequences=2)
    for step in range(loader.steps_per_epoch):
        batch = loader.batch_at(step)
        for row, sequence in enumerate(loader.sequences_at(step).tolist()):
            if sequence >= 0:
                tokens, _, _ = expected_row(grown, opened, sequence)
                assert batch.input_ids[row, : len(tokens)].tolist() == tokens
    base = pypack.pack(grown.lengths[:100], 256, room=1)
    made = Plan(
        **base.arrays(), sequence_length=256, strategy="own", options={}, counts=base.counts,
        lengths_fingerprint=base.lengths_fingerprint,
        literals=pypack.plan.Literals.of_gaps(np.zeros(base.num_spans + len(base), int), [], []),
    )  # fmt: skip
    with pytest.raises(ValueError, match="nothing says how they were made"):
        pypack.extend_plan(made, grown.lengths)


def rows_of(loader, steps):
    """Every row of some steps: its tokens, and which of them are labels."""
    found = []
    for step in range(steps):
        batch = loader.batch_at(step)
        for ids, labels, segments in zip(batch.input_ids, batch.labels, batch.segment_ids, strict=True):
            if segments[0]:
                found.append((ids.tolist(), labels.tolist()))
    return sorted(found)


def test_a_replay_gives_them_again(store, plan):
    loader = Loader(Source(store, plan), batch_sequences=3)
    seen = pypack.loader.replay(loader, 3)[""]
    seen.plan.verify(store.lengths)
    assert seen.plan.num_sequences == 9 < len(plan)
    again = Loader(seen, batch_sequences=9, epochs=1)
    assert rows_of(again, 1) == rows_of(loader, 3)


def test_repeated_sequences_hold_them(store):
    repeats = np.where(np.arange(len(store)) % 3, 4, 1)
    settings = {name: getattr(KNOTS, name) for name in KNOTS.__dataclass_fields__}
    source = Source.select(store, 128, repeats=repeats, repeat="sequences", strategy="knots", **settings)
    plan = source.plan
    plan.verify(store.lengths)
    assert plan.repeats
    told = plan.options["knots"]
    by_sequence = [plan.literals.of_sequence(plan, s) for s in range(len(plan))]
    heads = sum(gap.count(FIRST + 5) for gaps in by_sequence for gap in gaps)  # a name before every chunk
    assert heads == told["chunks"] > told["cut_spans"] > 0
    loader = Loader(source, batch_sequences=4)
    for sequence, row in zip(loader.sequences_at(1).tolist(), loader.batch_at(1).input_ids, strict=True):
        tokens, _, _ = expected_row(store, plan, sequence)
        assert row[: len(tokens)].tolist() == tokens
