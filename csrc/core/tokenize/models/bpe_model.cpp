#include "tokenize/models/bpe_model.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

#include "common/parallel.hpp"
#include "tokenize/models/bpe_symbols.hpp"
#include "tokenize/models/long_merge.hpp"
#include "tokenize/models/segmented_merge.hpp"
#include "tokenize/models/short_merge.hpp"

namespace pypack {
namespace {

[[noreturn]] void refuse_merge(std::string_view left, std::string_view right, const char* why) {
    std::string message = "the merge of ";
    message.append(left).append(" and ").append(right).append(" ").append(why);
    throw std::invalid_argument(message);
}

// Words merged side by side: enough that the memory one asks for has come when its turn is there again.
constexpr std::size_t kLanes = 8;
// A vocabulary of fewer tokens is read before a second thread has begun.
constexpr std::size_t kFewTokens = std::size_t{1} << 14;
// Parts of the list of merges that are looked up side by side.
constexpr std::size_t kMergeParts = 4;
// A word that needed more symbols gives their memory back.
constexpr std::size_t kKeptSymbols = std::size_t{1} << 16;

struct BpeWorkspace final : Model::Workspace {
    std::array<ShortMerge, kLanes> lanes;
    SegmentedMerge segmented_merge;
    LongMerge long_merge;
    std::vector<TokenId> symbols;
    std::vector<std::uint32_t> first_ranks;
    std::vector<std::uint64_t> hashes;  // of the words at hand
};

class BpeModel final : public Model {
  public:
    BpeModel(const BpeOptions& options, VocabularyPtr vocabulary, const MergeList& merges)
        : options_(options),
          vocabulary_(std::move(vocabulary)),
          symbols_(options, vocabulary_),
          merges_({}),
          words_(texts_) {
        std::vector<MergeTable::Merge> list(merges.size());
        std::array<std::exception_ptr, kMergeParts> failures;
        // The words have nothing to do with the merges, and take longer than a part of them.
        parallel_for(kMergeParts + 1, num_threads(), [&](std::int64_t task) {
            if (task == 0) return read_words();
            const auto part = static_cast<std::size_t>(task) - 1;
            try {
                read_merges(merges, merges.size() * part / kMergeParts,
                            merges.size() * (part + 1) / kMergeParts, list);
            } catch (...) {
                failures[part] = std::current_exception();
            }
        });
        for (const std::exception_ptr& failure : failures) {
            if (failure) std::rethrow_exception(failure);  // of the first merge that is wrong
        }
        merges_ = MergeTable(list);
        read_byte_pairs();
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
            (void)merge_until_done(merges_, lanes);
            const std::size_t before = ids.size();
            ids.resize(before + word.size());
            ids.resize(before + lane.finish(ids.data() + before));
        } else {
            ids.insert(ids.end(), memory.symbols.begin(), memory.symbols.end());
            if (memory.symbols.capacity() > kKeptSymbols) {
                memory.symbols = {};
                memory.first_ranks = {};
            }
        }
    }

