// The documents of all shards under one numbering.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/types.hpp"
#include "common/watched_file.hpp"
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
    // whose index entry is damaged, or whose shard is found to have been cut. `now`: of look_clock; a look at
    // the shard is taken if one is due (LookTimes).
    [[nodiscard]] DocumentView document(std::int64_t index, std::int64_t now) const;

    // Asks the memory for what `document` reads; nothing for a document that the store does not have.
    void prefetch_entries(std::int64_t index) const;

    // What `document` reads of the mapped index; nothing for a document that the store does not have.
    [[nodiscard]] std::array<std::span<const std::byte>, 2> index_entries(std::int64_t index) const;

    // Looks at some of the shards in turn, whether they are read or not, at most twenty times a second, so
    // that a store that someone cuts is soon told. Throws as check_not_cut does. Thread-safe.
    void look_around(std::int64_t now) const;

    // Throws std::invalid_argument if a file of the store has been cut.
    void check_not_cut() const;

    // Copies the lengths of all documents (num_documents() values). Throws as check_not_cut does.
    void copy_lengths(std::span<Length> out) const;

  private:
    [[nodiscard]] std::size_t shard_of(std::int64_t index) const;

    std::vector<Shard> shards_;
    std::vector<std::int64_t> first_documents_;  // of each shard, and the total
    std::int64_t num_tokens_ = 0;
    TokenDtype dtype_{};
    LookTimes shard_looks_;
    LookTimes looks_around_{1};
    mutable std::atomic<std::size_t> next_shard_{0};
};

}  // namespace pypack
