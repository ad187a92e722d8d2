// The documents of all shards under one numbering.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/types.hpp"
#include "common/watched_file.hpp"
#include "store/shard.hpp"
#include "store/shard_pool.hpp"

namespace pypack {

class StoreView {
  public:
    // All shards mapped, for good. They must share one dtype; throws std::invalid_argument otherwise, or for
    // an empty list.
    explicit StoreView(std::vector<Shard> shards);

    // Too many to map all: a shard is mapped where it is asked for, and at most some `most` at once.
    StoreView(std::vector<ShardPlace> places, TokenDtype dtype, std::size_t most);

    // What `document` and `index_entries` give is good while this lasts: take it first. Of a store whose
    // shards are all mapped it costs nothing, and what they give is good as long as the store.
    [[nodiscard]] ShardPool::Lease lease() const { return pool_ ? pool_->lease() : ShardPool::Lease(); }

    [[nodiscard]] bool needs_lease() const { return pool_ != nullptr; }

    // `document`, and what keeps it mapped; null where the store itself does.
    [[nodiscard]] std::pair<DocumentView, std::shared_ptr<const Shard>> held_document(std::int64_t index,
                                                                                      std::int64_t now) const;

    [[nodiscard]] TokenDtype dtype() const { return dtype_; }
    [[nodiscard]] std::size_t num_shards() const { return first_documents_.size() - 1; }
    [[nodiscard]] std::int64_t shard_documents(std::size_t shard) const {
        return first_documents_[shard + 1] - first_documents_[shard];
    }
    [[nodiscard]] std::int64_t shard_tokens(std::size_t shard) const {
        return pool_ ? pool_->places()[shard].tokens : shards_[shard].num_tokens();
    }
    [[nodiscard]] bool has_masks() const;
    // How many shards are mapped at the moment.
    [[nodiscard]] std::size_t num_mapped() const { return pool_ ? pool_->num_mapped() : shards_.size(); }

    // Calls visit(shard, number) on every shard in turn.
    template <typename Visitor>
    void for_each_shard(Visitor&& visit) const {
        for (std::size_t i = 0; i < num_shards(); ++i) {
            const auto lease = this->lease();
            visit(shard(i), i);
        }
    }
    [[nodiscard]] std::int64_t num_documents() const { return first_documents_.back(); }
    [[nodiscard]] std::int64_t num_tokens() const { return num_tokens_; }
    // Those that are mapped for good: all or none.
    [[nodiscard]] std::span<const Shard> shards() const { return shards_; }

    // Throws std::out_of_range for a document that the store does not have, std::invalid_argument for one
    // whose index entry is damaged, or whose shard cannot be mapped, or is found to have been cut. `now`: of
    // look_clock; a look at the shard is taken if one is due (LookTimes).
    [[nodiscard]] DocumentView document(std::int64_t index, std::int64_t now) const;

    // The same for who wants the length and the bits alone: the tokens of a remote store are not waited for,
    // and `data` is null.
    [[nodiscard]] DocumentView bits(std::int64_t index, std::int64_t now) const;

    // `document` where it lies, also of a remote store, of which the caller has seen under a lease that what
    // `index_entries` gives is readable; the tokens need not be. (`document` waits for what it reads of a
    // remote store, and copies it into memory of the thread, good until its next call.)
    [[nodiscard]] DocumentView place(std::int64_t index, std::int64_t now) const;

    // What the document's shard is cached in, null where it is of this host.
    [[nodiscard]] const CachedFiles* cached(std::int64_t index) const;
    // All of those, each once; none of a store of this host.
    [[nodiscard]] std::span<const std::shared_ptr<const CachedFiles>> cached_files() const { return cached_; }

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
    static constexpr std::int64_t kBetweenLooksAround = 50'000'000;

    void check_index(std::int64_t index) const;
    [[nodiscard]] static DocumentView copied(const Shard& shard, std::int64_t index, bool tokens);
    [[nodiscard]] std::size_t shard_of(std::int64_t index) const;
    [[nodiscard]] const Shard& shard(std::size_t number) const {
        return pool_ ? pool_->at(number) : shards_[number];
    }

    std::vector<Shard> shards_;
    std::vector<std::shared_ptr<const CachedFiles>> cached_;
    std::unique_ptr<ShardPool> pool_;            // instead
    std::vector<std::int64_t> first_documents_;  // of each shard, and the total
    std::int64_t num_tokens_ = 0;
    TokenDtype dtype_{};
    LookTimes shard_looks_;
    LookTimes looks_around_{1, kBetweenLooksAround};
    mutable std::atomic<std::size_t> next_shard_{0};
};

}  // namespace pypack
