"""Objective: a change of a batch's arrays, span by span; it depends on the loader's options alone."""

from __future__ import annotations

import abc
import ast
import dataclasses
import difflib
import json
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.fingerprint import integers_fingerprint, text_fingerprint
from pypack.objectives.denoisers import Denoiser
from pypack.objectives.ranges import DocumentRanges
from pypack.plan.literals import refuse_literals
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    from typing_extensions import Self

# Metadata of a field that came later: at its default it leaves fingerprints, and so states of older runs, as
# they were.
LATER = {"later": True}

# The objectives by name, and the module of each.
NAMES = {
    "MaskedLM": "masked_lm",
    "FillInMiddle": "fill_in_middle",
    "LOGO": "positions",
    "PoSE": "positions",
    "PrefixLM": "prefix_lm",
    "RandPos": "positions",
    "ReplacedTokens": "replaced_tokens",
    "SpanCorruption": "span_corruption",
    "UL2": "ul2",
}


class Objective(abc.ABC):
    """What a model is to learn, for `Loader(objective=...)`; its subclasses are frozen dataclasses.

    What is drawn for a span depends on the loader's seed, the source's name, the epoch, the sequence and the
    number of the span in it, and on nothing else: it is the same at any step, on any rank, with any number of
    threads and in every layout. No span knows of another.

    Attributes:
        needs: arrays that the loader has to make for it.
        writes_labels: it says itself what is learned; else labels are those of the next token.
        moves_tokens: tokens stand at other places afterwards.
        counts: names of what it counts in every batch (`PackedBatch.objective_counts`), in the order of its
            kernel.
        has_pairs: it can make inputs and targets of an encoder and a decoder, see `PairObjective`;
        needs_pairs: and nothing else.
    """

    needs: ClassVar[tuple[str, ...]] = ("labels",)
    writes_labels: ClassVar[bool] = True
    moves_tokens: ClassVar[bool] = False
    counts: ClassVar[tuple[str, ...]] = ()
    has_pairs: ClassVar[bool] = False
    needs_pairs: ClassVar[bool] = False

    @abc.abstractmethod
    def resolved(self, stores: Sequence[TokenStore]) -> Self:
        """The same with all that it takes from the tokenizer of the stores filled in.

        Raises:
            ValueError: something is neither given nor known; the message says what to give.
        """

    def check_plans(self, plans: Sequence[Plan]) -> None:
        """Raises ValueError where it can make nothing of the sequences of a loader's plans."""
        for plan in plans:
            refuse_literals(plan, f"{type(self).__name__} would change them, too", "use a plan without them")

    @abc.abstractmethod
    def kernel(self) -> _core.Objective:
        """What changes the arrays; of a resolved objective."""

    @property
    def feedback_clusters(self) -> int:
        """How many clusters of tokens `pypack.loader.give_feedback` is told of; 0: it learns nothing of a
        run."""
        return 0

    def kernel_after(self, counts: NDArray[np.int64]) -> _core.Objective:
        """The kernel once feedback has come to these counts: int64 [clusters, clusters]."""
        raise TypeError(f"{type(self).__name__} takes no feedback")

    def to_dict(self) -> dict[str, Any]:
        """Its name and fields as plain values; of arrays their fingerprints."""
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if not (field.metadata.get("later") and _is_default(getattr(self, field.name), field.default))
        }
        return {"objective": type(self).__name__} | {name: _plain(value) for name, value in fields.items()}

    @property
    def fingerprint(self) -> str:
        """What a loader's state records: the name, and 16 hexadecimal digits that change with any field."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return f"{type(self).__name__} {text_fingerprint(text)}"


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, (int, float, str)) and bool(value == default))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return integers_fingerprint(value.astype(np.int64))
    if isinstance(value, DocumentRanges):
        return value.fingerprint
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.to_dict() if isinstance(value, Denoiser) else value


def from_text(text: str) -> Objective:
    """An objective as a command line names it: "MaskedLM" or "MaskedLM(rate=0.3, whole_word=True)".

    Raises:
        ValueError: there is no such objective, or an argument is not its own or no plain value.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            call = ast.Call(call, [], [])
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not of the form NAME(argument=value, ...)")
        if call.args:
            shown = ", ".join(map(ast.unparse, call.args))
            raise ValueError(f"not of the form NAME(argument=value, ...): what {shown} is for must be said")
        values = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise ValueError(f"{text!r} names no objective, as MaskedLM(rate=0.15) does: {why}") from None
    if call.func.id not in NAMES:
        near = difflib.get_close_matches(call.func.id, NAMES, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no objective {call.func.id!r}; there are {', '.join(NAMES)}{meant}")
    module = import_module(f"pypack.objectives.{NAMES[call.func.id]}")
    kind = getattr(module, call.func.id)
    try:
        made = kind(**values)
    except TypeError as error:
        takes = ", ".join(field.name for field in dataclasses.fields(kind) if field.init)
        raise ValueError(f"{text!r}: {error}; it takes {takes}") from None
    assert isinstance(made, Objective)
    return made
