"""A function of the user's that edits texts, a batch at a time."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pypack._common.words import counted

Transform = Callable[[list[str]], Sequence["str | None"]]


class TransformError(ValueError):
    """There is no such function, or it does not give a text, or None, for each."""


def load_transform(name: str) -> Transform:
    """The function that `module:function` or `path/to/file.py:function` names.

    Modules are found as Python finds them, and in the current folder.

    Raises:
        TransformError: there is none, or its module cannot be imported.
    """
    module_name, colon, function_name = name.rpartition(":")
    if not colon or not module_name or not function_name:
        raise TransformError(f"transform must be module:function or file.py:function, got {name!r}")
    try:
        module = _module(module_name)
    except Exception as error:  # a module may raise anything
        raise TransformError(f"{name}: the module cannot be imported: {type(error).__name__}: {error}") from (
            error
        )
    function = module
    for part in function_name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise TransformError(f"{name}: {module_name} has no function {function_name!r}")
    return function  # type: ignore[no-any-return]


def _module(name: str) -> Any:
    if name.endswith(".py"):
        path = Path(name).absolute()
        alias = f"_pypack_transform_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        if alias in sys.modules:
            return sys.modules[alias]
        spec = importlib.util.spec_from_file_location(alias, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"no module in {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[alias] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[alias]
            raise
        return module
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)  # workers find modules as this process does
    return importlib.import_module(name)


def fingerprint(function: Transform) -> str:
    """`sha256:<hex>` of the source of the function's module; of what that imports nothing is known.

    Raises:
        TransformError: it has no source.
    """
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
        data = Path(path or "").read_bytes()
    except (TypeError, OSError) as error:
        raise TransformError(
            f"transform: the source of {function!r} cannot be read: give a function of a module in Python"
        ) from error
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def transformed(function: Transform, texts: list[str]) -> list[str | None]:
    """What the function makes of texts; None is a text to leave out.

    Raises:
        TransformError: it gives something else.
        Exception: what it raises.
    """
    found = list(function(list(texts)))
    if len(found) != len(texts):
        raise TransformError(
            f"transform: {counted(len(found), 'result')} for {counted(len(texts), 'text')}; it must give one "
            "each"
        )
    for one in found:
        if one is not None and not isinstance(one, str):
            raise TransformError(f"transform: a result is a {type(one).__name__}, not a str or None")
    return found
