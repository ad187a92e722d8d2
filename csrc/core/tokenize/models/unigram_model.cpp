#include "tokenize/models/unigram_model.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_trie.hpp"

namespace pypack {

namespace {

constexpr double kUnknownPenalty = 10;
constexpr std::size_t kKeptNodes = std::size_t{1} << 16;  // a word that needed more gives them back
constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();

// The best way to cut the text up to some byte: its score, and its last piece.
struct Node {
    double score;
    std::uint32_t begin;
    TokenId id;
};

class UnigramWorkspace final : public Model::Workspace {
  public:
    std::string text;
    std::vector<Node> nodes;
};

class UnigramModel final : public Model {
  public:
    explicit UnigramModel(UnigramOptions options) : options_(std::move(options)) {
        const StringList& pieces = options_.pieces->tokens();
        const std::vector<double>& scores = options_.pieces->scores();
        if (scores.size() != pieces.size()) throw std::invalid_argument("Unigram: the pieces have no scores");
        if (options_.unknown_id >= pieces.size()) {
            throw std::invalid_argument("Unigram: unk_id " + std::to_string(options_.unknown_id) +
                                        " is not below the number of pieces, " +
                                        std::to_string(pieces.size()));
        }
        std::vector<ByteTrie::Entry> entries;
        entries.reserve(pieces.size());
        double lowest = std::numeric_limits<double>::infinity();
        for (std::size_t id = 0; id < pieces.size(); ++id) {
            entries.emplace_back(pieces[id], static_cast<std::uint32_t>(id));
            lowest = std::min(lowest, scores[id]);
        }
        scores_ = scores.data();
        unknown_score_ = lowest - kUnknownPenalty;
        trie_ = ByteTrie(std::move(entries));
        if (options_.byte_fallback) find_byte_pieces();
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<UnigramWorkspace>();
    }

    void tokenize(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids) const override {
        each_cut(word, static_cast<UnigramWorkspace&>(workspace), ids, nullptr);
    }

    void tokenize_aligned(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids,
                          std::vector<ByteRange>& ranges) const override {
        const std::size_t before = ranges.size();
        each_cut(word, static_cast<UnigramWorkspace&>(workspace), ids, &ranges);
        if (!options_.metaspace) return;
        // From the marked text back to the word: a marker that was put in front counts as its first byte.
        const std::size_t width = options_.metaspace->replacement.size();
        std::vector<std::uint32_t> origin;
        if (is_prepended(word)) origin.assign(width, 0);
        for (std::uint32_t i = 0; i < word.size(); ++i) {
            origin.insert(origin.end(), word[i] == ' ' ? width : 1, i);
        }
        for (std::size_t i = before; i < ranges.size(); ++i) {
            ranges[i] = {origin[ranges[i].start], origin[ranges[i].end - 1] + 1};
        }
    }

    void for_each_likely_word(const std::function<void(std::string_view)>& visit) const override {
        std::string word;
        for (std::size_t i = 0; i < options_.pieces->size(); ++i) {
            const std::string_view piece = options_.pieces->tokens()[i];
            if (!options_.metaspace) {
                if (!piece.empty()) visit(piece);
            } else if (piece.starts_with(options_.metaspace->replacement)) {
                word = options_.metaspace->leading;
                word.append(piece.substr(options_.metaspace->replacement.size()));
                if (!word.empty()) visit(word);
            }
        }
    }

  private:
    // Ids of a word, piece by piece; ranges, if any, are in the word as Metaspace leaves it.
    void each_cut(std::string_view word, UnigramWorkspace& memory, std::vector<TokenId>& ids,
                  std::vector<ByteRange>* ranges) const {
        if (!options_.metaspace) {
            cut(word, 0, memory.nodes, ids, ranges);
            return;
        }
        const MetaspaceRule& rule = *options_.metaspace;
        mark_spaces(word, rule, memory.text);
        const std::string_view text = memory.text;
        if (!rule.cuts) {
            cut(text, 0, memory.nodes, ids, ranges);
            return;
        }
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find(rule.replacement, begin + 1), text.size());
            cut(text.substr(begin, end - begin), begin, memory.nodes, ids, ranges);
            begin = end;
        }
    }

