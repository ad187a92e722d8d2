"""Other loaders on the tokens of a store, each in a process, and where need be an environment, of its own.

    python bench/peers/loaders.py PEER FLAT.bin LENGTHS.npy WORK --row-length 2048 --rows 8 --tokens 24000000

FLAT.bin holds the documents end to end, uint16, each ended by EOS and free of it elsewhere; LENGTHS.npy their
lengths. What a peer reads is written to WORK once, and used again. The last line of standard
output is one JSON object: tokens a second of each repeat, how many tokens were compared with the store's
before (all of the first steps), and the version. Batches are torch tensors, int64 ids [rows, row
length] at least; one process, num_workers=0. Imports nothing of pypack.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import sys
import time
import types
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

EOS = 50_256
VOCABULARY = 50_257


class Corpus:
    """The tokens, and where a peer keeps its own form of them."""

    def __init__(self, flat: Path, lengths: Path, work: Path, row_length: int, rows: int) -> None:
        self.path, self.work, self.row_length, self.rows = flat, work, row_length, rows
        self.flat = np.memmap(flat, np.uint16, "r")
        self.lengths = np.load(lengths)
        self.chunks = self.flat[: len(self.flat) // row_length * row_length].reshape(-1, row_length)
        self._known: dict[int, int] | None = None

    def folder(self, name: str) -> Path:
        path = self.work / f"{name}-{self.row_length}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def find(self, row: np.ndarray) -> int:
        """The chunk that the row is; AssertionError if it is none."""
        if self._known is None:
            self._known = {hash(chunk.tobytes()): i for i, chunk in enumerate(self.chunks)}
        place = self._known.get(hash(row.astype(np.uint16).tobytes()))
        assert place is not None, "a row is no row of the store"
        assert np.array_equal(self.chunks[place], row), "a row differs from the store's"
        return place


Batches = Iterator[dict[str, Any]]
Peer = tuple[Callable[[], Batches], Callable[[dict[str, Any]], None], str]  # pass, check, distribution


def chunk_check(corpus: Corpus) -> Callable[[dict[str, Any]], None]:
    """Every row is a chunk of the store, and none comes twice."""
    seen: set[int] = set()

    def check(batch: dict[str, Any]) -> None:
        ids = batch["input_ids"]
        assert ids.dtype == torch.int64
        assert ids.shape == (corpus.rows, corpus.row_length)
        for row in ids.numpy():
            place = corpus.find(row)
            assert place not in seen, "a row came twice"
            seen.add(place)

    return check


def loader_passes(dataset: Any, corpus: Corpus, **options: Any) -> Callable[[], Batches]:
    return lambda: iter(DataLoader(dataset, batch_size=corpus.rows, num_workers=0, drop_last=True, **options))


def torch_flat(corpus: Corpus) -> Peer:
    """torch's DataLoader over the flat memmap: no packing, no positions, nothing else."""

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(corpus.chunks)

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"input_ids": torch.from_numpy(corpus.chunks[index].astype(np.int64))}

    return loader_passes(Rows(), corpus, shuffle=True), chunk_check(corpus), "torch"


def litdata(corpus: Corpus) -> Peer:
    import litdata as library
    from litdata.streaming.cache import Cache

    folder, loader = corpus.folder("litdata"), library.TokensLoader(block_size=corpus.row_length)
    if not (folder / "index.json").exists():
        cache = Cache(str(folder), chunk_size=8192 * corpus.row_length, item_loader=loader)
        for i, chunk in enumerate(corpus.chunks):
            cache[i] = torch.from_numpy(chunk.copy())
        cache.done()
        cache.merge()

    def collate(rows: list[Any]) -> dict[str, Any]:
        return {"input_ids": torch.stack(rows).long()}

    dataset = library.StreamingDataset(str(folder), item_loader=loader, shuffle=True, drop_last=True)

    def batches() -> Batches:
        return iter(
            library.StreamingDataLoader(
                dataset, batch_size=corpus.rows, num_workers=0, collate_fn=collate, drop_last=True
            )
        )

    return batches, chunk_check(corpus), "litdata"


def _grain(corpus: Corpus, source: Any) -> Callable[[], Batches]:
    import grain

    def decode(record: bytes) -> np.ndarray:
        return np.frombuffer(record, np.uint16).astype(np.int64)

    def batches() -> Batches:
        dataset = grain.MapDataset.source(source).shuffle(seed=0).map(decode).batch(corpus.rows)
        options = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        for ids in dataset.to_iter_dataset(options):
            yield {"input_ids": torch.from_numpy(ids)}

    return batches


def grain_bagz(corpus: Corpus) -> Peer:
    import bagz

    path = corpus.folder("bagz") / "rows.bag"
    if not path.exists():
        with bagz.Writer(str(path) + ".part") as writer:
            for chunk in corpus.chunks:
                writer.write(chunk.tobytes())
        Path(str(path) + ".part").rename(path)
    return _grain(corpus, bagz.Reader(str(path))), chunk_check(corpus), "grain"


