"""A tokenizer in both forms, and whether they give the same ids."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer as HuggingFaceTokenizer

import pypack

PER_DOCUMENT = 200


class Pair:
    """The native engine beside the `tokenizers` library. Counts what it has compared."""

    def __init__(self, reference: HuggingFaceTokenizer, native: pypack.Tokenizer | None = None) -> None:
        self.reference = reference
        self.native = native or pypack.Tokenizer.from_huggingface(reference, engine="native")
        self.compared = 0

    @classmethod
    def from_file(cls, path: Path) -> Pair:
        reference = HuggingFaceTokenizer.from_file(str(path))
        reference.no_truncation()
        reference.no_padding()
        return cls(reference, pypack.Tokenizer.from_file(path, engine="native"))

    def check(self, texts: list[str], *, add_special_tokens: bool = False, split: bool = False) -> None:
        """Asserts the same ids for every text."""
        different = self._different(texts, add_special_tokens=add_special_tokens, split=split)
        assert different == [], ascii(texts[different[0]])

    def check_pieces(self, pieces: list[str]) -> None:
        """Asserts the same ids for pieces of text that stand alone between special tokens, many a document.

        That is a hundred times faster than a document each, which says the same: a special token ends what
        a pretokenizer or a normalizer sees. Every first piece stands at the start of a document.
        """
        separator = self._separator()
        groups = [pieces[i : i + PER_DOCUMENT] for i in range(0, len(pieces), PER_DOCUMENT)]
        documents = [separator.join(group) for group in groups]
        for i in self._different(documents):
            self.check(groups[i])  # which of the pieces it is
            raise AssertionError(f"differs only as a whole: {documents[i]!a}")
        self.compared += len(pieces) - len(documents)

    def _separator(self) -> str:
        """A special token that takes nothing else in, if possible one looked for in the text as it came."""
        tokens = self.reference.get_added_tokens_decoder().values()
        plain = [t for t in tokens if t.special and not (t.lstrip or t.rstrip or t.single_word)]
        if not plain:
            raise ValueError("the tokenizer has no special token to separate pieces with")
        return str(min(plain, key=lambda token: bool(token.normalized)).content)

    def _different(
        self, texts: list[str], *, add_special_tokens: bool = False, split: bool = False
    ) -> list[int]:
        self.reference.encode_special_tokens = split
        ours = self.native.encode_batch(
            texts, add_special_tokens=add_special_tokens, split_special_tokens=split, num_threads=2
        )
        theirs = self.reference.encode_batch_fast(texts, add_special_tokens=add_special_tokens)
        self.compared += len(texts)
        rows = enumerate(zip(ours, theirs, strict=True))
        return [i for i, (row, encoding) in rows if row.tolist() != encoding.ids]
