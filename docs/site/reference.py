"""The pages of the API reference: which names stand on which, in which order.

Every public name must be on one of them; `tests/docs/test_site.py` looks.
"""

from __future__ import annotations

ADAPTERS = (
    *("huggingface", "torch_attention", "encoder_decoder", "xformers", "lightning", "megatron", "nemo"),
    *("jax", "grain", "torchtitan", "olmo_core", "llm_foundry", "torchtune"),
)
# Page → (title, what it says first, names).
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "tokenizer": (
        "Tokenizers",
        "Text to ids: [Tokenizing](../docs/tokenizing.md).",
        ("pypack.Tokenizer", "pypack.Ragged"),
    ),
    "store": (
        "Stores and jobs",
        "A corpus as mapped files: [Tokenizing](../docs/tokenizing.md), [Jobs at scale](../docs/jobs.md).",
        ("pypack.tokenize", "pypack.merge_stores", "pypack.TokenStore", "pypack.StoreWriter"),
    ),
    "packing": (
        "Packing",
        "Documents to sequences: [Packing](../docs/packing.md).",
        (
            "pypack.pack",
            "pypack.extend_plan",
            "pypack.Plan",
            "pypack.StreamPacker",
            *("pypack.packing.Knots", "pypack.packing.tie_knots", "pypack.plan.Literals"),
            "pypack.balance",
            "pypack.Balance",
            "pypack.group_by_ceiling",
            "pypack.packing.compare",
            "pypack.packing.bucket_quotas",
        ),
    ),
    "loader": (
        "Loading",
        "Sequences to batches: [Loading](../docs/loading.md).",
        (
            "pypack.Loader",
            "pypack.Source",
            "pypack.document_neighbours",
            "pypack.order_documents",
            "pypack.DocumentOrder",
            "pypack.PackedBatch",
            "pypack.document_losses",
            "pypack.DocumentLosses",
        ),
    ),
    "schedule": (
        "Schedules",
        "Mixtures and curricula: [Schedules](../docs/schedules.md).",
        ("pypack.Schedule", "pypack.Phase", "pypack.ShapeCycle"),
    ),
    "chat": (
        "Conversations",
        "Records to training data: [Fine-tuning](../docs/fine-tuning.md).",
        ("pypack.chat.dataset",),
    ),
    "objectives": (
        "Objectives (API)",
        "What is learned of a batch: [Objectives](../docs/objectives.md), [inputs and targets]"
        "(../docs/encoder-decoder.md).",
        (
            *("pypack.objectives.MaskedLM", "pypack.objectives.ReplacedTokens", "pypack.objectives.PrefixLM"),
            *("pypack.objectives.SpanCorruption", "pypack.objectives.UL2", "pypack.objectives.Denoiser"),
            *("pypack.objectives.PairObjective", "pypack.objectives.pack_pairs"),
            *("pypack.objectives.FillInMiddle", "pypack.objectives.PoSE", "pypack.objectives.RandPos"),
            *("pypack.objectives.LOGO", "pypack.objectives.ObjectiveSchedule"),
            *("pypack.objectives.ObjectivePhase", "pypack.loader.change_objectives"),
            "pypack.loader.give_feedback",
        ),
    ),
    "prefill": (
        "Prefill",
        "Prompts to full rows: [Prefill](../docs/prefill.md).",
        ("pypack.prepack", "pypack.Prepacked"),
    ),
    "adapters": (
        "Adapters",
        "Batches in the words of trainers: [Trainers](../docs/trainers/README.md).",
        tuple(f"pypack.adapters.{name}" for name in ADAPTERS),
    ),
}


def reference_pages() -> dict[str, str]:
    """File name → text for the builder."""
    index = ["# API reference", "", "| page | names |", "| --- | --- |"]
    made = {}
    for name, (title, about, names) in PAGES.items():
        short = ", ".join(f"`{one.removeprefix('pypack.')}`" for one in names)
        index.append(f"| [{title}]({name}.md) | {short} |")
        blocks = "\n\n".join(f"::: {one}" for one in names)
        made[f"{name}.md"] = f"# {title}\n\n{about}\n\n{blocks}\n"
    made["README.md"] = "\n".join(index) + "\n"
    return made
