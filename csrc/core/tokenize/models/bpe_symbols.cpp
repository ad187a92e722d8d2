#include "tokenize/models/bpe_symbols.hpp"

#include <algorithm>
#include <stdexcept>

#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_alphabet.hpp"
#include "tokenize/vocabulary/space_marker.hpp"

namespace pypack {
namespace {

std::string byte_token(unsigned byte) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string token = "<0x00>";
    token[3] = kDigits[byte >> 4];
    token[4] = kDigits[byte & 15];
    return token;
}

bool is_never_in_utf8(unsigned byte) {
    return byte == 0xC0 || byte == 0xC1 || byte > 0xF4;
}

}  // namespace

// Characters without a symbol: one unknown token each, or one for a run of them under fuse_unk; nothing
// where there is no unknown token.
class BpeSymbols::Unknown {
  public:
    Unknown(const BpeSymbols& alphabet, std::vector<TokenId>& symbols)
        : alphabet_(alphabet), symbols_(symbols) {}

    void add() {
        if (alphabet_.unk_ == kNoToken) return;
        if (pending_ && !alphabet_.options_.fuse_unk) symbols_.push_back(alphabet_.unk_);
        pending_ = true;
    }

    void flush() {
        if (pending_) symbols_.push_back(alphabet_.unk_);
        pending_ = false;
    }

  private:
    const BpeSymbols& alphabet_;
    std::vector<TokenId>& symbols_;
    bool pending_ = false;
};

BpeSymbols::BpeSymbols(const BpeOptions& options, VocabularyPtr vocabulary)
    : options_(options), vocabulary_(std::move(vocabulary)) {
    read_characters();
    if (options.unk_token) {
        unk_ = (*vocabulary_)[*options.unk_token];
        if (unk_ == kNoToken) {
            throw std::invalid_argument("unk_token " + *options.unk_token + " is not in the vocabulary");
        }
    }
    if (options.byte_fallback) read_fallback();
}

void BpeSymbols::read_characters() {
    const StringList& vocabulary = vocabulary_->tokens();
    const std::vector<TokenId>& ids = vocabulary_->ids();
    const std::string& prefix = options_.continuing_subword_prefix;
    const std::string& suffix = options_.end_of_word_suffix;
    const unsigned num_places = prefix.empty() && suffix.empty() ? 1 : 4;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        for (unsigned place = 0; place < num_places; ++place) {
            std::string_view token = vocabulary[i];
            if ((place & kFirst) == 0 && !prefix.empty()) {
                if (!token.starts_with(prefix)) continue;
                token.remove_prefix(prefix.size());
            }
            if ((place & kLast) != 0 && !suffix.empty()) {
                if (!token.ends_with(suffix)) continue;
                token.remove_suffix(suffix.size());
            }
            if (token.empty() || utf8_length(token[0]) != token.size()) continue;
            const char* p = token.data();
            char32_t code_point = next_code_point(p);
            if (options_.alphabet == BpeAlphabet::kBytes) {
                const int byte = byte_of_alphabet(code_point);
                if (byte < 0) continue;
                code_point = static_cast<char32_t>(byte);
            } else if (options_.alphabet == BpeAlphabet::kSpaceMarker) {
                if (code_point == U' ') continue;
                if (code_point == 0x2581) code_point = U' ';
            }
            characters_[place].set(code_point, ids[i]);
        }
    }
    for (unsigned place = num_places; place < 4; ++place) characters_[place] = characters_[0];
}

// A byte may lack its token where it is never asked for: Gemma has a tab where <0x09> would be.
void BpeSymbols::read_fallback() {
    fallback_bounds_ = {kNoToken, 0};
    for (unsigned byte = 0; byte < 256; ++byte) {
        const TokenId id = (*vocabulary_)[byte_token(byte)];
        fallback_[byte] = id;
        if (id != kNoToken) {
            fallback_bounds_ = {std::min(fallback_bounds_.first, id), std::max(fallback_bounds_.second, id)};
            continue;
        }
        const bool is_character_with_symbol = byte < 0x80 && characters_[0][byte] != kNoToken;
        if (!is_character_with_symbol && !is_never_in_utf8(byte)) {
            throw std::invalid_argument("byte_fallback without a token " + byte_token(byte));
        }
    }
}

bool BpeSymbols::stands_for_other_text(TokenId id) const {
    if (id == unk_ && unk_ != kNoToken) return true;
    if (!options_.byte_fallback) return false;
    const auto [lowest, highest] = fallback_bounds_;
    if (id < lowest || id > highest) return false;
    for (const TokenId byte : fallback_) {
        if (byte == id) return true;
    }
    return false;
}

std::optional<std::string> BpeSymbols::text_of_token(std::string_view token) const {
    if (options_.alphabet == BpeAlphabet::kBytes) return bytes_of_token(token);
    if (options_.alphabet == BpeAlphabet::kCharacters) return std::string(token);
    return spell_marker_as_space(token);
}

