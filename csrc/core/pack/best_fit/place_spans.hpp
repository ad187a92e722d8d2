// The second pass of bulk packing: documents in input order, each to the place that the placements keep for
// its rank among those of its length.
//
// Those places lie all over the output, and going to each of them straight away is a chain of cache misses a
// document (length -> placement -> start of the sequence -> place): 16 to 48 ns on the machine of
// bench/results/pack.json. So documents are first sorted by length, a block at a time that fits the caches.
// Then the documents of one length go to places that rise, and processors fetch those ahead.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/interrupt.hpp"
#include "common/prefetch.hpp"
#include "pack/best_fit/piece_counts.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

template <typename Item>
class SpanPlacer {
  public:
    // Large enough that the documents of one length in it are many, small enough to stay in the cache, and
    // far below the 64 MB that packing may take beside its input and output.
    static constexpr std::int64_t kBlock = std::int64_t{1} << 20;

    // ranks[v]: the rank of the first item of v units.
    explicit SpanPlacer(std::vector<std::int64_t> ranks) : ranks_(std::move(ranks)), next_(ranks_.size()) {}

    // counts[v]: items of v units in the block. visit(add) calls add(units, item) for all of them in order;
    // then put(units, item, place) is called for each.
    template <typename Places, typename Visit, typename Put>
    void place(std::span<const std::uint32_t> counts, const Places& places, Visit&& visit, Put&& put) {
        std::uint32_t total = 0;
        for (std::size_t v = 0; v < counts.size(); ++v) {
            next_[v] = total;
            total += counts[v];
        }
        if (total + kAhead > items_.size()) items_ = Buffer<Item>(total + kAhead);
        Item* const items = items_.data();
        std::uint32_t* const next = next_.data();
        visit([items, next](std::size_t v, const Item& item) {
            const std::uint32_t at = next[v];
            next[v] = at + 1;
            prefetch_to_write(items + at + kAhead);
            items[at] = item;
        });
        for (std::size_t v = counts.size() - 1; v > 0; --v) {
            if (counts[v] == 0) continue;
            const Item* const first = items + next[v] - counts[v];
            places.each(v, ranks_[v], counts[v],
                        [&](std::int64_t i, std::int64_t at) { put(v, first[i], at); });
            ranks_[v] += counts[v];
        }
    }

  private:
    static constexpr std::uint32_t kAhead = 16;  // items: a line or two

    std::vector<std::int64_t> ranks_;
    std::vector<std::uint32_t> next_;  // where the next item of v units goes
    Buffer<Item> items_;               // of the block, sorted by units
};

// Calls put(units, item, place) for the items of a chunk of documents, in blocks. visit(documents, add) calls
// add(units, item) for the items of those documents in order; counts[v], ranks[v]: the items of v units in
// the chunk, and before it.
template <typename Item, typename Places, typename Visit, typename Put>
void place_chunk(Chunk chunk, std::span<const std::uint32_t> counts, std::vector<std::int64_t> ranks,
                 const Places& places, Visit&& visit, Put&& put) {
    constexpr std::int64_t kBlock = SpanPlacer<Item>::kBlock;
    constexpr std::size_t kStep = 4096;  // documents
    SpanPlacer<Item> placer(std::move(ranks));
    const auto place = [&](Chunk block, std::span<const std::uint32_t> in_block) {
        placer.place(in_block, places, [&](auto&& add) { visit(block, add); }, put);
    };
    if (std::accumulate(counts.begin(), counts.end(), std::int64_t{0}) <= kBlock + kBlock / 2) {
        place(chunk, counts);
        return;
    }
    std::vector<std::uint32_t> in_block(counts.size());
    for (Chunk block{chunk.begin, chunk.begin}; block.begin < chunk.end; block.begin = block.end) {
        check_interrupt();
        std::fill(in_block.begin(), in_block.end(), 0);
        for (std::int64_t found = 0; found < kBlock && block.end < chunk.end;) {
            const Chunk step{block.end, std::min(block.end + kStep, chunk.end)};
            visit(step, [&found, table = in_block.data()](std::size_t v, const Item&) {
                ++table[v];
                ++found;
            });
            block.end = step.end;
        }
        place(block, in_block);
    }
}

}  // namespace pypack
