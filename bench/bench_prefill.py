r"""Prefill of mixed prompts in a transformers model: packed, padded in one batch, and padded by length.

    python bench/bench_prefill.py [--device cuda] [--prompts 64] [--mix mmlu]

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
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Timing, measure, measure_in_turns, print_table, write_results
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from pypack.adapters import huggingface
from pypack.adapters.huggingface.cache_argument import cache_argument
from pypack.packing.prepacking import plan_prompts

# Median, sigma of the log, and bounds, in tokens.
MIXES = {
    "mmlu": (70, 0.85, 10, 2048),
    "wikitext": (120, 0.80, 8, 512),
    "samsum": (130, 0.60, 20, 800),
}


def make_prompts(mix: str, count: int, vocabulary: int, seed: int) -> list[Any]:
    median, sigma, least, most = MIXES[mix]
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(median), sigma, count), least, most).astype(int)
    return [rng.integers(1, vocabulary, n) for n in lengths]


def padded(model: Any, prompts: list[Any]) -> torch.Tensor:
    """Logits of the first new tokens, by the ordinary left-padded batch."""
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.from_numpy(prompt)
        mask[row, longest - len(prompt) :] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        output = model(
            ids,
            attention_mask=mask,
            position_ids=positions,
            **{cache_argument(model.forward): DynamicCache(config=model.config)},
            use_cache=True,
            logits_to_keep=1,
        )
    return output.logits[:, -1]


def by_length(model: Any, prompts: list[Any], groups: int) -> torch.Tensor:
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    parts = [padded(model, [prompts[i] for i in part]) for part in np.array_split(order, groups)]
    return torch.cat(parts)[torch.from_numpy(np.argsort(order))]


def packed(model: Any, prompts: list[Any]) -> torch.Tensor:
    return huggingface.prefill(model, prompts).logits


def peak_bytes(run: Any, device: torch.device) -> int:
    """Memory that a run needs beyond what is held before it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return int(torch.cuda.max_memory_allocated(device) - before)
    ctypes.CDLL(None).malloc_trim(0)  # what earlier runs have freed
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = status("VmRSS")
    run()
    return status("VmHWM") - before


def status(name: str) -> int:
    """A size of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def plan_a_million() -> Timing:
    """10^6 prompts into rows of 2048, as `prepack` plans them."""
    lengths = np.random.default_rng(0).integers(1, 600, 10**6)
    return measure(lambda: plan_prompts(lengths, 2048), repeats=9)[0]


def run_mix(model: Any, mix: str, options: argparse.Namespace) -> list[dict[str, Any]]:
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
    items = dict.fromkeys(runs, 0)
    tokens = 0
    for prompts in batches:
        lengths = np.sort([len(prompt) for prompt in prompts])
        tokens += int(lengths.sum())
        items["padded"] += int(len(lengths) * lengths[-1])
        for groups in options.groups:
            parts = np.array_split(lengths, groups)
            items[f"sorted, {groups} batches"] += sum(int(len(part) * part[-1]) for part in parts)
        items["packed"] += huggingface.prefill(model, prompts).packed.input_ids.size
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mix", choices=(*MIXES, "all"), default="all")
    parser.add_argument("--prompts", type=int, default=64, help="prompts of a batch")
    parser.add_argument("--batches", type=int, default=1)
    parser.add_argument("--groups", type=int, nargs="+", default=[4, 16], help="batches of the sorted ways")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=256)
    options = parser.parse_args()

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
    print(write_results("prefill", results, "torch", "transformers"))


if __name__ == "__main__":
    main()
