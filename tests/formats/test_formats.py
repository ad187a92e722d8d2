"""`pypack convert`: every format is read by the library that it is for, and back."""

from __future__ import annotations

import itertools
import json
import types

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.frameworks import TORCHVISION, packed_sft_class, require, require_part

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.cli import main
from pypack.formats.convert import export, into_store, read_documents

LENGTHS = [5, 1, 0, 9, 16, 3, 2, 7, 30, 4]


@pytest.fixture(params=[300, 70_000], ids=["uint16", "int32"])
def store(tmp_path, request):
    generator = np.random.default_rng(0)
    documents = [generator.integers(1, 290, n).tolist() for n in LENGTHS]
    with StoreWriter(tmp_path / "store", vocab_size=request.param, shard_tokens=30) as writer:
        writer.append(Ragged.from_rows(documents))
    return TokenStore.open(tmp_path / "store")


@pytest.fixture
def plan(store, tmp_path):
    plan = pypack.pack(store.lengths, 16)
    plan.save(tmp_path / "plan")
    return plan


def documents_of(store):
    return [document.tolist() for document in store]


def sequences_of(store, plan):
    """Each sequence as its spans, from the plan's arrays alone."""
    spans = [
        store[d][s : s + n].tolist()
        for d, s, n in zip(plan.span_document, plan.span_start, plan.span_length, strict=True)
    ]
    return [spans[a:b] for a, b in itertools.pairwise(plan.sequence_offsets)]


def convert(*args):
    assert main(["convert", *map(str, args)]) == 0


def assert_columns(rows, sequences):
    assert rows["input_ids"] == [list(itertools.chain(*spans)) for spans in sequences]
    assert rows["labels"] == [
        [token for span in spans for token in [-100, *span[1:]][: len(span)]] for spans in sequences
    ]
    assert rows["seq_lengths"] == [[len(span) for span in spans] for spans in sequences]


def test_datasets(store, plan, tmp_path):
    datasets = require("datasets")
    convert(store.path, tmp_path / "packed", "--to", "datasets", "--plan", tmp_path / "plan")
    loaded = datasets.load_from_disk(str(tmp_path / "packed"))
    assert_columns(loaded[:], sequences_of(store, plan))
    convert(store.path, tmp_path / "documents", "--to", "datasets")
    assert datasets.load_from_disk(str(tmp_path / "documents"))["input_ids"][:] == documents_of(store)
    convert(tmp_path / "documents", tmp_path / "back", "--to", "store", "--vocab-size", 300)
    assert documents_of(TokenStore.open(tmp_path / "back")) == documents_of(store)


def test_trl_collates_the_packed_rows(store, plan, tmp_path):
    """TRL's own padding-free collator restarts positions by `seq_lengths`."""
    datasets = require("datasets")
    sft = require("trl.trainer.sft_trainer")
    export(store, tmp_path / "packed", "datasets", plan)
    rows = [datasets.load_from_disk(str(tmp_path / "packed"))[i] for i in range(3)]
    batch = sft.DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(rows)
    sequences = sequences_of(store, plan)[:3]
    assert batch["input_ids"][0].tolist() == list(itertools.chain(*itertools.chain(*sequences)))
    positions = [p for spans in sequences for span in spans for p in range(len(span))]
    assert batch["position_ids"][0].tolist() == positions


def test_parquet(store, plan, tmp_path):
    convert(store.path, tmp_path / "rows.parquet", "--to", "parquet", "--plan", tmp_path / "plan")
    assert_columns(pq.read_table(tmp_path / "rows.parquet").to_pydict(), sequences_of(store, plan))
    convert(store.path, tmp_path / "documents.parquet", "--to", "parquet")
    convert(tmp_path / "documents.parquet", tmp_path / "back", "--to", "store", "--vocab-size", 300)
    assert documents_of(TokenStore.open(tmp_path / "back")) == documents_of(store)


