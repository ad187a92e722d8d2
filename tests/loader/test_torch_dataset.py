"""The loader under torch's DataLoader: workers, fork and spawn, epochs, pinning."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.loader_data import make_source

from pypack import Loader

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader  # noqa: E402


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("torch") / "a.store", documents=400)


def tokens_of(batches):
    return [batch.input_ids.tolist() for batch in batches]


@pytest.mark.parametrize(("workers", "context"), [(0, None), (1, "fork"), (2, "fork"), (2, "spawn")])
@pytest.mark.parametrize("kind", ["map", "iterable"])
# Python 3.12 and later warn of fork in a process with threads, which torch has.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_give_the_single_process_order(source, workers, context, kind):
    expected = tokens_of(Loader(*source, batch_sequences=4, rank=1, world_size=2))
    loader = Loader(*source, batch_sequences=4, rank=1, world_size=2)
    dataset = loader if kind == "map" else loader.torch_dataset()
    batches = DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context)
    assert tokens_of(batches) == expected


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_persistent_workers_go_on_to_the_next_epoch(source):
    plain = Loader(*source, batch_sequences=16)
    expected = [tokens_of(plain), tokens_of(plain)]
    loader = Loader(*source, batch_sequences=16).torch_dataset()
    batches = DataLoader(loader, batch_size=None, num_workers=2, persistent_workers=True)
    assert [tokens_of(batches), tokens_of(batches)] == expected
    assert expected[0] != expected[1]


def test_set_epoch_moves_the_map_style_dataset(source):
    loader = Loader(*source, batch_sequences=16)
    plain = Loader(*source, batch_sequences=16)
    for epoch in range(3):
        loader.set_epoch(epoch)
        assert tokens_of(DataLoader(loader, batch_size=None)) == tokens_of(plain)


def test_tensors_share_the_memory_of_the_arrays(source):
    batch = Loader(*source, batch_sequences=4, layout="varlen").batch_at(0)
    tensors = batch.to_torch()
    assert tensors.input_ids.dtype == torch.int64
    assert tensors.cu_seqlens.dtype == torch.int32
    tensors.input_ids[0] = 77
    assert batch.input_ids[0] == 77
    assert tensors.to_torch() is tensors
    shifted, expected = tensors.shift_labels(), batch.shift_labels()
    np.testing.assert_array_equal(shifted.labels.numpy(), expected.labels)
    assert [p.tokens for p in tensors.split(2)] == [p.tokens for p in batch.split(2)]
    assert tensors.to("cpu").input_ids.tolist() == batch.input_ids.tolist()