    [[nodiscard]] bool is_prepended(std::string_view word) const {
        const MetaspaceRule& rule = *options_.metaspace;
        return rule.prepends && word[0] != ' ' && !word.starts_with(rule.replacement);
    }

    void mark_spaces(std::string_view word, const MetaspaceRule& rule, std::string& out) const {
        out.clear();
        if (is_prepended(word)) out = rule.replacement;
        for (const char byte : word) {
            if (byte == ' ') {
                out += rule.replacement;
            } else {
                out += byte;
            }
        }
    }

    // Viterbi from left to right. A path gives way only to a better one, so that of equals the one found
    // first stays, whose last piece begins first. Ranges, if asked for, count from `base`.
    void cut(std::string_view text, std::size_t base, std::vector<Node>& nodes, std::vector<TokenId>& ids,
             std::vector<ByteRange>* ranges) const {
        nodes.assign(text.size() + 1, {0, kUnreached, 0});
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t size = utf8_length(text[begin]);
            const double score = nodes[begin].score;
            bool has_character = false;
            const auto offer = [&](std::size_t length, double candidate, TokenId id) {
                Node& node = nodes[begin + length];
                if (node.begin == kUnreached || candidate > node.score) {
                    node = {candidate, static_cast<std::uint32_t>(begin), id};
                }
            };
            trie_.for_each_prefix(text.substr(begin), [&](std::size_t length, TokenId id) {
                offer(length, scores_[id] + score, id);
                has_character |= length == size;
            });
            if (!has_character) offer(size, unknown_score_ + score, options_.unknown_id);
            begin += size;
        }
        // Backwards along the best path; runs of unknown characters count as one.
        const std::size_t first = ids.size();
        const std::size_t first_range = ranges == nullptr ? 0 : ranges->size();
        for (std::size_t end = text.size(); end > 0;) {
            std::size_t begin = nodes[end].begin;
            const std::size_t before = ids.size();
            if (nodes[end].id != options_.unknown_id) {
                ids.push_back(nodes[end].id);
            } else {
                while (begin > 0 && nodes[begin].id == options_.unknown_id) begin = nodes[begin].begin;
                append_unknown_reversed(text.substr(begin, end - begin), ids);
            }
            if (ranges != nullptr) {
                const ByteRange range{static_cast<std::uint32_t>(base + begin),
                                      static_cast<std::uint32_t>(base + end)};
                ranges->insert(ranges->end(), ids.size() - before, range);
            }
            end = begin;
        }
        std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
        if (ranges != nullptr) {
            std::reverse(ranges->begin() + static_cast<std::ptrdiff_t>(first_range), ranges->end());
        }
        if (nodes.size() > kKeptNodes) nodes = std::vector<Node>();
    }

    // A run of unknown characters may, as a whole, be a piece after all.
    void append_unknown_reversed(std::string_view text, std::vector<TokenId>& ids) const {
        if (const auto id = trie_.find(text)) {
            ids.push_back(*id);
            return;
        }
        const auto is_missing = [this](char byte) {
            return byte_pieces_[static_cast<unsigned char>(byte)] == kUnreached;
        };
        if (!options_.byte_fallback || std::any_of(text.begin(), text.end(), is_missing)) {
            ids.push_back(options_.unknown_id);
            return;
        }
        for (auto byte = text.rbegin(); byte != text.rend(); ++byte) {
            ids.push_back(byte_pieces_[static_cast<unsigned char>(*byte)]);
        }
    }

    void find_byte_pieces() {
        constexpr char kDigits[] = "0123456789ABCDEF";
        for (unsigned byte = 0; byte < 256; ++byte) {
            const std::string piece = std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">";
            byte_pieces_[byte] = trie_.find(piece).value_or(kUnreached);
        }
    }

    UnigramOptions options_;
    ByteTrie trie_;
    const double* scores_ = nullptr;  // of options_.pieces
    double unknown_score_ = 0;
    std::array<TokenId, 256> byte_pieces_{};
};

}  // namespace

ModelPtr make_unigram_model(UnigramOptions options) {
    return std::make_shared<UnigramModel>(std::move(options));
}

}  // namespace pypack