def test_megatron(store, tmp_path):
    indexed_dataset = require("megatron.core.datasets.indexed_dataset")
    convert(store.path, tmp_path / "one", "--to", "megatron")
    dataset = indexed_dataset.IndexedDataset(str(tmp_path / "one"))
    assert [dataset[i].tolist() for i in range(len(dataset))] == documents_of(store)
    assert documents_of(TokenStore.open(tmp_path / "one")) == documents_of(store)


def test_flat(store, tmp_path):
    convert(store.path, tmp_path / "flat", "--to", "flat")
    tokens = np.memmap(tmp_path / "flat" / "tokens.npy", store.dtype, "r")  # as nanoGPT reads it
    offsets = np.load(tmp_path / "flat" / "document_offsets.npy")
    assert [tokens[a:b].tolist() for a, b in itertools.pairwise(offsets)] == documents_of(store)
    back = into_store(
        read_documents(tmp_path / "flat", dtype=store.dtype.name), tmp_path / "back", vocab_size=300
    )
    assert documents_of(back) == documents_of(store)


def test_olmo_core_reads_flat(store, tmp_path):
    data = require("olmo_core.data")
    export(store, tmp_path / "flat", "flat")
    dataset = data.NumpyFSLDataset(
        str(tmp_path / "flat" / "tokens.npy"),
        sequence_length=8,
        pad_token_id=0,
        eos_token_id=299,
        vocab_size=300,
        dtype=np.uint16 if store.dtype == np.uint16 else np.uint32,
    )
    dataset.prepare()
    tokens = list(itertools.chain(*documents_of(store)))
    assert len(dataset) == len(tokens) // 8
    for i in range(len(dataset)):
        assert dataset[i]["input_ids"].tolist() == tokens[8 * i : 8 * i + 8]


def test_dolma_bounds(store, tmp_path):
    utils = require("olmo_core.data.utils")
    export(store, tmp_path / "flat", "flat")
    bounds = list(utils.iter_document_indices(tmp_path / "flat" / "tokens.npy"))
    expected = np.load(tmp_path / "flat" / "document_offsets.npy").tolist()
    assert bounds == list(itertools.pairwise(expected))


def test_bare_tokens_of_others(tmp_path):
    """A nanoGPT file: no bounds, documents end with a token; the last one may have no end."""
    np.array([5, 6, 0, 0, 7, 0, 8], np.uint16).tofile(tmp_path / "train.bin")
    arguments = ["--to", "store", "--vocab-size", "9"]
    convert(tmp_path / "train.bin", tmp_path / "s", *arguments, "--dtype", "uint16", "--end-id", "0")
    assert documents_of(TokenStore.open(tmp_path / "s")) == [[5, 6, 0], [0], [7, 0], [8]]


def test_nemo(store, plan, tmp_path):
    convert(store.path, tmp_path / "packed.npy", "--to", "nemo", "--plan", tmp_path / "plan")
    loaded = np.load(tmp_path / "packed.npy", allow_pickle=True)
    for sequence, spans in zip(loaded, sequences_of(store, plan), strict=True):
        bounds = [*sequence["seq_start_id"], len(sequence["input_ids"])]
        assert [sequence["input_ids"][a:b] for a, b in itertools.pairwise(bounds)] == spans
        assert sequence["loss_mask"] == [f for span in spans for f in [1] * (len(span) - 1) + [0]]
    convert(tmp_path / "packed.npy", tmp_path / "back", "--to", "store", "--vocab-size", 300)
    back = TokenStore.open(tmp_path / "back")
    assert documents_of(back) == list(itertools.chain(*sequences_of(store, plan)))
    assert back.columns(["mask"]).column("mask").to_pylist() == [[]] * len(back)


