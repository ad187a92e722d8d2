"""The examples that run in one process: what they print is what their pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.example_runs import EXAMPLES, losses, run
from fixtures.frameworks import require

import pypack

require("torch", "tokenizers")

MOST_LINES = 80


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.*")), ids=lambda path: path.name)
def test_examples_are_short_and_told_of(path: Path) -> None:
    if path.suffix in (".py", ".sh"):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= MOST_LINES
        assert f"`{path.name}" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_nanogpt_style_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole = losses(run("nanogpt_style", tmp_path / "whole", 8))
    assert list(whole) == list(range(8))
    assert whole[7] < whole[0]
    run("nanogpt_style", tmp_path / "run", 7)  # the checkpoint is after 5 steps; the rate is that of 7
    assert list(losses(run("nanogpt_style", tmp_path / "run", 8))) == [5, 6, 7]


def test_encoder_pretraining_goes_on_with_the_same_masks(tmp_path: Path) -> None:
    output = run("encoder_pretraining", tmp_path, 12)
    whole = losses(output)
    assert list(whole) == list(range(12))
    first, second = map(float, re.findall(r"validation: loss (\S+)", output))
    assert second < first
    again = losses(run("encoder_pretraining", tmp_path, 13))  # the checkpoint is after 10 steps
    assert list(again) == [10, 11, 12]
    assert {step: again[step] for step in (10, 11)} == {step: whole[step] for step in (10, 11)}


def test_two_phases(tmp_path: Path) -> None:
    output = run("two_phases", tmp_path, 20)
    steps = re.findall(r"step (\d+) rows of (\d+) code (\d+)%", output)
    assert [int(step) for step, _, _ in steps] == list(range(20))
    assert {length for _, length, _ in steps} == {"64", "128", "256"}
    shares = [int(share) for _, _, share in steps]
    assert sum(shares[:18]) / 18 < 30
    assert sum(shares[18:]) / 2 > 60


def test_evaluate_documents(tmp_path: Path) -> None:
    output = run("evaluate_documents", tmp_path, 0, option="")
    store = pypack.TokenStore.open(tmp_path / "sample.store")
    held_out = store.split(0.1).validation
    learned = int((store.lengths[held_out] - 1).sum())  # nothing foretells the first token
    pieces = re.match(r"(\d+) documents, (\d+) tokens", output)
    assert pieces is not None
    assert int(pieces[1]) == int(held_out.sum())
    assert learned - int(pieces[2]) <= int((store.lengths[held_out] // 256).sum())  # nor that of a piece


def test_sft_torch(tmp_path: Path) -> None:
    output = run("sft_torch", tmp_path, 12)
    found = losses(output)
    assert list(found) == list(range(12))
    assert found[11] < found[0]
    learned, tokens = map(int, re.search(r"(\d+) of (\d+) tokens are learned", output).groups())  # type: ignore[union-attr]
    assert 0 < learned < tokens


def test_sft_trl(tmp_path: Path) -> None:
    require("transformers", "accelerate", "datasets", "trl")
    assert list(losses(run("sft_trl", tmp_path, 6))) == list(range(6))
    assert max(losses(run("sft_trl", tmp_path, 7))) == 6


def test_rollouts(tmp_path: Path) -> None:
    require("transformers")
    output = run("rollouts", tmp_path, 2, option="--rounds")
    assert re.findall(r"round (\d): 16 answers", output) == ["0", "1"]
    store = pypack.TokenStore.open(tmp_path / "round-1.store")
    assert sum(int(store.loss_mask(i).sum()) for i in range(len(store))) == 16 * 12


def test_slurm_array(tmp_path: Path, tokenizer_file: Path, sample_texts: list[str]) -> None:
    """As Slurm starts it: two tasks of an array, of which the second writes the store."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, text in enumerate(sample_texts[:6]):
        (folder / f"{number}.txt").write_text(text * 3000, encoding="utf-8")
    command = tmp_path / "bin" / "pypack"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom pypack.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    for task in range(2):
        array = {"ID": task, "COUNT": 2, "MIN": 0, "MAX": 1, "STEP": 1}
        variables = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in array.items()}
        subprocess.run(
            ["sh", EXAMPLES / "slurm_tokenize.sh", folder, tmp_path / "out.store", tokenizer_file],
            env={**os.environ, **variables, "PATH": path, "SLURM_CPUS_PER_TASK": "1"},
            check=True,
        )
    assert len(pypack.TokenStore.open(tmp_path / "out.store")) == 6
