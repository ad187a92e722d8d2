"""Batches whose tokens or positions are moved, beside plain ones and reference code on the same rows.

    python bench moving [--tokens N] [--repeats N]

A store of random ids with document lengths like those of the web, each with an end token, packed by best fit
into rows of 2048 with room for three tokens more a document; and one of words, which a small byte-level BPE
encodes, for cuts between characters. Batches of 8 rows, int64, one thread, `loader.batch_at(step)`.

Beside them, on the same rows and likewise in one thread: infilling as Megatron's `GPTFIMDataset` does it
(decode, cut, encode with `tokenizers`, concatenate), and the same on ids; positions as PoSE's code draws them
(`random`, a tensor a document); knots as Untie the Knots' data set ties them at load time, in numpy.

Checked first: the tokens of every infilled row are those of the plain row and the control tokens; positions
rise below the target; and the plan of knots is proved.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.batch_job import run_batch_job
from bench.common.lengths import web
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from pypack import Loader, PackedBatch, Ragged, StoreWriter, Tokenizer, TokenStore, pack
from pypack.objectives import LOGO, FillInMiddle, PoSE, RandPos

VOCABULARY, EOD, P, S, M = 30_522, 0, 1, 2, 3
KNOTS = (4, 5, 6, 7)
ROWS, ROW_LENGTH, STEPS, TARGET = 8, 2048, 40, 16_384


def make_store(path: Path, tokens: int) -> TokenStore:
    """Random ids, each document with its end."""
    lengths = np.maximum(web(tokens // 1000), 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.random.default_rng(0).integers(10, VOCABULARY, int(offsets[-1]), dtype=np.uint32)
    ids[offsets[1:] - 1] = EOD
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


def make_text_store(path: Path, tokens: int) -> tuple[TokenStore, Any]:
    """Documents of drawn words, and the tokenizer of `tokenizers` that encodes them."""
    from tokenizers import Tokenizer as Library
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rng = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlucmfwypvbgkq"))
    words = ["".join(rng.choice(letters, n)) for n in rng.integers(2, 9, 4000)]
    ranks = 1 / np.arange(1, len(words) + 1)
    chosen = rng.choice(len(words), tokens, p=ranks / ranks.sum())
    ends = np.cumsum(np.maximum(web(max(8, tokens // 1000)), 3))
    texts = [" ".join(words[i] for i in part) for part in np.split(chosen, ends[ends < tokens])]
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    names = ["<eod>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, special_tokens=names, initial_alphabet=alphabet)
    library.train_from_iterator(texts[:200], trainer)
    ours = Tokenizer.from_huggingface(library)
    with StoreWriter(path, vocab_size=ours.vocab_size, append_id=0, tokenizer=ours) as writer:
        writer.append(ours.encode_batch(texts))
    return TokenStore.open(path), library


def reference_infilling(
    rows: list[NDArray[np.int64]], cut: Callable[[NDArray[np.int64]], list[Any]]
) -> list[NDArray[np.int64]]:
    """Rows as Megatron's data set has them; `cut` makes three parts of a segment."""
    rng, found = np.random.RandomState(0), []
    for row in rows:
        parts: list[Any] = []
        begin = 0
        for end in np.flatnonzero(row == EOD).tolist():
            segment = row[begin:end]
            begin = end + 1
            if not len(segment):
                continue
            if rng.binomial(1, 0.5):
                prefix, middle, suffix = cut(segment)
                if rng.binomial(1, 0.5):
                    segment = np.concatenate([[P, S], suffix, [M], prefix, middle])
                else:
                    segment = np.concatenate([[P], prefix, [S], suffix, [M], middle])
            parts += [segment, [EOD]]
        found.append(np.concatenate([*parts, row[begin:]])[: len(row)])
    return found


def cut_ids(rng: np.random.RandomState, segment: NDArray[np.int64]) -> list[Any]:
    """Three parts of ids."""
    low, high = sorted(rng.randint(0, len(segment) + 1, size=2))
    return [segment[:low], segment[low:high], segment[high:]]


def cut_text(rng: np.random.RandomState, library: Any, segment: NDArray[np.int64]) -> list[Any]:
    """Three parts of the text, encoded."""
    text = library.decode(segment.tolist(), skip_special_tokens=False)
    low, high = sorted(rng.randint(0, len(text) + 1, size=2))
    parts = (text[:low], text[low:high], text[high:])
    return [np.array(library.encode(part, add_special_tokens=False).ids, np.int64) for part in parts]


