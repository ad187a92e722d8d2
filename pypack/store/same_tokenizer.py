"""Whether stores hold ids of one tokenizer, so that they can be read by one model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypack.store.described import DescribedStore
    from pypack.store.store import TokenStore


def check_same_tokenizer(stores: Mapping[str, TokenStore | DescribedStore]) -> None:
    """Compares the tokenizers of stores by `Tokenizer.ids_fingerprint`, of the files that the stores keep.

    Stores whose recorded fingerprints are the same are not looked into. Of several stores, those that tell
    no tokenizer are warned of, all of them if none does.

    Args:
        stores: by the names to call them by.

    Raises:
        ValueError: two of them were made by tokenizers that give different ids.
    """
    parts = [(name, part) for name, store in stores.items() for part in store.parts]
    alike: dict[str, list[tuple[str, TokenStore | DescribedStore]]] = {}  # by recorded fingerprint
    unknown = []
    for name, part in parts:
        recorded = part.tokenizer_fingerprint
        if recorded is None:
            unknown.append(name)
        else:
            alike.setdefault(recorded, []).append((name, part))
    first: tuple[str, str] | None = None  # whom the others are compared with, and its fingerprint
    if len(alike) > 1:
        for name, part in (group[0] for group in alike.values()):
            found = part.ids_fingerprint
            if found is None:
                unknown.append(name)
            elif first is None:
                first = (name, found)
            elif found != first[1]:
                raise ValueError(
                    f"{first[0]} and {name} were made by tokenizers that give different ids: a model can "
                    "read one of them; tokenize the texts of the other again"
                )
    if len(unknown) == len(parts) and len({part.path for _, part in parts}) > 1:
        warnings.warn(
            f"{', '.join(dict.fromkeys(unknown))}: none of these stores tells its tokenizer; nobody can tell "
            "whether the same ids mean the same in all of them",
            stacklevel=3,
        )
    elif unknown and len(unknown) < len(parts):
        warnings.warn(
            f"{', '.join(dict.fromkeys(unknown))}: of unknown tokenizer; nobody can tell whether the ids "
            "mean what those of the other stores do",
            stacklevel=3,
        )
