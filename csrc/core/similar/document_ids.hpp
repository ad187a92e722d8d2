// The ids of documents of a store, one document after another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/parallel.hpp"
#include "store/store_view.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Documents that a thread takes at a time.
inline constexpr std::int64_t kDocumentsAtATime = 1024;

// The first `most` ids of a document.
inline void copy_ids(const StoreView& store, std::int64_t document, std::int64_t now, std::int64_t most,
                     std::vector<std::uint32_t>& out) {
    const DocumentView view = store.document(document, now);
    const auto length = static_cast<std::size_t>(std::min<std::int64_t>(view.length, most));
    out.resize(length);
    visit_dtype(store.dtype(), [&](auto type) {
        for (std::size_t i = 0; i < length; ++i) {
            decltype(type) id;
            std::memcpy(&id, view.data + i * sizeof(id), sizeof(id));
            out[i] = static_cast<std::uint32_t>(id);
        }
    });
}

// Calls work(document, ids) for documents first to last, many at a time: what it writes belongs to the
// document. `make()` makes what a chunk of documents works with: work(document, ids, made).
template <typename Make, typename Work>
void for_each_document(const StoreView& store, std::int64_t first, std::int64_t last, std::int64_t most_ids,
                       int num_threads, Make&& make, Work&& work) {
    const std::int64_t chunks = (last - first + kDocumentsAtATime - 1) / kDocumentsAtATime;
    parallel_for(chunks, num_threads, [&](std::int64_t chunk) {
        auto made = make();
        std::vector<std::uint32_t> ids;
        const std::int64_t begin = first + chunk * kDocumentsAtATime;
        const std::int64_t end = std::min(last, begin + kDocumentsAtATime);
        for (std::int64_t document = begin; document < end; ++document) {
            const auto lease = store.lease();
            copy_ids(store, document, look_clock(), most_ids, ids);
            work(document, ids, made);
        }
    });
}

}  // namespace pypack
