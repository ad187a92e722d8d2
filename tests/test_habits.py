"""What users of Python try first: lengths, indices, frames, equality, hashes, configurations, help."""

from __future__ import annotations

import json
import logging
import os
import pickle
import pydoc
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_source, make_store

import pypack
from pypack import Loader, Phase, Ragged, Schedule, ShapeCycle


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("habits") / "a.store")


def test_a_plan_is_a_sequence_of_spans(source):
    plan = source[1]
    assert len(plan) == plan.num_sequences == len(list(plan))
    spans = plan[3]
    first, last = plan.sequence_offsets[3:5].tolist()
    assert [span.document for span in spans] == plan.span_document[first:last].tolist()
    assert [span.start for span in spans] == plan.span_start[first:last].tolist()
    assert [span.length for span in spans] == plan.span_length[first:last].tolist()
    assert plan[-1] == plan[len(plan) - 1] == list(plan)[-1]
    assert plan[2:5] == [plan[2], plan[3], plan[4]]
    assert plan[[5, 0]] == [plan[5], plan[0]]
    assert plan[np.arange(len(plan)) == 4] == [plan[4]]
    with pytest.raises(IndexError, match=f"sequence {len(plan)} of a plan of {len(plan)} sequences"):
        plan[len(plan)]
    with pytest.raises(TypeError, match="chosen by a whole number"):
        plan[1.0]


def test_frames(source, tmp_path):
    pa = pytest.importorskip("pyarrow")
    store, plan = source
    table = plan.to_arrow()
    assert table.num_rows == len(plan)
    assert table["documents"].to_pylist() == [[span.document for span in spans] for spans in plan]
    assert table["lengths"].to_pylist() == [[span.length for span in spans] for spans in plan]
    assert table["capacity"].to_pylist() == plan.sequence_capacity.tolist()
    ragged = Ragged.from_rows([[1, 2], [], [3]])
    assert ragged.to_arrow()["input_ids"].to_pylist() == [[1, 2], [], [3]]
    documents = store.to_arrow()
    assert documents.column_names == ["input_ids"]
    assert documents["input_ids"].to_pylist() == [document.tolist() for document in store]
    both = pypack.TokenStore.open([store, store]).to_arrow()
    assert both["input_ids"].to_pylist() == 2 * documents["input_ids"].to_pylist()
    with pypack.StoreWriter(tmp_path / "kept.store", vocab_size=9) as writer:
        writer.append(ragged, pa.record_batch({"id": ["x", "y", "z"]}))
    kept = pypack.TokenStore.open(tmp_path / "kept.store")
    assert kept.to_arrow().to_pydict() == {"input_ids": [[1, 2], [], [3]], "id": ["x", "y", "z"]}
    assert kept.to_arrow([]).column_names == ["input_ids"]
    with pytest.raises(ValueError, match="no column 'name'"):
        kept.to_arrow(["name"])


def test_pandas_and_polars():
    ragged = Ragged.from_rows([[1, 2], [3]])
    require("pandas")
    assert [row.tolist() for row in ragged.to_pandas()["input_ids"]] == [[1, 2], [3]]
    require("polars")
    assert ragged.to_polars()["input_ids"].to_list() == [[1, 2], [3]]


def test_batches_print_compare_and_unpack(source):
    loader = Loader(*source, batch_sequences=4)
    batch = loader.batch_at(0)
    assert repr(batch).startswith("PackedBatch(step 0, epoch 0, padded, arrays of 4 x 64 items: ")
    assert len(repr(batch)) < 200
    assert batch.shape == batch.input_ids.shape == (4, 64)
    varlen = Loader(*source, batch_sequences=4, layout="varlen").batch_at(0)
    assert varlen.shape == varlen.input_ids.shape
    assert loader.plan.stats.tokens == loader.plan.stats.num_tokens == loader.plan.num_tokens
    assert batch == loader.batch_at(0)
    assert batch == pickle.loads(pickle.dumps(batch))
    assert batch != loader.batch_at(1)
    assert batch != Loader(*source, batch_sequences=4, layout="varlen").batch_at(0)
    assert batch != 3
    named = dict(batch)
    assert named.keys() == batch.to_dict().keys()
    np.testing.assert_array_equal(batch["input_ids"], batch.input_ids)
    assert "labels" in batch
    assert "loss_mask" not in batch
    assert (lambda **arrays: set(arrays))(**batch) == set(named)
    with pytest.raises(KeyError, match="'loss_mask': the batch has input_ids, labels"):
        batch["loss_mask"]
    with pytest.raises(TypeError):
        iter(batch)
    with pytest.raises(TypeError, match="unhashable"):
        hash(batch)


