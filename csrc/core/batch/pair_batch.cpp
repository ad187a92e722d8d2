#include "batch/pair_batch.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "batch/array_bytes.hpp"
#include "batch/item_loops.hpp"
#include "batch/pair_places.hpp"
#include "common/parallel.hpp"
#include "common/prefetch.hpp"
#include "common/random.hpp"
#include "common/types.hpp"
#include "store/mask_bits.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

namespace {

// Items a thread must have before another one is worth its start (about 34 us).
constexpr std::int64_t kItemsPerThread = 1 << 16;

// The arrays of one row and side; null where one is left out.
template <typename Id>
struct Side {
    Id* ids;
    Id* position_ids;
    Id* segment_ids;
    std::int64_t used = 0;

    // The positions and segments of so many further items, whose ids are written already.
    void describe(std::int64_t items, Id segment) {
        if (position_ids != nullptr) count_up(position_ids + used, items, Id{0});
        if (segment_ids != nullptr) set_all(segment_ids + used, items, segment);
        used += items;
    }

    void pad(std::int64_t room, Id pad_id) {
        const std::int64_t rest = room - used;
        if (ids != nullptr) set_all(ids + used, rest, pad_id);
        if (position_ids != nullptr) set_all(position_ids + used, rest, Id{0});
        if (segment_ids != nullptr) set_all(segment_ids + used, rest, Id{0});
    }
};

// Which tokens of a span are to be learned.
class Learned {
  public:
    explicit Learned(const ResolvedSpan& span) : span_(span) {}

    bool operator()(std::int64_t token) const {
        if (span_.mask != nullptr) {
            std::uint64_t bit = 0;
            MaskBits(span_.mask, span_.first_bit + token, 1).word(0, bit);
            if ((bit & 1U) == 0) return false;
        }
        const std::int64_t in_document = span_.start + token;
        return std::none_of(span_.masks.begin(), span_.masks.end(), [&](const TokenRange& range) {
            return range.start <= in_document && in_document < range.stop;
        });
    }

  private:
    const ResolvedSpan& span_;
};

// Labels of tokens that are not to be learned; sentinels and the end are.
template <typename Id>
void ignore_masked(const ResolvedSpan& span, const NoiseRuns& runs, Length prefix, Id* labels) {
    const Learned learned(span);
    const auto visit = [&](std::int64_t first, std::int64_t count, Id* at) {
        for (std::int64_t i = 0; i < count; ++i) {
            if (!learned(first + i)) at[i] = static_cast<Id>(kIgnoreLabel);
        }
    };
    if (prefix >= 0) return visit(prefix, span.length - prefix, labels);
    std::int64_t token = 0;
    for (std::size_t i = 0; i < runs.noise().size(); ++i) {
        token += runs.kept()[i];
        ++labels;  // the sentinel
        visit(token, runs.noise()[i], labels);
        token += runs.noise()[i];
        labels += runs.noise()[i];
    }
}

struct Task {
    std::span<const SequenceSource> sources;
    std::span<const RowRef> rows;
    const Denoising& denoising;
    PairLengths rooms;
    const PairPlaces& places;
    const BatchFormat& format;
    const MadeBatch& batch;
    std::span<Length> target_items;  // of each span
};

template <typename Id>
class RowWriter {
  public:
    RowWriter(const Task& task, std::size_t row)
        : task_(task),
          input_room_(task.places.inputs.rows[row + 1] - task.places.inputs.rows[row]),
          target_room_(task.places.targets.rows[row + 1] - task.places.targets.rows[row]),
          inputs_{of_inputs(task.batch.input_ids, row), of_inputs(task.batch.position_ids, row),
                  of_inputs(task.batch.segment_ids, row)},
          targets_{nullptr, of_targets<Id>(task.batch.extras[1].data, row),
                   of_targets<Id>(task.batch.extras[2].data, row)},
          labels_(of_targets<Id>(task.batch.labels, row)),
          decoder_(of_targets<Id>(task.batch.extras[0].data, row)),
          loss_mask_(of_targets<float>(task.batch.loss_mask, row)) {}

