r"""How fast text becomes ids, beside the other libraries that do it.

    pip install -r bench/peers/tokenize.txt
    python bench/bench_tokenize.py $PYPACK_SHARED/data --threads 1

For each tokenizer and corpus: every other document first, as other text of the kind, then the rest, which is
"fresh" (text that the library has not seen), then the rest again ("warm", the best of three). The libraries
in turn, each time in a new process that has as many cores as threads; medians of the runs. Checked: pypack's
ids are those of `tokenizers` on every document. A peer stands with the number of documents in which its ids
differ; one that cannot load a tokenizer is left out.

Runs of one commit may measure different tokenizers or corpora: their rows are kept together.

With --scaling THREADS, how much faster than with one thread on one core each library is with so many threads
on as many cores, beside how much more loops that share nothing get done on them (the machine's limit). In
turns of one pass with all threads and one alone on each core, since the cores of a shared host run at speeds
that differ and change within seconds; medians of the turns' ratios, one fresh and fifteen warm turns a run.

With --load, only how long it takes to make every tokenizer from its file, and to encode a first short text
(when caches are filled), beside `tokenizers`: the best of seven, in turn.

With --hostile, a megabyte each of what tokenizers are bad at, one document and one thread: median of three
such texts, every library in a process of its own. None: the library refused the tokenizer, took more than
twenty seconds, or brought its process down (then it has no later input either). With --distinct, 24 million
words of which none comes twice (GPT-2, one thread): what the process grows by, which is more than the cache
where a library keeps the memory of results for the next ones, as pypack does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from harness import RESULTS, commit, print_table, write_results
from tokenize_extremes import compare_hostile, memory_of_distinct_words
from tokenize_scaling import Prepared, scaling

import pypack
from pypack.tokenizer.tiktoken_file import byte_characters

Rows = list[list[int]]
# A peer: encodes a list of str, keeping its own form of the ids, which the second function turns into lists.
Peer = tuple[Callable[[list[str]], Any], Callable[[Any], Rows]]

PEERS = ("pypack", "tokenizers", "tiktoken", "gigatoken", "fastokens", "tokie")


def rows_of(values: Any, offsets: Any) -> Rows:
    values, offsets = np.asarray(values), np.asarray(offsets)
    return [values[offsets[i] : offsets[i + 1]].tolist() for i in range(len(offsets) - 1)]


def pypack_peer(path: Path, threads: int) -> Peer:
    tokenizer = pypack.Tokenizer.from_file(path, engine="native")
    return (
        lambda texts: tokenizer.encode_batch(texts, num_threads=threads),
        lambda found: rows_of(found.values, found.offsets),
    )


def tokenizers_peer(path: Path, threads: int) -> Peer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_fast(texts, add_special_tokens=False)

    return encode, lambda found: [encoding.ids for encoding in found]


def gigatoken_peer(path: Path, threads: int) -> Peer:
    import gigatoken

    tokenizer = gigatoken.Tokenizer.from_json(path.read_text(encoding="utf-8"))
    return tokenizer.encode_batch, lambda found: [list(row) for row in found.to_list()]


def fastokens_peer(path: Path, threads: int) -> Peer:
    import fastokens

    tokenizer = fastokens.Tokenizer.from_file(str(path))

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_flat(texts, add_special_tokens=False)

    return encode, lambda found: rows_of(
        np.frombuffer(found[0], np.uint32), np.frombuffer(found[1], np.int64)
    )


def tokie_peer(path: Path, threads: int) -> Peer:
    import tokie

    tokenizer = tokie.Tokenizer.from_json(str(path))

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_flat(texts, add_special_tokens=False)

    return encode, lambda found: rows_of(
        found[0], np.concatenate([[0], np.cumsum(found[1].astype(np.int64))])
    )


def tiktoken_peer(path: Path, threads: int) -> Peer:
    import tiktoken

    from pypack.tokenizer.native.pretokenizers import is_byte_level

    definition = json.loads(path.read_text(encoding="utf-8"))
    splits = definition["pre_tokenizer"]
    if not is_byte_level(splits) or splits["type"] != "Sequence" or definition["normalizer"] is not None:
        raise ValueError("not a tokenizer of tiktoken's kind")
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    ranks = {bytes(byte_of[c] for c in token): rank for token, rank in definition["model"]["vocab"].items()}
    pattern = splits["pretokenizers"][0]["pattern"]["Regex"]
    encoding = tiktoken.Encoding(path.stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return (lambda texts: encoding.encode_ordinary_batch(texts, num_threads=threads)), list


def documents(path: Path) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def digests(rows: Rows) -> list[bytes]:
    return [hashlib.blake2b(np.array(row, np.uint32).tobytes(), digest_size=16).digest() for row in rows]


def prepare(name: str, path: Path, corpus: Path, threads: int, cores: Sequence[int] = ()) -> Prepared:
    """A library that can meet half of a corpus; this process keeps to `cores`, or the last ones."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    # Not all libraries heed that variable; none can use a core that the process does not have.
    os.sched_setaffinity(0, cores or sorted(os.sched_getaffinity(0))[-threads:])
    texts = documents(corpus)
    encode, as_rows = globals()[f"{name}_peer"](path, threads)
    known, fresh = texts[::2], texts[1::2]
    megabytes = sum(len(text.encode()) for text in fresh) / 1e6
    return Prepared(
        megabytes, lambda: encode(known), lambda: encode(fresh), lambda found: digests(as_rows(found))
    )