    void tokenize_all(std::span<const std::string_view> words, Workspace& workspace,
                      std::vector<TokenId>& ids, std::vector<Ids>& found) const override {
        encode_all(words, options_.ignore_merges, static_cast<BpeWorkspace&>(workspace), ids, found);
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
        symbols_.append_aligned(word, symbols, ends);
        std::uint32_t begin = 0;
        std::size_t symbol = 0;
        for (std::size_t i = before; i < ids.size(); ++i) {
            if (symbol < symbols.size() && ids[i] == symbols[symbol]) {
                ++symbol;
            } else {
                const std::size_t end = begin + symbols_.merged_size(ids[i], begin, size);
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

    // Under ignore_merges a piece may be a token that merges do not come to.
    [[nodiscard]] std::unique_ptr<const WordCutter> make_cutter() const override {
        if (byte_pairs_.empty()) return nullptr;
        return std::make_unique<const WordCutter>(texts_,
                                                  options_.ignore_merges ? unmade_tokens() : StringList{});
    }

  private:
    // takes_whole: a word that is a token comes to that token.
    void encode_all(std::span<const std::string_view> words, bool takes_whole, BpeWorkspace& memory,
                    std::vector<TokenId>& ids, std::vector<Ids>& found) const {
        std::size_t most = 0;  // ids
        memory.hashes.clear();
        for (const std::string_view word : words) {
            most += word.size();
            if (!takes_whole) continue;
            memory.hashes.push_back(hash_bytes(word));
            words_.prefetch(memory.hashes.back());
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
                const TokenId whole = takes_whole ? words_.value_of(word, memory.hashes[next]) : kNoToken;
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
            const std::size_t done = merge_until_done(merges_, std::span(lanes).first(active));
            Ids& ids_of_word = found[word_of[done]];
            ids_of_word.count =
                static_cast<std::uint32_t>(lanes[done]->finish(ids.data() + ids_of_word.begin));
            --active;
            std::swap(lanes[done], lanes[active]);
            std::swap(word_of[done], word_of[active]);
        }
    }

    // Tokens that merges do not come to.
    [[nodiscard]] StringList unmade_tokens() const {
        constexpr std::size_t kTokensOfPart = 4096;
        std::vector<StringList> parts((texts_.size() + kTokensOfPart - 1) / kTokensOfPart);
        parallel_for(static_cast<std::int64_t>(parts.size()), num_threads(), [&](std::int64_t task) {
            const auto part = static_cast<std::size_t>(task);
            parts[part] =
                unmade_among(part * kTokensOfPart, std::min((part + 1) * kTokensOfPart, texts_.size()));
        });
        StringList unmade;
        for (const StringList& part : parts) {
            for (std::size_t i = 0; i < part.size(); ++i) unmade.push_back(part[i]);
        }
        return unmade;
    }

    // The same of texts_[begin, end).
    [[nodiscard]] StringList unmade_among(std::size_t begin, std::size_t end) const {
        constexpr std::size_t kAtOnce = 256;
        StringList unmade;
        BpeWorkspace memory;
        std::vector<std::string_view> words;
        std::vector<TokenId> ids;
        std::vector<Ids> found;
        for (std::size_t from = begin; from < end; from += kAtOnce) {
            words.clear();
            for (std::size_t i = from; i < std::min(from + kAtOnce, end); ++i) words.push_back(texts_[i]);
            encode_all(words, false, memory, ids, found);
            for (std::size_t i = 0; i < words.size(); ++i) {
                if (found[i].count != 1 || ids[found[i].begin] != words_[words[i]])
                    unmade.push_back(words[i]);
            }
        }
        return unmade;
    }

    // What reading takes, once for a model: two threads are most of what there is to gain.
    [[nodiscard]] int num_threads() const { return vocabulary_->size() < kFewTokens ? 1 : 2; }

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
        symbols_.append(word, symbols);
        if (symbols.size() < 2) return false;
        if (symbols.size() > ShortMerge::kMaxSymbols || merges_.size() > ShortMerge::kMaxMerges) {
            if (memory.segmented_merge.merge(merges_, symbols)) return false;
            std::vector<std::uint32_t>& ranks = memory.first_ranks;
            ranks.clear();
            if (!byte_pairs_.empty()) {
                for (std::size_t i = 0; i + 1 < word.size(); ++i) {
                    const auto left = static_cast<unsigned char>(word[i]);
                    const auto right = static_cast<unsigned char>(word[i + 1]);
                    ranks.push_back(byte_pairs_[static_cast<std::size_t>(left << 8 | right)].rank);
                }
            }
            memory.long_merge.merge(merges_, symbols, ranks);
            return false;
        }
        lane.begin(merges_, symbols.size(), [&](std::size_t i) { return symbols[i]; });
        return true;
    }

    // Fills list[begin, end).
    void read_merges(const MergeList& merges, std::size_t begin, std::size_t end,
                     std::vector<MergeTable::Merge>& list) const {
        const Vocabulary& tokens = *vocabulary_;
        if (merges.places() != nullptr) {
            read_merges_at(*merges.places(), begin, end, list);
            return;
        }
        const auto is_token = [&](std::size_t index, std::string_view text) {
            return index < tokens.size() && tokens.tokens()[index] == text;
        };
        std::string joined;
        // Most files have what merges make in the order of the merges, once or several times.
        std::size_t made = 0;
        for (std::size_t rank = begin; rank < end; ++rank) {
            const std::string_view left = merges.left(rank);
            const std::string_view right = merges.right(rank);
            if (right.size() < options_.continuing_subword_prefix.size()) {
                refuse_merge(left, right, "is shorter than continuing_subword_prefix");
            }
            joined.assign(left).append(right.substr(options_.continuing_subword_prefix.size()));
            if (!is_token(made, joined))
                made = is_token(made + 1, joined) ? made + 1 : tokens.index_of(joined);
            const TokenId result = made == kNoToken ? kNoToken : tokens.ids()[made];
            const MergeTable::Merge merge{{tokens[left], tokens[right]}, result};
            const MergeTable::Pair pair = merge.pair;
            if (pair.left == kNoToken || pair.right == kNoToken || merge.result == kNoToken) {
                refuse_merge(left, right, "is not in the vocabulary");
            }
            check_text(merge, left, right);
            list[rank] = merge;
        }
    }

    void read_merges_at(const MergePlaces& places, std::size_t begin, std::size_t end,
                        std::vector<MergeTable::Merge>& list) const {
        const StringList& tokens = vocabulary_->tokens();
        const std::vector<TokenId>& ids = vocabulary_->ids();
        if (!options_.continuing_subword_prefix.empty()) {
            throw std::invalid_argument("merges by place do not go with continuing_subword_prefix");
        }
        for (std::size_t rank = begin; rank < end; ++rank) {
            const auto& [left, right, made] = places[rank];
            list[rank] = {{ids[left], ids[right]}, ids[made]};
            check_text(list[rank], tokens[left], tokens[right]);
        }
    }

    void check_text(const MergeTable::Merge& merge, std::string_view left, std::string_view right) const {
        for (const TokenId side : {merge.pair.left, merge.pair.right}) {
            if (symbols_.stands_for_other_text(side)) {
                refuse_merge(left, right, "involves the unknown token or a fallback byte");
            }
        }
    }

    // Where every byte has one symbol, whatever its place: what each two of them merge to.
    void read_byte_pairs() {
        const auto symbols = symbols_.symbols_of_bytes();
        if (!symbols || merges_.size() > ShortMerge::kMaxMerges) return;
        byte_symbols_ = *symbols;
        byte_pairs_.reserve(1 << 16);
        for (const TokenId left : byte_symbols_) {
            for (const TokenId right : byte_symbols_) byte_pairs_.push_back(merges_[{left, right}]);
        }
    }

    void read_words() {
        const StringList& tokens = vocabulary_->tokens();
        std::vector<TokenId> word_ids;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const auto text = symbols_.text_of_token(tokens[i]);
            if (!text || text->empty()) continue;
            texts_.push_back(*text);
            word_ids.push_back(vocabulary_->ids()[i]);
        }
        if (!options_.ignore_merges) return;
        words_ = TokenTable(texts_);
        for (std::uint32_t i = 0; i < word_ids.size(); ++i) words_.insert(i, word_ids[i]);
    }

    BpeOptions options_;
    VocabularyPtr vocabulary_;
    BpeSymbols symbols_;
    MergeTable merges_;
    std::array<TokenId, 256> byte_symbols_{};
    std::vector<MergeTable::Merged> byte_pairs_;  // by left byte << 8 | right byte; may be empty
    StringList texts_;                            // of the tokens that a word can be
    TokenTable words_;                            // filled for ignore_merges only
};

}  // namespace

ModelPtr make_bpe_model(const BpeOptions& options, VocabularyPtr vocabulary, const MergeList& merges) {
    return std::make_shared<BpeModel>(options, std::move(vocabulary), merges);
}

}  // namespace pypack
