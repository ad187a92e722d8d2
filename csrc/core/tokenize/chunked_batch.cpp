#include "tokenize/chunked_batch.hpp"

#include <utility>

namespace pypack {

void ChunkedBatch::finish(std::size_t i, Offset before, std::span<const Offset> document_ends) {
    Offset* const offsets = offsets_.data() + chunks_.bounds[i] + 1;
    for (std::size_t at = 0; at < document_ends.size(); ++at) offsets[at] = document_ends[at] - before;
    ids_.set_count(i, document_ends.back() - before);
}

bool ChunkedBatch::place(std::size_t i, std::span<const TokenId> ids) {
    if (!ids_.write(i, ids)) return false;
    const Offset start = ids_.start(i);
    for (std::size_t document = chunks_.bounds[i]; document < chunks_.bounds[i + 1]; ++document) {
        offsets_[static_cast<Offset>(document) + 1] += start;
    }
    return true;
}

std::exception_ptr ChunkedBatch::failure() const {
    if (interruption_) return interruption_;
    const std::size_t first = first_failure_.load();
    return first < failures_.size() ? failures_[first] : nullptr;
}

void ChunkedBatch::fail(std::size_t i, std::exception_ptr failure) {
    failures_[i] = std::move(failure);
    std::size_t first = first_failure_.load();
    while (i < first && !first_failure_.compare_exchange_weak(first, i)) {
    }
}

}  // namespace pypack
