"""The code of README and docs/ runs as it stands, page by page and from top to bottom.

A block of Python is run; or the comment above it says `needs: MODULE ...`, and it is run where those are
installed; or `not run: why`; or `trainer: MODULE ...`, and test_trainers_pages.py runs it by itself. Lines of
a shell block that begin with `pypack` are run. All happens in one folder for each page, in which the files
that the page names and has not made stand ready (fixtures/pages.py).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from fixtures.object_server_fixtures import *  # noqa: F403
from fixtures.pages import README, Folder, blocks, name_of, pages_with_code


@pytest.fixture
def folder(tmp_path, monkeypatch, tokenizer_file, sample_texts) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path, tokenizer_file, sample_texts)


def is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def run_page(page: Path, folder: Folder) -> tuple[int, int]:
    """Runs a page; returns how many commands and how many blocks of Python were run."""
    commands = python = 0
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "sh":
            commands += folder.run_shell(block.code)
        if block.language != "python" or block.comment.startswith(("not run: ", "trainer: ")):
            continue
        if block.comment.startswith("needs: ") and not all(map(is_installed, block.comment.split()[1:])):
            continue
        folder.prepare(block.code)
        # With empty lines before it, a traceback names the line of the page.
        exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
        python += 1
    return commands, python


# Of TRL's own settings.
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("page", pages_with_code(), ids=name_of)
def test_page(page, folder, request):
    if "s3://bucket/" in page.read_text(encoding="utf-8"):
        request.getfixturevalue("s3")  # a server with a bucket of that name
    commands, python = run_page(page, folder)
    if page == README:
        assert commands >= 4, "the README shows how to tokenize, pack, inspect and verify"
        assert python >= 1


def test_every_way_of_marking_is_known():
    for page in pages_with_code():
        for block in blocks(page):
            where = f"{name_of(page)}:{block.line}"
            assert block.language, f"{where}: a block without a language"
            kind = block.comment.split(": ")[0]
            if block.language == "python":
                assert kind in ("", "needs", "not run", "trainer"), where
