"""Completion in the shells themselves."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pypack.cli import COMMANDS, main
from pypack.cli.commands import parser_of

_SECONDS = 0.1


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert main(["completion", shell]) == 0
    path = tmp_path / f"pypack.{shell}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "corpus.jsonl").touch()
    return path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_no_library_is_loaded_for_a_script(shell: str) -> None:
    """Each would take as long as all else; measured without them: 0.08 s."""
    code = "import sys; from pypack.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "completion", shell], capture_output=True, text=True, check=True
    )
    assert "convert" in done.stdout
    assert not {"numpy", "pyarrow", "orjson", "pypack._core"} & set(done.stderr.split())


# What is written, what is offered for it, and what is not.
_CASES = [
    (["tok"], {"tokenize"}, {"pack"}),
    (["tokenize", "--shard"], {"--shard-tokens"}, {"--field"}),
    (["tokenize", "--on-error", ""], {"reject", "stop"}, {"--field", "corpus.jsonl"}),
    (["tokenize", "cor"], {"corpus.jsonl"}, {"--field"}),
    (["tokenize", "a", "--tokenizer", "cor"], {"corpus.jsonl"}, {"tokenize"}),
    (["bench", "lo"], {"load"}, {"pack"}),
    (["convert", "a", "b", "--to", "meg"], {"megatron"}, {"flat"}),
    (["pack", "--log"], {"--log-json"}, set()),
    (["completion", ""], {"bash", "zsh", "fish"}, set()),
]


def _bash(script: Path, words: list[str]) -> set[str]:
    array = " ".join(f"'{word}'" for word in ["pypack", *words])
    code = (
        f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words)}; _pypack; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code], cwd=script.parent, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash(script: Path) -> None:
    for words, offered, not_offered in _CASES:
        found = _bash(script, words)
        assert offered <= found, words
        assert not (not_offered & found), words
    assert _bash(script, ["tokenize", "--on-error", "=", "st"]) == {"stop"}
    assert _bash(script, [""]) == {*COMMANDS, "--help", "--version"}
    for command in COMMANDS:
        assert set(parser_of(command).option_names()) == _bash(script, [command, "-"])


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish(script: Path) -> None:
    for words, offered, not_offered in _CASES:
        line = " ".join(["pypack", *words])
        done = subprocess.run(
            ["fish", "--no-config", "-c", f'source {script}; complete -C "{line}"'],
            cwd=script.parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = {line.partition("\t")[0] for line in done.stdout.splitlines()}
        assert offered <= found, words
        assert not (not_offered & found), words


def _typed(script: Path, text: str) -> str:
    """What a zsh on a terminal shows after a text and a tabulator."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(script.parent)
        os.environ.update(TERM="dumb", PS1="> ", ZDOTDIR=str(script.parent))
        os.execvp("zsh", ["zsh", "-f"])
    os.write(terminal, f"autoload -Uz compinit && compinit -u -D; source {script}; print RE''ADY\n".encode())
    _read(terminal, "READY\r\n")
    os.write(terminal, f"pypack {text}\t\t".encode())
    shown = _read(terminal, None)
    os.close(terminal)
    os.waitpid(child, 0)
    return shown


def _read(terminal: int, until: str | None) -> str:
    """What is shown until a text, or until nothing comes any more."""
    shown, deadline = "", time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 30 if until else 1.0)
        if not ready:
            break
        shown += os.read(terminal, 4096).decode(errors="replace")
        if until and until in shown:
            break
    return shown


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh(script: Path) -> None:
    for text, shown in (
        ("tok", "pypack tokenize"),
        ("tokenize --shard", "--shard-tokens"),
        ("convert a b --to meg", "--to megatron"),
        ("tokenize cor", "corpus.jsonl"),
        ("bench lo", "bench load"),
        ("completion ", "fish"),
    ):
        assert shown in _typed(script, text), text


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_the_shell_answers_at_once(script: Path) -> None:
    code = f"source {script}; COMP_WORDS=(pypack tokenize --sh); COMP_CWORD=2; _pypack; time _pypack"
    taken = []
    for _ in range(3):
        done = subprocess.run(
            ["bash", "--norc", "-c", f"TIMEFORMAT=%R; {code}"], capture_output=True, text=True, check=True
        )
        taken.append(float(done.stderr.split()[-1]))
    assert min(taken) <= _SECONDS


def test_no_other_shells() -> None:
    assert main(["completion", "csh"]) == 2
