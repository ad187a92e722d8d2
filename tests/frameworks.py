"""Importing the frameworks that the adapters are proved in; a test whose framework is absent is skipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

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
