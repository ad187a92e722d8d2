"""The native engine gives the ids of `tokenizers`: trained tokenizers of every kind, on hostile texts."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from adversarial import code_point_texts, random_texts
from conftest import SCALE
from tokenizers import Tokenizer as HuggingFaceTokenizer
from trained_tokenizers import NATIVE, training_texts
from trained_word_tokenizers import WORD_NATIVE

import pypack


class Pair:
    """A tokenizer in both forms."""

    def __init__(self, reference: HuggingFaceTokenizer) -> None:
        self.reference = reference
        self.native = pypack.Tokenizer.from_huggingface(reference, engine="native")

    def check(self, texts: list[str], *, add_special_tokens: bool = False, split: bool = False) -> None:
        self.reference.encode_special_tokens = split
        ours = self.native.encode_batch(
            texts, add_special_tokens=add_special_tokens, split_special_tokens=split, num_threads=2
        )
        theirs = self.reference.encode_batch_fast(texts, add_special_tokens=add_special_tokens)
        for text, row, encoding in zip(texts, ours, theirs, strict=True):
            assert row.tolist() == encoding.ids, text


KINDS = NATIVE | WORD_NATIVE


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
    texts = random_texts(7, int(500 * SCALE) + 1, added_contents(pair.reference))
    pair.check(texts, add_special_tokens=add_special_tokens, split=split)


def test_code_points(pair: Pair) -> None:
    step = max(1, int(97 / SCALE))
    pair.check([*code_point_texts(step), *(chr(i) * 2 + "a" + chr(i) for i in range(0x250))])


def test_vocabulary_entries(pair: Pair) -> None:
    tokens = sorted(pair.reference.get_vocab())
    decoded = pair.reference.decode_batch([[i] for i in range(len(tokens))], skip_special_tokens=False)
    pair.check([*tokens, *decoded, *(a + b for a, b in zip(decoded, decoded[::-1], strict=True))])


@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "7", "漢", "e\u0301", "👩‍🚀", "=", "ab", "\t \n", "don't", "<f"]
)
def test_long_runs(pair: Pair, unit: str) -> None:
    pair.check([unit * n for n in (63, 64, 65, 128, 1000, 5000)])


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
