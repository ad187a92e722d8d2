"""Masked batches beside transformers' own collator, on the same rows and the same draws."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.trained_byte_level import roberta
from fixtures.trained_word_tokenizers import bert_uncased
from fixtures.training_texts import training_texts
from reference import objective as reference

import pypack
from pypack import Loader, StoreWriter, Tokenizer, TokenStore
from pypack._common.fingerprint import text_key
from pypack.objectives import MaskedLM

UNIT = 2**32
BERT = {"cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "pad": "[PAD]", "unk": "[UNK]"}
ROBERTA = {"cls": "<s>", "sep": "</s>", "mask": "<mask>", "pad": "<pad>", "unk": "<unk>"}


def made(path, tokenizer, names, change=str):
    """A loader's store and plan of real text, and the tokenizer of transformers."""
    transformers = require("torch", "transformers")
    missing = [name for name in names.values() if tokenizer.token_to_id(name) is None]
    tokenizer.add_special_tokens(missing)
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{role}_token": name for role, name in names.items()}
    )
    ours = Tokenizer.from_huggingface(theirs)
    texts = [change(text) for text in training_texts() if text.strip()][:80]
    cls, sep = (tokenizer.token_to_id(names[role]) for role in ("cls", "sep"))
    with StoreWriter(
        path, vocab_size=ours.vocab_size, prepend_ids=[cls], append_id=sep, tokenizer=ours
    ) as writer:
        writer.append(ours.encode_batch(texts))
    store = TokenStore.open(path)
    return store, pypack.pack(store.lengths, 128), theirs, texts


class Draws:
    """The draws of a definition in the places of a batch, given to the collator instead of its own."""

    def __init__(self, loader, batch, rate, replace, vocab_size, *, words=False):
        shape = batch.input_ids.shape
        # Of a single token one number says whether it is chosen and what becomes of it.
        purposes = (reference.KIND, reference.KIND_TIE) if words else (reference.CHOOSE, reference.TIE)
        self.vocab_size = vocab_size
        self.chosen = np.zeros(shape, bool)
        self.kinds, self.words = np.ones(shape), np.zeros(shape, np.int64)
        seed_key = reference.source_key(loader.seed, text_key("objective\0\x000"))
        for row, sequence in enumerate(loader.sequences_at(batch.step).tolist()):
            end = 0
            first, last = batch.row_spans[row : row + 2].tolist()
            for number, length in enumerate(batch.span_lengths[first:last].tolist()):
                key = reference.span_key(seed_key, 0, sequence, number)
                for place in range(length):
                    self.chosen[row, end + place] = reference.is_chosen(key, place, round(rate * UNIT))
                    number = reference.number(key, place, purposes)
                    self.kinds[row, end + place] = number / (UNIT if words else rate * UNIT)
                    bits = reference.draw(key, reference.REPLACE, place)
                    self.words[row, end + place] = (bits >> 32) * vocab_size >> 32
                end += length
        self.asked = [self.chosen, self.kinds < replace[0], self.kinds < replace[0] + replace[1]]

    def bernoulli(self, probabilities, generator=None):
        import torch

        answer = torch.from_numpy(self.asked.pop(0).astype(np.float32))
        return torch.where(probabilities > 0, answer, 0.0)

    def randint(self, high, shape, **_):
        import torch

        assert high == self.vocab_size
        return torch.from_numpy(self.words)


def collated(theirs, draws, inputs, special, **options):
    """What the collator makes of the rows with these draws."""
    import torch
    from transformers import DataCollatorForLanguageModeling

    offsets = options.pop("offset_mapping", None)
    collator = DataCollatorForLanguageModeling(theirs, mlm=True, **options)
    with (
        mock.patch.object(torch, "bernoulli", draws.bernoulli),
        mock.patch.object(torch, "randint", draws.randint),
    ):
        found = collator.torch_mask_tokens(
            torch.from_numpy(inputs.copy()), torch.from_numpy(special), offset_mapping=offsets
        )
    return [tensor.numpy() for tensor in found]


def special_places(theirs, plain):
    special = np.array(
        [
            theirs.get_special_tokens_mask(row, already_has_special_tokens=True)
            for row in plain.input_ids.tolist()
        ]
    )
    return special.astype(bool) | (plain.segment_ids == 0)


@pytest.mark.parametrize("replace", [(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.5, 0.25, 0.25)])
def test_batches_are_those_of_the_collator(tmp_path, replace):
    store, plan, theirs, _ = made(tmp_path / "a.store", bert_uncased(), BERT)
    loader = Loader(store, plan, batch_sequences=4, objective=MaskedLM(0.3, replace))
    plain = Loader(store, plan, batch_sequences=4)
    assert sorted(loader.objective.special_ids.tolist()) == sorted(theirs.all_special_ids)
    for step in range(3):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        draws = Draws(loader, batch, 0.3, replace, len(theirs))
        inputs, labels = collated(
            theirs, draws, before.input_ids, special_places(theirs, before), mlm_probability=0.3,
            mask_replace_prob=replace[0], random_replace_prob=replace[1],
        )  # fmt: skip
        np.testing.assert_array_equal(batch.input_ids, inputs)
        np.testing.assert_array_equal(batch.labels, labels)
        assert 0.2 < (labels != -100).sum() / batch.tokens < 0.35


