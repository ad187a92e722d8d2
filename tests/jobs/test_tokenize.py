"""The tokenize job: the same store however it is run, interrupted and resumed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.corpus_files import json_lines, write, write_parquet
from fixtures.jobs import tree_bytes

from pypack.corpus import CorpusError, RejectedInputError
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.tokenize import Progress, TokenizeOptions, TokenizeResult, tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = TokenizeOptions(keep=("id", "score", "mixed"), shard_tokens=1500)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str]) -> list[str]:
    """Files of several kinds with rejects and blank lines between the documents."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = random.Random(3)
    values = [1, 2.5, "text", None, True, [1], {"a": 2}, 3.0]
    records: list[bytes] = []
    for i, text in enumerate(sample_texts):
        record: dict[str, Any] = {"id": f"doc {i}", "text": text, "score": i / 4 if i % 3 else i}
        record["mixed"] = values[i % len(values)]
        records.append(json_lines([record]))
        records.append(rng.choice([b"", b"", b"\n", b"not json\n", b'{"text": null}\n']))
    third = len(records) // 3
    return [
        write(folder / "a.jsonl", b"".join(records[:third])),
        write(folder / "b.jsonl.zst", b"".join(records[third : 2 * third])),
        write(folder / "c.txt", b"a text file of its own\n"),
        write(folder / "d.txt", b"another one"),
        write(folder / "e.jsonl.gz", b"".join(records[2 * third :])),
        write_parquet(
            folder / "f.parquet",
            pa.table({"text": sample_texts[:50], "id": [str(i) for i in range(50)], "score": range(50)}),
            row_group_size=7,
        ),
    ]


@pytest.fixture(scope="module")
def unbroken(
    inputs: list[str], tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], TokenizeResult]:
    output = tmp_path_factory.mktemp("unbroken") / "store"
    result = tokenize(inputs, output, tokenizer, _OPTIONS, num_threads=1)
    return tree_bytes(output), result


def test_the_store_holds_every_document(
    inputs: list[str], tokenizer: Tokenizer, sample_texts: list[str], tmp_path: Path
) -> None:
    result = tokenize(inputs, tmp_path / "store", tokenizer, _OPTIONS)
    store = TokenStore.open(tmp_path / "store")
    store.verify()
    wanted = [
        *sample_texts[:200],
        "a text file of its own\n",
        "another one",
        *sample_texts[200:],
        *sample_texts[:50],
    ]
    eos = tokenizer.eos_id
    expected = [np.append(tokenizer.encode(text), eos) for text in wanted]
    assert len(store) == len(expected) == result.documents
    assert all(np.array_equal(row, ids) for row, ids in zip(store, expected, strict=True))
    assert result.tokens == sum(map(len, expected))
    assert result.shards > 5
    lines = sum(Path(path).read_bytes().count(b"\n") for path in inputs[:1])
    assert lines > 0
    rejected = [json.loads(line) for line in (tmp_path / "store/rejected.jsonl").read_bytes().splitlines()]
    assert len(rejected) == result.rejected == sum(result.rejected_by_kind.values())
    assert set(result.rejected_by_kind) == {"bad_json", "null_text"}
    assert store.info is not None
    assert not list((tmp_path / "store").rglob("*.journal*"))
    columns = store.columns()
    assert columns.column("id").to_pylist()[:200] == [f"doc {i}" for i in range(200)]
    assert columns.column("score").to_pylist()[:5] == [0.0, 0.25, 0.5, 3.0, 1.0]
    assert columns.column("mixed").to_pylist()[:9] == [
        "1", "2.5", '"text"', None, "true", "[1]", '{"a":2}', "3", "1",
    ]  # fmt: skip


