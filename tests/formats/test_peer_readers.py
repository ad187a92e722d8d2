"""The libraries whose formats are written read them themselves, and give what was written.

They contradict each other and the rest: .ci/steps.sh installs them beside it for this file alone.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.frameworks import TORCHVISION, require, require_part

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.formats.convert import export
from pypack.store.column_types import record_batch

DOCUMENTS = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 10], [11], [12, 13, 14]]
LEARNED = np.arange(sum(map(len, DOCUMENTS))) % 3 > 0


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    with StoreWriter(tmp_path / "store", vocab_size=300, beside=[".mask"]) as writer:
        names = record_batch({"name": [f"é{i}" for i in range(len(DOCUMENTS))]}, len(DOCUMENTS))
        writer.append(Ragged.from_rows(DOCUMENTS), names, learned=LEARNED)
    return TokenStore.open(tmp_path / "store")


@pytest.fixture
def plan(store: TokenStore) -> pypack.Plan:
    return pypack.pack(store.lengths, 5, strategy="next_fit")


def rows_of(store: TokenStore, plan: pypack.Plan) -> list[tuple[list[int], list[int], list[int]]]:
    """Ids, what is learned, and the lengths of documents of each row."""
    ends = np.cumsum([0, *store.lengths])
    rows = []
    for i in range(plan.num_sequences):
        spans = range(plan.sequence_offsets[i], plan.sequence_offsets[i + 1])
        pieces = [
            (int(plan.span_document[s]), int(plan.span_start[s]), int(plan.span_length[s])) for s in spans
        ]
        ids = list(itertools.chain(*(DOCUMENTS[d][start : start + n] for d, start, n in pieces)))
        masks = list(itertools.chain(*(LEARNED[ends[d] + start :][:n].tolist() for d, start, n in pieces)))
        rows.append((ids, masks, [n for _, _, n in pieces]))
    return rows


def check(found: list[dict[str, Any]], store: TokenStore, plan: pypack.Plan, ids: str = "input_ids") -> None:
    given = [
        tuple(np.asarray(row[name]).tolist() for name in (ids, "completion_mask", "seq_lengths"))
        for row in found
    ]
    expected = [(tokens, [*map(int, masks)], lengths) for tokens, masks, lengths in rows_of(store, plan)]
    assert given == expected


# The library leaves its index file open.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*FileIO.*index.json:pytest.PytestUnraisableExceptionWarning"
)
def test_mosaic_streaming(store: TokenStore, plan: pypack.Plan, tmp_path: Path) -> None:
    require("transformers", "transformers.tokenization_utils_base")  # before it sees a torchvision
    streaming = require_part("streaming", "streaming", TORCHVISION)
    export(store, tmp_path / "mds", "mds", plan)
    dataset = streaming.LocalDataset(str(tmp_path / "mds"))
    check([dataset[i] for i in range(len(dataset))], store, plan, "tokens")


def test_litdata(store: TokenStore, plan: pypack.Plan, tmp_path: Path) -> None:
    litdata = require("litdata")
    export(store, tmp_path / "litdata", "litdata", plan)
    dataset = litdata.StreamingDataset(str(tmp_path / "litdata"))
    check([dataset[i] for i in range(len(dataset))], store, plan)


def test_array_record(store: TokenStore, plan: pypack.Plan, tmp_path: Path) -> None:
    """The records by Google's reader, and what is in them by protobuf itself."""
    module = require("array_record", "array_record.python.array_record_module")
    protobuf = require("google.protobuf", "google.protobuf.descriptor_pb2")
    export(store, tmp_path / "records", "arrayrecord", plan)
    reader = module.ArrayRecordReader(str(tmp_path / "records"))
    records = reader.read_all()
    reader.close()
    example = example_class(protobuf)
    found = []
    for record in records:
        features = example.FromString(record).features.feature
        names = ("input_ids", "completion_mask", "seq_lengths")
        found.append({name: list(features[name].int64_list.value) for name in names})
        assert len(features["name"].bytes_list.value) == 1
    check(found, store, plan)


def example_class(protobuf: Any) -> Any:
    """The class of tf.train.Example, of its public description."""
    from google.protobuf import descriptor_pool, message_factory

    kinds = protobuf.FieldDescriptorProto
    file = protobuf.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def message(name: str) -> Any:
        return file.message_type.add(name=name)

    def field(of: Any, name: str, number: int, kind: int, many: bool = False, of_type: str = "") -> None:
        label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
        made = of.field.add(name=name, number=number, type=kind, label=label)
        if of_type:
            made.type_name = of_type

    for name, kind in (("Bytes", kinds.TYPE_BYTES), ("Float", kinds.TYPE_FLOAT), ("Int64", kinds.TYPE_INT64)):
        field(message(f"{name}List"), "value", 1, kind, many=True)
    feature = message("Feature")
    for number, name in enumerate(("bytes", "float", "int64"), 1):
        title = {"bytes": "Bytes", "float": "Float", "int64": "Int64"}[name]
        field(feature, f"{name}_list", number, kinds.TYPE_MESSAGE, of_type=f".tensorflow.{title}List")
    features = message("Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, kinds.TYPE_STRING)
    field(entry, "value", 2, kinds.TYPE_MESSAGE, of_type=".tensorflow.Feature")
    field(features, "feature", 1, kinds.TYPE_MESSAGE, True, ".tensorflow.Features.FeatureEntry")
    field(message("Example"), "features", 1, kinds.TYPE_MESSAGE, of_type=".tensorflow.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
