#include <limits>

#include "tokenize/models/sentencepiece_models.hpp"
#include "tokenize/models/sentencepiece_pieces.hpp"

namespace pypack {
namespace {

constexpr float kUnknownPenalty = 10.0F;

// The best way to cut a text into pieces. Where two ways come to the same sum, the one found first: whose
// last piece begins first.
class SentencePieceUnigram final : public Model {
  public:
    explicit SentencePieceUnigram(const SentencePieceOptions& options)
        : pieces_(options), trie_(pieces_.trie([&](TokenId id) { return pieces_.is_text(id); })) {
        float lowest = std::numeric_limits<float>::max();
        highest_ = std::numeric_limits<float>::lowest();
        for (TokenId id = 0; id < pieces_.size(); ++id) {
            if (pieces_.kind(id) != PieceKind::kNormal) continue;
            lowest = std::min(lowest, pieces_.score(id));
            highest_ = std::max(highest_, pieces_.score(id));
        }
        unknown_score_ = lowest - kUnknownPenalty;
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<BestWays>();
    }

    void tokenize(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids) const override {
        std::vector<Way>& ways = static_cast<BestWays&>(workspace).ways;
        ways.assign(word.size() + 1, Way{});
        for (std::size_t begin = 0; begin < word.size();) {
            const float before = ways[begin].score;
            const std::size_t character = std::min(utf8_length(word[begin]), word.size() - begin);
            bool has_single = false;
            trie_.for_each_prefix(word.substr(begin), [&](std::size_t size, TokenId id) {
                const PieceKind kind = pieces_.kind(id);
                if (kind == PieceKind::kUnused) return;
                const double score = kind == PieceKind::kUserDefined
                                         ? static_cast<float>(size) * highest_ - 0.1
                                         : pieces_.score(id);
                const double candidate = score + before;
                Way& way = ways[begin + size];
                if (way.begin == kNowhere || candidate > way.score) {
                    way = {static_cast<float>(candidate), id, begin};
                }
                has_single |= size == character;
            });
            if (!has_single) {
                Way& way = ways[begin + character];
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

    struct BestWays final : Workspace {
        std::vector<Way> ways;
        std::vector<std::pair<std::size_t, std::size_t>> parts;
    };

    SentencePieces pieces_;
    ByteTrie trie_;
    float highest_ = 0;
    float unknown_score_ = 0;
};

}  // namespace

ModelPtr make_sentencepiece_unigram(const SentencePieceOptions& options) {
    return std::make_shared<SentencePieceUnigram>(options);
}

}  // namespace pypack
