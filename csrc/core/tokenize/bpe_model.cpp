#include "tokenize/bpe_model.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "tokenize/long_merge.hpp"
#include "tokenize/short_merge.hpp"
#include "tokenize/space_marker.hpp"
#include "tokenize/utf8.hpp"

namespace pypack {
namespace {

// Bytes 21-7E, A1-AC and AE-FF stand for themselves; the others, in order, for U+0100 and on.
constexpr bool stands_for_itself(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteAlphabet {
    std::array<char32_t, 256> characters{};
    std::array<int, 0x144> bytes{};

    constexpr ByteAlphabet() {
        for (int& byte : bytes) byte = -1;
        char32_t next = 0x100;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const char32_t character = stands_for_itself(byte) ? byte : next++;
            characters[byte] = character;
            bytes[character] = static_cast<int>(byte);
        }
    }
};
constexpr ByteAlphabet kByteAlphabet;

std::string byte_token(unsigned byte) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string token = "<0x00>";
    token[3] = kDigits[byte >> 4];
    token[4] = kDigits[byte & 15];
    return token;
}

// A token as the engine's words hold it; nullopt for one that no word can be.
std::optional<std::string> text_of_token(std::string_view token, BpeAlphabet alphabet) {
    if (alphabet == BpeAlphabet::kBytes) return bytes_of_token(token);
    if (alphabet == BpeAlphabet::kCharacters) return std::string(token);
    return spell_marker_as_space(token);
}

[[noreturn]] void refuse_merge(std::string_view left, std::string_view right, const char* why) {
    std::string message = "the merge of ";
    message.append(left).append(" and ").append(right).append(" ").append(why);
    throw std::invalid_argument(message);
}

// One symbol for each character that a word can hold, by code point: pages of 256, made when needed.
class CharacterTable {
  public:
    void set(char32_t code_point, TokenId id) {
        std::uint32_t& page = pages_[code_point >> 8];
        if (page == 0) {
            values_.resize(values_.size() + 256, kNoToken);
            page = static_cast<std::uint32_t>(values_.size() / 256 - 1);
        }
        values_[page << 8 | (code_point & 255)] = id;
    }

    [[nodiscard]] TokenId operator[](char32_t code_point) const {
        return values_[pages_[code_point >> 8] << 8 | (code_point & 255)];
    }

  private:
    std::vector<std::uint32_t> pages_ = std::vector<std::uint32_t>(0x1100, 0);
    std::vector<TokenId> values_ = std::vector<TokenId>(256, kNoToken);  // page 0: nothing known
};

// Words merged side by side: enough that the memory one asks for has come when its turn is there again.
constexpr std::size_t kLanes = 8;

struct BpeWorkspace final : Model::Workspace {
    std::array<ShortMerge, kLanes> lanes;
    LongMerge long_merge;
    std::vector<TokenId> symbols;
    std::vector<std::uint32_t> first_ranks;
};

class BpeModel final : public Model {
  public:
    BpeModel(const BpeOptions& options, VocabularyPtr vocabulary, const StringList& merges)
        : options_(options), vocabulary_(std::move(vocabulary)), words_(texts_) {
        const Vocabulary& tokens = *vocabulary_;
        read_symbols(tokens.tokens(), tokens.ids());
        if (options.unk_token) {
            unk_ = tokens[*options.unk_token];
            if (unk_ == kNoToken) {
                throw std::invalid_argument("unk_token " + *options.unk_token + " is not in the vocabulary");
            }
        }
        if (options.byte_fallback) read_fallback(tokens);
        merges_ = std::make_unique<MergeTable>(read_merges(tokens, merges));
        read_byte_pairs();
        read_words(tokens.tokens(), tokens.ids());
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<BpeWorkspace>();
    }

    void tokenize(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids) const override {
        auto& memory = static_cast<BpeWorkspace&>(workspace);
        if (options_.ignore_merges) {
            const TokenId id = words_[word];
            if (id != kNoToken) {
                ids.push_back(id);
                return;
            }
        }
        ShortMerge& lane = memory.lanes[0];
        if (begin(word, memory, lane)) {
            ShortMerge* const lanes[] = {&lane};
            (void)merge_until_done(*merges_, lanes);
            const std::size_t before = ids.size();
            ids.resize(before + word.size());
            ids.resize(before + lane.finish(ids.data() + before));
        } else {
            ids.insert(ids.end(), memory.symbols.begin(), memory.symbols.end());
        }
    }

