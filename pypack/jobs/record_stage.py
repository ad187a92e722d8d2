"""The middle stage of a job whose records become texts first: chats, prompts, templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus import DocumentBatch, InputFile, Reject, RejectedInputError
from pypack.corpus.json_lines import record_fault
from pypack.corpus.lenient_json import has_lone_surrogate, parse_json, parsed_exactly
from pypack.corpus.passed_over import PassedOver
from pypack.jobs.encode_stage import LOOK_ALIKES, reject_of
from pypack.ragged import Ragged
from pypack.records.errors import RecordError
from pypack.records.look_alikes import LookAlikes
from pypack.records.paths import value_at
from pypack.records.recipe import RecordTexts
from pypack.records.rendered import Rendered
from pypack.store.beside import Beside

Encode = Callable[[Sequence[Rendered]], tuple[Ragged, NDArray[np.bool_]]]


class RecordStage:
    """Renders and encodes batches of records; one that gives no document becomes a reject.

    Args:
        texts: makes the texts of a record.
        encode: ids of texts, and which are learned.
    """

    def __init__(
        self, texts: RecordTexts, encode: Encode, files: Sequence[InputFile], on_error: str = "reject"
    ) -> None:
        self._texts = texts
        self._look_alikes = LookAlikes(texts.special_texts)
        self._encode = encode
        self._files = files
        self._on_error = on_error

    def __call__(self, batch: DocumentBatch) -> tuple[DocumentBatch, Ragged, Beside]:
        """The documents of a batch of records, which may be more than these, and what is beside them.

        Raises:
            RejectedInputError: the first record that is refused, under `on_error="stop"`.
        """
        rejects: list[Reject] = []
        rendered: list[Rendered] = []
        counts = np.zeros(len(batch), np.int64)  # documents of each record
        weights = np.ones(len(batch), np.float32)
        records: Sequence[Any] = batch.texts  # JSON, see `corpus.read`
        for i, line in enumerate(records):
            try:
                record = self._record(line)
                found = self._texts(record)
                weights[i] = self._texts.weight(record)
            except RecordError as error:
                self._refuse(batch, i, error.kind, str(error), rejects)
                continue
            rendered += found
            counts[i] = len(found)
        rows, learned, bad = self._encoded(rendered)
        owner = np.repeat(np.arange(len(batch)), counts)  # the record of each document
        spelled = np.array([self._look_alikes.count(one.text, one.plain) for one in rendered], np.int64)
        if bad:
            for i, (kind, reason) in {int(owner[number]): why for number, why in bad.items()}.items():
                self._refuse(batch, i, kind, reason, rejects)
                counts[i] = 0
            kept = counts[owner] > 0
            learned = learned[np.repeat(kept, rows.lengths)]
            rows = Ragged.from_rows([rows[number] for number in np.flatnonzero(kept).tolist()])
            owner, spelled = owner[kept], spelled[kept]
        spread = self._spread(batch, owner, rejects)
        if spelled.any():
            holders = np.repeat(np.arange(len(owner)), spelled)  # a document for each time
            spread = replace(spread, look_alikes=PassedOver.of(LOOK_ALIKES, spread, holders))
        return spread, rows, self._beside(counts, weights[owner], learned)

    def _record(self, line: bytes) -> dict[str, Any]:
        try:
            value, is_strict = parse_json(line)
            record = parsed_exactly(line, value)
        except ValueError:
            raise RecordError(*record_fault(line)) from None
        if not isinstance(record, dict):
            raise RecordError(*record_fault(line))
        if not is_strict:
            for name in self._texts.recipe.fields:
                if has_lone_surrogate(value_at(record, name)):
                    raise RecordError("lone_surrogate", f"the field {name!r} has an escaped lone surrogate")
        return record

    def _refuse(self, batch: DocumentBatch, i: int, kind: str, reason: str, rejects: list[Reject]) -> None:
        rejects.append(reject_of(self._files, batch, i, kind, reason))
        if self._on_error == "stop":
            raise RejectedInputError(rejects[-1])

    def _encoded(
        self, rendered: list[Rendered]
    ) -> tuple[Ragged, NDArray[np.bool_], dict[int, tuple[str, str]]]:
        """Ids, which are learned, and why some documents are to be refused, by their numbers."""
        bad: dict[int, tuple[str, str]] = {}
        try:
            rows, learned = self._encode(rendered)
        except ValueError:
            parts = []
            for number, one in enumerate(rendered):
                try:
                    parts.append(self._encode([one]))
                except ValueError as error:
                    why = str(error).removeprefix("document 0: ")
                    bad[number] = ("not_encodable", f"the tokenizer fails at the text: {why}")
                    parts.append((Ragged.from_rows([[]]), np.zeros(0, np.bool_)))
            rows = Ragged.from_rows([part[0].values for part in parts])
            learned = np.concatenate([np.zeros(0, np.bool_), *(part[1] for part in parts)])
        if self._texts.masks and not self._texts.learns_nothing:
            sums = np.concatenate([[0], np.cumsum(learned)])[rows.offsets]
            for number in np.flatnonzero(np.diff(sums) == 0).tolist():
                bad.setdefault(number, ("nothing_learned", "no token of the record is to be learned"))
        return rows, learned, bad

    def _beside(
        self, counts: NDArray[np.int64], weights: NDArray[np.float32], learned: NDArray[np.bool_]
    ) -> Beside:
        recipe = self._texts.recipe
        ends = np.cumsum(counts)
        places = np.arange(int(counts.sum())) - np.repeat(ends - counts, counts)
        return Beside(
            learned if self._texts.masks else None,
            places.astype(np.int32) if recipe.has_groups else None,
            weights if recipe.weight is not None else None,
        )

    def _spread(self, batch: DocumentBatch, owner: NDArray[np.int64], rejects: list[Reject]) -> DocumentBatch:
        """The batch with a place for each document, and with the rejects in their order."""

        def chosen(values: Any) -> Any:
            return [values[i] for i in owner.tolist()] if isinstance(values, list) else values.take(owner)

        together = sorted([*batch.rejects, *rejects], key=lambda one: (one.index, one.record))
        return replace(
            batch,
            texts=[],
            files=batch.files[owner],
            records=batch.records[owner],
            ends=batch.ends[owner],
            columns={name: chosen(values) for name, values in batch.columns.items()},
            rejects=together,
        )
