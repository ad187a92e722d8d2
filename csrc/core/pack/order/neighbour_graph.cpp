#include "pack/order/neighbour_graph.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "common/parallel.hpp"
#include "common/prefetch.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kRows = 1 << 14;  // documents of a chunk of work

}  // namespace

NeighbourGraph::NeighbourGraph(std::span<const std::int32_t> neighbours, std::span<const float> similarities,
                               std::int64_t documents, int num_threads)
    : neighbours_(neighbours),
      documents_(documents),
      width_(documents == 0 ? 0 : neighbours.size() / static_cast<std::size_t>(documents)),
      weights_(static_cast<std::int64_t>(neighbours.size())),
      one_way_(static_cast<std::int64_t>(neighbours.size())),
      reverse_begins_(static_cast<std::size_t>(documents) + 1, 0),
      degrees_(static_cast<std::size_t>(documents), 0) {
    const std::int64_t chunks = (documents + kRows - 1) / kRows;
    const auto by_chunks = [&](auto&& work) {
        parallel_for(chunks, num_threads, [&](std::int64_t chunk) {
            work(chunk * kRows, std::min(documents, (chunk + 1) * kRows));
        });
    };
    by_chunks([&](std::int64_t first, std::int64_t last) { check_rows(first, last, similarities); });
    by_chunks([&](std::int64_t first, std::int64_t last) { weigh_rows(first, last, similarities); });
    // One thread: the lists come in the order of the documents that name them, whatever the threads.
    for (std::int64_t document = 0; document < documents; ++document) {
        check_interrupt_at(static_cast<std::size_t>(document));
        for (std::size_t j = 0; j < width_; ++j) {
            const std::size_t at = static_cast<std::size_t>(document) * width_ + j;
            if (weights_[static_cast<std::int64_t>(at)] == kNone) continue;
            ++degrees_[static_cast<std::size_t>(document)];
            if (one_way_[static_cast<std::int64_t>(at)] == 0) continue;
            ++degrees_[static_cast<std::size_t>(neighbours_[at])];
            ++reverse_begins_[static_cast<std::size_t>(neighbours_[at]) + 1];
        }
    }
    for (std::size_t i = 1; i < reverse_begins_.size(); ++i) reverse_begins_[i] += reverse_begins_[i - 1];
    reverse_ = Buffer<Edge>(reverse_begins_.back());
    std::vector<std::int64_t> next(reverse_begins_.begin(), reverse_begins_.end() - 1);
    for (std::size_t at = 0; at < neighbours_.size(); ++at) {
        check_interrupt_at(at);
        if (one_way_[static_cast<std::int64_t>(at)] == 0) continue;
        reverse_[next[static_cast<std::size_t>(neighbours_[at])]++] = {
            static_cast<std::int32_t>(at / width_), weights_[static_cast<std::int64_t>(at)]};
    }
}

// Edges of the given lists: not to no document, to itself, or named before.
void NeighbourGraph::check_rows(std::int64_t first, std::int64_t last, std::span<const float> similarities) {
    for (std::int64_t document = first; document < last; ++document) {
        const std::size_t begin = static_cast<std::size_t>(document) * width_;
        for (std::size_t j = 0; j < width_; ++j) {
            const std::int32_t other = neighbours_[begin + j];
            if (other < -1 || other >= documents_) {
                throw std::invalid_argument("neighbours[" + std::to_string(document) + "][" +
                                            std::to_string(j) + "] is " + std::to_string(other) +
                                            ": there are " + std::to_string(documents_) +
                                            " documents, and -1 is none");
            }
            const float weight = similarities[begin + j];
            const auto given = neighbours_.subspan(begin, j);
            const bool is_edge = other >= 0 && other != document &&
                                 std::find(given.begin(), given.end(), other) == given.end();
            if (is_edge && !(weight > kNone && weight < -kNone)) {
                throw std::invalid_argument("similarities[" + std::to_string(document) + "][" +
                                            std::to_string(j) + "] is no number");
            }
            weights_[static_cast<std::int64_t>(begin + j)] = is_edge ? weight : kNone;
        }
    }
}

// Two documents that name each other: the edge has the larger similarity. Only what is given is read, so that
// the other thread may write.
void NeighbourGraph::weigh_rows(std::int64_t first, std::int64_t last, std::span<const float> similarities) {
    for (std::int64_t document = first; document < last; ++document) {
        const std::size_t begin = static_cast<std::size_t>(document) * width_;
        for (std::size_t j = 0; j < width_; ++j) {
            float& weight = weights_[static_cast<std::int64_t>(begin + j)];
            std::uint8_t& one_way = one_way_[static_cast<std::int64_t>(begin + j)];
            one_way = 0;
            if (weight == kNone) continue;
            const auto row =
                neighbours_.subspan(static_cast<std::size_t>(neighbours_[begin + j]) * width_, width_);
            const auto found = std::find(row.begin(), row.end(), static_cast<std::int32_t>(document));
            if (found == row.end()) {
                one_way = 1;
                continue;
            }
            const auto at = static_cast<std::size_t>(neighbours_[begin + j]) * width_ +
                            static_cast<std::size_t>(found - row.begin());
            weight = std::max(weight, similarities[at]);
        }
    }
}

void NeighbourGraph::prefetch_lists(std::int64_t document) const {
    prefetch(neighbours_.data() + static_cast<std::size_t>(document) * width_);
    prefetch(weights_.data() + static_cast<std::int64_t>(static_cast<std::size_t>(document) * width_));
    prefetch(reverse_begins_.data() + document);
}

}  // namespace pypack