def reference_pose(lengths: list[int]) -> list[Any]:
    """Positions of two chunks a document."""
    import torch

    found = []
    for length in lengths:
        cut = random.randint(1, (length + 1) // 2)
        positions = torch.arange(length, dtype=torch.long)
        positions[cut:] += random.randint(0, TARGET - length)
        found.append(positions)
    return found


def reference_randpos(lengths: list[int]) -> list[Any]:
    """A sorted sample of the positions a document."""
    import torch

    everything = list(range(TARGET))
    return [torch.tensor(sorted(random.sample(everything, length)), dtype=torch.long) for length in lengths]


def reference_knots(rows: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Documents of each row in one to three chunks, shuffled, with a token at either side of each cut."""
    rng, found = np.random.Generator(np.random.MT19937(47)), []
    for row in rows:
        ends = (np.flatnonzero(row == EOD) + 1).tolist()
        parts = []
        for begin, end in zip([0, *ends], [*ends, len(row)], strict=True):
            count = int(rng.choice(3, p=[0.2, 0.4, 0.4])) + 1 if end - begin > 3 else 1
            cuts = sorted(rng.choice(range(1, end - begin), count - 1, replace=False)) if count > 1 else []
            for c, (a, b) in enumerate(zip([0, *cuts], [*cuts, end - begin], strict=True)):
                part = row[begin + a : begin + b]
                part = np.insert(part, 0, KNOTS[2 * c - 1]) if c else part
                parts.append(np.append(part, KNOTS[2 * c]) if c + 1 < count else part)
        order = np.arange(len(parts) - 1)
        rng.shuffle(order)
        found.append(np.concatenate([parts[i] for i in [*order, len(parts) - 1]])[: len(row)])
    return found


def check_infilled(batch: PackedBatch, plain: PackedBatch, marks: tuple[int, ...]) -> None:
    """Every row holds the tokens that it held, and as many control tokens of each kind."""
    assert batch.objective_counts["infilled"] > 0
    for row, before in zip(batch.input_ids, plain.input_ids, strict=True):
        new, old = row[row >= 10], before[before >= 10]
        np.testing.assert_array_equal(np.sort(new), np.sort(old))
        assert len({int((row == mark).sum()) for mark in marks}) == 1


def measure(store: TokenStore, texts: tuple[TokenStore, Any], repeats: int) -> list[Row]:
    """The rows of the table."""
    import torch

    torch.set_num_threads(1)
    options: dict[str, Any] = {"batch_sequences": ROWS, "num_threads": 1}
    known: dict[str, Any] = {"prefix_id": P, "suffix_id": S, "middle_id": M, "special_ids": [EOD]}
    plan = pack(store.lengths, ROW_LENGTH, "best_fit", room=3)
    knots = pack(store.lengths, ROW_LENGTH, "knots", over="best_fit", knot_ids=KNOTS)
    knots.verify(store.lengths)
    text_store, library = texts
    text_plan = pack(text_store.lengths, ROW_LENGTH, "best_fit", room=12)
    plain = Loader(store, plan, **options)
    plain_text = Loader(text_store, text_plan, **options)
    loaders = {
        "FillInMiddle(0.5)": Loader(store, plan, objective=FillInMiddle(0.5, **known), **options),
        "PoSE(16384)": Loader(store, plan, objective=PoSE(TARGET), **options),
        "RandPos(16384)": Loader(store, plan, objective=RandPos(TARGET), **options),
        "LOGO(16384)": Loader(store, plan, objective=LOGO(TARGET), **options),
        "knots": Loader(store, knots, **options),
        "FillInMiddle(0.5, level='character')": Loader(
            text_store, text_plan, objective=FillInMiddle(0.5, level="character"), **options
        ),
    }
    before = plain.batch_at(1)
    check_infilled(loaders["FillInMiddle(0.5)"].batch_at(1), before, (P, S, M))
    for name in ("PoSE(16384)", "RandPos(16384)", "LOGO(16384)"):
        assert loaders[name].batch_at(1).position_ids.max() < TARGET
    rows = [row[segments > 0] for row, segments in zip(before.input_ids, before.segment_ids, strict=True)]
    text = plain_text.batch_at(1)
    text_rows = [row[kept > 0] for row, kept in zip(text.input_ids, text.segment_ids, strict=True)]
    lengths = before.span_lengths.tolist()
    draws = np.random.RandomState(1)
    references: dict[str, Callable[[], Any]] = {
        "FillInMiddle(0.5)": partial(reference_infilling, rows, partial(cut_ids, draws)),
        "PoSE(16384)": partial(reference_pose, lengths),
        "RandPos(16384)": partial(reference_randpos, lengths),
        "knots": partial(reference_knots, rows),
        "FillInMiddle(0.5, level='character')": partial(
            reference_infilling, text_rows, partial(cut_text, draws, library)
        ),
    }

    def batches(loader: Loader) -> None:
        for step in range(STEPS):
            loader.batch_at(step)

    runs = {"plain": partial(batches, plain), "plain, text": partial(batches, plain_text)}
    runs |= {name: partial(batches, one) for name, one in loaders.items()}
    timings = measure_in_turns(runs, repeats)
    theirs = measure_in_turns(references, max(3, repeats // 3))
    found = []
    for name, timing in timings.items():
        base = timings["plain, text" if "text" in name or "character" in name else "plain"].median
        added = timing.median - base
        row: Row = {
            "batch": name,
            "us/batch": timing.median / STEPS * 1e6,
            "it / plain": timing.median / base,
        }
        if name in theirs:
            row["reference us/batch"] = theirs[name].median * 1e6
            row["reference / objective alone"] = theirs[name].median / max(added / STEPS, 1e-9)
            row["reference / whole batch"] = theirs[name].median / (timing.median / STEPS)
        found.append(row)
    return found


def _rows(folder: Path, tokens: int, repeats: int) -> list[Row]:
    store = make_store(folder / "random.store", tokens)
    return measure(store, make_text_store(folder / "text.store", tokens // 10), repeats)


def main(arguments: list[str]) -> None:
    """Checks, measures, prints the table and writes the result file."""
    title = "batches whose tokens or positions are moved, one thread"
    run_batch_job("moving", __doc__, title, _rows, arguments, ("torch", "tokenizers"))
