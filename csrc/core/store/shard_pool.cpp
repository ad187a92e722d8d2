#include "store/shard_pool.hpp"

#include <algorithm>
#include <stdexcept>

namespace pypack {

ShardPool::ShardPool(std::vector<ShardPlace> places, TokenDtype dtype, std::size_t most)
    : places_(std::move(places)),
      dtype_(dtype),
      most_(std::max<std::size_t>(most, 1)),
      shards_(places_.size()) {}

ShardPool::Lease ShardPool::lease() const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_lease_++;
    if (order_.size() > most_) {
        // Half of them at once, so that this is rare. Leases from this one on map them anew.
        while (order_.size() > most_ / 2) {
            leaving_.emplace_back(number, std::move(shards_[order_.front()]));
            order_.pop_front();
        }
    }
    leases_.insert(number);
    free_unread();
    return {this, number};
}

void ShardPool::end(std::uint64_t lease) const {
    const std::lock_guard lock(mutex_);
    leases_.erase(lease);
    free_unread();
}

void ShardPool::free_unread() const {
    while (!leaving_.empty() && (leases_.empty() || *leases_.begin() >= leaving_.front().first)) {
        leaving_.pop_front();
    }
}

std::shared_ptr<const Shard> ShardPool::held(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    if (shards_[index] != nullptr) return shards_[index];
    const ShardPlace& place = places_[index];
    auto shard = std::make_shared<const Shard>(place.bin, place.idx, true, place.mask);
    if (shard->num_documents() != place.documents || shard->num_tokens() != place.tokens) {
        throw std::invalid_argument(place.idx + ": " + std::to_string(shard->num_documents()) +
                                    " documents and " + std::to_string(shard->num_tokens()) +
                                    " tokens, store.json says " + std::to_string(place.documents) + " and " +
                                    std::to_string(place.tokens) +
                                    "; the shard is truncated or of another store");
    }
    if (shard->dtype() != dtype_) {
        throw std::invalid_argument(place.idx + ": dtype " + std::string(dtype_name(shard->dtype())) +
                                    " differs from the store's " + std::string(dtype_name(dtype_)));
    }
    shards_[index] = std::move(shard);
    order_.push_back(index);
    return shards_[index];
}

std::vector<std::shared_ptr<const Shard>> ShardPool::some(std::size_t count) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const Shard>> found;
    for (std::size_t i = 0; i < std::min(count, order_.size()); ++i) {
        found.push_back(shards_[order_[next_look_++ % order_.size()]]);
    }
    return found;
}

std::size_t ShardPool::num_mapped() const {
    const std::lock_guard lock(mutex_);
    return order_.size() + leaving_.size();
}

}  // namespace pypack
