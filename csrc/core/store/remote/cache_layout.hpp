// What the processes of one host that share a cache of remote files keep in mapped memory: which blocks are
// there, and who needs which of them when. pypack/cache/layout.py has the same layout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pypack {

// Files are cached in segments of so many bytes, each a file of its own: a segment can be removed by
// unlinking it, while whoever has it mapped goes on reading. A block is what one checksum covers, a segment
// or a part of one.
inline constexpr int kSegmentBits = 23;
inline constexpr std::int64_t kSegmentBytes = std::int64_t{1} << kSegmentBits;

enum class BlockState : std::uint8_t { absent = 0, present = 1, failed = 2 };

// Begins the states of a group of files; behind it uint32 [segments], which count the files that a segment
// has had, and a BlockState [blocks]. Only the fetcher writes.
//
// A segment goes by: its states become absent, its file is unlinked. It comes back by: its count rises, a
// file is made, a block is written, its state becomes present. So a reader that finds a state present, and
// then the count that it found before it opened the file, has that block in what it has mapped.
struct StatesHeader {
    std::uint64_t magic;
    std::uint64_t blocks;
    std::uint64_t segments;
    std::uint64_t present;   // blocks
    std::uint64_t evicted;   // segments, ever
    std::uint64_t failures;  // ever
    std::uint8_t boot[16];   // of the host, when the states were true
    std::uint8_t rest[64];
};
static_assert(sizeof(StatesHeader) == 128);
inline constexpr std::uint64_t kStatesMagic = 0x3173746174737070;  // "pptstats1" cut to eight letters

// Begins what one reader needs; behind it Want [capacity], written round and round. Only the reader writes.
struct WantsHeader {
    std::uint64_t magic;
    std::int64_t process;
    std::int64_t clock;  // batches begun: what is due before is needed no more
    std::uint64_t written;
    std::uint64_t capacity;
    std::uint8_t rest[24];
};
static_assert(sizeof(WantsHeader) == 64);
inline constexpr std::uint64_t kWantsMagic = 0x3173746e61777070;

struct Want {
    std::uint64_t group;
    std::int64_t block;  // of the group; or -1 - segment, where its file is found to be damaged
    std::int64_t due;    // by the reader's clock
};
static_assert(sizeof(Want) == 24);

inline constexpr std::uint64_t kWants = 1 << 15;
// A block that is needed again within so many batches is not asked for again.
inline constexpr std::int64_t kSameWant = 8;

}  // namespace pypack
