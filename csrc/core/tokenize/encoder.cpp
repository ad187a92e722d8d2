#include "tokenize/encoder.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <utility>

#include "common/parallel.hpp"
#include "tokenize/chunked_batch.hpp"
#include "tokenize/encoder_context.hpp"
#include "tokenize/idle_contexts.hpp"
#include "tokenize/text/text_chunks.hpp"

namespace pypack {
namespace {

// Outputs of fewer bytes do not tell how many ids text comes to.
constexpr std::size_t kTellingBytes = std::size_t{1} << 16;
// So many ids are copied before another thread has started.
constexpr Offset kFewIds = Offset{1} << 17;
// Each of several workers has room for so many ids, in one large page, or more where a batch asks for it, and
// keeps its room for the next batch unless that is far more. (Rooms as large as a batch asked for were fresh
// memory wherever its longest document was longer than those before: two threads were 1.6 instead of 1.85
// times one.)
constexpr std::int64_t kRoomOfWorker = (std::int64_t{1} << 21) / sizeof(TokenId);
constexpr std::int64_t kMostKept = 4 * kRoomOfWorker;

std::vector<AddedToken> tokens_where(const std::vector<AddedToken>& tokens, bool normalized) {
    std::vector<AddedToken> chosen;
    for (const AddedToken& token : tokens) {
        if (token.normalized == normalized) chosen.push_back(token);
    }
    return chosen;
}

// How much text a batch is, and so how much memory its ids are likely to need.
class BatchSize {
  public:
    BatchSize(const TextChunks& chunks, double ids_per_byte)
        : documents_(chunks.bounds.back()),
          bytes_(std::accumulate(chunks.bytes.begin(), chunks.bytes.end(), std::size_t{0})),
          ids_per_byte_(ids_per_byte) {
        if (chunks.bytes.empty()) return;
        const std::size_t largest = *std::max_element(chunks.bytes.begin(), chunks.bytes.end());
        bytes_at_once_ = largest + 4 * (bytes_ / chunks.size());
    }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    // An empty buffer for the ids of all documents: where memory for what they are likely to come to is at
    // hand no more is taken.
    [[nodiscard]] Buffer<TokenId> room_for_all() const {
        // Text gives one id for two bytes at most, nearly always. Memory that is not touched costs nothing,
        // and with some more of it there is room for the next, longer batch; unless it were too large to be
        // kept.
        std::size_t most = bytes_ / 2;
        if (5 * most <= kMostIdleMemory) most += most / 4;
        const auto slack = static_cast<std::int64_t>(WordEncoder::kSlackIds);
        return Buffer<TokenId>::with_room(
            static_cast<std::int64_t>(most + 4 * documents_) + slack,
            std::min(likely_ids(bytes_), static_cast<std::int64_t>(most)) + slack);
    }

    // For the ids that one of several workers holds at a time, which are few, nearly always: chunks that wait
    // for their place.
    [[nodiscard]] std::int64_t room_of_worker() const {
        return std::max(kRoomOfWorker, likely_ids(bytes_at_once_));
    }

  private:
    // What text of so many bytes is likely to come to, with some room to spare.
    [[nodiscard]] std::int64_t likely_ids(std::size_t bytes) const {
        return static_cast<std::int64_t>(1.125 * ids_per_byte_ * static_cast<double>(bytes));
    }

    std::size_t documents_;
    std::size_t bytes_;
    std::size_t bytes_at_once_ = 0;
    double ids_per_byte_;  // of an earlier batch
};

// What all workers of one batch have in common.
struct BatchTask {
    const EncoderParts& parts;
    const EncoderSteps steps;
    std::span<const TextView> texts;
    const EncodeOptions& options;
    const TextChunks& chunks;
    BatchSize size;
    std::size_t num_workers;
    IdleContexts& idle;
};

// One thread's part of a batch.
class Worker {
  public:
    // A chunk whose ids are at hand, since its place in the whole was not known.
    struct Waiting {
        std::size_t chunk;
        Offset begin;  // among the ids at hand
        Offset end;
    };

    void work(const BatchTask& task, ChunkedBatch& batch) {
        batch.work([&](std::size_t chunk) {
            if (!context_) begin(task);
            try {
                encode(task, chunk, batch);
            } catch (...) {
                // In the middle of a document: it is not used again.
                context_.reset();
                waiting_.clear();
                throw;
            }
        });
        if (context_) context_->end();
    }

    [[nodiscard]] const std::vector<Waiting>& waiting() const { return waiting_; }
    [[nodiscard]] std::span<const TokenId> ids(const Waiting& chunk) const {
        return context_->words().ids().view().subspan(static_cast<std::size_t>(chunk.begin),
                                                      static_cast<std::size_t>(chunk.end - chunk.begin));
    }

    [[nodiscard]] const std::vector<std::uint32_t>& look_alikes() const { return look_alikes_; }

    // All ids, of a worker that works alone.
    [[nodiscard]] Buffer<TokenId> take_ids() { return context_ ? context_->take_ids() : Buffer<TokenId>(); }

    void give_back_to(IdleContexts& idle) {
        if (context_) idle.give_back(std::move(context_), kMostKept);
    }

  private:
    void begin(const BatchTask& task) {
        context_ = task.idle.take(task.parts);
        Buffer<TokenId> room = context_->take_ids();
        if (task.num_workers == 1) {
            room = task.size.room_for_all();
        } else {
            room.reserve(task.size.room_of_worker());
        }
        context_->begin(std::move(room));
    }

