"""The online packer: equal to the offline strategy, and resumable at every document."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from fixtures.packing_jobs import jobs, sequences_of
from hypothesis import given
from hypothesis import strategies as st
from reference.pack import piece_bytes

from pypack.packing.packing import pack
from pypack.packing.stream_packer import StreamPacker
from pypack.plan.plan import PlanCounts


def documents_of(lengths):
    """Documents whose tokens tell where they are from: document * 1000 + position."""
    return [np.arange(length, dtype=np.uint32) + 1000 * d for d, length in enumerate(lengths)]


def spans_of(sequence):
    lengths = np.diff(sequence.cu_seqlens).tolist()
    spans = list(zip(sequence.documents.tolist(), sequence.starts.tolist(), lengths, strict=True))
    tokens = [1000 * document + start + i for document, start, length in spans for i in range(length)]
    assert sequence.input_ids.tolist() == tokens
    return spans


@given(job=jobs(), buffer_documents=st.integers(1, 10))
def test_equal_to_the_offline_strategy(job, buffer_documents):
    lengths, limit, options = job
    plan = pack(lengths, limit, "stream", buffer_documents=buffer_documents, **options)
    packer = StreamPacker(limit, buffer_documents=buffer_documents, **options)
    assert [spans_of(s) for s in packer.pack(documents_of(lengths))] == sequences_of(plan)
    assert packer.counts == plan.counts
    assert packer.num_buffered_documents == packer.num_buffered_tokens == 0


@given(job=jobs(), data=st.data())
def test_resumes_at_every_document(job, data):
    lengths, limit, options = job
    stop = data.draw(st.integers(0, len(lengths)))
    options |= {"buffer_documents": 5, "buffer_tokens": 0}
    documents = documents_of(lengths)
    first = StreamPacker(limit, **options)
    for document in documents[:stop]:
        first.add(document)
    state = pickle.loads(pickle.dumps(first.state_dict()))

    second = StreamPacker(limit, **options)
    second.add([1] * limit if limit < 3 else [1, 2])  # forgotten when the state is loaded
    second.load_state_dict(state)
    rest = [[spans_of(s) for s in packer.pack(documents[stop:])] for packer in (first, second)]
    assert rest[0] == rest[1]
    assert first.counts == second.counts


def test_delay_is_bounded_by_the_buffer():
    lengths = np.random.default_rng(0).integers(1, 300, 2000).tolist()
    packer = StreamPacker(512, buffer_documents=50, buffer_tokens=1)
    for document in documents_of(np.minimum(lengths, 999)):
        packer.add(document)
        assert packer.num_buffered_documents < 50


def test_add_takes_lists_and_copies_what_it_keeps():
    packer = StreamPacker(8, buffer_documents=2, buffer_tokens=0)
    ids = np.array([1, 2, 3], np.int64)
    assert packer.add(ids) == []
    ids[:] = 9
    assert packer.add([]) == []
    (sequence,) = packer.add([4, 5, 6, 7, 8])
    assert sequence.input_ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sequence.documents.tolist() == [0, 2]
    assert packer.counts == PlanCounts(3, 8, 1, 0, 0, 0, 0, 0)
    assert packer.flush() == []


def buffered_pieces(packer):
    return list(zip(*(column.tolist() for column in packer._packer.buffered()), strict=True))


def arrays_size(state):
    return sum(value.nbytes for value in state.values() if isinstance(value, np.ndarray))


@given(job=jobs(), skipped=st.lists(st.integers(0, 200), max_size=20), largest_id=st.integers(0, 2**32 - 1))
def test_the_state_is_written_as_defined(job, skipped, largest_id):
    lengths, limit, options = job
    packer = StreamPacker(limit, buffer_documents=1000, **options)
    for length, empty in itertools.zip_longest(lengths, skipped, fillvalue=0):
        packer.add(np.full(length, largest_id, np.uint32))
        for _ in range(empty):
            packer.add([])
    state = packer.state_dict()
    written = piece_bytes(buffered_pieces(packer), packer.counts.documents, limit)
    assert state["pieces"].tolist() == written
    ids = list(largest_id.to_bytes(4, "little"))[: state["ids"].shape[1]]
    assert state["ids"].tolist() == [ids] * packer.num_buffered_tokens
    if packer.num_buffered_tokens:
        assert state["ids"].shape[1] == max(1, (largest_id.bit_length() + 7) // 8)


@given(
    lengths=st.lists(st.one_of(st.integers(8, 30), st.integers(0, 3000)), min_size=1, max_size=80),
    limit=st.sampled_from([16, 256, 1024]),
    first=st.sampled_from([0, 5, 300]),
    overflow=st.sampled_from(["split", "truncate", "drop"]),
    vocabulary=st.sampled_from([2**16, 2**24]),
)
def test_the_state_is_no_larger_than_the_buffered_ids(lengths, limit, first, overflow, vocabulary):
    packer = StreamPacker(limit, overflow=overflow)
    for length in [0] * first + lengths:
        packer.add(np.full(length, vocabulary - 1, np.uint32))
        if packer.num_buffered_tokens >= 8 * packer.num_buffered_documents:
            held = sum(ids.nbytes for ids in packer._waiting.values())
            assert held == 4 * packer.num_buffered_tokens
            assert arrays_size(packer.state_dict()) <= held


def test_the_size_of_a_state_on_web_lengths():
    rng = np.random.default_rng(0)
    packer = StreamPacker(2048)
    for length in np.minimum(rng.lognormal(6.2, 1.25, 3000).astype(int) + 1, 10**5):
        packer.add(rng.integers(0, 50257, length, dtype=np.uint32))
    assert packer.num_buffered_documents > 900
    state = packer.state_dict()
    assert len(state["pieces"]) < 5 * packer.num_buffered_documents
    assert arrays_size(state) < 0.51 * 4 * packer.num_buffered_tokens


def test_bad_states_are_refused_and_change_nothing():
    packer = StreamPacker(8)
    packer.add([1, 2, 3])
    state = packer.state_dict()

    def pieces(*values):
        return {"pieces": np.array(values, np.uint8)}

    broken = [
        ({"version": 1}, "state version 1 is not 2"),
        ({"options": {**state["options"], "align": 2}}, "make a packer with the options of the state"),
        ({"ids": np.zeros((2, 1), np.uint8)}, "damaged state: 2 ids for pieces of 3 tokens"),
        ({"ids": np.zeros(3, np.uint8)}, r"ids are uint8 \[tokens, 1 to 4\], not uint8 \[3\]"),
        ({"ids": np.zeros((3, 1), np.uint32)}, "not uint32"),
        ({"ids": np.zeros((3, 5), np.uint8)}, r"not uint8 \[3, 5\]"),
        (pieces(2), "damaged pieces: they end within a number"),
        (pieces(2, 128), "damaged pieces: they end within a number"),
        (pieces(2, 0), "byte 1 ends a length that is not from 1 to 8"),
        (pieces(2, 9), "byte 1 ends a length that is not from 1 to 8"),
        (pieces(0, 3), "byte 0 ends a gap between documents that is not from 2 to 3"),
        (pieces(4, 3), "byte 0 ends a gap"),
        (pieces(3, 3, 0), "byte 2 ends a start in sequences that is not from 1 to"),
        (pieces(2, 3, 2, 3), "byte 2 ends a gap"),
        (pieces(*[255] * 20), "byte 7 ends a gap"),
        ({"pieces": np.array([[2, 3]], np.uint8)}, "pieces must have 1 dimension"),
        ({"counts": {}}, "counts: 'documents' is missing"),
        ({"counts": [1]}, "the state: field 'counts' must be a dict"),
        ({"counts": {**state["counts"], "tokens": "1"}}, "field 'counts.tokens' must be a int"),
        ({"counts": {**state["counts"], "tokens": -1}}, "field 'counts.tokens' must be"),
        ({"counts": {**state["counts"], "documents": 2**64}}, "field 'counts.documents' must be"),
        ({"counts": {**state["counts"], "\ud800": 4}}, "the state: field .* is unknown"),
        ({"options": None}, "field 'options' must be a dict"),
    ]
    for change, message in broken:
        with pytest.raises(ValueError, match=message):
            packer.load_state_dict({**state, **change})
    for name in ("options", "counts", "pieces", "ids"):
        with pytest.raises(ValueError, match=f"the state: field '{name}' is missing"):
            packer.load_state_dict({key: value for key, value in state.items() if key != name})
    for value in (None, [], "state"):
        with pytest.raises(ValueError, match="the state: must be a dict"):
            packer.load_state_dict(value)
    with pytest.raises(TypeError):
        packer.load_state_dict({**state, "pieces": state["pieces"].astype(np.int64)})
    (sequence,) = packer.flush()
    assert sequence.input_ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ([1.5], TypeError, "token ids must be integers, got float64"),
        ([3, -1], ValueError, r"token ids must be from 0 to 2\^32-1, got -1 to 3"),
        (np.array([2**32]), ValueError, "token ids must be from 0"),
        ([[1, 2]], ValueError, r"a document is a vector of token ids, got shape \(1, 2\)"),
    ],
)
def test_what_is_no_token_id_is_refused(document, error, message):
    packer = StreamPacker(8)
    with pytest.raises(error, match=message):
        packer.add(document)
    assert packer.counts.documents == 0


def test_overlong_document_is_refused_and_changes_nothing():
    packer = StreamPacker(4, overflow="error")
    packer.add([1, 2])
    with pytest.raises(ValueError, match="document 1 has 5 tokens"):
        packer.add([1, 2, 3, 4, 5])
    packer.add([3, 4])
    (sequence,) = packer.flush()
    assert sorted(sequence.input_ids.tolist()) == [1, 2, 3, 4]
    assert sorted(sequence.documents.tolist()) == [0, 1]


def test_a_packer_is_pickled_and_shown():
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 1000, n).astype(np.uint32) for n in rng.integers(1, 200, 300)]
    packer = StreamPacker(128, buffer_documents=20)
    for document in documents[:150]:
        packer.add(document)
    copy = pickle.loads(pickle.dumps(packer))
    assert repr(copy) == repr(packer)
    assert repr(packer).startswith("StreamPacker(sequence_length=128, overflow='split'")
    rest = [[s.input_ids.tolist() for s in one.pack(documents[150:])] for one in (packer, copy)]
    assert rest[0] == rest[1]
    assert copy.counts == packer.counts
