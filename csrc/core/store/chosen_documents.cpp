#include "store/chosen_documents.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "common/parallel.hpp"
#include "common/prefetch.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kTask = std::int64_t{1} << 18;  // documents that a thread takes at once

template <typename Work>
void for_parts(std::int64_t size, int num_threads, Work&& work) {
    parallel_for((size + kTask - 1) / kTask, num_threads,
                 [&](std::int64_t task) { work(task, task * kTask, std::min(size, (task + 1) * kTask)); });
}

// Of a negative number the unsigned one is too large as well.
void check_documents(const std::int64_t* documents, std::int64_t size, std::size_t count) {
    std::uint64_t greatest = 0;
    for (std::int64_t i = 0; i < size; ++i) {
        greatest = std::max(greatest, static_cast<std::uint64_t>(documents[i]));
    }
    if (greatest < count) return;
    while (static_cast<std::uint64_t>(*documents) < count) ++documents;
    throw std::out_of_range("document " + std::to_string(*documents) + " is none of the " +
                            std::to_string(count) + " documents");
}

}  // namespace

Buffer<Length> lengths_of(std::span<const Length> lengths, std::span<const std::int64_t> documents,
                          int num_threads) {
    constexpr std::int64_t kAhead = 48;
    constexpr std::int64_t kBlock = 1024;  // stays in the first cache between check and use
    const auto size = static_cast<std::int64_t>(documents.size());
    Buffer<Length> chosen(size);
    for_parts(size, num_threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (; begin < end; begin += kBlock) {
            const std::int64_t stop = std::min(end, begin + kBlock);
            check_documents(documents.data() + begin, stop - begin, lengths.size());
            for (std::int64_t i = begin; i < stop; ++i) {
                // Wherever that is: what is fetched ahead is checked when it is read.
                if (i + kAhead < end) {
                    const auto soon =
                        static_cast<std::size_t>(documents[static_cast<std::size_t>(i + kAhead)]);
                    if (soon < lengths.size()) prefetch(&lengths[soon]);
                }
                chosen[i] = lengths[static_cast<std::size_t>(documents[static_cast<std::size_t>(i)])];
            }
        }
    });
    return chosen;
}

}  // namespace pypack
