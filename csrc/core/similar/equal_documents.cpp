#include "similar/equal_documents.hpp"

#include <functional>
#include <limits>
#include <tuple>

#include "common/interruptible_sort.hpp"
#include "common/random.hpp"
#include "similar/document_ids.hpp"

namespace pypack {

namespace {

struct Hashed {
    std::array<std::uint64_t, 2> hash;
    std::int64_t document;

    bool operator<(const Hashed& other) const {
        return std::tie(hash, document) < std::tie(other.hash, other.document);
    }
};

}  // namespace

std::array<std::uint64_t, 2> ids_hash(std::span<const std::uint32_t> ids) {
    std::uint64_t one = ids.size();
    std::uint64_t two = ~std::uint64_t{ids.size()};
    for (const std::uint32_t id : ids) {
        one = (one ^ id) * kMixFirst;
        one ^= one >> 29;
        two = (two + id) * kMixSecond;
        two ^= two >> 32;
    }
    return {mix64(one), mix64(two)};
}

Buffer<std::int64_t> first_equals(const StoreView& store, int num_threads) {
    const std::int64_t documents = store.num_documents();
    std::vector<Hashed> hashed(static_cast<std::size_t>(documents));
    struct Nothing {};
    for_each_document(
        store, 0, documents, std::numeric_limits<std::int64_t>::max(), num_threads, [] { return Nothing{}; },
        [&](std::int64_t document, const std::vector<std::uint32_t>& ids, const Nothing&) {
            hashed[static_cast<std::size_t>(document)] = {ids_hash(ids), document};
        });
    interruptible_sort(hashed.begin(), hashed.end(), std::less<>());
    Buffer<std::int64_t> first(documents);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < hashed.size(); ++i) {
        check_interrupt_at(i);
        if (hashed[i].hash != hashed[begin].hash) begin = i;
        first[hashed[i].document] = hashed[begin].document;
    }
    return first;
}

}  // namespace pypack
