"""Where a tokenizer comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pypack._common.arguments import number_within
from pypack._common.paths import local_path
from pypack.tokenizer.chat_files import ChatFiles, chat_files_beside, chat_files_of
from pypack.tokenizer.choice import EngineName
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.definition_file import read_definition_file
from pypack.tokenizer.folder import read_beside
from pypack.tokenizer.hub import hub_folder
from pypack.tokenizer.load_warnings import warn_of_ids, warn_of_transformers
from pypack.tokenizer.tiktoken_encoding import encoding_of
from pypack.tokenizer.tiktoken_file import RanksDefinition, read_ranks
from pypack.tokenizer.what_file import find_tokenizer_file

if TYPE_CHECKING:
    import numpy as np
    import tiktoken
    from numpy.typing import NDArray
    from typing_extensions import Self

    from pypack.tokenizer.engine import Engine


class Sources:
    """The ways to make a `Tokenizer`, which is built on this."""

    if TYPE_CHECKING:
        # What `Tokenizer` has.
        _engine: Engine

        def __init__(
            self,
            definition: TokenizerDefinition,
            engine: EngineName | None,
            configured: dict[str, str],
            asked: dict[str, str | None],
            chat: ChatFiles | None = None,
        ) -> None: ...
        def encode(self, text: str | bytes, *, split_special_tokens: bool = ...) -> NDArray[np.uint32]: ...

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Self:
        """Loads a `tokenizer.json`, or the one in a folder.

        Special ids are those of `eos_token`, `bos_token`, `pad_token` where given, else those that a
        `tokenizer_config.json` or `special_tokens_map.json` beside the file names (with a warning where
        the vocabulary lacks that one), else those of well-known names (`</s>`, `<|endoftext|>`, ...) that
        the tokenizer marks as special.

        Args:
            path: the file, or a folder that holds a `tokenizer.json`.
            engine: "native", "huggingface", or None for the native engine wherever it is exact.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not a tokenizer that the `tokenizers` library can load, a special token is
                not in its vocabulary, or the engine asked for cannot run it.
        """
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls._opened(local_path(path), engine, asked)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        revision: str | None = None,
        local_only: bool = False,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Self:
        """The tokenizer of a model on the Hugging Face Hub, or in the Hub's cache on this machine.

        Of the model only the files of its tokenizer are downloaded (extra `hub`). What is in the cache needs
        no network: also under `HF_HUB_OFFLINE=1`, or where the Hub does not answer.

        Args:
            name: "owner/model"; or the path of a folder, as `from_file` takes it.
            revision: a branch, a tag, or the whole id of a commit, which is not asked for again.
            local_only: look in the cache alone.

        Raises:
            FileNotFoundError: there is no such model, or it is not in the cache.
            ImportError: it is not in the cache, and huggingface_hub is not installed.
            ValueError: as for `from_file`.
        """
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        if name and Path(name).is_dir():
            return cls._opened(Path(name), engine, asked)
        return cls._opened(hub_folder(name, revision, local_only=local_only), engine, asked)

    @classmethod
    def _opened(cls, path: Path, engine: EngineName | None, asked: dict[str, str | None]) -> Self:
        """Of a file or folder, see `from_file`."""
        file = find_tokenizer_file(path)
        beside = read_beside(file)
        definition = read_definition_file(file, beside)
        tokenizer = cls(definition, engine, beside.names(), asked, chat_files_beside(file))
        warn_of_ids(definition, tokenizer._engine.added_tokens())
        warn_of_transformers(definition, beside, tokenizer._engine)
        return tokenizer

    @classmethod
    def from_huggingface(
        cls,
        tokenizer: Any,
        *,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Self:
        """Takes a `tokenizers.Tokenizer` or a fast tokenizer of transformers; the object is copied.

        A transformers tokenizer says itself which tokens end, begin and pad; the arguments overrule it.

        Raises:
            TypeError: `tokenizer` is neither (transformers' slow tokenizers have no `tokenizers` form).
            ValueError: as for `from_file`.
        """
        from tokenizers import Tokenizer as HuggingFaceTokenizer

        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if not isinstance(inner, HuggingFaceTokenizer):
            kind = type(tokenizer).__name__
            raise TypeError(f"expected a tokenizers.Tokenizer or a transformers fast tokenizer, got {kind}")
        configured = {}
        for role in ("eos", "bos", "pad"):
            token = getattr(tokenizer, f"{role}_token", None)
            if token is not None:
                configured[role] = str(token)
        definition = TokenizerDefinition(inner.to_str().encode(), source="the tokenizer", is_printed=True)
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls(definition, engine, configured, asked, chat_files_of(tokenizer))

    @classmethod
    def from_tiktoken(
        cls,
        path: str | os.PathLike[str] | tiktoken.Encoding,
        *,
        pattern: str | None = None,
        special_tokens: Mapping[str, int] | None = None,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Self:
        """Loads a `.tiktoken` file (lines of a token in base64 and its rank), or an encoding of tiktoken's.

        The tokenizer.json that `to_json` gives has the merges that transformers' converter writes.

        Args:
            path: the file; or a `tiktoken.Encoding`, or the name of one ("cl100k_base"), which tiktoken
                loads from its own cache or from the network. These have their pattern and special tokens.
            pattern: the regex that splits text into words (tiktoken's `pat_str`), or one of the names
                "gpt2", "cl100k", "o200k", "qwen2", "tekken". "cl100k" is as most models have it; the
                `pat_str` that tiktoken itself has for cl100k_base today treats whitespace at the end of
                a text otherwise, and is known too.
            special_tokens: special token → id, behind the ranks or where a rank is missing; ids may be left
                out. Beside an encoding: its own are replaced.

        Raises:
            FileNotFoundError: there is no such file.
            ImportError: it is a name, and tiktoken is not installed.
            ValueError: a line is malformed, a special token has an id or a text that is taken, the
                pattern means something else to `tokenizers`, there is no such encoding, or as for
                `from_file`.
            TypeError: a file comes without a pattern, which it does not hold.
        """
        encoding = encoding_of(path)
        if encoding is not None:
            given = encoding.special_tokens if special_tokens is None else special_tokens
        elif pattern is None:
            raise TypeError(
                f'{path}: a .tiktoken file does not say how text is split: give pattern="cl100k" or another'
            )
        else:
            given = special_tokens or {}
        special = {
            content: number_within(f"the id of special token {content!r}", token_id, 31, signed=False)
            for content, token_id in given.items()
        }
        if encoding is not None:
            name = encoding.name
            ranks = encoding.ranks
        else:
            name = str(path)
            ranks = read_ranks(local_path(cast("str | os.PathLike[str]", path)))
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        regex = pattern or (encoding.pattern if encoding else "")
        tokenizer = cls(RanksDefinition(ranks, regex, special, name), engine, {}, asked)
        for content, token_id in special.items():
            if token_id in tokenizer.encode(content, split_special_tokens=True):
                raise ValueError(
                    f"{name}: plain text can spell the special token {content!r}, because some ids before"
                    f" {token_id} are unused; name the unused ids as special tokens too"
                )
        return tokenizer
