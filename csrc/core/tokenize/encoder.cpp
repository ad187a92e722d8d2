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
        Buffer<TokenId> ids;
        std::vector<Offset> ends;
        std::exception_ptr failure;
    };
    std::vector<Chunk> chunks(num_chunks);
    parallel_for(static_cast<std::int64_t>(num_chunks), options.num_threads, [&](std::int64_t index) {
        Chunk& chunk = chunks[static_cast<std::size_t>(index)];
        const std::size_t first = bounds[static_cast<std::size_t>(index)];
        const std::size_t last = bounds[static_cast<std::size_t>(index) + 1];
        auto context = pool_->take(parts_);
        try {
            std::size_t bytes = 0;
            for (std::size_t i = first; i < last; ++i) bytes += size_in_bytes(texts[i]);
            // Text gives one id for two bytes at most, nearly always; memory that is not touched costs
            // nothing.
            context->words().begin(static_cast<std::int64_t>(bytes / 2 + 4 * (last - first)));
            context->encode(steps, texts, first, last, options);
            chunk.ids = std::move(context->words().ids());
            chunk.ends = context->words().document_ends();
        } catch (...) {
            // The context may be in the middle of a document: it is not used again.
            chunk.failure = std::current_exception();
            return;
        }
        pool_->give_back(std::move(context));
    });

    EncodedBatch batch;
    batch.offsets = Buffer<Offset>(static_cast<std::int64_t>(texts.size()) + 1);
    batch.offsets[0] = 0;
    std::vector<Offset> starts(num_chunks + 1, 0);
    std::int64_t document = 1;
    for (std::size_t i = 0; i < num_chunks; ++i) {
        if (chunks[i].failure) std::rethrow_exception(chunks[i].failure);
        for (const Offset end : chunks[i].ends) batch.offsets[document++] = starts[i] + end;
        starts[i + 1] = starts[i] + chunks[i].ids.size();
    }
    if (num_chunks == 1) {
        batch.values = std::move(chunks[0].ids);
        return batch;
    }
    batch.values = Buffer<TokenId>(starts[num_chunks]);
    parallel_for(static_cast<std::int64_t>(num_chunks), options.num_threads, [&](std::int64_t index) {
        Chunk& chunk = chunks[static_cast<std::size_t>(index)];
        if (chunk.ids.size() == 0) return;
        std::memcpy(batch.values.data() + starts[static_cast<std::size_t>(index)], chunk.ids.data(),
                    static_cast<std::size_t>(chunk.ids.size()) * sizeof(TokenId));
        chunk.ids = Buffer<TokenId>();
    });
    return batch;
}

}  // namespace pypack
