#include "batch/read_ahead.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace pypack {

namespace {

void will_need(const void* data, std::size_t bytes) {
#if defined(__unix__) || defined(__APPLE__)
    if (bytes == 0) return;
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(data) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(data) + bytes;
    // Advice only: an error means that nothing is read ahead, for example for memory that is no file's.
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
#else
    (void)data;
    (void)bytes;
#endif
}

struct SpanRun {
    const SequenceSource* source;
    std::size_t first;
    std::size_t count;
};

template <typename T>
void will_need(std::span<const T> array, std::size_t first, std::size_t count) {
    will_need(array.data() + first, count * sizeof(T));
}

}  // namespace

// Three rounds, as the tokens' places stand in files that may be cold themselves: each round asks for what
// the next one reads, for all rows at once.
void read_ahead(std::span<const SequenceSource> sources, std::span<const RowRef> rows) {
    const auto known = [&](const RowRef& row) {
        return row.source >= 0 && static_cast<std::size_t>(row.source) < sources.size() &&
               row.sequence >= 0 &&
               row.sequence < sources[static_cast<std::size_t>(row.source)].plan.num_sequences();
    };
    for (const RowRef& row : rows) {
        if (!known(row)) continue;
        const SequenceSource& source = sources[static_cast<std::size_t>(row.source)];
        will_need(source.plan.sequence_offsets, static_cast<std::size_t>(row.sequence), 2);
    }
    std::vector<SpanRun> runs;
    for (const RowRef& row : rows) {
        if (!known(row)) continue;
        const SequenceSource& source = sources[static_cast<std::size_t>(row.source)];
        const auto s = static_cast<std::size_t>(row.sequence);
        const std::int64_t first = source.plan.sequence_offsets[s];
        const std::int64_t last = source.plan.sequence_offsets[s + 1];
        if (first < 0 || last <= first || last > source.plan.num_spans()) continue;
        const SpanRun run{&source, static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)};
        will_need(source.plan.span_document, run.first, run.count);
        will_need(source.plan.span_start, run.first, run.count);
        will_need(source.plan.span_length, run.first, run.count);
        runs.push_back(run);
    }
    for (const SpanRun& run : runs) {
        const SequenceSource& source = *run.source;
        for (std::size_t i = run.first; i < run.first + run.count; ++i) {
            std::int64_t document = source.plan.span_document[i];
            if (!source.documents.empty()) {
                if (document < 0 || document >= static_cast<std::int64_t>(source.documents.size())) continue;
                document = source.documents[static_cast<std::size_t>(document)];
            }
            if (document < 0 || document >= source.store->num_documents()) continue;
            const std::int64_t start = source.plan.span_start[i];
            const std::int64_t length = source.plan.span_length[i];
            const DocumentView view = source.store->document(document);
            if (start < 0 || length < 0 || start + length > view.length) continue;
            const std::int64_t size = item_size(source.store->dtype());
            will_need(view.data + start * size, static_cast<std::size_t>(length * size));
        }
    }
}

}  // namespace pypack
