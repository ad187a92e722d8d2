"""Jobs as a user runs them: nothing is lost or doubled without a word, and what would fail is told early."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write, write_arrow

from pypack import Tokenizer, TokenStore
from pypack.cli import main
from pypack.jobs.tokenize import TokenizeOptions, tokenize

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_LINES = json_lines([{"text": f"document {i}", "id": i} for i in range(100)])
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tokenizer_file: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `pypack tokenize ARGUMENTS --tokenizer FILE`: (exit status, standard output, standard error)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(["tokenize", *map(str, arguments), "--tokenizer", str(tokenizer_file)])
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def _store_json(store: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((store / "store.json").read_text())
    return content


# J7


def _fed(store: Path, tokenizer_file: Path, data: bytes, kill_after: int | None = None) -> tuple[int, str]:
    """Tokenizes standard input; killed once so many shards have their names."""
    arguments = [
        "tokenize",
        "-",
        "-o",
        str(store),
        "--tokenizer",
        str(tokenizer_file),
        "--shard-tokens",
        "20k",
    ]
    process = subprocess.Popen([*_PYPACK, *arguments], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    if kill_after is None:
        _, err = process.communicate(data)
        return process.returncode, err.decode()
    process.stdin.write(data)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while len(list(store.glob("*.bin"))) <= kill_after:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    return process.returncode, ""


def test_standard_input_must_be_the_same_stream(tokenizer_file: Path, tmp_path: Path) -> None:
    def stream(word: str) -> bytes:
        return json_lines([{"text": f"{word} {i} " + "and so on " * 50} for i in range(20_000)])

    one, other = stream("one"), stream("other")
    _fed(tmp_path / "s", tokenizer_file, one, kill_after=6)
    for wrong in (other, one[:2000]):
        status, err = _fed(tmp_path / "s", tokenizer_file, wrong)
        assert status == 1
        assert "is not the stream that the job had begun to read" in err
        assert not (tmp_path / "s/store.json").exists()
    status, _ = _fed(tmp_path / "s", tokenizer_file, one)
    assert status == 0
    assert TokenStore.open(tmp_path / "s").num_documents == 20_000


# J8


@pytest.mark.parametrize("change", ["grown", "cut", "written", "replaced"])
def test_inputs_that_change_are_an_error(change: str, tokenizer_file: Path, tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.jsonl", _LINES))
    status = path.stat()
    done = []

    def interfere(_: object) -> None:
        if done:
            return
        done.append(change)
        if change == "grown":
            with path.open("ab") as file:
                file.write(_LINES)
        elif change == "cut":
            os.truncate(path, len(_LINES) // 2)
        elif change == "written":
            os.utime(path, ns=(1, 1))
        else:
            (tmp_path / "new").write_bytes(_LINES)
            os.utime(tmp_path / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
            (tmp_path / "new").replace(path)

    tokenizer = Tokenizer.from_file(tokenizer_file)
    with pytest.raises(ValueError, match=r"a\.jsonl: .* since the job began"):
        tokenize([path], tmp_path / "s", tokenizer, batch_bytes=200, on_progress=interfere)
    assert not (tmp_path / "s/store.json").exists()


# J9, J12, J14


def test_what_is_left_out_is_counted(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "in/a.jsonl", _LINES)
    write(tmp_path / "in/b.json.gz", _LINES)
    (tmp_path / "in/copy.jsonl").hardlink_to(tmp_path / "in/a.jsonl")
    for i in range(50):
        (tmp_path / f"in/{i}.pdf").touch()
    status, out, err = run(tmp_path / "in", "-o", tmp_path / "s", "--json")
    assert status == 0
    wanted = {"same_file": {".jsonl": 1}, "unknown_kind": {".pdf": 50}}
    assert json.loads(out)["left_out"] == wanted
    assert _store_json(tmp_path / "s")["counts"]["left_out"] == wanted
    assert json.loads(out)["documents"] == 200
    assert err.count("left out") == 1
    assert "50 .pdf (unknown kind, such as" in err
    status, _, err = run(tmp_path / "in", "-o", tmp_path / "t", "--strict")
    assert status == 2
    assert "--strict: not all files would be read" in err
    assert not (tmp_path / "t").exists()


def test_names_that_pypack_uses_are_no_reason_to_leave_files_out(run: Run, tmp_path: Path) -> None:
    for name in ("journal.jsonl", "sub/journal.jsonl"):
        write(tmp_path / "in" / name, _LINES)
    for name in ("plan.json", "store.json"):
        (tmp_path / "in" / name).write_bytes(b"{}")
    status, out, _ = run(tmp_path / "in", "-o", tmp_path / "s", "--json")
    assert (status, json.loads(out)["documents"]) == (0, 200)


def test_nothing_is_read_twice(run: Run, tmp_path: Path) -> None:
    table = pa.table({"text": [f"document {i}" for i in range(10)]})
    for name in ("set/data.arrow", "set/cache-1f0a9b8c7d6e5f40.arrow"):
        (tmp_path / "in/set").mkdir(parents=True, exist_ok=True)
        write_arrow(tmp_path / "in" / name, table, stream=True)
    write(tmp_path / "in/set/dataset_info.json", b"{}")
    write(tmp_path / "in/spark/_temporary/0/part-0.jsonl", _LINES)
    write(tmp_path / "in/spark/part-0.jsonl", _LINES)
    (tmp_path / "in/spark/again.jsonl").symlink_to("part-0.jsonl")
    status, out, _ = run(tmp_path / "in", "-o", tmp_path / "s", "--json")
    assert (status, json.loads(out)["documents"]) == (0, 110)


def test_a_cut_arrow_stream_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write_arrow(path, pa.table({"text": ["one", "two"]}), stream=True)
    path.write_bytes(path.read_bytes()[:-8])
    status, _, err = run(path, "-o", tmp_path / "s")
    assert status == 1
    assert "could not be read to the end" in err
    assert "no end marker behind its 2 rows" in (tmp_path / "s/rejected.jsonl").read_text()


# J11


def test_a_finished_store_is_replaced_by_a_finished_one_alone(run: Run, tmp_path: Path) -> None:
    path, store = write(tmp_path / "a.jsonl", _LINES), tmp_path / "s"
    assert run(path, "-o", store)[0] == 0
    before = (store / "store.json").read_bytes()
    for options in (["--field", "wrong"], ["--field", "wrong", "--no-preflight"], ["--keep", "nothing"]):
        assert run(path, "-o", store, "--overwrite", *options)[0] != 0
        assert (store / "store.json").read_bytes() == before
        TokenStore.open(store).verify()
    assert run(path, "-o", store, "--overwrite", "--keep", "id")[0] == 0
    assert TokenStore.open(store).columns().column_names == ["id"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "s"]


# J13


def test_kept_fields(run: Run, tmp_path: Path) -> None:
    records = [{"text": "x", "url": "u", "n": n} for n in (1, 2**64, 10**30)]
    write(tmp_path / "in/lang=en/a.jsonl", json_lines(records[:1]) + b"".join(
        json.dumps(record).encode() + b"\n" for record in records[1:]
    ))  # fmt: skip
    status, _, err = run(tmp_path / "in", "-o", tmp_path / "s", "--keep", "ulr")
    assert status == 2
    assert "did you mean url?" in err
    assert not (tmp_path / "s").exists()
    assert run(tmp_path / "in", "-o", tmp_path / "s", "--keep", "lang,n")[0] == 0
    columns = TokenStore.open(tmp_path / "s").columns()
    assert columns.column("lang").to_pylist() == ["en"] * 3
    assert columns.column("n").to_pylist() == ["1", str(2**64), str(10**30)]


# J15


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (json_lines([{"body": "x"}] * 20), "did you mean --field body?"),
        (json.dumps({"text": "x"}, indent=1).encode(), "over several lines"),
        (_LINES.decode().encode("utf-16"), "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>\n", "HTML"),
        (json_lines([{"messages": [{"role": "user", "content": "x"}]}]), "chat records"),
    ],
    ids=["field", "pretty", "utf16", "lfs", "html", "chat"],
)
def test_what_would_fail_is_told_before_any_work(data: bytes, word: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    status, _, err = run(path, "-o", tmp_path / "s")
    assert status == 2
    assert word in err
    assert not (tmp_path / "s").exists()


def test_gzip_named_plain_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(_LINES))
    assert run(tmp_path / "a.jsonl", "-o", tmp_path / "s")[0] == 0


def test_rejects_stop_a_job(run: Run, tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", _LINES + b'{"body": "x"}\n' * 300_000)
    status, _, err = run(lines, "-o", tmp_path / "s", "--max-rejects", "1%")
    assert status == 1
    assert "missing_text (no field 'text'; the object has 'body')" in err
    assert f"all are listed in {tmp_path / 's/rejected.jsonl'}" in err
    log = (tmp_path / "s/rejected.jsonl").read_bytes()
    assert 100 < log.count(b"\n") < 200_000
    assert not (tmp_path / "s/store.json").exists()
    # What nobody asked to be stopped goes on, and ends.
    assert run(lines, "-o", tmp_path / "s", "--max-rejects", "100%")[0] == 0
    assert TokenStore.open(tmp_path / "s").num_documents == 100


def test_partitions_do_not_judge_each_other(run: Run, tmp_path: Path) -> None:
    # 50 of 200 lines are refused, in the half of the second one: who ends the job sees it, whoever that is.
    for i in range(4):
        write(tmp_path / f"in/{i}.jsonl", _LINES[: len(_LINES) // 2] + (b"{}\n" * 13 if i % 2 else b""))
    for first, second in (("0/2", "1/2"), ("1/2", "0/2")):
        store = tmp_path / f"s{first[0]}"
        common = (tmp_path / "in", "-o", store, "--unit-bytes", "1600")
        assert run(*common, "--partition", first)[0] == 0
        assert not (store / "store.json").exists()
        status, _, err = run(*common, "--partition", second)
        assert status == 1
        assert "rejected, more than --max-rejects 1%" in err
        assert (store / "store.json").exists()


def test_no_document_says_why_and_where(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"body": "x"}\n' * 50)
    status, _, err = run(path, "-o", tmp_path / "s", "--no-preflight")
    assert status == 1
    assert "50 were refused, the first:" in err
    assert "no field 'text'; the object has 'body'" in err
    assert f"all are listed in {tmp_path / 's/rejected.jsonl'}" in err


# J16


def test_a_mended_file_does_not_mean_starting_over(run: Run, tmp_path: Path) -> None:
    for i in range(5):
        write(tmp_path / f"in/{i}.jsonl.gz", _LINES)
    bad = tmp_path / "in/3.jsonl.gz"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-20])
    assert run(tmp_path / "in", "-o", tmp_path / "s")[0] == 1
    bad.write_bytes(whole)
    status, out, _ = run(tmp_path / "in", "-o", tmp_path / "s", "--retry-rejected")
    assert status == 0
    assert "500 documents" in out


def test_a_dry_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.jsonl", _LINES)
    status, out, _ = run(path, "-o", tmp_path / "s", "--dry-run")
    assert status == 0
    assert "100 documents" in out
    assert "nothing was written" in out
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    status, out, _ = run(path, "-o", tmp_path / "s", "--dry-run", "--json")
    assert json.loads(out)["documents"] == 100


# J17


def test_refusals_to_go_on_say_what_differs(
    run: Run, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(30):
        write(tmp_path / f"in/{i:02}.jsonl", _LINES)

    class _KilledError(BaseException):
        pass

    def kill(progress: Any) -> None:
        if progress.documents > 1500:
            raise _KilledError

    tokenizer = Tokenizer.from_file(tokenizer_file)
    monkeypatch.chdir(tmp_path)
    options = TokenizeOptions(shard_tokens=2000)
    with pytest.raises(_KilledError):
        tokenize(["in"], "s", tokenizer, options, batch_bytes=1000, on_progress=kill)
    status, _, err = run("in", "-o", "s", "--shard-tokens", "2000", "--max-document-bytes", "1000")
    assert status == 2
    assert "max_document_bytes (before 268435456, now 1000)" in err
    write(tmp_path / "in/30.jsonl", _LINES)
    status, _, err = run("in", "-o", "s", "--shard-tokens", "2000")
    assert status == 2
    assert "in/30.jsonl: was not among them before" in err
    (tmp_path / "in/30.jsonl").unlink()
    write(tmp_path / "in/07.jsonl", _LINES + _LINES)
    status, _, err = run("in", "-o", "s", "--shard-tokens", "2000")
    assert status == 2
    assert "in/07.jsonl: has changed (before 3,080 bytes, now 6,160)" in err


@pytest.mark.parametrize(
    "spelling", ["in/", "./in", "{absolute}", "../{name}/in", "in/*.jsonl", "from elsewhere"]
)
def test_a_path_said_otherwise_is_the_same_path(
    spelling: str, run: Run, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        write(tmp_path / f"in/{i}.jsonl", _LINES)

    class _KilledError(BaseException):
        pass

    def kill(progress: Any) -> None:
        if progress.documents > 250:
            raise _KilledError

    tokenizer = Tokenizer.from_file(tokenizer_file)
    monkeypatch.chdir(tmp_path)
    options = TokenizeOptions(shard_tokens=400)
    with pytest.raises(_KilledError):
        tokenize(["in"], tmp_path / "s", tokenizer, options, batch_bytes=500, on_progress=kill)
    if spelling == "from elsewhere":
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        spelling = "{absolute}"
    said = spelling.format(absolute=tmp_path / "in", name=tmp_path.name)
    status, out, err = run(said, "-o", tmp_path / "s", "--shard-tokens", "400")
    assert (status, "finished by an earlier run" in out) == (0, True), err
    assert _store_json(tmp_path / "s")["options"]["inputs"] == ["in"]
    assert TokenStore.open(tmp_path / "s").num_documents == 300


# J19


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://host/r.store", "can be read only"),
        ("hf://datasets/a/b", "can be read only"),
        ("s3://user:word@bucket/x", "holds a user or password"),
        ("https://host/x?X-Amz-Signature=word", "holds a"),
    ],
)
def test_urls_that_cannot_be_written_are_refused_by_name(
    url: str, said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never taken for the path of a folder; those that can: tests/jobs/test_at_objects.py."""
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.jsonl", _LINES)
    status, _, err = run(path, "-o", url)
    assert status == 2
    assert said in err
    assert "word@" not in err
    assert "=word" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]
