"""`pypack inspect STORE --objective ...`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fixtures.trained_word_tokenizers import bert_uncased

import pypack
from pypack import StoreWriter, Tokenizer, TokenStore
from pypack.cli import main


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    bert_uncased().save(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    with StoreWriter(folder / "a.store", vocab_size=tokenizer.vocab_size, tokenizer=tokenizer) as writer:
        writer.append(tokenizer.encode_batch(["the quick brown fox " * 9, "", "and the other one " * 30]))
    return TokenStore.open(folder / "a.store")


def test_documents_as_they_are_learned(store, capsys):
    assert main(["inspect", str(store.path), "--objective", "MaskedLM(rate=0.5)", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["learns"]
    assert [row["document"] for row in shown] == [0, 2]
    tokenizer = store.tokenizer()
    for row in shown:
        original = store[row["document"]]
        learned = dict(row["labels"])
        assert row["tokens"] == len(original)
        assert 0.2 * len(original) < row["learned"] < 0.8 * len(original)
        for place, (token, name) in enumerate(zip(original.tolist(), row["input"], strict=False)):
            own = tokenizer.id_to_token(token)
            assert learned.get(place, own) == own
            assert place in learned or name == own
        assert "[MASK]" in row["input"]


def test_it_is_shown_under_the_store(store, capsys):
    assert main(["inspect", str(store.path), "--objective", "MaskedLM", "--first", "1"]) == 0
    out = capsys.readouterr().out
    assert "MaskedLM\ndocument 0:" in out
    assert "document 2" not in out
    assert "learned: " in out


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("Masked", "there is no objective 'Masked'; there are MaskedLM"),
        ("MaskLM", "; did you mean MaskedLM?"),
        ("MaskedLM(rate=2)", "rate is a chance"),
        ("MaskedLM(speed=2)", "unexpected keyword argument 'speed'"),
        ("MaskedLM(speed=2)", "; it takes rate, replace, mode,"),
        ("MaskedLM(0.5)", "not of the form"),
        ("MaskedLM(0.5)", "what 0.5 is for must be said"),
        ("MaskedLM(rate=open('x'))", "names no objective"),
        ("MaskedLM(rate=", "names no objective"),
        ("__import__('os')", "names no objective"),
    ],
)
def test_wrong_ones_are_named(store, capsys, objective, words):
    assert main(["inspect", str(store.path), "--objective", objective]) == 2
    assert words in capsys.readouterr().err


def test_it_is_of_a_store(store, tmp_path, capsys):
    pypack.pack(np.array([3, 4], np.int32), 8).save(tmp_path / "a.plan")
    assert main(["inspect", str(tmp_path / "a.plan"), "--objective", "MaskedLM"]) == 2
    assert "--objective is of a store" in capsys.readouterr().err


def test_inputs_and_targets(store, capsys):
    used = {0, *store[0].tolist(), *store[2].tolist()}  # which ids the words get, the library draws
    sentinels = [i for i in range(store.vocab_size) if i not in used][:9]
    ids = f"sentinel_ids={sentinels}, end_id=0, start_id=0"
    text = f"SpanCorruption(rate=0.3, mean=9, {ids})"
    assert main(["inspect", str(store.path), "--objective", text, "--first", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["learns"]
    own = [i for i in (*row["input_ids"], *row["target_ids"]) if i and i not in sentinels]
    assert sorted(own) == sorted(i for i in store[0].tolist() if i)
    assert row["inputs"] == len(row["input_ids"])
    runs = sum(i in sentinels for i in row["target_ids"])
    assert row["targets"] + row["inputs"] == row["tokens"] + 2 * runs + 2
    assert main(["inspect", str(store.path), "--objective", text, "--first", "1"]) == 0
    out = capsys.readouterr().out
    assert "\n  inputs: " in out
    assert "\n  targets: " in out


@pytest.mark.parametrize("method", ["generator", "random", "swapped", "clusters"])
def test_replaced_tokens(store, capsys, method, tmp_path):
    np.save(tmp_path / "clusters.npy", np.arange(store.vocab_size) % 3)
    more = f", clusters='{tmp_path}/clusters.npy'" if method == "clusters" else ""
    text = f"ReplacedTokens(rate=0.4, method='{method}'{more})"
    assert main(["inspect", str(store.path), "--objective", text, "--json"]) == 0
    for row in json.loads(capsys.readouterr().out)["learns"]:
        original = store[row["document"]].tolist()
        own = [store.tokenizer().id_to_token(i) for i in original]
        assert row["labels"]
        assert all(name == own[place] for place, name in row["labels"])


def test_a_prefix(store, capsys):
    assert main(["inspect", str(store.path), "--objective", "PrefixLM", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out)["learns"]:
        places = [place for place, _ in row["labels"]]
        assert places == list(range(places[0], places[-1] + 1))
        assert 0 < row["learned"] < row["tokens"]


def test_what_is_missing_is_told(store, capsys):
    assert main(["inspect", str(store.path), "--objective", "UL2"]) == 2
    assert "the tokenizer has no <extra_id_0>: give sentinel_ids=" in capsys.readouterr().err


def test_infilled_documents_have_their_control_tokens(store, capsys):
    objective = "FillInMiddle(rate=1.0, prefix_id=1, suffix_id=2, middle_id=3)"
    assert main(["inspect", str(store.path), "--objective", objective, "--json"]) == 0
    for row in json.loads(capsys.readouterr().out)["learns"]:
        assert row["tokens"] == len(store[row["document"]]) + 3
        assert row["input_ids"][0] in (1, store[row["document"]][0])


def test_positions_are_shown(store, capsys):
    assert main(["inspect", str(store.path), "--objective", "PoSE(target_length=4096)", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out)["learns"]:
        assert row["positions"][0] == 0
        assert max(row["positions"]) < 4096
    assert main(["inspect", str(store.path), "--objective", "RandPos(target_length=4096)"]) == 0
    assert "positions: " in capsys.readouterr().out


def test_help_names_every_objective(capsys):
    from pypack.objectives.objective import NAMES

    assert main(["inspect", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert [name for name in NAMES if name not in out] == []
