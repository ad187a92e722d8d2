#include "tokenize/words/word_encoder.hpp"

#include <algorithm>
#include <type_traits>

#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "common/prefetch.hpp"

namespace pypack {
namespace {

// In place of the upper half of a WordKey: a key's size is not 0, and a free slot has no bits at all.
constexpr std::uint64_t kLongWord = std::uint64_t{1} << 55;
// Of kBatch words each: some tenths of a millisecond.
constexpr std::uint32_t kRoundsBetweenChecks = 128;
constexpr std::size_t kMaxSeeds = std::size_t{1} << 18;
constexpr std::size_t kSeedsAtOnce = 256;
constexpr std::size_t kFewSeeds = 4096;

// Most are few, and memcpy takes longer to find out than to copy them.
void copy(std::span<const TokenId> ids, TokenId* out) {
    const std::size_t count = ids.size();
    const auto copy_both_ends = [&](auto size) {
        std::memcpy(out, ids.data(), size * sizeof(TokenId));
        std::memcpy(out + count - size, ids.data() + count - size, size * sizeof(TokenId));
    };
    if (count > 16) {
        std::memcpy(out, ids.data(), ids.size_bytes());
    } else if (count >= 8) {
        copy_both_ends(std::integral_constant<std::size_t, 8>{});
    } else if (count >= 4) {
        copy_both_ends(std::integral_constant<std::size_t, 4>{});
    } else {
        for (std::size_t i = 0; i < count; ++i) out[i] = ids[i];
    }
}

std::span<const TokenId> ids_of(const Model::Ids& found, const std::vector<TokenId>& ids) {
    return std::span(ids).subspan(found.begin, found.count);
}

StringList likely_words(const Model& model) {
    StringList words;
    model.for_each_likely_word([&](std::string_view word) {
        if (word.size() <= WordKey::kMaxBytes && words.size() < kMaxSeeds) words.push_back(word);
    });
    return words;
}

void remember(const Model& model, const StringList& words, SharedWordCache& cache) {
    SharedWordCache::Session session(cache);
    session.begin();
    const auto workspace = model.make_workspace();
    std::vector<TokenId> ids;
    std::vector<Model::Ids> found;
    std::vector<std::string_view> batch;
    for (std::size_t from = 0; from < words.size(); from += kSeedsAtOnce) {
        batch.clear();
        for (std::size_t i = from; i < std::min(from + kSeedsAtOnce, words.size()); ++i)
            batch.push_back(words[i]);
        model.tokenize_all(batch, *workspace, ids, found);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            session.insert(WordKey::of(batch[i]), ids_of(found[i], ids));
        }
        session.place_homeless();
    }
}

}  // namespace

SharedWords::SharedWords(const Model& model) : SharedWords(model, likely_words(model)) {}

SharedWords::SharedWords(const Model& model, const StringList& likely) : cache(likely.size()) {
    // Each takes as long as the other, and they have nothing in common.
    parallel_for(2, likely.size() < kFewSeeds ? 1 : 2, [&](std::int64_t part) {
        if (part == 0) {
            cutter = model.make_cutter();
        } else {
            remember(model, likely, cache);
        }
    });
}

WordEncoder::WordEncoder(ModelPtr model, PretokenizerPtr pretokenizer, SharedWords& shared)
    : model_(std::move(model)),
      pretokenizer_(std::move(pretokenizer)),
      known_(shared.cache),
      early_cuts_(shared.cutter.get()),
      missing_(*model_, shared.cutter.get(), known_),
      alone_(*model_, shared.cutter.get(), known_) {}

void WordEncoder::begin(Buffer<TokenId> room) {
    ids_ = std::move(room);
    ids_.resize(0);
    begin_documents();
    known_.begin();
}

void WordEncoder::begin_documents() {
    document_ends_.clear();
    if (document_ends_.capacity() > kKeptEnds) document_ends_ = {};
    is_document_end_.clear();
    if (is_document_end_.capacity() > kKeptEnds) is_document_end_ = {};
}

void WordEncoder::add_piece(std::string_view piece) {
    if (pretokenizer_ == nullptr) {
        span_begins_[0] = 0;
        span_ends_[0] = static_cast<std::uint32_t>(piece.size());
        if (num_words_ >= kBatch) look_up();
        put_words(piece, span_begins_.data(), span_ends_.data(), 1);
        return;
    }
    for (std::size_t from = 0; from < piece.size();) {
        if (++rounds_ % kRoundsBetweenChecks == 0) check_interrupt();
        // A pretokenizer may leave room for words, but not time and again.
        if (num_words_ >= kBatch || from != 0) look_up();
        WordSpans spans{span_begins_.data(), span_ends_.data(), kBatch - num_words_};
        from = pretokenizer_->split(piece, from, spans);
        if (early_cuts_.pay() && !notes_words_) {
            put_cut_words(piece, spans.size);
        } else {
            put_words(piece, span_begins_.data(), span_ends_.data(), spans.size);
        }
    }
}