    void encode(const BatchTask& task, std::size_t chunk, ChunkedBatch& batch) {
        const Buffer<TokenId>& ids = context_->words().ids();
        const Offset begin = ids.size();
        context_->encode(task.steps, task.texts, task.chunks.bounds[chunk], task.chunks.bounds[chunk + 1],
                         task.options);
        const std::vector<std::uint32_t>& found = context_->look_alikes();
        look_alikes_.insert(look_alikes_.end(), found.begin(), found.end());
        batch.finish(chunk, begin, context_->words().document_ends());
        if (task.num_workers == 1) return;
        waiting_.push_back({chunk, begin, ids.size()});
        std::erase_if(waiting_, [&](const Waiting& at) { return batch.place(at.chunk, this->ids(at)); });
        context_->forget_ids(waiting_.empty() ? 0 : waiting_.back().end);
    }

    std::unique_ptr<EncoderContext> context_;  // none before the first chunk
    std::vector<Waiting> waiting_;
    std::vector<std::uint32_t> look_alikes_;
};

// Places the chunks that waited for others until all were encoded.
void place_waiting(const std::vector<Worker>& workers, int num_threads, ChunkedBatch& batch) {
    std::vector<std::pair<std::size_t, std::span<const TokenId>>> rest;
    std::size_t num_ids = 0;
    for (const Worker& worker : workers) {
        for (const Worker::Waiting& chunk : worker.waiting()) {
            rest.emplace_back(chunk.chunk, worker.ids(chunk));
            num_ids += rest.back().second.size();
        }
    }
    batch.join();
    parallel_for(static_cast<std::int64_t>(rest.size()), num_ids < kFewIds ? 1 : num_threads,
                 [&](std::int64_t at) {
                     const auto& [chunk, ids] = rest[static_cast<std::size_t>(at)];
                     (void)batch.place(chunk, ids);
                 });
}

}  // namespace

Encoder::Encoder(EncoderParts parts)
    : parts_(std::move(parts)),
      raw_tokens_(tokens_where(parts_.added_tokens, false)),
      normalized_tokens_(tokens_where(parts_.added_tokens, true)),
      idle_(std::make_unique<IdleContexts>()) {}

Encoder::~Encoder() = default;

EncodedText::EncodedText(std::unique_ptr<EncoderContext> context, IdleContexts& idle)
    : context_(std::move(context)), idle_(&idle) {}

EncodedText::EncodedText(EncodedText&&) noexcept = default;

EncodedText::~EncodedText() {
    if (context_) idle_->give_back(std::move(context_), kMostKept);
}

std::span<const TokenId> EncodedText::ids() const {
    return context_->words().ids().view();
}

EncodedText Encoder::encode_one(const TextView& text, const EncodeOptions& options) const {
    std::unique_ptr<EncoderContext> context = idle_->take(parts_);
    Buffer<TokenId> room = context->take_ids();
    room.resize(0);
    room.reserve(static_cast<std::int64_t>(size_in_bytes(text) / 2 + WordEncoder::kSlackIds));
    context->begin(std::move(room));
    context->encode(steps(), {&text, 1}, 0, 1, options);  // where it fails the context goes
    context->end();
    return {std::move(context), *idle_};
}

void Encoder::prepare() const {
    idle_->give_back(idle_->take(parts_), kMostKept);
}

EncoderSteps Encoder::steps() const {
    return {parts_.normalizer.get(),
            parts_.pretokenizer.get(),
            raw_tokens_,
            normalized_tokens_,
            parts_.prefix,
            parts_.suffix};
}

EncodedBatch Encoder::encode(std::span<const TextView> texts, const EncodeOptions& options) const {
    const TextChunks chunks = chunks_of(texts, options.num_threads);
    const BatchTask task{
        .parts = parts_,
        .steps = steps(),
        .texts = texts,
        .options = options,
        .chunks = chunks,
        .size = BatchSize(chunks, ids_per_byte_.load(std::memory_order_relaxed)),
        .num_workers = chunks.num_workers(options.num_threads),
        .idle = *idle_,
    };
    const bool is_alone = task.num_workers == 1;
    ChunkedBatch batch(chunks, is_alone ? Buffer<TokenId>() : task.size.room_for_all());

    // One worker is one thread, unless the system refuses threads.
    std::vector<Worker> workers(task.num_workers);
    parallel_for(static_cast<std::int64_t>(workers.size()), options.num_threads,
                 [&](std::int64_t index) { workers[static_cast<std::size_t>(index)].work(task, batch); });

    const std::exception_ptr failure = batch.failure();
    EncodedBatch encoded;
    if (!failure && is_alone) {
        encoded = batch.take_with(workers[0].take_ids());
    } else if (!failure) {
        place_waiting(workers, options.num_threads, batch);
        encoded = batch.take();
    }
    for (Worker& worker : workers) {
        const auto& found = worker.look_alikes();
        encoded.look_alikes.insert(encoded.look_alikes.end(), found.begin(), found.end());
        worker.give_back_to(*idle_);
    }
    std::sort(encoded.look_alikes.begin(), encoded.look_alikes.end());
    if (failure) std::rethrow_exception(failure);
    if (task.size.bytes() >= kTellingBytes) {
        ids_per_byte_.store(
            static_cast<double>(encoded.values.size()) / static_cast<double>(task.size.bytes()),
            std::memory_order_relaxed);
    }
    return encoded;
}

}  // namespace pypack
