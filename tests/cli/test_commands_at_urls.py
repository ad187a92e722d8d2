"""Every command with what it takes at a URL: it does what it does in a folder, or says what to do instead.

The table of docs/store-life-at-urls.md says which is which; this test walks it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes
from fixtures.object_server_fixtures import *  # noqa: F403
from fixtures.objects_below import objects_below, put_folder
from fixtures.remote_data import kill_fetcher

from pypack import Plan, TokenStore
from pypack.cli import main
from pypack.cli.commands import COMMANDS
from pypack.cli.errors import UsageError
from pypack.cli.remote import save_plan
from pypack.packing.packing import pack
from pypack.remote import Url, objects
from pypack.store.duplicates import mark_duplicates
from pypack.store.joining import join_columns
from pypack.store.upgrade import upgrade_store

_PAGE = Path(__file__).parents[2] / "docs/store-life-at-urls.md"
_LENGTH = ("--sequence-length", "64")


@dataclass(frozen=True)
class _Both:
    """The same stores and plans in a folder and at a URL."""

    folder: Path
    url: Url
    tokenizer: Path


@pytest.fixture(scope="module")
def both(
    tokenizer_file: Path,
    sample_texts: list[str],
    moto_server: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[_Both]:
    """`a.store` with columns and masks, `b.store`, `a.plan` of the first documents of `a.store`."""
    folder = tmp_path_factory.mktemp("both")
    records = [
        {"prompt": f"say {i}", "completion": text, "id": i, "source": f"s{i % 2}"}
        for i, text in enumerate(sample_texts[:40])
    ]
    write(folder / "in/a.jsonl", json_lines(records[:30]))
    make = (
        "--tokenizer", str(tokenizer_file), "--prompt-field", "prompt", "--completion-field", "completion",
        "--keep", "id,source",
    )  # fmt: skip
    _here("tokenize", folder / "in", "-o", folder / "a.store", *make)
    _here("pack", folder / "a.store", "-o", folder / "a.plan", *_LENGTH)
    write(folder / "in/b.jsonl", json_lines(records[30:]))
    _here("tokenize", folder / "in", "-o", folder / "a.store", *make, "--append")
    _here("tokenize", folder / "in/b.jsonl", "-o", folder / "b.store", *make)
    write(folder / "texts/t.jsonl", json_lines([{"text": text} for text in sample_texts[:40]]))
    pq.write_table(pa.table({"id": [1, 2], "score": [0.5, 1.0]}), folder / "table.parquet")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**moto_server, "PYPACK_REMOTE_SECONDS": "10"}.items():
            patch.setenv(name, value)
        patch.setenv("PYPACK_CACHE", str(folder / "cache"))
        url = Url.of(f"s3://bucket/both-{os.getpid()}")
        for name in ("a.store", "b.store", "a.plan", "in", "texts"):
            put_folder(folder / name, url / name)
        yield _Both(folder, url, tokenizer_file)
        kill_fetcher(folder / "cache")
    objects().close()


def _here(*arguments: object) -> None:
    assert main([str(one) for one in arguments]) == 0


def _told(capsys: pytest.CaptureFixture[str], both: _Both, *arguments: object) -> Any:
    """What a command tells as JSON, without where it was told of."""
    capsys.readouterr()
    status = main([*(str(one) for one in arguments), "--json"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    text = printed.out.replace(str(both.url), "PLACE").replace(str(both.folder), "PLACE")
    return {name: value for name, value in json.loads(text).items() if name != "seconds"}


# Command → what it is given, at {at}; the answer there is that of the folder.
_SAME = {
    "verify": [
        "verify {at}/a.store", "verify {at}/a.store --quick", "verify {at}/a.store --deep",
        "verify {at}/a.store --repair", "verify {at}/a.plan --store {at}/a.store",
        "verify {at}/a.plan --quick",
    ],
    "inspect": [
        "inspect {at}/a.store --fertility", "inspect {at}/texts --fertility --tokenizer {tokenizer}",
        "inspect {at}/a.plan --first 2", "inspect {at}/a.store --objective MaskedLM(rate=0.3,mask_id=5)",
    ],
    "check-tokenizer": ["check-tokenizer {at}/a.store"],
    "gc": ["gc {at}/a.store --dry-run"],
    "merge": ["merge {at}/a.store"],
}  # fmt: skip


@pytest.mark.parametrize("line", [line for lines in _SAME.values() for line in lines])
def test_the_answer_of_a_folder(line: str, both: _Both, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = (
        _told(capsys, both, *(part.format(at=at, tokenizer=both.tokenizer) for part in line.split(" ")))
        for at in (both.folder, both.url)
    )
    assert there == here


def test_inspect_shows_the_first_documents(both: _Both, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = (_told(capsys, both, "inspect", at / "a.store") for at in (both.folder, both.url))
    for document in here["first"]:
        document.pop("learned")  # what masks say is read of a folder alone
    assert there["first"] == here["first"]
    assert there["first"][0]["text"].startswith("say 0")
    assert {name: here[name] for name in there} == there


# Options of pack, and whether they need more of a store than the lengths of its documents.
_PACKED = {
    "plain": (),
    "where": ("--where", "id > 3 and source == 's1'"),
    "top": ("--top", "id:20"),
    "groups": ("--keep-together", "source", "--overflow", "drop"),
    "learned": ("--drop-unlearned",),
    "pairs": ("--objective", "PrefixLM(start_id=0)", "--target-length", "64"),
    "extended": ("--extend", "{at}/a.plan"),
}


@pytest.mark.parametrize("name", _PACKED)
def test_plans_are_those_of_a_folder(name: str, both: _Both, tmp_path: Path) -> None:
    length = () if name == "extended" else _LENGTH
    options = [one.format(at=both.folder) for one in _PACKED[name]]
    _here("pack", both.folder / "a.store", "-o", tmp_path / "here", *length, *options)
    options = [one.format(at=both.url) for one in _PACKED[name]]
    before = objects_below(both.url / "a.plan")
    _here("pack", both.url / "a.store", "-o", both.url / f"{name}.plan", *length, *options)
    assert objects_below(both.url / f"{name}.plan") == tree_bytes(tmp_path / "here")
    assert objects_below(both.url / "a.plan") == before


def test_what_is_converted(both: _Both, tmp_path: Path) -> None:
    for plan in ((), ("--plan", "{at}/a.plan")):
        for at in (both.folder, both.url):
            options = [one.format(at=at) for one in plan]
            to = tmp_path / ("here" if at == both.folder else "there")
            _here("convert", at / "a.store", to, "--to", "parquet", "--allow-loss", *options)
        assert _tables(tmp_path / "there") == _tables(tmp_path / "here")
        for name in ("here", "there"):
            path = tmp_path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _tables(path: Path) -> list[Any]:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    return [pq.read_table(file).to_pylist() for file in files]


_WITH_COLUMNS = {
    "join": ("join", "{at}/a.store", "{here}/table.parquet", "--on", "id"),
    "replaced": ("join", "{at}/a.store", "{here}/table.parquet", "--on", "id", "--replace"),
    "dedup": ("dedup", "{at}/a.store"),
}


@pytest.mark.parametrize("name", _WITH_COLUMNS)
def test_stores_with_more_columns(name: str, both: _Both, tmp_path: Path) -> None:
    """What is made there, here of there and here of here is what is made in the place of a store."""
    wanted = tmp_path / "wanted"
    shutil.copytree(both.folder / "a.store", wanted)
    line = [one.format(at="{at}", here=both.folder) for one in _WITH_COLUMNS[name]]
    _here(*(one.replace("{at}/a.store", str(wanted)) for one in line))
    before = objects_below(both.url / "a.store")
    made = {"there": both.url / f"{name}.store", "here": tmp_path / "here", "local": tmp_path / "local"}
    for what, output in made.items():
        at = both.folder if what == "local" else both.url
        _here(*(one.format(at=at) for one in line), "-o", output)
    files = tree_bytes(wanted)
    assert objects_below(both.url / f"{name}.store") == files
    assert tree_bytes(tmp_path / "here") == tree_bytes(tmp_path / "local") == files
    assert objects_below(both.url / "a.store") == before


def test_killed_while_columns_are_written(both: _Both) -> None:
    name = next(path.name for path in sorted((both.folder / "a.store").glob("*.parquet"), reverse=True))
    target = both.url / "killed.store"
    command = [
        sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())", "dedup",
        str(both.url / "a.store"), "-o", str(target),
    ]  # fmt: skip
    environment = {**os.environ, "PYPACK_CRASH_AT": f"columns:{name}"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    assert objects().stat(target / "store.json") is None
    assert main([*command[3:-3], str(both.url / "b.store"), *command[-2:]]) == 2  # of another store
    assert subprocess.run(command, stdout=-3, stderr=-3).returncode == 0
    assert main(["verify", str(target)]) == 0
    assert objects().stat(target / "merge.json") is None


# Command lines that are refused, and what is said to do instead.
_REFUSED = {
    "join": ("join {at}/a.store {here}/table.parquet --on id", "name with -o OUT the store to make"),
    "join -o": ("join {at}/a.store {here}/table.parquet --on id -o {at}/b.store", "choose another name"),
    "join TABLE": ("join {here}/a.store {at}/table.parquet --on id", "copy the table to this machine"),
    "dedup": ("dedup {at}/a.store", "name with -o OUT the store to make"),
    "dedup -o": ("dedup {at}/a.store -o https://host/x", "name a folder at s3://"),
    "upgrade": ("upgrade {at}/a.store", "upgrade the copy, and upload its store.json"),
    "convert DST": ("convert {here}/a.store {at}/x --to parquet", "name a folder, and upload it"),
    "convert --to store": ("convert {at}/in x --to store", "copy them here"),
    "bench": ("bench pack --store {at}/a.store", "name a store on its disk"),
    "pack -o PLAN": ("pack {at}/a.store -o {at}/a.plan --sequence-length 64", "choose another name"),
    "tokenize -o https": ("tokenize {here}/texts -o https://host/x --tokenizer {tokenizer}", "read"),
    "merge -o hf": ("merge {at}/a.store {at}/b.store -o hf://datasets/a/b", "name a folder at s3://"),
}


@pytest.mark.parametrize("what", _REFUSED)
def test_refused_in_a_sentence(what: str, both: _Both, capsys: pytest.CaptureFixture[str]) -> None:
    line, advice = _REFUSED[what]
    arguments = [
        part.format(at=both.url, here=both.folder, tokenizer=both.tokenizer) for part in line.split(" ")
    ]
    before = objects_below(both.url / "a.store")
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert advice in told
    assert "Traceback" not in told
    assert objects_below(both.url / "a.store") == before


@pytest.mark.parametrize(
    "change",
    [
        lambda store, folder: mark_duplicates(store),
        lambda store, folder: join_columns(store, folder / "table.parquet", "id"),
        lambda store, folder: upgrade_store(store),
    ],
    ids=["mark_duplicates", "join_columns", "upgrade_store"],
)
def test_refused_from_python(change: Callable[[TokenStore, Path], object], both: _Both) -> None:
    """What is kept of a store in the cache is not taken for the store."""
    store = TokenStore.open(str(both.url / "a.store"))
    kept = tree_bytes(store.path)
    with pytest.raises(ValueError, match=rf"{both.url}/a\.store: .*(copy|-o OUT)"):
        change(store, both.folder)
    assert tree_bytes(store.path) == kept


def test_the_page_names_every_command() -> None:
    """Each row of the table is of a command, and none is left out."""
    text = _PAGE.read_text()
    table = text.partition("## Every command")[2].partition("\n## ")[0]
    rows = [
        (name, told)
        for names, told in re.findall(r"^\| (`[^|]*) \| (.*) \|$", table, re.MULTILINE)
        for name in re.findall(r"`([a-z-]+)`", names)
    ]
    assert {name for name, _ in rows} == set(COMMANDS) - {"demo", "completion"}
    refused = {what.partition(" ")[0] for what in _REFUSED}
    for name, told in rows:
        assert name in _SAME or name in refused or name in ("pack", "convert", "tokenize"), name
        if "no:" in told:
            assert name in refused


@pytest.mark.parametrize("point", ["span_length.npy", "plan.json"])
def test_a_killed_extension(point: str, both: _Both) -> None:
    """The old plan stays as it was, half of a new one is taken for no plan, and the same command goes on."""
    target = both.url / f"killed-{point}.plan"
    command = [
        sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())", "pack",
        str(both.url / "a.store"), "-o", str(target), "--extend", str(both.url / "a.plan"),
    ]  # fmt: skip
    old = objects_below(both.url / "a.plan")
    environment = {**os.environ, "PYPACK_CRASH_AT": f"plan:{point}"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    assert objects_below(both.url / "a.plan") == old
    assert objects().stat(target / "plan.json") is None
    assert main(["verify", str(target)]) == 2
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert main(["verify", str(target), "--store", str(both.url / "a.store")]) == 0
    assert objects_below(both.url / "a.plan") == old
    assert main(command[3:]) == 2  # it is there


def test_two_that_make_another_plan_there(both: _Both, capsys: pytest.CaptureFixture[str]) -> None:
    """Who comes later with the same plan is done, with another one refused."""
    target = both.url / "two.plan"
    plan = Plan.open(both.folder / "a.plan")
    save_plan(plan, target)
    save_plan(plan, target)
    before = objects_below(target)
    assert before == tree_bytes(both.folder / "a.plan")
    with pytest.raises(UsageError, match=r"two\.plan exists: choose another name"):
        save_plan(pack([5, 6, 7], 8), target)
    assert objects_below(target) == before
    objects().write(both.url / "three.plan/plan.begun.json", before["plan.json"])
    with pytest.raises(UsageError, match=r"plan\.begun\.json: another plan was begun there"):
        save_plan(pack([5, 6, 7], 8), both.url / "three.plan")
