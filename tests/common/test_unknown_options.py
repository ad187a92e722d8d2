"""Options that a function does not have: the message says what was probably meant."""

from __future__ import annotations

import inspect

import pytest

import pypack
from pypack import Loader, Source
from pypack.jobs.corpus_to_store import _ELSEWHERE as OF_TOKENIZE
from pypack.loader.foreign_options import _ELSEWHERE as OF_LOADER


@pytest.fixture
def source(tmp_path):
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=9) as writer:
        writer.append(pypack.Ragged.from_rows([list(range(8))] * 4))
    return Source.select(tmp_path / "a.store", 8)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("batch_size", "Loader has no option batch_size: say batch_sequences="),
        ("num_workers", r"DataLoader\(loader, batch_size=None, num_workers="),
        ("batch_sequence", r"batch_sequence: did you mean batch_sequences"),
        ("qqq", "qqq: it has arrays, balance, batch_sequences"),
    ],
)
def test_a_loader_says_what_other_loaders_options_are_called(source, name, told):
    with pytest.raises(TypeError, match=told):
        Loader(source, **{name: 4})


def test_all_unknown_options_are_told_at_once(source):
    with pytest.raises(TypeError, match=r"batch_size: .*; and no drop_last: say tail="):
        Loader(source, batch_size=4, drop_last=True)


def test_no_option_is_told_to_be_elsewhere_that_is_there():
    assert not set(OF_LOADER) & set(inspect.signature(Loader).parameters)
    assert len(OF_LOADER) > 20
    assert len(OF_TOKENIZE) > 20


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("num_proc", "tokenize has no option num_proc: say num_workers="),
        ("text_column", "say field="),
        ("sequence_length", "a store keeps documents whole"),
        ("appendeos", "did you mean append_eos"),
    ],
)
def test_tokenize_refuses_before_it_reads_anything(tmp_path, name, told):
    with pytest.raises(TypeError, match=told):
        pypack.tokenize("nowhere.jsonl", tmp_path / "out.store", "no-tokenizer.json", **{name: 4})
    assert not list(tmp_path.iterdir())


def test_options_told_to_be_elsewhere_name_those_that_are_there(tmp_path):
    for text in OF_TOKENIZE.values():
        for word in text.replace(",", " ").replace(":", " ").replace(")", " ").split():
            if word.endswith("=") and "(" not in word:
                with pytest.raises((TypeError, ValueError, OSError)) as told:
                    pypack.tokenize("nowhere.jsonl", tmp_path / "s", "no.json", **{word[:-1]: "x"})
                assert "has no option" not in str(told.value), word


def test_options_of_records_stand_beside_the_others(tmp_path, tokenizer_file):
    (tmp_path / "a.jsonl").write_text('{"q": "one", "a": "two"}\n' * 3)
    store = pypack.tokenize(
        tmp_path / "a.jsonl", tmp_path / "a.store", tokenizer_file, prompt_field="q", completion_fields="a",
        append_eos=False,
    )  # fmt: skip
    assert len(store) == 3
    assert 0 < store.learned_lengths.sum() < store.lengths.sum()
    from pypack.jobs.tokenize import RecordOptions

    with pytest.raises(TypeError, match="records= or prompt_field, not both"):
        pypack.tokenize(
            tmp_path / "a.jsonl", tmp_path / "b.store", tokenizer_file, prompt_field="q",
            records=RecordOptions(),
        )  # fmt: skip
