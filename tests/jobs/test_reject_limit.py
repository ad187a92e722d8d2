"""When a job stops for its rejects: by its inputs alone, however they are read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypack.corpus import DocumentBatch, Reject
from pypack.jobs.reject_limit import RejectLimit, TooManyRejectsError, UnitRejects, commonest
from pypack.jobs.tokenize import tokenize
from pypack.tokenizer.tokenizer import Tokenizer

# A record is (file, record, whether it is refused).
Records = list[tuple[int, int, bool]]


def _batch(records: Records) -> DocumentBatch:
    good = [(file, record) for file, record, refused in records if not refused]
    rejects = [
        Reject("f", file, record, "line", 0, "bad_json", "") for file, record, refused in records if refused
    ]
    places = np.array(good, np.int64).reshape(-1, 2)
    return DocumentBatch(
        [""] * len(good), places[:, 0].astype(np.int32), places[:, 1], places[:, 1], rejects=rejects
    )


def _stops(limit: str, records: Records, cuts: list[int]) -> bool:
    unit = UnitRejects(RejectLimit(limit))
    for begin, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        if not unit.add(_batch(records[begin:end])):
            return True
    assert (unit.documents, unit.rejected) == (
        sum(not refused for *_, refused in records),
        sum(refused for *_, refused in records),
    )
    return False


def _stops_by_definition(limit: str, records: Records) -> bool:
    rejected = 0
    allowed = RejectLimit(limit)
    for seen, (*_, refused) in enumerate(records, 1):
        rejected += refused
        if not allowed.allows(rejected, max(10_000 if allowed.is_share else 0, seen) - rejected):
            return True
    return False


@pytest.mark.parametrize("seed", range(30))
def test_the_cuts_do_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    limit = rng.choice(["0", "3", "1%", "0.05%", "20%", "100%"])
    share = rng.choice([0.0, 0.0005, 0.01, 0.2, 1.0])
    burst = rng.randrange(25_000)  # a stretch of bad lines
    records: Records = []
    for i in range(rng.choice([100, 9_999, 25_000])):
        refused = rng.random() < share or burst <= i < burst + rng.choice([0, 0, 300])
        records.append((5 + i // 4_000, i % 4_000, refused))
    wanted = _stops_by_definition(limit, records)
    for parts in (1, 7, 400):
        assert _stops(limit, records, sorted(rng.choices(range(len(records)), k=parts))) == wanted


def test_a_short_unit_does_not_stop_a_job_for_a_bad_line() -> None:
    assert not _stops("1%", [(0, i, i % 2 == 0) for i in range(200)], [])
    assert _stops("1%", [(0, i, i % 2 == 0) for i in range(204)], [])
    assert _stops("0", [(0, 0, True)], [])


def test_the_commonest_reasons(tmp_path: Path) -> None:
    log = tmp_path / "rejected.jsonl"
    lines = [("a", "first a"), ("a", "second"), ("b", "B")]
    log.write_text("".join(f'{{"kind": "{kind}", "reason": "{reason}"}}\n' for kind, reason in lines))
    told = commonest({"a": 1200, "b": 3, "c": 2, "d": 1, "e": 1}, log)
    assert told == f"1,200 a (first a), 3 b (B), 2 c, 2 others; all are listed in {log}"
    assert commonest({"a": 1}, tmp_path / "absent") == f"1 a; all are listed in {tmp_path}/absent"


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "-1%", "nan%", "1.5"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        RejectLimit(text)


@pytest.mark.parametrize("limit", [0, "0", np.int64(0)])
def test_in_python_a_limit_may_be_a_number(limit: int | str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}\nnot JSON\n')
    with pytest.raises(TooManyRejectsError, match="1 "):
        tokenize([tmp_path / "a.jsonl"], tmp_path / "a.store", tokenizer, max_rejects=limit)


@pytest.mark.parametrize("limit", ["some", 2.5, -1, "101%"])
def test_what_is_no_limit_is_named_before_anything_is_read(
    limit: Any, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}\n')
    with pytest.raises(ValueError, match="max_rejects must be"):
        tokenize([tmp_path / "a.jsonl"], tmp_path / "a.store", tokenizer, max_rejects=limit)
    assert not (tmp_path / "a.store").exists()
