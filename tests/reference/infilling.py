"""Fill in the middle, in plain Python: what it does to a span, and how Megatron's data set does it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any

from reference.objective import IGNORE, draw
from reference.permutation import combine_keys

INFILL, FILE = 5, 19  # what a draw is for
CHANCE_BITS = 0xFFFFFFFF


@dataclasses.dataclass
class Infilling:
    chance: int  # in units of 2^-32
    spm_chance: int
    prefix_id: int
    suffix_id: int
    middle_id: int
    ends: Collection[int]
    split: int | None = None  # the token between the files of a repository
    file_chance: int = 0

    def is_chosen(self, key: int) -> bool:
        return (draw(key, INFILL, 0) & CHANCE_BITS) < self.chance

    def suffix_first(self, key: int) -> bool:
        return (draw(key, INFILL, 3) & CHANCE_BITS) < self.spm_chance

    def cuts(self, key: int, size: int) -> tuple[int, int]:
        """Two places among `size` items, rising."""
        one, other = (draw(key, INFILL, i) * (size + 1) >> 64 for i in (1, 2))
        return min(one, other), max(one, other)

    def of_file(self, key: int, file: int) -> Infilling:
        """What draws for a file of a span, whose key it leaves out of account."""
        return _FileInfilling(**{**vars(self), "chance": self.file_chance, "split": None}, key=key, file=file)

    def content(self, tokens: Sequence[int]) -> tuple[int, int]:
        """Where the content of a span begins and ends."""
        first, last = 0, len(tokens)
        while first < last and tokens[first] in self.ends:
            first += 1
        while last > first and tokens[last - 1] in self.ends:
            last -= 1
        return first, last

    def ordered(
        self, key: int, prefix: list[Any], middle: list[Any], suffix: list[Any], marks: Any
    ) -> list[Any]:
        """The three parts and the marks before them, as the span has them."""
        p, s, m = marks
        if self.suffix_first(key):
            return [p, s, *suffix, m, *prefix, *middle]
        return [p, *prefix, s, *suffix, m, *middle]

    @property
    def marks(self) -> tuple[int, int, int]:
        return self.prefix_id, self.suffix_id, self.middle_id


@dataclasses.dataclass
class _FileInfilling(Infilling):
    key: int = 0
    file: int = 0

    def _bits(self, index: int) -> int:
        return combine_keys(combine_keys(combine_keys(self.key, FILE), self.file), index)

    def is_chosen(self, key: int) -> bool:
        return (self._bits(0) & CHANCE_BITS) < self.chance

    def suffix_first(self, key: int) -> bool:
        return (self._bits(3) & CHANCE_BITS) < self.spm_chance

    def cuts(self, key: int, size: int) -> tuple[int, int]:
        one, other = (self._bits(i) * (size + 1) >> 64 for i in (1, 2))
        return min(one, other), max(one, other)


def infilled_files(
    how: Infilling,
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    room: int,
    part: Callable[[Infilling, list[int], list[int], int, bool], tuple[list[int], list[int], list[str]]],
) -> tuple[list[int], list[int], list[str]]:
    """A span that is a repository, file by file. `part(how, tokens, labels, room, leads)` infills one, which
    begins the span or not."""
    if how.split not in tokens or not how.is_chosen(key):
        return part(how, list(tokens), list(labels), room, True)
    ids: list[int] = []
    learned: list[int] = []
    counted: list[str] = []
    borders = [place for place, token in enumerate(tokens) if token == how.split]
    begin = 0
    for file, end in enumerate([*borders, len(tokens)]):
        left = room - len(ids) - (len(tokens) - end)  # what stands behind it needs its place
        found = part(
            how.of_file(key, file), list(tokens[begin:end]), list(labels[begin:end]), left, begin == 0
        )
        ids += found[0] + list(tokens[end : end + 1])
        learned += found[1] + list(labels[end : end + 1])
        counted += found[2]
        begin = end + 1
    return ids, learned, counted


def infilled_tokens(
    how: Infilling,
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    room: int,
    *,
    labels_tell: bool,
    leads: bool = True,
    skip: Sequence[int] = (),
) -> tuple[list[int], list[int], list[str]]:
    """Tokens and labels of a span, and what is counted. `leads`: they begin it."""  # fmt: skip
    first, last = how.content(tokens)
    if not how.is_chosen(key) or first == last:
        return list(tokens), list(labels), []
    if skip and list(tokens[first:last][: len(skip)]) == list(skip):
        return list(tokens), list(labels), []
    if len(tokens) + 3 > room:
        return list(tokens), list(labels), ["without_room"]
    a, b = (first + cut for cut in how.cuts(key, last - first))

    def new(items: Sequence[int], marks: Any) -> list[int]:
        parts = (list(items[first:a]), list(items[a:b]), list(items[b:last]))
        return [*items[:first], *how.ordered(key, *parts, marks), *items[last:]]

    ids = new(tokens, how.marks)
    counted = ["infilled", "suffix_first"] if how.suffix_first(key) else ["infilled"]
    if not labels_tell:
        return ids, [IGNORE if leads else ids[0], *ids[1:]], counted
    p, s, m = how.marks
    return ids, new(labels, (p if first or not leads else IGNORE, s, m)), counted


def infilled_text(
    how: Infilling,
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    room: int,
    decode: Callable[[list[int]], str],
    encode: Callable[[str], list[int]],
    *,
    leads: bool = True,
    skip: str = "",
) -> tuple[list[int], list[int], list[str]]:
    """The same with cuts between characters."""
    first, last = how.content(tokens)
    if not how.is_chosen(key) or first == last:
        return list(tokens), list(labels), []
    text = decode(list(tokens[first:last]))
    if "\ufffd" in text:
        return list(tokens), list(labels), ["not_text"]
    if skip and text.startswith(skip):
        return list(tokens), list(labels), []
    a, b = how.cuts(key, len(text))
    parts = [encode(part) for part in (text[:a], text[a:b], text[b:])]
    ids = [*tokens[:first], *how.ordered(key, *parts, how.marks), *tokens[last:]]
    if len(ids) > room:
        return list(tokens), list(labels), ["without_room"]
    counted = ["infilled", "suffix_first"] if how.suffix_first(key) else ["infilled"]
    return ids, [IGNORE if leads else ids[0], *ids[1:]], counted


@dataclasses.dataclass
class MegatronFim:
    """What Megatron's GPTFIMDataset does to a sample: the draws of its random state are asked for in its
    order.

    Attributes:
        binomial: a chance → whether.
        boundaries: characters of a text → two places.
        split, fragment_rate, no_prefix: its options for repositories: the id of the token between files, the
            rate of these, and how texts begin that stay.
    """

    rate: float
    spm_rate: float
    eod: int
    marks: tuple[int, int, int]
    decode: Callable[[list[int]], str]
    encode: Callable[[str], list[int]]
    binomial: Callable[[float], bool]
    boundaries: Callable[[int], tuple[int, int]]
    split: int | None = None
    fragment_rate: float = 0.0
    no_prefix: str | None = None

    def sample(self, tokens: Sequence[int], pad: int, *, cut: bool = True) -> list[int]:
        """A sample of the data set; `cut`: made as long as it was, as the data set does it."""
        found: list[int] = []
        begin = 0
        for place, token in enumerate(tokens):
            if token == self.eod:
                if place > begin:
                    found += [*self._split(list(tokens[begin:place])), self.eod]
                begin = place + 1  # without a word about an end that stands alone
        if begin < len(tokens):
            found += self._split(list(tokens[begin:]))
        return [*found, *[pad] * (len(tokens) - len(found))][: len(tokens)] if cut else found

    def _split(self, tokens: list[int]) -> list[int]:
        """A document, or the files of one that is a repository."""
        if self.split is None or self.split not in tokens:
            return self._permuted(tokens, self.rate)
        if not self.binomial(self.rate):
            return tokens
        found: list[int] = []
        begin = 0
        for place, token in enumerate(tokens):
            if token == self.split:
                if place > begin:
                    found += [*self._permuted(tokens[begin:place], self.fragment_rate), self.split]
                begin = place + 1  # an empty file loses its token
        return found + self._permuted(tokens[begin:], self.fragment_rate)

    def _permuted(self, tokens: list[int], rate: float) -> list[int]:
        if not self.binomial(rate):
            return tokens
        text = self.decode(tokens)
        if self.no_prefix is not None and text.startswith(self.no_prefix):
            return tokens
        low, high = sorted(self.boundaries(len(text)))
        prefix, middle, suffix = (self.encode(part) for part in (text[:low], text[low:high], text[high:]))
        p, s, m = self.marks
        if self.binomial(self.spm_rate):
            return [p, s, *suffix, m, *prefix, *middle]
        return [p, *prefix, s, *suffix, m, *middle]
