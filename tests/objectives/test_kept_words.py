"""Whole words whose borders the stores keep: against the definition, and beside words of the vocabulary."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.loader_data import make_store, web_lengths
from fixtures.trained_tokenizers import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import objective as reference

import pypack
from pypack import Loader, Ragged, Source, StoreWriter, TokenStore
from pypack._common.fingerprint import text_key
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.objectives import MaskedLM, ReplacedTokens
from pypack.store.beside import MASK, WORDS

UNIT = 2**32
PLAIN = {"mask_id": 999, "special_ids": [7, 8], "vocab_size": 1000}


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[list[int]], list[list[bool]], list[list[bool]]]:
    """Documents, where their words begin, and what of them is learned."""
    lengths = draw(st.lists(st.integers(1, 200), min_size=1, max_size=5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    often = draw(st.sampled_from([0.02, 0.3, 0.9]))
    documents = [random.integers(0, 20, n).tolist() for n in lengths]
    words = [[i == 0 or one for i, one in enumerate(random.random(n) < often)] for n in lengths]
    learned = [(random.random(n) < draw(st.sampled_from([0.7, 1.0]))).tolist() for n in lengths]
    return documents, words, learned


def written(path: Path, documents, words, learned=None, **options) -> TokenStore:
    kinds = [WORDS] if learned is None else [WORDS, MASK]

    def flat(lists):
        return np.array([one for row in lists for one in row], np.bool_)

    more = {} if learned is None else {"learned": flat(learned)}
    with StoreWriter(path, vocab_size=1000, beside=kinds, **options) as writer:
        writer.append(Ragged.from_rows(documents), words=flat(words), **more)
    return TokenStore.open(path)


def definition(tokens, labels, begins, key, chance, by, never):
    """As `reference.objective.masked_tokens`, with words that begin where flags say."""
    inputs, learned, chosen = list(tokens), [-100] * len(tokens), False
    for place, token in enumerate(tokens):
        alone = place == 0 or token in never or tokens[place - 1] in never
        if alone or begins[place]:
            chosen = reference.is_chosen(key, place, chance)
        if chosen and token not in never and labels[place] != -100:
            learned[place] = token
            inputs[place] = by.at(key, place, token)
    return inputs, learned


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # the loader without an objective
@settings(max_examples=int(25 * SCALE))
@given(data=stores(), length=st.sampled_from([16, 64, 130, 256]), rate=st.sampled_from([0.0, 0.15, 0.6, 1.0]),
       masked=st.booleans(), int32=st.booleans(), shard_tokens=st.sampled_from([50, 10_000]))  # fmt: skip
def test_batches_are_what_the_definition_says(
    tmp_path_factory, data, length, rate, masked, int32, shard_tokens
):
    documents, words, learned = data
    if not masked:
        learned = [[True] * len(one) for one in documents]
    path = tmp_path_factory.mktemp("words") / "a"
    store = written(path, documents, words, learned if masked else None, shard_tokens=shard_tokens)
    plan = pypack.pack(store.lengths, length)
    dtype = "int32" if int32 else "int64"
    loader = Loader(store, plan, batch_sequences=2, seed=3, dtype=dtype, arrays=["labels", "loss_mask"],
                    objective=MaskedLM(rate, whole_word=True, **PLAIN))  # fmt: skip
    plain = Loader(store, plan, batch_sequences=2, seed=3, dtype=dtype)
    by = reference.Replacement(round(0.8 * UNIT), round(0.9 * UNIT), 999, 1000)
    seed_key = reference.source_key(3, text_key("objective\0\x000"))
    for step in range(loader.steps_per_epoch):
        batch, before = loader.batch_at(step), plain.batch_at(step)
        _, sequences = loader.rows_at(step)
        labels = np.full_like(batch.labels, -100)
        inputs = before.input_ids.copy()
        for row, sequence in enumerate(sequences.tolist()):
            if sequence < 0:
                continue
            end = 0
            for number, span in enumerate(plan[sequence]):
                items = slice(end, end + span.length)
                end += span.length
                part = slice(span.start, span.start + span.length)
                tokens = documents[span.document][part]
                told = [1 if one else -100 for one in learned[span.document][part]]
                key = reference.span_key(seed_key, 0, sequence, number)
                inputs[row, items], labels[row, items] = definition(
                    tokens, told, words[span.document][part], key, round(rate * UNIT), by, {7, 8}
                )
        np.testing.assert_array_equal(batch.input_ids, inputs)
        np.testing.assert_array_equal(batch.labels, labels)
        np.testing.assert_array_equal(batch.loss_mask, (labels != -100).astype(np.float32))


def texts_store(folder: Path, kind: str, *, borders: bool) -> TokenStore:
    texts = [f"don't stop, number {i}: it's {'very ' * (i % 7)}good.\n" for i in range(60)]
    (folder / "x.txt").write_text("".join(texts))
    tokenizer = pypack.Tokenizer.from_huggingface(KINDS[kind]())
    options = TokenizeOptions(word_borders=borders, txt_per_line=True, append_eos=False)
    tokenize([str(folder / "x.txt")], folder / f"{kind}-{borders}", tokenizer, options)
    return TokenStore.open(folder / f"{kind}-{borders}")


def test_kept_words_and_those_of_the_vocabulary(tmp_path):
    """With WordPiece they are the same; with byte-level BPE punctuation is a word only where it is kept."""
    given_ids = {"mask_id": 1, "special_ids": []}
    for kind, same in (("bert_uncased", True), ("gpt2", False)):
        store = texts_store(tmp_path, kind, borders=True)
        assert store.has_word_borders
        plan = pypack.pack(store.lengths, 128)
        kept, by_vocabulary, chosen = (
            Loader(store, plan, batch_sequences=4, objective=MaskedLM(0.5, whole_word=how, **given_ids))
            for how in (True, "vocabulary", "kept")
        )
        batches = [loader.batch_at(0).labels for loader in (kept, by_vocabulary, chosen)]
        np.testing.assert_array_equal(batches[0], batches[2])
        assert np.array_equal(batches[0], batches[1]) is same
        chosen.load_state_dict(kept.state_dict())
        with pytest.raises(ValueError, match="objective"):
            by_vocabulary.load_state_dict(kept.state_dict())


def test_without_kept_words_the_vocabulary_tells_them(tmp_path):
    store = texts_store(tmp_path, "gpt2", borders=False)
    plan = pypack.pack(store.lengths, 128)
    given_ids = {"mask_id": 1, "special_ids": []}
    told, named = (
        Loader(store, plan, batch_sequences=4, objective=MaskedLM(0.5, whole_word=how, **given_ids)).batch_at(
            0
        )
        for how in (True, "vocabulary")
    )
    np.testing.assert_array_equal(told.labels, named.labels)
    with pytest.raises(ValueError, match="does not keep where words begin; tokenize it with --word-borders"):
        Loader(store, plan, batch_sequences=4, objective=MaskedLM(whole_word="kept", **given_ids))


def test_stores_of_which_some_keep_words(tmp_path):
    kept = written(tmp_path / "a", [[1, 2, 3]], [[True, False, True]])
    plain = make_store(tmp_path / "b", [5, 6], vocab_size=1000)
    sources = {name: Source(store, pypack.pack(store.lengths, 8)) for name, store in
               (("a", kept), ("b", plain))}  # fmt: skip
    schedule = pypack.Schedule([pypack.Phase(steps=4, weights={"a": 1, "b": 1})])
    with pytest.raises(
        ValueError, match=r"others of the loader do: tokenize it with --word-borders.*vocabulary"
    ):
        Loader(sources, schedule=schedule, batch_sequences=2, objective=MaskedLM(whole_word=True, **PLAIN))
    ids = MaskedLM(whole_word=[2], **PLAIN)
    assert Loader(sources, schedule=schedule, batch_sequences=2, objective=ids).batch_at(0).input_ids.size


@pytest.mark.parametrize("method", ["generator", "random", "swapped"])
def test_replaced_tokens_choose_kept_words(tmp_path, method):
    lengths = web_lengths(50, 1)
    documents = [[(i * 31 + j) % 990 + 9 for j in range(n)] for i, n in enumerate(lengths)]
    words = [[j % 3 == 0 for j in range(n)] for n in lengths]
    store = written(tmp_path / "a", documents, words)
    plan = pypack.pack(store.lengths, 512)  # which cuts no document
    options = dict(PLAIN) if method == "generator" else {"special_ids": [7], "vocab_size": 1000}
    objective = ReplacedTokens(0.3, method, whole_word=True, **options)
    loader = Loader(store, plan, batch_sequences=8, objective=objective)
    positions = loader.batch_at(0).position_ids
    labels = loader.batch_at(0).labels
    chosen = labels == 1 if method == "random" else labels != -100
    # Words have three tokens: those that go on one share its fate, within a document.
    goes_on = (positions % 3 != 0)[:, 1:] & (labels != -100)[:, 1:]
    assert chosen.any()
    if method != "generator":  # whose rows may have more than it lists
        assert (chosen[:, :-1] == chosen[:, 1:])[goes_on].all()
    again = pickle.loads(pickle.dumps(loader))
    np.testing.assert_array_equal(again.batch_at(5).labels, loader.batch_at(5).labels)


def test_threads_ranks_and_layouts_agree(tmp_path):
    lengths = web_lengths(300, 2)
    store = written(
        tmp_path / "a",
        [[(i + j) % 900 + 10 for j in range(n)] for i, n in enumerate(lengths)],
        [[j % 4 == 0 for j in range(n)] for n in lengths],
        shard_tokens=900,
    )
    plan = pypack.pack(store.lengths, 256)
    objective = MaskedLM(0.3, whole_word=True, **PLAIN)
    one = Loader(store, plan, batch_sequences=8, objective=objective, num_threads=1).batch_at(1)
    for more in ({"num_threads": 4}, {"layout": "varlen"}):
        other = Loader(store, plan, batch_sequences=8, objective=objective, **more).batch_at(1)
        assert other.labels[other.labels != -100].tolist() == one.labels[one.labels != -100].tolist()
    ranks = [
        Loader(store, plan, batch_sequences=8, objective=objective, rank=rank, world_size=2)
        .batch_at(1)
        .labels
        for rank in range(2)
    ]
    assert sorted(map(tuple, np.concatenate(ranks).tolist())) == sorted(map(tuple, one.labels.tolist()))
