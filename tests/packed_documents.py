"""Documents packed by a loader, and what a model must compute on them: what it computes on each alone."""

from __future__ import annotations

import numpy as np
from frameworks import require
from tiny_models import VOCABULARY

import pypack
from pypack import Loader, Ragged, StoreWriter, TokenStore

torch = require("torch")

LENGTHS = [12, 3, 7, 5, 9, 2, 4, 6, 1, 8, 10, 3, 1]
SEQUENCE_LENGTH = 16


def make_documents(lengths=LENGTHS, vocabulary=VOCABULARY):
    generator = np.random.default_rng(1)
    return [generator.integers(1, vocabulary, n).tolist() for n in lengths]


def make_loader(path, documents, vocabulary=VOCABULARY, sequence_length=SEQUENCE_LENGTH, **options) -> Loader:
    """A loader whose epoch is one batch with all documents, unless told otherwise."""
    with StoreWriter(path, vocab_size=vocabulary) as writer:
        writer.append(Ragged.from_rows(documents))
    store = TokenStore.open(path)
    plan = pypack.pack(store.lengths, sequence_length, overflow="error")
    options = {"batch_sequences": plan.num_sequences, **options}
    return Loader(store, plan, **options)


def loss_alone(logits_of, documents):
    """Mean cross entropy over all predicted tokens, one document at a time: what packing must not change.

    `logits_of` maps ids [1, T] to logits [1, T, vocabulary].
    """
    losses = [
        torch.nn.functional.cross_entropy(
            logits_of(torch.tensor([document]))[0, :-1], torch.tensor(document[1:]), reduction="sum"
        )
        for document in documents
        if len(document) > 1
    ]
    return sum(losses) / sum(len(document) - 1 for document in documents)


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same_gradients(model, loss, expected_loss):
    """Both losses, and their gradients in all parameters, within float32's rounding."""
    torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=1e-6)
    model.zero_grad()
    expected_loss.backward()
    expected = gradients(model)
    model.zero_grad()
    loss.backward()
    found = gradients(model)
    assert found.keys() == expected.keys()
    assert expected
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def assert_no_leak(logits_of, input_ids, segments):
    """Changing one token of a document changes no logit of another document, and some of its own.

    `logits_of` maps ids to logits [..., vocabulary]; `segments`: ids of the documents, shaped like the ids.
    """
    with torch.no_grad():
        before = logits_of(input_ids)
        row_and_segment = segments + 1000 * torch.arange(len(segments))[:, None]
        for document in row_and_segment[segments > 0].unique()[:6]:
            inside = row_and_segment == document
            changed = input_ids.clone()
            place = inside.nonzero()[0]
            changed[tuple(place)] = (changed[tuple(place)] + 1) % VOCABULARY
            after = logits_of(changed)
            outside = (segments > 0) & ~inside
            assert torch.equal(after[outside], before[outside])
            assert not torch.equal(after[inside], before[inside])