@pytest.mark.parametrize(("batch_bytes", "num_threads"), [(1, 1), (700, 2), (5000, None), (1 << 22, 2)])
def test_the_store_does_not_depend_on_batches_or_threads(
    batch_bytes: int,
    num_threads: int | None,
    inputs: list[str],
    tokenizer: Tokenizer,
    unbroken: tuple[dict[str, bytes], TokenizeResult],
    tmp_path: Path,
) -> None:
    tokenize(inputs, tmp_path / "s", tokenizer, _OPTIONS, batch_bytes=batch_bytes, num_threads=num_threads)
    assert tree_bytes(tmp_path / "s") == unbroken[0]


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("batch_bytes", [1, 900])
def test_an_interrupted_job_goes_on_to_the_sametree_bytes(
    batch_bytes: int,
    inputs: list[str],
    tokenizer: Tokenizer,
    unbroken: tuple[dict[str, bytes], TokenizeResult],
    tmp_path: Path,
) -> None:
    output = tmp_path / "store"
    rng = random.Random(batch_bytes)
    resumed = []
    for _ in range(200):
        patience = rng.randrange(1, 150)

        def impatient(progress: Progress, patience: int = patience) -> None:
            if progress.run_documents > patience:
                raise _KilledError

        messages: list[str] = []
        try:
            result = tokenize(
                inputs, output, tokenizer, _OPTIONS, batch_bytes=batch_bytes, on_progress=impatient,
                on_message=messages.append,
            )  # fmt: skip
        except _KilledError:
            assert not (output / "store.json").exists()
            continue
        resumed.append(result.resumed_documents)
        break
    assert resumed[0] > 100
    assert any("going on behind" in message for message in messages)
    assert tree_bytes(output) == unbroken[0]
    assert result.rejected_by_kind == unbroken[1].rejected_by_kind
    assert (result.documents, result.tokens) == (unbroken[1].documents, unbroken[1].tokens)


