"""Span corruption, UL2 and prefixes as inputs and targets: kernels and batches against the definition."""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import make_store, web_lengths
from fixtures.trained_tokenizers import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives.test_masked_lm_kernels import INSTRUCTIONS
from reference import objective as keys
from reference import pairs as reference

import pypack
from pypack import Loader, Phase, Schedule, Source, _core
from pypack._common.fingerprint import text_key
from pypack.cli import main
from pypack.objectives import UL2, Denoiser, PrefixLM, SpanCorruption, pack_pairs

IDS = {"sentinel_ids": range(59_999, 59_799, -1), "end_id": 59_700, "start_id": 0}
MIXTURE = [
    Denoiser("spans", 0.15, 3, (50_001,)),
    Denoiser("spans", 0.5, 8, (50_002, 50_003), weight=2),
    Denoiser("prefix", 0.25, mode=(50_004,)),
    Denoiser("prefix", 0.5, weight=0.5),
]


def defined(objective) -> reference.Pairs:
    """The definition's words for a resolved objective."""
    fields = objective.pair_size().denoisers
    modes = [one.mode for one in objective.denoisers()]
    return reference.Pairs(
        [
            reference.Denoiser(one["kind"], one["rate"], one["mean"], mode, one["below"])
            for one, mode in zip(fields, modes, strict=True)
        ],
        objective.ends,
        objective.plan_seed,
        () if objective.sentinel_ids is None else list(objective.sentinel_ids),
        objective.end_id,
        objective.start_id,
    )


@pytest.mark.parametrize(
    ("mean", "rate", "inputs", "tokens", "targets"),
    [
        (3, 0.15, 512, 568, 114),
        (3, 0.15, 1024, 1137, 229),
        (8, 0.15, 512, 588, 100),
        (3, 0.5, 512, 766, 512),
        (8, 0.5, 512, 908, 512),
        (64, 0.15, 512, 600, 92),
        (64, 0.5, 512, 1006, 512),
    ],
)
def test_lengths_are_those_of_t5(mean, rate, inputs, tokens, targets):
    """As its random_spans_helper has them, for the seven of UL2 but one."""
    sizes = SpanCorruption(rate, mean).pair_size().kernel
    assert sizes.longest(inputs, 2**20) == [tokens]
    plan = pack_pairs([tokens, 2 * tokens], SpanCorruption(rate, mean), inputs)
    assert (plan.sides.input_length, plan.sides.target_length) == (inputs, targets)
    assert plan.span_length.tolist() == [tokens] * 3
    assert plan.side_utilization[0] > 0.99


@pytest.mark.parametrize("most_runs", [1, 3, 40])
def test_pieces_have_at_most_so_many_runs(most_runs):
    sizes = SpanCorruption(0.5, 3).pair_size().kernel
    [longest] = sizes.longest(512, 2**20, most_runs)
    assert _core.noise_counts(0.5, 3, longest)[1] <= most_runs
    assert _core.noise_counts(0.5, 3, longest + 1)[1] > most_runs
    assert sizes.longest(512, 2**20, 2**20) == sizes.longest(512, 2**20)


@pytest.mark.parametrize("objective", [SpanCorruption(0.5, 3, start_id=0), UL2(start_id=0)])
def test_the_tokenizers_sentinels_are_enough_for_every_piece(tmp_path, objective):
    """Of a mixture as UL2's with T5's own tokenizer, an epoch ended at the first long document."""
    tokenizer = pypack.Tokenizer.from_huggingface(KINDS["t5"]())
    texts = ["the quick brown fox jumps over the lazy dog " * n for n in (1, 7, 60)]
    ids = {"vocab_size": tokenizer.vocab_size, "append_id": 1}
    with pypack.StoreWriter(tmp_path / "s", tokenizer=tokenizer, **ids) as writer:
        writer.append(tokenizer.encode_batch(texts))
    store = pypack.TokenStore.open(tmp_path / "s")
    plan = pack_pairs(store, objective, 256)
    plan.verify(store.lengths)
    assert plan.num_tokens + plan.counts.truncated_tokens == store.num_tokens
    assert len(plan) < len(plan.span_length)  # short pieces share a row
    batches = list(Loader(store, plan, batch_sequences=1, objective=objective))
    assert sum(batch.num_spans for batch in batches) == len(plan.span_length)


def test_a_prefix_has_the_tokens_that_t5_splits_to():
    assert PrefixLM(0.5).pair_size().kernel.longest(512, 512) == [511]


