#include <cmath>
#include <limits>

#include "tokenize/models/sentencepiece_models.hpp"
#include "tokenize/models/sentencepiece_pieces.hpp"

namespace pypack {
namespace {

constexpr float kUnknownPenalty = 10.0F;
constexpr float kMostScore = 100000.0F;

// The best way to cut a text into pieces. Where two ways come to the same sum, the one found first: whose
// last piece begins first.
class SentencePieceUnigram final : public Model {
  public:
    explicit SentencePieceUnigram(const SentencePieceOptions& options)
        : pieces_(options), trie_(pieces_.trie([&](TokenId id) { return pieces_.is_text(id); })) {
        float lowest = std::numeric_limits<float>::max();
        for (TokenId id = 0; id < pieces_.size(); ++id) {
            if (pieces_.kind(id) == PieceKind::kNormal) lowest = std::min(lowest, pieces_.score(id));
        }
        unknown_score_ = lowest - kUnknownPenalty;
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<BestWays>();
    }

    void tokenize(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids) const override {
        std::vector<Way>& ways = static_cast<BestWays&>(workspace).ways;
        ways.assign(word.size() + 1, Way{});
        std::size_t frontier = 0;  // the furthest place that a way leads to
        for (std::size_t begin = 0; begin < word.size();) {
            if (std::abs(ways[begin].score) > kMostScore) begin_anew(ways, begin, frontier);
            const float before = ways[begin].score;
            const std::size_t character = std::min(utf8_length(word[begin]), word.size() - begin);
            bool has_single = false;
            trie_.for_each_prefix(word.substr(begin), [&](std::size_t size, TokenId id) {
                const PieceKind kind = pieces_.kind(id);
                if (kind == PieceKind::kUnused) return;
                const float score = kind == PieceKind::kUserDefined
                                        ? static_cast<float>(0.1 * static_cast<double>(size - 1))
                                        : pieces_.score(id);
                const float candidate = score + before;
                Way& way = ways[begin + size];
                frontier = std::max(frontier, begin + size);
                if (way.begin == kNowhere || candidate > way.score) way = {candidate, id, begin};
                has_single |= size == character;
            });
            if (!has_single) {
                Way& way = ways[begin + character];
                frontier = std::max(frontier, begin + character);
                const float candidate = unknown_score_ + before;
                if (way.begin == kNowhere || candidate > way.score) {
                    way = {candidate, pieces_.unknown(), begin};
                }
            }
            begin += character;
        }
        std::vector<std::pair<std::size_t, std::size_t>>& parts =
            static_cast<BestWays&>(workspace).parts;  // the last first
        parts.clear();
        for (std::size_t end = word.size(); end > 0; end = ways[end].begin) {
            parts.emplace_back(ways[end].begin, end);
        }
        bool after_unknown = false;
        for (std::size_t i = parts.size(); i-- > 0;) {
            const auto [begin, end] = parts[i];
            pieces_.append(ways[end].id, word.substr(begin, end - begin), after_unknown, ids);
        }
        if (ways.capacity() > kKeptWays) ways = {};
    }

    void tokenize_aligned(std::string_view, Workspace&, std::vector<TokenId>&,
                          std::vector<ByteRange>&) const override {
        throw std::invalid_argument("offsets have no native form for a SentencePiece model");
    }

    void for_each_likely_word(const std::function<void(std::string_view)>&) const override {}

  private:
    static constexpr std::size_t kNowhere = ~std::size_t{0};
    static constexpr std::size_t kKeptWays = std::size_t{1} << 18;

    // To a place in the text.
    struct Way {
        float score = 0;
        TokenId id = 0;
        std::size_t begin = kNowhere;  // of its last piece
    };

    // Sums are counted from `begin` on, lest they lose what tells them apart.
    static void begin_anew(std::vector<Way>& ways, std::size_t begin, std::size_t frontier) {
        const float offset = ways[begin].score;
        for (std::size_t i = begin; i <= frontier; ++i) {
            if (i == begin || ways[i].begin != kNowhere) ways[i].score -= offset;
        }
        ways[begin].score = 0;
    }

    struct BestWays final : Workspace {
        std::vector<Way> ways;
        std::vector<std::pair<std::size_t, std::size_t>> parts;
    };

    SentencePieces pieces_;
    ByteTrie trie_;
    float unknown_score_ = 0;
};

}  // namespace

ModelPtr make_sentencepiece_unigram(const SentencePieceOptions& options) {
    return std::make_shared<SentencePieceUnigram>(options);
}

}  // namespace pypack