def test_nemo_reads_its_packed_file(store, plan, tmp_path):
    """Its own data set and collation: tokens and labels of each document, learned where we learn."""
    export(store, tmp_path / "packed.npy", "nemo", plan)
    dataset = packed_sft_class()(
        str(tmp_path / "packed.npy"),
        types.SimpleNamespace(eos_id=299),
        max_seq_length=16,
        prompt_template="{text}{answer}",
    )
    sequences = sequences_of(store, plan)
    assert len(dataset.indexed_dataset) == len(sequences)
    batch = dataset.collate_fn([dataset[i] for i in range(len(sequences))])
    for row, spans in enumerate(sequences):
        spans = [span for span in spans if span]
        count = sum(len(span) - 1 for span in spans)
        assert batch["tokens"][row, :count].tolist() == [t for span in spans for t in span[:-1]]
        assert batch["labels"][row, :count].tolist() == [t for span in spans for t in span[1:]]
        assert batch["loss_mask"][row].tolist() == [1] * count + [0] * (len(batch["tokens"][row]) - count)
        positions = [p for span in spans for p in range(len(span) - 1)]
        assert batch["position_ids"][row, :count].tolist() == positions


def test_masks_of_nemo(tmp_path):
    """What it does not learn becomes a column that a Source takes; positions tell of the next token there."""
    sequences = np.empty(2, object)
    sequences[0] = {
        "input_ids": [1, 2, 3, 4, 5, 6, 7, 8],
        "loss_mask": [0, 0, 1, 0, 1, 1, 1, 0],
        "seq_start_id": [0, 5],
    }
    # As numbers of NumPy, which its own tools may leave there.
    sequences[1] = {"input_ids": np.array([9]), "loss_mask": [np.int64(1)], "seq_start_id": (np.int32(0),)}
    np.save(tmp_path / "theirs.npy", sequences, allow_pickle=True)
    store = into_store(read_documents(tmp_path / "theirs.npy"), tmp_path / "back", vocab_size=10)
    assert documents_of(store) == [[1, 2, 3, 4, 5], [6, 7, 8], [9]]
    assert store.columns(["mask"]).column("mask").to_pylist() == [[1, 3, 4, 5], [], []]
    source = pypack.Source(store, pypack.pack(store.lengths, 5, strategy="pad"), mask="mask")
    batch = pypack.Loader({"all": source}, batch_sequences=3, seed=0).batch_at(0)
    labels = {
        row[0]: row_labels for row, row_labels in zip(batch.input_ids, batch.labels.tolist(), strict=True)
    }
    assert labels[1] == [-100, -100, -100, 4, -100]
    assert labels[6][:3] == [-100, 7, 8]