def test_batches_of_tensors_are_equal(source):
    require("torch")
    loader = Loader(*source, batch_sequences=4)
    assert loader.batch_at(0).to_torch() == loader.batch_at(0)
    assert loader.batch_at(0).to_torch() != loader.batch_at(1).to_torch()
    assert loader.batch_at(0).to_torch().shape == (4, 64)
    assert "tensors of 4 x 64" in repr(loader.batch_at(0).to_torch())


def test_phases_and_schedules_are_keys():
    def phase(weight):
        return Phase(steps=3, weights={"a": weight, "b": 2}, shapes=ShapeCycle([64, 32], [[2, 1], [1]]))

    one, same = phase(1), phase(1.0)
    assert one == same
    assert hash(one) == hash(same)
    assert hash(one) != hash(phase(3))
    reordered = Phase(steps=3, weights={"b": 2, "a": 1}, shapes=one.shapes)
    assert {one: "x"}[reordered] == "x"
    assert {Schedule([one]): 1}[Schedule([same])] == 1


class Config(Mapping):
    """A mapping that is no dict, as OmegaConf's are; its lists are no lists."""

    def __init__(self, values):
        self._values = values

    def __getitem__(self, name):
        return _configured(self._values[name])

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)


class ConfigList(Sequence):
    def __init__(self, values):
        self._values = values

    def __getitem__(self, index):
        return _configured(self._values[index])

    def __len__(self):
        return len(self._values)


def _configured(value):
    if isinstance(value, dict):
        return Config(value)
    return ConfigList(value) if isinstance(value, list) else value


PLAIN = {
    "phases": [
        {"steps": 3, "weights": {"a": 1, "b": 0.5}, "max_epochs": {"a": 2}},
        {"tokens": 1e6, "shapes": {"long": [32, 64], "short": [[2, 1], [1]]}},
        {"steps": 2, "curriculum": {"16": 2.0, "32": 1}, "length_shares": {"16": 1, "32": 2}},
    ],
    "total_steps": 10,
}


@pytest.mark.parametrize("kind", ["mappings", "omegaconf"])
def test_configurations(kind):
    config = Config(PLAIN) if kind == "mappings" else require("omegaconf").OmegaConf.create(PLAIN)
    expected = Schedule.from_dict(PLAIN)
    schedule = Schedule.from_dict(config)
    assert schedule == expected
    assert schedule.fingerprint == expected.fingerprint
    json.dumps(schedule.to_dict())
    assert pickle.loads(pickle.dumps(schedule)) == expected
    phases = [Phase(**phase) for phase in config["phases"]]
    assert tuple(phases) == expected.phases
    assert isinstance(phases[1].shapes, ShapeCycle)


def test_packers_print_and_pickle():
    packer = pypack.StreamPacker(8, buffer_documents=1, buffer_tokens=1)
    expected = pypack.StreamPacker(8, buffer_documents=1, buffer_tokens=1)
    for one in (packer, expected):
        list(one.add([1, 2, 3]))
    again = pickle.loads(pickle.dumps(packer))
    assert repr(again) == repr(packer)
    assert "StreamPacker(sequence_length=8" in repr(packer)
    given = [s.input_ids.tolist() for s in again.add([4, 5, 6, 7, 8, 9, 10])]
    assert given == [s.input_ids.tolist() for s in expected.add([4, 5, 6, 7, 8, 9, 10])]


def test_statistics_print(source):
    loader = Loader(*source, batch_sequences=4)
    next(iter(loader))
    assert repr(loader.stats).startswith("LoaderStats(1 steps, ")


