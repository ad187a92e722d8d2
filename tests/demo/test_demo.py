"""`pypack demo`: it runs, its figures are those of its plans, and its picture shows the sequences."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pypack
from pypack.cli import main
from pypack.demo.picture import PADDING, draw_sequences
from pypack.demo.sample import standard_library_texts


def test_sample_is_fixed_and_within_its_bound():
    texts = standard_library_texts(100_000)
    assert texts == standard_library_texts(100_000)
    assert 90_000 < sum(len(text.encode()) for text in texts) <= 100_000


def test_picture():
    plan = pypack.pack(np.array([50, 30, 10, 60]), 100, strategy="best_fit")
    lines = draw_sequences(plan, [0.0, 1.0], 10)
    drawn = [{letter: line.count(letter) for letter in line} for line in lines]
    assert sorted(sum(v for k, v in row.items() if k != PADDING) for row in drawn) == [5, 10]
    assert all(len(line) == 10 for line in lines)


def test_picture_of_more_documents_than_characters():
    plan = pypack.pack(np.ones(100, np.int32), 100, strategy="best_fit")
    assert draw_sequences(plan, [0.5], 10) == ["ABCDEFGHIJ"]


def test_demo(tmp_path, capsys):
    assert main(["demo", "--json", "--keep", str(tmp_path / "kept")]) == 0
    result = json.loads(capsys.readouterr().out)
    store = pypack.TokenStore.open(tmp_path / "kept" / "demo.store")
    store.verify()
    assert (store.num_documents, store.num_tokens) == (result["documents"], result["tokens"])
    plan = pypack.Plan.open(tmp_path / "kept" / "demo.plan")
    plan.verify(store.lengths)
    ways = {way["strategy"]: way for way in result["ways"]}
    assert list(ways) == ["pad", "concat", "best_fit"]
    assert all(way["loaded_tokens"] == store.num_tokens for way in ways.values())
    assert ways["pad"]["utilization"] < 0.6 < 0.99 < ways["best_fit"]["utilization"]
    assert ways["best_fit"]["cut_documents"] < ways["concat"]["cut_documents"]
    assert result["batch_start"] in store.tokenizer().decode(
        pypack.Loader(store, plan, batch_sequences=8).batch_at(0).input_ids[0], skip_special_tokens=False
    )


def test_demo_does_not_overwrite(tmp_path, capsys):
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_report_is_for_people(capsys, monkeypatch):
    from rich.console import Console

    from pypack.cli.demo import _print_report
    from pypack.demo.run import DemoResult, Way

    way = Way("pad", "padding only", 2, 0.5, 100, 1, 5000, 0.1, 1, 100, 1e9, ["AAB··"])
    result = DemoResult(3, 999, 100, 300, 0.1, 0.2, "huggingface", 100, 2, [way], (2, 100), "[x] text", "s")
    _print_report(Console(width=80, highlight=False), result, None)
    out = capsys.readouterr().out
    for expected in ("padding only", "50.00%", "1000 M", "AAB··", "[x] text", "pypack tokenize"):
        assert expected in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("job", ["pack", "load"])
def test_bench_on_a_store(tmp_path, capsys, job):
    lengths = np.arange(1, 400) % 97 + 1
    rows = [np.full(n, i % 300, np.uint32) for i, n in enumerate(lengths)]
    with pypack.StoreWriter(tmp_path / "s", vocab_size=300) as writer:
        writer.append(pypack.Ragged.from_rows(rows))
    arguments = ["--store", str(tmp_path / "s"), "--sequence-length", "128", "--repeats", "1"]
    assert main(["bench", job, *arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)[job]
    assert all(row["tokens/s"] > 0 for row in rows)
    assert main(["bench", job, *arguments]) == 0
    assert rows[0]["way"].split(",")[0] in capsys.readouterr().out


def test_bench_load_says_when_the_store_is_too_small(tmp_path, capsys):
    with pypack.StoreWriter(tmp_path / "s", vocab_size=300) as writer:
        writer.append(pypack.Ragged.from_rows([[1, 2]]))
    assert main(["bench", "load", "--store", str(tmp_path / "s")]) == 1
    assert "choose a smaller --batch-sequences" in capsys.readouterr().err


def test_bench_tokenize(tokenizer_file, sample_texts):
    from pypack.throughput.tokenizing import bench_tokenize

    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    rows = bench_tokenize(tokenizer, sample_texts, num_threads=2, repeats=1)
    assert [row["way"].split(",")[1] for row in rows[:2]] == [" 1 thread", " 2 threads"]
    assert all(row["MB/s"] > 0 for row in rows)
