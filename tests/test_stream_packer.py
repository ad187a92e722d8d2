"""The online packer: equal to the offline strategy, and resumable at every document."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_packing import jobs, sequences_of

from pypack.packing import pack
from pypack.plan import PlanCounts
from pypack.stream_packer import StreamPacker


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
    size = sum(value.nbytes for value in state.values() if isinstance(value, np.ndarray))
    assert size == 4 * first.num_buffered_tokens + 16 * first.num_buffered_documents

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


def test_bad_states_are_refused_and_change_nothing():
    packer = StreamPacker(8)
    packer.add([1, 2, 3])
    state = packer.state_dict()
    broken = [
        ({"version": 2}, "state version 2 is not 1"),
        ({"options": {**state["options"], "align": 2}}, "make a packer with the options of the state"),
        ({"ids": np.zeros(2, np.uint32)}, "damaged state: 2 ids for lengths that sum to 3"),
        ({"lengths": np.array([-1], np.int32), "ids": np.zeros(0, np.uint32)}, "damaged state"),
        ({"starts": np.array([-3], np.int32)}, "buffered piece 0 has length 3 and start -3"),
        ({"counts": {}}, "counts: 'documents' is missing"),
    ]
    for change, message in broken:
        with pytest.raises(ValueError, match=message):
            packer.load_state_dict({**state, **change})
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