@given(
    rate=st.floats(0.01, 1),
    mean=st.floats(1, 100),
    length=st.integers(1, 3000),
    key=st.integers(0, 2**64 - 1),
)
@settings(max_examples=300)
def test_counts_and_masks_of_runs(rate, mean, length, key):
    counts = _core.noise_counts(rate, mean, length)
    assert counts == reference.noise_counts(rate, mean, length)
    mask = reference.noise_mask(key, rate, mean, length)
    assert len(mask) == length
    assert not mask[0]
    assert sum(mask) == counts[0]
    assert sum(out for out, _ in itertools.groupby(mask)) == counts[1]


@given(
    rate=st.sampled_from([0.15, 0.3, 0.5]),
    mean=st.sampled_from([3, 8, 64]),
    length=st.integers(2, 700),
    key=st.integers(0, 2**64 - 1),
)
def test_sentinels_are_put_as_by_sums_over_the_mask(rate, mean, length, key):
    """As T5 puts them, with arrays: the first token of a run becomes the sentinel of its number, the rest of
    it goes; inputs by the mask, targets by its opposite."""
    mask = np.array(reference.noise_mask(key, rate, mean, length))
    tokens = np.arange(length)
    for out in (mask, ~mask):
        first = out & ~np.concatenate([[False], out[:-1]])
        expected = np.where(first, 32_100 - np.cumsum(first), tokens)[~out | first]
        found = reference.with_sentinels(tokens.tolist(), out.tolist(), range(32_099, 31_000, -1))
        assert found == expected.tolist()


def test_every_mask_is_equally_likely():
    """Of eight tokens of which four are left out in two runs: three ways to cut each, so nine masks."""
    found: dict[tuple[bool, ...], int] = {}
    for key in range(9000):
        mask = tuple(reference.noise_mask(key * 0x9E3779B97F4A7C15 & (2**64 - 1), 0.5, 2, 8))
        found[mask] = found.get(mask, 0) + 1
    assert len(found) == 9
    assert 850 < min(found.values()) <= max(found.values()) < 1150


def test_more_runs_than_kept_tokens_are_not_asked_for():
    assert _core.noise_counts(0.9, 1, 10) == (9, 1)
    assert _core.noise_counts(0.5, 1, 10) == (5, 5)


lengths_of = st.lists(st.one_of(st.integers(0, 8), st.integers(0, 300)), min_size=1, max_size=25)


@given(
    lengths=lengths_of,
    objective=st.sampled_from(
        [SpanCorruption(), SpanCorruption(0.5, 2, ends=False), PrefixLM(0.25), UL2(MIXTURE, seed=7)]
    ),
    inputs=st.integers(24, 80),
    targets=st.integers(24, 60),
    drop_shorter_than=st.sampled_from([1, 2, 5]),
    max_documents=st.sampled_from([1, 3, 1000]),
    open_sequences=st.sampled_from([1, 2, 256]),
    overflow=st.sampled_from(["split", "truncate", "drop"]),
)
def test_plans_are_those_of_the_definition(
    lengths, objective, inputs, targets, drop_shorter_than, max_documents, open_sequences, overflow
):
    plan = pack_pairs(
        lengths,
        objective,
        inputs,
        targets,
        drop_shorter_than=drop_shorter_than,
        max_documents=max_documents,
        open_sequences=open_sequences,
        overflow=overflow,
    )
    plan.verify(lengths)
    plan.verify()
    sizes = objective.pair_size().kernel
    longest = sizes.longest(inputs, targets)
    expected = reference.pack_pairs(
        lengths,
        lambda document, start: longest[sizes.denoiser_of(document, start)],
        lambda *span: tuple(sizes.of(*(np.array([n], t) for n, t in zip(span, "qii", strict=True)))[0]),
        (inputs, targets),
        max_documents,
        drop_shorter_than,
        open_sequences,
        overflow,
    )
    assert [[tuple(span) for span in sequence] for sequence in plan] == expected


@given(
    length=st.one_of(st.integers(1, 20), st.integers(21, 1200)),
    document=st.integers(0, 2**40),
    start=st.integers(0, 2**31 - 1),
    objective=st.sampled_from([SpanCorruption(), SpanCorruption(0.9, 1.5, ends=False), UL2(MIXTURE, seed=3)]),
)
def test_sizes_are_those_of_the_items(length, document, start, objective):
    pairs = defined(dataclasses.replace(objective, **IDS | {"sentinel_ids": range(1000, 3000)}))
    inputs, targets = reference.pair(pairs, list(range(length)), document, start, 99)
    sizes = objective.pair_size().kernel
    found = sizes.of(np.array([document]), np.array([start], np.int32), np.array([length], np.int32))
    assert found.tolist() == [[len(inputs), len(targets)]]


