"""Conditions over columns, plans of selections beside whole stores, and repeats."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from bench.select.peak import measured
from bench.select.sparse_store import sparse_store
from pypack import Plan, Source, TokenStore, pack
from pypack.columnar.expressions import parse_condition
from pypack.source.select import select
from pypack.source.selected_plan import pack_selection


def where(documents: int) -> list[Row]:
    """Conditions over made-up columns in memory."""
    import pyarrow as pa

    rng, names = np.random.default_rng(0), [f"l{i}" for i in range(19)]
    batches, parts = [], 100
    for _ in range(parts):
        size = documents // parts
        lang = pa.DictionaryArray.from_arrays(
            pa.array(rng.integers(0, 20, size, dtype=np.int8)), pa.array([*names, "en"])
        )
        score = pa.array(rng.random(size, dtype=np.float32))
        batches.append(pa.record_batch({"score": score, "lang": lang}))
    table = pa.Table.from_batches(batches)
    rows = []
    for text in ("score > 0.7", "score > 0.7 and lang == 'en'"):
        condition = parse_condition(text)
        (mask, _), seconds, peak = measured(lambda c=condition: c.values(table))
        score = table.column("score").to_numpy()
        expected = score > np.float32(0.7)
        if "lang" in text:
            codes = np.concatenate([chunk.indices.to_numpy() for chunk in table.column("lang").chunks])
            expected &= codes == len(names)
        assert np.array_equal(mask, expected)
        rows.append(
            {"what": text, "documents": len(mask), "seconds": seconds, "bytes/document": peak / len(mask)}
        )
    return rows


def plans(documents: int, repeats: int = 5) -> list[Row]:
    """Plans of half of a store beside that of a whole store of that size, in turns."""
    lengths = GENERATORS["web"](documents, 0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        store = sparse_store(Path(folder), lengths)
        mask = np.arange(documents) % 2 == 0
        half = np.ascontiguousarray(lengths[mask])
        order = np.random.default_rng(0).permutation(np.flatnonzero(mask))
        for strategy in ("best_fit", "stream", "concat"):
            runs: dict[str, Any] = {
                "whole store of that size": lambda s=strategy: pack(half, 8192, s),
                "selection": lambda s=strategy: pack_selection(
                    store, select(store, where=mask), 8192, strategy=s
                ),
            }
            if strategy != "best_fit":
                runs["order"] = lambda s=strategy: pack_selection(
                    store, select(store, order=order), 8192, strategy=s
                )
            seconds: dict[str, list[float]] = {name: [] for name in runs}
            _ = store.lengths
            for _ in range(repeats):
                for name, run in runs.items():
                    began = time.perf_counter()
                    plan = run()
                    seconds[name].append(time.perf_counter() - began)
                    assert plan.num_tokens == half.sum(dtype=np.int64)
            runs["selection"]().verify(store.lengths)
            rows += [
                {
                    "strategy": strategy,
                    "of": name,
                    "documents": len(half),
                    "ns/document": statistics.median(times) / len(half) * 1e9,
                }
                for name, times in seconds.items()
            ]
    return rows


def shares(documents: int, repeats: int = 5) -> list[Row]:
    """Plans of shares of a store, by a mask and by numbers of documents, beside those of whole stores of
    these sizes, in turns."""
    lengths = GENERATORS["web"](documents, 0)
    rng, rows = np.random.default_rng(0), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        store = sparse_store(Path(folder), lengths)
        _ = store.lengths, store.lengths_fingerprint
        for percent in (1, 10, 50, 99):
            mask = rng.random(documents) < percent / 100
            numbers = np.flatnonzero(mask)
            part = np.ascontiguousarray(lengths[mask])
            for strategy in ("best_fit", "stream", "concat"):
                runs: dict[str, Any] = {
                    "whole store of that size": lambda s=strategy, p=part: pack(p, 8192, s),
                    "mask": lambda s=strategy, m=mask: pack_selection(
                        store, select(store, where=m), 8192, strategy=s
                    ),
                }
                if strategy != "best_fit":
                    runs["numbers"] = lambda s=strategy, n=numbers: pack_selection(
                        store, select(store, order=n), 8192, strategy=s
                    )
                timings = measure_in_turns(runs, repeats)
                assert runs["mask"]() == _listed(runs["whole store of that size"](), numbers)
                whole = timings["whole store of that size"].median
                rows += [
                    {
                        "strategy": strategy,
                        "percent": percent,
                        "of": name,
                        "documents": len(part),
                        "ns/document": timing.median / len(part) * 1e9,
                        "beside whole": timing.median / whole,
                    }
                    for name, timing in timings.items()
                ]
    return rows


def _listed(plan: Plan, documents: NDArray[np.int64]) -> Plan:
    plan.documents = documents
    return plan


def repeated(documents: int, times: int = 10) -> list[Row]:
    """Memory of a plan in which documents come several times."""
    lengths = GENERATORS["web"](documents, 0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        store: TokenStore = sparse_store(Path(folder), lengths)
        _ = store.lengths, store.lengths_fingerprint
        numbers = {
            f"each {times} times": np.full(documents, times, np.int32),
            f"1 to {times} times": np.random.default_rng(0).integers(1, times + 1, documents, np.int32),
        }
        for name, of in numbers.items():
            chosen = select(store, repeats=of)
            plan, seconds, peak = measured(
                lambda c=chosen: pack_selection(store, c, 8192, repeat="sequences", overflow="truncate")
            )
            plan.verify(store.lengths)
            given = np.bincount(
                plan.span_document, np.repeat(plan.sequence_times, np.diff(plan.sequence_offsets)), documents
            )
            assert np.array_equal(given, of)
            size = sum(array.nbytes for array in plan.arrays().values())
            size += 0 if plan.documents is None else plan.documents.nbytes
            assert Source(store, plan).num_sequences(8192) == plan.sequence_times.sum()
            rows.append(
                {
                    "what": name,
                    "documents": documents,
                    "copies": int(of.sum(dtype=np.int64)),
                    "plan, MB": size / 1e6,
                    "peak, MB": peak / 1e6,
                    "seconds": seconds,
                }
            )
            del plan, given
    return rows
