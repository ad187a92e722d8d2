#include "pack/pairs/pack_pairs.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/interrupt.hpp"

namespace pypack {

namespace {

// Documents to pieces, each as long as its denoiser takes.
class Cutter {
  public:
    Cutter(const PairSizes& sizes, const PairOptions& options) : sizes_(sizes), options_(options) {
        for (const Denoiser& one : sizes.denoisers()) {
            longest_.push_back(sizes.longest(one, options.rooms, options.most_runs));
            if (longest_.back() < std::max<Length>(options.drop_shorter_than, 1)) {
                throw std::invalid_argument("the rooms of " + std::to_string(options.rooms.inputs) +
                                            " inputs and " + std::to_string(options.rooms.targets) +
                                            " targets hold no piece of " +
                                            std::to_string(std::max<Length>(options.drop_shorter_than, 1)) +
                                            " tokens of every denoiser: make them larger");
            }
        }
    }

    template <typename Place>
    void cut(std::int64_t document, Length length, PlanCounts& counts, Place&& place) const {
        if (length < 0) refuse_negative(document, length);
        ++counts.documents;
        counts.tokens += length;
        if (length == 0) {
            ++counts.empty_documents;
            return;
        }
        const Length first = limit(document, 0);
        if (length > first && options_.overflow == Overflow::error) refuse_long(document, length, first);
        const bool dropped = length > first && options_.overflow == Overflow::drop;
        Length pieces = 0;
        Length placed = 0;
        for (Length start = 0; start < length && !dropped;) {
            const Length piece = std::min(length - start, limit(document, start));
            if (piece >= options_.drop_shorter_than) {
                place(start, piece);
                placed += piece;
                ++pieces;
            }
            start += piece;
            if (options_.overflow == Overflow::truncate) break;
        }
        count(length, pieces, placed, counts);
    }

  private:
    [[nodiscard]] Length limit(std::int64_t document, Length start) const {
        return longest_[sizes_.denoiser_of(document, start)];
    }

    static void count(Length length, Length pieces, Length placed, PlanCounts& counts) {
        if (pieces == 0) {
            ++counts.dropped_documents;
            counts.dropped_tokens += length;
            return;
        }
        if (pieces > 1) ++counts.split_documents;
        if (placed < length) {
            ++counts.truncated_documents;
            counts.truncated_tokens += length - placed;
        }
    }

    const PairSizes& sizes_;
    const PairOptions& options_;
    std::vector<Length> longest_;
};

// The sequences that pieces may still go into, the oldest first.
class OpenSequences {
  public:
    OpenSequences(const PairOptions& options, PlanArrays& plan)
        : options_(options), capacity_(options.rooms.inputs + options.rooms.targets), plan_(plan) {}

    void place(const Piece& piece, PairLengths needs) {
        std::size_t best = inputs_.size();
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
            if (inputs_[i] < needs.inputs || targets_[i] < needs.targets) continue;
            const std::int64_t left = share_left(i);
            if (left >= least) continue;
            least = left;
            best = i;
        }
        if (best == inputs_.size()) open();
        inputs_[best] -= needs.inputs;
        targets_[best] -= needs.targets;
        pieces_[best].push_back(piece);
        // No piece has nothing on one side.
        if (inputs_[best] == 0 || targets_[best] == 0 ||
            std::ssize(pieces_[best]) >= options_.max_documents) {
            close(best);
        } else if (std::ssize(inputs_) > options_.open_sequences) {
            close(fullest());
        }
    }

    void close_all() {
        while (!inputs_.empty()) close(0);
    }

  private:
    // Of both rooms; what a piece takes is the same everywhere, so that the least before is the least after.
    [[nodiscard]] std::int64_t share_left(std::size_t i) const {
        return std::int64_t{inputs_[i]} * options_.rooms.targets +
               std::int64_t{targets_[i]} * options_.rooms.inputs;
    }

    [[nodiscard]] std::size_t fullest() const {
        std::size_t found = 0;
        for (std::size_t i = 1; i < inputs_.size(); ++i) {
            if (share_left(i) < share_left(found)) found = i;
        }
        return found;
    }

    void open() {
        inputs_.push_back(options_.rooms.inputs);
        targets_.push_back(options_.rooms.targets);
        if (spare_.empty()) spare_.emplace_back();
        pieces_.push_back(std::move(spare_.back()));
        spare_.pop_back();
    }

    void close(std::size_t i) {
        plan_.add_sequence(pieces_[i], capacity_);
        pieces_[i].clear();
        spare_.push_back(std::move(pieces_[i]));
        const auto at = static_cast<std::ptrdiff_t>(i);
        inputs_.erase(inputs_.begin() + at);
        targets_.erase(targets_.begin() + at);
        pieces_.erase(pieces_.begin() + at);
    }

    const PairOptions& options_;
    Length capacity_;
    PlanArrays& plan_;
    std::vector<Length> inputs_;  // room that is left
    std::vector<Length> targets_;
    std::vector<std::vector<Piece>> pieces_;
    std::vector<std::vector<Piece>> spare_;  // memory for further ones
};

void validate(const PairOptions& options) {
    const auto [inputs, targets] = options.rooms;
    if (inputs < 1 || targets < 1 || inputs > PackOptions::kMaxSequenceLength ||
        targets > PackOptions::kMaxSequenceLength) {
        throw std::invalid_argument("the lengths of inputs and targets must be from 1 to " +
                                    std::to_string(PackOptions::kMaxSequenceLength));
    }
    if (options.max_documents < 1) throw std::invalid_argument("max_documents must be at least 1");
    if (options.open_sequences < 1) throw std::invalid_argument("open_sequences must be at least 1");
    if (options.drop_shorter_than < 0) {
        throw std::invalid_argument("drop_shorter_than must not be negative");
    }
}

}  // namespace

PlanArrays pack_pairs(std::span<const Length> lengths, const PairSizes& sizes, const PairOptions& options) {
    validate(options);
    const Cutter cutter(sizes, options);
    PlanArrays plan;
    OpenSequences open(options, plan);
    for (std::size_t d = 0; d < lengths.size(); ++d) {
        const auto document = static_cast<std::int64_t>(d);
        check_interrupt_at(document);
        cutter.cut(document, lengths[d], plan.counts, [&](Length start, Length length) {
            open.place({document, start, length}, sizes.of(document, start, length));
        });
    }
    open.close_all();
    return plan;
}

}  // namespace pypack
