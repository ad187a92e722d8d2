"""Imports of version 0.1.0 work on: the public ones as they were, the others with a word where they went."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import pytest

import pypack
from pypack import _moved

# Module → what version 0.1.0 gave under its name.
PUBLIC = {
    "batch": "PackedBatch",
    "best_fit": "best_fit_documents best_fit_sequence_of",
    "loader": "Loader",
    "packing": "COMPARED Comparison STRATEGIES compare compare_one pack shared_options",
    "plan": "ARRAYS Plan PlanCounts PlanStats as_lengths",
    "ragged": "Ragged",
    "schedule": "CURRICULA Phase Schedule ShapeCycle check_curriculum check_weights skill_it "
    "temperature_weights",
    "source": "Source named_sources",
    "store": "TokenStore",
    "tokenizer": "EngineName Tokenizer",
}
MOVED = {
    "added_token": "AddedToken",
    "balancing": "Balance balance",
    "bucket_quotas": "bucket_quotas",
    "column_types": "joined_tables",
    "document_lengths": "as_lengths",
    "fingerprint": "lengths_fingerprint",
    "huggingface_engine": "HuggingFaceEngine",
    "loader_options": "BatchOptions Ranks",
    "loader_order": "Order",
    "loader_stats": "LoaderStats",
    "native": "",
    "plan_stats": "PlanCounts PlanStats",
    "prepacked": "Prepacked",
    "prepacking": "prepack",
    "run": "EpochRun Run StepDraws odds_of rows_of_batch",
    "schedule_run": "ScheduleRun",
    "selection": "select_documents token_masks",
    "skill_it": "skill_it",
    "special_tokens": "find_special_tokens",
    "step_maker": "StepMaker",
    "store_format": "StoreInfo",
    "store_writer": "StoreWriter",
    "strategies": "STRATEGIES",
    "stream_packer": "StreamPacker",
    "temperature": "temperature_weights",
    "tokenizer_reference": "Reference",
    "torch_dataset": "LoaderDataset",
    "weight_log": "WeightLog",
}
NEEDS_TORCH = {"torch_dataset"}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_modules_give_what_they_gave(module: str) -> None:
    found = importlib.import_module(f"pypack.{module}")
    for name in PUBLIC[module].split():
        assert getattr(found, name) is not None
        assert name in dir(found)


@pytest.mark.parametrize("module", MOVED)
def test_moved_modules_say_where_they_are(module: str) -> None:
    if module in NEEDS_TORCH:
        pytest.importorskip("torch")
    sys.modules.pop(f"pypack.{module}", None)
    with pytest.warns(DeprecationWarning, match=f"pypack.{module} is now pypack."):
        found = importlib.import_module(f"pypack.{module}")
    for name in MOVED[module].split():
        assert getattr(found, name) is not None
    with pytest.raises(AttributeError, match=f"'pypack.{module}' has no attribute 'nothing'"):
        found.nothing  # noqa: B018


def test_every_moved_module_is_there() -> None:
    for module, targets in _moved.MOVED.items():
        if module in NEEDS_TORCH and importlib.util.find_spec("torch") is None:
            continue
        for target in targets.split():
            importlib.import_module(f"pypack.{target}")


def test_names_that_never_were_are_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'pypack.nothing'"):
        importlib.import_module("pypack.nothing")
    with pytest.raises(AttributeError, match="module 'pypack' has no attribute 'nothing'"):
        pypack.nothing  # noqa: B018


def test_exports_are_all_there() -> None:
    for name in pypack.__all__:
        assert getattr(pypack, name) is not None
        assert name in dir(pypack)


def test_functions_are_not_shadowed_by_modules() -> None:
    code = (
        "import pypack.schedule.schedule, pypack.packing.quotas, pypack.packing.packing\n"
        "from pypack.schedule import skill_it, temperature_weights\n"
        "from pypack.packing import balance, bucket_quotas, pack, prepack\n"
        "assert all(map(callable, (skill_it, temperature_weights, balance, bucket_quotas, pack, prepack)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
