// What a model is to learn of a batch, as a change of its arrays, span by span.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "objective/token_set.hpp"

namespace pypack {

// A span of a batch: `length` items from item `begin` of its arrays on. `key`, of (seed, epoch, sequence,
// span), is all that its draws depend on. `labels_tell`: labels are the tokens, but kIgnoreLabel where a
// token is not to be learned, and so is the loss mask; else every token may be learned, and nothing is yet:
// all labels are kIgnoreLabel, or what happens to be there, if the objective writes all of them.
struct ObjectiveSpan {
    std::int64_t begin;
    std::int64_t length;
    std::uint64_t key;
    bool labels_tell;
    // Where it is from: tokens `start` on of `document`, of the store of that number.
    std::int32_t store = 0;
    std::int64_t document = 0;
    std::int64_t start = 0;
    // Items from `begin` on that are the span's, at least `length`: behind its tokens they are padding. An
    // objective that puts more tokens there writes their number to *grown.
    std::int64_t room = 0;
    std::int32_t* grown = nullptr;
    // Its tokens as the store has them, where the ids are not written yet: the objective writes them, too.
    // One of the two, or none; labels do not tell then.
    const std::uint16_t* tokens16 = nullptr;
    const std::int32_t* tokens32 = nullptr;
};

// Calls visit(tokens) with where the tokens of a span stand.
template <typename Id, typename Visit>
inline void with_tokens(const ObjectiveSpan& span, const Id* ids, Visit&& visit) {
    if (span.tokens16 != nullptr) return visit(span.tokens16);
    if (span.tokens32 != nullptr) return visit(span.tokens32);
    visit(ids);
}

// An array that an objective adds to a batch: one item for each of the batch's, or some for each row.
struct ExtraArray {
    enum class Kind : std::uint8_t { ids, int32, float32 };  // ids: of the batch's own type

    const char* name = nullptr;  // of static storage
    Kind kind = Kind::ids;
    double row_share = 0;         // where above 0: items of a row by its length, rounded down, at least one,
    std::int64_t row_items = -1;  // or this many, where not negative

    [[nodiscard]] bool is_by_row() const { return row_share > 0 || row_items >= 0; }
    // At most as many as the row is long.
    [[nodiscard]] std::int64_t items_of_row(std::int64_t row_length) const;
};

// Arrays of a batch; null where one is left out.
template <typename Id>
struct ObjectiveArrays {
    Id* input_ids = nullptr;
    Id* labels = nullptr;
    Id* position_ids = nullptr;
    float* loss_mask = nullptr;
    Id* segment_ids = nullptr;
    std::int64_t pad_id = 0;  // where a span has got shorter
    // kMostCounts numbers that an objective adds to, by add_to_count; null: nobody asks.
    std::int64_t* counts = nullptr;
    std::span<std::byte* const> extras{};  // in the order of Objective::extras
    // Of an objective that is part of another, where it can (see writes_tokens): where the tokens go as they
    // were before, if anywhere,
    Id* originals = nullptr;
    // and whether labels are to tell chosen tokens: 1 there, kIgnoreLabel at tokens that are never chosen or
    // not to be learned, else 0.
    bool tells_chosen = false;
};

// The whole batch, for what is not said span by span: row r holds spans first_span[r] .. first_span[r + 1].
struct ObjectiveRows {
    std::span<const std::int64_t> first_span;  // [rows + 1]
    std::int64_t row_length = 0;               // items of a row at most
    std::int64_t num_items = 0;                // of each array
    bool varlen = false;  // rows stand end to end, and not each at a multiple of row_length
};

// What an objective may count of a batch.
inline constexpr std::size_t kMostCounts = 8;

// Threads add to the same numbers.
inline void add_to_count(std::int64_t* counts, std::size_t which, std::int64_t number) {
    if (counts == nullptr || number == 0) return;
    std::atomic_ref<std::int64_t>(counts[which]).fetch_add(number, std::memory_order_relaxed);
}

// Reads and writes the items of the spans only; the same for every number of threads.
class Objective {
  public:
    Objective() = default;
    Objective(const Objective&) = delete;
    Objective& operator=(const Objective&) = delete;
    virtual ~Objective() = default;

    virtual void apply(std::span<const ObjectiveSpan> spans,
                       const ObjectiveArrays<std::int64_t>& arrays) const = 0;
    virtual void apply(std::span<const ObjectiveSpan> spans,
                       const ObjectiveArrays<std::int32_t>& arrays) const = 0;

    // Whether it must be given labels.
    [[nodiscard]] virtual bool needs_labels() const { return true; }
    // Whether it writes all labels of a span, and its loss mask, so that where labels do not tell they may be
    // anything before; and needs nothing else but its tokens. It is then put on each span as soon as these
    // are there.
    [[nodiscard]] virtual bool writes_all_labels() const { return false; }
    // Whether it takes the tokens of spans from the store, and writes them to input_ids and originals itself.
    [[nodiscard]] virtual bool writes_tokens() const { return false; }
    // Whether its labels can tell chosen tokens, where `never` are those that are never chosen.
    [[nodiscard]] virtual bool can_tell_chosen(const TokenSet& /*never*/) const { return false; }
    // Arrays besides the usual ones; each is the objective's to fill, padding included.
    [[nodiscard]] virtual std::vector<ExtraArray> extras() const { return {}; }
    // Once all spans are done: what is said of whole rows.
    virtual void finish(std::span<const ObjectiveSpan>, const ObjectiveRows&,
                        const ObjectiveArrays<std::int64_t>&) const {}
    virtual void finish(std::span<const ObjectiveSpan>, const ObjectiveRows&,
                        const ObjectiveArrays<std::int32_t>&) const {}
};

// The same by several threads, where there are items enough for them.
template <typename Id>
void apply_objective(const Objective& objective, std::span<const ObjectiveSpan> spans,
                     const ObjectiveArrays<Id>& arrays, int num_threads);

}  // namespace pypack
