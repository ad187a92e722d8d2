"""What goes into a format and back gives the same batches: nothing of a store is lost on the way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fixtures.format_needs import needs
from fixtures.made_stores import MadeStore, made_stores
from hypothesis import Phase, given, settings

import pypack
from pypack import TokenStore
from pypack.formats.convert import import_store, write
from pypack.formats.formats import FORMATS
from pypack.formats.from_store import stream_of
from pypack.formats.opening import opened
from pypack.store.column_types import unlabelled


@contextmanager
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # nothing is waited for there
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def there_and_back(
    store: TokenStore, plan: pypack.Plan | None, form: str, place: Path
) -> tuple[TokenStore, pypack.Plan | None]:
    write(stream_of(store, plan), place / "there", form, "the store", allow_loss=False)
    found = opened(place / "there")
    vocab_size = found.stream.about.vocab_size
    assert vocab_size == store.vocab_size
    done = import_store(found.stream, place / "back", vocab_size=vocab_size, found=found.found)
    assert (done.plan is None) == (plan is None)
    return TokenStore.open(place / "back"), None if done.plan is None else pypack.Plan.open(done.plan)


def assert_equal_batches(
    store: TokenStore, plan: pypack.Plan | None, back: TokenStore, back_plan: pypack.Plan | None
) -> None:
    if plan is None:
        if store.num_tokens == 0:
            return
        plan = back_plan = pypack.pack(store.lengths, 16)
    assert back_plan is not None
    for layout in ("varlen", "padded"):
        one, two = (
            pypack.Loader(pypack.Source(*pair), batch_sequences=2, layout=layout, seed=3)
            for pair in ((store, plan), (back, back_plan))
        )
        for step in range(3):
            expected, found = one.batch_at(step).to_dict(), two.batch_at(step).to_dict()
            assert expected.keys() == found.keys()
            for name, values in expected.items():
                if name in ("document_ids", "group_ids"):  # documents are numbered anew
                    continue
                np.testing.assert_array_equal(values, found[name], err_msg=name)


def assert_equal_stores(one: TokenStore, two: TokenStore, exact_masks: bool) -> None:
    assert [d.tolist() for d in one] == [d.tolist() for d in two]
    assert one.dtype == two.dtype
    for name in ("groups", "document_weights"):
        expected, found = getattr(one, name), getattr(two, name)
        assert (expected is None) == (found is None), name
        if name == "document_weights" and expected is not None:
            expected, found = expected.all(), found.all()
        np.testing.assert_array_equal(expected, found, err_msg=name)
    assert one.has_loss_mask == two.has_loss_mask
    for i in range(len(one)):
        masks = one.loss_mask(i), two.loss_mask(i)
        np.testing.assert_array_equal(
            masks[0][0 if exact_masks else 1 :], masks[1][0 if exact_masks else 1 :]
        )
    columns = [store.columns() if store.info.shards[0].columns_checksum else None for store in (one, two)]
    assert (columns[0] is None) == (columns[1] is None)
    if columns[0] is not None:
        assert unlabelled(columns[0].schema).equals(unlabelled(columns[1].schema), check_metadata=True)
        assert columns[0].to_pylist() == columns[1].to_pylist()


# Such stores have sequences in which nothing is learned.
@pytest.mark.filterwarnings("ignore:.*hold no token that is learned:UserWarning")
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(data=made_stores())
def test_batches_are_equal_there_and_back(form: str, data: MadeStore) -> None:
    needs(form)
    holds = FORMATS[form].holds
    if "masks" not in holds:
        data.learned = None
    if "groups" not in holds:
        data.group_sizes = None
    if "weights" not in holds:
        data.weights = None
    if "columns" not in holds:
        data.columns = {}
    with folder() as place:
        store = data.write(place / "store")
        plan = data.plan(store)
        back, back_plan = there_and_back(store, plan, form, place)
        back.verify()
        assert_equal_batches(store, plan, back, back_plan)
        if plan is None:
            if form == "nemo":
                assert [d.tolist() for d in store] == [d.tolist() for d in back]
            else:
                assert_equal_stores(store, back, exact_masks=True)
        else:
            assert back_plan is not None
            assert back_plan.sequence_capacity.tolist() == plan.sequence_capacity.tolist()
            assert_documents_keep_what_is_theirs(store, plan, back)


def assert_documents_keep_what_is_theirs(store: TokenStore, plan: pypack.Plan, back: TokenStore) -> None:
    documents = plan.span_document
    if store.document_weights is not None:
        assert back.document_weights is not None
        assert back.document_weights.all().tolist() == store.document_weights.all()[documents].tolist()
    if store.groups is not None:
        assert back.groups is not None
        expected, found = store.groups[documents], back.groups
        assert (expected[1:] == expected[:-1]).tolist() == (found[1:] == found[:-1]).tolist()
    if store.info is not None and store.info.shards[0].columns_checksum:
        rows = store.columns().take(documents).to_pylist()
        names = [name for name in back.columns().column_names if name != "mask"]
        assert back.columns().select(names).to_pylist() == rows
