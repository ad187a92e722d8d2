"""The examples run on a CPU, are killed, and go on with the very steps that were left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fixtures.example_runs import EXAMPLES, SECONDS, losses, run, start
from fixtures.frameworks import require

require("torch", "tokenizers")


def run_two(folder: Path, steps: int, kill_after: str = "") -> str:
    """The plain example in two processes, which are killed when the first has said something."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start("plain_torch", folder, steps, rank, 2, port) for rank in range(2)]
    lines: list[str] = []
    try:
        assert processes[0].stdout is not None
        for line in processes[0].stdout:
            lines.append(line)
            if kill_after and line.startswith(kill_after):
                for process in processes:
                    process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait(timeout=SECONDS)
            assert process.returncode == (-signal.SIGKILL if kill_after else 0), lines
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return "".join(lines)


def kill_tree(pid: int) -> None:
    """Kills a launcher and its workers, which have sessions of their own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (*map(int, children), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def launch_two(name: str, folder: Path, steps: int, kill_after: str = "") -> str:
    """An example under torchrun in two processes, which are killed when one has said something.

    gloo's threads now and then wait for Python's lock while the exit of the process waits for them: a run
    that has said all that it had to, and does not end within a minute, is ended.
    """
    last = "trained on" if name == "huggingface_trainer" else f"step {steps - 1} "
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*launcher, str(EXAMPLES / f"{name}.py"), str(folder), "--steps", str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    has_said_all = False
    killer = threading.Timer(SECONDS, kill_tree, (process.pid,))
    killer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if kill_after and kill_after in line:
                kill_tree(process.pid)
                break
            if not kill_after and last in line:
                has_said_all = True
                killer.cancel()
                killer = threading.Timer(60, kill_tree, (process.pid,))
                killer.start()
        process.communicate(timeout=SECONDS)
    finally:
        killer.cancel()
        if process.poll() is None:
            kill_tree(process.pid)
    hung_at_its_exit = has_said_all and process.returncode == -signal.SIGKILL
    assert hung_at_its_exit or (process.returncode == 0) == (not kill_after), "".join(lines)
    return "".join(lines)


def validations(output: str) -> list[float]:
    return [float(loss) for loss in re.findall(r"validation.*: loss (\S+)", output)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpus and a run of 14 steps in one process."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "output").write_text(run("plain_torch", folder, 14))
    return folder


def run_folder(sample: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(sample / "sample.store", folder / "sample.store")
    return folder


def test_plain_loop_in_two_processes_killed_and_resumed(sample: Path, tmp_path: Path) -> None:
    whole = (sample / "output").read_text()
    assert list(losses(whole)) == list(range(14))
    folder = run_folder(sample, tmp_path / "run")
    killed = run_two(folder, 14, kill_after="step 7 ")
    resumed = run_two(folder, 14)
    assert list(losses(killed))[:8] == list(range(8))
    assert list(losses(resumed)) == list(range(5, 14))  # the checkpoint was after 5 steps
    for output in (killed, resumed):
        for step, loss in losses(output).items():
            assert loss == pytest.approx(losses(whole)[step], abs=1e-3)
    assert validations(resumed) == pytest.approx(validations(whole)[1:], abs=1e-3)


def test_huggingface_trainer_stopped_and_resumed(sample: Path, tmp_path: Path) -> None:
    require("transformers", "accelerate", "datasets")
    folder = run_folder(sample, tmp_path / "run")
    first = run("huggingface_trainer", folder, 5)
    assert "in 10 batches" in first
    second = run("huggingface_trainer", folder, 7)
    assert "in 14 batches" in second
    assert "eval_loss" in first


def test_lightning_stopped_and_resumed(sample: Path, tmp_path: Path) -> None:
    require("lightning")
    folder = run_folder(sample, tmp_path / "run")
    first = run("lightning_module", folder, 10)
    second = run("lightning_module", folder, 13)
    assert list(losses(first)) == list(range(10))
    assert list(losses(second)) == list(range(10, 13))
    assert len(validations(first)) == 2  # with the sanity check's


def test_huggingface_trainer_in_two_processes_killed_and_resumed(sample: Path, tmp_path: Path) -> None:
    require("transformers", "accelerate", "datasets")
    folder = run_folder(sample, tmp_path / "run")
    # After update 5 of 9; it may be writing its checkpoint, and the run then begins anew.
    launch_two("huggingface_trainer", folder, 9, kill_after="eval_loss")
    resumed = launch_two("huggingface_trainer", folder, 9)
    whole = launch_two("huggingface_trainer", run_folder(sample, tmp_path / "whole"), 9)
    (counted,) = re.findall(r"trained on .* batches", whole)
    assert counted.endswith("in 18 batches")
    assert counted in resumed


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("lightning_module", ["lightning"]),
        ("accelerate_loop", ["accelerate", "transformers"]),
        ("megatron_loop", ["torch"]),
    ],
)
def test_loops_in_two_processes_killed_and_resumed(
    sample: Path, tmp_path: Path, name: str, needs: list[str]
) -> None:
    require(*needs)
    folder = run_folder(sample, tmp_path / "run")
    killed = launch_two(name, folder, 14, kill_after="step 8 ")
    resumed = launch_two(name, folder, 14)
    assert list(losses(killed)) == list(range(9))
    first = min(losses(resumed))
    assert first in (5, 10)  # after so many steps it saves; it may have gone on before it was killed
    assert list(losses(resumed)) == list(range(first, 14))
    for step in range(first, 9):
        assert losses(resumed)[step] == pytest.approx(losses(killed)[step], abs=1e-3)
