"""The native engine gives the ids of `tokenizers`: trained tokenizers of every kind, on hostile texts."""

from __future__ import annotations

import os
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.parity import Pair
from fixtures.proofs import code_point_pieces, joined, vocabulary_pieces
from fixtures.trained_sentencepiece import gemma_without_bytes
from fixtures.trained_tokenizers import KINDS, NATIVE, training_texts
from tokenizers import Tokenizer as HuggingFaceTokenizer

import pypack


@pytest.fixture(scope="module", params=list(KINDS))
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(KINDS[request.param]())


def added_contents(tokenizer: HuggingFaceTokenizer) -> tuple[str, ...]:
    return tuple(sorted(token.content for token in tokenizer.get_added_tokens_decoder().values()))


def test_training_texts(pair: Pair) -> None:
    pair.check(["", *training_texts(), ""])


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("add_special_tokens", [False, True])
def test_random_texts(pair: Pair, add_special_tokens: bool, split: bool) -> None:
    texts = random_texts(7, int(250 * SCALE) + 1, added_contents(pair.reference))
    pair.check(texts, add_special_tokens=add_special_tokens, split=split)


def test_code_points(pair: Pair) -> None:
    pair.check_pieces(code_point_pieces())


def test_vocabulary_entries(pair: Pair) -> None:
    pair.check_pieces(vocabulary_pieces(pair.reference))


def test_pairs_of_words(pair: Pair) -> None:
    words = sorted({word for text in training_texts() for word in text.split()})
    pair.check_pieces(joined(words, 33))


def test_ids_of_several_threads(pair: Pair) -> None:
    # More ids than text usually gives, and texts that take longer than all that come behind them.
    texts = ["漢字" * 50_000, *("漢字 7" * (n % 400) for n in range(500)), "a"]
    longest = ["字" * n for n in (30_000, 90_000, 60_000)]
    for place in (None, 0, 250, 400, 498, 502):
        varied = texts if place is None else [*texts[:place], *longest, *texts[place:]]
        expected = pair.native.encode_batch(varied, num_threads=1)
        for num_threads in (2, 3, 5):
            assert pair.native.encode_batch(varied, num_threads=num_threads) == expected
    expected = pair.native.encode_batch(texts, num_threads=1)
    broken: list[str | bytes] = [*texts[:300], b"\xff", *texts[300:], b"\xff"]
    with pytest.raises(ValueError, match="document 300: invalid UTF-8"):
        pair.native.encode_batch(broken, num_threads=3)
    assert pair.native.encode_batch(texts, num_threads=2) == expected


def test_threads_after_a_document_too_long_to_keep_its_room() -> None:
    native = Pair(NATIVE["gpt2"]()).native
    short = random_texts(13, 300) * 4
    long = "a b " * 600_000
    for texts in ([long, *short], short, [*short, long], short):
        expected = native.encode_batch(texts, num_threads=1)
        assert native.encode_batch(texts, num_threads=3) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
@pytest.mark.parametrize("num_cores", [1, 2])
def test_threads_keep_to_the_cores_of_the_process(num_cores: int) -> None:
    native = Pair(NATIVE["gpt2"]()).native
    texts = random_texts(12, 300) * 20
    expected = native.encode_batch(texts, num_threads=1)
    before = os.sched_getaffinity(0)
    cores = set(sorted(before)[:num_cores])
    try:
        os.sched_setaffinity(0, cores)
        for num_threads in (2, 5):
            assert native.encode_batch(texts, num_threads=num_threads) == expected
            assert os.sched_getaffinity(0) == cores
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "7", "漢", "e\u0301", "👩‍🚀", "=", "ab", "\t \n", "don't", "<f"]
)
def test_long_runs(pair: Pair, unit: str) -> None:
    pair.check([unit * n for n in (63, 64, 65, 128, 1000, 5000)])


def test_long_random_words(pair: Pair) -> None:
    source = random.Random(11)
    for letters in ("ab", "abcdefghijklmnopqrstuvwxyz", "0123456789", "漢字語の中文", "aB3+/", "éèа́бв"):
        pair.check(["".join(source.choices(letters, k=n)) for n in (62, 63, 64, 95, 97, 145, 513, 4000)])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_bounded() -> None:
    """What is kept of words that never come again; without a bound it would be 170 MB."""
    native = Pair(NATIVE["gpt2"]()).native
    numbers = np.arange(1_500_000) * 40_503_313 % 26**6
    letters = np.full((len(numbers), 25), ord(" "), np.uint8)
    for place in range(24):
        letters[:, place] = ord("a") + numbers % 26 if place < 6 else ord("q")
        numbers = numbers // 26 if place < 6 else numbers
    text = letters.tobytes()
    del letters, numbers
    step = 25 * 50_000
    native.encode(text[:step].decode())
    before = resident_megabytes()
    for begin in range(step, len(text), step):
        native.encode(text[begin : begin + step].decode())
    assert resident_megabytes() - before < 128


