"""Files that end the process inside the `tokenizers` library are refused before it sees them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.tokenizer import Tokenizer

# Loads it with either engine, where an abort costs nothing but a process.
_LOADED = """
import sys, pypack
for engine in (None, "huggingface"):
    try:
        print(pypack.Tokenizer.from_file(sys.argv[1], engine=engine).encode("ab").tolist())
    except ValueError as error:
        print(ascii(str(error)))
"""


def _bpe(tokens: list[str], merges: list[Any], prefix: str | None, **sections: Any) -> bytes:
    model = {
        "type": "BPE",
        "continuing_subword_prefix": prefix,
        "vocab": {token: i for i, token in enumerate(tokens)},
        "merges": merges,
    }
    parts = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    definition = {"version": "1.0", "added_tokens": [], "model": model, **dict.fromkeys(parts), **sections}
    return json.dumps(definition).encode()


def _loaded(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # the library prints its panics
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("tokens", "merges", "prefix"),
    [
        (["a", "\u00e9"], [["a", "\u00e9"]], "#"),  # the library aborts: half a character is left
        (["a", "\u0120"], ["a \u0120"], "#"),
        (["a", "b\u4e2d"], [["a", "b\u4e2d"]], "##"),
        (["a", "##b", "ab", "b\u4e2d"], [["a", "##b"], ["a", "b\u4e2d"]], "##"),
        (["a", "b"], [["a", "b"]], "##"),  # it panics: there is less than the mark
        (["a", ""], [["a", ""]], "##"),
    ],
)
def test_merges_that_do_not_bear_the_mark(
    tokens: list[str], merges: list[Any], prefix: str, tmp_path: Path
) -> None:
    told = _loaded(tmp_path / "tokenizer.json", _bpe(tokens, merges, prefix))
    assert all("tokenizer.json: the merge [" in line for line in told), told


@pytest.mark.parametrize(
    ("tokens", "merges", "prefix"),
    [
        (["a", "##b", "ab"], [["a", "##b"]], "##"),
        (["a", "\u2581b", "ab"], [["a", "\u2581b"]], "\u2581"),
        (["a", "bcd", "ad"], [["a", "bcd"]], "##"),  # no mark, but as long
        (["a", "bc"], [["a", "bc"]], "##"),
        (["a", "\u00e9", "a\u00e9"], [["a", "\u00e9"]], None),
        (["a", "\u00e9", "a\u00e9"], [["a", "\u00e9"]], ""),
    ],
)
def test_merges_that_the_library_takes(
    tokens: list[str], merges: list[Any], prefix: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(_bpe(tokens, merges, prefix))
    assert Tokenizer.from_file(path, engine="huggingface").encode("ab").tolist() in ([2], [0])


def test_a_damaged_map_is_told_without_a_panic(tmp_path: Path) -> None:
    charsmap = base64.b64encode(b"\x08\0\0\0abcd").decode()
    normalizer = {
        "type": "Sequence",
        "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}],
    }
    told = _loaded(tmp_path / "tokenizer.json", _bpe(["a"], [], None, normalizer=normalizer))
    assert all("tokenizer.json: the normalizer is damaged: " in line for line in told), told


def test_the_last_of_two_marks_counts_as_in_the_library(tmp_path: Path) -> None:
    data = _bpe(["a", "\u00e9", "a\u00e9"], [["a", "\u00e9"]], "#")
    field = b'"continuing_subword_prefix": "#"'
    other = field.replace(b'"#"', b"null")
    path = tmp_path / "tokenizer.json"
    assert _loaded(path, data.replace(field, field + b", " + other))[-1] == "[0]"
    told = _loaded(path, data.replace(field, other + b", " + field))
    assert all("tokenizer.json: the merge [" in line for line in told), told


def test_what_is_not_understood_is_tried_elsewhere_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from pypack.tokenizer import library_limits

    def loaded(data: bytes) -> None:
        _ = TokenizerDefinition(data, source="t.json").tokenizer

    odd = b'{"model": {"vocab": {"a": 1.5}}}'
    for data in (b"{", b"\xff", b"[1,]", odd):
        with pytest.raises(ValueError, match=r"t\.json: not a tokenizer\.json that `tokenizers` can load"):
            loaded(data)
    monkeypatch.setattr(library_limits, "_TRIAL", "import os; os.abort()")
    with pytest.raises(ValueError, match=r"t\.json: .* crashes when it loads it \(SIGABRT\)"):
        loaded(odd)
    # A panic prints lines of its own: there, and is not asked for again here.
    panics = "class PanicException(BaseException): pass\nraise PanicException('index 17\\nof 16')"
    monkeypatch.setattr(library_limits, "_TRIAL", panics)
    with pytest.raises(ValueError, match=r"t\.json: not a tokenizer\.json .* can load: index 17 of 16$"):
        loaded(odd)
    monkeypatch.setattr(library_limits, "_TRIAL", "while True: pass")
    monkeypatch.setattr(library_limits, "_SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"t\.json: `tokenizers` does not come to an end"):
        loaded(odd)
