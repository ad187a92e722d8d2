// A batch that several workers encode a chunk of documents at a time: who claims which chunk, what failed,
// and where the ids of each belong.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/interrupt.hpp"
#include "common/types.hpp"
#include "tokenize/encoder.hpp"
#include "tokenize/joined_ids.hpp"
#include "tokenize/text/text_chunks.hpp"

namespace pypack {

// Every chunk goes the same way: a worker claims it, encodes it and says where its documents end (finish),
// and its ids are copied to where they belong (place), at once or when all workers are done. What comes out
// does not depend on who claims what, nor does the failure that is reported.
class ChunkedBatch {
  public:
    // `chunks` must outlive the batch. room: an empty buffer for the ids of all; chunks that it has no room
    // for are placed after join().
    ChunkedBatch(const TextChunks& chunks, Buffer<TokenId> room)
        : chunks_(chunks),
          offsets_(static_cast<Offset>(chunks.bounds.back()) + 1),
          ids_(chunks.size(), std::move(room)),
          failures_(chunks.size()),
          first_failure_(chunks.size()) {
        offsets_[0] = 0;
    }

    // Of any number of threads each calls this once: calls encode(i) for one chunk after another that no
    // other thread has claimed, until none is left. What it throws is the failure of chunk i.
    template <typename Encode>
    void work(Encode&& encode) {
        for (std::size_t claimed;
             (claimed = next_.fetch_add(1, std::memory_order_relaxed)) < chunks_.size();) {
            const std::size_t i = chunks_.order[claimed];
            // An earlier chunk may fail as well, and is then the one to name.
            if (i > first_failure_.load()) continue;
            try {
                check_interrupt();
                encode(i);
            } catch (const Interrupted&) {
                interruption_ = std::current_exception();
                next_.store(chunks_.size(), std::memory_order_relaxed);
                return;
            } catch (...) {
                fail(i, std::current_exception());
            }
        }
    }

    // Thread-safe. Chunk i is encoded: document_ends has, for each of its documents, the number of ids up to
    // its end, of which `before` are no ids of this chunk.
    void finish(std::size_t i, Offset before, std::span<const Offset> document_ends);

    // Thread-safe. Copies the ids of a finished chunk into their place, if that is known and has room.
    [[nodiscard]] bool place(std::size_t i, std::span<const TokenId> ids);

    // The others are for when no thread works any more.

    // Why the work was interrupted; else that of the first chunk that failed, or null.
    [[nodiscard]] std::exception_ptr failure() const;

    // When all chunks are finished: from then on each has its place, and room.
    void join() { ids_.finish(); }

    // After join().
    [[nodiscard]] Offset num_ids() const { return ids_.size(); }
    [[nodiscard]] Offset start(std::size_t i) const { return ids_.start(i); }

    // When all chunks are placed.
    [[nodiscard]] EncodedBatch take() { return {ids_.take(), std::move(offsets_), {}}; }
    // With the ids of the only chunk, which need not be placed.
    [[nodiscard]] EncodedBatch take_with(Buffer<TokenId> ids) {
        return {std::move(ids), std::move(offsets_), {}};
    }

  private:
    void fail(std::size_t i, std::exception_ptr failure);

    const TextChunks& chunks_;
    Buffer<Offset> offsets_;
    JoinedIds ids_;
    std::vector<std::exception_ptr> failures_;
    std::exception_ptr interruption_;  // of one thread alone, see common/interrupt.hpp
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> first_failure_;
};

}  // namespace pypack
