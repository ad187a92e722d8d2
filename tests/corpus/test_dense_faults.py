"""Files of little but faults: rejects take a thousand times the memory of the bytes that they come of."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.corpus_files import write

from pypack import corpus

_GOOD = b'{"text": "good"}\n'


@pytest.mark.parametrize(
    ("field", "line"), [("text", b"{}"), ("a.b", b"{}"), ("text", b"[1]"), ("text", b"\xff")], ids=range(4)
)
def test_every_fault_is_told_and_few_are_held(field: str, line: bytes, tmp_path: Path) -> None:
    count = 50_000
    good = _GOOD if field == "text" else b'{"a": {"b": "good"}}\n'
    path = write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + good + (line + b"\n") * count + good)
    documents, rejects, most, before = [], 0, 0, -1
    for batch in corpus.read([path], field=field):
        documents += [(int(record), int(end)) for record, end in zip(batch.records, batch.ends, strict=True)]
        for reject in batch.rejects:
            assert reject.record == before + 1 + (before < 0)
            assert reject.offset == 3 + len(good) + (reject.record - 1) * (len(line) + 1)
            before = reject.record
        rejects += len(batch.rejects)
        most = max(most, len(batch.rejects))
    size = Path(path).stat().st_size
    assert documents == [(0, 3 + len(good)), (count + 1, size)]
    assert rejects == count
    assert most <= 1 << 15


def test_blank_lines_are_no_faults(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", _GOOD + b"\n" * 100_000 + _GOOD)
    batches = list(corpus.read([path]))
    assert sum(map(len, batches)) == 2
    assert sum(batch.blank_lines for batch in batches) == 100_000
    assert batches[-1].records[-1] == 100_001