    void write(std::size_t row, NoiseRuns& runs) {
        const ResolvedRows& spans = task_.batch.rows;
        const RowRef& ref = task_.rows[row];
        std::int64_t first = 0;
        std::uint64_t of_row = 0;
        const SequenceSource* source = nullptr;
        if (ref.sequence != kEmptyRow) {
            source = &task_.sources[static_cast<std::size_t>(ref.source)];
            const std::uint64_t of_epoch =
                combine_keys(source->objective_key, static_cast<std::uint64_t>(ref.epoch));
            of_row = combine_keys(of_epoch, static_cast<std::uint64_t>(ref.sequence));
            first = source->plan.sequence_offsets[static_cast<std::size_t>(ref.sequence)];
        }
        const std::int64_t begin = spans.first_span[row];
        for (std::int64_t s = begin; s < spans.first_span[row + 1]; ++s) {
            const ResolvedSpan& span = spans.spans[static_cast<std::size_t>(s)];
            ask_ahead(static_cast<std::size_t>(s), source->store->dtype());
            const auto in_plan = static_cast<std::size_t>(first + s - begin);
            const PlanSpan of_plan{source->plan.span_document[in_plan], span.start, span.length};
            const std::uint64_t key = combine_keys(of_row, static_cast<std::uint64_t>(s - begin));
            const auto segment = static_cast<Id>(s - (task_.format.varlen ? 0 : begin) + 1);
            const Length before = static_cast<Length>(targets_.used);
            write_span(span, of_plan, key, segment, source->store->dtype(), runs);
            task_.target_items[static_cast<std::size_t>(s)] = static_cast<Length>(targets_.used) - before;
        }
        inputs_.pad(input_room_, static_cast<Id>(task_.format.pad_id));
        targets_.pad(target_room_, Id{0});
        const std::int64_t rest = target_room_ - targets_.used;
        set_all(labels_ + targets_.used, rest, static_cast<Id>(kIgnoreLabel));
        set_all(decoder_ + targets_.used, rest, static_cast<Id>(task_.format.pad_id));
        if (loss_mask_ == nullptr) return;
        for (std::int64_t i = 0; i < target_room_; ++i) {
            loss_mask_[i] = labels_[i] == static_cast<Id>(kIgnoreLabel) ? 0.0F : 1.0F;
        }
    }

  private:
    [[nodiscard]] Id* of_inputs(std::byte* array, std::size_t row) const {
        return array == nullptr ? nullptr : reinterpret_cast<Id*>(array) + task_.places.inputs.rows[row];
    }

    template <typename Item>
    [[nodiscard]] Item* of_targets(std::byte* array, std::size_t row) const {
        return array == nullptr ? nullptr : reinterpret_cast<Item*>(array) + task_.places.targets.rows[row];
    }

    // Asks for the tokens of the next span, and for the page of a later one: spans are random places of the
    // store.
    void ask_ahead(std::size_t s, TokenDtype dtype) const {
        constexpr std::int64_t kLine = 64;
        const std::vector<ResolvedSpan>& spans = task_.batch.rows.spans;
        if (s + 4 < spans.size()) prefetch(spans[s + 4].tokens);
        if (s + 1 >= spans.size()) return;
        const std::int64_t bytes = spans[s + 1].length * item_size(dtype);
        for (std::int64_t at = 0; at < std::min<std::int64_t>(bytes, 64 * kLine); at += kLine) {
            prefetch(spans[s + 1].tokens + at);
        }
    }

    void write_span(const ResolvedSpan& span, const PlanSpan& of_plan, std::uint64_t key, Id segment,
                    TokenDtype dtype, NoiseRuns& runs) {
        const PairLengths items = task_.denoising.sizes().of(of_plan.document, of_plan.start, of_plan.length);
        check_pair_rooms(inputs_.used + items.inputs, targets_.used + items.targets, task_.rooms);
        Id* const labels = labels_ + targets_.used;
        const PairItems<Id> out{inputs_.ids + inputs_.used, labels};
        const Length prefix = visit_dtype(dtype, [&](auto zero) {
            return task_.denoising.write(of_plan, key, reinterpret_cast<const decltype(zero)*>(span.tokens),
                                         out, runs);
        });
        Id* const decoder = decoder_ + targets_.used;
        decoder[0] = static_cast<Id>(task_.denoising.start());
        std::copy_n(labels, items.targets - 1, decoder + 1);
        if (has_masks(span)) ignore_masked(span, runs, prefix, labels);
        inputs_.describe(items.inputs, segment);
        targets_.describe(items.targets, segment);
    }