def test_first_mistakes_are_told_in_words(source):
    store, _plan = source
    with pytest.raises(TypeError, match=r"got a TokenStore: pass its \.lengths"):
        pypack.pack(store, 8)
    with pytest.raises(IndexError, match="step -1 of an endless loader: steps count from 0, and not back"):
        Loader(*source, batch_sequences=4).batch_at(-1)
    with pytest.raises(TypeError, match="a document is chosen by a whole number"):
        store[1.0]


def test_help_begins_with_what_users_need():
    text = pydoc.render_doc(pypack, renderer=pydoc.plaintext)
    before_modules = text[: text.index("PACKAGE CONTENTS")]
    for name in ("tokenize", "pack", "Loader", "TokenStore", "Schedule", "pypack's own"):
        assert name in before_modules


def test_tokenizing_in_one_call(tmp_path, tiny_tokenizer_file):
    (tmp_path / "a.jsonl").write_text('{"text": "a b", "id": 1}\n{"text": "b"}\n{"no": 1}\n')
    with pytest.warns(UserWarning, match=r"1 document or file was rejected \(1 .*rejected\.jsonl"):
        store = pypack.tokenize(tmp_path / "a.jsonl", tmp_path / "a.store", tiny_tokenizer_file, keep="id")
    assert len(store) == 2
    assert store.columns()["id"].to_pylist() == [1, None]
    tokenizer = pypack.Tokenizer.from_file(tiny_tokenizer_file)
    with pytest.warns(UserWarning, match="1 document or file was rejected"):
        again = pypack.tokenize(
            [str(tmp_path / "a.jsonl")], tmp_path / "again.store", tokenizer, field="text"
        )
    assert [document.tolist() for document in again] == [document.tolist() for document in store]
    with pytest.raises(TypeError, match="nonsense"):
        pypack.tokenize(tmp_path / "a.jsonl", tmp_path / "b.store", tokenizer, nonsense=1)


@pytest.fixture
def tiny_tokenizer_file(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_what_is_taken_over_from_a_grown_store_is_logged(tmp_path, caplog):
    lengths = [8] * 40
    plan = pypack.pack(lengths[:20], 8, "pad")
    old = make_store(tmp_path / "old.store", lengths[:20])
    state = Loader(old, plan, batch_sequences=4).state_dict(2)
    new = make_store(tmp_path / "new.store", lengths)
    with caplog.at_level(logging.INFO, logger="pypack"):
        Loader(new, pypack.extend_plan(plan, lengths), batch_sequences=4).load_state_dict(state)
    assert "has grown" in caplog.text


WRONG = {
    'pypack.Loader("a", "b", batch_tokens=8, layout="padd")': "layout",
    'pypack.Loader("a", "b", batch_tokens=8, tail="warp")': "tail",
    'pypack.Loader("a", "b", batch_tokens=8, balance="ltp")': "balance",
    'pypack.Loader("a", "b", batch_tokens=8, remainder="pads")': "remainder",
    'pypack.Loader("a", "b", batch_tokens=8, dtype="int16")': "dtype",
    'pypack.pack([1], 8, "best-fit")': "pack",
    'pypack.pack([1], 8, overflow="cut")': "pack",
    'pypack.StreamPacker(8, overflow="cut")': "StreamPacker",
    'pypack.prepack([[1]], strategy="stream")': "prepack",
    'pypack.prepack([[1]], layout="var")': "prepack",
    'pypack.balance([1.0], 1, strategy="ltp")': "balance",
    'pypack.Phase(steps=1, on_limit="go")': "Phase",
    'pypack.Phase(steps=1, sampler="s")': "Phase",
    'pypack.Phase(steps=1, weights_by="rows")': "Phase",
    'pypack.Phase(steps=1, curriculum="grow")': "Phase",
    'pypack.best_fit.best_fit_documents([1], 8, overflow="cut")': "best_fit_documents",
}


def test_type_checkers_refuse_what_no_choice_is(tmp_path):
    require("mypy")
    lines = ["import pypack", "import pypack.best_fit", *WRONG]
    (tmp_path / "wrong.py").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--no-incremental", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(Path(pypack.__file__).parents[1])},
        check=False,
    )
    for number, name in enumerate(WRONG.values(), start=3):
        assert f"wrong.py:{number}: error" in done.stdout, (name, done.stdout + done.stderr)
