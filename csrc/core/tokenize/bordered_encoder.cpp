// Documents → ids and where words begin, at nearly the speed of ids alone: the ends of words are noted as
// those of documents are.
#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "common/parallel.hpp"
#include "tokenize/chunked_batch.hpp"
#include "tokenize/encoder.hpp"
#include "tokenize/encoder_context.hpp"
#include "tokenize/idle_contexts.hpp"
#include "tokenize/text/text_chunks.hpp"

namespace pypack {
namespace {

constexpr std::int64_t kMostKeptIds = std::int64_t{1} << 21;

struct BorderedChunk {
    std::vector<TokenId> ids;
    std::vector<std::uint8_t> begins;
    std::vector<Offset> document_ends;
    std::vector<std::uint32_t> look_alikes;
};

// What a context has encoded. A word that came to no id has its end where the next one begins.
BorderedChunk chunk_of(const EncoderContext& context) {
    const WordEncoder& words = context.words();
    const auto ids = words.ids().view();
    BorderedChunk chunk{{ids.begin(), ids.end()}, std::vector<std::uint8_t>(ids.size(), 0), {}, {}};
    if (!ids.empty()) chunk.begins[0] = 1;
    const std::vector<Offset>& ends = words.document_ends();
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const auto end = static_cast<std::size_t>(ends[i]);
        if (end < ids.size()) chunk.begins[end] = 1;
        if (words.is_document_end()[i] != 0) chunk.document_ends.push_back(ends[i]);
    }
    chunk.look_alikes = context.look_alikes();
    return chunk;
}

}  // namespace

BorderedBatch Encoder::encode_bordered(std::span<const TextView> texts, const EncodeOptions& options) const {
    const TextChunks chunks = chunks_of(texts, options.num_threads);
    ChunkedBatch batch(chunks, Buffer<TokenId>());
    std::vector<BorderedChunk> encoded(chunks.size());
    const auto num_workers = static_cast<std::int64_t>(chunks.num_workers(options.num_threads));
    parallel_for(num_workers, options.num_threads, [&](std::int64_t) {
        std::unique_ptr<EncoderContext> context;  // none before the first chunk
        batch.work([&](std::size_t i) {
            if (!context) {
                context = idle_->take(parts_);
                context->words().note_word_ends(true);
                context->begin(context->take_ids());
            }
            context->forget_ids(0);
            try {
                context->encode(steps(), texts, chunks.bounds[i], chunks.bounds[i + 1], options);
            } catch (...) {  // in the middle of a document: it is not used again
                context.reset();
                throw;
            }
            encoded[i] = chunk_of(*context);
            batch.finish(i, 0, encoded[i].document_ends);
        });
        if (!context) return;
        context->end();
        context->words().note_word_ends(false);
        idle_->give_back(std::move(context), kMostKeptIds);
    });
    if (const std::exception_ptr failure = batch.failure()) std::rethrow_exception(failure);
    batch.join();
    Buffer<std::uint8_t> begins(batch.num_ids());
    std::vector<std::uint32_t> look_alikes;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        (void)batch.place(i, encoded[i].ids);
        std::copy(encoded[i].begins.begin(), encoded[i].begins.end(), begins.data() + batch.start(i));
        look_alikes.insert(look_alikes.end(), encoded[i].look_alikes.begin(), encoded[i].look_alikes.end());
    }
    EncodedBatch ids = batch.take();
    ids.look_alikes = std::move(look_alikes);
    return {std::move(ids), std::move(begins)};
}

}  // namespace pypack
