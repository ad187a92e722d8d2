"""Large vocabularies are read by two threads: the same ids as `tokenizers`, and the same errors each time."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import pypack
from pypack._core import read_definition

TOKENS = 70_000


def grown() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Words of seven letters, some of which several merges make, as tables of ranks give them."""
    rng = random.Random(17)
    vocabulary = {token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokens, merges = list("abcdefg"), []
    while len(vocabulary) < TOKENS:
        left, right = rng.choice(tokens), rng.choice(tokens[:56])
        joined = left + right
        if len(joined) > 7 or joined in vocabulary:
            continue
        vocabulary[joined] = len(vocabulary)
        tokens.append(joined)
        ways = [(joined[:cut], joined[cut:]) for cut in range(1, len(joined))]
        known = [way for way in ways if way != (left, right) and all(side in vocabulary for side in way)]
        merges += [(left, right), *known[: rng.randrange(3)]]
    return vocabulary, merges


@pytest.fixture(scope="module")
def parts() -> tuple[dict[str, int], list[tuple[str, str]]]:
    return grown()


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_ids_are_those_of_the_library(parts: tuple[Any, Any], ignore_merges: bool) -> None:
    vocabulary, merges = parts
    assert len(merges) > 1.2 * len(vocabulary)
    reference = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=ignore_merges))
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ours = pypack.Tokenizer.from_huggingface(reference, engine="native")
    rng = random.Random(18)
    words = rng.sample(list(vocabulary), 4000)
    texts = [*words, *("".join(rng.choices(words, k=3)) for _ in range(2000))]
    texts = [text for text in texts if text.isascii()]
    expected = [encoding.ids for encoding in reference.encode_batch(texts)]
    assert [row.tolist() for row in ours.encode_batch(texts)] == expected


def test_the_first_merge_that_is_wrong_is_named(parts: tuple[Any, Any]) -> None:
    vocabulary, merges = parts
    text = Tokenizer(models.BPE(vocabulary, merges)).to_str()
    definition = json.loads(text)
    wrong = list(merges)
    for rank in (len(merges) - 5, len(merges) // 2, len(merges) // 3):
        wrong[rank] = ("no", f"token{rank}")
    definition["model"]["merges"] = wrong
    definition["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    data = json.dumps(definition).encode()
    _, made, found = read_definition(data, False)
    for _ in range(5):
        with pytest.raises(ValueError, match=f"merge of no and token{len(merges) // 3} is not in the"):
            model(made, found)


def model(vocabulary: Any, merges: Any) -> Any:
    from pypack._core import Model

    return Model.bpe(
        vocabulary, merges, alphabet="bytes", unk_token=None, continuing_subword_prefix="",
        end_of_word_suffix="", fuse_unk=False, byte_fallback=False, ignore_merges=False,
    )  # fmt: skip


@pytest.mark.parametrize("merges", ['["a b"]', "7", '["a b c"]'])
def test_a_token_twice_is_refused_as_in_a_small_one(merges: str) -> None:
    entries = ",".join(f'"t{i}":{i}' for i in range(TOKENS))
    vocabulary = f'{{{entries},"t5":{TOKENS}}}'
    text = f'{{"model":{{"vocab":{vocabulary},"merges":{merges}}}}}'
    expected = "not two tokens" if "c" in merges else "holds a token twice"
    with pytest.raises(ValueError, match=expected) as error:
        read_definition(text.encode(), False)
    if expected == "holds a token twice":
        end = text.index("},", 20) + 1
        assert str(error.value).startswith(f"byte {end}: ")
