#include "tokenize/encoder.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>

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

}  // namespace

// Contexts that no thread is using. A forked child starts with none of its own: another thread of the parent
// may have held the lock, or been changing the list, at the moment of the fork.
class Encoder::Pool {
  public:
    std::unique_ptr<EncoderContext> take(const EncoderParts& parts) {
        const WordSeeds* seeds = nullptr;
        {
            State& state = current();
            const std::lock_guard lock(state.mutex);
            if (!state.free.empty()) {
                auto context = std::move(state.free.back());
                state.free.pop_back();
                return context;
            }
            if (!state.seeds) state.seeds = std::make_unique<WordSeeds>(*parts.model);
            seeds = state.seeds.get();
        }
        return std::make_unique<EncoderContext>(parts, *seeds);
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
        std::vector<std::unique_ptr<EncoderContext>> free;
        std::unique_ptr<const WordSeeds> seeds;  // made once
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
    const std::vector<std::size_t> bounds = chunk_bounds(texts, options.num_threads);
    const std::size_t num_chunks = bounds.size() - 1;

    struct Chunk {
        std::size_t worker = 0;
        Offset begin = 0;  // its ids among those of the worker
        Offset end = 0;
        std::exception_ptr failure;
    };
    std::vector<Chunk> chunks(num_chunks);
    const auto num_workers =
        std::clamp(num_chunks, std::size_t{1}, static_cast<std::size_t>(std::max(1, options.num_threads)));
    std::vector<Buffer<TokenId>> ids(num_workers);
    EncodedBatch batch;
    batch.offsets = Buffer<Offset>(static_cast<std::int64_t>(texts.size()) + 1);
    std::size_t bytes = 0;
    for (const TextView& text : texts) bytes += size_in_bytes(text);
    // Text gives one id for two bytes at most, nearly always, and no thread gets twice its share. Memory that
    // is not touched costs nothing, and with some more of it there is room for the next, longer batch.
    const std::size_t most_ids =
        (bytes / 2 + bytes / 8 + 4 * texts.size()) * std::min<std::size_t>(2, num_workers) / num_workers;

    // One worker is one thread, unless the system refuses threads.
    std::atomic<std::size_t> next{0};
    parallel_for(static_cast<std::int64_t>(num_workers), options.num_threads, [&](std::int64_t index) {
        const auto worker = static_cast<std::size_t>(index);
        auto context = pool_->take(parts_);
        WordEncoder& words = context->words();
        words.begin(static_cast<std::int64_t>(most_ids));
        std::size_t documents = 0;
        for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < num_chunks;) {
            Chunk& chunk = chunks[i];
            chunk.worker = worker;
            try {
                context->encode(steps, texts, bounds[i], bounds[i + 1], options);
            } catch (...) {
                // Earlier chunks have all been begun. The context is in the middle of a document: it is not
                // used again.
                chunk.failure = std::current_exception();
                next.store(num_chunks, std::memory_order_relaxed);
                return;
            }
            chunk.begin = documents == 0 ? 0 : words.document_ends()[documents - 1];
            for (std::size_t document = bounds[i]; document < bounds[i + 1]; ++document) {
                batch.offsets[static_cast<std::int64_t>(document) + 1] =
                    words.document_ends()[documents++] - chunk.begin;
            }
            chunk.end = words.document_ends().back();
        }
        ids[worker] = words.take_ids();
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
    batch.values = Buffer<TokenId>(starts.back());
    parallel_for(static_cast<std::int64_t>(num_chunks), options.num_threads, [&](std::int64_t index) {
        const Chunk& chunk = chunks[static_cast<std::size_t>(index)];
        if (chunk.end == chunk.begin) return;
        std::memcpy(batch.values.data() + starts[static_cast<std::size_t>(index)],
                    ids[chunk.worker].data() + chunk.begin,
                    static_cast<std::size_t>(chunk.end - chunk.begin) * sizeof(TokenId));
    });
    return batch;
}

}  // namespace pypack
