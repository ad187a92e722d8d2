"""Long words that are new are cut where no token holds both sides: the ids are those of the whole word."""

from __future__ import annotations

from fixtures.parity import Pair
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from pypack.tokenizer.tiktoken_file import byte_characters

# Letters of one to four bytes, so that any text of them is one word; some share bytes.
LETTERS = "aeéè漢字漣กิ𐐀𐐨"
BYTES = sorted(set(LETTERS.encode()))
WORDS = st.text(LETTERS, min_size=1, max_size=60)


@st.composite
def tokenizers(draw: st.DrawFn) -> Tokenizer:
    """Byte-level, with merges in any order, some of parts of characters, and tokens that no merge makes."""
    characters = list(byte_characters())
    tokens = [bytes([byte]) for byte in BYTES]
    tokens += [letter.encode() for letter in LETTERS]
    merges: list[tuple[bytes, bytes]] = []
    for letter in LETTERS:
        whole = letter.encode()
        merges += [(whole[:i], whole[i : i + 1]) for i in range(1, len(whole))]
        tokens += [whole[:i] for i in range(2, len(whole))]
    for _ in range(draw(st.integers(0, 25))):
        pair = (draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens)))
        merges.append(pair)
        tokens.append(pair[0] + pair[1])
    merges = draw(st.permutations(list(dict.fromkeys(merges))))
    unmade = [word.encode() for word in draw(st.lists(st.text(LETTERS, min_size=1, max_size=4), max_size=8))]
    names = ["".join(characters[byte] for byte in token) for token in dict.fromkeys(tokens + unmade)]
    vocabulary = {name: i for i, name in enumerate(dict.fromkeys([*characters, *names]))}
    spelled = [tuple("".join(characters[byte] for byte in side) for side in pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE(vocabulary, spelled, ignore_merges=draw(st.booleans())))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


@given(tokenizer=tokenizers(), words=st.lists(WORDS, min_size=1, max_size=6))
def test_any_merges(tokenizer: Tokenizer, words: list[str]) -> None:
    pair = Pair(tokenizer)
    pair.check(words)
    # Pieces of the one are words of the other, and all are in the cache now.
    pair.check([words[0] + words[-1], *words[::-1], *(word[i:] for word in words for i in (1, 5, 16))])


@given(tokenizer=tokenizers(), units=st.lists(WORDS, min_size=1, max_size=3), count=st.integers(20, 80))
def test_words_too_long_for_the_cache(tokenizer: Tokenizer, units: list[str], count: int) -> None:
    words = [unit * count for unit in units]
    Pair(tokenizer).check([*units, " ".join([*words, *units]), *words])


# Half sentences as words: soon they are cut before they are looked for (early_cuts.hpp).
UNITS = st.lists(st.text(LETTERS, min_size=1, max_size=9), min_size=5, max_size=12)


@given(tokenizer=tokenizers(), sentences=st.lists(UNITS, min_size=1, max_size=4))
def test_words_that_hardly_come_again(tokenizer: Tokenizer, sentences: list[list[str]]) -> None:
    texts = [
        " ".join("".join(units[i % k :] + units[: i % k]) for units in sentences)
        for i in range(60)
        for k in (2, 5)
    ]
    Pair(tokenizer).check([*texts, " ".join(texts), *texts[:5]])