def store_and_plan(folder, objective, inputs=64, targets=40, documents=120, **options):
    store = make_store(folder / "a.store", web_lengths(documents), shard_tokens=10**9)
    return store, pack_pairs(store.lengths, objective, inputs, targets, **options)


def expected_row(loader, store, plan, sequence, epoch, sides=(64, 40)):
    """The arrays of a row, as the definition has them."""
    pairs = defined(loader.objective)
    seed_key = keys.source_key(loader.seed, text_key("objective\0\x000"))
    names = ("input_ids", "position_ids", "segment_ids")
    row = {name: [] for name in (*names, "labels", "decoder_input_ids")}
    row |= {f"decoder_{name}": [] for name in names[1:]}
    for number, span in enumerate(plan[sequence]):
        tokens = store[span.document][span.start : span.start + span.length].tolist()
        key = keys.span_key(seed_key, epoch, sequence, number)
        inputs, targets = reference.pair(pairs, tokens, span.document, span.start, key)
        for side, prefix in ((inputs, ""), (targets, "decoder_")):
            row[f"{prefix}position_ids"] += range(len(side))
            row[f"{prefix}segment_ids"] += [number + 1] * len(side)
        row["input_ids"] += inputs
        row["labels"] += targets
        row["decoder_input_ids"] += [pairs.start, *targets[:-1]]
    for name, items in row.items():
        room = sides[name not in names]
        fill = -100 if name == "labels" else 0
        items += [fill] * (room - len(items))
    return row


@pytest.mark.parametrize("dtype", ["int64", "int32"])
@pytest.mark.parametrize("objective", [SpanCorruption(**IDS), UL2(MIXTURE, seed=4, **IDS), PrefixLM(**IDS)])
def test_a_batch_is_what_the_definition_says(tmp_path, objective, dtype):
    store, plan = store_and_plan(tmp_path, objective)
    loader = Loader(
        store, plan, batch_sequences=6, seed=5, objective=objective, dtype=dtype, pad_id=0,
        arrays=["labels", "position_ids", "segment_ids", "loss_mask"], num_threads=1,
    )  # fmt: skip
    for step in (1, 2 * loader.steps_per_epoch + 1):
        batch = loader.batch_at(step)
        assert batch.epoch == step // loader.steps_per_epoch
        _, sequences = loader.rows_at(step)
        rows = [expected_row(loader, store, plan, n, batch.epoch) for n in sequences.tolist()]
        for name in rows[0]:
            found = batch[name]
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, [row[name] for row in rows], err_msg=name)
        np.testing.assert_array_equal(batch.loss_mask, batch.labels != -100)
        assert batch.padding == int((batch.segment_ids == 0).sum() + (batch.decoder_segment_ids == 0).sum())


def test_every_token_stands_on_one_side_once(tmp_path):
    """Undone, inputs and targets are the documents: also of the longest plan that there is."""
    objective = SpanCorruption(0.3, 4, **IDS)
    store, plan = store_and_plan(tmp_path, objective, drop_shorter_than=1)
    plan.verify(store.lengths)
    sentinels = {int(i) for i in IDS["sentinel_ids"]}
    seen: dict[int, list[int]] = {}
    for batch in Loader(store, plan, batch_sequences=1, shuffle=False, objective=objective):
        first = 0
        for number, (document, length) in enumerate(
            zip(batch.document_ids.tolist(), batch.span_lengths.tolist(), strict=True), 1
        ):
            runs: list[list[int]] = []
            for token in batch.labels[batch.decoder_segment_ids == number][:-1].tolist():
                if token in sentinels:
                    runs.append([])
                else:
                    runs[-1].append(token)
            tokens: list[int] = []
            for token in batch.input_ids[batch.segment_ids == number][:-1].tolist():
                tokens += runs.pop(0) if token in sentinels else [token]
            assert len(tokens) == length
            seen.setdefault(document, []).extend(tokens)
            first += length
    for document, tokens in seen.items():
        assert sorted(tokens) == store[document].tolist()
    assert len(seen) == np.count_nonzero(store.lengths)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize(("vocab_size", "dtype"), [(60_000, "int64"), (60_000, "int32"), (300_000, "int64")])
