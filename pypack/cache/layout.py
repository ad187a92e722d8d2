"""The memory that the processes of a cache share, as csrc/core/store/remote/cache_layout.hpp has it."""

from __future__ import annotations

import struct
from pathlib import Path

SEGMENT_BYTES = 8 << 20
ABSENT, PRESENT, FAILED = 0, 1, 2
SAME_WANT = 8  # a block that is needed again within so many batches is not asked for again

# magic, blocks, segments, present, evicted, failures, boot
STATES = struct.Struct("<6Q16s64x")
STATES_MAGIC = 0x3173746174737070
BLOCKS_AT, SEGMENTS_AT, PRESENT_AT, EVICTED_AT, FAILURES_AT, BOOT_AT = 8, 16, 24, 32, 40, 48

# magic, process, clock, written, capacity
WANTS = struct.Struct("<QqqQQ24x")
WANTS_MAGIC = 0x3173746E61777070
WANT = struct.Struct("<Qqq")  # group, block (or -1 - segment, which is damaged), due


def boot_id() -> bytes:
    """16 bytes that change when the host starts anew; zeros where it does not tell."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


def states_bytes(blocks: int, segments: int) -> int:
    """Size of a file of states."""
    return STATES.size + 4 * segments + blocks


def parts(size: int, each: int) -> int:
    """How many parts of so many bytes a file has."""
    return -(-size // each)
