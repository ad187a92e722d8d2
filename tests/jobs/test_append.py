"""New inputs for a finished store: what was there stays, and what comes is what one job would have made."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

import pypack
from pypack.corpus import ChangedInputError, CorpusError
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.progress import TokenizeResult
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.reject_limit import TooManyRejectsError
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = TokenizeOptions(keep=("id",), shard_tokens=300)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


def _file(folder: Path, name: str, first: int, count: int = 20) -> str:
    return write(folder / name, _lines(first, count))


def _ids(store: Path) -> list[int]:
    ids: list[int] = TokenStore.open(store).columns(["id"]).column("id").to_pylist()
    return ids


def _shards(store: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree_bytes(store).items() if name[:6].isdigit()}


class _Job:
    """A folder with files, and a store of them."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self.folder, self.tokenizer, self.store = folder, tokenizer, folder / "s"
        self.told: list[str] = []

    def run(
        self, inputs: list[str], *, options: TokenizeOptions = _OPTIONS, append: bool = True, **work: object
    ) -> TokenizeResult:
        return tokenize(
            inputs, self.store, self.tokenizer, options, append=append, on_message=self.told.append,
            **work,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture
def job(tokenizer: Tokenizer, tmp_path: Path) -> _Job:
    return _Job(tmp_path, tokenizer)


def test_new_documents_come_behind_the_others(job: _Job, tokenizer: Tokenizer) -> None:
    a, b = _file(job.folder, "in/a.jsonl", 0), _file(job.folder, "in/b.jsonl", 20)
    job.run([a, b], append=False)
    before = tree_bytes(job.store)
    c = write(job.folder / "in/c.jsonl", _lines(40, 20) + b"bad\n")
    result = job.run([str(job.folder / "in")])
    assert _ids(job.store) == list(range(60))
    assert result.documents == 60
    added = result.appended
    assert added is not None
    assert (added.documents, added.inputs, added.known_inputs) == (20, 1, 2)
    assert added.rejected_by_kind == {"bad_json": 1}
    assert "2 inputs in the store already, passed over" in job.told
    after = tree_bytes(job.store)
    changed = {"store.json", "job.json", "rejected.jsonl"}
    assert {name: data for name, data in after.items() if name in before and name not in changed} == {
        name: data for name, data in before.items() if name not in changed
    }
    store = TokenStore.open(job.store)
    assert store.verify() == []
    assert store.info is not None
    assert store.info.counts["appends"] == 1
    assert store.info.options["inputs"] == [a, b, str(job.folder / "in")]
    # The same once more: nothing is done, and that is told.
    again = job.run([c])
    assert again.appended is not None
    assert (again.appended.inputs, again.appended.known_inputs) == (0, 1)
    assert (again.documents, again.rejected) == (60, 1)
    assert tree_bytes(job.store) == after


@settings(max_examples=max(4, round(4 * SCALE)))
@given(data=st.data())
def test_in_any_number_of_calls(data: st.DataObject, tokenizer: Tokenizer) -> None:
    """Documents, tokens and fingerprints are those of one job over all inputs in the order in which they
    came; so are the bytes of the shards where no unit has files of two calls."""
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    cuts = data.draw(st.sets(st.integers(1, len(sizes) - 1), max_size=2))
    unit_bytes = data.draw(st.sampled_from([150, 1 << 20]))  # of the former each file has more than half
    options = TokenizeOptions(shard_tokens=40, unit_bytes=unit_bytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [
            write(folder / f"{i}.jsonl", _lines(100 * i, size) + b" " * 80 + b"\n")
            for i, size in enumerate(sizes)
        ]
        tokenize(files, folder / "whole", tokenizer, options)
        start = 0
        for stop in [*sorted(cuts), len(files)]:
            tokenize(files[start:stop], folder / "grown", tokenizer, options, append=start > 0)
            start = stop
        whole, grown = TokenStore.open(folder / "whole"), TokenStore.open(folder / "grown")
        assert grown.verify() == []
        assert grown.lengths_fingerprint == whole.lengths_fingerprint
        assert [d.tolist() for d in grown] == [d.tolist() for d in whole]
        if unit_bytes == 150:
            assert _shards(folder / "grown") == _shards(folder / "whole")


def test_twice_is_once_with_both(job: _Job, tokenizer: Tokenizer, tmp_path: Path) -> None:
    files = [_file(tmp_path, f"in/{i}.jsonl", 20 * i) for i in range(3)]
    options = TokenizeOptions(keep=("id",), unit_bytes=100)
    for inputs in ([files[0]], [files[1]], [files[2]]):
        job.run(inputs, options=options, append=inputs[0] != files[0])
    twice = tree_bytes(job.store)
    job.store = tmp_path / "t"
    job.run([files[0]], options=options, append=False)
    job.run(files[1:], options=options)
    once = tree_bytes(job.store)
    # All but the record of how it came about.
    different = {name for name in {*once, *twice} if once.get(name) != twice.get(name)}
    assert different == {"job.json", "store.json"}


def test_plans_and_states_go_on(job: _Job) -> None:
    job.run([_file(job.folder, "a.jsonl", 0, 60)], append=False)
    store = TokenStore.open(job.store)
    plan = pypack.pack(store.lengths, 16)
    loader = pypack.Loader(store, plan, batch_sequences=4)
    steps = [loader.batch_at(k).input_ids.tolist() for k in range(loader.steps_per_epoch)]
    passing = iter(loader)
    next(passing)
    state = loader.state_dict()
    job.run([_file(job.folder, "b.jsonl", 60, 30)])
    grown = TokenStore.open(job.store)
    assert grown.first_fingerprint(60) == plan.lengths_fingerprint
    with pytest.warns(UserWarning, match="is of the first 60 of 90 documents of .* which has grown since"):
        same = pypack.Loader(grown, plan, batch_sequences=4)
    assert [same.batch_at(k).input_ids.tolist() for k in range(same.steps_per_epoch)] == steps
    same.load_state_dict(state)
    assert next(iter(same)).input_ids.tolist() == steps[1]
    longer = pypack.extend_plan(plan, grown.lengths)
    longer.verify(grown.lengths)
    goes_on = pypack.Loader(grown, longer, batch_sequences=4)
    goes_on.load_state_dict(state)
    assert next(iter(goes_on)).input_ids.shape == (4, 16)


def test_inputs_that_changed_are_named(job: _Job) -> None:
    a, b = _file(job.folder, "a.jsonl", 0), _file(job.folder, "b.jsonl", 20)
    job.run([a, b], append=False)
    before = tree_bytes(job.store)
    with Path(a).open("ab") as file:
        file.write(_lines(99, 1))
    os.utime(b)
    c = _file(job.folder, "c.jsonl", 40)
    with pytest.raises(
        CorpusError, match=r"a\.jsonl: has changed \(before [\d,]+ bytes.*b\.jsonl: was written"
    ):
        job.run([a, b, c])
    assert tree_bytes(job.store) == before
    job.run([c])  # absent is as good as unchanged
    Path(a).unlink()
    job.run([_file(job.folder, "d.jsonl", 60)])
    assert _ids(job.store) == list(range(80))


def test_the_same_file_at_another_place(job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job.run([_file(tmp_path, "in/a.jsonl", 0), _file(tmp_path, "in/b.jsonl", 20)], append=False)
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    result = job.run([str(tmp_path / "linked/a.jsonl")])
    assert result.appended is not None
    assert result.appended.known_inputs == 1
    monkeypatch.chdir(tmp_path / "in")
    result = job.run(["./b.jsonl"])
    assert result.appended is not None
    assert result.appended.known_inputs == 1
    (tmp_path / "in").rename(tmp_path / "moved")
    c = _file(tmp_path, "moved/c.jsonl", 40)
    result = job.run([str(tmp_path / "moved")])
    assert result.appended is not None
    assert (result.appended.known_inputs, result.appended.moved_inputs) == (2, 2)
    assert "2 inputs in the store already, passed over, 2 of them at another place before" in job.told
    assert _ids(job.store) == list(range(60))
    # A copy is new, and it is told that it looks like one.
    other = tmp_path / "other/c.jsonl"
    other.parent.mkdir()
    other.write_bytes(Path(c).read_bytes())
    status = Path(c).stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    job.run([str(other)])
    assert len(_ids(job.store)) == 80
    assert any("their documents are in the store twice now" in line for line in job.told)


def test_relative_names_of_another_folder(job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in ("monday", "tuesday"):
        _file(tmp_path, f"{day}/a.jsonl", 0 if day == "monday" else 20)
        monkeypatch.chdir(tmp_path / day)
        job.run(["a.jsonl"], append=day == "tuesday")
    assert _ids(job.store) == list(range(40))
    listed = json.loads((job.store / "job.json").read_text())["files"]
    assert [file[0] for file in listed] == ["a.jsonl", str(tmp_path / "tuesday/a.jsonl")]


def test_options_must_be_those_of_the_store(job: _Job, tmp_path: Path) -> None:
    a, b = _file(tmp_path, "a.jsonl", 0), _file(tmp_path, "b.jsonl", 20)
    with pytest.raises(OutputError, match="holds no finished store; --append adds to one"):
        job.run([a])
    job.run([a], append=False)
    for options, named in (
        (TokenizeOptions(keep=("id",), shard_tokens=301), r"shard_tokens \(before 300, now 301\)"),
        (TokenizeOptions(shard_tokens=300), r"keep \(before also 'id'\)"),
        (TokenizeOptions(keep=("id",), shard_tokens=300, append_eos=False), r"append_eos \(before None"),
    ):
        with pytest.raises(OutputError, match=named):
            job.run([b], options=options)
    definition = json.loads(job.tokenizer.to_json())
    definition["pre_tokenizer"]["add_prefix_space"] = True
    write(tmp_path / "other.json", json.dumps(definition).encode())
    with pytest.raises(OutputError, match=r"the tokenizer \(before "):
        tokenize([b], job.store, Tokenizer.from_file(tmp_path / "other.json"), _OPTIONS, append=True)
    with pytest.raises(OutputError, match="not with overwrite"):
        job.run([b], overwrite=True)
    (job.store / "job.json").unlink()
    with pytest.raises(OutputError, match=r"holds no job\.json, like stores of older versions"):
        job.run([b])


def test_a_store_of_an_older_version_that_lacks_an_option(job: _Job, tmp_path: Path) -> None:
    job.run([_file(tmp_path, "a.jsonl", 0)], append=False)
    path = job.store / "job.json"
    values = json.loads(path.read_text())
    values["job"]["pypack"] = "0.0.9"
    del values["job"]["min_tokens"]
    path.write_text(json.dumps(values))
    job.run([_file(tmp_path, "b.jsonl", 20)])
    assert _ids(job.store) == list(range(40))


def test_a_limit_is_a_limit(job: _Job, tmp_path: Path) -> None:
    options = TokenizeOptions(limit=5)
    job.run([_file(tmp_path, "a.jsonl", 0)], options=options, append=False)
    with pytest.raises(OutputError, match="was made with a limit"):
        job.run([_file(tmp_path, "b.jsonl", 20)], options=options)


def _interrupt(monkeypatch: pytest.MonkeyPatch, job: _Job, inputs: list[str]) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pypack.jobs.run.UnitWork.__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            job.run(inputs)


def test_what_was_begun_is_finished_first(job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job.run([_file(tmp_path, "a.jsonl", 0)], append=False)
    whole = tree_bytes(job.store)
    b = _file(tmp_path, "b.jsonl", 20)
    _interrupt(monkeypatch, job, [b])
    assert {name: data for name, data in tree_bytes(job.store).items() if name != "job.next.json"} == whole
    TokenStore.open(job.store).verify()
    with pytest.raises(OutputError, match="--append has begun there"):
        job.run([b], append=False, retry_rejected=True)
    result = job.run([_file(tmp_path, "c.jsonl", 40)])
    assert _ids(job.store) == list(range(60))
    assert result.appended is not None
    assert (result.appended.inputs, result.appended.documents) == (2, 40)
    assert any("it is finished first" in line for line in job.told)


def test_an_append_that_cannot_go_on_can_be_given_up(
    job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.run([_file(tmp_path, "a.jsonl", 0)], append=False)
    b = _file(tmp_path, "b.jsonl", 20)
    _interrupt(monkeypatch, job, [b])
    os.utime(b, ns=(1, 1))
    with pytest.raises(ChangedInputError, match=r"to give this append up instead, remove .*job\.next\.json"):
        job.run([b])
    (job.store / "units/000001.refused.json").write_text("{}")
    (job.store / "job.next.json").unlink()
    with pytest.raises(OutputError, match="holds units of an append that was given up: pypack gc"):
        job.run([b])
    (job.store / "units/000001.refused.json").unlink()
    job.run([b])
    assert _ids(job.store) == list(range(40))


def test_a_stopped_append_leaves_the_rejects_of_the_store(job: _Job, tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", _lines(0, 20) + b"bad\n")
    job.run([a], append=False)
    log = (job.store / "rejected.jsonl").read_bytes()
    b = write(tmp_path / "b.jsonl", b"worse\n" * 50)
    with pytest.raises(TooManyRejectsError, match=r"rejected\.next\.jsonl"):
        job.run([b], max_rejects="10")
    assert (job.store / "rejected.jsonl").read_bytes() == log
    TokenStore.open(job.store).verify()
    result = job.run([b])
    assert (result.rejected, result.documents) == (51, 20)
    assert not (job.store / "rejected.next.jsonl").exists()
    TokenStore.open(job.store).verify()


def test_mended_files_of_an_append(job: _Job, tmp_path: Path) -> None:
    job.run([_file(tmp_path, "a.jsonl", 0)], append=False)
    b = write(tmp_path / "b.jsonl", _lines(20, 10) + b"bad\n" + _lines(31, 9))
    job.run([b])
    write(tmp_path / "b.jsonl", _lines(20, 20))
    with pytest.raises(CorpusError, match=r"b\.jsonl: (has changed|was written).*--retry-rejected"):
        job.run([b])
    job.run([b], append=False, retry_rejected=True)
    assert _ids(job.store) == [*range(30), *range(31, 40), 30]
    job.run([b, _file(tmp_path, "c.jsonl", 40)])
    assert _ids(job.store)[-21:] == [30, *range(40, 60)]
    store = TokenStore.open(job.store)
    assert store.verify() == []
    assert store.info is not None
    assert store.info.counts["rejected"] == {}
    assert (store.info.counts["appends"], store.info.counts["retries"]) == (2, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_partitions(job: _Job, tokenizer: Tokenizer, tmp_path: Path, count: int) -> None:
    options = TokenizeOptions(keep=("id",), unit_bytes=400)
    files = [_file(tmp_path, f"{i}.jsonl", 20 * i) for i in range(6)]
    job.run(files[:2], options=options, append=False)
    told = TokenStore.open(job.store)
    for i in range(count):
        assert TokenStore.open(job.store).num_documents == told.num_documents
        result = job.run(files, options=options, partition=Partition(i, count))
        assert result.is_finished == (i == count - 1)
    assert _ids(job.store) == list(range(120))
    job.run(files, options=options, partition=Partition(0, 2))  # too late: nothing is left
    whole = _Job(tmp_path / "w", tokenizer)
    whole.run(files, options=options, append=False)
    assert _shards(job.store) == _shards(whole.store)


def test_streams_are_always_new(job: _Job, tmp_path: Path) -> None:
    job.run([_file(tmp_path, "a.jsonl", 0)], append=False)
    for first in (20, 40):
        read, write_end = os.pipe()
        os.write(write_end, _lines(first, 20))
        os.close(write_end)
        job.run([f"/dev/fd/{read}"], format="json_lines")
        os.close(read)
    assert _ids(job.store) == list(range(60))
    TokenStore.open(job.store).verify()


def test_masks_templates_and_groups(tokenizer: Tokenizer, tmp_path: Path) -> None:
    records = RecordOptions(prompt_field="p", completion_fields=("c", "d"))
    options = TokenizeOptions(records=records)
    job = _Job(tmp_path, tokenizer)

    def pairs(name: str, first: int) -> str:
        rows = [{"p": f"ask {i}", "c": f"good {i}", "d": f"bad {i}"} for i in range(first, first + 5)]
        return write(tmp_path / name, json_lines(rows))

    files = [pairs("a.jsonl", 0), pairs("b.jsonl", 5)]
    job.run(files[:1], options=options, append=False)
    job.run(files[1:], options=options)
    grown = TokenStore.open(job.store)
    assert grown.verify() == []
    job.store = tmp_path / "whole"
    job.run(files, options=options, append=False)
    whole = TokenStore.open(job.store)
    assert [d.tolist() for d in grown] == [d.tolist() for d in whole]
    assert all((grown.loss_mask(i) == whole.loss_mask(i)).all() for i in range(len(whole)))
    assert grown.groups is not None
    np.testing.assert_array_equal(grown.groups, whole.groups)
    other = TokenizeOptions(records=RecordOptions(template="{p}"))
    with pytest.raises(OutputError, match="records"):
        job.run(files, options=other)
