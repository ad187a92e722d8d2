#include "tokenize/words/early_cuts.hpp"

#include "tokenize/words/missing_words.hpp"

namespace pypack {

std::size_t EarlyCuts::cut(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                           std::size_t count, std::size_t& next) {
    size_ = 0;
    for (; next < count && size_ < kBatch; ++next) {
        const std::uint32_t size = ends[next] - begins[next];
        if (size <= WordKey::kMaxBytes || size > LongWordCache::kMaxWordBytes) {
            put(begins[next], ends[next]);
        } else {
            cut_word(piece, begins[next], ends[next]);
        }
    }
    return size_;
}

void EarlyCuts::cut_word(std::string_view piece, std::uint32_t begin, std::uint32_t end) {
    const std::string_view word = piece.substr(begin, end - begin);
    const std::size_t first = size_;
    for (std::size_t from = 0; from < word.size();) {
        const std::size_t to = cutter_->end_of_piece(word, from);
        if (cutter_->has_exceptions() && cutter_->is_exception(word.substr(from, to - from))) {
            // As MissingWords has it: one piece that is none keeps the word whole.
            size_ = first;
            put(begin, end);
            break;
        }
        put(begin + static_cast<std::uint32_t>(from), begin + static_cast<std::uint32_t>(to));
        from = to;
    }
    this->count(MissingWords::is_better_cut(word.size(), size_ - first));
}

}  // namespace pypack
