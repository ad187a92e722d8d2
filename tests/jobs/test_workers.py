"""Worker processes and partitions: the same bytes as one process, whoever dies on the way."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import Corpus, tree_bytes

from pypack.jobs.dealer import Dealer, Task
from pypack.jobs.partition import Partition, PartitionError
from pypack.jobs.tokenize import Progress, TokenizeOptions, tokenize
from pypack.jobs.units import Unit
from pypack.tokenizer.tokenizer import Tokenizer


def test_workers_make_the_same_bytes(many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = tokenize(
        many_units.inputs, tmp_path / "s", tokenizer, many_units.options, num_workers=3,
        on_progress=seen.append,
    )  # fmt: skip
    assert tree_bytes(tmp_path / "s") == many_units.store
    before = many_units.result
    assert (result.documents, result.tokens, result.shards) == (
        before.documents,
        before.tokens,
        before.shards,
    )
    assert result.rejected_by_kind == before.rejected_by_kind
    assert result.progress.run_documents == result.documents
    assert result.progress.blank_lines == before.progress.blank_lines
    assert result.progress.input_bytes == before.progress.input_bytes
    assert (seen[-1].units, seen[-1].total_units) == (result.units, result.units)
    assert seen[-1].disk_bytes == seen[-1].total_disk_bytes > 0


def test_partitions_in_any_order_and_number(many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> None:
    parts = [Partition(2, 3), Partition(3, 5), Partition(0, 3), Partition(1, 3)]
    results = [
        tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, partition=part)
        for part in parts
    ]
    assert [result.is_finished for result in results] == [False, False, False, True]
    assert results[0].missing_units.startswith("0-1,3-4,6-7")
    assert results[0].failed_units == ""
    assert results[2].resumed_documents > results[1].resumed_documents > 0
    assert tree_bytes(tmp_path / "s") == many_units.store
    # One that is started once more, after the end.
    again = tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, partition=parts[0])
    assert again.is_finished
    assert again.progress.run_documents == 0
    assert tree_bytes(tmp_path / "s") == many_units.store


def test_what_partitions_are() -> None:
    assert Partition.parse("3/16") == Partition(3, 16)
    for wrong in ("3", "16/16", "a/b", "-1/3", "1/0", "1/2/3"):
        with pytest.raises(PartitionError):
            Partition.parse(wrong)
    units = [Unit(i, i, i + 1, 1) for i in range(10)]
    numbers = [[unit.number for unit in Partition(i, 3).of(units)] for i in range(3)]
    assert sorted(itertools.chain(*numbers)) == list(range(10))

    def slurm(task: int, first: int, last: int, count: int, step: int | None = None) -> Partition:
        values = {"ID": task, "MIN": first, "MAX": last, "COUNT": count}
        environment = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}
        if step is not None:
            environment["SLURM_ARRAY_TASK_STEP"] = str(step)
        return Partition.parse("slurm", environment)

    assert slurm(5, 0, 15, 16, 1) == slurm(5, 0, 15, 16) == Partition(5, 16)
    assert slurm(6, 1, 16, 16, 1) == Partition(5, 16)
    assert slurm(30, 10, 40, 4, 10) == Partition(2, 4)
    # --array=3,17: no range, so each task is the unit of its number.
    assert slurm(17, 3, 17, 2, 1) == Partition(unit=17)
    assert [unit.number for unit in slurm(7, 3, 7, 2).of(units)] == [7]
    assert slurm(17, 3, 17, 2).of(units) == []
    with pytest.raises(PartitionError, match="SLURM_ARRAY_TASK_ID is ''"):
        Partition.parse("slurm", {})


@pytest.mark.parametrize("point", ["start", "shard", "journal", "manifest", "commit"])
def test_the_unit_of_a_dead_worker_is_made_again(
    point: str, many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPACK_CRASH_AT", f"{point}:2:{tmp_path / 'crashed'}")
    result = tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, num_workers=2)
    assert (tmp_path / "crashed").exists()
    assert result.dead_workers == 1
    assert tree_bytes(tmp_path / "s") == many_units.store


def test_the_file_that_kills_its_reader_is_rejected_alone(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [
        write(tmp_path / f"{i}.jsonl", json_lines([{"text": f"file {i}, document {j}"} for j in range(20)]))
        for i in range(9)
    ]
    options = TokenizeOptions(unit_bytes=4_000)
    monkeypatch.setenv("PYPACK_CRASH_AT", f"file:{inputs[5]}")
    result = tokenize(inputs, tmp_path / "s", tokenizer, options, num_workers=2)
    assert result.dead_workers >= 5  # three times the unit, then its halves
    assert (result.documents, result.rejected_by_kind) == (160, {"kills_its_reader": 1})
    assert (result.rejected_files, result.is_finished) == (1, True)
    rejected = json.loads((tmp_path / "s/rejected.jsonl").read_bytes())
    assert rejected["file"] == inputs[5]
    assert rejected["whole_file"] is True
    # Whoever makes the unit again rejects it, too.
    found = tree_bytes(tmp_path / "s")
    for name in ("store.json", *(name for name in found if name.startswith("units/0") and "ref" not in name)):
        (tmp_path / "s" / name).unlink()
    tokenize(inputs, tmp_path / "s", tokenizer, options)
    assert tree_bytes(tmp_path / "s") == found


def test_a_unit_that_nobody_can_make_is_named_and_the_others_are_made(
    many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPACK_CRASH_AT", "manifest:3")
    result = tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, num_workers=2)
    assert (result.is_finished, result.failed_units, result.missing_units) == (False, "3", "3")
    assert not (tmp_path / "s/store.json").exists()
    monkeypatch.delenv("PYPACK_CRASH_AT")
    assert tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options).is_finished
    assert tree_bytes(tmp_path / "s") == many_units.store


def test_halves_are_tried_until_the_file_is_found() -> None:
    dealer = Dealer([Unit(0, 0, 8, 100), Unit(1, 8, 9, 200)])
    task = dealer.next()
    assert task == Task(1)  # the largest first
    dealer.done(task)
    killers, tried = {5}, []
    while (task := dealer.next()) is not None:
        tried.append((task.first, task.stop))
        assert len(tried) < 30
        refused = {file for _, file in dealer.refused}
        inside = range(task.first, 8 if task.stop is None else task.stop)
        if killers & set(inside) - refused:
            dealer.died(task)
        else:
            dealer.done(task)
    assert dealer.refused == [(0, 5)]
    assert tried == [
        *[(0, None)] * 3, (0, 8), (0, 4), (4, 8), (4, 6), (4, 5), (5, 6), (0, None),
    ]  # fmt: skip
    assert dealer.given_up == []


def test_a_worker_above_its_memory_limit_is_replaced(
    many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    result = tokenize(
        many_units.inputs, tmp_path / "s", tokenizer, many_units.options, num_workers=2, memory_limit=1 << 20
    )
    assert result.replaced_workers == result.units
    assert result.dead_workers == 0
    assert tree_bytes(tmp_path / "s") == many_units.store


def test_an_error_of_a_worker_is_the_errors_of_the_job(tokenizer: Tokenizer, tmp_path: Path) -> None:
    inputs = [
        write(tmp_path / f"{i}.jsonl", json_lines([{"text": "a"}]) + (b"" if i else b"no json\n"))
        for i in range(4)
    ]
    with pytest.raises(ValueError, match=r"0\.jsonl: line 2 .*not JSON"):
        tokenize(
            inputs, tmp_path / "s", tokenizer, TokenizeOptions(unit_bytes=10), num_workers=2, on_error="stop"
        )


def test_a_program_without_a_main_guard_may_start_workers(tmp_path: Path, tokenizer_file: Path) -> None:
    inputs = [write(tmp_path / f"{i}.jsonl", json_lines([{"text": "a"}])) for i in range(3)]
    program = (
        "import sys\nfrom pypack import Tokenizer\nfrom pypack.jobs.tokenize import *\n"
        "print(tokenize(sys.argv[3:], sys.argv[1], Tokenizer.from_file(sys.argv[2]),"
        "TokenizeOptions(unit_bytes=10), num_workers=2).documents)\n"
    )
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, tmp_path / "program.py", tmp_path / "s", tokenizer_file, *inputs]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
