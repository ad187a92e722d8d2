"""The README's own lines, run as they stand (the section on trainers has tests of its own)."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import zstandard
from fixtures.frameworks import require
from fixtures.places import ROOT

from pypack.cli import main

_README = ROOT / "README.md"


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of shell and Python, in order, up to the section on trainers."""
    text = _README.read_text(encoding="utf-8").split("\n## Trainers")[0]
    return re.findall(r"```(sh|python)\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch, tokenizer_file, sample_texts):
    """A folder with what the README's lines name: texts/ and tokenizer.json."""
    (tmp_path / "texts").mkdir()
    lines = [json.dumps({"text": text * 40, "id": i}) + "\n" for i, text in enumerate(sample_texts)]
    (tmp_path / "texts" / "a.jsonl.zst").write_bytes(zstandard.compress("".join(lines).encode()))
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_commands(block: str, folder: Path) -> int:
    """Runs the lines that begin with pypack; returns their number."""
    commands = [line for line in block.splitlines() if line.startswith("pypack ")]
    for command in (part for line in commands for part in line.split("&&")):
        arguments = []
        for word in shlex.split(command)[1:]:
            # What the shell would do.
            arguments += [str(p) for p in folder.glob(word)] if "*" in word else [word]
        assert main(arguments) == 0, command
    return len(commands)


def test_commands_and_python(folder):
    require("torch")
    shell = [block for language, block in blocks() if language == "sh"]
    # What is shown of a schedule's file needs the Python that writes it.
    commands = sum(run_commands(block, folder) for block in shell if "mix.yaml" not in block)
    for _, block in (named for named in blocks() if named[0] == "python"):
        exec(compile(block, str(_README), "exec"), {})
    commands += sum(run_commands(block, folder) for block in shell if "mix.yaml" in block)
    assert commands >= 5, "the README shows how to tokenize, pack, inspect, verify and preview"