    void tokenize_all(std::span<const std::string_view> words, Workspace& workspace,
                      std::vector<TokenId>& ids, std::vector<Ids>& found) const override {
        auto& memory = static_cast<BpeWorkspace&>(workspace);
        std::size_t most = 0;  // ids
        for (const std::string_view word : words) {
            most += word.size();
            if (options_.ignore_merges) words_.prefetch(word);
        }
        if (ids.size() < most) ids.resize(most);
        found.resize(words.size());
        std::array<ShortMerge*, kLanes> lanes{};
        for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = &memory.lanes[i];
        std::array<std::size_t, kLanes> word_of{};
        std::size_t active = 0;
        std::uint32_t begin_of_ids = 0;
        for (std::size_t next = 0; next < words.size() || active > 0;) {
            // Lanes [0, active) hold words on their way.
            for (; active < kLanes && next < words.size(); ++next) {
                const std::string_view word = words[next];
                found[next] = {begin_of_ids, 1};
                const TokenId whole = options_.ignore_merges ? words_[word] : kNoToken;
                if (whole != kNoToken) {
                    ids[begin_of_ids] = whole;
                } else if (begin(word, memory, *lanes[active])) {
                    word_of[active++] = next;
                } else {
                    std::copy(memory.symbols.begin(), memory.symbols.end(),
                              ids.begin() + static_cast<std::ptrdiff_t>(begin_of_ids));
                    found[next].count = static_cast<std::uint32_t>(memory.symbols.size());
                }
                begin_of_ids += static_cast<std::uint32_t>(word.size());
            }
            if (active == 0) continue;
            const std::size_t done = merge_until_done(*merges_, std::span(lanes).first(active));
            Ids& ids_of_word = found[word_of[done]];
            ids_of_word.count =
                static_cast<std::uint32_t>(lanes[done]->finish(ids.data() + ids_of_word.begin));
            --active;
            std::swap(lanes[done], lanes[active]);
            std::swap(word_of[done], word_of[active]);
        }
    }

    void tokenize_aligned(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids,
                          std::vector<ByteRange>& ranges) const override {
        const std::size_t before = ids.size();
        tokenize(word, workspace, ids);
        const auto size = static_cast<std::uint32_t>(word.size());
        if (options_.ignore_merges && ids.size() == before + 1 && words_[word] == ids[before]) {
            ranges.push_back({0, size});
            return;
        }
        // Each id stands for the symbols that were merged into it, from left to right.
        std::vector<TokenId> symbols;
        std::vector<std::uint32_t> ends;
        read_symbols_of(word, symbols, ends);
        std::uint32_t begin = 0;
        std::size_t symbol = 0;
        for (std::size_t i = before; i < ids.size(); ++i) {
            if (symbol < symbols.size() && ids[i] == symbols[symbol]) {
                ++symbol;
            } else {
                const std::size_t end = begin + merged_size(ids[i], begin, size);
                while (symbol < symbols.size() && (symbol == 0 ? 0 : ends[symbol - 1]) < end) ++symbol;
            }
            const std::uint32_t end = symbol == 0 ? 0 : ends[symbol - 1];
            ranges.push_back({begin, end});
            begin = end;
        }
    }

    void for_each_likely_word(const std::function<void(std::string_view)>& visit) const override {
        for (std::size_t i = 0; i < texts_.size(); ++i) {
            if (!texts_[i].empty()) visit(texts_[i]);
        }
    }

