r"""Prefill of mixed prompts in a transformers model: packed, padded in one batch, and padded by length.

    python bench prefill [--device cuda] [--prompts 64] [--mix mmlu]

Each batch of prompts is run in several ways, and each run yields the cache and the logits of the first new
tokens: "padded", one left-padded batch as `generate` takes it; "sorted, N batches", the prompts in order of
length in N batches of equal numbers, each padded to its own longest; "packed", `huggingface.prefill`. Checked
first: all give the same logits. "share of the bound" is the time that the tokens alone would take at the
speed of the padded batch (its time * tokens / items), over the time of each way: above 1 where fewer items
also run faster each, since less memory is touched and attention is not computed over padding.

Lengths are seeded log-normal draws; the sets themselves are not at hand here. The spread of "mmlu" is set so
that the longest of 64 prompts is expected to be 5.2 times the mean, the ratio of padded to packed time that
the authors of prepacking publish for batches of 64 MMLU prompts (github.com/siyan-zhao/prepacking); medians
and the other spreads are assumptions.
"""

from __future__ import annotations

import argparse
import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.processes import start_peak_here, status_bytes
from bench.common.record import write_results
from bench.common.timing import Timing, measure, measure_in_turns
from bench.prefill.ways import by_length, packed, padded
from pypack.adapters import huggingface
from pypack.packing.prepacking import plan_prompts

# Median, sigma of the log, and bounds, in tokens.
MIXES = {
    "mmlu": (70, 0.85, 10, 2048),
    "wikitext": (120, 0.80, 8, 512),
    "samsum": (130, 0.60, 20, 800),
}


def make_prompts(mix: str, count: int, vocabulary: int, seed: int) -> list[Any]:
    """Prompts of random tokens with the lengths of a mix."""
    median, sigma, least, most = MIXES[mix]
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(median), sigma, count), least, most).astype(int)
    return [rng.integers(1, vocabulary, n) for n in lengths]


def peak_bytes(run: Callable[[], Any], device: torch.device) -> int:
    """Memory that a run needs beyond what is held before it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return int(torch.cuda.max_memory_allocated(device) - before)
    ctypes.CDLL(None).malloc_trim(0)  # what earlier runs have freed
    start_peak_here()
    before = status_bytes("VmRSS")
    run()
    return status_bytes("VmHWM") - before


def plan_a_million() -> Timing:
    """10^6 prompts into rows of 2048, as `prepack` plans them."""
    lengths = np.random.default_rng(0).integers(1, 600, 10**6)
    return measure(lambda: plan_prompts(lengths, 2048), repeats=9)[0]


def run_mix(model: Any, mix: str, options: argparse.Namespace) -> list[Row]:
    """A row for every way, all of which must give the same logits."""
    vocabulary = model.config.vocab_size
    batches = [make_prompts(mix, options.prompts, vocabulary, seed) for seed in range(options.batches)]
    device = model.device

    def each_batch(function: Any, *arguments: Any) -> Any:
        def call() -> torch.Tensor:
            result = torch.cat([function(model, prompts, *arguments) for prompts in batches])
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            return result

        return call

    runs = {
        "padded": each_batch(padded),
        **{f"sorted, {groups} batches": each_batch(by_length, groups) for groups in options.groups},
        "packed": each_batch(packed),
    }
    expected = runs["padded"]()
    for run in runs.values():
        torch.testing.assert_close(run(), expected, rtol=1e-3, atol=1e-3)
    timings = measure_in_turns(runs, options.repeats)
    items = computed_items(model, batches, options.groups)
    tokens = sum(len(prompt) for prompts in batches for prompt in prompts)
    bound = timings["padded"].median * tokens / items["padded"]
    return [
        {
            "mix": mix,
            "way": name,
            "items": items[name],
            "tokens": tokens,
            "seconds": timings[name].median,
            "best": timings[name].best,
            "peak MiB": peak_bytes(run, device) / 2**20,
            "packed is faster by": timings[name].median / timings["packed"].median,
            "share of the bound": bound / timings[name].median,
        }
        for name, run in runs.items()
    ]


def computed_items(model: Any, batches: list[list[Any]], groups: list[int]) -> dict[str, int]:
    """Items, padding included, that each way computes."""
    items = {"padded": 0, **{f"sorted, {count} batches": 0 for count in groups}, "packed": 0}
    for prompts in batches:
        lengths = np.sort([len(prompt) for prompt in prompts])
        items["padded"] += int(len(lengths) * lengths[-1])
        for count in groups:
            parts = np.array_split(lengths, count)
            items[f"sorted, {count} batches"] += sum(int(len(part) * part[-1]) for part in parts)
        items["packed"] += huggingface.prefill(model, prompts).packed.input_ids.size
    return items


def main(arguments: list[str]) -> None:
    """Measures every mix, prints the table and writes the result file."""
    arguments_of = parser("prefill", __doc__)
    arguments_of.add_argument("--mix", choices=(*MIXES, "all"), default="all")
    arguments_of.add_argument("--prompts", type=int, default=64, help="prompts of a batch")
    arguments_of.add_argument("--batches", type=int, default=1)
    arguments_of.add_argument(
        "--groups", type=int, nargs="+", default=[4, 16], help="batches of the sorted ways"
    )
    arguments_of.add_argument("--repeats", type=int, default=3)
    arguments_of.add_argument("--device", default="cpu")
    arguments_of.add_argument("--layers", type=int, default=2)
    arguments_of.add_argument("--hidden", type=int, default=256)
    arguments_of.add_argument("--no-results", action="store_true", help="do not write bench/results")
    options = arguments_of.parse_args(arguments)

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=options.hidden,
        intermediate_size=options.hidden * 11 // 4,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden // 64,
        max_position_embeddings=2048,
    )
    model = LlamaForCausalLM(config).eval().to(options.device)
    mixes = list(MIXES) if options.mix == "all" else [options.mix]
    rows = [row for mix in mixes for row in run_mix(model, mix, options)]
    title = (
        f"prefill of {options.batches} batches of {options.prompts} prompts, "
        f"Llama of {options.layers} layers, {options.device}"
    )
    print_table(rows, title)
    planning = plan_a_million()
    print(f"10^6 prompts planned in {planning.median * 1000:.1f} ms, at best {planning.best * 1000:.1f} ms")
    planned = {"median": planning.median, "best": planning.best}
    results = {"options": vars(options), "rows": rows, "plan_a_million_seconds": planned}
    if not options.no_results:
        print(write_results("prefill", results, "torch", "transformers"))