def resident_megabytes() -> float:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def test_results_do_not_depend_on_what_came_before(pair: Pair) -> None:
    texts = random_texts(8, 60)
    first = [pair.native.encode(text).tolist() for text in texts]
    again = [pair.native.encode(text).tolist() for text in reversed(texts)][::-1]
    assert first == again == [row.tolist() for row in pair.native.encode_batch(texts, num_threads=3)]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_pickles_and_threads_and_fork(pair: Pair) -> None:
    texts = random_texts(9, 50)
    expected = pair.native.encode_batch(texts)
    copy = pickle.loads(pickle.dumps(pair.native))
    assert copy.engine == "native"
    assert copy.encode_batch(texts) == expected
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: pair.native.encode_batch(texts, num_threads=2) == expected, range(8)))
    child = os.fork()
    if child == 0:
        os._exit(0 if pair.native.encode_batch(texts, num_threads=2) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_inputs_and_errors() -> None:
    native = Pair(NATIVE["gpt2"]()).native
    texts = random_texts(10, 40)
    expected = native.encode_batch(texts)
    assert native.encode_batch([text.encode() for text in texts]) == expected
    assert native.encode_batch([bytearray(text.encode()) for text in texts]) == expected
    assert native.encode_batch(np.array(texts, object)) == expected
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.string(), pa.large_string(), pa.binary()):
        array = pa.array(texts, pa.string()).cast(kind)
        assert native.encode_batch(array) == expected
        assert native.encode_batch(array[5:9]) == native.encode_batch(texts[5:9])
        assert native.encode_batch(pa.chunked_array([array[:3], array[3:]])) == expected
    for bad, error, message in [
        (["ok", "\ud800"], ValueError, "document 1: lone surrogate at character 0"),
        (["é中" * 20 + "\ud800" + "a" * 20], ValueError, "document 0: lone surrogate at character 40"),
        (["🙂" * 33 + "\udfff"], ValueError, "document 0: lone surrogate at character 33"),
        ([b"ok", b"a\xff"], ValueError, "document 1: invalid UTF-8 at byte 1"),
        ([b"\xed\xa0\x80"], ValueError, "document 0: invalid UTF-8 at byte 0"),
        (["ok", None], ValueError, "document 1 is null"),
        (pa.array(["ok", None]), ValueError, "document 1 is null"),
        (["ok", 3], TypeError, "document 1: expected str or bytes, got int"),
        ("text", TypeError, "sequence of documents, got one str"),
    ]:
        with pytest.raises(error, match=message):
            native.encode_batch(bad)
    assert native.encode_batch(texts) == expected


@pytest.mark.parametrize(
    "alphabet", ["ab \xff\x80", "ab ÿĀ߿ࠀ中\ud7ff\ue000\uffff", "ab Āࠀÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿ🙂\U00010000"]
)
def test_a_str_of_any_width_is_its_utf8(alphabet: str) -> None:
    native = Pair(KINDS["every_flag"]()).native
    rng = random.Random(5)
    texts = [
        "".join(rng.choices(alphabet, k=n)) + "a" * rng.choice([0, 20]) for n in (*range(70), *[300] * 20)
    ]
    assert native.encode_batch(texts) == native.encode_batch([text.encode() for text in texts])


def test_what_is_not_known_is_refused_by_name() -> None:
    reference = NATIVE["gpt2"]()
    reference.normalizer = None
    reference.model.dropout = 0.1
    left = pypack.Tokenizer.from_huggingface(reference)
    assert left.engine == "huggingface"
    assert left.engine_reason is not None
    assert "dropout" in left.engine_reason
    with pytest.raises(
        ValueError, match="engine='native' is not possible for the tokenizer: model BPE has dropout"
    ):
        pypack.Tokenizer.from_huggingface(reference, engine="native")


@pytest.mark.parametrize("byte", [0x01, 0xE2])  # of characters that are no tokens
def test_a_byte_that_text_may_need_has_a_token(byte: int) -> None:
    reference = gemma_without_bytes(bytes([byte]))
    with pytest.raises(ValueError, match=f"model BPE: byte_fallback without a token <0x{byte:02X}>"):
        pypack.Tokenizer.from_huggingface(reference, engine="native")
    assert pypack.Tokenizer.from_huggingface(reference).engine == "huggingface"
