"""Fingerprints without the library: parts are printed as it prints them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fixtures.trained_tokenizers import KINDS

from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.fingerprint import _printed_by_library
from pypack.tokenizer.kind_of_model import kind_of_model
from pypack.tokenizer.printed import NotPrintedError, printed_parts


def check(data: bytes) -> None:
    sections = TokenizerDefinition(data, "x").sections
    ours = printed_parts(sections, kind_of_model(sections["model"]))
    assert json.loads(json.dumps(ours)) == _printed_by_library(sections)


@pytest.mark.parametrize("kind", KINDS)
def test_trained(kind: str) -> None:
    check(KINDS[kind]().to_str().encode())


def test_published() -> None:
    if "PYPACK_SHARED" not in os.environ:
        pytest.skip("PYPACK_SHARED is not set: the real data is not here")
    for path in sorted(Path(os.environ["PYPACK_SHARED"], "data/tokenizers").glob("*.json")):
        check(path.read_bytes())


BARE: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "BPE", "vocab": {}, "merges": []},
}


@pytest.mark.parametrize(
    ("section", "part"),
    [
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "add_prefix_space": True}),
        # add_prefix_space alone means "always"; the library refuses it as False.
        (
            "pre_tokenizer",
            {"type": "Metaspace", "replacement": "_", "str_rep": "_", "add_prefix_space": True},
        ),
        ("decoder", {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": False}),
        ("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}),
        ("pre_tokenizer", {"type": "Punctuation"}),
        ("pre_tokenizer", {"type": "FixedLength", "length": 3}),
        ("decoder", {"type": "BPEDecoder", "suffix": "</w>"}),
        (
            "normalizer",
            {
                "type": "Sequence",
                "normalizers": [{"type": "NFC"}, {"type": "Strip", "strip_left": True, "strip_right": False}],
            },
        ),
    ],
)
def test_old_and_shortened_parts(section: str, part: dict[str, Any]) -> None:
    check(json.dumps(BARE | {section: part}).encode())


def test_what_only_the_library_knows() -> None:
    sections = TokenizerDefinition(json.dumps(BARE).encode(), "x").sections
    for part in ({"type": "New"}, {"type": "NFC", "more": 1}, {"type": "Strip"}):
        with pytest.raises(NotPrintedError):
            printed_parts(sections | {"normalizer": part}, "BPE")