  private:
    // Either begins to merge the symbols of a word in `lane`, and returns true, or leaves in memory.symbols
    // what they merge to.
    bool begin(std::string_view word, BpeWorkspace& memory, ShortMerge& lane) const {
        if (!byte_pairs_.empty() && word.size() <= ShortMerge::kMaxSymbols && word.size() > 1) {
            const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(word[i]); };
            lane.begin(
                word.size(), [&](std::size_t i) { return byte_symbols_[byte_at(i)]; },
                [&](std::size_t i) {
                    return byte_pairs_[static_cast<std::size_t>(byte_at(i) << 8 | byte_at(i + 1))];
                });
            return true;
        }
        std::vector<TokenId>& symbols = memory.symbols;
        symbols.clear();
        if (options_.alphabet == BpeAlphabet::kBytes) {
            symbols_of_bytes(word, symbols);
        } else {
            symbols_of_characters(word, symbols);
        }
        if (symbols.size() < 2) return false;
        if (symbols.size() > ShortMerge::kMaxSymbols || merges_->size() > ShortMerge::kMaxMerges) {
            std::vector<std::uint32_t>& ranks = memory.first_ranks;
            ranks.clear();
            if (!byte_pairs_.empty()) {
                for (std::size_t i = 0; i + 1 < word.size(); ++i) {
                    const auto left = static_cast<unsigned char>(word[i]);
                    const auto right = static_cast<unsigned char>(word[i + 1]);
                    ranks.push_back(byte_pairs_[static_cast<std::size_t>(left << 8 | right)].rank);
                }
            }
            memory.long_merge.merge(*merges_, symbols, ranks);
            return false;
        }
        lane.begin(*merges_, symbols.size(), [&](std::size_t i) { return symbols[i]; });
        return true;
    }

    // Where in a word a character stands decides which marks its symbol carries.
    enum Place : unsigned { kFirst = 1, kLast = 2 };

