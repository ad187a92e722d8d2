#include "store/store_view.hpp"

#include <algorithm>
#include <stdexcept>

#include "common/checked.hpp"

namespace pypack {

StoreView::StoreView(std::vector<Shard> shards) : shards_(std::move(shards)), shard_looks_(shards_.size()) {
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
        const auto& files = shard.cached_files();
        if (files && std::find(cached_.begin(), cached_.end(), files) == cached_.end())
            cached_.push_back(files);
    }
}

StoreView::StoreView(std::vector<ShardPlace> places, TokenDtype dtype, std::size_t most)
    : dtype_(dtype), shard_looks_(places.size()) {
    if (places.empty()) throw std::invalid_argument("a store needs at least one shard");
    first_documents_.push_back(0);
    for (const ShardPlace& place : places) {
        if (place.documents < 0 || place.tokens < 0) {
            throw std::invalid_argument(place.bin + ": a negative number of documents or tokens");
        }
        first_documents_.push_back(
            checked_add(first_documents_.back(), place.documents, "the number of documents"));
        num_tokens_ = checked_add(num_tokens_, place.tokens, "the number of tokens");
    }
    pool_ = std::make_unique<ShardPool>(std::move(places), dtype, most);
}

void StoreView::check_index(std::int64_t index) const {
    if (index >= 0 && index < num_documents()) return;
    throw std::out_of_range("document " + std::to_string(index) + " of a store with " +
                            std::to_string(num_documents()) + " documents");
}

std::pair<DocumentView, std::shared_ptr<const Shard>> StoreView::held_document(std::int64_t index,
                                                                               std::int64_t now) const {
    if (!pool_) return {document(index, now), nullptr};
    check_index(index);
    const auto lease = this->lease();  // a turn to let others go
    const std::size_t number = shard_of(index);
    std::shared_ptr<const Shard> held = pool_->held(number);
    shard_looks_.look_if_due(number, now, [&] { held->check_not_cut(); });
    const DocumentView view = held->document(index - first_documents_[number]);
    return {view, std::move(held)};
}

bool StoreView::has_masks() const {
    if (!pool_)
        return std::any_of(shards_.begin(), shards_.end(), [](const Shard& s) { return s.has_mask(); });
    return std::any_of(pool_->places().begin(), pool_->places().end(),
                       [](const ShardPlace& place) { return !place.mask.empty(); });
}

DocumentView StoreView::document(std::int64_t index, std::int64_t now) const {
    if (cached_.empty()) return place(index, now);
    check_index(index);
    const std::size_t number = shard_of(index);
    if (shards_[number].cached() == nullptr) return place(index, now);
    return copied(shards_[number], index - first_documents_[number], true);
}

DocumentView StoreView::bits(std::int64_t index, std::int64_t now) const {
    if (cached(index) == nullptr) return document(index, now);
    const std::size_t number = shard_of(index);
    return copied(shards_[number], index - first_documents_[number], false);
}

DocumentView StoreView::copied(const Shard& shard, std::int64_t index, bool tokens) {
    struct Memory {
        std::vector<std::byte> tokens, mask;
    };
    thread_local Memory memory;
    const CachedFiles& files = *shard.cached();
    DocumentView view{};
    for (bool known = false; !known;) {
        for (const auto entry : shard.index_entries(index)) {  // waits for them
            std::array<std::byte, sizeof(std::int64_t)> value{};
            files.copy(entry, value.data());
        }
        const auto lease = files.lease();
        const auto entries = shard.index_entries(index);
        known = files.readable(entries[0]) && files.readable(entries[1]);
        if (known) view = shard.document(index);
    }
    const std::span<const std::byte> mask = shard.mask_part(view);
    memory.mask.resize(mask.size());
    if (tokens) {
        memory.tokens.resize(static_cast<std::size_t>(view.length * item_size(shard.dtype())));
        files.copy({view.data, memory.tokens.size()}, memory.tokens.data());
    }
    files.copy(mask, memory.mask.data());
    if (view.mask != nullptr) view.mask = memory.mask.data();
    return {tokens ? memory.tokens.data() : nullptr, view.length, view.mask, view.first_bit % 8};
}

const CachedFiles* StoreView::cached(std::int64_t index) const {
    if (cached_.empty() || index < 0 || index >= num_documents()) return nullptr;
    return shards_[shard_of(index)].cached();
}

DocumentView StoreView::place(std::int64_t index, std::int64_t now) const {
    check_index(index);
    const std::size_t number = shard_of(index);
    shard_looks_.look_if_due(number, now, [&] { shard(number).check_not_cut(); });
    return shard(number).document(index - first_documents_[number]);
}

void StoreView::prefetch_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return;
    const std::size_t number = shard_of(index);
    shard(number).prefetch_entries(index - first_documents_[number]);
}

std::array<std::span<const std::byte>, 2> StoreView::index_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return {};
    const std::size_t number = shard_of(index);
    return shard(number).index_entries(index - first_documents_[number]);
}

std::size_t StoreView::shard_of(std::int64_t index) const {
    if (num_shards() == 1) return 0;
    const auto after = std::upper_bound(first_documents_.begin(), first_documents_.end(), index);
    return static_cast<std::size_t>(after - first_documents_.begin()) - 1;
}

void StoreView::copy_lengths(std::span<Length> out) const {
    for_each_shard([&](const Shard& shard, std::size_t number) {
        shard.check_not_cut();
        shard.copy_lengths(out.subspan(static_cast<std::size_t>(first_documents_[number]),
                                       static_cast<std::size_t>(shard_documents(number))));
    });
}

void StoreView::look_around(std::int64_t now) const {
    static constexpr std::size_t kShardsAtOnce = 64;
    looks_around_.look_if_due(0, now, [this] {
        if (pool_) {
            for (const auto& shard : pool_->some(kShardsAtOnce)) shard->check_not_cut();
            return;
        }
        const std::size_t count = std::min(kShardsAtOnce, shards_.size());
        const std::size_t first = next_shard_.fetch_add(count, std::memory_order_relaxed);
        for (std::size_t i = 0; i < count; ++i) shards_[(first + i) % shards_.size()].check_not_cut();
    });
}

void StoreView::check_not_cut() const {
    if (pool_) {
        for (const auto& shard : pool_->some(num_shards())) shard->check_not_cut();
    }
    for (const Shard& shard : shards_) shard.check_not_cut();
}

}  // namespace pypack
