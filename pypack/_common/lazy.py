"""Names that a package hands out, each from a module of its own that is imported at first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`.
        modules: module within the package → the names that it gives, between spaces.
    """
    origins = {name: module for module, given in modules.items() for name in given.split()}
    # An imported module becomes an attribute of its package, and would stand in the place of the name.
    assert not origins.keys() & modules.keys(), sorted(origins.keys() & modules.keys())

    def give(name: str) -> object:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{origins[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins})

    return give, names