class Evil:
    def __reduce__(self):
        return (print, ("a pickle ran code",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.arange(3), "it holds int64"),
        ([{"input_ids": [1], "loss_mask": [1]}], "sequence 0 must be a dict"),
        (
            [{"input_ids": [1, 2], "loss_mask": [1], "seq_start_id": [0]}],
            "2 input_ids, 1 values of loss_mask",
        ),
        ([{"input_ids": [1, 2], "loss_mask": [1, 1], "seq_start_id": [1]}], "rise from 0"),
        ([{"input_ids": [-1], "loss_mask": [1], "seq_start_id": [0]}], "token ids must be integers"),
        ([{"input_ids": [0.5], "loss_mask": [1], "seq_start_id": [0]}], "token ids must be integers"),
        ([Evil()], "names builtins.print"),
        (b"\x93NUMPY\x01\x00", "EOF"),
        (
            b"\x93NUMPY\x07\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
            "not a packed file",
        ),
    ],
)
def test_other_npy_files_are_refused(tmp_path, capsys, content, message):
    path = tmp_path / "theirs.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        array = content
        if isinstance(content, list):
            array = np.empty(len(content), object)
            array[:] = content
        np.save(path, array, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        list(read_documents(path))
    assert "ran code" not in capsys.readouterr().out


@pytest.fixture
def streaming():
    """MosaicML streaming, with stand-ins for the image data sets that it imports."""
    require("transformers", "transformers.tokenization_utils_base")  # before it sees a torchvision
    return require_part("streaming", "streaming", TORCHVISION)


# streaming leaves its index file open.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*FileIO.*index.json:pytest.PytestUnraisableExceptionWarning"
)
def test_mds(store, plan, tmp_path, streaming):
    convert(store.path, tmp_path / "mds", "--to", "mds", "--plan", tmp_path / "plan")
    expected = [list(itertools.chain(*spans)) for spans in sequences_of(store, plan)]
    dataset = streaming.LocalDataset(str(tmp_path / "mds"))
    assert [dataset[i]["tokens"].tolist() for i in range(len(dataset))] == expected
    convert(tmp_path / "mds", tmp_path / "back", "--to", "store", "--vocab-size", 300)
    assert documents_of(TokenStore.open(tmp_path / "back")) == expected


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["train.bin", "s", "--to", "store", "--vocab-size", "9"], 1, "give dtype"),
        (["train.bin", "s", "--to", "store", "--vocab-size", "9", "--dtype", "uint16"], 1, "give end_id"),
        (["train.bin", "s", "--to", "store", "--vocab-size", "9", "--dtype", "int32"], 1, "no whole number"),
        (["train.bin", "s", "--to", "store"], 2, "needs --vocab-size"),
        (["missing", "s", "--to", "store", "--vocab-size", "9"], 2, "no such file"),
        (["folder", "s", "--to", "store", "--vocab-size", "9"], 1, "no index.json"),
        (["a.parquet", "s", "--to", "store", "--vocab-size", "9", "--column", "x"], 1, "no column 'x'"),
        (["a.parquet", "s", "--to", "store", "--vocab-size", "9", "--column", "text"], 1, "list of integers"),
        (["store", "folder", "--to", "flat"], 2, "exists"),
    ],
)
def test_refusals(tmp_path, monkeypatch, capsys, args, status, message):
    import pyarrow as pa

    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    np.array([5, 6, 0], np.uint16).tofile("train.bin")
    pq.write_table(pa.table({"input_ids": [[1]], "text": ["a"]}), "a.parquet")
    with StoreWriter(tmp_path / "store", vocab_size=9) as writer:
        writer.append(Ragged.from_rows([[1]]))
    assert main(["convert", *args, "--json"]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert json.loads(captured.out)["exit_status"] == status
    assert not (tmp_path / "s" / "store.json").exists()


def test_aligned_plans_are_refused(store, tmp_path):
    plan = pypack.pack(store.lengths, 16, align=4)
    with pytest.raises(ValueError, match="aligns spans to 4"):
        export(store, tmp_path / "rows.parquet", "parquet", plan)
    with pytest.raises(ValueError, match="format must be one of"):
        export(store, tmp_path / "rows", "zip")


def test_parquet_is_known_by_its_first_bytes(tmp_path):
    pq.write_table(pa.table({"input_ids": [[1, 2], [3]]}), tmp_path / "tokens.data")
    (batch,) = read_documents(tmp_path / "tokens.data")
    assert [row.tolist() for row in (batch[0] if isinstance(batch, tuple) else batch)] == [[1, 2], [3]]


def test_the_loss_mask_of_a_store_is_exported_or_missed_aloud(tmp_path):
    learned = np.array([False, False, True, True, False, True], np.bool_)
    with StoreWriter(tmp_path / "s", vocab_size=300, beside=[".mask"]) as writer:
        writer.append(Ragged.from_rows([[1, 2, 3, 4], [5, 6]]), learned=learned)
    store = TokenStore.open(tmp_path / "s")
    export(store, tmp_path / "rows.parquet", "parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column("labels").to_pylist() == [[-100, -100, 3, 4], [-100, 6]]
    export(store, tmp_path / "flat", "flat")  # OLMo-core's label mask: a byte a token
    assert np.fromfile(tmp_path / "flat" / "label_mask.npy", np.bool_).tolist() == learned.tolist()
    with pytest.warns(UserWarning, match="has a loss mask, for which megatron files have no place"):
        export(store, tmp_path / "one", "megatron")
