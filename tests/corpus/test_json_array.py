"""Files that are one JSON array: streamed, whatever their size, their compression, and their layout."""

from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
from pathlib import Path

import pytest
from fixtures.corpus_files import RECORDS, TEXTS, json_lines, read_all
from hypothesis import given
from hypothesis import strategies as st
from reference.json_array import array_as_lines

from pypack import _core, corpus
from pypack.corpus import Position, list_inputs

_LAYOUTS = [{"indent": None}, {"indent": 2}, {"separators": (",", ":")}]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_ARRAYS = st.builds(
    lambda values, layout, ascii_only: json.dumps(values, ensure_ascii=ascii_only, **layout).encode(),
    st.lists(_VALUES, max_size=5),
    st.sampled_from(_LAYOUTS),
    st.booleans(),
)
_BYTES = st.lists(st.sampled_from([bytes([b]) for b in b'[]{}",\\\n ax\xef'])).map(b"".join)


@given(_ARRAYS | st.lists(_ARRAYS, max_size=3).map(b"\n".join) | _BYTES, st.lists(st.integers(0, 60)))
def test_the_kernel_is_its_definition_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    lines, found = _core.JsonArrayLines(False), bytearray(data)
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    stranger, end = -1, len(data)
    for begin, stop in itertools.pairwise(borders):
        place = lines.change(memoryview(found)[begin:stop])
        if place >= 0:
            stranger = end = begin + place
            break
    expected, place, is_whole = array_as_lines(data)
    assert (bytes(found[:end]), stranger, lines.is_whole) == (expected, place, is_whole)


@pytest.mark.parametrize("layout", _LAYOUTS)
@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.jsonl", "data"])
def test_an_array_gives_the_documents_of_its_lines(layout: dict, name: str, tmp_path: Path) -> None:  # type: ignore[type-arg]
    data = b"\xef\xbb\xbf" + json.dumps(RECORDS, ensure_ascii=False, **layout).encode() + b"\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (file,) = list_inputs([tmp_path / name])
    assert file.format == "json_array"
    batches = list(corpus.read([file], keep=["id"], batch_bytes=1))
    assert [text for batch in batches for text in batch.text_list()] == TEXTS
    assert [value for batch in batches for value in batch.columns["id"]] == list("01234")
    # From every document reading goes on with the next one.
    places = [batch.position_after(i) for batch in batches for i in range(len(batch))]
    for count, place in enumerate(places, 1):
        rest = list(corpus.read([file], start=place))
        assert [text for one in rest for text in one.text_list()] == TEXTS[count:]
        assert [reject for one in rest for reject in one.rejects] == []


@pytest.mark.parametrize(
    ("data", "texts", "rejects"),
    [
        (b"[]", [], []),
        (b"[\n]\n", [], []),
        (b'[{"text": "a"}][{"text": "b"}]', ["a", "b"], []),
        (
            b'[{"text": "a"}, 1, {"text": null}, {"text": "b"}]',
            ["a", "b"],
            [(1, "not_object"), (2, "null_text")],
        ),
        (b'[{"text": "a\nb"}, {"text": "c"}]', ["c"], [(0, "bad_json")]),
        (b'[{"text": "a"}, {"text": "b"', ["a"], [(1, "damaged_file")]),
        (b'[{"text": "a"}] x', ["a"], [(1, "damaged_file")]),
        (b'[{"text": "a", "x": NaN}]', ["a"], []),
        (rb'[{"text": "\"],[{\\"}, {"text": "b"}]', ['"],[{\\', "b"], []),
    ],
)
def test_what_an_array_may_hold(
    data: bytes, texts: list[str], rejects: list[tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(data)
    for batch_bytes in (1, 1 << 20):
        assert read_all(str(tmp_path / "a.json"), batch_bytes=batch_bytes) == (texts, rejects)


def test_rejects_name_element_and_byte(tmp_path: Path) -> None:
    data = b'[{"text": "a"},\n {"text": 3}]'
    (tmp_path / "a.json").write_bytes(data)
    (batch,) = corpus.read([tmp_path / "a.json"])
    (reject,) = batch.rejects
    assert "element 1 (byte 15)" in str(reject)
    assert {key: reject.to_json()[key] for key in ("row", "offset")} == {
        "row": 1,
        "offset": data.index(b",") + 1,
    }


def test_lines_of_arrays_are_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"[1, 2]\n" + json_lines([{"text": "a"}]))
    assert read_all(str(tmp_path / "a.jsonl")) == (["a"], [(0, "not_object")])


def test_memory_does_not_grow_with_the_array(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.write(b"[\n")
        for i in range(40_000):
            file.write(b'%s{\n  "text": "%d %s"\n}' % (b",\n" if i else b"", i, b"x" * 1000))
        file.write(b"\n]\n")
    tracemalloc.start()
    documents = sum(len(batch) for batch in corpus.read([tmp_path / "a.json"], batch_bytes=1 << 20))
    assert documents == 40_000
    assert tracemalloc.get_traced_memory()[1] < 12 << 20  # of 40 MB
    tracemalloc.stop()


def test_a_pipe_with_an_array(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_bytes(json.dumps(RECORDS).encode())
    (file,) = list_inputs([tmp_path / "a.data"], format="json_array")
    assert read_all([file]) == (TEXTS, [])
    assert next(iter(corpus.read([file], start=Position()))).reached == len(TEXTS)