def test_instruction_sets_give_the_same(tmp_path, instructions, vocab_size, dtype):
    objective = SpanCorruption(0.4, 5, **IDS)
    store = make_store(tmp_path / "a.store", [400, 900, 77] * 20, vocab_size, shard_tokens=10**9)
    plan = pack_pairs(store.lengths, objective, 512)
    loader = Loader(store, plan, batch_sequences=8, objective=objective, dtype=dtype, seed=2)
    form = loader._options.format(writes_labels=True)
    maker = _core.BatchMaker(form, 1, None)
    denoising = _core.Denoising(
        sizes=objective.pair_size().kernel, sentinels=list(IDS["sentinel_ids"]), modes=[[]], end=59_700,
        start=0, instructions=instructions,
    )  # fmt: skip
    maker.set_denoising(denoising, plan.sides.input_length, plan.sides.target_length)
    key = keys.source_key(2, text_key("objective\0\x000"))
    loader.sources[""].add_to(maker, [key])
    for bucket in loader.order.source_buckets:
        maker.add_bucket(bucket.plan, bucket.ranges, bucket.key, 0)
    made = maker.make(loader.order.at(0), 8, _core.RankPart(0, 1, "none", 1), None)
    batch = loader.batch_at(0)
    np.testing.assert_array_equal(made[0], batch.input_ids)
    np.testing.assert_array_equal(made[1], batch.labels)


def test_ranks_threads_and_resumes_give_the_same(tmp_path):
    objective = UL2(MIXTURE, seed=4, **IDS)
    store, plan = store_and_plan(tmp_path, objective, documents=600)
    options = {"batch_sequences": 8, "seed": 3, "objective": objective}
    whole = Loader(store, plan, num_threads=1, **options)
    batch = whole.batch_at(2)
    assert Loader(store, plan, num_threads=3, **options).batch_at(2) == batch
    for rank in range(2):
        part = Loader(store, plan, rank=rank, world_size=2, **options).batch_at(2)
        for name in ("input_ids", "labels", "decoder_input_ids", "decoder_segment_ids"):
            np.testing.assert_array_equal(part[name], batch[name][rank::2])
    going = Loader(store, plan, **options)
    going.load_state_dict(whole.state_dict(2))
    assert next(iter(going)) == batch
    assert pickle.loads(pickle.dumps(batch)) == batch
    halves = batch.split(2)
    np.testing.assert_array_equal(halves[1].decoder_input_ids, batch.decoder_input_ids[4:])
    assert whole.batch_at(2 + whole.steps_per_epoch) != batch
    with pytest.raises(ValueError, match="another order: objective is"):
        Loader(
            store, plan, **options | {"objective": dataclasses.replace(objective, end_id=7)}
        ).load_state_dict(whole.state_dict(2))


def test_masked_tokens_are_no_labels(tmp_path):
    objective = SpanCorruption(0.3, 3, **IDS)
    store, plan = store_and_plan(tmp_path, objective)
    masked = Source(store, plan, mask=[3] * store.num_documents)
    options = {"batch_sequences": len(plan), "shuffle": False, "objective": objective}
    plain, batch = Loader(store, plan, **options).batch_at(0), Loader(masked, **options).batch_at(0)
    np.testing.assert_array_equal(plain.decoder_input_ids, batch.decoder_input_ids)
    first = np.concatenate([store[d][:3] for d in range(store.num_documents)])
    hidden = np.isin(plain.labels, first)
    assert hidden.any()
    np.testing.assert_array_equal(batch.labels, np.where(hidden, -100, plain.labels))


