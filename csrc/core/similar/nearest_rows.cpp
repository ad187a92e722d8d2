#include "similar/nearest_rows.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/parallel.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kRowsAtATime = 256;
constexpr std::size_t kCandidates = 4;  // times k, that are scored exactly

using Scored = std::pair<float, std::int32_t>;  // product, row

bool nearer(const Scored& a, const Scored& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
}

// The rows that hold each feature, with its weight there.
struct Lists {
    struct Entry {
        std::int32_t row;
        float weight;
    };

    Lists(const SparseRows& rows, std::int64_t max_listed, int num_threads) {
        std::uint32_t most = 0;
        for (const std::uint32_t feature : rows.features.view()) most = std::max(most, feature);
        begins.assign(std::size_t{most} + 2, 0);
        for (const std::uint32_t feature : rows.features.view()) ++begins[std::size_t{feature} + 1];
        for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
        ends.assign(begins.begin(), begins.end() - 1);
        entries = Buffer<Entry>(rows.features.size());
        for (std::size_t row = 0; row + 1 < rows.begins.size(); ++row) {
            check_interrupt_at(row);
            for (std::int64_t i = rows.begins[row]; i < rows.begins[row + 1]; ++i) {
                entries[ends[rows.features[i]]++] = {static_cast<std::int32_t>(row), rows.weights[i]};
            }
        }
        constexpr std::int64_t kLists = 1024;
        const auto count = static_cast<std::int64_t>(ends.size());
        parallel_for((count + kLists - 1) / kLists, num_threads, [&](std::int64_t chunk) {
            for (std::int64_t i = chunk * kLists; i < std::min(count, (chunk + 1) * kLists); ++i) {
                cut(static_cast<std::size_t>(i), max_listed);
            }
        });
    }

    // Keeps the entries of the largest weights, of equal ones the lower rows, in the order of the rows.
    void cut(std::size_t list, std::int64_t most) {
        if (ends[list] - begins[list] <= most) return;
        Entry* const first = entries.data() + begins[list];
        std::nth_element(first, first + most, entries.data() + ends[list],
                         [](const Entry& a, const Entry& b) {
                             return a.weight != b.weight ? a.weight > b.weight : a.row < b.row;
                         });
        ends[list] = begins[list] + most;
        std::sort(first, first + most, [](const Entry& a, const Entry& b) { return a.row < b.row; });
    }

    std::vector<std::int64_t> begins, ends;
    Buffer<Entry> entries;
};

float product(const SparseRows& rows, std::size_t a, std::size_t b) {
    float sum = 0;
    std::int64_t i = rows.begins[a];
    std::int64_t j = rows.begins[b];
    while (i < rows.begins[a + 1] && j < rows.begins[b + 1]) {
        const std::uint32_t one = rows.features[i];
        const std::uint32_t other = rows.features[j];
        if (one == other) sum += rows.weights[i] * rows.weights[j];
        i += one <= other ? 1 : 0;
        j += other <= one ? 1 : 0;
    }
    return sum;
}

struct Scratch {
    explicit Scratch(std::size_t rows) : sums(rows, 0.0F) {}
    std::vector<float> sums;
    std::vector<std::int32_t> met;
    std::vector<Scored> found;
};

void find(const SparseRows& rows, const Lists& lists, std::size_t row, std::size_t k, Scratch& scratch,
          std::int32_t* out_rows, float* out_products) {
    auto& [sums, met, found] = scratch;
    met.clear();
    for (std::int64_t i = rows.begins[row]; i < rows.begins[row + 1]; ++i) {
        const std::uint32_t feature = rows.features[i];
        const float weight = rows.weights[i];
        if (weight <= 0) continue;
        for (std::int64_t e = lists.begins[feature]; e < lists.ends[feature]; ++e) {
            const auto& entry = lists.entries[e];
            float& sum = sums[static_cast<std::size_t>(entry.row)];
            if (sum == 0) met.push_back(entry.row);
            sum += weight * entry.weight;
        }
    }
    found.clear();
    for (const std::int32_t other : met) {
        float& sum = sums[static_cast<std::size_t>(other)];
        if (sum > 0 && static_cast<std::size_t>(other) != row) found.emplace_back(sum, other);
        sum = 0;
    }
    const std::size_t tried = std::min(found.size(), kCandidates * k);
    std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(tried), found.end(), nearer);
    found.resize(tried);
    for (auto& [score, other] : found) score = product(rows, row, static_cast<std::size_t>(other));
    std::sort(found.begin(), found.end(), nearer);
    for (std::size_t j = 0; j < k; ++j) {
        out_rows[j] = j < found.size() ? found[j].second : -1;
        out_products[j] = j < found.size() ? found[j].first : 0.0F;
    }
}

}  // namespace

Nearest nearest_rows(const SparseRows& rows, std::int64_t k, std::int64_t max_listed, int num_threads) {
    const auto count = static_cast<std::int64_t>(rows.begins.size()) - 1;
    if (k < 1 || k > 4096) throw std::invalid_argument("k must be from 1 to 4096");
    if (max_listed < 1) throw std::invalid_argument("max_listed must be at least 1");
    if (count > std::numeric_limits<std::int32_t>::max()) {
        throw std::invalid_argument("there may be 2^31 - 1 documents at most");
    }
    Nearest nearest{Buffer<std::int32_t>(count * k), Buffer<float>(count * k)};
    const Lists lists(rows, max_listed, num_threads);
    // One table of sums a thread: chunks are as many as threads, and each takes every so many-th piece.
    const std::int64_t pieces = (count + kRowsAtATime - 1) / kRowsAtATime;
    std::atomic<std::int64_t> next{0};
    parallel_for(std::min<std::int64_t>(std::max(num_threads, 1), pieces), num_threads, [&](std::int64_t) {
        Scratch scratch(static_cast<std::size_t>(count));
        for (std::int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
            check_interrupt();
            for (std::int64_t row = piece * kRowsAtATime; row < std::min(count, (piece + 1) * kRowsAtATime);
                 ++row) {
                find(rows, lists, static_cast<std::size_t>(row), static_cast<std::size_t>(k), scratch,
                     nearest.rows.data() + row * k, nearest.products.data() + row * k);
            }
        }
    });
    return nearest;
}

}  // namespace pypack
