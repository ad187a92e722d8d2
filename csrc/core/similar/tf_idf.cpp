#include "similar/tf_idf.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/random.hpp"
#include "similar/document_ids.hpp"

namespace pypack {

namespace {

using Weighted = std::pair<float, std::uint32_t>;  // weight, feature

// The features of a document, rising, with how often each comes.
void count_features(std::vector<std::uint32_t>& ids, std::uint64_t buckets,
                    std::vector<std::pair<std::uint32_t, std::uint32_t>>& out) {
    for (std::uint32_t& id : ids) {
        if (id >= buckets) id = static_cast<std::uint32_t>(mix64(id) % buckets);
    }
    std::sort(ids.begin(), ids.end());
    out.clear();
    for (const std::uint32_t id : ids) {
        if (out.empty() || out.back().first != id) out.emplace_back(id, 0);
        ++out.back().second;
    }
}

}  // namespace

void TfIdfOptions::validate() const {
    if (features < 1 || features > 4096) throw std::invalid_argument("features must be from 1 to 4096");
    if (max_ids < 1) throw std::invalid_argument("max_ids must be at least 1");
    if (buckets < 1 || buckets > (std::int64_t{1} << 26)) {
        throw std::invalid_argument("buckets must be from 1 to 2^26");
    }
}

SparseRows tf_idf(const StoreView& store, const TfIdfOptions& options, int num_threads) {
    options.validate();
    const std::int64_t documents = store.num_documents();
    const auto buckets = static_cast<std::uint64_t>(options.buckets);
    const auto most = static_cast<std::size_t>(options.features);
    using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    std::vector<std::atomic<std::uint32_t>> holding(buckets);  // documents with the feature
    SparseRows rows;
    rows.begins.assign(static_cast<std::size_t>(documents) + 1, 0);
    for_each_document(
        store, 0, documents, options.max_ids, num_threads, [] { return Counts(); },
        [&](std::int64_t document, std::vector<std::uint32_t>& ids, Counts& counts) {
            count_features(ids, buckets, counts);
            for (const auto& [feature, count] : counts) {
                holding[feature].fetch_add(1, std::memory_order_relaxed);
            }
            rows.begins[static_cast<std::size_t>(document) + 1] =
                static_cast<std::int64_t>(std::min(counts.size(), most));
        });
    std::vector<float> rarity(buckets);
    for (std::size_t i = 0; i < rarity.size(); ++i) {
        rarity[i] = static_cast<float>(
            std::log((1.0 + static_cast<double>(documents)) /
                     (1.0 + static_cast<double>(holding[i].load(std::memory_order_relaxed)))));
    }
    for (std::size_t i = 1; i < rows.begins.size(); ++i) rows.begins[i] += rows.begins[i - 1];
    rows.features = Buffer<std::uint32_t>(rows.begins.back());
    rows.weights = Buffer<float>(rows.begins.back());
    struct Scratch {
        Counts counts;
        std::vector<Weighted> weighted;
    };
    for_each_document(
        store, 0, documents, options.max_ids, num_threads, [] { return Scratch(); },
        [&](std::int64_t document, std::vector<std::uint32_t>& ids, Scratch& made) {
            count_features(ids, buckets, made.counts);
            made.weighted.clear();
            double squares = 0;
            for (const auto& [feature, count] : made.counts) {
                const float weight = (1.0F + std::log(static_cast<float>(count))) * rarity[feature];
                made.weighted.emplace_back(weight, feature);
                squares += double{weight} * double{weight};
            }
            const float scale = squares > 0 ? static_cast<float>(1 / std::sqrt(squares)) : 0.0F;
            const std::size_t kept = std::min(made.weighted.size(), most);
            const auto heavier = [](const Weighted& a, const Weighted& b) {
                return a.first != b.first ? a.first > b.first : a.second < b.second;
            };
            std::nth_element(made.weighted.begin(),
                             made.weighted.begin() + static_cast<std::ptrdiff_t>(kept) - (kept > 0 ? 1 : 0),
                             made.weighted.end(), heavier);
            made.weighted.resize(kept);
            std::sort(made.weighted.begin(), made.weighted.end(),
                      [](const Weighted& a, const Weighted& b) { return a.second < b.second; });
            std::int64_t at = rows.begins[static_cast<std::size_t>(document)];
            for (const auto& [weight, feature] : made.weighted) {
                rows.features[at] = feature;
                rows.weights[at++] = weight * scale;
            }
        });
    return rows;
}

}  // namespace pypack