// Puts the words of span_begins_ and span_ends_, long ones in pieces.
void WordEncoder::put_cut_words(std::string_view piece, std::size_t count) {
    for (std::size_t next = 0; next < count;) {
        const std::size_t pieces =
            early_cuts_.cut(piece, span_begins_.data(), span_ends_.data(), count, next);
        for (std::size_t from = 0; from < pieces;) {
            if (num_words_ >= kBatch) look_up();
            const std::size_t room = std::min(pieces - from, kBatch - num_words_);
            put_words(piece, early_cuts_.begins() + from, early_cuts_.ends() + from, room);
            from += room;
        }
    }
}

void WordEncoder::add_words(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                            std::size_t count) {
    if (++rounds_ % kRoundsBetweenChecks == 0) check_interrupt();
    if (num_words_ + count > words_.size()) look_up();
    put_words(piece, begins, ends, count);
}

void WordEncoder::put_words(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                            std::size_t count) {
    // Held here, since the compiler takes it that what the loop stores could change them.
    const ShortWordCache::Lines lines = known_.short_words().lines();
    const std::size_t last_load = piece.size() < sizeof(WordKey) ? 0 : piece.size() - sizeof(WordKey) + 1;
    Word* out = words_.data() + num_words_;
    for (std::size_t i = 0; i < count; ++i, ++out) {
        const std::size_t begin = begins[i];
        const std::size_t end = ends[i];
        const std::size_t size = end - begin;
        const char* const text = piece.data() + begin;
        out->text = text;
        out->size = static_cast<std::uint32_t>(size);
        if (size <= WordKey::kMaxBytes) [[likely]] {
            const WordKey key = begin < last_load        ? WordKey::load(text, size)
                                : end >= sizeof(WordKey) ? WordKey::load_before(text + size, size)
                                                         : WordKey::of({text, size});
            const std::size_t line = lines.index_of(key.hash());
            prefetch(&lines[line]);
            out->key = key;
            out->line = static_cast<std::uint32_t>(line);
        } else {
            out->key = {size <= LongWordCache::kMaxWordBytes ? hash_bytes({text, size}) : 0, kLongWord};
            out->line = 0;
            known_.long_words().prefetch(out->key.low);
        }
    }
    if (!notes_words_) {
        num_words_ += count;
        return;
    }
    // Words at hand are few; what they come to is looked up one by one, as a document of one word is.
    for (std::size_t i = 0; i < count; ++i) {
        events_.push_back({++num_words_, kNoToken});
        is_document_end_.push_back(0);
    }
}

void WordEncoder::add_token(TokenId id) {
    add_event(id);
    if (notes_words_) end_word();
}

void WordEncoder::end_word() {
    add_event(kNoToken);
    is_document_end_.push_back(0);
}

void WordEncoder::end_document() {
    add_event(kNoToken);
    if (notes_words_) is_document_end_.push_back(1);
}

void WordEncoder::add_event(TokenId id) {
    if (events_.size() >= kMostEvents) look_up();
    events_.push_back({num_words_, id});
}

void WordEncoder::flush() {
    look_up();
    if (!gaps_.empty()) fill_gaps();
}

void WordEncoder::look_up() {
    known_.pause_if_asked();
    std::size_t done = 0;
    for (const Event& event : events_) {
        encode_words(done, event.word);
        done = event.word;
        if (event.id == kNoToken) {
            if (!gaps_.empty()) ends_.push_back({document_ends_.size(), gaps_.size()});
            document_ends_.push_back(ids_.size());
        } else {
            append({&event.id, 1}, 0);
        }
    }
    encode_words(done, num_words_);
    events_.clear();
    num_words_ = 0;
    if (gaps_.empty()) return;
    // What lies behind the first gap has to move.
    const std::int64_t behind = ids_.size() - gaps_.front().at;
    if (gaps_.size() >= kMissing || behind >= kMostBehindGap || ends_.size() >= kMostEnds) fill_gaps();
}

