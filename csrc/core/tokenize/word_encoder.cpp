#include "tokenize/word_encoder.hpp"

#include <algorithm>

#include "common/prefetch.hpp"

namespace pypack {
namespace {

// No key has this size; it sends words that are too long for one to encode_uncached.
constexpr WordKey kNoKey{0, ~std::uint64_t{0}};
constexpr std::size_t kMaxSeeds = std::size_t{1} << 18;

std::size_t count_seeds(const Model& model) {
    std::size_t count = 0;
    model.for_each_likely_word([&](std::string_view word) { count += word.size() <= WordKey::kMaxBytes; });
    return std::min(count, kMaxSeeds);
}

WordKey key_of(std::string_view word) {
    char bytes[16] = {};
    std::memcpy(bytes, word.data(), word.size());
    return WordKey::load(bytes, word.size());
}

}  // namespace

WordEncoder::WordEncoder(ModelPtr model, PretokenizerPtr pretokenizer)
    : model_(std::move(model)),
      pretokenizer_(std::move(pretokenizer)),
      workspace_(model_->make_workspace()),
      short_words_(count_seeds(*model_)) {
    seed();
}

void WordEncoder::seed() {
    std::size_t count = 0;
    model_->for_each_likely_word([&](std::string_view word) {
        if (word.size() > WordKey::kMaxBytes || count == kMaxSeeds) return;
        ++count;
        word_ids_.clear();
        model_->tokenize(word, *workspace_, word_ids_);
        const WordKey key = key_of(word);
        if (short_words_.find(key, short_words_.line_of(key.hash())) == nullptr) {
            short_words_.insert(key, word_ids_);
        }
    });
}

void WordEncoder::begin(std::int64_t expected_ids) {
    ids_ = Buffer<TokenId>();
    ids_.reserve(expected_ids + 4 * static_cast<std::int64_t>(words_.size()));
    document_ends_.clear();
}

void WordEncoder::add_piece(std::string_view piece) {
    if (pretokenizer_ == nullptr) {
        span_begins_[0] = 0;
        span_ends_[0] = static_cast<std::uint32_t>(piece.size());
        if (num_words_ >= kBatch) flush();
        add_words(piece, 1);
        return;
    }
    for (std::size_t from = 0; from < piece.size();) {
        if (num_words_ >= kBatch) flush();
        WordSpans spans{span_begins_.data(), span_ends_.data(), kBatch - num_words_};
        from = pretokenizer_->split(piece, from, spans);
        add_words(piece, spans.size);
    }
}

void WordEncoder::add_words(std::string_view piece, std::size_t num_words) {
    Word* out = words_.data() + num_words_;
    for (std::size_t i = 0; i < num_words; ++i, ++out) {
        const std::size_t begin = span_begins_[i];
        const std::size_t size = span_ends_[i] - begin;
        out->text = piece.data() + begin;
        out->size = size;
        if (size <= WordKey::kMaxBytes) {
            out->key = begin + sizeof(WordKey) <= piece.size() ? WordKey::load(out->text, size)
                                                               : key_of({out->text, size});
            out->line = short_words_.line_of(out->key.hash());
        } else {
            out->key = kNoKey;
            out->line = 0;
        }
        prefetch(&short_words_.line(out->line));
    }
    num_words_ += num_words;
}

void WordEncoder::add_token(TokenId id) {
    events_.push_back({num_words_, id});
}

void WordEncoder::end_document() {
    events_.push_back({num_words_, kNoToken});
}

void WordEncoder::flush() {
    std::size_t done = 0;
    for (const Event& event : events_) {
        encode_words(done, event.word);
        done = event.word;
        if (event.id == kNoToken) {
            document_ends_.push_back(ids_.size());
        } else {
            append(&event.id, 1, 0);
        }
    }
    encode_words(done, num_words_);
    events_.clear();
    num_words_ = 0;
}

void WordEncoder::encode_words(std::size_t from, std::size_t to) {
    if (from == to) return;
    // Every word in sight has room for its inline ids and one vector store beyond.
    append(nullptr, 0, to - from);
    TokenId* out = ids_.data() + ids_.size();
    for (std::size_t i = from; i < to; ++i) {
        const Word& word = words_[i];
        const ShortWordCache::Line& line = short_words_.line(word.line);
        const bool in_second = line.slots[1].key == word.key;
        const ShortWordCache::Slot& slot = line.slots[in_second ? 1 : 0];
        if ((line.slots[0].key == word.key || in_second) && slot.count <= ShortWordCache::kInlineIds)
            [[likely]] {
            std::memcpy(out, slot.ids, sizeof(TokenId) * 4);  // the fourth is the count, to be overwritten
            out += slot.count;
            continue;
        }
        ids_.resize(out - ids_.data());
        encode_uncached(word, to - i);
        out = ids_.data() + ids_.size();
    }
    ids_.resize(out - ids_.data());
}

void WordEncoder::encode_uncached(const Word& word, std::size_t words_left) {
    const std::string_view text(word.text, word.size);
    if (word.size <= WordKey::kMaxBytes) {
        // The table may have grown since the word was hashed.
        const std::size_t line = short_words_.line_of(word.key.hash());
        if (const auto* slot = short_words_.find(word.key, line)) {
            append(short_words_.ids(*slot), slot->count, words_left);
            return;
        }
        word_ids_.clear();
        model_->tokenize(text, *workspace_, word_ids_);
        short_words_.insert(word.key, word_ids_);
        append(word_ids_.data(), word_ids_.size(), words_left);
        return;
    }
    const bool cached = word.size <= LongWordCache::kMaxWordBytes;
    const std::uint64_t hash = cached ? hash_bytes(text) : 0;
    const TokenId* ids = nullptr;
    std::size_t count = 0;
    if (cached && long_words_.find(text, hash, ids, count)) {
        append(ids, count, words_left);
        return;
    }
    word_ids_.clear();
    model_->tokenize(text, *workspace_, word_ids_);
    if (cached) long_words_.insert(text, hash, word_ids_);
    append(word_ids_.data(), word_ids_.size(), words_left);
}

// Appends ids, and sees to it that words_left words with their ids inline have room behind them.
void WordEncoder::append(const TokenId* ids, std::size_t count, std::size_t words_left) {
    const std::int64_t size = ids_.size();
    const auto needed = static_cast<std::int64_t>(count + 4 * words_left) + 4;
    if (size + needed > ids_.capacity()) ids_.reserve(std::max(size + needed, size + size / 2));
    if (count > 0) std::memcpy(ids_.data() + size, ids, count * sizeof(TokenId));
    ids_.resize(size + static_cast<std::int64_t>(count));
}

}  // namespace pypack