def test_other_options_are_refused_with_what_differs(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    output = tmp_path / "store"

    def stop_late(progress: Progress) -> None:
        if progress.run_documents > 100:
            raise _KilledError

    with pytest.raises(_KilledError):
        tokenize(inputs, output, tokenizer, _OPTIONS, batch_bytes=500, on_progress=stop_late)
    before = tree_bytes(output)
    with pytest.raises(OutputError, match=r"field \(before 'text', now 'body'\).*--overwrite"):
        tokenize(inputs, output, tokenizer, TokenizeOptions(**{**vars(_OPTIONS), "field": "body"}))
    with pytest.raises(OutputError, match="files"):
        tokenize(inputs[:1], output, tokenizer, _OPTIONS)
    assert tree_bytes(output) == before
    result = tokenize(inputs[:1], output, tokenizer, _OPTIONS, overwrite=True)
    assert result.resumed_documents == 0


def test_a_finished_store_is_refused_unless_overwritten(
    inputs: list[str], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    output = tmp_path / "store"
    tokenize(inputs, output, tokenizer, _OPTIONS)
    before = tree_bytes(output)
    with pytest.raises(OutputError, match="--overwrite"):
        tokenize(inputs, output, tokenizer, _OPTIONS)
    assert tree_bytes(output) == before
    tokenize(inputs[2:4], output, tokenizer, TokenizeOptions(), overwrite=True)
    assert sorted(tree_bytes(output)) == [
        *("000000-000.bin", "000000-000.idx", "job.json"),
        *("store.json", "tokenizer.json", "units/000000.json"),
    ]


def test_foreign_files_and_other_processes(inputs: list[str], tokenizer: Tokenizer, tmp_path: Path) -> None:
    write(tmp_path / "photos/cat.jpg", b"")
    with pytest.raises(OutputError, match=r"cat\.jpg"):
        tokenize(inputs, tmp_path / "photos", tokenizer, overwrite=True)
    with pytest.raises(OutputError, match="is a file"):
        tokenize(inputs, tmp_path / "photos/cat.jpg", tokenizer)
    (tmp_path / "busy").mkdir()
    with only_job_in(tmp_path / "busy"), pytest.raises(OutputError, match="another process"):
        tokenize(inputs, tmp_path / "busy", tokenizer)


def test_a_shard_that_has_gone_is_made_again(
    inputs: list[str],
    tokenizer: Tokenizer,
    unbroken: tuple[dict[str, bytes], TokenizeResult],
    tmp_path: Path,
) -> None:
    output = tmp_path / "store"

    def stop_late(progress: Progress) -> None:
        if progress.run_documents > 100:
            raise _KilledError

    with pytest.raises(_KilledError):
        tokenize(inputs, output, tokenizer, _OPTIONS, batch_bytes=500, on_progress=stop_late)
    (journal,) = (output / "units").glob("*.journal.*")
    with journal.open("ab") as file:
        file.write(b'{"shard": {"na')  # the crash came within a line
    (output / "000000-000.bin").write_bytes(b"")
    result = tokenize(inputs, output, tokenizer, _OPTIONS)
    assert result.resumed_documents > 0
    assert tree_bytes(output) == unbroken[0]


def test_stop_at_the_first_reject_then_mend_and_go_on(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.jsonl", json_lines([{"text": "one"}, {"text": 1}, {"text": "two"}])))
    with pytest.raises(RejectedInputError, match="line 2"):
        tokenize([path], tmp_path / "s", tokenizer, on_error="stop")
    path.write_bytes(json_lines([{"text": "one"}, {"text": "two"}]))
    assert tokenize([path], tmp_path / "s", tokenizer, on_error="stop").documents == 2


def test_no_document_at_all(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"body": "x"}\n')
    with pytest.raises(
        ValueError, match=r"no document .* 1 were refused, the first: .*a\.jsonl: line 1 .*'text'"
    ):
        tokenize([path], tmp_path / "s", tokenizer)
    assert b"no field 'text'" in (tmp_path / "s/rejected.jsonl").read_bytes()
    assert tokenize([path], tmp_path / "s", tokenizer, TokenizeOptions(field="body")).documents == 1


def test_bad_options(inputs: list[str], tokenizer: Tokenizer, tmp_path: Path) -> None:
    for options, word in (
        (TokenizeOptions(shard_tokens=0), "shard_tokens"),
        (TokenizeOptions(keep=("a", "a")), "twice"),
        (TokenizeOptions(max_document_bytes=0), "max_document_bytes"),
    ):
        with pytest.raises(ValueError, match=word):
            tokenize(inputs, tmp_path / "s", tokenizer, options)
    with pytest.raises(CorpusError, match="no such file"):
        tokenize([tmp_path / "absent"], tmp_path / "s", tokenizer)
    assert not (tmp_path / "s").exists()


def test_eos_is_appended_or_not(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json_lines([{"text": "one"}, {"text": ""}, {"text": "<|endoftext|>"}]))
    tokenize([path], tmp_path / "with", tokenizer)
    meant = TokenizeOptions(append_eos=False, split_special_tokens=False)
    tokenize([path], tmp_path / "without", tokenizer, meant)
    tokenize([path], tmp_path / "plain", tokenizer, TokenizeOptions(append_eos=False))
    assert [row.tolist()[-1] for row in TokenStore.open(tmp_path / "with")] == [tokenizer.eos_id] * 3
    assert TokenStore.open(tmp_path / "without").lengths.tolist()[1:] == [0, 1]
    assert TokenStore.open(tmp_path / "plain").lengths[2] > 1


def test_columns_widen_the_same_way_over_row_groups(tmp_path: Path) -> None:
    from pypack.store.column_types import record_batch
    from pypack.store.column_writer import ColumnWriter

    values: list[Any] = [*range(70_000), 0.5, *range(70_000), "text", 2**60]
    rows = len(values)
    files = []
    for size in (rows, 30_011):
        path = tmp_path / f"{size}.parquet"
        writer: ColumnWriter | None = None
        for start in range(0, rows, size):
            part = values[start : start + size]
            batch = record_batch({"v": part, "w": [2**60 + 1 if v == "text" else 1 for v in part]}, len(part))
            writer = writer or ColumnWriter(path, batch.schema)
            writer.append(batch)
        assert writer is not None
        writer.close()
        files.append(path.read_bytes())
        assert pq.read_table(path).column("v").to_pylist() == [
            json.dumps(value) if value != "text" else '"text"' for value in values
        ]
        assert pq.read_table(path).column("w").type == pa.int64()
    assert files[0] == files[1]
