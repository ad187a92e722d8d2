"""What an append would add, predicted: of inputs that the store has not, and nothing is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes
from fixtures.objects_below import objects_below

from pypack.cli import main
from pypack.corpus import CorpusError
from pypack.jobs.output import OutputError
from pypack.jobs.tokenize import TokenizeOptions, predict, tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5)} for i in range(first, first + count)])


def _state(store: Path | Url) -> dict[str, bytes]:
    return objects_below(store) if isinstance(store, Url) else tree_bytes(store)


@pytest.fixture(params=["folder", "url"])
def store(request: pytest.FixtureRequest, tmp_path: Path, tokenizer: Tokenizer) -> Path | Url:
    """A store of one file of a folder."""
    place: Path | Url = tmp_path / "s"
    if request.param == "url":
        place = request.getfixturevalue("s3") / "s"
    write(tmp_path / "in/a.jsonl", _lines(0, 30))
    tokenize([tmp_path / "in"], place, tokenizer, _OPTIONS)
    return place


def test_what_is_predicted_is_what_comes(store: Path | Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    write(tmp_path / "in/b.jsonl", _lines(30, 20) + b"bad\n")
    before = _state(store)
    found = predict([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert _state(store) == before
    assert found.is_complete
    done = tokenize([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True).appended
    assert done is not None
    assert (found.documents, found.tokens, found.rejected) == (done.documents, done.tokens, 1)
    assert (found.files, found.known_inputs, found.begun_inputs) == (1, 1, 0)
    nothing = predict([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert (nothing.files, nothing.documents, nothing.known_inputs) == (0, 0, 2)


def test_one_that_was_begun(
    store: Path | Url, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    b = write(tmp_path / "in/b.jsonl", _lines(30, 20))
    command = [
        *_PYPACK, "tokenize", b, "-o", str(store), "--tokenizer", str(tokenizer_file), "--unit-bytes", "1000",
        "--append",
    ]  # fmt: skip
    environment = {**os.environ, "PYPACK_CRASH_AT": "append:begun"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    before = _state(store)
    c = write(tmp_path / "in/c.jsonl", _lines(50, 7))
    found = predict([c], store, tokenizer, _OPTIONS, append=True)
    assert (found.documents, found.begun_inputs, found.known_inputs) == (27, 1, 0)
    os.utime(b)
    with pytest.raises(CorpusError, match=r"b\.jsonl: was written to"):
        predict([c], store, tokenizer, _OPTIONS, append=True)
    assert _state(store) == before


def test_what_is_refused(store: Path | Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    before = _state(store)
    with pytest.raises(OutputError, match="unit_bytes"):
        predict([tmp_path / "in"], store, tokenizer, TokenizeOptions(unit_bytes=2000), append=True)
    os.utime(tmp_path / "in/a.jsonl")
    with pytest.raises(CorpusError, match=r"a\.jsonl: was written to since"):
        predict([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert _state(store) == before
    with pytest.raises(OutputError, match="holds no finished store"):
        predict([tmp_path / "in"], tmp_path / "absent", tokenizer, _OPTIONS, append=True)


def test_the_command(
    store: Path | Url, tokenizer_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "tokenize", str(tmp_path / "in"), "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--unit-bytes", "1000", "--append", "--dry-run",
    ]  # fmt: skip
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "nothing to add: the store has all inputs\n  in the store already: 1 input, passed over" in told
    write(tmp_path / "in/b.jsonl", _lines(30, 20))
    assert main(command) == 0
    told = capsys.readouterr().out
    assert told.startswith("to add: 20 documents, ")
    assert "nothing was written\n  in the store already: 1 input, passed over" in told
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["documents"], found["known_inputs"], found["begun_inputs"]) == (20, 1, 0)
    assert main([*command[:-2], "--dry-run", "--json"]) == 0
    assert "known_inputs" not in json.loads(capsys.readouterr().out)
    assert main([*command, "--overwrite"]) == 2


def test_inputs_that_are_objects(s3: Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    objects().write(s3 / "in/a.jsonl", _lines(0, 10))
    tokenize([str(s3 / "in")], tmp_path / "s", tokenizer, _OPTIONS)
    objects().write(s3 / "in/b.jsonl", _lines(10, 5))
    found = predict([str(s3 / "in")], tmp_path / "s", tokenizer, _OPTIONS, append=True)
    assert (found.documents, found.known_inputs) == (5, 1)
