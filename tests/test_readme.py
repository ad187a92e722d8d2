"""The README's own lines, run as they stand (the section on trainers has tests of its own)."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import zstandard

from pypack.cli import main

_README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, up to the section on trainers."""
    text = _README.read_text(encoding="utf-8").split("\n## Trainers")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch, tokenizer_file, sample_texts):
    """A folder with what the README's lines name: texts/ and tokenizer.json."""
    (tmp_path / "texts").mkdir()
    lines = [json.dumps({"text": text * 40, "id": i}) + "\n" for i, text in enumerate(sample_texts)]
    (tmp_path / "texts" / "a.jsonl.zst").write_bytes(zstandard.compress("".join(lines).encode()))
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_commands(folder: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("pypack ")]
    assert len(commands) >= 4, "the README shows how to tokenize, pack, inspect and verify"
    for command in (part for line in commands for part in line.split("&&")):
        arguments = []
        for word in shlex.split(command)[1:]:
            # What the shell would do.
            arguments += [str(p) for p in folder.glob(word)] if "*" in word else [word]
        assert main(arguments) == 0, command


def test_commands_and_python(folder):
    run_commands(folder)
    python = blocks("python")
    assert python
    for block in python:
        exec(compile(block, str(_README), "exec"), {})
