"""Batches with an objective, beside plain ones and transformers' collator on the same rows, in one run.

    python bench objectives [--tokens N] [--repeats N]

A store of random ids of a vocabulary of BERT's size, with document lengths like those of the web, packed by
best fit into rows of 2048; batches of 8 rows, int64, one thread, `loader.batch_at(step)`.

Checked first: given the places that pypack chose and what it put there, `DataCollatorForLanguageModeling`
makes the same inputs and labels of the same rows; as many are chosen as the rate says; and pypack chooses no
special token. Then timed in turns, medians: the plain batch, the batch with each objective, and the collator,
which gets the rows as a tensor with the mask of their special tokens made beforehand. Replaced tokens without
a generator are measured beside the same in numpy, row by row, as their paper's code has it.

Beside the plain batch stands how many bytes the arrays of a batch have for each of the plain one's: replaced
tokens add arrays.

Inputs and targets (30 rows of 512 inputs) are checked by undoing them, and measured by the token: beside the
plain batch, and beside the same in numpy, example by example, as collators for T5 do it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench.common.batch_job import batch_bytes, run_batch_job
from bench.common.lengths import web
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from bench.objectives import pairs
from bench.objectives.reference_collators import detection_collator
from pypack import Loader, PackedBatch, Plan, Ragged, StoreWriter, TokenStore, pack
from pypack.objectives import MaskedLM, Objective, PrefixLM, ReplacedTokens

VOCABULARY, CLS, SEP, MASK = 30_522, 101, 102, 103
SPECIAL = [0, 100, CLS, SEP, MASK]
ROWS, ROW_LENGTH, STEPS = 8, 2048, 40


def make_store(path: Path, tokens: int) -> TokenStore:
    """Random ids, each document between [CLS] and [SEP]."""
    lengths = np.maximum(web(tokens // 1000), 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.random.default_rng(0).integers(MASK + 1, VOCABULARY, int(offsets[-1]), dtype=np.uint32)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = CLS, SEP
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


def objectives() -> dict[str, Objective]:
    """What is measured, by name. Three ids of five begin a word, about as in English text."""
    known: dict[str, Any] = {"mask_id": MASK, "special_ids": SPECIAL, "vocab_size": VOCABULARY}
    starts = np.flatnonzero(np.random.default_rng(1).random(VOCABULARY) < 0.6)
    return {
        "MaskedLM(0.15)": MaskedLM(0.15, **known),
        "MaskedLM(0.3)": MaskedLM(0.3, **known),
        "MaskedLM(0.15, whole_word)": MaskedLM(0.15, whole_word=starts, **known),
        "MaskedLM(0.15, electra)": MaskedLM(0.15, mode="electra", **known),
        "ReplacedTokens(0.15)": ReplacedTokens(0.15, **known),
        "ReplacedTokens(0.15, random)": ReplacedTokens(
            0.15, "random", special_ids=SPECIAL, vocab_size=VOCABULARY
        ),
        "PrefixLM(0.5)": PrefixLM(0.5),
    }


def make_collator() -> Any:
    """transformers' collator with a tokenizer of the same vocabulary."""
    from tokenizers import Tokenizer, models
    from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

    names = {0: "[PAD]", 100: "[UNK]", CLS: "[CLS]", SEP: "[SEP]", MASK: "[MASK]"}
    vocabulary = {names.get(i, f"t{i}"): i for i in range(VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]")),
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    return DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


def special_places(plain: PackedBatch) -> Any:
    """Where a row holds a special token or padding, as a tensor."""
    import torch

    return torch.from_numpy(np.isin(plain.input_ids, SPECIAL) | (plain.segment_ids == 0))


def check(batch: PackedBatch, plain: PackedBatch, collator: Any, rate: float) -> None:
    """The collator makes the same of the same choices, and they are as many as they should be."""
    import torch

    special = special_places(plain)
    chosen = torch.from_numpy(batch.labels != -100)
    assert not bool((chosen & special).any())
    share = float(chosen.sum() / (~special).sum())
    assert abs(share - rate) < 0.1 * rate, share
    masked = torch.from_numpy(batch.input_ids == MASK)
    asked = [chosen.float(), masked.float(), torch.ones_like(chosen).float()]
    words = torch.from_numpy(batch.input_ids)
    with (
        mock.patch.object(torch, "bernoulli", side_effect=asked),
        mock.patch.object(torch, "randint", return_value=words),
    ):
        inputs, labels = collator.torch_mask_tokens(torch.from_numpy(plain.input_ids.copy()), special)
    np.testing.assert_array_equal(batch.input_ids, inputs.numpy())
    np.testing.assert_array_equal(batch.labels, labels.numpy())
    of_chosen = [float(masked[chosen].float().mean()), float((inputs == labels)[chosen].float().mean())]
    assert abs(of_chosen[0] - 0.8) < 0.06 or of_chosen[0] > 0.8, of_chosen


def measure(store: TokenStore, plan: Plan, repeats: int) -> list[Row]:
    """The rows of the table."""
    import torch

    torch.set_num_threads(1)
    options: dict[str, Any] = {"batch_sequences": ROWS, "num_threads": 1}
    plain = Loader(store, plan, **options)
    loaders = {name: Loader(store, plan, objective=one, **options) for name, one in objectives().items()}
    collator = make_collator()
    for name, loader in loaders.items():
        if not name.startswith("MaskedLM"):
            continue  # of their own kinds: tests compare them with their definitions
        rate = 0.3 if "0.3" in name else 0.14 if "electra" in name else 0.15
        check(loader.batch_at(1), plain.batch_at(1), collator, rate)

    def batches(loader: Loader) -> None:
        for step in range(STEPS):
            loader.batch_at(step)

    first = plain.batch_at(0)
    inputs, special = torch.from_numpy(first.input_ids.copy()), special_places(first)

    def collate() -> None:
        collator.torch_mask_tokens(inputs.clone(), special)

    runs = {"plain": partial(batches, plain)} | {name: partial(batches, one) for name, one in loaders.items()}
    timings = measure_in_turns(runs, repeats)
    rows, is_special, rng = first.input_ids, special.numpy(), np.random.default_rng(0)

    def detect() -> None:
        detection_collator(rows, is_special, 0.15, VOCABULARY, rng)

    others = measure_in_turns({"collator": collate, "detection": detect}, repeats)
    collating = others["collator"].median
    items = ROWS * ROW_LENGTH
    of_plain = timings["plain"].median / STEPS
    of_bytes = {name: batch_bytes(one.batch_at(0)) / batch_bytes(first) for name, one in loaders.items()}
    found = []
    for name, timing in timings.items():
        seconds = timing.median / STEPS
        added = max(seconds - of_plain, 1e-12)
        beside = others["detection"].median if "random" in name else collating
        compared = name not in ("plain", "PrefixLM(0.5)")
        found.append(
            {
                "batch": name,
                "us/batch": seconds * 1e6,
                "it / plain": seconds / of_plain,
                "bytes / plain": (share := of_bytes.get(name, 1.0)),
                "it / plain of its bytes": seconds / of_plain / share,
                "added ns/token": added / items * 1e9,
                "tokens/s of the objective alone": None if name == "plain" else items / added,
                "collator / objective alone": beside / added if compared else None,
            }
        )
    whole = {"us/batch": collating * 1e6, "it / plain": collating / of_plain}
    found.append({"batch": "transformers' collator alone", **whole})
    return found + pairs.measure(store, plain, VOCABULARY, repeats)


def _rows(folder: Path, tokens: int, repeats: int) -> list[Row]:
    store = make_store(folder / "random.store", tokens)
    return measure(store, pack(store.lengths, ROW_LENGTH), repeats)


def main(arguments: list[str]) -> None:
    """Checks, measures, prints the table and writes the result file."""
    title = "batches with an objective, one thread"
    run_batch_job("objectives", __doc__, title, _rows, arguments, ("torch", "transformers"))
