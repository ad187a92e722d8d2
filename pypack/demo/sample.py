"""Real text that comes with every Python: the standard library's modules, docstrings and manual."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Folders of generated tables, tests and third-party code: large, and not prose or ordinary code.
_SKIPPED = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "encodings",
    "__pycache__",
}

_SHORTEST_DOCSTRING = 200  # characters; most are a line, too short to be a document of any corpus


def standard_library_texts(max_bytes: int) -> list[str]:
    """Documents of the standard library, in a fixed order, `max_bytes` of UTF-8 or a little less.

    Each module's source is one document, each of its longer docstrings another: few long documents and many
    short ones, as in most corpora. The chapters of the language manual that `help()` shows come first.
    """
    texts: list[str] = []
    room = max_bytes
    for text in _documents(Path(sysconfig.get_path("stdlib"))):
        size = len(text.encode())
        if size > room:
            continue  # a long module; shorter documents may still fit
        texts.append(text)
        room -= size
        if room < 200:
            break
    return texts


def _documents(library: Path) -> Iterator[str]:
    manual = _parse(library / "pydoc_data" / "topics.py")
    if manual is not None:
        for node in ast.walk(manual[1]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 200:
                yield node.value
    for path in sorted(library.rglob("*.py")):
        if _SKIPPED.intersection(path.relative_to(library).parts) or path.parent.name == "pydoc_data":
            continue
        module = _parse(path)
        if module is None:
            continue
        source, tree = module
        yield source
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                docstring = ast.get_docstring(node)
                if docstring is not None and len(docstring) >= _SHORTEST_DOCSTRING:
                    yield docstring


def _parse(path: Path) -> tuple[str, ast.Module] | None:
    """Source and syntax tree of a module; None for one that is missing or, by design, does not parse."""
    try:
        source = path.read_text(encoding="utf-8")
        return source, ast.parse(source)
    except (OSError, UnicodeDecodeError, SyntaxError):
        return None
