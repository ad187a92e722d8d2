"""The loader's first lines: paths, inputs of transformers models, documents of a step, growing batches."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths

import pypack
from pypack import Loader, Phase, Schedule, Source


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("niceties") / "a.store")


def test_paths_open(source, tmp_path):
    store, plan = source
    plan.save(tmp_path / "a.plan")
    expected = Loader(store, plan, batch_sequences=8).batch_at(3)
    for paths in ((store.path, tmp_path / "a.plan"), (str(store.path), str(tmp_path / "a.plan"))):
        assert Loader(*paths, batch_sequences=8).batch_at(3).input_ids.tolist() == expected.input_ids.tolist()
    with pytest.raises(FileNotFoundError):
        Loader(tmp_path / "none.store", plan, batch_sequences=8)
    with pytest.raises(ValueError, match="a store needs its plan"):
        Loader(store.path, batch_sequences=8)


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_documents_of_a_step_are_those_of_its_batch(source, layout, tmp_path):
    store = make_store(tmp_path / "b.store", web_lengths(200, seed=9))
    several = Source(store, [pypack.pack(store.lengths, 64, "concat"), bucketed(store, [16, 32])])
    selected = Source.select(source[0], 64, where=np.arange(200) % 3 > 0)
    for sources, options in (
        ({"web": selected, "code": Source(*source)}, {"batch_sequences": 6}),
        ({"several": several}, {"batch_tokens": 256}),
    ):
        schedule = Schedule([Phase(steps=30)])
        ranks = [
            Loader(sources, schedule=schedule, rank=r, world_size=2, layout=layout, **options)
            for r in range(2)
        ]
        for step in (0, 7, 29):
            found = set()
            for loader in ranks:
                batch, documents = loader.batch_at(step), loader.documents_at(np.int64(step))
                assert documents.document_ids.tolist() == batch.document_ids.tolist()
                assert documents.source_ids.tolist() == batch.source_ids.tolist()
                assert documents.lengths.tolist() == batch.span_lengths.tolist()
                assert len(documents) == batch.num_spans
                spans = list(documents)
                token = 0
                flat = batch.input_ids[batch.segment_ids > 0]
                for span in spans:
                    text = sources[span.source].store[span.document][span.start : span.start + span.length]
                    assert flat[token : token + span.length].tolist() == text.tolist()
                    token += span.length
                found |= {span[1:] for span in spans}
            assert {span[1:] for span in ranks[0].documents_at(step, all_ranks=True)} == found
    with pytest.raises(IndexError, match="step 30"):
        ranks[0].documents_at(30)


def test_inputs_for_transformers(source):
    torch = pytest.importorskip("torch")
    loader = Loader(*source, batch_sequences=8, layout="varlen")
    inputs = list(loader.for_transformers())
    assert loader.step == len(inputs) == len(loader)
    for step, keywords in enumerate(inputs):
        batch = loader.batch_at(step)
        assert keywords["input_ids"].tolist() == [batch.input_ids.tolist()]
        assert keywords["labels"].tolist() == [batch.labels.tolist()]
        assert keywords["cu_seq_lens_q"].tolist() == batch.cu_seqlens.tolist()
        assert torch.equal(
            keywords["position_ids"] == 0, keywords["seq_idx"].diff(prepend=torch.tensor([[-1]])) != 0
        )
    for wrong, message in (
        ({}, "layout='varlen'"),
        ({"layout": "varlen", "arrays": ["labels"]}, "borders and labels"),
        ({"layout": "varlen", "positions": "row"}, "hides the borders"),
    ):
        with pytest.raises(ValueError, match=message):
            Loader(*source, batch_sequences=8, **wrong).for_transformers()
    with pytest.raises(ValueError, match="layout='varlen'"):
        Loader(*source, batch_sequences=8).batch_at(0).for_transformers()


def test_a_growing_batch(source):
    phase = Phase(tokens=64 * 1000, weights={"a": 1}, batch_sequences=32)
    phases = phase.ramped(8, 3, 64 * 240)
    assert [p.batch_sequences for p in phases] == [8, 16, 24, 32]
    assert sum(p.tokens for p in phases) == phase.tokens
    loader = Loader({"a": Source(*source)}, schedule=Schedule(phases), batch_sequences=1)
    rows = [len(loader.sequences_at(step)) for step in range(loader.num_steps)]
    assert rows == [8] * 10 + [16] * 5 + [24] * 3 + [32] * 24
    for wrong in (
        lambda: Phase(steps=5, batch_sequences=32).ramped(8, 3, 100),
        lambda: phase.ramped(8, 5, 100),
        lambda: phase.ramped(40, 1, 100),
        lambda: phase.ramped(8, 3, 10**9),
    ):
        with pytest.raises(ValueError, match=r"grow|grows"):
            wrong()


def test_counts_tell_what_they_are(source):
    loader = Loader(*source, batch_sequences=8)
    list(loader)
    assert repr(loader.stats).startswith("LoaderStats(15 steps, 7,320 tokens, ")
