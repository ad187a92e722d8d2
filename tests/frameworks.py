"""Importing the frameworks that the adapters are proved in; a test whose framework is absent is skipped."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def require(*names: str) -> ModuleType:
    """Imports modules, or skips the test if one is not installed. Returns the last one.

    What a framework warns about while it is imported is its own affair; what it warns about when it is used
    still fails a test.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = [pytest.importorskip(name, exc_type=ImportError) for name in names]
    return modules[-1]


@contextmanager
def without_compiling() -> Iterator[None]:
    """Runs flex attention by torch's own definition of it: compiling its kernel takes minutes here."""
    torch = require("torch")
    with torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*flex_attention called without torch.compile.*", UserWarning)
        for of_torch_itself in (
            "`torch.jit.script_method` is deprecated",
            "_compile flag on create_block_mask",
        ):
            warnings.filterwarnings("ignore", of_torch_itself, DeprecationWarning)
        yield


def stand_in(name: str, members: Sequence[str] = (), folder: Path | None = None) -> None:
    """Puts an empty module, with empty classes, where none is; modules in `folder` are below it."""
    if name in sys.modules:
        return
    spec = importlib.machinery.ModuleSpec(name, None, is_package=folder is not None)
    module = importlib.util.module_from_spec(spec)
    if folder is not None:
        module.__path__ = [str(folder)]
        spec.submodule_search_locations = module.__path__
    for member in members:
        setattr(module, member, type(member, (), {}))
    sys.modules[name] = module


def require_part(package: str, name: str, stand_ins: Mapping[str, Sequence[str]] = {}) -> ModuleType:
    """Imports a module of a package without running the `__init__` of the packages above it, if any.

    For frameworks whose top imports what no CPU has (Transformer Engine, flash-attn): the module itself, and
    what it uses, is their own code. Skips the test if the package is not installed.

    Args:
        package: the top of what is not run, such as "megatron.bridge".
        name: of the module, such as "megatron.bridge.data.datasets.sft".
        stand_ins: modules that it imports only for annotations and base classes, with the names of those.
    """
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"could not import {package!r}: not installed")
    folder = Path(spec.submodule_search_locations[0])
    below = name.removeprefix(package).split(".")[1:-1]
    for depth in range(len(below) + 1 if name != package else 0):
        stand_in(".".join([package, *below[:depth]]), folder=folder.joinpath(*below[:depth]))
    absent = [module for module in stand_ins if module not in sys.modules]
    for module in absent:
        stand_in(module, stand_ins[module])
    try:
        return require(name)
    finally:  # other tests shall not take them for the real ones
        for module in absent:
            del sys.modules[module]


def packed_sft_class() -> Any:
    """NeMo's `GPTSFTPackedDataset`, where it lives today: Megatron-Bridge."""
    tokenizer = "megatron.bridge.training.tokenizers.tokenizer"
    sft = require_part(
        "megatron.bridge", "megatron.bridge.data.datasets.sft", {tokenizer: ["MegatronTokenizer"]}
    )
    return sft.GPTSFTPackedDataset


# torchvision, which MosaicML's libraries import for image data; its build for the CPU alone is on no index.
TORCHVISION: Mapping[str, Sequence[str]] = {
    "torchvision": (),
    "torchvision.datasets": ("VisionDataset",),
    "torchvision.transforms": (),
    "torchvision.transforms.functional": ("to_pil_image", "to_tensor"),
}
