"""Plan: saving and opening, proof, and figures."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import shutil
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack._common.files import exchange
from pypack.packing.packing import pack
from pypack.plan import files as plan_files
from pypack.plan.plan import ARRAYS, Plan

LENGTHS = np.array([5, 3, 0, 16, 33, 1, 7, 7, 2], np.int32)


@pytest.fixture
def saved(tmp_path):
    pack(LENGTHS, 16, "concat").save(tmp_path / "a.plan")
    return tmp_path / "a.plan"


def test_saved_plan_opens_equal(tmp_path):
    plan = pack(LENGTHS, 16, "concat", align=2, max_documents=4)
    plan.save(tmp_path / "deep" / "a.plan")
    opened = Plan.open(tmp_path / "deep" / "a.plan")
    assert opened == plan
    assert opened.summary() == plan.summary()
    assert opened.fingerprint == plan.fingerprint
    assert (opened.align, opened.sequence_length, opened.strategy) == (2, 16, "concat")
    opened.verify(LENGTHS)
    assert not opened.span_document.flags.writeable
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a.plan"]


def test_plan_without_sequences_is_saved_too(tmp_path):
    pack([], 16).save(tmp_path / "a.plan")
    assert Plan.open(tmp_path / "a.plan") == pack([], 16)


def test_existing_target_is_replaced_only_when_asked_and_a_plan(saved, tmp_path):
    other = pack(LENGTHS, 32)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        other.save(saved)
    other.save(saved, overwrite=True)
    assert Plan.open(saved) == other
    (tmp_path / "precious").mkdir()
    with pytest.raises(FileExistsError, match="it is no plan"):
        other.save(tmp_path / "precious", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.plan", "precious"]


@pytest.mark.parametrize("swaps", [True, False])
def test_a_kill_while_a_plan_is_replaced_leaves_the_old_or_the_new(saved, monkeypatch, swaps):
    """Killed before each change to the directory in turn."""
    old, new = Plan.open(saved), pack(LENGTHS, 32)
    if not swaps:
        monkeypatch.setattr(plan_files, "exchange", lambda a, b: False)

    class Killed(BaseException):
        pass

    class Path(type(saved)):
        left = 0

        def rename(self, target):
            if Path.left == 0:
                raise Killed
            Path.left -= 1
            return super().rename(target)

    found = []
    for Path.left in range(3):
        with contextlib.suppress(Killed):
            new.save(Path(saved), overwrite=True)
        found.append(Plan.open(saved) == new)
        assert found[-1] or Plan.open(saved) == old
        with pytest.raises(FileExistsError, match="pass overwrite=True"):
            new.save(saved)
        if found[-1]:
            break
    assert found == [True] if swaps else [False, False, True]
    new.save(saved, overwrite=True)
    assert [path.name for path in saved.parent.iterdir()] == ["a.plan"]


def test_directories_are_swapped(tmp_path):
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    if exchange(tmp_path / "a", tmp_path / "b"):  # else the file system cannot
        assert (tmp_path / "b" / "inner").is_dir()
    with pytest.raises(OSError, match="No such file"):
        assert exchange(tmp_path / "a", tmp_path / "absent") or not sys.platform.startswith("linux")


def test_failed_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack(LENGTHS, 16).save(tmp_path / "a.plan")
    assert list(tmp_path.iterdir()) == []


def edit_header(saved, **changes):
    path = saved / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 3}, "format version 3 is newer than 2"),
        (
            {"requires": ["time travel"]},
            "requires the feature 'time travel', which this pypack does not know",
        ),
        ({"version": "1"}, "'version' must be a positive integer"),
        ({"format": "zip"}, "'format' must be 'pypack-plan'"),
        ({"num_spans": -1}, "'num_spans' must be a int, is -1"),
        ({"num_spans": 10**15}, r"span_document.npy: has int64 .*, but plan.json states int64"),
        ({"num_sequences": 1}, "sequence_offsets.npy: has int64"),
        ({"sequence_length": None}, "'sequence_length' must be a int"),
        ({"counts": {}}, "'counts.documents' is None, not a number"),
        ({"stats": {"utilization": "high"}}, "'stats.num_sequences' is None"),
        ({"options": []}, "'options' must be a dict"),
    ],
)
def test_wrong_header_is_named(saved, changes, message):
    edit_header(saved, **changes)
    with pytest.raises(ValueError, match=message):
        Plan.open(saved)


def test_items_that_are_not_aligned_are_named(saved):
    path = saved / "span_document.npy"
    whole = path.read_bytes()
    header = whole[:8] + (int.from_bytes(whole[8:10], "little") + 1).to_bytes(2, "little") + whole[10:128]
    path.write_bytes(header[:-1] + b" \n" + whole[128:])
    with pytest.raises(ValueError, match=r"span_document\.npy: its items do not begin at a multiple of 8"):
        Plan.open(saved)


def test_broken_files_are_named(saved):
    for name in ARRAYS:
        path = saved / f"{name}.npy"
        whole = path.read_bytes()
        for broken in (b"", whole[:40], whole[:-1], b"\x93NUMPY\x09\x09" + whole[8:], b"\0" * len(whole)):
            path.write_bytes(broken)
            with pytest.raises(ValueError, match=rf"{name}\.npy: not readable"):
                Plan.open(saved)
        np.save(path, np.load(path_of(whole, saved)).astype(np.float32))
        with pytest.raises(ValueError, match=rf"{name}\.npy: has float32"):
            Plan.open(saved)
        path.unlink()
        with pytest.raises(ValueError, match=rf"{name}\.npy is missing"):
            Plan.open(saved)
        path.write_bytes(whole)
    Plan.open(saved)
    for text in ("", "{", "[]", "\0", json.dumps({"format": "x"})):
        (saved / "plan.json").write_text(text)
        with pytest.raises(ValueError, match=r"plan\.json"):
            Plan.open(saved)
    shutil.rmtree(saved)
    with pytest.raises(FileNotFoundError, match=r"has no plan\.json"):
        Plan.open(saved)


def path_of(content, folder):
    path = folder / "copy"
    path.write_bytes(content)
    return path


def altered(plan: Plan, **changes) -> Plan:
    fields = {name: array.copy() for name, array in plan.arrays().items()}
    fields |= {
        name: getattr(plan, name)
        for name in ("sequence_length", "strategy", "options", "counts", "lengths_fingerprint")
    }
    return Plan(**{**fields, **changes})


def with_entry(array, index, value):
    array = array.copy()
    array[index] = value
    return array


PLAN = pack(LENGTHS, 16, "concat")


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("span_document", 2, 9, r"span 2 \(document 9, .* names a document outside \[0, 9\)"),
        ("span_document", 2, -1, r"span 2 \(document -1"),
        ("span_document", 1, 0, "document 0: its spans hold 8 tokens by span 1"),
        ("span_start", 1, -1, r"span 1 .* leaves its document, which has 3 tokens"),
        ("span_start", 1, 2**31 - 1, "span 1 .* leaves its document"),
        ("span_length", 0, 0, "span 0 .* holds no token"),
        ("span_length", 0, -5, "span 0 .* holds no token"),
        ("span_length", 0, 2**31 - 1, "span 0 .* leaves its document"),
        ("span_length", 0, 4, "states truncated_documents=0, but its spans give 1"),
        ("sequence_capacity", 1, 15, r"sequence 1 takes up 16 tokens, more than its capacity \(15\)"),
        ("sequence_capacity", 1, -(2**31), "sequence 1 takes up 16 tokens"),
        ("sequence_offsets", 0, 1, "sequence_offsets must start at 0, starts at 1"),
        ("sequence_offsets", 1, -1, "sequence_offsets falls at sequence 0"),
        ("sequence_offsets", 1, 2**62, "sequence_offsets falls at sequence 1"),
        ("sequence_offsets", 1, 0, "sequence 0 holds no span"),
        ("sequence_offsets", -1, 99, "sequence_offsets must end at the number of spans"),
    ],
)
def test_verify_names_what_is_wrong(name, index, value, message):
    PLAN.verify(LENGTHS)
    with pytest.raises(ValueError, match=message):
        altered(PLAN, **{name: with_entry(getattr(PLAN, name), index, value)}).verify(LENGTHS)


def test_verify_names_the_plan(tmp_path):
    altered(PLAN, span_length=with_entry(PLAN.span_length, 0, 4)).save(tmp_path / "a.plan")
    with pytest.raises(ValueError, match=r"a\.plan: the plan states truncated_documents=0"):
        Plan.open(tmp_path / "a.plan").verify(LENGTHS)


def test_verify_finds_a_token_in_two_spans():
    plan = pack([30], 16, "concat")
    broken = altered(plan, span_start=with_entry(plan.span_start, 1, 10))
    with pytest.raises(ValueError, match="document 0: token 10 stands in two spans"):
        broken.verify([30])


def test_verify_refuses_other_documents_and_wrong_counts():
    with pytest.raises(ValueError, match="use the store it was made for"):
        PLAN.verify(LENGTHS[:-1])
    wrong = dataclasses.replace(PLAN.counts, dropped_tokens=1)
    with pytest.raises(ValueError, match="states dropped_tokens=1, but its spans give 0"):
        altered(PLAN, counts=wrong).verify(LENGTHS)
    limited = altered(PLAN, options={**PLAN.options, "max_documents": 1})
    with pytest.raises(ValueError, match=r"sequence 0 holds 3 spans, more than max_documents \(1\)"):
        limited.verify(LENGTHS)


def test_verify_alone_needs_no_lengths():
    PLAN.verify()
    pack([], 16).verify()
    for name, index, value, message in (
        ("span_document", 2, 9, r"span 2 \(document 9, .* leaves the 9 documents"),
        ("span_document", 0, 1, "stands in two spans|its spans hold"),
        ("span_start", 1, -1, r"span 1 .* leaves its document"),
        ("span_length", 0, 0, "span 0 .* holds no token"),
        ("span_length", 0, 4, "states tokens in spans=74, but its spans give 73"),
        ("sequence_capacity", 1, 15, "sequence 1 takes up 16 tokens"),
        ("sequence_offsets", 1, 2**62, "sequence_offsets falls"),
    ):
        with pytest.raises(ValueError, match=message):
            altered(PLAN, **{name: with_entry(getattr(PLAN, name), index, value)}).verify()
    more = dataclasses.replace(PLAN.counts, split_documents=0)
    with pytest.raises(ValueError, match="states split_documents=0, but its spans give"):
        altered(PLAN, counts=more).verify()


@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_verify_checks_what_plan_json_records(saved, lengths):
    Plan.open(saved).verify(lengths)
    header = json.loads((saved / "plan.json").read_text())
    wrong = [
        ({"fingerprint": "0" * 16}, "'fingerprint'"),
        ({"sequence_length": 15}, "'sequence_length' is 15"),
        ({"capacity_runs": [[17, 0, header["num_sequences"]]]}, "'capacity_runs'"),
    ]
    wrong += [
        ({record: {**header[record], name: value + 1}}, rf"'{record}\.{name}' is")
        for record in ("totals", "stats")
        for name, value in header[record].items()
    ]
    for changes, message in wrong:
        edit_header(saved, **{**header, **changes})
        with pytest.raises(ValueError, match=message):
            Plan.open(saved).verify(lengths)


@given(
    lengths=st.lists(st.integers(0, 70), max_size=30), strategy=st.sampled_from(["concat", "pad", "best_fit"])
)
def test_histograms_are_as_defined(lengths, strategy):
    plan = pack(lengths, 32, strategy)
    spans, fills = plan.histograms()
    assert (spans.shape, fills.shape) == ((32, 2), (101,))
    by_power = [n.bit_length() - 1 for n in plan.span_length.tolist()]
    assert spans[:, 0].tolist() == [by_power.count(k) for k in range(32)]
    tokens = [sum(n for n in plan.span_length.tolist() if n.bit_length() - 1 == k) for k in range(32)]
    assert spans[:, 1].tolist() == tokens
    used = [
        sum(plan.span_length[a:b].tolist()) for a, b in itertools.pairwise(plan.sequence_offsets.tolist())
    ]
    percent = [100 * n // room for n, room in zip(used, plan.sequence_capacity.tolist(), strict=True)]
    assert fills.tolist() == [percent.count(k) for k in range(101)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(ARRAYS)),
            st.integers(0, 2**16),
            st.one_of(st.integers(-3, 40), st.integers(-(2**31), 2**31 - 1)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_verify_survives_garbage(edits):
    arrays = {name: array.copy() for name, array in PLAN.arrays().items()}
    for name, index, value in edits:
        arrays[name][index % len(arrays[name])] = value
    garbage = altered(PLAN, **arrays)
    if garbage == PLAN:
        garbage.verify(LENGTHS)
        return
    try:
        garbage.verify(LENGTHS)
    except ValueError:
        return
    # What passes differs from the plan only in ways that keep every promise: more room, or the order of
    # spans.
    spans = sorted(
        zip(*(arrays[n].tolist() for n in ("span_document", "span_start", "span_length")), strict=True)
    )
    tokens = [(document, start + i) for document, start, length in spans for i in range(length)]
    assert len(tokens) == len(set(tokens)) == PLAN.num_tokens


def test_wrong_arrays_are_refused_at_once():
    with pytest.raises(TypeError):
        altered(PLAN, span_start=PLAN.span_start.astype(np.int64))
    with pytest.raises(ValueError, match="span_document must have 1 dimension"):
        altered(PLAN, span_document=PLAN.span_document.reshape(1, -1))
    with pytest.raises(ValueError, match="span_document, span_start and span_length must have one length"):
        altered(PLAN, span_start=PLAN.span_start[1:])


def test_stats():
    plan = pack([4, 2, 2, 8, 3], 8, "next_fit")  # {4 2 2} {8} {3}
    stats = plan.stats
    assert (stats.num_sequences, stats.num_spans, stats.num_tokens, stats.padding_tokens) == (3, 5, 19, 5)
    assert stats.utilization == plan.utilization == 19 / 24
    assert stats.attention_cost == 16 + 4 + 4 + 64 + 9
    assert stats.attention_to_padded == 97 / (5 * 64)
    assert stats.attention_to_concat == 97 / (3 * 64)
    assert stats.mean_context == (6 + 1 + 1 + 28 + 3) / 19
    assert stats.mean_span_length == 19 / 5
    assert (stats.most_spans, stats.lower_bound, stats.l2_bound, stats.excess_sequences) == (3, 3, 3, 0)
    assert pack([5, 5, 5], 8, "pad").stats.l2_bound == 3  # no two share a sequence; by tokens two would do
    logs = np.log([4, 2, 2, 8, 3])
    means = np.repeat([logs[:3].mean(), logs[3], logs[4]], [3, 1, 1])
    assert stats.bias == pytest.approx(means.var() / logs.var())
    assert pack([4, 4, 4], 8, "next_fit").stats.bias == 0.0  # no variance to share


def test_a_store_in_the_place_of_lengths_is_named(tmp_path):
    store = pypack.Ragged.from_rows([[1, 2], [3]])
    with pytest.raises(TypeError, match=r"got a Ragged: pass its \.lengths"):
        pack(store, 8)
