#include "objective/clustered_tokens.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "common/random.hpp"
#include "objective/draws.hpp"
#include "objective/label_places.hpp"

namespace pypack {

namespace {

class ClusteredTokens : public Objective {
  public:
    ClusteredTokens(std::shared_ptr<const Objective> choosing, std::shared_ptr<const TokenClusters> clusters,
                    std::vector<std::uint64_t> rising, Instructions instructions)
        : choosing_(std::move(choosing)),
          clusters_(std::move(clusters)),
          rising_(std::move(rising)),
          instructions_(instructions) {
        const std::size_t size = clusters_->size();
        if (rising_.size() != size * size)
            throw std::invalid_argument("there must be a sum a pair of clusters");
        for (std::size_t row = 0; row < size; ++row) {
            const auto begin = rising_.begin() + static_cast<std::ptrdiff_t>(row * size);
            const auto end = begin + static_cast<std::ptrdiff_t>(size);
            if (!std::is_sorted(begin, end) || *(end - 1) == 0) {
                throw std::invalid_argument("the sums of a cluster must rise to above 0");
            }
        }
    }

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        replace_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        replace_all(spans, arrays);
    }

  private:
    template <typename Id>
    void replace_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        choosing_->apply(spans, arrays);
        for (const ObjectiveSpan& span : spans) {
            Id* const ids = arrays.input_ids + span.begin;
            const std::uint64_t clusters = draws_for(span.key, Purpose::kCluster);
            const std::uint64_t members = draws_for(span.key, Purpose::kMember);
            for_each_label(arrays.labels + span.begin, span.length, instructions_, [&](std::int64_t place) {
                const auto index = static_cast<std::uint64_t>(place);
                ids[place] = static_cast<Id>(
                    drawn(ids[place], combine_keys(clusters, index), combine_keys(members, index)));
            });
        }
    }

    template <typename Id>
    [[nodiscard]] std::uint32_t drawn(Id id, std::uint64_t of_cluster, std::uint64_t of_member) const {
        const auto number = static_cast<std::size_t>(id);
        const std::int32_t source =
            number < clusters_->cluster_of.size() ? clusters_->cluster_of[number] : -1;
        if (source < 0) return static_cast<std::uint32_t>(id);
        const std::size_t size = clusters_->size();
        const std::uint64_t* const row = rising_.data() + static_cast<std::size_t>(source) * size;
        const std::uint64_t place = below(of_cluster, row[size - 1]);
        const auto target = static_cast<std::size_t>(std::upper_bound(row, row + size, place) - row);
        const std::int64_t first = clusters_->firsts[target];
        const auto count = static_cast<std::uint64_t>(clusters_->firsts[target + 1] - first);
        return clusters_->members[static_cast<std::size_t>(first) + below(of_member, count)];
    }

    std::shared_ptr<const Objective> choosing_;
    std::shared_ptr<const TokenClusters> clusters_;
    std::vector<std::uint64_t> rising_;
    Instructions instructions_;
};

}  // namespace

std::shared_ptr<Objective> clustered_tokens(std::shared_ptr<const Objective> choosing,
                                            std::shared_ptr<const TokenClusters> clusters,
                                            std::vector<std::uint64_t> rising, Instructions instructions) {
    return std::make_shared<ClusteredTokens>(std::move(choosing), std::move(clusters), std::move(rising),
                                             resolve(instructions));
}

}  // namespace pypack
