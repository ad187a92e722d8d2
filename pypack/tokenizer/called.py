"""A tokenizer called as one of transformers is: several texts, pairs, words, cut to a length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pypack.tokenizer.encoded_text import EncodedText
from pypack.tokenizer.post_processing import PostProcessing
from pypack.tokenizer.truncation import Truncation

if TYPE_CHECKING:
    from pypack.tokenizer.habits import Habits


class TokenizedTexts(dict[str, Any]):
    """What calling a tokenizer gives: lists of ids and masks by name.

    Where texts were cut, and `return_overflowing_tokens` asked for all pieces, each is a row of its own.
    """

    def __init__(self, values: dict[str, Any], pieces: Sequence[EncodedText], *, came_in_words: bool) -> None:
        super().__init__(values)
        self._pieces = pieces
        self._came_in_words = came_in_words

    def word_ids(self, row: int = 0) -> list[int | None]:
        """Of each id of a row the number of its word, where texts came in words; None for the template's.

        Raises:
            ValueError: the texts came whole.
        """
        if not self._came_in_words:
            raise ValueError("word_ids are known of texts that come in words: is_split_into_words=True")
        return list(self._pieces[row].words)

    def sequence_ids(self, row: int = 0) -> list[int | None]:
        """Of each id of a row 0, or 1 for the second text of a pair; None for ids of the template."""
        return list(self._pieces[row].sequences)


@dataclass(frozen=True)
class Call:
    """The arguments of `Tokenizer.__call__`, but for the texts."""

    add_special_tokens: bool
    truncation: Truncation | None
    is_split_into_words: bool
    overflowing: bool
    type_ids: bool | None
    offsets: bool

    def encode(self, tokenizer: Habits, post_processor: Any, text: Any, pair: Any) -> TokenizedTexts:
        """What the call gives. Raises as `Tokenizer.__call__` does."""
        firsts, alone = texts_of(text, self.is_split_into_words)
        sides = [firsts]
        if pair is not None:
            seconds, pair_alone = texts_of(pair, self.is_split_into_words)
            if alone != pair_alone or len(firsts) != len(seconds):
                raise ValueError(
                    f"text_pair must be as many texts as text: got {len(seconds)} and {len(firsts)}"
                )
            sides.append(seconds)
        processing = PostProcessing(post_processor)
        encoded = [
            encoded_texts(
                tokenizer,
                texts,
                sequence,
                is_split_into_words=self.is_split_into_words,
                with_offsets=self.offsets,
            )
            for sequence, texts in enumerate(sides)
        ]
        num_added = processing.num_added(is_pair=pair is not None) if self.add_special_tokens else 0
        pieces: list[EncodedText] = []
        samples: list[int] = []
        for sample, texts in enumerate(zip(*encoded, strict=True)):
            together = self._together(tokenizer, processing, list(texts), num_added)
            found = [together, *together.overflowing] if self.overflowing else [together]
            pieces += found
            samples += [sample] * len(found)
        values: dict[str, Any] = {"input_ids": [piece.ids for piece in pieces]}
        if self.type_ids or (self.type_ids is None and pair is not None):
            values["token_type_ids"] = [piece.type_ids for piece in pieces]
        values["attention_mask"] = [[1] * len(piece.ids) for piece in pieces]
        if self.offsets:
            values["offset_mapping"] = [piece.offsets for piece in pieces]
        if self.overflowing:
            values["overflow_to_sample_mapping"] = samples
        elif alone:
            values = {name: rows[0] for name, rows in values.items()}
        return TokenizedTexts(values, pieces, came_in_words=self.is_split_into_words)

    def _with_first_spaces(self, tokenizer: Habits, text: EncodedText) -> EncodedText:
        """With the offsets that its ids have where a piece begins with them."""
        found = []
        for i, (begin, end) in enumerate(text.offsets):
            starts_text = i == 0 or text.words[i] != text.words[i - 1]
            token = tokenizer.id_to_token(text.ids[i]) or ""
            if starts_text or not _is_blank(token[:1]) or _is_blank(token[1:2]):
                found.append((begin, end))
            else:
                found.append((begin - 1, end - (begin == end)))
        return replace(text, offsets_if_first=found)

    def _together(
        self, tokenizer: Habits, processing: PostProcessing, texts: list[EncodedText], num_added: int
    ) -> EncodedText:
        if self.truncation is not None:
            if self.offsets and processing.keeps_first_space:
                texts = [self._with_first_spaces(tokenizer, text) for text in texts]
            texts = self.truncation.cut(texts, num_added)
        return processing.together(texts, add_special_tokens=self.add_special_tokens)


def _is_blank(character: str) -> bool:
    return character == "\u0120" or character.isspace()


def texts_of(text: Any, is_split_into_words: bool) -> tuple[list[Any], bool]:
    """The texts as a list, and whether it was one alone.

    Raises:
        TypeError: it is no text, no list of words, nor a list of them.
    """
    if isinstance(text, (str, bytes)):
        if is_split_into_words:
            raise TypeError("is_split_into_words=True needs a list of words, got one text")
        return [text], True
    many = text if isinstance(text, (list, tuple)) else list(text)
    if not is_split_into_words:
        return list(many), False
    if many and not isinstance(many[0], (str, bytes)):
        return [list(one) for one in many], False
    return [list(many)], True


def encoded_texts(
    tokenizer: Habits, texts: list[Any], sequence: int, *, is_split_into_words: bool, with_offsets: bool
) -> list[EncodedText]:
    """Every text by itself, without a template. sequence: 0, or 1 for the second of pairs."""
    flat = [word for text in texts for word in text] if is_split_into_words else texts
    offsets: list[list[int]] = []
    if with_offsets:
        rows, ranges = tokenizer._encode_rows(flat, return_offsets=True)
        offsets = ranges.tolist()
    else:
        rows = tokenizer._encode_rows(flat)
    values, bounds = rows.values.tolist(), rows.offsets.tolist()
    found, at = [], 0
    for text in texts:
        count = len(text) if is_split_into_words else 1
        begin, end = bounds[at], bounds[at + count]
        ids = values[begin:end]
        words: list[int | None] = [None] * len(ids)
        if is_split_into_words:
            words = [word for word in range(count) for _ in range(bounds[at + word + 1] - bounds[at + word])]
        places = [(a, b) for a, b in offsets[begin:end]] if with_offsets else [(0, 0)] * len(ids)
        found.append(EncodedText(ids, [sequence] * len(ids), places, words, [sequence] * len(ids)))
        at += count
    return found


def truncation_of(
    truncation: bool | str, max_length: int | None, stride: int, side: str
) -> Truncation | None:
    """What the arguments ask for.

    Raises:
        ValueError: one of them is wrong, or truncation comes without a length.
    """
    if side not in ("right", "left"):
        raise ValueError(f"truncation_side must be 'right' or 'left', got {side!r}")
    strategy = {True: "longest_first", False: None, "do_not_truncate": None}.get(truncation, truncation)
    if strategy is None:
        return None
    if strategy not in ("longest_first", "only_first", "only_second"):
        raise ValueError(
            "truncation must be True, False, 'longest_first', 'only_first' or 'only_second', "
            f"got {strategy!r}"
        )
    if max_length is None or max_length < 0:
        raise ValueError(f"truncation=True needs max_length, got {max_length}")
    if stride < 0:
        raise ValueError(f"stride must be at least 0, got {stride}")
    return Truncation(max_length, strategy, stride, side)  # type: ignore[arg-type]