    void read_symbols(const StringList& vocabulary, const std::vector<TokenId>& ids) {
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

    void read_fallback(const Vocabulary& tokens) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            fallback_[byte] = tokens[byte_token(byte)];
            if (fallback_[byte] == kNoToken) {
                throw std::invalid_argument("byte_fallback without a token " + byte_token(byte));
            }
        }
        const auto [lowest, highest] = std::minmax_element(fallback_.begin(), fallback_.end());
        fallback_bounds_ = {*lowest, *highest};
    }

    [[nodiscard]] std::vector<MergeTable::Merge> read_merges(const Vocabulary& tokens,
                                                             const StringList& merges) const {
        std::vector<MergeTable::Merge> list;
        list.reserve(merges.size() / 2);
        std::string joined;
        std::size_t next = 0;  // most files have what merges make in the order of the merges
        for (std::size_t i = 0; i + 1 < merges.size(); i += 2) {
            const std::string_view left = merges[i];
            const std::string_view right = merges[i + 1];
            if (right.size() < options_.continuing_subword_prefix.size()) {
                refuse_merge(left, right, "is shorter than continuing_subword_prefix");
            }
            joined.assign(left).append(right.substr(options_.continuing_subword_prefix.size()));
            if (next >= tokens.size() || tokens.tokens()[next] != joined) next = tokens.index_of(joined);
            const TokenId result = next == kNoToken ? kNoToken : tokens.ids()[next];
            ++next;
            const MergeTable::Merge merge{{tokens[left], tokens[right]}, result};
            const MergeTable::Pair pair = merge.pair;
            if (pair.left == kNoToken || pair.right == kNoToken || merge.result == kNoToken) {
                refuse_merge(left, right, "is not in the vocabulary");
            }
            if (stands_for_other_text(pair.left) || stands_for_other_text(pair.right)) {
                refuse_merge(left, right, "involves the unknown token or a fallback byte");
            }
            list.push_back(merge);
        }
        return list;
    }

    [[nodiscard]] bool stands_for_other_text(TokenId id) const {
        if (id == unk_ && unk_ != kNoToken) return true;
        if (!options_.byte_fallback) return false;
        const auto [lowest, highest] = fallback_bounds_;
        if (id < lowest || id > highest) return false;
        for (const TokenId byte : fallback_) {
            if (byte == id) return true;
        }
        return false;
    }

    // Where every byte has one symbol, whatever its place: what each two of them merge to.
    void read_byte_pairs() {
        if (options_.alphabet != BpeAlphabet::kBytes) return;
        if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) return;
        for (unsigned byte = 0; byte < 256; ++byte) {
            byte_symbols_[byte] = characters_[0][byte];
            if (byte_symbols_[byte] == kNoToken) return;
        }
        if (merges_->size() > ShortMerge::kMaxMerges) return;
        byte_pairs_.reserve(1 << 16);
        for (const TokenId left : byte_symbols_) {
            for (const TokenId right : byte_symbols_) byte_pairs_.push_back((*merges_)[{left, right}]);
        }
    }

    void read_words(const StringList& vocabulary, const std::vector<TokenId>& ids) {
        std::vector<TokenId> word_ids;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto text = text_of_token(vocabulary[i], options_.alphabet);
            if (!text || text->empty()) continue;
            texts_.push_back(*text);
            word_ids.push_back(ids[i]);
        }
        if (!options_.ignore_merges) return;
        words_ = TokenTable(texts_);
        for (std::uint32_t i = 0; i < word_ids.size(); ++i) words_.insert(i, word_ids[i]);
    }

    void symbols_of_bytes(std::string_view word, std::vector<TokenId>& symbols) const {
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

    void symbols_of_characters(std::string_view word, std::vector<TokenId>& symbols) const {
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

    // The symbols of a word before any merge, and where in it each ends.
    void read_symbols_of(std::string_view word, std::vector<TokenId>& symbols,
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

    // Bytes of a word that a token made by merges stands for, beginning at `begin` of a word of `size` bytes.
    [[nodiscard]] std::size_t merged_size(TokenId id, std::size_t begin, std::size_t size) const {
        std::size_t bytes = size_in_words(vocabulary_->token(id).value_or(""));
        if (begin != 0) bytes -= size_in_words(options_.continuing_subword_prefix);
        const std::size_t suffix = size_in_words(options_.end_of_word_suffix);
        return suffix != 0 && begin + bytes - suffix == size ? bytes - suffix : bytes;
    }

    // Bytes of a token as words hold it.
    [[nodiscard]] std::size_t size_in_words(std::string_view token) const {
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

    // Characters without a symbol: one unknown token each, or one for a run of them under fuse_unk; nothing
    // where there is no unknown token.
    class Unknown {
      public:
        Unknown(const BpeModel& model, std::vector<TokenId>& symbols) : model_(model), symbols_(symbols) {}

        void add() {
            if (model_.unk_ == kNoToken) return;
            if (pending_ && !model_.options_.fuse_unk) symbols_.push_back(model_.unk_);
            pending_ = true;
        }

        void flush() {
            if (pending_) symbols_.push_back(model_.unk_);
            pending_ = false;
        }

      private:
        const BpeModel& model_;
        std::vector<TokenId>& symbols_;
        bool pending_ = false;
    };

    BpeOptions options_;
    VocabularyPtr vocabulary_;
    std::array<CharacterTable, 4> characters_;  // by Place
    std::array<TokenId, 256> fallback_{};
    std::pair<TokenId, TokenId> fallback_bounds_{};
    TokenId unk_ = kNoToken;
    std::unique_ptr<MergeTable> merges_;
    std::array<TokenId, 256> byte_symbols_{};
    std::vector<MergeTable::Merged> byte_pairs_;  // by left byte << 8 | right byte; may be empty
    StringList texts_;                            // of the tokens that a word can be
    TokenTable words_;                            // filled for ignore_merges only
};

}  // namespace

int byte_of_alphabet(char32_t code_point) {
    return code_point < kByteAlphabet.bytes.size() ? kByteAlphabet.bytes[code_point] : -1;
}

char32_t alphabet_of_byte(unsigned char byte) {
    return kByteAlphabet.characters[byte];
}

std::optional<std::string> bytes_of_token(std::string_view token) {
    std::string bytes;
    bytes.reserve(token.size());
    for (const char* p = token.data(); p < token.data() + token.size();) {
        const int byte = byte_of_alphabet(next_code_point(p));
        if (byte < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
}

ModelPtr make_bpe_model(const BpeOptions& options, VocabularyPtr vocabulary, const StringList& merges) {
    return std::make_shared<BpeModel>(options, std::move(vocabulary), merges);
}

}  // namespace pypack
