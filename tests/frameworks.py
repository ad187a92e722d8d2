"""Importing the frameworks that the adapters are proved in; a test whose framework is absent is skipped."""

from __future__ import annotations

import warnings
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
