"""Every benchmark starts from the command line, from any folder."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fixtures.frameworks import require
from fixtures.places import ROOT


def bench(*arguments: str, folder) -> subprocess.CompletedProcess[str]:
    """`python bench ...`, run in the folder."""
    command = [sys.executable, str(ROOT / "bench"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


def names() -> list[str]:
    """Of all commands, as bench/__main__.py lists them."""
    from bench.__main__ import COMMANDS

    return list(COMMANDS)


def test_the_list_of_commands(tmp_path):
    listed = bench(folder=tmp_path)
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in names())


def test_an_unknown_command(tmp_path):
    refused = bench("tokenise", folder=tmp_path)
    assert refused.returncode == 2
    assert "'tokenise'" in refused.stderr
    assert "tokenize" in refused.stderr


@pytest.mark.parametrize("name", names())
def test_help(name, tmp_path):
    if name == "prefill":
        require("torch")
        require("transformers")
    shown = bench(name, "--help", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"usage: python bench {name}" in shown.stdout


def test_a_small_run(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": f"line {i} é"}) + "\n" for i in range(50)))
    ran = bench("read", str(path), "--repeats", "1", "--no-results", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "a.jsonl" in ran.stdout


def test_a_small_conversion(tmp_path):
    ran = bench(
        "convert", "--tokens", "20000", "--repeats", "1", "--no-results", "--formats", "flat", "nemo",
        folder=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = [line.split()[0] for line in ran.stdout.splitlines() if line.strip()]
    assert {"flat", "nemo"} <= set(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_small_conversion(tmp_path):
    ran = bench(
        "convert", "--memory", "--tokens", "20000", "--no-results", "--formats", "flat", folder=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    assert "most MB of memory" in ran.stdout
