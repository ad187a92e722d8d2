"""Sequences of plans with literals in other libraries' files: each is a text with a mask, there and back."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.format_needs import needs
from fixtures.loader_data import make_store, web_lengths
from fixtures.scored_store import make_scored_store

import pypack
from pypack import Loader, Plan, Source, TokenStore
from pypack.cli import main
from pypack.formats.convert import export, import_store, write
from pypack.formats.formats import FORMATS
from pypack.formats.from_store import stream_of, stream_of_source
from pypack.formats.losses import LossError
from pypack.formats.opening import opened

MASKED = sorted(name for name, form in FORMATS.items() if "masks" in form.holds)
KNOTS = {
    "knot_ids": (50_001, 50_002, 50_003, 50_004),
    "trace_ids": tuple(range(50_005, 50_010)),
    "trace_letters": (50_010, 50_011),
    "trace_length": 2,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("literals")
    return make_store(folder / "a.store", web_lengths(60, 3), 60_000, shard_tokens=900)


@pytest.fixture(scope="module")
def plan(store):
    return pypack.pack(store.lengths, 256, "knots", **KNOTS)


def there_and_back(stream, form, folder):
    write(stream, folder / "there", form, "the store", allow_loss=False)
    found = opened(folder / "there")
    done = import_store(
        found.stream, folder / "back", vocab_size=found.stream.about.vocab_size, found=found.found
    )
    return TokenStore.open(folder / "back"), Plan.open(done.plan)


def assert_same_batches(one, two):
    for layout in ("padded", "varlen"):
        options = {"batch_sequences": 3, "layout": layout, "seed": 3, "arrays": ARRAYS}
        first, second = Loader(one, **options), Loader(two, **options)
        assert first.steps_per_epoch == second.steps_per_epoch
        for step in range(first.steps_per_epoch):
            expected, found = first.batch_at(step), second.batch_at(step)
            for name in ("input_ids", *ARRAYS, "cu_seqlens"):
                np.testing.assert_array_equal(getattr(expected, name), getattr(found, name), err_msg=name)


ARRAYS = ["labels", "position_ids", "segment_ids", "loss_mask"]


@pytest.mark.parametrize("form", MASKED)
def test_rows_come_back_as_documents_with_the_same_batches(store, plan, form, tmp_path):
    needs(form)
    back, rows = there_and_back(stream_of(store, plan), form, tmp_path)
    assert len(back) == len(plan)
    assert back.num_tokens == plan.num_tokens + plan.num_literals
    assert rows.sequence_capacity.tolist() == plan.sequence_capacity.tolist()
    assert_same_batches(Source(store, plan), Source(back, rows))
    assert back.eos_id == store.eos_id
    assert back.appended_id is None


def test_masks_and_choices_of_a_source_go_along(store, tmp_path):
    chosen = np.arange(0, len(store), 3)
    plan = pypack.pack(store.lengths[chosen], 256, "knots", **KNOTS)
    with pytest.warns(UserWarning, match="hold no token that is learned"):
        source = Source(store, plan, documents=chosen, mask=np.full(len(store), 6))
    back, rows = there_and_back(stream_of_source(source), "parquet", tmp_path)
    assert_same_batches(source, Source(back, rows))


def test_a_format_without_masks_counts_them(store, plan, tmp_path):
    whole = Loader(store, plan, batch_sequences=len(plan), shuffle=False).batch_at(0)
    places = np.arange(256) < whole.segment_ids.sum(1)[:, None]
    places[:, 0] = False  # which nobody learns
    unlearned = int((whole.labels[places] == -100).sum())
    with pytest.raises(LossError, match="the loss mask") as refused:
        export(store, tmp_path / "a", "megatron", plan, allow_loss=False)
    assert [(loss.part, loss.count) for loss in refused.value.losses] == [("masks", unlearned)]
    assert export(store, tmp_path / "a", "megatron", plan, allow_loss=True) == len(plan)
    found = TokenStore.open(tmp_path / "a")
    for number, row in enumerate(found):
        assert row.tolist() == whole.input_ids[number][: len(row)].tolist()
        assert len(row) == places[number].sum() + 1


def test_what_is_said_of_documents_is_counted(tmp_path, store, plan):
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=60_000, beside=[".group", ".weight"]) as writer:
        documents = pypack.Ragged.from_rows([store[i] for i in range(len(store))])
        writer.append(
            documents,
            places=(np.arange(len(store)) % 2).astype(np.int32),
            weights=np.where(np.arange(len(store)) < 7, 0.5, 1).astype(np.float32),
        )
    own = TokenStore.open(tmp_path / "a.store")
    with pytest.raises(LossError) as refused:
        export(own, tmp_path / "a.parquet", "parquet", plan, allow_loss=False)
    assert [(loss.part, loss.count) for loss in refused.value.losses] == [("groups", 60), ("weights", 7)]
    export(own, tmp_path / "a.parquet", "parquet", plan, allow_loss=True)
    found = opened(tmp_path / "a.parquet").stream
    assert (found.has_groups, found.has_weights, found.has_mask) == (False, False, True)


def test_columns_of_documents_are_counted(tmp_path):
    store = make_scored_store(tmp_path / "a.store", documents=40, seed=1)
    plan = pypack.pack(store.lengths, 256, "knots")
    with pytest.raises(
        LossError, match="kept columns \\(of documents, and rows join several\\): 'id', 'score'"
    ) as refused:
        export(store, tmp_path / "a.parquet", "parquet", plan, allow_loss=False)
    assert [loss.part for loss in refused.value.losses] == ["columns"]
    assert export(store, tmp_path / "a.parquet", "parquet", plan, allow_loss=True) == len(plan)
    assert opened(tmp_path / "a.parquet").stream.contents.columns is None


@pytest.mark.filterwarnings("ignore:.*beyond the vocabulary")
def test_ids_beyond_the_vocabulary_are_written_whole(tmp_path):
    """A store of two bytes an id, and knots that need more: nothing wraps around."""
    store = make_store(tmp_path / "a.store", web_lengths(20), 60_000)
    plan = pypack.pack(store.lengths, 128, "knots", knot_ids=(70_001, 70_002, 70_003, 70_004))
    export(store, tmp_path / "rows", "megatron", plan, allow_loss=True)
    found = TokenStore.open(tmp_path / "rows")
    first = Loader(store, plan, batch_sequences=len(plan), shuffle=False).batch_at(0)
    assert max(row.max() for row in found) == first.input_ids.max() > 70_000
    back, rows = there_and_back(stream_of(store, plan), "flat", tmp_path)
    assert back.vocab_size == 70_005
    assert_same_batches(Source(store, plan), Source(back, rows))


def test_the_command_does_the_same(store, plan, tmp_path, capsys):
    plan.save(tmp_path / "a.plan")
    there, back = str(tmp_path / "a.parquet"), str(tmp_path / "b.store")
    arguments = ["convert", str(store.path), there, "--to", "parquet", "--plan", str(tmp_path / "a.plan")]
    assert main(arguments) == 0
    assert main(["convert", there, back, "--to", "store"]) == 0
    assert f"{len(plan)} rows" in capsys.readouterr().out
    rows = Plan.open(tmp_path / "b.plan")
    assert_same_batches(Source(store, plan), Source(TokenStore.open(back), rows))