def test_a_plan_is_kept_with_its_sides(tmp_path, capsys):
    objective = UL2(MIXTURE, seed=4, **IDS)
    store, plan = store_and_plan(tmp_path, objective)
    plan.save(tmp_path / "a.plan")
    opened = pypack.Plan.open(tmp_path / "a.plan")
    assert opened == plan
    assert opened.sides == plan.sides
    opened.verify(store.lengths)
    assert pickle.loads(pickle.dumps(plan)).sides == plan.sides
    assert opened.side_utilization == plan.side_utilization
    assert main(["inspect", str(tmp_path / "a.plan")]) == 0
    assert f"64 inputs ({plan.side_utilization[0]:.1%} filled) and 40 targets" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "a.plan"), "--store", str(tmp_path / "a.store")]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_length": 0}, "'sides.input_length' must be"),
        ({"ends": 1}, "'sides.ends' must be"),
        ({"seed": -1}, "'sides.seed' must be"),
        ({"denoisers": []}, "field 'sides': there is no denoiser"),
        ({"denoisers": [{"kind": "spans"}]}, "sides.denoisers"),
        (
            {"denoisers": [{"kind": "x", "rate": 1, "mean": 1, "mode_tokens": 0, "below": 2**32}]},
            "there is no denoiser 'x'; make the plan again",
        ),
        (
            {"denoisers": [{"kind": "spans", "rate": 2, "mean": 1, "mode_tokens": 0, "below": 2**32}]},
            "a rate must be above 0",
        ),
        (
            {"denoisers": [{"kind": "spans", "rate": 1, "mean": 1, "mode_tokens": 0, "below": 9}]},
            "chances must end",
        ),
        (None, "fields 'sides' and 'requires' do not agree"),
    ],
)
def test_damaged_sides_are_named(tmp_path, change, message):
    pack_pairs([30, 40], SpanCorruption(), 64).save(tmp_path / "a.plan")
    path = tmp_path / "a.plan" / "plan.json"
    header = json.loads(path.read_text())
    assert header["requires"] == ["sides"]
    if change is None:
        del header["sides"]
    else:
        header["sides"] |= change
    path.write_text(json.dumps(header))
    with pytest.raises(ValueError, match=message):
        pypack.Plan.open(tmp_path / "a.plan")


def test_an_overfull_side_is_found(tmp_path):
    store, plan = store_and_plan(tmp_path, SpanCorruption(**IDS))
    narrow = dataclasses.replace(plan.sides, input_length=50, target_length=54)
    plan.sides = narrow
    with pytest.raises(
        ValueError, match=r"sequence \d+ has \d+ inputs and \d+ targets, the plan room for 50"
    ):
        plan.verify(store.lengths)
    loader = Loader(store, plan, batch_sequences=len(plan), objective=SpanCorruption(**IDS))
    with pytest.raises(ValueError, match="a sequence has more than 50 inputs or 54 targets; the plan is dam"):
        loader.batch_at(0)


def test_what_does_not_go_together_is_refused(tmp_path):
    store, plan = store_and_plan(tmp_path, SpanCorruption())
    plain = pypack.pack(store.lengths, 64)
    options = {"batch_sequences": 4}
    with pytest.raises(ValueError, match="the plan is packed for inputs and targets: give objective="):
        Loader(store, plan, **options)
    with pytest.raises(ValueError, match=r"the plan has one side: pack with pypack.objectives.pack_pairs"):
        Loader(store, plain, objective=SpanCorruption(**IDS), **options)
    with pytest.raises(ValueError, match="the plan was packed for another objective"):
        Loader(store, plan, objective=SpanCorruption(0.5, **IDS), **options)
    with pytest.raises(ValueError, match="which MaskedLM does not make"):
        Loader(store, plan, objective=pypack.objectives.MaskedLM(mask_id=3, special_ids=[]), **options)
    with pytest.raises(ValueError, match=r"positions='row' counts one side alone"):
        Loader(store, plan, objective=SpanCorruption(**IDS), positions="row", **options)
    with pytest.raises(ValueError, match=r"no store holds its tokenizer: give sentinel_ids="):
        Loader(store, plan, objective=SpanCorruption(end_id=1, start_id=0), **options)
    with pytest.raises(ValueError, match="no store names its end of a document: give end_id="):
        Loader(store, plan, objective=SpanCorruption(sentinel_ids=[5], start_id=0), **options)
    with pytest.raises(ValueError, match="no store names its padding id: give start_id="):
        Loader(store, plan, objective=SpanCorruption(sentinel_ids=[5], end_id=0), **options)
    few = Loader(store, plan, objective=SpanCorruption(**IDS | {"sentinel_ids": [5]}), **options)
    with pytest.raises(ValueError, match=r"document \d+ has \d+ runs .* and there are 1 sentinels"):
        list(few)
    with pytest.raises(ValueError, match=r"mode=.* is a text: give pack_pairs the store"):
        pack_pairs(store.lengths, UL2(), 64)
    with pytest.raises(ValueError, match="document 0 has 500 tokens, more than a sequence holds"):
        pack_pairs([500], SpanCorruption(), 64, overflow="error")
    with pytest.raises(ValueError, match="hold no piece of 2 tokens"):
        pack_pairs([500], SpanCorruption(), 2, 5)
    with pytest.raises(TypeError, match="objective must make inputs and targets"):
        pack_pairs([500], 3, 64)


