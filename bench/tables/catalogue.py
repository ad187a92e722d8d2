"""Every table by the name that pages call it: its result file, what makes it, and the command of today."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.common.record import RESULTS
from bench.tables import (
    chat,
    convert,
    corpus,
    demo,
    job,
    load,
    moving,
    objectives,
    pack_peers,
    pack_split,
    pack_targets,
    prefill,
    read,
    remote,
    select,
    strategies,
    tokenize,
)
from bench.tables.markdown import Record


@dataclass(frozen=True)
class Table:
    """`part` begins the names under "commits" that were measured for this table, where a file has some."""

    file: str
    make: Callable[[Record], str]
    command: str
    part: str = ""

    def render(self) -> str:
        """The table, and a line that says where it is from."""
        record = json.loads((RESULTS / f"{self.file}.json").read_text(encoding="utf-8"))
        machine = record["machine"]
        source = (
            f"`python bench {self.command}` at {' and '.join(self._commits(record))}, {record['time'][:10]}, "
            f"{machine.get('processor', 'unknown')}, {machine['cores']} cores: "
            f"`bench/results/{self.file}.json`"
        )
        return f"{self.make(record)}\n<sub>{source}</sub>\n"

    def _commits(self, record: dict[str, Any]) -> list[str]:
        results = record["results"]
        parts = results.get("commits", {}) if isinstance(results, dict) else {}
        return sorted({of for name, of in parts.items() if name.startswith(self.part)}) or [record["commit"]]


TABLES = {
    "demo": Table("demo", demo.demo_table, "demo"),
    "tokenize": Table("tokenize", tokenize.new_text_table, "tokenize"),
    "tokenize_scaling": Table("tokenize_scaling", tokenize.scaling_table, "tokenize --scaling 2"),
    "tokenize_hostile": Table("tokenize_hostile", tokenize.hostile_table, "tokenize --hostile"),
    "tokenize_distinct": Table("tokenize_distinct", tokenize.distinct_table, "tokenize --distinct"),
    "tokenize_patterns/library": Table(
        "tokenize_patterns", tokenize.library_patterns_table, "tokenize --patterns --corpora english code"
    ),
    "tokenize_patterns/scanner": Table(
        "tokenize_patterns", tokenize.scanner_patterns_table, "tokenize --patterns --corpora english code"
    ),
    "tokenizer_load": Table("tokenizer_load", tokenize.loading_table, "tokenize --load"),
    "read": Table("read", read.read_table, "read"),
    "corpus": Table("corpus", corpus.corpus_table, "corpus english.jsonl.zst"),
    "convert": Table("convert", convert.convert_table, "convert"),
    "convert_memory": Table("convert_memory", convert.memory_table, "convert --memory --sizes 500 20000"),
    "chat": Table("chat", chat.chat_table, "chat --templates qwen3 llama3 qwen2_5"),
    "job": Table("job", job.engines_table, "job --parts engines"),
    "job_peers": Table("job_peers", job.peers_table, "job --parts peers"),
    "job_peers_large": Table(
        "job_peers_large",
        job.peers_table,
        "job --parts peers --peers datasets datatrove --result job_peers_large",
    ),
    "job_workers": Table("job_workers", job.workers_table, "job --parts workers --copies 48"),
    "job_merge": Table("job_merge", job.merge_table, "job --parts merge"),
    "job_ray": Table("job_ray", job.ray_table, "job --parts ray"),
    "strategies": Table("strategies", strategies.strategies_table, "strategies"),
    "pack/targets": Table("pack", pack_targets.targets_table, "pack --large"),
    "pack/peers": Table("pack", pack_peers.peers_table, "pack --parts peers", "best fit against peers"),
    "pack/split": Table("pack", pack_split.split_table, "pack --parts split", "best fit, split"),
    "load/memory": Table("load", load.memory_table, "load --parts memory", "rows"),
    "load/peers": Table("load", load.peers_table, "load --parts memory peers", "peers"),
    "load/balance": Table("load", load.balance_table, "load --parts balance", "balance"),
    "load/cold": Table("load", load.cold_table, "load --parts cold", "cold"),
    "load/scale": Table("load", load.scale_table, "load --parts scale", "scale"),
    "select/cost": Table("select", select.cost_table, "select"),
    "select/shares": Table("select", select.shares_table, "select"),
    "select/order": Table("select", select.order_table, "select"),
    "objectives": Table("objectives", objectives.objectives_table, "objectives"),
    "objective_pairs": Table("objectives", objectives.pairs_table, "objectives"),
    "moving": Table("moving", moving.moving_table, "moving"),
    "remote": Table("remote", remote.remote_table, "remote"),
    "remote_pack": Table("remote_pack", remote.packing_table, "remote --parts pack"),
    "prefill": Table("prefill", prefill.prefill_table, "prefill"),
}
