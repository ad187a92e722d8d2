#include "pack/order/order_documents.hpp"

#include <stdexcept>
#include <string>

#include "common/interrupt.hpp"
#include "common/permutation.hpp"
#include "common/random.hpp"
#include "pack/order/degree_queue.hpp"
#include "pack/order/neighbour_graph.hpp"

namespace pypack {

namespace {

constexpr std::uint64_t kStarts = 0x737461727473ULL;  // purpose of the order of starts
constexpr std::int32_t kTaken = -1;                   // instead of a degree

class Walk {
  public:
    Walk(const NeighbourGraph& graph, const OrderOptions& options) : graph_(graph), options_(options) {
        const auto documents = static_cast<std::uint64_t>(graph.size());
        open_.resize(documents);
        if (documents == 0) return;
        const Permutation starts(documents, random_bits(options.seed, kStarts, 0));
        // The first of the permutation comes last, and so begins.
        for (std::uint64_t i = documents; i-- > 0;) {
            const auto document = static_cast<std::int32_t>(starts(i));
            open_[static_cast<std::size_t>(document)] = graph.degree(document);
            queue_.push(document, graph.degree(document));
        }
    }

    DocumentOrder run() {
        found_.order.reserve(graph_.size());
        const auto is_current = [this](std::int32_t document, std::int32_t degree) {
            return open_[static_cast<std::size_t>(document)] == degree;
        };
        for (std::int32_t start; (start = queue_.pop(is_current)) >= 0;) {
            found_.breaks.push_back(found_.order.size());
            std::int64_t length = 1;
            for (std::int32_t at = take(start);
                 at >= 0 && (options_.max_run == 0 || length < options_.max_run); ++length) {
                at = take(at);
            }
        }
        return std::move(found_);
    }

  private:
    // Puts a document into the order; returns the one that comes next, -1 if there is none.
    std::int32_t take(std::int32_t document) {
        check_interrupt_at(static_cast<std::size_t>(found_.order.size()));
        found_.order.push_back(document);
        open_[static_cast<std::size_t>(document)] = kTaken;
        if (options_.duplicate_above) drop_duplicates(document, *options_.duplicate_above);
        std::int32_t best = -1;
        float best_weight = 0;
        graph_.each(document, [&](std::int32_t other, float weight) {
            std::int32_t& degree = open_[static_cast<std::size_t>(other)];
            if (degree == kTaken) return;
            queue_.push(other, --degree);
            if (best < 0 || weight > best_weight || (weight == best_weight && other < best)) {
                best = other;
                best_weight = weight;
            }
        });
        if (best >= 0) graph_.prefetch_lists(best);
        return best;
    }

    // What is too much like a document that was taken is left out, and no neighbour of others any more.
    void drop_duplicates(std::int32_t document, float above) {
        const std::size_t first = found_.dropped.size();
        graph_.each(document, [&](std::int32_t other, float weight) {
            std::int32_t& degree = open_[static_cast<std::size_t>(other)];
            if (weight <= above || degree == kTaken) return;
            degree = kTaken;
            found_.dropped.push_back(other);
        });
        for (std::size_t i = first; i < found_.dropped.size(); ++i) {
            graph_.each(found_.dropped[i], [&](std::int32_t other, float) {
                std::int32_t& degree = open_[static_cast<std::size_t>(other)];
                if (degree != kTaken) queue_.push(other, --degree);
            });
        }
    }

    const NeighbourGraph& graph_;
    const OrderOptions& options_;
    std::vector<std::int32_t> open_;  // edges to documents not yet taken, kTaken of one that is
    DegreeQueue queue_;
    DocumentOrder found_;
};

}  // namespace

DocumentOrder order_documents(std::span<const std::int32_t> neighbours, std::span<const float> similarities,
                              std::int64_t documents, const OrderOptions& options, int num_threads) {
    if (options.max_run < 0) throw std::invalid_argument("max_run must be at least 1");
    const NeighbourGraph graph(neighbours, similarities, documents, num_threads);
    return Walk(graph, options).run();
}

}  // namespace pypack
