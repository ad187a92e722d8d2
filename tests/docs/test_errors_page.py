"""The messages that docs/errors.md quotes are those of the code."""

from __future__ import annotations

import ast
import re

import pytest
from fixtures.places import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
# The first cell of each row but those of the heads.
QUOTED = re.findall(r"^\| `((?:[^`|]|\\\|)+)` \|", PAGE, re.MULTILINE)


def _texts() -> list[str]:
    """Every text of the package, f-strings with ... for what is filled in."""
    found = []
    for path in sorted((ROOT / "pypack").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "..." for v in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return _texts()


def test_the_page_quotes():
    assert len(QUOTED) >= 40
    assert len(QUOTED) == len(set(QUOTED))


@pytest.mark.parametrize("quoted", QUOTED)
def test_message_is_in_the_code(quoted, texts):
    pattern = ".*".join(re.escape(part.strip()) for part in quoted.split("..."))
    assert any(re.search(pattern, text, re.DOTALL) for text in texts), quoted
