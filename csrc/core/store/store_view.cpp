#include "store/store_view.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "common/checked.hpp"

namespace pypack {

StoreView::StoreView(std::vector<Shard> shards) : shards_(std::move(shards)) {
    if (shards_.empty()) throw std::invalid_argument("a store needs at least one shard");
    dtype_ = shards_.front().dtype();
    first_documents_.push_back(0);
    for (const Shard& shard : shards_) {
        if (shard.dtype() != dtype_) {
            throw std::invalid_argument(shard.bin_path() + ": dtype " +
                                        std::string(dtype_name(shard.dtype())) +
                                        " differs from the first shard's " + std::string(dtype_name(dtype_)));
        }
        first_documents_.push_back(
            checked_add(first_documents_.back(), shard.num_documents(), "the number of documents"));
        num_tokens_ = checked_add(num_tokens_, shard.num_tokens(), "the number of tokens");
    }
}

DocumentView StoreView::document(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) {
        throw std::out_of_range("document " + std::to_string(index) + " of a store with " +
                                std::to_string(num_documents()) + " documents");
    }
    const std::size_t shard = shard_of(index);
    return shards_[shard].document(index - first_documents_[shard]);
}

void StoreView::prefetch_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return;
    const std::size_t shard = shard_of(index);
    shards_[shard].prefetch_entries(index - first_documents_[shard]);
}

std::array<std::span<const std::byte>, 2> StoreView::index_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return {};
    const std::size_t shard = shard_of(index);
    return shards_[shard].index_entries(index - first_documents_[shard]);
}

std::size_t StoreView::shard_of(std::int64_t index) const {
    if (shards_.size() == 1) return 0;
    const auto after = std::upper_bound(first_documents_.begin(), first_documents_.end(), index);
    return static_cast<std::size_t>(after - first_documents_.begin()) - 1;
}

void StoreView::copy_lengths(std::span<Length> out) const {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        shards_[i].copy_lengths(out.subspan(static_cast<std::size_t>(first_documents_[i]),
                                            static_cast<std::size_t>(shards_[i].num_documents())));
    }
}

namespace {

// In nanoseconds, some milliseconds behind: a loader asks for every batch, which may take a few microseconds.
std::int64_t coarse_now() {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
#else
    return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

}  // namespace

void StoreView::look_at_sizes() const {
    constexpr std::int64_t kBetweenLooks = 50'000'000;
    constexpr std::size_t kShardsAtOnce = 64;
    const std::int64_t now = coarse_now();
    std::int64_t due = next_look_.load(std::memory_order_relaxed);
    if (now < due || !next_look_.compare_exchange_strong(due, now + kBetweenLooks)) return;
    const std::size_t count = std::min(kShardsAtOnce, shards_.size());
    const std::size_t first = next_shard_.fetch_add(count, std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i) shards_[(first + i) % shards_.size()].check_not_cut();
}

}  // namespace pypack
