"""What must not become a store: twins that differ, inputs that change, another tokenizer, a full disk."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import Corpus, tree_bytes

from pypack import TokenStore
from pypack.cli import main
from pypack.corpus import CorpusError, InputFile
from pypack.jobs.attempts import Attempt
from pypack.jobs.description import read_description
from pypack.jobs.options import WorkOptions
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.place import FolderPlace
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.jobs.unit_work import UnitWork
from pypack.jobs.unit_writer import UnitConflictError
from pypack.tokenizer.tokenizer import Tokenizer


def lines(first: int, count: int = 50) -> bytes:
    return json_lines([{"text": f"document {i}"} for i in range(first, first + count)])


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    return [write(tmp_path / f"in/{i}.jsonl", lines(100 * i)) for i in range(4)]


OPTIONS = TokenizeOptions(unit_bytes=1200, shard_tokens=100)


def begun(inputs: list[str], store: Path, tokenizer: Tokenizer) -> UnitWork:
    """A job of which unit 0 is done, and who works on it."""
    result = tokenize(inputs, store, tokenizer, OPTIONS, partition=Partition(unit=0))
    assert not result.is_finished
    place = FolderPlace(store)
    job = read_description(place)
    assert job is not None
    return UnitWork(place, job, tokenizer, WorkOptions(num_threads=1))


def test_twins_at_one_unit_make_one(inputs: list[str], tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenize(inputs, tmp_path / "alone", tokenizer, OPTIONS)
    work = begun(inputs, tmp_path / "s", tokenizer)
    for unit in range(1, 4):
        made: list[Any] = []

        def twin(number: int = unit, made: list[Any] = made) -> None:
            made.append(work(number))

        twins = [threading.Thread(target=twin) for _ in range(3)]
        for thread in twins:
            thread.start()
        for thread in twins:
            thread.join()
        assert len(made) == 3
        assert made[0] == made[1] == made[2]
    assert tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, partition=Partition(0, 2)).is_finished
    assert tree_bytes(tmp_path / "s") == tree_bytes(tmp_path / "alone")


def test_twins_that_differ_are_an_error_that_names_the_unit(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them has a machine that errs, and comes last, or puts its shard in the other's place."""
    import pypack.jobs.unit_work as unit_work

    work = begun(inputs, tmp_path / "s", tokenizer)
    right = work(1)
    before = tree_bytes(tmp_path / "s")
    monkeypatch.setattr(unit_work, "read_manifest", lambda place, unit: None)

    class Erring(UnitWork):
        def stage(self, files: list[InputFile], on_error: str = "reject") -> Any:
            stage = super().stage(files, on_error)

            def wrong(batch: Any) -> Any:
                made, ids, beside = stage(batch)
                ids.values[0] ^= 1
                return made, ids, beside

            return wrong

    erring = Erring(work._place, work._job, tokenizer, WorkOptions(num_threads=1))
    with pytest.raises(UnitConflictError, match="two workers made different bytes of unit 1"):
        erring(1)
    assert tree_bytes(tmp_path / "s") == before
    assert work(1) == right

    # The erring one replaces a shard between the other's shards and its manifest.
    create = FolderPlace.create

    def create_late(self: FolderPlace, name: str, data: bytes) -> bool:
        if name == "units/000002.json":
            monkeypatch.setattr(FolderPlace, "create", create)
            path = tmp_path / "s/000002-000.bin"
            other = path.with_name("other")
            other.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
            other.replace(path)
        return create(self, name, data)

    monkeypatch.setattr(FolderPlace, "create", create_late)
    with pytest.raises(UnitConflictError, match="unit 2"):
        work(2)
    assert not (tmp_path / "s/units/000002.json").exists()
    monkeypatch.undo()
    tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS)
    assert TokenStore.open(tmp_path / "s").verify() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "has changed"),
        (lambda path: path.write_bytes(path.read_bytes() + lines(900, 1)), "has changed"),
        (lambda path: os.utime(path, (1, 1)), "was written to since"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_inputs_that_change_between_partitions_are_named(
    change: Any, message: str, inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    begun(inputs, tmp_path / "s", tokenizer)
    change(Path(inputs[2]))
    with pytest.raises((OutputError, CorpusError), match=message) as error:
        tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, partition=Partition(1, 2))
    assert "2.jsonl" in str(error.value)


def test_a_list_of_inputs_that_grows_between_partitions_is_named(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = str(tmp_path / "in")
    tokenize([folder], tmp_path / "s", tokenizer, OPTIONS, partition=Partition(0, 2))
    write(tmp_path / "in/9.jsonl", lines(9))
    with pytest.raises(OutputError, match=r"9\.jsonl: was not among them before"):
        tokenize([folder], tmp_path / "s", tokenizer, OPTIONS, partition=Partition(1, 2))
    with pytest.raises(OutputError, match="overwrite: of several partitions"):
        tokenize([folder], tmp_path / "s", tokenizer, OPTIONS, partition=Partition(1, 2), overwrite=True)


def test_an_input_that_changes_while_its_unit_is_made(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    def touch(_: Any) -> None:
        os.utime(inputs[3], (1, 1))

    with pytest.raises(CorpusError, match=r"3\.jsonl: was written to since the job began"):
        tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, on_progress=touch)
    assert not (tmp_path / "s/store.json").exists()


def test_another_tokenizer_or_version_on_one_partition_is_refused(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(inputs, tmp_path / "s", tokenizer)
    definition = json.loads(tokenizer.to_json())
    definition["model"]["merges"].pop()
    write(tmp_path / "other.json", json.dumps(definition).encode())
    other = Tokenizer.from_file(tmp_path / "other.json")
    with pytest.raises(OutputError, match="differs from this one in the tokenizer"):
        tokenize(inputs, tmp_path / "s", other, OPTIONS, partition=Partition(1, 2))
    monkeypatch.setattr("pypack.jobs.describing.VERSION", "9.9.9")
    with pytest.raises(OutputError, match=r"version of pypack .*9\.9\.9"):
        tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, partition=Partition(1, 2))


def test_another_library_behind_the_fallback_is_refused(
    inputs: list[str], tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Native ids are one version's, whatever is installed; those of the fallback are its library's."""
    fallback = Tokenizer.from_file(tokenizer_file, engine="huggingface")
    begun(inputs, tmp_path / "s", fallback)
    monkeypatch.setattr("pypack.tokenizer.tokenizer.library_version", lambda: "9.9.9")
    with pytest.raises(OutputError, match=r"the version of the tokenizers library.*now '9\.9\.9'"):
        tokenize(inputs, tmp_path / "s", fallback, OPTIONS, partition=Partition(1, 2))
    native = Tokenizer.from_file(tokenizer_file)
    begun(inputs, tmp_path / "n", native)
    tokenize(inputs, tmp_path / "n", native, OPTIONS)


def test_a_full_disk(inputs: list[str], tokenizer_file: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Files that may not grow any further: nothing half-written keeps a name, and the job goes on later."""
    tokenize(inputs, tmp_path / "alone", tokenizer, TokenizeOptions(unit_bytes=1200))
    program = "import sys; from pypack.cli import main; sys.exit(main())"
    command = [
        sys.executable, "-c", program, "tokenize", *inputs, "-o", str(tmp_path / "s"),
        "--tokenizer", str(tokenizer_file), "--unit-bytes", "1200",
    ]  # fmt: skip
    enough = len(tokenizer.to_json()) + 1000
    write(tmp_path / "in/0.jsonl", lines(0, 9000))
    for workers in ("1", "2"):
        done = subprocess.run(
            [*command, "--workers", workers, "--unit-bytes", "1M"], capture_output=True, text=True,
            check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (enough, enough)),
        )  # fmt: skip
        assert done.returncode == 1
        assert os.strerror(errno.EFBIG) in done.stderr
        assert "Traceback" not in done.stderr
        assert not list((tmp_path / "s").glob("*.bin"))
    done = subprocess.run([*command, "--unit-bytes", "1M"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert TokenStore.open(tmp_path / "s").verify() == []
    assert not list((tmp_path / "s").rglob("*.partial*"))


def test_a_job_of_0_1_0_says_what_to_do(
    inputs: list[str], tokenizer_file: Path, tokenizer: Tokenizer, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    store = tmp_path / "s"
    write(store / "journal.jsonl", b'{"format": "pypack.journal", "version": 1, "job": {}}\n')
    write(store / "00000.bin", b"")
    with pytest.raises(
        OutputError, match=r"pypack 0\.1 has begun.* finish it with that version, or start over"
    ):
        tokenize(inputs, store, tokenizer)
    assert main(["inspect", str(store)]) == 2
    assert "pypack 0.1 has begun" in capsys.readouterr().err
    assert tokenize(inputs, store, tokenizer, overwrite=True).documents == 200
    assert not (store / "00000.bin").exists()
    assert not (store / "journal.jsonl").exists()


def test_overwriting_replaces_a_finished_store_by_a_finished_one(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    tokenize(inputs[:1], store, tokenizer)
    (store / "notes.txt").write_text("mine")
    before = tree_bytes(store)
    with pytest.raises(ValueError, match="no document was written"):
        tokenize(inputs, store, tokenizer, TokenizeOptions(field="body"), overwrite=True)
    assert tree_bytes(store) == before

    class KilledError(Exception):
        pass

    def killed(progress: Any) -> None:
        if progress.units == 1:
            raise KilledError

    with pytest.raises(KilledError):
        tokenize(inputs, store, tokenizer, OPTIONS, overwrite=True, on_progress=killed)
    assert tree_bytes(store) == before
    with pytest.raises(OutputError, match="already holds a finished store"):
        tokenize(inputs, store, tokenizer, OPTIONS)
    result = tokenize(inputs, store, tokenizer, OPTIONS, overwrite=True)
    assert result.resumed_documents > 0
    tokenize(inputs, tmp_path / "alone", tokenizer, OPTIONS)
    after = tree_bytes(store)
    assert after.pop("notes.txt") == b"mine"
    assert after == tree_bytes(tmp_path / "alone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "in", "s"]


def test_a_file_of_a_finished_unit_that_has_gone_is_named(
    many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    tokenize(many_units.inputs, store, tokenizer, many_units.options, partition=Partition(0, 2))
    (store / "000002-000.idx").unlink()
    with pytest.raises(OutputError, match=r"000002-000\.idx: missing or changed .* remove .*000002\.json"):
        tokenize(many_units.inputs, store, tokenizer, many_units.options)
    (store / "units/000002.json").unlink()
    tokenize(many_units.inputs, store, tokenizer, many_units.options)
    assert tree_bytes(store) == many_units.store


@pytest.mark.parametrize("name", ["job.json", "units/000000.json"])
def test_damaged_descriptions_are_named(
    name: str, inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    begun(inputs, tmp_path / "s", tokenizer)
    path = tmp_path / "s" / name
    whole = json.loads(path.read_text())
    wrong: list[Any] = [b"", b"{", b"[]", b"[" * 100_000, b'{"format": 1}']
    wrong += [
        {**whole, key: value}
        for key in whole
        for value in (None, -1, "x", [[]], {"a": {}}, [{"name": "../x"}])
        if key not in ("folder", "notes", "job", "rejects_checksum", "lines", "retries")
    ]
    refused = 0
    for content in wrong:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        try:
            tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, partition=Partition(unit=0))
        except ValueError as error:
            assert str(path) in str(error) or "differs" in str(error)
            refused += 1
    assert refused > len(wrong) * 0.8
    path.write_text(json.dumps({**whole, "requires": ["time travel"]}))
    with pytest.raises(ValueError, match=r"requires the feature 'time travel', which this pypack does not"):
        tokenize(inputs, tmp_path / "s", tokenizer, OPTIONS, partition=Partition(unit=0))


def test_what_another_process_writes_of_the_store_is_left_alone(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """Partitions that end at one moment all merge: who is first must not tidy away what others write."""
    store = tmp_path / "s"
    tokenize(inputs, store, tokenizer, OPTIONS, partition=Partition(0, 2))
    lives = Attempt().named("store.json")
    dead = re.sub(r"-\d+-(?=[0-9a-f]{12}$)", "-4194303-", Attempt().named("store.json"))
    of_a_unit = Attempt().named("000001-000.bin")  # which is done: whoever makes it finds that out
    for name in (lives, dead, of_a_unit):
        (store / name).write_bytes(b"")
    assert tokenize(inputs, store, tokenizer, OPTIONS, partition=Partition(1, 2)).is_finished
    there = [path.name for path in store.iterdir()]
    assert lives in there
    assert dead not in there
    assert of_a_unit not in there
