#include "tokenize/encoder.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <utility>

#include "common/parallel.hpp"
#include "tokenize/encoder_context.hpp"
#include "tokenize/joined_ids.hpp"
#include "tokenize/text/text_chunks.hpp"

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

// Outputs of fewer bytes do not tell how many ids text comes to.
constexpr std::size_t kTellingBytes = std::size_t{1} << 16;
// So many ids are copied before another thread has started.
constexpr Offset kFewIds = Offset{1} << 17;

// What text of so many bytes is likely to come to, with some room to spare.
std::int64_t likely_ids(std::size_t bytes, double ids_per_byte) {
    return static_cast<std::int64_t>(1.125 * ids_per_byte * static_cast<double>(bytes));
}

// An empty buffer for the ids of texts of `most_bytes` in `documents` documents, probably of `bytes`: where
// memory for what those are likely to come to is at hand no more is taken.
Buffer<TokenId> room_for_ids(std::size_t most_bytes, std::size_t bytes, std::size_t documents,
                             double ids_per_byte) {
    // Text gives one id for two bytes at most, nearly always. Memory that is not touched costs nothing, and
    // with some more of it there is room for the next, longer batch; unless it were too large to be kept.
    std::size_t most = most_bytes / 2;
    if (5 * most <= kMostIdleMemory) most += most / 4;
    const auto slack = static_cast<std::int64_t>(WordEncoder::kSlackIds);
    return Buffer<TokenId>::with_room(
        static_cast<std::int64_t>(most + 4 * documents) + slack,
        std::min(likely_ids(bytes, ids_per_byte), static_cast<std::int64_t>(most)) + slack);
}

// What came of one run of documents.
struct Chunk {
    Offset begin = 0;  // its ids among those at hand of its worker
    Offset end = 0;
    std::exception_ptr failure;

    [[nodiscard]] std::span<const TokenId> ids(const Buffer<TokenId>& all) const {
        return all.view().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    }
};

// Each of several workers has room for so many ids, in one large page, or more where a batch asks for it, and
// keeps its room for the next batch unless that is far more. (Rooms as large as a batch asked for were fresh
// memory wherever its longest document was longer than those before: two threads were 1.6 instead of 1.85
// times one.)
constexpr std::int64_t kRoomOfWorker = (std::int64_t{1} << 21) / sizeof(TokenId);
constexpr std::int64_t kMostKept = 4 * kRoomOfWorker;

struct Worker {
    std::unique_ptr<EncoderContext> context;  // none before the first chunk
    std::vector<std::size_t> unplaced;        // chunks whose place in the whole was not known
};

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
        if (context->words().ids().capacity() > kMostKept) (void)context->take_ids();
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
    std::vector<Worker> workers(num_workers);
    EncodedBatch batch;
    batch.offsets = Buffer<Offset>(static_cast<std::int64_t>(texts.size()) + 1);
    batch.offsets[0] = 0;
    const std::size_t bytes = std::accumulate(cut.bytes.begin(), cut.bytes.end(), std::size_t{0});
    // Of several workers each holds little at a time, nearly always: chunks that wait for their place.
    const std::size_t largest = cut.bytes.empty() ? 0 : *std::max_element(cut.bytes.begin(), cut.bytes.end());
    const std::size_t bytes_at_once = num_chunks == 0 ? 0 : largest + 4 * (bytes / num_chunks);
    const double ids_per_byte = ids_per_byte_.load(std::memory_order_relaxed);
    JoinedIds joined(num_chunks, num_workers == 1 ? Buffer<TokenId>()
                                                  : room_for_ids(bytes, bytes, texts.size(), ids_per_byte));
    // Writes a chunk whose ids are among `ids` into its place, if that is known.
    const auto place = [&](std::size_t i, const Buffer<TokenId>& ids) {
        if (!joined.write(i, chunks[i].ids(ids))) return false;
        for (std::size_t document = bounds[i]; document < bounds[i + 1]; ++document) {
            batch.offsets[static_cast<std::int64_t>(document) + 1] += joined.start(i);
        }
        return true;
    };

    // One worker is one thread, unless the system refuses threads.
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> first_failure{num_chunks};
    parallel_for(static_cast<std::int64_t>(num_workers), options.num_threads, [&](std::int64_t index) {
        auto& [context, mine] = workers[static_cast<std::size_t>(index)];
        for (std::size_t claimed; (claimed = next.fetch_add(1, std::memory_order_relaxed)) < num_chunks;) {
            const std::size_t i = cut.order[claimed];
            if (i > first_failure.load()) continue;
            if (!context) {
                context = pool_->take(parts_);
                Buffer<TokenId> room = context->take_ids();
                if (num_workers == 1) {
                    room = room_for_ids(bytes, bytes, texts.size(), ids_per_byte);
                } else {
                    room.reserve(std::max(kRoomOfWorker, likely_ids(bytes_at_once, ids_per_byte)));
                }
                context->begin(std::move(room));
            }
            Chunk& chunk = chunks[i];
            chunk.begin = context->words().ids().size();
            try {
                context->encode(steps, texts, bounds[i], bounds[i + 1], options);
            } catch (...) {
                // The context is in the middle of a document: it is not used again. An earlier chunk may
                // fail as well, and is then the one to name.
                chunk.failure = std::current_exception();
                context.reset();
                mine.clear();
                std::size_t first = first_failure.load();
                while (i < first && !first_failure.compare_exchange_weak(first, i)) {
                }
                continue;
            }
            const Buffer<TokenId>& ids = context->words().ids();
            const std::vector<Offset>& ends = context->words().document_ends();
            for (std::size_t document = bounds[i]; document < bounds[i + 1]; ++document) {
                batch.offsets[static_cast<std::int64_t>(document) + 1] =
                    ends[document - bounds[i]] - chunk.begin;
            }
            chunk.end = ids.size();
            if (num_workers == 1) continue;
            joined.set_count(i, chunk.end - chunk.begin);
            mine.push_back(i);
            std::erase_if(mine, [&](std::size_t at) { return place(at, ids); });
            context->forget_ids(mine.empty() ? 0 : chunks[mine.back()].end);
        }
        if (context) context->end();
    });

    const auto give_back_contexts = [&] {
        for (Worker& worker : workers) {
            if (worker.context) pool_->give_back(std::move(worker.context));
        }
    };
    for (const Chunk& chunk : chunks) {
        if (!chunk.failure) continue;
        give_back_contexts();
        std::rethrow_exception(chunk.failure);
    }
    if (num_workers == 1) {
        if (workers[0].context) batch.values = workers[0].context->take_ids();
    } else {
        joined.finish();
        std::vector<std::pair<std::size_t, const Buffer<TokenId>*>> rest;
        Offset num_ids = 0;
        for (const Worker& worker : workers) {
            for (const std::size_t i : worker.unplaced) {
                rest.emplace_back(i, &worker.context->words().ids());
                num_ids += chunks[i].end - chunks[i].begin;
            }
        }
        parallel_for(static_cast<std::int64_t>(rest.size()), num_ids < kFewIds ? 1 : options.num_threads,
                     [&](std::int64_t at) {
                         const auto& [i, ids] = rest[static_cast<std::size_t>(at)];
                         (void)place(i, *ids);
                     });
        batch.values = joined.take();
    }
    give_back_contexts();
    if (bytes >= kTellingBytes) {
        ids_per_byte_.store(static_cast<double>(batch.values.size()) / static_cast<double>(bytes),
                            std::memory_order_relaxed);
    }
    return batch;
}

}  // namespace pypack