void WordEncoder::encode_words(std::size_t from, std::size_t to) {
    if (from == to) return;
    // Every word in sight has room for its inline ids.
    append({}, to - from);
    ShortWordCache::Lines lines = known_.short_words().lines();
    TokenId* out = ids_.data() + ids_.size();
    for (std::size_t i = from; i < to; ++i) {
        const Word& word = words_[i];
        const ShortWordCache::Line& line = lines[word.line];
        const ShortWordCache::Slot::Look first = line.slots[0].look(word.key);
        const ShortWordCache::Slot::Look second = line.slots[1].look(word.key);
        const std::uint32_t count = second.found ? second.inline_count : first.inline_count;
        const ShortWordCache::Slot& slot = line.slots[second.found ? 1 : 0];
        const bool found = first.found || second.found;
        if (found && count <= ShortWordCache::kInlineIds) [[likely]] {
            std::memcpy(out, slot.ids(), sizeof(TokenId) * ShortWordCache::kInlineIds);
            out += count;
            continue;
        }
        ids_.resize(out - ids_.data());
        if (found) {
            append(known_.short_words().ids(slot), to - i);
        } else {
            append_elsewhere(i, to - i);
        }
        out = ids_.data() + ids_.size();
        lines = known_.short_words().lines();  // it may have grown
    }
    ids_.resize(out - ids_.data());
}

// Appends the ids of a word that are not inline in its line, or notes that they are missing.
void WordEncoder::append_elsewhere(std::size_t index, std::size_t words_left) {
    const Word& word = words_[index];
    const std::string_view text(word.text, word.size);
    if (word.key.high != kLongWord) {
        const ShortWordCache& words = known_.short_words();
        if (const auto* slot = words.find(word.key)) {
            append(words.ids(*slot), words_left);
            return;
        }
    } else if (word.size > LongWordCache::kMaxWordBytes) {
        // Beside others its ids would have to be few enough to be counted in 32 bits, and the memory for them
        // would be kept.
        std::vector<TokenId> ids;
        alone_.encode_alone(text, ids);
        append(ids, words_left);
        return;
    } else if (const auto ids = known_.long_words().find(text, word.key.low); !ids.empty()) {
        early_cuts_.note(false);
        append(ids, words_left);
        return;
    }
    const std::uint64_t hash = word.key.high != kLongWord ? word.key.hash() : word.key.low;
    const std::size_t missing = missing_.add(text, hash);
    gaps_.push_back({ids_.size(), missing});
    if (word.key.high == kLongWord) early_cuts_.note(missing_.is_better_cut(missing));
}

// Tokenizes together the words that the caches lack.
void WordEncoder::fill_gaps() {
    missing_.encode();
    const auto size_of = [&](std::size_t gap) {
        return static_cast<std::int64_t>(missing_.ids(gaps_[gap].word).size());
    };
    const std::int64_t size = ids_.size();
    std::int64_t shift = 0;
    std::size_t gap = 0;
    for (const End& end : ends_) {
        for (; gap < end.gaps; ++gap) shift += size_of(gap);
        document_ends_[end.document] += shift;
    }
    for (; gap < gaps_.size(); ++gap) shift += size_of(gap);
    if (size + shift > ids_.capacity()) ids_.reserve(size + std::max(shift, size / 2));
    ids_.resize(size + shift);
    // From the last gap on, what lies behind each moves up by all that comes in before it.
    TokenId* const ids = ids_.data();
    std::int64_t end = size;
    for (gap = gaps_.size(); gap-- > 0;) {
        const std::int64_t at = gaps_[gap].at;
        std::memmove(ids + at + shift, ids + at, static_cast<std::size_t>(end - at) * sizeof(TokenId));
        const auto found = missing_.ids(gaps_[gap].word);
        shift -= static_cast<std::int64_t>(found.size());
        std::copy(found.begin(), found.end(), ids + at + shift);
        end = at;
    }
    missing_.cache();
    gaps_.clear();
    ends_.clear();
}

// Appends ids, and sees to it that words_left words with their ids inline have room behind them.
void WordEncoder::append(std::span<const TokenId> ids, std::size_t words_left) {
    const std::int64_t size = ids_.size();
    const auto needed = static_cast<std::int64_t>(ids.size() + ShortWordCache::kInlineIds * (words_left + 1));
    if (size + needed > ids_.capacity()) ids_.reserve(std::max(size + needed, size + size / 2));
    copy(ids, ids_.data() + size);
    ids_.resize(size + static_cast<std::int64_t>(ids.size()));
}

}  // namespace pypack