def grain_array_record(corpus: Corpus) -> Peer:
    import grain
    from array_record.python.array_record_module import ArrayRecordWriter

    path = corpus.folder("array_record") / "rows.array_record"
    if not path.exists():
        writer = ArrayRecordWriter(str(path) + ".part", "group_size:1,uncompressed")
        for chunk in corpus.chunks:
            writer.write(chunk.tobytes())
        writer.close()
        Path(str(path) + ".part").rename(path)
    return _grain(corpus, grain.sources.ArrayRecordDataSource([str(path)])), chunk_check(corpus), "grain"


def huggingface_datasets(corpus: Corpus) -> Peer:
    import datasets
    import pyarrow as pa

    path = corpus.folder("datasets") / "rows.arrow"
    if not path.exists():
        tokens = pa.array(np.asarray(corpus.chunks).reshape(-1))
        table = pa.table({"input_ids": pa.FixedSizeListArray.from_arrays(tokens, corpus.row_length)})
        part = path.with_suffix(".part")
        with pa.OSFile(str(part), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
        part.rename(path)
    dataset = datasets.Dataset.from_file(str(path)).with_format("torch")

    def collate(batch: Any) -> dict[str, Any]:
        ids = batch["input_ids"] if isinstance(batch, dict) else torch.stack([b["input_ids"] for b in batch])
        return {"input_ids": ids.long()}

    return loader_passes(dataset, corpus, shuffle=True, collate_fn=collate), chunk_check(corpus), "datasets"


def _megatron(corpus: Corpus, resets: bool) -> Peer:
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.indexed_dataset import DType, IndexedDataset, _IndexWriter
    from megatron.core.datasets.utils import Split

    prefix = corpus.folder("megatron") / "rows"
    if not prefix.with_suffix(".idx").exists():
        prefix.with_suffix(".bin").symlink_to(corpus.path)
        with _IndexWriter(str(prefix.with_suffix(".idx")), DType.optimal_dtype(VOCABULARY)) as writer:
            writer.write(corpus.lengths.tolist(), None, np.arange(len(corpus.lengths) + 1).tolist())

    class Tokenizer:
        eod, vocab_size, unique_identifiers = EOS, VOCABULARY, {"class": "bench"}

        @property
        def pad(self) -> int:
            return VOCABULARY  # no token is

    config = GPTDatasetConfig(
        random_seed=0, sequence_length=corpus.row_length, tokenizer=Tokenizer(), split="1",
        path_to_cache=str(corpus.folder("megatron") / "cache"), reset_position_ids=resets,
        reset_attention_mask=False, eod_mask_loss=resets, create_attention_mask=False,
    )  # fmt: skip
    low = IndexedDataset(str(prefix), multimodal=False, mmap=True)
    documents = np.arange(len(corpus.lengths), dtype=np.int32)
    dataset = GPTDataset(low, str(prefix), documents, None, Split.train, config)
    starts = np.concatenate([[0], np.cumsum(corpus.lengths)])
    place = 0

    def expected(index: int) -> np.ndarray:
        """One row and a token, by the dataset's own indices, from the store."""
        at = dataset.shuffle_index[index]
        (first, offset), (last, end) = dataset.sample_index[at], dataset.sample_index[at + 1]
        parts = []
        for i in range(first, last + 1):
            document = dataset.document_index[i]
            from_, to = offset if i == first else 0, end + 1 if i == last else corpus.lengths[document]
            parts.append(corpus.flat[starts[document] + from_ : starts[document] + to])
        return np.concatenate(parts)

    def check(batch: dict[str, Any]) -> None:
        nonlocal place
        assert batch["tokens"].dtype == torch.int64
        for r in range(corpus.rows):
            row = expected(place)
            tokens, labels = batch["tokens"][r].numpy(), batch["labels"][r].numpy()
            assert np.array_equal(tokens, row[:-1])
            assert np.array_equal(labels, row[1:])
            if resets:
                ends = np.flatnonzero(tokens == EOS)
                starting = np.zeros(len(tokens), np.int64)
                inside = ends[ends + 1 < len(tokens)] + 1
                starting[inside] = inside
                positions = np.arange(len(tokens)) - np.maximum.accumulate(starting)
                assert np.array_equal(batch["position_ids"][r].numpy(), positions)
                assert np.array_equal(batch["loss_mask"][r].numpy(), (tokens != EOS).astype(np.float32))
            place += 1

    # The dataset holds its shuffled order itself.
    return loader_passes(dataset, corpus, shuffle=False), check, "megatron-core"


def _olmo_core(corpus: Corpus, doc_lens: bool) -> Peer:
    from olmo_core.data import DataCollator, NumpyFSLDataLoader, NumpyFSLDataset

    dataset = NumpyFSLDataset(
        corpus.path, sequence_length=corpus.row_length, pad_token_id=0, eos_token_id=EOS,
        vocab_size=VOCABULARY, dtype=np.uint16, generate_doc_lengths=doc_lens,
        include_instance_metadata=False,
    )  # fmt: skip
    dataset.prepare()
    loader = NumpyFSLDataLoader(
        dataset, collator=DataCollator(pad_token_id=0), work_dir=corpus.folder("olmo_core"), shuffle=True,
        global_batch_size=corpus.rows * corpus.row_length, num_workers=0, fs_local_rank=0,
    )  # fmt: skip
    checks, epoch = chunk_check(corpus), 0

    def batches() -> Batches:
        nonlocal epoch
        epoch += 1
        loader.reset()
        loader.reshuffle(epoch=epoch)
        return iter(loader)

    def check(batch: dict[str, Any]) -> None:
        checks(batch)
        if doc_lens:
            for row, lengths in zip(batch["input_ids"], batch["doc_lens"], strict=True):
                ends = np.flatnonzero(row.numpy() == EOS) + 1
                cuts = np.unique(np.concatenate([[0], ends, [corpus.row_length]]))
                assert lengths[lengths > 0].tolist() == np.diff(cuts).tolist()

    return batches, check, "ai2-olmo-core"


def _without_torchvision() -> None:
    """Streaming imports torchvision for its image datasets; where that fails, empty names stand there."""
    try:
        importlib.import_module("torchvision")
        return
    except (ImportError, RuntimeError):  # the latter: one made for CUDA, beside a torch for CPUs
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    names = (
        "torchvision",
        "torchvision.datasets",
        "torchvision.transforms",
        "torchvision.transforms.functional",
    )
    modules = {name: types.ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    modules["torchvision.datasets"].VisionDataset = object  # type: ignore[attr-defined]
    modules["torchvision.transforms.functional"].to_tensor = None  # type: ignore[attr-defined]
    sys.modules.update(modules)


def streaming(corpus: Corpus) -> Peer:
    _without_torchvision()
    import streaming as library

    folder = corpus.folder("streaming")
    if not (folder / "index.json").exists():
        columns = {"tokens": f"ndarray:uint16:{corpus.row_length}"}
        with library.MDSWriter(out=str(folder), columns=columns, exist_ok=True) as writer:
            for chunk in corpus.chunks:
                writer.write({"tokens": np.array(chunk)})

    class Rows(library.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: int) -> Any:
            return {"input_ids": torch.from_numpy(super().__getitem__(index)["tokens"].astype(np.int64))}

    library.base.util.clean_stale_shared_memory()
    dataset = Rows(local=str(folder), shuffle=True, batch_size=corpus.rows)

    def batches() -> Batches:
        return iter(
            library.StreamingDataLoader(dataset, batch_size=corpus.rows, num_workers=0, drop_last=True)
        )

    return batches, chunk_check(corpus), "mosaicml-streaming"


PEERS: dict[str, Callable[[Corpus], Peer]] = {
    "torch": torch_flat,
    "litdata": litdata,
    "grain_bagz": grain_bagz,
    "grain_array_record": grain_array_record,
    "datasets": huggingface_datasets,
    "megatron": lambda corpus: _megatron(corpus, False),
    "megatron_resets": lambda corpus: _megatron(corpus, True),
    "olmo_core": lambda corpus: _olmo_core(corpus, False),
    "olmo_core_doc_lens": lambda corpus: _olmo_core(corpus, True),
    "streaming": streaming,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("flat", type=Path)
    parser.add_argument("lengths", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--row-length", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True, help="tokens of a timed run, at most")
    parser.add_argument("--seconds", type=float, default=2.0, help="after which a timed run ends")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checked-steps", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    corpus = Corpus(args.flat, args.lengths, args.work, args.row_length, args.rows)
    batches, check, distribution = PEERS[args.peer](corpus)
    steps = min(args.tokens // (args.rows * args.row_length), len(corpus.chunks) // args.rows - 1)
    checked = 0
    for batch, _ in zip(batches(), range(min(steps, args.checked_steps)), strict=False):
        check(batch)
        checked += 1
    assert checked == min(steps, args.checked_steps)
    rates = []
    for _ in range(args.repeats):
        passed = batches()
        next(passed)  # its start is not what is measured
        begin, done = time.perf_counter(), 0
        while done < steps - 1 and time.perf_counter() - begin < args.seconds:
            next(passed)
            done += 1
        rates.append(done * args.rows * args.row_length / (time.perf_counter() - begin))
        del passed
    print(
        json.dumps(
            {
                "tokens/s": rates,
                "checked tokens": checked * args.rows * args.row_length,
                "version": f"{distribution} {metadata.version(distribution)}",
            }
        )
    )


if __name__ == "__main__":
    main()
