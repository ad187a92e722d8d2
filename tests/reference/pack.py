"""Plain-Python definitions of the packing strategies: lengths in, sequences of (document, start, length) out.

Written to be read, not to be fast; the kernels of csrc/core/pack are compared with them under Hypothesis.
"""

from __future__ import annotations

Span = tuple[int, int, int]
Sequence = list[Span]


def pieces(lengths: list[int], limit: int, overflow: str, drop_shorter_than: int = 0) -> list[Span]:
    """The overflow policies: the spans that documents are cut into before they are packed."""
    result = []
    for document, length in enumerate(lengths):
        if length > limit and overflow == "error":
            raise ValueError(f"document {document}")
        if length > limit and overflow == "drop":
            continue
        end = min(length, limit) if overflow == "truncate" else length
        for start in range(0, end, limit):
            size = min(limit, end - start)
            if size >= drop_shorter_than:
                result.append((document, start, size))
    return result


def aligned(length: int, align: int) -> int:
    return -(-length // align) * align


def room_left(sequence: Sequence, limit: int, align: int) -> int:
    return limit - sum(aligned(length, align) for _, _, length in sequence)


def concat(
    lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0, border="cross"
):
    whole = max([*lengths, limit]) if overflow == "split" else limit
    sequences: list[Sequence] = [[]]
    for document, _, length in pieces(
        lengths, limit if overflow != "split" else whole, overflow, drop_shorter_than
    ):
        start = 0
        while start < length:
            if room_left(sequences[-1], limit, align) == 0 or len(sequences[-1]) == max_documents:
                sequences.append([])
            taken = min(length - start, room_left(sequences[-1], limit, align))
            sequences[-1].append((document, start, taken))
            start += taken
            if border == "truncate":
                break
    return [sequence for sequence in sequences if sequence]


def next_fit(lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0):
    sequences: list[Sequence] = [[]]
    for span in pieces(lengths, limit, overflow, drop_shorter_than):
        if room_left(sequences[-1], limit, align) < span[2] or len(sequences[-1]) == max_documents:
            sequences.append([])
        sequences[-1].append(span)
    return [sequence for sequence in sequences if sequence]


def pad(lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0):
    return [[span] for span in pieces(lengths, limit, overflow, drop_shorter_than)]


def pad_sorted(
    lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0, group_sequences=64
):
    """Sequences from the longest down, and their capacities."""
    spans = pieces(lengths, limit, overflow, drop_shorter_than)
    spans.sort(key=lambda span: -aligned(span[2], align))
    capacities = [aligned(spans[i - i % group_sequences][2], align) for i in range(len(spans))]
    return [[span] for span in spans], capacities


def first_fit(lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0):
    sequences: list[Sequence] = []
    for span in pieces(lengths, limit, overflow, drop_shorter_than):
        for sequence in sequences:
            if room_left(sequence, limit, align) >= span[2] and len(sequence) != max_documents:
                sequence.append(span)
                break
        else:
            sequences.append([span])
    return sequences


def shortest_pack_first(lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0):
    """Krell et al.: longest documents first, each into the sequence with the most room that is still open."""
    spans = pieces(lengths, limit, overflow, drop_shorter_than)
    spans.sort(key=lambda span: -aligned(span[2], align))
    sequences: list[Sequence] = []
    touched: list[Sequence] = []
    for size in sorted({aligned(span[2], align) for span in spans}, reverse=True):
        waiting = [span for span in spans if aligned(span[2], align) == size]
        begun = []
        for span in waiting:
            fitting = [s for s in touched if room_left(s, limit, align) >= size and len(s) != max_documents]
            if fitting:
                widest = max(room_left(s, limit, align) for s in fitting)
                chosen = [s for s in fitting if room_left(s, limit, align) == widest][-1]
                touched = [s for s in touched if s is not chosen]
                chosen.append(span)
                touched.append(chosen)
            else:  # one document each: what is begun now takes no other document of this length
                sequences.append([span])
                begun.append(sequences[-1])
        touched += begun
    return sequences


def martello_toth_bound(lengths: list[int], capacity: int) -> int:
    best = 0
    for t in range(capacity // 2 + 1):
        alone = [v for v in lengths if v > capacity - t]
        long = [v for v in lengths if capacity / 2 < v <= capacity - t]
        medium = [v for v in lengths if t <= v <= capacity / 2]
        excess = sum(medium) - sum(capacity - v for v in long)
        best = max(best, len(alone) + len(long) + max(0, -(-excess // capacity)))
    return best


def best_fit(lengths, limit, overflow="split", max_documents=None, align=1, drop_shorter_than=0):
    """Best fit, document by document, longest first; among equally tight sequences the one touched last."""
    return best_fit_spans(pieces(lengths, limit, overflow, drop_shorter_than), limit, max_documents, align)


def best_fit_spans(spans, limit, max_documents=None, align=1):
    spans = sorted(
        spans, key=lambda span: -aligned(span[2], align)
    )  # stable: equal lengths stay in input order
    sequences: list[Sequence] = []
    touched: list[Sequence] = []  # in the order of their last change
    for span in spans:
        fitting = [s for s in touched if room_left(s, limit, align) >= span[2] and len(s) != max_documents]
        if fitting:
            tightest = min(room_left(s, limit, align) for s in fitting)
            chosen = [s for s in fitting if room_left(s, limit, align) == tightest][-1]
            touched = [s for s in touched if s is not chosen]
        else:
            chosen = []
            sequences.append(chosen)
        chosen.append(span)
        touched.append(chosen)
    return sequences


def stream(
    lengths,
    limit,
    overflow="split",
    max_documents=None,
    align=1,
    drop_shorter_than=0,
    buffer_documents=1000,
    buffer_tokens=0,
):
    """Sequences that the full buffer gives, and the pieces that are left in it for the flush."""
    sequences: list[Sequence] = []
    buffer: list[Span] = []  # in order of arrival

    def units(span: Span) -> int:
        return aligned(span[2], align)

    def take_sequence() -> Sequence:
        finish_below = 5 * sum(map(units, buffer)) // (2 * len(buffer) * align) * align
        sequence = [buffer.pop(0)]
        while buffer and len(sequence) != max_documents:
            room = room_left(sequence, limit, align)
            fitting = sorted({units(span) for span in buffer if units(span) <= room})
            if not fitting:
                break
            pairs = [(a, room - a) for a in fitting if 2 * a <= room and room - a in fitting]
            pairs = [(a, b) for a, b in pairs if a != b or sum(units(span) == a for span in buffer) > 1]
            oldest_fits = units(buffer[0]) <= room
            if room > finish_below and oldest_fits:
                wanted = [units(buffer[0])]
            elif fitting[-1] == room or len(sequence) + 1 == max_documents:
                wanted = [fitting[-1]]
            elif pairs:
                wanted = [pairs[0][1], pairs[0][0]]  # the widest
            else:
                wanted = [units(buffer[0]) if oldest_fits else fitting[-1]]
            for size in wanted:
                chosen = next(span for span in buffer if units(span) == size)  # the oldest of that length
                buffer.remove(chosen)
                sequence.append(chosen)
        return sequence

    for span in pieces(lengths, limit, overflow, drop_shorter_than):
        if units(span) == limit:
            sequences.append([span])
            continue
        buffer.append(span)
        while len(buffer) >= buffer_documents and sum(map(units, buffer)) >= buffer_tokens:
            sequences.append(take_sequence())
    return sequences, buffer


def decompose(
    lengths,
    limit,
    overflow="split",
    max_documents=None,
    align=1,
    drop_shorter_than=0,
    min_length=1,
    max_length=None,
    mode="exact",
    remainder="pack",
):
    """Buckets from the longest piece down, each a list of spans, and the remainders that are to be packed."""
    extra = 1 if mode == "shifted" else 0
    longest = max_length + extra
    shortest = 1 if remainder == "keep" else min_length
    powers = [1 << k for k in range(27) if shortest <= 1 << k <= max_length][::-1]
    buckets: dict[int, list[Span]] = {power + extra: [] for power in powers}
    rest: list[Span] = []
    whole = max([*lengths, longest]) if overflow == "split" else longest
    for document, _, length in pieces(lengths, whole, overflow, drop_shorter_than):
        start = 0
        while (fitting := [size for size in buckets if size <= length - start]) != []:
            buckets[fitting[0]].append((document, start, fitting[0]))
            start += fitting[0]
        if length - start >= max(drop_shorter_than, 1):
            rest.append((document, start, length - start))
    return list(buckets.values()), rest if remainder == "pack" else []


def counts(lengths: list[int], sequences: list[Sequence]) -> dict[str, int]:
    """Where the tokens went, from the spans alone. Raises AssertionError if a token is in two spans."""
    tokens_of: dict[int, list[int]] = {}
    spans_of: dict[int, int] = {}
    for sequence in sequences:
        for document, start, length in sequence:
            tokens_of.setdefault(document, []).extend(range(start, start + length))
            spans_of[document] = spans_of.get(document, 0) + 1
    result = dict.fromkeys(
        ["empty_documents", "dropped_documents", "dropped_tokens", "truncated_documents", "truncated_tokens"],
        0,
    )
    for document, length in enumerate(lengths):
        tokens = tokens_of.get(document, [])
        assert len(set(tokens)) == len(tokens)
        assert set(tokens) <= set(range(length))
        missing = length - len(tokens)
        if length == 0:
            result["empty_documents"] += 1
        elif not tokens:
            result["dropped_documents"] += 1
            result["dropped_tokens"] += missing
        elif missing:
            result["truncated_documents"] += 1
            result["truncated_tokens"] += missing
    result["documents"] = len(lengths)
    result["tokens"] = sum(lengths)
    result["split_documents"] = sum(spans > 1 for spans in spans_of.values())
    return result


def shape(sequences: list[Sequence]) -> list[list[int]]:
    """The multiset of sequences by the lengths they hold: what two equally good packers agree on."""
    return sorted(sorted(length for _, _, length in sequence) for sequence in sequences)


def piece_bytes(pieces: list[Span], next_document: int, limit: int) -> list[int]:
    """Buffered pieces as csrc/core/pack/stream/piece_bytes.hpp writes them."""
    result: list[int] = []

    def append(value):
        while value >= 128:
            result.append(value % 128 + 128)
            value //= 128
        result.append(value)

    for document, start, length in reversed(pieces):
        append(2 * (next_document - document) + (start > 0))
        append(length)
        if start > 0:
            assert start % limit == 0
            append(start // limit)
        next_document = document
    return result