def test_whole_words_are_those_of_the_collator(tmp_path):
    """Which finds words by the offsets of their tokens; a byte-level vocabulary says the same."""
    store, plan, theirs, texts = made(tmp_path / "a.store", roberta(), ROBERTA)
    options = {"rate": 0.3, "replace": (1.0, 0.0, 0.0)}
    loader = Loader(store, plan, batch_sequences=4, objective=MaskedLM(whole_word=True, **options))
    plain = Loader(store, plan, batch_sequences=4)
    offsets = []
    for i, text in enumerate(texts):
        found = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
        assert found["input_ids"] == store[i][1:-1].tolist()
        # Offsets without the blank that a token begins with, as those tokenizers trim them that are used so.
        trimmed = [(a + len(text[a:b]) - len(text[a:b].lstrip()), b) for a, b in found["offset_mapping"]]
        offsets.append([(0, 0), *trimmed, (0, 0)])
    words = 0
    for step in range(3):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        rows = np.zeros((*before.input_ids.shape, 2), np.int64)
        special = special_places(theirs, before)
        for row, spans in enumerate(loader.sequences_at(step).tolist()):
            place = 0
            for span in plan[spans] if spans >= 0 else ():
                part = offsets[span.document][span.start : span.start + span.length]
                rows[row, place : place + span.length] = np.array(part) + 10_000 * place
                place += span.length
        draws = Draws(loader, batch, 0.3, (1.0, 0.0, 0.0), len(theirs), words=True)
        inputs, labels = collated(
            theirs, draws, before.input_ids, special, mlm_probability=0.3, whole_word_mask=True,
            mask_replace_prob=1.0, random_replace_prob=0.0, offset_mapping=rows,
        )  # fmt: skip
        np.testing.assert_array_equal(batch.input_ids, inputs)
        np.testing.assert_array_equal(batch.labels, labels)
        both = (labels[:, 1:] != -100) & (labels[:, :-1] != -100)
        words += both.sum()
    assert words > 50


def test_word_starts_of_a_wordpiece_vocabulary(tmp_path):
    new_words = {"change": lambda text: text[::-1]}
    store, plan, theirs, _ = made(tmp_path / "a.store", bert_uncased(), BERT, **new_words)
    loader = Loader(store, plan, batch_sequences=4, objective=MaskedLM(0.3, whole_word=True))
    names = theirs.convert_ids_to_tokens(list(range(len(theirs))))
    starts = {i for i, name in enumerate(names) if not name.startswith("##")}
    assert set(loader.objective.whole_word.tolist()) == starts
    batch, plain = loader.batch_at(0), Loader(store, plan, batch_sequences=4).batch_at(0)
    inside = (plain.segment_ids[:, 1:] == plain.segment_ids[:, :-1]) & (plain.segment_ids[:, 1:] > 0)
    goes_on = inside & ~np.isin(plain.input_ids[:, 1:], sorted(starts))
    chosen = batch.labels != -100
    assert goes_on.sum() > 20
    assert (chosen[:, 1:] == chosen[:, :-1])[goes_on].all()


def test_electra_counts(tmp_path):
    """As many draws as its code makes of a length, so many places at most, nearly all of them different."""
    store, plan, *_ = made(tmp_path / "a.store", bert_uncased(), BERT)
    batch = Loader(store, plan, batch_sequences=8, objective=MaskedLM(mode="electra")).batch_at(0)
    for row, (first, last) in enumerate(zip(batch.row_spans[:-1], batch.row_spans[1:], strict=True)):
        end = 0
        for length in batch.span_lengths[first:last].tolist():
            chosen = (batch.labels[row, end : end + length] != -100).sum()
            assert 1 <= chosen <= max(1, round(0.15 * length))
            end += length
    # int((0.15 + 0.005) * 128) and so on, which its code takes as the most.
    assert [reference.counted_draws(n, 0.15, int(0.155 * n)) for n in (128, 512)] == [19, 77]
    assert [int((0.15 + 0.005) * n) for n in (128, 512)] == [19, 79]


def test_packed_rows_have_the_loss_of_documents_alone(tmp_path):
    """In transformers' own model: no document sees a masked or an unmasked token of another."""
    torch = require("torch")
    transformers = require("transformers")
    store, plan, theirs, _ = made(tmp_path / "a.store", bert_uncased(), BERT)
    config = transformers.BertConfig(
        vocab_size=len(theirs), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=128, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.BertForMaskedLM(config)
    batch = Loader(store, plan, batch_sequences=3, objective=MaskedLM(0.3)).batch_at(0).to_torch()
    same = batch.segment_ids[:, None, :, None] == batch.segment_ids[:, None, None, :]
    packed = model(
        batch.input_ids, attention_mask=same, position_ids=batch.position_ids, labels=batch.labels
    ).loss
    total = torch.zeros(())
    for row in range(batch.num_rows):
        for segment in range(1, int(batch.segment_ids[row].max()) + 1):
            items = batch.segment_ids[row] == segment
            logits = model(batch.input_ids[row, items][None]).logits[0]
            labels = batch.labels[row, items]
            total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum", ignore_index=-100)
    torch.testing.assert_close(packed, total / (batch.labels != -100).sum())
