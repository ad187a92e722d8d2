"""Modules of version 0.1.0 under the names they had: imports, and pickles that name them, go on working.

A finder behind all others answers for them, so that nothing is looked up here unless the name is gone. Where
a name is now a folder (`pypack.loader`), the folder itself hands out what the module gave. (The classes of
`importlib.abc` would make every `import pypack` a third longer.)
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED: Mapping[str, str] = {
    "added_token": "tokenizer.added_token",
    "balancing": "packing.balancing",
    "bucket_quotas": "packing.quotas",
    "column_types": "store.column_types",
    "column_writer": "store.column_writer",
    "document_lengths": "plan.lengths",
    "fingerprint": "_common.fingerprint",
    "huggingface_engine": "tokenizer.huggingface_engine",
    "loader_options": "loader.options",
    "loader_order": "loader.order_options",
    "loader_pass": "loader.passes",
    "loader_progress": "loader.progress",
    "loader_state": "loader.state",
    "loader_stats": "loader.stats",
    "native": "tokenizer.native",
    "phase_run": "schedule.phase_order",
    "pinned": "loader.pinned",
    "plan_stats": "plan.stats",
    "prepacked": "packing.prepacked",
    "prepacking": "packing.prepacking",
    "preview": "schedule.preview",
    "run": "schedule.order schedule.epoch_order schedule.curriculum",
    "schedule_plot": "schedule.plot",
    "schedule_run": "schedule.schedule_order",
    "selection": "source.select source.masks",
    "skill_it": "schedule.skill_weights",
    "special_tokens": "tokenizer.special_tokens",
    "step_maker": "loader.batch_maker",
    "store_format": "store.format",
    "store_writer": "store.writer",
    "strategies": "packing.strategies",
    "stream_packer": "packing.stream_packer",
    "temperature": "schedule.temperature",
    "text_input": "tokenizer.text_input",
    "tiktoken_file": "tokenizer.tiktoken_file",
    "tokenizer_choice": "tokenizer.choice",
    "tokenizer_engine": "tokenizer.engine",
    "tokenizer_fingerprint": "tokenizer.fingerprint",
    "tokenizer_reference": "tokenizer.definition",
    "torch_dataset": "loader.torch_dataset",
    "weight_log": "schedule.weight_log",
}
RENAMED: Mapping[str, str] = {
    "EpochRun": "EpochOrder",
    "Order": "OrderOptions",
    "PhaseRun": "PhaseOrder",
    "Reference": "TokenizerDefinition",
    "Run": "Order",
    "ScheduleRun": "ScheduleOrder",
    "StepMaker": "BatchMaker",
}


class _Alias:
    """Makes an empty module whose names are those of the one that took its place."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__.removeprefix("pypack.")
        targets = [import_module(f"pypack.{name}") for name in MOVED[old].split()]
        warnings.warn(
            f"pypack.{old} is now {' and '.join(target.__name__ for target in targets)}",
            DeprecationWarning,
            stacklevel=2,
        )

        def get(name: str) -> object:
            for target in targets:
                for known in (RENAMED.get(name, name), name):
                    if hasattr(target, known):
                        return getattr(target, known)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = get  # type: ignore[method-assign]


class _Finder:
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package != "pypack" or name not in MOVED:
            return None
        return ModuleSpec(fullname, _Alias())  # type: ignore[arg-type]


def install() -> None:
    """Lets the old names be imported; called by `import pypack`."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
