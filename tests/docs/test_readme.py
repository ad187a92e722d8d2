"""What README promises to be: short, with the commands that .ci/run reads, and nobody else's package."""

from __future__ import annotations

import re

from fixtures.pages import README, blocks, name_of, pages

TEXT = README.read_text(encoding="utf-8")


def test_size():
    assert 7_000 <= len(TEXT.encode()) <= 9_000


def test_marked_commands():
    """One line each, in a shell block right below its mark."""
    marked = {block.comment: block for block in blocks(README) if block.comment.endswith(" command")}
    assert set(marked) == {"demo command", "test command"}
    for block in marked.values():
        assert block.language == "sh"
        assert len(block.code.splitlines()) == 1
    assert marked["demo command"].code.rstrip().endswith("pypack demo")
    assert "pytest" in marked["test command"].code


def test_nobody_elses_package_is_installed():
    """`pypack` on the index is another project; ours is pypack-engine there."""
    for page in pages():
        found = re.search(r"install (?:-\S+ )*['\"]?pypack(?![\w-])", page.read_text(encoding="utf-8"))
        assert not found, f"{name_of(page)}: {found and found[0]}"
