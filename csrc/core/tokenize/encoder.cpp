#include "tokenize/encoder.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <numeric>

#include "common/parallel.hpp"
#include "tokenize/encoder_context.hpp"
#include "tokenize/text_chunks.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace pypack {
namespace {

long process_id() {
#if defined(__unix__) || defined(__APPLE__)
    return static_cast<long>(getpid());
#else
    return 0;
#endif
}

std::vector<AddedToken> tokens_where(const std::vector<AddedToken>& tokens, bool normalized) {
    std::vector<AddedToken> chosen;
    for (const AddedToken& token : tokens) {
        if (token.normalized == normalized) chosen.push_back(token);
    }
    return chosen;
}

// What came of one run of documents.
struct Chunk {
    std::size_t worker = 0;
    Offset begin = 0;  // its ids among those of the worker
    Offset end = 0;
    std::exception_ptr failure;
};

// The ids of all chunks in their order; chunk i begins at starts[i]. Takes the workers' ids.
Buffer<TokenId> join(const std::vector<Chunk>& chunks, const std::vector<Offset>& starts,
                     std::vector<Buffer<TokenId>>& ids, int num_threads) {
    // Room for a batch that is a little longer, which may have this memory next.
    auto joined = Buffer<TokenId>::with_room(starts.back() + starts.back() / 4, starts.back());
    joined.resize(starts.back());
    // Worker by worker: what one has encoded is given back before all has been copied.
    std::vector<std::size_t> by_worker(chunks.size());
    std::iota(by_worker.begin(), by_worker.end(), std::size_t{0});
    std::stable_sort(by_worker.begin(), by_worker.end(),
                     [&](std::size_t a, std::size_t b) { return chunks[a].worker < chunks[b].worker; });
    std::vector<std::atomic<std::size_t>> left(ids.size());
    for (const Chunk& chunk : chunks) left[chunk.worker].fetch_add(1, std::memory_order_relaxed);
    parallel_for(static_cast<std::int64_t>(chunks.size()), num_threads, [&](std::int64_t index) {
        const std::size_t i = by_worker[static_cast<std::size_t>(index)];
        const Chunk& chunk = chunks[i];
        if (chunk.end > chunk.begin) {
            std::memcpy(joined.data() + starts[i], ids[chunk.worker].data() + chunk.begin,
                        static_cast<std::size_t>(chunk.end - chunk.begin) * sizeof(TokenId));
        }
        if (left[chunk.worker].fetch_sub(1) == 1) ids[chunk.worker] = Buffer<TokenId>();
    });
    return joined;
}

}  // namespace

// Contexts that no thread is using. A forked child starts with none of its own: another thread of the parent
// may have held the lock, or been changing the list, at the moment of the fork.
class Encoder::Pool {
  public:
    std::unique_ptr<EncoderContext> take(const EncoderParts& parts) {
        SharedWords* words = nullptr;
        {
            State& state = current();
            const std::lock_guard lock(state.mutex);
            if (!state.free.empty()) {
                auto context = std::move(state.free.back());
                state.free.pop_back();
                return context;
            }
            if (!state.words) state.words = std::make_unique<SharedWords>(*parts.model);
            words = state.words.get();
        }
        return std::make_unique<EncoderContext>(parts, *words);
    }

    void give_back(std::unique_ptr<EncoderContext> context) {
        State& state = current();
        const std::lock_guard lock(state.mutex);
        state.free.push_back(std::move(context));
    }

    ~Pool() { delete state_.load(); }
    Pool() : state_(new State) {}
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

  private:
    struct State {
        long process = process_id();
        std::mutex mutex;
        std::unique_ptr<SharedWords> words;  // made once
        std::vector<std::unique_ptr<EncoderContext>> free;
    };

    State& current() {
        State* state = state_.load(std::memory_order_acquire);
        if (state->process == process_id()) return *state;
        auto fresh = std::make_unique<State>();
        // The parent's state is left as it is: its pages are shared with the parent until they are written.
        if (state_.compare_exchange_strong(state, fresh.get())) return *fresh.release();
        return *state;
    }