def measure(name: str, path: Path, corpus: Path, threads: int) -> tuple[float, float, float, list[bytes]]:
    """(megabytes, seconds fresh, seconds warm, what each fresh document's ids hash to), in this process."""
    prepared = prepare(name, path, corpus, threads)
    prepared.meet()
    first, found = prepared.timed()
    ids = prepared.digests(found)
    warm = first if name == "tokenizers" else min(prepared.timed()[0] for _ in range(3))
    return prepared.megabytes, first, warm, ids


def in_new_process(name: str, *args: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, name, *args).result()


def refuses(name: str, path: Path, error: Exception) -> None:
    """Says that a peer refuses a tokenizer, which it may do in any way; no other library may fail."""
    if name in ("pypack", "tokenizers"):
        raise error
    print(f"{name} leaves out {path.stem}: {str(error)[:100]}")


def compare(path: Path, corpus: Path, threads: int, names: list[str], runs: int) -> list[dict[str, Any]]:
    reference = in_new_process("tokenizers", path, corpus, threads)
    measured: dict[str, list[Any]] = {"tokenizers": [reference]}
    left_out = {"tokenizers"}  # runs no more
    for _ in range(runs):
        for name in (name for name in names if name not in left_out):
            try:
                measured.setdefault(name, []).append(in_new_process(name, path, corpus, threads))
            except Exception as error:
                refuses(name, path, error)
                left_out.add(name)
    rows: list[dict[str, Any]] = []
    for name, results in ((name, results) for name, results in measured.items() if results):
        differing = sum(a != b for a, b in zip(results[0][3], reference[3], strict=True))
        assert name != "pypack" or differing == 0, f"{path.stem}, {corpus.stem}: {differing} documents differ"
        rows.append(
            {
                "tokenizer": path.stem,
                "corpus": corpus.name.split(".")[0],
                "library": name,
                "fresh MB/s": statistics.median(megabytes / fresh for megabytes, fresh, _, _ in results),
                "warm MB/s": statistics.median(megabytes / warm for megabytes, _, warm, _ in results),
                "differing": differing,
                "runs": len(results),
            }
        )
    best = max((row["fresh MB/s"] for row in rows if row["library"] != "pypack"), default=None)
    for row in rows:
        row["x best peer"] = row["fresh MB/s"] / best if best else None
    return rows


def load_seconds(make: Callable[[], Any], first: Callable[[Any], Any]) -> tuple[float, float]:
    start = time.perf_counter()
    tokenizer = make()
    loaded = time.perf_counter()
    first(tokenizer)
    return loaded - start, time.perf_counter() - loaded


def compare_loading(path: Path, repeats: int = 7) -> dict[str, Any]:
    from tokenizers import Tokenizer

    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(load_seconds(lambda: Tokenizer.from_file(str(path)), lambda made: made.encode("a b")))
        ours.append(
            load_seconds(
                lambda: pypack.Tokenizer.from_file(path, engine="native"), lambda made: made.encode("a b")
            )
        )
    (load, first), (their_load, their_first) = (
        [min(column) for column in zip(*times, strict=True)] for times in (ours, theirs)
    )
    return {
        "tokenizer": path.stem,
        "MB": path.stat().st_size / 1e6,
        "tokenizers, ms": 1e3 * their_load,
        "pypack, ms": 1e3 * load,
        "ratio": load / their_load,
        "first text, tokenizers, ms": 1e3 * their_first,
        "first text, pypack, ms": 1e3 * first,
    }


