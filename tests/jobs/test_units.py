"""Units: cut by sizes alone, and every document in exactly one, whatever they are."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write, write_parquet
from fixtures.jobs import Corpus, tree_bytes
from hypothesis import given
from hypothesis import strategies as st

from pypack import TokenStore
from pypack.columnar.process import row_groups
from pypack.corpus import InputFile, RejectedInputError, read
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.jobs.units import Unit, make_units
from pypack.tokenizer.tokenizer import Tokenizer


def file(name: str, size: int, *, is_stream: bool = False) -> InputFile:
    kinds = {"jsonl": "json_lines", "txt": "text", "parquet": "parquet", "arrow": "arrow"}
    stem = name.removesuffix(".gz")
    compression = "gzip" if name.endswith(".gz") else None
    return InputFile(name, kinds[stem.rpartition(".")[2]], compression, size, 0, is_stream)


def cut(files: list[InputFile], unit_bytes: int, *, cut_text: bool = False) -> list[Unit]:
    return make_units(files, unit_bytes, cut_text=cut_text, row_groups=lambda path: [(10, 30)] * 5)


def places(units: list[Unit]) -> list[tuple[int, ...]]:
    return [(u.first, u.stop) if u.end is None else (u.first, u.begin, u.end) for u in units]


def test_small_files_are_gathered_and_large_ones_are_cut() -> None:
    files = [
        *(file(f"{i}.jsonl", 40) for i in range(4)),
        file("large.jsonl", 250),
        file("small.txt", 100),
        file("large.txt", 250),
        file("packed.jsonl.gz", 25),
        file("larger.jsonl.gz", 26),
        file("small.parquet", 25),
        file("large.parquet", 150),
        file("large.arrow", 150),
        file("pipe.jsonl", 0, is_stream=True),
        file("last.jsonl", 1),
    ]
    units = cut(files, 100)
    assert places(units) == [
        (0, 2), (2, 4), (4, 0, 100), (4, 100, 200), (4, 200, 250), (5, 6), (6, 7), (7, 8), (8, 9), (9, 10),
        (10, 0, 10), (10, 10, 20), (10, 20, 30), (10, 30, 40), (10, 40, 50), (11, 12), (12, 13), (13, 14),
    ]  # fmt: skip
    assert [unit.number for unit in units] == list(range(len(units)))
    assert places(cut(files[6:7], 100, cut_text=True)) == [(0, 0, 100), (0, 100, 200), (0, 200, 250)]
    assert places(cut(files[10:11], 260)) == [(0, 0, 20), (0, 20, 40), (0, 40, 50)]
    assert [Unit.from_json(u.number, u.to_json()) for u in units] == units


@given(
    st.lists(
        st.tuples(st.sampled_from(["jsonl", "jsonl.gz", "txt", "arrow"]), st.integers(0, 500), st.booleans()),
        max_size=20,
    ),
    st.integers(1, 300),
)
def test_every_byte_of_every_file_is_in_one_unit(kinds: list[tuple[str, int, bool]], most: int) -> None:
    files = [
        file(f"{i}.{kind}", 0 if is_stream else size, is_stream=is_stream)
        for i, (kind, size, is_stream) in enumerate(kinds)
    ]
    units = cut(files, most)
    assert sum(unit.size for unit in units) == sum(one.size for one in files)
    covered: list[tuple[int, int, int]] = []
    for unit in units:
        assert unit.first < unit.stop
        if unit.end is None:
            covered += [(i, 0, files[i].size) for i in range(unit.first, unit.stop)]
            assert (
                unit.stop - unit.first == 1
                or sum(
                    f.size * (4 if f.compression or f.format == "arrow" else 1)
                    for f in files[unit.first : unit.stop]
                )
                <= most
            )
        else:
            assert 0 < unit.end - unit.begin <= most
            covered.append((unit.first, unit.begin, unit.end))
    joined: list[tuple[int, int, int]] = []
    for one in covered:
        if joined and joined[-1][0] == one[0]:
            assert joined[-1][2] == one[1]
            joined[-1] = (one[0], joined[-1][1], one[2])
        else:
            joined.append(one)
    assert joined == [(i, 0, one.size) for i, one in enumerate(files)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pieces")


@given(
    st.lists(st.sampled_from(["", "a", "bb", "ccc" * 40, "x" * 200, "é\u2028"]), max_size=30),
    st.booleans(),
    st.booleans(),
    st.integers(1, 120),
    st.sampled_from([1, 64, 1 << 20]),
)
def test_pieces_share_the_lines(
    folder: Path, lines: list[str], ends: bool, marked: bool, size: int, batch_bytes: int
) -> None:
    """Lines of any length over borders of any distance: each is read once, where it stands."""
    data = (b"\xef\xbb\xbf" if marked else b"") + "\n".join(lines).encode() + (b"\n" if ends else b"")
    path = folder / "lines.txt"
    path.write_bytes(data)
    whole = InputFile(str(path), "text", None, len(data), 0)

    def documents(*pieces: InputFile) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for piece in pieces:
            for batch in read([piece], txt_per_line=True, batch_bytes=batch_bytes):
                found += zip(batch.text_list(), batch.ends.tolist(), strict=True)
        return found

    borders = [*range(0, len(data), size), len(data)]
    pieces = [
        InputFile(str(path), "text", None, len(data), 0, begin=a, end=b)
        for a, b in itertools.pairwise(borders)
    ]
    assert documents(*pieces) == documents(whole)


def test_row_groups_of_parquet_files(tmp_path: Path, sample_texts: list[str]) -> None:
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": sample_texts}), row_group_size=70)
    groups = row_groups(path)
    assert [rows for rows, _ in groups] == [70, 70, 70, 70, 20]
    assert 0 < sum(size for _, size in groups) < Path(path).stat().st_size
    Path(path).write_bytes(Path(path).read_bytes()[:-20])
    assert row_groups(path) == []
    whole = InputFile(path, "parquet", None, 0, 0)
    write_parquet(tmp_path / "a.parquet", pa.table({"text": sample_texts}), row_group_size=70)
    piece = InputFile(path, "parquet", None, 0, 0, begin=70, end=210)
    batches = list(read([piece]))
    assert [text for batch in batches for text in batch.text_list()] == sample_texts[70:210]
    assert [row for batch in batches for row in batch.records.tolist()] == list(range(70, 210))
    assert sum(len(batch) for batch in read([whole])) == 300


def test_a_store_of_many_units_holds_what_one_of_a_single_unit_holds(
    many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    options = TokenizeOptions(**{**vars(many_units.options), "unit_bytes": 1 << 30})
    result = tokenize(many_units.inputs, tmp_path / "one", tokenizer, options)
    assert result.units == 1
    assert many_units.result.units > 10
    for name, content in many_units.store.items():
        (tmp_path / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "many" / name).write_bytes(content)
    one, many = TokenStore.open(tmp_path / "one"), TokenStore.open(tmp_path / "many")
    assert one.verify() == many.verify() == []
    assert one.lengths_fingerprint == many.lengths_fingerprint
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))
    assert one.columns().to_pylist() == many.columns().to_pylist()
    # The rejects too, with the lines of whole files.
    assert (tmp_path / "one/rejected.jsonl").read_bytes() == many_units.store["rejected.jsonl"]
    assert result.rejected_by_kind == many_units.result.rejected_by_kind
    assert one.info is not None
    assert many.info is not None
    assert one.info.counts["rejected"] == many.info.counts["rejected"] == result.rejected_by_kind


def test_names_of_shards_are_final_and_tell_the_unit(many_units: Corpus) -> None:
    shards = [shard["name"] for shard in json.loads(many_units.store["store.json"])["shards"]]
    assert shards == sorted(shards)
    assert {name[:6] for name in shards} == {f"{i:06d}" for i in range(many_units.result.units)}
    assert "000000-001" in shards
    manifests = {name for name in many_units.store if name.startswith("units/") and "rejected" not in name}
    assert manifests == {f"units/{i:06d}.json" for i in range(many_units.result.units)}


def test_a_stop_names_the_line_of_the_file(tokenizer: Tokenizer, tmp_path: Path) -> None:
    lines = json_lines([{"text": f"document {i}"} for i in range(100)])
    path = write(tmp_path / "a.jsonl", lines + b"no json\n")
    options = TokenizeOptions(unit_bytes=500)
    with pytest.raises(RejectedInputError, match=rf"line 101 \(byte {len(lines)}\)"):
        tokenize([path], tmp_path / "s", tokenizer, options, on_error="stop")


@pytest.mark.parametrize("threads", [1, None])
def test_the_store_does_not_depend_on_threads_and_batches(
    many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path, threads: int | None
) -> None:
    tokenize(
        many_units.inputs, tmp_path / "s", tokenizer, many_units.options, num_threads=threads, batch_bytes=700
    )
    assert tree_bytes(tmp_path / "s") == many_units.store


def test_very_many_small_units_are_refused() -> None:
    files = [file("a.jsonl", 10_000)]
    with pytest.raises(ValueError, match=r"cuts the inputs into 10,000 units.* give at least 65536"):
        cut(files, 1)
    assert len(cut(files, 3)) == 3334