    const Task& task_;
    std::int64_t input_room_;
    std::int64_t target_room_;
    Side<Id> inputs_;
    Side<Id> targets_;  // without ids, which are two arrays
    Id* labels_;
    Id* decoder_;
    float* loss_mask_;
};

template <typename Id>
void write_rows(const Task& task, int num_threads) {
    const auto rows = static_cast<std::int64_t>(task.rows.size());
    const std::int64_t items = task.places.inputs.rows.back() + task.places.targets.rows.back();
    const auto threads =
        static_cast<int>(std::clamp<std::int64_t>(items / kItemsPerThread, 1, std::max(num_threads, 1)));
    parallel_for(rows, threads, [&](std::int64_t row) {
        thread_local NoiseRuns runs;  // whose memory is used again for every span
        const auto number = static_cast<std::size_t>(row);
        RowWriter<Id>(task, number).write(number, runs);
    });
}

}  // namespace

std::size_t pair_batch_bytes(std::int64_t rows, PairLengths rooms, const BatchFormat& format) {
    const std::int64_t id_size = format.int32 ? 4 : 8;
    const auto each = [&](std::int64_t room, std::int64_t size) {
        return array_bytes(checked_multiply(rows, room, "the size of a batch"), size);
    };
    const std::int64_t more = (format.position_ids ? 1 : 0) + (format.segment_ids ? 1 : 0);
    std::int64_t bytes = (1 + more) * each(rooms.inputs, id_size) + (2 + more) * each(rooms.targets, id_size);
    if (format.loss_mask) bytes += each(rooms.targets, sizeof(float));
    return static_cast<std::size_t>(bytes);
}

MadeBatch make_pair_batch(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                          const Denoising& denoising, PairLengths rooms, const BatchFormat& format,
                          BufferPool& pool, OutsideMemory outside, int num_threads, std::int64_t now) {
    MadeBatch batch;
    batch.rows = resolve_rows(sources, rows, now);
    batch.num_rows = static_cast<std::int64_t>(rows.size());
    batch.varlen = format.varlen;
    batch.int32 = format.int32;
    batch.target_items.resize(batch.rows.spans.size());
    PairPlaces places = format.varlen
                            ? varlen_pair_places(sources, rows, batch.rows, denoising.sizes(), rooms)
                            : padded_pair_places(batch.num_rows, rooms);
    const std::int64_t inputs = places.inputs.rows.back();
    const std::int64_t targets = places.targets.rows.back();
    batch.row_length = rooms.inputs;
    batch.target_length = rooms.targets;
    batch.num_items = inputs;
    batch.num_targets = targets;
    const std::size_t bytes = pair_batch_bytes(batch.num_rows, rooms, format);
    std::byte* next = outside.data;
    if (outside.data == nullptr) {
        batch.memory = pool.take(bytes);
        next = batch.memory.get();
    } else if (outside.size < bytes) {
        throw std::invalid_argument("a batch of " + std::to_string(bytes) + " bytes does not fit in " +
                                    std::to_string(outside.size));
    }
    const auto cut = [&](bool wanted, std::int64_t items, std::int64_t item_size) -> std::byte* {
        if (!wanted) return nullptr;
        return std::exchange(next, next + array_bytes(items, item_size));
    };
    const std::int64_t id_size = format.int32 ? 4 : 8;
    batch.input_ids = cut(true, inputs, id_size);
    batch.position_ids = cut(format.position_ids, inputs, id_size);
    batch.segment_ids = cut(format.segment_ids, inputs, id_size);
    batch.labels = cut(true, targets, id_size);
    using Kind = ExtraArray::Kind;
    batch.extras = {
        {"decoder_input_ids", Kind::ids, kOfLabels, cut(true, targets, id_size)},
        {"decoder_position_ids", Kind::ids, kOfLabels, cut(format.position_ids, targets, id_size)},
        {"decoder_segment_ids", Kind::ids, kOfLabels, cut(format.segment_ids, targets, id_size)},
    };
    batch.loss_mask = cut(format.loss_mask, targets, sizeof(float));
    const Task task{sources, rows, denoising, rooms, places, format, batch, batch.target_items};
    if (format.int32) {
        write_rows<std::int32_t>(task, num_threads);
    } else {
        write_rows<std::int64_t>(task, num_threads);
    }
    if (format.varlen) {
        batch.cu_seqlens = std::move(places.inputs.borders);
        batch.max_seqlen = places.inputs.longest;
        batch.target_cu_seqlens = std::move(places.targets.borders);
        batch.target_max_seqlen = places.targets.longest;
    }
    return batch;
}

}  // namespace pypack