def grown_memory(names: list[str], path: Path, count: int) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            make = globals()[f"{name}_peer"]
            try:
                found = pool.submit(memory_of_distinct_words, make, path, count).result()
            except Exception as error:  # a peer may refuse in any way
                print(f"{name} leaves out {path.stem}: {str(error)[:100]}")
                continue
        rows.append({"tokenizer": path.stem, "library": name, **found})
    return rows


def beside(job: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, behind those of other tokenizers and corpora that the result file has of this commit."""
    path = RESULTS / f"{job}.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"commit": None}
    if record["commit"] != commit():
        return rows
    measured = {(row["tokenizer"], row["corpus"]) for row in rows}
    return [row for row in record["results"] if (row["tokenizer"], row["corpus"]) not in measured] + rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with tokenizers/*.json and corpus/*.jsonl.zst")
    parser.add_argument("--tokenizers", nargs="+", default=["gpt2", "llama3", "qwen2", "llama2", "t5_small"])
    parser.add_argument("--corpora", nargs="+", default=["english", "multilingual", "code", "instruct"])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--threads", type=int, default=1, help="threads, and cores")
    parser.add_argument("--runs", type=int, default=3, help="of every library but tokenizers, which has one")
    parser.add_argument("--no-results", action="store_true", help="do not write bench/results")
    parser.add_argument("--scaling", type=int, metavar="THREADS", help="compare with one thread instead")
    parser.add_argument("--load", action="store_true", help="measure loading instead, of every tokenizer")
    parser.add_argument("--hostile", action="store_true", help="measure hostile inputs instead")
    parser.add_argument(
        "--distinct", type=int, nargs="?", const=24_000_000, help="words, for memory, instead"
    )
    args = parser.parse_args()
    if args.hostile:
        hostile = []
        for tokenizer in args.tokenizers:
            peers = {name: globals()[f"{name}_peer"] for name in args.peers}
            hostile += compare_hostile(peers, args.data / "tokenizers" / f"{tokenizer}.json", args.runs)
        print_table(hostile, "a megabyte of one kind, one thread")
        if not args.no_results:
            write_results("tokenize_hostile", hostile, "tokenizers", *PEERS[2:])
        return
    if args.distinct:
        grown = grown_memory(args.peers, args.data / "tokenizers" / "gpt2.json", args.distinct)
        print_table(grown, "words that never come again, one thread")
        if not args.no_results:
            write_results("tokenize_distinct", grown, "tokenizers", *PEERS[2:])
        return
    if args.load:
        loading = [compare_loading(path) for path in sorted((args.data / "tokenizers").glob("*.json"))]
        print_table(loading, "tokenizer.json to tokenizer")
        if not args.no_results:
            write_results("tokenizer_load", loading, "tokenizers")
        return
    inputs = [
        (args.data / "tokenizers" / f"{tokenizer}.json", args.data / "corpus" / f"{corpus}.jsonl.zst")
        for tokenizer in args.tokenizers
        for corpus in args.corpora
    ]
    rows: list[dict[str, Any]] = []
    if args.scaling:
        for path, corpus in inputs:
            for name in args.peers:
                try:
                    row = scaling(prepare, name, path, corpus, args.scaling, args.runs)
                except AssertionError:
                    raise
                except Exception as error:
                    refuses(name, path, error)
                else:
                    rows.append({"tokenizer": path.stem, "corpus": corpus.name.split(".")[0], **row})
        print_table(rows, f"{args.scaling} threads on {args.scaling} cores, and one on one")
        if not args.no_results:
            write_results("tokenize_scaling", rows, "tokenizers", *PEERS[2:])
        return
    for path, corpus in inputs:
        rows += compare(path, corpus, args.threads, args.peers, args.runs)
    print_table(rows, f"text to ids, {args.threads} thread(s)")
    if not args.no_results:
        job = "tokenize" if args.threads == 1 else f"tokenize_{args.threads}"
        write_results(job, beside(job, rows), "tokenizers", *PEERS[2:])


if __name__ == "__main__":
    main()