std::optional<std::array<TokenId, 256>> BpeSymbols::symbols_of_bytes() const {
    if (options_.alphabet != BpeAlphabet::kBytes) return std::nullopt;
    if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) {
        return std::nullopt;
    }
    std::array<TokenId, 256> symbols;
    for (unsigned byte = 0; byte < 256; ++byte) {
        symbols[byte] = characters_[0][byte];
        if (symbols[byte] == kNoToken) return std::nullopt;
    }
    return symbols;
}

void BpeSymbols::append(std::string_view word, std::vector<TokenId>& symbols) const {
    if (options_.alphabet == BpeAlphabet::kBytes) {
        append_bytes(word, symbols);
    } else {
        append_characters(word, symbols);
    }
}

void BpeSymbols::append_bytes(std::string_view word, std::vector<TokenId>& symbols) const {
    Unknown unknown(*this, symbols);
    for (std::size_t i = 0; i < word.size(); ++i) {
        const unsigned place = (i == 0 ? kFirst : 0U) | (i + 1 == word.size() ? kLast : 0U);
        const TokenId id = characters_[place][static_cast<unsigned char>(word[i])];
        if (id != kNoToken) {
            unknown.flush();
            symbols.push_back(id);
        } else {
            unknown.add();
        }
    }
    unknown.flush();
}

void BpeSymbols::append_characters(std::string_view word, std::vector<TokenId>& symbols) const {
    Unknown unknown(*this, symbols);
    const char* const end = word.data() + word.size();
    for (const char* p = word.data(); p < end;) {
        const char* const start = p;
        const char32_t code_point = next_code_point(p);
        const unsigned place = (start == word.data() ? kFirst : 0U) | (p == end ? kLast : 0U);
        const TokenId id = characters_[place][code_point];
        if (id != kNoToken) {
            unknown.flush();
            symbols.push_back(id);
        } else if (options_.byte_fallback) {
            for (const char* byte = start; byte < p; ++byte) {
                symbols.push_back(fallback_[static_cast<unsigned char>(*byte)]);
            }
        } else {
            unknown.add();
        }
    }
    unknown.flush();
}

void BpeSymbols::append_aligned(std::string_view word, std::vector<TokenId>& symbols,
                                std::vector<std::uint32_t>& ends) const {
    const bool bytes = options_.alphabet == BpeAlphabet::kBytes;
    const char* const end = word.data() + word.size();
    bool after_unknown = false;
    for (const char* p = word.data(); p < end;) {
        const char* const start = p;
        char32_t code_point = static_cast<unsigned char>(*p);
        if (bytes) {
            ++p;
        } else {
            code_point = next_code_point(p);
        }
        const unsigned place = (start == word.data() ? kFirst : 0U) | (p == end ? kLast : 0U);
        const TokenId id = characters_[place][code_point];
        const auto here = static_cast<std::uint32_t>(p - word.data());
        const bool is_unknown = id == kNoToken && (bytes || !options_.byte_fallback);
        if (id != kNoToken) {
            symbols.push_back(id);
            ends.push_back(here);
        } else if (!is_unknown) {
            for (const char* byte = start; byte < p; ++byte) {
                symbols.push_back(fallback_[static_cast<unsigned char>(*byte)]);
                ends.push_back(static_cast<std::uint32_t>(byte + 1 - word.data()));
            }
        } else if (unk_ == kNoToken) {
            throw std::invalid_argument(
                "the model drops a character that its vocabulary lacks (it has no unk_token), for which "
                "offsets have no native form; use engine='huggingface'");
        } else if (after_unknown && options_.fuse_unk) {
            ends.back() = here;
        } else {
            symbols.push_back(unk_);
            ends.push_back(here);
        }
        after_unknown = is_unknown;
    }
}

std::size_t BpeSymbols::merged_size(TokenId id, std::size_t begin, std::size_t size) const {
    std::size_t bytes = size_in_words(vocabulary_->token(id).value_or(""));
    if (begin != 0) bytes -= size_in_words(options_.continuing_subword_prefix);
    const std::size_t suffix = size_in_words(options_.end_of_word_suffix);
    return suffix != 0 && begin + bytes - suffix == size ? bytes - suffix : bytes;
}

// Bytes of a token as words hold it.
std::size_t BpeSymbols::size_in_words(std::string_view token) const {
    std::size_t bytes = 0;
    for (const char* p = token.data(); p < token.data() + token.size();) {
        const char* const start = p;
        const char32_t code_point = next_code_point(p);
        const bool is_one = options_.alphabet == BpeAlphabet::kBytes ||
                            (options_.alphabet == BpeAlphabet::kSpaceMarker && code_point == 0x2581);
        bytes += is_one ? 1 : static_cast<std::size_t>(p - start);
    }
    return bytes;
}

}  // namespace pypack
