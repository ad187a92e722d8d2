"""How many sequences of each length a run of Dataset Decomposition draws in each cycle."""

from __future__ import annotations

from collections.abc import Mapping


def bucket_quotas(
    bucket_tokens: Mapping[int, int], tokens: int, cycles: int, quantum_tokens: int
) -> dict[int, int]:
    """Sequences of each length in every cycle, in proportion to what the buckets hold.

    The planner that comes with Dataset Decomposition (`get_dd_params.py` of apple/ml-dataset-decomposition):
    a bucket gives whole quanta, so that all ranks and workers get equal parts of it, and the bucket of the
    longest sequences makes up for what rounding takes from `tokens`. Hand the result to a phase:

        quotas = bucket_quotas(tokens_of_buckets, 28e9, cycles=8, quantum_tokens=2**23)
        shares = {length: count * length for length, count in quotas.items()}
        Phase(tokens=8 * sum(shares.values()), length_shares=shares, curriculum="grow-p2", cycles=8)

    Args:
        bucket_tokens: tokens that the sequences of each length hold in all.
        tokens: of the whole run; more than there are means that buckets are used again.
        cycles: parts of the run with equal quotas.
        quantum_tokens: a cycle takes a multiple of this many tokens from every bucket; a multiple of every
            length.

    Returns:
        length -> sequences a cycle, which together hold at least tokens / cycles.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not bucket_tokens or min(bucket_tokens) < 1 or min(bucket_tokens.values()) < 0:
        raise ValueError(
            f"bucket_tokens must name lengths from 1 on with their tokens, got {dict(bucket_tokens)}"
        )
    supply = sum(bucket_tokens.values())
    if supply < 1 or tokens < 1 or cycles < 1:
        raise ValueError(
            f"buckets must hold tokens, and tokens and cycles be at least 1, got {supply}, {tokens}, {cycles}"
        )
    for length in bucket_tokens:
        if quantum_tokens < 1 or quantum_tokens % length:
            raise ValueError(
                f"quantum_tokens must be a multiple of every length, got {quantum_tokens} for {length}"
            )
    lengths = sorted(bucket_tokens)
    quanta = {
        n: _round_half_even(tokens * bucket_tokens[n], supply * cycles * quantum_tokens) for n in lengths
    }
    wanted = -(-tokens // (cycles * quantum_tokens))  # at least
    quanta[lengths[-1]] += max(0, wanted - sum(quanta.values()))
    return {n: quanta[n] * (quantum_tokens // n) for n in lengths}


def _round_half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))
