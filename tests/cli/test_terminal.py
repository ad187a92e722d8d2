"""What the command line prints of damaged files, and where it prints to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.corpus_files import json_lines, write

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.cli import main
from pypack.cli.terminal import escaped


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with StoreWriter(tmp_path / "a.store", vocab_size=300) as writer:
        writer.append(Ragged.from_rows([np.arange(1, 20), np.arange(5, 9)]))
    pypack.pack(TokenStore.open(tmp_path / "a.store").lengths, 16).save(tmp_path / "a.plan")
    return tmp_path / "a.store"


def test_text_of_files_does_not_act_on_the_terminal(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\x1b[31mred\u202e\x9b1m\udc80"
    for file, edit in (
        (store.with_suffix(".plan") / "plan.json", {"strategy": evil}),
        (store / "store.json", {"special_ids": {evil: 1}}),
    ):
        file.write_text(json.dumps({**json.loads(file.read_text()), **edit}))
        main(["inspect", str(file.parent)])
        main(["verify", str(file.parent)])
    write(store.parent / "corpus" / f"{evil[:-1]}.odd", b"")
    write(store.parent / "corpus" / "a.txt", b"text")
    main(["tokenize", str(store.parent / "corpus"), "-o", str(store.parent / "b"), "--tokenizer", "absent"])
    main(["inspect", f"{store}{evil[:5]}"])
    told = "".join(capsys.readouterr())
    assert "red" in told
    assert not set(told) & set("\x1b\x07\x9b\u202e\udc80")
    assert escaped("plain é 中 \n\t") == "plain é 中 \n\t"
    assert escaped(evil) == r"\x1b]0;title\x07\x1b[31mred\u202e\x9b1m\udc80"


def test_what_nobody_looked_for_is_told_without_a_traceback(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class PanicException(BaseException):  # its name in pyo3
        pass

    for error in (KeyError("x"), RecursionError("deep"), PanicException("rust"), TypeError("a" * 10_000)):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(TokenStore, "open", fail)
        assert main(["verify", str(store), "--json"]) == 1
        out, err = capsys.readouterr()
        assert err.startswith(f"pypack verify: {store}: damaged ({type(error).__name__}: ")
        assert len(err) < 2500
        assert json.loads(out)["exit_status"] == 1
    monkeypatch.setenv("PYPACK_DEBUG", "1")
    with pytest.raises(TypeError):
        main(["verify", str(store)])


_STREAMS = ["2>&1 | true", "2>&-", "2>/dev/full", ">&-", ">/dev/full", ">&- 2>&-", "<&- >&- 2>&-", "| true"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("streams", _STREAMS)
def test_streams_that_go_away_end_no_job(streams: str, tokenizer_file: Path, tmp_path: Path) -> None:
    for i in range(50):
        write(tmp_path / "in" / f"{i}.odd", b"")  # each is said to be left out
    write(tmp_path / "in" / "a.jsonl", json_lines([{"text": f"document {i}"} for i in range(1000)]))
    command = f"{sys.executable} -m pypack.cli tokenize in -o a.store --tokenizer {tokenizer_file}"
    script = f"set -o pipefail; {command} {streams}; echo $? > status"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=120, env=os.environ)
    assert (tmp_path / "status").read_text().strip() == "0"
    store = TokenStore.open(tmp_path / "a.store")
    assert store.num_documents == 1000
    assert store.verify() == []