    std::atomic<State*> state_;
};

Encoder::Encoder(EncoderParts parts)
    : parts_(std::move(parts)),
      raw_tokens_(tokens_where(parts_.added_tokens, false)),
      normalized_tokens_(tokens_where(parts_.added_tokens, true)),
      pool_(std::make_unique<Pool>()) {}

Encoder::~Encoder() = default;

EncodedBatch Encoder::encode(std::span<const TextView> texts, const EncodeOptions& options) const {
    const EncoderSteps steps{parts_.normalizer.get(),
                             parts_.pretokenizer.get(),
                             raw_tokens_,
                             normalized_tokens_,
                             parts_.prefix,
                             parts_.suffix};
    const TextChunks cut = chunks_of(texts, options.num_threads);
    const std::vector<std::size_t>& bounds = cut.bounds;
    const std::size_t num_chunks = cut.size();

    std::vector<Chunk> chunks(num_chunks);
    const auto num_workers =
        std::clamp(num_chunks, std::size_t{1}, static_cast<std::size_t>(std::max(1, options.num_threads)));
    std::vector<Buffer<TokenId>> ids(num_workers);
    EncodedBatch batch;
    batch.offsets = Buffer<Offset>(static_cast<std::int64_t>(texts.size()) + 1);
    const std::size_t share =
        std::accumulate(cut.bytes.begin(), cut.bytes.end(), std::size_t{0}) / num_workers;
    const std::size_t largest = cut.bytes.empty() ? 0 : *std::max_element(cut.bytes.begin(), cut.bytes.end());

    // One worker is one thread, unless the system refuses threads.
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> first_failure{num_chunks};
    parallel_for(static_cast<std::int64_t>(num_workers), options.num_threads, [&](std::int64_t index) {
        const auto worker = static_cast<std::size_t>(index);
        std::unique_ptr<EncoderContext> context;
        for (std::size_t claimed; (claimed = next.fetch_add(1, std::memory_order_relaxed)) < num_chunks;) {
            const std::size_t i = cut.order[claimed];
            if (i > first_failure.load()) continue;
            if (!context) {
                context = pool_->take(parts_);
                // Few threads come to encode twice their share.
                context->begin(std::max(num_workers == 1 ? share : 2 * share, largest), share,
                               texts.size() / num_workers);
            }
            Chunk& chunk = chunks[i];
            chunk.worker = worker;
            chunk.begin = context->words().num_ids();
            try {
                context->encode(steps, texts, bounds[i], bounds[i + 1], options);
            } catch (...) {
                // The context is in the middle of a document: it is not used again. An earlier chunk may
                // fail as well, and is then the one to name.
                chunk.failure = std::current_exception();
                context.reset();
                std::size_t first = first_failure.load();
                while (i < first && !first_failure.compare_exchange_weak(first, i)) {
                }
                continue;
            }
            const std::vector<Offset>& ends = context->words().document_ends();
            for (std::size_t document = bounds[i]; document < bounds[i + 1]; ++document) {
                batch.offsets[static_cast<std::int64_t>(document) + 1] =
                    ends[document - bounds[i]] - chunk.begin;
            }
            chunk.end = context->words().num_ids();
        }
        if (!context) return;
        ids[worker] = context->take_ids();
        pool_->give_back(std::move(context));
    });

    std::vector<Offset> starts{0};
    batch.offsets[0] = 0;
    for (std::size_t i = 0; i < num_chunks; ++i) {
        if (chunks[i].failure) std::rethrow_exception(chunks[i].failure);
        for (std::size_t document = bounds[i]; document < bounds[i + 1]; ++document) {
            batch.offsets[static_cast<std::int64_t>(document) + 1] += starts[i];
        }
        starts.push_back(starts[i] + chunks[i].end - chunks[i].begin);
    }
    if (num_workers == 1) {
        batch.values = std::move(ids[0]);
        return batch;
    }
    batch.values = join(chunks, starts, ids, options.num_threads);
    return batch;
}

}  // namespace pypack
