#include "tokenize/words/missing_words.hpp"

#include "common/prefetch.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

constexpr std::size_t kPiecesAtOnce = 256;

bool is_short(std::string_view word) {
    return word.size() <= WordKey::kMaxBytes;
}

}  // namespace

MissingWords::MissingWords(const Model& model, const WordCutter* cutter, SharedWordCache::Session& known)
    : model_(model), cutter_(cutter), known_(known), workspace_(model.make_workspace()) {}

std::size_t MissingWords::add(std::string_view word, std::uint64_t hash) {
    std::uint32_t& lately = lately_[hash >> 32 & (lately_.size() - 1)];
    if (lately < words_.size() && words_[lately].hash == hash && words_[lately].text == word) return lately;
    lately = static_cast<std::uint32_t>(words_.size());
    if (is_short(word) || !cut(word)) {
        add_piece(word, false);
    } else {
        std::size_t begin = 0;
        for (const std::size_t end : cuts_) {
            add_piece(word.substr(begin, end - begin), true);
            begin = end;
        }
    }
    const std::size_t begin = words_.empty() ? 0 : words_.back().end;
    words_.push_back({word, hash, pieces_.size(), {}, pieces_.size() - begin <= kMostCachedPieces});
    return lately;
}

// Leaves in cuts_ where the pieces of a word end; false if it has to stay whole. A piece with other ids when
// it stands alone keeps the whole word from being cut.
bool MissingWords::cut(std::string_view word) {
    if (cutter_ == nullptr) return false;
    cuts_.clear();
    for (std::size_t begin = 0; begin < word.size();) {
        const std::size_t end = cutter_->end_of_piece(word, begin);
        if (cutter_->has_exceptions() && cutter_->is_exception(word.substr(begin, end - begin))) return false;
        cuts_.push_back(end);
        begin = end;
    }
    return cuts_.size() > 1;
}

void MissingWords::add_piece(std::string_view piece, bool may_be_known) {
    Piece& added = pieces_.emplace_back(Piece{piece, {}, may_be_known && is_short(piece), nullptr});
    if (!is_short(piece)) return;
    added.key = WordKey::of(piece);
    const ShortWordCache::Lines lines = known_.short_words().lines();
    pypack::prefetch(&lines[lines.index_of(added.key.hash())]);
}

void MissingWords::encode() {
    const ShortWordCache& short_words = known_.short_words();
    for (Piece& piece : pieces_) {
        if (piece.may_be_known) piece.slot = short_words.find(piece.key);
        if (piece.slot == nullptr) new_texts_.push_back(piece.text);
    }
    model_.tokenize_all(new_texts_, *workspace_, new_ids_, new_found_);
    ids_.clear();
    std::size_t next_new = 0;
    std::size_t next = 0;
    for (Word& word : words_) {
        const std::size_t begin = ids_.size();
        for (; next < word.end; ++next) {
            const auto* const slot = pieces_[next].slot;
            std::span<const TokenId> found;
            if (slot != nullptr) {
                found = short_words.ids(*slot);
            } else {
                const Model::Ids& place = new_found_[next_new++];
                found = std::span(new_ids_).subspan(place.begin, place.count);
            }
            ids_.insert(ids_.end(), found.begin(), found.end());
        }
        word.ids = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(ids_.size() - begin)};
    }
}

void MissingWords::cache() {
    std::size_t next_new = 0;
    for (const Piece& piece : pieces_) {
        if (piece.slot != nullptr) continue;
        const Model::Ids& place = new_found_[next_new++];
        if (is_short(piece.text)) {
            known_.insert(piece.key, std::span(new_ids_).subspan(place.begin, place.count));
        }
    }
    for (std::size_t i = 0; i < words_.size(); ++i) {
        const Word& word = words_[i];
        if (!is_short(word.text) && word.may_come_again) known_.insert(word.text, word.hash, ids(i));
    }
    known_.place_homeless();
    words_.clear();
    pieces_.clear();
    new_texts_.clear();
}

void MissingWords::encode_alone(std::string_view word, std::vector<TokenId>& ids) {
    // To look for exceptions would be to cut it twice.
    const bool cuts = cutter_ != nullptr && !cutter_->has_exceptions();
    for (std::size_t begin = 0; begin < word.size();) {
        const std::size_t end = cuts ? cutter_->end_of_piece(word, begin) : word.size();
        const std::string_view piece = word.substr(begin, end - begin);
        if (piece.size() <= LongWordCache::kMaxWordBytes) {
            add_piece(piece, true);
        } else {
            take(ids);
            known_.without([&] { model_.tokenize(piece, *workspace_, ids); });
        }
        if (pieces_.size() == kPiecesAtOnce) take(ids);
        begin = end;
    }
    take(ids);
}

// Appends the ids of the pieces at hand.
void MissingWords::take(std::vector<TokenId>& ids) {
    if (pieces_.empty()) return;
    words_.push_back({pieces_[0].text, 0, pieces_.size(), {}, false});
    encode();
    ids.insert(ids.end(), ids_.begin(), ids_.end());
    words_.clear();
    cache();
    known_.pause_if_asked();
}

}  // namespace pypack
