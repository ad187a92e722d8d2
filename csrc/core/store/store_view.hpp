// The documents of all shards under one numbering.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/types.hpp"
#include "store/shard.hpp"

namespace pypack {

class StoreView {
  public:
    // Shards must share one dtype; throws std::invalid_argument otherwise, or for an empty list.
    explicit StoreView(std::vector<Shard> shards);

    [[nodiscard]] TokenDtype dtype() const { return dtype_; }
    [[nodiscard]] std::int64_t num_documents() const { return first_documents_.back(); }
    [[nodiscard]] std::int64_t num_tokens() const { return num_tokens_; }
    [[nodiscard]] std::span<const Shard> shards() const { return shards_; }

    // Throws std::out_of_range for a document that the store does not have, std::invalid_argument for one
    // whose index entry is damaged.
    [[nodiscard]] DocumentView document(std::int64_t index) const;

    // Asks the memory for what `document` reads; nothing for a document that the store does not have.
    void prefetch_entries(std::int64_t index) const;

    // What `document` reads of the mapped index; nothing for a document that the store does not have.
    [[nodiscard]] std::array<std::span<const std::byte>, 2> index_entries(std::int64_t index) const;

    // Throws std::invalid_argument if a file of the store is found to have been cut. Looks at the sizes of
    // some shards, and at most twenty times a second, however often it is called. Thread-safe.
    void look_at_sizes() const;

    // Copies the lengths of all documents (num_documents() values).
    void copy_lengths(std::span<Length> out) const;

  private:
    [[nodiscard]] std::size_t shard_of(std::int64_t index) const;

    std::vector<Shard> shards_;
    std::vector<std::int64_t> first_documents_;  // of each shard, and the total
    std::int64_t num_tokens_ = 0;
    TokenDtype dtype_{};
    mutable std::atomic<std::int64_t> next_look_{0};  // in nanoseconds of the steady clock
    mutable std::atomic<std::size_t> next_shard_{0};
};

}  // namespace pypack