def test_sentinels_are_told_apart():
    with pytest.raises(
        ValueError, match="sentinel_ids has 7 more than once, and each stands for another run"
    ):
        SpanCorruption(sentinel_ids=[9, 7, 8, 7])
    with pytest.raises(ValueError, match="sentinel_ids has 5 more than once"):
        UL2(sentinel_ids=[5, 5])


@pytest.mark.parametrize(
    "arguments",
    [{"rate": 0}, {"rate": 1.5}, {"mean": 0.5}, {"rate": float("nan")}, {"sentinel_ids": [-1]}],
)
def test_numbers_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=r"rate|mean|sentinel_ids"):
        SpanCorruption(**arguments)


def test_what_is_left_out_is_counted():
    plan = pack_pairs([1, 2, 569, 0, 30], SpanCorruption(), 512)
    plan.verify([1, 2, 569, 0, 30])
    assert plan.counts.dropped_documents == 1
    assert plan.counts.truncated_tokens == 1
    assert plan.counts.empty_documents == 1


def test_two_sources_of_a_schedule(tmp_path):
    objective = SpanCorruption(**IDS)
    stores = [make_store(tmp_path / name, web_lengths(80, seed)) for seed, name in enumerate("ab")]
    sources = {
        name: Source(store, pack_pairs(store.lengths, objective, 64, 40))
        for name, store in zip("ab", stores, strict=True)
    }
    schedule = Schedule([Phase(weights={"a": 1, "b": 3}, steps=4)])
    loader = Loader(sources, schedule=schedule, batch_sequences=4, objective=objective)
    batches = list(loader)
    assert len(batches) == 4
    assert {int(i) for batch in batches for i in batch.source_ids} == {0, 1}


def test_half_prefixes_are_any():
    """One side: every prefix of five tokens comes, about equally often, and another in the next epoch."""
    kernel = _core.prefix_targets(rate=0.5)
    ids = np.arange(5000)
    labels = ids.copy()
    begins, lengths = np.arange(0, 5000, 5), np.full(1000, 5)
    span_keys = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)
    mask = np.ones(5000, np.float32)
    kernel.apply(ids, labels, None, mask, begins, lengths, span_keys, labels_tell=False, num_threads=1)
    found = (labels.reshape(-1, 5) == -100).sum(1)
    assert np.bincount(found, minlength=6).tolist()[0] == 0
    assert (np.bincount(found, minlength=6)[1:5] > 200).all()
    np.testing.assert_array_equal(mask == 1, labels != -100)


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_prefixes_with_one_side(tmp_path, layout):
    store = make_store(tmp_path / "a.store", web_lengths(100), shard_tokens=10**9)
    plan = pypack.pack(store.lengths, 64)
    options = {"batch_sequences": 4, "seed": 1, "layout": layout}
    loader = Loader(store, plan, objective=PrefixLM(0.3), **options)
    plain, batch = Loader(store, plan, **options).batch_at(1), loader.batch_at(1)
    np.testing.assert_array_equal(plain.input_ids, batch.input_ids)
    assert batch.prefix_mask.shape == batch.input_ids.shape
    assert batch.prefix_mask.dtype == np.int32
    labels = np.where(batch.prefix_mask == 1, -100, plain.labels)
    np.testing.assert_array_equal(batch.labels, labels)
    assert (batch.prefix_mask[batch.segment_ids == 0] == 0).all()
    seed_key = keys.source_key(1, text_key("objective\0\x000"))
    _, sequences = loader.rows_at(1)
    items = iter(batch.prefix_mask.reshape(-1).tolist())
    for row, sequence in enumerate(sequences.tolist()):
        used = 0
        for number, span in enumerate(plan[sequence]):
            key = keys.span_key(seed_key, 0, sequence, number)
            least = reference.least_prefix(0.3, span.length)
            prefix = least + (keys.draw(key, reference.PREFIX, 0) * (span.length - least) >> 64)
            assert [next(items) for _ in range(span.length)] == [1] * prefix + [0] * (span.length - prefix)
            used += span.length
        if layout == "padded":
            assert not any(next(items) for _ in range(64 - used)), row
