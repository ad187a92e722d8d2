"""The store's format proved with Megatron-Core's own reader, builder and GPT dataset."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conftest import SCALE
from fixtures.frameworks import require
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack import Ragged, StoreWriter, TokenStore

torch = require("torch")
indexed_dataset = require("megatron.core.datasets.indexed_dataset")

EXAMPLES = max(1, int(10 * SCALE))
documents_of_ids = st.lists(st.lists(st.integers(0, 299), max_size=20), min_size=1, max_size=20)


def prefixes(store: TokenStore) -> list[str]:
    return [str(store.path / shard.name) for shard in store.info.shards]


@pytest.mark.parametrize("vocab_size", [300, 70_000], ids=["uint16", "int32"])
@pytest.mark.parametrize("mmap", [True, False], ids=["mmap", "file"])
@settings(max_examples=EXAMPLES)
@given(documents=documents_of_ids, shard_tokens=st.integers(1, 60))
def test_megatron_reads_our_shards(tmp_path_factory, vocab_size, mmap, documents, shard_tokens):
    if sum(map(len, documents)) == 0:
        documents = [*documents, [1]]  # an empty .bin cannot be mapped, by Megatron-Core either
    path = tmp_path_factory.mktemp("store")
    with StoreWriter(path, vocab_size=vocab_size, append_id=0, shard_tokens=shard_tokens) as writer:
        writer.append(Ragged.from_rows(documents))
    found, bounds = [], []
    for prefix in prefixes(TokenStore.open(path)):
        assert indexed_dataset.IndexedDataset.exists(prefix)
        dataset = indexed_dataset.IndexedDataset(prefix, mmap=mmap)
        found += [dataset[i].tolist() for i in range(len(dataset))]
        bounds.append(dataset.document_indices.tolist() == list(range(len(dataset) + 1)))
        assert dataset.index.dtype == (np.uint16 if vocab_size == 300 else np.int32)
        assert dataset.get(0, offset=0, length=1).tolist() == found[-len(dataset)][:1]
    assert found == [[*document, 0] for document in documents]
    assert all(bounds)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
@settings(max_examples=EXAMPLES)
@given(documents=documents_of_ids, sequences=st.integers(1, 3))
def test_we_read_what_megatron_writes(tmp_path_factory, dtype, documents, sequences):
    """Also where the builder stores a document as several sequences, as its sentence splitting does."""
    prefix = tmp_path_factory.mktemp("megatron") / "corpus"
    documents = [[token % 256 for token in document] for document in documents] + [[1]]
    builder = indexed_dataset.IndexedDatasetBuilder(f"{prefix}.bin", dtype=dtype)
    for document in documents:
        cut = [len(document) * i // sequences for i in range(sequences + 1)]
        builder.add_document(
            torch.tensor(document, dtype=torch.int64), [b - a for a, b in itertools.pairwise(cut)]
        )
    builder.finalize(f"{prefix}.idx")
    store = TokenStore.open(prefix)
    assert [document.tolist() for document in store] == documents
    assert store.lengths.tolist() == [len(document) for document in documents]
    assert store.dtype == dtype
    store.verify()


def test_bytes_equal_those_of_the_builder(tmp_path):
    documents = [[3, 1, 2], [], [7] * 50, [255]]
    with StoreWriter(tmp_path / "store", vocab_size=300) as writer:
        writer.append(Ragged.from_rows(documents))
    builder = indexed_dataset.IndexedDatasetBuilder(
        str(tmp_path / "theirs.bin"), dtype=indexed_dataset.DType.optimal_dtype(300)
    )
    for document in documents:
        builder.add_item(torch.tensor(document, dtype=torch.int64))
        builder.end_document()
    builder.finalize(str(tmp_path / "theirs.idx"))
    for suffix in (".bin", ".idx"):
        ours = (tmp_path / "store" / f"00000{suffix}").read_bytes()
        assert ours == (tmp_path / f"theirs{suffix}").read_bytes()
