"""What `order_documents` computes, with a plain search for every start."""

from __future__ import annotations

from tests.reference.permutation import permutation, random_bits


def order_documents(neighbours, similarities, max_run, duplicate_above, seed):
    """(order, breaks, dropped) of lists of neighbours and of similarities."""
    documents = len(neighbours)
    weights = {}
    for one, (row, of_row) in enumerate(zip(neighbours, similarities, strict=True)):
        named = set()
        for other, weight in zip(row, of_row, strict=True):
            if other < 0 or other == one or other in named:
                continue
            named.add(other)
            for pair in ((one, other), (other, one)):
                weights[pair] = max(weights.get(pair, weight), weight)
    joined = {one: [] for one in range(documents)}
    # Own neighbours in their order, then the documents that name this one without being named.
    for one, row in enumerate(neighbours):
        joined[one] = [o for o in dict.fromkeys(row) if o >= 0 and o != one]
    own = {one: set(found) for one, found in joined.items()}
    for one in range(documents):
        for other in sorted(own[one], key=neighbours[one].index):
            if one not in own[other]:
                joined[other].append(one)
    degree = {one: len(found) for one, found in joined.items()}
    starts = permutation(documents, random_bits(seed, 0x737461727473, 0)) if documents else []
    clock = 0
    since = {}
    for one in reversed(starts):
        since[one] = clock
        clock += 1
    taken = set()
    order, breaks, dropped = [], [], []

    def lower(one):
        nonlocal clock
        for other in joined[one]:
            if other not in taken:
                degree[other] -= 1
                since[other] = clock
                clock += 1

    while len(taken) < documents:
        at = min((o for o in range(documents) if o not in taken), key=lambda o: (degree[o], -since[o]))
        breaks.append(len(order))
        length = 0
        while at is not None and length < (max_run or documents):
            order.append(at)
            taken.add(at)
            length += 1
            if duplicate_above is not None:
                found = [o for o in joined[at] if o not in taken and weights[at, o] > duplicate_above]
                taken.update(found)
                dropped += found
                for one in found:
                    lower(one)
            lower(at)
            open_ = [o for o in joined[at] if o not in taken]
            at = min(open_, key=lambda o, at=at: (-weights[at, o], o), default=None)
    return order, breaks, dropped
