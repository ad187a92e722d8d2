#include "batch/read_ahead.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace pypack {

namespace {

// Bytes. A disk reads a large piece in about the time that a step of 8 rows takes to be read in small ones.
constexpr std::size_t kFirstPiece = std::size_t{64} << 10;
constexpr std::size_t kLargestPiece = std::size_t{4} << 20;

void will_need(std::span<const std::byte> memory) {
#if defined(__unix__) || defined(__APPLE__)
    if (memory.empty()) return;
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size();
    // Advice only: an error means that nothing is read ahead, for example for memory that is no file's.
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
#else
    (void)memory;
#endif
}

template <typename T>
void will_need(std::span<const T> array, std::size_t first, std::size_t count) {
    will_need(std::as_bytes(array.subspan(first, count)));
}

// A span of a sequence, and the document of the store that it is of.
struct Wanted {
    const SequenceSource* source;
    std::size_t span;
    std::int64_t document = -1;
};

}  // namespace

ReadAhead::ReadAhead(std::span<const SequenceSource> sources, bool whole)
    : sources_(sources), whole_(whole), piece_(kFirstPiece) {
    if (!whole) return;
    // Sources may share a store; asking for it again costs little, as it is in memory by then.
    for (const SequenceSource& source : sources) {
        const PlanView& plan = source.plan;
        for (const Shard& shard : source.store->shards()) {
            files_.push_back(shard.token_bytes());
            files_.push_back(shard.index_bytes());
        }
        files_.push_back(std::as_bytes(plan.span_length));
        files_.push_back(std::as_bytes(plan.span_start));
        files_.push_back(std::as_bytes(plan.span_document));
        files_.push_back(std::as_bytes(plan.sequence_offsets));
    }
}

void ReadAhead::go_on() {
    std::span<const std::byte> piece;
    {
        const std::lock_guard lock(mutex_);
        if (files_.empty()) return;
        std::span<const std::byte>& file = files_.back();
        piece = file.first(std::min(piece_, file.size()));
        file = file.subspan(piece.size());
        if (file.empty()) files_.pop_back();
        piece_ = std::min(kLargestPiece, piece_ + piece_ / 8);
    }
    will_need(piece);
}

bool ReadAhead::done() const {
    const std::lock_guard lock(mutex_);
    return whole_ && files_.empty();
}

// Four rounds, as the tokens' places stand in files that may be cold themselves: each round asks for what the
// next one reads, for all rows at once.
void ReadAhead::rows(std::span<const RowRef> rows) const {
    if (done()) return;
    std::vector<ShardPool::Lease> leases;
    for (const SequenceSource& source : sources_) leases.push_back(source.store->lease());
    const auto plan_of = [&](const RowRef& row) -> const SequenceSource* {
        if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources_.size()) return nullptr;
        const SequenceSource& source = sources_[static_cast<std::size_t>(row.source)];
        return row.sequence >= 0 && row.sequence < source.plan.num_sequences() ? &source : nullptr;
    };
    for (const RowRef& row : rows) {
        if (const SequenceSource* source = plan_of(row)) {
            will_need(source->plan.sequence_offsets, static_cast<std::size_t>(row.sequence), 2);
        }
    }
    const std::int64_t now = look_clock();
    std::vector<Wanted> wanted;
    for (const RowRef& row : rows) {
        const SequenceSource* source = plan_of(row);
        if (source == nullptr) continue;
        try {
            source->look_at_plan(now);
        } catch (const std::invalid_argument&) {  // who makes the batch finds it, too, and says so
            continue;
        }
        const PlanView& plan = source->plan;
        const auto s = static_cast<std::size_t>(row.sequence);
        const std::int64_t first = plan.sequence_offsets[s];
        const std::int64_t last = plan.sequence_offsets[s + 1];
        if (first < 0 || last <= first || last > plan.num_spans()) continue;
        const auto begin = static_cast<std::size_t>(first);
        const auto count = static_cast<std::size_t>(last - first);
        will_need(plan.span_document, begin, count);
        will_need(plan.span_start, begin, count);
        will_need(plan.span_length, begin, count);
        for (std::size_t i = begin; i < begin + count; ++i) wanted.push_back({source, i});
    }
    for (Wanted& want : wanted) {
        const std::span<const std::int64_t> selected = want.source->documents;
        const std::int64_t document = want.source->plan.span_document[want.span];
        if (document < 0) continue;
        if (selected.empty()) {
            want.document = document;
        } else if (document < static_cast<std::int64_t>(selected.size())) {
            want.document = selected[static_cast<std::size_t>(document)];
        }
        try {
            for (const auto entry : want.source->store->index_entries(want.document)) will_need(entry);
        } catch (const std::invalid_argument&) {  // a shard that cannot be mapped: making the batch says so
            want.document = -1;
        }
    }
    for (const Wanted& want : wanted) {
        if (want.document < 0 || want.document >= want.source->store->num_documents()) continue;
        const std::int64_t start = want.source->plan.span_start[want.span];
        const std::int64_t length = want.source->plan.span_length[want.span];
        DocumentView view{};
        try {
            view = want.source->store->document(want.document, now);
        } catch (const std::invalid_argument&) {
            continue;
        }
        if (start < 0 || length < 0 || start + length > view.length) continue;
        const std::int64_t size = item_size(want.source->store->dtype());
        will_need(std::span(view.data + start * size, static_cast<std::size_t>(length * size)));
    }
}

}  // namespace pypack
